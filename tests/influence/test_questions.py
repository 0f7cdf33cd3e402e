"""Readings of a text, their margins, and the sets of labels that change them: by enumeration on small heads."""

import itertools

import numpy
import pytest

from spacy_seginf.crf.decoding import best_tags
from spacy_seginf.crf.schemes import Entity, TagScheme
from spacy_seginf.explanation.flip_candidates import REMOVING, WAYS, Candidates, alternatives_of, change_of, label_units
from spacy_seginf.explanation.flip_search import FlipSearch
from spacy_seginf.explanation.joint import joint_effect, verified_effect
from spacy_seginf.explanation.question import Question, tags_of
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.effects import HeadEffects

from .heads import differences, fitted, random_data

LENGTHS = [4, 3, 5, 2, 4] * 3
NOTHING = numpy.zeros((0, 3), dtype=int)
SCHEMES = [TagScheme(("A", "B"), name) for name in ("BIO", "BILUO", "IO")] + [TagScheme(("x", "y", "z"), "TAG")]


def made(scheme, seed, l2=1.0):
    """Valid labels that depend on random features, and a head fitted to them."""
    generator = numpy.random.default_rng(seed)
    size = len(scheme.tags)
    data, _ = random_data(generator, LENGTHS, size, 5)
    noise = generator.normal(size=(len(data.features), size))
    scores = data.features @ generator.normal(size=(5, size)) + noise
    labels = best_tags(scheme, scores, numpy.zeros((size, size)), LENGTHS)
    data = HeadData(data.features, labels[:, None] == numpy.arange(size), LENGTHS)
    head, _, metric = fitted(data, l2)
    return HeadEffects(data, head, l2, metric)


def text(scheme, seed, tokens=4):
    features = numpy.random.default_rng(100 + seed).normal(size=(tokens, 5)).astype("float32")
    return HeadData(features, numpy.ones((tokens, len(scheme.tags)), dtype=bool), [tokens])


def readings(scheme, tokens):
    """Every reading of every short run of tokens."""
    for start, length in itertools.product(range(tokens), (1, 2)):
        if start + length <= tokens and (length == 1 or scheme.name != "TAG"):
            for label, _ in alternatives_of(scheme, length):
                yield Entity(start, start + length, label)


def valid(scheme, path):
    mask = scheme.mask
    if mask is None:
        return True
    return mask.start[path[0]] and mask.end[path[-1]] and all(mask.follow[pair] for pair in zip(path, path[1:]))


def enumerated(scheme, data, head, holds):
    """Best scores of the valid taggings in which a reading is there, and in which it is not."""
    emissions, transitions = head.emissions(data.features), head.transitions
    best = {True: -numpy.inf, False: -numpy.inf}
    for path in itertools.product(range(data.labels), repeat=len(emissions)):
        if valid(scheme, path):
            score = emissions[numpy.arange(len(path)), path].sum() + sum(
                transitions[pair] for pair in zip(path, path[1:])
            )
            there = holds(numpy.array(path))
            best[there] = max(best[there], score)
    return best[True] - best[False]


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_margins(scheme):
    """Against all taggings; the sign says what decoding finds."""
    effects, data = made(scheme, 0), text(scheme, 0, tokens=3)
    step = 0.3 * numpy.random.default_rng(5).normal(size=(1, effects.head.size))
    tags = numpy.zeros(3, dtype=int)
    places = list(readings(scheme, 3))
    assert len(places) >= 9
    for place in places:
        question = Question(effects, scheme, data, tags, place)
        found = question.margin(step)
        assert found.value == pytest.approx(enumerated(scheme, data, effects.head.moved(step[0]), question.holds))
        assert question.holds(question.decoded(step)) == (found.value > 0)


@pytest.mark.parametrize("scheme", SCHEMES[:2], ids=lambda scheme: scheme.name)
def test_directions(scheme):
    effects, data = made(scheme, 1), text(scheme, 1)
    question = Question(effects, scheme, data, numpy.zeros(4, dtype=int), Entity(1, 3, "A"))
    slope = differences(lambda head: question.margin(effects.head.step_to(head)[None]).value, effects.head)
    numpy.testing.assert_allclose(question.margin(effects.nothing).direction[0], slope, atol=1e-6)


@pytest.mark.parametrize("by", WAYS)
def test_gains_are_the_slopes_of_changes(by):
    """The change of each label, on its own, as predicted: the margin falls by as much, to first order."""
    scheme = SCHEMES[0]
    effects, data = made(scheme, 2, l2=30.0), text(scheme, 2)
    question = Question(effects, scheme, data, numpy.zeros(4, dtype=int), Entity(1, 2, "A"))
    start = question.margin(effects.nothing)
    units = label_units(effects, scheme, NOTHING)
    found = Candidates(effects, scheme, units, by, start.direction, 1000)
    assert len(found) == len(units) == found.count
    gains = found.gains(start.direction, effects.nothing)
    real = []
    for number in range(len(units)):
        step, fit = effects.refit(change_of(effects, scheme, [found.pick(number)]))
        assert fit.converged
        real.append(-float((step * start.direction).sum()))
    assert numpy.corrcoef(gains, real)[0, 1] > 0.99
    assert (gains <= found.potential + 1e-9).all() or by == REMOVING
    assert (numpy.diff(found.potential) <= 0).all()


def test_units_are_all_labels():
    scheme = SCHEMES[0]
    effects = made(scheme, 3)
    units = label_units(effects, scheme, NOTHING)
    rows = numpy.concatenate([effects.chains([unit]).rows for unit in units])
    assert sorted(rows.tolist()) == list(range(sum(LENGTHS)))
    lengths = units[:, 2] - units[:, 1]
    assert lengths.max() > 1
    for (document, start, end), length in zip(units.tolist(), lengths):
        own = effects.labels[effects.data.starts[document] :][start:end].tolist()
        assert length == 1 or scheme.entities(own) == [(0, length, scheme.tags[own[0]][2:])]


@pytest.fixture(scope="module", params=WAYS)
def flipped(request):
    """Searches for all entities and some tokens outside that small heads predict, with what enumeration finds."""
    by, scheme, found = request.param, SCHEMES[0], []
    for seed in range(4):
        effects, data = made(scheme, seed, l2=3.0), text(scheme, seed)
        tags = Question(effects, scheme, data, numpy.zeros(4, dtype=int), Entity(0, 1, "O")).decoded(effects.nothing)
        places = [Entity(*one) for one in scheme.entities(tags.tolist())]
        places += [Entity(token, token + 1, "O") for token in numpy.flatnonzero(tags == 0).tolist()]
        for place in places:
            question = Question(effects, scheme, data, tags, place)
            units = label_units(effects, scheme, NOTHING)
            search = FlipSearch(question, units, by, budget=200, most=30)
            found.append((question, search, search.run()))
    return by, found


def alone(question, search):
    """Does some single change flip it? By refits of all."""
    for number in range(len(search.candidates)):
        picks = [search.candidates.pick(number)]
        if not verified_effect(question, change_of(question.effects, question.scheme, picks)).holds:
            return True
    return False


def test_sets_flip(flipped):
    """Every set that is shown, refit from nothing known, is decoded otherwise, and no label can be spared at random."""
    _, found = flipped
    shown = [(question, result) for question, _, result in found if result.picks]
    assert len(shown) >= len(found) / 2
    for question, result in shown:
        change = change_of(question.effects, question.scheme, result.picks)
        step, fit = question.effects.refit(change)
        assert fit.converged and not question.holds(question.decoded(step))
        assert result.effect.verified and result.tried == len(result.picks)
        assert len({pick.segment for pick in result.picks}) == len(result.picks)
        fewer = [joint_effect(question, change_of(question.effects, question.scheme, rest)) for rest in spared(result)]
        assert sum(not effect.holds for effect in fewer) <= len(fewer) / 2


def spared(result):
    return [] if len(result.picks) == 1 else itertools.combinations(result.picks, len(result.picks) - 1)


def test_single_labels_are_enumerated(flipped):
    _, found = flipped
    sizes = {1: 0, 2: 0}
    for question, search, result in found:
        single = alone(question, search)
        assert single == (len(result.picks) == 1)
        assert result.singles == (not single)
        sizes[1 if single else 2] += 1
    assert min(sizes.values()) >= 2, sizes


def test_nothing_is_claimed_beyond_the_budget(flipped):
    by, found = flipped
    question, _, result = max(found, key=lambda entry: len(entry[2].picks))
    assert len(result.picks) > 2
    units = label_units(question.effects, question.scheme, NOTHING)
    short = FlipSearch(question, units, by, budget=1, most=30).run()
    assert not short.picks and short.moves <= 2
    few = FlipSearch(question, units, by, budget=200, most=1).run()
    assert not few.picks and few.tried == 1 and few.effect.holds and not few.effect.verified


@pytest.mark.parametrize("by", WAYS)
def test_joint_effects_are_those_of_refits(by):
    """Sets of all sizes, and what is decoded then."""
    scheme = SCHEMES[0]
    effects, data = made(scheme, 5, l2=3.0), text(scheme, 5)
    question = Question(effects, scheme, data, numpy.zeros(4, dtype=int), Entity(1, 2, "A"))
    direction = question.margin(effects.nothing).direction
    found = Candidates(effects, scheme, label_units(effects, scheme, NOTHING), by, direction, 1000)
    pairs = []
    for count in (1, 2, 4, 8):
        change = change_of(effects, scheme, [found.pick(number) for number in range(count)])
        predicted, real = joint_effect(question, change), verified_effect(question, change)
        assert real.verified and not predicted.verified
        assert (predicted.becomes, predicted.holds) == (real.becomes, real.holds)
        assert predicted.before == real.before == pytest.approx(question.probability(effects.nothing))
        assert real.after == pytest.approx(real.before * numpy.exp(-real.effect))
        pairs.append((predicted.effect, real.effect))
    assert max(abs(real) for _, real in pairs) > 0.3
    for predicted, real in pairs:
        assert predicted == pytest.approx(real, rel=0.02, abs=2e-3)


def test_tags_of_readings():
    assert tags_of(SCHEMES[0], Entity(3, 5, "B")) == [3, 4]
    assert tags_of(SCHEMES[0], Entity(3, 5, "O")) == [0, 0]
    assert tags_of(SCHEMES[3], Entity(1, 2, "z")) == [2]
