"""`python -m spacy seginf evaluate` on a tiny pipeline, with methods of another package."""

from __future__ import annotations

import gzip
import json

import catalogue
import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.util import registry

from spacy_seginf import build_index
from spacy_seginf.api.evaluate import DEFAULTS, QUICK
from spacy_seginf.evaluation import plots
from spacy_seginf.evaluation.method_blocks import read_methods
from spacy_seginf.evaluation.refits import Refitter
from spacy_seginf.rendering.pictures import save_picture

from ..cli.running import run
from ..conftest import TEXTS, make_examples, make_tagger

SMALL = ["--queries", "3", "--ks", "2,5", "--subsets", "4", "--seeds", "0,1", "--documents", "20", "--no-plots"]
OWN_METHOD = """
import numpy
import spacy
from spacy_seginf.attribution.method import Attribution, Method


class Places(Attribution):
    def __init__(self, count):
        self.count = count

    def scores(self, queries):
        return numpy.tile({sign}numpy.arange(1.0, self.count + 1), (len(queries), 1))


@spacy.registry.misc("tests.Mine.v1")
class Mine(Method):
    name, cost = "mine", "none"

    def prepare(self, context):
        return Places(len(context.training))
"""


@pytest.fixture
def evaluate(exact_path, corpus_path, config, tmp_path):
    """Run the command on the same input; return the exit code, what was printed, and comparison.json."""

    def call(*arguments, output="report", small=SMALL, texts=corpus_path):
        folder = tmp_path / output
        base = [exact_path, texts, folder, "--config", config]
        code, printed = run("seginf", "evaluate", *base, *small, *arguments)
        path = folder / "comparison.json"
        return code, printed, json.loads(path.read_text()) if path.exists() else None

    return call


def counted(monkeypatch):
    """Count refits."""
    calls = []
    original = Refitter._fit
    monkeypatch.setattr(Refitter, "_fit", lambda self, rows: calls.append(1) or original(self, rows))
    return calls


def test_a_table_and_all_figures(evaluate, exact_nlp, corpus_path, tmp_path):
    code, printed, report = evaluate()
    assert code == 0, printed
    assert list(report["methods"]) == ["toy-exact", "toy-random"]
    assert report["facts"]["documents"] == 20
    for method in report["methods"].values():
        for measure in ("auc_del_plus", "auc_del_minus", "lds"):
            assert method[measure]["low"] <= method[measure]["mean"] <= method[measure]["high"]
            assert len(method["by_query"][measure]) == 6
            assert len(method["by_seed"][measure]) == 2
        assert [len(points) for points in method["curves"].values()] == [2, 2]
        assert method["bytes_per_segment"] == 8.0
        assert {"prepare_seconds", "ms_per_query"} < set(method)
    exact, random = report["methods"].values()
    assert exact["auc_del_plus"]["mean"] < random["auc_del_plus"]["mean"] < exact["auc_del_minus"]["mean"]
    assert exact["lds"]["mean"] > 0.5
    difference = report["differences"]["toy-exact minus toy-random"]["auc_del_plus"]
    assert difference["mean"] == pytest.approx(exact["auc_del_plus"]["mean"] - random["auc_del_plus"]["mean"])
    assert "negative is good" in printed
    assert [one["seed"] for one in report["queries"]] == [0, 0, 0, 1, 1, 1]
    assert len({(one["document"], one["start"]) for one in report["queries"]}) == 6
    texts = list(DocBin().from_disk(corpus_path).get_docs(exact_nlp.vocab))
    for one in report["queries"]:
        assert texts[one["document"]][one["start"] : one["end"]].text == one["text"]
        assert one["label"] in {"PER", "ORG", "LOC"}
    assert report["victims"] == [] and not report["facts"]["unchanged"]
    table = (tmp_path / "report" / "comparison.md").read_text()
    assert "| toy-exact |" in table
    assert "toy-exact minus toy-random" in table


def test_the_help_says_what_the_defaults_are():
    code, shown = run("seginf", "evaluate", "--help", env={"COLUMNS": "400"})
    assert code == 0
    for name in ("documents", "queries", "ks", "subsets", "seeds"):
        usual, quick = (
            ",".join(map(str, value)) if isinstance(value, tuple) else value
            for value in (getattr(DEFAULTS, name), getattr(QUICK, name))
        )
        assert f"default: {usual} (with --quick {quick})" in shown, name


def test_a_head_that_predicts_something_else_is_told(evaluate, model_path, corpus_path, config, tmp_path):
    assert "Methods are compared on a head" not in evaluate()[1]
    report = build_index(str(model_path), corpus_path, tmp_path / "apart", centre="zero", l2=1000.0)
    share = report.refit.corpora["training"].share
    assert 0.05 < share < 0.95
    arguments = [tmp_path / "apart", corpus_path, tmp_path / "out", "--config", config, *SMALL]
    code, printed = run("seginf", "evaluate", *arguments)
    assert code == 0 and f"predicts only {share:.1%} of what the pipeline does on the training corpus" in printed


def test_an_interrupted_run_goes_on(evaluate, monkeypatch):
    calls = counted(monkeypatch)
    whole = evaluate(output="whole")[2]
    needed = len(calls)
    original = Refitter.losses

    def stop(self, rows):
        if len(calls) == needed + 7:
            raise KeyboardInterrupt
        return original(self, rows)

    with monkeypatch.context() as patch:
        patch.setattr(Refitter, "losses", stop)
        evaluate()
    again = evaluate()[2]
    assert len(calls) == 2 * needed
    for method, expected in zip(again["methods"].values(), whole["methods"].values()):
        for measured in (method, expected):
            del measured["prepare_seconds"], measured["ms_per_query"]
    assert again == whole
    assert evaluate()[2]["differences"] == whole["differences"]
    assert len(calls) == 2 * needed


def test_more_of_it_repeats_nothing(evaluate, monkeypatch):
    evaluate("--methods", "toy-exact")
    calls = counted(monkeypatch)
    code, _, report = evaluate()
    assert code == 0
    assert 0 < len(calls) < report["facts"]["refits"]


@pytest.mark.slow
def test_any_number_of_processes(evaluate):
    alone, shared = (evaluate("--n-process", number, output=f"with-{number}")[2] for number in (1, 2))
    assert alone["differences"] == shared["differences"]
    assert alone["facts"] == shared["facts"]


def write_planted(path, nlp):
    """List all training tokens inside locations as planted."""
    index = nlp.get_pipe("influence").index
    with gzip.open(path, "wt", encoding="utf8") as lines:
        for document, start in enumerate(index.data.starts.tolist()):
            labels = [index.manifest.tags[tag] for tag in index.labels[start : start + index.data.lengths[document]]]
            spans = [
                {"kind": "club_as_loc", "start": token, "end": token + 1}
                for token, label in enumerate(labels)
                if label.endswith("LOC")
            ]
            lines.write(json.dumps({"id": index.place(document, 0)[0], "planted": spans}) + "\n")


def test_planted_errors(evaluate, exact_nlp, exact_path, tmp_path):
    # In truth, all locations are clubs.
    planted, truth, texts = (tmp_path / name for name in ("planted.jsonl.gz", "truth", "texts.spacy"))
    write_planted(planted, exact_nlp)
    examples = make_examples([text.replace("/LOC", "/ORG") for text in TEXTS])
    make_tagger(examples, steps=40).to_disk(truth)
    DocBin(docs=[example.reference for example in examples]).to_disk(texts)
    code, printed, report = evaluate("--planted", planted, "--truth", truth, texts=texts)
    assert code == 0, printed
    assert report["facts"]["victims"] > 5
    assert 0 < report["facts"]["planted_base_rate"] < 1
    exact, random = report["methods"].values()
    assert len(exact["by_query"]["planted_top1"]) == report["facts"]["victims"] == len(report["victims"])
    assert {one["label"] for one in report["victims"]} == {"LOC"}, "clubs that are taken for places"
    assert exact["planted_ap"]["mean"] > random["planted_ap"]["mean"]
    assert "victims of planted errors" in printed
    same = evaluate("--planted", planted, "--truth", exact_path, output="none", texts=texts)
    assert same[0] == 0
    assert same[2]["facts"]["victims"] == 0
    assert "planted_top1" not in same[2]["methods"]["toy-exact"]


def test_pictures(evaluate, monkeypatch, tmp_path):
    pytest.importorskip("matplotlib")
    drawn = []
    monkeypatch.setattr(plots, "save_picture", lambda figure, path: drawn.append(figure) or save_picture(figure, path))
    assert evaluate("--plots", small=[*SMALL[:-1], "--quick"])[0] == 0
    pictures = {path.name for path in (tmp_path / "report").glob("*.png")}
    assert {"deletion_supporting.png", "deletion_opposing.png", "auc_del_plus.png", "lds.png"} <= pictures
    (legend,) = drawn[0].legends
    named = [text.get_text() for text in legend.get_texts()]
    assert sorted(named) == ["95 % interval of toy-exact", "toy-exact", "toy-random"]


def test_checkpoints_are_filled_in(config, tmp_path):
    blocks = {"last": "spacy_seginf.TracInLast.v1", "toy": "tests.ToyRandom.v1"}
    config.write_text("[methods]\n" + "".join(f'\n[methods.{name}]\n@misc = "{f}"\n' for name, f in blocks.items()))
    assert [block.settings.get("checkpoints") for block in read_methods(config)] == [None, None]
    last, toy = read_methods(config, checkpoints=tmp_path / "run")
    assert last.settings["checkpoints"] == last.method.checkpoints == str(tmp_path / "run")
    assert "checkpoints" not in toy.settings, "it does not read any"
    assert last.key != read_methods(config)[0].key
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "checkpoints.json").write_text("{}")
    again, _ = read_methods(config, checkpoints=tmp_path / "run")
    assert last.key != again.key, "scores of other checkpoints are not used again"


def test_scores_of_other_code_are_not_used_again(evaluate, config, tmp_path):
    """A method is written by trying it."""
    code = tmp_path / "mine.py"
    config.write_text('[methods]\n\n[methods.mine]\n@misc = "tests.Mine.v1"\n')
    found = []
    for sign in ("-", "+"):
        code.write_text(OWN_METHOD.format(sign=sign))
        status, printed, report = evaluate("--code", code)
        assert status == 0, printed
        found.append(report["methods"]["mine"]["auc_del_plus"]["mean"])
    catalogue._remove((*registry.misc.namespace, "tests.Mine.v1"))
    assert found[0] != found[1]


@pytest.mark.parametrize(
    ("arguments", "expected"),
    [
        (["--methods", "nothing"], ["S100", "'nothing'", "toy-exact, toy-random"]),
        (["--ks", "2,many"], ["S103", "'2,many'"]),
        (["--ks", "0"], ["S103"]),
        (["--ks", "100000"], ["S103", "training segments", "(--ks)", "(--documents)"]),
        (["--seeds", "1,1"], ["S103"]),
        (["--subsets", "1"], ["S103", "at least 2"]),
        (["--truth", "somewhere"], ["S103", "both, or neither"]),
        (["--truth", "somewhere", "--planted", "missing.gz"], ["S040", "missing.gz"]),
        (["--truth", "somewhere", "--planted", __file__], ["S093", "no planted errors"]),
        (["--config", "missing.cfg"], ["S040", "missing.cfg"]),
        (["--config", __file__], ["S093", "section headers"]),
        (["--documents", "1"], ["S103", "at least 2"]),
    ],
)
def test_bad_input(evaluate, arguments, expected):
    code, printed, report = evaluate(*arguments)
    assert code == 1
    assert report is None
    for part in expected:
        assert part in printed


@pytest.mark.parametrize(
    ("block", "code", "expected"),
    [
        ('@misc = "tests.NoMethod.v1"', "S102", "returns a int"),
        ('@misc = "tests.Unknown.v1"', "S102", "tests.ToyExact.v1"),
        ('@misc = "tests.ToyExact.v1"\nunknown = 1', "S102", "unknown"),
        ("seed = 1", "S102", "no @misc"),
        ('@misc = "tests.Broken.v1"', "S104", "not finite"),
    ],
)
def test_blocks_that_give_no_scores(evaluate, config, block, code, expected):
    config.write_text(f"[methods]\n\n[methods.mine]\n{block}\n")
    exit_code, printed, _ = evaluate()
    assert exit_code == 1
    assert code in printed
    assert expected in printed


def test_a_name_without_a_block(evaluate, config):
    config.write_text("[methods]\nmine = 3\n")
    exit_code, printed, _ = evaluate()
    assert exit_code == 1 and "S102" in printed and "no @misc" in printed


@pytest.mark.parametrize("docs", [[], [[]]])
def test_texts_without_tokens(exact_path, config, tmp_path, docs):
    vocab = spacy.blank("en").vocab
    DocBin(docs=[Doc(vocab, words=words) for words in docs]).to_disk(tmp_path / "none.spacy")
    arguments = [exact_path, tmp_path / "none.spacy", tmp_path / "report", "--config", config, *SMALL]
    code, printed = run("seginf", "evaluate", *arguments)
    assert code == 1 and "S101" in printed and "no token" in printed
