"""What people get wrong is answered before anything is encoded or fitted, by one line that names the cure, and what was
there stays as it was."""

from __future__ import annotations

import json
import shlex
import shutil
import socket
import sys

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from thinc.api import Model

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.records import Decision, decision_line
from spacy_seginf.influence.head import Head
from spacy_seginf.loop import training

from .running import run

OLD = "something that somebody needs\n"
# Each is a name, the command ({...} are the files below), the error's code and what names the cure.
MISTAKES = {
    "a wrong path": ("rank indexed trian.spacy", "S040", "is train.spacy meant?"),
    "a wrong path of a pipeline": ("explain indxed 'Ada left .'", "S040", "is indexed meant?"),
    "a wrong path of decisions": ("preview indexed decisons.jsonl 'Ada left .'", "S040", "is decisions.jsonl meant?"),
    "a wrong path of texts": ("explain indexed dev.spcay", "S277", "is dev.spacy meant?"),
    "a folder where a file is expected": ("apply train.spacy new.spacy folder", "S247", "Name one of the files in it"),
    "a file where a pipeline is expected": ("scores train.spacy", "S263", "Name the folder"),
    "a config where a pipeline is expected": (
        "index tagger.cfg train.spacy new",
        "S263",
        "first train with tagger.cfg",
    ),
    "an index of an old version": ("explain old 'Ada left .'", "S031", "Build the index again"),
    "a pipeline without an index": ("explain model 'Ada left .'", "S030", "seginf index"),
    "a pipeline without a crf_tagger": ("index blank train.spacy new", "S044", "seginf attach"),
    "a typo in a label that is asked for": ("rank indexed train.spacy -o old.jsonl --label LOCC", "S214", "'LOC'"),
    "a label in small letters": ("explain indexed 'Ada left .' --label loc", "S264", "did you mean 'LOC'?"),
    "a typo in a label that might be": ("explain indexed 'Ada left .' --against PRE", "S029", "did you mean 'PER'?"),
    "a typo in a label to flip to": ("flip indexed 'Ada left .' --to ROG", "S271", "did you mean 'ORG'?"),
    "a label that there is not": ("explain indexed 'Ada left .' --against GPE", "S029", "I-PER. Give one of these."),
    "a document that is not in the index": ("explain indexed 'Ada left .' --document news-99", "S264", "--document"),
    "a typo in a method": ("explain indexed 'Ada left .' --method SegmentInfluense", "S099", "SegmentInfluence"),
    "a typo in a score": ("scores indexed --scores segment_los", "S106", "did you mean 'segment_loss'?"),
    "a score without what it needs": ("scores indexed --scores trusted_loss", "S107", "--trusted"),
    "a typo in a level": ("scores indexed --level tokens", "S109", "did you mean 'token'?"),
    "a typo in a curvature": ("index model train.spacy new --curvature exakt", "S028", "did you mean 'exact'?"),
    "an unknown setting": ("index model train.spacy new --indexing.curvatur kfac", "S027", "did you mean 'curvature'?"),
    "a typo in a format of a tool": ("export issues.jsonl new.jsonl --format prodigi", "S109", "'prodigy'"),
    "a typo in a format of a corpus": ("convert train.spacy new.spacy --format conl", "S200", "did you mean 'conll'?"),
    "a missing extra": ("rank indexed train.spacy -o old.jsonl --plot new.png", "S110", "pip install"),
    "the review page without its extra": ("review indexed --issues issues.jsonl", "S180", "pip install"),
    "a cluster without its extra": ("index model train.spacy new --scheduler tcp://there:1", "S080", "pip install"),
    "a port in use": ("review indexed --issues issues.jsonl --port {port}", "S184", "Choose another with --port"),
    "a GPU that is not there": ("explain indexed 'Ada left .' --gpu-id 77", "S259", "Leave --gpu-id out"),
    "a corpus of another language": ("index model chinese.spacy new", "S045", "Name the corpus that it was trained on"),
    "a corpus without annotation": ("index model unlabelled.spacy new", "S041", "converted with labels"),
    "an empty development corpus": ("index model train.spacy new --dev empty.spacy", "S041", "converted with labels"),
    "another corpus than that of the index": ("rank indexed dev.spacy -o old.jsonl", "S212", "seginf index"),
    "a corpus in a format of its own": ("apply corpus.xyz new.xyz decisions.jsonl", "S200", "--format"),
    "a corpus that is no corpus": ("index model rubbish.spacy new", "S042", "seginf convert"),
    "decisions of another corpus": ("apply dev.spacy new.spacy decisions.jsonl", "S316", "None of the documents"),
    "decisions that the index does not have": ("preview indexed strange.jsonl 'Ada left .'", "S275", "leave them out"),
    "an output that exists": ("index model train.spacy folder", "S043", "--force"),
    "an output that is something else": ("index model train.spacy folder --force", "S046", "Name the folder"),
    "an output that is the input": ("convert train.spacy train.spacy", "S219", "Name another file"),
    "an output inside of what is replaced": ("index folder/model train.spacy folder --force", "S046", "this command"),
    "an output that is a folder": ("explain indexed dev.spacy --html folder", "S262", "Name another file"),
    "an output below a file": ("rank indexed train.spacy -o old.jsonl/issues.jsonl", "S208", "choose another ranking"),
    "a corrected corpus that exists": ("apply train.spacy old.spacy decisions.jsonl", "S204", "choose another output"),
    "a ranking in the place of something else": ("rank indexed train.spacy -o old.txt", "S219", "Name another file"),
    "a text where a corpus is asked for": (
        "explain indexed dev.spacy --errors --html dev.spacy",
        "S219",
        "Name another",
    ),
    "a corpus where a text is asked for": ("flip indexed dev.spacy", "S278", "Give its words"),
    "a penalty that is none": ("verify indexed 'Ada left .' --l2 -1", "S050", "Give a positive --l2"),
    "a test corpus that is not there": (
        "loop indexed train.spacy new --test tset.spacy --truth train.spacy",
        "S040",
        "",
    ),
    "neither truth nor decisions": ("loop indexed train.spacy new --test dev.spacy", "S218", "--truth or --decisions"),
    "a config that is not there": (
        "evaluate indexed dev.spacy new --config methods.cgf",
        "S040",
        "is methods.cfg meant",
    ),
    "a method that the config has not": (
        "evaluate indexed dev.spacy new --config methods.cfg --methods exakt --no-plots",
        "S100",
        "did you mean 'exact'?",
    ),
    "more folds than documents": (
        "crossfit model/config.cfg train.spacy new --folds 99",
        "S294",
        "Choose from 2",
    ),
    "a refit without an index": (
        "apply train.spacy new.spacy decisions.jsonl --refit model new",
        "S030",
        "seginf index",
    ),
}
WITHOUT = {"S110": "matplotlib.figure", "S180": "spacy_seginf.review.serving", "S080": "distributed"}


@pytest.fixture(scope="module")
def place(exact_path, model_path, corpus_path, tmp_path_factory):
    """A folder with what the commands name."""
    folder = tmp_path_factory.mktemp("mistakes")
    shutil.copytree(exact_path, folder / "indexed")
    shutil.copytree(model_path, folder / "model")
    shutil.copytree(exact_path, folder / "old")
    manifest = folder / "old" / "influence" / "index" / "manifest.json"
    manifest.write_text(json.dumps({**json.loads(manifest.read_text()), "format_version": 1}))
    shutil.copytree(model_path, folder / "folder" / "model")
    (folder / "folder" / "notes.txt").write_text(OLD)
    nlp = spacy.blank("en")
    nlp.add_pipe("sentencizer")
    nlp.to_disk(folder / "blank")
    nlp.config.to_disk(folder / "tagger.cfg")
    (folder / "methods.cfg").write_text('[methods]\n\n[methods.exact]\n@misc = "spacy_seginf.SegmentInfluence.v1"\n')
    shutil.copy(corpus_path, folder / "train.spacy")
    docs = list(DocBin(store_user_data=True).from_disk(corpus_path).get_docs(nlp.vocab))
    for doc in docs:
        doc.user_data["id"] = f"dev-{doc.user_data['id']}"
    DocBin(docs=docs[:5], store_user_data=True).to_disk(folder / "dev.spacy")
    words, blanks = ["张", "三", "来", "了"], [False] * 4
    chinese = Doc(nlp.vocab, words=words, spaces=blanks, ents=["B-人", "I-人", "O", "O"])
    DocBin(docs=[chinese]).to_disk(folder / "chinese.spacy")
    DocBin(docs=[Doc(nlp.vocab, words=words, spaces=blanks)]).to_disk(folder / "unlabelled.spacy")
    DocBin(docs=[]).to_disk(folder / "empty.spacy")
    (folder / "rubbish.spacy").write_bytes(bytes(range(256)))
    (folder / "corpus.xyz").write_text("Ada B-PER\n")
    for name in ("old.spacy", "old.txt"):
        (folder / name).write_text(OLD)
    code, printed = run("seginf", "rank", folder / "indexed", folder / "train.spacy", "-o", folder / "issues.jsonl")
    assert code == 0, printed
    shutil.copy(folder / "issues.jsonl", folder / "old.jsonl")
    found = next(doc for doc in DocBin(store_user_data=True).from_disk(corpus_path).get_docs(nlp.vocab) if doc.ents)
    ent, name = found.ents[0], found.user_data["id"]
    now = Entity(ent.start, ent.end, ent.label_)
    words = {"decisions": tuple(token.text for token in ent), "strange": tuple("?" for _ in ent)}
    for file, said in words.items():
        wanted = (Entity(ent.start, ent.end, "LOC" if ent.label_ != "LOC" else "ORG"),)
        one = Decision(f"{name}-1", name, ent.start, ent.end, said, (now,), "label", wanted, "ann")
        (folder / f"{file}.jsonl").write_text(decision_line(one), encoding="utf8")
    return folder


def contents(folder):
    return {path: path.read_bytes() for path in folder.rglob("*") if path.is_file()}


@pytest.fixture
def no_work(monkeypatch):
    """Refuse to encode, to fit, to ask a head and to train."""

    def entered(*arguments, **settings):
        pytest.fail("work has begun")

    for name in ("predict", "begin_update", "__call__"):
        monkeypatch.setattr(Model, name, entered)
    for name in ("emissions", "marginals", "losses", "decode"):
        monkeypatch.setattr(Head, name, entered)
    monkeypatch.setattr(training.subprocess, "run", entered)  # a training is a process


@pytest.mark.parametrize("name", MISTAKES)
def test_it_is_answered_before_any_work(name, place, no_work, monkeypatch):
    command, code, cure = MISTAKES[name]
    monkeypatch.chdir(place)
    monkeypatch.setattr("webbrowser.open", lambda address: pytest.fail("the browser was opened"))
    if code in WITHOUT:
        monkeypatch.setitem(sys.modules, WITHOUT[code], None)
    before = contents(place)
    with socket.socket() as listening:
        listening.bind(("127.0.0.1", 0))
        listening.listen()
        arguments = command.format(port=listening.getsockname()[1])
        result, printed = run("seginf", *shlex.split(arguments), words_only=False)
    lines = [line for line in printed.splitlines() if line.strip()]
    assert result == 1, printed
    assert f"[{code}]" in lines[-1] and cure in lines[-1], printed
    assert len([line for line in lines if "[S" in line]) == 1, printed
    assert contents(place) == before
    assert "Traceback" not in printed


@pytest.mark.parametrize(
    "command",
    [
        ("explain", "indexed", "Ada left ."),
        ("rank", "indexed", "train.spacy", "-o", "new.jsonl"),
        ("index", "model", "train.spacy", "new"),
        ("loop", "indexed", "train.spacy", "new", "--test", "dev.spacy", "--decisions", "decisions.jsonl"),
    ],
)
def test_work_is_noticed(command, place, no_work, monkeypatch):
    """Commands without a mistake come to what the test above refuses."""
    monkeypatch.chdir(place)
    with pytest.raises(pytest.fail.Exception, match="work has begun"):
        run("seginf", *command)
