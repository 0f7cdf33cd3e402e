"""How texts of strangers are shown: shortened, and with everything that could move other text made visible."""

from __future__ import annotations

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
