"""How far two annotations agree."""

from __future__ import annotations

import json
import math
from collections import Counter
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from spacy_seginf import apply_decisions, compare_corpora, measure_agreement, unapply_decisions
from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.comparison import Annotated, cohens_kappa, compare, decided_annotation
from spacy_seginf.curation.decisions import append_decisions
from spacy_seginf.curation.records import Decision

from ..cli.running import run

WORDS = ("Mia", "Reyl", "left", "Osted", "for", "Tarnby", "Rovers", ".")
MARKUP = "<script>alert(1)</script>"


def annotated(*entities, words=WORDS):
    return {"news": Annotated(dict(enumerate(words)), tuple(Entity(*one) for one in entities))}


FIRST = annotated((0, 2, "PER"), (3, 4, "LOC"), (5, 6, "LOC"))
SECOND = annotated((0, 2, "PER"), (3, 4, "ORG"), (5, 7, "ORG"))


def test_counts_by_type():
    found = compare(FIRST, SECOND)
    counts = {one.label: (one.first, one.second, one.both) for one in found.types}
    assert counts == {"": (3, 3, 1), "LOC": (2, 0, 0), "ORG": (0, 2, 0), "PER": (1, 1, 1)}
    together, location, _, person = found.types
    assert together.f1 == pytest.approx(1 / 3) and location.f1 == 0.0 and person.f1 == person.kappa == 1.0
    assert [(one.text, one.kind, one.change) for one in found.differences] == [
        ("Osted", "relabel", ("LOC", "ORG")),
        ("Tarnby Rovers", "rebound", ("LOC", "ORG")),
    ]
    assert [one.readings for one in found.differences] == [
        ("LOC", "ORG"),
        ("[Tarnby]/LOC Rovers", "[Tarnby Rovers]/ORG"),
    ]
    assert found.confusion == [("LOC", "ORG", 2)] and found.differences[0].before == "Mia Reyl left"


@given(st.lists(st.tuples(st.sampled_from("abc"), st.sampled_from("abc")), min_size=1, max_size=30))
def test_kappa_by_its_definition(pairs):
    observed = sum(one == other for one, other in pairs) / len(pairs)
    chance = (
        sum(sum(one == name for one, _ in pairs) * sum(other == name for _, other in pairs) for name in "abc")
        / len(pairs) ** 2
    )
    found = cohens_kappa(Counter(pairs))
    if chance == 1.0:
        assert math.isnan(found)
    else:
        assert found == pytest.approx((observed - chance) / (1 - chance))


def test_only_what_both_annotated_counts():
    rest = {"news": Annotated({token: WORDS[token] for token in range(4)}, (Entity(0, 2, "PER"),))}
    found = compare(FIRST | {"more": FIRST["news"]}, rest)
    assert (found.tokens, found.only_first, found.only_second) == (4, 1, 0)
    assert [(one.text, one.change) for one in found.differences] == [("Osted", ("LOC", "no entity"))]
    with pytest.raises(ValueError, match=r"S303.*token 2.*'left'.*'fled'"):
        compare(FIRST, annotated(words=(*WORDS[:2], "fled", *WORDS[3:])))
    assert math.isnan(compare({}, {}).types[0].f1)


def decision(reviewer, start, end, label="", choice="label", **more):
    entities = (Entity(start, end, label),) if label else ()
    current = (Entity(start, end, "LOC"),)
    return Decision(f"{start}", "news", start, end, WORDS[start:end], current, choice, entities, reviewer, **more)


def test_reviewers_are_compared_on_what_both_decided(tmp_path):
    made = [
        *(decision("mia", 3, 4, "ORG"), decision("mia", 5, 6, choice="keep"), decision("mia", 0, 1, "PER")),
        *(decision("jonas", 3, 4, choice="keep"), decision("jonas", 5, 6, choice="keep")),
        *(decision("jonas", 7, 8), decision("jonas", 0, 1, choice="skip")),
    ]
    for name in ("mia", "jonas"):
        append_decisions(tmp_path / f"{name}.jsonl", [one for one in made if one.reviewer == name])
    paths = [tmp_path / "mia.jsonl", tmp_path / "jonas.jsonl"]
    (found,) = measure_agreement(paths, html=tmp_path / "page.html", output=tmp_path / "all.json")
    assert found.names == ("jonas", "mia") and found.tokens == 2
    assert [(one.text, one.change) for one in found.differences] == [("Osted", ("LOC", "ORG"))]
    assert found.types[0].f1 == 0.5
    (plain,) = json.loads((tmp_path / "all.json").read_text())
    assert plain["differences"][0]["kind"] == "relabel" and plain["types"][0]["f1"] == 0.5
    assert "Osted" in (tmp_path / "page.html").read_text()
    with pytest.raises(ValueError, match=r"S305.*mia\.jsonl"):
        measure_agreement(paths[:1])
    changed = replace(decision("mia", 3, 4, "PER"), time="later")  # the last word counts
    assert decided_annotation([*made[:3], changed])["news"].entities == (
        *(Entity(0, 1, "PER"), Entity(3, 4, "PER"), Entity(5, 6, "LOC")),
    )


def write(path, tags, words=WORDS, name="news"):
    path.write_text(json.dumps({"id": name, "tokens": words, "labels": tags}) + "\n")
    return path


TAGS = ["B-PER", "I-PER", "O", "B-LOC", "O", "B-LOC", "O", "O"]


def test_two_corpora(tmp_path):
    first = write(tmp_path / "a.jsonl", TAGS)
    write(tmp_path / "other.jsonl", TAGS, name="elsewhere")
    with pytest.raises(ValueError, match="S304"):
        compare_corpora(first, tmp_path / "other.jsonl")
    same = write(tmp_path / "c.jsonl", [*TAGS[:3], "B-ORG", *TAGS[4:]])
    code, output = run("seginf", "diff", first, same, "--html", tmp_path / "page.html", "--output", tmp_path / "d.json")
    assert code == 0 and "differ in 1 places" in output and "LOC / ORG" in output
    assert "once LOC in the first and ORG in the second" in output
    longer = write(tmp_path / "longer.jsonl", [*TAGS[:6], "I-LOC", "O"])
    code, output = run("seginf", "diff", first, longer, "--html", tmp_path / "other.html")
    assert "once LOC in the first and LOC in the second, with other boundaries" in output
    assert "[Tarnby]/LOC Rovers / [Tarnby Rovers]/LOC" in output
    page = (tmp_path / "other.html").read_text()
    assert "<bdi>[Tarnby]/LOC Rovers</bdi>" in page and "LOC</bdi>, with other boundaries" in page
    with pytest.raises(ValueError, match="S2"):
        compare_corpora(first, same, html=first)


def test_texts_of_strangers_do_nothing(tmp_path):
    words = (*WORDS[:3], MARKUP, *WORDS[4:])
    paths = [
        write(tmp_path / f"{number}.jsonl", [*TAGS[:3], tag, *TAGS[4:]], words, MARKUP)
        for number, tag in enumerate(("B-LOC", f"B-{MARKUP}"))
    ]
    compare_corpora(*paths, html=tmp_path / "page.html")
    page = (tmp_path / "page.html").read_text()
    assert "<script" not in page and "&lt;script&gt;" in page


@pytest.mark.parametrize("more", [[], [decision("mia", 4, 5, "PER")]])
def test_what_was_applied_is_taken_back(tmp_path, more):
    corpus = write(tmp_path / "train.jsonl", TAGS)
    made = [
        decision("mia", 3, 4, "ORG"),
        decision("mia", 5, 6, choice="keep"),
        *(replace(one, current=()) for one in more),
    ]
    paths = [tmp_path / "decisions.jsonl"]
    append_decisions(paths[0], made)
    apply_decisions(corpus, tmp_path / "right.jsonl", paths, labels=["ORG"])
    assert (tmp_path / "right.jsonl").read_bytes() != corpus.read_bytes()
    code, output = run("seginf", "unapply", tmp_path / "right.jsonl", tmp_path / "back.jsonl", *paths)
    assert code == 0, output
    assert (tmp_path / "back.jsonl").read_bytes() == corpus.read_bytes()
    with pytest.raises(ValueError, match="S202"):  # it was taken back already
        unapply_decisions(tmp_path / "back.jsonl", tmp_path / "again.jsonl", paths)
    assert not (tmp_path / "again.jsonl").exists()
