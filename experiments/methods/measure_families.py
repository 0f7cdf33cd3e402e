"""Families of training labels: does the first one hold the labels that were planted, does the account add up, and are
families the same again?

    OMP_NUM_THREADS=1 python -m experiments.methods.measure_families [--quick] [--data DIR]

On the embedded corpus with its two plantings, three trainings; with --data also on the Broad Twitter Corpus (btc), of
whose training part a fifth is held out for the queries, with a planting of its own: most entities of the commonest type
behind the word that stands before it most often get the second commonest type. A victim is a token that the tagger
trained on the planted labels gets wrong in this way, and one trained on the true labels right.

Beside the first family with a positive share: the same number of nearest neighbours of the victim among the labels of
the predicted type (cosine of mean features), the family of the nearest neighbour, and as many drawn at random.
"""

from __future__ import annotations

import argparse
import gzip
import json
import os
import random
import subprocess
import sys
import tempfile
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Optional, Sequence

import numpy
import spacy
from spacy.tokens import Doc, DocBin

from spacy_seginf.api.index import build_index
from spacy_seginf.evaluation.planted import CONFUSIONS, find_victims, predict_tags, read_culprits
from spacy_seginf.explanation.account import Accountant
from spacy_seginf.explanation.loading import load_indexed
from spacy_seginf.influence.data import ranges
from spacy_seginf.influence.evidence import contrasts, marginal_residuals, summed_gradients
from spacy_seginf.tagger.encoding import read_as

from ..common.prepare import CACHE, ROOT, SEEDS, _run, checkpoint, corpus
from ..common.reporting import finish, one_thread, print_table

LEAST_CULPRITS = 0.3  # of a family that counts as the planted one
SHOWN = 3  # families whose stability is measured
KERNEL = "Haswell", "Nehalem"  # two of OpenBLAS's that any x86 processor of the last years has
PREDICTIONS = 300  # whose families are compared between indexes
MEASURES = ("hit", "purity", "neighbours", "nearest_family", "random", "size", "share_of_type")
Key = tuple[int, int, int, str]


@dataclass(frozen=True)
class Planted:
    """A corpus with planted errors: pipelines trained on it and on the truth, and what was planted.

    queries: gold documents. culprits: kind by (document id, token). confusions: true and wrong type by kind.
    """

    name: str
    seed: int
    pipeline: Path
    truth: Path
    train: Path
    dev: Path
    queries: Path
    culprits: dict[tuple[str, int], str]
    confusions: dict[str, tuple[str, str]]


def embedded(seed: int, steps: Optional[int]) -> Planted:
    """The embedded corpus with its clubs and dosages."""
    return Planted(
        "embedded",
        seed,
        checkpoint("embedded", seed, None, steps=steps),
        checkpoint("embedded", seed, None, truth=True, steps=steps),
        corpus(None, "train"),
        corpus(None, "dev"),
        corpus(None, "test"),
        read_culprits(ROOT / "assets" / "corpus" / "train.jsonl.gz"),
        CONFUSIONS,
    )


def tweets(data: Path, seed: int, steps: int) -> Planted:
    """The Broad Twitter Corpus with a planting of this experiment's own."""
    with gzip.open(data / "btc" / "train.jsonl.gz", "rt", encoding="utf8") as file:
        records = [json.loads(line) for line in file]
    held = [record for number, record in enumerate(records) if number % 5 == 4]
    kept = [record for number, record in enumerate(records) if number % 5 != 4]
    types = Counter(label[2:] for record in kept for label in record["labels"] if label.startswith("B-"))
    (right, _), (wrong, _) = types.most_common(2)
    before = Counter(
        record["tokens"][place - 1].lower()
        for record in kept
        for place, label in enumerate(record["labels"])
        if place and label == f"B-{right}" and record["tokens"][place - 1].isalpha()
    )
    word = before.most_common(1)[0][0]
    draw, planted, culprits = random.Random(seed), [], {}
    for record in kept:
        labels = list(record["labels"])
        for place, label in enumerate(record["labels"]):
            if place and label == f"B-{right}" and record["tokens"][place - 1].lower() == word and draw.random() < 0.7:
                end = place
                while end == place or (end < len(labels) and labels[end] == f"I-{right}"):
                    labels[end] = labels[end][:2] + wrong
                    culprits[record["id"], end] = "after_word"
                    end += 1
        planted.append({**record, "labels": labels})
    folder = CACHE / f"btc-planted-seed{seed}-{steps}"
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in (("planted", planted), ("truth", kept), ("queries", held)):
        source, target = folder / f"{name}.jsonl.gz", folder / f"{name}.spacy"
        if not target.exists():
            with gzip.open(source, "wt", encoding="utf8") as file:
                file.writelines(json.dumps(record) + "\n" for record in part)
            _run([sys.executable, "-m", "spacy", "seginf", "convert", str(source), str(target)])
    dev = folder / "dev.spacy"
    if not dev.exists():
        _run([sys.executable, "-m", "spacy", "seginf", "convert", str(data / "btc" / "dev.jsonl.gz"), str(dev)])
    for name in ("planted", "truth"):
        if not (folder / name / "model-last").exists():
            options = ["--output", folder / name, "--paths.train", folder / f"{name}.spacy", "--paths.dev", dev]
            options += ["--training.max_steps", steps, "--system.seed", seed]
            _run([sys.executable, "-m", "spacy", "train", "configs/cnn.cfg", *map(str, options)])
    pipelines = folder / "planted" / "model-last", folder / "truth" / "model-last"
    paths = folder / "planted.spacy", dev, folder / "queries.spacy"
    return Planted("btc", seed, *pipelines, *paths, culprits, {"after_word": (right, wrong)})


def measure(planted: Planted, indexed: Path) -> dict[str, Any]:
    """Read the first family of every victim off the documents that the pipeline explains. RETURNS: plain values; shares
    over victims."""
    nlp, influence = load_indexed(str(indexed))
    influence.explained, influence.families = "entities", SHOWN
    accountant = influence.sources().accountant
    assert accountant is not None
    docs = list(DocBin().from_disk(planted.queries).get_docs(nlp.vocab))
    wrong, right = predict_tags(nlp, docs), predict_tags(spacy.load(planted.truth), docs)
    explained = list(nlp.pipe([read_as(nlp, doc) for doc in docs]))
    holds, neighbours = _holds(accountant, planted), Neighbours(accountant)
    rows: dict[str, list[dict[str, float]]] = {kind: [] for kind in planted.confusions}
    generator = numpy.random.default_rng(0)
    for victim in find_victims(docs, wrong, right, planted.confusions):
        doc = explained[victim.document]
        entity = next(ent for ent in doc.ents if ent.start <= victim.token < ent.end)
        shown = [family for family in entity._.influencers.families if family.supports]
        if not shown:
            rows[victim.kind].append(dict.fromkeys(("hit", "purity", "neighbours", "nearest_family", "random"), 0.0))
            continue
        held, members = holds[victim.kind], accountant.evidence.members(shown[0].number)
        data, _, (_, start, end) = influence.query(doc, entity)
        alike = neighbours.nearest(data.features[start:end].mean(axis=0), entity.label_, len(members))
        nearest_family = accountant.evidence.members(int(accountant.evidence.family_of[alike[0]]))
        drawn = generator.choice(neighbours.by_type[entity.label_], len(members))
        purity = float(held[members].mean())
        rows[victim.kind].append(
            {
                "hit": float(purity >= LEAST_CULPRITS),
                "purity": purity,
                "neighbours": float(held[alike].mean() >= LEAST_CULPRITS),
                "nearest_family": float(held[nearest_family].mean() >= LEAST_CULPRITS),
                "random": float(held[drawn].mean() >= LEAST_CULPRITS),
                "size": float(len(members)),
                "share_of_type": max(neighbours.share(accountant, family.number) for family in shown),
            }
        )
    result: dict[str, Any] = {}
    for kind, found in rows.items():
        result[kind] = {"victims": len(found)}
        for name in MEASURES:
            values = [row[name] for row in found if name in row]
            result[kind][name] = float((max if name == "share_of_type" else numpy.mean)(values)) if values else 0.0
    result["account_error"], result["account_error_float64"] = account_errors(influence, accountant, explained)
    return result


def account_errors(influence: Any, accountant: Accountant, docs: Sequence[Doc]) -> tuple[float, float]:
    """Return the largest |sum of shares and lines - margin| / (for + against) over predictions: as stored, and with
    sums in float64."""
    index, evidence = accountant.index, accountant.evidence
    groups = numpy.full(len(index.labels), evidence.families, dtype=numpy.int64)
    groups[ranges(evidence.tokens, evidence.lengths)] = numpy.repeat(evidence.family_of, evidence.lengths)
    residuals = marginal_residuals(index.data, accountant.head)
    exact = summed_gradients(index.data.features, residuals, groups, evidence.families + 1)
    errors: list[list[float]] = [[0.0], [0.0]]
    for doc in [doc for doc in docs if doc.ents][:100]:
        data, tags, _ = influence.query(doc, doc)
        segments = numpy.array([(0, ent.start, ent.end) for ent in doc.ents])
        for segment, account in zip(segments, accountant.accounts(data, tags, segments, SHOWN)):
            if account is None:
                continue
            size = account.supporting - account.opposing
            lines = account.unlabelled + account.transitions + account.centre + account.remainder
            total = account.supporting + account.opposing + lines
            errors[0].append(abs(total - account.margin) / size)
            contrast = contrasts(data, tags, segment[None], numpy.array(account.others))
            shares = contrast.shares(exact, accountant.penalty.l2)[0]
            total = float(shares.sum()) + account.transitions + account.centre + account.remainder
            errors[1].append(abs(total - account.margin) / size)
    return max(errors[0]), max(errors[1])


class Neighbours:
    """Labels of each type by their mean features."""

    def __init__(self, accountant: Accountant) -> None:
        index, evidence = accountant.index, accountant.evidence
        kinds = numpy.array([accountant.label_of(family) for family in range(evidence.families)])
        of_label = kinds[evidence.family_of]
        self.by_type = {kind: numpy.flatnonzero(of_label == kind) for kind in set(kinds.tolist()) - {"O"}}
        self._units = {}
        for kind, numbers in self.by_type.items():
            features = index.features_of(ranges(evidence.tokens[numbers], evidence.lengths[numbers]))
            starts = numpy.cumsum(evidence.lengths[numbers]) - evidence.lengths[numbers]
            self._units[kind] = _unit(numpy.add.reduceat(features, starts) / evidence.lengths[numbers, None])

    def nearest(self, vector: numpy.ndarray, kind: str, count: int) -> numpy.ndarray:
        """Return the labels of a type that are nearest to a vector."""
        similar = self._units[kind] @ _unit(vector[None])[0]
        return self.by_type[kind][numpy.argsort(-similar, kind="stable")[:count]]

    def share(self, accountant: Accountant, family: int) -> float:
        """Return the share of its type's labels that a family holds; 0 for O."""
        members = self.by_type.get(accountant.label_of(family))
        return 0.0 if members is None else float(accountant.evidence.sizes[family] / len(members))


def _unit(vectors: numpy.ndarray) -> numpy.ndarray:
    return vectors / numpy.maximum(numpy.linalg.norm(vectors, axis=1, keepdims=True), 1e-12)


def _holds(accountant: Accountant, planted: Planted) -> dict[str, numpy.ndarray]:
    """Tell which labels hold a culprit, by kind (bool, labels)."""
    places = accountant.index.segments_at(accountant.evidence.tokens, accountant.evidence.lengths)
    holds = {kind: numpy.zeros(len(places), dtype=bool) for kind in planted.confusions}
    for number, (document, start, end) in enumerate(places.tolist()):
        identifier, first = accountant.index.place(document, start)
        for token in range(first, first + end - start):
            kind = planted.culprits.get((identifier, token))
            if kind is not None:
                holds[kind][number] = True
    return holds


def shown_families(indexed: Path, queries: Path) -> dict[Key, list[set[tuple[str, int]]]]:
    """Return the members (document id, token) of the families shown for predictions: document, start, end, label."""
    nlp, influence = load_indexed(str(indexed))
    influence.explained = "entities"
    accountant = influence.sources().accountant
    assert accountant is not None
    found: dict[Key, list[set[tuple[str, int]]]] = {}
    gold = DocBin().from_disk(queries).get_docs(nlp.vocab)
    for number, doc in enumerate(nlp.pipe(read_as(nlp, doc) for doc in gold)):
        for ent in doc.ents if len(found) < PREDICTIONS else ():
            numbers = [family.number for family in ent._.influencers.families][:SHOWN]
            places = [_places(accountant, accountant.evidence.members(family)) for family in numbers]
            found[number, ent.start, ent.end, ent.label_] = places
    return found


def _places(accountant: Accountant, numbers: numpy.ndarray) -> set[tuple[str, int]]:
    places = accountant.index.segments_at(accountant.evidence.tokens[numbers], accountant.evidence.lengths[numbers])
    return {accountant.index.place(document, start) for document, start, _ in places.tolist()}


def overlap(left: dict[Key, list[set]], right: dict[Key, list[set]]) -> tuple[float, float, int]:
    """Return the mean Jaccard index of the union of families shown by two indexes for predictions that both make, the
    same for random labels of equal numbers, and how many predictions."""
    draw = random.Random(0)
    everything = sorted({member for families in left.values() for family in families for member in family})
    values, chance = [], []
    for key in sorted(left.keys() & right.keys()):
        one, other = (set().union(*side[key]) for side in (left, right))
        if one and other:
            values.append(len(one & other) / len(one | other))
            drawn = set(draw.sample(everything, min(len(other), len(everything))))
            chance.append(len(one & drawn) / len(one | drawn))
    return float(numpy.mean(values)), float(numpy.mean(chance)), len(values)


def _dumped(folder: Path, planted: Planted, kernel: str) -> dict[Key, list[set]]:
    """Build an index under a BLAS kernel, in a process of its own, and ask it for families."""
    target = folder / f"{kernel}.json"
    command = [sys.executable, "-m", "experiments.methods.measure_families", "--dump", str(planted.pipeline)]
    command += [str(planted.train), str(planted.dev), str(planted.queries), str(target)]
    subprocess.run(command, cwd=ROOT, env={**os.environ, "OPENBLAS_CORETYPE": kernel}, check=True, capture_output=True)
    pairs = json.loads(target.read_text(encoding="utf8"))
    return {tuple(key): [{tuple(member) for member in family} for family in families] for key, families in pairs}


def _dump(pipeline: str, train: str, dev: str, queries: str, target: str) -> None:
    with tempfile.TemporaryDirectory() as folder:
        build_index(pipeline, Path(train), Path(folder) / "indexed", dev=Path(dev), silent=True)
        found = shown_families(Path(folder) / "indexed", Path(queries))
    pairs = [[key, [sorted(family) for family in families]] for key, families in found.items()]
    Path(target).write_text(json.dumps(pairs), encoding="utf8")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--quick", action="store_true", help="one training, 200 steps; does not count")
    parser.add_argument("--data", type=Path, default=os.environ.get("SEGINF_DATA"), help="corpora, for btc")
    parser.add_argument("--dump", nargs=5, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    one_thread()
    if arguments.dump:
        return _dump(*arguments.dump)
    seeds: Iterable[int] = SEEDS[:1] if arguments.quick else SEEDS
    work = [embedded(seed, 200 if arguments.quick else None) for seed in seeds]
    if arguments.data is not None:
        work += [tweets(Path(arguments.data), seed, 200 if arguments.quick else 600) for seed in seeds]
    results, shown, rows = [], {}, []
    with tempfile.TemporaryDirectory() as folder:
        for planted in work:
            indexed = Path(folder) / f"{planted.name}-{planted.seed}"
            build_index(str(planted.pipeline), planted.train, indexed, dev=planted.dev, silent=True)
            found = {"corpus": planted.name, "seed": planted.seed, **measure(planted, indexed)}
            results.append(found)
            shown[planted.name, planted.seed] = shown_families(indexed, planted.queries)
            for kind in planted.confusions:
                values = found[kind]
                rows.append([planted.name, planted.seed, kind, values["victims"], *(values[name] for name in MEASURES)])
        across = {
            f"{name} seeds {one}, {other}": overlap(shown[name, one], shown[name, other])
            for name, one in shown
            for other in seeds
            if other > one and (name, other) in shown
        }
        first = work[0]
        across["kernels"] = overlap(*(_dumped(Path(folder), first, kernel) for kernel in KERNEL))
    header = ["corpus", "seed", "planted", "victims", "first family", "purity", "as many neighbours"]
    print_table([*header, "family of the nearest", "random", "labels", "largest share of a type"], rows)
    for name, (value, chance, count) in across.items():
        print(f"{name}: overlap {value:.3f}, by chance {chance:.3f}, {count} predictions")
    pooled = [found[kind] for found in results for kind in found if isinstance(found[kind], dict)]
    figures = {
        "account_error": max(found["account_error"] for found in results),
        "account_error_float64": max(found["account_error_float64"] for found in results),
        "first_family_is_culprit": _mean(pooled, "hit"),
        "first_family_purity": _mean(pooled, "purity"),
        "neighbours": _mean(pooled, "neighbours"),
        "nearest_family": _mean(pooled, "nearest_family"),
        "random": _mean(pooled, "random"),
        "largest_share_of_type": max(each["share_of_type"] for each in pooled),
        "stability": {name: dict(zip(("overlap", "chance", "predictions"), one)) for name, one in across.items()},
        "by_training": results,
    }
    finish("families", figures, quick=arguments.quick, rows=len(pooled), seeds=list(seeds))


def _mean(pooled: Sequence[dict[str, float]], name: str) -> float:
    victims = [each["victims"] for each in pooled]
    return float(numpy.average([each[name] for each in pooled], weights=victims)) if sum(victims) else 0.0


if __name__ == "__main__":
    main()
