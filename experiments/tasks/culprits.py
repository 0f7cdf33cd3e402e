"""Of what planted errors taught: does the first family that an explanation shows hold them? Beside it: as many labels
of the same kind that are nearest, and as many at random."""

from __future__ import annotations

from typing import Any, Optional, Sequence

import numpy
from spacy.tokens import Doc, Span

from spacy_seginf.explanation.influence import Influence

from ..methods.measure_families import LEAST_CULPRITS, Neighbours

MEASURES = ("hit", "purity", "neighbours", "random")


class Culprits:
    """Looks for planted labels behind mistakes.

    influence (Influence): with its index. held (bool, labels of the evidence): which were planted.
    """

    def __init__(self, influence: Influence, held: numpy.ndarray) -> None:
        accountant = influence.sources().accountant
        assert accountant is not None
        self._influence, self._accountant, self._held = influence, accountant, held
        self._neighbours, self._generator = Neighbours(accountant), numpy.random.default_rng(0)

    def behind(self, doc: Doc, span: Span, label: str, account: Any) -> dict[str, float]:
        """Measure one mistake: a span, its wrong label, and the account that its explanation gives."""
        shown = [family for family in account.families if family.supports] if account else []
        if not shown:
            return dict.fromkeys(MEASURES, 0.0)
        members = self._accountant.evidence.members(shown[0].number)
        data, _, (_, start, end) = self._influence.query(doc, span)
        alike = self._neighbours.nearest(data.features[start:end].mean(axis=0), label, len(members))
        drawn = self._generator.choice(self._neighbours.by_type[label], len(members))
        purity, near, chance = (float(self._held[chosen].mean()) for chosen in (members, alike, drawn))
        hit, near, chance = (float(share >= LEAST_CULPRITS) for share in (purity, near, chance))
        return {"hit": hit, "purity": purity, "neighbours": near, "random": chance}


def means(rows: Sequence[dict[str, float]]) -> dict[str, Optional[float]]:
    """Return the means over mistakes; None without any."""
    return {name: float(numpy.mean([row[name] for row in rows])) if rows else None for name in MEASURES}
