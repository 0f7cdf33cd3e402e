"""What a notebook shows at the end of a cell."""

from __future__ import annotations

from dataclasses import replace

import pytest

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.issues import ISSUE_SCORE
from spacy_seginf.curation.records import read_ranking, write_ranking

from ..exchange.making import example, make, ranking_of
from .inert import HOSTILE, read_inert
from .test_render import exact_entry, influencers, reference

pytestmark = pytest.mark.filterwarnings("error")


def test_influencers_and_references():
    entry = exact_entry()
    text = read_inert(entry._repr_html_())
    assert "United ORG p = 0.46" in text
    assert "supports+0.424" in text and "opposes-0.375*" in text
    assert "doc 7, tokens 0-1" in text
    supporting, opposing = entry
    assert "supports+0.424" in read_inert(supporting._repr_html_())
    assert "opposes" in read_inert(opposing._repr_html_()) and "supports" not in read_inert(opposing._repr_html_())
    assert repr(entry) == "<influencers of 'United' ORG (p=0.46): 1 supporting, 1 opposing>"
    assert read_inert(influencers()._repr_html_()).count("no training label of this kind") == 2


def test_all_references_are_shown():
    alike = [reference(context=f"The Rovers won {number}") for number in range(7)]
    entry = influencers([(one, 0.5) for one in alike], [(one, -0.1) for one in alike[:4]])
    assert entry._repr_html_().count('<td class="supports">') == 7
    assert entry._repr_html_().count('<td class="opposes">') == 4


def test_a_ranking(tmp_path):
    alike = [replace(example(document=f"news-{number}"), family="family-1") for number in range(21)]
    ranking = ranking_of(*alike, replace(example(), kind="remove", suggested=()))
    write_ranking(tmp_path / "ranking.jsonl", ranking)
    html = read_ranking(tmp_path / "ranking.jsonl")._repr_html_()
    text = read_inert(html)
    assert text.startswith("22 issues, the first 20 of them:")
    assert html.count("PER -&gt; LOC") == html.count('<td class="figure">21 alike</td>') == 20
    assert "Ada Lind met 🚀Veltra in Osted." in text.replace("🚀 ", "🚀") and "<mark>Veltra</mark>" in html
    assert "news-19, token 14" in text and "news-20" not in text
    assert "it is no proof of an error" in text


def test_short_and_empty_rankings():
    one = replace(example(), kind="remove", suggested=(), file="train.conll", line=12)
    text = read_inert(ranking_of(one)._repr_html_())
    assert text.startswith("1 issue Score") and "PER -> no entity" in text and "alone" in text
    assert "=news, token 14 (train.conll:12)" in text
    assert read_inert(ranking_of()._repr_html_()).startswith("There are no label issues.")


def test_other_boundaries_are_shown():
    one = replace(example(), kind="rebound", start=13, suggested=(Entity(13, 15, "LOC"),))
    assert "🚀 [Veltra]/PER -> [🚀 Veltra]/LOC" in read_inert(ranking_of(one)._repr_html_())


def test_a_hostile_ranking_is_inert():
    label = Entity(0, 1, HOSTILE)
    one = make([HOSTILE, HOSTILE], [True, False], [label], (0, 1), [label], document=HOSTILE, file=HOSTILE)
    assert read_inert(ranking_of(one)._repr_html_()).count("alert") >= 6


def test_words_of_which_nothing_is_known():
    one = make(["a"] * 500, [], [Entity(2, 400, "PER")], (2, 400), [])
    assert len(read_inert(ranking_of(one)._repr_html_())) < len(ISSUE_SCORE) + 200
