"""Keys of spans and what shares them, against loops over pairs of spans."""

from __future__ import annotations

import numpy
import pytest

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.structure.counts import other_types
from spacy_seginf.curation.structure.keys import (
    combined,
    form_keys,
    template_keys,
    window_keys,
)
from spacy_seginf.curation.structure.spans import Spans
from spacy_seginf.curation.structure.twins import find_twins

VOCABULARY = ["Tarnby", "tarnby", "at", "At", "12", "7", "B52", "b3", ".", "Lind"]
LABELS = ["LOC", "ORG", "PER"]


def corpus(seed: int, documents: int = 12) -> tuple[list, list, list, list]:
    """Draw words, entities, sentence starts and unannotated tokens of some documents."""
    generator = numpy.random.default_rng(seed)
    words, entities, sentences, missing = [], [], [], []
    for _ in range(documents):
        length = int(generator.integers(0, 25))
        words.append([str(word) for word in generator.choice(VOCABULARY, length)])
        found, start = [], 0
        while (start := start + int(generator.integers(0, 5))) < length:
            end = min(length, start + int(generator.integers(1, 4)))
            found.append(Entity(start, end, str(generator.choice(LABELS))))
            start = end
        entities.append(found)
        sentences.append(sorted({0} | {int(one) for one in generator.integers(0, max(length, 1), 4)} if length else []))
        taken = {token for one in found for token in range(one.start, one.end)}
        missing.append([token for token in range(length) if token not in taken and generator.random() < 0.1])
    return words, entities, sentences, missing


def plain(words: list[str]) -> list[str]:
    result = []
    for word in words:
        folded = ""
        for letter in word.lower():
            letter = "0" if letter.isdigit() else letter
            folded += "" if letter == "0" and folded.endswith("0") else letter
        result.append(folded)
    return result


def items_around(row: int, spans: Spans) -> tuple[list[str], list[str]]:
    """Walk from a span to both ends of its sentence, token by token."""
    document, start, end = spans.documents[row], spans.starts[row], spans.ends[row]
    words = spans.words[document]
    entities = [
        (spans.starts[other], spans.ends[other])
        for other in range(len(spans))
        if spans.documents[other] == document and spans.types[other] and other != row
    ]
    own = (start, end) if spans.types[row] else (0, 0)
    boundaries = {token for token in spans.sentences[document] if not any(s < token < e for s, e in [*entities, own])}
    before, behind = [], []
    token = start
    while token > 0 and token not in boundaries:
        owner = next(((s, e) for s, e in entities if e == token), None)
        before.insert(0, "SLOT" if owner else plain([words[token - 1]])[0])
        token = owner[0] if owner else token - 1
    token = end
    while token < len(words) and token not in boundaries:
        owner = next(((s, e) for s, e in entities if s == token), None)
        behind.append("SLOT" if owner else plain([words[token]])[0])
        token = owner[1] if owner else token + 1
    return before, behind


def same(found: numpy.ndarray, expected: list) -> None:
    """Two ways of naming keys agree on which spans share one, and which have none."""
    assert [number < 0 for number in found] == [one is None for one in expected]
    for number, one in zip(found, expected):
        if one is not None:
            assert [other == one for other in expected] == (found == number).tolist()


def table(seed: int) -> Spans:
    words, entities, sentences, missing = corpus(seed)
    return Spans.of(words, entities, find_twins(words, entities, missing), sentences)


@pytest.mark.parametrize("seed", range(6))
def test_keys_against_a_walk(seed):
    spans = table(seed)
    around = [items_around(row, spans) for row in range(len(spans))]
    assert len(spans) > 20 and 0 < (spans.types == 0).sum() < len(spans)
    same(template_keys(spans).numbers, around)
    limited = [one if len(one[0]) + 1 + len(one[1]) <= 6 else None for one in around]
    assert None in limited
    same(template_keys(spans, longest=6).numbers, limited)
    for reach in (0, 1, 2):
        same(
            window_keys(spans, reach).numbers,
            [(one[0][max(0, len(one[0]) - reach) :], one[1][:reach]) for one in around],
        )
    same(form_keys(spans).numbers, [plain(list(spans.form(row))) for row in range(len(spans))])


def test_names_of_keys():
    words = [["Lind", "at", "12", "Tarnby", "Road", "."], ["SOCCER", "at", "Tarnby"]]
    entities = [[Entity(0, 1, "PER"), Entity(3, 5, "LOC")], [Entity(2, 3, "LOC")]]
    spans = Spans.of(words, entities)
    assert template_keys(spans).names == ("[*] at 0 [] .", "[] at 0 [*] .", "soccer at [*]")
    assert window_keys(spans, 1).names == ("[*] at", "0 [*] .", "at [*]")
    assert form_keys(spans).names == ("lind", "tarnby road", "tarnby")


@pytest.mark.parametrize("seed", range(4))
def test_counts_against_pairs(seed):
    generator = numpy.random.default_rng(seed)
    keys, other, types = generator.integers(-1, 5, 40), generator.integers(-1, 3, 40), generator.integers(0, 4, 40)
    for key in (keys, combined(keys, other)):
        expected = numpy.zeros((40, 4), dtype=int)
        for one in range(40):
            for two in range(40):
                if one != two and key[one] == key[two] >= 0:
                    expected[one, types[two]] += 1
        numpy.testing.assert_array_equal(other_types(key, types, 4), expected)
    both = combined(keys, other)
    same(both, [None if min(pair) < 0 else pair for pair in zip(keys.tolist(), other.tolist())])


@pytest.mark.parametrize("seed", range(6))
def test_twins_against_a_loop(seed):
    words, entities, _, missing = corpus(seed, documents=8)
    forms = {tuple(words[number][one.start : one.end]) for number, found in enumerate(entities) for one in found}
    expected = []
    for number, tokens in enumerate(words):
        taken = {token for one in entities[number] for token in range(one.start, one.end)} | set(missing[number])
        start = 0
        while start < len(tokens):
            ends = [
                end
                for end in range(start + 1, len(tokens) + 1)
                if tuple(tokens[start:end]) in forms and not taken & set(range(start, end))
            ]
            if ends:
                expected.append((number, start, max(ends)))
            start = max([*ends, start + 1])
    assert find_twins(words, entities, missing) == expected and expected


def test_empty_corpora():
    for words, entities in (([], []), ([[]], [[]]), ([["a"]], [[]])):
        spans = Spans.of(words, entities, find_twins(words, entities))
        assert len(spans) == 0
        for keys in (form_keys, template_keys, window_keys):
            found = keys(spans)
            assert len(found.numbers) == 0 and found.names == ()
        assert other_types(combined(spans.documents, spans.starts), spans.types, 1).shape == (0, 1)
