"""Decisions that a program proposes: what would put right the training labels that mistakes were traced to."""

from __future__ import annotations

from collections import Counter
from pathlib import Path

from ..explanation.mistake_report import MistakeReport, Proposal
from .decisions import append_decisions, now
from .records import Decision, issue_id

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
        append_decisions(path, [_decision(proposal) for proposal in chosen])
    return len(chosen)


def _decision(one: Proposal) -> Decision:
    name = issue_id(one.document, one.start, one.end, one.current)
    place = one.document, one.start, one.end, one.words, one.current
    return Decision(name, *place, "label", one.proposed, REVIEWER, now())
