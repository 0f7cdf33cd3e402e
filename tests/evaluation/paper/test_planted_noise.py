"""Section 6.2 on an invented corpus: each kind of noise is sought without the other."""

import json

import numpy
import pytest
from spacy.util import load_config, registry

from experiments.paper.noise.pipeline import Reviewed
from experiments.paper.noise.planted_noise import FIGURES, PlantedNoise
from experiments.paper.noise.real_noise import RealNoise
from spacy_seginf.curation.levels import by_document
from spacy_seginf.curation.scores import label_scores

from .noisy_corpora import noisy_records, run, write


@pytest.fixture(scope="module")
def settings(noisy_pipelines, noisy_paths):
    return {"pipelines": noisy_pipelines[:1], **noisy_paths, "clean_documents": 5, "spans": 12, "seeds": [0, 1]}


@pytest.fixture(scope="module")
def finished(settings, tmp_path_factory):
    """A result and the folder of its run."""
    folder = tmp_path_factory.mktemp("planted")
    return run(PlantedNoise(**settings), folder), folder


def test_rows(finished):
    result, folder = finished
    rows = {row.key: row for row in result.rows}
    assert len(rows) == len(result.rows)
    json.dumps(result.as_dict(), allow_nan=False)
    assert set(result.figures) == set(FIGURES.values())
    assert all((folder / name).stat().st_size > 1000 for name in result.figures)
    counts = result.facts["counts"]
    assert counts["systematic"]["documents"] == 42 and counts["systematic"]["relevant_documents"] == 4
    assert counts["random"]["documents"] == 43 and counts["random"]["relevant_documents"] == 5  # one is not counted
    assert rows["systematic_segment_influence_max_topic_auroc"].goal == ">= 0.97"
    assert rows["systematic_segment_influence_max_topic_read_until_all"].goal == "<= 60"
    assert rows["systematic_segment_influence_max_other_auroc"].goal == ""
    assert rows["systematic_segment_influence_identity_mean_other_auroc"].published == 0.878
    assert rows["systematic_segment_influence_identity_mean_topic_auroc"].published is None
    assert len(rows["systematic_segment_influence_max_topic_auroc"].by_seed) == 2
    for kind in ("systematic", "random"):
        best = max(row.measured.mean for key, row in rows.items() if key.startswith(kind) and key.endswith("_auroc"))
        assert rows[f"{kind}_hindsight_auroc"].measured.mean == best
        lacks = best - rows[f"{kind}_default_auroc"].measured.mean
        assert rows[f"{kind}_default_lacks"].measured.mean == pytest.approx(lacks)


def test_by_hand(finished, settings):
    """AUROC and the documents to read of the default score, from the documents with one kind of noise or none."""
    result, _ = finished
    rows = {row.key: row for row in result.rows}
    records = noisy_records()
    source = Reviewed.load(settings["pipelines"][0], records).source
    scores = by_document(label_scores(source, ["held_out_loss"])["held_out_loss"], source.data.lengths, "mean")
    for kind, name in (("systematic", "org_to_loc"), ("random", "random")):
        kept = [n for n, each in enumerate(records) if each["noise"] in (None, name) and each.get("in_paper", True)]
        bad = [scores[n] for n in kept if records[n]["noise"] == name]
        good = [scores[n] for n in kept if records[n]["noise"] is None]
        pairs = [(one > other) + 0.5 * (one == other) for one in bad for other in good]
        assert rows[f"{kind}_default_auroc"].measured.mean == pytest.approx(numpy.mean(pairs))
        until = sum(score >= min(bad) for score in (*bad, *good))
        assert rows[f"{kind}_default_read_until_all"].measured.mean == until


def test_noise_must_be_there(settings, tmp_path):
    clean = [{**each, "noise": None if each["noise"] == "random" else each["noise"]} for each in noisy_records()]
    changed = {**settings, "train": write(tmp_path / "train.jsonl.gz", clean)}
    with pytest.raises(ValueError, match=r"S156.*'random'"):
        run(PlantedNoise(**changed), tmp_path)


def test_the_topic_must_have_enough_documents(settings, tmp_path):
    with pytest.raises(ValueError, match=r"S156.*0 documents.*5"):
        run(PlantedNoise(**{**settings, "topic": "chess"}), tmp_path)


@pytest.mark.parametrize(("name", "kind"), [("real_noise", RealNoise), ("planted_noise", PlantedNoise)])
def test_config(name, kind):
    experiment = registry.resolve(load_config(f"configs/paper/{name}.cfg"))["experiment"]
    assert type(experiment) is kind and experiment.seeds == [0, 1, 2] and experiment.clean_documents == 10
    with pytest.raises(ValueError, match=r"S132.*spans"):
        kind(**{**vars(experiment), "spans": 0})
