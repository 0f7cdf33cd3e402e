"""Wrong labels of four kinds, planted in a training corpus: a type that is wrong in one pattern, a boundary moved, an
entity left out, an entity that is none."""

from __future__ import annotations

import random
from collections import Counter
from dataclasses import dataclass
from typing import Any, Sequence

KINDS = ("type", "boundary", "missing", "spurious")
SHARES = {"type": 80, "boundary": 80, "missing": 100, "spurious": 150}  # one error for so many entities
LEAST = {"type": 10, "boundary": 10, "missing": 10, "spurious": 8}
CHANCE = 0.3  # that a fitting entity is taken
Span = tuple[int, int, str]


@dataclass(frozen=True)
class Planted:
    """A planted error. document (str), start, end (int): the tokens that it is about. kind (str): of KINDS."""

    document: str
    start: int
    end: int
    kind: str


def spans_of(labels: Sequence[str]) -> list[Span]:
    """Read the entities of BIO labels."""
    found: list[Span] = []
    for number, label in enumerate(labels):
        if label.startswith("B-"):
            found.append((number, number + 1, label[2:]))
        elif label.startswith("I-") and found:
            found[-1] = (found[-1][0], number + 1, found[-1][2])
    return found


def labels_of(length: int, spans: Sequence[Span]) -> list[str]:
    """Write entities as BIO labels."""
    labels = ["O"] * length
    for start, end, kind in spans:
        labels[start:end] = [f"B-{kind}", *[f"I-{kind}"] * (end - start - 1)]
    return labels


def plant_errors(documents: Sequence[dict[str, Any]], seed: int) -> tuple[list[dict[str, Any]], list[Planted]]:
    """Return the documents with wrong labels, and where they are.

    The type is wrong behind the word that is most often before the most frequent type: that is systematic. The rest is
    drawn. documents (sequence of dict): with "id", "tokens" and "labels" (BIO).
    """
    generator = random.Random(seed)
    spans = {number: spans_of(one["labels"]) for number, one in enumerate(documents)}
    counts = Counter(kind for found in spans.values() for *_, kind in found)
    (frequent, _), (other, _) = counts.most_common(2)
    words = [one["tokens"] for one in documents]
    firsts = ((number, start) for number, found in spans.items() for start, _, kind in found if kind == frequent)
    before = Counter(words[number][start - 1].lower() for number, start in firsts if start)
    word = before.most_common(1)[0][0]
    left = {kind: max(LEAST[kind], counts.total() // SHARES[kind]) for kind in KINDS}
    planted: list[Planted] = []

    def put(number: int, start: int, end: int, kind: str) -> None:
        left[kind] -= 1
        planted.append(Planted(documents[number]["id"], start, end, kind))

    places = [(number, span) for number, found in spans.items() for span in found]
    generator.shuffle(places)
    for number, (start, end, kind) in places:
        found = spans[number]
        at = found.index((start, end, kind))
        if kind == frequent and start and words[number][start - 1].lower() == word and left["type"]:
            found[at] = start, end, other
            put(number, start, end, "type")
        elif left["boundary"] and end - start > 1 and generator.random() < CHANCE:
            found[at] = start, end - 1, kind
            put(number, start, end, "boundary")
        elif left["missing"] and generator.random() < CHANCE:
            del found[at]
            put(number, start, end, "missing")
    free = [
        (number, token)
        for number, one in enumerate(documents)
        for token in range(1, len(one["tokens"]))
        if one["labels"][token - 1 : token + 1] == ["O", "O"] and words[number][token][:1].isupper()
    ]
    for number, token in generator.sample(free, min(left["spurious"], len(free))):
        spans[number].append((token, token + 1, generator.choice(sorted(counts))))
        put(number, token, token + 1, "spurious")
    changed = [
        {**one, "labels": labels_of(len(one["tokens"]), sorted(spans[number]))} for number, one in enumerate(documents)
    ]
    return changed, planted
