"""The method ``Evidence``: shares that add up to margins."""

from dataclasses import replace
from types import SimpleNamespace

import numpy
import pytest

from spacy_seginf.attribution.evidence import Evidence
from spacy_seginf.attribution.method import Context
from spacy_seginf.crf.schemes import TagScheme
from spacy_seginf.errors import SeginfError
from spacy_seginf.influence.choose import fit_to_optimum
from spacy_seginf.influence.curvature import IdentityCurvature
from spacy_seginf.influence.evidence import contrasts, margins, other_readings
from spacy_seginf.influence.head import Head
from spacy_seginf.influence.penalty import Penalty

from .test_head_methods import L2, make_texts

SCHEME = TagScheme(("A",), "IO")


class Pipeline:
    """Knows the scheme of its only component."""

    def get_pipe(self, name):
        return SimpleNamespace(tags=SCHEME.tags, scheme=SCHEME)


@pytest.fixture(scope="module")
def world():
    generator = numpy.random.default_rng(2)
    # Every token is in one segment, so that nothing is missing from the sum.
    training = make_texts(generator, [4, 3], [(0, 0, 2), (0, 2, 4), (1, 0, 1), (1, 1, 3)])
    queries = make_texts(generator, [3, 4], [(0, 0, 1), (0, 1, 3), (1, 1, 2)])
    return training, queries


def context_of(training, penalty):
    head = fit_to_optimum(training.data, Head.zeros(training.data), penalty).head
    return Context(Pipeline(), "tagger", training, head, penalty, IdentityCurvature(3, 3))


def test_shares_of_all_labels_and_the_transitions_add_up_to_the_margin(world):
    training, queries = world
    context = context_of(training, Penalty(L2))
    scores = Evidence().prepare(context).scores(queries)
    asked = queries.data, queries.labels, queries.segments
    others = other_readings(context.head, None, *asked)
    directions = contrasts(*asked, numpy.concatenate(others))
    lines = margins(directions, context.head, Penalty(L2), numpy.zeros(context.head.size))
    assert scores.sum(axis=1) + lines.transitions == pytest.approx(lines.margin, abs=1e-6)


def test_the_trained_head_is_left_out_of_what_labels_make(world):
    training, queries = world
    alone = Evidence().prepare(context_of(training, Penalty(L2))).scores(queries)
    pulled = context_of(training, Penalty(L2, Head.zeros(training.data).moved(numpy.full(18, 0.3))))
    assert Evidence().prepare(pulled).scores(queries) == pytest.approx(alone, abs=1e-6)


def test_without_a_penalty_no_head_is_a_sum(world):
    training, _ = world
    context = context_of(training, Penalty(L2))
    with pytest.raises(SeginfError, match="S258"):
        Evidence().prepare(replace(context, penalty=Penalty(0.0)))
