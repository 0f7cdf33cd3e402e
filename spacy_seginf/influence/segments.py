"""Segments of documents: the gradients of their conditional losses in factored form, and their own curvature.

A segment is a run of tokens of one document whose labels are free while everything outside is held. It is a short
Markov chain (the labels beside it act through the transitions at its edges), with the statistics

    phi(y) = (sum_t onehot(y_t) (outer) F_t,  label pairs inside the segment and across its two edges)

Observed minus expected statistics are minus the gradient of its conditional loss CL (Jain et al. 2022);
their covariance is the Hessian of CL. Single tokens, entities, whole documents and sets of them are all segments.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Optional

import numpy

from ..budget import at_once
from ..crf.covariance import covariance_product, expected_pairs, log_partitions, sum_rows
from ..crf.factored import AnyChain, FactoredChain, any_chain
from ..crf.likelihood import pairs_by_sequence
from ..errors import OWN_TOKENS, Errors, SeginfError
from .data import HeadData, ranges
from .head import Head, split
from .pair_rows import Pairs, factored, written_out

LEAST_LOSS = 1e-15  # of segments of several tokens: differences of scores know no smaller ones


@dataclass(frozen=True)
class SegmentFactors:
    """Factored gradients of n segments; the tokens of all segments one after another.

    features (float32, tokens x d): token vectors without the constant 1, which is implied.
    residuals (floats, tokens x labels): observed minus expected labels.
    pairs (floats, n x labels x labels, or ``FactoredPairs``): observed minus expected (left, right) label
        pairs, edges included.
    lengths (int64, n): tokens of each segment.
    written (float32, at most n x P): the gradients of the first ones written out, as searches use them, if they are.
    """

    features: numpy.ndarray
    residuals: numpy.ndarray
    pairs: Any
    lengths: numpy.ndarray
    written: Optional[numpy.ndarray] = None

    def __len__(self) -> int:
        return len(self.lengths)

    def __getitem__(self, rows: Any) -> SegmentFactors:
        """Select segments by a slice or by numbers."""
        numbers = numpy.arange(len(self))[rows]
        tokens = ranges(numpy.cumsum(self.lengths)[numbers] - self.lengths[numbers], self.lengths[numbers])
        return SegmentFactors(self.features[tokens], self.residuals[tokens], self.pairs[numbers], self.lengths[numbers])

    @cached_property
    def starts(self) -> numpy.ndarray:
        """Where the tokens of each segment begin, and where the last ends (int64, n + 1)."""
        return numpy.concatenate([[0], numpy.cumsum(self.lengths)])

    def between(self, first: int, last: int) -> SegmentFactors:
        """Return a range of segments as views, also of what is written out."""
        tokens = slice(int(self.starts[first]), int(self.starts[last]))
        written = None if self.written is None or last > len(self.written) else self.written[first:last]
        residuals, pairs, lengths = self.residuals[tokens], self.pairs[first:last], self.lengths[first:last]
        return SegmentFactors(self.features[tokens], residuals, pairs, lengths, written)

    def extended(self, count: int) -> SegmentFactors:
        """Return the same, with the gradients of the first segments written out for searches: one product then scores
        them, where factors take one for each label."""
        return replace(self, written=self.between(0, min(count, len(self))).gradients().astype(numpy.float32))

    def gradients(self) -> numpy.ndarray:
        """Write the gradients out (float64, n x P), in the order of ``Head.packed``: minus those of CL."""
        labels, width = self.residuals.shape[1], self.features.shape[1] + 1
        result = numpy.zeros((len(self), labels * (width + labels)))
        weights, pairs = split(result, labels)
        ends = numpy.cumsum(self.lengths)
        residuals = self.residuals.astype(numpy.float64, copy=False)
        if len(residuals) == len(self):  # single tokens
            numpy.multiply(residuals[:, :, None], self.features[:, None, :], out=weights[:, :, :-1])
        else:
            for number, (start, end) in enumerate(zip(ends - self.lengths, ends)):
                weights[number, :, :-1] = residuals[start:end].T @ self.features[start:end]
        weights[:, :, -1] = sum_rows(residuals, self.lengths.tolist())
        pairs[...] = written_out(self.pairs).reshape(pairs.shape)
        return result


class SegmentChains:
    """Segments under a head, each free to take any labels with everything outside held.

    head (Head). data (HeadData): documents. labels (ints, all tokens): the labels that everything outside is held at.
    segments (ints, n x 3): document, start and end (token offsets in the document, end exclusive).
    observed (bool, tokens of the segments x labels): labels that are permitted inside, if not ``data.allowed``.
    RAISES (ValueError): S029 if a segment is empty or not inside its document.
    """

    def __init__(
        self,
        head: Head,
        data: HeadData,
        labels: numpy.ndarray,
        segments: numpy.ndarray,
        observed: Optional[numpy.ndarray] = None,
    ) -> None:
        segments = numpy.asarray(segments, dtype=numpy.int64).reshape(-1, 3)
        self.segments = segments
        self.head, self._source = head, (data, labels)
        sizes = numpy.asarray(data.lengths, dtype=numpy.int64)
        documents, starts, ends = segments.T
        if len(segments) and (
            (documents < 0).any()
            or (documents >= len(sizes)).any()
            or (starts < 0).any()
            or (ends <= starts).any()
            or (ends > sizes[documents]).any()
        ):
            raise SeginfError(
                Errors.S029.format(problem="a segment is empty or reaches out of its document", advice=OWN_TOKENS)
            )
        first = data.starts[documents] + starts
        self.lengths = ends - starts
        self.rows = data.rows_of(segments)
        self.features = numpy.asarray(data.features[self.rows])
        self.edge_rows = numpy.cumsum(self.lengths) - self.lengths, numpy.cumsum(self.lengths) - 1
        self.previous = numpy.where(starts > 0, labels[first - 1], -1) if len(segments) else documents
        past_end = numpy.minimum(first + self.lengths, len(labels) - 1)
        self.following = numpy.where(ends < sizes[documents], labels[past_end], -1) if len(segments) else documents
        self.transitions, self.emissions = head.transitions, head.emissions(self.features)
        self._fold(self.emissions, numpy.broadcast_to(self.transitions, (len(segments), *self.transitions.shape)))
        self._spans = self.lengths.tolist()
        self.chain: AnyChain = any_chain(self.emissions, self.transitions, self._spans)
        allowed = data.allowed[self.rows] if observed is None else observed
        self.observed, self._clamped = allowed, self._clamp(allowed)

    def __len__(self) -> int:
        return len(self.lengths)

    def at(self, head: Head, observed: numpy.ndarray) -> SegmentChains:
        """Return the same segments under another head and with other permitted labels."""
        return SegmentChains(head, *self._source, self.segments, observed)

    def factors(self) -> SegmentFactors:
        """Return observed minus expected statistics (float64): minus the gradient of each segment's CL."""
        return self.with_edges(*self.statistics())

    def gradients(self) -> numpy.ndarray:
        """Write them out (float64, n x P)."""
        return self.factors().gradients()

    def statistics(self) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Return observed minus expected labels (float64, tokens x labels) and pairs of labels inside the segments
        (float64, n x labels x labels)."""
        unary = -self.chain.unary
        pairs = -expected_pairs(self.chain, self._spans)
        if self._clamped is None:
            held = self.observed
            unary[held] = 0.0
            # 1 - p as the sum of the other probabilities: no cancellation for confident predictions.
            unary[held] = -unary.sum(axis=1)
            pairs += pairs_by_sequence(held.argmax(axis=1), self._spans, self.chain.unary.shape[1])
        else:
            unary += self._clamped.unary
            pairs += expected_pairs(self._clamped, self._spans)
        return unary, pairs

    def curvature_product(self, vectors: numpy.ndarray) -> SegmentFactors:
        """Multiply the Hessian of each segment's CL by a vector of its own (float64, n x P); the result is factored."""
        return self.with_edges(*self.covariances(*self._scores_along(vectors)))

    def kept_pairs(
        self, pairs: numpy.ndarray, vectors: Optional[numpy.ndarray] = None, weights: Optional[numpy.ndarray] = None
    ) -> Pairs:
        """Return pairs (float64, n x labels x labels) in the form in which many are kept: as they are for few labels.

        vectors (float64, n x P), weights (float64, n): the pairs are those of ``factors`` and, so much each, those of
            ``curvature_product`` with these vectors.
        """
        if not isinstance(self.chain, FactoredChain):
            return pairs
        if vectors is None or weights is None:
            scores, weights = (numpy.zeros_like(self.emissions), numpy.zeros_like(pairs)), numpy.zeros(len(self))
        else:
            scores = self._scores_along(vectors)
        return factored(pairs, *self.chain.pair_terms(*scores, weights), self.chain.kernels[0])

    def covariances(self, emissions: numpy.ndarray, pairs: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Multiply the Hessian of each segment's CL with respect to its scores, those of labels (float64, tokens x
        labels) and of pairs of labels inside (float64, n x labels x labels); the result has the same shapes."""
        unary, counts = covariance_product(self.chain, self._spans, emissions, pairs)
        if self._clamped is not None:
            fixed = covariance_product(self._clamped, self._spans, emissions, pairs)
            unary, counts = unary - fixed[0], counts - fixed[1]
        return unary, counts

    def losses(self, steps: Optional[numpy.ndarray] = None) -> numpy.ndarray:
        """Return CL of every segment at its observed labels after each step of theta, exactly.

        steps (float64, m x P): changes of theta; each is applied to all segments. One that changes nothing if None.
        RETURNS (float64, m x n): -log p(observed labels | labels outside, text), in nats.
        """
        steps = numpy.zeros((1, self.head.size)) if steps is None else steps
        size, count = self.head.labels, len(steps)
        weights, pairs = split(steps, size)
        flat = weights[:, :, :-1].reshape(count * size, -1)
        emissions = (self.features @ flat.T).reshape(-1, count, size).transpose(1, 0, 2) + weights[:, None, :, -1]
        first, last = self.edge_rows
        left, right = numpy.flatnonzero(self.previous >= 0), numpy.flatnonzero(self.following >= 0)
        emissions[:, first[left]] += pairs[:, self.previous[left]]
        emissions[:, last[right]] += pairs[:, :, self.following[right]].transpose(0, 2, 1)
        emissions += self.emissions
        places = numpy.repeat(numpy.arange(count), len(self))
        labels = numpy.tile(self.observed.argmax(axis=1), count)
        flat = emissions.reshape(-1, size)
        losses = conditional_losses(flat, labels, self.transitions, pairs, places, numpy.tile(self.lengths, count))
        return losses.reshape(count, len(self))

    def _clamp(self, allowed: numpy.ndarray) -> Optional[AnyChain]:
        if bool((allowed.sum(axis=1) == 1).all()):
            return None
        return any_chain(numpy.where(allowed, self.emissions, -numpy.inf), self.transitions, self._spans)

    def _scores_along(self, vectors: numpy.ndarray) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Score tokens (edges folded in) and label pairs with one parameter vector per segment."""
        weights, pairs = split(vectors, self.head.labels)
        emissions = numpy.repeat(weights[:, :, -1], self.lengths, axis=0)
        if len(self.features) == len(self):  # single tokens
            emissions += numpy.einsum("td,tcd->tc", self.features, weights[:, :, :-1])
        else:
            for number, (first, last) in enumerate(zip(*self.edge_rows)):
                emissions[first : last + 1] += self.features[first : last + 1] @ weights[number, :, :-1].T
        self._fold(emissions, pairs)
        return emissions, pairs

    def _fold(self, emissions: numpy.ndarray, pairs: numpy.ndarray) -> None:
        """Add what the held neighbours contribute to the first and the last token of each segment."""
        first, last = self.edge_rows
        left, right = numpy.flatnonzero(self.previous >= 0), numpy.flatnonzero(self.following >= 0)
        emissions[first[left]] += pairs[left, self.previous[left]]
        emissions[last[right]] += pairs[right, :, self.following[right]]

    def with_edges(self, unary: numpy.ndarray, pairs: numpy.ndarray) -> SegmentFactors:
        """Complete statistics of labels (tokens x labels) and of pairs inside the segments (n x labels x labels) by the
        pairs across the edges, of which one label is held."""
        first, last = self.edge_rows
        left, right = numpy.flatnonzero(self.previous >= 0), numpy.flatnonzero(self.following >= 0)
        pairs = pairs.copy()
        pairs[left, self.previous[left]] += unary[first[left]]
        pairs[right, :, self.following[right]] += unary[last[right]]
        return SegmentFactors(self.features, unary, pairs, self.lengths)


def conditional_losses(
    emissions: numpy.ndarray,
    labels: numpy.ndarray,
    transitions: numpy.ndarray,
    changes: numpy.ndarray,
    places: numpy.ndarray,
    lengths: numpy.ndarray,
) -> numpy.ndarray:
    """Return log Z minus the score of the given labels, for segments under different heads (float64, segments; nats).

    emissions (float64, tokens x labels): held neighbours included. labels (ints, tokens).
    transitions (float64, labels x labels), changes (floats, m x labels x labels): of these. places (ints, segments):
        number of the change that each segment has.
    lengths (ints, segments): tokens of each.
    """
    first = numpy.cumsum(lengths) - lengths
    losses = numpy.empty(len(lengths))
    single = numpy.flatnonzero(lengths == 1)
    losses[single] = _token_losses(emissions[first[single]], labels[first[single]])
    longer, together = numpy.flatnonzero(lengths > 1), at_once(emissions.shape[1] ** 2, len(lengths))
    for start in range(0, len(longer), together):
        several = longer[start : start + together]
        rows, own = ranges(first[several], lengths[several]), changes[places[several]] + transitions
        losses[several] = _chain_losses(emissions[rows], labels[rows], own, lengths[several])
    return losses


def _token_losses(emissions: numpy.ndarray, labels: numpy.ndarray) -> numpy.ndarray:
    """Return -log softmax of the labels: the log of 1 + the odds against them, which does not cancel for p near 1."""
    rows = numpy.arange(len(labels))
    against = emissions - emissions[rows, labels][:, None]
    against[rows, labels] = -numpy.inf
    highest = numpy.maximum(against.max(axis=1, initial=-numpy.inf), -700.0)
    return numpy.logaddexp(0.0, numpy.log(numpy.exp(against - highest[:, None]).sum(axis=1) + 1e-300) + highest)


def _chain_losses(
    emissions: numpy.ndarray, labels: numpy.ndarray, transitions: numpy.ndarray, lengths: numpy.ndarray
) -> numpy.ndarray:
    """Return log Z minus the score of the labels, for chains with transitions of their own."""
    first = numpy.cumsum(lengths) - lengths
    owners = numpy.repeat(numpy.arange(len(lengths)), lengths)
    scores = emissions[numpy.arange(len(labels)), labels]
    inner = numpy.setdiff1d(numpy.arange(len(labels)), first + lengths - 1)  # their right neighbour is in the chain
    scores[inner] += transitions[owners[inner], labels[inner], labels[inner + 1]]
    whole = log_partitions(emissions, transitions, lengths.tolist())
    return numpy.maximum(whole - numpy.add.reduceat(scores, first), LEAST_LOSS)
