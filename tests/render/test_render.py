"""Explanations as text and as a page."""

from __future__ import annotations

import math
import re
from html import unescape
from pathlib import Path

import pytest
import spacy

from spacy_seginf.explanation.extensions import register_extensions
from spacy_seginf.explanation.page import render_page
from spacy_seginf.explanation.terminal import render_terminal
from spacy_seginf.explanation.views import Influencers
from spacy_seginf.explanation.wording import caveat
from spacy_seginf.rendering.text import visible

IDENTITY = {"curvature": "identity", "refit": False}
EXACT = {"curvature": "exact", "refit": True}
ROOT = Path(__file__).parents[2]
TEXT = "Ada Lind visited Osted United on Monday ."


@pytest.fixture(autouse=True)
def extensions():
    register_extensions()


def reference(text="Rovers", label="B-ORG", document="doc 7", context="The Rovers won .", offset=4, **more):
    values = {"text": text, "label": label, "document": document, "context": context, "offset": offset}
    return {**values, "start": 1, "end": 2, **more}


def influencers(supporting=(), opposing=(), text="United", label="ORG", start=0):
    """Each reference comes with its effect, and with exact curvature also score, change of log-odds, refined or not."""
    references = [ref for ref, *_ in (*supporting, *opposing)]
    entry = {
        "start": start,
        "end": start + len(text),
        "text": text,
        "label": label,
        "probability": 0.456,
        "supporting": [[number, *values] for number, (_, *values) in enumerate(supporting)],
        "opposing": [[len(supporting) + number, *values] for number, (_, *values) in enumerate(opposing)],
        "rows_seen": 12,
    }
    return Influencers(entry, {"references": references})


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
    lines = render_terminal([entry], IDENTITY, top=1, colors=False).splitlines()
    assert lines[1] == "United   ORG   p = 0.46"
    assert re.fullmatch(r"  supports +score \+0\.5  The \[Rovers\] B-ORG won \.", lines[2])
    assert lines[3] == lines[5] == "      doc 7, token 1"
    assert re.fullmatch(r"  opposes +score -0\.125  The \[Rovers\] B-ORG won \.", lines[4])
    assert lines[6] == ""
    assert "no prediction of retraining" in " ".join(lines[7:])


def exact_entry():
    missing = reference(text="The Rovers", label="O", offset=0, start=0, missing="ORG")
    return influencers([(reference(), 0.3, 0.31, -0.4242, False)], [(missing, -0.2, -0.25, 0.375, True)])


def test_terminal_lines_of_an_exact_index():
    lines = render_terminal([exact_entry()], EXACT, colors=False).splitlines()
    assert re.fullmatch(r"  supports +\+0\.424  The \[Rovers\] B-ORG won \.", lines[2])
    assert lines[3] == "      doc 7, token 1; would fall from .46 to .34 without it"
    assert re.fullmatch(r"  opposes +-0\.375\*  \[The Rovers\] O \(or ORG\?\) won \.", lines[4])
    assert lines[5] == "      doc 7, tokens 0-1; would rise from .46 to .56 without it"
    assert lines[7].startswith("The strength of a single label is by how much the prediction's log-odds would fall")
    assert not re.search(r"\bscore\b", "\n".join(lines[:7]))


def test_page_of_an_exact_index():
    doc = spacy.blank("en")("United")
    doc._.seginf = EXACT
    page = render_page(doc, [exact_entry()])
    assert '<td class="number">+0.424</td>' in page
    assert '<td class="number">-0.375*</td>' in page
    assert "would fall from .46 to .34 without it" in page and "would rise from .46 to .56 without it" in page
    assert "score +" not in page and "score -" not in page
    assert '<span class="label">O (or ORG?)</span>' in page
    assert ">doc 7, token 1</bdi>" in page and ">doc 7, tokens 0-1</bdi>" in page
    assert unescape(page).count(caveat(EXACT)) == 1


def test_a_missing_entity_is_escaped():
    entry = influencers([(reference(label="O", missing='<i x="&">\u202e'), 0.5)])
    page = render_page(spacy.blank("en")("United"), [entry])
    assert "O (or &lt;i x=&#34;&amp;&#34;&gt;\\u202e?)" in page
    assert "<i" not in page and "\u202e" not in page
    output = render_terminal([entry], colors=False)
    assert 'O (or <i x="&">\\u202e?)' in output and "\u202e" not in output


def test_figures_labels_and_places():
    (plain,) = influencers([(reference(), 0.51234)])
    exact, refined = exact_entry()
    assert [ref.figure for ref in (plain, exact, refined)] == ["score +0.512", "+0.424", "-0.375*"]
    assert [ref.strength for ref in (plain, exact, refined)] == [0.51234, 0.4242, -0.375]
    assert (plain.without, plain.change) == (None, "")
    assert exact.without == pytest.approx(0.456 * math.exp(-0.3))
    assert exact.log_odds == -0.4242  # as it was
    assert [ref.full_label for ref in (plain, refined)] == ["B-ORG", "O (or ORG?)"]
    assert [ref.place for ref in (plain, refined)] == ["doc 7, token 1", "doc 7, tokens 0-1"]


def test_the_caveat_fits_the_figures():
    identity, exact = caveat(IDENTITY), caveat(EXACT)
    kept, kfac = caveat({**EXACT, "refit": False}), caveat({**EXACT, "curvature": "kfac"})
    assert len({identity, exact, kept, kfac}) == 4
    assert "inner products of gradients" in identity and "no prediction of retraining" in identity
    assert "log-odds" not in identity and "star" not in identity
    for text in (exact, kept, kfac):
        assert "log-odds would fall if it were removed" in text and "A star marks" in text
        assert "inner products" not in text
    assert ("not at the optimum" in kept, "not at the optimum" in exact) == (True, False)
    assert ("K-FAC" in kfac, "K-FAC" in exact) == (True, False)
    for text in (identity, exact, kept, kfac):
        assert "encoder has seen" in text and "Finding nothing proves nothing" in text
    assert caveat({**IDENTITY, "refit": True}) == identity  # nothing is predicted, whatever the head is


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
    alike = [reference(context=f"The Rovers won {number}") for number in range(6)]
    sides = [(one, 0.5 - number / 100) for number, one in enumerate(alike)], [(one, -0.1) for one in alike]
    entry = influencers(*sides)
    page = render_page(spacy.blank("en")("United"), [entry], top=2)
    assert page.count('<td class="supports">') == page.count('<td class="opposes">') == 2
    assert "+0.5" in page and "+0.49" in page and "+0.48" not in page


def test_duplicates_are_folded():
    same = [(reference(document=f"doc {number}"), 0.5 - number / 100) for number in range(3)]
    entry = influencers([*same, (reference(label="I-ORG"), 0.1)])
    output = render_terminal([entry], colors=False, top=2)
    assert "doc 0, token 1, and 2 others like it" in output and "I-ORG" in output and "doc 1" not in output
    page = render_page(spacy.blank("en")("United"), [entry], top=2)
    assert page.count('<td class="supports">') == 2 and "doc 0, token 1, and 2 others like it" in page
    assert len(entry) == 4  # nothing is lost


def test_an_appended_label_is_worded_as_something_to_learn():
    (added,) = influencers([(reference(added=True), 0.3, 0.31, -0.4242, False)])
    assert added.without is None and added.strength == 0.4242
    assert added.change == "would rise from .46 to .62 with it"


def test_page_of_nothing():
    page = render_page(spacy.blank("en")("No one ."), [])
    assert "No one ." in page
    assert "No entities were predicted" in page


def test_page_says_when_a_side_is_empty():
    page = render_page(spacy.blank("en")("United"), [influencers()])
    assert page.count("no training label of this kind") == 2
