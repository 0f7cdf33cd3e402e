"""Random scores: the floor that every method should rise above."""

from __future__ import annotations

import zlib
from dataclasses import dataclass

import numpy
from spacy.util import registry

from .method import Attribution, Context, Method, Texts
from .settings import check_least


@registry.misc("spacy_seginf.Random.v1")
@dataclass(frozen=True)
class Random(Method):
    """Score training segments at random, uniformly between -1 and 1.

    seed (int): another one gives other scores; the same text gets the same ones.
    RAISES (ValueError): S095 for a negative seed.
    """

    seed: int = 0
    name = "random"
    cost = "none"

    def __post_init__(self) -> None:
        check_least("Random", "seed", self.seed, 0)

    def prepare(self, context: Context) -> Attribution:
        """Count the training segments."""
        return _RandomAttribution(self.seed, len(context.training))


class _RandomAttribution(Attribution):
    def __init__(self, seed: int, count: int) -> None:
        self._seed, self._count = seed, count

    def scores(self, queries: Texts) -> numpy.ndarray:
        """Return numbers that have nothing to do with anything (float64, queries x training segments)."""
        result = numpy.empty((len(queries), self._count))
        for row, (document, start, end) in zip(result, queries.segments.tolist()):
            words = "\n".join(token.text for token in queries.docs[document])
            key = self._seed, zlib.crc32(words.encode("utf8", "surrogatepass")), start, end
            row[:] = numpy.random.default_rng(key).uniform(-1.0, 1.0, self._count)
        return result
