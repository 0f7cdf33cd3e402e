"""Vectors of training segments by word: an inverted index, of which a query reads only the words that it has."""

from __future__ import annotations

from dataclasses import dataclass, fields
from pathlib import Path
from typing import NamedTuple, Sequence

import numpy

from ..errors import Errors, SeginfError

DTYPES = ("float16", "float32")
ENTRY_BYTES = 24  # of an entry beside its vector: segment and scale, and the key with its start if it is the only one


class Entries(NamedTuple):
    """Vectors of words in segments; a word comes once per segment.

    segments (int64, entries), keys (uint64, entries), vectors (float32, entries x width).
    """

    segments: numpy.ndarray
    keys: numpy.ndarray
    vectors: numpy.ndarray


@dataclass(frozen=True)
class WordTable:
    """Entries in compressed rows by key.

    keys (uint64, k): ascending. starts (int64, k + 1): where the entries of each key begin, and where the last end.
    segments (int32, entries): ascending for each key. scales (float32, entries). vectors (float16 or float32, entries x
    width): divided by their scale, the largest absolute component, so that float16 loses no small ones.
    """

    keys: numpy.ndarray
    starts: numpy.ndarray
    segments: numpy.ndarray
    scales: numpy.ndarray
    vectors: numpy.ndarray

    @classmethod
    def build(cls, parts: Sequence[Entries], width: int, dtype: str) -> WordTable:
        """Sort entries by key and segment. parts (sequence of Entries): in any order. width (int): of their vectors."""
        segments = numpy.concatenate([numpy.zeros(0, numpy.int64), *(part.segments for part in parts)])
        keys = numpy.concatenate([numpy.zeros(0, numpy.uint64), *(part.keys for part in parts)])
        order = numpy.lexsort((segments, keys))
        scales = numpy.zeros(len(order), numpy.float32)
        vectors = numpy.zeros((len(order), width), dtype)
        place = numpy.empty(len(order), numpy.int64)
        place[order] = numpy.arange(len(order))
        first = 0
        for part in parts:  # one at a time: together they would be held twice
            rows = place[first : first + len(part.segments)]
            scales[rows] = numpy.abs(part.vectors).max(axis=1, initial=0.0)
            vectors[rows] = part.vectors / scales[rows][:, None]
            first += len(part.segments)
        found, starts = numpy.unique(keys[order], return_index=True)
        starts = numpy.append(starts, len(order)).astype(numpy.int64)
        return cls(found, starts, segments[order].astype(numpy.int32), scales, vectors)

    @property
    def nbytes(self) -> int:
        """Size of all arrays."""
        return sum(getattr(self, field.name).nbytes for field in fields(self))

    def add_products(self, scores: numpy.ndarray, entries: Entries, factor: float) -> None:
        """Add the inner products of shared words, times a factor, to scores (float64, queries x segments).

        entries (Entries): of the queries, whose numbers are the segments of it.
        """
        places = self._find(entries.keys)
        order = numpy.argsort(places, kind="stable")
        order = order[places[order] >= 0]
        if not len(order):
            return
        for rows in numpy.split(order, numpy.flatnonzero(numpy.diff(places[order])) + 1):
            held = self._held(places[rows[0]])
            products = self.vectors[held].astype(numpy.float32) @ entries.vectors[rows].T
            products *= factor * self.scales[held, None]
            scores[numpy.ix_(entries.segments[rows], self.segments[held])] += products.T

    def products(self, entries: Entries, segment: int) -> numpy.ndarray:
        """Return the inner product of each entry of a query with that of its word in a training segment (float64,
        entries); 0 where the word is not there."""
        result = numpy.zeros(len(entries.keys))
        for number, place in enumerate(self._find(entries.keys)):
            if place >= 0:
                held = self._held(place)
                row = held.start + int(numpy.searchsorted(self.segments[held], segment))
                if row < held.stop and self.segments[row] == segment:
                    vector = self.vectors[row].astype(numpy.float32)
                    result[number] = self.scales[row] * float(vector @ entries.vectors[number])
        return result

    def save(self, path: Path, prefix: str) -> None:
        """Write one file for each array."""
        for field in fields(self):
            numpy.save(path / f"{prefix}-{field.name}.npy", getattr(self, field.name), allow_pickle=False)

    @classmethod
    def load(cls, path: Path, prefix: str, count: int) -> WordTable:
        """Map what ``save`` wrote. count (int): of training segments.

        RAISES (ValueError): S093 if a file is missing or damaged.
        """
        arrays = {}
        for field in fields(cls):
            file = path / f"{prefix}-{field.name}.npy"
            try:
                arrays[field.name] = numpy.load(file, mmap_mode="r", allow_pickle=False)
            except (OSError, ValueError, EOFError) as error:
                raise SeginfError(Errors.S093.format(path=file, problem=error)) from None
        table = cls(**arrays)
        if not table._consistent(count):
            problem = "its arrays do not fit together"
            raise SeginfError(Errors.S093.format(path=path / f"{prefix}-*.npy", problem=problem))
        return table

    def _consistent(self, count: int) -> bool:
        kinds = [array.dtype.name for array in (self.keys, self.starts, self.segments, self.scales)]
        if kinds != ["uint64", "int64", "int32", "float32"] or self.vectors.dtype.name not in DTYPES:
            return False
        size = len(self.segments)
        if self.starts.shape != (len(self.keys) + 1,) or self.starts[0] != 0 or self.starts[-1] != size:
            return False
        if self.scales.shape != (size,) or self.vectors.ndim != 2 or len(self.vectors) != size:
            return False
        ascending = (self.keys[1:] > self.keys[:-1]).all() and (self.starts[1:] > self.starts[:-1]).all()
        return bool(ascending and (size == 0 or (self.segments.min() >= 0 and self.segments.max() < count)))

    def _find(self, keys: numpy.ndarray) -> numpy.ndarray:
        """Return the position of each key, -1 for those that are not there."""
        if not len(self.keys):
            return numpy.full(len(keys), -1)
        places = numpy.minimum(numpy.searchsorted(self.keys, keys), len(self.keys) - 1)
        return numpy.where(self.keys[places] == keys, places, -1)

    def _held(self, place: int) -> slice:
        return slice(int(self.starts[place]), int(self.starts[place + 1]))
