"""Means, intervals, and what is kept of an interrupted run."""

from __future__ import annotations

import numpy

from experiments.common.shares import wilson
from spacy_seginf.evaluation.intervals import estimate
from spacy_seginf.evaluation.planted_truth import planted_ranks
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
