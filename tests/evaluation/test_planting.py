"""Planted label errors are where they are said to be, and nowhere else."""

from __future__ import annotations

from collections import Counter

from experiments.curation.label_issues import found_in
from experiments.curation.planting import KINDS, LEAST, labels_of, plant_errors, spans_of


def documents():
    """Sentences of a town behind "in", a person, and a word that is none."""
    words = ["Ada", "Lind", "lives", "in", "Osted", "near", "the", "Mill"]
    labels = ["B-PER", "I-PER", "O", "O", "B-LOC", "O", "O", "O"]
    more = ["in", "Tarnby", "and", "Veltra"], ["O", "B-LOC", "O", "B-LOC"]
    return [
        {"id": str(number), "tokens": own, "labels": tags}
        for number in range(60)
        for own, tags in [(words, labels) if number % 2 else more]
    ]


def test_labels_and_spans_are_the_same():
    for one in documents():
        assert labels_of(len(one["tokens"]), spans_of(one["labels"])) == one["labels"]
    assert spans_of(["B-A", "I-A", "B-A", "O", "B-B"]) == [(0, 2, "A"), (2, 3, "A"), (4, 5, "B")]


def test_errors_are_where_they_are_said_to_be():
    right = documents()
    changed, planted = plant_errors(right, 3)
    assert [one["tokens"] for one in changed] == [one["tokens"] for one in right]
    assert plant_errors(right, 3) == (changed, planted) and plant_errors(right, 4)[1] != planted
    counts = Counter(one.kind for one in planted)
    assert set(counts) == set(KINDS) and all(counts[kind] <= LEAST[kind] for kind in KINDS)
    said = {(one.document, token) for one in planted for token in range(one.start, one.end)}
    wrong = {
        (one["id"], token)
        for one, other in zip(right, changed)
        for token, (before, after) in enumerate(zip(one["labels"], other["labels"]))
        if before != after
    }
    assert wrong <= said and all(any((p.document, t) in wrong for t in range(p.start, p.end)) for p in planted)
    for one in planted:
        if one.kind == "type":
            assert right[int(one.document)]["tokens"][one.start - 1] == "in"


def test_what_is_read_finds_what_it_touches():
    _, planted = plant_errors(documents(), 3)
    places = [(one.document, one.start, one.end) for one in planted]
    assert found_in(places, planted, len(places)).total() == len(planted)
    assert not found_in(places, planted, 0) and found_in(places[:1], planted, 5).total() >= 1
