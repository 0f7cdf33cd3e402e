"""Measures of rankings against pairs, orders and loops, with ties."""

import itertools

import numpy
import pytest

from experiments.common.retrieval import auroc, average_precision, evaluate_retrieval, precision_at, rank, recall_at


def random_ranking(seed, count=7, values=4):
    generator = numpy.random.default_rng(seed)
    return generator.integers(values, size=count).astype(float), generator.random(count) < 0.4


@pytest.mark.parametrize("seed", range(20))
def test_auroc(seed):
    scores, relevant = random_ranking(seed, 15)
    pairs = [(a > b) + 0.5 * (a == b) for a in scores[relevant] for b in scores[~relevant]]
    assert auroc(rank(scores, relevant)) == pytest.approx(numpy.mean(pairs))


@pytest.mark.parametrize("seed", range(20))
def test_precision_and_recall(seed):
    """The expectation over all orders that the scores permit."""
    scores, relevant = random_ranking(seed, 6, 3)
    orders = [o for o in itertools.permutations(range(6)) if (numpy.diff(scores[list(o)]) <= 0).all()]
    ranking = rank(scores, relevant)
    for n in (1, 2, 4, 6, 9):
        found = numpy.mean([relevant[list(order[:n])].sum() for order in orders])
        assert precision_at(ranking, n) == pytest.approx(found / min(n, 6))
        if relevant.any():
            assert recall_at(ranking, n) == pytest.approx(found / relevant.sum())


@pytest.mark.parametrize("seed", range(20))
def test_average_precision(seed):
    scores, relevant = random_ranking(seed, 15)
    total = before = 0.0
    for threshold in sorted(set(scores), reverse=True):
        taken = scores >= threshold
        recall = relevant[taken].sum() / relevant.sum()
        total += (recall - before) * relevant[taken].mean()
        before = recall
    assert average_precision(rank(scores, relevant)) == pytest.approx(total)


def test_extremes():
    relevant = numpy.array([True, False, True, False, False])
    best, worst, constant = (rank(scores, relevant) for scores in (relevant * 2.0, -1.0 * relevant, numpy.zeros(5)))
    assert (auroc(best), average_precision(best), precision_at(best, 2), recall_at(best, 2)) == (1, 1, 1, 1)
    assert (auroc(worst), precision_at(worst, 3), recall_at(worst, 3)) == (0, 0, 0)
    assert auroc(constant) == 0.5
    assert average_precision(constant) == constant.base_rate == 0.4
    assert precision_at(constant, 3) == pytest.approx(0.4)
    assert recall_at(constant, 2) == pytest.approx(0.4)


def test_undefined():
    nothing, everything = (rank(numpy.arange(3.0), numpy.full(3, value)) for value in (False, True))
    assert numpy.isnan([auroc(nothing), auroc(everything), average_precision(nothing), recall_at(nothing, 2)]).all()
    assert precision_at(nothing, 2) == 0 and average_precision(everything) == 1
    empty = rank(numpy.zeros(0), numpy.zeros(0, dtype=bool))
    assert numpy.isnan([auroc(empty), average_precision(empty), precision_at(empty, 5), empty.base_rate]).all()
    assert numpy.isnan(evaluate_retrieval(numpy.zeros(0), numpy.zeros(0, dtype=bool)).auroc.low)


def test_intervals():
    generator = numpy.random.default_rng(0)
    relevant = generator.random(400) < 0.2
    scores = generator.normal(size=400) + relevant
    found = evaluate_retrieval(scores, relevant, at=(10, 50), repeats=300)
    assert found == evaluate_retrieval(scores, relevant, at=(10, 50), repeats=300)
    assert found.base_rate == relevant.mean() and found.relevant == relevant.sum() and found.items == 400
    assert found.auroc.value == auroc(rank(scores, relevant))
    assert found.recall[50].value == recall_at(rank(scores, relevant), 50)
    # Hanley and McNeil (1982): the standard error of the area under the curve.
    area, positive, negative = found.auroc.value, relevant.sum(), (~relevant).sum()
    first, second = area / (2 - area), 2 * area**2 / (1 + area)
    spread = area * (1 - area) + (positive - 1) * (first - area**2) + (negative - 1) * (second - area**2)
    width = 2 * 1.96 * numpy.sqrt(spread / positive / negative)
    assert found.auroc.low < area < found.auroc.high
    assert found.auroc.high - found.auroc.low == pytest.approx(width, rel=0.2)
    assert found.figures()["precision_at_10"] == [
        found.precision[10].value,
        found.precision[10].low,
        found.precision[10].high,
    ]


def test_the_bootstrap_draws_items_again():
    """Against a bootstrap that copies the items, with the same draws."""
    scores, relevant = random_ranking(3, 30, 6)
    groups = numpy.repeat(numpy.arange(10), 3)
    found = evaluate_retrieval(scores, relevant, at=(5,), groups=groups, repeats=50, seed=4)
    generator, values = numpy.random.default_rng(4), []
    for _ in range(50):
        drawn = generator.integers(10, size=10)
        items = numpy.concatenate([numpy.flatnonzero(groups == group) for group in drawn])
        values.append(average_precision(rank(scores[items], relevant[items])))
    assert found.average_precision.low == pytest.approx(numpy.nanquantile(values, 0.025))
    assert found.average_precision.high == pytest.approx(numpy.nanquantile(values, 0.975))


def test_groups_widen_intervals():
    generator = numpy.random.default_rng(0)
    groups = numpy.repeat(numpy.arange(20), 20)
    relevant = (generator.random(20) < 0.5)[groups]  # whole documents are wrong
    scores = relevant + 2 * generator.normal(size=20)[groups]
    alone, together = (evaluate_retrieval(scores, relevant, groups=g).auroc for g in (None, groups))
    assert together.high - together.low > 2 * (alone.high - alone.low)
