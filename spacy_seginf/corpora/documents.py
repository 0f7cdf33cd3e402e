"""What every format of a corpus comes to: documents with words, entities and places, and corrected bytes."""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Mapping, Sequence

from ..crf.schemes import Entity


@dataclass(frozen=True)
class Document:
    """A document of a corpus.

    identifier (str): its id in the corpus, else the file's name without suffix, and its number, counted from 1.
    words (tuple of str): tokens. entities (tuple of Entity): in order.
    file (str): the file that it was written in. lines (tuple of int): the line of each token, or a single one for all;
        empty if not known.
    sentences (tuple of int): tokens before which an entity can't go on. missing (tuple of int): unannotated tokens.
    named (bool): whether a converted corpus keeps the identifier, or counts itself.
    spaces (tuple of bool): whether a space follows each token; empty if not known.
    """

    identifier: str
    words: tuple[str, ...]
    entities: tuple[Entity, ...]
    file: str
    lines: tuple[int, ...] = ()
    sentences: tuple[int, ...] = ()
    missing: tuple[int, ...] = ()
    named: bool = True
    spaces: tuple[bool, ...] = ()

    def line(self, token: int) -> int:
        """Return the line of a token; 0 if it is not known."""
        if not self.lines:
            return 0
        return self.lines[0] if len(self.lines) == 1 else self.lines[token]


@dataclass(frozen=True)
class Replacement:
    """A region that gets other entities: start and end (int, exclusive) cut no entity, before or after."""

    start: int
    end: int
    entities: tuple[Entity, ...]


class AnnotatedCorpus(ABC):
    """A corpus as it was read.

    path (Path): the file. documents (sequence of Document): in its order.
    """

    path: Path
    documents: Sequence[Document]

    @abstractmethod
    def unwritable(self, number: int, replacement: Replacement, entities: Sequence[Entity]) -> str:
        """Say why the format can't hold a replacement; empty if it can.

        number (int): of the document, from 0. entities (sequence of Entity): all of the document after all changes.
        """

    @abstractmethod
    def corrected(self, replacements: Mapping[int, Sequence[Replacement]]) -> bytes | Mapping[Path, bytes]:
        """Return the file with some documents' (numbers from 0) regions replaced, and the rest as it was; of a folder,
        the files that change, by their paths in it."""


def replaced(entities: Iterable[Entity], replacements: Sequence[Replacement]) -> list[Entity]:
    """Return the entities of a document after some regions were replaced."""
    kept = [
        entity
        for entity in entities
        if not any(region.start < entity.end and entity.start < region.end for region in replacements)
    ]
    return sorted([*kept, *(entity for region in replacements for entity in region.entities)])


def stem_of(path: Path) -> str:
    """Return a file's name without its suffix, compressed or not: what names of unnamed documents begin with."""
    return Path(path.stem).stem if is_compressed(path) else path.stem


def is_compressed(path: Path) -> bool:
    """Is a file of text compressed, as far as its name tells?"""
    return path.suffix.lower() == ".gz"
