"""The cells of WebAnno TSV 3: values of a feature, with the numbers of the spans that they belong to."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import Sequence

EMPTY, NO_VALUE = "_", "*"
BETWEEN = re.compile(r"(?<!\\)((?:\\\\)*)\|")
PART = re.compile(r"(?P<value>.*?)(?:(?<!\\)\[(?P<name>\d+)\])?", re.DOTALL)
RESERVED = re.compile(r"->|[\\\[\]|_;*]")


@dataclass(frozen=True)
class Part:
    """A value as it is written, and the number of its span; "" for a span of one token that has none."""

    value: str
    name: str


def read_parts(cell: str) -> list[Part]:
    """Read a cell."""
    if cell == EMPTY:
        return []
    matches = (PART.fullmatch(piece) for piece in BETWEEN.sub("\\1\n", cell).split("\n"))
    return [Part(match["value"], match["name"] or "") for match in matches if match]


def written_parts(parts: Sequence[Part]) -> str:
    """Write a cell."""
    return "|".join(part.value + f"[{part.name}]" * bool(part.name) for part in parts) or EMPTY


def escaped(value: str) -> str:
    """Write a value so that it holds nothing that means something."""
    return RESERVED.sub(lambda match: "\\" + match[0], value)


def unescaped(value: str) -> str:
    """Read a value."""
    return re.sub(r"\\(->|.)", r"\1", value)
