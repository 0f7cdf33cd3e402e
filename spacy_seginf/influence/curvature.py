"""The metric of influence: the inverse Hessian of the head's training loss, or what stands for it.

For a token with features F and neighbouring labels y-, y+, A is the linear map from theta to its logits; the gradient
of its conditional loss is -A^T e, and its leverage matrix is M = A H^-1 A^T.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Callable, Optional, Protocol

import numpy

from ..crf.factored import any_chain
from ..progress import TOKEN, advance
from .data import HeadData, with_constant
from .factors import TokenFactors
from .head import Head, join, split
from .linear_algebra import decompose, invert
from .segments import SegmentFactors

CHUNK = 512
LARGEST_BLOCK = 2048  # pairs of labels whose block of H K-FAC writes out: 32 MB
SMALL_VARIANCE = 1e-4  # of l2: beside it, pairs that vary less correlate with others by a hundredth at most
COLUMNS = 64  # of quadratic forms, at a time: narrower strips skip more of the zeros below the diagonal


class Metric(Protocol):
    """H^-1 of a head with ``labels`` labels and ``width`` columns of W, by what it does."""

    @property
    def labels(self) -> int: ...

    @property
    def width(self) -> int: ...

    def apply(self, vectors: numpy.ndarray) -> numpy.ndarray:
        """Multiply parameter vectors (float64, n x P) by H^-1."""

    def leverage(self, tokens: TokenFactors) -> numpy.ndarray:
        """Return M = A H^-1 A^T of each token (float64, tokens x labels x labels)."""


def solver_of(metric: Metric) -> Callable[[numpy.ndarray], numpy.ndarray]:
    """Return what multiplies one vector (float64, P) by H^-1, as ``fit.newton`` takes it."""
    return lambda vector: metric.apply(vector[None])[0]


@dataclass(frozen=True)
class IdentityCurvature:
    """The paper's setting: H is taken to be the identity."""

    labels: int
    width: int

    def apply(self, vectors: numpy.ndarray) -> numpy.ndarray:
        """Return the vectors as they are."""
        return vectors

    def leverage(self, tokens: TokenFactors) -> numpy.ndarray:
        """Return A A^T of each token (float64, tokens x labels x labels)."""
        every = numpy.arange(self.labels)
        lengths = numpy.einsum("nd,nd->n", tokens.features, tokens.features, dtype="float64") + 1.0
        lengths += (tokens.previous >= 0).astype("float64") + (tokens.following >= 0)
        result = lengths[:, None, None] * numpy.eye(self.labels)
        # The logits of two labels share T[y-, y+] where one reads it as an entry from the left, one from the right.
        both = numpy.flatnonzero((tokens.previous >= 0) & (tokens.following >= 0))
        crossed = (every[:, None] == tokens.following[both, None, None]) & (every == tokens.previous[both, None, None])
        result[both] += crossed.astype("float64") + crossed.transpose(0, 2, 1)
        return result


@dataclass(frozen=True)
class ExactCurvature:
    """The inverse Hessian H^-1 of J at the head's parameters, written out.

    inverse (float64, P x P), labels (int), width (int): P = labels * width + labels^2, as in ``Head.packed``.
    """

    inverse: numpy.ndarray
    labels: int
    width: int

    @classmethod
    def from_hessian(cls, hessian: numpy.ndarray, labels: int, width: int) -> ExactCurvature:
        """Factorise a Hessian. RAISES (ValueError): S051 if it is not positive definite."""
        return cls(invert(hessian), labels, width)

    def apply(self, vectors: numpy.ndarray) -> numpy.ndarray:
        """Multiply parameter vectors (float64, n x P) by H^-1."""
        return vectors @ self.inverse

    def leverage(self, tokens: TokenFactors) -> numpy.ndarray:
        """Return M = A H^-1 A^T of each token (float64, tokens x labels x labels)."""
        result = numpy.empty((len(tokens), self.labels, self.labels))
        for start in range(0, len(tokens), CHUNK):
            rows = slice(start, start + CHUNK)
            result[rows] = self._leverage(tokens[rows])
        return result

    def _leverage(self, tokens: TokenFactors) -> numpy.ndarray:
        labels, width, count = self.labels, self.width, len(tokens)
        w_size = labels * width
        features = with_constant(tokens.features)
        result = _transition_leverage(self.inverse[w_size:, w_size:], tokens, labels)
        pairs, forms = self._forms
        values = numpy.zeros((count, len(pairs[0])))
        for start, form in zip(range(0, width, COLUMNS), forms):
            columns = slice(start, start + COLUMNS)
            projected = (features[:, : len(form)] @ form).reshape(count, len(pairs[0]), -1)
            values += numpy.einsum("npf,nf->np", projected, features[:, columns])
        result[:, pairs[0], pairs[1]] += values
        apart = pairs[0] != pairs[1]
        result[:, pairs[1][apart], pairs[0][apart]] += values[:, apart]
        into, onward = _transition_entries(tokens, labels)
        for a in range(labels):
            crossed = numpy.concatenate([features @ self._mixed(a), numpy.zeros((count, 1))], axis=1)
            cross = numpy.take_along_axis(crossed, into, 1) + numpy.take_along_axis(crossed, onward, 1)
            result[:, a] += cross
            result[:, :, a] += cross
        return result

    def segment_leverage(
        self, segments: SegmentFactors, previous: numpy.ndarray, following: numpy.ndarray
    ) -> numpy.ndarray:
        """Return M = B H^-1 B^T of segments that all have the same number n of tokens. B maps theta to the scores of
        their labels, with what held neighbours add to the first and the last, and of label pairs inside.

        segments (SegmentFactors): only features are read. previous, following (ints, segments): labels of the held
            neighbours, -1 where there is none.
        RETURNS (float64, segments x r x r): r = n * labels + labels^2.
        """
        count, labels, width = len(segments), self.labels, self.width
        length = len(segments.features) // max(count, 1)
        w_size, size = labels * width, length * labels
        features = with_constant(segments.features)
        # Each score of a label reads some entries of T too, at the edges.
        read = numpy.zeros((count, length, labels, labels, labels))
        left, right, every = numpy.flatnonzero(previous >= 0), numpy.flatnonzero(following >= 0), numpy.arange(labels)
        read[left[:, None], 0, every, previous[left, None], every] += 1.0
        read[right[:, None], -1, every, every, following[right, None]] += 1.0
        edges = read.reshape(count, size, labels**2)
        weights = numpy.empty((count, length, labels, length, labels))
        mixed = numpy.empty((count, length, labels, labels**2))
        for a in range(labels):
            projected = features @ self.inverse[a * width : (a + 1) * width, :w_size]
            products = projected.reshape(count, size, width) @ features.reshape(count, length, width).transpose(0, 2, 1)
            weights[:, :, a] = products.reshape(count, length, labels, length).transpose(0, 1, 3, 2)
            mixed[:, :, a] = (features @ self._mixed(a)).reshape(count, length, labels**2)
        transitions = self.inverse[w_size:, w_size:]
        into_pairs = mixed.reshape(count, size, labels**2)
        crossed = into_pairs @ edges.transpose(0, 2, 1)
        into_pairs = into_pairs + edges @ transitions
        result = numpy.empty((count, size + labels**2, size + labels**2))
        result[:, :size, :size] = weights.reshape(count, size, size) + crossed.transpose(0, 2, 1)
        result[:, :size, :size] += into_pairs @ edges.transpose(0, 2, 1)
        result[:, :size, size:] = into_pairs
        result[:, size:, :size] = into_pairs.transpose(0, 2, 1)
        result[:, size:, size:] = transitions
        return result

    def _mixed(self, label: int) -> numpy.ndarray:
        """Return the block of one label's weights and of T (width x labels^2)."""
        return self.inverse[label * self.width : (label + 1) * self.width, self.labels * self.width :]

    @cached_property
    def _forms(self) -> tuple[tuple[numpy.ndarray, numpy.ndarray], list[numpy.ndarray]]:
        """The blocks of W as quadratic forms of a token's features: pairs of labels a <= b, and the forms' upper
        triangles, COLUMNS columns of all pairs at a time."""
        labels, width = self.labels, self.width
        blocks = self.inverse[: labels * width, : labels * width].reshape(labels, width, labels, width)
        pairs = numpy.triu_indices(labels)
        parts = []
        for start in range(0, width, COLUMNS):
            end = min(start + COLUMNS, width)
            form = blocks[pairs[0], :end, pairs[1], start:end] + blocks[pairs[0], start:end, pairs[1], :end].transpose(
                0, 2, 1
            )
            form[:, start:] = numpy.triu(form[:, start:])
            form[:, numpy.arange(start, end), numpy.arange(end - start)] /= 2
            parts.append(numpy.ascontiguousarray(form.transpose(1, 0, 2)).reshape(end, -1))
        return pairs, parts


@dataclass(frozen=True)
class KroneckerCurvature:
    """K-FAC (Martens and Grosse, 2015) for heads whose Hessian is too large: blocks W and T, and
    H_W = (sum_t S_t) (outer) (sum_t tr(S_t) F_t F_t^T / sum_t tr(S_t)) + l2, S_t the covariance of token t's label.

    Tokens count by their uncertainty, so that the trace is that of the exact block without its far covariances.

    The block of T is the sum of the covariances of label pairs at each token: written out for the pairs that vary, of
    which there are at most LARGEST_BLOCK, diagonal for the others. Leaving out the covariance of two pairs changes
    little where the variance of one is small beside l2.

    label_vectors (labels x labels), label_values (labels), feature_vectors (width x width), feature_values (width):
        eigenvectors (in columns) and eigenvalues of the two factors.
    pairs (ints, n, rising): pairs of labels, numbered left * labels + right, that are written out. All of them if there
        are at most LARGEST_BLOCK.
    transitions (n x n): inverse of their block. others (labels^2): inverse of the diagonal, 0 for these pairs.
    """

    label_vectors: numpy.ndarray
    label_values: numpy.ndarray
    feature_vectors: numpy.ndarray
    feature_values: numpy.ndarray
    transitions: numpy.ndarray
    l2: float
    pairs: numpy.ndarray
    others: numpy.ndarray

    @classmethod
    def from_data(cls, data: HeadData, head: Head, l2: float) -> KroneckerCurvature:
        """Read the documents and decompose both factors (eigh)."""
        label_factor = numpy.zeros((data.labels, data.labels))
        feature_factor = numpy.zeros((data.width, data.width))
        variances = numpy.zeros((data.labels, data.labels))
        for features, _, lengths in data.batches():
            chain = any_chain(head.emissions(features[:, :-1]), head.transitions, lengths)
            uncertainty = 1.0 - (chain.unary**2).sum(axis=1)
            label_factor += numpy.diag(chain.unary.sum(axis=0)) - chain.unary.T @ chain.unary
            feature_factor += features.T @ (uncertainty[:, None] * features)
            variances += chain.pair_variances()
            advance(len(features), TOKEN)
        feature_factor /= max(float(numpy.trace(label_factor)), 1e-300)
        label_values, label_vectors = decompose(label_factor)
        feature_values, feature_vectors = decompose(feature_factor)
        pairs = _varying(variances.ravel(), l2)
        others = 1.0 / (variances.ravel() + l2)
        others[pairs] = 0.0
        return cls(
            label_vectors,
            numpy.maximum(label_values, 0.0),
            feature_vectors,
            numpy.maximum(feature_values, 0.0),
            invert(_pair_covariances(data, head, pairs) + l2 * numpy.eye(len(pairs))),
            l2,
            pairs,
            others,
        )

    def scaled(self, factor: float) -> KroneckerCurvature:
        """Return that of so many times H."""
        return replace(
            self,
            feature_values=self.feature_values * factor,
            transitions=self.transitions / factor,
            l2=self.l2 * factor,
            others=self.others / factor,
        )

    def under(self, l2: float) -> KroneckerCurvature:
        """Return that of H with another penalty; the pairs that are written out stay the same."""
        block, others = invert(self.transitions), self.others.copy()
        block[numpy.diag_indices_from(block)] += l2 - self.l2
        diagonal = others > 0
        others[diagonal] = 1.0 / (1.0 / others[diagonal] + (l2 - self.l2))
        return replace(self, transitions=invert(block), l2=l2, others=others)

    @property
    def labels(self) -> int:
        """How many labels."""
        return len(self.label_values)

    @property
    def width(self) -> int:
        """Columns of W: d and the bias."""
        return len(self.feature_values)

    def apply(self, vectors: numpy.ndarray) -> numpy.ndarray:
        """Multiply parameter vectors (float64, n x P) by H^-1."""
        weights, transitions = split(vectors, self.labels)
        # Features are turned for all labels and vectors by one product, which is faster than one for each vector.
        turned = self.label_vectors.T @ (weights.reshape(-1, self.width) @ self.feature_vectors).reshape(weights.shape)
        turned /= numpy.multiply.outer(self.label_values, self.feature_values) + self.l2
        weights = ((self.label_vectors @ turned).reshape(-1, self.width) @ self.feature_vectors.T).reshape(
            weights.shape
        )
        flat = transitions.reshape(len(vectors), self.labels**2)
        solved = flat * self.others
        solved[:, self.pairs] = flat[:, self.pairs] @ self.transitions
        return join(weights, solved.reshape(transitions.shape))

    def leverage(self, tokens: TokenFactors) -> numpy.ndarray:
        """Return M = A H^-1 A^T of each token (float64, tokens x labels x labels)."""
        squares = (with_constant(tokens.features) @ self.feature_vectors) ** 2
        damped = 1.0 / (numpy.multiply.outer(self.feature_values, self.label_values) + self.l2)
        strength = squares @ damped
        result = (self.label_vectors * strength[:, None]) @ self.label_vectors.T
        places = numpy.full(self.labels**2, len(self.pairs))
        places[self.pairs] = numpy.arange(len(self.pairs))
        # The part of T depends on the neighbours only, and many tokens have the same ones.
        beside = numpy.stack([tokens.previous, tokens.following], axis=1)
        _, rows, same = numpy.unique(beside, axis=0, return_index=True, return_inverse=True)
        examples = tokens[rows]
        transitions = _transition_leverage(self.transitions, examples, self.labels, places)
        _add_diagonal_leverage(transitions, self.others, examples)
        result += transitions[same.reshape(-1)]
        return result


def metric_arrays(metric: Metric) -> dict[str, numpy.ndarray]:
    """Return what of a metric is kept on disk, by name."""
    return {
        name: numpy.asarray(value) for name, value in vars(metric).items() if name not in ("labels", "width", "_forms")
    }


def load_metric(curvature: str, arrays: dict[str, numpy.ndarray], labels: int, width: int) -> Metric:
    """Make a metric of what ``metric_arrays`` kept. curvature: "exact", "kfac" or "identity"."""
    if curvature == "exact":
        return ExactCurvature(arrays["inverse"], labels, width)
    if curvature == "kfac":
        if "pairs" not in arrays:  # as they were kept at first: all pairs of labels
            arrays = {**arrays, "pairs": numpy.arange(labels**2), "others": numpy.zeros(labels**2)}
        return KroneckerCurvature(**{**arrays, "l2": float(arrays["l2"])})  # type: ignore[arg-type]
    return IdentityCurvature(labels, width)


def _transition_entries(tokens: TokenFactors, labels: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    """For label a a logit reads T[y-, a] and T[a, y+]: return where they are in T (labels^2 where there is no
    neighbour)."""
    every, none = numpy.arange(labels), labels * labels
    previous, following = tokens.previous[:, None].astype(int), tokens.following[:, None].astype(int)
    into = numpy.where(previous >= 0, previous * labels + every, none)
    onward = numpy.where(following >= 0, every * labels + following, none)
    return into, onward


def _transition_leverage(
    block: numpy.ndarray, tokens: TokenFactors, labels: int, places: Optional[numpy.ndarray] = None
) -> numpy.ndarray:
    """Return the part of M that comes from the block of T in H^-1.

    places (ints, labels^2): where the pairs of labels are in the block, its size for those that are not; all of them,
        in their order, if None.
    """
    none = len(block)
    padded = numpy.zeros((none + 1, none + 1))
    padded[:none, :none] = block
    places = numpy.append(numpy.arange(labels * labels) if places is None else places, none)
    result = numpy.zeros((len(tokens), labels, labels))
    entries = [places[found] for found in _transition_entries(tokens, labels)]
    for one in entries:
        for other in entries:
            result += padded[one[:, :, None], other[:, None, :]]
    return result


def _add_diagonal_leverage(result: numpy.ndarray, diagonal: numpy.ndarray, tokens: TokenFactors) -> None:
    """Add the part of M (tokens x labels x labels) that comes from entries of T with a diagonal inverse (labels^2)."""
    labels = result.shape[1]
    every, padded = numpy.arange(labels), numpy.append(diagonal, 0.0)
    into, onward = _transition_entries(tokens, labels)
    result[:, every, every] += padded[into] + padded[onward]
    # The logits of two labels share T[y-, y+]: one reads it as an entry from the left, one from the right.
    both = numpy.flatnonzero((tokens.previous >= 0) & (tokens.following >= 0))
    previous, following = tokens.previous[both].astype(int), tokens.following[both].astype(int)
    shared = diagonal[previous * labels + following]
    result[both, following, previous] += shared
    result[both, previous, following] += shared


def _varying(variances: numpy.ndarray, l2: float) -> numpy.ndarray:
    """Choose the pairs of labels whose block of H is written out (int64, rising): all if they are few, else those with
    the largest variances (float64, labels^2), if they are not small beside l2."""
    if len(variances) <= LARGEST_BLOCK:
        return numpy.arange(len(variances))
    # In single precision: what equals but for rounding is ordered by its number, however the sums were computed.
    largest = numpy.argsort(-variances.astype("float32"), kind="stable")[:LARGEST_BLOCK]
    return numpy.sort(largest[variances[largest] > SMALL_VARIANCE * l2])


def _pair_covariances(data: HeadData, head: Head, pairs: numpy.ndarray) -> numpy.ndarray:
    """Add up the covariances of some label pairs (ints, n) at each token (float64, n x n)."""
    left, right = numpy.divmod(pairs, data.labels)
    result = numpy.zeros((len(pairs), len(pairs)))
    for rows, _, lengths in data.slices():
        chain = any_chain(head.emissions(data.features[rows]), head.transitions, lengths)
        probabilities = chain.pair_probabilities(left, right)
        result -= probabilities.T @ probabilities
        result[numpy.diag_indices_from(result)] += probabilities.sum(axis=0)
    return result
