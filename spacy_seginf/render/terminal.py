"""Explanations as text for a terminal."""

from __future__ import annotations

from typing import Iterable

from wasabi import color

from ..pipeline.views import Influencers, Reference
from .wording import CAVEAT, NOTHING, shorten, visible

COLORS = {"supports": "blue", "opposes": "yellow"}


def render_terminal(explained: Iterable[Influencers], *, top: int = 3, colors: bool = True, notice: str = "") -> str:
    """Lay out the references of tokens or entities, one to a line.

    top (int): references on each side.
    colors (bool): ANSI colours, in addition to the words.
    notice (str): a sentence in front of the caveat, as ``provenance`` gives it.
    """
    lines: list[str] = []
    for influencers in explained:
        head = (
            f"{shorten(visible(influencers.text))}   {visible(influencers.label)}   p = {influencers.probability:.2f}"
        )
        lines += ["", color(head, bold=True) if colors else head]
        for relation, references in (("supports", influencers.supporting), ("opposes", influencers.opposing)):
            lines += [_line(reference, colors) for reference in references[:top]]
            if not references:
                lines.append(f"  {relation:<9} {NOTHING}")
    return "\n".join([*lines, "", *([notice] if notice else []), CAVEAT])


def _line(reference: Reference, colors: bool) -> str:
    before, text, after = (visible(part) for part in reference.context_parts)
    relation = f"{reference.relation:<9}"
    relation = color(relation, fg=COLORS[reference.relation]) if colors else relation
    context = f"{before[-28:]:>28}[{shorten(text)}] {visible(reference.label)}{after[:24]}"
    place = f"{visible(reference.doc_id)}, token {reference.start}"
    return f"  {relation} {reference.effect:+9.3g}  {context:<80}  {place}"
