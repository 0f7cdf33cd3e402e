"""Tagging schemes: the order of tags, valid sequences, missing labels, and the way back to entities."""

import itertools

import hypothesis.strategies as st
import numpy
import pytest
from hypothesis import given, settings

from spacy_seginf.crf.schemes import TagScheme

SCHEMES = ["BIO", "BILUO", "IO"]
LABELS = ("PER", "ORG")


@st.composite
def annotations(draw):
    """A number of tokens and entities (start, end, label) on them that do not overlap."""
    length = draw(st.integers(0, 9))
    entities, position = [], 0
    while position < length:
        size = draw(st.integers(0, min(4, length - position)))
        if size:
            entities.append((position, position + size, draw(st.sampled_from(LABELS))))
        position += max(size, 1)
    return length, entities


def to_biluo(length, entities):
    tags = ["O"] * length
    for start, end, label in entities:
        tags[start:end] = [f"I-{label}"] * (end - start)
        tags[start], tags[end - 1] = f"B-{label}", f"L-{label}"
        if end - start == 1:
            tags[start] = f"U-{label}"
    return tags


def to_scheme(length, entities, name):
    """Write entities as tags of a scheme, without the package."""
    tags = to_biluo(length, entities)
    if name == "IO":
        return [tag if tag == "O" else "I" + tag[1:] for tag in tags]
    if name == "BIO":
        return [{"L": "I", "U": "B"}.get(tag[0], tag[0]) + tag[1:] for tag in tags]
    return tags


def all_annotations(length):
    """Every set of entities that do not overlap."""
    if length <= 0:
        return [[]]
    found = all_annotations(length - 1)
    for size in range(1, length + 1):
        for rest in all_annotations(length - size):
            found = found + [[*rest, (length - size, length, label)] for label in LABELS]
    return found


@pytest.mark.parametrize(
    "name,tags",
    [
        ("BIO", ("O", "B-PER", "I-PER", "B-ORG", "I-ORG")),
        ("BILUO", ("O", "B-PER", "I-PER", "L-PER", "U-PER", "B-ORG", "I-ORG", "L-ORG", "U-ORG")),
        ("IO", ("O", "I-PER", "I-ORG")),
    ],
)
def test_order_of_tags(name, tags):
    scheme = TagScheme(LABELS, name)
    assert scheme.tags == tags
    assert [scheme.index[tag] for tag in tags] == list(range(len(tags)))


@pytest.mark.parametrize("name", SCHEMES)
@settings(max_examples=100, deadline=None)
@given(annotation=annotations())
def test_entities_survive_the_round_trip(name, annotation):
    length, entities = annotation
    scheme = TagScheme(LABELS, name)
    allowed = scheme.allowed_tags(to_biluo(length, entities))
    assert allowed.shape == (length, len(scheme.tags)) and (allowed.sum(axis=1) == 1).all()
    tags = allowed.argmax(axis=1)
    assert [scheme.tags[tag] for tag in tags] == to_scheme(length, entities, name)
    expected = entities
    if name == "IO":  # neighbours of one type become one
        expected = []
        for start, end, label in entities:
            if expected and expected[-1][1:] == (start, label):
                start = expected.pop()[0]
            expected.append((start, end, label))
    assert scheme.entities(tags) == expected


@pytest.mark.parametrize("name", ["BIO", "BILUO"])
@pytest.mark.parametrize("length", [1, 2, 3])
def test_mask_permits_exactly_the_valid_sequences(name, length):
    scheme = TagScheme(LABELS, name)
    mask = scheme.mask
    permitted = {
        tuple(scheme.tags[tag] for tag in path)
        for path in itertools.product(range(len(scheme.tags)), repeat=length)
        if mask.start[path[0]] and mask.end[path[-1]] and all(mask.follow[pair] for pair in zip(path, path[1:]))
    }
    assert permitted == {tuple(to_scheme(length, entities, name)) for entities in all_annotations(length)}


def test_io_has_no_mask():
    assert TagScheme(LABELS, "IO").mask is None


@pytest.mark.parametrize("name", SCHEMES)
@settings(max_examples=100, deadline=None)
@given(data=st.data())
def test_entities_never_overlap(name, data):
    """Any tags, valid or not: each token outside O is in exactly one entity, and that has the token's type."""
    scheme = TagScheme(LABELS, name)
    tags = data.draw(st.lists(st.integers(0, len(scheme.tags) - 1), max_size=10))
    types = [""] * len(tags)
    position = 0
    for start, end, label in scheme.entities(tags):
        assert position <= start < end <= len(tags)
        position = end
        types[start:end] = [label] * (end - start)
    assert types == [scheme.tags[tag][2:] for tag in tags]


@pytest.mark.parametrize("name", SCHEMES)
@pytest.mark.parametrize("missing", [None, "-", ""])
def test_missing_label_permits_every_tag(name, missing):
    scheme = TagScheme(LABELS, name)
    allowed = scheme.allowed_tags(["O", missing, "O"])
    assert allowed[1].all()
    assert allowed[0].nonzero()[0].tolist() == allowed[2].nonzero()[0].tolist() == [0]


@pytest.mark.parametrize(
    "biluo,permitted",
    [
        (["U-PER", None], {"U-PER", "B-PER"}),
        (["B-PER", "L-PER", None], {"L-PER", "I-PER"}),
        (["U-PER", "O"], {"U-PER"}),
        (["B-PER", "L-PER", "O"], {"L-PER"}),
        ([None, "U-PER"], {"U-PER"}),
    ],
)
def test_entity_beside_a_missing_label(biluo, permitted):
    """It may go on there, so its last token may also be one that an entity continues from."""
    scheme = TagScheme(LABELS, "BILUO")
    row = scheme.allowed_tags(biluo)[max(i for i, tag in enumerate(biluo) if tag not in (None, "O"))]
    assert {scheme.tags[tag] for tag in row.nonzero()[0]} == permitted


@pytest.mark.parametrize("name", ["BIO", "IO"])
def test_entity_beside_a_missing_label_without_last_tags(name):
    """These schemes do not mark where an entity ends, so nothing is uncertain."""
    allowed = TagScheme(LABELS, name).allowed_tags(["B-PER", "L-PER", None])
    assert allowed[:2].sum(axis=1).tolist() == [1, 1]


@settings(max_examples=100, deadline=None)
@given(annotation=annotations(), data=st.data())
def test_hiding_labels_only_permits_more(annotation, data):
    length, entities = annotation
    full = to_biluo(length, entities)
    hidden = [data.draw(st.booleans()) for _ in full]
    for name in SCHEMES:
        scheme = TagScheme(LABELS, name)
        before = scheme.allowed_tags(full)
        after = scheme.allowed_tags([None if hide else tag for hide, tag in zip(hidden, full)])
        assert (after >= before).all()
        assert after[numpy.array(hidden, dtype=bool)].all()


def test_unknown_label():
    with pytest.raises(KeyError, match="LOC"):
        TagScheme(LABELS, "BIO").allowed_tags(["O", "U-LOC"])


def test_unknown_scheme():
    with pytest.raises(ValueError, match=r"\[S001\].*'IOB'.*BIO, BILUO, IO"):
        TagScheme(LABELS, "IOB")


@pytest.mark.parametrize(
    "labels", [("",), ("PER", " "), ("O",), ("PER", "PER"), ("B-PER", "PER"), ("PER", "I-PER"), ("PER", "U-PER")]
)
def test_contradicting_labels(labels):
    with pytest.raises(ValueError, match=r"\[S002\]"):
        TagScheme(labels)


def test_label_with_a_dash():
    """A dash or a prefix alone is no contradiction: only the tag of another label is."""
    scheme = TagScheme(("B-52", "WORK-OF-ART"))
    allowed = scheme.allowed_tags(["U-B-52", "B-WORK-OF-ART", "L-WORK-OF-ART"])
    assert scheme.entities(allowed.argmax(axis=1)) == [(0, 1, "B-52"), (1, 3, "WORK-OF-ART")]
