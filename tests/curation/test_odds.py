"""Log-odds of candidates against the annotation, and the evidence of the same words elsewhere."""

from __future__ import annotations

from dataclasses import replace

import numpy
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.candidates import Regions, find_regions
from spacy_seginf.curation.odds import LARGEST, WEIGHTS, CandidateOdds, calibration, trust_in
from spacy_seginf.curation.predictors import head_predictions
from spacy_seginf.curation.source import LabelSource
from spacy_seginf.curation.usage import ONCE, TYPED, WordUse


@pytest.fixture
def regions(two_types):
    return Regions(two_types, find_regions(two_types, [(4, 3, 5, "A")]))


def test_a_calibrated_predictor_predicts_best(regions):
    scores = regions.scores(head_predictions(regions.source, regions.source.head))
    found = calibration(regions, scores * 2.0)
    assert calibration(regions, scores) == pytest.approx(2.0 * found, abs=1e-6) or found == pytest.approx(2.0)

    def likelihood(factor):
        return float(regions.normalised(scores * 2.0 * factor)[regions.firsts].sum())

    assert all(likelihood(found) >= likelihood(found + step) - 1e-9 for step in (-0.05, 0.05) if 0 < found + step < 4)


def test_odds_are_of_candidates_against_the_annotation(regions):
    scores = regions.scores(head_predictions(regions.source, regions.source.head))
    odds = CandidateOdds(regions, scores)
    factor = calibration(regions, scores)
    number = 0
    for first, region in zip(regions.firsts.tolist(), regions.regions):
        now = {(t, one.label, t == one.start) for one in region.candidates[0] for t in range(one.start, one.end)}
        for place, candidate in enumerate(region.candidates):
            then = {(t, one.label, t == one.start) for one in candidate for t in range(one.start, one.end)}
            changed = len({token for token, *_ in now ^ then}) or 1
            expected = numpy.clip(factor * (scores[number] - scores[first]) / changed, -LARGEST, LARGEST)
            assert odds.features[number, 0] + odds.features[number, 1] == pytest.approx(expected, abs=1e-9)
            assert place or not (odds.features[number, :4].any() or odds.log_odds[number])
            number += 1
    assert set(numpy.unique(odds.kinds)) >= {-1, 0, 1}
    weights = numpy.array(list(WEIGHTS.values()))
    numpy.testing.assert_allclose(odds.evidence, odds.features[:, : len(weights)] @ weights)


def test_trust_is_earned(regions):
    scores = regions.scores(head_predictions(regions.source, regions.source.head))
    assert trust_in(regions, scores, scores) == 1.0
    sure = numpy.full(len(scores), -5.0)
    sure[regions.firsts] = 0.0
    poor = numpy.where(sure == 0.0, -5.0, -1.0)
    assert trust_in(regions, poor, sure) == pytest.approx(0.03 / 1.03)
    assert CandidateOdds(regions, sure, poor).trust < 0.1 < CandidateOdds(regions, poor, sure).trust


@settings(deadline=None, max_examples=20)
@given(st.integers(0, 2**32 - 1))
def test_shares_of_the_same_words_by_counting(two_types, seed):
    generator = numpy.random.default_rng(seed)
    words = [
        [str(word) for word in generator.choice(["Ada", "ada", "x1", "x2"], size=n)] for n in two_types.data.lengths
    ]
    source = replace(two_types, words=words)
    places = [
        (d, a, b) for d, n in enumerate(source.data.lengths) for a in range(n) for b in range(a + 1, min(n, a + 3) + 1)
    ]
    spans = numpy.array(places)
    labels = generator.integers(-1, 2, size=len(spans))
    use = WordUse(source, spans)
    for own in (False, True):
        found = use.log_shares(labels, own_document=own)
        numpy.testing.assert_allclose(found, [counted(source, *one, own) for one in zip(places, labels.tolist())])


def counted(source: LabelSource, place, label, own):
    """The same share by looking at every run of tokens."""

    def form(document, start, end):
        return [word.casefold().translate(str.maketrans("12", "00")) for word in source.words[document][start:end]]

    entities = {}
    for document, start, end in source.entities.tolist():
        first = int(source.data.starts[document])
        tags = source.labels[first : first + source.data.lengths[document]].tolist()
        entities[document, start, end] = next(e[2] for e in source.scheme.entities(tags) if e[:2] == (start, end))
    types = list(source.scheme.labels)
    prior = numpy.array([sum(found == one for found in entities.values()) + 1.0 for one in types])
    prior /= prior.sum()
    occurrences, annotated = 0, numpy.zeros(len(types))
    for document, length in enumerate(source.data.lengths):
        for start in range(length):
            end = start + place[2] - place[1]
            other = document, start, end
            if end > length or other == place or (own and document != place[0]):
                continue
            if form(*other) == form(*place):
                occurrences += 1
                if other in entities:
                    annotated[types.index(entities[other])] += 1
    some = (annotated.sum() + ONCE) / (occurrences + 2 * ONCE)
    if label < 0:
        return numpy.log(1.0 - some)
    return numpy.log(some * (annotated[label] + TYPED * prior[label]) / (annotated.sum() + TYPED))


def test_nothing_is_known_of_what_is_long(two_types):
    use = WordUse(two_types, numpy.array([(0, 0, 9)]))
    assert use.log_shares(numpy.array([-1])) == pytest.approx(numpy.log(0.5))


def test_no_region(two_types):
    none = Regions(two_types, [])
    assert len(CandidateOdds(none, numpy.zeros(0)).log_odds) == 0
    assert Entity(0, 1, "A") not in none.regions
