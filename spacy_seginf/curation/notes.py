"""What reviewers note beside their decisions: flags, comments, and rules of families, appended to a file of its own."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Annotated, ClassVar, Iterable

from pydantic import ConfigDict, TypeAdapter, ValidationError

from ..errors import Errors, SeginfError
from ..files import json_text
from .appending import append, opened
from .fields import Text, one_of, problem_of
from .records import read_json_lines

BEGINNING = b'{"seginf": "note"'  # of every line
VERSION = 1
KINDS = ("flag", "comment", "rule")


@dataclass(frozen=True)
class Note:
    """What somebody noted.

    kind (str): "flag" (to come back to), "comment", or "rule" (what holds for a family: "national teams are ORG").
    about (str): id of the issue; of a rule, name of the family. text (str): "" takes the note back.
    reviewer (str); time (str): ISO 8601, UTC. corpus (str): digest.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    kind: Annotated[str, one_of(KINDS)]
    about: Text
    text: Text
    reviewer: Text = ""
    time: Text = ""
    corpus: Text = ""


_NOTE = TypeAdapter(Note)


def notes_path(decisions: Path) -> Path:
    """Return where notes lie that belong to a file of decisions: decisions.notes.jsonl beside decisions.jsonl."""
    return decisions.with_name(f"{decisions.stem}.notes.jsonl")


def read_notes(path: Path) -> list[Note]:
    """Read the notes that stand: each reviewer's last one of a kind about a thing, in the order of their first ones.

    Without a file there are none. RAISES (ValueError): S306 if a line is no note.
    """
    if not path.is_file():
        return []
    found = []
    for number, line in read_json_lines(path, what="note", torn=True):
        values = {name: value for name, value in line.items() if name not in ("seginf", "version")}
        try:
            if line.get("seginf") != "note" or line.get("version") != VERSION:
                raise LookupError("it is no note of a version that is known")
            found.append(_NOTE.validate_python(values))
        except ValidationError as error:
            raise SeginfError(Errors.S306.format(path=path, line=number, problem=problem_of(error))) from None
        except LookupError as error:
            raise SeginfError(Errors.S306.format(path=path, line=number, problem=error.args[0])) from None
    return standing(found)


def standing(notes: Iterable[Note]) -> list[Note]:
    """Return the notes that no later one has replaced or taken back."""
    last = {(one.reviewer, one.kind, one.about): one for one in notes}
    return [one for one in last.values() if one.text]


def append_note(path: Path, note: Note) -> None:
    """Append a note, and return when it is on the disk. RAISES (ValueError): S171 if the file can't be written, S170 if
    it ends in something else."""
    line = json_text({"seginf": "note", "version": VERSION, **asdict(note)}) + "\n"
    try:
        with opened(path) as file:
            append(file, path, line.encode("utf8", "backslashreplace"), BEGINNING)
    except OSError as error:
        raise SeginfError(Errors.S171.format(path=path, problem=error.strerror or error)) from None
