"""Deletion curves: what is chosen, and what the refits without it say."""

from __future__ import annotations

import numpy

from spacy_seginf.evaluation.deletion import chosen_segments, ranking, right_signs
from spacy_seginf.evaluation.refits import Refitter, rows_of
from spacy_seginf.evaluation.store import Store
from spacy_seginf.evaluation.trial import Trial
from spacy_seginf.influence.effects import HeadEffects

from .heads import tiny_problem


def silent(work, **_):
    return work


def test_equal_scores_come_in_an_order_of_the_query():
    scores = numpy.array([0.0, 2.0, 0.0, 2.0, -1.0, 0.0, 0.0])
    firsts = set()
    for query in range(40):
        supporting, opposing = (ranking(scores, side, query).tolist() for side in ("supporting", "opposing"))
        assert sorted(supporting) == sorted(opposing) == list(range(7))
        assert scores[supporting].tolist() == sorted(scores, reverse=True)
        assert scores[opposing].tolist() == sorted(scores)
        assert supporting == ranking(scores, "supporting", query).tolist(), "drawn once for all methods"
        firsts.add((supporting[0], supporting[2]))
    assert len(firsts) == 2 * 4, "all orders occur"


def test_ranks_decide_and_signs_are_counted():
    scores = numpy.array([[3.0, 2.0, 1.0], [1.0, -1.0, 0.0]])
    supporting, opposing = chosen_segments(scores, [1, 2])
    assert [[part.tolist() for part in query] for query in supporting] == [[[0], [0, 1]], [[0], [0, 2]]]
    assert [[part.tolist() for part in query] for query in opposing] == [[[2], [2, 1]], [[1], [1, 2]]]
    assert right_signs(scores, [1, 2]).tolist() == [[[1, 1], [1, 0.5]], [[0, 0], [1, 0.5]]]


def test_curves_are_changes_under_refits(tmp_path):
    context, queries = tiny_problem()
    training = context.training
    effects = HeadEffects(training.data, context.head, context.penalty, context.metric, training.labels)
    scores = effects.scores(queries.chains(context.head), training.segments)
    trial = Trial(context, queries, 0, (1, 4), 12, Store(tmp_path))
    trial.ask(scores)
    trial.run(silent)
    found = trial.measure(scores)
    assert found.changes.shape == (2, 5, 2)
    refitter = Refitter.of(context, queries)
    for query in range(5):
        for number, k in enumerate((1, 4)):
            chosen = numpy.argsort(-scores[query])[:k]
            after, _ = refitter.losses(rows_of(training.data, training.segments[chosen]))
            expected = numpy.exp(-after[query]) - trial.probabilities[query]
            assert found.changes[0, query, number] == expected
    # What supports is missed, what opposes is not; and sums of exact scores predict refits.
    assert found.changes[0].mean() < -0.02
    assert found.changes[1].mean() > 0.02
    assert found.lds.mean() > 0.5
    random = numpy.random.default_rng(0).normal(size=scores.shape)
    trial.ask(random)
    trial.run(silent)
    assert trial.measure(random).lds.mean() < found.lds.mean()


def test_the_same_set_is_refit_once(tmp_path):
    context, queries = tiny_problem()
    scores = numpy.tile(numpy.arange(24.0), (5, 1))
    trial = Trial(context, queries, 0, (1, 3), 4, Store(tmp_path))
    trial.ask(scores)
    trial.ask(2 * scores)
    assert len(trial.needed) == 4 + 2 * 2
