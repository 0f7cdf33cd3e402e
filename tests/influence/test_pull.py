"""The head that explains: pulled towards the trained one, which stays in the pipeline."""

from __future__ import annotations

from dataclasses import replace

import numpy
import pytest
import spacy
from scipy.optimize import check_grad
from spacy.tokens import DocBin

from spacy_seginf.api.append import append_to_index as append
from spacy_seginf.api.index import build_index as index
from spacy_seginf.crf.arrays import boundaries
from spacy_seginf.crf.hessian import markov_chain
from spacy_seginf.crf.schemes import TagScheme
from spacy_seginf.explanation.agreement import agreement
from spacy_seginf.indexing.fidelity import compare, decode, instead_of, predictions, score
from spacy_seginf.indexing.refit import KEPT_IN_TRAINING
from spacy_seginf.influence.choose import choose_pull, fit_to_optimum
from spacy_seginf.influence.curvature import ExactCurvature
from spacy_seginf.influence.effects import HeadEffects
from spacy_seginf.influence.fit import hessian, loss_and_gradient
from spacy_seginf.influence.head import Head
from spacy_seginf.influence.penalty import Penalty
from spacy_seginf.influence.removal import correct_segments, correct_short_segments
from spacy_seginf.influence.segments import SegmentChains
from spacy_seginf.tagger.head import head_of

from ..pipeline.building import QUESTIONS, build, wrapped
from .heads import own_hessian, random_data, random_head

SCHEME = TagScheme(("PER", "LOC"))


@pytest.fixture(scope="module")
def data():
    return random_data(numpy.random.default_rng(0), [5, 1, 7, 3, 6, 4], 5, 4)[0]


@pytest.fixture(scope="module")
def centre(data):
    return random_head(numpy.random.default_rng(1), data)


def test_the_gradient_of_a_penalty_with_a_centre(data, centre):
    penalty = Penalty(3.0, centre)

    def found(vector):
        return loss_and_gradient(data, Head.unpacked(vector, data.labels), penalty)

    point = numpy.random.default_rng(2).normal(size=centre.size)
    error = check_grad(lambda x: found(x)[0], lambda x: found(x)[1], point)
    assert error < 1e-4
    assert penalty.value(centre) == 0.0 and not penalty.gradient(centre).any()
    assert penalty.scaled(0.5).l2 == 1.5


def test_the_optimum_is_the_centre_and_what_labels_add(data, centre):
    """The head is centre + (1 / l2) sum of observed minus expected statistics, written out."""
    l2 = 2.0
    head = fit_to_optimum(data, Head.zeros(data), Penalty(l2, centre)).head
    features = numpy.concatenate([data.features, numpy.ones((len(data.features), 1))], axis=1)
    chain = markov_chain(head.emissions(data.features), head.transitions, data.lengths)
    labels = data.allowed.argmax(axis=1)
    emissions = (data.allowed - chain.unary).T @ features
    _, last = boundaries(data.lengths)
    pairs = numpy.zeros((data.labels, data.labels))
    for token in numpy.flatnonzero(~last):
        pairs[labels[token], labels[token + 1]] += 1.0
        pairs -= chain.unary[token][:, None] * chain.onward[token]
    expected = centre.packed + Head(emissions[:, :-1], emissions[:, -1], pairs).packed / l2
    numpy.testing.assert_allclose(head.packed, expected, atol=1e-8)


def test_the_weakest_pull_that_keeps_enough(data, centre):
    """Candidates are tried from the strongest down to the first that keeps too little."""

    def distance_to(head):
        return float(numpy.abs(centre.step_to(head)).max())

    def kept(head):
        return 1.0 - 0.1 * distance_to(head)

    distance = {l2: distance_to(fit_to_optimum(data, centre, Penalty(l2, centre)).head) for l2 in (10, 1)}
    least = 1.0 - 0.1 * float(numpy.mean(list(distance.values())))
    choice = choose_pull(data, centre, kept, lambda share: share >= least, (100.0, 10.0, 1.0, 0.1))
    assert choice.l2 == 10.0 and list(choice.shares) == [100.0, 10.0, 1.0]
    # and stronger ones if not even the strongest candidate does
    choice = choose_pull(data, centre, kept, lambda share: share >= 1.0 - 1e-5, (1.0,))
    assert choice.l2 > 1.0 and choice.shares[choice.l2] >= 1.0 - 1e-5


@pytest.mark.parametrize("length", [1, 2, 4])
def test_adding_labels_by_enumeration_of_the_matrix(data, centre, length):
    """(H + H_k) x = g_k, H_k by differences of gradients; short segments agree."""
    penalty = Penalty(1.0, centre)
    head = fit_to_optimum(data, centre, penalty).head
    matrix = hessian(data, head, penalty.l2)
    metric = ExactCurvature.from_hessian(matrix, data.labels, data.width)
    labels = data.allowed.argmax(axis=1)
    segments = numpy.array([[2, 1, 1 + length], [4, 0, length]])
    chains = SegmentChains(head, data, labels, segments)
    found = correct_segments(chains, metric, adding=True)
    short = correct_short_segments(chains, metric, adding=True)
    for number in range(len(segments)):
        own = own_hessian(head, data, labels, tuple(segments[number]))
        gradient = chains.gradients()[number]
        expected = numpy.linalg.solve(matrix + own, gradient)
        numpy.testing.assert_allclose(-found.steps[number], expected, rtol=1e-5, atol=1e-8)
        stored = found.factors.gradients()[number]
        numpy.testing.assert_allclose(metric.apply(stored[None])[0], expected, rtol=1e-5, atol=1e-8)
        numpy.testing.assert_allclose(short.factors.gradients()[number], stored, rtol=1e-5, atol=1e-8)
    assert (found.norms <= found.self_influence * (1 + 1e-9)).all()


def test_a_refit_with_further_labels(data, centre):
    """The gradient of J and of the conditional loss of the added labels cancel."""
    penalty = Penalty(0.5, centre)
    head = fit_to_optimum(data, centre, penalty).head
    metric = ExactCurvature.from_hessian(hessian(data, head, penalty.l2), data.labels, data.width)
    effects = HeadEffects(data, head, penalty, metric)
    more, labels = random_data(numpy.random.default_rng(5), [6], 5, 4)
    chains = SegmentChains(head, more, labels, numpy.array([[0, 2, 5]]))
    step, left = effects.refit_with(chains)
    assert left < 1e-9
    moved = SegmentChains(head.moved(step[0]), more, labels, numpy.array([[0, 2, 5]])).gradients()[0]
    assert numpy.abs(loss_and_gradient(data, head.moved(step[0]), penalty)[1] - moved).max() < 1e-8
    assert chains.losses(step)[0, 0] < chains.losses(numpy.zeros_like(step))[0, 0]


def test_predictions_and_scores_of_tags():
    tags = [SCHEME.index[tag] for tag in ("B-PER", "I-PER", "O", "B-LOC", "O")]
    other = [SCHEME.index[tag] for tag in ("B-PER", "O", "O", "B-PER", "B-LOC")]
    assert predictions(SCHEME, numpy.array(tags), [3, 2]) == [(0, 0, 2, "PER"), (1, 0, 1, "LOC")]
    assert instead_of(SCHEME, tags, tags, 0, 2) is None
    assert instead_of(SCHEME, tags, other, 0, 2) == "PER of 1 token"
    assert instead_of(SCHEME, tags, other, 3, 4) == "PER"
    assert instead_of(SCHEME, other, tags, 4, 5) == "O"
    assert instead_of(SCHEME, tags, other, 4, 5) == "LOC"
    assert instead_of(SCHEME, tags, other, 2, 3) is None
    tagging = TagScheme(("N", "V"), "TAG")
    assert instead_of(tagging, [0, 1], [0, 0], 1, 2) == "N"


def test_comparing_and_missing_labels(data):
    allowed = data.allowed.copy()
    allowed[:2] = True
    partly = replace(data, allowed=allowed)
    tags = data.allowed.argmax(axis=1)
    found = compare(SCHEME, data, tags, tags)
    assert found.share == 1.0 and found.score == found.head_score and not found.missed and not found.added
    assert score(SCHEME, replace(data, allowed=numpy.ones_like(allowed)), tags) is None
    assert 0.0 <= score(SCHEME, partly, tags) <= 1.0


@pytest.fixture(scope="module")
def built(unsure_nlp, train_examples, tmp_path_factory):
    folder = tmp_path_factory.mktemp("pull") / "index"
    return build(unsure_nlp, wrapped(train_examples), folder, centre="trained", l2=None)


def test_the_default_index(built, unsure_nlp, train_examples):
    """Its penalty is centred at the head of the pipeline, which stays; labels have a head of their own."""
    found, trained = built.index, head_of(unsure_nlp.get_pipe("crf_tagger").model)
    numpy.testing.assert_array_equal(found.penalty.centre.packed, trained.packed)
    numpy.testing.assert_array_equal(head_of(built.nlp.get_pipe("crf_tagger").model).packed, trained.packed)
    assert numpy.abs(loss_and_gradient(found.data, found.head, found.penalty)[1]).max() <= 1e-8
    head, _, penalty = found.label_head
    assert penalty.centre is None
    assert numpy.abs(loss_and_gradient(found.data, head, penalty)[1]).max() <= 1e-8
    agreement = built.report.refit.corpora["training"]
    stored = {**found.manifest.agreement["training"]}
    assert 0 < stored.pop("labels_alone") <= agreement.predicted
    assert agreement.share >= KEPT_IN_TRAINING and agreement.plain == stored
    scheme = built.nlp.get_pipe("crf_tagger").scheme
    own, theirs = (decode(scheme, found.data, head) for head in (found.head, trained))
    assert compare(scheme, found.data, theirs, own) == agreement


def test_shown_effects_are_those_of_refits(unsure_nlp, train_examples, tmp_path):
    built = build(unsure_nlp, wrapped(train_examples), tmp_path / "index", centre="trained", l2=1.0, dtype="float32")
    influence = built.nlp.get_pipe("influence")
    effects, table = influence.explainer().effects, built.index.segments
    shown, real = [], []
    for text in QUESTIONS:
        doc = built.nlp(text)
        for ent in doc.ents:
            query, tags, span = influence.query(doc, ent)
            watched = effects.watch(query, tags, [span])
            before = watched.losses()[0, 0]
            for reference in ent._.influencers:
                step, fit = effects.refit(effects.without([table.segment(reference.row)]))
                assert fit.converged
                shown.append(reference.effect)
                real.append(watched.losses(step)[0, 0] - before)
    result = agreement(numpy.array(shown), numpy.array(real))
    assert result.pairs >= 30 and result.pearson > 0.995 and 0.97 < result.slope < 1.03


def test_where_the_heads_differ_is_said(unsure_nlp, train_examples, tmp_path):
    """A weak pull leaves the half-trained head far behind; each prediction says what the other head makes of it."""
    built = build(unsure_nlp, wrapped(train_examples), tmp_path / "index", centre="trained", l2=0.01)
    scheme = built.nlp.get_pipe("crf_tagger").scheme
    influence = built.nlp.get_pipe("influence")
    marked = total = 0
    for example in train_examples:
        doc = built.nlp(example.reference.text)
        if not doc.ents:
            continue
        query, _, _ = influence.query(doc, doc.ents[0])
        own = {entity[1:] for entity in predictions(scheme, decode(scheme, query, built.index.head), [len(doc)])}
        for ent in doc.ents:
            same = (ent.start, ent.end, ent.label_) in own
            assert (ent._.influencers.instead is None) == same
            marked, total = marked + (not same), total + 1
    assert 0 < marked < total


def test_what_another_component_has_decided_is_not_held_against_the_head(unsure_nlp, train_examples, tmp_path):
    """Both heads are asked with the ruler's entities in place, so with a strong pull they say the same."""
    built = build(unsure_nlp, wrapped(train_examples), tmp_path / "index", centre="trained", l2=1e6)
    outside = next(token.text for token in train_examples[0].reference if not token.ent_type)
    tagger = built.nlp.get_pipe("crf_tagger")
    ruler = built.nlp.add_pipe("entity_ruler", before="crf_tagger")
    ruler.add_patterns([{"label": tagger.labels[-1], "pattern": outside}])
    doc = built.nlp(train_examples[0].reference.text)
    assert (outside, tagger.labels[-1]) in [(ent.text, ent.label_) for ent in doc.ents]
    assert [ent._.influencers.instead for ent in doc.ents] == [None] * len(doc.ents)


@pytest.fixture(scope="module")
def appended(unsure_nlp, train_examples, tmp_path_factory):
    folder = tmp_path_factory.mktemp("appended")
    unsure_nlp.to_disk(folder / "model")
    for name, part in (("old", train_examples[:-6]), ("new", train_examples[-6:])):
        DocBin(docs=[e.reference for e in part], store_user_data=True).to_disk(folder / f"{name}.spacy")
    index(str(folder / "model"), folder / "old.spacy", folder / "indexed", l2=1.0, centre="zero", dtype="float32")
    append(str(folder / "indexed"), folder / "new.spacy", folder / "more")
    return spacy.load(folder / "more")


def test_appended_labels_say_what_adding_them_would_do(appended, train_examples):
    influence = appended.get_pipe("influence")
    found = influence.index
    assert found.objective == len(train_examples) - 6
    explainer = influence.explainer()
    assert len(explainer.effects.data.lengths) == found.objective
    new = {str(example.reference.user_data["id"]) for example in train_examples[-6:]}
    shown, real = [], []
    for example in train_examples[-6:]:
        doc = appended(example.reference.text)
        for ent in doc.ents:
            query, tags, span = influence.query(doc, ent)
            watched = explainer.effects.watch(query, tags, [span])
            before = watched.losses()[0, 0]
            for reference in ent._.influencers:
                assert reference.added == (reference.doc_id in new)
                if reference.added:
                    segment = numpy.array([found.segments.segment(reference.row)])
                    further = SegmentChains(found.head, found.data, found.labels, segment)
                    after = watched.losses(explainer.effects.refit_with(further)[0])[0, 0]
                    shown.append(reference.effect)
                    real.append(before - after)
    assert len(shown) > 20
    numpy.testing.assert_array_equal(numpy.sign(shown), numpy.sign(real))
    result = agreement(numpy.array(shown), numpy.array(real))
    assert result.pearson > 0.995 and 0.97 < result.slope < 1.03
