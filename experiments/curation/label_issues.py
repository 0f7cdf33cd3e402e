"""Planted label errors: how many are found in the first 100 and 200 spans that are read, against simple scores.

Tuned on btc, CoNLL-2003 and the embedded corpus; wikigold and anem confirm, with seeds that were not used before. The
order is that of the rows that ``seginf rank`` writes, with the development part trusted and with nothing trusted; with
feedback, a decision is fed back every 10 spans. Beside it: the held-out loss and cleanlab, token by token.

Then the real errors of CoNLL-2003, see ``real_errors``. The record keeps each part with its commit.

OMP_NUM_THREADS=1 python -m experiments.curation.label_issues --data DIR [--only planted] [--seeds 17 18 19]
"""

from __future__ import annotations

import argparse
import os
import subprocess
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any, Optional, Sequence

import numpy
import spacy
from spacy.tokens import Doc, DocBin

from spacy_seginf.api.index import build_index
from spacy_seginf.api.rank import find_label_issues
from spacy_seginf.curation.finding import IssueFinder
from spacy_seginf.curation.scores import label_scores
from spacy_seginf.curation.session import Session, open_session
from spacy_seginf.loop.reviewing import Reviewer, review_ranking
from spacy_seginf.loop.steps import truth_of

from ..common.prepare import CACHE, ROOT
from ..common.reporting import finish, one_thread, print_table
from ..common.strangers import EMBEDDED, corpus_file
from .label_scores import read_lines
from .planting import KINDS, Planted, plant_errors
from .real_errors import real_errors

PARTS = ("planted", "real")
CONFIRMING, SEEDS, STEPS = ("wikigold", "anem"), (17, 18, 19), 400
AT = (100, 200)
EVERY = 10
BASELINES = {"held_out_loss": "held_out_loss", "cleanlab": "cleanlab_normalized_margin"}
Place = tuple[str, int, int]


def right_documents(data: Path, corpus: str) -> list[dict[str, Any]]:
    """Read a training part; of the embedded corpus, its right labels."""
    if corpus == EMBEDDED:
        return [
            {**one, "labels": one["gold_labels"]} for one in read_lines(ROOT / "assets" / "corpus" / "train.jsonl.gz")
        ]
    return list(read_lines(data / corpus / "train.jsonl.gz"))


def indexed(data: Path, corpus: str, seed: int, steps: int) -> tuple[Path, list[Planted]]:
    """Plant errors, train on them and index, once; return the folder with all of it, and what was planted."""
    documents = right_documents(data, corpus)
    changed, planted = plant_errors(documents, seed)
    folder = CACHE / "label-issues" / f"{corpus}-seed{seed}-{steps}"
    if not (folder / "indexed").exists():
        folder.mkdir(parents=True, exist_ok=True)
        for name, found in (("train", changed), ("truth", documents)):
            _write(folder / f"{name}.spacy", found)
        dev = corpus_file(data, corpus, "dev")
        command = [sys.executable, "-m", "spacy", "train", "configs/cnn.cfg", "--output", str(folder / "model")]
        command += ["--paths.train", str(folder / "train.spacy"), "--paths.dev", str(dev)]
        command += ["--training.max_steps", str(steps), "--training.eval_frequency", str(steps)]
        environment = {**os.environ, "OMP_NUM_THREADS": "1"}
        subprocess.run(command, cwd=ROOT, env=environment, check=True, capture_output=True)
        build_index(str(folder / "model" / "model-last"), folder / "train.spacy", folder / "indexed", dev=dev)
    return folder, planted


def found_in(places: Sequence[Place], planted: Sequence[Planted], at: int) -> Counter[str]:
    """Count the planted errors, by kind, that the first spans have tokens of."""
    by_document: dict[str, list[tuple[int, Planted]]] = {}
    for number, one in enumerate(planted):
        by_document.setdefault(one.document, []).append((number, one))
    seen = {
        (number, one.kind)
        for document, start, end in places[:at]
        for number, one in by_document.get(document, ())
        if start < one.end and one.start < end
    }
    return Counter(kind for _, kind in seen)


def baselines(session: Session) -> dict[str, list[Place]]:
    """Order single tokens by simple scores."""
    source = session.source
    documents = numpy.repeat(numpy.arange(len(source.data.lengths)), source.data.lengths)
    found: dict[str, list[Place]] = {}
    for name, scores in label_scores(source, list(BASELINES.values())).items():
        places = []
        for row in numpy.argsort(-scores, kind="stable")[: max(AT)].tolist():
            document = int(documents[row])
            key, first = session.index.place(document, 0)
            token = row - int(source.data.starts[document]) + first
            places.append((key, token, token + 1))
        found[next(key for key, score in BASELINES.items() if score == name)] = places
    return found


def orders(folder: Path, dev: Optional[Path]) -> tuple[dict[str, list[Place]], dict[str, list[int]]]:
    """Return what is read by the ranking, without and with feedback, and of each kind of suggestion how many of the
    regions that were wrong were suggested exactly right: [right, wrong regions]."""
    with tempfile.TemporaryDirectory() as room:
        ranking = find_label_issues(
            str(folder / "indexed"), folder / "train.spacy", Path(room) / "issues.jsonl", dev=dev, references=0
        )
    session = open_session(str(folder / "indexed"), folder / "train.spacy")
    reviewer = Reviewer(session.source, truth_of(session, folder / "truth.spacy"))
    finder = IssueFinder(session.source, session.read_trusted(dev), session.missing)
    read = review_ranking(finder, reviewer, max(AT), every=EVERY, families=False)
    fed = []
    for issue in (one for item in read for one in item.issues):
        name, first = session.index.place(issue.document, 0)
        fed.append((name, issue.start + first, issue.end + first))
    right: dict[str, list[int]] = {}
    for kind, wrong, exact in (entry for item in read for entry in item.by_kind()):
        counts = right.setdefault(kind, [0, 0])
        counts[0], counts[1] = counts[0] + exact, counts[1] + wrong
    return {"rank": [(one.document, one.start, one.end) for one in ranking.issues], "feedback": fed}, right


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=os.environ.get("SEGINF_DATA"), help="(default: $SEGINF_DATA)")
    parser.add_argument("--only", nargs="+", choices=PARTS, default=PARTS)
    parser.add_argument("--corpora", nargs="+", default=CONFIRMING)
    parser.add_argument("--seeds", nargs="+", type=int, default=SEEDS)
    parser.add_argument("--features", help="for the real errors also a pipeline whose encoder has not seen the labels")
    parser.add_argument("--quick", action="store_true", help="40 steps of training, the first seed; does not count")
    arguments = parser.parse_args()
    if arguments.data is None:
        parser.error("give the corpora folder with --data DIR or in the environment variable SEGINF_DATA")
    one_thread()
    data, seeds = Path(arguments.data), arguments.seeds[:1] if arguments.quick else arguments.seeds
    figures: dict[str, Any] = {}
    if "planted" in arguments.only:
        figures.update(planted_errors(data, arguments.corpora, seeds, 40 if arguments.quick else STEPS))
    if "real" in arguments.only:
        figures.update(real_errors(data, arguments.features, quick=arguments.quick))
    finish("label_issues", figures, quick=arguments.quick, rows=len(figures), seeds=seeds, parts=arguments.only)


def planted_errors(data: Path, corpora: Sequence[str], seeds: Sequence[int], steps: int) -> dict[str, Any]:
    """Plant errors, train, index, and read, for each corpus and seed."""
    counts: dict[str, dict[str, list[dict[str, Any]]]] = {}
    for corpus in corpora:
        for seed in seeds:
            folder, planted = indexed(data, corpus, seed, steps)
            session = open_session(str(folder / "indexed"), folder / "train.spacy")
            places = baselines(session)
            suggested = {}
            for suffix, dev in (("", None), ("_dev", corpus_file(data, corpus, "dev"))):
                found, suggested[suffix or "_nothing"] = orders(folder, dev)
                places.update({f"{name}{suffix}": order for name, order in found.items()})
            for name, order in places.items():
                record: dict[str, Any] = {str(at): dict(found_in(order, planted, at)) for at in AT}
                record["planted"] = dict(Counter(one.kind for one in planted))
                if name.startswith("feedback"):
                    record["suggestion_right"] = suggested[name.removeprefix("feedback") or "_nothing"]
                counts.setdefault(corpus, {}).setdefault(name, []).append(record)
            print(corpus, seed, {name: [sum(found_in(order, planted, at).values()) for at in AT] for name, order in
                  places.items()}, flush=True)  # fmt: skip
    return {**ratios(counts), "counts": counts}


def ratios(counts: dict[str, dict[str, list[dict[str, Any]]]]) -> dict[str, float]:
    """Compare with the better simple score: the smallest ratio over corpora, with dev and with nothing trusted."""
    rows, result = [], dict[str, float]()
    for corpus, orders in counts.items():
        means = {
            name: [float(numpy.mean([sum(one[str(at)].values()) for one in records])) for at in AT]
            for name, records in orders.items()
        }
        best = [max(means[name][column] for name in BASELINES) for column in range(len(AT))]
        for name, values in means.items():
            compared = [value / max(simple, 1.0) for value, simple in zip(values, best)]
            rows.append([corpus, name, *values, *compared, _kinds(orders[name])])
            if name in BASELINES:
                continue
            for at, ratio in zip(AT, compared):
                key = f"planted_ratio_{at}" + ("_feedback" if name.startswith("feedback") else "")
                result[key] = min(ratio, result.get(key, numpy.inf))
    print_table(["corpus", "order", *(f"found in {at}" for at in AT), *(f"ratio at {at}" for at in AT), "kinds"], rows)
    return result


def _kinds(records: Sequence[dict[str, Any]]) -> str:
    means = {kind: numpy.mean([one[str(AT[-1])].get(kind, 0) for one in records]) for kind in KINDS}
    return ", ".join(f"{kind} {value:.0f}" for kind, value in means.items())


def _write(path: Path, documents: Sequence[dict[str, Any]]) -> None:
    vocab = spacy.blank("en").vocab
    docs = DocBin(store_user_data=True)
    for one in documents:
        docs.add(Doc(vocab, words=one["tokens"], ents=one["labels"], user_data={"id": one["id"]}))
    docs.to_disk(path)


if __name__ == "__main__":
    main()
