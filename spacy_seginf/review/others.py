"""What other reviewers said of the issues that are reviewed."""

from __future__ import annotations

from dataclasses import replace
from typing import Any, Mapping, Sequence

from ..curation.decisions import final_decisions
from ..curation.records import Decision
from .serialise import Tables, brief


class Others:
    """Decisions of other reviewers, which this one's win over.

    decisions (sequence of Decision): of anyone. reviewer (str): who reviews. numbers (mapping): numbers of issues, by
        id.
    """

    def __init__(self, decisions: Sequence[Decision], reviewer: str, numbers: Mapping[str, int]) -> None:
        self._numbers = numbers
        self._said: dict[str, list[Decision]] = {}
        for one in final_decisions(decisions):
            if one.reviewer != reviewer and one.issue in numbers:
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
    """Do two decisions come to the same?"""
    same = (one.start, one.end) == (other.start, other.end)
    return same and sorted(one.outcome or ()) == sorted(other.outcome or ())
