"""The rows of an index: single training tokens, or training entities. Rows are numbered shard by shard."""

from __future__ import annotations

from dataclasses import dataclass, fields
from functools import cached_property, lru_cache
from typing import TYPE_CHECKING, Any, Optional, Sequence, Union

import numpy

from ..crf.schemes import type_of
from ..influence.data import ranges
from ..influence.factors import TokenFactors
from ..influence.pair_rows import COLUMNS, LEFT, STARTS, STORED, TERMS, concatenated, stored_pairs
from ..influence.segments import SegmentFactors
from .arrays import check_falling, check_starts, check_within
from .shards import Shard
from .storage import StoredArray
from .writing import LEVERAGE_STEPS

if TYPE_CHECKING:
    from .addressing import Addresses

DESCRIBED = 4096  # references whose descriptions are kept
LEADING_BYTES = 32 << 20  # of token vectors that are kept in memory: those of the largest norms, which searches share
WRITTEN_BYTES = 64 << 20  # of gradients of entities that are written out, of the largest norms too
Rows = Union[slice, numpy.ndarray]


@dataclass(frozen=True)
class Filter:
    """Which rows may be found.

    labels (collection of str): entity types, tags, or "O"; None for all. documents (collection of str): ids; None for
    all. entities (bool): only what is annotated as an entity.
    """

    labels: Optional[frozenset[str]] = None
    documents: Optional[frozenset[str]] = None
    entities: bool = False


class _Part:
    """The rows of a kind in one shard, sorted by falling norm: the columns that tokens and entities have alike."""

    _prefix = ""  # of the files' names

    def __init__(self, shard: Shard, count: int) -> None:
        self._shard, self.count = shard, count

    def __len__(self) -> int:
        return self.count

    @cached_property
    def norms(self) -> numpy.ndarray:
        """Norms of the gradients, falling (float32, rows)."""
        column = self._column("norms")
        norms = column[:]
        check_falling(column.path, norms)
        return norms

    def tokens(self, rows: Any) -> numpy.ndarray:
        """Return the numbers of the rows' first tokens in the shard (int64)."""
        column = self._column("tokens")
        tokens = column[rows].astype(numpy.int64)
        check_within(column.path, tokens, 0, self._shard.facts["tokens"])
        return tokens

    def measure(self, name: str) -> numpy.ndarray:
        """Return "norms" or "self_influence" of all rows."""
        return self.norms if name == "norms" else self._column(name)[:]

    def leverage(self, rows: Any) -> numpy.ndarray:
        """Return the share of rows in all curvature, rounded up to 255ths (float64)."""
        return self._column("leverage")[rows] / LEVERAGE_STEPS

    def selected(self, tags: Sequence[str], where: Filter) -> numpy.ndarray:
        """Return the rows that labels and entities of a filter permit (bool, rows)."""
        return _label_permitted(tags, where)[self._own_tags]

    @property
    def _own_tags(self) -> numpy.ndarray:
        raise NotImplementedError

    def _column(self, name: str) -> StoredArray:
        return self._shard[self._prefix + name]


class TokenPart(_Part):
    """The token rows of one shard."""

    pair_numbers = 0

    def __init__(self, shard: Shard) -> None:
        super().__init__(shard, shard.facts["rows"])

    @cached_property
    def labels(self) -> numpy.ndarray:
        """Label of the left neighbour, of the token, of the right one; -1 beyond an edge (ints, stored tokens x 3)."""
        labels = self._shard["labels"][:]
        check_within(self._shard["labels"].path, labels, -1, self._shard.facts["labels"])
        return labels

    def factors(self, rows: Rows) -> TokenFactors:
        """Return the factored gradients of some rows."""
        labels, features = self._shard["labels"][rows], self._shard.features("features")
        check_within(self._shard["labels"].path, labels, -1, self._shard.facts["labels"])
        return TokenFactors(features[rows], self._shard["residuals"][rows], labels[:, 0], labels[:, 2])

    def lengths(self, rows: numpy.ndarray) -> numpy.ndarray:
        """Return how many tokens rows have (int64)."""
        return numpy.ones(len(rows), dtype=numpy.int64)

    @property
    def _own_tags(self) -> numpy.ndarray:
        return self.labels[: self.count, 1]


class SegmentPart(_Part):
    """The entity rows of one shard."""

    _prefix = "segment_"

    def __init__(self, shard: Shard) -> None:
        super().__init__(shard, shard.facts["segments"])

    @cached_property
    def types(self) -> numpy.ndarray:
        """Tag of the first token, and the tag that the first token of a missing entity should have; -1 for annotated
        ones (int16, rows x 2)."""
        types = self._shard["segment_types"][:]
        path, labels = self._shard["segment_types"].path, self._shard.facts["labels"]
        check_within(path, types[:, 0], 0, labels)
        check_within(path, types[:, 1], -1, labels)
        return types

    @cached_property
    def _starts(self) -> numpy.ndarray:
        starts = self._shard["segment_starts"][:]
        check_starts(self._shard["segment_starts"].path, starts, len(self._shard["segment_residuals"]))
        return starts

    @property
    def pair_numbers(self) -> int:
        """Numbers that are kept of the label pairs of a row, on average, where these are kept in factors."""
        if "segment_pairs" in self._shard:
            return 0
        stored = sum(self._shard.file(f"segment_{name}.npy").raw.nbytes for name in STORED)
        return stored // 4 // max(len(self), 1)

    def factors(self, rows: Rows) -> SegmentFactors:
        """Return the factored gradients of some rows."""
        features = self._shard.features("segment_features")
        if isinstance(rows, slice):
            start, stop, _ = rows.indices(self.count)
            tokens: Rows = slice(int(self._starts[start]), int(self._starts[max(start, stop)]))
            lengths = numpy.diff(self._starts[start : stop + 1])
        else:
            lengths = self.lengths(rows)
            tokens = ranges(self._starts[rows], lengths)
        residuals = self._shard["segment_residuals"][tokens]
        stored = ("pairs",) if "segment_pairs" in self._shard else ()
        pairs = stored_pairs(stored, self._pair_array, rows)
        return SegmentFactors(features[tokens], residuals, pairs, lengths)

    def _pair_array(self, name: str) -> Any:
        array = self._shard[f"segment_{name}"]
        if name in (STARTS, TERMS):
            check_starts(array.path, array[:], len(self._shard[f"segment_{COLUMNS if name == STARTS else LEFT}"]))
        return _Columns(array, self._shard.facts["labels"] ** 2) if name == COLUMNS else array

    def lengths(self, rows: numpy.ndarray) -> numpy.ndarray:
        """Return how many tokens rows have (int64)."""
        rows = numpy.asarray(rows)
        return self._starts[rows + 1] - self._starts[rows]

    @property
    def _own_tags(self) -> numpy.ndarray:
        return self.types[:, 0]


Part = Union[TokenPart, SegmentPart]


class _Columns:
    """Columns of entries of label pairs, which are looked at when they are read."""

    def __init__(self, array: StoredArray, count: int) -> None:
        self._array, self._count = array, count

    def __getitem__(self, rows: Any) -> numpy.ndarray:
        columns = self._array[rows]
        check_within(self._array.path, columns, 0, self._count)
        return columns


@dataclass(frozen=True)
class Leading:
    """The rows with the largest norms of all shards, in memory.

    factors: of the rows, features in float32. rows (int64): their numbers. norms (float32): falling.
    taken (list of int): how many are from each shard. order (int64): of their first tokens through all documents.
    """

    factors: Union[TokenFactors, SegmentFactors]
    rows: numpy.ndarray
    norms: numpy.ndarray
    taken: list[int]
    order: numpy.ndarray

    @cached_property
    def _by_number(self) -> tuple[numpy.ndarray, numpy.ndarray]:
        order = numpy.argsort(self.rows)
        return self.rows[order], order

    def find(self, rows: numpy.ndarray) -> Optional[numpy.ndarray]:
        """Return the places of some rows among these; None if one is not here."""
        numbers, order = self._by_number
        places = numpy.minimum(numpy.searchsorted(numbers, rows), len(numbers) - 1)
        return order[places] if (numbers[places] == rows).all() else None


class Table:
    """All rows of a kind. A row is a number; rows of the same shard are sorted by falling norm.

    parts (list of TokenPart or SegmentPart): by shard.
    """

    def __init__(self, addresses: Addresses, parts: Sequence[Part]) -> None:
        self._addresses = addresses
        self.parts: Sequence[Any] = parts
        self._described = lru_cache(maxsize=DESCRIBED)(self._describe)  # texts share references
        self.first_rows = numpy.cumsum([0, *(len(part) for part in parts)])

    def __len__(self) -> int:
        return int(self.first_rows[-1])

    @cached_property
    def norms(self) -> numpy.ndarray:
        """Norms of the gradients (float32, rows)."""
        return self._measure("norms")

    @cached_property
    def self_influence(self) -> numpy.ndarray:
        """Norms of the uncorrected gradients (float32, rows)."""
        return self._measure("self_influence")

    @property
    def _numbers(self) -> int:
        """Count the numbers of a row that searches have in memory, about."""
        manifest = self._addresses.manifest
        stored = max((part.pair_numbers for part in self.parts), default=0)
        return max(manifest.width, len(manifest.tags), stored, 1)

    @cached_property
    def leading(self) -> Optional[Leading]:
        """The rows that nearly all searches end in; None if there are no rows."""
        count = min(len(self), LEADING_BYTES // (4 * self._numbers))
        if not count:
            return None
        firsts = [part.norms[:count] for part in self.parts]
        norms = numpy.concatenate(firsts)
        rows = numpy.concatenate([numpy.arange(len(f)) + start for f, start in zip(firsts, self.first_rows.tolist())])
        order = numpy.argsort(-norms, kind="stable")[:count]
        owners = numpy.searchsorted(self.first_rows, rows[order], side="right") - 1
        taken = numpy.bincount(owners, minlength=len(self.parts)).tolist()
        rows = rows[order]
        factors = self._factors(rows)
        if isinstance(factors, TokenFactors):
            factors = factors.extended()
        else:
            labels = len(self._addresses.manifest.tags)
            factors = factors.extended(WRITTEN_BYTES // (4 * labels * (self._addresses.manifest.width + 1 + labels)))
        return Leading(factors, rows, norms[order], taken, self._places(rows))

    def leverage(self, row: int) -> float:
        """Return the share of a row in all curvature, rounded up to 255ths."""
        number, local = self._locate(row)
        return float(self.parts[number].leverage(local))

    def factors(self, rows: Any) -> Any:
        """Return the factored gradients of some rows, of any shards."""
        rows = numpy.arange(len(self))[rows] if isinstance(rows, slice) else numpy.asarray(rows, dtype=numpy.int64)
        places = self._in_memory(rows)
        return self._factors(rows) if places is None else self.leading.factors[places]  # type: ignore[union-attr]

    def _in_memory(self, rows: numpy.ndarray) -> Optional[numpy.ndarray]:
        """Return where rows are among the leading ones, if those are in memory already and have them all."""
        return self.leading.find(rows) if self.__dict__.get("leading") is not None and self.leading else None

    def _factors(self, rows: numpy.ndarray) -> Any:
        owners = numpy.searchsorted(self.first_rows, rows, side="right") - 1
        by_shard = numpy.argsort(owners, kind="stable")
        found = []
        for number in numpy.unique(owners).tolist():
            chosen = rows[owners == number] - self.first_rows[number]
            found.append(self.parts[number].factors(chosen))
        if len(found) == 1 and (numpy.diff(by_shard) > 0).all():
            return found[0]
        if not found:
            return self.parts[0].factors(slice(0, 0))
        names = [field.name for field in fields(found[0]) if getattr(found[0], field.name) is not None]
        columns = {name: concatenated([getattr(part, name) for part in found]) for name in names}
        return type(found[0])(**columns)[numpy.argsort(by_shard)]

    def gradients(self, rows: numpy.ndarray) -> numpy.ndarray:
        """Write the gradients of some rows out (float64, rows x P)."""
        factors = self.factors(rows)
        return (factors.as_segments() if isinstance(factors, TokenFactors) else factors).gradients()

    def places(self, rows: numpy.ndarray) -> numpy.ndarray:
        """Number the first tokens of rows through all documents, in their order (int64): what equals are ordered by."""
        places = self._in_memory(rows)
        return self._places(rows) if places is None else self.leading.order[places]  # type: ignore[union-attr]

    def _places(self, rows: numpy.ndarray) -> numpy.ndarray:
        result = numpy.empty(len(rows), dtype=numpy.int64)
        owners = numpy.searchsorted(self.first_rows, rows, side="right") - 1
        for number in numpy.unique(owners).tolist():
            chosen = owners == number
            local = rows[chosen] - self.first_rows[number]
            result[chosen] = self.parts[number].tokens(local) + self._addresses.first_tokens_of_shards[number]
        return result

    def positions(self) -> numpy.ndarray:
        """Return the document, start and end token of all rows (int64, rows x 3)."""
        found = [numpy.zeros((0, 3), dtype=numpy.int64)]
        for shard, part, first in zip(self._addresses.shards, self.parts, self._addresses.first_documents.tolist()):
            rows = numpy.arange(len(part))
            tokens, starts = part.tokens(rows), shard.token_starts
            documents = numpy.searchsorted(starts, tokens, side="right") - 1
            inside = tokens - starts[documents]
            found.append(numpy.stack([documents + first, inside, inside + part.lengths(rows)], axis=1))
        return numpy.concatenate(found)

    def segment(self, row: int) -> tuple[int, int, int]:
        """Return the document, start and end token of a row."""
        number, local = self._locate(row)
        part = self.parts[number]
        token, length = int(part.tokens(local)), int(part.lengths(numpy.array([local]))[0])
        document, start = self._addresses.document_of(number, token)
        return document, start, start + length

    def place(self, row: int) -> tuple[str, int]:
        """Return where a row comes from: document id and token number."""
        document, start, _ = self.segment(row)
        return self._addresses.place(document, start)

    def select(self, where: Filter) -> list[numpy.ndarray]:
        """Return the rows of each shard that a filter permits (int64, numbers in the shard, rising)."""
        found = []
        for shard, part in enumerate(self.parts):
            permitted = part.selected(self._addresses.manifest.tags, where)
            if where.documents is not None:
                tokens = part.tokens(slice(0, len(part)))
                permitted = permitted & self._addresses.in_documents(shard, tokens, where.documents)
            found.append(numpy.flatnonzero(permitted))
        return found

    def reference(self, row: int, context: int = 40) -> dict[str, Any]:
        """Describe a row as plain values, a dict of the caller's own."""
        return dict(self._described(row, context))

    def _describe(self, row: int, context: int) -> dict[str, Any]:
        raise NotImplementedError

    def _locate(self, row: int) -> tuple[int, int]:
        number = int(numpy.searchsorted(self.first_rows, row, side="right")) - 1
        return number, int(row - self.first_rows[number])

    def _measure(self, name: str) -> numpy.ndarray:
        return numpy.concatenate([part.measure(name) for part in self.parts])


class TokenTable(Table):
    """The rows of single training tokens."""

    def _describe(self, row: int, context: int) -> dict[str, Any]:
        number, local = self._locate(row)
        label = self._addresses.manifest.tags[int(self.parts[number].labels[local, 1])]
        return self._addresses.describe(*self.segment(row), label, context)


class SegmentTable(Table):
    """The rows of training entities: annotated ones, and those that are missing from the annotation."""

    def _describe(self, row: int, context: int) -> dict[str, Any]:
        """A missing entity has the label "O" and says what it might be."""
        number, local = self._locate(row)
        types = self.parts[number].types[local].tolist()
        label, missing = (self._addresses.manifest.tags[tag] if tag >= 0 else "" for tag in types)
        described = self._addresses.describe(*self.segment(row), label[2:] or label, context)
        return {**described, "missing": missing[2:]} if missing else described


def _label_permitted(tags: Sequence[str], where: Filter) -> numpy.ndarray:
    """Return which tags a filter permits (bool, tags)."""
    permitted = numpy.ones(len(tags), dtype=bool)
    if where.labels is not None:
        types = [type_of(tag) for tag in tags]
        permitted &= numpy.array([bool({tag, kind} & set(where.labels)) for tag, kind in zip(tags, types)])
    if where.entities:
        permitted &= numpy.array([tag != "O" for tag in tags])
    return permitted
