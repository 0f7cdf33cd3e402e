"""Why a training label is near a prediction, in words that both texts have: a reference without a reason puzzles."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from functools import cached_property
from typing import Callable, Iterable, Optional, Sequence

from spacy.lang.lex_attrs import word_shape

MOST = 3  # reasons that are given
COMMON = 0.5  # of a family's labels that must share what is no word
LEAST_SHARED = 0.1  # of a family's labels that must share a word, and two at least unless there is one label
ONLY_DIRECTION = "nothing in common that words, shapes or neighbours show"


@dataclass(frozen=True)
class Surroundings:
    """Labelled words and what is around them: words, those before and behind (None beyond the text), and the labels
    of these two neighbours ("" for none that is known)."""

    words: tuple[str, ...]
    before: Optional[str]
    behind: Optional[str]
    label_before: str = ""
    label_behind: str = ""

    @property
    def text(self) -> str:
        """The words, in one case."""
        return " ".join(self.words).casefold()

    @property
    def shape(self) -> str:
        """The shape of the words: "Xxxx dd"."""
        return " ".join(map(word_shape, self.words))

    @cached_property
    def traits(self) -> tuple[Optional[str], ...]:
        """What is compared of them, in the order of TRAITS; None for what they have not."""
        return tuple(trait(self) for trait, _, _ in TRAITS)


def surroundings(words: Sequence[str], labels: Sequence[str], start: int, end: int) -> Surroundings:
    """Cut some words out of a text. labels (sequence of str): of all words; "" or "O" for none."""

    def at(place: int) -> tuple[Optional[str], str]:
        inside = 0 <= place < len(words)
        return (words[place], labels[place]) if inside else (None, "")

    (before, label_before), (behind, label_behind) = at(start - 1), at(end)
    return Surroundings(tuple(words[start:end]), before, behind, label_before, label_behind)


Trait = Callable[[Surroundings], Optional[str]]
# What is compared, from the most telling on: name, what is read off, how many must share it, and the words for it.
TRAITS: tuple[tuple[Trait, float, str], ...] = (
    (lambda one: one.text, LEAST_SHARED, "the same words"),
    (lambda one: None if one.before is None else one.before.casefold(), LEAST_SHARED, "“{value}” before"),
    (lambda one: None if one.behind is None else one.behind.casefold(), LEAST_SHARED, "“{value}” behind"),
    (lambda one: one.label_before if one.label_before not in ("", "O") else None, COMMON, "{value} before"),
    (lambda one: one.label_behind if one.label_behind not in ("", "O") else None, COMMON, "{value} behind"),
    (lambda one: one.words[-1].casefold() if len(one.words) > 1 else None, LEAST_SHARED, "the last word “{value}”"),
    (lambda one: one.words[0].casefold() if len(one.words) > 1 else None, LEAST_SHARED, "the first word “{value}”"),
    (lambda one: "" if one.before is None else None, COMMON, "the beginning of a text"),
    (lambda one: one.shape, COMMON, "the shape {value}"),
    (lambda one: None if len(one.words) < 2 else str(len(one.words)), COMMON, "{value} words"),
)


class Traits:
    """What the labels of a family have in common with anything, counted once.

    members (iterable of Surroundings): of the labels, or of some of them.
    """

    def __init__(self, members: Iterable[Surroundings]) -> None:
        found = list(members)
        self.size = len(found)
        self._counts = [Counter(values) for values in zip(*(member.traits for member in found))]

    def reasons(self, query: Surroundings) -> list[str]:
        """Say what a query shares with these labels, the most telling first: "12 of 42: the same words"."""
        result = []
        for (_, least, words), value, counts in zip(TRAITS, query.traits, self._counts):
            shared = 0 if value is None else counts[value]
            if shared and shared >= least * self.size and (shared > 1 or self.size == 1 or shared == self.size):
                said = words.format(value=value)
                result.append(said if self.size == 1 else f"{said} ({shared} of {self.size})")
        return result[:MOST] or [ONLY_DIRECTION]
