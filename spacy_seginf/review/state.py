"""What is reviewed and what has been decided: the one thing behind all tabs of a page."""

from __future__ import annotations

import math
import threading
from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import Any, Callable, Mapping, Optional, Sequence

from ..curation.appending import WAIT
from ..curation.candidates import Annotation
from ..curation.decision_file import DecisionsFile
from ..curation.decisions import say
from ..curation.issues import LabelIssue, Ranking, looks_of
from ..curation.records import Decision, issue_id, same_place
from ..curation.regions import kind_of
from ..curation.whole_document import WholeDocument
from ..errors import Errors, SeginfError
from .decide import Answer, decide
from .order import ReadingOrder, Rerank
from .others import Others
from .serialise import Tables, brief, evidence_shown

Evidence = Callable[[LabelIssue], Mapping[str, Sequence[Mapping[str, Any]]]]


LONG = 400  # characters of a problem


class Review:
    """A ranking under review by one person. Safe to use from several threads.

    ranking (Ranking): what is reviewed; of several issues with one id, the first counts.
    path (Path): file of decisions; those of this reviewer are taken up again, and heard of when another server appends
        them.
    reviewer (str): whose decisions these are.
    rerank (callable): takes the issues and returns what orders them anew, see ``ReadingOrder``; without it, the order
        stays that of the ranking.
    others (sequence of Decision): what other reviewers said; it is shown, and what this one says wins over it.
    whole (callable): gives all of a document, by its id, as far as anyone has it.
    evidence (callable): gives "supporting" and "opposing" (and maybe "mistakes") of an issue that has neither; asked
        when it is shown, once each, and never twice at the same time.
    RAISES (ValueError): S170 or S224 if the file is broken or none, S182 if it is about another corpus.
    """

    def __init__(
        self,
        ranking: Ranking,
        path: Path,
        reviewer: str,
        evidence: Optional[Evidence] = None,
        rerank: Optional[Callable[[Sequence[LabelIssue]], Rerank]] = None,
        others: Sequence[Decision] = (),
        whole: Optional[Callable[[str], Optional[WholeDocument]]] = None,
    ) -> None:
        self.ranking, self.path, self.reviewer = ranking, path, reviewer
        issues = list({issue.id: issue for issue in reversed(ranking.issues)}.values())[::-1]
        self.issues = [issue for look in looks_of(issues) for issue in look]
        self.whole = whole
        self.saved = 0  # decisions since the start
        self.command = f"python -m spacy seginf apply CORPUS.spacy CORRECTED.spacy {path}"  # what comes next
        self._numbers = {issue.id: number for number, issue in enumerate(self.issues)}
        self._evidence = evidence
        self._found: dict[int, dict[str, Any]] = {}
        self._drawn: dict[str, LabelIssue] = {}  # regions that the ranking lacks and something was said of
        self._words: dict[str, list[Decision]] = {}  # what was said of each issue and not taken back
        self._changes: list[dict[str, Any]] = []
        # Of what is in memory; of the file, for which others may have to be waited for; and of the index.
        self._lock, self._file_lock, self._evidence_lock = threading.Lock(), threading.Lock(), threading.Lock()
        self._file = DecisionsFile(path)
        decisions = self._read()
        self.others = Others(others, reviewer, self.issues)
        self.tables = Tables(ranking, (*decisions, *others))
        for decision in decisions:
            self._take(decision)
        self._changes.clear()
        self._labels = len(self.tables.labels)
        self.rows = [self.tables.row(issue) for issue in self.issues]
        self.order = ReadingOrder(self.issues, rerank, self._decided)
        self.order.follow(every=1)

    def detail(self, number: int, *, ask: bool = True) -> dict[str, Any]:
        """Return all that is shown of an issue.

        number (int): its place in the ranking. ask (bool): whether to ask for evidence if that may take time; if not,
            the result says whether it is "pending".
        """
        issue = self.issues[number]
        shown = evidence_shown(vars(issue))
        found: Optional[dict[str, Any]] = shown
        if not (shown["supporting"] or shown["opposing"]) and self._evidence is not None:
            found = self._ask(number) if ask else self._found.get(number)
        values = self.tables.detail(issue)
        return {"number": number, **self.rows[number], **values, **(found or shown), "pending": found is None}

    def states(self) -> list[dict[str, Any]]:
        """Return the last word on each issue of which something was said."""
        with self._lock:
            return [self._state(number) for name, number in self._numbers.items() if self._words.get(name)]

    def changes(self, since: int) -> dict[str, Any]:
        """Return what was decided since another call: "changes" in order, and "next", from where to ask again; the
        "labels" with their numbers that others' decisions have added since the start; and the version of the "order".
        """
        if self._file_lock.acquire(blocking=False):
            try:
                self._listen()
            finally:
                self._file_lock.release()
        with self._lock:
            changes, following = self._changes[max(since, 0) :], len(self._changes)
            added = [*enumerate(self.labels())][self._labels :]
            return {"changes": changes, "next": following, "labels": added, "order": self.order.version}

    def decide(self, said: Sequence[Answer]) -> list[dict[str, Any]]:
        """Save decisions, all or none, and return the changes. What was said already is not said again.

        RAISES (ValueError): S185 if one can't be taken, S171 if they can't be written.
        """
        if not self._file_lock.acquire(timeout=WAIT):
            raise SeginfError(Errors.S171.format(path=self.path, problem="other decisions are still being written"))
        try:
            self._listen()
            decisions: list[Decision] = []
            with self._lock:
                asked = [self._decision(one) for one in said]  # what can't be leaves the file alone
                if all(map(self._is_last, asked)) and self._file.is_complete():
                    return []

            def answer(heard: Sequence[Decision]) -> Sequence[Decision]:
                with self._lock:
                    self._hear(heard)
                    decisions.extend(new for one in said if not self._is_last(new := self._decision(one)))
                return decisions

            self._file.exchange(answer)
            with self._lock:
                self.saved += len(decisions)
                changes = [change for decision in decisions if (change := self._take(decision)) is not None]
        finally:
            self._file_lock.release()
        self.order.follow()
        return changes

    def decide_on(self, region: LabelIssue) -> None:
        """Save that a region, which the ranking may lack, should hold what is suggested for it. RAISES (ValueError): as
        ``decide``."""
        with self._lock:
            self._drawn.setdefault(region.id, region)
        self.decide([Answer(region.id, "label", region.suggested)])

    def drawn(self, document: str) -> dict[str, Decision]:
        """Return the last word on each region of a document that the ranking lacks, by the name to take it back by,
        where it changes something."""
        with self._lock:
            names = [
                name for name, one in self._drawn.items() if one.document == document and name not in self._numbers
            ]
            said = {name: last for name in names for last in self._words.get(name, ())[-1:]}
        return {name: one for name, one in said.items() if one.outcome is not None and one.outcome != one.current}

    def close(self) -> None:
        """Make sure that the file still has all decisions, if it was moved away or replaced. RAISES (ValueError): S171
        if it can't be written."""
        with self._file_lock:
            if not self._file.is_complete():
                self._file.exchange(lambda heard: [])

    def labels(self) -> list[dict[str, str]]:
        """Return the labels that entities name by number, and how they are shown."""
        return [{"label": label, "shown": brief(label)} for label in self.tables.labels]

    def first(self) -> Optional[int]:
        """Return the most suspicious one that is open, or else the first of all; None if there is none."""
        numbers = self.order.shown["order"] or range(len(self.issues))
        still_open = (number for number in numbers if not self._words.get(self.issues[number].id))
        return next(still_open, 0 if self.issues else None)

    def _decided(self) -> dict[int, bool]:
        """Return the numbers of what is decided, and whether labels were changed."""
        with self._lock:
            last = [(self._numbers.get(name), said[-1]) for name, said in self._words.items() if said]
        return {
            number: sorted(one.outcome) != sorted(one.current)
            for number, one in last
            if number is not None and one.outcome is not None
        }

    def _read(self) -> list[Decision]:
        decisions = self._file.read()
        for decision in decisions:
            if decision.corpus and decision.corpus != self.ranking.corpus:
                shown = {"issue": brief(decision.issue), "found": brief(decision.corpus[:8])}
                expected = brief(self.ranking.corpus[:8])
                raise SeginfError(Errors.S182.format(path=self.path, expected=expected, **shown))
        return [decision for decision in decisions if decision.reviewer == self.reviewer]

    def _listen(self) -> None:
        """Hear what other servers have appended. What can't be read now will be, before anything is saved."""
        with suppress(ValueError, OSError):
            heard = self._file.news()
            with self._lock:
                self._hear(heard)

    def _hear(self, decisions: Sequence[Decision]) -> None:
        for decision in decisions:
            if decision.reviewer == self.reviewer and decision.corpus in ("", self.ranking.corpus):
                for entity in decision.entities:
                    self.tables.labels.setdefault(entity.label, len(self.tables.labels))
                self._take(decision)

    def _ask(self, number: int) -> dict[str, Any]:
        assert self._evidence is not None
        with self._evidence_lock:
            if number not in self._found:
                issue = self.issues[number]
                found: Mapping[str, Any] = {}
                problem = ""
                try:
                    found = self._evidence(issue)
                except (ValueError, OSError) as error:  # there is enough to decide by without it
                    problem = str(error)
                self._found[number] = {**evidence_shown({**vars(issue), **found}), "problem": brief(problem, LONG)}
            return self._found[number]

    def _decision(self, said: Answer) -> Decision:
        number = self._numbers.get(said.issue)
        issue = self._drawn.get(said.issue) if number is None else self.issues[number]
        problem = "the ranking has no such issue" if issue is None else ""
        if issue is not None and said.choice == "undo" and not self._words.get(said.issue):
            problem = "there is nothing to take back"
        if problem or issue is None:
            raise SeginfError(Errors.S185.format(issue=brief(said.issue), problem=problem))
        return self.others.overruled(decide(self.ranking, issue, said, self.reviewer))

    def _is_last(self, decision: Decision) -> bool:
        """Tell whether this is the last word already: an answer got lost and the page asks again."""
        last = self._words.get(self._name(decision), [])[-1:]
        return any(
            (said.choice, said.entities, said.overrules) == (decision.choice, decision.entities, decision.overrules)
            for said in last
        )

    def _name(self, decision: Decision) -> str:
        """Return by which name the page knows what was decided about: the issue's id, or one more where a hand-written
        file has that id for several places."""
        number = self._numbers.get(decision.issue)
        known = self._drawn.get(decision.issue) if number is None else self.issues[number]
        if known is None or same_place(known, decision):
            return decision.issue
        same = (name for name, one in self._drawn.items() if one.id == decision.issue and same_place(one, decision))
        region = decision.document, decision.start, decision.end, decision.current
        return next(same, f"{decision.issue}, {issue_id(*region)}")

    def _take(self, decision: Decision) -> Optional[dict[str, Any]]:
        name = self._name(decision)
        say(self._words.setdefault(name, []), decision)
        number = self._numbers.get(name)
        if number is None:  # drawn, or of an older ranking
            one = decision
            region = unlisted(one.issue, one.document, one.start, one.words, one.current, one.entities)
            self._drawn.setdefault(name, region)
            return None
        self._changes.append({**self._state(number), "sequence": len(self._changes) + 1})
        return self._changes[-1]

    def _state(self, number: int) -> dict[str, Any]:
        said = self._words.get(self.issues[number].id)
        if not said:
            return {"number": number, "choice": "", "entities": [], "together": False}
        last = said[-1]
        entities = self.tables.entities(last.entities)
        return {"number": number, "choice": last.choice, "entities": entities, "together": bool(last.family)}


def unlisted(
    name: str, document: str, start: int, words: Sequence[str], current: Annotation, entities: Annotation
) -> LabelIssue:
    """Make an issue of a region that the ranking lacks: its id, place, tokens and entities, and what it should hold."""
    place, scores = (name, document, start, start + len(words)), (math.nan, math.nan, math.nan)
    issue = LabelIssue(*place, kind_of(current, entities), current, entities, *scores)
    return replace(issue, words=tuple(words), first=start, entities=current)
