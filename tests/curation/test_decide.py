"""From the labels behind an explanation to decisions about them."""

from __future__ import annotations

import pytest
import spacy
from spacy.tokens import DocBin

import spacy_seginf
from spacy_seginf.curation.decisions import append_decisions
from spacy_seginf.curation.records import read_decisions
from spacy_seginf.explanation.account_view import Occurrence
from spacy_seginf.explanation.reference_view import Reference

TEXT = "Ada Lind visited Tarnby ."


def entities_of(path):
    docs = DocBin().from_disk(path).get_docs(spacy.blank("en").vocab)
    return [{(ent.start, ent.end, ent.label_) for ent in doc.ents} for doc in docs]


def test_labels_of_a_family_are_corrected_in_the_corpus(exact_nlp, exact_path, corpus_path, tmp_path):
    """The corpus then says what was decided, about the labels of the family and nothing else; a refit reads it, too."""
    doc = exact_nlp(TEXT)
    why = next(ent for ent in doc.ents if ent.text == "Tarnby")._.influencers
    influence, path = exact_nlp.get_pipe("influence"), tmp_path / "decided.jsonl"
    spacy_seginf.add_detail(influence, doc, [why], occurrences=100)
    family = max((one for one in why.families if one.supports), key=lambda one: one.size)
    labels = [one.reference for one in family.occurrences]
    assert len(labels) == family.size and {one.label for one in labels} == {"LOC"}
    decided = spacy_seginf.decide_labels(influence, labels, "ORG", path, reviewer="ada")
    assert read_decisions(path) == decided and {one.reviewer for one in decided} == {"ada"}
    assert {(one.document, one.start, one.end) for one in decided} == {(r.doc_id, r.start, r.end) for r in labels}
    spacy_seginf.apply_decisions(corpus_path, tmp_path / "corrected.spacy", [path])
    before, after = entities_of(corpus_path), entities_of(tmp_path / "corrected.spacy")
    lost = [one for old, new in zip(before, after) for one in old - new]
    won = [one for old, new in zip(before, after) for one in new - old]
    assert len(lost) == len(won) == len(labels)
    assert {label for *_, label in lost} == {"LOC"} and {label for *_, label in won} == {"ORG"}
    assert sorted(place[:2] for place in lost) == sorted((one.start, one.end) for one in labels)
    spacy_seginf.refit_pipeline(str(exact_path), tmp_path / "refit", path)


def test_no_entity_and_what_is_said_already(exact_nlp, corpus_path, tmp_path):
    influence, path = exact_nlp.get_pipe("influence"), tmp_path / "decided.jsonl"
    why = exact_nlp(TEXT).ents[0]._.influencers
    same = [one for one in why.supporting if one.label == "PER"]
    assert same and spacy_seginf.decide_labels(influence, same, "PER", path) == [] and not path.exists()
    decided = spacy_seginf.decide_labels(influence, [same[0], same[0]], "O", path)
    assert len(decided) == 1 and decided[0].entities == () and decided[0].current
    spacy_seginf.apply_decisions(corpus_path, tmp_path / "corrected.spacy", [path])
    before, after = (sum(map(len, entities_of(one))) for one in (corpus_path, tmp_path / "corrected.spacy"))
    assert after == before - 1


def test_what_cannot_be_decided(exact_nlp, indexed_path, tmp_path):
    """Nothing is written then, and what was in the file stays."""
    influence, path = exact_nlp.get_pipe("influence"), tmp_path / "decided.jsonl"
    (known, *_) = exact_nlp(TEXT).ents[0]._.influencers.supporting
    decided = spacy_seginf.decide_labels(influence, [known], "ORG", path)
    append_decisions(path, decided)
    kept = path.read_bytes()
    stranger = Reference({"document": "elsewhere", "start": 0, "end": 1, "text": "x", "label": "PER"}, 1.0)
    by_token = spacy.load(indexed_path)
    (tag, *_) = by_token(TEXT)._.influencers[0].supporting
    for component, reference, label, code in (
        (influence, known, "PLANET", "S271"),
        (influence, stranger, "ORG", "S318"),
        (influence, Occurrence(known, 1.0, None), "ORG", "S318"),
        (by_token.get_pipe("influence"), tag, "ORG", "S318"),
    ):
        with pytest.raises(ValueError, match=code):
            spacy_seginf.decide_labels(component, [known, reference] if code == "S318" else [reference], label, path)
        assert path.read_bytes() == kept
