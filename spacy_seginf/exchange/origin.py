"""What travels with a task, so that its answer finds back."""

from __future__ import annotations

from typing import Any

from ..curation.issues import LabelIssue, Ranking
from ..curation.records import short_digest
from .windows import showable


def origin_of(issue: LabelIssue, ranking: Ranking) -> dict[str, Any]:
    """Say which issue a task is about, in plain values."""
    return {
        "issue": issue.id,
        "document": showable(issue.document),
        "start": issue.start,
        "end": issue.end,
        "corpus": ranking.corpus,
        "task": fingerprint(issue),
    }


def fingerprint(issue: LabelIssue) -> str:
    """Name what an annotator is asked (16 hex digits): another ranking may show other words or suggest otherwise."""
    parts = (issue.id, issue.first, issue.words, issue.spaces)
    labels = [(entity.start, entity.end, entity.label) for entity in (*issue.entities, *issue.suggested)]
    return short_digest(repr((parts, labels)))


def labels_of(ranking: Ranking) -> list[str]:
    """List the types that an annotator can choose: the tagger's, and others that the issues show."""
    shown = {entity.label for one in ranking.issues for entity in (*one.entities, *one.suggested)}
    return [*ranking.labels, *sorted(shown.difference(ranking.labels))]
