"""Where a list of strings lies in a line of JSON, so that some can be replaced and the rest stays as it is."""

from __future__ import annotations

import json
import re
from typing import Mapping

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def replace_elements(line: str, key: str, new: Mapping[int, str]) -> str:
    """Replace elements of a list in a JSON object.

    line (str): valid JSON. key (str): whose value is the list; the last one counts, as it does for readers.
    new (Mapping): strings by position in the list.
    """
    ascii_only = line.isascii()
    places = _element_places(line, _value_place(line, key))
    for position in sorted(new, reverse=True):
        start, end = places[position]
        line = line[:start] + json.dumps(new[position], ensure_ascii=ascii_only) + line[end:]
    return line


def _value_place(line: str, key: str) -> int:
    """Find where the value of a key of the outermost object begins."""
    found = -1
    position = _skip(line, _skip(line, 0) + 1)  # behind the brace
    while line[position] != "}":
        name, position = _DECODER.raw_decode(line, position)
        position = _skip(line, _skip(line, position) + 1)  # behind the colon
        if name == key:
            found = position
        position = _behind(line, position)
    return found


def _element_places(line: str, position: int) -> list[tuple[int, int]]:
    places = []
    position = _skip(line, position + 1)
    while line[position] != "]":
        places.append((position, _DECODER.raw_decode(line, position)[1]))
        position = _behind(line, position)
    return places


def _behind(line: str, position: int) -> int:
    """Go to what follows a value: the next key or element, or the closing bracket."""
    position = _skip(line, _DECODER.raw_decode(line, position)[1])
    return _skip(line, position + 1) if line[position] == "," else position


def _skip(line: str, position: int) -> int:
    match = _SPACE.match(line, position)
    return match.end() if match else position
