"""Explanations as text and as a page."""

from __future__ import annotations

import re
from html import unescape

import pytest
import spacy

from spacy_seginf.pipeline.views import Influencers
from spacy_seginf.render.page import render_page
from spacy_seginf.render.terminal import render_terminal
from spacy_seginf.render.wording import visible

TEXT = "Ada Lind visited Osted United on Monday ."


def reference(text="Rovers", label="B-ORG", document="doc 7", context="The Rovers won .", offset=4):
    values = {"text": text, "label": label, "document": document, "context": context, "offset": offset}
    return {**values, "start": 1, "end": 2}


def influencers(supporting=(), opposing=(), text="United", label="ORG", start=0):
    references = [ref for ref, _ in (*supporting, *opposing)]
    entry = {
        "start": start,
        "end": start + len(text),
        "text": text,
        "label": label,
        "probability": 0.456,
        "supporting": [[number, effect] for number, (_, effect) in enumerate(supporting)],
        "opposing": [[len(supporting) + number, effect] for number, (_, effect) in enumerate(opposing)],
        "rows_seen": 12,
    }
    return Influencers(entry, references)


@pytest.mark.parametrize(
    "text,shown",
    [
        ("plain text", "plain text"),
        ("", ""),
        ("e\u0301 \U0001d518 שלום 日本", "e\u0301 \U0001d518 שלום 日本"),
        ("a\nb\r\nc\td\u2028e", "a b  c d e"),
        ("10\u00a0000\u3000\u202fkm", "10 000  km"),
        ("\x00\x1b[31m\x7f\x9b", "\\u0000\\u001b[31m\\u007f\\u009b"),
        ("\u202eabc\u2066\u200f", "\\u202eabc\\u2066\\u200f"),
        ("\ud83d", "\\ud83d"),
        ("\U000e0041", "\\U000e0041"),
    ],
)
def test_visible(text, shown):
    assert visible(text) == shown


def test_terminal_lines():
    entry = influencers(
        [(reference(), 0.5), (reference(text="won", label="O", offset=11), 0.25)], [(reference(), -0.125)]
    )
    lines = render_terminal([entry], top=1, colors=False).splitlines()
    assert lines[1] == "United   ORG   p = 0.46"
    assert re.fullmatch(r"  supports +\+0\.5 +The \[Rovers\] B-ORG won \. +doc 7, token 1", lines[2])
    assert re.fullmatch(r"  opposes +-0\.125 +The \[Rovers\] B-ORG won \. +doc 7, token 1", lines[3])
    assert lines[4] == ""
    assert "no prediction of retraining" in lines[5]


def test_terminal_says_when_a_side_is_empty():
    output = render_terminal([influencers([(reference(), 1.0)])], colors=False)
    assert re.search(r"^  opposes   no training label", output, flags=re.MULTILINE)
    assert not re.search(r"^  supports  no training label", output, flags=re.MULTILINE)


def test_colours_are_in_addition_to_words():
    entry = influencers([(reference(), 0.5)], [(reference(), -0.125)])
    plain, coloured = (render_terminal([entry], colors=colors) for colors in (False, True))
    assert "\x1b[" in coloured
    assert "\x1b" not in plain
    assert re.sub(r"\x1b\[[0-9;]*m", "", coloured) == plain


def test_no_line_break_of_a_text_starts_a_line():
    broken = reference(text="a\nb", label="B-\nX", document="d\n", context="x\n\na\nb\ny", offset=3)
    entry = influencers([(broken, 0.5)], text="t\nu", label="L\nM")
    assert len(render_terminal([entry], colors=False).splitlines()) == len(
        render_terminal([influencers([(reference(), 0.5)])], colors=False).splitlines()
    )


def test_long_contexts_are_cut_in_the_terminal_and_whole_on_the_page():
    far = reference(context="left " * 40 + "Rovers" + " right" * 40, offset=200)
    doc = spacy.blank("en")("United")
    entry = influencers([(far, 0.5)])
    assert render_terminal([entry], colors=False).count("left ") < 10
    assert render_page(doc, [entry]).count("left ") == 40


def test_page_shows_the_whole_text_and_marks_what_is_explained(indexed_nlp):
    doc = indexed_nlp(f"  {TEXT}  Bo ran .")
    entries = [ent._.influencers for ent in doc.ents]
    page = render_page(doc, entries)
    paragraph = re.search(r'<p class="text">(.*?)</p>', page, flags=re.DOTALL).group(1)
    without_labels = re.sub(r'<span class="label">.*?</span>', "", paragraph)
    assert unescape(re.sub(r"<[^>]*>", "", without_labels)) == doc.text
    marked = re.findall(r'<mark><a href="#e(\d+)"><bdi>(.*?)</bdi>', paragraph)
    assert marked == [(str(number), entry.text) for number, entry in enumerate(entries)]
    assert re.findall(r'<section id="e(\d+)">', page) == [number for number, _ in marked]


def test_page_loads_nothing_and_runs_nothing(indexed_nlp):
    doc = indexed_nlp(TEXT)
    page = render_page(doc, doc._.influencers)
    assert "default-src 'none'" in page
    for loading in ("src=", "@import", "url(", "<link", "<script", "http://", "https://"):
        assert loading not in page.replace("default-src ", "")


def test_page_limits_each_side():
    entry = influencers([(reference(), 0.5 - number / 100) for number in range(6)], [(reference(), -0.1)] * 6)
    page = render_page(spacy.blank("en")("United"), [entry], top=2)
    assert page.count('<td class="supports">') == page.count('<td class="opposes">') == 2
    assert "+0.5" in page and "+0.49" in page and "+0.48" not in page


def test_page_of_nothing():
    page = render_page(spacy.blank("en")("No one ."), [])
    assert "No one ." in page
    assert "No entities were predicted" in page


def test_page_says_when_a_side_is_empty():
    page = render_page(spacy.blank("en")("United"), [influencers()])
    assert page.count("no training label with a score of this sign") == 2
