"""The head of an index, refit with the labels that were decided."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import numpy

from ..explanation.explainer import Explainer
from ..explanation.joint import tolerance_of
from ..influence.effects import HeadEffects
from ..influence.head import Head
from ..tagger.crf_tagger import CRFTagger
from .decided_labels import decided_labels
from .decisions import merge_decisions
from .records import Decision


@dataclass(frozen=True)
class DecidedHead:
    """A head before and after.

    effects (HeadEffects): of the head as it was. step (float64, 1 x parameters): from it to the new one.
    relabelled, left_out, conflicts (int), converged (bool): as for ``HeadRefit``.
    """

    effects: HeadEffects
    step: numpy.ndarray
    relabelled: int
    left_out: int
    conflicts: int
    converged: bool

    @property
    def heads(self) -> tuple[Head, Head]:
        """The head as it was, and the new one."""
        return self.effects.head, self.effects.head.moved(self.step[0])


def refit_decided(explainer: Explainer, tagger: CRFTagger, decisions: Sequence[Decision]) -> DecidedHead:
    """Refit the head of an index with decisions; what reviewers disagree about stays as it is.

    RAISES (ValueError): S275 if a decision does not fit the index, S035 or S270 if the index can't refit.
    """
    effects = explainer.label_effects
    agreed, conflicts = merge_decisions(decisions)
    changing = [one for one in agreed if sorted(one.outcome or ()) != sorted(one.current)]
    change, relabelled = decided_labels(explainer.index, effects, tagger, changing)
    step, converged = effects.nothing, True
    if len(change.chains):
        step, fit = effects.refit(change, effects.predict(change), tolerance=tolerance_of(effects))
        converged = fit.converged
    return DecidedHead(effects, step, relabelled, len(changing) - relabelled, len(conflicts), converged)
