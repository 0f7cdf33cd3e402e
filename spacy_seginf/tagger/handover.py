"""How a tagger hands its predictions to the components that explain them, and to nobody else.

Predictions wait beside the documents, not on them: nothing of them is copied, pickled or written with a document, and
two taggers never meet. Whether anybody waits is asked for every document, so nothing has to be switched off again.
"""

from __future__ import annotations

from contextlib import contextmanager
from contextvars import ContextVar
from typing import Any, Iterator, Optional, Protocol, Sequence
from weakref import WeakKeyDictionary, ref

from spacy.tokens import Doc


class Reader(Protocol):
    """A component that reads predictions."""

    def reads(self, tagger: Any, doc: Doc) -> bool:
        """Will it read what a tagger predicts of a document?"""


class Handover:
    """Predictions of one tagger, until the components that explain them have taken them. What nobody takes goes with
    its document."""

    def __init__(self) -> None:
        self._waiting: WeakKeyDictionary[Doc, tuple[Any, set[int]]] = WeakKeyDictionary()

    def __reduce__(self) -> tuple[type[Handover], tuple[()]]:
        """Documents don't travel with their tagger, so neither does what is known of them."""
        return Handover, ()

    def leave(self, doc: Doc, prediction: Any, readers: Sequence[Reader]) -> None:
        """Keep a prediction for some readers, in the place of an earlier one."""
        self._waiting.pop(doc, None)
        if readers:
            self._waiting[doc] = prediction, {id(reader) for reader in readers}

    def read(self, doc: Doc) -> Any:
        """Return the prediction of a document; None if there is none."""
        return self._waiting.get(doc, (None,))[0]

    def done(self, doc: Doc, reader: Reader) -> None:
        """Let a prediction go that a reader needs no more, unless others do."""
        entry = self._waiting.get(doc)
        if entry is not None:
            entry[1].discard(id(reader))
            if not entry[1]:
                self._waiting.pop(doc, None)


# Components that explain, wherever they are: the same ones may be in several pipelines.
_readers: list[ref[Any]] = []


def register(reader: Reader) -> None:
    """Ask this component from now on whether it reads a prediction, as long as it lives."""
    _readers.append(ref(reader, _readers.remove))


def readers_of(tagger: Any, doc: Doc) -> list[Reader]:
    """Return the components that will read what a tagger predicts of a document."""
    return [reader for reader in registered() if reader.reads(tagger, doc)]


def registered() -> list[Any]:
    """Return the components that explain and still live."""
    known: list[Optional[Any]] = [reader() for reader in list(_readers)]
    return [reader for reader in known if reader is not None]


# Each thread, and each task of an event loop, has its own.
_paused: ContextVar[frozenset[int]] = ContextVar("spacy_seginf_paused", default=frozenset())


@contextmanager
def pausing(reader: Reader) -> Iterator[None]:
    """Let a component do nothing in a with-block, as far as this thread is concerned."""
    before = _paused.set(_paused.get() | {id(reader)})
    try:
        yield
    finally:
        _paused.reset(before)


def is_paused(reader: Reader) -> bool:
    """Does a component do nothing in this thread at present?"""
    return id(reader) in _paused.get()
