"""What every rendering says in the same words."""

from __future__ import annotations

import unicodedata

CAVEAT = (
    "Scores are inner products of gradients of the tagger's head (identity curvature): positive supports the "
    "prediction, negative opposes it. They rank training labels and are no prediction of retraining; the encoder has "
    "seen these labels too. Compare scores within one prediction only: they shrink as p nears 1. p is the probability "
    "of the prediction given the predicted labels around it. Finding nothing proves nothing."
)
NOTHING = "no training label with a score of this sign"


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
