"""Tags of four schemes: what is written is read again, and what changes is no more than must."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_seginf.corpora.documents import Replacement
from spacy_seginf.corpora.tags import TagError, changed_tags, check_tags, detect_scheme, find_entities, unwritable
from spacy_seginf.crf.schemes import Entity

from .making import documents, expected_entities, regions, tags_of

SCHEMES = ("BIO", "IOB1", "BILUO", "IO")


@given(st.data(), st.sampled_from(SCHEMES))
def test_entities_are_read_as_they_were_written(data, scheme):
    words, entities, starts = data.draw(documents(apart=scheme == "IO"))
    assert find_entities(tags_of(words, entities, scheme, starts), starts, scheme) == entities


@given(st.data(), st.sampled_from(SCHEMES))
def test_changed_tags_are_those_of_the_expected_entities(data, scheme):
    words, entities, starts = data.draw(documents(apart=scheme == "IO"))
    changes = data.draw(regions(len(words), entities, starts, apart=scheme == "IO"))
    expected = expected_entities(entities, changes)
    replacements = [Replacement(start, end, tuple(held)) for start, end, held in changes]
    if any(unwritable(replacement, expected, starts, scheme) for replacement in replacements):
        assert scheme == "IO"
        return
    tags = tags_of(words, entities, scheme, starts)
    changed = changed_tags(tags, entities, starts, replacements, scheme)
    after = [changed.get(position, tag) for position, tag in enumerate(tags)]
    assert after == tags_of(words, expected, scheme, starts)
    assert all(tags[position] != tag for position, tag in changed.items())
    covered = {position for start, end, _ in changes for position in range(start, end + (scheme == "IOB1"))}
    assert set(changed) <= covered


@given(st.data())
def test_io_that_can_not_be_written_would_be_read_as_something_else(data):
    words, entities, starts = data.draw(documents(apart=True))
    changes = data.draw(regions(len(words), entities, starts))
    expected = expected_entities(entities, changes)
    replacements = [Replacement(start, end, tuple(held)) for start, end, held in changes]
    problems = [unwritable(replacement, expected, starts, "IO") for replacement in replacements]
    same = find_entities(tags_of(words, expected, "IO", starts), starts, "IO") == expected
    assert any(problems) == (not same)
    assert all("side by side" in problem for problem in problems if problem)


@given(st.lists(documents(), min_size=1, max_size=3), st.sampled_from(SCHEMES))
def test_a_detected_scheme_reads_the_same(texts, scheme):
    tagged = [(tags_of(words, entities, scheme, starts), starts) for words, entities, starts in texts]
    found = detect_scheme(tagged)
    for tags, starts in tagged:
        if found == scheme or scheme != "BILUO":
            assert find_entities(tags, starts, found) == find_entities(tags, starts, scheme)


@pytest.mark.parametrize(
    "tags, expected",
    [
        ("O O", "BIO"),
        ("B-PER I-PER O B-LOC", "BIO"),
        ("I-PER I-PER O I-LOC", "IO"),
        ("I-PER B-PER O I-LOC", "IOB1"),
        ("B-PER L-PER", "BILUO"),
        ("U-PER O", "BILUO"),
        ("B-PER O I-LOC", "BIO"),  # neither: as BIO that somebody was careless with
    ],
)
def test_schemes_are_told_apart(tags, expected):
    assert detect_scheme([(tags.split(), ())]) == expected


def test_a_careless_neighbour_does_not_join():
    entities = find_entities(["O", "I-PER", "I-PER", "B-LOC"], (), "BIO")
    changed = changed_tags(
        ["O", "I-PER", "I-PER", "B-LOC"], entities, (), [Replacement(0, 1, (Entity(0, 1, "PER"),))], "BIO"
    )
    assert changed == {0: "B-PER", 1: "B-PER"}


@pytest.mark.parametrize("tag", ["PER", "B", "B-", "X-PER", "b-PER", "-", "_", "o", "BPER"])
def test_what_is_no_tag(tag):
    with pytest.raises(TagError, match="is no tag") as caught:
        check_tags(["O", tag])
    assert caught.value.position == 1


@pytest.mark.parametrize(
    "tags, position",
    [
        ("B-PER O", 1),
        ("B-PER B-PER", 1),
        ("B-PER L-LOC", 1),
        ("O I-PER", 1),
        ("L-PER O", 0),
        ("O B-PER", 1),
        ("B-PER U-PER", 1),
    ],
)
def test_broken_biluo(tags, position):
    with pytest.raises(TagError) as caught:
        find_entities(tags.split(), (), "BILUO")
    assert caught.value.position == position


def test_biluo_ends_with_the_sentence():
    with pytest.raises(TagError, match="has no end"):
        find_entities(["B-PER", "L-PER"], (1,), "BILUO")


def test_no_entity_crosses_a_sentence():
    problem = unwritable(Replacement(0, 3, (Entity(0, 2, "PER"),)), [Entity(0, 2, "PER")], (1,), "BIO")
    assert "crosses the end of a sentence" in problem
