"""Which documents are in which batch: decided by the seed and the ids of the whole corpus, not by what is dropped."""

from __future__ import annotations

import hashlib
from typing import Sequence

from spacy.training.batchers import minibatch_by_words


def batch_plan(
    identifiers: Sequence[str], lengths: Sequence[int], seed: int, epochs: int, words: int
) -> list[list[list[int]]]:
    """Fix the batches of a training.

    Within an epoch documents are ordered by a hash of seed, epoch and id, so the order of a file does not matter, and
    nothing else is drawn. Batches are filled as `spacy.batch_by_words.v1` fills them.

    identifiers (sequence of str), lengths (tokens): of all documents, with and without weight.
    words (int): tokens of a batch, give or take a fifth.
    RETURNS: by epoch and batch, numbers of documents.
    RAISES (ValueError): if an id is there twice.
    """
    if len(set(identifiers)) < len(identifiers):
        raise ValueError("A batch plan needs documents with ids of their own")

    def order(epoch: int) -> list[int]:
        keys = [hashlib.sha256(f"{seed} {epoch} {identifier}".encode()).digest() for identifier in identifiers]
        return sorted(range(len(keys)), key=keys.__getitem__)

    return [
        [list(batch) for batch in minibatch_by_words(order(epoch), words, get_length=lengths.__getitem__)]
        for epoch in range(epochs)
    ]
