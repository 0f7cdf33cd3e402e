"""What is annotated as an entity in one place, and is not annotated in another."""

from __future__ import annotations

from typing import Iterable, Optional, Sequence

from ...crf.schemes import Entity
from .spans import Place, Words


def find_twins(
    words: Words, entities: Sequence[Iterable[Entity]], missing: Optional[Sequence[Iterable[int]]] = None
) -> list[Place]:
    """Find what is annotated as an entity somewhere, written in the same way, and is not annotated here.

    Of sequences that begin at the same token the longest counts; found ones do not overlap.
    missing (sequence of iterables of int): tokens of each document that nobody has annotated: nothing is found there.
    """
    forms = {tuple(words[document][one.start : one.end]) for document, found in enumerate(entities) for one in found}
    lengths: dict[str, set[int]] = {}
    for form in forms:
        lengths.setdefault(form[0], set()).add(len(form))
    tried = {word: sorted(found, reverse=True) for word, found in lengths.items()}
    twins = []
    for document, (tokens, found) in enumerate(zip(words, entities)):
        taken = bytearray(len(tokens))
        for one in found:
            taken[one.start : one.end] = b"\1" * (one.end - one.start)
        for token in missing[document] if missing is not None else ():
            taken[token] = 1
        end = 0
        for start, word in enumerate(tokens):
            if word not in tried or start < end or taken[start]:
                continue
            for length in tried[word]:
                stop = start + length
                if stop <= len(tokens) and tuple(tokens[start:stop]) in forms and not any(taken[start:stop]):
                    twins.append((document, start, stop))
                    end = stop
                    break
    return twins
