"""Spans of a corpus as rows: its entities, and stretches outside of them that are to be compared with these."""

from __future__ import annotations

import re
from bisect import bisect_left, bisect_right
from dataclasses import dataclass
from functools import cached_property, lru_cache
from itertools import groupby
from operator import itemgetter
from typing import Iterable, Iterator, NamedTuple, Optional, Sequence

import numpy

from ...crf.schemes import OUTSIDE, Entity

Words = Sequence[Sequence[str]]
Place = tuple[int, int, int]  # document, first token, last token (exclusive)
Item = Optional[str]  # a folded word, or None for a slot
Context = tuple[tuple[Item, ...], tuple[Item, ...]]  # what is before a span, and behind it
DIGITS = re.compile(r"\d+")


class Surroundings(NamedTuple):
    """A span among the items of its document: it is those from first to last, its sentence those from low to high (both
    exclusive)."""

    items: list[Item]
    low: int
    first: int
    last: int
    high: int

    def __len__(self) -> int:
        """Items of the sentence, with one for the span."""
        return self.high - self.low - (self.last - self.first) + 1

    def context(self, reach: Optional[int] = None) -> Context:
        low, high = self.low, self.high
        if reach is not None:
            low, high = max(low, self.first - reach), min(high, self.last + reach)
        return tuple(self.items[low : self.first]), tuple(self.items[self.last : high])


@dataclass(frozen=True)
class Spans:
    """Spans of a corpus, in its order; no two share a token.

    words (sequence of sequences of str): the tokens of each document. sentences (sequence of sequences of int): tokens
        that begin a sentence; the first needs no mention, and a document without any is one sentence.
    documents, starts, ends (int64, n): where the spans are, ends exclusive.
    types (int64, n): numbers of their labels. labels (tuple of str): the first is "O", of spans that are no entities.
    """

    words: Words
    sentences: Sequence[Sequence[int]]
    documents: numpy.ndarray
    starts: numpy.ndarray
    ends: numpy.ndarray
    types: numpy.ndarray
    labels: tuple[str, ...]

    @classmethod
    def of(
        cls,
        words: Words,
        entities: Sequence[Iterable[Entity]],
        outside: Iterable[Place] = (),
        sentences: Optional[Sequence[Sequence[int]]] = None,
    ) -> Spans:
        """Make a table of the entities of each document, and of further spans that share no token with them or each
        other, such as ``find_twins`` returns."""
        labels = (OUTSIDE, *sorted({one.label for found in entities for one in found} - {OUTSIDE}))
        number = {label: position for position, label in enumerate(labels)}
        rows = [
            (document, one.start, one.end, number[one.label])
            for document, found in enumerate(entities)
            for one in found
        ]
        rows += [(*place, 0) for place in outside]
        documents, starts, ends, types = numpy.array(sorted(rows), dtype=numpy.int64).reshape(-1, 4).T
        begins = sentences if sentences is not None else [()] * len(words)
        return cls(words, begins, documents, starts, ends, types, labels)

    def __len__(self) -> int:
        return len(self.types)

    @cached_property
    def surroundings(self) -> list[Surroundings]:
        """What is around each span."""
        return list(_surroundings(self))

    def form(self, row: int) -> tuple[str, ...]:
        """Return the tokens of a span."""
        return tuple(self.words[self.documents[row]][self.starts[row] : self.ends[row]])


@lru_cache(maxsize=1 << 16)
def folded(word: str) -> str:
    """Return a word without its case, and with 0 for every run of digits."""
    return DIGITS.sub("0", word.casefold())


def _surroundings(spans: Spans) -> Iterator[Surroundings]:
    places = zip(spans.documents.tolist(), spans.starts.tolist(), spans.ends.tolist(), spans.types.tolist())
    for document, group in groupby(places, key=itemgetter(0)):
        rows = list(group)
        words = spans.words[document]
        entities = {start: end for _, start, end, kind in rows if kind}
        items: list[Item] = []
        at: list[int] = []  # the item of each token
        while len(at) < len(words):
            end = entities.get(len(at))
            at += [len(items)] * (1 if end is None else end - len(at))
            items.append(folded(words[len(at) - 1]) if end is None else None)
        # A sentence that begins within an entity is none.
        begins = sorted({at[token] for token in spans.sentences[document] if not token or at[token - 1] != at[token]})
        for _, start, end, _ in rows:
            first, last = at[start], at[end - 1] + 1
            before, behind = bisect_right(begins, first), bisect_left(begins, last)
            low = begins[before - 1] if before else 0
            yield Surroundings(items, low, first, last, begins[behind] if behind < len(begins) else len(items))
