"""How much memory and disk an index takes, told before the work from the sizes of corpus and head."""

from __future__ import annotations

from dataclasses import dataclass

from .. import budget
from .choose import LARGEST_HESSIAN
from .curvature import LARGEST_BLOCK
from .data import BATCH_TOKENS, MATRICES
from .effects import CHUNK
from .families import LARGEST_SUMS, MEMBERS
from .fit import remembered

DOUBLE, SINGLE, HALF = 8, 4, 2  # bytes
WORKING_ARRAYS = 12  # of the size that ``budget`` allows, at a time
TOKEN_ARRAYS = 5  # with a number for each label of every token (float64): scores, gradients, marginals, rows
DOCUMENT_ARRAYS = 12  # the same for one document: its chain, and recursions over it
HESSIANS = 5  # copies while one is added up, factorised, inverted and turned into quadratic forms
HELD_MATRICES = 3  # an inverse that is read, and what leverages take of it
SWEEPS = 3  # arrays with numbers for each triple of labels
SWEEP_CELLS = 2**23  # numbers in each, unless one document takes more
BLOCKS = 4  # copies of K-FAC's blocks
PAIR_BYTES = 64  # for each label, of the label pairs of an entity: those at its edges, and some inside it
FEATURE_BYTES = {"float32": 4, "float16": 2, "int8": 1}


@dataclass(frozen=True)
class CorpusSize:
    """What the cost of an index depends on.

    labels: tags of the head. width: numbers in a token vector. tokens: of the training corpus. longest: tokens of its
    longest document. entities: annotated ones. dev_tokens: of the development corpus. shard_tokens: of a shard.
    """

    labels: int
    width: int
    tokens: int
    longest: int
    entities: int = 0
    dev_tokens: int = 0
    shard_tokens: int = 65_536

    @property
    def parameters(self) -> int:
        """Numbers in theta: W with its bias column, and T."""
        return self.labels * (self.width + 1) + self.labels**2


@dataclass(frozen=True)
class Cost:
    """Bytes. memory: on top of what the process has before. disk: of the index."""

    memory: int
    disk: int


def used_curvature(size: CorpusSize, curvature: str) -> str:
    """Return the curvature that an index gets: K-FAC stands in for exact where the Hessian is too large."""
    return "kfac" if curvature == "exact" and size.parameters > LARGEST_HESSIAN else curvature


def estimate(size: CorpusSize, curvature: str, dtype: str, *, refit: bool = True, held: bool = False) -> Cost:
    """Estimate what an index takes, from above.

    curvature (str): "exact", "kfac" or "identity". dtype (str): precision of stored token vectors.
    refit (bool): whether the head is moved to its optimum. held (bool): whether head and curvature are there already.
    """
    curvature = used_curvature(size, curvature)
    labels, parameters = size.labels, size.parameters
    tokens = size.tokens + size.dev_tokens
    together = max(min(tokens, BATCH_TOKENS), size.longest)
    chains = together * labels if labels > budget.DENSE_LABELS else together * labels**2
    working = min(budget.NUMBERS * (1 if labels > budget.DENSE_LABELS else MATRICES), max(CHUNK * parameters, chains))
    memory = DOUBLE * WORKING_ARRAYS * min(working, budget.NUMBERS) + DOUBLE * 3 * working
    memory += tokens * (SINGLE * size.width + labels + TOKEN_ARRAYS * DOUBLE * labels)
    memory += DOUBLE * DOCUMENT_ARRAYS * labels * size.longest
    if held:
        memory += DOUBLE * HELD_MATRICES * parameters**2 if curvature == "exact" else 0
    elif refit or curvature != "identity":
        memory += DOUBLE * 4 * remembered(parameters) * parameters
        memory += _hessian(size, HESSIANS if curvature == "exact" else HESSIANS - 1)
    if not held:
        memory += SINGLE * 3 * size.width * size.tokens + (DOUBLE + SINGLE) * _sums(size)
    if curvature == "kfac" or parameters > LARGEST_HESSIAN:
        block = min(labels**2, LARGEST_BLOCK)
        memory += DOUBLE * BLOCKS * (block**2 + (size.width + 1) ** 2 + labels**2)
    return Cost(memory, _disk(size, curvature, FEATURE_BYTES[dtype]))


def _hessian(size: CorpusSize, copies: int) -> int:
    """Return the bytes of Hessians. Heads that are fitted have at least a rough one, if it is small enough."""
    if size.parameters > LARGEST_HESSIAN:
        return 0
    cells = max(min(SWEEP_CELLS, size.tokens * size.labels**3), size.longest * size.labels**3)
    return DOUBLE * (copies * size.parameters**2 + SWEEPS * cells)


def _disk(size: CorpusSize, curvature: str, feature_bytes: int) -> int:
    labels = size.labels
    row = feature_bytes * size.width + SINGLE * labels
    pairs = SINGLE * labels**2 if labels <= budget.DENSE_LABELS else PAIR_BYTES * labels
    metric = {"exact": size.parameters**2, "kfac": min(labels**2, LARGEST_BLOCK) ** 2 + labels**2, "identity": 0}
    heads = 2  # that which explains, and that of labels alone
    evidence = size.tokens * (HALF * labels + 12) + SINGLE * _sums(size)
    return evidence + size.tokens * (row + 32) + size.entities * (2 * row + pairs) + DOUBLE * heads * metric[curvature]


def _sums(size: CorpusSize) -> int:
    """Count the numbers in the summed gradients of families."""
    families = size.tokens // MEMBERS + 2 * size.labels
    return min(families * size.labels * (size.width + 1), 2 * LARGEST_SUMS)
