"""Slow oracles: enumerate every label sequence."""

from __future__ import annotations

import itertools
from dataclasses import dataclass

import numpy


@dataclass
class Enumeration:
    """All label sequences of one short sequence with their scores."""

    paths: numpy.ndarray  # paths x tokens
    scores: numpy.ndarray  # paths

    @property
    def log_partition(self) -> float:
        top = self.scores.max()
        return float(top + numpy.log(numpy.exp(self.scores - top).sum()))

    @property
    def probabilities(self) -> numpy.ndarray:
        return numpy.exp(self.scores - self.log_partition)

    def unary(self, labels: int) -> numpy.ndarray:
        return numpy.stack(
            [
                [self.probabilities[self.paths[:, t] == y].sum() for y in range(labels)]
                for t in range(self.paths.shape[1])
            ]
        )

    def pairs(self, labels: int) -> numpy.ndarray:
        counts = numpy.zeros((labels, labels))
        for path, probability in zip(self.paths, self.probabilities):
            for left, right in zip(path, path[1:]):
                counts[left, right] += probability
        return counts


def enumerate_paths(emissions, transitions, allowed=None, mask=None) -> Enumeration:
    tokens, labels = emissions.shape
    paths, scores = [], []
    for path in itertools.product(range(labels), repeat=tokens):
        if allowed is not None and not all(allowed[t, y] for t, y in enumerate(path)):
            continue
        edges = list(zip(path, path[1:]))
        if mask is not None:
            if not (mask.start[path[0]] and mask.end[path[-1]] and all(mask.follow[edge] for edge in edges)):
                continue
        paths.append(path)
        scores.append(sum(emissions[t, y] for t, y in enumerate(path)) + sum(transitions[e] for e in edges))
    return Enumeration(numpy.array(paths), numpy.array(scores))
