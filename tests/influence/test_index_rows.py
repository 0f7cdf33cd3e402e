"""What the rows of an index say of removals, under a weak penalty, against real refits and dense matrices."""

import numpy
import pytest
import spacy
from spacy.tokens import DocBin

from spacy_seginf.cli.index import index
from spacy_seginf.influence.curvature import ExactCurvature
from spacy_seginf.influence.effects import HeadEffects
from spacy_seginf.influence.factors import TokenFactors
from spacy_seginf.influence.fit import HeadData, hessian
from spacy_seginf.influence.held_out import HeldOut
from spacy_seginf.influence.leverage_bounds import NEGLIGIBLE, segment_leverage_bounds, token_leverage_bounds
from spacy_seginf.influence.removal import LEVERAGE_FLAG
from spacy_seginf.influence.rows import segment_rows, token_rows
from spacy_seginf.schemes import TagScheme
from spacy_seginf.search.bounded import search

from ..conftest import TEXTS, make_examples
from .heads import fitted, own_hessian, random_data

WEAK = 0.1  # l2
SMALL = 1e-3  # a residual that looks as if nothing could depend on it
QUESTIONS = ["Mira Solano left Harrow Bank in Osted .", "Nobody met Ada Lind in Tarnby .", "Veltra hired Jonas Brekke ."]


@pytest.fixture(scope="module")
def influence(model_path, tmp_path_factory):
    folder = tmp_path_factory.mktemp("weak")
    docs = [example.reference for example in make_examples(TEXTS)]
    DocBin(docs=docs, store_user_data=True).to_disk(folder / "train.spacy")
    index(str(model_path), folder / "train.spacy", folder / "weak", l2=WEAK)
    return spacy.load(folder / "weak").get_pipe("influence")


def watched_segments(influence):
    """Tokens and entities of other texts, at their predicted labels."""
    for text in QUESTIONS:
        doc = influence.nlp(text)
        data, tags, _ = influence.query(doc, doc)
        spans = [(0, t, t + 1) for t in range(0, len(doc), 2)] + [(0, e.start, e.end) for e in doc.ents]
        yield data, tags, influence.explainer().effects.watch(data, tags, spans)


def largest_residual(effects, segment):
    return abs(effects.chains([segment]).factors().residuals).max()


@pytest.mark.parametrize("unit", ["token", "entity"])
def test_rows_predict_refits(influence, unit):
    """Those with small residuals too: they may be what holds the head in a direction that no other label knows."""
    explainer = influence.explainer()
    effects, table, metric = explainer.effects, explainer.table(unit), explainer.index.metric
    segments = [table.segment(row) for row in range(len(table))]
    residuals = numpy.array([largest_residual(effects, segment) for segment in segments])
    leverage = numpy.array([table.leverage(row) for row in range(len(table))])
    quiet = residuals < SMALL
    assert quiet.sum() > 10
    if unit == "token":
        assert leverage[quiet].max() > 0.05, "small residuals have small leverages here"
    usable = numpy.flatnonzero(leverage < LEVERAGE_FLAG)  # others are refined before they are shown
    rows = numpy.r_[
        usable[numpy.argsort(-leverage[usable])[:4]],
        numpy.intersect1d(usable, numpy.flatnonzero(quiet))[:4],
        usable[:: max(len(usable) // 4, 1)][:4],
    ]
    predicted, real = [], []
    watched = list(watched_segments(influence))
    for row in numpy.unique(rows).tolist():
        step = -metric.apply(table.gradients(numpy.array([row])).astype("float64"))
        truth, fit = effects.refit(effects.without([segments[row]]), step)
        assert fit.converged
        for _, _, chains in watched:
            before = chains.losses(effects.nothing)[0]
            predicted += (chains.losses(step)[0] - before).tolist()
            real += (chains.losses(truth)[0] - before).tolist()
    assert len(real) >= 60
    slope = numpy.polyfit(real, predicted, 1)[0]
    assert 0.97 <= slope <= 1.03
    assert numpy.corrcoef(real, predicted)[0, 1] >= 0.995


@pytest.mark.parametrize("unit", ["token", "entity"])
def test_what_is_shown_is_what_refits_show(influence, unit):
    """With the refinement of labels that make up much of their own curvature."""
    explainer = influence.explainer()
    effects, table = explainer.effects, explainer.table(unit)
    shown, real, refits = [], [], {}
    for data, tags, chains in watched_segments(influence):
        before = chains.losses(effects.nothing)[0]
        for number, entry in enumerate(explainer.explain(data, tags, chains.segments, unit, 2)):
            for found in [*entry.supporting, *entry.opposing]:
                if found.row not in refits:
                    refits[found.row], fit = effects.refit(effects.without([table.segment(found.row)]))
                    assert fit.converged
                shown.append(found.effect)
                real.append(chains.losses(refits[found.row])[0, number] - before[number])
    assert len(real) >= 40
    assert numpy.corrcoef(real, shown)[0, 1] >= 0.99
    assert 0.95 <= numpy.polyfit(real, shown, 1)[0] <= 1.05


@pytest.mark.parametrize("unit", ["token", "entity"])
def test_searches_find_what_a_dense_scan_finds(influence, unit):
    explainer = influence.explainer()
    table, metric = explainer.table(unit), explainer.index.metric
    curved = metric.apply(table.gradients(numpy.arange(len(table))).astype("float64"))
    for data, tags, chains in watched_segments(influence):
        queries = chains.factors().gradients()
        sizes = numpy.sqrt(numpy.einsum("qp,qp->q", queries, metric.apply(queries)))
        scores = queries @ curved.T
        assert (abs(scores) <= sizes[:, None] * table.norms * (1 + 1e-5)).all()
        found = search(table, explainer._queries(data, tags, chains, unit), 5)
        for number, line in enumerate(scores):
            for hits, signed in ((found.supporting, line), (found.opposing, -line)):
                best = numpy.sort(signed[signed > 0])[::-1][:5]
                tolerance = 1e-5 * sizes[number] * table.norms[0]
                numpy.testing.assert_allclose(abs(hits.scores[number][: len(best)]), best, rtol=1e-3, atol=tolerance)


def confident_problem(seed, l2):
    """A head that is sure of nearly all of its labels, and its documents."""
    generator = numpy.random.default_rng(seed)
    data, labels = random_data(generator, [6, 1, 9, 4, 7], 3, 5, noise=0.02)
    data = HeadData(data.features * 8, data.allowed, data.lengths)
    theta, matrix, metric = fitted(data, l2)
    return HeadEffects(data, theta, l2, metric), labels, matrix


def leverages(effects, matrix, segments):
    """Largest eigenvalues of H^-1 H_k, dense."""
    inverse = numpy.linalg.inv(matrix)
    own = [own_hessian(effects.theta, effects.data, effects.labels, segment) for segment in segments]
    return numpy.array([numpy.linalg.eigvals(inverse @ one).real.max() for one in own])


@pytest.mark.parametrize("l2", [10.0, 0.1, 1e-3])
@pytest.mark.parametrize("seed", range(2))
def test_bounds_on_leverage_hold(seed, l2):
    effects, _, matrix = confident_problem(seed, l2)
    data = effects.data
    tokens = [(d, t, t + 1) for d, length in enumerate(data.lengths) for t in range(length)]
    chains = effects.chains(tokens)
    plain = chains.factors()
    factors = TokenFactors(plain.features, plain.residuals, chains.previous, chains.following)
    truth = leverages(effects, matrix, tokens)
    bounds = token_leverage_bounds(factors, effects.largest_gain)
    assert (truth <= bounds * (1 + 1e-4) + 1e-9).all()
    longer = [(0, 0, 6), (0, 1, 4), (2, 3, 8), (2, 0, 2), (3, 2, 4), (4, 5, 7), (1, 0, 1)]
    bounds = segment_leverage_bounds(effects.chains(longer).factors(), effects.largest_gain)
    assert (leverages(effects, matrix, longer) <= bounds * (1 + 1e-4) + 1e-9).all()
    assert len(segment_leverage_bounds(effects.chains([]).factors(), 1.0)) == 0


@pytest.mark.parametrize("l2", [10.0, 1e-3])
def test_columns_are_those_of_dense_matrices(l2):
    effects, labels, matrix = confident_problem(0, l2)
    data, count = effects.data, len(labels)
    tokens = [(d, t, t + 1) for d, length in enumerate(data.lengths) for t in range(length)]
    rows = token_rows(effects, numpy.zeros(count), corrected=True)
    truth, plain = leverages(effects, matrix, tokens), effects.gradients(tokens)
    exact = rows.leverage > NEGLIGIBLE
    numpy.testing.assert_allclose(rows.leverage[exact], truth[exact], rtol=1e-4, atol=1e-8)
    assert (rows.leverage[~exact] >= truth[~exact] * (1 - 1e-4) - 1e-9).all()
    inverse = numpy.linalg.inv(matrix)
    for number in numpy.flatnonzero(truth < 0.9):
        own = own_hessian(effects.theta, data, labels, tokens[number])
        right = numpy.linalg.solve(matrix - own, plain[number])  # minus the step
        wanted = matrix @ right
        factors = TokenFactors(
            data.features[[number]],
            rows.residuals[[number]].astype("float64"),
            rows.labels[[number], 0],
            rows.labels[[number], 2],
        )
        stored = factors.as_segments().gradients()[0]
        size = numpy.sqrt(wanted @ inverse @ wanted)
        assert numpy.sqrt((stored - wanted) @ inverse @ (stored - wanted)) <= 2e-5 * size
        assert rows.norms[number] >= numpy.sqrt(stored @ inverse @ stored) * (1 - 1e-6)
        assert rows.norms[number] >= size * (1 - 1e-5)
    scheme = TagScheme(["A"], "BIO", "tagger")
    found = segment_rows(effects, HeldOut(numpy.zeros(count), []), scheme, corrected=True)
    assert len(found.positions)
    truth = leverages(effects, matrix, found.positions.tolist())
    assert (found.leverage >= 0.9 * truth - 1e-9).all()
    stored = found.factors.gradients()
    assert (found.norms >= numpy.sqrt(numpy.einsum("sp,pq,sq->s", stored, inverse, stored)) * (1 - 1e-6)).all()


def test_a_label_that_nothing_else_supports(monkeypatch):
    """One document has a direction of features to itself: its label is sure, and hangs on itself alone."""
    generator = numpy.random.default_rng(3)
    data, _ = random_data(generator, [8, 8, 8, 1], 3, 6, noise=0.1)
    features = data.features.copy()
    features[-1] = 0.0
    features[-1, -1], features[:-1, -1] = 60.0, 0.0
    data = HeadData(features, data.allowed, data.lengths)
    l2 = 1e-3
    theta, matrix, metric = fitted(data, l2)
    effects = HeadEffects(data, theta, l2, metric)
    rows = token_rows(effects, numpy.zeros(25), corrected=True)
    assert abs(effects.chains([(3, 0, 1)]).factors().residuals).max() < SMALL
    assert rows.leverage[-1] > LEVERAGE_FLAG
    numpy.testing.assert_allclose(
        numpy.linalg.eigvals(metric.inverse @ own_hessian(theta, data, effects.labels, (3, 0, 1))).real.max(),
        rows.leverage[-1],
        rtol=1e-4,
    )
    assert isinstance(metric, ExactCurvature)
    numpy.testing.assert_allclose(hessian(data, theta, l2), matrix)
