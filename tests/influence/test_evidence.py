"""The exact account of a margin: against the representer theorem, brute force, and what an index says."""

import numpy
import pytest
import spacy
from spacy.tokens import Doc, DocBin

from spacy_seginf.api.index import build_index
from spacy_seginf.explanation import account
from spacy_seginf.explanation.account import CONSIDERED, LOCALITY, Accountant
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.evidence import (
    contested,
    contrasts,
    gradient_left,
    marginal_residuals,
    margins,
    summed_gradients,
)
from spacy_seginf.influence.fit import fit_head
from spacy_seginf.influence.head import Head, split
from spacy_seginf.influence.penalty import Penalty

from .fixtures import EXACT
from .heads import random_data

LENGTHS = [5, 3, 7, 1, 4]
SEGMENTS = numpy.array([[0, 1, 3], [1, 0, 3], [2, 6, 7], [3, 0, 1]])


@pytest.fixture(scope="module")
def problem():
    generator = numpy.random.default_rng(0)
    data, gold = random_data(generator, LENGTHS, labels=4, width=3)
    fit = fit_head(data, Head.zeros(data), 1.5, 1e-11)
    others = (gold[data.rows_of(SEGMENTS)] + 1) % 4
    return data, gold, fit.head, others


def score(head, data, labels, document):
    """theta . phi of a whole document."""
    rows = slice(int(data.starts[document]), int(data.starts[document]) + data.lengths[document])
    path = labels[rows]
    emissions = head.emissions(data.features[rows])
    return emissions[numpy.arange(len(path)), path].sum() + head.transitions[path[:-1], path[1:]].sum()


def test_residuals_are_minus_the_derivatives_of_the_loss_by_emissions(problem):
    data, _, head, _ = problem
    allowed = data.allowed.copy()
    allowed[2] = True  # a token without a label
    allowed[4, :2] = True  # one that may have two
    partly = HeadData(data.features, allowed, data.lengths)
    found = marginal_residuals(partly, head)
    small = 1e-5
    for token, label in [(0, 1), (2, 3), (4, 0), (9, 2)]:
        losses = []
        for sign in (small, -small):
            # A feature of its own for one token moves one emission.
            features = numpy.concatenate([data.features, numpy.zeros((len(allowed), 1), "float32")], axis=1)
            features[token, -1] = 1.0
            weights = numpy.concatenate([head.weights, numpy.zeros((4, 1))], axis=1)
            weights[label, -1] = sign
            moved = Head(weights, head.bias, head.transitions)
            losses.append(moved.losses(HeadData(features, allowed, data.lengths)).sum())
        assert found[token, label] == pytest.approx(-(losses[0] - losses[1]) / (2 * small), abs=1e-6)


@pytest.mark.parametrize("centred", [False, True])
def test_shares_and_lines_add_up_to_the_margin(problem, centred):
    data, gold, head, others = problem
    penalty = Penalty(1.5, head.moved(numpy.full(head.size, 0.1)) if centred else None)
    head = fit_head(data, Head.zeros(data), penalty, 1e-11).head
    residuals = marginal_residuals(data, head)
    groups = numpy.arange(len(gold)) % 6
    sums = summed_gradients(data.features, residuals, groups, 6)
    directions = contrasts(data, gold, SEGMENTS, others)
    shares = directions.shares(sums, penalty.l2)
    lines = margins(directions, head, penalty, gradient_left(data, head, penalty))
    total = shares.sum(axis=1) + lines.transitions + lines.centre + lines.remainder
    assert total == pytest.approx(lines.margin, abs=1e-9)
    start = 0
    for number, (document, first, end) in enumerate(SEGMENTS.tolist()):
        other = gold.copy()
        place = int(data.starts[document])
        other[place + first : place + end] = others[start : start + end - first]
        start += end - first
        wanted = score(head, data, gold, document) - score(head, data, other, document)
        assert lines.margin[number] == pytest.approx(wanted, abs=1e-9)


def test_a_group_has_the_shares_of_its_tokens(problem):
    data, gold, head, others = problem
    residuals = marginal_residuals(data, head)
    groups = numpy.arange(len(gold)) % 3
    directions = contrasts(data, gold, SEGMENTS, others)
    by_token = directions.token_shares(data.features, residuals, 1.5)
    by_group = directions.shares(summed_gradients(data.features, residuals, groups, 3), 1.5)
    for group in range(3):
        assert by_group[:, group] == pytest.approx(by_token[:, groups == group].sum(axis=1), abs=1e-12)
    # By definition, token by token.
    for number, (document, first, end) in enumerate(SEGMENTS.tolist()):
        rows = int(data.starts[document]) + numpy.arange(first, end)
        places = slice(int((SEGMENTS[:number, 2] - SEGMENTS[:number, 1]).sum()), None)
        for token in (0, 7, 19):
            wanted = 0.0
            for row, other in zip(rows, others[places]):
                kernel = float(data.features[token] @ data.features[row]) + 1.0
                wanted += (residuals[token, gold[row]] - residuals[token, other]) * kernel / 1.5
            assert by_token[number, token] == pytest.approx(wanted, abs=1e-6)


def test_away_from_the_optimum_the_remainder_is_what_is_missing(problem):
    data, gold, head, others = problem
    moved = head.moved(numpy.random.default_rng(1).normal(size=head.size) * 0.05)
    penalty = Penalty(1.5)
    sums = summed_gradients(data.features, marginal_residuals(data, moved), numpy.zeros(len(gold), dtype=int), 1)
    directions = contrasts(data, gold, SEGMENTS, others)
    gradient = gradient_left(data, moved, penalty)
    lines = margins(directions, moved, penalty, gradient)
    assert numpy.abs(lines.remainder).max() > 1e-3
    assert lines.remainder == pytest.approx(directions.emission_margins(split(gradient, 4)[0]) / 1.5)
    total = directions.shares(sums, 1.5)[:, 0] + lines.transitions + lines.remainder
    assert total == pytest.approx(lines.margin, abs=1e-9)


def test_how_contested_margins_are():
    found = contested(numpy.array([2.5, -2.5, 0.0, 3.0]), numpy.array([95.0, 10.0, 0.0, 2.0]), [-93.0, -10.0, 0.0, 0.0])
    assert found == pytest.approx([1 - 2.5 / 188, 1 - 2.5 / 20, 0.0, 0.0])
    assert float(contested(1.0, 1.5, -0.5)) == 0.5


def test_an_index_knows_how_contested_its_own_labels_are(exact_nlp):
    accountant = exact_nlp.get_pipe("influence").sources().accountant
    index, scheme = accountant.index, accountant.scheme
    data, labels = index.data, index.labels
    segments = [
        (number, begin, end)
        for number, (start, length) in enumerate(zip(data.starts.tolist(), data.lengths))
        for begin, end, _ in scheme.entities(labels[start : start + length].tolist())
    ]
    accounts = accountant.accounts(data, labels, numpy.array(segments), 2)
    values = [float(contested(one.margin, one.supporting, one.opposing)) for one in accounts]
    assert len(values) > 20
    assert index.evidence.contested == pytest.approx(numpy.percentile(values, 90), abs=2e-3)
    assert [one.disputed for one in accounts] == [value > index.evidence.contested for value in values]
    assert 0 < sum(one.disputed for one in accounts) <= 0.2 * len(values)


def test_what_is_usual_is_seen_on_predictions_that_were_not_trained_on(model_path, corpus_path, tmp_path):
    """A tenth of the predictions for the development corpus are marked."""
    strange = tmp_path / "dev.spacy"
    nlp = spacy.load(model_path)
    docs = list(DocBin().from_disk(corpus_path).get_docs(nlp.vocab))
    texts = [[token.text for token in one][::-1] for one in docs] + [[token.text for token in one] for one in docs]
    DocBin(docs=[Doc(nlp.vocab, words=words, ents=["O"] * len(words)) for words in texts]).to_disk(strange)
    build_index(str(model_path), corpus_path, tmp_path / "alone", l2=10.0)
    build_index(str(model_path), corpus_path, tmp_path / "judged", dev=strange, l2=10.0)
    usual = {}
    for name in ("alone", "judged"):
        indexed = spacy.load(tmp_path / name)
        usual[name] = indexed.get_pipe("influence").sources().accountant.evidence.contested
        found = [ent._.influencers.account.disputed for words in texts for ent in indexed(Doc(nlp.vocab, words)).ents]
        if name == "judged":
            assert len(found) >= 50 and 0.05 * len(found) <= sum(found) <= 0.15 * len(found)
    assert usual["alone"] != usual["judged"]


def test_families_are_shown_by_their_shares_and_how_near_they_come(exact_nlp):
    accountant = exact_nlp.get_pipe("influence").sources().accountant
    index, evidence = accountant.index, accountant.evidence
    data, labels = index.data, index.labels
    segments = [(0, *entity[:2]) for entity in accountant.scheme.entities(labels[: data.lengths[0]].tolist())]

    def direction(first, length):
        one = data.features[first : first + length].mean(axis=0, dtype="float64")
        return one / numpy.linalg.norm(one)

    every = accountant.accounts(data, labels, numpy.array(segments), 10_000)
    for (_, begin, end), few, all_of_them in zip(segments, accountant.accounts(data, labels, segments, 2), every):
        query, weights = direction(begin, end - begin), {}
        for one in all_of_them.families:
            members = evidence.members(one.family)
            cosines = [direction(evidence.tokens[number], evidence.lengths[number]) @ query for number in members]
            weights[one.family] = abs(one.share) * max(*cosines, 0.0, 0.0) ** LOCALITY
        typical = [direction(evidence.tokens[one], evidence.lengths[one]) @ query for one in evidence.typical]
        near = set(numpy.argsort(-numpy.array(typical))[:CONSIDERED].tolist())
        for side in (1, -1):
            mine = sorted((side * one.share, one.family) for one in all_of_them.families if side * one.share > 0)
            asked = [family for _, family in mine[-CONSIDERED:]] + [family for _, family in mine if family in near]
            wanted = sorted((weights[family] for family in set(asked)), reverse=True)[:2]
            shown = [weights[one.family] for one in few.families if side * one.share > 0]
            assert shown == pytest.approx(wanted, rel=1e-3)


def test_rounding_does_not_change_which_families_and_labels_are_shown(model_path, corpus_path, tmp_path, monkeypatch):
    # The same texts twice: rounding could decide which of the equals comes first.
    docs = list(DocBin().from_disk(corpus_path).get_docs(spacy.blank("en").vocab))
    DocBin(docs=[*docs, *docs]).to_disk(tmp_path / "twice.spacy")
    build_index(str(model_path), tmp_path / "twice.spacy", tmp_path / "indexed", **vars(EXACT))
    nlp = spacy.load(tmp_path / "indexed")
    index, scheme = nlp.get_pipe("influence").explainer().index, nlp.get_pipe("crf_tagger").scheme
    data, labels = index.data, index.labels
    segments = numpy.array(
        [
            (number, begin, end)
            for number, start in enumerate(data.starts.tolist())
            for begin, end, _ in scheme.entities(labels[start : start + data.lengths[number]].tolist())
        ]
    )
    exact_vectors, generator = account.unit_vectors, numpy.random.default_rng(0)

    def rounded(vectors):
        found = exact_vectors(vectors)
        return found * (1 + generator.uniform(-2e-7, 2e-7, found.shape))

    def shown(accountant):
        found = accountant.accounts(data, labels, segments, 3)
        return [[(one.family, one.example) for one in one.families] for one in found]

    first = shown(Accountant(index, scheme))
    monkeypatch.setattr(account, "unit_vectors", rounded)
    for _ in range(5):
        assert shown(Accountant(index, scheme)) == first
