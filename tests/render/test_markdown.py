"""Texts in Markdown are shown as they are: read by a parser, they are text and nothing else."""

from __future__ import annotations

import pytest
from markdown_it import MarkdownIt

from spacy_seginf.rendering.markdown import markdown_table, markdown_text
from spacy_seginf.rendering.text import visible

from .inert import HOSTILE

TEXTS = [
    *("plain", "WORK_OF_ART", "_a_", "*a*", "`a`", "~~a~~", "a\\", "\\*", "&amp;", "<plaintext>", HOSTILE),
    *("![x](http://elsewhere.example/x.png)", "[x](javascript:a)", "[x]: y", "<http://elsewhere.example>", "a\nb"),
]


@pytest.mark.parametrize("text", TEXTS)
def test_text_is_nothing_but_text(text):
    (_, inline, _) = MarkdownIt("commonmark").enable("strikethrough").parse(markdown_text(f"x {text}"))
    assert {part.type for part in inline.children} <= {"text", "text_special"}
    assert "".join(part.content for part in inline.children) == visible(f"x {text}").rstrip()


@pytest.mark.parametrize("text", [*TEXTS, "a|b", "\\|"])
def test_cells_hold_their_text(text):
    table = MarkdownIt("commonmark").enable("table").parse(markdown_table(["a", "b"], [[markdown_text(text), "1"]]))
    cells = ["".join(part.content for part in one.children) for one in table if one.type == "inline"]
    assert cells == ["a", "b", visible(text), "1"]
