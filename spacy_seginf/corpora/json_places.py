"""Where values lie in a text of JSON, so that some can be replaced and the rest stays as it is."""

from __future__ import annotations

import json
import re
from typing import Any, Mapping, Optional, Sequence

Place = tuple[int, int]  # where a value begins and ends
Path = Sequence[Any]  # keys and positions, from the outermost value on

_SPACE = re.compile(r"[ \t\n\r]*")
_DECODER = json.JSONDecoder()


def replace_elements(text: str, key: str, new: Mapping[int, Any]) -> str:
    """Replace elements of a list in a JSON object.

    text (str): valid JSON. key (str): whose value is the list; the last one counts, as it does for readers.
    new (Mapping): values by position in the list.
    """
    places = element_places(text, value_place(text, [key])[0])
    return edited(text, {places[position]: json_of(value, text) for position, value in new.items()})


def set_values(text: str, new: Mapping[tuple, Any]) -> str:
    """Replace values in a text of JSON. new (Mapping): values by their paths."""
    return edited(text, {value_place(text, path): json_of(value, text) for path, value in new.items()})


def set_elements(text: str, path: Path, elements: Sequence[tuple[Optional[int], str]]) -> str:
    """Give the list at a path other elements; what is between those that stay stays too.

    elements (sequence of pairs): the position of the old element that each stands for, or None, and its JSON.
    """
    start, end = value_place(text, path)
    places = element_places(text, start)
    between = [text[one[1] : other[0]] for one, other in zip(places, places[1:])]
    usual = between[0] if between else ("," if _is_compact(text) else ", ")
    if not places:
        before, after = text[start], "]"
    else:
        before, after = text[start : places[0][0]], text[places[-1][1] : end]
    pieces = [before]
    for number, (position, element) in enumerate(elements):
        if number:
            pieces.append(between[position - 1] if position else usual)
        pieces.append(element)
    return text[:start] + "".join([*pieces, after]) + text[end:]


def add_key(text: str, path: Path, key: str, value: Any) -> str:
    """Add a key to the object at a path, behind all others."""
    start, end = value_place(text, path)
    gap = ", " if not _is_compact(text) else ","
    last = len(text[start : end - 1].rstrip())
    separator = gap if text[start + 1 : last].strip() else ""
    return text[:last] + f"{separator}{json_of(key, text)}: {json_of(value, text)}" + text[last:]


def edited(text: str, new: Mapping[Place, str]) -> str:
    """Replace what lies at some places."""
    for (start, end), piece in sorted(new.items(), reverse=True):
        text = text[:start] + piece + text[end:]
    return text


def json_of(value: Any, text: str) -> str:
    """Write a value in the manner of the text that it is put into."""
    separators = (",", ":") if _is_compact(text) else (", ", ": ")
    return json.dumps(value, ensure_ascii=text.isascii(), separators=separators)


def value_place(text: str, path: Path, start: int = 0) -> Place:
    """Find the value at a path of the value that begins at ``start`` or behind spaces there."""
    start = _skip(text, start)
    for step in path:
        start = element_places(text, start)[step][0] if isinstance(step, int) else _key_place(text, step, start)
    return start, _DECODER.raw_decode(text, start)[1]


def element_places(text: str, start: int) -> list[Place]:
    """Find the elements of the list that begins at ``start``."""
    places = []
    position = _skip(text, start + 1)
    while text[position] != "]":
        places.append((position, _DECODER.raw_decode(text, position)[1]))
        position = _behind(text, places[-1][1])
    return places


def _key_place(text: str, key: str, start: int) -> int:
    """Find where the value of a key of the object at ``start`` begins; the last one counts, as it does for readers."""
    found = -1
    position = _skip(text, start + 1)
    while text[position] != "}":
        name, position = _DECODER.raw_decode(text, position)
        position = _skip(text, _skip(text, position) + 1)  # behind the colon
        if name == key:
            found = position
        position = _behind(text, _DECODER.raw_decode(text, position)[1])
    return found


def _behind(text: str, end: int) -> int:
    """Go from the end of a value to what follows: the next key or element, or the closing bracket."""
    position = _skip(text, end)
    return _skip(text, position + 1) if text[position] == "," else position


def _skip(text: str, position: int) -> int:
    match = _SPACE.match(text, position)
    return match.end() if match else position


def _is_compact(text: str) -> bool:
    """Are values written without spaces between them, as far as the first comma or colon tells?"""
    return re.match(r'(?:[^",:]|"(?:[^"\\]|\\.)*")*[,:]\S', text) is not None
