"""Linear-chain CRF mathematics on numpy or cupy arrays. No spaCy, no torch, no files."""

from .arrays import Array
from .conditional import NO_NEIGHBOUR, TokenConditionals, neighbours, segment_conditional, token_conditionals
from .forward_backward import Posterior, forward_backward
from .likelihood import Loss, negative_log_likelihood, one_label_each, path_scores, split_rows
from .viterbi import DecodingMask, viterbi

__all__ = [
    "NO_NEIGHBOUR",
    "Array",
    "DecodingMask",
    "Loss",
    "Posterior",
    "TokenConditionals",
    "forward_backward",
    "negative_log_likelihood",
    "neighbours",
    "one_label_each",
    "path_scores",
    "segment_conditional",
    "split_rows",
    "token_conditionals",
    "viterbi",
]
