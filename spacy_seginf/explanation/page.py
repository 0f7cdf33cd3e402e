"""Explanations as a self-contained HTML page."""

from __future__ import annotations

from typing import Sequence

from spacy.tokens import Doc

from ..rendering.templates import template
from .extensions import STORED
from .views import Influencers, hubs
from .wording import caveat, provenance


def render_page(doc: Doc, explained: Sequence[Influencers], *, top: int = 3) -> str:
    """Return a page with the tagged text and the references of its tokens or entities.

    Everything that comes from texts, labels and ids is escaped; the page loads nothing and runs no script.

    doc (Doc): an explained document.
    explained (sequence of Influencers): what to show, in this order.
    top (int): references on each side.
    """
    return template("explanation.html").render(
        pieces=_pieces(doc, explained),
        explained=explained,
        top=top,
        hubs=hubs(explained, top),
        notice=provenance(doc._.get(STORED)),
        caveat=caveat(doc._.get(STORED)),
    )


def _pieces(doc: Doc, explained: Sequence[Influencers]) -> list[dict[str, object]]:
    """Cut the text into plain pieces and explained ones (with the number of their section)."""
    pieces: list[dict[str, object]] = []
    end = 0
    for number, influencers in enumerate(explained):
        if influencers.start_char > end:
            pieces.append({"text": doc.text[end : influencers.start_char], "label": "", "number": -1})
        end = influencers.end_char
        pieces.append({"text": influencers.text, "label": influencers.label, "number": number})
    pieces.append({"text": doc.text[end:], "label": "", "number": -1})
    return pieces
