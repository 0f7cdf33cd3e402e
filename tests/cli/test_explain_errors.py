"""`python -m spacy seginf explain PIPELINE CORPUS --errors`, and with a corpus in the place of a text."""

from __future__ import annotations

import json
import re
import shlex
from dataclasses import replace

import numpy
import pytest
import spacy
from spacy.tokens import Doc, DocBin

import spacy_seginf
from spacy_seginf.crf.schemes import Entity
from spacy_seginf.explanation.account import Account
from spacy_seginf.explanation.loading import load_indexed
from spacy_seginf.explanation.mistake_report import FamilyInWords, LabelInContext, Mistake, MistakeReport
from spacy_seginf.explanation.mistakes_page import render_mistakes
from spacy_seginf.explanation.mistakes_terminal import render_mistakes_terminal

from ..conftest import TEXTS
from .running import run
from .test_explain import PageParser


@pytest.fixture(scope="module")
def report(exact_path, corpus_path):
    return spacy_seginf.explain_errors(str(exact_path), corpus_path)


def entities_of(doc):
    return {(ent.start, ent.end, ent.label_) for ent in doc.ents}


def test_every_wrong_prediction_is_there(report, exact_path, corpus_path):
    nlp = spacy.load(exact_path, exclude=["influence"])
    wrong, missed, right = set(), set(), 0
    for gold in DocBin().from_disk(corpus_path).get_docs(nlp.vocab):
        found, wanted = entities_of(nlp(Doc(nlp.vocab, words=[token.text for token in gold]))), entities_of(gold)
        name = gold.user_data["id"]
        wrong |= {(name, *one) for one in found - wanted}
        missed |= {(name, *one) for one in wanted - found}
        right += len(found & wanted)
    sides = [
        {(one.document, ent.start, ent.end, ent.label) for one in report.mistakes for ent in side(one)}
        for side in (lambda one: one.predicted, lambda one: one.gold)
    ]
    assert wrong <= sides[0] and missed <= sides[1] and wrong | missed
    # What else is in a region belongs to something that is wrong there.
    assert report.right == right and report.texts == len(TEXTS)
    assert sum(map(len, report.causes.values())) == sum(map(len, report.confusions.values())) == len(report)
    assert sum(map(len, report.kinds.values())) == sum(map(len, report.documents.values())) == len(report)


def test_margins_are_those_of_the_two_readings(report, exact_path, corpus_path):
    nlp, influence = load_indexed(str(exact_path))
    tagger = influence.find_tagger()
    head, _, _ = influence.index.label_head
    docs = {doc.user_data["id"]: doc for doc in DocBin().from_disk(corpus_path).get_docs(nlp.vocab)}
    for one in report.mistakes:
        doc = docs[one.document]
        (prediction,) = tagger.predict([Doc(nlp.vocab, words=[token.text for token in doc])])
        scores = []
        for side in (one.predicted, one.gold):
            tags = prediction.tags.copy()
            tags[one.start : one.end] = 0
            for entity in side:
                tags[entity.start : entity.end] = tagger.scheme.entity_tags(entity.label, entity.end - entity.start)
            emissions = head.emissions(numpy.asarray(prediction.features))
            score = emissions[numpy.arange(len(tags)), tags].sum() + head.transitions[tags[:-1], tags[1:]].sum()
            scores.append(float(score))
        assert one.account.margin == pytest.approx(scores[0] - scores[1], abs=1e-4)
        lines = sum(share for _, share in one.rest) + sum(family.share for family in one.families)
        assert lines == pytest.approx(one.account.margin, abs=0.02 + 1e-3 * one.account.supporting)
        assert one.text == doc[one.start : one.end].text


def test_files_and_terminal(report, exact_path, corpus_path, tmp_path):
    page, lines, decisions = tmp_path / "page.html", tmp_path / "errors.jsonl", tmp_path / "proposed.jsonl"
    files = ["--html", page, "--json", lines, "--decisions", decisions]
    code, output = run("seginf", "explain", exact_path, corpus_path, "--errors", *files, words_only=False)
    assert code == 0
    assert [json.loads(line) for line in lines.read_text(encoding="utf8").splitlines()] == json.loads(
        json.dumps([one.plain for one in report.mistakes])
    )
    assert "seginf stability" in output
    for one in report.mistakes:
        assert [family.share > 0 for family in one.strongest].count(True) == (one.account.supporting > 0)
        assert [family.share < 0 for family in one.strongest].count(True) == (one.account.opposing < 0)
    for cause, members in report.causes.items():
        assert f"{cause} ({len(members)})" in output and report.advice(cause).advice in output
    html = page.read_text(encoding="utf8")
    assert html.count("<article ") == len(report) and "<script" not in html
    for one in report.mistakes:
        assert html.count(f'id="{one.id}"') == 1 and f'href="#{one.id}"' in html
    assert decisions.exists() == any(one.proposals for one in report.mistakes)


def test_columns_are_read_as_the_binary_file(report, exact_path, corpus_path, tmp_path):
    vocab = spacy.blank("en").vocab
    path = tmp_path / "dev.conll"
    lines = []
    for doc in DocBin().from_disk(corpus_path).get_docs(vocab):
        lines += [f"{token.text} {token.ent_iob_}{'-' * bool(token.ent_type_)}{token.ent_type_}" for token in doc] + [
            ""
        ]
    path.write_text("\n".join(lines) + "\n", encoding="utf8")
    found = spacy_seginf.explain_errors(str(exact_path), path)
    kept = ("text", "kind", "predicted_share", "cause", "account")
    assert [{name: one.plain[name] for name in kept} for one in found.mistakes] == [
        {name: one.plain[name] for name in kept} for one in report.mistakes
    ]


def test_a_corpus_is_explained_text_by_text(exact_path, corpus_path, tmp_path):
    page = tmp_path / "page.html"
    code, output = run("seginf", "explain", exact_path, corpus_path, "--html", page, words_only=False)
    assert code == 0 and f"Explained: {len(TEXTS)} documents" in output
    docs = spacy_seginf.explain_corpus(str(exact_path), corpus_path)
    nlp = spacy.load(exact_path)
    for doc, gold in zip(docs, DocBin().from_disk(corpus_path).get_docs(nlp.vocab)):
        again = nlp(Doc(nlp.vocab, words=[token.text for token in gold]))
        assert [(ent.text, [*map(repr, ent._.influencers)]) for ent in doc.ents] == [
            (ent.text, [*map(repr, ent._.influencers)]) for ent in again.ents
        ]
    html = page.read_text(encoding="utf8")
    assert html.count("<section ") == len(docs) == len(TEXTS)
    assert re.findall(r'<section id="(d\d+)">', html) == [f"d{number}" for number in range(len(TEXTS))]


def test_what_can_not_be_explained(indexed_path, exact_path, corpus_path, tmp_path):
    code, output = run("seginf", "explain", indexed_path, corpus_path, "--errors")
    assert code == 1 and "[S256]" in output
    code, output = run("seginf", "explain", exact_path, tmp_path / "none.spacy", "--errors")
    assert code == 1 and "[S040]" in output
    code, output = run("seginf", "explain", exact_path, tmp_path, "--errors")
    assert code == 1 and "[S042]" in output
    code, output = run("seginf", "explain", exact_path, "A text .", "--decisions", tmp_path / "new.jsonl")
    assert code == 2 and "--errors" in output
    empty = tmp_path / "empty.spacy"
    DocBin(docs=[Doc(spacy.blank("en").vocab, words=["Nothing", "known"])]).to_disk(empty)
    code, output = run("seginf", "explain", exact_path, empty, "--errors")
    assert code == 1 and "[S041]" in output


HOSTILE = '<b onclick="x()">\u202e\x1b[31m{{ 1 }}'


def test_hostile_texts_and_names():
    label = LabelInContext(HOSTILE, 0, 1, HOSTILE, HOSTILE, HOSTILE, 0)
    account = Account((0,), HOSTILE, 1.0, 0.5, 2.0, -1.0, (), 0.0, 0.5, 0.0, 0.0)
    mistake = Mistake(
        HOSTILE,
        0,
        1,
        (HOSTILE,),
        HOSTILE,
        HOSTILE,
        "missed",
        (),
        (Entity(0, 1, HOSTILE),),
        account,
        (FamilyInWords(0, 3, HOSTILE, 1.0, label, (HOSTILE,)),),
        "mislabelled",
        HOSTILE,
        0.5,
        0.1,
        (label,),
    )
    report = MistakeReport((mistake,), 1, 0, "a b;rm -rf", HOSTILE)
    html = render_mistakes(report)
    parser = PageParser()
    parser.feed(html)
    parser.close()
    assert "b" not in parser.tags and "script" not in parser.tags and "onclick" not in parser.attributes
    written = render_mistakes_terminal(report)
    for text in (html, written):
        assert "\u202e" not in text and "\x1b" not in text and "\\u202e" in text
    assert "'a b;rm -rf'" in written


def test_documents_with_one_id_are_told_apart(report, exact_path, corpus_path, tmp_path):
    """Twice the same corpus: twice the same mistakes, each with a name and an address of its own."""
    vocab = spacy.blank("en").vocab
    docs = list(DocBin().from_disk(corpus_path).get_docs(vocab))
    names = [doc.user_data["id"] for doc in docs]
    more = [doc.copy() for doc in docs]
    for doc in more:
        doc.user_data["id"] = doc.user_data["id"] if doc.user_data["id"] != names[0] else f"{names[1]} (2)"
    DocBin(docs=[*docs, *more], store_user_data=True).to_disk(tmp_path / "dev.spacy")
    page = tmp_path / "page.html"
    found = spacy_seginf.explain_errors(str(exact_path), tmp_path / "dev.spacy", html=page)
    assert len(found) == 2 * len(report) == len({one.id for one in found.mistakes})
    assert len(found.documents) == 2 * len(report.documents)
    assert {len(members) for members in found.documents.values()} == {
        len(members) for members in report.documents.values()
    }
    ids = re.findall(r'<article id="(\w+)"', page.read_text(encoding="utf8"))
    assert len(ids) == len(set(ids)) == len(found)
    assert [one.id for one in found.mistakes[: len(report)]] == [one.id for one in report.mistakes]


def test_advice_is_commands_that_work(report, exact_path, corpus_path, tmp_path, monkeypatch):
    """With a corpus of columns too, after the placeholder for the training corpus is filled in."""
    monkeypatch.chdir(tmp_path)
    dev = tmp_path / "a dev.conll"
    dev.write_text("Ada O\nLind O\nsaw O\nOsted B-ORG\n", encoding="utf8")
    found = replace(report, pipeline=str(exact_path), corpus=str(dev))
    ranking, *rest = found.advice("contradicted").command.splitlines()
    words = shlex.split(ranking.replace("TRAIN.spacy", str(corpus_path)))
    assert words[:3] == ["python", "-m", "spacy"] and not rest
    assert run(*words[3:])[0] == 0 and (tmp_path / "issues.jsonl").exists()
    for cause in ("mislabelled", "boundary habit"):
        first, second = found.advice(cause).command.splitlines()
        assert run(*shlex.split(first)[3:])[0] == 0
        assert second.startswith("python -m spacy seginf apply TRAIN.spacy ")
    tags = replace(found, entities=False)
    assert tags.advice("nothing near").command == ""
    for cause in ("contradicted", "mislabelled"):
        assert run(*shlex.split(tags.advice(cause).command)[3:])[0] == 0


def test_commands_name_the_files_that_are_known(report, tmp_path):
    found = replace(report, decisions="my {own}.jsonl", train="a train.spacy")
    assert found.advice("contradicted").command.split()[-4:-2] == ["'a", "train.spacy'"]
    proposing, applying = replace(found, mistakes=()).advice("mislabelled").command.splitlines()
    assert proposing.endswith("--decisions 'my {own}.jsonl'")
    assert shlex.split(applying)[-4:] == ["a train.spacy", "FIXED.spacy", "my {own}.jsonl", "--dry-run"]
    if any(one.proposals for one in report.mistakes):
        assert found.advice("mislabelled").command == applying


def test_both_sides_are_printed_wherever_the_first_families_stand(report):
    label = LabelInContext("a", 0, 1, "PER", "Ada", "Ada slept", 0)
    shares = (-3.0, -2.0, -1.0, 0.5, 0.25)
    families = tuple(FamilyInWords(number, 3, "PER", share, label, ()) for number, share in enumerate(shares))
    one = replace(report.mistakes[0], families=families)
    printed = render_mistakes_terminal(replace(report, mistakes=(one,)))
    assert "against it -3.00" in printed and "taught by +0.50" in printed and "-2.00  3 labels" not in printed
    assert "all other families" in printed and f"{one.account.margin:+.2f}  = margin over" in printed


def test_filters_choose_all_that_they_name(report):
    html = render_mistakes(report)
    classes = dict(re.findall(r'<article id="(\w+)" class="([^"]*)"', html))
    for name, groups in (("cause", report.causes), ("kind", report.kinds), ("document", report.documents)):
        options = re.search(rf'<select id="by-{name}">(.*?)</select>', html, flags=re.DOTALL).group(1)
        assert options.count("<option") == len(groups) + 1
        for number, members in enumerate(groups.values()):
            chosen = {key for key, own in classes.items() if f"{name}-{number}" in own.split()}
            assert chosen == {one.id for one in members}
            assert f'#by-{name} option[value="{number}"]:checked) article:not(.{name}-{number})' in html


def test_nothing_that_is_read_is_replaced(indexed_path, tmp_path, corpus_path):
    copy = tmp_path / "dev.spacy"
    copy.write_bytes(corpus_path.read_bytes())
    for option in ("--html", "--json", "--decisions"):
        code, output = run("seginf", "explain", indexed_path, copy, "--errors", option, copy)
        assert code == 1 and "S219" in output
    assert copy.read_bytes() == corpus_path.read_bytes()
    code, output = run("seginf", "explain", indexed_path, copy, "--errors", "--method", "Nope")
    assert code == 2 and "--errors" in output
