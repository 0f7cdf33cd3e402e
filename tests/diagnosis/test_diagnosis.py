"""The cause of a wrong prediction, where it is known; and the signs that it is read off."""

from __future__ import annotations

from collections import Counter

import numpy
import pytest
from spacy.tokens import DocBin
from spacy.vocab import Vocab

import spacy_seginf
from spacy_seginf.explanation.diagnosis import Signs
from spacy_seginf.explanation.loading import load_indexed
from spacy_seginf.explanation.training_tokens import TrainingTokens

from ..conftest import TEXTS, make_examples, read_annotated
from .conftest import RIGHT


@pytest.fixture(scope="module")
def report(known_causes):
    return spacy_seginf.explain_errors(str(known_causes / "indexed"), known_causes / "dev.spacy")


def test_the_cause_is_named(report):
    named = {cause: Counter() for _, cause in RIGHT}
    for one in report.mistakes:
        number = int(one.document.split("-")[1])
        if number < len(RIGHT):
            named[RIGHT[number][1]][one.cause] += 1
    for cause, counts in named.items():
        assert sum(counts.values()) >= 3, cause
        assert counts[cause] >= 0.8 * sum(counts.values()), (cause, counts)


def test_proposed_decisions_put_the_labels_right(known_causes, report, tmp_path):
    decisions, fixed = tmp_path / "proposed.jsonl", tmp_path / "fixed.spacy"
    again = spacy_seginf.explain_errors(str(known_causes / "indexed"), known_causes / "dev.spacy", decisions=decisions)
    assert [one.plain for one in again.mistakes] == [one.plain for one in report.mistakes]
    spacy_seginf.apply_decisions(known_causes / "train.spacy", fixed, [decisions])
    changed = Counter()
    before, after = (list(DocBin().from_disk(path).get_docs(Vocab())) for path in (known_causes / "train.spacy", fixed))
    for old, new in zip(before, after):
        sides = [[(ent.text, ent.label_) for ent in doc.ents] for doc in (old, new)]
        if old[0].text == "Mayor" and sides[1]:
            assert sides == [[], [(old[1:3].text, "PER")]]  # the whole name, never a part of it
            changed["Mayor", "", "PER"] += 1
        elif sides[0] != sides[1]:
            ((was, label),), ((is_now, label_now),) = sides
            changed[old[2].text, label, label_now] += 1
            assert is_now in (was, was.removeprefix("the "))
    # Behind "in", those banks, and mayors; hardly anything that was right.
    wrong = sum(count for (word, *_), count in changed.items() if word not in ("in", "the", "Mayor"))
    assert changed["in", "PER", "LOC"] >= 20 and changed["the", "ORG", "ORG"] >= 20
    assert changed["Mayor", "", "PER"] >= 20
    assert wrong <= 0.1 * sum(changed.values())


@pytest.mark.parametrize(
    ("signs", "cause"),
    [
        (Signs("wrong type", 0.9, 0.0, 0.9, 0.5, 0.0, 0.1), "mislabelled"),
        (Signs("missed", 0.9, 0.0, 0.9, 0.5, 0.0, 0.1), "mislabelled"),
        (Signs("missed", 0.9, 0.0, 0.9, 0.0, 0.0, 0.1), "nothing near"),  # nothing disputes these labels
        (Signs("missed", 0.9, 0.0, 0.0, 0.5, 0.0, 0.1), "nothing near"),  # they are near by no word
        (Signs("wrong type", 0.6, 0.3, 0.9, 0.5, 0.0, 0.5), "contradicted"),
        (Signs("wrong type", 0.5, 0.4, 0.9, 0.5, 0.9, 0.01), "contradicted"),
        (Signs("wrong type", 0.5, 0.4, 0.9, 0.5, 0.1, 0.01), "nothing near"),  # not as labels are to their like
        (Signs("moved boundary", 0.7, 0.3, 1.0, 0.5, 0.0, 0.6), "boundary habit"),
        (Signs("moved boundary", 0.3, 0.6, 1.0, 0.5, 0.0, 0.6), "contradicted"),
        (Signs("spurious", 0.1, 0.8, 0.0, 0.0, 0.0, 0.6), "luck or unclear"),
        (Signs("spurious", 0.1, 0.0, 0.0, 0.0, 0.0, 0.6), "nothing near"),
    ],
)
def test_causes_by_their_signs(signs, cause):
    assert signs.cause == cause
    assert "nearest training tokens" in signs.because


def test_neighbours_by_comparing_all(exact_path):
    _, influence = load_indexed(str(exact_path))
    index, scheme = influence.index, influence.find_tagger().scheme
    tokens = TrainingTokens(index, scheme)
    features = index.data.features.astype(float)
    scaled = (features - features.mean(axis=0)) / features.std(axis=0)
    scaled /= numpy.linalg.norm(scaled, axis=1, keepdims=True)
    cosines = scaled @ scaled.T
    asked = numpy.array([3, 50, 101])
    without = tokens.documents[asked]
    found, near = tokens.nearest(tokens.directions(index.data.features[asked]), 20, None, without)
    for row, own, numbers, values in zip(asked, without, found, near):
        counts, expected = Counter(), []
        for number in numpy.argsort(-cosines[row], kind="stable"):
            document = tokens.documents[number]
            counts[document] += 1
            if document != own and counts[document] <= 2:
                expected.append(number)
        # Tokens that are equally near may change places.
        numpy.testing.assert_allclose(cosines[row, numbers], cosines[row, expected[:20]], atol=1e-6)
        assert len(set(numbers.tolist())) == 20 and own not in tokens.documents[numbers]
        assert max(Counter(tokens.documents[numbers].tolist()).values()) <= 2
        numpy.testing.assert_allclose(values, cosines[row, numbers], atol=1e-5)


def test_closeness_is_a_quantile_of_such_labels(exact_path):
    _, influence = load_indexed(str(exact_path))
    tokens = TrainingTokens(influence.index, influence.find_tagger().scheme)
    number = int(tokens.type_of_tag[1])
    own = tokens.of_type(number)
    directions = tokens.directions(influence.index.data.features)
    found = tokens.closeness(directions[own], number, 3, 1000)
    assert found.min() >= 0.0 and found.max() <= 1.0
    # With its own label among those that are asked, each is closer than it is to the others alone.
    assert found.mean() > 0.5
    far = tokens.closeness(-directions[own], number, 3, 1000)
    assert far.mean() < 0.1
    assert tokens.closeness(directions[own], 999, 3, 1000).tolist() == [0.0] * len(own)


def test_labels_are_whole_entities(exact_path):
    _, influence = load_indexed(str(exact_path))
    tokens = TrainingTokens(influence.index, influence.find_tagger().scheme)
    seen = Counter()
    for token in range(len(tokens.tags)):
        document, start, end, label = tokens.label_at(token)
        place = token - int(numpy.flatnonzero(tokens.documents == document)[0])
        words, _ = read_annotated(TEXTS[document])
        assert tokens.words_of(document) == words and tokens.word(words[place]) == tokens.words[token]
        entities = {(ent.start, ent.end, ent.label_) for ent in make_examples([TEXTS[document]])[0].reference.ents}
        assert start <= place < end
        assert (start, end, label) in entities or (end - start == 1 and label == "O")
        seen[label] += 1
    assert set(seen) == {"O", "PER", "ORG", "LOC"}
