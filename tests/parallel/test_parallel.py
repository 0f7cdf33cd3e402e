"""Work on a dask cluster: the same index as in this process, and a worker that dies costs its shard only."""

from __future__ import annotations

import gc
import os
import signal
import socket
import sys
import time
import warnings
from pathlib import Path

import numpy
import pytest
import spacy

from spacy_seginf import parallel
from spacy_seginf.api.append import append_to_index as append
from spacy_seginf.api.index import build_index as index
from spacy_seginf.errors import SeginfError
from spacy_seginf.index.index import Index
from spacy_seginf.indexing import build as building
from spacy_seginf.parallel import DaskWorkers, InProcess

from ..cli.running import run
from ..cli.test_index import contents
from ..conftest import copy_pipeline
from ..pipeline.building import answers, assert_same_answers

SETTINGS = {"l2": 1.0, "dtype": "float32", "shard_tokens": 60}


@pytest.fixture(scope="module")
def cluster():
    """Two worker processes on this machine."""
    from distributed import LocalCluster

    with LocalCluster(n_workers=2, threads_per_worker=1, processes=True, dashboard_address=None) as found:
        yield found


@pytest.fixture(scope="module")
def client(cluster):
    from distributed import Client

    with Client(cluster) as found:
        yield found


def square(number):
    return number * number


def die_once(task):
    """Count the calls; the second task kills its worker the first time."""
    folder, number = task
    marker = Path(folder) / f"{number}-{len(list(Path(folder).glob(f'{number}-*')))}"
    marker.touch()
    if number == 1 and marker.name == "1-0":
        os.kill(os.getpid(), signal.SIGKILL)
    return number * number


def refuse(number):
    raise SeginfError(f"[S034] {number} is refused")


def refuse_and_count(folder):
    """Leave a file for each call."""
    (Path(folder) / str(len(list(Path(folder).iterdir())))).touch()
    refuse(3)


def test_in_process():
    calls = InProcess().map(square, [3, 1, 2])
    assert next(calls) == 9 and list(calls) == [1, 4]
    assert not InProcess().remote


@pytest.mark.slow
def test_results_come_in_the_order_of_the_tasks(client):
    workers = DaskWorkers(client)
    assert workers.remote
    assert list(workers.map(square, range(20))) == [number**2 for number in range(20)]
    assert list(workers.map(square, [])) == []


@pytest.mark.slow
def test_results_that_were_taken_are_not_kept(client):
    before = len(client.futures)
    for left, _ in zip(range(5, -1, -1), DaskWorkers(client).map(square, range(6))):
        deadline = time.monotonic() + 5
        while len(client.futures) > before + left and time.monotonic() < deadline:
            time.sleep(0.01)  # the client lets go of results in a thread of its own
        assert len(client.futures) == before + left


@pytest.mark.slow
def test_a_worker_that_dies_costs_its_task_only(client, tmp_path):
    tasks = [(str(tmp_path), number) for number in range(5)]
    assert list(DaskWorkers(client).map(die_once, tasks)) == [0, 1, 4, 9, 16]
    calls = {number: len(list(tmp_path.glob(f"{number}-*"))) for number in range(5)}
    assert calls[1] == 2
    assert sum(calls.values()) <= 7, "what ran beside it on the same worker, if anything, and nothing else"


@pytest.mark.slow
def test_errors_of_tasks_arrive_as_they_are(client):
    with pytest.raises(ValueError, match=r"\[S034\] 3 is refused"):
        list(DaskWorkers(client).map(refuse, [3]))


@pytest.mark.slow
def test_a_task_that_raises_is_not_repeated(client, tmp_path):
    with pytest.raises(ValueError, match=r"\[S034\]"):
        list(DaskWorkers(client).map(refuse_and_count, [str(tmp_path)]))
    assert len(list(tmp_path.iterdir())) == 1


@pytest.mark.slow
@pytest.mark.parametrize("curvature", ["exact", "identity"])
def test_the_index_of_a_cluster_is_that_of_one_process(cluster, model_path, corpus_path, tmp_path, curvature):
    index(str(model_path), corpus_path, tmp_path / "here", curvature=curvature, **SETTINGS)
    address = cluster.scheduler_address
    report = index(str(model_path), corpus_path, tmp_path / "there", curvature=curvature, scheduler=address, **SETTINGS)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["here", "there"]
    here, there = (Index(tmp_path / name / "influence" / "index") for name in ("here", "there"))
    assert len(there.shards) == 5 and report.documents == 30
    there.check()
    assert_same_answers(answers(spacy.load(tmp_path / "there")), answers(spacy.load(tmp_path / "here")))
    numpy.testing.assert_allclose(there.head.packed, here.head.packed, atol=1e-6)
    left, right = contents(tmp_path / "here"), contents(tmp_path / "there")
    assert left.keys() == right.keys()
    exact = ("texts", "ids", "token_starts", "token_offsets", "first_tokens", "allowed")
    for name in left:
        if name.stem in exact or (name.parent.name not in ("crf_tagger", "index") and "shard" not in str(name)):
            assert left[name] == right[name], name


@pytest.mark.slow
def test_appending_on_a_cluster(cluster, model_path, corpus_path, tmp_path):
    index(str(model_path), corpus_path, tmp_path / "old", **SETTINGS)
    for refresh in (False, True):
        for name, scheduler in (("here", None), ("there", cluster.scheduler_address)):
            output = tmp_path / f"{name}-{refresh}"
            append(str(tmp_path / "old"), corpus_path, output, refresh=refresh, shard_tokens=60, scheduler=scheduler)
        pipelines = [spacy.load(tmp_path / f"{name}-{refresh}") for name in ("there", "here")]
        # every document is there twice, so equal scores may come from either
        scores = [[sorted(entry[3]) for entry in answers(nlp)] for nlp in pipelines]
        for found, expected in zip(*scores):
            numpy.testing.assert_allclose(found, expected, rtol=1e-5, atol=1e-8)


@pytest.mark.slow
def test_workers_do_not_use_the_encoder_of_an_earlier_build(cluster, unsure_nlp, corpus_path, tmp_path):
    """The same output folder, another model: workers keep the pipelines that they have loaded."""
    nlp = copy_pipeline(unsure_nlp)
    found = []
    for factor in (1.0, 1.5):
        node = next(node for node in nlp.get_pipe("crf_tagger").model.get_ref("tok2vec").walk() if node.has_param("W"))
        node.set_param("W", node.get_param("W") * factor)
        nlp.to_disk(tmp_path / "model")
        settings = {**SETTINGS, "curvature": "identity", "refit": False, "force": True}
        index(str(tmp_path / "model"), corpus_path, tmp_path / "out", scheduler=cluster.scheduler_address, **settings)
        index(str(tmp_path / "model"), corpus_path, tmp_path / "here", **settings)
        here, there = (Index(tmp_path / name / "influence" / "index") for name in ("here", "out"))
        numpy.testing.assert_allclose(there.data.features, here.data.features, atol=1e-5)
        found.append(there.data.features)
    assert abs(found[0] - found[1]).max() > 0.01


@pytest.mark.slow
def test_errors_of_workers_end_the_command(cluster, model_path, corpus_path, tmp_path, monkeypatch):
    """What went wrong is said as in one process; encoded shards are kept."""
    monkeypatch.setattr(building, "compute_rows", refuse)
    code, printed = run(
        "seginf", "index", model_path, corpus_path, tmp_path / "out", "--scheduler", cluster.scheduler_address
    )
    assert code == 1 and "[S034]" in printed and "Traceback" not in printed
    assert "1 encoded shards are kept" in printed and not (tmp_path / "out").exists()


def free_port():
    with socket.socket() as found:
        found.bind(("127.0.0.1", 0))
        return found.getsockname()[1]


@pytest.mark.parametrize("address", ["tcp://127.0.0.1:{port}", "127.0.0.1:{port}", "nonsense://host:1", "127.0.0.1:x"])
def test_no_scheduler_at_an_address(model_path, corpus_path, tmp_path, monkeypatch, address):
    monkeypatch.setattr(parallel, "PATIENCE", 1)
    address = address.format(port=free_port())
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        code, printed = run("seginf", "index", model_path, corpus_path, tmp_path / "out", "--scheduler", address)
    assert code == 1 and f"[S081] There is no dask scheduler at {address}" in printed
    assert "Traceback" not in printed
    assert list(tmp_path.iterdir()) == []


def test_without_dask(model_path, corpus_path, tmp_path, monkeypatch):
    gc.collect()  # clients that found no scheduler import what they need to be closed
    monkeypatch.setitem(sys.modules, "distributed", None)
    code, printed = run(
        "seginf", "index", model_path, corpus_path, tmp_path / "out", "--scheduler", "tcp://127.0.0.1:1"
    )
    assert code == 1 and "[S080]" in printed and "pip install " in printed and "[dask]" in printed
    assert list(tmp_path.iterdir()) == []
    index(str(model_path), corpus_path, tmp_path / "out", l2=1.0)
