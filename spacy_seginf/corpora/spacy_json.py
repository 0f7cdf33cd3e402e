"""The training format of spaCy 2: documents of paragraphs of sentences of tokens, each with its "ner" tag."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path
from typing import Any, Iterator, Mapping, Optional, Sequence

from ..crf.schemes import Entity
from .documents import Document, Replacement, replaced, stem_of
from .json_places import add_key, element_places, json_of, set_elements, set_values, value_place
from .json_records import JsonFile, has_surrogates
from .json_spans import Unreadable, has_path, list_of
from .tags import MISSING
from .text import TaggedCorpus, TaggedText, unreadable

NONE = "-"  # the tag of a token that nobody has annotated
Steps = tuple[Any, ...]


class SpacyJson(TaggedCorpus):
    """A corpus of spaCy 2. Every paragraph is a document, as it was for training.

    RAISES (ValueError): S201 with the line of what can't be read.
    """

    def __init__(self, path: Path, *, scheme: Optional[str] = None, entity_type: Optional[str] = None) -> None:
        self.file = JsonFile(path)
        self._paths: list[tuple[int, Steps, list[Steps]]] = []  # record, and paths of paragraph and tokens in it
        texts = []
        names = [record.value.get("id") for record in self.file.records if isinstance(record.value, dict)]
        named = len(set(map(str, names))) == len(names) and None not in names  # spaCy itself wrote 0 for all
        for number, record in enumerate(self.file.records):
            try:
                for text in self._read_paragraphs(number, record.value, named):
                    texts.append(text)
            except Unreadable as error:
                raise unreadable(path, record.line, error) from None
        super().__init__(path, texts, scheme, entity_type)

    def corrected(self, replacements: Mapping[int, Sequence[Replacement]]) -> bytes:
        new: dict[int, str] = {}
        for number, regions in replacements.items():
            record, paragraph, tokens = self._paths[number]
            text, value = new.get(record, self.file.text(record)), self.file.records[record].value
            changed = self.changed_tags(number, regions)
            tagged = {position: tag for position, tag in changed.items() if has_path(value, (*tokens[position], "ner"))}
            text = set_values(text, {(*tokens[position], "ner"): tag for position, tag in tagged.items()})
            for position in changed.keys() - tagged.keys():
                text = add_key(text, tokens[position], "ner", changed[position])
            path = (*paragraph, "entities")
            new[record] = self._with_entities(text, path, number, regions) if has_path(value, path) else text
        return self.file.corrected(new)

    def _read_paragraphs(self, number: int, record: Any, named: bool) -> Iterator[TaggedText]:
        if not isinstance(record, dict):
            raise Unreadable("it is no JSON object")
        paragraphs = list_of(record.get("paragraphs"), "'paragraphs'")
        for place, paragraph in enumerate(paragraphs):
            paths: list[Steps] = []
            tokens = []
            sentences = paragraph.get("sentences") if isinstance(paragraph, dict) else None
            for first, sentence in enumerate(list_of(sentences, f"'sentences' of paragraph {place + 1}")):
                listed = sentence.get("tokens") if isinstance(sentence, dict) else None
                for second, token in enumerate(list_of(listed, f"'tokens' of sentence {first + 1}")):
                    if not (isinstance(token, dict) and isinstance(token.get("orth"), str) and token["orth"]):
                        raise Unreadable(f"token {second + 1} of sentence {first + 1} has no 'orth'")
                    tokens.append(token)
                    paths.append(("paragraphs", place, "sentences", first, "tokens", second))
            tags = [MISSING if token.get("ner") in (None, NONE) else token["ner"] for token in tokens]
            if not all(isinstance(tag, str) for tag in tags) or has_surrogates(*tags, *(one["orth"] for one in tokens)):
                raise Unreadable(f"paragraph {place + 1} has tokens or tags that are no texts")
            self._paths.append((number, ("paragraphs", place), paths))
            document = self._document(number, paragraph, tokens, f"{record['id']}" if named else "", len(paragraphs))
            yield TaggedText(document, tuple(tags))

    def _document(self, number: int, paragraph: Any, tokens: Sequence[Any], name: str, paragraphs: int) -> Document:
        path, line = self.file.path, self.file.records[number].line
        place = self._paths[-1][1][1] + 1
        identifier = name if paragraphs == 1 else f"{name}:{place}"
        words = tuple(token["orth"] for token in tokens)
        known = bool(tokens) and all(isinstance(token.get("space"), str) for token in tokens)
        spaces = tuple(bool(token["space"]) for token in tokens) if known else _spaces(words, paragraph.get("raw"))
        document = Document(identifier, words, (), str(path), (line,), spaces=spaces)
        return document if name else replace(document, identifier=f"{stem_of(path)}:{len(self._paths)}", named=False)

    def _with_entities(self, text: str, path: Steps, number: int, regions: Sequence[Replacement]) -> str:
        """Bring the list of entities of a paragraph in line, which spaCy 3 writes beside the tags."""
        document = self.documents[number]
        start, end = value_place(text, path)
        values = json.loads(text[start:end])
        if not (isinstance(values, list) and document.spaces):
            return text
        after = replaced(document.entities, regions)
        gone = [_offsets(document, entity) for entity in set(document.entities) - set(after)]
        added = sorted(_offsets(document, entity) for entity in set(after) - set(document.entities))
        elements: list[tuple[Optional[int], str]] = [
            (position, text[slice(*place)])
            for position, place in enumerate(element_places(text, start))
            if values[position][:3] not in gone
        ]
        for value in added:
            later = (place for place, (_, one) in enumerate(elements) if json.loads(one)[0] > value[0])
            elements.insert(next(later, len(elements)), (None, json_of(value, text)))
        return set_elements(text, path, elements)


def _spaces(words: Sequence[str], raw: Any) -> tuple[bool, ...]:
    """Find out from a text whether a space follows each of its words; empty if they are not its words."""
    found, position = [], 0
    for word in words if isinstance(raw, str) else ():
        if not raw.startswith(word, position):
            return ()
        position += len(word)
        found.append(raw[position : position + 1] == " ")
        position += found[-1]
    return tuple(found)


def _offsets(document: Document, entity: Entity) -> list[Any]:
    """Return an entity as characters of the text."""
    pieces = [word + " " * space for word, space in zip(document.words, document.spaces)]
    start = len("".join(pieces[: entity.start]))
    return [
        start,
        start + len("".join(pieces[entity.start : entity.end - 1])) + len(document.words[entity.end - 1]),
        entity.label,
    ]
