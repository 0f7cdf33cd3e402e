"""How a tagger's predictions are scored: as spaCy scores what it annotates."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Iterable

from spacy.training import Example
from spacy.util import registry

from ..corpora.targets import target_of
from ..crf.schemes import ENTS


@dataclass(frozen=True)
class TargetScorer:
    """Scores one target. target (str): its name; see ``corpora.targets``."""

    target: str = ENTS

    def __call__(self, examples: Iterable[Example], **settings: Any) -> dict[str, Any]:
        return target_of(self.target).scores(examples, **settings)


@registry.scorers("spacy_seginf.crf_tagger_scorer.v1")
def make_crf_tagger_scorer() -> TargetScorer:
    """Make the scorer of a crf_tagger, which gives it the tagger's target."""
    return TargetScorer()
