"""Where the documents of an index are in the corpus that it was built of, and back."""

from __future__ import annotations

import warnings
from pathlib import Path
from typing import Any, Iterable, Iterator, Optional, Sequence

import numpy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.vocab import Vocab

from ..corpora.docs import identifier_of, read_documents
from ..corpora.targets import target_of
from ..crf.schemes import Entity, TagScheme
from ..errors import Errors, SeginfError, Warnings
from ..explanation.method_explainer import IndexedDocs
from ..index.index import Index
from .records import corpus_digest
from .regions import touching

Place = tuple[int, int, int]  # document of the index, first token there, last token (exclusive)


class CorpusAlignment:
    """A corpus beside its index.

    index (Index). nlp (Language): the pipeline, for its vocabulary. path (Path): the corpus (.spacy).
    RAISES (ValueError): S040 or S042 as ``read_documents``; S211 if two documents have the same id; S212 if the index
        was built of something else, as far as words and entities tell.
    """

    def __init__(self, index: Index, nlp: Language, path: Path, scheme: TagScheme) -> None:
        self._index, self._scheme = index, scheme
        self._docs: dict[str, Doc] = {}
        self._target = target_of(scheme.target)
        for number, doc in enumerate(read_documents(nlp, path, self._target), start=1):
            identifier = identifier_of(doc, path, number)
            if identifier in self._docs:
                raise SeginfError(Errors.S211.format(path=path, id=identifier))
            self._docs[identifier] = doc
        self._entities = {name: self._target.spans(doc) for name, doc in self._docs.items()}
        self.digest = corpus_digest(
            (name, [token.text for token in doc], self._entities[name]) for name, doc in self._docs.items()
        )
        self._pieces = pieces_of(index)
        self._check(path)

    def __len__(self) -> int:
        return len(self._docs)

    def __contains__(self, identifier: object) -> bool:
        return identifier in self._docs

    @property
    def tokens(self) -> int:
        """Tokens of all documents."""
        return sum(len(doc) for doc in self._docs.values())

    @property
    def names(self) -> list[str]:
        """Ids of all documents."""
        return list(self._docs)

    def entities(self, identifier: str) -> list[Entity]:
        """Return the annotated entities of a document, in order."""
        return self._entities[identifier]

    def among(self, identifier: str, start: int, end: int) -> tuple[Entity, ...]:
        """Return the annotated entities that have some of these tokens, in order."""
        return tuple(touching(start, end, self._entities[identifier]))

    def words(self, identifier: str, start: int, end: int) -> tuple[tuple[str, ...], tuple[bool, ...]]:
        """Return some tokens of a document, and whether a space follows each."""
        tokens = self._docs[identifier][start:end]
        return tuple(token.text for token in tokens), tuple(bool(token.whitespace_) for token in tokens)

    def length(self, identifier: str) -> int:
        """Return how many tokens a document has."""
        return len(self._docs[identifier])

    def source(self, identifier: str, token: int) -> tuple[str, int]:
        """Return file and line that a token came from; "" and 0 if the corpus does not say so."""
        data: dict[Any, Any] = self._docs[identifier].user_data
        lines: Sequence[int] = data.get("lines") or ()
        line = lines[token] if token < len(lines) else lines[0] if lines else 0
        return str(data.get("file", "")), int(line)

    def in_index(self, identifier: str, start: int, end: int) -> Optional[Place]:
        """Find tokens of a document in the index; None if no document of the index has all of them."""
        return find_piece(self._pieces, identifier, start, end)

    def _check(self, path: Path) -> None:
        """Compare the index with the corpus, document by document."""
        index = self._index
        starts = numpy.cumsum([0, *index.data.lengths])
        for number, length in enumerate(index.data.lengths):
            identifier, first = index.place(number, 0)
            doc = self._docs.get(identifier)
            if doc is None:
                raise SeginfError(Errors.S212.format(path=path, id=identifier, problem="which the corpus lacks"))
            words = [token.text for token in doc[first : first + length]]
            if words != index.words(number)[0]:
                raise SeginfError(Errors.S212.format(path=path, id=identifier, problem="which has other words there"))
            rows = slice(starts[number], starts[number + 1])
            known = numpy.logical_not(index.data.allowed[rows].all(axis=1))
            annotation = self._scheme.annotation(index.labels[rows].tolist(), known.tolist())
            here = [one.moved(first) for one in annotation]
            there = [one for one in self._entities[identifier] if first <= one.start and one.end <= first + length]
            if here != as_tagged(self._scheme, there):
                other = f"which has other {self._target.what} there"
                raise SeginfError(Errors.S212.format(path=path, id=identifier, problem=other))
        filled = [name for name, doc in self._docs.items() if len(doc) and self._target.is_annotated(doc)]
        others = [name for name in filled if name not in self._pieces]
        if others:
            warnings.warn(Warnings.W008.format(count=len(others), path=path, id=others[0]), stacklevel=4)


def indexed_docs(index: Index, vocab: Vocab, numbers: Optional[Iterable[int]] = None) -> Iterator[Doc]:
    """Yield the documents of an index, for another pipeline to read. numbers (ints): which; all if None."""
    docs = IndexedDocs(index, vocab)
    yield from (docs[number] for number in (range(len(docs)) if numbers is None else numbers))


Pieces = dict[str, list[tuple[int, int, int]]]


def pieces_of(index: Index) -> Pieces:
    """List, by id, the documents of an index that a document of the corpus has become: the number of the first token of
    each, how many it has, and its number in the index."""
    pieces: Pieces = {}
    for number, length in enumerate(index.data.lengths):
        identifier, first = index.place(number, 0)
        pieces.setdefault(identifier, []).append((first, length, number))
    return pieces


def find_piece(pieces: Pieces, identifier: str, start: int, end: int) -> Optional[Place]:
    """Find tokens of a document in the index; None if no document of the index has all of them."""
    for first, length, number in pieces.get(identifier, ()):
        if first <= start and end <= first + length:
            return number, start - first, end - first
    return None


def as_tagged(scheme: TagScheme, entities: Iterable[Entity]) -> list[Entity]:
    """Return entities in order, as tags can hold them: those of IO can't tell neighbours of one type apart."""
    if scheme.name != "IO":
        return sorted(entities)
    joined: list[Entity] = []
    for entity in sorted(entities):
        if joined and joined[-1].end == entity.start and joined[-1].label == entity.label:
            joined[-1] = Entity(joined[-1].start, entity.end, entity.label)
        else:
            joined.append(entity)
    return joined
