"""Decisions that a program proposes: what would put right the training labels that mistakes were traced to."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ..explanation.mistake_report import MistakeReport, Proposal
from .decisions import append_decisions, labelled

REVIEWER = "seginf explain --errors"


def propose_decisions(path: Path, report: MistakeReport) -> int:
    """Append a decision for each training label that mistakes propose to change, those first that most of them do.

    Of proposals for the same tokens, the one of most mistakes is taken.
    RETURNS: how many there are.
    RAISES (ValueError): S171 if the file can't be written, S170 if it ends in something that is no decision.
    """
    counts: Counter[Proposal] = Counter(proposal for one in report.mistakes for proposal in one.proposals)
    taken: dict[str, list[Proposal]] = {}
    chosen = []
    for proposal, _ in counts.most_common():
        others = taken.setdefault(proposal.document, [])
        if all(proposal.end <= other.start or other.end <= proposal.start for other in others):
            others.append(proposal)
            chosen.append(proposal)
    if chosen:
        places = [(one.document, one.start, one.end) for one in chosen]
        made = [labelled(place, one.words, one.current, one.proposed, REVIEWER) for place, one in zip(places, chosen)]
        append_decisions(path, made)
    return len(chosen)
