"""Entities that are drawn into a document, away from what the ranking lists."""

from __future__ import annotations

from typing import Any, Optional, Sequence

from pydantic import TypeAdapter, ValidationError
from typing_extensions import NotRequired, TypedDict

from ..crf.schemes import Entity
from ..curation.fields import Place, Text, problem_of
from ..curation.issues import LabelIssue
from ..curation.records import issue_id
from ..curation.regions import grown, touching, within
from ..curation.whole_document import WholeDocument
from ..errors import Errors, SeginfError
from .decide import Answer
from .serialise import brief, whole_shown
from .state import Review, unlisted


class _Said(TypedDict):
    start: NotRequired[Place]
    end: NotRequired[Place]
    label: NotRequired[Text]  # "" for no entity
    undo: NotRequired[Text]


_SAID = TypeAdapter(_Said)


class Drawing:
    """The whole documents of a review, and what is drawn into them. review (Review)."""

    def __init__(self, review: Review) -> None:
        self._review = review

    def shown(self, number: int) -> Optional[dict[str, Any]]:
        """Return the document of an issue as it is shown, with what was drawn; None if nobody has it.

        RAISES (ValueError): what ``Review.whole`` does.
        """
        issue = self._review.issues[number]
        whole = self._whole(issue)
        if whole is None:
            return None
        drawn = [
            {"id": name, "start": one.start, "end": one.end, "entities": _entities(one.outcome or ())}
            for name, one in self._review.drawn(issue.document).items()
        ]
        return {**whole_shown(whole, issue.start), "drawn": drawn}

    def draw(self, number: int, said: object) -> Optional[dict[str, Any]]:
        """Save an entity (start, end, label) in the document of an issue, or take one back (undo: id), and return the
        document.

        RAISES (ValueError): S185 if that can't be, S171 if it can't be saved; what ``Review.whole`` does.
        """
        try:
            values = _SAID.validate_python(said)
        except ValidationError as error:
            raise _refusal(brief(problem_of(error))) from None
        if "undo" in values:
            self._review.decide([Answer(values["undo"], "undo")])
            return self.shown(number)
        issue = self._review.issues[number]
        whole = self._whole(issue)
        if whole is None:
            return None
        if not {"start", "end", "label"} <= values.keys():
            raise _refusal("it lacks its tokens or its label")
        region = drawn_region(whole, issue.document, values["start"], values["end"], values["label"])
        for name, one in self._review.drawn(issue.document).items():
            if name != region.id and one.start < region.end and region.start < one.end:
                raise _refusal("it touches another one that was drawn: take that back first")
        self._review.decide_on(region)
        return self.shown(number)

    def _whole(self, issue: LabelIssue) -> Optional[WholeDocument]:
        return None if self._review.whole is None else self._review.whole(issue.document)


def drawn_region(whole: WholeDocument, document: str, start: int, end: int, label: str) -> LabelIssue:
    """Make an issue of the smallest region around some tokens that cuts no annotated entity; suggested is that they are
    an entity, and what else is annotated stays.

    label (str): a type; "" for no entity. RAISES (ValueError): S185 if there is no such region, or nothing changes.
    """
    if not start < end <= len(whole.words):
        raise _refusal("its tokens are not in the document")
    first, last = grown(start, end, whole.entities)
    if any(one < last and first < other for one, other in whole.gaps):
        raise _refusal("the index lacks some of its tokens")
    current = within(first, last, whole.entities)
    touched = touching(start, end, current)
    kept = [one for one in current if one not in touched]
    entities = tuple(sorted([*kept, *([Entity(start, end, label)] if label else [])]))
    if entities == current:
        raise _refusal("it is annotated like that")
    name = issue_id(document, first, last, current)
    return unlisted(name, document, first, whole.words[first:last], current, entities)


def _entities(entities: Sequence[Entity]) -> list[list[Any]]:
    return [[one.start, one.end, brief(one.label)] for one in entities]


def _refusal(problem: str) -> ValueError:
    return SeginfError(Errors.S185.format(issue="of a drawn entity", problem=problem))
