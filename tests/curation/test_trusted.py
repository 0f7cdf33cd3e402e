"""A head fitted to trusted labels: it is at the optimum of its own loss, and its losses are those of enumeration."""

from dataclasses import replace

import numpy
import pytest

from spacy_seginf.curation.scores import label_scores
from spacy_seginf.curation.trusted import trusted_head, trusted_losses

from . import definitions
from .test_clean import SEGMENTS


def trusted_source(source):
    """The trusted documents as a source of their own."""
    return replace(source, data=source.clean.data, labels=source.clean.labels, stored=None, words=())


def test_the_head_is_the_optimum_for_trusted_labels(source):
    own = trusted_source(source)
    penalty = 1.0 / len(source.labels)
    found = trusted_head(own.data, source.theta, penalty)

    def objective(theta):
        data = sum(definitions.document_loss(own, d, theta) for d, n in enumerate(own.data.lengths) if n)
        return data + 0.5 * penalty * len(own.labels) * float(theta @ theta)

    numpy.testing.assert_allclose(definitions.differences(objective, found), 0.0, atol=1e-5)
    assert objective(source.theta) > objective(found) + 0.1


def test_losses_are_those_of_that_head(source):
    theta = trusted_head(source.clean.data, source.theta, 1.0 / len(source.labels))
    expected = -numpy.log(definitions.marginals(replace(source, theta=theta)))
    found = trusted_losses(source)
    numpy.testing.assert_allclose(found, expected[numpy.arange(len(found)), source.labels], rtol=1e-6)
    assert label_scores(source, ["trusted_loss"])["trusted_loss"][3] == 0.0, "not annotated"


def test_a_mistake_that_is_made_everywhere_is_found(source):
    """All labels of one kind are wrong in the same way: their own head believes them, a trusted one does not."""
    gold = source.labels
    wrong = gold == 2
    lies = replace(
        source, labels=numpy.where(wrong, 0, gold), clean=replace(source.clean, data=source.data, labels=gold)
    )
    found = trusted_losses(lies)
    assert numpy.median(found[wrong]) > numpy.quantile(found[~wrong], 0.9)


@pytest.mark.parametrize("l2", [0.0, 2.0])
def test_the_penalty_is_that_of_a_token(source, l2):
    """A head that was not refit has none; then it is 1 for all training tokens."""
    expected = trusted_head(source.clean.data, source.theta, (l2 or 1.0) / len(source.labels))
    numpy.testing.assert_allclose(
        trusted_losses(replace(source, l2=l2)),
        -numpy.log(definitions.marginals(replace(source, theta=expected)))[
            numpy.arange(len(source.labels)), source.labels
        ],
        rtol=1e-6,
    )


def test_without_trusted_labels(source):
    nothing = replace(source.clean, segments=SEGMENTS[:0])
    assert not trusted_losses(replace(source, clean=nothing)).any()
