"""What every rendering says in the same words."""

from __future__ import annotations

import unicodedata
from typing import Any, Mapping, Optional

CAVEAT = (
    "Scores are inner products of gradients of the tagger's head (identity curvature): positive supports the "
    "prediction, negative opposes it. They rank training labels and are no prediction of retraining; the encoder has "
    "seen these labels too. Compare scores within one prediction only: they shrink as p nears 1. p is the probability "
    "of the prediction given the predicted labels around it. Finding nothing proves nothing."
)
HEAD_ONLY = (
    "All this is about the tagger's head at its optimum on frozen features. The encoder has seen the labels too, and "
    "what it learned from them is not counted."
)
NOTHING = "no training label with a score of this sign"


def provenance(stored: Optional[Mapping[str, Any]]) -> str:
    """Say whose predictions are explained if they are not the tagger's own; else nothing.

    stored (Mapping): what ``doc._.seginf`` holds.
    """
    explains = (stored or {}).get("explains")
    if not explains:
        return ""
    sentence = (
        f"The predictions are those of the component '{visible(explains['component'])}', explained through a CRF head "
        "that was fitted on its frozen encoder; p and scores are that head's."
    )
    if explains["agreement"] is not None:
        sentence += f" The head tags {explains['agreement']:.2%} of the training tokens as the component does."
    return sentence


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
