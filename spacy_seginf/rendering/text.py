"""How texts of strangers are shown: shortened, and with everything that could move other text made visible."""

from __future__ import annotations

import re
import unicodedata


def tokens_of(start: int, end: int) -> str:
    """Name tokens of a document by their numbers (end exclusive)."""
    return f"token {start}" if end - start == 1 else f"tokens {start}-{end - 1}"


def shorten(text: str, limit: int = 60) -> str:
    """Cut the middle out of a long text."""
    return text if len(text) <= limit else f"{text[: limit // 2]} ... {text[-(limit // 2) :]}"


def visible(text: str) -> str:
    """Show control and bidirectional characters as escapes, so that no text moves others; line breaks and all kinds of
    space as a space."""
    return "".join(_visible(character) for character in text)


def _visible(character: str) -> str:
    if character in "\n\r\t\x0b\x0c\x85\u2028\u2029" or unicodedata.category(character) == "Zs":
        return " "
    if character.isprintable():
        return character
    return f"\\u{ord(character):04x}" if ord(character) < 0x10000 else f"\\U{ord(character):08x}"


def columns_of(text: str) -> int:
    """Return how many columns of a terminal a text takes."""
    return sum(
        0 if unicodedata.category(each) in ("Mn", "Me") else 1 + (unicodedata.east_asian_width(each) in "WF")
        for each in text
    )


def first_words(text: str, columns: int) -> str:
    """Return the words at the beginning of a text that fit into some columns."""
    return _words_within(re.findall(r"\s*\S+|\s+$", text), columns)


def last_words(text: str, columns: int) -> str:
    """Return the words at the end of a text that fit into some columns."""
    return _words_within([word[::-1] for word in re.findall(r"\s*\S+|\s+$", text[::-1])], columns, from_end=True)


def _words_within(words: list[str], columns: int, from_end: bool = False) -> str:
    kept: list[str] = []
    for word in words:
        columns -= columns_of(word)
        if columns < 0:
            break
        kept.append(word)
    return "".join(reversed(kept) if from_end else kept)


def short_probability(value: float, digits: int = 2) -> str:
    """Write a probability: ".83"."""
    return f"{value:.{digits}f}".removeprefix("0")


def change_in_words(before: float, after: float) -> str:
    """Say how a probability would change, in as many digits as it takes: "would fall from .83 to .81"."""
    for digits in (2, 3, 4):
        first, second = short_probability(before, digits), short_probability(after, digits)
        if first != second:
            return f"would {'fall' if after < before else 'rise'} from {first} to {second}"
    return f"would stay at {short_probability(before)}"


def clipped(text: str, columns: int) -> str:
    """Cut the middle out of a text, so that it takes at most so many columns."""
    if columns_of(text) <= columns:
        return text
    start, end = _first_characters(text, columns // 2), _first_characters(text[::-1], (columns - 1) // 2)
    return f"{start}…{end[::-1]}"


def wrapped(text: str, columns: int) -> list[str]:
    """Break a text into lines of at most so many columns, between words where it can be (at least 2 columns)."""
    lines = [""]
    for word in text.split():
        joined = f"{lines[-1]} {word}".lstrip()
        if columns_of(joined) <= columns:
            lines[-1] = joined
            continue
        while columns_of(word) > columns:
            piece = _first_characters(word, columns)
            lines.append(piece)
            word = word[len(piece) :]
        lines.append(word)
    return [line for line in lines if line]


def _first_characters(text: str, columns: int) -> str:
    """Return what fits of a text, not empty if there are 2 columns at least."""
    for number, character in enumerate(text):
        columns -= columns_of(character)
        if columns < 0:
            return text[:number]
    return text
