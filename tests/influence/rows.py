"""Random factored gradients, the slow explicit oracle, and an index held in memory."""

from __future__ import annotations

from dataclasses import dataclass

import numpy

from spacy_seginf.influence.factors import TokenFactors, squared_norms


@dataclass
class MemoryRows:
    """Rows sorted by falling norm, as an index has them."""

    table: TokenFactors
    positions: numpy.ndarray
    norms: numpy.ndarray

    def __len__(self):
        return len(self.table)

    @property
    def parts(self):
        return [self]

    @property
    def first_rows(self):
        return numpy.array([0, len(self)])

    leading = None

    def factors(self, rows):
        return self.table[rows]

    def places(self, rows):
        return self.positions[rows, 0].astype("int64") * 1000 + self.positions[rows, 1]


def sorted_rows(table, positions):
    norms = numpy.sqrt(squared_norms(table))
    order = numpy.argsort(-norms, kind="stable")
    return MemoryRows(table[order], positions[order], norms[order])


def random_factors(generator, count, labels, width, *, whole=False):
    """Make random factors. ``whole`` ones are small fractions, on which float32 arithmetic is exact."""
    if whole:
        features = generator.integers(-3, 4, size=(count, width)).astype("float32")
        residuals = generator.integers(-2, 3, size=(count, labels)).astype("float32") / 4
    else:
        features = generator.normal(size=(count, width)).astype("float32")
        residuals = generator.normal(size=(count, labels)).astype("float32")
    neighbours = generator.integers(-1, labels, size=(2, count)).astype("int16")
    return TokenFactors(features, residuals, neighbours[0], neighbours[1])


def explicit_gradients(factors):
    """Write out -dCL/dW (bias column last) and -dCL/dT of each token as one long vector (float64)."""
    labels = factors.residuals.shape[1]
    vectors = []
    for row in range(len(factors)):
        residual = factors.residuals[row].astype("float64")
        weights = numpy.outer(residual, numpy.append(factors.features[row].astype("float64"), 1.0))
        transitions = numpy.zeros((labels, labels))
        if factors.previous[row] >= 0:
            transitions[factors.previous[row], :] += residual
        if factors.following[row] >= 0:
            transitions[:, factors.following[row]] += residual
        vectors.append(numpy.concatenate([weights.ravel(), transitions.ravel()]))
    return numpy.array(vectors).reshape(len(factors), -1)
