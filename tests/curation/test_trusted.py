"""A head fitted to trusted labels: it is at the optimum of its own loss, and its losses are those of enumeration."""

from dataclasses import replace

import numpy
import scipy.optimize

from spacy_seginf.crf import one_label_each
from spacy_seginf.curation.scores import label_scores
from spacy_seginf.curation.trusted import trusted_l2, trusted_losses
from spacy_seginf.influence.choose import FALLBACK
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.head import Head

from . import definitions
from .test_opposition import SEGMENTS


def test_losses_are_those_of_the_optimum_for_trusted_labels(source):
    l2 = trusted_l2(source.trusted.data)
    own = replace(source, data=source.trusted.data, labels=source.trusted.labels, stored=None, words=())

    def objective(vector):
        head = Head.unpacked(vector, source.data.labels)
        data = sum(definitions.document_loss(own, d, head) for d, n in enumerate(own.data.lengths) if n)
        return data + 0.5 * l2 * float(vector @ vector)

    best = scipy.optimize.minimize(objective, source.head.packed, tol=1e-10).x
    expected = -numpy.log(definitions.marginals(replace(source, head=Head.unpacked(best, source.data.labels))))
    found = trusted_losses(source)
    numpy.testing.assert_allclose(found, expected[numpy.arange(len(found)), source.labels], rtol=1e-3)
    assert label_scores(source, ["trusted_loss"])["trusted_loss"][3] == 0.0, "not annotated"


def test_a_mistake_that_is_made_everywhere_is_found(source):
    """All labels of one kind are wrong in the same way: their own head believes them, a trusted one does not."""
    gold = source.labels
    wrong = gold == 2
    lies = replace(
        source, labels=numpy.where(wrong, 0, gold), trusted=replace(source.trusted, data=source.data, labels=gold)
    )
    found = trusted_losses(lies)
    assert numpy.median(found[wrong]) > numpy.quantile(found[~wrong], 0.9)


def test_the_penalty_is_one_that_held_out_trusted_labels_like(source):
    """A stronger one if they are random; a weaker one if features tell them."""
    generator = numpy.random.default_rng(0)
    features = generator.normal(size=(400, 5)).astype("float32")
    told, random = (features[:, :3] * 5).argmax(axis=1), generator.integers(3, size=400)
    weak, strong = (trusted_l2(HeadData(features, one_label_each(labels, 3), [10] * 40)) for labels in (told, random))
    assert 10.0 * weak <= strong
    one = HeadData(features[:10], one_label_each(told[:10], 3), [10])
    assert trusted_l2(one) == FALLBACK


def test_without_trusted_labels(source):
    nothing = replace(source.trusted, segments=SEGMENTS[:0])
    assert not trusted_losses(replace(source, trusted=nothing)).any()
