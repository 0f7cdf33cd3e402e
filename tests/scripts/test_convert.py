"""scripts/convert.py: JSON lines become a .spacy corpus, or an error that names the line."""

from __future__ import annotations

import gzip
import importlib.util
import json
import subprocess
import sys
from pathlib import Path

import pytest
import spacy
from spacy.tokens import DocBin

SCRIPT = Path(__file__).parents[2] / "scripts" / "convert.py"
specification = importlib.util.spec_from_file_location("convert", SCRIPT)
script = importlib.util.module_from_spec(specification)
specification.loader.exec_module(script)

GOOD = {"id": "a", "tokens": ["Ada", "Lind", "left", "Osted"], "labels": ["B-PER", "I-PER", "O", "B-LOC"]}


def write(path, records):
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    content = "".join(f"{line}\n" for line in lines).encode("utf8")
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def convert(folder, records, name="in.jsonl", **settings):
    target = folder / "out" / "train.spacy"
    counts = script.convert(write(folder / name, records), target, **settings)
    docs = list(DocBin().from_disk(target).get_docs(spacy.blank("en").vocab))
    assert counts == (len(docs), sum(len(doc) for doc in docs))
    assert [path.name for path in target.parent.iterdir()] == ["train.spacy"]
    return docs


def entities(doc):
    return [(ent.text, ent.label_) for ent in doc.ents]


@pytest.mark.parametrize("name", ["in.jsonl", "in.jsonl.gz"])
def test_bio(tmp_path, name):
    (doc,) = convert(tmp_path, [GOOD], name=name)
    assert [token.text for token in doc] == GOOD["tokens"]
    assert entities(doc) == [("Ada Lind", "PER"), ("Osted", "LOC")]
    assert doc.has_annotation("ENT_IOB", require_complete=True)


def test_neighbouring_entities_of_one_type_stay_apart(tmp_path):
    (doc,) = convert(tmp_path, [{**GOOD, "labels": ["B-PER", "B-PER", "I-PER", "O"]}])
    assert entities(doc) == [("Ada", "PER"), ("Lind left", "PER")]


def test_io(tmp_path):
    (doc,) = convert(tmp_path, [{**GOOD, "labels": ["I-PER", "I-PER", "I-LOC", "O"]}])
    assert entities(doc) == [("Ada Lind", "PER"), ("left", "LOC")]


def test_ids_are_kept(tmp_path):
    records = [GOOD, {**GOOD, "id": "\U0001d518 <b>"}, {**GOOD, "id": 12}, {**GOOD, "id": None}]
    records.append({key: value for key, value in GOOD.items() if key != "id"})
    docs = convert(tmp_path, records)
    assert [doc.user_data.get("id") for doc in docs] == ["a", "\U0001d518 <b>", "12", None, None]


def test_empty_documents_and_blank_lines(tmp_path):
    docs = convert(tmp_path, [GOOD, "", "  ", {"id": "void", "tokens": [], "labels": []}, GOOD])
    assert [len(doc) for doc in docs] == [4, 0, 4]
    assert docs[1].user_data["id"] == "void"
    assert convert(tmp_path, []) == []


def test_other_labels_and_one_type_only(tmp_path):
    record = {**GOOD, "true": ["O", "O", "O", "I-ORG"]}
    assert entities(convert(tmp_path, [record], labels_key="true")[0]) == [("Osted", "ORG")]
    assert entities(convert(tmp_path, [record], only="PER")[0]) == [("Ada Lind", "PER")]


def test_tokens_are_not_tokenized_again(tmp_path):
    tokens = ["don't", "New York", "\u00a0", "e\u0301", "\U0001d518", "...", "שלום"]
    (doc,) = convert(tmp_path, [{"id": "x", "tokens": tokens, "labels": ["O"] * len(tokens)}])
    assert [token.text for token in doc] == tokens


BROKEN = {
    "not JSON": ('{"tokens": [', "not JSON"),
    "no object": ("[1, 2]", "no JSON object"),
    "a number": ("3", "no JSON object"),
    "no tokens": ({"id": "b", "labels": ["O"]}, "'tokens'"),
    "no labels": ({"id": "b", "tokens": ["x"]}, "'labels'"),
    "fewer labels": ({**GOOD, "labels": ["O"]}, "4 tokens but 1 labels"),
    "tokens are null": ({**GOOD, "tokens": None}, "'tokens' is no list"),
    "tokens are a string": ({**GOOD, "tokens": "abcd"}, "'tokens' is no list"),
    "a number as token": ({**GOOD, "tokens": ["a", "b", "c", 4]}, "'tokens' is no list of strings"),
    "an empty token": ({**GOOD, "tokens": ["a", "b", "c", ""]}, "empty string"),
    "null as label": ({**GOOD, "labels": ["O", "O", "O", None]}, "'labels' is no list of strings"),
    "a label without prefix": ({**GOOD, "labels": ["O", "O", "O", "PER"]}, "PER"),
    "a lone surrogate": ({**GOOD, "tokens": ["a", "b", "c", "\ud83d"]}, "surrogates"),
}


@pytest.mark.parametrize("case", BROKEN)
def test_broken_lines_are_named_and_nothing_is_written(tmp_path, case):
    record, message = BROKEN[case]
    source, target = write(tmp_path / "in.jsonl", [GOOD, "", record, GOOD]), tmp_path / "out" / "train.spacy"
    with pytest.raises(ValueError, match=message) as error:
        script.convert(source, target)
    assert f"{source}, line 3: " in str(error.value)
    assert not target.parent.exists()


def test_what_is_not_utf8(tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_bytes(json.dumps(GOOD).encode() + b'\n{"tokens": ["\xff"]}\n')
    with pytest.raises(ValueError, match=r"line 2: .*utf-8"):
        script.convert(source, tmp_path / "train.spacy")
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-12], lambda data: b"plain text", lambda data: data[:12] + b"!!"]
)
def test_a_damaged_gzip_file(tmp_path, damage):
    source = write(tmp_path / "in.jsonl.gz", [GOOD] * 3)
    source.write_bytes(damage(source.read_bytes()))
    with pytest.raises(ValueError, match=r"in\.jsonl\.gz, after line \d+: not a complete gzip file"):
        script.convert(source, tmp_path / "train.spacy")
    assert not (tmp_path / "train.spacy").exists()


def test_the_old_target_stays_on_failure_and_goes_on_success(tmp_path):
    source, target = write(tmp_path / "in.jsonl", [GOOD, "{"]), tmp_path / "train.spacy"
    target.write_bytes(b"old")
    with pytest.raises(ValueError, match="line 2"):
        script.convert(source, target)
    assert target.read_bytes() == b"old"
    script.convert(write(source, [GOOD]), target)
    assert target.read_bytes() != b"old"


def test_command_line(tmp_path, monkeypatch, capsys):
    source, target = write(tmp_path / "in.jsonl", [GOOD, GOOD]), tmp_path / "train.spacy"
    monkeypatch.setattr(sys, "argv", ["convert.py", str(source), str(target)])
    script.main()
    assert "2 documents, 8 tokens" in " ".join(capsys.readouterr().out.split())
    assert target.exists()
    for arguments, message in [
        (["nowhere.jsonl", "x.spacy"], "no file"),
        ([write(source, ["{"]), "x.spacy"], "line 1"),
    ]:
        monkeypatch.setattr(sys, "argv", ["convert.py", *map(str, arguments)])
        with pytest.raises(SystemExit) as stop:
            script.main()
        assert stop.value.code == 1
        assert message in " ".join(capsys.readouterr().out.split())


@pytest.mark.slow
def test_as_a_program(tmp_path):
    source = write(tmp_path / "in.jsonl", [GOOD])
    command = [sys.executable, str(SCRIPT), str(source), str(tmp_path / "train.spacy"), "--only", "LOC"]
    done = subprocess.run(command, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (doc,) = DocBin().from_disk(tmp_path / "train.spacy").get_docs(spacy.blank("en").vocab)
    assert entities(doc) == [("Osted", "LOC")]
