"""What the fields of records may hold. They are checked where a record is read, and not where one is made."""

from __future__ import annotations

import math
from typing import Annotated, Any, Optional, Sequence

from pydantic import AfterValidator, BeforeValidator, Field, InstanceOf, Strict, TypeAdapter, ValidationError
from typing_extensions import TypedDict

from ..crf.schemes import Entity

LARGEST = 1 << 53  # which programs in JavaScript still count exactly


def _characters(text: str) -> str:
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise ValueError("holds surrogates, which are no characters")
    return text


Place = Annotated[int, Strict(), Field(ge=0, lt=LARGEST)]  # the number of a token, character or line
Text = InstanceOf[str]  # of a corpus: lone surrogates too
Name = Annotated[Text, AfterValidator(_characters)]  # which can be written as it is
Flag = Annotated[bool, Strict()]
# Numbers that are not finite were written as null.
Number = Annotated[float, Strict(), BeforeValidator(lambda value: math.nan if value is None else value)]


def one_of(names: Sequence[str]) -> Any:
    """Return what permits only some texts."""
    return Field(pattern=f"^({'|'.join(names)})$")


class _Entity(TypedDict):
    start: Place
    end: Place
    label: Annotated[Name, Field(min_length=1)]


class _Evidence(TypedDict, total=False):
    text: Text
    context: Text
    document: Text
    label: Text
    gold: Text
    predicted: Text
    missing: Text
    start: Place
    end: Place
    offset: Place
    file: Text
    line: Place
    added: Flag
    effect: Optional[Annotated[float, Strict()]]


_ENTITY, _EVIDENCE = TypeAdapter(_Entity), TypeAdapter(_Evidence)


def _entity(value: Any) -> Entity:
    entity = Entity(**_ENTITY.validate_python(value))
    if entity.start >= entity.end:
        raise ValueError("has no tokens")
    return entity


Entities = tuple[Annotated[Entity, BeforeValidator(_entity)], ...]
Evidence = tuple[Annotated[dict[str, Any], BeforeValidator(_EVIDENCE.validate_python)], ...]


def problem_of(error: ValidationError) -> str:
    """Say in a line what is wrong first."""
    found = error.errors(include_url=False)[0]
    place = ".".join(map(str, found["loc"]))
    if found["type"] == "value_error":
        return f"its {place} {found['ctx']['error']}"
    return f"its {place}: {found['msg']}" if place else found["msg"]
