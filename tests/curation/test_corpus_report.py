"""Reports on small corpora that contradict themselves in known places."""

from __future__ import annotations

import json
from collections import Counter

import numpy
import pytest

import spacy_seginf
from spacy_seginf.corpora.documents import Document
from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.corpus_report.page import render_report
from spacy_seginf.curation.corpus_report.sections import SECTIONS, report_on


def document(name: str, *sentences: str) -> Document:
    """Read sentences such as "[Ada Lind]/PER saw Tarnby ."."""
    words: list[str] = []
    entities, starts = [], []
    for sentence in sentences:
        starts.append(len(words))
        start = 0
        for word in sentence.split():
            if word.startswith("["):
                start, word = len(words), word[1:]
            if "]/" in word:
                word, label = word.split("]/")
                entities.append(Entity(start, len(words) + 1, label))
            words.append(word)
    return Document(name, tuple(words), tuple(entities), "f", sentences=tuple(starts))


CORPUS = [
    document("a", "[Osted]/LOC at [Tarnby]/LOC", "[Lind]/PER is from [the Hague]/LOC .", "It rained ."),
    document("b", "[Veltra]/ORG at [Pelham]/ORG", "[Lind]/PER likes the [Hague]/LOC .", "the [Hague]/LOC is wet ."),
    document("c", "[Norvik]/LOC at [Tarnby]/LOC", "[Lind]/PER is from [Osted]/ORG .", "[Osted]/LOC is dry ."),
    document("d", "[Lind]/LOC is from [Norvik]/LOC .", "Lind is from [Norvik]/LOC .", "[Lind]/PER is away ."),
    document("e", "[Lind]/PER is away .", "Lind is away ."),
]


def found(section: str, corpus=CORPUS) -> dict[str, tuple[dict[str, int], list[tuple[str, int, str]]]]:
    findings = report_on("corpus", corpus).sections[section]
    return {
        one.what: (dict(one.counts), [(place.document, place.start, place.label) for place in one.occurrences])
        for one in findings
    }


def test_words_with_several_types():
    assert found("forms") == {
        "Lind": ({"PER": 5, "LOC": 1}, [("d", 0, "LOC")]),
        "Osted": ({"LOC": 2, "ORG": 1}, [("c", 6, "ORG")]),
    }


def test_an_example_of_the_usual_label_is_near():
    usual = {one.what: one.usual for one in report_on("corpus", CORPUS).sections["forms"]}
    assert [(usual[what].document, usual[what].label) for what in ("Lind", "Osted")] == [("d", "PER"), ("c", "LOC")]


def test_words_with_several_labels_in_a_document():
    assert found("in_document") == {
        "Osted (c)": ({"LOC": 1, "ORG": 1}, [("c", 6, "ORG")]),
        "Lind (d)": ({"LOC": 1, "PER": 1, "O": 1}, [("d", 5, "O"), ("d", 10, "PER")]),
        "Lind (e)": ({"PER": 1, "O": 1}, [("e", 4, "O")]),
    }


def test_slots_with_several_types():
    corpus = [
        *CORPUS,
        document("f", "[A]/LOC at [B]/LOC", "[C]/LOC at [D]/LOC", "[X]/ORG by [Y]/ORG", "[Z]/ORG by [W]/LOC"),
    ]
    assert found("templates", corpus) == {
        "[*] at []": ({"LOC": 4, "ORG": 1}, [("b", 0, "ORG")]),
        "[] at [*]": ({"LOC": 4, "ORG": 1}, [("b", 2, "ORG")]),
    }


def test_twins():
    assert found("twins") == {
        "Lind": ({"PER": 5, "O": 2, "LOC": 1}, [("d", 0, "LOC"), ("d", 5, "O"), ("e", 4, "O")]),
    }
    corpus = [*CORPUS[:-1], Document("e", ("Lind", "is", "away", "Lind"), (Entity(0, 1, "PER"),), "f", missing=(3,))]
    assert found("twins", corpus)["Lind"][0]["O"] == 1  # what nobody has annotated is no twin


def test_boundaries():
    counts, places = found("boundaries")["the hague"]
    assert counts == {"the [hague]": 2, "[the hague]": 1} and places == [("a", 6, "LOC")]


def test_edge_words():
    corpus = [document(str(number), "the [Hague]/LOC is wet .") for number in range(6)]
    corpus.append(document("x", "[the Osted]/LOC is wet .", "[Bay]/LOC of [the Bay]/ORG"))
    assert found("edges", corpus) == {
        "the ... (LOC)": ({"beside it": 6, "part of the entity": 1}, [("x", 0, "LOC")]),
    }


def test_duplicates():
    whole = found("duplicates")
    assert whole == {
        "Lind is away .": ({"Lind/PER": 2, "O": 1}, [("e", 4, "O")]),
        "Lind is from Norvik .": (
            {"Lind/LOC, Norvik/LOC": 1, "Norvik/LOC": 1},
            [("d", 5, "Norvik/LOC")],
        ),
    }


def test_documents_that_disagree():
    corpus = [document(str(number), "[Ada]/PER [Bo]/ORG [Cy]/PER met") for number in range(30)]
    corpus += [document("odd", "[Ada]/LOC [Bo]/LOC [Cy]/LOC met", "[Ada]/LOC was here .")]
    assert found("documents", corpus) == {
        "odd": (
            {"as elsewhere": 0, "otherwise": 4},
            [("odd", 0, "LOC"), ("odd", 1, "LOC"), ("odd", 2, "LOC"), ("odd", 4, "LOC")],
        )
    }
    assert found("documents", corpus[:30]) == {}


def test_types():
    report = report_on("corpus", CORPUS)
    counts = Counter(one.label for own in CORPUS for one in own.entities)
    assert {one.label: one.spans for one in report.types} == counts and report.entities == counts.total()
    places = next(one for one in report.types if one.label == "LOC")
    assert places.frequent["Norvik"] == 3 and places.documents == 4 and places.length == pytest.approx(12 / 11)


def test_strong_habits_come_first():
    corpus = [document(str(number), "[Ada]/PER [Bo]/ORG", *["[Bo]/LOC"] * (number == 0), "ok") for number in range(9)]
    corpus.append(document("x", "[Ada]/ORG [Ada]/ORG [Ada]/ORG"))
    assert [one.what for one in report_on("corpus", corpus).sections["forms"]] == ["Bo", "Ada"]


def test_the_order_of_documents_makes_no_difference():
    generator = numpy.random.default_rng(0)
    expected = report_on("corpus", CORPUS)
    for _ in range(5):
        shuffled = [CORPUS[number] for number in generator.permutation(len(CORPUS))]
        report = report_on("corpus", shuffled)
        assert json.dumps(report.plain) == json.dumps(expected.plain)
        assert render_report(report) == render_report(expected)


def test_what_a_model_says_comes_first():
    predicted = {own.identifier: (list(own.words), list(own.entities)) for own in CORPUS}
    _, entities = predicted["c"]
    entities[2:4] = [Entity(3, 4, "PER"), Entity(6, 7, "LOC")]
    predicted["d"] = (["other"], [])
    report = report_on("corpus", CORPUS, predicted, "pipeline")
    first = report.sections["forms"][0]
    assert first.what == "Osted" and first.doubted == 1 and first.occurrences[0].model == "LOC"
    assert all(one.model == "" for one in report.sections["forms"][1].occurrences)  # other words: nothing is said
    changes = {
        one.what: [(place.document, place.start) for place in one.occurrences] for one in report.sections["model"]
    }
    assert changes == {"ORG -> LOC": [("c", 6)]}
    assert "model doubts 1" in render_report(report)
    assert "model" not in report_on("corpus", CORPUS).sections


def test_a_page_escapes_what_strangers_wrote():
    bad = "<script>alert(1)</script>"
    corpus = [document(bad, f"[{bad}]/{bad} is"), document("b", f"[{bad}]/X\u202e is"), document("c", f"{bad} is")]
    page = render_report(report_on(bad, corpus))
    assert bad not in page and "\u202e" not in page and "&lt;script&gt;" in page


def test_long_lists_are_cut_and_say_so():
    corpus = [document(f"d{number:03}", f"[w{number // 2}]/{'AB'[number % 2]} and") for number in range(160)]
    page = render_report(report_on("corpus", corpus), shown=10)
    assert "The first 10 of 80" in page


def test_empty_corpora():
    for corpus in ([], [document("a", "It rained .")], [Document("a", (), (), "f")]):
        report = report_on("corpus", corpus)
        assert set(report.sections) == set(SECTIONS) - {"model"} and not any(report.sections.values())
        assert "Nothing was found" in render_report(report)


def test_files(tmp_path):
    lines = ["Lind\tB-PER", "saw\tO", "Osted\tB-LOC", "", "Lind\tB-ORG", "left\tO", "", "Lind\tB-PER", "left\tO", ""]
    corpus = tmp_path / "train.conll"
    corpus.write_text("\n".join(lines))
    report = spacy_seginf.report_corpus(corpus, html=tmp_path / "r.html", json=tmp_path / "r.json")
    assert [one.what for one in report.sections["forms"]] == ["Lind"]
    (place,) = report.sections["forms"][0].occurrences
    assert (place.document, place.line, place.label) == ("train:2", 5, "ORG")
    written = json.loads((tmp_path / "r.json").read_text())
    assert written["sections"]["forms"][0]["counts"] == {"PER": 2, "ORG": 1}
    assert "train.conll" in (tmp_path / "r.html").read_text()
    with pytest.raises(ValueError, match="S219"):
        spacy_seginf.report_corpus(corpus, html=corpus)


def test_with_an_index(exact_path, corpus_path, tmp_path):
    report = spacy_seginf.report_corpus(corpus_path, model=str(exact_path))
    again = spacy_seginf.report_corpus(corpus_path)
    assert report.model and "model" in report.sections
    assert {one.what for one in report.sections["forms"]} == {one.what for one in again.sections["forms"]}
    assert all(one.model for finding in report.sections["forms"] for one in finding.occurrences)
    (tmp_path / "other.conll").write_text("Lind\tB-PER\nleft\tO\n")
    with pytest.raises(ValueError, match=r"S320.*other\.conll"):
        spacy_seginf.report_corpus(tmp_path / "other.conll", model=str(exact_path))
