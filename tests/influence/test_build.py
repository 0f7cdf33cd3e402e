"""Building an index directly from examples."""

from __future__ import annotations

import shutil

import pytest
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from spacy_seginf.index.index import Index
from spacy_seginf.indexing.build import IN_PROCESS, compute_index
from spacy_seginf.settings import IndexSettings
from spacy_seginf.tagger.corpus import TrainingText, read_corpus

from ..conftest import copy_pipeline, make_examples
from .fixtures import EXACT, PAPER_BUILD


@pytest.fixture(params=[PAPER_BUILD, EXACT, IndexSettings()], ids=["paper", "exact", "default"])
def build(request):
    """Build an index for a copy of a pipeline, as a refit changes its head."""

    def run(nlp, texts, folder, **settings):
        return compute_index(copy_pipeline(nlp), "crf_tagger", texts, folder, settings=request.param, **settings)

    return run


def wrapped(examples):
    return [TrainingText(example, str(example.reference.user_data.get("id", "doc"))) for example in examples]


def save(path, docs):
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


def sentence_doc(vocab, sentences, **user_data):
    words = [word for sentence in sentences for word in sentence]
    starts = [number == 0 for sentence in sentences for number in range(len(sentence))]
    doc = Doc(vocab, words=words, ents=["O"] * len(words), sent_starts=starts)
    doc.user_data.update(user_data)
    return doc


def test_documents_without_ids_are_numbered_by_their_place_in_the_file(unsure_nlp, build, tmp_path):
    vocab = unsure_nlp.vocab
    docs = [Doc(vocab, words=["Hello"], ents=["O"]), *(Doc(vocab) for _ in range(150))]
    docs += [Doc(vocab, words=["Good", "bye"], ents=["O", "O"]), Doc(vocab)]
    texts = read_corpus(unsure_nlp, save(tmp_path / "gaps.spacy", docs))
    report = build(unsure_nlp, texts, tmp_path / "index", corpus="gaps.spacy")
    index = Index(tmp_path / "index")
    assert {index.tokens.place(row) for row in range(len(index.tokens))} == {
        ("gaps:1", 0),
        ("gaps:152", 0),
        ("gaps:152", 1),
    }
    assert (report.rows, report.tokens) == (3, 3)
    words = {
        index.tokens.reference(row)["text"]: index.tokens.reference(row)["context"] for row in range(len(index.tokens))
    }
    assert words == {"Hello": "Hello", "Good": "Good bye", "bye": "Good bye"}


def with_settings(nlp, **settings):
    """Give a pipeline the [corpora] and [training] blocks of a config that trained it."""
    changed = copy_pipeline(nlp)
    config = changed.config.copy()
    reader = {"@readers": "spacy.Corpus.v1", "path": None, **settings.get("reader", {})}
    config["corpora"] = {"train": reader}
    config["training"]["train_corpus"] = "corpora.train"
    config["training"]["batcher"] = settings.get("batcher")
    changed.config = config
    return changed


@pytest.mark.parametrize("reader", [{"max_length": 4}, {"gold_preproc": True}])
def test_sentences_of_split_documents_keep_the_document_and_its_offsets(unsure_nlp, build, tmp_path, reader):
    nlp = with_settings(unsure_nlp, reader=reader)
    docs = [
        sentence_doc(nlp.vocab, [["Rain", "fell", "."], ["Bo", "left", "."]], id="split"),
        sentence_doc(nlp.vocab, [["Short", "."]], id="short"),
    ]
    texts = read_corpus(nlp, save(tmp_path / "corpus.spacy", docs))
    assert [(text.identifier, text.first_token) for text in texts] == [("split", 0), ("split", 3), ("short", 0)]
    build(nlp, texts, tmp_path / "index")
    index = Index(tmp_path / "index")
    found = {index.tokens.reference(row)["text"]: index.tokens.place(row) for row in range(len(index.tokens))}
    assert found["Bo"] == ("split", 3)
    assert found["Rain"] == ("split", 0)
    assert found["Short"] == ("short", 0)


def test_a_long_sentence_between_short_ones(unsure_nlp, tmp_path):
    nlp = with_settings(unsure_nlp, reader={"max_length": 4})
    docs = [sentence_doc(nlp.vocab, [["Hi", "."], ["a", "b", "c", "d", "e"], ["Bo", "left", "."]], id="gap")]
    texts = read_corpus(nlp, save(tmp_path / "corpus.spacy", docs))
    assert [text.first_token for text in texts] == [0, 7]


@pytest.mark.parametrize(
    "settings",
    [
        {"reader": {"max_length": 5}},
        {"batcher": {"@batchers": "spacy.batch_by_words.v1", "size": 4, "tolerance": 0.2, "discard_oversize": True}},
        {"batcher": {"@batchers": "spacy.batch_by_padded.v1", "size": 4, "buffer": 8, "discard_oversize": True}},
    ],
)
def test_documents_that_training_never_saw_are_left_out(unsure_nlp, tmp_path, settings):
    nlp = with_settings(unsure_nlp, **settings)
    docs = [Doc(nlp.vocab, words=["w"] * length, ents=["O"] * length) for length in (4, 9, 3)]
    with pytest.warns(UserWarning, match=r"\[W002\] 1 of the 3"):
        texts = read_corpus(nlp, save(tmp_path / "corpus.spacy", docs))
    assert [text.identifier for text in texts] == ["corpus:1", "corpus:3"]


def test_no_token_with_a_label(unsure_nlp, build, tmp_path):
    """The only label is misaligned with the tokens that the pipeline makes of the text."""
    doc = Doc(unsure_nlp.vocab, words=["Ad", "a"], spaces=[False, False])
    doc.set_ents([Span(doc, 0, 1, label="PER")], default="missing")
    texts = read_corpus(unsure_nlp, save(tmp_path / "corpus.spacy", [doc]))
    with pytest.raises(ValueError, match=r"\[S041\]"):
        build(unsure_nlp, texts, tmp_path / "index", corpus="corpus.spacy")


def test_a_build_that_fails_half_way_leaves_no_manifest(unsure_nlp, build, tmp_path):
    examples = make_examples(["[Ada]/PER left ."] * 100 + ["[Monday]/DATE came ."], unsure_nlp.vocab)
    with pytest.raises(ValueError, match=r"\[S003\].*'DATE'"):
        build(unsure_nlp, wrapped(examples), tmp_path)
    assert not (tmp_path / "manifest.json").exists()
    with pytest.raises(ValueError, match=r"\[S030\]"):
        Index(tmp_path)


def test_strange_texts_of_a_corpus(unsure_nlp, build, tmp_path):
    words = ["\U0001d518\U0001d52b\U0001d526", "e\u0301lan", "שלום", "x\u202ey", "a\x00b", "x" * 5000]
    doc = Doc(unsure_nlp.vocab, words=words, ents=["B-PER", "I-PER", "O", "O", "B-ORG", "O"])
    doc.user_data["id"] = "strange \ud83d \u202e"
    example = Example(Doc(unsure_nlp.vocab, words=words), doc)
    build(unsure_nlp, wrapped([example]), tmp_path / "index")
    index = Index(tmp_path / "index")
    for row in range(len(index.tokens)):
        identifier, token = index.tokens.place(row)
        assert identifier == "strange \ud83d \u202e"
        assert index.tokens.reference(row)["text"] == words[token]


def test_no_entity_at_all(unsure_nlp, build, tmp_path):
    """With a strong penalty not even one that might be missing; explanations are then empty, or of tokens."""
    nlp = copy_pipeline(unsure_nlp)
    texts = wrapped(make_examples(["Rain fell .", "Snow fell on Monday ."] * 5, nlp.vocab))
    report = build(nlp, texts, tmp_path / "index")
    index = Index(tmp_path / "index")
    assert len(index.segments) == report.segments == report.missing_entities
    assert len(index.tokens) == 40
    assert all(index.segments.reference(row)["missing"] for row in range(report.segments))


class Progress:
    """A progress bar that remembers what it was told."""

    def __init__(self):
        self.totals, self.counts, self.closed = [], [], 0

    def __call__(self, total):
        self.totals.append(total)
        return self

    def update(self, count):
        self.counts.append(count)

    def close(self):
        self.closed += 1


def test_progress_sees_every_document(unsure_nlp, build, train_examples, tmp_path):
    progress = Progress()
    build(unsure_nlp, wrapped(train_examples), tmp_path / "index", progress=progress)
    assert progress.totals == [len(train_examples)]
    assert sum(progress.counts) == len(train_examples) and min(progress.counts) > 0
    assert progress.closed == 1


def test_read_corpus_keeps_ids_and_annotation(unsure_nlp, corpus_path, train_examples):
    texts = read_corpus(unsure_nlp, corpus_path)
    for text, original in zip(texts, train_examples):
        read = text.example
        assert text.identifier == original.reference.user_data["id"]
        assert read.reference.user_data["id"] == original.reference.user_data["id"]
        assert [(ent.text, ent.label_) for ent in read.reference.ents] == [
            (ent.text, ent.label_) for ent in original.reference.ents
        ]
    assert len(texts) == len(train_examples)


class WorkersThatStay:
    """Workers that outlive a build, in this process."""

    remote = True

    def map(self, function, tasks):
        return map(function, tasks)


def test_workers_that_stay_load_the_pipeline_of_each_build(unsure_nlp, train_examples, tmp_path):
    features = []
    for factor in (1.0, 0.5):
        nlp = copy_pipeline(unsure_nlp)
        for node in nlp.get_pipe("crf_tagger").model.get_ref("tok2vec").walk():
            for name in node.param_names:
                node.set_param(name, factor * node.get_param(name))
        for workers in (IN_PROCESS, WorkersThatStay()):
            folder = tmp_path / "index"
            shutil.rmtree(folder, ignore_errors=True)
            texts = wrapped(train_examples)
            compute_index(nlp, "crf_tagger", texts, folder, settings=PAPER_BUILD, workers=workers)
            features.append(Index(folder).data.features)
    assert (features[0] == features[1]).all()
    assert (features[2] == features[3]).all()
    assert (features[0] != features[2]).any()
