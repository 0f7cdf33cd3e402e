"""What scripts rely on: results alone on standard output, JSON, exit codes, examples that can be typed."""

from __future__ import annotations

import json
import shlex
from functools import partial

import pytest
import typer
from spacy.cli._util import app
from typer.testing import CliRunner

import spacy_seginf
from experiments.__main__ import experiments_app
from spacy_seginf.cli import seginf
from spacy_seginf.cli.examples import COMMAND, EXAMPLES
from spacy_seginf.progress import showing

from .running import run, run_experiments

TEXT = "Ada Lind visited Tarnby ."


def streams(*arguments):
    """Run a command; return the exit code and what went to standard output and standard error."""
    result = CliRunner().invoke(app, ["seginf", *map(str, arguments)])
    return result.exit_code, result.stdout, result.stderr


def objects(text):
    return [json.loads(line) for line in text.splitlines()]


def test_an_explanation_as_json(exact_path, tmp_path):
    code, printed, said = streams("explain", exact_path, TEXT, "--json", "-", "--top", 2)
    assert code == 0 and "Next: python -m spacy seginf verify" in said
    found = objects(printed)
    doc = spacy_seginf.explain(str(exact_path), TEXT, silent=True)
    assert [(one["text"], one["label"]) for one in found] == [(ent.text, ent.label_) for ent in doc.ents]
    for one, ent in zip(found, doc.ents, strict=True):
        why = ent._.influencers
        assert (one["start"], one["end"]) == (ent.start_char, ent.end_char)
        assert one["probability"] == pytest.approx(why.probability) and one["against"] == why.account.against
        assert [ref["text"] for ref in one["supporting"]] == [ref.text for ref in why.supporting[:2]]
        assert [family["share"] for family in one["families"]] == pytest.approx([each.share for each in why.families])
    code, printed, said = streams("explain", exact_path, TEXT, "--json", tmp_path / "why.jsonl", "--quiet", "--top", 2)
    assert (code, printed, said) == (0, "", "")
    assert objects((tmp_path / "why.jsonl").read_text(encoding="utf8")) == found


def test_other_results_as_json(exact_path, corpus_path, tmp_path):
    code, printed, _ = streams("explain", exact_path, corpus_path, "--json", "-")
    assert code == 0 and {one["document"] for one in objects(printed)} >= {"news-0", "news-1"}
    code, printed, said = streams("rank", exact_path, corpus_path, "-o", tmp_path / "issues.jsonl", "--json", "-")
    assert code == 0 and "Ranking written" in said and "Next: python -m spacy seginf review" in said
    assert objects(printed) and {"document", "kind", "score"} <= objects(printed)[0].keys()
    code, printed, _ = streams("scores", exact_path, "--json", "-", "--top", 3)
    assert code == 0 and len(objects(printed)) == 3
    code, printed, _ = streams("report", corpus_path, "--json", "-")
    assert code == 0 and json.loads(printed)["documents"] == 30
    code, printed, _ = streams("diff", corpus_path, corpus_path, "--json", "-")
    assert code == 0 and json.loads(printed)


def test_results_and_messages_go_their_own_ways(model_path, corpus_path, tmp_path):
    code, printed, said = streams("index", model_path, corpus_path, tmp_path / "out", "--l2", 5)
    assert code == 0
    assert printed.startswith("The head that explains: l2 = 5,") and "\x1b" not in printed + said
    assert "Indexed" in said and said.splitlines()[-1].startswith("Next: python -m spacy seginf explain")
    code, printed, said = streams("check", tmp_path / "nowhere")
    assert code == 1 and printed == "" and "[S040]" in said and len(said.splitlines()) == 1


def test_steps_come_to_an_end(model_path, corpus_path, tmp_path):
    """Whatever takes long says how much there is, and gets there (a search may end before its last attempt)."""
    steps = []

    class Bar:
        def __init__(self, what, total, unit):
            self.what, self.total, self.unit, self.done, self.closed = what, total, unit, 0, False
            steps.append(self)

        def update(self, count):
            assert not self.closed
            self.done += count

        def close(self):
            self.closed = True

    with showing(Bar):
        spacy_seginf.build_index(str(model_path), corpus_path, tmp_path / "out", dev=corpus_path)
        files = corpus_path, tmp_path / "issues.jsonl"
        spacy_seginf.find_label_issues(str(tmp_path / "out"), *files, dev=corpus_path, unlikely=True)
        spacy_seginf.explain_corpus(str(tmp_path / "out"), corpus_path)
        spacy_seginf.explain_errors(str(tmp_path / "out"), corpus_path)
        spacy_seginf.flip(str(tmp_path / "out"), TEXT)
    assert [(one.what, one.total) for one in steps if not (one.closed and one.done)] == []
    searches = "penalty", "move"
    assert {one.what for one in steps if one.unit in searches} == {"Penalties", "Search"}
    counted = {one.what: (one.done, one.total) for one in steps if one.unit not in searches}
    assert {"Curvature", "Account of the head", "Rows", "Heads", "Words", "Issues", "Explanations"} <= counted.keys()
    assert all(done == total for done, total in counted.values()), counted


def test_exit_codes(exact_path):
    code, printed = run("seginf", "--help", words_only=False)
    assert code == 0
    for number, meaning in ((0, "done"), (1, "not done"), (2, "used wrongly"), (130, "interrupted")):
        assert any(line.split()[:1] == [str(number)] and meaning in line for line in printed.splitlines())
    assert run("seginf", "explain", exact_path, TEXT)[0] == 0
    assert run("seginf", "explain", "nowhere", TEXT)[0] == 1
    assert run("seginf", "explain", exact_path, TEXT, "--labell", "LOC")[0] == 2
    assert run("seginf", "explian")[0] == 2


def test_an_interrupted_command(exact_path, monkeypatch):
    def interrupted(*arguments, **settings):
        raise KeyboardInterrupt

    monkeypatch.setattr("spacy_seginf.api.explain.explain", interrupted)
    assert run("seginf", "explain", exact_path, TEXT)[0] == 130


def test_the_version():
    code, printed = run("seginf", "--version")
    assert code == 0 and printed.split(".")[0].isdigit()


def test_examples_can_be_typed():
    """Each command's help ends with examples, whose options and arguments it has."""
    group = typer.main.get_command(seginf)
    assert list(EXAMPLES) and set(EXAMPLES) == set(group.commands)
    for name, examples in EXAMPLES.items():
        code, printed = run("seginf", name, "--help", words_only=False)
        assert code == 0
        for example in examples:
            assert f"  {COMMAND} {name} {example}\n" in printed
            context = group.commands[name].make_context(name, shlex.split(example), resilient_parsing=False)
            assert not context.args


@pytest.mark.parametrize(
    ("commands", "run_one"), [(seginf, partial(run, "seginf")), (experiments_app, run_experiments)]
)
def test_a_help_leaves_nothing_out(commands, run_one):
    """Brackets are words, no markup: each command's help says of each option what its source says."""
    for name, command in typer.main.get_command(commands).commands.items():
        shown = "".join(run_one(name, "--help")[1].split())  # a line may break behind a hyphen
        for parameter in command.params:
            hidden = getattr(parameter, "hidden", False)
            assert hidden or "".join((parameter.help or "").split()) in shown, (name, parameter.name)


def test_one_vocabulary():
    """An option means the same everywhere: a letter stands for one word."""
    group = typer.main.get_command(seginf)
    for command in group.commands.values():
        names = {name for parameter in command.params for name in parameter.opts}
        assert ("--dev" in names) == ("-d" in names), command.name
        assert ("--quiet" in names) == ("-q" in names), command.name
        assert ("--gpu-id" in names) == ("-g" in names), command.name
        if not any(parameter.name == "browser" for parameter in command.params):  # which tells where its page is
            assert "--quiet" in names, command.name
