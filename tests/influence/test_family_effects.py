"""What predictions become without whole families, and which member of a family is shown."""

import numpy
import pytest

from spacy_seginf.errors import SeginfError
from spacy_seginf.explanation.detail import add_joint
from spacy_seginf.explanation.family_effects import joint_of_families
from spacy_seginf.index.index import Index

TEXT = "Ada Lind visited Tarnby ."


def test_joint_effects_are_those_of_refits(exact_nlp):
    influence = exact_nlp.get_pipe("influence")
    doc = exact_nlp(TEXT)
    explained = [ent._.influencers for ent in doc.ents]
    add_joint(explained, joint_of_families(influence, doc))
    accountant, effects = influence.sources().accountant, influence.explainer().label_effects
    data, tags, _ = influence.query(doc, doc)
    compared = 0
    for ent in doc.ents:
        watched = effects.watch(data, tags, [(0, ent.start, ent.end)])
        for family in ent._.influencers.families:
            numbers = accountant.evidence.members(family.number)
            lengths = accountant.evidence.lengths[numbers]
            change = effects.without(accountant.index.segments_at(accountant.evidence.tokens[numbers], lengths))
            step, fit = effects.refit(change)
            assert fit.converged
            after = float(numpy.exp(-watched.losses(step)[0, 0]))
            assert family.without == pytest.approx(after, abs=1e-3)
            compared += 1
    assert compared >= 4


def test_the_member_that_is_shown_is_the_nearest(exact_nlp):
    influence = exact_nlp.get_pipe("influence")
    doc = exact_nlp(TEXT)
    accountant = influence.sources().accountant
    data, tags, _ = influence.query(doc, doc)
    for ent in doc.ents:
        (account,) = accountant.accounts(data, tags, numpy.array([[0, ent.start, ent.end]]), 3)
        query = data.features[ent.start : ent.end].mean(axis=0)
        for one in account.families:
            cosines = {}
            for number in accountant.evidence.members(one.family).tolist():
                tokens = int(accountant.evidence.tokens[number]) + numpy.arange(accountant.evidence.lengths[number])
                away = accountant.index.features_of(tokens).mean(axis=0)
                cosines[number] = float(away @ query / numpy.linalg.norm(away) / numpy.linalg.norm(query))
            assert cosines[one.example] == pytest.approx(max(cosines.values()), abs=1e-5)


def test_without_evidence_there_are_no_joint_effects(exact_nlp, monkeypatch):
    monkeypatch.setattr(Index, "has_evidence", property(lambda self: False))
    with pytest.raises(SeginfError, match="S256"):
        joint_of_families(exact_nlp.get_pipe("influence"), exact_nlp(TEXT))
