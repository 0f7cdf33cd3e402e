"""The index holds what training saw: its reader is used, with all settings, also one of another package."""

import warnings

import pytest
import spacy
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus, Example

from spacy_seginf.api.index import build_index as index
from spacy_seginf.tagger.corpus import judging_texts, read_corpus, read_judging
from spacy_seginf.tagger.readers import DEVELOPMENT, OTHER, ForeignReader, training_reader

from ..conftest import copy_pipeline, make_examples

TEXTS = [
    "[Ada Lind]/PER slept . [Tarnby]/LOC is far . Nobody met [Ada Lind]/PER .",
    "It rained .",
    "[Veltra]/ORG fell .",
    "It rained .",
    "[Osted]/LOC voted . It rained . [Tarnby]/LOC did too .",
]


def save(path, nlp, texts=TEXTS, sentences=True, words=None):
    docs = []
    for number, example in enumerate(make_examples(texts, nlp.vocab)):
        doc = example.reference
        if sentences:
            for token in doc:
                token.is_sent_start = token.i == 0 or doc[token.i - 1].text == "."
        doc.user_data["id"] = f"text-{number}"
        docs.append(doc)
    DocBin(docs=docs, store_user_data=True).to_disk(path)
    return path


@pytest.fixture
def nlp():
    blank = spacy.blank("en")
    blank.config["corpora"] = {}
    return blank


@pytest.fixture
def path(nlp, tmp_path):
    return save(tmp_path / "train.spacy", nlp)


def configure(nlp, section="train", **block):
    defaults = {"path": None, "gold_preproc": False, "max_length": 0, "limit": 0, "augmenter": None}
    own = block if not block.get("@readers", "spacy.Corpus.v1").startswith("spacy.") else {**defaults, **block}
    corpora = {**nlp.config["corpora"], section: {"@readers": "spacy.Corpus.v1", **own}}
    nlp.config["corpora"] = corpora


def places(texts):
    return [(text.identifier, text.first_token, len(text.example.predicted)) for text in texts]


def by_spacy(nlp, path, **settings):
    """What training sees, by spaCy's own iteration."""
    return [[token.text for token in example.predicted] for example in Corpus(path, **settings)(nlp)]


@pytest.mark.parametrize(
    "settings",
    [{"limit": 2}, {"max_length": 5}, {"max_length": 8, "limit": 4}, {"gold_preproc": True}, {"limit": 99}, {}],
)
@pytest.mark.filterwarnings("ignore::UserWarning")
def test_all_settings_of_spacys_reader_hold(nlp, path, settings):
    configure(nlp, **settings)
    texts = read_corpus(nlp, path)
    assert [[token.text for token in text.example.predicted] for text in texts] == by_spacy(nlp, path, **settings)
    docs = {doc.user_data["id"]: doc for doc in DocBin().from_disk(path).get_docs(nlp.vocab)}
    for text in texts:
        words = [token.text for token in text.example.reference]
        whole = [token.text for token in docs[text.identifier]]
        assert whole[text.first_token : text.first_token + len(words)] == words


def test_documents_that_training_did_not_see_are_told(nlp, path):
    configure(nlp, limit=2)
    with pytest.warns(UserWarning, match=r"W002.*3 of the 5 documents.*train\.spacy.*limit"):
        assert places(read_corpus(nlp, path)) == [("text-0", 0, 13), ("text-1", 0, 3)]
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        assert len(read_corpus(nlp, path, role=OTHER)) == 5, "what was not in training has no limit"


def test_the_development_corpus_has_a_reader_of_its_own(nlp, path):
    configure(nlp, limit=1)
    configure(nlp, "dev", limit=3)
    with pytest.warns(UserWarning, match="W002"):
        assert len(read_corpus(nlp, path, role=DEVELOPMENT)) == 3
    nlp.config["training"]["dev_corpus"] = "corpora.mine"
    configure(nlp, "mine", max_length=0)
    assert len(read_corpus(nlp, path, role=DEVELOPMENT)) == 5


def test_augmenters_are_left_out_and_told(nlp, path):
    configure(nlp, augmenter={"@augmenters": "spacy.lower_case.v1", "level": 1.0})
    with pytest.warns(UserWarning, match=r"W060.*spacy\.Corpus\.v1.*augmenter"):
        texts = read_corpus(nlp, path)
    assert texts[0].example.predicted[0].text == "Ada"


def reader(function, name):
    """Register a reader of another package."""
    spacy.registry.readers(name)(function)
    return name


def min_length(path, min_length):
    """As many packages have one: it leaves out short texts."""

    def read(nlp):
        for doc in reversed(list(DocBin().from_disk(path).get_docs(nlp.vocab))):
            if len(doc) >= min_length:
                yield Example(nlp.make_doc(doc.text), doc)

    return read


def sentence_pairs(path):
    def read(nlp):
        for doc in DocBin().from_disk(path).get_docs(nlp.vocab):
            for sentence in doc.sents:
                part = sentence.as_doc()
                yield Example(Doc(nlp.vocab, words=[token.text for token in part]), part)

    return read


def changing(path):
    def read(nlp):
        yield Example.from_dict(nlp.make_doc("Somebody else ."), {"entities": []})

    return read


def endless(path):
    def read(nlp):
        while True:
            yield from min_length(path, 0)(nlp)

    return read


@pytest.mark.filterwarnings("ignore::UserWarning")
def test_readers_of_other_packages_are_used(nlp, path):
    configure(nlp, **{"@readers": reader(min_length, "tests.MinLength.v1"), "path": "elsewhere", "min_length": 4})
    assert places(read_corpus(nlp, path)) == [("text-4", 0, 10), ("text-0", 0, 13)]
    configure(nlp, **{"@readers": reader(min_length, "tests.MinLength.v1"), "path": "elsewhere", "min_length": 3})
    assert [text.identifier for text in read_corpus(nlp, path)][:2] == ["text-4", "text-3"]
    configure(nlp, **{"@readers": reader(sentence_pairs, "tests.Sentences.v1"), "path": "elsewhere"})
    assert places(read_corpus(nlp, path)) == [
        *(("text-0", 0, 4), ("text-0", 4, 4), ("text-0", 8, 5)),
        *(("text-1", 0, 3), ("text-2", 0, 3), ("text-3", 0, 3)),
        *(("text-4", 0, 3), ("text-4", 3, 3), ("text-4", 6, 4)),
    ]
    assert isinstance(training_reader(nlp, path), ForeignReader)


@pytest.mark.parametrize("make,problem", [(changing, "changes texts"), (endless, "more than")])
def test_readers_that_cant_be_followed_are_refused(nlp, path, make, problem):
    configure(nlp, **{"@readers": reader(make, f"tests.{make.__name__}.v1"), "path": "elsewhere"})
    with pytest.raises(ValueError, match=rf"S047.*tests\.{make.__name__}\.v1.*train\.spacy.*{problem}"):
        read_corpus(nlp, path)


def test_readers_that_cant_be_made_are_refused(nlp, path):
    configure(nlp, **{"@readers": "nobody.Has.v1", "path": "elsewhere"})
    with pytest.raises(ValueError, match=r"S047.*nobody\.Has\.v1"):
        read_corpus(nlp, path)
    configure(nlp, **{"@readers": reader(min_length, "tests.MinLength.v1"), "path": "elsewhere"})
    with pytest.raises(ValueError, match=r"S047.*min_length"):
        read_corpus(nlp, path)


def test_one_reader_for_all_corpora(nlp, path):
    """spaCy also takes a [corpora] block that is a reader of several corpora; it can't be pointed to a file."""

    def both(folder):
        return {"train": lambda nlp: [], "dev": lambda nlp: []}

    nlp.config["corpora"] = {"@readers": reader(both, "tests.Both.v1"), "folder": "elsewhere"}
    with pytest.raises(ValueError, match=r"S047.*tests\.Both\.v1"):
        read_corpus(nlp, path)


def test_the_index_holds_what_training_saw(tagger_nlp, tmp_path):
    nlp = copy_pipeline(tagger_nlp)
    configure(nlp, limit=3)
    nlp.to_disk(tmp_path / "model")
    corpus = save(tmp_path / "train.spacy", nlp)
    with pytest.warns(UserWarning, match="W002"):
        report = index(str(tmp_path / "model"), corpus, tmp_path / "indexed", l2=1.0)
    assert report.documents == 3


def test_labels_that_only_the_development_corpus_has(tagger_nlp, tmp_path):
    nlp = copy_pipeline(tagger_nlp)
    nlp.to_disk(tmp_path / "model")
    corpus = save(tmp_path / "train.spacy", nlp)
    dev = save(tmp_path / "dev.spacy", nlp, ["[Ada Lind]/PER won the [Cup]/EVENT .", "[Gold]/EVENT [Cup]/EVENT ."])
    with pytest.warns(UserWarning, match=r"W061.*dev\.spacy.*EVENT \(3\)"):
        report = index(str(tmp_path / "model"), corpus, tmp_path / "indexed", dev=dev)
    assert report.documents == 5
    with pytest.raises(ValueError, match="S003"):
        index(str(tmp_path / "model"), dev, tmp_path / "other", l2=1.0)
    tagger = nlp.get_pipe("crf_tagger")
    with pytest.warns(UserWarning, match="W061"):
        texts = read_judging(nlp, tagger, dev)
    assert [token.ent_iob_ for token in texts[0].example.reference] == ["B", "I", "O", "O", "", "O"]
    assert tagger.allowed_tags(texts[0].example)[4].all()
    whole = read_corpus(nlp, corpus)
    assert judging_texts(tagger, whole, corpus) == whole


def test_a_folder_is_all_its_files(tmp_path):
    nlp = spacy.blank("en")
    (tmp_path / "parts" / "more").mkdir(parents=True)
    for number, name in enumerate(["b.spacy", "a.spacy", "more/c.spacy"]):
        doc = Doc(nlp.vocab, words=[f"word{number}"], ents=["B-PER"])
        DocBin(docs=[doc]).to_disk(tmp_path / "parts" / name)
    texts = read_corpus(nlp, tmp_path / "parts")
    assert [text.example.reference.text.strip() for text in texts] == ["word1", "word0", "word2"]
    assert [text.identifier for text in texts] == ["parts:1", "parts:2", "parts:3"]
    (tmp_path / "parts" / "a.spacy").write_bytes(b"x")
    with pytest.raises(ValueError, match=r"\[S042\] .*a\.spacy"):
        read_corpus(nlp, tmp_path / "parts")
    (tmp_path / "none").mkdir()
    with pytest.raises(ValueError, match=r"\[S042\] .*none"):
        read_corpus(nlp, tmp_path / "none")
