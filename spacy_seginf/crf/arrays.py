"""Array plumbing: which library an array belongs to, and ragged rows padded for recursions over time."""

from __future__ import annotations

from dataclasses import dataclass
from types import ModuleType
from typing import Any, Iterator, Optional, Sequence, Union

import numpy

Array = Any  # numpy.ndarray or cupy.ndarray; every function keeps to the library of its input


def array_module(array: Array) -> ModuleType:
    """Return the module that made an array: cupy for arrays on a GPU, numpy otherwise."""
    if type(array).__module__.startswith("cupy"):
        import cupy

        return cupy
    return numpy


def sparse_matrix(values: Array, rows: Array, columns: Array, shape: tuple[int, int]) -> Any:
    """Build a matrix in compressed rows, of scipy or cupyx, from its entries (floats) and their places (ints)."""
    if array_module(values) is numpy:
        from scipy.sparse import csr_matrix
    else:
        from cupyx.scipy.sparse import csr_matrix
    return csr_matrix((values, (rows, columns)), shape=shape)


@dataclass(frozen=True)
class TimeMajor:
    """How flat rows (all tokens of all sequences, one after another) map to steps of a recursion.

    Sequences are sorted by falling length, so those still running at a step are a prefix and shorter
    ones cost nothing.

    forward (ints, steps x sequences): flat row of the token at each step; 0 where the sequence has ended.
    backward (ints, steps x sequences): the same for the sequences read from their ends.
    running (list of int): how many sequences have a token at each step.
    order (ints, sequences): original number of each column; empty sequences have no column.
    step (ints, rows): step of each flat row when read forward.
    reverse_step (ints, rows): step of each flat row when read backward.
    column (ints, rows): column of each flat row.
    """

    forward: Array
    backward: Array
    running: list[int]
    order: Array
    step: Array
    reverse_step: Array
    column: Array


def time_major(lengths: Sequence[int], xp: ModuleType = numpy) -> TimeMajor:
    """Lay sequences of the given lengths (numbers of tokens, zeros allowed) out by time step."""
    sizes = numpy.asarray(lengths, dtype=numpy.int64)
    starts = numpy.concatenate([[0], numpy.cumsum(sizes)[:-1]]) if len(sizes) else sizes
    order = numpy.argsort(-sizes, kind="stable")
    order = order[sizes[order] > 0]
    longest = int(sizes.max()) if len(order) else 0
    steps = numpy.arange(longest)[:, None]
    ends = starts[order] + sizes[order]
    inside = steps < sizes[order]
    forward = numpy.where(inside, starts[order] + steps, 0)
    backward = numpy.where(inside, ends - 1 - steps, 0)
    column_of_sequence = numpy.zeros(len(sizes), dtype=numpy.int64)
    column_of_sequence[order] = numpy.arange(len(order))
    step = numpy.arange(int(sizes.sum())) - numpy.repeat(starts, sizes)
    return TimeMajor(
        forward=xp.asarray(forward),
        backward=xp.asarray(backward),
        running=[int(count) for count in inside.sum(axis=1)],
        order=xp.asarray(order),
        step=xp.asarray(step),
        reverse_step=xp.asarray(numpy.repeat(sizes, sizes) - 1 - step),
        column=xp.asarray(numpy.repeat(column_of_sequence, sizes)),
    )


def sequence_groups(
    lengths: Union[Sequence[int], numpy.ndarray], cells: int, most: Optional[int] = None
) -> Iterator[numpy.ndarray]:
    """Yield numbers of sequences (int64), the longest first: padded to the longest, a group has at most so many cells,
    or one sequence. Recursions over sequences of about the same length waste no steps on the few that are longer.

    most (int): sequences in a group at most.
    """
    sizes = numpy.asarray(lengths, dtype=numpy.int64)
    order = numpy.argsort(-sizes, kind="stable")
    start = 0
    while start < len(order):
        count = max(1, cells // max(int(sizes[order[start]]), 1))
        yield order[start : start + (count if most is None else min(count, most))]
        start += count if most is None else min(count, most)


def padded_groups(
    lengths: Sequence[int], cells: int, most: Optional[int] = None
) -> list[tuple[numpy.ndarray, numpy.ndarray, list[int]]]:
    """Do the same for sequences that lie one after another, empty ones left out.

    RETURNS (list): numbers of the sequences, their flat rows (int64), and their lengths, group by group.
    """
    sizes = numpy.asarray(lengths, dtype=numpy.int64)
    starts = numpy.cumsum(sizes) - sizes
    result = []
    for group in sequence_groups(sizes, cells, most):
        numbers = group[sizes[group] > 0]
        if len(numbers):
            chosen = sizes[numbers]
            inside = numpy.arange(int(chosen.sum())) - numpy.repeat(numpy.cumsum(chosen) - chosen, chosen)
            result.append((numbers, numpy.repeat(starts[numbers], chosen) + inside, chosen.tolist()))
    return result


def boundaries(lengths: Sequence[int], xp: ModuleType = numpy) -> tuple[Array, Array]:
    """Return two boolean masks over flat rows: first tokens and last tokens of their sequences."""
    sizes = numpy.asarray([length for length in lengths if length], dtype=numpy.int64)
    ends = numpy.cumsum(sizes)
    first = numpy.zeros(int(sizes.sum()), dtype=bool)
    last = numpy.zeros_like(first)
    first[ends - sizes] = True
    last[ends - 1] = True
    return xp.asarray(first), xp.asarray(last)


def sequence_of_row(lengths: Sequence[int], xp: ModuleType = numpy) -> Array:
    """Return the number of the sequence that each flat row belongs to (int64, rows)."""
    sizes = numpy.asarray(lengths, dtype=numpy.int64)
    return xp.asarray(numpy.repeat(numpy.arange(len(sizes)), sizes))


def sum_by_sequence(values: Array, lengths: Sequence[int]) -> Array:
    """Sum flat values (rows,) per sequence, in float64; empty sequences give 0."""
    xp = array_module(values)
    total = xp.concatenate([xp.zeros(1), xp.cumsum(values.astype("float64"))])
    ends = xp.cumsum(xp.asarray(numpy.asarray(lengths, dtype=numpy.int64)))
    starts = xp.concatenate([xp.zeros(1, dtype=ends.dtype), ends[:-1]])
    return total[ends] - total[starts]
