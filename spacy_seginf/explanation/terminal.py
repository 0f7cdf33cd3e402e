"""Explanations as text for a terminal."""

from __future__ import annotations

from typing import Any, Iterable, Mapping, Optional

from wasabi import color

from ..rendering.text import shorten, visible
from .views import Influencers, Reference
from .wording import caveat, provenance

COLORS = {"supports": "blue", "opposes": "yellow"}


def render_terminal(
    explained: Iterable[Influencers],
    stored: Optional[Mapping[str, Any]] = None,
    *,
    top: int = 3,
    colors: bool = True,
) -> str:
    """Lay out the references of tokens or entities, one to a line.

    stored (Mapping): what ``doc._.seginf`` holds; it tells what kind of figures these are.
    top (int): references on each side.
    colors (bool): ANSI colours, in addition to the words.
    """
    lines: list[str] = []
    for influencers in explained:
        head = f"{shorten(visible(influencers.text))}   {visible(influencers.label)}"
        if influencers.probability is not None:
            head += f"   p = {influencers.probability:.2f}"
        if influencers.instead is not None:
            head += f"   ({influencers.difference})"
        lines += ["", color(head, bold=True) if colors else head]
        if influencers.unexplained:
            lines.append(f"  {influencers.unexplained}")
            continue
        for relation, references in (("supports", influencers.supporting), ("opposes", influencers.opposing)):
            lines += [_line(reference, colors) for reference in references[:top]]
            if not references:
                lines.append(f"  {relation:<9} no training label of this kind")
    notice = provenance(stored)
    return "\n".join([*lines, "", *([notice] if notice else []), caveat(stored)])


def _line(reference: Reference, colors: bool) -> str:
    before, text, after = (visible(part) for part in reference.context_parts)
    relation = f"{reference.relation:<9}"
    relation = color(relation, fg=COLORS[reference.relation]) if colors else relation
    context = f"{before[-28:]:>28}[{shorten(text)}] {visible(reference.full_label)}{after[:24]}"
    return f"  {relation} {reference.figure:>18}  {context:<80}  {visible(reference.place)}"
