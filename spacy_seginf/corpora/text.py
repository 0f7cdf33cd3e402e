"""Corpora that are lines of text with tags: what columns and JSON lines have in common."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Optional, Sequence

from ..crf.schemes import OUTSIDE, TAG, Entity
from ..errors import Errors, SeginfError
from .documents import AnnotatedCorpus, Document, Replacement
from .tags import ALL_LETTERS, MISSING, TagError, changed_tags, check_tags, detect_scheme, find_entities, unwritable


@dataclass(frozen=True)
class TaggedText:
    """A document (whose entities are not read yet), and its tags as found."""

    document: Document
    tags: tuple[str, ...]


class TaggedCorpus(AnnotatedCorpus):
    """A corpus of tagged lines.

    path (Path): the file. texts (sequence of TaggedText): its documents.
    scheme (str): one of ``SCHEMES``; found if not given, and then of entities.
    entity_type (str): the type that is meant by tags that name none (B, I).
    RAISES (ValueError): S201 if a tag can't be read, S242 if tags name no type and none is given.
    """

    def __init__(
        self,
        path: Path,
        texts: Sequence[TaggedText],
        scheme: Optional[str] = None,
        entity_type: Optional[str] = None,
    ) -> None:
        self.path, self.texts = path, texts
        self._bare_type = self._find_bare_type(entity_type) if scheme != TAG else ""
        if self._bare_type:
            self.texts = [replace(text, tags=tuple(map(self._typed, text.tags))) for text in texts]
        self.scheme = scheme if scheme is not None else self._detect()
        self.documents = [self._read(text) for text in self.texts]

    def unwritable(self, number: int, replacement: Replacement, entities: Sequence[Entity]) -> str:
        for entity in replacement.entities:
            if self._bare_type not in ("", entity.label):
                return f"tags that name no type can't hold a {entity.label}"
        return unwritable(replacement, entities, self.documents[number].sentences, self.scheme)

    def changed_tags(self, number: int, replacements: Sequence[Replacement]) -> dict[int, str]:
        """Return the tags of a document that replacements change, by token."""
        document = self.documents[number]
        tags = self.texts[number].tags
        changed = changed_tags(tags, document.entities, document.sentences, replacements, self.scheme)
        return {position: tag[0] if self._bare_type else tag for position, tag in changed.items()}

    def _find_bare_type(self, entity_type: Optional[str]) -> str:
        """Return the type of tags that name none; empty if they name theirs. RAISES (ValueError): S242 if unknown."""
        entity_tags = {tag for text in self.texts for tag in text.tags} - {OUTSIDE, MISSING}
        if not entity_tags or not entity_tags <= set(ALL_LETTERS):
            return ""
        if entity_type:
            return entity_type
        text, position = next(
            (text, position) for text in self.texts for position, tag in enumerate(text.tags) if tag in entity_tags
        )
        line = text.document.line(position)
        raise SeginfError(Errors.S242.format(path=self.path, line=line, tag=text.tags[position]))

    def _typed(self, tag: str) -> str:
        return tag if tag in (OUTSIDE, MISSING) else f"{tag}-{self._bare_type}"

    def _detect(self) -> str:
        for text in self.texts:
            try:
                check_tags(text.tags)
            except TagError as error:
                raise unreadable(self.path, text.document.line(error.position), error) from None
        return detect_scheme((text.tags, text.document.sentences) for text in self.texts)

    def _read(self, text: TaggedText) -> Document:
        try:
            entities = find_entities(text.tags, text.document.sentences, self.scheme)
        except TagError as error:
            problem = f"{error} under {self.scheme}"
            raise unreadable(self.path, text.document.line(error.position), problem) from None
        missing = tuple(position for position, tag in enumerate(text.tags) if tag == MISSING)
        return replace(text.document, entities=tuple(entities), missing=missing)


def unreadable(path: Path, line: int, problem: object) -> ValueError:
    """Say which line of a file can't be read."""
    return SeginfError(Errors.S201.format(path=path, place=f"line {line}", problem=problem))


def decoded_lines(path: Path, lines: Sequence[bytes]) -> list[str]:
    """Decode lines one by one. RAISES (ValueError): S201 with the number of one that is not UTF-8."""
    found = []
    for number, line in enumerate(lines, start=1):
        try:
            found.append(line.decode("utf8"))
        except UnicodeDecodeError as error:
            raise unreadable(path, number, f"it is not UTF-8 ({error})") from None
    return found
