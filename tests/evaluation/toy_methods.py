"""Methods of another package, as it would write and register them."""

from __future__ import annotations

from contextlib import contextmanager
from dataclasses import dataclass

import catalogue
import numpy
from spacy.util import registry

from spacy_seginf.attribution.method import Attribution, Method
from spacy_seginf.influence.effects import HeadEffects


class Scores(Attribution):
    bytes_per_segment = 8.0

    def __init__(self, function):
        self.scores = function


Scores.__abstractmethods__ = frozenset()  # scores is given to each


class ToyExact(Method):
    name, cost = "toy exact", "a scan"

    def prepare(self, context):
        training = context.training
        effects = HeadEffects(training.data, context.head, context.penalty, context.metric, training.labels)
        return Scores(lambda queries: effects.scores(queries.chains(context.head), training.segments))


@dataclass
class ToyRandom(Method):
    seed: int = 0
    name, cost = "toy random", "none"

    def prepare(self, context):
        count = len(context.training)
        return Scores(lambda queries: numpy.random.default_rng(self.seed).normal(size=(len(queries), count)))


class Broken(Method):
    name, cost = "broken", "none"

    def prepare(self, context):
        return Scores(lambda queries: numpy.full((len(queries), len(context.training)), numpy.nan))


def make_random(seed: int = 0, checkpoints: str | None = None) -> ToyRandom:
    return ToyRandom(seed)


FUNCTIONS = {
    "tests.ToyExact.v1": lambda: ToyExact(),
    "tests.ToyRandom.v1": make_random,
    "tests.Broken.v1": lambda: Broken(),
    "tests.NoMethod.v1": lambda: 42,
}


@contextmanager
def registered():
    """Register the methods for a while."""
    for name, function in FUNCTIONS.items():
        registry.misc.register(name, func=function)
    try:
        yield
    finally:
        for name in FUNCTIONS:
            catalogue._remove((*registry.misc.namespace, name))
