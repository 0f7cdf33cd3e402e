"""What a page says of a suspicion, turned into a decision, or refused."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Sequence

from ..crf.schemes import Entity
from ..curation.decisions import now
from ..curation.records import CHOICES, Decision
from ..curation.suspicions import Ranking, Suspicion
from ..errors import Errors, SeginfError
from .shown import brief


@dataclass(frozen=True)
class Said:
    """What came from a page.

    suspicion (str): id. choice (str): see ``Decision``. entities (tuple of Entity): for "label". together (bool):
        whether it was decided as one of a family.
    """

    suspicion: str
    choice: str
    entities: tuple[Entity, ...] = ()
    together: bool = False


def read_said(content: object) -> list[Said]:
    """Read a list of what was said off JSON, which may be anything. RAISES (ValueError): S185 if it is no such list."""
    if not isinstance(content, list) or not content:
        raise SeginfError(Errors.S185.format(suspicion="", problem="a list of decisions was expected"))
    return [_read_one(entry) for entry in content]


def decide(ranking: Ranking, suspicion: Suspicion, said: Said, reviewer: str) -> Decision:
    """Make the decision that was meant.

    RAISES (ValueError): S185 if labels or boundaries can't be.
    """
    start, end, current, entities = suspicion.start, suspicion.end, suspicion.current, said.entities
    if said.choice == "accept":
        entities = suspicion.suggested
    elif said.choice == "label":
        _check(ranking, suspicion, entities)
        start, end = grow(suspicion, entities)
        if (start, end) != (suspicion.start, suspicion.end):
            current = tuple(entity for entity in sorted(suspicion.entities) if start <= entity.start < end)
    else:
        entities = ()
    words = suspicion.words[start - suspicion.first : end - suspicion.first]
    return Decision(
        suspicion=suspicion.id,
        document=suspicion.document,
        start=start,
        end=end,
        words=words,
        current=current,
        choice=said.choice,
        entities=entities,
        reviewer=reviewer,
        time=now(),
        corpus=ranking.corpus,
        family=suspicion.family if said.together else "",
    )


def grow(suspicion: Suspicion, entities: Sequence[Entity]) -> tuple[int, int]:
    """Return the smallest region that has the suspicion's region and these entities in it, and cuts no annotated one.

    RAISES (ValueError): S185 if it would leave the words that are shown.
    """
    start = min([suspicion.start, *(entity.start for entity in entities)])
    end = max([suspicion.end, *(entity.end for entity in entities)])
    # Annotated entities do not overlap, so one more can be cut at each end only.
    cut = [entity for entity in suspicion.entities if entity.start < end and entity.end > start]
    start, end = min([start, *(entity.start for entity in cut)]), max([end, *(entity.end for entity in cut)])
    if start < suspicion.first or end > suspicion.first + len(suspicion.words):
        raise _refusal(suspicion.id, "it reaches beyond the words that are shown")
    return start, end


def _check(ranking: Ranking, suspicion: Suspicion, entities: Sequence[Entity]) -> None:
    end = 0
    for entity in entities:
        if entity.label not in ranking.labels and entity not in suspicion.entities:
            raise _refusal(suspicion.id, f"the tagger has no label '{brief(entity.label)}'")
        if entity.start < end:
            raise _refusal(suspicion.id, f"its entities overlap at token {entity.start}")
        end = entity.end


def _read_one(entry: Any) -> Said:
    if not isinstance(entry, dict) or not isinstance(entry.get("suspicion"), str):
        raise _refusal("", "it names no suspicion")
    identifier, choice = entry["suspicion"], entry.get("choice")
    if choice not in CHOICES:
        raise _refusal(identifier, f"'{brief(choice)}' is no choice")
    if choice == "label" and "entities" not in entry:
        raise _refusal(identifier, "it does not say which entities there should be")
    values = entry.get("entities", [])
    read = [_entity(value) for value in values] if isinstance(values, list) else [None]
    entities = [entity for entity in read if entity is not None]
    if len(entities) != len(read):
        raise _refusal(identifier, "its entities are none")
    return Said(identifier, choice, tuple(sorted(entities)), entry.get("together") is True)


def _entity(value: object) -> Optional[Entity]:
    if not isinstance(value, dict):
        return None
    start, end, label = value.get("start"), value.get("end"), value.get("label")
    if type(start) is not int or type(end) is not int or not isinstance(label, str) or not 0 <= start < end:
        return None  # JSON's true is an int as well
    return Entity(start, end, label)


def _refusal(suspicion: str, problem: str) -> ValueError:
    return SeginfError(Errors.S185.format(suspicion=brief(suspicion), problem=problem))
