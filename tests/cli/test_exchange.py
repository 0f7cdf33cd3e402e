"""`python -m spacy seginf export` and `import`: issues to annotation tools, and decisions back."""

from __future__ import annotations

import csv
import json
from dataclasses import replace

import pytest
from spacy.tokens import DocBin

from spacy_seginf.api.export import export_issues as export
from spacy_seginf.api.import_answers import import_answers
from spacy_seginf.curation.records import read_decisions, write_ranking
from spacy_seginf.exchange.formats import FORMATS

from ..exchange.making import example, ranking_of
from ..exchange.test_incorrect_spans import issue_in
from .running import run


@pytest.fixture
def ranked(tmp_path):
    path = tmp_path / "issues.jsonl"
    write_ranking(path, ranking_of(example(), example(document="news-2"), example(document="news-3")))
    return path


def answer(path, *answers):
    """Answer tasks of Prodigy."""
    tasks = [json.loads(line) for line in path.read_text(encoding="utf8").splitlines()]
    lines = [json.dumps({**task, "answer": one}) for task, one in zip(tasks, answers, strict=True)]
    path.write_text("\n".join(lines))


@pytest.mark.parametrize("name", list(FORMATS))
def test_formats(ranked, tmp_path, name):
    tasks = tmp_path / f"tasks{FORMATS[name].suffix}"
    code, output = run("seginf", "export", ranked, tasks, "--format", name, "--top", 2)
    assert code == 0 and "2 label issues written" in output
    assert tasks.exists() and (not FORMATS[name].beside or (tmp_path / (tasks.name + FORMATS[name].beside)).exists())
    code, output = run("seginf", "import", ranked, tasks, tmp_path / "decisions.jsonl", "-f", name, "-r", "Mira")
    assert code == 0 and "has no answers, so nothing was written" in output
    assert not (tmp_path / "decisions.jsonl").exists()


def test_there_and_back(ranked, tmp_path):
    tasks, decisions = tmp_path / "tasks.jsonl", tmp_path / "decisions.jsonl"
    assert run("seginf", "export", ranked, tasks, "-f", "prodigy")[0] == 0
    answer(tasks, "accept", "reject", "accept")
    code, output = run("seginf", "import", ranked, tasks, decisions, "-f", "prodigy", "--reviewer", "Mira Solano")
    assert code == 0 and "3 decisions of Mira Solano appended" in output and "2 accept, 1 keep" in output
    found = read_decisions(decisions)
    assert [one.choice for one in found] == ["accept", "keep", "accept"]
    assert {one.reviewer for one in found} == {"Mira Solano"}
    import_answers(ranked, tasks, decisions, reviewer="Ada", format="prodigy")
    assert len(read_decisions(decisions)) == 6


def test_the_same_answers_twice(ranked, tmp_path):
    tasks, decisions = tmp_path / "tasks.jsonl", tmp_path / "decisions.jsonl"
    export(ranked, tasks, format="prodigy")
    answer(tasks, "accept", "reject", "accept")
    command = "seginf", "import", ranked, tasks, decisions, "-f", "prodigy", "--reviewer", "Mira"
    assert run(*command)[0] == 0
    before = decisions.read_bytes()
    code, output = run(*command)
    assert code == 0 and "3 of these answers are in" in output and "as Mira gave them" in output
    assert decisions.read_bytes() == before
    answer(tasks, "accept", "reject", "reject")  # one of them has changed
    code, output = run(*command)
    assert code == 0 and "2 of these answers are in" in output and "1 decisions of Mira appended" in output
    assert [one.choice for one in read_decisions(decisions)] == ["accept", "keep", "accept", "keep"]


def test_all_or_nothing(ranked, tmp_path):
    tasks, decisions = tmp_path / "tasks.jsonl", tmp_path / "decisions.jsonl"
    export(ranked, tasks, format="prodigy")
    answer(tasks, "accept", "reject", "later")
    code, output = run("seginf", "import", ranked, tasks, decisions, "-f", "prodigy", "-r", "Mira")
    assert code == 1 and "[S191]" in output and "line 3" in output and not decisions.exists()


def test_nothing_is_replaced_by_accident(ranked, tmp_path):
    tasks = tmp_path / "tasks.json"
    (tmp_path / "tasks.json.xml").write_text("mine")
    code, output = run("seginf", "export", ranked, tasks, "-f", "label-studio")
    assert code == 1 and "[S199]" in output and "tasks.json.xml exists already" in output and not tasks.exists()
    assert run("seginf", "export", ranked, tasks, "-f", "label-studio", "--force")[0] == 0
    code, output = run("seginf", "export", ranked, tasks, "-f", "argilla")
    assert code == 1 and "tasks.json exists already" in output
    before = ranked.read_bytes()
    with pytest.raises(ValueError, match=r"\[S199\].*is read by this command"):
        export(ranked, ranked, format="jsonl", force=True)
    for target in (ranked, tasks):
        with pytest.raises(ValueError, match=r"\[S199\].*is read by this command"):
            import_answers(ranked, tasks, target, reviewer="Mira", format="label-studio")
    assert ranked.read_bytes() == before


def test_formats_are_guessed_where_only_one_fits(ranked, tmp_path):
    assert export(ranked, tmp_path / "tasks.csv", top=1) == 1
    code, output = run("seginf", "export", ranked, tmp_path / "tasks.jsonl")
    assert code == 1 and "[S109]" in output and "can't be told from its name" in output
    code, output = run("seginf", "export", ranked, tmp_path / "tasks.jsonl", "--format", "doccano")
    assert code == 1 and "[S109] The format is 'doccano'. Use one of: prodigy, label-studio" in output


def test_families_come_together_as_they_are_read(tmp_path):
    """As the printed ranking and the page have them: two that are alike before a more suspicious one that is alone."""
    made = [("b", "", 1.0), ("a", "f", 0.9), ("c", "", 0.8), ("d", "f", 0.7)]
    issues = [replace(example(document=name), family=family, score=score) for name, family, score in made]
    write_ranking(tmp_path / "issues.jsonl", ranking_of(*issues))
    assert export(tmp_path / "issues.jsonl", tmp_path / "tasks.csv", top=3) == 3
    assert export(tmp_path / "issues.jsonl", tmp_path / "tasks.jsonl", format="jsonl") == 4
    rows = [json.loads(line) for line in (tmp_path / "tasks.jsonl").read_text(encoding="utf8").splitlines()]
    assert [(row["document"], row["family"]) for row in rows] == [("a", "f"), ("d", "f"), ("b", ""), ("c", "")]
    with (tmp_path / "tasks.csv").open(encoding="utf-8-sig", newline="") as file:
        assert [(row["document"], row["family"]) for row in csv.DictReader(file)] == [("a", "f"), ("d", "f"), ("b", "")]


def test_other_labels_are_shown_in_words(ranked, tmp_path):
    """A number that is one off labels other words, and nobody sees that in the number."""
    tasks = tmp_path / "tasks.jsonl"
    export(ranked, tasks, format="jsonl")
    rows = [json.loads(line) for line in tasks.read_text(encoding="utf8").splitlines()]
    rows[0].update(decision="label", entities=[[10, 12, "PER"], [15, 16, "LOC"], [16, 17, "LOC"]])
    rows[1].update(decision="keep")
    tasks.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf8")
    code, output = run("seginf", "import", ranked, tasks, tmp_path / "decisions.jsonl", "-f", "jsonl", "-r", "Mira")
    assert code == 0 and output.count("@@") == 1
    assert "- ... Ada Lind met 🚀 [Veltra]/PER in Osted ." in output
    assert "+ ... Ada Lind met 🚀 Veltra [in]/LOC Osted ." in output


def test_whole_documents(train_examples, corpus_path, tmp_path):
    doc = train_examples[0].reference
    ranked, tasks = tmp_path / "issues.jsonl", tmp_path / "tasks.spacy"
    write_ranking(ranked, ranking_of(issue_in(doc, (3, 4), [])))
    code, output = run("seginf", "export", ranked, tasks, "--corpus", corpus_path)
    assert code == 0 and "1 label issues written" in output
    assert len(DocBin().from_disk(tasks)) == len(train_examples)
    with pytest.raises(ValueError, match=r"\[S109\] The format with a corpus is 'csv'. Use one of: incorrect-spans"):
        export(ranked, tmp_path / "tasks.csv", format="csv", corpus=corpus_path)
    with pytest.raises(ValueError, match=r"\[S199\]"):
        export(ranked, corpus_path, corpus=corpus_path, force=True)
