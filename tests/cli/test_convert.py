"""`python -m spacy seginf convert`: any corpus becomes a .spacy corpus, or there is an error that names the line."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys

import pytest
import spacy
from spacy.tokens import DocBin

import spacy_seginf

from .running import run

GOOD = {"id": "a", "tokens": ["Ada", "Lind", "left", "Osted"], "labels": ["B-PER", "I-PER", "O", "B-LOC"]}


def write(path, records):
    lines = [record if isinstance(record, str) else json.dumps(record) for record in records]
    content = "".join(f"{line}\n" for line in lines).encode("utf8")
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def convert(folder, records, name="in.jsonl", **settings):
    target = folder / "out" / "train.spacy"
    counts = spacy_seginf.convert(write(folder / name, records), target, **settings)
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


@pytest.mark.parametrize("content", ["", "\n \n", "[]"])
def test_an_empty_file(tmp_path, content):
    for name in ("in.jsonl", "in.json") if content == "[]" else ("in.jsonl", "in.conll"):
        (tmp_path / name).write_text(content)
        with pytest.raises(ValueError, match=r"\[S(290|201|280)\] .*in\.[a-z]+"):
            spacy_seginf.convert(tmp_path / name, tmp_path / "out.spacy")
    assert not (tmp_path / "out.spacy").exists()


def test_other_labels_and_one_type_only(tmp_path):
    record = {**GOOD, "true": ["O", "O", "O", "I-ORG"]}
    assert entities(convert(tmp_path, [record], labels_key="true")[0]) == [("Osted", "ORG")]
    assert entities(convert(tmp_path, [record], only=["PER"])[0]) == [("Ada Lind", "PER")]


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
        spacy_seginf.convert(source, target)
    assert f"{source}, line 3: " in str(error.value)
    assert not target.parent.exists()


def test_what_is_not_utf8(tmp_path):
    source = tmp_path / "in.jsonl"
    source.write_bytes(json.dumps(GOOD).encode() + b'\n{"tokens": ["\xff"]}\n')
    with pytest.raises(ValueError, match=r"line 2: .*utf-8"):
        spacy_seginf.convert(source, tmp_path / "train.spacy")
    assert [path.name for path in tmp_path.iterdir()] == ["in.jsonl"]


@pytest.mark.parametrize(
    "damage", [lambda data: data[:-12], lambda data: b"plain text", lambda data: data[:12] + b"!!"]
)
def test_a_damaged_gzip_file(tmp_path, damage):
    source = write(tmp_path / "in.jsonl.gz", [GOOD] * 3)
    source.write_bytes(damage(source.read_bytes()))
    with pytest.raises(ValueError, match=r"in\.jsonl\.gz, after line \d+: not a complete gzip file"):
        spacy_seginf.convert(source, tmp_path / "train.spacy")
    assert not (tmp_path / "train.spacy").exists()


def test_the_old_target_stays_on_failure_and_goes_on_success(tmp_path):
    source, target = write(tmp_path / "in.jsonl", [GOOD, "{"]), tmp_path / "train.spacy"
    target.write_bytes(b"old")
    with pytest.raises(ValueError, match="line 2"):
        spacy_seginf.convert(source, target)
    assert target.read_bytes() == b"old"
    spacy_seginf.convert(write(source, [GOOD]), target)
    assert target.read_bytes() != b"old"


def test_command_line(tmp_path):
    source, target = write(tmp_path / "in.jsonl", [GOOD, GOOD]), tmp_path / "train.spacy"
    code, printed = run("seginf", "convert", source, target)
    assert code == 0 and "2 documents, 8 tokens" in printed and target.exists()
    for arguments, message in [
        ((tmp_path / "nowhere.jsonl", target), "There is no corpus"),
        ((write(source, ["{"]), target), "line 1"),
        ((target, target), "S219"),
        ((source, tmp_path / "out.json"), "S289"),
        ((source, target, "--map", "PER"), "OLD=NEW"),
    ]:
        code, printed = run("seginf", "convert", *arguments)
        assert code != 0 and message in printed and "Traceback" not in printed


def test_types_by_other_names(tmp_path):
    source = write(tmp_path / "in.jsonl", [{**GOOD, "labels": ["B-PER", "B-LOC", "O", "B-LOC"]}])
    code, printed = run("seginf", "convert", source, tmp_path / "out.spacy", "--map", "PER=X", "--map", "LOC=X")
    assert code == 0 and "1 pairs of touching entities" in printed and "'Ada Lind' (X) in document a" in printed
    (doc,) = DocBin().from_disk(tmp_path / "out.spacy").get_docs(spacy.blank("en").vocab)
    assert entities(doc) == [("Ada", "X"), ("Lind", "X"), ("Osted", "X")]
    _, printed = run("seginf", "convert", source, tmp_path / "out.spacy", "--map", "PER=X")
    assert "touching" not in printed


@pytest.mark.slow
def test_as_a_program(tmp_path):
    source = write(tmp_path / "in.jsonl.gz", [GOOD])
    command = [sys.executable, "-m", "spacy", "seginf", "convert", str(source), str(tmp_path / "train.spacy")]
    done = subprocess.run([*command, "--only", "LOC"], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    (doc,) = DocBin().from_disk(tmp_path / "train.spacy").get_docs(spacy.blank("en").vocab)
    assert entities(doc) == [("Osted", "LOC")]
