"""The answers of a file, checked against the ranking that was exported."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Sequence

from ..crf.schemes import Entity
from ..curation.decisions import now
from ..curation.issues import LabelIssue, Ranking
from ..curation.records import Decision
from ..curation.regions import overlap, touching
from ..errors import Errors, SeginfError
from .deciding import changed_region, chosen, decide
from .origin import fingerprint, labels_of
from .windows import Window, window_of


class Answers:
    """Collects decisions. Whatever is wrong raises at once, so that a file is taken as a whole or not at all.

    path (Path): the file, for messages. ranking (Ranking): what was exported. reviewer (str): who decided.
    decisions (list of Decision): in the order of the file.
    """

    def __init__(self, path: Path, ranking: Ranking, reviewer: str) -> None:
        self.path, self.corpus, self.reviewer, self.time = path, ranking.corpus, reviewer, now()
        self.issues = {issue.id: issue for issue in ranking.issues}
        self.labels = frozenset(labels_of(ranking))
        self.decisions: list[Decision] = []
        self._places: dict[str, str] = {}

    def find(self, origin: Any, place: str) -> LabelIssue:
        """Find the issue that a task is about.

        origin (Any): what ``origin_of`` gave the task. place (str): where the task is in the file, such as "line 3".
        RAISES (ValueError): S191 if it says nothing, S192 if the ranking has no such issue, S193 if the task was
            made from another corpus or ranking.
        """
        name = origin.get("issue", origin.get("suspicion")) if isinstance(origin, dict) else None  # as 0.1 named it
        if not isinstance(name, str):
            raise self.problem(place, "it does not say which issue it is about")
        issue = self.issues.get(name)
        if origin.get("corpus") != self.corpus:
            raise SeginfError(Errors.S193.format(path=self.path, place=place, what="corpus"))
        if issue is None:
            raise SeginfError(Errors.S192.format(path=self.path, place=place, issue=name))
        if origin.get("task") != fingerprint(issue):
            raise SeginfError(Errors.S193.format(path=self.path, place=place, what="ranking"))
        return issue

    def choose(self, issue: LabelIssue, choice: str, place: str) -> None:
        """Take an answer that names its choice: "accept", "keep" or "skip". RAISES (ValueError): S194 if it is the
        second."""
        self._add(chosen(issue, choice), place)

    def leave(self, issue: LabelIssue, left: Sequence[Entity], place: str) -> None:
        """Take the entities that an annotator left in the window.

        RAISES (ValueError): S194 if the issue has an answer already, S196 for unknown types, S197 if entities
            overlap, S198 if one is not in the window, or reaches into an entity that it shows in part.
        """
        window = window_of(issue)
        for entity in left:
            if entity.label not in self.labels:
                facts = {"label": entity.label, "known": ", ".join(sorted(self.labels))}
                raise SeginfError(Errors.S196.format(path=self.path, place=place, **facts))
            if not window.first <= entity.start < entity.end <= window.last:
                problem = f"the entity of tokens {entity.start} to {entity.end - 1} ({entity.label})"
                raise self.outside(place, f"{problem} is not in the text that was shown")
        both = overlap(left)
        if both:
            texts = {"one": window.describe(both[:1]), "other": window.describe(both[1:])}
            raise SeginfError(Errors.S197.format(path=self.path, place=place, **texts))
        start, end = changed_region(issue, window, left)
        for entity in touching(start, end, window.cut):
            problem = f"changes reach into the entity of tokens {entity.start} to {entity.end - 1} ({entity.label})"
            raise self.outside(place, problem + ", which goes beyond the text that was shown")
        self._add(decide(issue, window, left), place)

    def entity(self, window: Window, value: dict[str, Any], label: Any, place: str) -> Entity:
        """Find the entity at the characters that a tool gives as "start" and "end".

        RAISES (ValueError): S191 if there are none, S195 if they cut a word.
        """
        start, end = self.offsets(value, place)
        entity = window.entity(start, end, self.label(label, place))
        if entity is None:
            raise self.misaligned(start, end, label, place)
        return entity

    def offsets(self, value: dict[str, Any], place: str) -> tuple[int, int]:
        """Read the "start" and "end" of an entity. RAISES (ValueError): S191 if they are no numbers."""
        try:
            return int(value["start"]), int(value["end"])
        except (LookupError, TypeError, ValueError, OverflowError):
            raise self.problem(place, "an entity has no start and end") from None

    def label(self, label: Any, place: str) -> str:
        """Check that a type is a word. RAISES (ValueError): S191 if not."""
        if not isinstance(label, str):
            raise self.problem(place, f"the type of an entity is {label!r}")
        return label

    def objects(self, values: Any, what: str, place: str) -> list[dict[str, Any]]:
        """Check that something is a list of objects, or missing. RAISES (ValueError): S191 if not."""
        values = values or []
        if not isinstance(values, list) or not all(isinstance(one, dict) for one in values):
            raise self.problem(place, f"{what} no list of objects")
        return values

    def problem(self, place: str, problem: str) -> ValueError:
        """Make the error for a task that is none."""
        return SeginfError(Errors.S191.format(path=self.path, place=place, problem=problem))

    def misaligned(self, start: int, end: int, label: str, place: str) -> ValueError:
        """Make the error for an entity that cuts a word."""
        facts = {"start": start, "end": end, "label": label}
        return SeginfError(Errors.S195.format(path=self.path, place=place, **facts))

    def outside(self, place: str, problem: str) -> ValueError:
        """Make the error for changes where they can't be decided."""
        return SeginfError(Errors.S198.format(path=self.path, place=place, problem=problem))

    def _add(self, decision: Decision, place: str) -> None:
        if decision.issue in self._places:
            facts = {"issue": decision.issue, "first": self._places[decision.issue]}
            raise SeginfError(Errors.S194.format(path=self.path, place=place, **facts))
        self._places[decision.issue] = place
        self.decisions.append(replace(decision, reviewer=self.reviewer, time=self.time, corpus=self.corpus))
