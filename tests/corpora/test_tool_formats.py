"""Corpora of annotation tools: read alike, and corrected without a byte that the decisions do not touch."""

from __future__ import annotations

import difflib
import json
import re
from pathlib import Path

import pytest
from spacy.tokens import Doc, Span
from spacy.training import docs_to_json
from spacy.vocab import Vocab

import spacy_seginf
from spacy_seginf.corpora.formats import find_format, read_annotated
from spacy_seginf.curation.decisions import append_decisions

from .making import decide, read_binary
from .tool_files import CHANGES, EXACT, NAMES, TEXTS, WORDS, WRITERS, changed

EXPECTED = changed(TEXTS, CHANGES)


def read(path, **settings):
    return [(one.identifier, one.words, one.entities) for one in read_annotated(path, **settings).documents]


def named(found, texts):
    """Give texts the names that they have in a format, and bring them in its order."""
    names = [name for name, *_ in found]
    if names[0].startswith("train:"):
        return [(f"train:{number}", *rest) for number, (_, *rest) in enumerate(texts, start=1)]
    return sorted(texts, key=lambda text: names.index(text[0]))


def contents(path):
    files = [path] if path.is_file() else sorted(file for file in path.rglob("*") if file.is_file())
    return {file.relative_to(path.parent).as_posix(): file.read_bytes() for file in files}


@pytest.fixture(params=WRITERS)
def written(request, tmp_path):
    """The corpus in a format, and the file of ten decisions on it."""
    (tmp_path / "old").mkdir()
    path = WRITERS[request.param](tmp_path / "old", TEXTS)
    made = []
    for number, regions in CHANGES.items():
        name, words, entities = named(read(path), TEXTS)[number] if path.is_file() else TEXTS[number]
        made += [decide(name, words, entities, change) for change in regions]
    append_decisions(tmp_path / "decisions.jsonl", made)
    return request.param, path, tmp_path / "decisions.jsonl"


def apply(written, tmp_path, **settings):
    _, path, decisions = written
    output = tmp_path / "new" / path.name
    plan = spacy_seginf.apply_decisions(path, output, [decisions], labels=["ORG"], **settings)
    assert len(plan.changes) == 10
    return output


def test_a_format_is_told_and_read(written):
    name, path, _ = written
    assert find_format(path) == name
    found = read(path)
    assert found == named(found, TEXTS)
    assert found == read(path, format=name)


def test_ten_decisions_change_nothing_else(written, tmp_path):
    name, path, _ = written
    output = apply(written, tmp_path)
    found = read(output, label_names=NAMES) if name == "hf" else read(output)
    assert found == named(found, EXPECTED)
    if name in EXACT:
        (tmp_path / "expected").mkdir()
        expected = EXACT[name](tmp_path / "expected", EXPECTED)
        if name == "hf":
            (tmp_path / "expected" / "dataset_info.json").unlink()
        assert contents(output) == contents(expected)
    before, after = contents(path), contents(output)
    assert before.keys() == after.keys()
    lines = [line for file in before for line in changed_lines(before[file], after[file])]
    assert 0 < len(lines) < 60


def changed_lines(before, after):
    old, new = (content.decode().splitlines(True) for content in (before, after))
    found = []
    for kind, *places in difflib.SequenceMatcher(None, old, new, autojunk=False).get_opcodes():
        if kind != "equal":
            found += [f"- {line}" for line in old[places[0] : places[1]]]
            found += [f"+ {line}" for line in new[places[2] : places[3]]]
    return found


def test_brat_keeps_its_other_lines(tmp_path):
    (tmp_path / "old").mkdir()
    path = WRITERS["brat"](tmp_path / "old", TEXTS)
    append_decisions(tmp_path / "d.jsonl", [decide("7", WORDS, TEXTS[0][2], change) for change in CHANGES[0]])
    output = tmp_path / "new"
    spacy_seginf.apply_decisions(path, output, [tmp_path / "d.jsonl"], labels=["ORG"])
    before, after = (contents(one) for one in (path, output))
    assert [name for name in before if before[name] != after[name.replace("corpus", "new")]] == ["corpus/7.ann"]
    assert changed_lines(before["corpus/7.ann"], after["new/7.ann"]) == [
        "- T1\tLOC 13 19\tTarnby\n",
        "+ T1\tORG 13 19\tTarnby\n",
        "- T2\tPER 22 34\tJonas Brekke\n",
        "- T3\tLOC 42 47\tOsted\n",
        "+ T2\tPER 28 34\tBrekke\n",
    ]


def test_label_studio_changes_values_in_place(tmp_path):
    (tmp_path / "old").mkdir()
    path = WRITERS["label-studio"](tmp_path / "old", TEXTS, "completions")
    append_decisions(tmp_path / "d.jsonl", [decide("7", WORDS, TEXTS[0][2], change) for change in CHANGES[0][:2]])
    output = tmp_path / "new.json"
    spacy_seginf.apply_decisions(path, output, [tmp_path / "d.jsonl"], labels=["ORG"])
    lines = [line.split() for line in changed_lines(path.read_bytes(), output.read_bytes())]
    assert ["-", '"start":', "22,"] in lines and ["+", '"start":', "28,"] in lines
    assert ["-", '"text":', '"Jonas', 'Brekke",'] in lines and ["+", '"text":', '"Brekke",'] in lines
    assert sum(line[0] == "+" for line in lines) == 3


def test_nothing_to_change_is_a_copy(written, tmp_path):
    _, path, _ = written
    (tmp_path / "none.jsonl").write_text("")
    output = tmp_path / "copy" / path.name
    spacy_seginf.apply_decisions(path, output, [tmp_path / "none.jsonl"])
    assert contents(output) == contents(path)


def test_conversion_keeps_texts_and_entities(written, tmp_path):
    _, path, _ = written
    documents, tokens = spacy_seginf.convert(path, tmp_path / "train.spacy")
    docs = read_binary(tmp_path / "train.spacy")
    assert (documents, tokens) == (4, sum(len(words) for _, words, _ in TEXTS))
    found = read(tmp_path / "train.spacy")
    assert found == named(found, TEXTS)
    texts = {" ".join(words) for _, words, _ in TEXTS}
    assert {doc.text.strip() for doc in docs} == texts
    assert all(doc.user_data["file"] for doc in docs)


def test_what_spacy_writes_in_its_old_format(tmp_path):
    docs = []
    for name, words, entities in TEXTS:
        doc = Doc(Vocab(), words=list(words), sent_starts=[True, *[False] * (len(words) - 1)])
        doc.set_ents([Span(doc, one.start, one.end, label=one.label) for one in entities])
        docs.append(docs_to_json(doc, doc_id=name))
    (tmp_path / "train.json").write_text(json.dumps(docs, indent=1))
    assert read(tmp_path / "train.json") == TEXTS


def test_the_example_of_the_page_runs(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    page = (Path(__file__).parents[2] / "docs" / "corpora.md").read_text(encoding="utf8")
    (code,) = re.findall(r"```python\n(.*?)```", page, flags=re.DOTALL)
    names: dict = {}
    exec(code, names)
    assert (names["documents"], names["tokens"]) == (1, 5)


def test_a_list_of_spans_may_be_missing(tmp_path):
    record = {"text": "It rained.", "answer": "accept"}
    path = tmp_path / "a.jsonl"
    path.write_text(json.dumps(record) + "\n")
    ((name, words, entities),) = read(path)
    append_decisions(tmp_path / "d.jsonl", [decide(name, words, entities, (0, 1, [*CHANGES[1][0][2]]))])
    spacy_seginf.apply_decisions(path, tmp_path / "b.jsonl", [tmp_path / "d.jsonl"], labels=["ORG"])
    assert json.loads((tmp_path / "b.jsonl").read_text())["spans"] == [{"start": 0, "end": 2, "label": "ORG"}]
