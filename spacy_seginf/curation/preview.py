"""What decisions will change in the predictions for some texts, before they are applied and anything is trained.

The head that labels make of the encoder's features is refit with the corrected labels; the encoder stays as it is.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Optional, Sequence

import numpy
from spacy.language import Language

from ..corpora.documents import Replacement, replaced
from ..crf.decoding import limits_of
from ..crf.schemes import TAG, Entity, TagScheme
from ..errors import Errors, SeginfError
from ..explanation.influence import Influence
from ..explanation.joint import tolerance_of
from ..index.index import Index
from ..indexing.fidelity import decode
from ..influence.effects import Change, HeadEffects
from ..influence.fit import HeadData
from ..rendering.text import shorten, tokens_of, visible
from ..tagger.crf_tagger import CRFTagger
from ..tagger.encoding import run_before
from ..tagger.head import on_cpu
from .alignment import touching_joined
from .asked_texts import AskedText
from .decisions import merge_decisions
from .records import Decision

BETTER, WORSE, EQUAL = "better", "worse", "equal"
Found = tuple[Entity, ...]


@dataclass(frozen=True)
class PreviewChange:
    """Tokens of a text whose prediction changes.

    document (str): id of the text; "" without one. start, end (int), text (str): the tokens.
    before, after (tuples of Entity): what the head predicts there with the labels as they are, and as decided.
    pipeline (tuple of Entity): what the pipeline predicts there at present. gold (tuple of Entity, optional): the
        annotation; None where the text has none.
    probability_before, probability_after (float): p of the new reading, given what is predicted around it then.
    verdict (str): "better" or "worse" than before against the annotation, "equal" if as wrong or right, "" without any.

    >>> preview = spacy_seginf.preview("indexed", Path("decisions.jsonl"), "Ada Lind visited Tarnby .")
    >>> all(change.verdict == "" for change in preview.changes)  # as the text is not annotated
    True
    """

    document: str
    start: int
    end: int
    text: str
    before: Found
    after: Found
    pipeline: Found
    gold: Optional[Found]
    probability_before: float
    probability_after: float
    verdict: str

    @property
    def plain(self) -> dict[str, Any]:
        """What a line of JSON holds."""
        return asdict(self)


@dataclass(frozen=True)
class Preview:
    """What decisions will change.

    changes (tuple of PreviewChange). texts (int). relabelled (int): regions of the training corpus that get other
    labels. left_out (int): decisions that the index does not have: of documents that training left out, or that were
    appended later. conflicts (int): regions that reviewers disagree about, which stay as they are.
    entities (int): entities that the head predicts with the labels as they are; shared (int): those that the pipeline
    predicts too. converged (bool): whether the refit did.
    right_before, right_after, annotated, found_before, found_after (int): in annotated texts, the annotated entities
        that the head predicts before and after, all that there are, and all that it predicts before and after.

    >>> preview = spacy_seginf.preview("indexed", Path("decisions.jsonl"), "Ada Lind visited Tarnby .")
    >>> preview.texts, preview.converged
    (1, True)
    """

    changes: tuple[PreviewChange, ...]
    texts: int
    relabelled: int
    left_out: int
    conflicts: int
    entities: int
    shared: int
    converged: bool
    right_before: int
    right_after: int
    annotated: int
    found_before: int
    found_after: int

    def count(self, verdict: str) -> int:
        """Count the changes with a verdict."""
        return sum(change.verdict == verdict for change in self.changes)


def preview_decisions(
    nlp: Language, influence: Influence, decisions: Sequence[Decision], texts: Sequence[AskedText]
) -> Preview:
    """Refit the head with the labels that were decided, and compare what it predicts for texts.

    RAISES (ValueError): S210 if labels are tags, S275 if a decision does not fit the index, S035 or S270 if the index
        can't refit.
    """
    tagger, explainer = influence.find_tagger(), influence.explainer()
    if tagger.scheme.name == TAG:
        raise SeginfError(Errors.S210)
    effects = explainer.label_effects
    agreed, conflicts = merge_decisions(decisions)
    changing = [one for one in agreed if sorted(one.outcome or ()) != sorted(one.current)]
    change, relabelled = decided_labels(explainer.index, effects, tagger, changing)
    step, converged = effects.nothing, True
    if len(change.chains):
        step, fit = effects.refit(change, effects.predict(change), tolerance=tolerance_of(effects))
        converged = fit.converged
    docs = run_before(nlp, tagger, [text.doc for text in texts])
    predicted = tagger.predict(docs)
    tags = [
        one.tags if tagger.explains is None else tagger.followed_tags(doc) for one, doc in zip(predicted, docs)
    ] or [numpy.zeros(0, dtype=numpy.int64)]
    rows = [on_cpu(one.features) for one in predicted] or [numpy.zeros((0, effects.data.features.shape[1]))]
    lengths = [len(doc) for doc in docs]
    permitted = numpy.ones((sum(lengths), effects.data.labels), dtype=bool)
    data = HeadData(numpy.concatenate(rows), permitted, lengths)
    limits = limits_of(tagger.scheme, docs, [one.kept for one in predicted]) if docs else None
    before, after = (
        decode(tagger.scheme, data, effects.head.moved(moved[0]), limits) for moved in (effects.nothing, step)
    )
    read = _Comparison(tagger.scheme, effects, data, texts, before, after, numpy.concatenate(tags), step)
    return Preview(
        tuple(read.changes()),
        len(texts),
        relabelled,
        len(changing) - relabelled,
        len(conflicts),
        *read.agreement(),
        converged,
        *read.scores(),
    )


def decided_labels(
    index: Index, effects: HeadEffects, tagger: CRFTagger, decisions: Sequence[Decision]
) -> tuple[Change, int]:
    """Make one change of labels of decisions on regions that do not overlap.

    RETURNS: the change, and how many decisions are in it; those on documents that are no part of J are not.
    RAISES (ValueError): S275 if a decision does not fit the index.
    """
    scheme, data = tagger.scheme, effects.data
    places: dict[str, list[tuple[int, int]]] = {}
    for number in range(index.manifest.documents):
        name, first = index.place(number, 0)
        places.setdefault(name, []).append((number, first))
    new = effects.labels.copy()
    touched = numpy.zeros(len(new), dtype=bool)
    known = numpy.logical_not(data.allowed.all(axis=1))
    used = 0
    for decision in decisions:
        found = _place(index, places.get(decision.document, ()), decision)
        if found is None:
            continue
        number, start = found
        first, length = int(data.starts[number]), data.lengths[number]
        rows = slice(first, first + length)
        present = [Entity(*one) for one in scheme.entities(numpy.where(known[rows], new[rows], 0).tolist())]
        moved = decision.start - start
        current, outcome = (
            _as_tagged(scheme, [Entity(one.start - moved, one.end - moved, one.label) for one in entities])
            for entities in (decision.current, decision.outcome or ())
        )
        end = start + decision.end - decision.start
        if [one for one in present if one.start < end and start < one.end] != current:
            raise _misfit(index, decision, "has other entities there")
        unknown = sorted({one.label for one in outcome} - set(scheme.labels))
        if unknown:
            raise _misfit(index, decision, f"would get the label {unknown[0]!r}, which the tagger does not have")
        tags = numpy.zeros(length, dtype=numpy.int64)
        for entity in replaced(present, [Replacement(start, end, tuple(outcome))]):
            tags[entity.start : entity.end] = scheme.entity_tags(entity.label, entity.end - entity.start)
        new[first + start : first + end] = tags[start:end]
        touched[first + start : first + end] = True
        used += 1
    differs = touched & ((new != effects.labels) | ~(data.allowed.sum(axis=1) == 1))
    segments = _runs(data, differs)
    return effects.relabelled(segments, new[differs]), used


def _place(index: Index, pieces: Sequence[tuple[int, int]], decision: Decision) -> Optional[tuple[int, int]]:
    """Find a decided region in the index: document and first token there. None if no document that is part of J has all
    of it."""
    fitting, whole = [], False
    for number, first in pieces:
        words = index.words(number)[0]
        start, end = decision.start - first, decision.end - first
        if start < 0 or end > len(words):
            continue
        whole = True
        if tuple(words[start:end]) == decision.words:
            fitting.append((number, start))
    if whole and not fitting:
        raise _misfit(index, decision, "has other words there")
    if len(fitting) > 1:
        raise _misfit(index, decision, "is the id of several documents")
    return fitting[0] if fitting and fitting[0][0] < index.objective else None


def _misfit(index: Index, decision: Decision, problem: str) -> SeginfError:
    where = visible(f"{decision.document}, {tokens_of(decision.start, decision.end)}")
    words = shorten(visible(" ".join(decision.words)))
    return SeginfError(Errors.S275.format(path=index.folder, where=where, words=words, problem=problem))


def _as_tagged(scheme: TagScheme, entities: Sequence[Entity]) -> list[Entity]:
    return touching_joined(sorted(entities)) if scheme.name == "IO" else sorted(entities)


def _runs(data: HeadData, chosen: numpy.ndarray) -> numpy.ndarray:
    """Return the runs of chosen tokens (bool, tokens) as segments (int64, n x 3)."""
    rows = numpy.flatnonzero(chosen)
    documents = numpy.searchsorted(data.starts, rows, side="right") - 1
    begins = numpy.ones(len(rows), dtype=bool)
    begins[1:] = (numpy.diff(rows) > 1) | (numpy.diff(documents) > 0)
    firsts = numpy.flatnonzero(begins)
    lasts = numpy.append(firsts[1:], len(rows))[: len(firsts)] - 1
    starts = data.starts[documents[firsts]]
    return numpy.stack([documents[firsts], rows[firsts] - starts, rows[lasts] + 1 - starts], axis=1)


class _Comparison:
    """Tags of texts (ints, tokens of all) by the head before and after a step, and by the pipeline."""

    def __init__(
        self,
        scheme: TagScheme,
        effects: HeadEffects,
        data: HeadData,
        texts: Sequence[AskedText],
        before: numpy.ndarray,
        after: numpy.ndarray,
        pipeline: numpy.ndarray,
        step: numpy.ndarray,
    ) -> None:
        self._effects, self._data, self._texts, self._step = effects, data, texts, step
        self._tags = before, after
        self._found = [self._entities(scheme, tags) for tags in (before, after, pipeline)]

    def changes(self) -> list[PreviewChange]:
        """List the regions in which before and after differ."""
        result = []
        for number, text in enumerate(self._texts):
            before, after, pipeline = (found[number] for found in self._found)
            for start, end in _regions({*before} ^ {*after}):
                now, then = _inside(before, start, end), _inside(after, start, end)
                gold = None
                if text.entities is not None and not any(start <= token < end for token in text.missing):
                    gold = _inside(text.entities, start, end)
                place = text.identifier, start, end, text.doc[start:end].text
                result.append(
                    PreviewChange(
                        *place,
                        now,
                        then,
                        _inside(pipeline, start, end),
                        gold,
                        self._probability(number, start, end, self._effects.nothing),
                        self._probability(number, start, end, self._step),
                        "" if gold is None else _verdict(now, then, gold),
                    )
                )
        return result

    def agreement(self) -> tuple[int, int]:
        """Count the entities that the head predicts before, and those that the pipeline predicts too."""
        pairs = [({*one}, {*other}) for one, other in zip(self._found[0], self._found[2])]
        return sum(len(one) for one, _ in pairs), sum(len(one & other) for one, other in pairs)

    def scores(self) -> tuple[int, int, int, int, int]:
        """Count entities: annotated ones that are predicted before and after, annotated, predicted before and after."""
        right, found, annotated = [0, 0], [0, 0], 0
        for number, text in enumerate(self._texts):
            if text.entities is None:
                continue
            annotated += len(text.entities)
            for side in (0, 1):
                known = {
                    one for one in self._found[side][number] if not any(one.start <= t < one.end for t in text.missing)
                }
                right[side] += len(known & {*text.entities})
                found[side] += len(known)
        return right[0], right[1], annotated, found[0], found[1]

    def _probability(self, number: int, start: int, end: int, step: numpy.ndarray) -> float:
        watched = self._effects.watch(self._data, self._tags[1], [(number, start, end)])
        return math.exp(-float(watched.losses(step)[0, 0]))

    def _entities(self, scheme: TagScheme, tags: numpy.ndarray) -> list[Found]:
        firsts = zip(self._data.starts.tolist(), self._data.lengths)
        return [
            tuple(Entity(*one) for one in scheme.entities(tags[first : first + length].tolist()))
            for first, length in firsts
        ]


def _regions(entities: set[Entity]) -> list[tuple[int, int]]:
    """Join the tokens of entities that overlap."""
    regions: list[tuple[int, int]] = []
    for entity in sorted(entities):
        if regions and entity.start < regions[-1][1]:
            regions[-1] = regions[-1][0], max(regions[-1][1], entity.end)
        else:
            regions.append((entity.start, entity.end))
    return regions


def _inside(entities: Sequence[Entity], start: int, end: int) -> Found:
    return tuple(one for one in entities if one.start < end and start < one.end)


def _verdict(before: Found, after: Found, gold: Found) -> str:
    """Compare two readings with the right one, by right entities less wrong ones."""
    first, second = (len({*side} & {*gold}) - len({*side} - {*gold}) for side in (before, after))
    return BETTER if second > first else WORSE if second < first else EQUAL
