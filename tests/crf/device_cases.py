"""What every device must compute alike: functions of `put`, which moves a numpy array to the device."""

from __future__ import annotations

import numpy

from spacy_seginf.crf import (
    DecodingMask,
    forward_backward,
    negative_log_likelihood,
    neighbours,
    one_label_each,
    path_scores,
    segment_conditional,
    token_conditionals,
    viterbi,
)
from spacy_seginf.crf.covariance import covariance_product, expected_pairs, log_partitions
from spacy_seginf.crf.hessian import loss_hessian, markov_chain
from spacy_seginf.crf.likelihood import pairs_by_sequence
from spacy_seginf.crf.scan import SCAN_FROM

LABELS = 4
SHORT = [7, 0, 1, 12, 3]
LONG = [SCAN_FROM + 40, 2, 0, SCAN_FROM, 30]


class Inputs:
    """Random arguments of the functions, on the device."""

    def __init__(self, put, lengths, dtype="float64", span=2.0):
        generator = numpy.random.default_rng(0)
        rows = sum(lengths)
        gold = generator.integers(0, LABELS, size=rows)
        allowed = one_label_each(gold, LABELS) | (generator.random((rows, LABELS)) < 0.3)
        transitions = generator.uniform(-span / 2, span / 2, size=(LABELS, LABELS))
        transitions.flat[:2] = -span / 2, span / 2
        self.lengths = lengths
        self.emissions = put((2 * generator.normal(size=(rows, LABELS))).astype(dtype))
        self.transitions = put(transitions.astype(dtype))
        self.gold, self.allowed, self.one_each = put(gold), put(allowed), put(one_label_each(gold, LABELS))
        self.features = put(generator.normal(size=(rows, 3)))
        self.scores = put(generator.normal(size=(rows, LABELS)))
        self.own_transitions = put(generator.normal(size=(len(lengths), LABELS, LABELS)))
        start, end, follow = (generator.random(shape) < 0.7 for shape in (LABELS, LABELS, (LABELS, LABELS)))
        start[0] = end[0] = follow[0, 0] = True
        self.mask = DecodingMask(put(start), put(end), put(follow))

    @property
    def batch(self):
        return self.emissions, self.transitions, self.lengths

    @property
    def clamped(self):
        """Emissions that rule labels out."""
        emissions = self.emissions.copy()
        emissions[~self.allowed] = -numpy.inf
        return emissions

    @property
    def chain(self):
        return markov_chain(*self.batch)


def parts(value):
    """List the arrays of a result."""
    return list(vars(value).values()) if hasattr(value, "__dataclass_fields__") else [value]


def conditional(inputs, allowed):
    """The first sequence's conditional probability of two tokens."""
    rows = slice(0, inputs.lengths[0])
    arguments = inputs.emissions[rows], inputs.transitions, inputs.gold[rows], 2, 4
    return segment_conditional(*arguments, inputs.allowed[rows] if allowed else None)


ON_ANY_BATCH = {
    "forward_backward": lambda i: parts(forward_backward(*i.batch)),
    "forward_backward, restricted": lambda i: parts(forward_backward(*i.batch, i.allowed)),
    "likelihood": lambda i: parts(negative_log_likelihood(*i.batch, i.one_each)),
    "likelihood, missing labels": lambda i: parts(negative_log_likelihood(*i.batch, i.allowed)),
    "path_scores": lambda i: [path_scores(i.emissions, i.transitions, i.gold, i.lengths)],
    "viterbi": lambda i: [viterbi(*i.batch)],
    "viterbi, masked": lambda i: [viterbi(*i.batch, i.mask)],
}
IN_DOUBLE_PRECISION = {
    "token_conditionals": lambda i: parts(token_conditionals(i.emissions, i.transitions, i.gold, i.lengths)),
    "neighbours": lambda i: neighbours(i.gold, i.lengths),
    "pairs_by_sequence": lambda i: [pairs_by_sequence(i.gold, i.lengths, LABELS)],
    "segment_conditional": lambda i: [conditional(i, False)],
    "segment_conditional, restricted": lambda i: [conditional(i, True)],
    "markov_chain": lambda i: parts(i.chain),
    "markov_chain, restricted": lambda i: parts(markov_chain(i.clamped, i.transitions, i.lengths)),
    "loss_hessian": lambda i: [loss_hessian([(i.emissions, i.features, i.lengths)], i.transitions, 3)],
    "loss_hessian, restricted": lambda i: [loss_hessian([(i.clamped, i.features, i.lengths)], i.transitions, 3)],
    "expected_pairs": lambda i: [expected_pairs(i.chain, i.lengths)],
    "covariance_product": lambda i: covariance_product(i.chain, i.lengths, i.scores, i.own_transitions),
}
ONE_TOKEN_AT_LEAST = {
    "log_partitions": lambda i: [log_partitions(i.emissions, i.own_transitions, i.lengths)],
}


def cases():
    """List (name, function, lengths, dtype, span of the transitions)."""
    listed = []
    for kind, lengths in (("short", SHORT), ("long", LONG)):
        for name, function in ON_ANY_BATCH.items():
            for dtype in ("float32", "float64"):
                for span in (2.0, 400.0):
                    listed.append((f"{name}: {kind}, {dtype}, {span:g}", function, lengths, dtype, span))
        for name, function in IN_DOUBLE_PRECISION.items():
            listed.append((f"{name}: {kind}", function, lengths, "float64", 2.0))
        for name, function in ONE_TOKEN_AT_LEAST.items():
            filled = [length for length in lengths if length]
            listed.append((f"{name}: {kind}", function, filled, "float64", 2.0))
    return listed
