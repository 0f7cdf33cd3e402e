"""Find, decide, put right, train again: how many wrong labels reading finds, and what putting them right is worth.

Embedded corpus, 3 seeds: planted errors, with its development part as trusted texts. CoNLL-2003: the corrections of
Reiss et al. (2020) to the training part decide, and the corrected development part is trusted; beside it, without
trusted texts, and with the development labels as they were published.

An item is one span, or one family. Baselines know no families: their items are single spans, and so are all items on
CoNLL-2003.

OMP_NUM_THREADS=1 python -m experiments.curation.measure --data DIR
"""

from __future__ import annotations

import tempfile
from collections import Counter, defaultdict
from pathlib import Path
from typing import Any, Optional, Sequence

import numpy
import spacy
from spacy.tokens import Doc, DocBin

from spacy_seginf.api.apply import apply_decisions as apply
from spacy_seginf.api.index import build_index
from spacy_seginf.curation.decisions import append_decisions
from spacy_seginf.curation.finding import IssueFinder
from spacy_seginf.curation.scores import segment_scores
from spacy_seginf.curation.session import Session, open_session
from spacy_seginf.evaluation.planted import CONFUSIONS, read_culprits
from spacy_seginf.loop.reviewing import (
    ReviewedItem,
    Reviewer,
    counts_by_kind,
    found_tokens,
    review_ranking,
    review_spans,
)
from spacy_seginf.loop.steps import decisions_of, recovered, scores_by_label, truth_of
from spacy_seginf.loop.training import train_again

from ..common.prepare import CACHE, ROOT, SEEDS, checkpoint, corpus
from ..common.reporting import finish, one_thread, parse_arguments, print_table
from .label_scores import read_lines

WORK = CACHE / "curation"
INDEX: dict[str, Any] = {"curvature": "exact", "refit": True, "unit": "entity"}
EVERY = 10  # items after which decisions feed back: the default of `seginf loop`
BASELINES = {"token_loss": "marginal_loss", "cleanlab": "cleanlab_normalized_margin", "random": "random"}
BUDGET, SPANS = 100, 500


def main() -> None:
    arguments = parse_arguments(__doc__ or "")
    one_thread()
    WORK.mkdir(parents=True, exist_ok=True)
    seeds = SEEDS[:1] if arguments.quick else SEEDS
    figures = conll_part(arguments.data, quick=arguments.quick)
    figures.update(embedded_part(seeds, quick=arguments.quick))
    finish("curation", figures, quick=arguments.quick, rows=SPANS, seeds=seeds)


def embedded_part(seeds: Sequence[int], *, quick: bool) -> dict[str, Any]:
    """Read, put right and train again on the embedded corpus, for each seed of the trainings."""
    found: dict[str, list[float]] = defaultdict(list)  # by measure and order, of each seed
    kinds: dict[str, Counter[str]] = defaultdict(Counter)
    costs = []
    for seed in seeds:
        with tempfile.TemporaryDirectory() as folder:
            costs.append(_embedded_seed(seed, Path(folder), found, kinds, quick=quick))
    rows = []
    for name in ("ranking", "ranking_without_feedback", "ranking_spans", *BASELINES):
        values = [found.get(f"{key}:{name}", []) for key in ("planted_recall_100", "precision_100", "f1_recovered")]
        rows.append([name, *(" ".join(f"{value:.3f}" for value in own) or "-" for own in values)])
    print("Embedded corpus, by seed")
    print_table(["order", "planted recall in 100 items", "precision", "share of the lost F1 won back"], rows)
    print_table(
        ["kind", "read", "wrong", "suggestion right"], [[kind, *counts.values()] for kind, counts in kinds.items()]
    )
    figures: dict[str, Any] = {"f1": costs, "by_kind": kinds}
    for key, by_seed in found.items():
        label = key.removesuffix(":ranking")
        figures[label] = float(numpy.mean(by_seed))
        figures[f"{label}_by_seed"] = by_seed
    return figures


def _embedded_seed(
    seed: int, folder: Path, found: dict[str, list[float]], kinds: dict[str, Counter[str]], *, quick: bool
) -> dict[str, float]:
    steps = 100 if quick else None
    model, truth = (checkpoint("embedded", seed, None, truth=right, steps=steps) for right in (False, True))
    train, dev, test = corpus(None, "train"), corpus(None, "dev"), corpus(None, "test")
    build_index(str(model), train, folder / "indexed", dev=dev, **INDEX)
    session = open_session(str(folder / "indexed"), train)
    reviewer = Reviewer(session.source, truth_of(session, corpus(None, "train_truth")))
    planted = _planted(session)
    finder = _finder(session, dev)
    orders = {
        "ranking": review_ranking(finder, reviewer, BUDGET, every=EVERY),
        "ranking_without_feedback": review_ranking(finder, reviewer, BUDGET),
        "ranking_spans": review_ranking(finder, reviewer, BUDGET, every=EVERY, families=False),
        **_baselines(session, reviewer, BUDGET),
    }
    scores = {
        "before": scores_by_label(spacy.load(model), test)[""],
        "truth": scores_by_label(spacy.load(truth), test)[""],
    }
    for name, reviewed in orders.items():
        found[f"planted_recall_100:{name}"].append(_recall(session, planted, reviewed))
        found[f"precision_100:{name}"].append(float(numpy.mean([item.precision for item in reviewed])))
        if name in ("ranking", *BASELINES):
            scores[name] = _retrained(session, reviewed, folder / name, model, seed)
            share = recovered(scores["before"], scores[name], scores["truth"])
            found[f"f1_recovered:{name}"].append(numpy.nan if share is None else share)
    for kind, counts in counts_by_kind(orders["ranking"]).items():
        kinds[kind].update(counts)
    print(f"seed {seed}: F1 " + ", ".join(f"{name} {value:.4f}" for name, value in scores.items()), flush=True)
    return scores


def _finder(session: Session, dev: Optional[Path]) -> IssueFinder:
    return IssueFinder(session.source, session.read_trusted(dev), session.missing)


def _baselines(session: Session, reviewer: Reviewer, budget: int) -> dict[str, list[ReviewedItem]]:
    source = session.source
    scores = segment_scores(source, list(BASELINES.values()), source.units)
    return {name: review_spans(reviewer, source.units, scores[score], budget) for name, score in BASELINES.items()}


def _planted(session: Session) -> list[set[int]]:
    """List the training tokens of each planted systematic error."""
    culprits = read_culprits(ROOT / "assets" / "corpus" / "train.jsonl.gz")
    spans: list[set[int]] = []
    last: Optional[tuple[str, int, str]] = None
    for number, length in enumerate(session.source.data.lengths):
        name, first = session.index.place(number, 0)
        for token in range(length):
            kind = culprits.get((name, first + token))
            if kind not in CONFUSIONS:
                last = None
                continue
            if last is None or last[2] != kind:
                spans.append(set())
            spans[-1].add(int(session.source.data.starts[number]) + token)
            last = (name, token, kind)
        last = None
    return spans


def _recall(session: Session, planted: Sequence[set[int]], reviewed: Sequence[ReviewedItem]) -> float:
    """Return the share of planted errors that were reviewed."""
    seen = set()
    for one in (decided for item in reviewed for decided in item.decided):
        first = int(session.source.data.starts[one.document])
        seen |= set(range(first + one.start, first + one.end))
    return sum(bool(span & seen) for span in planted) / len(planted)


def _retrained(session: Session, reviewed: Sequence[ReviewedItem], folder: Path, model: Path, seed: int) -> float:
    """Apply what was decided, train as the pipeline was, and score on the test part."""
    append_decisions(folder / "decisions.jsonl", decisions_of(session, reviewed, "the truth"))
    apply(corpus(None, "train"), folder / "corrected.spacy", [folder / "decisions.jsonl"])
    again = train_again(model / "config.cfg", folder / "model", folder / "corrected.spacy", {"system.seed": seed})
    return scores_by_label(spacy.load(again), corpus(None, "test"))[""]


def conll_index(data: Path, *, quick: bool) -> Path:
    """Return the indexed transformer, building the index first if it is not in the cache."""
    model = checkpoint("transformer", 0, data, steps=20 if quick else None)
    folder = WORK / f"conll-{model.parent.name}"
    if not folder.exists():
        build_index(str(model), corpus(data, "train"), folder, dev=corpus(data, "dev"), **INDEX)
    return folder


def corrected_dev(data: Path) -> Path:
    """Write the development part with its corrected labels."""
    target = WORK / "conll-dev-corrected.spacy"
    vocab = spacy.blank("en").vocab
    docs = DocBin(store_user_data=True)
    for record in read_lines(data / "conll2003" / "dev.jsonl.gz"):
        docs.add(Doc(vocab, words=record["tokens"], ents=record["gold_labels"], user_data={"id": record["id"]}))
    docs.to_disk(target)
    return target


def conll_part(data: Path, *, quick: bool) -> dict[str, Any]:
    """Read training spans of CoNLL-2003 with the corrections as the reviewer."""
    spans = 50 if quick else SPANS
    session = open_session(str(conll_index(data, quick=quick)), corpus(data, "train"))
    truth = {record["id"]: record["gold_labels"] for record in read_lines(data / "conll2003" / "train.jsonl.gz")}
    tags = {tag: number for number, tag in enumerate(session.tagger.scheme.tags)}
    labels = []
    for number, length in enumerate(session.source.data.lengths):
        name, first = session.index.place(number, 0)
        labels += [tags[tag] for tag in truth[name][first : first + length]]
    reviewer = Reviewer(session.source, numpy.array(labels))
    orders: dict[str, list[ReviewedItem]] = {}
    trusted = {"": corrected_dev(data), "_published_dev": corpus(data, "dev"), "_no_trusted": None}
    for suffix, dev in trusted.items():
        finder = _finder(session, dev)
        orders[f"feedback{suffix}"] = review_ranking(finder, reviewer, spans, every=EVERY, families=False)
        orders[f"no_feedback{suffix}"] = review_ranking(finder, reviewer, spans, families=False)
        if not suffix:
            orders["feedback_every_25"] = review_ranking(finder, reviewer, spans, every=25, families=False)
            orders["feedback_families"] = review_ranking(finder, reviewer, spans, every=EVERY)
    orders.update(_baselines(session, reviewer, spans))
    rows, figures = (
        [],
        {"conll_wrong_tokens": int(reviewer.wrong.sum()), "conll_base_rate": float(reviewer.wrong.mean())},
    )
    for name, reviewed in orders.items():
        shares = found_tokens(reviewer, reviewed)
        precision = [item.precision for item in reviewed]
        label = "conll_recall_500" if name == "feedback" else f"conll_recall_500:{name}"
        figures[label] = shares[-1]
        figures[f"conll_precision_100:{name}"] = float(numpy.mean(precision[:100]))
        figures[f"conll_precision_500:{name}"] = float(numpy.mean(precision))
        read = sum(len(item.decided) for item in reviewed)
        rows.append(
            [
                name,
                *(shares[min(at, len(shares)) - 1] for at in (100, 200, 500)),
                figures[f"conll_precision_100:{name}"],
                read,
            ]
        )
    print(f"CoNLL-2003: {int(reviewer.wrong.sum())} of {len(reviewer.wrong)} tokens are wrong")
    print_table(["order", "found in 100", "200", "500", "precision at 100", "spans read"], rows)
    return figures


if __name__ == "__main__":
    main()
