"""How long the exact Hessian of the head takes, in passes of the encoder over the same documents, and how it grows.

OMP_NUM_THREADS=1 python -m experiments.speed.curvature --data DIR

The documents are those of CoNLL-2003 train that the paper used; the head is refit on their frozen features first.
"""

from __future__ import annotations

import gzip
import json
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from multiprocessing import get_context
from pathlib import Path
from typing import Any, Callable, Iterable

import numpy
import spacy
from spacy.util import minibatch

from spacy_seginf.crf.hessian import loss_hessian
from spacy_seginf.influence.curvature import ExactCurvature
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.fit import fit_head, hessian
from spacy_seginf.influence.head import Head
from spacy_seginf.tagger.corpus import read_corpus
from spacy_seginf.tagger.crf_tagger import CRFTagger
from spacy_seginf.tagger.encoding import encode
from spacy_seginf.tagger.head import head_of, on_cpu

from ..common.prepare import checkpoint, corpus
from ..common.reporting import finish, one_thread, parse_arguments, print_table

L2 = 100.0
TOLERANCE = 1e-3  # of the refit's gradient; for a time it need be no better
SMALL = 20_000  # tokens on which the growth with d and C is measured
WIDTHS = (96, 192, 384, 768)
COPIES = (1, 2, 3)  # of each entity tag


def timed(function: Callable[[], Any]) -> tuple[Any, float, float]:
    """Return a result, the seconds on the clock and those of this process's CPU time."""
    clock, cpu = time.perf_counter(), time.process_time()
    result = function()
    return result, time.perf_counter() - clock, time.process_time() - cpu


def write_features(path: Path, model: Path, data: Path, documents: int) -> dict[str, float]:
    """Encode the documents and refit the head; write features and head, return the seconds of both."""
    nlp = spacy.load(model)
    tagger = nlp.get_pipe("crf_tagger")
    assert isinstance(tagger, CRFTagger)
    with gzip.open(data / "conll2003" / "train.jsonl.gz", "rt", encoding="utf8") as lines:
        chosen = {record["id"] for record in map(json.loads, lines) if record["in_paper"]}
    texts = [text for text in read_corpus(nlp, corpus(data, "train")) if text.identifier in chosen][:documents]
    docs = [text.example.predicted for text in texts]
    encode(nlp, tagger, docs[:2])  # warm up
    features, clock, cpu = timed(
        lambda: [on_cpu(rows) for batch in minibatch(docs, 64) for rows in encode(nlp, tagger, batch)]
    )
    allowed = numpy.concatenate([tagger.allowed_tags(text.example) for text in texts])
    head_data = HeadData(numpy.concatenate(features), allowed, [len(rows) for rows in features])
    fit, refit, _ = timed(lambda: fit_head(head_data, head_of(tagger.model), L2, TOLERANCE))
    if not fit.converged:
        raise SystemExit(f"The refit stopped at a gradient of {fit.gradient:.1e}")
    numpy.savez(path, features=head_data.features, allowed=allowed, lengths=head_data.lengths, theta=fit.head.packed)
    return {"encoder_seconds": clock, "encoder_cpu_seconds": cpu, "refit_seconds": refit}


def load(path: Path, tokens: int) -> tuple[HeadData, Head]:
    """Read the first documents, up to about so many tokens, and the head."""
    with numpy.load(path) as file:
        ends = numpy.cumsum(file["lengths"])
        documents = max(int(numpy.searchsorted(ends, tokens, side="right")), 1)
        rows = slice(0, int(ends[documents - 1]))
        lengths = file["lengths"][:documents].tolist()
        data = HeadData(file["features"][rows], file["allowed"][rows], lengths)
        return data, Head.unpacked(file["theta"], data.labels)


def whole(path: Path, tokens: int) -> dict[str, float]:
    """Time the Hessian and its inverse, in a process that does nothing else."""
    data, head = load(path, tokens)
    total, clock, cpu = timed(lambda: hessian(data, head, L2))
    _, factor, _ = timed(lambda: ExactCurvature.from_hessian(total, data.labels, data.width))
    return {
        "rows": len(data.features),
        "hessian_seconds": clock,
        "hessian_cpu_seconds": cpu,
        "factor_seconds": factor,
        "peak_gb": peak_gb(),
    }


def reshaped(path: Path, tokens: int, width: int, copies: int) -> dict[str, float]:
    """Time the Hessian for features of another width, or for more labels.

    width (int): the features are projected at random; the label probabilities stay, and with them what is negligible.
    copies (int): each entity tag becomes so many tags; in each document one of them is likely, the others are 6 nats
        behind.
    """
    data, head = load(path, tokens)
    tags = numpy.array([0, *numpy.tile(numpy.arange(1, data.labels), copies)])
    copy = numpy.array([-1, *numpy.repeat(numpy.arange(copies), data.labels - 1)])
    projection = numpy.random.default_rng(0).normal(size=(data.features.shape[1], width)) / width**0.5
    batches = []
    for features, _, lengths in data.batches():
        likely = numpy.repeat(numpy.arange(len(lengths)) % copies, lengths)
        behind = (copy >= 0) & (copy != likely[:, None])
        projected = numpy.concatenate([features[:, :-1] @ projection, features[:, -1:]], axis=1)
        batches.append((head.emissions(features[:, :-1])[:, tags] - 6.0 * behind, projected, lengths))
    expanded = numpy.ascontiguousarray(head.transitions[tags][:, tags])
    _, clock, cpu = timed(lambda: loss_hessian(batches, expanded, width + 1))
    return {
        "rows": len(data.features),
        "hessian_seconds": clock,
        "hessian_cpu_seconds": cpu,
        "labels": len(tags),
        "peak_gb": peak_gb(),
    }


def peak_gb() -> float:
    """Return the most memory that this process held (10^9 bytes). Linux only: ru_maxrss begins with the parent's."""
    status = Path("/proc/self/status").read_text(encoding="utf8")
    return int(status.split("VmHWM:")[1].split()[0]) * 1024 / 1e9


def alone(function: Callable[..., dict[str, float]], *arguments: Any) -> dict[str, float]:
    """Run a measurement in a fresh process."""
    with ProcessPoolExecutor(1, mp_context=get_context("spawn")) as pool:
        return pool.submit(function, *arguments).result()


def exponent(sizes: Iterable[float], seconds: Iterable[float]) -> float:
    """Return the slope of log seconds on log size."""
    return float(numpy.polyfit(numpy.log(list(sizes)), numpy.log(list(seconds)), 1)[0])


def main() -> None:
    arguments = parse_arguments(__doc__ or "")
    one_thread()
    quick = arguments.quick
    model = checkpoint("cnn", 0, arguments.data, steps=20) if quick else checkpoint("transformer", 0, arguments.data)
    with tempfile.TemporaryDirectory(prefix="seginf-") as folder:
        path = Path(folder) / "features.npz"
        figures: dict[str, Any] = write_features(path, model, arguments.data, 60 if quick else 10**9)
        data, _ = load(path, 10**9)
        rows, labels, width = len(data.features), data.labels, data.features.shape[1]
        del data
        runs = {rows // part: alone(whole, path, rows // part) for part in (4, 2, 1)}
        small = min(SMALL, rows // 4)
        by_width = {size: alone(reshaped, path, small, size, 1) for size in WIDTHS}
        by_labels = [alone(reshaped, path, small, width, copies) for copies in COPIES]
    full = runs[rows]
    figures.update({key: value for key, value in full.items() if key != "rows"})
    figures["hessian_over_encoder"] = full["hessian_seconds"] / figures["encoder_seconds"]
    figures["hessian_over_encoder_cpu"] = full["hessian_cpu_seconds"] / figures["encoder_cpu_seconds"]
    figures["exponent_tokens"] = exponent(*zip(*((r["rows"], r["hessian_cpu_seconds"]) for r in runs.values())))
    figures["exponent_width"] = exponent(by_width, [r["hessian_cpu_seconds"] for r in by_width.values()])
    figures["exponent_labels"] = exponent(*zip(*((r["labels"], r["hessian_cpu_seconds"]) for r in by_labels)))
    shapes = [(width, labels, run) for run in runs.values()]
    shapes += [(size, labels, run) for size, run in by_width.items()]
    shapes += [(width, int(run["labels"]), run) for run in by_labels]
    keys = ("hessian_seconds", "hessian_cpu_seconds", "peak_gb")
    table = [[int(run["rows"]), d, c, *(run[key] for key in keys)] for d, c, run in shapes]
    header = ["tokens", "d", "C", "Hessian s", "CPU s", "peak GB"]
    print_table(header, table)
    figures["growth"] = [dict(zip(("tokens", "d", "C", *keys), line)) for line in table]
    print_table(["what", "measured"], [[name, value] for name, value in figures.items() if name != "growth"])
    finish("curvature", figures, quick=quick, rows=rows, seeds=[0])


if __name__ == "__main__":
    main()
