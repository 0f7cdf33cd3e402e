"""`python -m spacy seginf index`: a pipeline and its corpus become an indexed pipeline, or nothing at all."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
import spacy
from spacy.tokens import Doc, DocBin

from spacy_seginf import folders
from spacy_seginf.api.index import build_index as index
from spacy_seginf.explanation import saving
from spacy_seginf.files import exclusive
from spacy_seginf.index.index import Index
from spacy_seginf.indexing import build as building
from spacy_seginf.indexing import shard_tasks

from ..conftest import TINY_MODEL, copy_pipeline, make_examples, make_tagger
from .running import run


def save_corpus(path, docs):
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


def contents(folder):
    """Every file below a folder with its bytes."""
    return {path.relative_to(folder): path.read_bytes() for path in folder.rglob("*") if path.is_file()}


def interrupted(*arguments, **settings):
    raise KeyboardInterrupt


@pytest.fixture(scope="module")
def vocab():
    return spacy.blank("en").vocab


@pytest.fixture(scope="module")
def untrained_path(tmp_path_factory):
    nlp = spacy.blank("en")
    nlp.add_pipe("crf_tagger", config={"model": TINY_MODEL})
    path = tmp_path_factory.mktemp("untrained") / "model"
    nlp.to_disk(path)
    return path


@pytest.mark.parametrize(
    "command,words",
    [
        ([], ["index", "explain"]),
        (["index"], ["model", "corpus", "output", "--dev", "--force", "--gpu-id"]),
        (["explain"], ["pipeline", "text", "--html", "--tokens", "--top"]),
        (["verify"], ["pipeline", "text", "--l2", "--relabel", "--top"]),
    ],
)
def test_help(command, words):
    code, output = run("seginf", *command, "--help")
    assert code == 0
    for word in words:
        assert word in output.lower()


def test_every_annotated_token_is_a_row(indexed_path, train_examples):
    table = Index(indexed_path / "influence" / "index").tokens
    references = {example.reference.user_data["id"]: example.reference for example in train_examples}
    places = {table.place(row): table.reference(row) for row in range(len(table))}
    assert set(places) == {(name, token.i) for name, doc in references.items() for token in doc}
    assert len(table) == sum(len(doc) for doc in references.values())
    for (name, position), reference in places.items():
        token = references[name][position]
        assert reference["text"] == token.text
        assert reference["label"] == (f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O")


def test_report_and_manifest(model_path, corpus_path, train_examples, tmp_path):
    report = index(str(model_path), corpus_path, tmp_path / "out")
    tokens = sum(len(example.reference) for example in train_examples)
    assert (report.documents, report.rows, report.tokens, report.unlabelled) == (30, tokens, tokens, 0)
    manifest = json.loads((tmp_path / "out" / "influence" / "index" / "manifest.json").read_text())
    assert (manifest["corpus"], manifest["tagger"], manifest["scheme"]) == ("train.spacy", "crf_tagger", "BIO")
    assert (manifest["rows"], manifest["documents"]) == (tokens, 30)
    entities = sum(len(example.reference.ents) for example in train_examples)
    assert report.segments == manifest["segments"] == entities + report.missing_entities
    assert (report.curvature, manifest["curvature"], manifest["hessian"]) == ("exact", "exact", "full")
    assert manifest["refit"] and report.refit is not None and report.refit.converged
    assert (report.refit.l2, report.refit.gradient) == (manifest["l2"], manifest["fit_gradient"])
    assert report.refit.corpora["training"].share > 0.9


def test_report_and_manifest_in_the_papers_mode(paper_path, corpus_path, train_examples, tmp_path):
    report = index(str(paper_path), corpus_path, tmp_path / "out")
    manifest = json.loads((tmp_path / "out" / "influence" / "index" / "manifest.json").read_text())
    assert (report.rows, report.refit) == (sum(len(example.reference) for example in train_examples), None)
    assert (report.curvature, manifest["curvature"], manifest["refit"]) == ("identity", "identity", False)


def test_command_line(model_path, corpus_path, tmp_path):
    code, output = run("seginf", "index", model_path, corpus_path, tmp_path / "new" / "out")
    assert code == 0
    assert "entities of 30 documents" in output and "also those of the head that explains" in output
    assert spacy.load(tmp_path / "new" / "out")("Bo left .")._.influencers[0].supporting
    assert [path.name for path in (tmp_path / "new").iterdir()] == ["out"]
    assert run("seginf", "index", model_path, corpus_path, tmp_path / "quiet", "--quiet") == (0, "")


def test_the_pipeline_predicts_what_it_did(model_path, indexed_path):
    texts = ["Ada Lind visited Osted United .", "Shares of Veltra fell in Pelham Bay ."]
    before, after = spacy.load(model_path), spacy.load(indexed_path)
    assert after.pipe_names == ["crf_tagger", "influence"]
    for plain, explained in zip(before.pipe(texts), after.pipe(texts)):
        assert [(ent.text, ent.label_) for ent in plain.ents] == [(ent.text, ent.label_) for ent in explained.ents]


def test_two_builds_are_byte_identical(model_path, corpus_path, tmp_path):
    index(str(model_path), corpus_path, tmp_path / "one")
    index(str(model_path), corpus_path, tmp_path / "two")
    assert contents(tmp_path / "one") == contents(tmp_path / "two")


def test_ids_from_the_corpus_name_and_number(model_path, vocab, tmp_path):
    docs = [example.reference for example in make_examples(["[Ada]/PER left .", "Bo left .", "No ."], vocab)]
    for doc, name in zip(docs, ["mine", None, ""]):
        doc.user_data["id"] = name
    docs.append(Doc(vocab, words=["Yes"], ents=["O"]))
    index(str(model_path), save_corpus(tmp_path / "small.spacy", docs), tmp_path / "out")
    opened = Index(tmp_path / "out" / "influence" / "index")
    names = {opened.tokens.place(row)[0] for row in range(len(opened.tokens))}
    assert names == {"mine", "small:2", "small:3", "small:4"}


def test_missing_labels_are_reported_and_no_rows(model_path, vocab, tmp_path):
    docs = [Doc(vocab, words=["Ada", "left", "."], ents=["B-PER", "", ""]), Doc(vocab, words=["Bo", "left"])]
    corpus = save_corpus(tmp_path / "partial.spacy", docs)
    with pytest.warns(UserWarning, match=r"\[W00[34]\]") as caught:
        report = index(str(model_path), corpus, tmp_path / "out")
    messages = " ".join(str(warning.message) for warning in caught)
    assert f"[W003] 1 documents of {corpus}" in messages
    assert "[W004] 2 tokens of partial.spacy" in messages
    assert (report.rows, report.tokens, report.documents, report.unlabelled) == (1, 3, 1, 2)


def test_documents_that_training_never_saw_are_left_out(unsure_nlp, corpus_path, train_examples, tmp_path):
    nlp = copy_pipeline(unsure_nlp)
    nlp.config["corpora"] = {"train": {"@readers": "spacy.Corpus.v1", "path": "x", "max_length": 8}}
    nlp.to_disk(tmp_path / "model")
    with pytest.warns(UserWarning, match=r"\[W002\] 26 of the 30"):
        report = index(str(tmp_path / "model"), corpus_path, tmp_path / "out")
    # spaCy's reader cuts long documents into sentences where it knows them; these have none.
    assert report.documents == sum(len(example.reference) < 8 for example in train_examples)


def test_settings_come_from_the_config(unsure_nlp, corpus_path, tmp_path):
    nlp = copy_pipeline(unsure_nlp)
    nlp.add_pipe("influence", name="why", config={"top_k": 2, "context": 3})
    nlp.to_disk(tmp_path / "model")
    index(str(tmp_path / "model"), corpus_path, tmp_path / "out")
    loaded = spacy.load(tmp_path / "out")
    assert loaded.pipe_names == ["crf_tagger", "why"]
    assert loaded.config["components"]["why"]["top_k"] == 2
    influencers = loaded("Ada Lind left Tarnby .")._.influencers
    assert max(len(entry.supporting) for entry in influencers) == 2
    assert all(len(ref.context) <= len(ref.text) + 6 for entry in influencers for ref in entry)


def test_an_indexed_pipeline_can_be_indexed_again(indexed_path, vocab, tmp_path):
    shutil.copytree(indexed_path, tmp_path / "model")
    docs = [example.reference for example in make_examples(["[Ada Lind]/PER left ."], vocab)]
    corpus = save_corpus(tmp_path / "other.spacy", docs)
    report = index(str(tmp_path / "model"), corpus, tmp_path / "out")
    assert report.rows == 4
    assert len(Index(tmp_path / "out" / "influence" / "index").tokens) == 4
    index(str(tmp_path / "model"), corpus, tmp_path / "model", force=True)
    assert contents(tmp_path / "model") == contents(tmp_path / "out")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["model", "other.spacy", "out"]


def test_a_pipeline_whose_index_is_damaged_says_so(indexed_path, corpus_path, tmp_path):
    shutil.copytree(indexed_path, tmp_path / "model")
    (tmp_path / "model" / "influence" / "index" / "manifest.json").unlink()
    code, output = run("seginf", "index", tmp_path / "model", corpus_path, tmp_path / "out")
    assert code == 1
    assert "[S030]" in output


def test_existing_output_is_kept_unless_forced(model_path, corpus_path, tmp_path):
    output = tmp_path / "out"
    output.mkdir()
    (output / "meta.json").write_text("{}")
    (output / "precious.txt").write_text("x")
    with pytest.raises(ValueError, match=r"\[S043\].*--force"):
        index(str(model_path), corpus_path, output)
    assert (output / "precious.txt").read_text() == "x"
    index(str(model_path), corpus_path, output, force=True)
    assert not (output / "precious.txt").exists()
    assert spacy.load(output).pipe_names == ["crf_tagger", "influence"]
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


def test_force_replaces_a_link_and_not_what_it_points_to(model_path, corpus_path, tmp_path):
    elsewhere, area = tmp_path / "elsewhere", tmp_path / "area"
    elsewhere.mkdir()
    area.mkdir()
    (elsewhere / "meta.json").write_text("x")
    (area / "out").symlink_to(elsewhere)
    index(str(model_path), corpus_path, area / "out", force=True)
    assert [path.name for path in area.iterdir()] == ["out"]
    assert not (area / "out").is_symlink()
    assert (elsewhere / "meta.json").read_text() == "x"


@pytest.mark.parametrize("kind", ["a file", "a folder of other things", "the folder of the model"])
def test_force_does_not_replace_what_is_no_earlier_result(model_path, corpus_path, tmp_path, kind):
    output = tmp_path / "out"
    model = model_path
    if kind == "a file":
        output.write_text("precious")
    elif kind == "a folder of other things":
        output.mkdir()
        (output / "precious.txt").write_text("x")
    else:
        model = output / "model"
        shutil.copytree(model_path, model)
        (output / "meta.json").write_text("{}")
    before = contents(tmp_path)
    with pytest.raises(ValueError, match=r"\[S046\]"):
        index(str(model), corpus_path, output, force=True)
    assert contents(tmp_path) == before


@pytest.mark.parametrize("output", [".", "new/.."])
def test_an_output_without_a_name_is_refused(model_path, corpus_path, tmp_path, monkeypatch, output):
    monkeypatch.chdir(tmp_path)
    with pytest.raises(ValueError, match=r"\[S046\] The output folder .* has no name of its own"):
        index(str(model_path), corpus_path, Path(output), force=True)
    assert not list(tmp_path.iterdir())


# What is wrong with the input, and the code of the error. Paths are relative to the `inputs` fixture.
FAILURES = {
    "no model": ("nowhere", "good.spacy", "S040"),
    "no corpus": ("model", "nowhere.spacy", "S040"),
    "an empty folder as model": ("folder", "good.spacy", "S040"),
    "text as corpus": ("model", "text.spacy", "S042"),
    "JSON lines as corpus": ("model", "lines.jsonl", "S201"),
    "a broken archive as corpus": ("model", "broken.spacy", "S042"),
    "a truncated corpus": ("model", "truncated.spacy", "S042"),
    "an empty corpus": ("model", "empty.spacy", "S041"),
    "empty documents only": ("model", "hollow.spacy", "S041"),
    "no annotation": ("model", "bare.spacy", "S041"),
    "foreign labels": ("model", "foreign.spacy", "S045"),
    "one unknown label": ("model", "unknown.spacy", "S003"),
    "an untrained tagger": ("untrained", "good.spacy", "S011"),
    "no tagger": ("blank", "good.spacy", "S044"),
    "an influence component before its tagger's name is right": ("lost", "good.spacy", "S023"),
    "an influence component of another kind of tagger": ("wrong", "good.spacy", "S024"),
}


@pytest.fixture(scope="module")
def inputs(model_path, untrained_path, unsure_nlp, corpus_path, tmp_path_factory, vocab):
    folder = tmp_path_factory.mktemp("inputs")
    (folder / "model").symlink_to(model_path)
    (folder / "untrained").symlink_to(untrained_path)
    (folder / "folder").mkdir()
    good = corpus_path.read_bytes()
    (folder / "good.spacy").write_bytes(good)
    (folder / "text.spacy").write_text("Ada B-PER\n")
    (folder / "lines.jsonl").write_text('{"text": "Ada"}\n')
    (folder / "broken.spacy").write_bytes(b"x\x9ck\x00\x00\x00\xc2\x00\xc2")  # zlib of a byte that is no msgpack
    (folder / "truncated.spacy").write_bytes(good[: len(good) // 2])
    save_corpus(folder / "empty.spacy", [])
    save_corpus(folder / "hollow.spacy", [Doc(vocab), Doc(vocab)])
    save_corpus(folder / "bare.spacy", [Doc(vocab, words=["Ada", "left"])])
    foreign = ["[Ada]/Person left ."] * 3
    save_corpus(folder / "foreign.spacy", [example.reference for example in make_examples(foreign, vocab)])
    # The unknown label is in the last of several batches, so rows have been written before it is met.
    unknown = ["[Ada]/PER left ."] * 150 + ["[Monday]/DATE came ."]
    save_corpus(folder / "unknown.spacy", [example.reference for example in make_examples(unknown, vocab)])
    spacy.blank("en").to_disk(folder / "blank")
    for name, tagger in (("lost", "tagger_of_names"), ("wrong", "sentencizer")):
        nlp = copy_pipeline(unsure_nlp)
        nlp.add_pipe("sentencizer")
        nlp.add_pipe("influence", config={"tagger": tagger})
        nlp.to_disk(folder / name)
    return folder


@pytest.mark.parametrize("older", [False, True], ids=["new", "force"])
@pytest.mark.parametrize("case", FAILURES)
@pytest.mark.filterwarnings("ignore")
def test_failures_change_nothing(inputs, tmp_path, case, older):
    model, corpus, expected = FAILURES[case]
    output = tmp_path / "out"
    if older:
        output.mkdir()
        (output / "meta.json").write_text("x")
    before = contents(tmp_path)
    code, printed = run("seginf", "index", inputs / model, inputs / corpus, output, *(["--force"] if older else []))
    assert code == 1
    assert f"[{expected}]" in printed
    assert "Traceback" not in printed
    assert contents(tmp_path) == before
    assert [path.name for path in tmp_path.iterdir()] == (["out"] if older else [])


class Encoder:
    """Counts the documents that are encoded, and may fail at some of the calls."""

    def __init__(self, monkeypatch):
        self._encode, self.documents, self.calls, self.fails_at = shard_tasks.encode, 0, 0, None
        monkeypatch.setattr(shard_tasks, "encode", self)

    def __call__(self, nlp, tagger, docs, *arguments):
        self.calls += 1
        if self.calls == self.fails_at:
            raise KeyboardInterrupt
        self.documents += len(docs)
        return self._encode(nlp, tagger, docs, *arguments)


@pytest.fixture
def encoder(monkeypatch):
    return Encoder(monkeypatch)


@pytest.mark.parametrize("older", [False, True], ids=["new", "force"])
@pytest.mark.parametrize("stage", ["encoding", "explained_head", "head_metric", "write_manifest", "replace_folder"])
def test_an_interrupted_build_goes_on_where_it_stopped(
    model_path, corpus_path, tmp_path, monkeypatch, encoder, stage, older
):
    output, settings = tmp_path / "out", {"shard_tokens": 60, "l2": 1.0}
    if older:
        output.mkdir()
        (output / "meta.json").write_text("x")
    before = contents(output)
    kept = tmp_path / ".out-partial" / "encoded"
    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        if stage == "encoding":
            encoder.fails_at = 3
        else:
            module = saving if stage == "replace_folder" else building
            broken.setattr(module, stage, lambda *arguments, **settings: (_ for _ in ()).throw(KeyboardInterrupt))
        index(str(model_path), corpus_path, output, force=older, **settings)
    encoder.fails_at, first = None, encoder.documents
    assert contents(output) == before
    assert {path.name for path in tmp_path.iterdir()} == ({"out"} if older else set()) | {".out-partial"}
    assert {path.name for path in (tmp_path / ".out-partial").iterdir()} <= {"encoded", ".lock"}
    done = len(list(kept.glob("*/shard.json")))
    assert done == (2 if stage == "encoding" else encoder.calls)
    report = index(str(model_path), corpus_path, output, force=older, **settings)
    assert 0 < first <= encoder.documents == report.documents == 30, "nothing is encoded twice"
    assert [path.name for path in tmp_path.iterdir()] == ["out"]
    index(str(model_path), corpus_path, tmp_path / "at once", **settings)
    assert contents(output) == contents(tmp_path / "at once")


def test_what_is_kept_of_an_interrupted_build_is_named(model_path, corpus_path, tmp_path, monkeypatch, capsys):
    def fail(*arguments, **settings):
        raise ValueError("a plain mistake")

    monkeypatch.setattr(building, "head_metric", fail)
    with pytest.raises(ValueError, match="a plain mistake"):
        index(str(model_path), corpus_path, tmp_path / "out", shard_tokens=60, silent=False)
    shards = len(list((tmp_path / ".out-partial" / "encoded").glob("*/shard.json")))
    kept = f"{shards} encoded shards are kept in {tmp_path / '.out-partial' / 'encoded'}"
    assert kept in " ".join(capsys.readouterr().err.split())


@pytest.mark.parametrize("change", ["text", "label", "encoder", "dtype", "a shorter file", "another byte"])
def test_encoded_shards_are_used_for_the_same_documents_only(
    unsure_nlp, train_examples, tmp_path, monkeypatch, encoder, change
):
    """After an interruption something may be corrected; the result is that of a new build."""
    corpus, output = tmp_path / "corpus.spacy", tmp_path / "out"
    docs = [example.reference.copy() for example in train_examples]
    nlp = copy_pipeline(unsure_nlp)
    nlp.to_disk(tmp_path / "model")
    save_corpus(corpus, docs)
    settings = {"shard_tokens": 60, "l2": 1.0, "dtype": "float32"}
    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(
            building, "explained_head", lambda *arguments, **settings: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        index(str(tmp_path / "model"), corpus, output, **settings)
    assert encoder.documents == 30
    last = docs[-1]
    if change == "text":
        replaced = Doc(last.vocab, words=["Tarnby", *(token.text for token in last[1:])], ents=["B-LOC"] + ["O"] * 4)
        replaced.user_data["id"] = last.user_data["id"]
        docs[-1] = replaced
    elif change == "label":
        last.set_ents([])
    elif change == "encoder":
        node = next(n for n in nlp.get_pipe("crf_tagger").model.get_ref("tok2vec").walk() if n.has_param("W"))
        node.set_param("W", node.get_param("W") * 1.5)
        nlp.to_disk(tmp_path / "model")
    elif change == "dtype":
        settings["dtype"] = "float16"
    else:
        file = next((tmp_path / ".out-partial" / "encoded" / "shard-00000").glob("texts.utf8"))
        file.write_bytes(file.read_bytes()[:-1] + (b"" if change == "a shorter file" else b"\0"))
    save_corpus(corpus, docs)
    index(str(tmp_path / "model"), corpus, output, **settings)
    again = encoder.documents - 30
    assert again == 30 if change in ("encoder", "dtype") else 0 < again < 30
    index(str(tmp_path / "model"), corpus, tmp_path / "new", **settings)
    assert contents(output) == contents(tmp_path / "new")


@pytest.mark.parametrize("shared", [False, True], ids=["own encoder", "upstream encoder"])
def test_encoded_shards_are_used_under_the_same_settings_only(
    train_examples, corpus_path, tmp_path, monkeypatch, encoder, shared
):
    """The other feature has as many parameters, so the encoder's fingerprint stays the same."""
    embed = {"@architectures": "spacy.MultiHashEmbed.v2", "width": 16, "attrs": ["NORM", "PREFIX"]}
    layers = {"@architectures": "spacy.MaxoutWindowEncoder.v2", "width": 16, "depth": 1, "window_size": 1}
    tok2vec = {
        "@architectures": "spacy.Tok2Vec.v2",
        "embed": {**embed, "rows": [200, 200], "include_static_vectors": False},
        "encode": {**layers, "maxout_pieces": 2},
    }
    nlp = spacy.blank("en")
    if shared:
        nlp.add_pipe("tok2vec", config={"model": tok2vec})
        tok2vec = {"@architectures": "spacy.Tok2VecListener.v1", "width": 16, "upstream": "tok2vec"}
    nlp.add_pipe("crf_tagger", config={"model": {**TINY_MODEL, "tok2vec": tok2vec}})
    nlp.initialize(lambda: train_examples)
    model, output, settings = tmp_path / "model", tmp_path / "out", {"shard_tokens": 60, "l2": 1.0}
    nlp.to_disk(model)
    with monkeypatch.context() as broken, pytest.raises(KeyboardInterrupt):
        broken.setattr(
            building, "explained_head", lambda *arguments, **settings: (_ for _ in ()).throw(KeyboardInterrupt)
        )
        index(str(model), corpus_path, output, **settings)
    config = (model / "config.cfg").read_text()
    (model / "config.cfg").write_text(config.replace('"PREFIX"', '"SUFFIX"'))
    index(str(model), corpus_path, output, **settings)
    assert encoder.documents == 60
    index(str(model), corpus_path, tmp_path / "new", **settings)
    assert contents(output) == contents(tmp_path / "new")


def test_another_build_into_the_same_folder(model_path, corpus_path, tmp_path, encoder):
    output = tmp_path / "out"
    with exclusive(tmp_path / ".out-partial"):
        before = contents(tmp_path)
        code, printed = run("seginf", "index", model_path, corpus_path, output)
        assert code == 1 and "[S037]" in printed and "Traceback" not in printed
        assert contents(tmp_path) == before and encoder.calls == 0
        index(str(model_path), corpus_path, tmp_path / "elsewhere")
    index(str(model_path), corpus_path, output)
    assert sorted(path.name for path in tmp_path.iterdir()) == ["elsewhere", "out"]


def test_the_older_output_returns_when_it_cannot_be_replaced(model_path, corpus_path, tmp_path, monkeypatch):
    output = tmp_path / "out"
    output.mkdir()
    (output / "meta.json").write_text("x")
    rename = Path.rename

    def fail_for_the_new_one(self, target):
        if (self / "meta.json").exists() and self.name == "pipeline":
            raise OSError("no space left")
        return rename(self, target)

    monkeypatch.setattr(folders, "exchange", lambda one, other: False)  # as where folders can't be swapped
    monkeypatch.setattr(Path, "rename", fail_for_the_new_one)
    code, printed = run("seginf", "index", model_path, corpus_path, output, "--force")
    assert code == 1
    assert "no space left" in printed
    assert contents(output) == {Path("meta.json"): b"x"}
    assert sorted(path.name for path in tmp_path.iterdir()) == [".out-partial", "out"], "what was encoded is kept"
    monkeypatch.undo()
    index(str(model_path), corpus_path, output, force=True)
    assert [path.name for path in tmp_path.iterdir()] == ["out"]


@pytest.mark.parametrize("scheme", ["IO", "BILUO"])
def test_other_schemes(train_examples, corpus_path, tmp_path, scheme):
    make_tagger(train_examples, steps=3, scheme=scheme).to_disk(tmp_path / "model")
    report = index(str(tmp_path / "model"), corpus_path, tmp_path / "out")
    loaded = spacy.load(tmp_path / "out")
    doc = loaded("Ada Lind left Pelham Bay .")
    assert report.rows == sum(len(example.reference) for example in train_examples)
    labels = {ref.label for entry in doc._.influencers for ref in entry}
    assert {"PER"} < labels <= {"PER", "ORG", "LOC", "O"}
    loaded.get_pipe("influence").unit = "token"
    doc = loaded("Ada Lind left Pelham Bay .")
    prefixes = {ref.label[0] for entry in doc._.influencers for ref in entry}
    assert prefixes <= set("OI" if scheme == "IO" else "OBILU")
    assert len(prefixes) > 1


def test_influence_before_its_tagger(tagger_nlp, corpus_path, tmp_path):
    nlp = copy_pipeline(tagger_nlp)
    nlp.add_pipe("influence", before="crf_tagger")
    nlp.to_disk(tmp_path / "model")
    with pytest.raises(ValueError, match="S026"):
        index(str(tmp_path / "model"), corpus_path, tmp_path / "output")
    assert not (tmp_path / "output").exists()


def test_the_index_travels_in_a_package(model_path, corpus_path, tmp_path):
    index(str(model_path), corpus_path, tmp_path / "indexed")
    (tmp_path / "packages").mkdir()
    code, printed = run(
        "package", tmp_path / "indexed", tmp_path / "packages", "--name", "travelling", "--build", "none"
    )
    assert code == 0, printed
    (packed,) = (tmp_path / "packages").rglob("manifest.json")
    assert contents(packed.parent) == contents(tmp_path / "indexed" / "influence" / "index")
    doc = spacy.load(packed.parents[2])("Ada Lind left Pelham Bay .")
    assert len(doc._.influencers) == len(doc)
