"""What other reviewers said of the issues that are reviewed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Sequence

from ..curation.decisions import final_decisions
from ..curation.issues import LabelIssue
from ..curation.records import Decision, same_place
from .serialise import Tables, brief


class Others:
    """Decisions of other reviewers, which this one's win over.

    decisions (sequence of Decision): of anyone. reviewer (str): who reviews. issues (sequence of LabelIssue): in the
        order of their numbers.
    """

    def __init__(self, decisions: Sequence[Decision], reviewer: str, issues: Sequence[LabelIssue]) -> None:
        self._numbers = {issue.id: number for number, issue in enumerate(issues)}
        self._said: dict[str, list[Decision]] = {}
        for one in final_decisions(decisions):
            number = self._numbers.get(one.issue)
            if one.reviewer != reviewer and number is not None and same_place(one, issues[number]):
                self._said.setdefault(one.issue, []).append(one)

    def shown(self, tables: Tables) -> dict[int, list[dict[str, Any]]]:
        """Return what was said of issues, by number."""
        return {
            self._numbers[name]: [
                {"reviewer": brief(one.reviewer), "choice": one.choice, "entities": tables.entities(one.entities)}
                for one in said
            ]
            for name, said in self._said.items()
        }

    def overruled(self, made: Decision) -> Decision:
        """Return a decision that wins over all that come to something else."""
        if made.outcome is None:
            return made
        differing = {one.reviewer for one in self._said.get(made.issue, ()) if not _agree(one, made)}
        return replace(made, overrules=tuple(sorted(differing)))


def _agree(one: Decision, other: Decision) -> bool:
    same = (one.start, one.end) == (other.start, other.end)
    return same and sorted(one.outcome or ()) == sorted(other.outcome or ())
