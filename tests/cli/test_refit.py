"""`python -m spacy seginf apply --refit`: a tagger whose head has learned the labels that were decided."""

from __future__ import annotations

import numpy
import pytest
import spacy
from spacy.tokens import Doc, DocBin

import spacy_seginf
from spacy_seginf.api.refit import refit_lines
from spacy_seginf.api.review_actions import Refitting
from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.records import Decision, decision_line

from .running import run

TEXTS = ["Ada Lind saw Osted United .", "Tarnby Rovers beat Osted United .", "It rained in Pelham Bay ."]


@pytest.fixture(scope="module")
def folder(tagger_nlp, corpus_path, exact_path, tmp_path_factory):
    """Decisions that make clubs places, and annotated texts with the clubs as they were decided."""
    folder = tmp_path_factory.mktemp("refit")
    lines = []
    for doc in DocBin(store_user_data=True).from_disk(corpus_path).get_docs(tagger_nlp.vocab):
        for ent in doc.ents:
            if ent.text in ("Osted United", "Tarnby Rovers"):
                current, outcome = ((Entity(ent.start, ent.end, label),) for label in (ent.label_, "LOC"))
                place = f"{doc.user_data['id']}-{ent.start}", doc.user_data["id"], ent.start, ent.end
                words = tuple(token.text for token in ent)
                lines.append(decision_line(Decision(*place, words, current, "label", outcome, "ann")))
    assert lines
    (folder / "decisions.jsonl").write_text("".join(lines), encoding="utf8")
    docs = [Doc(tagger_nlp.vocab, words=text.split()) for text in TEXTS]
    for doc, spans in zip(docs, ([(0, 2, "PER"), (3, 5, "LOC")], [(0, 2, "LOC"), (3, 5, "LOC")], [(3, 5, "LOC")])):
        doc.set_ents([spacy.tokens.Span(doc, start, end, label) for start, end, label in spans])
    DocBin(docs=docs).to_disk(folder / "texts.spacy")
    return folder


def entities(nlp):
    docs = [nlp(Doc(nlp.vocab, words=text.split())) for text in TEXTS]
    return [{(ent.start, ent.end, ent.label_) for ent in doc.ents} for doc in docs]


def test_the_tagger_predicts_by_the_head_of_the_decided_labels(folder, exact_path, tmp_path):
    done = spacy_seginf.refit_pipeline(
        str(exact_path), tmp_path / "out", folder / "decisions.jsonl", test=folder / "texts.spacy"
    )
    assert done.relabelled and done.converged and not done.left_out and not done.conflicts
    shown = spacy_seginf.preview(str(exact_path), folder / "decisions.jsonl", folder / "texts.spacy")
    nlp, before = spacy.load(tmp_path / "out"), spacy.load(exact_path)
    assert "influence" not in nlp.pipe_names and not list((tmp_path / "out").rglob("index"))
    found, gold = entities(nlp), [{(0, 2, "PER"), (3, 5, "LOC")}, {(0, 2, "LOC"), (3, 5, "LOC")}, {(3, 5, "LOC")}]
    right = sum(len(one & other) for one, other in zip(found, gold))
    assert right == shown.right_after and sum(map(len, found)) == shown.found_after
    scores = done.scores["test"]
    assert scores[""].annotated == 5 and scores["LOC"].annotated == 4 and set(scores) == {"", "LOC", "PER"}
    assert scores[""].corrected == pytest.approx(2 * right / (5 + sum(map(len, found))))
    assert scores[""].unchanged == pytest.approx(2 * shown.right_before / (5 + shown.found_before))
    old = entities(before)
    assert scores[""].pipeline == pytest.approx(
        2 * sum(len(one & other) for one, other in zip(old, gold)) / (5 + sum(map(len, old)))
    )
    assert scores[""].corrected > scores[""].unchanged
    change = done.differences["test"]
    assert change.difference == pytest.approx(scores[""].corrected - scores[""].unchanged) and change.documents == 3
    assert shown.difference == change


def test_the_encoder_stays(folder, exact_path, tmp_path):
    spacy_seginf.refit_pipeline(str(exact_path), tmp_path / "out", folder / "decisions.jsonl")
    one, other = (spacy.load(path).get_pipe("crf_tagger").model for path in (exact_path, tmp_path / "out"))
    docs = [Doc(spacy.blank("en").vocab, words=TEXTS[0].split())]
    for left, right in zip(one.get_ref("tok2vec").predict(docs), other.get_ref("tok2vec").predict(docs)):
        numpy.testing.assert_array_equal(left, right)


def test_the_button_of_the_review_page(folder, exact_path, tmp_path):
    output, made = tmp_path / "new" / "better", [folder / "decisions.jsonl", tmp_path / "none.jsonl"]
    button = Refitting(exact_path, output, made, folder / "texts.spacy")
    assert not output.parent.exists(), "nothing is written before it is asked for"
    lines = button()
    done = spacy_seginf.refit_pipeline(str(exact_path), tmp_path / "out", made[0], dev=folder / "texts.spacy")
    assert lines == [f"Written: {output}", "", *refit_lines(done)]
    assert any("F1 on dev" in line for line in lines) and any(line.startswith("LOC") for line in lines)
    assert entities(spacy.load(output)) == entities(spacy.load(tmp_path / "out"))
    assert button() == lines and [path.name for path in output.parent.iterdir()] == ["better"]
    (output / "meta.json").write_text("{}")
    with pytest.raises(ValueError, match=r"S301.*--refit"):
        button()
    assert (output / "meta.json").read_text() == "{}"
    with pytest.raises(ValueError, match="S204"):
        Refitting(exact_path, output, made)
    nothing = Refitting(exact_path, tmp_path / "same", [tmp_path / "none.jsonl"])()
    assert nothing[2].startswith("0 regions")


def test_the_command(folder, exact_path, corpus_path, tmp_path):
    texts, decisions = folder / "texts.spacy", folder / "decisions.jsonl"
    refit = "--refit", exact_path, tmp_path / "out"
    code, printed = run("seginf", "apply", corpus_path, tmp_path / "new.spacy", decisions, *refit, "--test", texts)
    assert code == 0, printed
    assert "F1 on test" in printed and "The encoder was not trained" in printed
    assert "Annotated documents: 3, too few to tell" in printed
    assert (tmp_path / "new.spacy").exists() and (tmp_path / "out" / "meta.json").exists()
    code, printed = run("seginf", "apply", corpus_path, tmp_path / "more.spacy", decisions, *refit)
    assert code == 1 and "S043" in printed and not (tmp_path / "more.spacy").exists()
    code, printed = run("seginf", "apply", corpus_path, tmp_path / "other.spacy", decisions, "--test", texts)
    assert code == 2 and "--refit" in printed
