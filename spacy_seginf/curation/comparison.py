"""Two annotations of the same texts, by two reviewers or in two versions of a corpus: how far they agree, and where
they do not."""

from __future__ import annotations

import math
from collections import Counter
from dataclasses import asdict, dataclass
from typing import Any, Iterable, Mapping, Sequence

from ..crf.schemes import Entity
from ..errors import Errors, SeginfError
from ..rendering.text import shorten, visible
from .decisions import merge_decisions
from .issues import readings, spoken
from .records import Decision
from .regions import kind_of, touching

AROUND = 6  # words on each side of a difference


@dataclass(frozen=True)
class Annotated:
    """Tokens of a document that somebody annotated. words (mapping): their texts, by number. entities (tuple of
    Entity): all that are wholly among them."""

    words: Mapping[int, str]
    entities: tuple[Entity, ...]


@dataclass(frozen=True)
class TypeAgreement:
    """Agreement on a type. label (str): "" for all types together. first, second, both (int): entities of the one, of
    the other, and of both (same tokens, same type). f1 (float): 2 both / (first + second). kappa (float): Cohen's, over
    tokens that are or are not in entities of this type (over all types: their types); nan where nobody differs and
    nothing varies."""

    label: str
    first: int
    second: int
    both: int
    f1: float
    kappa: float


@dataclass(frozen=True)
class Difference:
    """A region where they differ. document (str), start, end (int): its tokens. before, text, after (str): the words in
    front, its own, and behind. first, second (tuples of Entity): what each has there. readings (two of str): the same
    in words: types, or, of other boundaries, the text with its entities in brackets."""

    document: str
    start: int
    end: int
    before: str
    text: str
    after: str
    first: tuple[Entity, ...]
    second: tuple[Entity, ...]
    readings: tuple[str, str] = ("", "")

    @property
    def kind(self) -> str:
        """What the second makes of the first: one of ``regions.KINDS``."""
        return kind_of(self.first, self.second)

    @property
    def change(self) -> tuple[str, str]:
        """The types of each, "no entity" without any."""
        return spoken(self.first), spoken(self.second)


@dataclass(frozen=True)
class Comparison:
    """How far two annotations agree.

    names (two of str). tokens (int): that both annotated. only_first, only_second (int): documents of one alone.
    types (tuple of TypeAgreement): all types together first. differences (tuple of Difference): in order.
    """

    names: tuple[str, str]
    tokens: int
    only_first: int
    only_second: int
    types: tuple[TypeAgreement, ...]
    differences: tuple[Difference, ...]

    @property
    def confusion(self) -> list[tuple[str, str, int]]:
        """How often the one has this where the other has that, the most frequent first."""
        return [(*change, count) for change, count in Counter(one.change for one in self.differences).most_common()]

    @property
    def forms(self) -> list[tuple[str, int]]:
        """How often they differ on each text, the most frequent first."""
        return Counter(one.text for one in self.differences).most_common()

    @property
    def plain(self) -> dict[str, Any]:
        """What JSON holds."""
        differences = [{**asdict(one), "kind": one.kind} for one in self.differences]
        confusion, forms = self.confusion, self.forms
        return {**asdict(self), "differences": differences, "confusion": confusion, "forms": forms}


def compare(
    first: Mapping[str, Annotated], second: Mapping[str, Annotated], names: tuple[str, str] = ("first", "second")
) -> Comparison:
    """Compare two annotations, document by document, on the tokens that both have.

    RAISES (ValueError): S303 if a document has other words.
    """
    entities: tuple[Counter[str], Counter[str], Counter[str]] = (Counter(), Counter(), Counter())
    pairs: Counter[tuple[str, str]] = Counter()  # types of tokens
    differences: list[Difference] = []
    for name in first:
        if name not in second:
            continue
        one, other = first[name], second[name]
        shared = sorted(one.words.keys() & other.words.keys())
        for token in shared:
            if one.words[token] != other.words[token]:
                shown = [visible(shorten(side.words[token])) for side in (one, other)]
                raise SeginfError(Errors.S303.format(id=visible(name), token=token, first=shown[0], second=shown[1]))
        among = set(shared)
        sides = [
            {entity for entity in side.entities if among.issuperset(range(entity.start, entity.end))}
            for side in (one, other)
        ]
        for counter, members in zip(entities, (sides[0], sides[1], sides[0] & sides[1])):
            counter.update(entity.label for entity in members)
        labels = [
            {token: entity.label for entity in side for token in range(entity.start, entity.end)} for side in sides
        ]
        pairs.update((labels[0].get(token, ""), labels[1].get(token, "")) for token in shared)
        differences += _differences(name, one.words, sides[0], sides[1])
    types = sorted({*entities[0], *entities[1]})
    ones, others, both = entities
    found = [_agreement(label, ones[label], others[label], both[label], pairs) for label in types]
    together = _agreement("", ones.total(), others.total(), both.total(), pairs)
    only = len(first.keys() - second.keys()), len(second.keys() - first.keys())
    return Comparison(names, pairs.total(), *only, (together, *found), tuple(differences))


def compare_reviewers(decisions: Sequence[Decision]) -> list[Comparison]:
    """Compare every two reviewers on the tokens that both have decided about."""
    own: dict[str, list[Decision]] = {}
    for one in decisions:
        own.setdefault(one.reviewer, []).append(one)
    annotated = {name: decided_annotation(said) for name, said in own.items()}
    names = sorted(annotated)
    return [
        compare(annotated[name], annotated[other], (name, other))
        for place, name in enumerate(names)
        for other in names[place + 1 :]
    ]


def decided_annotation(decisions: Sequence[Decision]) -> dict[str, Annotated]:
    """Return what one reviewer's decisions say of the tokens that they are about, by document."""
    words: dict[str, dict[int, str]] = {}
    entities: dict[str, set[Entity]] = {}
    for one in merge_decisions(decisions)[0]:
        words.setdefault(one.document, {}).update(enumerate(one.words, start=one.start))
        entities.setdefault(one.document, set()).update(one.outcome or ())
    return {name: Annotated(words[name], tuple(sorted(entities[name]))) for name in words}


def _agreement(label: str, first: int, second: int, both: int, pairs: Counter[tuple[str, str]]) -> TypeAgreement:
    f1 = 2 * both / (first + second) if first + second else math.nan
    if label:
        binary: Counter[tuple[str, str]] = Counter()
        for (one, other), count in pairs.items():
            binary[str(one == label), str(other == label)] += count
        pairs = binary
    return TypeAgreement(label, first, second, both, f1, cohens_kappa(pairs))


def cohens_kappa(pairs: Mapping[tuple[str, str], int]) -> float:
    """Return Cohen's kappa. pairs (mapping): how often the one says this where the other says that. nan where both say
    the same one thing of everything, or there is nothing."""
    total = sum(pairs.values())
    if not total:
        return math.nan
    first, second = Counter[str](), Counter[str]()
    for (one, other), count in pairs.items():
        first[one] += count
        second[other] += count
    observed = sum(count for (one, other), count in pairs.items() if one == other) / total
    chance = sum(first[name] * second[name] for name in first) / total**2
    return (observed - chance) / (1.0 - chance) if chance < 1.0 else math.nan


def _differences(
    name: str, words: Mapping[int, str], first: Iterable[Entity], second: Iterable[Entity]
) -> list[Difference]:
    """Join what overlaps among the entities of one alone to regions."""
    first, second = set(first), set(second)
    regions: list[tuple[int, int]] = []
    for entity in sorted(first ^ second):
        if regions and entity.start < regions[-1][1]:
            regions[-1] = regions[-1][0], max(regions[-1][1], entity.end)
        else:
            regions.append((entity.start, entity.end))
    found = []
    for start, end in regions:
        spans = ((start - AROUND, start), (start, end), (end, end + AROUND))
        before, text, behind = (" ".join(words[token] for token in range(*span) if token in words) for span in spans)
        said, answered = (tuple(sorted(touching(start, end, side))) for side in (first, second))
        shown = readings([words[token] for token in range(start, end)], start, said, answered)
        found.append(Difference(name, start, end, before, text, behind, said, answered, shown))
    return found
