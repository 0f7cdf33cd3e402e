"""What travels with a task, so that its answer finds back."""

from __future__ import annotations

import hashlib
from typing import Any

from ..curation.suspicions import Ranking, Suspicion
from .windows import showable


def origin_of(suspicion: Suspicion, ranking: Ranking) -> dict[str, Any]:
    """Say which suspicion a task is about, in plain values."""
    return {
        "suspicion": suspicion.id,
        "document": showable(suspicion.document),
        "start": suspicion.start,
        "end": suspicion.end,
        "corpus": ranking.corpus,
        "task": fingerprint(suspicion),
    }


def fingerprint(suspicion: Suspicion) -> str:
    """Name what an annotator is asked (16 hex digits): another ranking may show other words or suggest otherwise."""
    parts = (suspicion.id, suspicion.first, suspicion.words, suspicion.spaces)
    labels = [(entity.start, entity.end, entity.label) for entity in (*suspicion.entities, *suspicion.suggested)]
    return hashlib.sha256(repr((parts, labels)).encode("utf8", "backslashreplace")).hexdigest()[:16]


def labels_of(ranking: Ranking) -> list[str]:
    """List the types that an annotator can choose: the tagger's, and others that the suspicions show."""
    shown = {entity.label for one in ranking.suspicions for entity in (*one.entities, *one.suggested)}
    return [*ranking.labels, *sorted(shown.difference(ranking.labels))]
