"""Flags, comments and rules of a review, as its page shows and makes them."""

from __future__ import annotations

import threading
from typing import Any

from pydantic import TypeAdapter, ValidationError
from typing_extensions import TypedDict

from ..curation.decisions import now
from ..curation.fields import Text, problem_of
from ..curation.notes import Note, append_note, notes_path, read_notes, standing
from ..errors import Errors, SeginfError
from .serialise import brief
from .state import Review

LONGEST = 2000  # characters of a note


class _Said(TypedDict):
    kind: Text
    about: Text
    text: Text


_SAID = TypeAdapter(_Said)


class Noting:
    """The notes beside the decisions of a review. Safe to use from several threads.

    review (Review). RAISES (ValueError): S306 if the file holds something else.
    """

    def __init__(self, review: Review) -> None:
        self._review, self.path = review, notes_path(review.path)
        self._issues = {issue.id: number for number, issue in enumerate(review.issues)}
        self._families = review.tables.families
        self._lock = threading.Lock()
        self._notes = read_notes(self.path)

    def shown(self) -> list[dict[str, Any]]:
        """Return the notes on what is reviewed: kind, number of the issue or of the family, text, and whose."""
        found = []
        for one in self._notes:
            number = (self._families if one.kind == "rule" else self._issues).get(one.about)
            if number is not None:
                own = one.reviewer == self._review.reviewer
                text = brief(one.text, LONGEST)
                found.append(
                    {"kind": one.kind, "number": number, "text": text, "reviewer": brief(one.reviewer), "own": own}
                )
        return found

    def note(self, said: object) -> list[dict[str, Any]]:
        """Save a note (kind, about: id of the issue or number of the family, text) and return all.

        RAISES (ValueError): S185 if it is none, S171 if it can't be saved.
        """
        try:
            values = _SAID.validate_python(said)
        except ValidationError as error:
            raise SeginfError(Errors.S185.format(issue="", problem=brief(problem_of(error)))) from None
        kind, about, text = values["kind"], values["about"], values["text"].strip()
        if kind == "rule":
            names = list(self._families)
            about = names[int(about)] if about.isdecimal() and int(about) < len(names) else ""
        known = about in self._families if kind == "rule" else kind in ("flag", "comment") and about in self._issues
        if not known or len(text) > LONGEST:
            problem = f"it is longer than {LONGEST} characters" if known else "the ranking has nothing like that"
            raise SeginfError(Errors.S185.format(issue=brief(values["about"]), problem=problem))
        made = Note(kind, about, text, self._review.reviewer, now(), self._review.ranking.corpus)
        with self._lock:
            append_note(self.path, made)
            self._notes = standing([*self._notes, made])
            return self.shown()
