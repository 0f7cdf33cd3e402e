"""Means, intervals, and what is kept of an interrupted run."""

from __future__ import annotations

import numpy

from experiments.common.shares import wilson
from spacy_seginf.evaluation.comparison import Comparison, SeedValues, combine
from spacy_seginf.evaluation.intervals import estimate
from spacy_seginf.evaluation.planted_truth import planted_ranks
from spacy_seginf.evaluation.report import render_markdown
from spacy_seginf.evaluation.store import Store


def test_intervals():
    values = numpy.random.default_rng(0).normal(3.0, 1.0, 400)
    found = estimate(values)
    assert found.mean == values.mean()
    assert found.low < found.mean < found.high
    spread = (found.high - found.low) / (2 * 1.96)
    assert abs(spread / (values.std() / 20) - 1) < 0.1
    assert estimate(values) == found
    assert numpy.isnan(estimate(values[:1]).low)
    assert not found.overlaps(estimate(values + 1))
    assert found.overlaps(estimate(values + spread))


def test_an_interval_ends_where_a_mean_must():
    found = estimate(numpy.array([1.0, 0.9, -0.2]))
    assert found.high > 1.0 and found.within(-1.0, 1.0).high == 1.0
    assert found.within(-1.0, 1.0).mean == found.mean
    assert numpy.isnan(estimate(numpy.ones(1)).within(0.0, 1.0).low)


def make_comparison(**changes):
    """Methods by name, whose deletions changed three probabilities by these, and whose LDS is nearly perfect."""
    methods = []
    for name, values in changes.items():
        own = numpy.array(values)
        seed = SeedValues(numpy.array([own, -own])[:, :, None], numpy.ones((2, 3, 1)), numpy.array([1.0, 0.9, 0.2]))
        costs = {"prepare_seconds": 0.0, "ms_per_query": 0.0, "bytes_per_segment": 0.0}
        methods.append(combine(name, {}, "none", [seed], None, [costs]))
    facts = {"ks": [1], "queries": 3, "median_probability": 0.9, "subsets": 2, "seeds": [0], "segments": 9}
    facts.update(documents=3, refits=4, l2=1.0, refits_not_converged=0, planted_base_rate=None)
    return Comparison(methods, facts)


def test_small_effects_have_digits():
    shown = render_markdown(make_comparison(one=[-2e-3, -3e-3, -4e-3], other=[0.0, 1e-6, 2e-6]))
    assert "-3.0e-03 [-5.5e-03, -5.2e-04]" in shown and "1.0e-06 [" in shown
    assert "-3.0e-03 [-5.5e-03, -5.1e-04]*" in shown and "No deletion" not in shown
    assert "0.700 [-0.383, 1.000]" in shown, "an LDS has three decimals, and is at most 1"
    shown = render_markdown(make_comparison(one=[-0.2, -0.3, -0.4], other=[0.0, -1e-9, -2e-9]))
    assert "-0.300 [-0.548, -0.052]" in shown and "| 0.000 [0.000, 0.000]" in shown and "-0.000" not in shown


def test_a_head_that_remembers_says_so():
    comparison = make_comparison(one=[-6e-10, -5e-10, -7e-10], other=[0.0, 0.0, 0.0])
    shown = render_markdown(comparison)
    assert "by more than 7.0e-10" in shown and "--centre zero" in shown
    assert "]*" not in shown, "stars of nothing"
    facts = comparison.as_dict()["facts"]
    assert facts["unchanged"] and facts["largest_change"] == 7e-10
    assert not make_comparison(one=[0.0, 2e-4, 0.0]).unchanged


def test_intervals_of_shares():
    """The ends are the shares p at which the observed one is 1.96 standard deviations of p away."""
    for hits, count in ((3, 10), (0, 19), (19, 19)):
        found = wilson(hits / count, count)
        assert 0 <= found.low <= found.mean == hits / count <= found.high <= 1
        for end in {found.low, found.high} - {found.mean}:
            assert abs(abs(end - found.mean) / (end * (1 - end) / count) ** 0.5 - 1.96) < 1e-3
    assert numpy.isnan(wilson(0.0, 0).mean)


def test_paired_differences_are_narrower():
    generator = numpy.random.default_rng(0)
    queries = generator.normal(0, 5, 100)
    one, other = queries + generator.normal(1.0, 0.1, 100), queries
    assert estimate(one).overlaps(estimate(other))
    assert estimate(one - other).low > 0.9


def test_ranks_of_culprits():
    scores = numpy.array([[4.0, 3.0, 2.0, 1.0], [4.0, 3.0, 2.0, 1.0], [1.0, 1.0, 1.0, 1.0]])
    relevant = numpy.array([[1, 0, 0, 0], [0, 1, 0, 1], [0, 0, 0, 0]], dtype=bool)
    found = {name: values.tolist() for name, values in planted_ranks(scores, relevant).items()}
    assert found == {"planted_top1": [1, 0, 0], "planted_mrr": [1, 0.5, 0], "planted_ap": [1, (1 / 2 + 2 / 4) / 2, 0]}


def test_refits_come_back_as_they_were(tmp_path):
    log = Store(tmp_path).refits("seed-0")
    losses = numpy.random.default_rng(0).normal(size=7)
    log.add("first", (losses, True))
    log.add("second", (losses / 3, False))
    path = tmp_path / "refits" / "seed-0.jsonl"
    with path.open("a") as file:
        file.write('{"set": "third", "losses": [0.1')  # killed while it wrote
    log = Store(tmp_path).refits("seed-0")
    assert list(log.outcomes) == ["first", "second"]
    assert log.outcomes["second"][0].tolist() == (losses / 3).tolist()
    assert not log.outcomes["second"][1]
    log.add("third", (losses, True))
    assert list(Store(tmp_path).refits("seed-0").outcomes) == ["first", "second", "third"]


def test_scores_count_when_their_costs_are_there(tmp_path):
    store = Store(tmp_path)
    store.keep_scores("method", "seed-0", numpy.eye(3), {"ms_per_query": 0.5})
    assert store.scores("method", "seed-0", (2, 3)) is None, "scores of other queries"
    scores, costs = store.scores("method", "seed-0", (3, 3))
    assert (scores == numpy.eye(3)).all()
    assert costs == {"ms_per_query": 0.5}
    (tmp_path / "scores" / "method" / "seed-0.json").unlink()
    assert store.scores("method", "seed-0", (3, 3)) is None
