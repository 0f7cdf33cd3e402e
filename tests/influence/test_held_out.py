"""Training documents under the head without them, against refits; missing entities against enumeration."""

import numpy
import pytest

from spacy_seginf.crf.hessian import Chain, markov_chain
from spacy_seginf.crf.schemes import TagScheme
from spacy_seginf.influence import held_out
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.effects import HeadEffects
from spacy_seginf.influence.held_out import LEAST_MARGINAL, leave_one_document_out, missing_entities

from ..crf.brute_force import enumerate_paths
from .heads import fitted, random_data

LENGTHS = [7, 5, 0, 6, 1, 8] * 6
SCHEME = TagScheme(("A", "B"), "IO")
SCHEMES = [TagScheme(("A", "B"), "BIO"), TagScheme(("A",), "BILUO"), TagScheme(("A", "B"), "IO")]


def marginals(head, data, document):
    """p(permitted labels | text) of each token, by enumeration."""
    rows = slice(int(data.starts[document]), int(data.starts[document]) + data.lengths[document])
    emissions = data.features[rows] @ head.weights.T + head.bias
    unary = enumerate_paths(emissions, head.transitions).unary(data.labels)
    return (unary * data.allowed[rows]).sum(axis=1)


@pytest.fixture(scope="module")
def effects():
    data, _ = random_data(numpy.random.default_rng(0), LENGTHS, 3, 5)
    allowed = data.allowed.copy()
    allowed[[3, 20, 21, 40]] = True  # some labels are missing
    allowed[30, :2] = True
    data = HeadData(data.features, allowed, data.lengths)
    head, _, metric = fitted(data, 1.0)
    return HeadEffects(data, head, 1.0, metric)


def test_probabilities_are_those_of_refits(effects):
    data = effects.data
    found = leave_one_document_out(effects, SCHEME).probabilities
    assert found.shape == (len(data.allowed),)
    numpy.testing.assert_allclose(found[data.allowed.all(axis=1)], 1.0)
    chosen, real, trained = [], [], []
    for document in range(0, len(LENGTHS), 2):
        if not LENGTHS[document]:
            continue
        step, fit = effects.refit(effects.without([(document, 0, LENGTHS[document])]))
        assert fit.converged
        rows = slice(int(data.starts[document]), int(data.starts[document]) + LENGTHS[document])
        chosen.append(found[rows])
        real.append(marginals(effects.head.moved(step[0]), data, document))
        trained.append(marginals(effects.head, data, document))
    chosen, real, trained = (numpy.concatenate(part) for part in (chosen, real, trained))
    assert numpy.corrcoef(chosen, real)[0, 1] > 0.99
    moved, really = chosen - trained, real - trained  # what leaving out changes, not only how sure the head is
    assert numpy.corrcoef(moved, really)[0, 1] > 0.99
    assert really.mean() < -0.01
    assert abs(chosen - real).max() < 0.3 * abs(really).max()


def test_a_refit_without_the_document_is_a_refit_with_free_labels(effects):
    """Freeing all labels of a document and deleting it come to the same optimum."""
    data, document = effects.data, 3
    step, _ = effects.refit(effects.without([(document, 0, LENGTHS[document])]))
    start = int(data.starts[document])
    rows = numpy.r_[0:start, start + LENGTHS[document] : len(data.allowed)]
    lengths = LENGTHS[:document] + LENGTHS[document + 1 :]
    head, _, _ = fitted(HeadData(data.features[rows], data.allowed[rows], lengths), 1.0)
    numpy.testing.assert_allclose(effects.head.packed + step[0], head.packed, atol=1e-7)


def test_uncorrected_probabilities_are_the_heads_own(effects):
    data = effects.data
    found = leave_one_document_out(effects, SCHEME, corrected=False).probabilities
    for document in (0, 3, 4, 11):
        rows = slice(int(data.starts[document]), int(data.starts[document]) + LENGTHS[document])
        numpy.testing.assert_allclose(found[rows], marginals(effects.head, data, document), atol=1e-12)


def test_missing_entities_lie_on_tokens_that_are_labelled_o(effects):
    data = effects.data
    found = leave_one_document_out(effects, SCHEME).missing
    assert found
    for document, start, end, label in found:
        allowed = data.allowed[int(data.starts[document]) :][start:end]
        assert allowed[:, 0].all() and (allowed.sum(axis=1) == 1).all()
        assert label in SCHEME.labels


def random_chain(scheme, seed, tokens=5, scale=1.5):
    generator = numpy.random.default_rng(seed)
    emissions = scale * generator.normal(size=(tokens, len(scheme.tags)))
    transitions = generator.normal(size=(len(scheme.tags),) * 2)
    return markov_chain(emissions, transitions, [tokens]), enumerate_paths(emissions, transitions), generator


def enumerated(every, outside, scheme):
    """{(start, end, label): marginal} of the entity spans on outside tokens: its tags, and none that carries it on or
    (under IO) that it carries on."""
    length = len(outside)
    found = {}
    for label in scheme.labels:
        for start in range(length):
            for end in range(start + 1, length + 1):
                if not outside[start:end].all():
                    continue
                fits = (every.paths[:, start:end] == scheme.entity_tags(label, end - start)).all(axis=1)
                inside = scheme.index[f"I-{label}"]
                if end < length and scheme.name != "BILUO":
                    fits &= every.paths[:, end] != inside
                if start and scheme.name == "IO":
                    fits &= every.paths[:, start - 1] != inside
                found[start, end, label] = every.probabilities[fits].sum()
    return found


def resolved(found):
    """Of overlapping candidates the most probable one is kept."""
    kept = []
    for (start, end, label), _ in sorted(found.items(), key=lambda item: -item[1]):
        if all(end <= other[0] or start >= other[1] for other in kept):
            kept.append((start, end, label))
    return sorted(kept)


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
@pytest.mark.parametrize("seed", range(8))
def test_missing_entities(scheme, seed):
    chain, every, generator = random_chain(scheme, seed)
    outside = generator.random(5) < 0.8
    marginal = enumerated(every, outside, scheme)
    probable = {span: p for span, p in marginal.items() if p >= LEAST_MARGINAL}
    assert missing_entities(chain, outside, scheme) == resolved(probable)


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
def test_marginals(scheme, monkeypatch):
    """Every span with its marginal, when nothing counts as improbable."""
    monkeypatch.setattr(held_out, "LEAST_MARGINAL", 0.0)
    for seed in range(4):
        chain, every, _ = random_chain(scheme, seed)
        outside = numpy.array([True, True, True, False, True])
        marginal = enumerated(every, outside, scheme)
        found = {
            (start, end, label): p
            for label in scheme.labels
            for start in range(5)
            if outside[start]
            for end, p in held_out._spans(chain, outside, scheme, start, label)
        }
        assert found.keys() == marginal.keys()
        for span, p in marginal.items():
            assert found[span] == pytest.approx(p, abs=1e-12)


def test_overlapping_candidates_are_resolved():
    """Two readings of the same tokens: only the likelier one is reported."""
    scheme = SCHEMES[0]
    seen = 0
    for seed in range(20):
        chain, every, _ = random_chain(scheme, seed, tokens=4, scale=0.5)
        outside = numpy.ones(4, dtype=bool)
        probable = {span: p for span, p in enumerated(every, outside, scheme).items() if p >= LEAST_MARGINAL}
        found = missing_entities(chain, outside, scheme)
        seen += len(probable) > len(found)
        taken = [token for start, end, _ in found for token in range(start, end)]
        assert len(taken) == len(set(taken))
        best = max(probable, key=probable.__getitem__)
        assert best in found
    assert seen > 10


def certain_chain(tags, count):
    emissions = numpy.zeros((len(tags), count))
    emissions[numpy.arange(len(tags)), tags] = 12.0
    return markov_chain(emissions, numpy.zeros((count, count)), [len(tags)])


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
@pytest.mark.parametrize("length", [1, 2, 3, 4])
def test_entities_of_any_length(scheme, length):
    tags = [0, *scheme.entity_tags("A", length), 0]
    chain = certain_chain(tags, len(scheme.tags))
    assert missing_entities(chain, numpy.ones(len(tags), dtype=bool), scheme) == [(1, 1 + length, "A")]


def test_entities_that_are_annotated_are_not_missing():
    scheme = SCHEMES[0]
    tags = [0, *scheme.entity_tags("A", 2), 0]
    outside = numpy.array([True, False, False, True])
    assert missing_entities(certain_chain(tags, 5), outside, scheme) == []
    assert missing_entities(certain_chain([0, 0, 0], 5), numpy.ones(3, dtype=bool), scheme) == []


def test_nothing_is_missing_from_single_tags():
    scheme = TagScheme(("NOUN", "VERB"), "TAG")
    chain = markov_chain(numpy.random.default_rng(0).normal(size=(4, 2)), numpy.zeros((2, 2)), [4])
    assert isinstance(chain, Chain)
    assert missing_entities(chain, numpy.ones(4, dtype=bool), scheme) == []
