"""What a page says of a suspicion, turned into a decision, or refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Sequence

from pydantic import TypeAdapter, ValidationError

from ..crf.schemes import Entity
from ..curation.decisions import now
from ..curation.fields import Entities, Flag, Text, problem_of
from ..curation.records import Choice, Decision
from ..curation.regions import grown
from ..curation.suspicions import Ranking, Suspicion
from ..errors import Errors, SeginfError
from .shown import brief


@dataclass(frozen=True)
class Said:
    """What came from a page.

    suspicion (str): id. choice (str): see ``Decision``. entities (tuple of Entity): for "label". together (bool):
        whether it was decided as one of a family.
    """

    suspicion: Text
    choice: Choice
    entities: Entities = ()
    together: Flag = False


_SAID = TypeAdapter(Said)


def read_said(content: object) -> list[Said]:
    """Read a list of what was said off JSON, which may be anything. RAISES (ValueError): S185 if it is no such list."""
    if not isinstance(content, list) or not content:
        raise SeginfError(Errors.S185.format(suspicion="", problem="a list of decisions was expected"))
    try:
        said = [_SAID.validate_python(entry) for entry in content]
    except ValidationError as error:
        raise _refusal("", brief(problem_of(error))) from None
    for one, entry in zip(said, content):
        if one.choice == "label" and "entities" not in entry:
            raise _refusal(one.suspicion, "it does not say which entities there should be")
    return [replace(one, entities=tuple(sorted(one.entities))) for one in said]


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
    start, end = grown(start, end, suspicion.entities)
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


def _refusal(suspicion: str, problem: str) -> ValueError:
    return SeginfError(Errors.S185.format(suspicion=brief(suspicion), problem=problem))
