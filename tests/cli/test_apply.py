"""`python -m spacy seginf apply`: a corrected corpus, or a clear error and nothing written."""

from __future__ import annotations

import errno
import gzip
import os
from pathlib import Path

import pytest

from spacy_seginf import files
from spacy_seginf.api.apply import apply_decisions as apply
from spacy_seginf.api.convert import convert
from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.decisions import append_decisions

from ..corpora.making import decide, read_binary, tags_of, write_columns, write_corpus, write_json_lines
from .running import run

SENTENCE = "The mayor of Tarnby , Jonas Brekke , left Osted on Monday with Mira Solano ."
WORDS = SENTENCE.split()
ENTITIES = [Entity(3, 4, "LOC"), Entity(5, 7, "PER"), Entity(9, 10, "LOC"), Entity(13, 15, "PER")]
TEXTS = [(WORDS, ENTITIES, [9]), (["It", "rained", "."], [], []), (WORDS, ENTITIES, [])]
RELABEL = (9, 10, [Entity(9, 10, "ORG")])
WIDER = (5, 7, [Entity(6, 7, "PER")])
NAMES = ["train.spacy", "train.conll", "train.jsonl", "train.jsonl.gz"]


def decision(change, document="train:1", **settings):
    return decide(document, WORDS, ENTITIES, change, **settings)


@pytest.fixture
def ann(tmp_path):
    """Decisions of one reviewer."""
    append_decisions(tmp_path / "ann.jsonl", [decision(RELABEL), decision(WIDER, "train:3")])
    return tmp_path / "ann.jsonl"


@pytest.fixture
def ben(tmp_path):
    """Decisions of another one, who agrees in part."""
    made = [decision(RELABEL, reviewer="ben"), decision((13, 15, ENTITIES[3:]), choice="keep", reviewer="ben")]
    append_decisions(tmp_path / "ben.jsonl", made)
    return tmp_path / "ben.jsonl"


def listing(folder):
    return sorted(str(path.relative_to(folder)) for path in folder.rglob("*"))


@pytest.mark.parametrize("name", NAMES)
def test_a_corrected_corpus_in_the_format_it_came_in(tmp_path, ann, ben, name):
    corpus = write_corpus(tmp_path / name, TEXTS)
    before = corpus.read_bytes()
    output = tmp_path / "new" / name
    plan = apply(corpus, output, [ann, ben], labels=["ORG"])
    assert [(change.document, change.kind, change.reviewers) for change in plan.changes] == [
        (0, "relabel", ("ann", "ben")),
        (2, "rebound", ("ann",)),
    ]
    assert corpus.read_bytes() == before and listing(output.parent) == [name, f"{name}.diff"]
    expected = [
        (WORDS, sorted({*ENTITIES, Entity(9, 10, "ORG")} - {Entity(9, 10, "LOC")}), [9]),
        TEXTS[1],
        (WORDS, sorted({*ENTITIES, Entity(6, 7, "PER")} - {Entity(5, 7, "PER")}), []),
    ]
    if name.endswith(".spacy"):
        found = [[Entity(one.start, one.end, one.label_) for one in doc.ents] for doc in read_binary(output)]
        assert found == [entities for _, entities, _ in expected]
    else:
        assert unpacked(output) == unpacked(write_corpus(tmp_path / f"expected-{name}", expected))


def unpacked(path):
    return gzip.decompress(path.read_bytes()) if path.suffix == ".gz" else path.read_bytes()


def test_the_diff_and_the_summary(tmp_path, ann, ben):
    corpus = write_columns(tmp_path / "train.conll", TEXTS)
    arguments = [corpus, tmp_path / "out.conll", ann, ben, "--label", "ORG"]
    code, printed = run("seginf", "apply", *arguments)
    assert code == 0
    assert "another type 1" in printed and "other boundaries 1" in printed
    assert "Confirmed as they are: 1 regions" in printed and "Corpus written: " in printed
    assert (tmp_path / "out.conll.diff").read_text().splitlines() == [
        f"@@ train:1, token 9 ({corpus}:13): another type, by ann, ben",
        "- ... Tarnby , Jonas Brekke , left [Osted]/LOC on Monday with Mira Solano .",
        "+ ... Tarnby , Jonas Brekke , left [Osted]/ORG on Monday with Mira Solano .",
        "",
        f"@@ train:3, tokens 5-6 ({corpus}:34): other boundaries, by ann",
        "- The mayor of Tarnby , [Jonas Brekke]/PER , left Osted on Monday with ...",
        "+ The mayor of Tarnby , Jonas [Brekke]/PER , left Osted on Monday with ...",
    ]
    assert corpus.read_text().splitlines()[12] == "Osted NN B-LOC"
    assert corpus.read_text().splitlines()[33] == "Jonas NN B-PER"


def test_a_dry_run_prints_the_changes_and_writes_nothing(tmp_path, ann):
    corpus = write_columns(tmp_path / "train.conll", TEXTS)
    before = listing(tmp_path)
    code, printed = run("seginf", "apply", corpus, tmp_path / "out.conll", ann, "-l", "ORG", "--dry-run")
    assert code == 0 and "+ ... Tarnby , Jonas Brekke , left [Osted]/ORG" in printed
    assert "Nothing was written (--dry-run)" in printed and listing(tmp_path) == before


@pytest.mark.parametrize("name", NAMES)
def test_nothing_to_change_is_said(tmp_path, ben, name):
    corpus = write_corpus(tmp_path / name, TEXTS)
    output = tmp_path / f"out-{name}"
    append_decisions(
        ben,
        [
            decision(
                RELABEL,
                reviewer="ben",
            ),
            decision(RELABEL, choice="undo", reviewer="ben"),
        ],
    )
    append_decisions(ben, [decision(RELABEL, choice="skip", reviewer="ben")])
    code, printed = run("seginf", "apply", corpus, output, ben, "--diff", tmp_path / "changes.txt")
    assert code == 0 and "There is nothing to change" in printed and "Confirmed as they are: 1 regions" in printed
    assert output.read_bytes() == corpus.read_bytes()
    assert (tmp_path / "changes.txt").read_text() == "No changes.\n"


def test_applying_twice_is_refused(tmp_path, ann):
    corpus = write_columns(tmp_path / "train.conll", TEXTS)
    apply(corpus, tmp_path / "two" / "train.conll", [ann], labels=["ORG"])
    with pytest.raises(ValueError, match=r"\[S202\] .*\n.*the annotation is \[Osted\]/ORG now, and was \[Osted\]/LOC"):
        apply(tmp_path / "two" / "train.conll", tmp_path / "three.conll", [ann])


def test_conflicts(tmp_path, ann):
    corpus = write_columns(tmp_path / "train.conll", TEXTS)
    append_decisions(tmp_path / "eve.jsonl", [decision((9, 10, []), reviewer="eve")])
    arguments = ["seginf", "apply", corpus, tmp_path / "out.conll", ann, tmp_path / "eve.jsonl", "--label", "ORG"]
    code, printed = run(*arguments)
    assert code == 1 and "eve says token 9: no entity" in printed and not (tmp_path / "out.conll").exists()
    code, printed = run(*arguments, "--conflicts", "skip")
    assert code == 0 and "train:1, token 9: ann, eve" in printed
    assert (tmp_path / "out.conll").read_text().count("ORG") == 0


def test_decisions_on_a_converted_corpus_fit_its_source(tmp_path, ann):
    for name in ("train.conll", "train.jsonl"):
        source = write_corpus(tmp_path / name, TEXTS)
        binary = tmp_path / name.replace(".", "-") / "train.spacy"
        assert convert(source, binary) == (3, 35)
        docs = read_binary(binary)
        assert docs[0].user_data["file"] == name and str(tmp_path) not in str(docs[0].user_data)
        expected = (3, 4, 5, 6, 7, 8, 9, 10, 11, 13) if name == "train.conll" else (1,)
        assert docs[0].user_data["lines"][:10] == expected
        for corpus in (source, binary):
            plan = apply(corpus, tmp_path / "out" / name / corpus.name, [ann], labels=["ORG"])
            assert len(plan.changes) == 2
        line = ":13)" if name == "train.conll" else ":1)"
        assert f"({name}{line}: another type" in (tmp_path / "out" / name / "train.spacy.diff").read_text()


def test_documents_of_columns_keep_their_names_under_any_file_name(tmp_path, ann):
    source = write_columns(tmp_path / "train.conll", TEXTS)
    convert(source, tmp_path / "other.spacy")
    assert len(apply(tmp_path / "other.spacy", tmp_path / "out.spacy", [ann], labels=["ORG"]).changes) == 2


def test_control_characters_do_not_reach_the_terminal(tmp_path):
    words = ["\x1b[2J", "\u202eAda", "Lind", "x" * 90]
    write_json_lines(tmp_path / "a.jsonl", [(words, [], [])], names=["\x1b[31mred"])
    made = decide("\x1b[31mred", words, [], (1, 4, [Entity(1, 4, "PER")]), reviewer="\x07ann")
    append_decisions(tmp_path / "d.jsonl", [made])
    arguments = [tmp_path / "a.jsonl", tmp_path / "out.jsonl", tmp_path / "d.jsonl", "--label", "PER", "--dry-run"]
    code, printed = run("seginf", "apply", *arguments, words_only=False)
    assert code == 0 and not set(printed) & set("\x07\u202e")
    assert "\x1b[31m" not in printed and "\x1b[2J" not in printed  # others are wasabi's colours
    assert "\\u001b[31mred, tokens 1-3" in printed and "[\\u202eAda Lind xxx" in printed and "x" * 61 not in printed


ERRORS = {
    "no corpus": (["gone.conll", "out.conll", "ann.jsonl"], r"\[S040\] There is no corpus"),
    "no decisions": (["train.conll", "out.conll", "gone.jsonl"], r"\[S040\] There is no decision"),
    "other lines": (["train.conll", "out.conll", "train.conll"], r"\[S170\]"),
    "an output that exists": (["train.conll", "ann.jsonl", "ann.jsonl"], r"\[S204\] .*ann\.jsonl exists already"),
    "the corpus itself": (["train.conll", "./train.conll", "ann.jsonl"], r"\[S204\] .* is the corpus itself"),
    "another format": (["train.conll", "out.jsonl", "ann.jsonl"], r"\[S205\] .*End its name in \.conll or"),
    "compressed": (["train.conll", "out.conll.gz", "ann.jsonl"], r"\[S205\]"),
    "an unknown format": (["train.odd", "out.odd", "ann.jsonl"], r"\[S200\]"),
    "an unknown label": (["train.conll", "out.conll", "ann.jsonl"], r"\[S202\] .*has the label 'ORG'"),
}


@pytest.mark.parametrize("case", ERRORS)
def test_errors_leave_everything_as_it_was(tmp_path, ann, monkeypatch, case):
    write_columns(tmp_path / "train.conll", TEXTS)
    (tmp_path / "train.odd").write_text("Ada O\n")
    monkeypatch.chdir(tmp_path)
    arguments, message = ERRORS[case]
    before = {name: Path(name).read_bytes() for name in listing(tmp_path)}
    corpus, output, decisions = map(Path, arguments)
    with pytest.raises(ValueError, match=f"(?s){message}"):
        apply(corpus, output, [decisions])
    code, printed = run("seginf", "apply", *arguments)
    assert code == 1 and "[S" in printed and "Traceback" not in printed
    assert {name: Path(name).read_bytes() for name in listing(tmp_path)} == before


@pytest.mark.parametrize("diff", ["train.conll", "out.conll", "ann.jsonl"])
def test_a_diff_overwrites_nothing(tmp_path, ann, diff):
    corpus = write_columns(tmp_path / "train.conll", TEXTS)
    with pytest.raises(ValueError, match=r"\[S204\] .*choose another diff"):
        apply(corpus, tmp_path / "out.conll", [ann], diff=tmp_path / diff, labels=["ORG"])
    assert listing(tmp_path) == ["ann.jsonl", "train.conll"]


@pytest.mark.parametrize("place", ["output", "diff"])
def test_a_folder_that_can_not_be_written(tmp_path, ann, place):
    corpus = write_columns(tmp_path / "train.conll", TEXTS)
    (tmp_path / "file").write_text("no folder")
    before = listing(tmp_path)
    inside, outside = tmp_path / "file" / "out.conll", tmp_path / "fine"
    output, diff = (inside, outside) if place == "output" else (outside, inside)
    with pytest.raises(ValueError, match=r"\[S208\] .*file/out\.conll can't be written \(.*\)\. Nothing was changed"):
        apply(corpus, output, [ann], diff=diff, labels=["ORG"])
    assert listing(tmp_path) == before


@pytest.mark.parametrize("writes", [0, 1])
@pytest.mark.parametrize("name", NAMES)
def test_a_full_disk_leaves_nothing(tmp_path, ann, monkeypatch, name, writes):
    corpus = write_corpus(tmp_path / name, TEXTS)
    before, done, write = listing(tmp_path), [], files.write_all

    def fill(path, content):
        if len(done) == writes:
            write(path, content[: len(content) // 2])
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        done.append(path)
        return write(path, content)

    monkeypatch.setattr(files, "write_all", fill)
    with pytest.raises(ValueError, match=r"\[S208\] .*No space left on device"):
        apply(corpus, tmp_path / f"out-{name}", [ann], labels=["ORG"])
    assert listing(tmp_path) == before


def test_options_of_text_files(tmp_path):
    lines = [f"{tag}\t{word}" for word, tag in zip(WORDS, tags_of(WORDS, ENTITIES, "IO"))]
    (tmp_path / "train.data").write_text("\n".join(lines))
    change = (8, 9, [Entity(8, 9, "LOC")])
    append_decisions(tmp_path / "d.jsonl", [decision(change)])
    arguments = [tmp_path / "train.data", tmp_path / "out.data", tmp_path / "d.jsonl"]
    columns = ["--format", "columns", "--token-column", "2", "--tag-column", "1"]
    code, printed = run("seginf", "apply", *arguments, *columns)
    assert code == 1 and "IO tags can't tell two LOC side by side apart" in printed
    code, printed = run("seginf", "apply", *arguments, *columns, "--scheme", "IOB1", "--quiet")
    assert code == 0 and printed == ""
    lines[8:10] = ["I-LOC\tleft", "B-LOC\tOsted"]
    assert (tmp_path / "out.data").read_text() == "\n".join(lines)


def test_other_labels_of_json_lines(tmp_path):
    line = '{"id": "a", "tokens": ["Ada"], "labels": ["O"], "gold_labels": ["B-PER"]}\n'
    (tmp_path / "a.jsonl").write_text(line)
    append_decisions(tmp_path / "d.jsonl", [decide("a", ["Ada"], [Entity(0, 1, "PER")], (0, 1, []))])
    apply(tmp_path / "a.jsonl", tmp_path / "out.jsonl", [tmp_path / "d.jsonl"], labels_key="gold_labels")
    assert (tmp_path / "out.jsonl").read_text() == line.replace("B-PER", "O")
