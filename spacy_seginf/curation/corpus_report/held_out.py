"""What the heads of an index say of documents that they have not seen, beside the annotation."""

from __future__ import annotations

from typing import Sequence

import numpy

from ...crf.schemes import Entity
from ...index.index import Index
from ...influence.held_out import chains_of_heads
from ..predictors import out_of_fold_predictions
from ..source import LabelSource
from .annotations import Annotations, Predicted, reading
from .records import Finding


def held_out_entities(index: Index) -> Predicted:
    """Predict the training documents by heads that were fitted without them; the encoder has seen them.

    RAISES (ValueError): S035 if the index was pruned.
    """
    source = LabelSource.of(index)
    predictions = out_of_fold_predictions(source)
    lengths = numpy.asarray(source.data.lengths)
    tags = numpy.zeros(len(source.labels), dtype=numpy.int64)
    for documents in source.data.alike():
        documents = documents[lengths[documents] > 0]
        rows = source.data.rows(documents)
        transitions = predictions.transitions[predictions.which[documents]]
        chain = chains_of_heads(predictions.emissions[rows], transitions, lengths[documents].tolist())
        tags[rows] = chain.unary.argmax(axis=1)
    found: dict[str, tuple[list[str], list[Entity]]] = {}
    for number, (start, length) in enumerate(zip(source.data.starts.tolist(), source.data.lengths)):
        name, first = index.place(number, 0)
        words, entities = found.setdefault(name, ([], []))
        if first == len(words):  # pieces of a document follow each other; a gap makes its words different
            words += index.words(number)[0]
            places = source.scheme.entities(tags[start : start + length].tolist())
            entities += [Entity(first + begin, first + end, label) for begin, end, label in places]
    return found


def doubted_annotations(annotations: Annotations) -> list[Finding]:
    """Where heads that have not seen the document read it in another way, by what they would change."""
    groups: dict[str, list] = {}
    for document, predicted in enumerate(annotations.predicted):
        words, entities = annotations.words[document], annotations.entities[document]
        missing = set(annotations.documents[document].missing)
        for start, end in _different(entities, predicted if predicted is not None else entities):
            if missing.isdisjoint(range(start, end)):
                now = reading(words, entities, start, end)
                groups.setdefault(_change(entities, predicted or (), start, end), []).append(
                    annotations.occurrence(document, start, end, now)
                )
    ranked = sorted(groups.items(), key=lambda pair: (-len(pair[1]), pair[0]))
    return [Finding(change, {"otherwise": len(places)}, tuple(places)) for change, places in ranked]


def _different(entities: Sequence[Entity], others: Sequence[Entity]) -> list[tuple[int, int]]:
    """Join the tokens of entities that only one side has, where they overlap."""
    regions: list[tuple[int, int]] = []
    for one in sorted({*entities} ^ {*others}):
        if regions and one.start < regions[-1][1]:
            regions[-1] = regions[-1][0], max(regions[-1][1], one.end)
        else:
            regions.append((one.start, one.end))
    return regions


def _change(entities: Sequence[Entity], others: Sequence[Entity], start: int, end: int) -> str:
    now, then = ([one for one in side if one.start < end and start < one.end] for side in (entities, others))
    sides = [" + ".join(one.label for one in side) or "no entity" for side in (now, then)]
    return f"{sides[0]}: other boundaries" if sides[0] == sides[1] else " -> ".join(sides)
