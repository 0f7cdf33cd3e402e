"""What the arrays of an index may be: their types, their shapes, and values that lead to other places."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any, Callable, Mapping, Optional, Sized

import numpy

from ..errors import Errors, SeginfError

FLOAT32, FLOAT64, INT32, INT64 = ("float32",), ("float64",), ("int32",), ("int64",)
# Types and shapes of the arrays of a shard. Letters stand for sizes: d documents, n tokens, r rows, s segments,
# L labels, B bytes of label bits, W width; D and S are one more. Those of FIRST are as many as another array has.
SHARD_ARRAYS: dict[str, tuple[tuple[str, ...], str]] = {
    "features": ((), "kW"),
    "features_scales": (FLOAT32, "k"),
    "residuals": (FLOAT32, "rL"),
    "labels": (("int8", "int16"), "k3"),
    "tokens": (("uint32",), "k"),
    "norms": (FLOAT32, "r"),
    "self_influence": (FLOAT32, "r"),
    "leverage": (("uint8",), "r"),
    "held_out": (FLOAT32, "n"),
    "segment_features": ((), "tW"),
    "segment_features_scales": (FLOAT32, "t"),
    "segment_residuals": (FLOAT32, "tL"),
    "segment_pairs": (FLOAT32, "sLL"),
    "segment_starts": (INT64, "S"),
    "segment_tokens": (("uint32",), "s"),
    "segment_types": (("int16",), "s2"),
    "segment_norms": (FLOAT32, "s"),
    "segment_self_influence": (FLOAT32, "s"),
    "segment_leverage": (("uint8",), "s"),
    "segment_pair_starts": (INT64, "S"),
    "segment_pair_terms": (INT64, "S"),
    "segment_pair_columns": (INT32, "e"),
    "segment_pair_values": (FLOAT32, "e"),
    "segment_pair_left": ((*FLOAT32, *FLOAT64), "mL"),
    "segment_pair_right": ((*FLOAT32, *FLOAT64), "mL"),
    "segment_pair_kernel": ((*FLOAT32, *FLOAT64), "LL"),
    "token_starts": (INT64, "D"),
    "first_tokens": (INT32, "d"),
    "token_offsets": (INT32, "n2"),
    "allowed": (("uint8",), "nB"),
    **dict.fromkeys(("texts", "ids", "word_norms"), (INT64, "D")),
}
FIRST = {"k": "tokens", "t": "segment_residuals", "e": "segment_pair_columns", "m": "segment_pair_left"}


@dataclass(frozen=True)
class Sizes:
    """How large the arrays of a shard are, by the letters of ``SHARD_ARRAYS``.

    dtype (str): of token vectors. tokens, labels (int): of the shard.
    """

    by_letter: Mapping[str, int]
    dtype: str

    @property
    def tokens(self) -> int:
        """Tokens of the shard."""
        return self.by_letter["n"]

    @property
    def labels(self) -> int:
        """Labels of the head."""
        return self.by_letter["L"]

    def check(self, name: str, array: Any, others: Callable[[str], Sized]) -> None:
        """Check type and shape of a stored array. RAISES (ValueError): S032.

        others (Callable): opens another array of the shard.
        """
        dtypes, letters = SHARD_ARRAYS.get(name, ((), ""))
        if not letters:
            raise damaged(array.path, "an index has no such array")
        shape: list[Optional[int]] = []
        for letter in letters:
            first = FIRST.get(letter, "")
            if letter.isdigit():
                shape.append(int(letter))
            elif not first:
                shape.append(self.by_letter[letter])
            else:
                shape.append(None if first == name else len(others(first)))
        check_type(array.path, array, dtypes or (self.dtype,), shape)
        # Dropped rows are not there, and neither are tokens without a label then.
        if name == "tokens" and len(array) not in (self.by_letter["n"], self.by_letter["r"]):
            raise damaged(array.path, f"it has {len(array)} rows, which the manifest does not say")


def sizes_of(facts: Mapping[str, int], labels: int, width: int, dtype: str) -> Sizes:
    """Return the sizes of the arrays of a shard with some documents, tokens, rows and segments."""
    d, n, r, s = (facts[key] for key in ("documents", "tokens", "rows", "segments"))
    sizes = {"d": d, "D": d + 1, "n": n, "r": r, "s": s, "S": s + 1, "L": labels, "B": -(-labels // 8), "W": width}
    return Sizes(sizes, dtype)


def check_type(path: Path, array: Any, dtypes: tuple[str, ...], shape: list[Optional[int]]) -> None:
    """Check type and shape (None: any size) of an array. RAISES (ValueError): S032."""
    if array.dtype.name not in dtypes or not array.dtype.isnative:
        raise damaged(path, f"its numbers are {array.dtype} instead of {' or '.join(dtypes)}")
    found = array.shape
    if len(found) != len(shape) or any(size not in (None, length) for size, length in zip(shape, found)):
        wanted = " x ".join("any" if size is None else str(size) for size in shape)
        raise damaged(path, f"its shape is {' x '.join(map(str, found))} instead of {wanted}")


def check_metric(folder: Path, curvature: str, arrays: Mapping[str, Any], labels: int, width: int) -> None:
    """Check the opened arrays of a metric, by name. RAISES (ValueError): S032."""
    pairs = labels * labels
    varying = len(arrays["pairs"]) if "pairs" in arrays else pairs
    shapes: dict[str, dict[str, list[Optional[int]]]] = {
        "exact": {"inverse": [labels * width + pairs] * 2},
        "kfac": {
            **{"label_vectors": [labels, labels], "label_values": [labels], "l2": []},
            **{"feature_vectors": [width, width], "feature_values": [width], "transitions": [varying, varying]},
            **({"pairs": [varying], "others": [pairs]} if "pairs" in arrays else {}),
        },
    }
    for name, shape in shapes.get(curvature, {}).items():
        if name not in arrays:
            raise damaged(folder, f"the array {name!r} of its {curvature} curvature is missing")
        check_type(arrays[name].path, arrays[name], INT64 if name == "pairs" else FLOAT64, shape)
    if curvature == "kfac" and "pairs" in arrays:
        check_within(arrays["pairs"].path, arrays["pairs"][:], 0, pairs)


def check_falling(path: Path, values: numpy.ndarray) -> None:
    """Check norms, by which rows are sorted. RAISES (ValueError): S032."""
    if len(values) and not (values[0] < numpy.inf and values[-1] >= 0 and (values[1:] <= values[:-1]).all()):
        raise damaged(path, "its numbers do not fall")


def check_starts(path: Path, values: numpy.ndarray, end: Optional[int] = None) -> None:
    """Check where things begin that lie one behind another, and where the last ends. RAISES (ValueError): S032."""
    last = int(values[-1]) if end is None else end
    if values[0] != 0 or int(values[-1]) != last or (values[1:] < values[:-1]).any():
        raise damaged(path, "its numbers do not rise from 0 to what there is")


def check_within(path: Path, values: numpy.ndarray, low: int, high: int) -> None:
    """Check numbers of things, of which there are some. RAISES (ValueError): S032."""
    if values.size and not (int(values.min()) >= low and int(values.max()) < high):
        raise damaged(path, f"its numbers are not all between {low} and {high - 1}")


def damaged(path: Path, what: str) -> ValueError:
    """Make the error for a file that is not what was written."""
    return SeginfError(Errors.S032.format(path=path, what=what))
