"""How a region grows for an entity with other boundaries: one table for the server and for the page's script."""

from __future__ import annotations

from typing import NamedTuple, Optional


class Case(NamedTuple):
    """shown (first, last exclusive): the words that are shown. region, entity (start, end). annotated (start, end of
    each). grown (start, end): what the decision is about; None if it would leave what is shown."""

    shown: tuple[int, int]
    region: tuple[int, int]
    annotated: list[tuple[int, int]]
    entity: tuple[int, int]
    grown: Optional[tuple[int, int]]


CASES = {
    "as it is": Case((0, 9), (2, 4), [(2, 4)], (2, 4), (2, 4)),
    "inside": Case((0, 9), (2, 5), [(2, 5)], (3, 4), (2, 5)),
    "longer": Case((0, 9), (2, 4), [(2, 4)], (1, 6), (1, 6)),
    "up to a neighbour": Case((0, 9), (2, 4), [(0, 2), (2, 4), (4, 6)], (2, 4), (2, 4)),
    "over a neighbour": Case((0, 9), (2, 4), [(2, 4), (5, 7)], (3, 6), (2, 7)),
    "over neighbours on both sides": Case((0, 9), (3, 4), [(0, 2), (3, 4), (4, 8)], (1, 5), (0, 8)),
    "nothing is annotated": Case((0, 9), (2, 4), [], (4, 5), (2, 5)),
    "all that is shown": Case((5, 9), (6, 7), [(6, 7)], (5, 9), (5, 9)),
    "before what is shown": Case((5, 9), (6, 7), [(6, 7)], (4, 7), None),
    "behind what is shown": Case((5, 9), (6, 7), [(6, 7)], (6, 10), None),
    "over an entity that is shown in part": Case((5, 9), (6, 7), [(6, 7), (8, 12)], (6, 9), None),
}
