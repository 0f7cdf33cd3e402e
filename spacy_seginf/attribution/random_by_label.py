"""Random scores with the signs that labels give: the base rate of methods that know labels, and nothing else."""

from __future__ import annotations

from dataclasses import dataclass

import numpy
from spacy.util import registry

from .method import Attribution, Context, Texts
from .random_scores import Random


@registry.misc("spacy_seginf.RandomByLabel.v1")
@dataclass(frozen=True)
class RandomByLabel(Random):
    """Score training segments at random: between 0 and 1 those with the label that is explained, others between -1 and
    0. What a method finds beyond this, it does not have from labels alone.

    seed (int): as for ``Random``.
    RAISES (ValueError): S095 for a negative seed.
    """

    name = "random by label"

    def prepare(self, context: Context) -> Attribution:
        """Read the labels of the training segments."""
        return _SignedAttribution(super().prepare(context), context)


class _SignedAttribution(Attribution):
    def __init__(self, random: Attribution, context: Context) -> None:
        self._random, self._context = random, context
        self._labels = numpy.array(context.labels_of(context.training))

    def scores(self, queries: Texts) -> numpy.ndarray:
        """Return random numbers, positive where labels are the same (float64, queries x training segments)."""
        same = numpy.array(self._context.labels_of(queries))[:, None] == self._labels
        return numpy.abs(self._random.scores(queries)) * numpy.where(same, 1.0, -1.0)
