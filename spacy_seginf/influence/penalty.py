"""What keeps a head from following its labels alone: (l2 / 2) |theta - centre|^2.

A centre at zero asks for small weights. One at the trained head, or at a share of it, asks for a head that predicts
what the trained one does: the proximal objective of Bae et al. 2022, "If influence functions are the answer, then what
is the question?", section 3.2. Curvature does not depend on it, and the optimum is

    theta = centre + (1 / l2) sum over training labels of (observed - expected statistics).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Union

import numpy

from .head import Head


@dataclass(frozen=True)
class Penalty:
    """The part of J that does not come from data.

    l2 (float): strength. centre (Head): where it vanishes; the origin if None.
    """

    l2: float
    centre: Optional[Head] = None

    def value(self, head: Head) -> float:
        """Return the penalty of a head, in nats."""
        away = self._away(head)
        return 0.5 * self.l2 * float(away @ away)

    def gradient(self, head: Head) -> numpy.ndarray:
        """Return its gradient (float64, P)."""
        return self.l2 * self._away(head)

    def _away(self, head: Head) -> numpy.ndarray:
        return head.packed if self.centre is None else self.centre.step_to(head)

    def scaled(self, share: float) -> Penalty:
        """Return the same for a share of the documents."""
        return Penalty(self.l2 * share, self.centre)


def penalty_of(l2: Union[float, Penalty]) -> Penalty:
    """Return a strength alone as the penalty that it means, and a penalty as it is."""
    return l2 if isinstance(l2, Penalty) else Penalty(float(l2))
