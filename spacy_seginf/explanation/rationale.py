"""What training labels have in common with a prediction, read off their texts and kept for the next prediction."""

from __future__ import annotations

from functools import lru_cache
from typing import Optional, Sequence

import numpy

from ..crf.schemes import TAG, TagScheme, type_of
from ..index.index import Index
from .reasons import Surroundings, Traits, surroundings

MEMBERS = 200  # of a family that are read
KEPT = 4096  # references, and families


class Rationale:
    """Gives reasons for references and families of an index, for any number of threads.

    index (Index); scheme (TagScheme): of the tagger.
    """

    def __init__(self, index: Index, scheme: TagScheme) -> None:
        self._index, self._scheme = index, scheme
        self._row_traits = lru_cache(maxsize=KEPT)(self._traits_of_row)
        self._family_traits = lru_cache(maxsize=KEPT)(self._traits_of_family)

    def query(self, words: Sequence[str], tags: Sequence[int], start: int, end: int) -> Surroundings:
        """Cut a part out of a text with tags."""
        return surroundings(words, self._names(tags), start, end)

    def reference_reasons(self, query: Surroundings, row: int, unit: str) -> list[str]:
        """Say what a reference shares with a prediction. unit (str): "entity" or "token", of the row."""
        return self._row_traits(row, unit).reasons(query)

    def family_reasons(self, query: Surroundings, family: int) -> list[str]:
        """Say what a family shares with a prediction."""
        return self._family_traits(family).reasons(query)

    def _traits_of_row(self, row: int, unit: str) -> Traits:
        table = self._index.segments if unit == "entity" else self._index.tokens
        return Traits([self._surroundings(*table.segment(row))])

    def _traits_of_family(self, family: int) -> Traits:
        evidence = self._index.evidence
        members = evidence.members(family)
        members = members[:: -(-len(members) // MEMBERS)]
        places = self._index.segments_at(evidence.tokens[members], evidence.lengths[members])
        return Traits([self._surroundings(*place) for place in places.tolist()])

    def _surroundings(self, document: int, start: int, end: int) -> Surroundings:
        words, _ = self._index.words(document)
        return surroundings(words, self._labels(document) or [""] * len(words), start, end)

    def _labels(self, document: int) -> Optional[list[str]]:
        """Return the labels of a document's tokens; None if the index was pruned."""
        index = self._index
        if index.manifest.pruned:
            return None
        number = int(numpy.searchsorted(index.first_documents, document, side="right")) - 1
        local = document - int(index.first_documents[number])
        starts = index.shards[number].token_starts
        rows = slice(int(starts[local]), int(starts[local + 1]))
        first = int(index.first_tokens_of_shards[number])
        return self._names(index.labels[first + rows.start : first + rows.stop].tolist())

    def _names(self, tags: Sequence[int]) -> list[str]:
        names = [self._scheme.tags[tag] for tag in tags]
        return names if self._scheme.name == TAG else [type_of(name) for name in names]
