"""The rows of an index: gradients of all training labels, token by token and entity by entity."""

from __future__ import annotations

from dataclasses import dataclass

import numpy

from ..budget import at_once
from ..crf import token_conditionals
from ..crf.schemes import TagScheme
from .data import ranges
from .effects import HeadEffects
from .factors import TokenFactors, squared_norms
from .held_out import HeldOut
from .leverage_bounds import NEGLIGIBLE, norm_bounds, segment_leverage_bounds, token_leverage_bounds
from .pair_rows import PairRows
from .removal import correct_tokens
from .segments import SegmentFactors
from .token_leverage import norms_under, token_leverage

CHUNK = 1024


@dataclass(frozen=True)
class TokenRows:
    """What is known of every token, in document order.

    labels (ints, tokens x 3): of the left neighbour, of the token, of the right one; -1 beyond an edge.
    residuals (floats, tokens x labels): onehot(label) - p(label given neighbours), corrected.
    norms, self_influence (floats, tokens): norm of the gradient, corrected and not, in the metric of the index.
    leverage, held_out (floats, tokens): share in all curvature; p(label given text), its document held out.

    Labels whose leverage is negligible whatever it is keep their plain residuals, with bounds in these columns.
    """

    labels: numpy.ndarray
    residuals: numpy.ndarray
    norms: numpy.ndarray
    self_influence: numpy.ndarray
    leverage: numpy.ndarray
    held_out: numpy.ndarray


@dataclass(frozen=True)
class SegmentRows:
    """Entities that are annotated, and runs of O tokens that might be one.

    factors (SegmentFactors): gradients, corrected.
    positions (ints, n x 3): document, start and end token.
    types (ints, n x 2): tag of the first token, and the tag that the first token of a missing entity should have (-1
        for annotated ones).
    norms, self_influence, leverage (floats, n).
    """

    factors: SegmentFactors
    positions: numpy.ndarray
    types: numpy.ndarray
    norms: numpy.ndarray
    self_influence: numpy.ndarray
    leverage: numpy.ndarray


def token_rows(effects: HeadEffects, held_out: numpy.ndarray, *, corrected: bool) -> TokenRows:
    """Compute the gradient of every training token.

    corrected (bool): by the token's own leverage, norms in the metric of H^-1; else plain, Euclidean norms.
    """
    data, labels = effects.data, effects.labels
    count = len(labels)
    bound = effects.largest_gain if corrected else 1.0
    triples = numpy.empty((count, 3), dtype=numpy.int64)
    residuals = numpy.empty((count, data.labels), dtype=numpy.float32)
    norms, self_influence, leverage = numpy.zeros(count), numpy.zeros(count), numpy.zeros(count)
    for rows, allowed, lengths in data.slices():
        features = numpy.asarray(data.features[rows])
        emissions = effects.head.emissions(features)
        conditionals = token_conditionals(emissions, effects.head.transitions, labels[rows], lengths)
        tokens = TokenFactors(features, conditionals.residuals, conditionals.previous, conditionals.following)
        triples[rows] = numpy.stack([tokens.previous, labels[rows], tokens.following], axis=1)
        plain = numpy.sqrt(squared_norms(tokens))
        if not corrected:
            residuals[rows], norms[rows], self_influence[rows] = tokens.residuals, plain, plain
            continue
        block = tokens.residuals.copy()
        share = token_leverage_bounds(tokens, bound)
        self_influence[rows], leverage[rows] = plain * bound, share
        uncertain = numpy.flatnonzero((share > NEGLIGIBLE) & ~allowed.all(axis=1))  # the unlabelled are no references
        norms[rows] = norm_bounds(plain * bound, numpy.minimum(share, NEGLIGIBLE))
        size = at_once(data.labels**2, CHUNK)
        for start in range(0, len(uncertain), size):
            chosen = uncertain[start : start + size]
            matrices = token_leverage(effects.metric, tokens[chosen])
            probabilities = numpy.exp(conditionals.log_probabilities[chosen])
            correction = correct_tokens(tokens.residuals[chosen], probabilities, matrices, adding=effects.adding)
            place = rows.start + chosen
            self_influence[place] = norms_under(matrices, tokens.residuals[chosen])
            norms[place] = norms_under(matrices, correction.residuals)
            leverage[place] = correction.leverage
            block[chosen] = correction.residuals
        residuals[rows] = block
    return TokenRows(triples, residuals, norms, self_influence, leverage, held_out)


def segment_rows(effects: HeadEffects, held_out: HeldOut, scheme: TagScheme, *, corrected: bool) -> SegmentRows:
    """Compute the gradient of every annotated entity, and of every run of O tokens that might be one."""
    positions, types = _segments(effects, held_out, scheme)
    plain: SegmentFactors = effects.plain_gradients(positions)
    ends = numpy.cumsum(plain.lengths)
    residuals, pairs = plain.residuals.astype(numpy.float32), PairRows(plain.pairs)
    norms, leverage = numpy.zeros(len(plain)), numpy.zeros(len(plain))
    uncertain = numpy.zeros(0, dtype=numpy.int64)
    size = at_once(effects.head.size, CHUNK)
    for start in range(0, len(plain), size):
        norms[start : start + size] = numpy.linalg.norm(plain[start : start + size].gradients(), axis=1)
    self_influence = norms
    if corrected:
        self_influence = norms * effects.largest_gain
        leverage = segment_leverage_bounds(plain, effects.largest_gain)
        one_label = effects.data.allowed[effects.data.rows_of(positions)].sum(axis=1) == 1
        one_labelling = numpy.logical_and.reduceat(one_label, ends - plain.lengths) if len(plain) else one_label
        uncertain = numpy.flatnonzero((leverage > NEGLIGIBLE) | ~one_labelling)
        norms = norm_bounds(self_influence, numpy.minimum(leverage, NEGLIGIBLE))
    for chosen, part in effects.corrected_gradients(positions[uncertain]):
        place = uncertain[chosen]
        norms[place], self_influence[place], leverage[place] = part.norms, part.self_influence, part.leverage
        pairs[place] = part.factors.pairs
        residuals[ranges((ends - plain.lengths)[place], plain.lengths[place])] = part.factors.residuals
    factors = SegmentFactors(plain.features, residuals, pairs.result(), plain.lengths)
    return SegmentRows(factors, positions, types, norms, self_influence, leverage)


def _segments(effects: HeadEffects, held_out: HeldOut, scheme: TagScheme) -> tuple[numpy.ndarray, numpy.ndarray]:
    """List the segments (n x 3: document, start, end) and their types (n x 2), in the order of the documents."""
    data = effects.data
    found = []
    for number, (start, length) in enumerate(zip(data.starts.tolist(), data.lengths)):
        labels = effects.labels[start : start + length]
        known = numpy.logical_not(data.allowed[start : start + length].all(axis=1))
        for begin, end, _ in scheme.entities(labels):
            if known[begin:end].all():
                found.append((number, begin, end, int(labels[begin]), -1))
    found += [
        (document, start, end, 0, scheme.entity_tags(label, end - start)[0])
        for document, start, end, label in held_out.missing
    ]
    table = numpy.array(sorted(found), dtype=numpy.int64).reshape(-1, 5)
    return table[:, :3], table[:, 3:]
