"""Pipelines that are trained again without the labels behind a prediction."""

from __future__ import annotations

import pytest
import spacy
from spacy.tokens import Doc, DocBin, Span

from spacy_seginf.api.verify_pipeline import verify_pipeline
from spacy_seginf.corpora.targets import target_of
from spacy_seginf.loop.without_labels import changed_documents, missing_places

from ..cli.running import run

TEXT = "Ada Lind visited Tarnby ."


def test_labels_are_taken_away_in_the_corpus_only(exact_path, corpus_path, tmp_path, trained):
    checks = verify_pipeline(str(exact_path), TEXT, corpus_path, tmp_path / "out", families=1, seeds=2)
    assert [(check.text, check.entity.label) for check in checks] == [("Ada Lind", "PER"), ("Tarnby", "LOC")]
    assert [seed for seed, _ in trained] == [0, 1] * 3  # on all labels, and without those of each prediction
    everything = trained[0][1]
    for check, (_, docs) in zip(checks, trained[2::2]):
        lost = [
            (number, ent)
            for number, (doc, other) in enumerate(zip(everything, docs))
            for ent in doc.ents
            if (ent.start, ent.end, ent.label_) not in {(one.start, one.end, one.label_) for one in other.ents}
        ]
        assert len(lost) == check.labels > 0
        for number, ent in lost:
            assert [token.ent_iob for token in docs[number][ent.start : ent.end]] == [0] * len(ent)  # not outside
        for doc, other in zip(everything, docs):
            assert [token.text for token in doc] == [token.text for token in other]
            assert doc.user_data["id"] == other.user_data["id"]
        # The pipelines that stand for trained ones do not differ by the labels.
        assert check.same_before == check.same_after and check.before == check.after
        assert check.before.same == 1 and check.head_after < check.head_before


def test_trainings_are_kept_and_shared(exact_path, corpus_path, tmp_path, trained):
    settings = {"families": 1, "seeds": 2}
    first = verify_pipeline(str(exact_path), TEXT, corpus_path, tmp_path / "out", **settings)
    assert verify_pipeline(str(exact_path), TEXT, corpus_path, tmp_path / "out", **settings) == first
    assert len(trained) == 6
    changed = verify_pipeline(str(exact_path), TEXT, corpus_path, tmp_path / "out", to="ORG", **settings)
    assert len(trained) == 10  # those on all labels are there
    assert {ent.label_ for doc in trained[6][1] for ent in doc.ents} == {"PER", "ORG", "LOC"}
    assert changed[0].head_after < first[0].head_before
    verify_pipeline(str(exact_path), TEXT, corpus_path, tmp_path / "out", to="O", **settings)
    counts = [sum(len(doc.ents) for doc in docs) for _, docs in (trained[0], trained[6], trained[10])]
    assert counts[0] == counts[1] and counts[2] == counts[0] - first[0].labels


def test_what_does_not_fit(exact_path, corpus_path, tmp_path, trained):
    other = tmp_path / "other.spacy"
    docs = list(DocBin(store_user_data=True).from_disk(corpus_path).get_docs(spacy.blank("en").vocab))
    for doc in docs:
        doc.ents = []
    DocBin(docs=docs, store_user_data=True).to_disk(other)
    output = tmp_path / "out"
    with pytest.raises(ValueError, match="S343"):
        verify_pipeline(str(exact_path), TEXT, other, output)
    with pytest.raises(ValueError, match="S271"):
        verify_pipeline(str(exact_path), TEXT, corpus_path, output, to="CITY")
    for setting in ("families", "seeds"):
        with pytest.raises(ValueError, match=f"S273.*--{setting}"):
            verify_pipeline(str(exact_path), TEXT, corpus_path, output, **{setting: 0})
    assert verify_pipeline(str(exact_path), "It rained .", corpus_path, output) == []
    assert not trained and not output.exists()


def test_the_command(exact_path, corpus_path, tmp_path, trained):
    given = ("seginf", "verify", exact_path, TEXT, "--pipeline", corpus_path, "-o", tmp_path / "out", "--seeds", "1")
    code, printed = run(*given, "--to", "ORG")
    assert code == 0 and "changed to ORG" in printed and "Ada Lind PER" in printed
    assert run("seginf", "verify", exact_path, TEXT, "-x")[0] == 1


@pytest.mark.parametrize("name", ["ents", "tag", "spans:roles"])
def test_each_target(name):
    target = target_of(name)
    doc = Doc(spacy.blank("en").vocab, words=["a", "b", "c"], tags=["X", "Y", "Z"], user_data={"id": "d"})
    doc.ents = [Span(doc, 0, 1, label="P"), Span(doc, 2, 3, label="Q")]
    doc.spans["roles"] = list(doc.ents)
    docs = {"d": doc}
    (away,) = changed_documents(docs, target, [("d", 2, 3)])
    (other,) = changed_documents(docs, target, [("d", 2, 3)], "P")
    assert target.missing(away) == (2,) and [one.start for one in target.spans(away)][-1] != 2
    assert target.spans(other)[-1].label == "P" and target.missing(other) == target.missing(doc) == ()
    assert missing_places(docs, target, [("d", 2, 3), ("d", 0, 2), ("e", 0, 1)]) == [("d", 0, 2), ("e", 0, 1)]
    if not target.by_token:
        (outside,) = changed_documents(docs, target, [("d", 2, 3)], "O")
        assert len(target.spans(outside)) == 1 and target.missing(outside) == ()
