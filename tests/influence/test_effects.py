"""Predicted effects of removals and relabellings on a small head against real refits."""

import numpy
import pytest

from spacy_seginf.crf import one_label_each
from spacy_seginf.influence.choose import head_metric
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.effects import HeadEffects, complete_labels, log_odds, merge_touching
from spacy_seginf.influence.fit import fit_head, loss_and_gradient, positive_hessian
from spacy_seginf.influence.head import Head
from spacy_seginf.influence.segments import SegmentChains

from .heads import fitted, own_hessian, random_data, random_head, segment_loss

LENGTHS = [7, 5, 6, 1, 8] * 6
LABELS, WIDTH, L2 = 4, 5, 1.0


def make_effects(data, l2=L2):
    head, matrix, metric = fitted(data, l2)
    return HeadEffects(data, head, l2, metric), matrix


@pytest.fixture(scope="module", params=range(2))
def problem(request):
    data, labels = random_data(numpy.random.default_rng(request.param), LENGTHS, LABELS, WIDTH)
    effects, matrix = make_effects(data)
    places = [(number, 0, 1) for number in range(12)] + [(0, 1, 4), (2, 0, 6)]
    return effects, labels, matrix, effects.watch(data, labels, places)


def outcome(effects, watched, change):
    """Effects on the watched losses: predicted by one step, refined, and real."""
    step = effects.predict(change)
    refined = effects.refine(change, step, 4)
    real, fit = effects.refit(change)
    assert fit.converged
    assert abs(loss_and_gradient(change.data, fit.head, effects.penalty)[1]).max() < 1e-9
    base = watched.losses()[0]
    return [watched.losses(moved)[0] - base for moved in (step, refined, real)]


def check(outcomes, least=0.99):
    predicted, refined, real = (numpy.array(part) for part in zip(*outcomes))
    assert abs(real).max() > 1e-3
    assert abs(refined - real).max() <= 1e-3 * abs(real).max()
    for one, other in zip(refined, real):  # of every change on its own
        assert numpy.linalg.norm(one - other) <= 1e-3 * numpy.linalg.norm(other)
    assert numpy.corrcoef(predicted.ravel(), real.ravel())[0, 1] > least
    slope = (predicted * real).sum() / (real**2).sum()
    assert 0.8 < slope < 1.25


def test_removal(problem):
    effects, _, _, watched = problem
    segments = [(0, 2, 3), (2, 1, 4), (3, 0, 1), (4, 0, 8), (6, 0, 3), (9, 5, 7)]
    check([outcome(effects, watched, effects.without([segment])) for segment in segments])


def test_removal_alone_is_the_prediction_of_one(problem):
    effects, _, _, _ = problem
    segments = [(0, 2, 3), (2, 1, 4), (4, 0, 8)]
    together = effects.removal(segments)
    for row, segment in zip(together, segments):
        numpy.testing.assert_allclose(effects.predict(effects.without([segment]))[0], row, atol=1e-9)


def test_many_segments_are_cut_into_parts(problem):
    effects, _, _, watched = problem
    tokens = [(d, t, t + 1) for d, length in enumerate(LENGTHS) for t in range(length)]
    assert len(tokens) > 128
    steps = effects.removal(tokens)
    numpy.testing.assert_allclose(steps[[0, 70, 140]], effects.removal([tokens[n] for n in (0, 70, 140)]), atol=1e-9)
    assert effects.scores(watched, tokens).shape == (len(watched), len(tokens))


def test_sets(problem):
    effects, _, _, watched = problem
    sets = [
        [(0, 2, 3), (4, 1, 2), (2, 1, 4)],
        [(0, 1, 2), (0, 4, 6), (1, 0, 5)],
        [(3, 0, 1), (8, 0, 1), (13, 0, 1), (5, 2, 4)],
    ]
    check([outcome(effects, watched, effects.without(segments)) for segments in sets])


def test_touching_removals_are_one_run(problem):
    effects, _, _, _ = problem
    apart, whole = (effects.without(segments) for segments in ([(0, 2, 3), (0, 3, 5)], [(0, 2, 5)]))
    numpy.testing.assert_array_equal(apart.data.allowed, whole.data.allowed)
    numpy.testing.assert_array_equal(effects.predict(apart), effects.predict(whole))


def changes(effects, labels):
    for segment, shift in [((0, 2, 3), 1), ((2, 1, 4), 2), ((3, 0, 1), 3), ((6, 0, 5), 1), ((9, 7, 8), 2)]:
        rows = effects.chains([segment]).rows
        yield segment, (labels[rows] + shift) % LABELS


def test_relabelling(problem):
    effects, labels, _, watched = problem
    check([outcome(effects, watched, effects.relabelled(segment, new)) for segment, new in changes(effects, labels)])


def test_relabelled_data(problem):
    effects, labels, _, _ = problem
    change = effects.relabelled((2, 1, 4), numpy.array([3, 0, 1]))
    rows = effects.chains([(2, 1, 4)]).rows
    assert change.data.allowed[rows].argmax(axis=1).tolist() == [3, 0, 1]
    assert (change.data.allowed.sum(axis=1) == 1).all()
    others = numpy.setdiff1d(numpy.arange(len(labels)), rows)
    numpy.testing.assert_array_equal(change.data.allowed[others], effects.data.allowed[others])
    assert effects.data.allowed[rows].argmax(axis=1).tolist() == labels[rows].tolist()  # no change in place


def test_relabelling_solves_its_equation(problem):
    """(H - H_k) d = g'_k(theta + d) - g_k(theta) with the whole document for k, all of it dense."""
    effects, labels, matrix, _ = problem
    for segment, new in changes(effects, labels):
        change = effects.relabelled(segment, new)
        step = effects.predict(change)[0]
        document = (segment[0], 0, effects.data.lengths[segment[0]])
        own = own_hessian(effects.head, effects.data, labels, document)
        observed = change.data.allowed[effects.chains([document]).rows]
        after = SegmentChains(effects.head.moved(step), effects.data, labels, [document], observed)
        before = effects.gradients([document])[0]
        left, right = (matrix - own) @ step, after.gradients()[0] - before
        assert numpy.linalg.norm(right) > 0.1
        numpy.testing.assert_allclose(left, right, atol=1e-5 * numpy.linalg.norm(right))


def test_relabelling_to_the_same_label_changes_nothing(problem):
    effects, labels, _, _ = problem
    rows = effects.chains([(2, 1, 4)]).rows
    assert abs(effects.predict(effects.relabelled((2, 1, 4), labels[rows]))).max() < 1e-12


def test_scores(problem):
    effects, labels, matrix, watched = problem
    segments = [(0, 2, 3), (2, 1, 4), (4, 0, 8), (5, 0, 1)]
    queries = watched.gradients()
    gradients = effects.gradients(segments)
    plain = effects.scores(watched, segments, corrected=False)
    numpy.testing.assert_allclose(plain, queries @ numpy.linalg.solve(matrix, gradients.T), atol=1e-9)
    corrected = effects.scores(watched, segments)
    for column, segment, gradient in zip(corrected.T, segments, gradients):
        without = matrix - own_hessian(effects.head, effects.data, labels, segment)
        expected = queries @ numpy.linalg.solve(without, gradient)
        numpy.testing.assert_allclose(column, expected, atol=1e-5 * abs(expected).max())


def test_scores_are_the_derivative_of_losses(problem):
    effects, _, _, watched = problem
    (step,) = effects.removal([(2, 1, 4)])
    above, below = watched.losses(numpy.stack([1e-5 * step, -1e-5 * step]))
    expected = (above - below) / 2e-5
    numpy.testing.assert_allclose(effects.scores(watched, [(2, 1, 4)])[:, 0], expected, atol=1e-7)


def test_no_segments(problem):
    effects, _, _, watched = problem
    assert effects.removal([]).shape == (0, effects.head.size)
    assert effects.scores(watched, []).shape == (len(watched), 0)


def test_merge_touching():
    given = [(1, 4, 6), (0, 3, 5), (0, 0, 2), (0, 2, 3), (1, 5, 8), (1, 0, 3), (2, 0, 1), (1, 4, 5), (0, 6, 7)]
    expected = [[0, 0, 5], [0, 6, 7], [1, 0, 3], [1, 4, 8], [2, 0, 1]]
    assert merge_touching(given).tolist() == expected
    assert merge_touching(numpy.array(given)).tolist() == expected
    assert merge_touching([]).shape == (0, 3)


def test_log_odds():
    p = numpy.array([0.1, 0.5, 0.9])
    numpy.testing.assert_allclose(log_odds(-numpy.log(p)), numpy.log(p / (1 - p)), atol=1e-12)
    # p = 1 - 2e-15 is 1 but for a digit, its loss is not; and p = exp(-800) is 0
    numpy.testing.assert_allclose(log_odds(numpy.array([2e-15])), [-numpy.log(2e-15)], rtol=1e-12)
    numpy.testing.assert_allclose(log_odds(numpy.array([800.0])), [-800.0], rtol=1e-12)
    assert numpy.isfinite(log_odds(numpy.array([0.0, 1e-320, 1e5]))).all()
    numpy.testing.assert_allclose(log_odds(numpy.array([1e-20])), [20 * numpy.log(10)], rtol=1e-12)
    losses = numpy.logspace(-14.9, 2.5, 100)
    assert (numpy.diff(log_odds(losses)) < 0).all()


@pytest.mark.parametrize("share", [0.0, 0.1, 0.4])
@pytest.mark.parametrize("seed", range(3))
def test_largest_gain(seed, share):
    """It bounds |H^-1/2 g| / |g| for any g, and is not far from the best bound."""
    generator = numpy.random.default_rng(seed)
    data, _ = random_data(generator, LENGTHS, LABELS, WIDTH, noise=0.5)
    data = HeadData(data.features, data.allowed | (generator.random((len(data.allowed), 1)) < share), data.lengths)
    fit = fit_head(data, Head.zeros(data), L2)
    metric, curvature, kind = head_metric(data, fit.head, L2, "exact")
    assert curvature == "exact"
    matrix = positive_hessian(data, fit.head, L2)[0]
    values, vectors = numpy.linalg.eigh(matrix)
    if kind == "full" and share == 0.4:
        assert values[0] < L2  # missing labels take curvature away, so l2 ** -0.5 would be no bound
    gain = HeadEffects(data, fit.head, L2, metric).largest_gain
    rows = numpy.concatenate(
        [
            generator.normal(size=(50, len(matrix))),
            vectors.T,
            HeadEffects(data, fit.head, L2, metric).gradients([(0, 2, 4), (1, 0, 1), (4, 3, 8)]),
        ]
    )
    whitened = numpy.sqrt(numpy.einsum("np,np->n", rows, metric.apply(rows)))
    assert (whitened <= gain * numpy.linalg.norm(rows, axis=1) * (1 + 1e-9)).all()
    assert gain <= 1.01 * max(values[0] ** -0.5, L2**-0.5)


def test_largest_gain_of_a_penalty():
    data, _ = random_data(numpy.random.default_rng(0), LENGTHS, LABELS, WIDTH)
    effects, matrix = make_effects(data, 4.0)
    assert effects.largest_gain == 0.5 >= numpy.linalg.eigvalsh(matrix)[0] ** -0.5 * (1 - 1e-12)


def finite_effects(data, segments, labels):
    """Everything the interface computes for some removals; each checked to be finite, refined against the refit."""
    effects, _ = make_effects(data)
    watched = effects.watch(data, labels, segments)
    for values in (effects.gradients(segments), effects.removal(segments), effects.scores(watched, segments)):
        assert numpy.isfinite(values).all()
    for correction in effects.corrections(segments):
        assert numpy.isfinite(correction.norms).all() and numpy.isfinite(correction.leverage).all()
    for segment in segments:
        predicted, refined, real = outcome(effects, watched, effects.without([segment]))
        assert numpy.isfinite(predicted).all()
        numpy.testing.assert_allclose(refined, real, atol=1e-3 * abs(real).max() + 1e-9)
    return effects


def test_labels_that_never_occur():
    data, labels = random_data(numpy.random.default_rng(8), LENGTHS[:10], 3, WIDTH)
    wider = HeadData(data.features, numpy.pad(data.allowed, ((0, 0), (0, 2))), data.lengths)
    effects = finite_effects(wider, [(0, 2, 3), (2, 1, 4), (3, 0, 1)], labels)
    change = effects.relabelled((0, 2, 3), numpy.array([4]))  # to one that nothing else has
    predicted, refined, real = outcome(effects, effects.watch(wider, labels, [(0, 1, 2), (2, 0, 6)]), change)
    assert numpy.isfinite(predicted).all()
    numpy.testing.assert_allclose(refined, real, atol=3e-3 * abs(real).max())


def test_a_single_label_in_the_corpus():
    data, _ = random_data(numpy.random.default_rng(8), LENGTHS[:10], 3, WIDTH)
    labels = numpy.ones(sum(LENGTHS[:10]), dtype=int)
    finite_effects(HeadData(data.features, one_label_each(labels, 3), data.lengths), [(0, 2, 3), (3, 0, 1)], labels)


def test_a_single_possible_label():
    data = HeadData(numpy.ones((4, 2), dtype="float32"), numpy.ones((4, 1), dtype=bool), [3, 1])
    effects = finite_effects(data, [(0, 0, 2), (1, 0, 1)], numpy.zeros(4, dtype=int))
    assert abs(effects.removal([(0, 0, 2), (1, 0, 1)])).max() < 1e-10


def test_one_token_documents():
    data, labels = random_data(numpy.random.default_rng(8), [1] * 40, 3, WIDTH)
    finite_effects(data, [(3, 0, 1), (17, 0, 1)], labels)


def test_one_document():
    data, labels = random_data(numpy.random.default_rng(8), [6], 3, WIDTH)
    effects = finite_effects(data, [(0, 1, 3)], labels)
    _, fit = effects.refit(effects.without([(0, 0, 6)]))  # nothing is left: the optimum is at 0
    assert fit.converged and abs(fit.head.packed).max() < 1e-9


def test_missing_labels_are_completed():
    """The most probable permitted labels, by enumeration."""
    data, labels = random_data(numpy.random.default_rng(9), [4, 1, 3], 3, WIDTH)
    allowed = data.allowed.copy()
    allowed[[1, 2, 4]] = True
    allowed[6] = [True, False, True]
    partial = HeadData(data.features, allowed, data.lengths)
    head = random_head(numpy.random.default_rng(10), data)
    found = complete_labels(partial, head)
    for document, length in enumerate(data.lengths):
        first = int(data.starts[document])
        options = numpy.array(list(numpy.ndindex(*[3] * length)))
        permitted = [path for path in options if allowed[numpy.arange(first, first + length), path].all()]
        trial = labels.copy()

        def loss(path, document=document, first=first, length=length, trial=trial):
            trial[first : first + length] = path
            return segment_loss(head, data, trial, (document, 0, length))

        best = min(permitted, key=loss)
        assert found[first : first + length].tolist() == list(best)


def test_effects_with_missing_labels():
    """Missing labels in the training data, and a removal beside one: the refit is the judge. Predictions hold the
    neighbours at their most probable labels."""
    data, labels = random_data(numpy.random.default_rng(3), LENGTHS, LABELS, WIDTH)
    allowed = data.allowed.copy()
    allowed[numpy.random.default_rng(4).random(len(labels)) < 0.08] = True
    partial = HeadData(data.features, allowed, data.lengths)
    effects, _ = make_effects(partial)
    watched = effects.watch(data, labels, [(number, 0, 1) for number in range(12)])
    segments = [(0, 2, 3), (2, 1, 4), (4, 0, 8), (6, 0, 3)]
    check([outcome(effects, watched, effects.without([segment])) for segment in segments], least=0.97)


@pytest.mark.parametrize("labels", [[1], [1, 1, 1], [1, LABELS], [-1, 0]])
def test_labels_that_do_not_fit(problem, labels):
    effects, known, _, _ = problem
    with pytest.raises(ValueError, match=r"\[S029\]"):
        effects.relabelled((2, 1, 3), numpy.array(labels))
    with pytest.raises(ValueError, match=r"\[S029\]"):
        effects.watch(effects.data, known[:-1], [(0, 0, 1)])


def test_removing_nothing(problem):
    effects, _, _, _ = problem
    assert not effects.predict(effects.without([])).any()
