"""What a pipeline predicts beside what the head that explains it would predict."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import Any, Optional, Sequence

import numpy

from ..crf.decoding import best_tags
from ..crf.lattice import Limits
from ..crf.schemes import OUTSIDE, TAG, TagScheme
from ..influence.data import HeadData
from ..influence.head import Head

Prediction = tuple[int, int, int, str]  # document, first token, token after the last, label
LEAST_SHARED = 0.95  # of the predicted entities; with less, an index says loudly that it explains another tagger


@dataclass(frozen=True)
class Fidelity:
    """A pipeline and the head that explains it, on one corpus. Entities are meant; single tags under the scheme TAG.

    predicted (int): entities that the pipeline predicts. shared (int): those that the head predicts as they are.
    missed, added (dict of str to int): entities that only the pipeline predicts, and only the head, by type.
    score, head_score (float, optional): entity F1 or tag accuracy of both against the annotation; None without any.
    """

    predicted: int
    shared: int
    missed: dict[str, int]
    added: dict[str, int]
    score: Optional[float]
    head_score: Optional[float]

    @property
    def share(self) -> float:
        """Share of the predicted entities that the head predicts too; 1 if there are none."""
        return self.shared / self.predicted if self.predicted else 1.0

    @property
    def overlap(self) -> float:
        """Predictions that both make, of those that either makes; 1 if there are none."""
        either = self.predicted + sum(self.added.values())
        return self.shared / either if either else 1.0

    @property
    def plain(self) -> dict[str, Any]:
        """What is kept of it with an index."""
        return {"predicted": self.predicted, "shared": self.shared, "missed": self.missed, "added": self.added}


def compare(scheme: TagScheme, data: HeadData, predicted: numpy.ndarray, head: numpy.ndarray) -> Fidelity:
    """Compare tags of a pipeline with those of a head (ints, tokens of all documents each)."""
    theirs, ours = (set(predictions(scheme, tags, data.lengths)) for tags in (predicted, head))
    return Fidelity(
        len(theirs),
        len(theirs & ours),
        _by_type(theirs - ours),
        _by_type(ours - theirs),
        score(scheme, data, predicted),
        score(scheme, data, head),
    )


def decode(scheme: TagScheme, data: HeadData, head: Head, limits: Optional[Limits] = None) -> numpy.ndarray:
    """Find the best valid tags of all documents under a head (int64, tokens), as far as their limits permit."""
    parts, document = [numpy.zeros(0, dtype=numpy.int64)], 0
    for rows, _, lengths in data.slices():
        documents = slice(document, document + len(lengths))
        own = None if limits is None else limits.part(documents, rows)
        scores = head.emissions(data.features[rows])
        parts.append(best_tags(scheme, scores, head.transitions, lengths, own, scheme.mask))
        document = documents.stop
    return numpy.concatenate(parts)


def predictions(scheme: TagScheme, tags: numpy.ndarray, lengths: Sequence[int]) -> list[Prediction]:
    """List the entities (single tags under the scheme TAG) of tagged documents."""
    found: list[Prediction] = []
    start = 0
    for number, length in enumerate(lengths):
        own = tags[start : start + length].tolist()
        entities = enumerate(own) if scheme.name == TAG else scheme.entities(own)
        found += [
            (number, entity[0], entity[0] + 1, scheme.tags[entity[1]]) if len(entity) == 2 else (number, *entity)
            for entity in entities
        ]
        start += length
    return found


def score(scheme: TagScheme, data: HeadData, tags: numpy.ndarray) -> Optional[float]:
    """Score tags against the annotation: entity F1, or tag accuracy under the scheme TAG. Where labels are missing
    nothing is right or wrong. None without any annotation."""
    known: numpy.ndarray = numpy.logical_not(data.allowed.all(axis=1))
    if not known.any():
        return None
    if scheme.name == TAG:
        return float(data.allowed[numpy.flatnonzero(known), tags[known]].mean())
    starts = data.starts
    gold = set(predictions(scheme, numpy.where(known, data.allowed.argmax(axis=1), 0), data.lengths))
    found = {
        entity
        for entity in predictions(scheme, tags, data.lengths)
        if known[starts[entity[0]] + entity[1] : starts[entity[0]] + entity[2]].all()
    }
    return 2 * len(gold & found) / (len(gold) + len(found)) if gold or found else 0.0


def instead_of(scheme: TagScheme, predicted: Sequence[int], head: Sequence[int], start: int, end: int) -> Optional[str]:
    """Say what a head predicts for some tokens of a document, if it is something else; else None.

    predicted, head (ints, tokens of the document): tags of the pipeline and of the head.
    """
    if predicted == head:  # as nearly always; texts may be long
        return None
    if scheme.name == TAG:
        return None if predicted[start] == head[start] else scheme.tags[head[start]]
    theirs, ours = (
        [entity for entity in scheme.entities(tags) if entity[0] < end and start < entity[1]]
        for tags in (predicted, head)
    )
    if theirs == ours:
        return None
    parts = [
        label if (begin, stop) == (start, end) else f"{label} of {stop - begin} token{'s' * (stop - begin > 1)}"
        for begin, stop, label in ours
    ]
    return ", ".join(parts) or OUTSIDE


def _by_type(entities: set[Prediction]) -> dict[str, int]:
    return dict(sorted(Counter(label for *_, label in entities).items()))
