"""Spans that are known to be wrong: the loss by enumeration, its gradient by differences, and what is learned."""

from itertools import product

import numpy
import pytest
import spacy
from spacy.tokens import Doc, Span
from spacy.training import Example

from spacy_seginf.crf.incorrect import incorrect_loss
from spacy_seginf.crf.schemes import TAG, Entity, TagScheme

from ..conftest import make_examples, make_tagger

LENGTHS = [4, 2, 3]


def scores(scheme):
    generator = numpy.random.default_rng(0)
    count = len(scheme.tags)
    return generator.normal(size=(sum(LENGTHS), count)), generator.normal(size=(count, count))


@pytest.mark.parametrize("name", ["BIO", "BILUO", "IO"])
@pytest.mark.parametrize("entity", [Entity(1, 3, "A"), Entity(0, 1, "B"), Entity(2, 4, "A"), Entity(0, 4, "B")])
def test_an_event_is_that_the_entity_is_found(name, entity):
    scheme = TagScheme(("A", "B"), name)
    event = scheme.event(4, entity)
    for tags in product(range(len(scheme.tags)), repeat=4):
        if scheme.mask is None or scheme.mask.permits(list(tags), True, True):
            found = (entity.start, entity.end, entity.label) in scheme.entities(tags)
            assert bool(event[numpy.arange(4), tags].all()) == found, tags


def test_an_event_of_no_entity_is_that_all_tokens_are_outside():
    event = TagScheme(("A",)).event(3, Entity(0, 2, "O"))
    assert event.tolist() == [[True, False, False], [True, False, False], [True, True, True]]


def test_an_event_of_a_tag_is_that_the_token_has_it():
    event = TagScheme(("X", "Y"), TAG).event(2, Entity(1, 2, "Y"))
    assert event.tolist() == [[True, True], [False, True]]


def test_the_loss_is_that_of_enumeration_and_its_gradient_that_of_differences():
    scheme = TagScheme(("A",))
    emissions, transitions = scores(scheme)
    events = [
        (0, scheme.event(4, Entity(1, 3, "A"))),
        (0, scheme.event(4, Entity(0, 1, "A"))),
        (2, scheme.event(3, Entity(0, 3, "O"))),
    ]

    def loss(emissions, transitions):
        total = 0.0
        for number, event in events:
            start, length = sum(LENGTHS[:number]), LENGTHS[number]
            masses = [0.0, 0.0]
            for tags in product(range(3), repeat=length):
                score = sum(emissions[start + place, tag] for place, tag in enumerate(tags))
                score += sum(transitions[left, right] for left, right in zip(tags, tags[1:]))
                masses[int(event[numpy.arange(length), tags].all())] += numpy.exp(score)
            total -= numpy.log(masses[0] / sum(masses))
        return total

    found = incorrect_loss(emissions, transitions, LENGTHS, events)
    assert found.values.sum() == pytest.approx(loss(emissions, transitions), rel=1e-10)
    assert found.values[1] == 0.0
    for array, gradient in ((emissions, found.emissions), (transitions, found.transitions)):
        for place in numpy.ndindex(array.shape):
            values = []
            for sign in (1e-6, -1e-6):
                array[place] += sign
                values.append(loss(emissions, transitions))
                array[place] -= sign
            assert gradient[place] == pytest.approx((values[0] - values[1]) / 2e-6, abs=1e-6)


def test_what_is_certain_has_a_finite_slope():
    event = [(0, numpy.array([[False, True]]))]
    for logit in (1.0, 5.0, 10.0, 15.0, 20.0):  # p / (1 - p) times 1 - p
        for dtype in ("float32", "float64"):
            emissions = numpy.array([[0.0, logit]], dtype=dtype)
            found = incorrect_loss(emissions, numpy.zeros((2, 2), dtype), [1], event)
            p = 1.0 / (1.0 + numpy.exp(-logit))
            assert found.emissions[0] == pytest.approx([-p, p], rel=1e-4)
            assert found.values[0] == pytest.approx(numpy.logaddexp(0.0, logit), rel=1e-4)
    found = incorrect_loss(numpy.array([[0.0, 2000.0]]), numpy.zeros((2, 2)), [1], event)
    assert numpy.isfinite(found.values).all() and numpy.isfinite(found.emissions).all()


@pytest.mark.parametrize("scheme", ["BIO", "BILUO", "IO"])
def test_a_tagger_learns_from_spans_that_are_wrong(scheme):
    texts = ["[Ada Lind]/PER left [Osted]/LOC .", "[Bo Brekke]/PER saw [Tarnby]/LOC .", "[Ada Lind]/PER saw Osted ."]
    vocab = spacy.blank("en").vocab
    examples = make_examples(texts[:2], vocab)
    read, gold = (
        Doc(vocab, words=["Ada", "Lind", "saw", "Osted", "."]),
        Doc(vocab, words=["Ada", "Lind", "saw", "Osted", "."]),
    )
    gold.set_ents([], missing=[gold[0:5]], default="outside")
    gold.spans["incorrect_spans"] = [Span(gold, 3, 4, label="LOC"), Span(gold, 3, 4, label="NONE")]
    both = [*examples, Example(read, gold)]
    with_key = make_tagger(both, steps=60, scheme=scheme, incorrect_spans_key="incorrect_spans")
    with pytest.warns(UserWarning, match=r"W072.*'mistyped'"):
        make_tagger(examples, steps=0, incorrect_spans_key="mistyped")
    without = make_tagger(both, steps=60, scheme=scheme)
    found = [[(ent.text, ent.label_) for ent in nlp("Ada Lind saw Osted .").ents] for nlp in (with_key, without)]
    assert ("Osted", "LOC") in found[1] and ("Osted", "LOC") not in found[0]
    assert with_key.config["components"]["crf_tagger"]["incorrect_spans_key"] == "incorrect_spans"
