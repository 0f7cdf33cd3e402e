"""Tags of tokens are curated as entities are: ranked, reviewed, applied, and taken back."""

from __future__ import annotations

import itertools
import json
from dataclasses import replace

import numpy
import pytest
import spacy
from spacy.tokens import DocBin

from spacy_seginf.api.apply import apply_decisions, unapply_decisions
from spacy_seginf.api.decide import decide_labels
from spacy_seginf.api.diff import compare_corpora
from spacy_seginf.api.loop import run_loop
from spacy_seginf.api.preview import preview
from spacy_seginf.api.rank import find_label_issues
from spacy_seginf.crf.schemes import TAG, TagScheme
from spacy_seginf.curation.candidates import Regions
from spacy_seginf.curation.decisions import append_decisions
from spacy_seginf.curation.doubtful_tokens import find_doubtful_tokens
from spacy_seginf.curation.predictors import head_predictions
from spacy_seginf.curation.records import Decision, read_decisions
from spacy_seginf.curation.source import LabelSource
from spacy_seginf.influence.penalty import Penalty
from spacy_seginf.review.decide import Answer
from spacy_seginf.review.state import Review

from ..cli.running import run
from ..influence.heads import random_data, random_head
from .tagged import PLANTED, TAGS, attach_tagger, tag, tagged_docs


@pytest.fixture(scope="module")
def world(tmp_path_factory):
    """The corpus, the pipeline, what was planted, and the ranking with its file."""
    folder = tmp_path_factory.mktemp("tags")
    docs, planted = tagged_docs()
    corpus, pipeline = attach_tagger(folder, docs)
    issues = folder / "issues.jsonl"
    return corpus, pipeline, planted, find_label_issues(str(pipeline), corpus, issues), issues


def read_tags(path):
    docs = DocBin().from_disk(path).get_docs(spacy.blank("en").vocab)
    return {(doc.user_data["id"], token.i): token.tag_ for doc in docs for token in doc}


@pytest.fixture
def decided(world, tmp_path):
    """Decisions that put right what is wrong, and keep what is right, among the first issues."""
    _, _, planted, ranking, _ = world
    path = tmp_path / "decisions.jsonl"
    state = Review(ranking, path, "Ada")
    for one in ranking.issues[: 2 * PLANTED]:
        right = planted.truth[one.document, one.start]
        if right == one.current[0].label:
            answer = Answer(one.id, "keep")
        elif right == one.suggested[0].label:
            answer = Answer(one.id, "accept")
        else:
            answer = Answer(one.id, "label", (tag(one.start, right),))
        state.decide([answer])
    return path


def test_planted_tags_come_first(world):
    _, _, planted, ranking, _ = world
    assert ranking.scheme == TAG and {one.kind for one in ranking.issues} == {"relabel"}
    first = {(one.document, one.start) for one in ranking.issues[:PLANTED]}
    assert len(first & planted.wrong) >= 0.8 * PLANTED
    suggested = {(one.document, one.start): one.suggested[0].label for one in ranking.issues}
    found = planted.wrong & suggested.keys()
    assert sum(suggested[place] == planted.truth[place] for place in found) >= 0.8 * len(found)


def test_what_has_no_tag_is_no_issue(world):
    _, _, planted, ranking, _ = world
    assert all(one.end == one.start + 1 and one.current for one in ranking.issues)
    assert not planted.unknown & {(one.document, one.start) for one in ranking.issues}


def test_decisions_write_the_right_tags_and_nothing_else(world, decided, tmp_path):
    corpus, _, planted, _, _ = world
    plan = apply_decisions(corpus, tmp_path / "right.spacy", [decided], scheme=TAG)
    changed = {(one.document, one.start) for one in read_decisions(decided) if one.choice != "keep"}
    assert len(plan.changes) == len(changed & planted.wrong) == len(changed) >= 0.8 * PLANTED
    before, after = read_tags(corpus), read_tags(tmp_path / "right.spacy")
    assert {place for place in before if before[place] != after[place]} == changed
    assert all(after[place] == planted.truth[place] for place in changed)
    vocab = spacy.blank("en").vocab
    both = zip(*(DocBin().from_disk(path).get_docs(vocab) for path in (corpus, tmp_path / "right.spacy")))
    for one, other in both:
        assert one.user_data == other.user_data and one.to_json()["ents"] == other.to_json()["ents"]
        assert [token.lemma_ for token in one] == [token.lemma_ for token in other]
    found = compare_corpora(corpus, tmp_path / "right.spacy", scheme=TAG)
    assert len(found.differences) == len(changed)
    unapply_decisions(tmp_path / "right.spacy", tmp_path / "back.spacy", [decided], scheme=TAG)
    assert read_tags(tmp_path / "back.spacy") == before


def test_tags_behind_an_explanation_are_decided(world, tmp_path):
    """One token gets the other tag, and nothing else changes."""
    corpus, pipeline, _, _, _ = world
    nlp, path = spacy.load(pipeline), tmp_path / "decided.jsonl"
    reference = nlp("the dog left Osted .")._.influencers[1].supporting[0]
    other = next(tag for tag in TAGS if tag != reference.label)
    decided = decide_labels(nlp.get_pipe("influence"), [reference], other, path)
    assert [one.label for one in decided[0].entities] == [other]
    apply_decisions(corpus, tmp_path / "changed.spacy", [path], scheme=TAG)
    before, after = read_tags(corpus), read_tags(tmp_path / "changed.spacy")
    assert {place: tag for place, tag in after.items() if before[place] != tag} == {
        (reference.doc_id, reference.start): other
    }


def test_the_command_asks_for_the_scheme(world, decided, tmp_path):
    corpus = world[0]
    code, printed = run("seginf", "apply", corpus, tmp_path / "right.spacy", decided)
    assert code == 1 and "[S202]" in printed and "--scheme TAG" in printed and not (tmp_path / "right.spacy").exists()
    assert run("seginf", "apply", corpus, tmp_path / "right.spacy", decided, "--scheme", "TAG")[0] == 0


def test_decisions_teach(world, decided, tmp_path):
    corpus, pipeline, _, _, _ = world
    found = find_label_issues(str(pipeline), corpus, tmp_path / "issues.jsonl", decisions=[decided], dev=corpus)
    done = {(one.document, one.start) for one in read_decisions(decided)}
    assert not done & {(one.document, one.start) for one in found.issues} and found.about["decided"] == len(done)


def test_what_decisions_change_is_seen_before(world, decided):
    corpus, pipeline, _, _, _ = world
    found = preview(str(pipeline), [decided], corpus)
    assert found.relabelled >= 0.8 * PLANTED and found.entities == sum(map(bool, read_tags(corpus))) and found.converged


def test_the_review_takes_one_tag(world, tmp_path):
    _, _, _, ranking, _ = world
    state, one = Review(ranking, tmp_path / "decisions.jsonl", "Ada"), ranking.issues[0]
    for wrong in ((), (tag(one.start + 1, "NN"),), (tag(one.start, "NN"), tag(one.start + 1, "NN"))):
        with pytest.raises(ValueError, match=r"\[S185\].*one tag for each token"):
            state.decide([Answer(one.id, "label", wrong)])
    assert not (tmp_path / "decisions.jsonl").exists()


def test_a_decision_that_takes_the_tag_away_is_refused(world, tmp_path):
    corpus, _, _, ranking, _ = world
    append_decisions(tmp_path / "decisions.jsonl", [Decision.on(ranking.issues[0], "label", ())])
    with pytest.raises(ValueError, match=r"\[S202\](.|\n)*exactly one tag"):
        apply_decisions(corpus, tmp_path / "right.spacy", [tmp_path / "decisions.jsonl"], scheme=TAG)


def test_the_loop_says_what_to_do_instead(world, decided, tmp_path):
    corpus, pipeline, _, _, _ = world
    with pytest.raises(ValueError, match=r"\[S210\].*seginf rank"):
        run_loop(str(pipeline), corpus, tmp_path / "loop", corpus, decisions=[decided])


CONLLU = """# newdoc id = a
1\tAda\tAda\tPROPN\tNNP\t_\t2\tnsubj\t_\t_
2\tsleeps\tsleep\tVERB\tNN\t_\t0\troot\t_\t_

# newdoc id = b
1\tdog\tdog\tNOUN\t_\t_\t0\troot\t_\tSpaceAfter=No
"""


def test_tags_of_text_files_are_run_loop(tmp_path):
    lines = {"id": "a", "tokens": ["Ada", "sleeps"], "xpos": ["NNP", "NN"], "labels": ["X", ""]}
    (tmp_path / "a.jsonl").write_text(json.dumps(lines) + "\n")
    (tmp_path / "a.conllu").write_text(CONLLU)
    said = Decision("1", "a", 1, 2, ("sleeps",), (tag(1, "NN"),), "label", (tag(1, "VBZ"),))
    append_decisions(tmp_path / "decisions.jsonl", [said])
    for name, more in (("a.conllu", {}), ("a.jsonl", {"labels_key": "xpos"})):
        told = {"scheme": TAG, "labels": ["VBZ"], **more}
        output = tmp_path / f"right-{name}"
        apply_decisions(tmp_path / name, output, [tmp_path / "decisions.jsonl"], **told)
        old = "VERB\tNN" if name == "a.conllu" else '"NNP", "NN"'
        assert output.read_text() == (tmp_path / name).read_text().replace(
            old, old.replace('NN"', 'VBZ"').replace("\tNN", "\tVBZ")
        )
    (tmp_path / "a.tsv").write_text("#FORMAT=WebAnno TSV 3.3\n")
    with pytest.raises(ValueError, match=r"\[S288\] The setting --scheme TAG"):
        apply_decisions(tmp_path / "a.tsv", tmp_path / "b.tsv", [tmp_path / "decisions.jsonl"], scheme=TAG)


@pytest.fixture
def chain():
    """A text of five tokens under a random head of four tags; the third token has none."""
    generator = numpy.random.default_rng(3)
    data, labels = random_data(generator, [5], 4, 3)
    allowed = numpy.eye(4, dtype=bool)[labels]
    allowed[2] = True
    head = random_head(generator, data)
    return LabelSource(replace(data, allowed=allowed), labels, head, None, Penalty(1.0), TagScheme(tuple("abcd"), TAG))


def test_candidates_are_scored_by_enumeration(chain):
    predictions = head_predictions(chain, chain.head)
    regions = Regions(chain, find_doubtful_tokens(chain, [predictions]))
    scores = regions.scores(predictions)
    assert [(one.start, one.end) for one in regions.regions] == [(0, 1), (1, 2), (3, 4), (4, 5)]

    def score(labels):
        emissions = predictions.emissions[numpy.arange(5), labels].sum()
        return emissions + sum(predictions.transitions[0, one, other] for one, other in itertools.pairwise(labels))

    for number, region in enumerate(regions.regions):
        assert region.candidates[0] == (tag(region.start, "abcd"[chain.labels[region.start]]),)
        assert sorted(one[0].label for one in region.candidates) == list("abcd")
        totals = []
        for candidate in region.candidates:
            labels = chain.labels.copy()
            labels[region.start] = "abcd".index(candidate[0].label)
            totals.append(score(labels))
        expected = numpy.array(totals) - numpy.logaddexp.reduce(totals)
        numpy.testing.assert_allclose(scores[regions.firsts[number] :][:4], expected, atol=1e-9)


def test_only_the_most_doubtful_and_the_most_probable_are_looked_at(chain):
    predictions = head_predictions(chain, chain.head)
    every = Regions(chain, find_doubtful_tokens(chain, [predictions]))
    scores = every.scores(predictions)
    few = find_doubtful_tokens(chain, [predictions], most=2, others=1)
    own = scores[every.firsts]
    expected = sorted(numpy.argsort(own, kind="stable")[:2].tolist())
    best = every.best(scores)
    assert [one.start for one in few] == [every.regions[number].start for number in expected]
    assert [one.candidates[1:] for one in few] == [(every.candidate(int(best[number])),) for number in expected]
