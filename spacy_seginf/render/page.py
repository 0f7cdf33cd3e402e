"""Explanations as a self-contained HTML page."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

from jinja2 import Environment
from spacy.tokens import Doc

from ..pipeline.extensions import STORED
from ..pipeline.views import Influencers
from .wording import NOTHING, caveat, figure, label_of, place_of, provenance, visible

TEMPLATE = Path(__file__).parent / "explanation.html"


def render_page(doc: Doc, explained: Sequence[Influencers], *, top: int = 3) -> str:
    """Return a page with the tagged text and the references of its tokens or entities.

    Everything that comes from texts, labels and ids is escaped; the page loads nothing and runs no script.

    doc (Doc): an explained document.
    explained (sequence of Influencers): what to show, in this order.
    top (int): references on each side.
    """
    environment = Environment(autoescape=True, trim_blocks=True, lstrip_blocks=True)
    environment.filters.update(visible=visible, figure=figure, label_of=label_of, place_of=place_of)
    template = environment.from_string(TEMPLATE.read_text(encoding="utf8"))
    return template.render(
        pieces=_pieces(doc, explained),
        explained=explained,
        top=top,
        notice=provenance(doc._.get(STORED)),
        caveat=caveat(doc._.get(STORED)),
        nothing=NOTHING,
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
