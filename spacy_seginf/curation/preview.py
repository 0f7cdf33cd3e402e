"""What decisions will change in the predictions for some texts, before they are applied and anything is trained.

The head that labels make of the encoder's features is refit with the corrected labels; the encoder stays as it is.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Optional, Sequence

import numpy
from spacy.language import Language

from ..crf.decoding import limits_of
from ..crf.schemes import Entity, TagScheme
from ..explanation.influence import Influence
from ..indexing.fidelity import decode
from ..influence.effects import HeadEffects
from ..influence.fit import HeadData
from ..tagger.encoding import run_before
from ..tagger.head import on_cpu
from .asked_texts import AskedText
from .decided_head import refit_decided
from .f1_difference import F1Difference, f1_difference
from .records import Decision
from .regions import touching

BETTER, WORSE, EQUAL = "better", "worse", "equal"
Found = tuple[Entity, ...]


@dataclass(frozen=True)
class PreviewChange:
    """Tokens of a text whose prediction changes.

    document (str): id of the text; "" without one. start, end (int), text (str), words (tuple of str): the tokens.
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
    words: tuple[str, ...] = ()

    @property
    def plain(self) -> dict[str, Any]:
        """What a line of JSON holds."""
        return asdict(self)


@dataclass(frozen=True)
class Preview:
    """What decisions will change.

    changes (tuple of PreviewChange). texts (int); judged (int): those that are annotated, at least in part.
    relabelled (int): regions of the training corpus that get other labels. left_out (int): those that do not, as the
    index does not have them: in documents that training left out, or that were appended later. conflicts (int): regions
    that reviewers disagree about, which stay as they are.
    entities (int): entities that the head predicts with the labels as they are; shared (int): those that the pipeline
    predicts too. converged (bool): whether the refit did.
    right_before, right_after, annotated, found_before, found_after (int): in annotated texts, the annotated entities
        that the head predicts before and after, all that there are, and all that it predicts before and after.
    difference (F1Difference): of the F1 of the head on these, after less before.

    >>> preview = spacy_seginf.preview("indexed", Path("decisions.jsonl"), "Ada Lind visited Tarnby .")
    >>> preview.texts, preview.converged
    (1, True)
    """

    changes: tuple[PreviewChange, ...]
    texts: int
    judged: int
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
    difference: F1Difference

    def count(self, verdict: str) -> int:
        """Count the changes with a verdict."""
        return sum(change.verdict == verdict for change in self.changes)


def preview_decisions(
    nlp: Language, influence: Influence, decisions: Sequence[Decision], texts: Sequence[AskedText]
) -> Preview:
    """Refit the head with the labels that were decided, and compare what it predicts for texts.

    RAISES (ValueError): S275 if a decision does not fit the index, S035 or S270 if the index can't refit.
    """
    tagger, explainer = influence.find_tagger(), influence.explainer()
    decided = refit_decided(explainer, tagger, decisions)
    effects, step = decided.effects, decided.step
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
    before, after = (decode(tagger.scheme, data, head, limits) for head in decided.heads)
    read = _Comparison(tagger.scheme, effects, data, texts, before, after, numpy.concatenate(tags), step)
    counts = read.counts()
    right_before, right_after, annotated, found_before, found_after = counts.sum(axis=0).tolist()
    return Preview(
        tuple(read.changes()),
        len(texts),
        sum(text.entities is not None for text in texts),
        decided.relabelled,
        decided.left_out,
        decided.conflicts,
        *read.agreement(),
        decided.converged,
        *(right_before, right_after, annotated, found_before, found_after),
        f1_difference(counts),
    )


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
                now, then = tuple(touching(start, end, before)), tuple(touching(start, end, after))
                gold = None
                if text.entities is not None and not any(start <= token < end for token in text.missing):
                    gold = tuple(touching(start, end, text.entities))
                place = text.identifier, start, end, text.doc[start:end].text
                result.append(
                    PreviewChange(
                        *place,
                        now,
                        then,
                        tuple(touching(start, end, pipeline)),
                        gold,
                        self._probability(number, start, end, self._effects.nothing),
                        self._probability(number, start, end, self._step),
                        "" if gold is None else _verdict(now, then, gold),
                        tuple(token.text for token in text.doc[start:end]),
                    )
                )
        return result

    def agreement(self) -> tuple[int, int]:
        """Count the entities that the head predicts before, and those that the pipeline predicts too."""
        pairs = [({*one}, {*other}) for one, other in zip(self._found[0], self._found[2])]
        return sum(len(one) for one, _ in pairs), sum(len(one & other) for one, other in pairs)

    def counts(self) -> numpy.ndarray:
        """Count entities in each annotated text (int64, texts x 5), as ``f1_difference`` takes them."""
        rows = []
        for number, text in enumerate(self._texts):
            if text.entities is None:
                continue
            known = [
                {one for one in side[number] if not any(one.start <= t < one.end for t in text.missing)}
                for side in self._found[:2]
            ]
            right = [len(side & {*text.entities}) for side in known]
            rows.append((*right, len(text.entities), *map(len, known)))
        return numpy.array(rows, dtype=numpy.int64).reshape(-1, 5)

    def _probability(self, number: int, start: int, end: int, step: numpy.ndarray) -> float:
        watched = self._effects.watch(self._data, self._tags[1], [(number, start, end)])
        return math.exp(-float(watched.losses(step)[0, 0]))

    def _entities(self, scheme: TagScheme, tags: numpy.ndarray) -> list[Found]:
        firsts = zip(self._data.starts.tolist(), self._data.lengths)
        return [tuple(scheme.annotation(tags[first : first + length].tolist())) for first, length in firsts]


def _regions(entities: set[Entity]) -> list[tuple[int, int]]:
    """Join the tokens of entities that overlap."""
    regions: list[tuple[int, int]] = []
    for entity in sorted(entities):
        if regions and entity.start < regions[-1][1]:
            regions[-1] = regions[-1][0], max(regions[-1][1], entity.end)
        else:
            regions.append((entity.start, entity.end))
    return regions


def _verdict(before: Found, after: Found, gold: Found) -> str:
    """Compare two readings with the right one, by right entities less wrong ones."""
    first, second = (len({*side} & {*gold}) - len({*side} - {*gold}) for side in (before, after))
    return BETTER if second > first else WORSE if second < first else EQUAL
