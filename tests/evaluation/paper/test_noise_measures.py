"""Measures of the experiments on noise against loops; what is learned from corrections; what correcting is worth."""

import numpy
import pytest

from experiments.paper.noise.corrected import f1_figures, fixed_counts
from experiments.paper.noise.learned import Evidence, learned_scores
from experiments.paper.noise.measures import (
    READ,
    Sought,
    by_documents,
    chance_until_all,
    document_figures,
    entity_figures,
    found_by_reading,
    token_figures,
)
from experiments.paper.noise.pipeline import correction_sets
from spacy_seginf.attribution.method import Texts
from spacy_seginf.crf import one_label_each
from spacy_seginf.crf.schemes import TagScheme
from spacy_seginf.curation.source import LabelSource
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.fit import fit_head
from spacy_seginf.influence.penalty import Penalty
from spacy_seginf.loop.correcting import entity_counts, f1

from ...influence.heads import fitted, random_data

LENGTHS = [4, 3, 5, 2]
UNITS = numpy.array([(0, 0, 2), (0, 2, 3), (0, 3, 4), (1, 0, 3), (2, 0, 1), (2, 1, 5), (3, 0, 1), (3, 1, 2)])


@pytest.fixture
def sought():
    wrong = numpy.zeros(14, dtype=bool)
    wrong[[1, 5, 12]] = True
    return Sought(LENGTHS, UNITS, wrong, numpy.array([True, True, True, False]))


@pytest.fixture
def scores():
    return numpy.random.default_rng(0).permutation(14) / 10.0


def test_documents(sought, scores):
    documents = by_documents({"loss": scores}, LENGTHS)
    starts = numpy.cumsum([0, *LENGTHS])
    parts = [scores[start:end] for start, end in zip(starts, starts[1:])]
    numpy.testing.assert_allclose(documents["loss, mean"], [part.mean() for part in parts])
    numpy.testing.assert_allclose(documents["loss, max"], [part.max() for part in parts])
    found = document_figures({"given": numpy.array([0.3, 0.1, 0.2, 0.9])}, sought)["given"]
    # Without the last document: the first two are relevant, and the third one comes between them.
    assert found["auroc"][0] == 0.5 and found["average_precision"][0] == pytest.approx((1 + 2 / 3) / 2)
    assert found["read_until_all"] == 3 and found["found"] == [0.0, 0.5, 0.5, 1.0]
    assert (found["items"], found["relevant"]) == (3, 2)
    assert sought.counts() == {"documents": 3, "relevant_documents": 2, "tokens": 12, "wrong_tokens": 2}


def test_tokens_and_entities(sought, scores):
    tokens = token_figures({"loss": scores}, sought)["loss"]
    order = sorted(range(12), key=lambda row: -scores[row])
    ranks = [order.index(row) + 1 for row in (1, 5)]
    expected = numpy.mean([(number + 1) / place for number, place in enumerate(sorted(ranks))])
    assert tokens["average_precision"][0] == pytest.approx(expected)
    assert tokens[f"precision_at_{READ[0]}"][0] == pytest.approx(2 / 12)  # there are fewer
    entities = entity_figures({"loss": scores}, sought)["loss"]
    starts = numpy.cumsum([0, *LENGTHS])
    values = [scores[starts[d] + start : starts[d] + end].max() for d, start, end in UNITS[:6].tolist()]
    order = sorted(range(6), key=lambda unit: -values[unit])
    ranks = [order.index(unit) + 1 for unit in (0, 3)]
    expected = numpy.mean([(number + 1) / place for number, place in enumerate(sorted(ranks))])
    assert entities["average_precision"][0] == pytest.approx(expected)
    assert (entities["items"], entities["relevant"]) == (6, 2)


def test_reading_with_ties():
    found = found_by_reading(numpy.array([2.0, 1.0, 1.0, 0.0]), numpy.array([False, True, False, True]))
    numpy.testing.assert_allclose(found, [0.0, 0.0, 0.25, 0.5, 1.0])


def test_chance_until_all():
    generator = numpy.random.default_rng(0)
    drawn = [numpy.flatnonzero(generator.permutation(30) < 4).max() + 1 for _ in range(4000)]
    assert chance_until_all(30, 4) == pytest.approx(numpy.mean(drawn), rel=0.02)


def test_learned_scores_are_crossed():
    """Within the corrected corpus, nobody's own document says what is wrong in it."""
    generator = numpy.random.default_rng(0)
    lengths = [20] * 30
    losses = generator.exponential(size=600)
    types = generator.integers(3, size=600)
    wrong = (losses > 1.5) & (types == 1)
    known = Evidence.of([losses], types, 3, lengths)
    fresh = generator.exponential(size=600)
    crossed, applied = learned_scores(known, wrong, Evidence.of([fresh], types, 3, lengths))
    bad = (fresh > 1.5) & (types == 1)
    assert applied[bad].min() > applied[~bad].mean() and crossed[wrong].mean() > 5 * crossed[~wrong].mean()
    flipped = wrong.copy()
    flipped[:20] = ~flipped[:20]  # the first document
    again, _ = learned_scores(known, flipped, Evidence.of([fresh], types, 3, lengths))
    folds = numpy.random.default_rng(0).permutation(30) % 5
    same = numpy.repeat(folds == folds[0], 20)
    numpy.testing.assert_array_equal(crossed[same], again[same])
    assert not numpy.allclose(crossed[~same], again[~same])


def test_evidence_has_no_scale():
    generator = numpy.random.default_rng(1)
    losses, types = generator.exponential(size=50), generator.integers(2, size=50)
    one = Evidence.of([losses], types, 2, [50]).features
    assert one.shape == (50, 2 + 2 + 4)
    numpy.testing.assert_allclose(one[:, :2].mean(axis=0), 0.0, atol=1e-12)
    numpy.testing.assert_allclose(one[:, 0], Evidence.of([3 * losses], types, 2, [50]).features[:, 0])


@pytest.fixture(scope="module")
def source():
    data, gold = random_data(numpy.random.default_rng(0), [8] * 12, 3, 5, noise=0.3)
    labels = gold.copy()
    labels[::7] = (labels[::7] + 1) % 3
    noisy = HeadData(data.features, one_label_each(labels, 3), data.lengths)
    head, _, metric = fitted(noisy, 1.0)
    return LabelSource(noisy, labels, head, metric, Penalty(1.0), TagScheme(("A",), "BIO")), gold


def test_fixing_is_a_refit(source):
    source, gold = source
    test = Texts([], source.data, gold, source.units)
    wrong = numpy.flatnonzero(source.labels != gold)
    documents, offsets = wrong // 8, wrong % 8
    spans = numpy.stack([documents, offsets, offsets + 1], axis=1)
    sets = {"nothing": spans[:0], "some": spans[:3], "all": spans}
    counts, unfinished = fixed_counts(source, gold, sets, test, lambda work, **_: work)
    assert not unfinished and list(counts) == list(sets)
    for name, size in (("nothing", 0), ("some", 3), ("all", len(wrong))):
        labels = source.labels.copy()
        labels[wrong[:size]] = gold[wrong[:size]]
        data = HeadData(source.data.features, one_label_each(labels, 3), source.data.lengths)
        head = fit_head(data, source.head, 1.0).head
        numpy.testing.assert_array_equal(counts[name], entity_counts(head, test, source.scheme))
    figures = f1_figures(counts, "nothing")
    assert figures["nothing"]["gain"] == [0.0, 0.0, 0.0]
    assert figures["all"]["gain"][0] == pytest.approx(f1(counts["all"]) - f1(counts["nothing"]))
    assert figures["all"]["f1"][1] <= figures["all"]["f1"][0] <= figures["all"]["f1"][2]


def test_f1():
    counts = numpy.array([(1.0, 2.0, 1.0), (2.0, 2.0, 4.0)])
    precision, recall = 3 / 4, 3 / 5
    assert f1(counts) == pytest.approx(2 * precision * recall / (precision + recall))
    assert f1(counts[:0]) == 0.0


def test_correction_sets(sought, scores):
    sets = correction_sets(scores, sought, 2)
    values = [scores[sum(LENGTHS[:d]) + start : sum(LENGTHS[:d]) + end].max() for d, start, end in UNITS[:6].tolist()]
    best = sorted(range(6), key=lambda unit: -values[unit])[:2]
    assert sets["flagged"].tolist() == UNITS[best].tolist() and len(sets["random"]) == 2 and not len(sets["nothing"])
    assert sets["all"].tolist() == UNITS[[0, 3]].tolist()  # the last wrong label is in a document that is left out
