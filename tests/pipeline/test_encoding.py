"""A second reading of a document finds the features that the pipeline found, whatever its tokens carry."""

import numpy
import pytest
import spacy
from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Example
from spacy.util import fix_random_seed

from spacy_seginf.curation.texts import trusted_texts
from spacy_seginf.evaluation.problem import decoded
from spacy_seginf.explanation.method_explainer import IndexedDocs
from spacy_seginf.indexing.shard_tasks import pack_docs, unpack_docs
from spacy_seginf.tagger.corpus import read_corpus
from spacy_seginf.tagger.encoding import bare_copy, encode, example_of, own_norms, read_as, run_before, set_norms
from spacy_seginf.tagger.head import head_of

from ..conftest import TINY_TOK2VEC

TEXTS = {
    "en": [
        "I'm sure they won't, isn't it? See https://a.example/b?c=d.",
        "Mr. O'Hara left in Jan. at 5p.m., didn't he?",
    ],
    "de": ["Das ist z.B. Dr. Huber, s. www.huber.example!", "Wie geht's dir? Am 3. Jan. um 5 Uhr"],
    "fr": ["Aujourd'hui, l'abbé M. Dupont n'est pas là.", "Voir https://a.example/x, c'est-à-dire p. 5"],
    "ar": ["ذهب د. سامي إلى المدرسة.", "انظر https://a.example/ب الآن"],
    "zh": ["他在北京工作。", "见 https://a.example/b 吧"],
}
# An encoder that reads everything that tokens may carry.
ATTRIBUTES = ["NORM", "PREFIX", "SUFFIX", "SHAPE", "SPACY", "TAG", "LEMMA", "POS", "SENT_START", "DEP", "ENT_TYPE"]
MODEL = {
    "@architectures": "spacy_seginf.CRFTagger.v1",
    "tok2vec": {
        "@architectures": "spacy.Tok2Vec.v2",
        "embed": {
            "@architectures": "spacy.MultiHashEmbed.v2",
            "width": 16,
            "attrs": ATTRIBUTES,
            "rows": [200] * len(ATTRIBUTES),
            "include_static_vectors": False,
        },
        "encode": {
            "@architectures": "spacy.MaxoutWindowEncoder.v2",
            "width": 16,
            "depth": 1,
            "window_size": 1,
            "maxout_pieces": 2,
        },
    },
}


@Language.component("tests_upper_lemmas", assigns=["token.lemma", "token.tag"])
def upper_lemmas(doc):
    """A component before the tagger that the encoder depends on."""
    for token in doc:
        token.lemma_ = token.text.upper()
        token.tag_ = f"T{len(token) % 3}"
    return doc


@Language.component("tests_lemmas_undone", assigns=["token.lemma", "token.norm"])
def lemmas_undone(doc):
    """A component after the tagger that changes what the encoder has read."""
    for token in doc:
        token.lemma_ = token.norm_ = "changed"
    return doc


def annotated(nlp, text):
    doc = nlp.make_doc(text)
    doc.set_ents([doc[1:2].__class__(doc, 1, 2, label="A")] if len(doc) > 1 else [], default="outside")
    return doc


def make_nlp(lang, components=False):
    fix_random_seed(0)
    nlp = spacy.blank(lang)
    if components:
        nlp.add_pipe("tests_upper_lemmas")
        nlp.add_pipe("sentencizer")
    nlp.add_pipe("crf_tagger", config={"model": MODEL if components else {**MODEL, "tok2vec": TINY_TOK2VEC}})
    nlp.initialize(lambda: [example_of(nlp, annotated(nlp, text)) for text in TEXTS[lang]])
    if components:
        nlp.add_pipe("tests_lemmas_undone")
        ruler = nlp.add_pipe("attribute_ruler")
        ruler.add([[{"IS_ALPHA": True}]], {"POS": "X"})
    return nlp


def features_of(nlp, docs):
    """What the pipeline itself reads."""
    tagger = nlp.get_pipe("crf_tagger")
    return [numpy.array(rows) for rows in encode(nlp, tagger, docs)]


def assert_same(found, expected):
    assert len(found) == len(expected)
    for rows, wanted in zip(found, expected):
        numpy.testing.assert_allclose(rows, wanted, atol=1e-6)


@pytest.mark.parametrize("components", [False, True])
@pytest.mark.parametrize("lang", list(TEXTS))
def test_all_readings_are_the_pipelines(lang, components, tmp_path):
    nlp = make_nlp(lang, components)
    tagger = nlp.get_pipe("crf_tagger")
    expected = features_of(nlp, [nlp.make_doc(text) for text in TEXTS[lang]])
    processed = list(nlp.pipe(TEXTS[lang]))
    assert_same(features_of(nlp, [bare_copy(nlp, doc) for doc in processed]), expected)
    twice = [bare_copy(nlp, bare_copy(nlp, doc)) for doc in processed]
    assert_same(features_of(nlp, twice), expected)
    gold = [annotated(nlp, text) for text in TEXTS[lang]]
    for doc in gold:
        for token in doc:
            token.lemma_, token.tag_ = "gold", "gold"
        doc[-1].is_sent_start = True
    assert_same(features_of(nlp, [read_as(nlp, doc) for doc in gold]), expected)
    clean = trusted_texts(nlp, gold)
    assert_same([clean.data.features], [numpy.concatenate(expected)])
    assert_same([decoded(nlp, tagger, gold, head_of(tagger.model)).data.features], [numpy.concatenate(expected)])
    DocBin(docs=gold, store_user_data=True).to_disk(tmp_path / "corpus.spacy")
    texts = read_corpus(nlp, tmp_path / "corpus.spacy")
    assert_same(features_of(nlp, [text.example.predicted for text in texts]), expected)
    packed = pack_docs([text.example.predicted for text in read_corpus(nlp, tmp_path / "corpus.spacy")])
    other = make_nlp(lang, components).from_bytes(nlp.to_bytes())
    assert_same(features_of(other, unpack_docs(packed, other.vocab)), expected)


def test_exceptions_of_the_tokenizer_are_tested():
    norms = {norm for text in TEXTS["en"] for _, norm in own_norms(spacy.blank("en").make_doc(text))}
    assert {"not", "am", "will"} & norms and "January" in norms


def test_documents_that_came_annotated_keep_what_no_component_sets():
    nlp = make_nlp("en")
    doc = Doc(nlp.vocab, words=["do", "n't", "go"], spaces=[False, True, False], lemmas=["do", "not", "go"])
    doc[1].norm_, doc[2].is_sent_start, doc[0].tag_ = "NOT!", True, "VB"
    doc[0].set_morph("Number=Sing")
    doc.user_data["mine"] = 3
    doc.ents = [doc[0:1].__class__(doc, 0, 1, label="A")]
    copy = bare_copy(nlp, nlp(doc))
    assert [token.norm_ for token in copy] == [token.norm_ for token in doc]
    assert [token.lemma_ for token in copy] == ["do", "not", "go"]
    assert copy[0].tag_ == "VB" and copy[2].is_sent_start and str(copy[0].morph) == "Number=Sing"
    assert copy.user_data["mine"] == 3 and copy.text == doc.text
    assert not copy.ents and not copy.has_annotation("ENT_IOB"), "entities are what is asked for"
    unknown = Doc(nlp.vocab, words=["do", "n't"])
    assert bare_copy(nlp, unknown).has_unknown_spaces
    parsed = Doc(nlp.vocab, words=["He", "ran"], heads=[1, 1], deps=["nsubj", "ROOT"])
    assert [token.head.i for token in bare_copy(nlp, parsed)] == [1, 1]
    elsewhere = Doc(spacy.blank("en").vocab, words=["odd"], lemmas=["strangelemma"], deps=["strangedep"], heads=[0])
    assert bare_copy(nlp, elsewhere)[0].lemma_ == "strangelemma" and bare_copy(nlp, elsewhere)[0].dep_ == "strangedep"
    assert len(bare_copy(nlp, nlp.make_doc(""))) == 0


def test_corpora_with_other_tokens_keep_them():
    nlp = make_nlp("en")
    other = Doc(nlp.vocab, words=["can't", "go"], spaces=[True, False], ents=["O", "B-A"])
    assert [token.text for token in read_as(nlp, other)] == ["can't", "go"]
    words = Doc(nlp.vocab, words=["ca", "n't"])  # spaces unknown: readers keep words
    assert [token.norm_ for token in read_as(nlp, words)] == [nlp.vocab[word].norm_ for word in ("ca", "n't")]
    example = example_of(nlp, other)
    assert isinstance(example, Example) and not example.predicted.ents


def test_norms_are_told_apart_from_those_of_words():
    nlp = spacy.blank("en")
    doc = nlp.make_doc("They don't.")
    assert ("not" in dict(own_norms(doc)).values()) and len(own_norms(doc)) < len(doc)
    bare = Doc(nlp.vocab, words=[token.text for token in doc])
    assert not own_norms(bare)
    set_norms(bare, own_norms(doc))
    assert [token.norm_ for token in bare] == [token.norm_ for token in doc]


def test_documents_of_an_index_are_read_again_as_they_were(tmp_path):
    from spacy_seginf.api.index import build_index as index

    nlp = make_nlp("en")
    gold = [annotated(nlp, text) for text in TEXTS["en"]]
    gold += [Doc(nlp.vocab, words=["I", "do", "n't"], ents=["O", "O", "B-A"])]  # spaces unknown, norms those of words
    DocBin(docs=gold, store_user_data=True).to_disk(tmp_path / "train.spacy")
    nlp.to_disk(tmp_path / "model")
    index(str(tmp_path / "model"), tmp_path / "train.spacy", tmp_path / "indexed", l2=1.0, dtype="float32")
    indexed = spacy.load(tmp_path / "indexed")
    influence = indexed.get_pipe("influence")
    docs = list(IndexedDocs(influence.index, indexed.vocab))
    found = features_of(
        indexed, run_before(indexed, influence.find_tagger(), [bare_copy(indexed, doc) for doc in docs])
    )
    numpy.testing.assert_allclose(numpy.concatenate(found), influence.index.data.features, atol=1e-6)
    for text in TEXTS["en"]:
        doc = indexed(text)
        for token in doc:
            again = influence.explain(doc, token)
            if not token.ent_type:
                assert again.probability == pytest.approx(token._.influencers.probability, rel=1e-4)
