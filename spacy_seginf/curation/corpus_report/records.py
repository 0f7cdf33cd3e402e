"""What a report on a corpus says, as plain records."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any, Mapping, Optional


@dataclass(frozen=True)
class Occurrence:
    """A place of a corpus.

    document (str): id. start, end (int): tokens. text, before, after (str): the words there and around.
    label (str): how it is annotated; "O" outside of entities. file (str), line (int): where the corpus was written, ""
    and 0 if that is not known. model (str): what heads that have not seen the document say; "" without any.
    """

    document: str
    start: int
    end: int
    text: str
    before: str
    after: str
    label: str
    file: str = ""
    line: int = 0
    model: str = ""


@dataclass(frozen=True)
class Finding:
    """Annotations that contradict each other.

    what (str): what they have in common. counts (dict of int): how often each reading occurs, the most frequent first.
    occurrences (tuple of Occurrence): all but those of the most frequent reading. usual (Occurrence): one of these, in
    the document of the first other one if there is one; None where nothing is usual.
    """

    what: str
    counts: Mapping[str, int]
    occurrences: tuple[Occurrence, ...]
    usual: Optional[Occurrence] = None

    @property
    def doubted(self) -> int:
        """Occurrences of which a model says something else."""
        return sum(one.model not in ("", one.label) for one in self.occurrences)


@dataclass(frozen=True)
class TypeCount:
    """An entity type: spans, different forms and documents that have it, tokens of a span on average, and the most
    frequent forms with their numbers."""

    label: str
    spans: int
    forms: int
    documents: int
    length: float
    frequent: Mapping[str, int]


@dataclass(frozen=True)
class CorpusReport:
    """What is found in a corpus.

    corpus (str): its name. documents, tokens, entities (int). types (tuple of TypeCount): the most frequent first.
    sections (dict of tuples of Finding): by name, see ``sections.SECTIONS``; in each, what contradicts a strong habit
        first. model (str): the pipeline whose heads were asked; "" without any.
    """

    corpus: str
    documents: int
    tokens: int
    entities: int
    types: tuple[TypeCount, ...]
    sections: Mapping[str, tuple[Finding, ...]]
    model: str = ""

    @property
    def plain(self) -> dict[str, Any]:
        """What JSON holds."""
        return {"seginf": "report", "version": 1, **asdict(self)}
