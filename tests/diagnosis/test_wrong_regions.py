"""Regions where predictions are wrong: against what overlaps, pair by pair."""

from __future__ import annotations

import numpy
import pytest

from spacy_seginf.crf.schemes import TAG, Entity, TagScheme
from spacy_seginf.explanation.wrong_regions import Region, differing_regions, wrong_regions

SCHEME = TagScheme(("LOC", "ORG"))


def random_entities(generator, length):
    """Draw entities that do not overlap, in order."""
    found, place = [], 0
    while place < length:
        size = int(generator.integers(1, 4))
        if generator.random() < 0.5 and place + size <= length:
            found.append(Entity(place, place + size, ("LOC", "ORG")[int(generator.integers(2))]))
        place += size
    return found


def connected(predicted, gold):
    """Group entities of both sides that overlap, directly or by others, by joining groups until none can be joined."""
    groups = [{(one, side)} for side, entities in enumerate((predicted, gold)) for one in entities]

    def touch(left, right):
        return any(a.start < b.end and b.start < a.end for a, _ in left for b, _ in right)

    joined = True
    while joined:
        joined = False
        for first in range(len(groups)):
            for second in range(first + 1, len(groups)):
                if touch(groups[first], groups[second]):
                    groups[first] |= groups.pop(second)
                    joined = True
                    break
            if joined:
                break
    return groups


def test_regions_are_what_overlaps():
    generator = numpy.random.default_rng(0)
    seen = 0
    for _ in range(300):
        predicted, gold = random_entities(generator, 12), random_entities(generator, 12)
        expected = set()
        for group in connected(predicted, gold):
            sides = [tuple(sorted(one for one, side in group if side == wanted)) for wanted in (0, 1)]
            if sides[0] != sides[1]:
                everything = [*sides[0], *sides[1]]
                start, end = min(one.start for one in everything), max(one.end for one in everything)
                expected.add(Region(start, end, *sides))
        found = differing_regions(predicted, gold)
        assert set(found) == expected and len(found) == len(expected)
        assert found == sorted(found, key=lambda region: region.start)
        seen += len(found)
    assert seen > 500


@pytest.mark.parametrize(
    ("predicted", "gold", "kind"),
    [
        ([], [(1, 3, "LOC")], "missed"),
        ([(1, 3, "LOC")], [], "spurious"),
        ([(1, 3, "LOC")], [(1, 3, "ORG")], "wrong type"),
        ([(1, 3, "LOC")], [(0, 3, "LOC")], "moved boundary"),
        ([(1, 2, "LOC"), (2, 3, "LOC")], [(1, 3, "LOC")], "moved boundary"),
        ([(1, 3, "LOC")], [(0, 3, "ORG")], "type and boundary"),
        ([(1, 2, "LOC"), (2, 3, "ORG")], [(1, 3, "LOC")], "type and boundary"),
    ],
)
def test_kinds(predicted, gold, kind):
    (region,) = differing_regions(*([Entity(*one) for one in side] for side in (predicted, gold)))
    assert region.kind == kind


def test_what_is_not_annotated_is_not_wrong():
    tags = numpy.array([SCHEME.index[name] for name in ("B-LOC", "I-LOC", "O", "B-ORG", "O")])
    nothing = numpy.zeros(5, dtype=int)
    known = numpy.array([True, False, True, True, True])
    assert [(one.start, one.end) for one in wrong_regions(SCHEME, tags, nothing, known)] == [(3, 4)]
    known[:] = True
    assert [(one.start, one.end) for one in wrong_regions(SCHEME, tags, nothing, known)] == [(0, 2), (3, 4)]
    assert not list(wrong_regions(SCHEME, tags, tags, known))


def test_tags_are_wrong_one_by_one():
    scheme = TagScheme(("NOUN", "VERB"), TAG)
    predicted, gold = numpy.array([0, 1, 1, 0]), numpy.array([0, 0, 1, 1])
    found = list(wrong_regions(scheme, predicted, gold, numpy.array([True, True, True, False])))
    assert found == [Region(1, 2, (Entity(1, 2, "VERB"),), (Entity(1, 2, "NOUN"),))]
    assert found[0].kind == "wrong type"
