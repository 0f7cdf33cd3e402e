"""Regions and their candidates against enumeration; predictions, families and feedback against what they mean."""

from __future__ import annotations

from dataclasses import replace

import numpy
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.optimize import minimize

from spacy_seginf.crf.schemes import Entity, TagScheme
from spacy_seginf.curation.candidates import REACH, Predictions, Regions, find_regions, tags_of
from spacy_seginf.curation.decided_kernel import DecidedKernel
from spacy_seginf.curation.families import LARGEST, SIMILAR, find_families
from spacy_seginf.curation.feedback import EVEN, VARIANCE, Traits, feedback_factors, propagated_labels
from spacy_seginf.curation.predictors import (
    Trusted,
    folds_of,
    head_predictions,
    informative,
    neighbour_predictions,
    out_of_fold_predictions,
    unannotated,
)
from spacy_seginf.curation.ranking import overlapping_left_out, score_regions, span_of
from spacy_seginf.curation.regions import kind_of
from spacy_seginf.curation.source import LabelSource
from spacy_seginf.curation.trusted import trusted_head
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.fit import fit_head, loss_and_gradient
from spacy_seginf.influence.head import Head
from spacy_seginf.influence.penalty import Penalty

from ..influence.heads import random_data, random_head, segment_loss
from .definitions import scores_of

SCHEME = TagScheme(("A", "B"), "BIO")


def trusted_of(generator, lengths, certain=None):
    data, labels = random_data(generator, lengths, 5, 6)
    return Trusted(data, labels, numpy.ones(len(labels), dtype=bool) if certain is None else certain)


def test_candidates_are_scored_by_enumeration(two_types):
    regions = Regions(two_types, find_regions(two_types, [(4, 3, 5, "A")]))
    scores = regions.scores(head_predictions(two_types, two_types.head))
    for number, region in enumerate(regions.regions):
        first = int(two_types.data.starts[region.document])
        losses = []
        for candidate in region.candidates:
            labels = two_types.labels.copy()
            labels[first + region.start : first + region.end] = tags_of(SCHEME, candidate, region.start, region.end)
            place = region.document, region.start, region.end
            losses.append(segment_loss(two_types.head, two_types.data, labels, place))
        own = scores[regions.firsts[number] :][: len(region.candidates)]
        expected = -numpy.array(losses)
        numpy.testing.assert_allclose(own, expected - numpy.logaddexp.reduce(expected), atol=1e-8)
        best = 1 + int(expected[1:].argmax())
        assert regions.candidate(int(regions.best(scores)[number])) == region.candidates[best]
    assert len(regions) == 9  # 7 entities, a pair that touches, and one that may be missing


def test_candidates_of_an_entity(two_types):
    region = next(r for r in find_regions(two_types, []) if r.candidates[0] == (Entity(2, 4, "A"),))
    assert (region.document, region.start, region.end) == (0, 0, 5)  # up to the next entity, and to the start
    candidates = set(region.candidates)
    assert len(candidates) == len(region.candidates)
    assert () in candidates and (Entity(2, 4, "B"),) in candidates
    assert (
        (Entity(2, 3, "A"),) in candidates and (Entity(1, 4, "A"),) in candidates and (Entity(2, 5, "A"),) in candidates
    )
    assert all(region.start <= one.start < one.end <= region.end for candidate in candidates for one in candidate)


def test_an_entity_does_not_grow_over_what_is_not_annotated(two_types):
    assert not two_types.known[20] and two_types.data.starts[4] == 17
    for region in find_regions(two_types, []):
        rows = numpy.arange(region.start, region.end) + two_types.data.starts[region.document]
        assert 20 not in rows


def test_entities_that_touch_may_be_one(two_types):
    merged = [r for r in find_regions(two_types, []) if len(r.candidates[0]) == 2]
    assert [(r.document, r.start, r.end) for r in merged] == [(3, 0, 3)]
    assert set(merged[0].candidates[1:]) == {(Entity(0, 3, "B"),), (Entity(0, 3, "A"),)}


def test_long_entities_have_few_candidates():
    tags = numpy.array([0] * 5 + [1] + [2] * 59 + [0] * 5)
    data = HeadData(numpy.zeros((70, 2), dtype="float32"), tags[:, None] == numpy.arange(5), [70])
    region = find_regions(LabelSource(data, tags, Head.zeros(data), None, Penalty(1.0), SCHEME), [])[0]
    assert (region.start, region.end) == (5 - REACH, 65 + REACH)
    assert len(region.candidates) < 100
    kept = {one for candidate in region.candidates for one in candidate}
    assert Entity(5, 6, "A") in kept and Entity(64, 65, "A") in kept and Entity(5, 40, "A") not in kept


def test_folds_do_not_depend_on_the_order_of_documents(two_types):
    order = numpy.random.default_rng(0).permutation(7)
    rows = two_types.data.rows(order)
    lengths = [two_types.data.lengths[n] for n in order]
    data = HeadData(two_types.data.features[rows], two_types.data.allowed[rows], lengths)
    words = [[f"word {n}"] * two_types.data.lengths[n] for n in range(7)]
    source = replace(two_types, words=words)
    shuffled = replace(two_types, data=data, labels=two_types.labels[rows], words=[words[n] for n in order])
    numpy.testing.assert_array_equal(folds_of(shuffled), folds_of(source)[order])
    assert numpy.bincount(folds_of(source)).tolist() == [2, 2, 1, 1, 1]


def test_nothing_to_rank():
    data = HeadData(numpy.zeros((2, 2), dtype="float32"), numpy.eye(5, dtype=bool)[[0, 0]], [2])
    source = LabelSource(data, numpy.array([0, 0]), Head.zeros(data), None, Penalty(1.0), SCHEME)
    regions = Regions(source, find_regions(source, []))
    scores = regions.scores(head_predictions(source, source.head))
    assert len(regions) == 0 and score_regions(regions, scores, scores) == []


def test_heads_without_a_fold_are_refits(two_types):
    predictions = out_of_fold_predictions(two_types)
    for fold in range(5):
        inside = numpy.flatnonzero(predictions.which == fold)
        rest = numpy.flatnonzero(predictions.which != fold)
        rows = two_types.data.rows(rest)
        lengths = [two_types.data.lengths[n] for n in rest]
        data = HeadData(two_types.data.features[rows], two_types.data.allowed[rows], lengths)
        fit = fit_head(data, two_types.head, len(rows) / len(two_types.labels), 1e-9)
        own = two_types.data.rows(inside)
        emissions, transitions = scores_of(two_types, fit.head)
        numpy.testing.assert_allclose(predictions.emissions[own], emissions[own], atol=0.05)
        numpy.testing.assert_allclose(predictions.transitions[fold], transitions, atol=0.05)
    unlike, _ = scores_of(two_types)
    assert numpy.abs(predictions.emissions - unlike).max() > 0.1  # the labels were really held out


def test_neighbours_are_the_nearest_trusted_tokens(two_types):
    generator = numpy.random.default_rng(1)
    certain = generator.random(40) < 0.7
    trusted = trusted_of(generator, [15, 25], certain)
    rows = numpy.array([0, 4, 30])
    predictions = neighbour_predictions(two_types, trusted, rows)
    shares = numpy.exp(predictions.emissions)
    numpy.testing.assert_allclose(shares.sum(axis=1), 1.0, atol=1e-9)
    numpy.testing.assert_allclose(shares[1], 0.2)  # not asked about
    told = informative(two_types, trusted)
    theirs = trusted.data.features[told].astype("float64")
    for row in rows:
        own = two_types.data.features[row].astype("float64")
        cosines = theirs @ own / numpy.linalg.norm(theirs, axis=1) / numpy.linalg.norm(own)
        nearest = numpy.argsort(-cosines)[:10]
        weights = numpy.maximum(cosines[nearest], 1e-12)
        expected = 0.05 / 5 + 0.95 * numpy.bincount(trusted.labels[told][nearest], weights, 5) / weights.sum()
        numpy.testing.assert_allclose(shares[row], expected, rtol=1e-5)
    assert not predictions.transitions.any()


def test_a_trusted_head_is_an_optimum_on_the_trusted_labels():
    trusted = trusted_of(numpy.random.default_rng(2), [9] * 12)
    head = trusted_head(trusted.data)
    penalties = [10.0 ** (k / 2) for k in range(-3, 8)]
    losses = [loss_and_gradient(trusted.data, head, l2)[0] - fit_head(trusted.data, head, l2).loss for l2 in penalties]
    assert min(losses) < 0.05 < sorted(losses)[1]  # of one penalty, and of no other


def test_certain_tokens_far_from_entities_tell_nothing(two_types):
    texts = Trusted(two_types.data, two_types.labels, two_types.known)
    told = informative(two_types, texts)
    inside = two_types.labels != 0
    near = inside | numpy.append(inside[1:], False) | numpy.append(False, inside[:-1])
    assert told[inside].all() and (told[near] == two_types.known[near]).all()
    doubt = 1.0 - two_types.marginals[:, 0]
    numpy.testing.assert_array_equal(told[~near], (doubt[~near] > 1e-3) & two_types.known[~near])


def test_entities_that_a_head_sees_are_outside_of_annotated_ones(two_types):
    generator = numpy.random.default_rng(5)
    found = unannotated(two_types, random_head(generator, two_types.data))
    assert len(found) > 3
    for document, start, end, label in found:
        rows = numpy.arange(start, end) + two_types.data.starts[document]
        assert (two_types.labels[rows] == 0).all() and two_types.known[rows].all() and label in SCHEME.labels


def test_overlapping_issues_are_read_once(two_types):
    regions = Regions(two_types, find_regions(two_types, [(4, 3, 5, "A"), (4, 4, 6, "A")]))
    scores = regions.scores(head_predictions(two_types, two_types.head))
    issues = score_regions(regions, scores, scores)
    ranked = overlapping_left_out(issues)
    assert [one.score for one in ranked] == sorted((one.score for one in ranked), reverse=True)
    for one in issues:
        rivals = [other for other in issues if other.document == one.document and overlap(one, other)]
        before = max(rivals, key=lambda other: (other.score, -other.region))
        assert before in ranked
        assert sum(other in ranked and overlap(one, other) for other in rivals) >= 1
    for one in ranked:
        assert sum(overlap(one, other) for other in ranked if other.document == one.document) == 1
    rest = overlapping_left_out(issues, [(0, 2, 4)])
    assert not any(one.document == 0 and one.start < 4 and one.end > 2 for one in rest)


def overlap(one, other):
    return one.start < other.end and other.start < one.end


def test_kinds_of_change():
    old = (Entity(2, 4, "A"),)
    assert kind_of((), old) == "add" and kind_of(old, ()) == "remove"
    assert kind_of(old, (Entity(2, 4, "B"),)) == "relabel" and kind_of(old, (Entity(2, 5, "A"),)) == "rebound"
    assert span_of(old, (Entity(1, 3, "A"),)) == (1, 4)


@given(st.integers(0, 2**32 - 1), st.integers(0, 30))
def test_families_have_one_change_and_are_alike(seed, count):
    generator = numpy.random.default_rng(seed)
    directions = generator.normal(size=(count, 3)).astype("float32")
    directions /= numpy.maximum(numpy.linalg.norm(directions, axis=1, keepdims=True), 1e-9)
    changes = [("relabel", str(number)) for number in generator.integers(2, size=count)]
    families = find_families(changes, directions, 0.5, numpy.ones(count), largest=4)
    for family in range(int(families.max(initial=-1)) + 1):
        members = numpy.flatnonzero(families == family)
        assert 1 <= len(members) <= 4
        leader = members[0]
        for member in members[1:]:
            distance = 1.0 - float(directions[member] @ directions[leader])
            assert changes[member] == changes[leader] and distance <= 0.5 * SIMILAR + 1e-6
    firsts = [int(numpy.flatnonzero(families == family)[0]) for family in range(int(families.max(initial=-1)) + 1)]
    assert firsts == sorted(firsts)


def test_families_are_not_larger_than_what_is_read_at_a_glance():
    families = find_families(["x"] * 60, numpy.ones((60, 1), dtype="float32"), 1.0, numpy.ones(60))
    assert numpy.bincount(families).tolist() == [LARGEST, LARGEST, 10]


def test_what_is_far_less_suspicious_is_of_another_family():
    scores = numpy.array([4.0, 3.0, 0.39, 0.1])
    families = find_families(["x"] * 4, numpy.ones((4, 1), dtype="float32"), 1.0, scores)
    assert families.tolist() == [0, 0, 1, 1]


@pytest.fixture
def traits():
    generator = numpy.random.default_rng(4)
    directions = generator.normal(size=(30, 4)).astype("float32")
    directions /= numpy.linalg.norm(directions, axis=1, keepdims=True)
    return Traits(directions, generator.integers(2, size=30), 0.8)


def test_feedback_is_the_most_probable_function(traits):
    generator = numpy.random.default_rng(6)
    scores, decided = generator.gamma(1.0, size=30), numpy.array([0, 3, 4, 9, 11, 20, 29])
    wrong = numpy.array([True, False, True, True, False, False, True])
    factors = feedback_factors(scores, traits, decided, wrong)
    offsets, kernel = numpy.log(scores / EVEN), VARIANCE * traits.near(decided, decided)

    def loss(weights):
        odds = offsets[decided] + kernel @ weights
        return (numpy.logaddexp(0.0, odds) - wrong * odds).sum() + 0.5 * weights @ kernel @ weights

    weights = minimize(loss, numpy.zeros(7), method="BFGS", options={"gtol": 1e-9}).x
    expected = numpy.exp(VARIANCE * traits.near(numpy.arange(30), decided) @ weights)
    numpy.testing.assert_allclose(factors, expected, rtol=1e-3)


def test_feedback_raises_what_is_like_an_error_and_lowers_what_is_like_a_kept_label(traits):
    scores = numpy.full(30, 0.5)
    for wrong, sign in ((True, 1), (False, -1)):
        factors = feedback_factors(scores, traits, numpy.array([7]), numpy.array([wrong]))
        change = sign * (factors - 1.0)
        assert (change >= 0).all() and change[7] == change.max()
        unlike = traits.current != traits.current[7]
        assert unlike.any() and not change[unlike].any()
    nothing = feedback_factors(scores, traits, numpy.zeros(0, dtype=int), numpy.zeros(0, dtype=bool))
    assert (nothing == 1.0).all()


@pytest.mark.parametrize("count", [1, 5, 50])
@pytest.mark.parametrize("score", [1e-300, 0.01, 0.5, 40.0])
def test_many_confirmed_errors_that_nobody_suspected(count, score):
    generator = numpy.random.default_rng(0)
    directions = (1.0 + 0.1 * generator.normal(size=(count + 1, 5))).astype("float32")
    directions /= numpy.linalg.norm(directions, axis=1, keepdims=True)
    alike = Traits(directions, numpy.zeros(count + 1, dtype=int), 0.4)
    decided = numpy.arange(count)
    logs = [
        numpy.log(feedback_factors(numpy.full(count + 1, score), alike, decided, numpy.full(count, wrong))[-1])
        for wrong in (True, False)
    ]
    assert numpy.isfinite(logs).all() and logs[0] > 0.01 and logs[1] < -1e-5
    if count == 50 and score < 0.1:
        assert logs[0] > 3.0  # more and more of the same


def test_types_are_processes_of_their_own(traits):
    generator = numpy.random.default_rng(9)
    scores, decided = generator.gamma(1.0, size=30), generator.permutation(30)[:20]
    wrong = generator.random(20) < 0.5
    together = feedback_factors(scores, AsOne(**vars(traits)), decided, wrong)
    numpy.testing.assert_allclose(feedback_factors(scores, traits, decided, wrong), together, rtol=1e-4)


class AsOne(Traits):
    @property
    def groups(self):
        return numpy.zeros_like(self.current)


def test_a_few_decisions_tell_of_many(monkeypatch):
    generator = numpy.random.default_rng(10)
    centres = generator.normal(size=(4, 6))
    member = generator.integers(4, size=200)
    directions = (centres[member] + 0.1 * generator.normal(size=(200, 6))).astype("float32")
    directions /= numpy.linalg.norm(directions, axis=1, keepdims=True)
    alike = Traits(directions, numpy.zeros(200, dtype=int), 0.8)
    scores, decided = numpy.full(200, 0.5), numpy.arange(120)
    wrong = member[:120] % 2 == 0
    exact = numpy.log(feedback_factors(scores, alike, decided, wrong))
    monkeypatch.setattr("spacy_seginf.curation.feedback.MOST", 12)
    sparse = numpy.log(feedback_factors(scores, alike, decided, wrong))
    numpy.testing.assert_allclose(sparse, exact, atol=0.1 * exact.std())


@pytest.mark.parametrize("most", [5, 40])
def test_the_kernel_of_decisions(traits, most):
    generator = numpy.random.default_rng(11)
    everything = numpy.arange(30)
    alike = Traits(traits.directions, numpy.zeros(30, dtype=int), 0.8)
    dense = alike.near(everything, everything)
    kernel = DecidedKernel.of(lambda some: alike.near(everything, some), alike.near_themselves(), most)
    chosen = kernel.chosen
    told = dense[:, chosen] @ numpy.linalg.solve(dense[numpy.ix_(chosen, chosen)], dense[chosen])
    numpy.testing.assert_allclose(kernel.factor @ kernel.factor.T, told, atol=1e-6)
    full = told + numpy.diag(numpy.diagonal(dense - told))
    vector, curvature = generator.normal(size=30), generator.random(30) + 0.01
    numpy.testing.assert_allclose(kernel @ vector, full @ vector, atol=1e-6)
    expected = numpy.linalg.solve(numpy.eye(30) + curvature[:, None] * full, vector)
    numpy.testing.assert_allclose(kernel.solve(curvature, vector), expected, atol=1e-6)
    predicted = dense[:, chosen] @ kernel.inducing_weights(vector)
    numpy.testing.assert_allclose(predicted, told @ vector, atol=1e-5)
    assert len(chosen) == min(most, 30)


def test_feedback_does_not_depend_on_the_order_of_decisions(traits):
    generator = numpy.random.default_rng(8)
    scores, decided = generator.gamma(1.0, size=30), generator.permutation(30)[:9]
    wrong = generator.random(9) < 0.5
    shuffled = generator.permutation(9)
    numpy.testing.assert_allclose(
        feedback_factors(scores, traits, decided, wrong),
        feedback_factors(scores, traits, decided[shuffled], wrong[shuffled]),
        rtol=1e-3,
    )


def test_the_label_of_what_is_most_alike_is_heard(traits):
    alike = Traits(numpy.tile(traits.directions[:1], (4, 1)), numpy.array([0, 0, 0, 1]), 0.8)
    outcomes = [(Entity(0, 1, "B"),)]
    assert propagated_labels(alike, numpy.array([1]), outcomes, 4) == ["B", "B", "B", ""]
    assert propagated_labels(alike, numpy.array([1]), [()], 4) == [""] * 4


def test_predictions_may_differ_by_document(two_types):
    regions = Regions(two_types, find_regions(two_types, []))
    generator = numpy.random.default_rng(9)
    emissions = generator.normal(size=(len(two_types.labels), 5))
    transitions = generator.normal(size=(2, 5, 5))
    which = numpy.arange(7) % 2
    scores = regions.scores(Predictions(emissions, transitions, which))
    for k in (0, 1):
        alone = regions.scores(Predictions(emissions, transitions[k : k + 1], numpy.zeros(7, dtype=int)))
        own = which[regions.documents[regions.owners]] == k
        numpy.testing.assert_allclose(scores[own], alone[own])
