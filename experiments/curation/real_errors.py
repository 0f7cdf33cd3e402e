"""Real label errors of CoNLL-2003: how many of the wrong tokens 500 spans hold, by two corrections of its labels.

Reiss et al. (2020) corrected all of the training part; CleanCoNLL (Rücker and Akbik 2023) is known for 328 of its
documents, and only these are read for it. MISC that became O, headings mostly, is counted apart, too. Intervals are
over documents, drawn again and again; beside them stands the share without the eight documents with most errors.

A wrong span is *learned* if at least 15 of 17 heads that have not seen its document predict its wrong label: heads on
17 random projections of the tagger's features.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, Iterable, Optional, Sequence

import numpy

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.finding import IssueFinder
from spacy_seginf.curation.ranking import ScoredIssue
from spacy_seginf.curation.regions import Correction
from spacy_seginf.curation.scores import segment_scores
from spacy_seginf.curation.second_encoder import second_features, second_predictions
from spacy_seginf.curation.session import Session, open_session
from spacy_seginf.curation.source import LabelSource
from spacy_seginf.curation.structure.counts import other_types
from spacy_seginf.curation.structure.keys import combined, form_keys, window_keys
from spacy_seginf.curation.structure.spans import Spans
from spacy_seginf.loop.reviewing import ReviewedItem, Reviewer, review_ranking, review_spans

from ..common.prepare import corpus
from ..common.reporting import print_table
from .label_scores import read_lines
from .measure import conll_index, corrected_dev

SPANS, EVERY = 500, 10
HEADS, AGREEING, PROJECTED = 17, 15, 64
ERRS = 0.05  # share of decisions that a careless reviewer gets wrong
WORST = 8  # documents that hold most of the errors
DRAWS = 1000
SEED = 0
SIMPLE = {"token_loss": "marginal_loss", "held_out_loss": "held_out_loss", "cleanlab": "cleanlab_normalized_margin"}


@dataclass(frozen=True)
class Truth:
    """What labels are by one correction. labels (int64, tokens). documents (bool, documents): those that it is of."""

    labels: numpy.ndarray
    documents: numpy.ndarray


class FinderWithin(IssueFinder):
    """An issue finder that reads some documents only. within (bool, documents)."""

    within: Optional[numpy.ndarray] = None

    def rank(self, decided: Sequence[Correction] = (), *, unlikely: bool = False) -> list[ScoredIssue]:
        found = super().rank(decided, unlikely=unlikely)
        return found if self.within is None else [one for one in found if self.within[one.document]]


class CarelessReviewer(Reviewer):
    """A reviewer who gets some decisions wrong: keeps what is wrong, or takes away what is right."""

    def decide(self, document: int, start: int, end: int) -> Correction:
        found = super().decide(document, start, end)
        if numpy.random.default_rng([SEED, document, start, end]).random() >= ERRS:
            return found
        return replace(found, entities=() if found.entities == found.current else found.current)


def truth_of_reiss(session: Session, data: Path) -> Truth:
    records = read_lines(data / "conll2003" / "train.jsonl.gz")
    return _truth(session, {record["id"]: record["gold_labels"] for record in records})


def truth_of_clean_conll(session: Session, data: Path) -> Truth:
    records = read_lines(data / "conll2003" / "train_cleanconll.jsonl.gz")
    return _truth(session, {record["id"]: record["clean_labels"] for record in records})


def _truth(session: Session, by_document: dict[str, list[str]]) -> Truth:
    tags = {tag: number for number, tag in enumerate(session.tagger.scheme.tags)}
    source = session.source
    labels, known = source.labels.copy(), numpy.zeros(len(source.data.lengths), dtype=bool)
    for number, (row, length) in enumerate(zip(source.data.starts.tolist(), source.data.lengths)):
        name, first = session.index.place(number, 0)
        if name in by_document:
            known[number] = True
            labels[row : row + length] = [tags[tag] for tag in by_document[name][first : first + length]]
    return Truth(labels, known)


def seen_tokens(source: LabelSource, reviewed: Iterable[ReviewedItem]) -> numpy.ndarray:
    """Tell which tokens were read (bool, tokens)."""
    seen = numpy.zeros(len(source.labels), dtype=bool)
    for one in (decided for item in reviewed for decided in item.decided):
        first = int(source.data.starts[one.document])
        seen[first + one.start : first + one.end] = True
    return seen


def recall(source: LabelSource, wrong: numpy.ndarray, seen: numpy.ndarray) -> dict[str, float]:
    """Return the share of wrong tokens (bool, tokens) that were read, its interval over documents (95 %), and the share
    without the documents that hold most of them."""
    documents = numpy.repeat(numpy.arange(len(source.data.lengths)), source.data.lengths)
    count = len(source.data.lengths)
    total, found = (numpy.bincount(documents[rows], minlength=count) for rows in (wrong, wrong & seen))
    drawn = numpy.random.default_rng(SEED).integers(count, size=(DRAWS, count))
    shares = found[drawn].sum(axis=1) / numpy.maximum(total[drawn].sum(axis=1), 1)
    low, high = numpy.quantile(shares, [0.025, 0.975]).tolist()
    rest = numpy.argsort(-total, kind="stable")[WORST:]
    return {
        "recall": float(found.sum() / max(total.sum(), 1)),
        "low": low,
        "high": high,
        "without_worst": float(found[rest].sum() / max(total[rest].sum(), 1)),
    }


def learned_tokens(finder: IssueFinder) -> numpy.ndarray:
    """Tell which tokens are of annotated entities that nearly all heads predict so that have not seen them (bool,
    tokens)."""
    source, regions = finder.source, finder.regions
    agreeing = numpy.zeros(len(regions), dtype=numpy.int64)
    generator = numpy.random.default_rng(SEED)
    for _ in range(HEADS):
        directions = generator.normal(size=(source.data.features.shape[1], PROJECTED)) / numpy.sqrt(PROJECTED)
        scores = regions.scores(second_predictions(source, (source.data.features @ directions).astype(numpy.float32)))
        agreeing += scores[regions.firsts] >= numpy.maximum.reduceat(scores, regions.firsts)
    learned = numpy.zeros(len(source.labels), dtype=bool)
    for region, count in zip(regions.regions, agreeing.tolist()):
        if len(region.candidates[0]) == 1 and count >= AGREEING:
            entity, first = region.candidates[0][0], int(source.data.starts[region.document])
            learned[first + entity.start : first + entity.end] = True
    return learned


def varying_slots(finder: IssueFinder, documents: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return annotated entities of some documents (bool, documents) as spans (int64, n x 3), and how suspicious they
    are without any model (float64, n): how many of those in the same slot of the document have words that are of
    another type elsewhere in it, and one more if it is among them."""
    source = finder.source
    names = [
        [Entity(start, end, source.scheme.labels[label]) for document, start, end, label in rows]
        for rows in _by_document(source)
    ]
    spans = Spans.of(list(source.words), names)
    forms = combined(spans.documents, form_keys(spans).numbers)
    counts = other_types(forms, spans.types, len(spans.labels))
    varies = counts.sum(axis=1) > counts[numpy.arange(len(spans)), spans.types]
    slots = combined(spans.documents, window_keys(spans).numbers)
    members = numpy.unique(slots, return_inverse=True)[1].reshape(-1)
    scores = numpy.bincount(members, varies)[members] + varies
    places = numpy.stack([spans.documents, spans.starts, spans.ends], axis=1)
    inside = documents[spans.documents]
    return places[inside], scores[inside].astype(numpy.float64)


def _by_document(source: LabelSource) -> list[list[tuple[int, int, int, int]]]:
    found: list[list[tuple[int, int, int, int]]] = [[] for _ in source.data.lengths]
    for (document, start, end), label in zip(source.entities.tolist(), source.entity_labels.tolist()):
        found[document].append((document, start, end, label))
    return found


def real_errors(data: Path, features: Optional[str], *, quick: bool = False) -> dict[str, Any]:
    """Read CoNLL-2003 with nothing trusted, and with its corrected development part trusted.

    features (str): also a pipeline whose encoder has not seen the labels.
    """
    spans = 50 if quick else SPANS
    session = open_session(str(conll_index(data, quick=quick)), corpus(data, "train"))
    source = session.source
    truths = {"reiss": truth_of_reiss(session, data), "cleanconll": truth_of_clean_conll(session, data)}
    miscellaneous = [number for number, tag in enumerate(session.tagger.scheme.tags) if tag.endswith("-MISC")]
    finders = {
        "": FinderWithin(source, None, session.missing),
        "_trusted": FinderWithin(source, session.read_trusted(corrected_dev(data)), session.missing),
    }
    if features is not None:
        strange = second_predictions(source, second_features(features, session.index))
        finders["_features"] = FinderWithin(source, None, session.missing, strangers=[strange])
    scores = segment_scores(source, list(SIMPLE.values()), source.units)
    predicted = learned_tokens(finders[""])
    figures: dict[str, Any] = {}
    rows: list[list[Any]] = []
    for name, truth in truths.items():
        inside = numpy.repeat(truth.documents, source.data.lengths)
        wrong = truth.labels != source.labels
        headings = wrong & numpy.isin(source.labels, miscellaneous) & (truth.labels == 0)
        learned = wrong & predicted
        reviewer = Reviewer(source, truth.labels)
        orders: dict[str, list[ReviewedItem]] = {}
        for suffix, finder in finders.items():
            finder.within = None if truth.documents.all() else truth.documents
            orders[f"blind{suffix}"] = review_ranking(finder, reviewer, spans, families=False)
            orders[f"fed{suffix}"] = review_ranking(finder, reviewer, spans, every=EVERY, families=False)
        careless = CarelessReviewer(source, truth.labels)
        orders["fed_careless"] = review_ranking(finders[""], careless, spans, every=EVERY, families=False)
        units = source.units[inside[source.data.starts[source.units[:, 0]] + source.units[:, 1]]]
        kept = numpy.flatnonzero(numpy.isin(source.units[:, 0], units[:, 0]))
        for simple, score in SIMPLE.items():
            orders[simple] = review_spans(reviewer, source.units[kept], scores[score][kept], spans)
        orders["random"] = review_spans(
            reviewer, source.units[kept], numpy.random.default_rng(SEED).random(len(kept)), spans
        )
        orders["template"] = review_spans(reviewer, *varying_slots(finders[""], truth.documents), spans)
        figures[name] = {"wrong": int(wrong.sum()), "headings": int(headings.sum()), "learned": int(learned.sum())}
        for order, reviewed in orders.items():
            seen = seen_tokens(source, reviewed)
            found = recall(source, wrong, seen)
            parts = {
                "without_headings": recall(source, wrong & ~headings, seen)["recall"],
                "learned": recall(source, learned, seen)["recall"],
            }
            figures[name][order] = {**found, **parts}
            rows.append([name, order, *found.values(), *parts.values()])
            print(rows[-1], flush=True)
    header = ["truth", "order", "recall", "low", "high", f"without {WORST} documents", "without MISC -> O", "learned"]
    print_table(header, rows)
    return {
        "reiss_500": figures["reiss"]["fed"]["recall"],
        "reiss_500_blind": figures["reiss"]["blind"]["recall"],
        "cleanconll_500": figures["cleanconll"]["fed"]["recall"],
        "cleanconll_500_blind": figures["cleanconll"]["blind"]["recall"],
        "learned_500": figures["cleanconll"]["fed"]["learned"],
        "trusted_500": figures["reiss"]["fed_trusted"]["recall"],
        "real_errors": figures,
    }
