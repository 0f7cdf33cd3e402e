"""Documents as displaCy shows them, with the training labels behind each entity."""

from __future__ import annotations

import pickle
import re
import sys
from pathlib import Path
from types import SimpleNamespace

import catalogue
import pytest
import spacy
from spacy import displacy
from spacy.tokens import Doc, DocBin, Span

from spacy_seginf import render_document as render
from spacy_seginf.explanation.extensions import register_extensions
from spacy_seginf.rendering.text import visible

from .inert import HOSTILE, links_of, read_inert

pytestmark = pytest.mark.filterwarnings("error")
ROOT = Path(__file__).parents[2]
TEXT = "Mira Solano left Harrow Bank in Osted ."
EXACT = {"tagger": "crf_tagger", "curvature": "exact", "unit": "entity"}


def stored_of(doc, reference, probability=0.5):
    """Explain every entity by one supporting and one opposing reference."""
    values = {"probability": probability, "supporting": [[0, 0.5, 0.5, -0.6, False]], "rows_seen": 1}
    values["opposing"] = [[0, -0.25, -0.25, 0.3, True]]

    def entry(part, label):
        return {"start": part[0], "end": part[1], "text": doc.text[slice(*part)], "label": label, **values}

    entities = [entry((ent.start_char, ent.end_char), ent.label_) for ent in doc.ents]
    tokens = [entry((token.idx, token.idx + len(token)), token.ent_type_ or "O") for token in doc]
    return {**EXACT, "references": [reference], "tokens": tokens, "entities": entities}


def explained(words, spans, reference=None, **more):
    """Make an explained document of entities (first token, last token, label)."""
    register_extensions()
    doc = Doc(spacy.blank("en").vocab, words=words)
    doc.ents = [Span(doc, *span, **more) for span in spans]
    default = {"text": "Rovers", "label": "ORG", "document": "doc 7", "context": "The Rovers won .", "offset": 4}
    doc._.seginf = stored_of(doc, {**default, "start": 1, "end": 2, "row": 0, **(reference or {})})
    return doc


def marks_of(html):
    return re.findall(r'<mark class="entity" style="background: ([^;]+);.*?</mark>', html, flags=re.DOTALL)


def test_each_entity_is_marked_as_by_displacy_and_explained_below(exact_nlp):
    doc = exact_nlp(TEXT)
    html = render(doc, top=2)
    text = read_inert(html)
    assert len(doc.ents) > 1
    assert html.count("<details open>") == 1 and text.count("What these figures are") == 1
    assert marks_of(html) == marks_of(displacy.render(doc, style="ent"))
    for ent in doc.ents:
        assert f"{ent.text} {ent.label_} p = {ent._.influencers.probability:.2f}" in text
        for reference in [*ent._.influencers.supporting[:2], *ent._.influencers.opposing[:2]]:
            assert f"{reference.relation}{-reference.log_odds:+.3g}" in text
    assert html.count('<td class="supports">') <= 2 * len(doc.ents)
    assert "positive supports the prediction, negative opposes it" in text


def test_everything_from_strangers_is_inert():
    context = {"context": 3 * HOSTILE, "offset": len(HOSTILE)}
    hostile = {"text": HOSTILE, "label": HOSTILE, "document": HOSTILE, **context}
    doc = explained(["a", HOSTILE, "b\n", HOSTILE], [(1, 2, HOSTILE)], {**hostile, "missing": HOSTILE}, kb_id=HOSTILE)
    doc.user_data["title"] = HOSTILE
    doc._.seginf = {**doc._.seginf, "explains": {"component": HOSTILE, "agreement": 0.5}}
    for settings in ({}, {"page": True}, {"tokens": True}, {"options": {"ents": [HOSTILE]}}):
        text = read_inert(render(doc, **settings))
        assert text.count(visible(HOSTILE)) > 8
        assert "<" in text
    assert "default-src 'none'" in render(doc, page=True)
    for html in (doc.ents[0]._.influencers._repr_html_(), doc.ents[0]._.influencers.supporting[0]._repr_html_()):
        assert read_inert(html).count(visible(HOSTILE)) >= 4


@pytest.mark.parametrize(
    "pattern,link",
    [
        (None, "#"),
        ("https://example.org/{}", 'https://example.org/Q1"x'),
        ("javascript:alert({})", "#"),
        ("//[{}", "#"),
    ],
)
def test_links_to_a_knowledge_base_run_nothing(pattern, link):
    html = render(explained(["Osted"], [(0, 1, "LOC")], kb_id='Q1"x'), options={"kb_url_template": pattern})
    assert links_of(html) == [link]
    assert 'Q1"x' in read_inert(html)


def test_options_and_registered_colours_are_displacys():
    doc = explained(["Ada", "saw", "Osted", "and", "Veltra"], [(0, 1, "PER"), (2, 3, "LOC"), (4, 5, "<x>")])
    registry = catalogue.create("spacy", "displacy_colors", entry_points=True)
    registry.register("looking", func={"<x>": "#abcdef"})
    try:
        html = render(doc, options={"colors": {"PER": "#123456"}})
    finally:
        catalogue.REGISTRY.pop(("spacy", "displacy_colors", "looking"))
    assert marks_of(html) == ["#123456", "#ff9561", "#abcdef"]
    assert re.findall(r'class="label chip" style="background: (.*?)"', html) == ["#123456", "#ff9561", "#abcdef"]
    only = render(doc, options={"ents": ["loc"]})
    assert len(marks_of(only)) == 1 and only.count("<summary>") == 2
    assert "Ada saw" in read_inert(only) and "Veltra PER" not in read_inert(only)
    custom = render(doc, options={"template": '<mark class="{label}">{text}</mark>'})
    assert '<mark class="&lt;x&gt;"><bdi>Veltra</bdi></mark>' in custom
    assert "nothing of the wanted labels" in read_inert(render(doc, options={"ents": []}))


def test_the_text_keeps_its_lines():
    doc = explained(["One", "\n", "two", "\n\n", "\u202eOsted"], [(4, 5, "LOC")])
    html = render(doc)
    assert html.count("<br>") == 3
    assert "<bdi>\\u202eOsted</bdi>" in html


def test_a_document_without_entities(exact_nlp):
    doc = exact_nlp("It rained .")
    doc.ents = []
    assert "No entities were predicted" in read_inert(render(doc))
    assert "tokens=True" in render(doc)
    text = read_inert(render(doc, tokens=True))
    assert "rained O p = " in text and "No entities" not in text
    assert "No entities" in read_inert(render(exact_nlp("")))


@pytest.mark.parametrize("unknown", [None, float("nan")], ids=["none", "as it was stored once"])
def test_tokens_that_were_not_explained_have_no_probability(unknown):
    doc = explained(["Osted", "won"], [])
    for entry in doc._.seginf["tokens"]:
        entry.update(probability=unknown, supporting=[], opposing=[])
    text = read_inert(render(doc, tokens=True))
    assert "p =" not in text and "Not explained: only entities are" in text
    assert doc[0]._.influencers.probability is None
    assert "Not explained" in read_inert(doc[0]._.influencers._repr_html_()) and "Not explained" in repr(
        doc[1]._.influencers
    )


def test_a_document_without_explanations():
    for settings in ({}, {"tokens": True}):
        with pytest.raises(ValueError, match="S020"):
            render(spacy.blank("en")("Osted"), **settings)


def test_entities_that_were_set_later_are_named(exact_nlp):
    doc = exact_nlp(TEXT)
    doc.ents = [*doc.ents, Span(doc, len(doc) - 1, len(doc), label="POINT")]
    html = render(doc)
    assert "Not explained, because another component has set these entities, or their labels: . POINT" in read_inert(
        html
    )
    assert len(marks_of(html)) == len(doc.ents)


def test_it_displays_in_jupyter_and_wraps_as_displacy_does(monkeypatch):
    shown = []
    monkeypatch.setitem(sys.modules, "IPython", SimpleNamespace())
    monkeypatch.setitem(sys.modules, "IPython.display", SimpleNamespace(HTML=str, display=shown.append))
    monkeypatch.setattr(displacy, "RENDER_WRAPPER", "<div>{}</div>".format)
    doc = explained(["Osted"], [(0, 1, "LOC")])
    assert render(doc, jupyter=True) is None
    assert shown == [render(doc, jupyter=False)] == [render(doc)]
    assert shown[0].startswith("<div>") and "tex2jax_ignore" in shown[0]
    monkeypatch.setattr("spacy_seginf.explanation.display.is_in_jupyter", lambda: True)
    assert render(doc) is None and len(shown) == 2


def test_looking_leaves_documents_as_they_were(exact_nlp):
    doc = exact_nlp(TEXT)
    before = doc.to_bytes()
    html = render(doc)
    assert doc.to_bytes() == before
    assert render(pickle.loads(pickle.dumps(doc))) == html
    (stored,) = DocBin(docs=[doc], store_user_data=True).get_docs(exact_nlp.vocab)
    assert render(stored) == html
    assert [render(one) for one in exact_nlp.pipe([TEXT, TEXT])] == [html, html]


def test_a_page_is_complete(exact_nlp):
    page = render(exact_nlp(TEXT), page=True)
    assert page.startswith('<!DOCTYPE html>\n<html lang="en">') and page.endswith("</html>")
    for loading in ("src=", "@import", "url(", "<link", "<script", "http://", "https://"):
        assert loading not in page.replace("default-src ", "")


def test_the_example_in_the_documentation(exact_nlp, tmp_path, monkeypatch):
    page = (ROOT / "docs" / "quickstart.md").read_text(encoding="utf8")
    (example,) = re.findall(r"## In a notebook.*?```python\n(.*?)```", page, flags=re.DOTALL)
    monkeypatch.chdir(tmp_path)
    exec(example, {"doc": exact_nlp(TEXT)})
    page = (tmp_path / "explained.html").read_text(encoding="utf8")
    assert "Osted" in read_inert(page) and "#ffd166" in marks_of(page)
