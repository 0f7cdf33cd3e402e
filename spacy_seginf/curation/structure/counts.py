"""How labels are distributed among the spans that share a key."""

from __future__ import annotations

import numpy


def other_types(keys: numpy.ndarray, types: numpy.ndarray, labels: int) -> numpy.ndarray:
    """Count the labels of all other spans with the same key (int64, n x labels); their sum is how many there are.

    keys (int64, n): -1 where a span has none, and shares nothing. types (int64, n): from 0 to labels - 1.

    Of combined keys of form and document these are the same form's labels in the document; counts by the form less
    these are those in other documents.
    """
    found = numpy.zeros((len(keys), labels), dtype=numpy.int64)
    rows = numpy.flatnonzero(keys >= 0)
    if len(rows):
        members = numpy.unique(keys[rows], return_inverse=True)[1].reshape(-1)
        together = numpy.bincount(members * labels + types[rows], minlength=(int(members.max()) + 1) * labels)
        found[rows] = together.reshape(-1, labels)[members]
        found[rows, types[rows]] -= 1
    return found
