"""Which issues are wanted: one pattern instead of everything."""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from typing import Optional, Sequence

from ..errors import Errors, SeginfError
from ..guesses import one_of
from ..index.index import Index
from ..rendering.text import visible
from .alignment import CorpusAlignment
from .ranking import ScoredIssue
from .regions import KINDS


@dataclass(frozen=True)
class IssueFilter:
    """A pattern; what is empty permits everything.

    labels (tuple of str): types that the region has now. suggested (tuple of str): types that are suggested. kinds
        (tuple of str): of change, see ``regions.KINDS``. documents (tuple of str): ids.
    text (str): regular expression that is found in the words of the region, whatever their case.
    RAISES (ValueError): S214 for a kind or an expression that there is not.
    """

    labels: tuple[str, ...] = ()
    suggested: tuple[str, ...] = ()
    kinds: tuple[str, ...] = ()
    documents: tuple[str, ...] = ()
    text: str = ""
    _pattern: Optional[re.Pattern[str]] = field(default=None, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        for kind in self.kinds:
            if kind not in KINDS:
                raise SeginfError(Errors.S214.format(what="kind", value=kind, problem=f"use {one_of(KINDS, kind)}"))
        if self.text:
            try:
                object.__setattr__(self, "_pattern", re.compile(self.text, re.IGNORECASE))
            except re.error as error:
                raise SeginfError(Errors.S214.format(what="text", value=self.text, problem=str(error))) from None

    def check(self, labels: Sequence[str], alignment: CorpusAlignment) -> None:
        """RAISES (ValueError): S214 for a type or a document that there is not."""
        for what, values in (("label", self.labels), ("suggested label", self.suggested)):
            for value in values:
                if value not in labels:
                    problem = f"the types are {one_of(map(visible, labels), value)}"
                    raise SeginfError(Errors.S214.format(what=what, value=value, problem=problem))
        for name in self.documents:
            if name not in alignment:
                raise SeginfError(Errors.S214.format(what="document", value=name, problem="no document has this id"))

    def permits(self, issue: ScoredIssue, alignment: CorpusAlignment, index: Index) -> bool:
        """Is an issue of this pattern?"""
        if self.labels and not {one.label for one in issue.current} & set(self.labels):
            return False
        if self.suggested and not {one.label for one in issue.suggested} & set(self.suggested):
            return False
        if self.kinds and issue.kind not in self.kinds:
            return False
        if self.documents or self._pattern:
            name, first = index.place(issue.document, issue.start)
            if self.documents and name not in self.documents:
                return False
            words, _ = alignment.words(name, first, first + issue.end - issue.start)
            return self._pattern is None or bool(self._pattern.search(" ".join(words)))
        return True
