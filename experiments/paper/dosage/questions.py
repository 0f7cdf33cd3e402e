"""Which test dosages a pipeline is asked about, at which labels."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Sequence

import numpy

from spacy_seginf.attribution.method import Texts
from spacy_seginf.crf import one_label_each
from spacy_seginf.crf.schemes import TagScheme
from spacy_seginf.evaluation.problem import select

from ..token_f1 import class_counts
from .texts import LABELS, OTHER_LABELS, Dosages, gold_tags

OUTSIDE = 0  # its label in every scheme
GOLD, PREDICTED = "gold", "predicted"


@dataclass(frozen=True)
class Questions:
    """What a pipeline is asked, for one set of gold labels.

    explained (dict of str to Texts): the same queries at the gold labels and at the predicted ones.
    counts (int64, documents with gold labels x classes x 3): as ``class_counts``.
    dosages (Dosages): of the documents with gold labels.
    """

    explained: dict[str, Texts]
    counts: numpy.ndarray
    dosages: Dosages


def find_questions(
    records: Sequence[dict[str, Any]], predicted: Texts, scheme: TagScheme, intervention: int, window: int
) -> dict[str, Questions]:
    """Find the dosages that are outside and predicted as an intervention, by key of the gold labels.

    records: test documents, as ``read_records`` gives them. predicted (Texts): the same at the predicted labels.
    intervention (int): its label. window (int): as for ``Dosages.find``.
    RAISES (KeyError): with an entity type of the gold labels that is none of the scheme's.
    """
    lengths = predicted.data.lengths
    found = {}
    for key in (LABELS, OTHER_LABELS):
        tags = gold_tags(records, key, scheme)
        known = numpy.array([own is not None for own in tags], dtype=bool)
        # Documents without gold labels are not asked about; any labels will do for them.
        gold = numpy.concatenate([numpy.zeros(n, int) if own is None else own for own, n in zip(tags, lengths)])
        test = Dosages.find((record["tokens"] for record in records), gold, lengths, intervention, window)
        test = replace(test, segments=test.segments[known[test.segments[:, 0]]])
        wrong = (gold[test.last] == OUTSIDE) & (predicted.labels[test.last] == intervention)
        last = test.segments[wrong][:, [0, 2, 2]] - [0, 1, 0]
        sides = {GOLD: _at(predicted, gold, last), PREDICTED: _at(predicted, predicted.labels, last)}
        counts = class_counts(gold, predicted.labels, lengths, range(1, len(scheme.tags)))
        found[key] = Questions(sides, counts[known], test)
    return found


def _at(texts: Texts, labels: numpy.ndarray, segments: numpy.ndarray) -> Texts:
    """Take segments of texts, and the documents that they are in, at other labels."""
    data = replace(texts.data, allowed=one_label_each(labels, texts.data.labels))
    return select(replace(texts, data=data, labels=labels, segments=segments), numpy.arange(len(segments)))
