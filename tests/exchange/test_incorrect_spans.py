"""Documents with incorrect spans: spaCy's own ner trains on them, and decisions come back from them."""

from __future__ import annotations

import pytest
import spacy
from spacy import displacy
from spacy.tokens import DocBin, Span
from spacy.training import Example

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.exchange import incorrect_spans

from .making import example, make, ranking_of


@pytest.fixture
def path(tmp_path):
    return tmp_path / "tasks.spacy"


def documents(path):
    return list(DocBin().from_disk(path).get_docs(spacy.blank("xx").vocab))


def save(path, docs):
    DocBin(docs=docs, store_user_data=True).to_disk(path)


def mark(doc, *entities):
    doc.ents = [Span(doc, start, end, label) for start, end, label in entities]


def issue_in(doc, region, suggested, window=None):
    """Make a label issue about a document of the shared corpus."""
    first, last = window or (0, len(doc))
    tokens = doc[first:last]
    entities = [Entity(entity.start, entity.end, entity.label_) for entity in tokens.ents]
    words, spaces = [token.text for token in tokens], [bool(token.whitespace_) for token in tokens]
    return make(words, spaces, entities, region, suggested, first, doc.user_data["id"])


@pytest.fixture
def corpus(train_examples, corpus_path):
    """The documents of the shared corpus, and two issues in the second and one in the sixth."""
    docs = [one.reference for one in train_examples]
    plant, rain = docs[1], docs[5]  # "Norvik Steel opened a plant in Osted . Ada Lind runs it .", "It rained ..."
    issues = [
        issue_in(plant, (6, 7), [Entity(6, 7, "ORG")], (2, 11)),
        issue_in(plant, (0, 2), [], (0, 8)),
        issue_in(rain, (3, 5), [Entity(3, 4, "LOC")]),
    ]
    return docs, issues, corpus_path


def test_windows(path):
    incorrect_spans.write(ranking_of(example()), path)
    (doc,) = documents(path)
    assert doc.text == "Ada Lind met 🚀 Veltra in Osted. " and doc.user_data["id"] == "=news"
    assert [(span.text, span.label_) for span in doc.spans["incorrect_spans"]] == [("Veltra", "PER")]
    assert [(span.text, span.label_) for span in doc.spans["suggested_spans"]] == [("Veltra", "LOC")]
    assert [entity.text for entity in doc.ents] == ["Ada Lind", "Osted"]
    assert [token.ent_iob_ for token in doc] == ["B", "I", "O", "O", "", "O", "B", "O"]
    page = displacy.render(doc, style="span", options={"spans_key": "incorrect_spans"}, page=False, jupyter=False)
    assert "Veltra" in page and "PER" in page


def test_documents(path, corpus):
    docs, issues, corpus_path = corpus
    ranking = ranking_of(*issues)
    incorrect_spans.write_documents(ranking, path, corpus_path)
    found = documents(path)
    assert [doc.text for doc in found] == [doc.text for doc in docs]
    plant, rain = found[1], found[5]
    spans = [(span.text, span.label_) for span in plant.spans["incorrect_spans"]]
    assert spans == [("Norvik Steel", "ORG"), ("Osted", "LOC")]
    assert [(span.text, span.label_) for span in rain.spans["incorrect_spans"]] == [("night", "O")]
    assert incorrect_spans.read(path, ranking, "Mira") == []
    mark(plant, (0, 2, "ORG"), (6, 9, "ORG"))  # over the half of "Ada Lind"
    save(path, found)
    one, other = incorrect_spans.read(path, ranking, "Mira")
    assert (one.choice, one.start, one.end) == ("label", 6, 10)
    assert one.current == (Entity(6, 7, "LOC"), Entity(8, 10, "PER")) and one.entities == (Entity(6, 9, "ORG"),)
    assert (other.choice, other.start, other.end) == ("keep", 0, 2)


@pytest.mark.filterwarnings("ignore")
def test_ner_learns_from_them(path, corpus):
    """spaCy takes them: a span that is an entity and an incorrect one in the same document would raise."""
    _, issues, corpus_path = corpus
    incorrect_spans.write_documents(ranking_of(*issues), path, corpus_path)
    nlp = spacy.blank("xx")
    nlp.add_pipe("ner", config={"incorrect_spans_key": "incorrect_spans"})
    docs = list(DocBin().from_disk(path).get_docs(nlp.vocab))
    examples = [Example(nlp.make_doc(doc.text), doc) for doc in docs]
    optimizer = nlp.initialize(lambda: examples)
    for _ in range(30):
        nlp.update(examples[1:2], sgd=optimizer)
    found = [(entity.text, entity.label_) for entity in nlp(docs[1].text).ents]
    assert ("Ada Lind", "PER") in found and not {("Osted", "LOC"), ("Norvik Steel", "ORG")} & set(found)
    mark(docs[1], (6, 7, "LOC"))
    with pytest.raises(ValueError, match="E868"):
        nlp.update([Example(nlp.make_doc(docs[1].text), docs[1])], sgd=optimizer)


def test_changes_that_can_not_be_used(path):
    ranking = ranking_of(example())
    incorrect_spans.write(ranking, path)
    (doc,) = documents(path)
    mark(doc, (0, 2, "PER"), (6, 7, "PER"))
    save(path, [doc])
    with pytest.raises(ValueError, match=r"\[S198\].*document 1: the entity of tokens 16 to 16 \(\w+\) was changed"):
        incorrect_spans.read(path, ranking, "Mira")
    two = ranking_of(make(["Ada", "Lind"], [True, False], [], (0, 2), [Entity(0, 2, "PER")]))
    incorrect_spans.write(two, path)
    (doc,) = documents(path)
    doc.set_ents([Span(doc, 0, 1, "PER")], default="unmodified")
    save(path, [doc])
    with pytest.raises(ValueError, match=r"\[S191\].*document 1: of tokens 0 to 1, 1 have no annotation"):
        incorrect_spans.read(path, two, "Mira")


def test_documents_that_were_changed(path):
    ranking = ranking_of(example())
    for facts, problem in [
        ({"first": "x", "tasks": [], "entities": []}, "was changed"),
        ({"first": 10}, "was changed"),
        ({"first": 10, "tasks": [{}], "entities": []}, "does not say which issue"),
        ({"first": 9}, "the words around the issue"),
    ]:
        incorrect_spans.write(ranking, path)
        (doc,) = documents(path)
        old = doc.user_data["seginf_tasks"] if facts == {"first": 9} else {}
        doc.user_data["seginf_tasks"] = {**old, **facts}
        save(path, [doc])
        with pytest.raises(ValueError, match=rf"\[S191\].*{problem}"):
            incorrect_spans.read(path, ranking, "Mira")


def test_corpora_that_do_not_fit(path, corpus, tmp_path):
    docs, (one, *_), corpus_path = corpus
    lacking = tmp_path / "lacking.spacy"
    save(lacking, docs[:1])
    with pytest.raises(ValueError, match=r"\[S190\].*has no other document 'news-1'"):
        incorrect_spans.write_documents(ranking_of(one), path, lacking)
    changed = tmp_path / "changed.spacy"
    (doc,) = [doc for doc in documents(corpus_path) if doc.user_data["id"] == "news-1"]
    doc.ents = doc.ents[:1]
    save(changed, [doc])
    with pytest.raises(ValueError, match=r"\[S190\].*'news-1' of .*changed.spacy has other words or entities"):
        incorrect_spans.write_documents(ranking_of(one), path, changed)
    with pytest.raises(ValueError, match=r"\[S040\]"):
        incorrect_spans.write_documents(ranking_of(one), path, tmp_path / "none.spacy")
    assert not path.exists()
