"""A crf_tagger annotates entities, tags, parts of speech or spans: it learns, writes and is scored as spaCy does, and
its labels are explained, ranked and corrected."""

from __future__ import annotations

import pytest
import spacy
from spacy.scorer import Scorer
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Example

from spacy_seginf.api.apply import apply_decisions
from spacy_seginf.api.index import build_index
from spacy_seginf.api.rank import find_label_issues
from spacy_seginf.corpora.binary import BinaryCorpus
from spacy_seginf.corpora.documents import Replacement
from spacy_seginf.corpora.targets import target_of
from spacy_seginf.crf.schemes import Entity
from spacy_seginf.errors import SeginfError
from spacy_seginf.explanation.loading import load_indexed
from spacy_seginf.review.decide import Answer
from spacy_seginf.review.state import Review

from ..cli.running import run
from ..conftest import TEXTS, TINY_MODEL, copy_pipeline, make_tagger, read_annotated

TARGETS = ["tag", "pos", "spans:names"]
PARTS = {".": "PUNCT", ",": "PUNCT", '"': "PUNCT", "in": "ADP", "on": "ADP", "The": "DET", "the": "DET", "a": "DET"}


def annotated(target, number, text, vocab):
    """A document of the invented news with what the target means."""
    words, tags = read_annotated(text)
    plain = Doc(vocab, words=words, ents=tags)
    parts = [PARTS.get(token.text, "PROPN" if token.ent_type_ else "NOUN") for token in plain]
    doc = Doc(vocab, words=words)
    doc.user_data["id"] = f"news-{number}"
    if target == "spans:names":
        doc.spans["names"] = [Span(doc, ent.start, ent.end, label=ent.label_) for ent in plain.ents]
    else:
        for token, part in zip(doc, parts):
            setattr(token, f"{target}_", part)
    return doc


def examples_of(target):
    vocab = spacy.blank("en").vocab
    docs = [annotated(target, number, text, vocab) for number, text in enumerate(TEXTS)]
    return [Example(Doc(vocab, words=[token.text for token in doc]), doc) for doc in docs]


@pytest.fixture(scope="module", params=TARGETS)
def world(request, tmp_path_factory):
    """A target, its examples, a trained pipeline, and both on disk."""
    target, folder = request.param, tmp_path_factory.mktemp("target")
    examples = examples_of(target)
    nlp = make_tagger(examples, steps=40, target=target)
    nlp.to_disk(folder / "pipeline")
    DocBin(docs=[one.reference for one in examples], store_user_data=True).to_disk(folder / "train.spacy")
    return target, examples, nlp, folder


def what(doc, target):
    return target_of(target).spans(doc)


def test_it_writes_what_it_has_learned_and_nothing_else(world):
    target, examples, nlp, _ = world
    doc = nlp(Doc(nlp.vocab, words=[token.text for token in examples[0].reference]))
    assert what(doc, target) == what(examples[0].reference, target)
    assert not doc.ents
    assert target == "tag" or not doc.has_annotation("TAG")
    assert target == "pos" or not doc.has_annotation("POS")


def test_scores_are_those_of_spacy(world):
    target, examples, nlp, _ = world
    scores = nlp.evaluate(
        [Example(Doc(nlp.vocab, words=[t.text for t in one.reference]), one.reference) for one in examples]
    )
    assert scores[target_of(target).score] > 0.95
    assert "ents_f" not in scores
    tagged = [Example(nlp(Doc(nlp.vocab, words=[t.text for t in one.reference])), one.reference) for one in examples]
    if target == "spans:names":
        found = Scorer.score_spans(
            tagged,
            "spans_names",
            getter=lambda doc, _: doc.spans["names"],
            has_annotation=lambda doc: "names" in doc.spans,
        )
    else:
        found = Scorer.score_token_attr(tagged, target)
    assert {name: scores[name] for name in found} == found


def test_a_pipeline_keeps_its_target(world):
    target, examples, nlp, folder = world
    loaded = spacy.load(folder / "pipeline")
    tagger = loaded.get_pipe("crf_tagger")
    assert tagger.target.name == target
    assert tagger.label_data == sorted(tagger.labels)
    words = [token.text for token in examples[3].reference]
    assert what(loaded(Doc(loaded.vocab, words=words)), target) == what(nlp(Doc(nlp.vocab, words=words)), target)


def test_labels_can_be_given(world):
    target, examples, nlp, _ = world
    again = spacy.blank("en")
    tagger = again.add_pipe(
        "crf_tagger", config={"target": target, "model": nlp.config["components"]["crf_tagger"]["model"]}
    )
    tagger.initialize(lambda: examples, nlp=again, labels=nlp.get_pipe("crf_tagger").label_data)
    assert tagger.tags == nlp.get_pipe("crf_tagger").tags


def test_missing_annotation_is_summed_out(world):
    _target, examples, nlp, _ = world
    tagger = nlp.get_pipe("crf_tagger")
    empty = Example(examples[0].predicted, Doc(nlp.vocab, words=[token.text for token in examples[0].reference]))
    assert tagger.allowed_tags(empty).all()
    assert not tagger.allowed_tags(examples[0]).all()


def test_probabilities(world):
    target, examples, nlp, _ = world
    doc = nlp(Doc(nlp.vocab, words=[token.text for token in examples[0].reference]))
    span = target_of(target).read(doc)[0]
    assert 0.5 < span._.probability <= 1.0
    assert sum(doc[0]._.label_probs.values()) == pytest.approx(1.0)
    tags, marginals = nlp.get_pipe("crf_tagger").tags, doc._.probabilities.marginals
    for token in doc:
        assert token._.label_probs == dict(zip(tags, marginals[token.i].tolist()))
        assert list(token._.label_probs.values()) == sorted(marginals[token.i].tolist(), reverse=True)
    assert doc._.k_best(1)[0][1] == what(doc, target)
    assert doc._.sequence_probability == pytest.approx(doc._.k_best(1)[0][0])


def test_labels_are_explained_ranked_and_corrected(world, tmp_path):
    target, examples, _, folder = world
    docs = [one.reference.copy() for one in examples]
    place = next(one for one in what(docs[5 if target != "spans:names" else 6], target))
    wrong = docs[5 if target != "spans:names" else 6]
    if target == "spans:names":
        label = next(name for name in ("PER", "LOC") if name != place.label)
        wrong.spans["names"] = [
            Span(wrong, one.start, one.end, label=label if one == place else one.label) for one in what(wrong, target)
        ]
    else:
        label = "ADP"
        setattr(wrong[place.start], f"{target}_", label)
    corpus = tmp_path / "wrong.spacy"
    DocBin(docs=docs, store_user_data=True).to_disk(corpus)
    page = tmp_path / "page.html"
    build_index(str(folder / "pipeline"), corpus, tmp_path / "indexed", page=page)
    assert "Labels behind everything" in page.read_text() and "None are listed" not in page.read_text()
    nlp, _influence = load_indexed(str(tmp_path / "indexed"))
    doc = nlp(Doc(nlp.vocab, words=[token.text for token in wrong]))
    span = target_of(target).read(doc)[0]
    assert span._.influencers.label == span.label_
    # Of a prediction that is all but certain, single effects are no more than rounding; shares are not.
    assert any(family.share > 0 for family in span._.influencers.families)
    ranking = find_label_issues(str(tmp_path / "indexed"), corpus, tmp_path / "issues.jsonl")
    assert ranking.target == target
    name = wrong.user_data["id"]
    issue = next(one for one in ranking.issues if one.document == name and one.start <= place.start < one.end)
    state = Review(ranking, tmp_path / "decisions.jsonl", "Ada")
    state.decide([Answer(issue.id, "label", (place,))] if issue.suggested != (place,) else [Answer(issue.id, "accept")])
    reading = {"scheme": "TAG"} if target == "tag" else {"target": target}
    apply_decisions(corpus, tmp_path / "right.spacy", [tmp_path / "decisions.jsonl"], **reading)
    vocab = spacy.blank("en").vocab
    right = {doc.user_data["id"]: doc for doc in DocBin().from_disk(tmp_path / "right.spacy").get_docs(vocab)}
    assert all(what(right[one.reference.user_data["id"]], target) == what(one.reference, target) for one in examples)
    code, shown = run("seginf", "explain", tmp_path / "indexed", "Ada Lind visited Tarnby on Monday .")
    assert code == 0 and span.label_ in shown, shown


def test_overlapping_spans_are_refused():
    doc = Doc(spacy.blank("en").vocab, words=["a", "b", "c"])
    doc.spans["names"] = [Span(doc, 0, 2, label="A"), Span(doc, 1, 3, label="B")]
    with pytest.raises(SeginfError, match="S251"):
        target_of("spans:names").spans(doc)


def test_spans_that_other_tokens_cut_are_missing():
    vocab = spacy.blank("en").vocab
    reference = Doc(vocab, words=["New", "York", "shop"], spaces=[True, False, False])
    reference.spans["names"] = [Span(reference, 0, 2, label="LOC")]
    cut = Example(Doc(vocab, words=["New", "Yorkshop"], spaces=[True, False]), reference)
    assert target_of("spans:names").gold(cut) == [None, None]
    whole = Example(Doc(vocab, words=["New", "Yo", "rk", "shop"], spaces=[True, False, False, False]), reference)
    assert target_of("spans:names").gold(whole) == ["B-LOC", "I-LOC", "L-LOC", "O"]


@pytest.mark.parametrize("name", ["words", "spans:", ""])
def test_unknown_targets_are_refused(name):
    with pytest.raises(SeginfError, match="S252"):
        target_of(name)


def test_no_probabilities_of_what_was_not_tagged(tagger_nlp):
    doc = Doc(tagger_nlp.vocab, words=["Ada"])
    with pytest.raises(SeginfError, match="S254"):
        doc._.k_best()
    tagged = tagger_nlp(Doc(tagger_nlp.vocab, words=["New-York", "is"]))
    with tagged.retokenize() as retokenizer:
        retokenizer.merge(tagged[0:2])
    with pytest.raises(SeginfError, match="S255"):
        tagged._.k_best()
    other = tagger_nlp(Doc(tagger_nlp.vocab, words=["Ada"]))
    with pytest.raises(SeginfError, match="S253"):
        other._.probabilities_of().of(Span(other, 0, 1, label="NONE"))


def test_probabilities_do_not_depend_on_the_batch(tagger_nlp):
    texts = [read_annotated(text)[0] for text in TEXTS]
    alone = [tagger_nlp(Doc(tagger_nlp.vocab, words=words)) for words in texts]
    together = list(tagger_nlp.pipe((Doc(tagger_nlp.vocab, words=words) for words in texts), batch_size=30))
    for one, other in zip(alone, together):
        assert one._.sequence_probability == pytest.approx(other._.sequence_probability, abs=1e-5)
        for ent, same in zip(one.ents, other.ents):
            assert ent._.probability == pytest.approx(same._.probability, abs=1e-5)


def test_entities_that_were_there_are_certain(tagger_nlp):
    doc = Doc(tagger_nlp.vocab, words=["Nobody", "saw", "Veltra", "leave"])
    doc.set_ents([Span(doc, 2, 3, label="LOC")], default="missing")
    tagged = tagger_nlp(doc)
    assert tagged.ents[0].label_ == "LOC"
    assert tagged.ents[0]._.probability == pytest.approx(1.0)


@pytest.mark.parametrize(
    ("target", "factory", "config"),
    [
        ("tag", "tagger", {}),
        ("pos", "morphologizer", {}),
        ("spans:names", "spancat", {"spans_key": "names"}),
        ("pos", "crf_tagger", {"target": "pos"}),
    ],
)
def test_two_components_that_write_the_same_are_refused(target, factory, config):
    examples = examples_of(target)
    nlp = spacy.blank("en")
    nlp.add_pipe("crf_tagger", config={"target": target})
    nlp.add_pipe(factory, name="other", config=config)
    with pytest.raises(SeginfError, match=r"S295.*other"):
        nlp.get_pipe("crf_tagger").initialize(lambda: examples, nlp=nlp)


def test_a_target_that_the_corpus_lacks_is_named():
    nlp = spacy.blank("en")
    tagger = nlp.add_pipe("crf_tagger", config={"target": "spans:other"})
    with pytest.raises(SeginfError, match=r"S004.*doc.spans\['other'\]"):
        tagger.initialize(lambda: examples_of("pos"), nlp=nlp)


def test_spans_of_labels_that_nobody_knows_are_missing():
    doc = Doc(spacy.blank("en").vocab, words=["a", "b", "c", "d"])
    doc.spans["names"] = [Span(doc, 0, 2, label="A"), Span(doc, 2, 3, label="B")]
    target = target_of("spans:names")
    assert target.take_away(doc, {"B"}) == ["A"]
    assert target.missing(doc) == (0, 1)
    assert target.gold(Example(Doc(doc.vocab, words=["a", "b", "c", "d"]), doc)) == [None, None, "U-B", "O"]
    assert target.missing(Doc(doc.vocab, words=["a"])) == (0,)


def test_what_apply_leaves_alone_stays(tmp_path):
    vocab = spacy.blank("en").vocab
    doc = Doc(vocab, words=["Ada", "saw", "Veltra"], user_data={"id": "one"})
    doc.spans["names"] = [Span(doc, 0, 1, label="PER", kb_id="Q1"), Span(doc, 2, 3, label="LOC")]
    DocBin(docs=[doc], store_user_data=True).to_disk(tmp_path / "a.spacy")
    corpus = BinaryCorpus(tmp_path / "a.spacy", target_of("spans:names"))
    changed = corpus.corrected({0: [Replacement(2, 3, (Entity(2, 3, "ORG"),))]})
    (read,) = DocBin().from_bytes(changed).get_docs(vocab)
    assert [(span.label_, span.kb_id_) for span in read.spans["names"]] == [("PER", "Q1"), ("ORG", "")]
    with pytest.raises(SeginfError, match=r"S311.*names"):
        BinaryCorpus(tmp_path / "a.spacy", target_of("spans:typo"))


def test_tags_that_are_no_parts_of_speech_are_refused():
    doc = Doc(spacy.blank("en").vocab, words=["a"])
    with pytest.raises(SeginfError, match="S310"):
        target_of("pos").write(doc, [Entity(0, 1, "NN")])


def test_spans_are_asked_of_the_tagger_that_has_their_label(tagger_nlp):
    nlp = copy_pipeline(tagger_nlp)
    nlp.add_pipe("crf_tagger", name="parts", config={"target": "pos", "model": TINY_MODEL})
    nlp.get_pipe("parts").initialize(lambda: examples_of("pos"), nlp=nlp)
    ruler = nlp.add_pipe("entity_ruler", first=True)
    ruler.add_patterns([{"label": "SHIP", "pattern": "Osted"}])
    doc = nlp(Doc(nlp.vocab, words=["Ada", "Lind", "left", "Osted", "."]))
    assert {ent.label_ for ent in doc.ents} == {"PER", "SHIP"}
    assert [ent._.probability == 1.0 for ent in doc.ents] == [ent.label_ == "SHIP" for ent in doc.ents]
    assert set(doc[0]._.label_probs) == set(nlp.get_pipe("parts").tags), "of the last tagger"
    assert set(doc._.probabilities_of("crf_tagger").tags(0)) == set(nlp.get_pipe("crf_tagger").tags)
