"""What the rows of an index say of removals, under a weak penalty, against real refits and dense matrices."""

import numpy
import pytest
import spacy
from spacy.tokens import DocBin

from spacy_seginf.api.index import build_index as index
from spacy_seginf.crf.schemes import TagScheme
from spacy_seginf.index.search import search
from spacy_seginf.influence.curvature import ExactCurvature
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.effects import HeadEffects
from spacy_seginf.influence.factors import TokenFactors
from spacy_seginf.influence.fit import hessian
from spacy_seginf.influence.held_out import HeldOut
from spacy_seginf.influence.leverage_bounds import NEGLIGIBLE, segment_leverage_bounds, token_leverage_bounds
from spacy_seginf.influence.removal import LEVERAGE_FLAG
from spacy_seginf.influence.rows import segment_rows, token_rows

from ..conftest import TEXTS, make_examples
from .heads import fitted, own_hessian, random_data

WEAK = 0.1  # l2
SMALL = 1e-3  # a residual that looks as if nothing could depend on it
MODEST = 0.3  # leverage up to which one Newton step is close to a refit
QUESTIONS = ["Mira Solano left Harrow Bank in Osted .", "Nobody met Ada Lind in Tarnby ."]


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


def rare_directions(seed=0, count=20, size=12.0):
    """Documents in which some features are those of three tokens only, which learn what they need of them by heart."""
    generator = numpy.random.default_rng(seed)
    data, labels = random_data(generator, [6] * 80, 3, 5, noise=0.3)
    rare = numpy.zeros((480, count), dtype="float32")
    for column in range(count):
        rare[generator.choice(480, 3, replace=False), column] = size
    features = numpy.concatenate([data.features, rare], axis=1)
    head, _, metric = fitted(HeadData(features, data.allowed, data.lengths), WEAK)
    return HeadEffects(HeadData(features, data.allowed, data.lengths), head, WEAK, metric), labels


@pytest.fixture(scope="module")
def removals():
    """For rows with small residuals: leverages, and the changes of losses that the rows, plain gradients, and refits
    predict (rows x watched tokens)."""
    leverage, changes = [], ([], [], [])
    for seed in range(3):
        effects, labels = rare_directions(seed)
        data = effects.data
        rows = token_rows(effects, numpy.zeros(480), corrected=True)
        tokens = numpy.array([(d, t, t + 1) for d in range(80) for t in range(6)])
        quiet = abs(effects.chains(tokens).factors().residuals).max(axis=1) < SMALL
        rare = data.features[:, -20:].any(axis=1)
        watched = effects.watch(data, labels, tokens[numpy.flatnonzero(rare)[:40]])
        before = watched.losses()[0]
        for row in numpy.flatnonzero(quiet & rare & (rows.leverage < LEVERAGE_FLAG)):
            stored = rows.residuals[[row]].astype("float64"), rows.labels[[row], 0], rows.labels[[row], 2]
            step = -effects.metric.apply(TokenFactors(data.features[[row]], *stored).as_segments().gradients())
            plain = -effects.metric.apply(effects.gradients([tokens[row]]))
            truth, fit = effects.refit(effects.without([tokens[row]]), step)
            assert fit.converged
            leverage.append(rows.leverage[row])
            for found, moved in zip(changes, (step, plain, truth)):
                found.append(watched.losses(moved)[0] - before)
    return numpy.array(leverage), *(numpy.array(found) for found in changes)


def slope(real, predicted):
    return numpy.polyfit(real.ravel(), predicted.ravel(), 1)[0]


def test_rows_predict_refits(removals):
    """Also rows with small residuals: they may be what holds the head in a direction that no other label knows."""
    leverage, predicted, plain, real = removals
    modest, high = leverage < 0.1, leverage > 0.2  # one Newton step is close to a refit, and less so
    assert real[modest].size >= 60 and real[high].size >= 60
    assert 0.97 <= slope(real[modest], predicted[modest]) <= 1.03
    assert numpy.corrcoef(real[modest].ravel(), predicted[modest].ravel())[0, 1] >= 0.995
    assert slope(real[high], plain[high]) < 0.7, "nothing here needs a correction"
    assert abs(slope(real[high], predicted[high]) - 1) < 0.2
    assert numpy.corrcoef(real[high].ravel(), predicted[high].ravel())[0, 1] >= 0.98


@pytest.mark.parametrize("unit", ["token", "entity"])
def test_searches_find_what_a_dense_scan_finds(influence, unit):
    explainer = influence.explainer()
    table, metric = explainer.table(unit), explainer.index.metric
    curved = metric.apply(table.gradients(numpy.arange(len(table))).astype("float64"))
    for data, tags, chains in watched_segments(influence):
        queries = chains.gradients()
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
    head, matrix, metric = fitted(data, l2)
    return HeadEffects(data, head, l2, metric), labels, matrix


def leverages(effects, matrix, segments):
    """Largest eigenvalues of H^-1 H_k, dense."""
    inverse = numpy.linalg.inv(matrix)
    own = [own_hessian(effects.head, effects.data, effects.labels, segment) for segment in segments]
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
        own = own_hessian(effects.head, data, labels, tokens[number])
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


def test_a_label_that_nothing_else_supports():
    """One document has a direction of features to itself: its label is sure, and hangs on itself alone."""
    generator = numpy.random.default_rng(3)
    data, _ = random_data(generator, [8, 8, 8, 1], 3, 6, noise=0.1)
    features = data.features.copy()
    features[-1] = 0.0
    features[-1, -1], features[:-1, -1] = 60.0, 0.0
    data = HeadData(features, data.allowed, data.lengths)
    l2 = 1e-3
    head, matrix, metric = fitted(data, l2)
    effects = HeadEffects(data, head, l2, metric)
    rows = token_rows(effects, numpy.zeros(25), corrected=True)
    assert abs(effects.chains([(3, 0, 1)]).factors().residuals).max() < SMALL
    assert rows.leverage[-1] > LEVERAGE_FLAG
    numpy.testing.assert_allclose(
        numpy.linalg.eigvals(metric.inverse @ own_hessian(head, data, effects.labels, (3, 0, 1))).real.max(),
        rows.leverage[-1],
        rtol=1e-4,
    )
    assert isinstance(metric, ExactCurvature)
    numpy.testing.assert_allclose(hessian(data, head, l2), matrix)
