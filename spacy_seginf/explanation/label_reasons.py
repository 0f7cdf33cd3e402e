"""What training labels have in common with a prediction, read off their texts and kept for the next prediction."""

from __future__ import annotations

from functools import lru_cache
from typing import Sequence

import numpy

from ..crf.schemes import TAG, TagScheme, type_of
from ..index.index import Index
from .reasons import Surroundings, Traits, surroundings

MEMBERS = 200  # of a family that are read
KEPT = 4096  # references, and families
DOCUMENTS = 512  # whose words and labels are kept


class Rationale:
    """Gives reasons for references and families of an index, for any number of threads.

    index (Index); scheme (TagScheme): of the tagger.
    """

    def __init__(self, index: Index, scheme: TagScheme) -> None:
        self._index = index
        self._row_traits = lru_cache(maxsize=KEPT)(self._traits_of_row)
        self._family_traits = lru_cache(maxsize=KEPT)(self._traits_of_family)
        self._document = lru_cache(maxsize=DOCUMENTS)(self._read_document)
        self._names = scheme.tags if scheme.name == TAG else [type_of(tag) for tag in scheme.tags]

    def names(self, tags: Sequence[int]) -> list[str]:
        """Return what tags say of their tokens: types, "O", or tags under the scheme TAG."""
        return [self._names[tag] for tag in tags]

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
        return surroundings(*self._document(document), start, end)

    def _read_document(self, document: int) -> tuple[list[str], list[str]]:
        """Return the words of a document and what their labels say: "" where there is none, or the index was pruned."""
        index = self._index
        words, _ = index.words(document)
        if index.manifest.pruned:
            return words, [""] * len(words)
        number = int(numpy.searchsorted(index.first_documents, document, side="right")) - 1
        local = document - int(index.first_documents[number])
        first = int(index.first_tokens_of_shards[number] + index.shards[number].token_starts[local])
        names = self.names(index.labels[first : first + len(words)].tolist())
        return words, [name if known else "" for name, known in zip(names, index.known(document).tolist())]
