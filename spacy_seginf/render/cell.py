"""What a notebook shows if a cell ends with influencers or a reference."""

from __future__ import annotations

from ..pipeline.views import Influencers, Reference
from .templates import template


def influencers_html(influencers: Influencers) -> str:
    """Return the references of a token or an entity as a table."""
    return str(template("cell.html").module.influencers(influencers))  # type: ignore[attr-defined]


def reference_html(reference: Reference) -> str:
    """Return a reference as a table of one line."""
    return str(template("cell.html").module.reference(reference))  # type: ignore[attr-defined]
