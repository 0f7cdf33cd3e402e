"""`python -m spacy seginf preview`: what decisions change, against an index of the corrected corpus."""

from __future__ import annotations

import json
from types import SimpleNamespace

import pytest
import spacy
from spacy.tokens import Doc, DocBin

import spacy_seginf
from spacy_seginf.api.index import build_index
from spacy_seginf.api.preview import changes_table
from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.preview import PreviewChange
from spacy_seginf.curation.records import Decision, decision_line
from spacy_seginf.indexing.fidelity import decode

from ..conftest import copy_pipeline
from ..influence.fixtures import EXACT
from .running import run

TEXTS = ["Ada Lind saw Osted United .", "Tarnby Rovers beat Osted United .", "It rained in Pelham Bay ."]


@pytest.fixture(scope="module")
def paths(tagger_nlp, corpus_path, tmp_path_factory):
    """An index, decisions that make clubs places and take one entity away, an index of the corpus with them applied,
    and annotated texts: gold has the clubs as they were decided."""
    folder = tmp_path_factory.mktemp("preview")
    copy_pipeline(tagger_nlp).to_disk(folder / "model")
    build_index(str(folder / "model"), corpus_path, folder / "indexed", **vars(EXACT))
    decisions = []
    for doc in DocBin(store_user_data=True).from_disk(corpus_path).get_docs(tagger_nlp.vocab):
        for ent in doc.ents:
            if ent.text in ("Osted United", "Tarnby Rovers") or (ent.text, doc.user_data["id"]) == ("Veltra", "news-8"):
                decided = () if ent.text == "Veltra" else (Entity(ent.start, ent.end, "LOC"),)
                now = (Entity(ent.start, ent.end, ent.label_),)
                words = tuple(token.text for token in ent)
                place = f"{doc.user_data['id']}-{ent.start}", doc.user_data["id"], ent.start, ent.end
                decisions.append(Decision(*place, words, now, "label", decided, "ann"))
    (folder / "decisions.jsonl").write_text("".join(map(decision_line, decisions)), encoding="utf8")
    spacy_seginf.apply_decisions(corpus_path, folder / "train.spacy", [folder / "decisions.jsonl"])
    build_index(str(folder / "model"), folder / "train.spacy", folder / "corrected", **vars(EXACT))
    docs = [Doc(tagger_nlp.vocab, words=text.split()) for text in TEXTS]
    for doc, spans in zip(docs, ([(0, 2, "PER"), (3, 5, "LOC")], [(0, 2, "LOC"), (3, 5, "LOC")], [(3, 5, "LOC")])):
        doc.set_ents([doc.char_span(doc[s].idx, doc[e - 1].idx + len(doc[e - 1]), label) for s, e, label in spans])
    DocBin(docs=docs).to_disk(folder / "texts.spacy")
    return folder, decisions


def decoded(nlp, texts):
    """What the head that labels alone make decodes."""
    influence = nlp.get_pipe("influence")
    scheme, head = influence.find_tagger().scheme, influence.explainer().label_effects.head
    found = []
    for text in texts:
        doc = Doc(nlp.vocab, words=text.split())
        data, _, _ = influence.query(doc, doc)
        found.append({Entity(*one) for one in scheme.entities(decode(scheme, data, head).tolist())})
    return found


def test_the_corrected_corpus_makes_the_same_predictions(paths):
    folder, decisions = paths
    found = spacy_seginf.preview(str(folder / "indexed"), folder / "decisions.jsonl", folder / "texts.spacy")
    before, after = (decoded(spacy.load(folder / name), TEXTS) for name in ("indexed", "corrected"))
    assert before != after
    changed = {(number, one) for number, pair in enumerate(zip(before, after)) for one in pair[0] ^ pair[1]}
    shown = {
        (int(change.document.split(":")[1]) - 1, one)
        for change in found.changes
        for one in {*change.before} ^ {*change.after}
    }
    assert shown == changed
    assert found.relabelled == len(decisions) and found.left_out == found.conflicts == 0 and found.converged
    assert found.texts == len(TEXTS) and found.annotated == 5
    gold = [{*one.entities} for one in annotated(folder)]
    for count, side in ((found.right_before, before), (found.right_after, after)):
        assert count == sum(len(one & other) for one, other in zip(side, gold))
    assert found.right_after > found.right_before
    assert found.count("better") >= 1
    for change in found.changes:
        assert change.probability_after > change.probability_before
        assert change.verdict in ("better", "worse", "equal")


def annotated(folder):
    from spacy_seginf.curation.asked_texts import read_texts

    return read_texts(spacy.blank("en"), folder / "texts.spacy")


def test_texts_of_all_kinds(paths, tmp_path):
    """The same words as a text, in columns and as JSON lines: the same changes, without verdicts where nothing says."""
    folder, _ = paths
    ask = str(folder / "indexed"), folder / "decisions.jsonl"
    text = spacy_seginf.preview(*ask, TEXTS[1])
    assert text.changes and all(change.verdict == "" and change.gold is None for change in text.changes)
    (tmp_path / "texts.conll").write_text("".join(f"{word} O\n" for word in TEXTS[1].split()), encoding="utf8")
    line = {"id": "one", "tokens": TEXTS[1].split(), "labels": ["B-LOC", "I-LOC", "O", "B-LOC", "I-LOC", "O"]}
    (tmp_path / "texts.jsonl").write_text(json.dumps(line) + "\n", encoding="utf8")
    for path in (tmp_path / "texts.conll", tmp_path / "texts.jsonl"):
        found = spacy_seginf.preview(*ask, path)
        assert [(one.start, one.before, one.after) for one in found.changes] == [
            (one.start, one.before, one.after) for one in text.changes
        ]
        assert all(change.verdict for change in found.changes)


def test_verdicts_are_against_the_annotation(paths, tmp_path):
    """Counted by hand: the club of the first text was ORG and becomes LOC, as gold says in one copy, not in others."""
    folder, _ = paths
    words = ["Ada", "Lind", "saw", "Osted", "United", "."]
    gold = {"better": ["LOC"] * 2, "worse": ["ORG"] * 2, "equal": ["PER"] * 2, "unknown": ["", ""], "half": ["", "LOC"]}
    (tmp_path / "texts.jsonl").write_text(
        "".join(
            json.dumps({"id": name, "tokens": words, "labels": ["B-PER", "I-PER", "O", *_tags(club), "O"]}) + "\n"
            for name, club in gold.items()
        ),
        encoding="utf8",
    )
    ask = "seginf", "preview", folder / "indexed", folder / "decisions.jsonl"
    found = spacy_seginf.preview(str(ask[2]), ask[3], tmp_path / "texts.jsonl")
    verdicts = {name: "" if name in ("unknown", "half") else name for name in gold}
    assert {one.document: one.verdict for one in found.changes} == verdicts
    assert {(one.start, one.end, one.before[0].label, one.after[0].label) for one in found.changes} == {
        (3, 5, "ORG", "LOC")
    }
    assert [found.count(verdict) for verdict in ("better", "worse", "equal", "")] == [1, 1, 1, 2]
    assert found.texts == found.judged == 5
    # Gold has five persons and four clubs; all persons are found, and one club before and after.
    assert (found.annotated, found.right_before, found.right_after) == (9, 6, 6)
    assert found.found_before == found.found_after == 8
    code, printed = run(*ask, tmp_path / "texts.jsonl")
    assert code == 0
    assert "get worse" not in printed and "too few" in printed
    assert "1 for better, 1 for worse, 1 neither; 2 where tokens are not annotated" in printed
    assert f"{1200 / 17:.1f} now, {1200 / 17:.1f} then" in printed


def test_predictions_that_get_worse(paths, tmp_path):
    folder, _ = paths
    words = ["Ada", "Lind", "saw", "Osted", "United", "."]
    line = {"tokens": words, "labels": ["B-PER", "I-PER", "O", "B-ORG", "I-ORG", "O"]}
    (tmp_path / "texts.jsonl").write_text("".join(json.dumps({"id": f"{n}", **line}) + "\n" for n in range(20)))
    code, printed = run("seginf", "preview", folder / "indexed", folder / "decisions.jsonl", tmp_path / "texts.jsonl")
    assert code == 0 and "20 for worse" in printed and "95 % interval" in printed
    assert printed.index("get worse: look again at the decisions") < printed.index("seginf apply")


@pytest.mark.parametrize(
    ("entities", "expected"),
    [([Entity(29, 30, "INT")], "[oral]/INT drug"), ([Entity(29, 31, "INT")], "INT"), ([], "O")],
)
def test_part_of_a_region_is_in_brackets(entities, expected):
    change = PreviewChange("", 29, 31, "oral drug", (), tuple(entities), (), None, 0.1, 0.9, "", ("oral", "drug"))
    row = [one for one in changes_table(SimpleNamespace(changes=[change])).split("\n") if "tokens 29-30" in one]
    assert [part.strip() for part in row[0].split("   ") if part.strip()][3] == expected


def _tags(labels):
    """Tag two words of one entity, or of which the first is not annotated."""
    begin, inside = (f"{letter}-{label}" if label else "" for letter, label in zip("BI", labels))
    return [begin, inside if begin else inside.replace("I-", "B-")]


def test_it_says_that_texts_are_not_annotated_only_where_they_are_not(paths, tmp_path):
    folder, _ = paths
    ask = "seginf", "preview", folder / "indexed", folder / "decisions.jsonl"
    for name, tag in (("outside", "O"), ("missing", "")):
        line = {"id": name, "tokens": TEXTS[1].split(), "labels": [tag] * 6}
        (tmp_path / f"{name}.jsonl").write_text(json.dumps(line) + "\n", encoding="utf8")
    none = "not annotated, so nothing says"
    for texts in (TEXTS[1], tmp_path / "missing.jsonl"):
        code, printed = run(*ask, texts)
        assert code == 0 and none in printed and "worse," not in printed and "Entity F1" not in printed
    code, printed = run(*ask, tmp_path / "outside.jsonl")
    assert code == 0 and none not in printed and "for worse" in printed


def test_printed_and_written(paths, tmp_path):
    folder, _ = paths
    output = tmp_path / "changes.jsonl"
    code, printed = run(
        "seginf", "preview", folder / "indexed", folder / "decisions.jsonl", folder / "texts.spacy", "-o", output
    )
    assert code == 0
    for words in ("p of the new reading", "for better", "Entity F1 of the head", "Osted United", "encoder has seen"):
        assert words in printed
    lines = [json.loads(line) for line in output.read_text(encoding="utf8").splitlines()]
    assert lines and {"document", "start", "end", "before", "after", "gold", "verdict"} <= set(lines[0])


def test_no_decisions_change_nothing(paths, tmp_path):
    folder, _ = paths
    (tmp_path / "none.jsonl").write_text("", encoding="utf8")
    found = spacy_seginf.preview(str(folder / "indexed"), tmp_path / "none.jsonl", folder / "texts.spacy")
    assert found.changes == () and found.relabelled == 0 and found.right_before == found.right_after


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"words": ("Osted", "Divided")}, "S275"),
        ({"current": ()}, "S275"),
        ({"entities": (Entity(0, 2, "XYZ"),)}, "S275"),
    ],
)
def test_decisions_that_do_not_fit(paths, tmp_path, change, code):
    folder, decisions = paths
    one = next(one for one in decisions if one.start == 0)
    path = tmp_path / "decisions.jsonl"
    path.write_text(decision_line(Decision(**{**vars(one), **change})), encoding="utf8")
    status, printed = run("seginf", "preview", folder / "indexed", path, TEXTS[0])
    assert status == 1 and f"[{code}]" in printed


def test_decisions_on_other_documents_are_left_out(paths, tmp_path):
    folder, decisions = paths
    path = tmp_path / "decisions.jsonl"
    path.write_text(decision_line(Decision(**{**vars(decisions[0]), "document": "elsewhere"})), encoding="utf8")
    code, printed = run("seginf", "preview", folder / "indexed", path, TEXTS[0])
    assert code == 0 and "learn from: 1 regions" in printed
