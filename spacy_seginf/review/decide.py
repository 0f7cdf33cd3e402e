"""What a page says of an issue, turned into a decision, or refused."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Sequence

from pydantic import TypeAdapter, ValidationError

from ..corpora.tags import one_each
from ..crf.schemes import TAG, Entity
from ..curation.decisions import now
from ..curation.fields import Entities, Flag, Text, problem_of
from ..curation.issues import LabelIssue, Ranking
from ..curation.records import Choice, Decision
from ..curation.regions import grown
from ..errors import Errors, SeginfError
from .serialise import brief


@dataclass(frozen=True)
class Answer:
    """What came from a page.

    issue (str): id. choice (str): see ``Decision``. entities (tuple of Entity): for "label". together (bool):
        whether it was decided as one of a family.
    """

    issue: Text
    choice: Choice
    entities: Entities = ()
    together: Flag = False


_SAID = TypeAdapter(Answer)


def read_answers(content: object) -> list[Answer]:
    """Read a list of what was said off JSON, which may be anything. RAISES (ValueError): S185 if it is no such list."""
    if not isinstance(content, list) or not content:
        raise SeginfError(Errors.S185.format(issue="", problem="a list of decisions was expected"))
    try:
        said = [_SAID.validate_python(entry) for entry in content]
    except ValidationError as error:
        raise _refusal("", brief(problem_of(error))) from None
    for one, entry in zip(said, content):
        if one.choice == "label" and "entities" not in entry:
            raise _refusal(one.issue, "it does not say which entities there should be")
    return [replace(one, entities=tuple(sorted(one.entities))) for one in said]


def decide(ranking: Ranking, issue: LabelIssue, answer: Answer, reviewer: str) -> Decision:
    """Make the decision that was meant.

    RAISES (ValueError): S185 if labels or boundaries can't be.
    """
    entities: Sequence[Entity] = ()
    region = None
    if answer.choice == "accept":
        entities = issue.suggested
    elif answer.choice == "label":
        entities = answer.entities
        _check(ranking, issue, entities)
        region = grow(issue, entities)
    family = issue.family if answer.together else ""
    made = {"reviewer": reviewer, "time": now(), "corpus": ranking.corpus, "family": family}
    return Decision.on(issue, answer.choice, entities, region, **made)


def grow(issue: LabelIssue, entities: Sequence[Entity]) -> tuple[int, int]:
    """Return the smallest region that has the issue's region and these entities in it, and cuts no annotated one.

    RAISES (ValueError): S185 if it would leave the words that are shown.
    """
    start = min([issue.start, *(entity.start for entity in entities)])
    end = max([issue.end, *(entity.end for entity in entities)])
    start, end = grown(start, end, issue.entities)
    if start < issue.first or end > issue.first + len(issue.words):
        raise _refusal(issue.id, "it reaches beyond the words that are shown")
    return start, end


def _check(ranking: Ranking, issue: LabelIssue, entities: Sequence[Entity]) -> None:
    if ranking.scheme == TAG and not one_each(issue.start, issue.end, entities):
        raise _refusal(issue.id, "it does not say one tag for each token")
    end = 0
    for entity in entities:
        if entity.label not in ranking.labels and entity not in issue.entities:
            raise _refusal(issue.id, f"the tagger has no label '{brief(entity.label)}'")
        if entity.start < end:
            raise _refusal(issue.id, f"its entities overlap at token {entity.start}")
        end = entity.end


def _refusal(issue: str, problem: str) -> ValueError:
    return SeginfError(Errors.S185.format(issue=brief(issue), problem=problem))
