"""The usual damage of what annotation tools write: the file, the place, and what to do, and nothing read."""

from __future__ import annotations

import json
import re

import pytest

from spacy_seginf.corpora.formats import read_annotated
from spacy_seginf.crf.schemes import Entity

from .tool_files import NAMES, TEXTS, WEBANNO, WRITERS

TEXT = "Ada Lind left Osted\U0001f600 ."


def doccano(*spans, text=TEXT, **others):
    return {"id": 1, "text": text, "label": [list(span) for span in spans], **others}


def prodigy(*spans, text=TEXT, **others):
    return {"text": text, "spans": [dict(zip(("start", "end", "label"), one)) for one in spans], **others}


def studio(*values, text=TEXT, **others):
    regions = [{"value": value, "id": "r", "from_name": "ner", "to_name": "t", "type": "labels"} for value in values]
    return {"id": 1, "data": {"text": text}, "annotations": [{"result": regions, **others}]}


def region(start, end, label="PER", **others):
    return {"start": start, "end": end, "labels": [label], **others}


PER, LOC = (0, 8, "PER"), (14, 19, "LOC")
CASES = {
    # what is read, what the message says
    "overlapping": (doccano(PER, (4, 13, "LOC")), r"\[S283\].*line 2.*span 1: 0-8 PER.*span 2: 4-13 LOC.*--only"),
    "nested": (prodigy(PER, (0, 3, "ORG")), r"\[S283\].*a:2 \(a\.jsonl, line 2\).*0-3 ORG '\[Ada\]"),
    "the same twice": (doccano(PER, PER), r"\[S283\]"),
    "inside of tokens": (doccano((0, 6, "PER")), r"\[S282\].*0-6 PER '\[Ada Li\]nd left.*--misaligned split.*--lang"),
    "behind the text": (doccano((14, 50, "LOC")), r"\[S284\].*14-50 LOC.*--utf16"),
    "before the text": (prodigy((-1, 3, "PER")), r"\[S284\].*-1-3 PER"),
    "an empty span": (prodigy((3, 3, "PER")), r"\[S284\].*3-3 PER"),
    "only a space": (prodigy((3, 4, "PER")), r"\[S282\].*3-4 PER"),
    "no type": (doccano((0, 8, None)), r"\[S201\].*line 2.*label None"),
    "an empty type": (prodigy((0, 8, " ")), r"\[S201\].*label ' '"),
    "a number as type": (doccano((0, 8, 3)), r"\[S201\].*label 3"),
    "offsets as texts": (doccano(("0", 8, "PER")), r"\[S201\].*'0'"),
    "truth values as offsets": (doccano((True, 8, "PER")), r"\[S201\].*True"),
    "an id twice": (doccano(PER, id=0), r"\[S281\].*'0' twice: document 0 \(a\.jsonl, line 1\) and document 0"),
    "a cut surrogate": (doccano(PER, text="Ada Lind \ud83d"), r"\[S201\].*line 2.*surrogates"),
    "a cut surrogate in a type": (doccano((0, 8, "\ud83d")), r"\[S201\].*surrogates"),
    "no text": ({"id": 1, "label": []}, r"\[S201\].*no text under 'text' or 'data'.*--text-key"),
    "texts that are classified": (doccano(label=["news"]), r"\[S201\].*'news', where \[start, end, type\]"),
    "another answer": (prodigy(PER, answer="maybe"), r"\[S201\].*'maybe'.*accept, reject, ignore"),
    "other tokens": (prodigy(tokens=[{"text": "Adam", "start": 0, "end": 3}]), r"\[S201\].*token 1 is 'Adam'.*'Ada'"),
    "tokens behind the text": (prodigy(tokens=[{"text": "x", "start": 0, "end": 99}]), r"\[S201\].*token 1"),
    "spans that cut given tokens": (
        prodigy((0, 3, "PER"), tokens=[{"text": "Ada Lind", "start": 0, "end": 8}]),
        r"\[S282\].*0-3 PER",
    ),
    "several annotations": (
        {**studio(), "annotations": [{"result": []}, {"result": []}]},
        r"\[S201\].*2 annotations.*ground truth",
    ),
    "two labels": (studio({**region(0, 8), "labels": ["A", "B"]}), r"\[S201\].*region 1 has the labels \['A', 'B'\]"),
    "another text": (studio(region(0, 8, text="Ada Lint")), r"\[S201\].*region 1 says 'Ada Lint'.*'Ada Lind'"),
    "hypertext": (
        {"id": 1, "data": {"text": "a"}, "annotations": [{"result": [{"type": "hypertextlabels"}]}]},
        r"\[S201\].*hypertext",
    ),
}


def first_of(record):
    """Return a record of the same format that is right."""
    if "data" in record:
        return {**studio(), "id": 0}
    return doccano(PER, id=0) if "label" in record else prodigy(PER)


@pytest.mark.parametrize("case", CASES)
def test_json(tmp_path, case):
    record, message = CASES[case]
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(one) + "\n" for one in (first_of(record), record)))
    with pytest.raises(ValueError, match=f"(?s){message}") as error:
        read_annotated(path)
    assert str(path) in str(error.value)


def read(path, **settings):
    return list(read_annotated(path, **settings).documents)


def test_spans_that_cut_tokens_may_split_them_or_grow(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(doccano((0, 6, "PER"), (13, 17, "LOC"))) + "\n")
    (document,) = read(path, misaligned="expand")
    assert document.entities[0] == Entity(0, 2, "PER") and document.words[2] == "left"
    (document,) = read(path, misaligned="split")
    assert [document.words[one.start : one.end] for one in document.entities] == [("Ada", "Li"), ("Ost",)]
    with pytest.raises(ValueError, match=r"\[S206\].*--misaligned"):
        read(path, misaligned="drop")


def test_one_layer_of_several(tmp_path):
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps({**doccano(PER, (0, 3, "ORG")), "other": [[0, 3, "LOC"]]}) + "\n")
    assert [one.entities for one in read(path, only=["PER"])] == [(Entity(0, 2, "PER"),)]
    assert [one.entities for one in read(path, layer="other")] == [(Entity(0, 1, "LOC"),)]
    with pytest.raises(ValueError, match=r"\[S201\].*'nothing'.*--layer"):
        read(path, layer="nothing")
    (tmp_path / "a.conll").write_text("Ada B-PER\n")
    with pytest.raises(ValueError, match=r"\[S288\] The setting --layer means nothing for .*columns"):
        read(tmp_path / "a.conll", layer="other")


def test_an_emoji_as_two_characters(tmp_path):
    path = tmp_path / "a.jsonl"
    record = doccano((3, 11, "PER"), text="\U0001f600 Ada Lind")
    path.write_text(json.dumps(record) + "\n")
    assert read(path, utf16=True)[0].entities == (Entity(1, 3, "PER"),)
    with pytest.raises(ValueError, match=r"\[S284\]"):
        read(path)
    task = studio(region(3, 11, text="Ada Lind"), text=record["text"])
    (tmp_path / "b.json").write_text(json.dumps([task]))
    assert read(tmp_path / "b.json")[0].entities == (Entity(1, 3, "PER"),)


@pytest.mark.parametrize("answer", ["reject", "ignore"])
def test_tasks_that_nobody_accepted_are_not_annotated(tmp_path, answer):
    path = tmp_path / "a.jsonl"
    path.write_text("".join(json.dumps(prodigy(PER, answer=one)) + "\n" for one in ("accept", answer)))
    first, second = read(path)
    assert first.missing == () and second.entities == () and len(second.missing) == len(second.words)


BRAT = {
    "pieces": ("T1\tPER 0 3;9 13\tAda left\n", r"\[S201\].*d\.ann, line 1: T1 has several pieces.*--only"),
    "other words": ("T1\tPER 0 8\tAda Lind\nT2\tLOC 14 19\tTarnby\n", r"line 2: T2 says 'Tarnby'.*'Osted'"),
    "no offsets": ("T1\tPER\tAda\n", r"line 1: .*is no text-bound annotation"),
    "overlapping": ("T1\tPER 0 8\tAda Lind\nT2\tLOC 4 8\tLind\n", r"\[S283\].*line 1.*line 2"),
    "behind the text": ("T1\tPER 14 90\tOsted\n", r"\[S284\].*14-90"),
}


@pytest.mark.parametrize("case", BRAT)
def test_brat(tmp_path, case):
    content, message = BRAT[case]
    (tmp_path / "d.txt").write_text("Ada Lind left Osted .\n")
    (tmp_path / "d.ann").write_text(content)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        read(tmp_path)


def test_files_of_brat_without_their_neighbours(tmp_path):
    (tmp_path / "d.ann").write_text("")
    with pytest.raises(ValueError, match=r"d\.ann, line 1: there is no text d\.txt"):
        read(tmp_path)
    (tmp_path / "d.txt").write_text("Ada\n")
    (tmp_path / "e.txt").write_text("Ada\n")
    with pytest.raises(ValueError, match=r"e\.txt, line 1: no e\.ann is beside it"):
        read(tmp_path)


def test_numbers_that_nothing_explains(tmp_path):
    (tmp_path / "old").mkdir()
    path = WRITERS["hf"](tmp_path / "old", TEXTS)
    (path.parent / "dataset_info.json").rename(tmp_path / "features.json")
    with pytest.raises(ValueError, match=r"\[S286\].*train\.jsonl.*--label-names"):
        read(path)
    expected = [(one[1], one[2]) for one in TEXTS]
    for names in (NAMES, tmp_path / "features.json"):
        assert [(one.words, one.entities) for one in read(path, label_names=names)] == expected
    with pytest.raises(ValueError, match=r"\[S201\].*line 1.*the tag 3 is none of 0 to 2"):
        read(path, label_names=NAMES[:3])
    path.write_text(json.dumps({"tokens": ["Ada", "left"], "ner_tags": [1, -1]}) + "\n")
    assert read(path, label_names=NAMES)[0].missing == (1,)


def test_webanno(tmp_path):
    path = tmp_path / "a.tsv"
    line = "1-1\t0-3\tAda\t_\t_\t*\tPER\t\n"
    for lines, message in (
        ("1-1\t0-3\tAda\t_\n", r"line 6: 1 columns behind the token"),
        ("1-1\t0-4\tAda\t_\t_\t_\t_\n", r"line 6: 'Ada' at 0-4 does not fit"),
        ("Ada\n", r"line 6: 'Ada' is no token"),
        (line.replace("PER", "*"), r"line 6: a span of .*NamedEntity has no value"),
        (line + line.replace("1-1\t0-3", "1-2\t2-5"), r"line 7: 'Ada' at 2-5"),
    ):
        path.write_text(WEBANNO + lines)
        with pytest.raises(ValueError, match=message):
            read(path)
    path.write_text(WEBANNO + line)
    assert read(path)[0].entities == (Entity(0, 1, "PER"),)
    with pytest.raises(ValueError, match=r"\[S291\].*'Chunk'.*NamedEntity:value"):
        read(path, layer="Chunk")


def test_what_looks_like_nothing(tmp_path):
    (tmp_path / "a.json").write_text('[{"name": "Ada"}]')
    with pytest.raises(ValueError, match=r"\[S280\].*a\.json.*--format"):
        read(tmp_path / "a.json")
    (tmp_path / "a.json").write_text('[{"text": "Ada",\n "label": [}]')
    with pytest.raises(ValueError, match=re.escape("[S201]") + r".*a\.json, line 2: not JSON"):
        read(tmp_path / "a.json")
