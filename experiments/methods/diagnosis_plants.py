"""Plant causes of errors in a corpus: one pattern of entities a cause, such as "LOC behind “in”"."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Any, Iterator, Sequence

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.explanation.causes import BOUNDARY, CONTRADICTED, MISLABELLED, NOTHING_NEAR

CAUSES = (MISLABELLED, CONTRADICTED, NOTHING_NEAR, BOUNDARY)
LEAST_HELD_OUT = 8  # entities of a pattern, in what is predicted
Sentence = tuple[list[str], list[Entity]]


@dataclass(frozen=True)
class Pattern:
    """Entities of a type that stand behind a word (lower case)."""

    label: str
    before: str

    def holds(self, words: Sequence[str], entity: Entity) -> bool:
        """Is an entity one of these?"""
        return entity.label == self.label and entity.start > 0 and words[entity.start - 1].lower() == self.before


@dataclass(frozen=True)
class Planting:
    """What was planted: the pattern of each cause, and the type that took the place of the right one."""

    patterns: dict[str, Pattern]
    others: dict[str, str] = field(default_factory=dict)


def sentences(documents: Sequence[dict[str, Any]]) -> Iterator[tuple[str, Sentence]]:
    """Cut documents of JSON lines (BIO labels) into sentences, with their ids."""
    for document in documents:
        starts = [*document["sent_starts"], len(document["tokens"])]
        for number, (start, end) in enumerate(zip(starts[:-1], starts[1:])):
            words, labels = document["tokens"][start:end], document["labels"][start:end]
            yield f"{document['id']}-{number}", (words, _entities(labels))


def choose(train: Sequence[Sentence], held_out: Sequence[Sentence]) -> Planting:
    """Choose patterns: the most frequent ones of training that texts to predict have too, no two of one word."""
    counts, seen = _count(train), _count(held_out)
    frequent = [pattern for pattern, _ in counts.most_common() if seen[pattern] >= LEAST_HELD_OUT]
    chosen: list[Pattern] = []
    for pattern in frequent:
        if pattern.before not in {one.before for one in chosen}:
            chosen.append(pattern)
    patterns = dict(zip(CAUSES, chosen))
    types = Counter(entity.label for _, entities in train for entity in entities)
    others = {
        cause: next(label for label, _ in types.most_common() if label != pattern.label)
        for cause, pattern in patterns.items()
        if cause in (MISLABELLED, CONTRADICTED)
    }
    return Planting(patterns, others)


def planted(planting: Planting, number: int, sentence: Sentence) -> Sentence | None:
    """Damage a sentence of training, the number-th; None if it is left out."""
    words, entities = sentence
    changed = []
    for entity in entities:
        cause = next((cause for cause, pattern in planting.patterns.items() if pattern.holds(words, entity)), "")
        if cause == NOTHING_NEAR:
            return None
        if cause == MISLABELLED or (cause == CONTRADICTED and number % 2):
            entity = Entity(entity.start, entity.end, planting.others[cause])
        elif cause == BOUNDARY and not any(one.end == entity.start for one in entities):
            entity = Entity(entity.start - 1, entity.end, entity.label)
        changed.append(entity)
    return words, changed


def bio(sentence: Sentence) -> list[str]:
    """Return the BIO labels of a sentence."""
    words, entities = sentence
    labels = ["O"] * len(words)
    for entity in entities:
        labels[entity.start : entity.end] = [f"I-{entity.label}"] * (entity.end - entity.start)
        labels[entity.start] = f"B-{entity.label}"
    return labels


def _count(found: Sequence[Sentence]) -> Counter[Pattern]:
    return Counter(
        Pattern(entity.label, words[entity.start - 1].lower())
        for words, entities in found
        for entity in entities
        if entity.start > 0 and not any(one.end == entity.start for one in entities)
    )


def _entities(labels: Sequence[str]) -> list[Entity]:
    found: list[Entity] = []
    for place, label in enumerate(labels):
        if label.startswith("B-"):
            found.append(Entity(place, place + 1, label[2:]))
        elif label.startswith("I-") and found and found[-1].end == place:
            found[-1] = Entity(found[-1].start, place + 1, found[-1].label)
    return found
