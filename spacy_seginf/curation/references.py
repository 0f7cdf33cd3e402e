"""Training labels that support and oppose the labels of a region of the training corpus itself."""

from __future__ import annotations

from functools import cached_property
from typing import Any

import numpy

from ..explanation.explainer import Explainer
from ..index.index import Index
from .alignment import Pieces, find_piece, pieces_of
from .issues import LabelIssue

CONTEXT = 60  # characters around references
SHOWN = 3  # references on each side


class References:
    """Asks an index about its own documents. index (Index)."""

    def __init__(self, index: Index) -> None:
        self.index = index
        self._explainer = Explainer(index)
        self._unit = "entity" if len(index.segments) else "token"

    def at(self, document: int, start: int, end: int) -> dict[str, list[dict[str, Any]]]:
        """Find what supports and what opposes the labels of some tokens of a document of the index.

        RETURNS: "supporting" and "opposing", each the strongest first, as in ``LabelIssue``; without the labels asked
            about themselves. effect: change of the labels' log-odds if the reference were removed (negative supports,
            positive opposes); with identity curvature, the score with its sign turned.
        """
        segment = numpy.array([[document, start, end]])
        index = self.index
        found = self._explainer.explain(index.data, index.labels, segment, self._unit, SHOWN + 1)[0]
        table = self._explainer.table(self._unit)
        sides: dict[str, list[dict[str, Any]]] = {"supporting": [], "opposing": []}
        for name, side in (("supporting", found.supporting), ("opposing", found.opposing)):
            for reference in side:
                owner, first, last = table.segment(reference.row)
                if owner == document and first < end and start < last:
                    continue
                effect = -reference.effect if reference.log_odds is None else reference.log_odds
                sides[name].append({**table.reference(reference.row, CONTEXT), "effect": effect})
            del sides[name][SHOWN:]
        return sides

    def of(self, issue: LabelIssue) -> dict[str, list[dict[str, Any]]]:
        """Do the same for an issue of a ranking; nothing if the index lacks its tokens."""
        place = find_piece(self.pieces, issue.document, issue.start, issue.end)
        return self.at(*place) if place is not None else {"supporting": [], "opposing": []}

    @cached_property
    def pieces(self) -> Pieces:
        """Where the index has what of each document."""
        return pieces_of(self.index)
