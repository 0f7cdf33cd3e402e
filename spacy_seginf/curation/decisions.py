"""Decisions on disk and in sum: appended as they are made, and what they come to when all are read."""

from __future__ import annotations

from dataclasses import dataclass, replace
from datetime import datetime, timezone
from pathlib import Path
from typing import Iterable, Optional, Sequence

from ..crf.schemes import Entity
from ..errors import Errors, SeginfError
from .appending import append, opened
from .records import Decision, decision_line, issue_id, same_place


def now() -> str:
    """Return the time (UTC, ISO 8601, seconds)."""
    return datetime.now(timezone.utc).strftime("%Y-%m-%dT%H:%M:%SZ")


def labelled(
    place: tuple[str, int, int],
    words: tuple[str, ...],
    current: tuple[Entity, ...],
    entities: tuple[Entity, ...],
    reviewer: str,
) -> Decision:
    """Decide now that a region (document, start, end) should hold other entities."""
    return Decision(issue_id(*place, current), *place, words, current, "label", entities, reviewer, now())


def append_decisions(path: Path, decisions: Iterable[Decision]) -> None:
    """Append decisions to a file, all or none, and return when they are on the disk.

    Several processes may append to the same file. A line that a crash has cut short is cut off first.
    RAISES (ValueError): S171 if the file can't be written, S170 if it ends in something that is no decision.
    """
    content = "".join(decision_line(decision) for decision in decisions).encode("utf8", "backslashreplace")
    try:
        with opened(path) as file:
            append(file, path, content)
    except OSError as error:
        raise SeginfError(Errors.S171.format(path=path, problem=error.strerror or error)) from None


@dataclass(frozen=True)
class Conflict:
    """Decisions on overlapping regions that can't all be followed."""

    decisions: tuple[Decision, ...]


def final_decisions(decisions: Iterable[Decision]) -> list[Decision]:
    """Return each reviewer's last word on each issue, where it decides something, in the order of documents and
    regions as they first come. What has the same issue and none of its tokens, as hand-written decisions may, is about
    something else."""
    words: dict[tuple[str, str, str], list[Decision]] = {}
    for decision in decisions:
        say(words.setdefault((decision.reviewer, decision.issue, decision.document), []), decision)
    return [
        one
        for said in words.values()
        for number, one in enumerate(said, start=1)
        if one.outcome is not None and not any(same_place(one, later) for later in said[number:])
    ]


def say(said: list[Decision], decision: Decision) -> None:
    """Add a decision to what was said of an issue; an "undo" takes the last of those away that it overlaps."""
    if decision.choice != "undo":
        said.append(decision)
        return
    for number in reversed(range(len(said))):
        if same_place(said[number], decision):
            del said[number]
            return


def merge_decisions(decisions: Sequence[Decision]) -> tuple[list[Decision], list[Conflict]]:
    """Put the decisions of all reviewers together.

    What a reviewer says later of the same tokens replaces what the same one said before, unless both can be followed.
    Decisions on overlapping regions that can be followed together become one on all of their tokens. What a decision
    overrules on its tokens gives way to it, unless each overrules the other.

    RETURNS: decisions on regions that do not overlap (but for some that are all to be kept as they are), and the
        conflicts: regions that overlap, with outcomes that contradict each other. What is in conflict is in none of
        the decisions.
    """
    positions = {id(decision): number for number, decision in enumerate(decisions)}
    groups: dict[str, list[Decision]] = {}
    for decision in final_decisions(decisions):
        groups.setdefault(decision.document, []).append(decision)
    agreed: list[Decision] = []
    conflicts: list[Conflict] = []
    for members in groups.values():
        latest = [one for one in members if not _replaced(one, members, positions)]
        latest = [one for one in latest if not _overruled(one, latest)]
        for together in _overlapping(latest):
            if all(_held(one) == tuple(sorted(one.current)) for one in together):  # overlapping regions, all kept
                same = len({(one.start, one.end) for one in together}) == 1
                agreed += together[:1] if same else together
                continue
            one_for_all = _joined(together)
            if one_for_all is None:
                conflicts.append(Conflict(tuple(together)))
            else:
                agreed.append(one_for_all)
    return agreed, conflicts


def reversed_decisions(decisions: Sequence[Decision]) -> list[Decision]:
    """Return decisions that take others back, where these have changed something: each finds what was decided, and puts
    back what was there before. What was in conflict has changed nothing."""
    return [
        replace(one, current=_held(one), choice="label", entities=tuple(sorted(one.current)), overrules=())
        for one in merge_decisions(decisions)[0]
        if _held(one) != tuple(sorted(one.current))
    ]


def _replaced(decision: Decision, members: Sequence[Decision], positions: dict[int, int]) -> bool:
    """Did the reviewer say something else of the same tokens later?"""
    return any(
        other.reviewer == decision.reviewer
        and positions[id(other)] > positions[id(decision)]
        and other.start < decision.end
        and decision.start < other.end
        and _joined([decision, other]) is None
        for other in members
    )


def _overruled(decision: Decision, members: Sequence[Decision]) -> bool:
    """Does the decision of somebody else win over this one?"""
    return any(
        decision.reviewer in other.overrules
        and other.reviewer not in (decision.reviewer, *decision.overrules)
        and other.start < decision.end
        and decision.start < other.end
        for other in members
    )


def _joined(decisions: Sequence[Decision]) -> Optional[Decision]:
    """Make one decision of several on overlapping regions; None if they can't all be followed."""
    first = decisions[0]
    if len({(one.start, one.end, _held(one)) for one in decisions}) == 1:
        return first
    start, end = min(one.start for one in decisions), max(one.end for one in decisions)
    words: dict[int, str] = {}
    for one in decisions:
        for token, word in enumerate(one.words, start=one.start):
            if words.setdefault(token, word) != word:
                return None
    current = {entity for one in decisions for entity in one.current}
    entities = {entity for one in decisions for entity in _held(one)}
    for one in decisions:
        for everything, own in ((current, set(one.current)), (entities, set(_held(one)))):
            if {entity for entity in everything if entity.start < one.end and one.start < entity.end} != own:
                return None
    if len(words) != end - start:
        return None
    latest = max(one.time for one in decisions)
    place = replace(first, start=start, end=end, words=tuple(words[token] for token in range(start, end)), time=latest)
    return replace(place, current=tuple(sorted(current)), choice="label", entities=tuple(sorted(entities)))


def _held(decision: Decision) -> tuple[Entity, ...]:
    """Return what a region should hold; the order in which it was said does not matter."""
    return tuple(sorted(decision.outcome or ()))


def _overlapping(decisions: Sequence[Decision]) -> list[list[Decision]]:
    """Group decisions on one document by regions that touch the same tokens."""
    groups: list[list[Decision]] = []
    end = -1
    for decision in sorted(decisions, key=lambda one: (one.start, one.end)):
        if groups and decision.start < end:
            groups[-1].append(decision)
        else:
            groups.append([decision])
        end = max(end, decision.end) if len(groups[-1]) > 1 else decision.end
    return groups
