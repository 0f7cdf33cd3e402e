"""From a pipeline, its corpus and trusted texts to a ranking; mistakes and their support; the reviewer who knows."""

from __future__ import annotations

import json

import numpy
import pytest
import spacy
from spacy.tokens import DocBin

from spacy_seginf.api.apply import apply_decisions as apply
from spacy_seginf.api.index import build_index as index
from spacy_seginf.api.rank import find_label_issues as rank
from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation import finding
from spacy_seginf.curation.decisions import append_decisions, now
from spacy_seginf.curation.filter import IssueFilter
from spacy_seginf.curation.finding import IssueFinder
from spacy_seginf.curation.issues import described_change
from spacy_seginf.curation.mistakes import find_mistakes, influence_on, likeness
from spacy_seginf.curation.predictors import Trusted
from spacy_seginf.curation.records import Decision, corpus_digest, issue_id, read_decisions, read_ranking
from spacy_seginf.curation.references import References
from spacy_seginf.curation.regions import Correction
from spacy_seginf.curation.session import open_session
from spacy_seginf.influence.effects import HeadEffects, log_odds
from spacy_seginf.loop.reviewing import (
    ReviewedItem,
    Reviewer,
    corrected_labels,
    found_tokens,
    review_ranking,
    review_spans,
)
from spacy_seginf.loop.steps import decisions_of, truth_of

from ..cli.running import run
from ..conftest import make_tagger


@pytest.fixture
def session(exact_path, corpus_path):
    return open_session(str(exact_path), corpus_path)


@pytest.fixture
def wrong_texts(corpus_path, tmp_path):
    """The corpus with the types of some entities changed: texts that the tagger gets wrong, as it were."""
    docs = list(DocBin().from_disk(corpus_path).get_docs(spacy.blank("en").vocab))
    for doc in docs[:8]:
        doc.set_ents([spacy.tokens.Span(doc, ent.start, ent.end, "ORG") for ent in doc.ents])
    DocBin(docs=docs[:8], store_user_data=True).to_disk(tmp_path / "texts.spacy")
    return tmp_path / "texts.spacy"


def trusted_of(session, labels=None):
    source = session.source
    labels = source.labels if labels is None else labels
    allowed = labels[:, None] == numpy.arange(source.data.labels)
    return Trusted(type(source.data)(source.data.features, allowed, source.data.lengths), labels, source.known)


def test_the_corpus_beside_its_index(session, corpus_path):
    docs = list(DocBin().from_disk(corpus_path).get_docs(spacy.blank("en").vocab))
    places = session.alignment
    assert places.names == [doc.user_data["id"] for doc in docs] and places.tokens == sum(map(len, docs))
    facts = [
        (doc.user_data["id"], [t.text for t in doc], [Entity(e.start, e.end, e.label_) for e in doc.ents])
        for doc in docs
    ]
    assert places.digest == corpus_digest(facts)
    for number in range(len(session.source.data.lengths)):
        name, first = session.index.place(number, 0)
        assert places.in_index(name, first, first + 1) == (number, 0, 1)
    assert places.in_index("nowhere", 0, 1) is None
    assert places.in_index(places.names[0], 0, 1000) is None


def test_another_corpus_is_refused(exact_path, corpus_path, tmp_path):
    vocab = spacy.blank("en").vocab
    docs = list(DocBin().from_disk(corpus_path).get_docs(vocab))

    def saved(changed):
        DocBin(docs=changed, store_user_data=True).to_disk(tmp_path / "other.spacy")
        return tmp_path / "other.spacy"

    with pytest.raises(ValueError, match=r"S212.*lacks"):
        open_session(str(exact_path), saved(docs[1:]))
    twice = [*docs, docs[0]]
    with pytest.raises(ValueError, match="S211"):
        open_session(str(exact_path), saved(twice))
    other = next(doc for doc in docs if doc.ents)
    ents = other.ents
    other.set_ents(ents[1:])
    with pytest.raises(ValueError, match=r"S212.*other entities"):
        open_session(str(exact_path), saved(docs))
    other.set_ents(list(ents))
    renamed = spacy.tokens.Doc(vocab, words=[f"{token.text}x" for token in docs[0]])
    renamed.user_data["id"] = docs[0].user_data["id"]
    with pytest.raises(ValueError, match=r"S212.*other words"):
        open_session(str(exact_path), saved([renamed, *docs[1:]]))


def test_documents_that_the_index_lacks_are_told(exact_path, corpus_path, tmp_path, recwarn):
    docs = list(DocBin().from_disk(corpus_path).get_docs(spacy.blank("en").vocab))
    empty, unannotated, new = (spacy.tokens.Doc(docs[0].vocab, words=words) for words in ([], ["Ada"], ["Ada"]))
    new.set_ents([])
    for extra, told in ([empty, unannotated], False), ([empty, new], True):
        for number, doc in enumerate(extra):
            doc.user_data["id"] = f"later-{number}"
        DocBin(docs=[*docs, *extra], store_user_data=True).to_disk(tmp_path / "longer.spacy")
        recwarn.clear()
        open_session(str(exact_path), tmp_path / "longer.spacy")
        found = [str(one.message) for one in recwarn if "[W008]" in str(one.message)]
        assert len(found) == told and all("(1, such as 'later-1')" in one for one in found)


def test_a_ranking(exact_path, corpus_path, tmp_path):
    output = tmp_path / "issues.jsonl"
    ranking = rank(str(exact_path), corpus_path, output, dev=corpus_path, unlikely=True, references=3)
    assert read_ranking(output) == ranking
    docs = {doc.user_data["id"]: doc for doc in DocBin().from_disk(corpus_path).get_docs(spacy.blank("en").vocab)}
    assert len(ranking.issues) > 30 and ranking.labels == ("LOC", "ORG", "PER")
    seen = set()
    for number, one in enumerate(ranking.issues):
        doc = docs[one.document]
        assert [token.text for token in doc[one.first :][: len(one.words)]] == list(one.words)
        inside = {Entity(e.start, e.end, e.label_) for e in doc.ents if e.start < one.end and one.start < e.end}
        assert set(one.current) == inside and one.suggested != one.current
        assert all(one.start <= entity.start and entity.end <= one.end for entity in (*one.current, *one.suggested))
        assert one.id == issue_id(one.document, one.start, one.end, one.current)
        assert 0 <= one.probability <= 1 and one.reasons
        assert described_change(one).split(" -> ")[1] in " ".join(one.reasons)
        assert (one.kind == "rebound") == ("]/" in described_change(one))
        assert bool(one.supporting or one.opposing) == (number < 3)
        assert not seen & {(one.document, token) for token in range(one.start, one.end)}
        seen |= {(one.document, token) for token in range(one.start, one.end)}
    said = " ".join(reason for one in ranking.issues for reason in one.reasons)
    assert "no entity, or only part of one, " in said and "just so" not in said
    annotated = {(e.start, e.end, e.label_) for doc in docs.values() for e in doc.ents}
    listed = {(c.start, c.end, c.label) for one in ranking.issues for c in one.current}
    assert len(annotated - listed) <= 2  # another issue has some of their tokens
    likely = rank(str(exact_path), corpus_path, tmp_path / "likely.jsonl", dev=corpus_path, references=0)
    assert [one.id for one in likely.issues] == [one.id for one in ranking.issues][: len(likely.issues)]
    assert len(likely.issues) < len(ranking.issues)


def test_the_command(exact_path, corpus_path, tmp_path):
    output = tmp_path / "ranked.jsonl"
    code, printed = run("seginf", "rank", exact_path, corpus_path, "--output", output, "--dev", corpus_path)
    assert code == 0 and "High is suspicious" in printed and "seginf review" in printed
    issues = read_ranking(output).issues
    likelier = sum(one.suggested_probability > one.probability for one in issues)
    assert f"{likelier} of {len(issues)} have a suggestion that is likelier" in printed and "even odds" in printed
    code, printed = run(
        "seginf", "rank", exact_path, corpus_path, "-o", output, "--label", "LOC", "--top", "5", "-q", "--unlikely"
    )
    ranking = read_ranking(output)
    assert code == 0 and len(ranking.issues) == 5
    assert all(one.current[0].label == "LOC" for one in ranking.issues)
    code, printed = run("seginf", "rank", exact_path, corpus_path, "-o", output, "--text", "(", "-q")
    assert code == 1 and "[S214]" in printed
    for option, value in (("--label", "LOCC"), ("--suggested", "O"), ("--document", "nothing")):
        code, printed = run("seginf", "rank", exact_path, corpus_path, "-o", output, option, value, "-q")
        assert code == 1 and "[S214]" in printed and value in printed
    code, printed = run("seginf", "rank", exact_path, tmp_path / "no.spacy", "-o", output, "-q")
    assert code == 1 and "[S040]" in printed
    assert read_ranking(output) == ranking


def test_short_lists_go_on(session, monkeypatch):
    finder = IssueFinder(session.source, None, session.missing)
    everything = [issue.candidate for issue in finder.rank(unlikely=True)]
    monkeypatch.setattr(finding, "OF_LABELS", 10**9)
    likely = [issue.candidate for issue in finder.rank()]
    starts = session.source.data.starts.tolist()
    rows_of_documents = [slice(start, start + size) for start, size in zip(starts, session.source.data.lengths)]
    entities = sum(len(session.source.scheme.entities(session.source.labels[rows])) for rows in rows_of_documents)
    assert len(likely) < entities // 2 < len(everything)
    monkeypatch.setattr(finding, "OF_LABELS", 2)
    assert [issue.candidate for issue in finder.rank()] == everything[: entities // 2]
    monkeypatch.setattr(finding, "LISTED", len(likely) + 1)
    assert [issue.candidate for issue in finder.rank()] == everything[: len(likely) + 1]


def test_one_pattern(session):
    issues = IssueFinder(session.source, None, session.missing).rank(unlikely=True)
    for choice, right in [
        (IssueFilter(suggested=("PER",)), lambda one, words, name: any(e.label == "PER" for e in one.suggested)),
        (IssueFilter(kinds=("remove", "rebound")), lambda one, words, name: one.kind in ("remove", "rebound")),
        (IssueFilter(documents=("doc-3",)), lambda one, words, name: name == "doc-3"),
        (IssueFilter(text="^osted"), lambda one, words, name: words.lower().startswith("osted")),
    ]:
        for one in issues:
            words = " ".join(session.source.words[one.document][one.start : one.end])
            name = session.index.place(one.document, 0)[0]
            assert choice.permits(one, session.alignment, session.index) == right(one, words, name)
    with pytest.raises(ValueError, match="S214"):
        IssueFilter(kinds=("change",))


def test_decisions_leave_the_ranking_and_teach(exact_path, corpus_path, tmp_path):
    output, said = tmp_path / "issues.jsonl", tmp_path / "decisions.jsonl"
    first = rank(str(exact_path), corpus_path, output, unlikely=True, references=0)
    chosen = next(one for one in first.issues if one.kind == "relabel" and " ".join(one.region) == "Tarnby")
    outcome = tuple(Entity(one.start, one.end, "ORG") for one in chosen.current)
    place = chosen.id, chosen.document, chosen.start, chosen.end, chosen.region, chosen.current
    append_decisions(said, [Decision(*place, "label", outcome, "ada", now(), first.corpus)])
    second = rank(str(exact_path), corpus_path, output, decisions=[said], unlikely=True, references=0)
    assert chosen.id not in {one.id for one in second.issues} and second.about["decided"] == 1
    session = open_session(str(exact_path), corpus_path)
    found = IssueFinder(session.source, None, session.missing).rank(
        session.decided(read_decisions(said)), unlikely=True
    )
    places = [(session.index.place(one.document, one.start), one.score) for one in found]
    assert [((one.document, one.start), one.score) for one in second.issues] == places  # what is measured is read
    scores = {one.id: one.score for one in first.issues}
    alike = [one for one in second.issues if " ".join(one.region) == "Tarnby" and one.id in scores]
    assert alike and all(one.score > scores[one.id] for one in alike)
    assert any(one.suggested and one.suggested[0].label == "ORG" for one in alike)


def test_decisions_come_in_the_order_of_their_times(session):
    """The latest last, wherever their documents stand: the latest say most of which evidence to follow."""
    places = [(name, one.start, one.end, one) for name in session.alignment.names[:6] for one in
              session.alignment.among(name, 0, 1000)][:5]  # fmt: skip
    decisions = []
    for number, (name, start, end, entity) in enumerate(places):
        words, _ = session.alignment.words(name, start, end)
        made = ("keep", (), "Ada", f"2026-01-0{9 - number}T00:00:00+00:00", session.alignment.digest)
        decisions.append(Decision(issue_id(name, start, end, (entity,)), name, start, end, words, (entity,), *made))
    found = [session.index.place(one.document, one.start) for one in session.decided(decisions)]
    assert len(found) == 5 and found == [(name, start) for name, start, _, _ in reversed(places)]


def test_decisions_for_another_version_are_refused(session, exact_path, corpus_path, tmp_path):
    name = session.alignment.names[0]
    words, _ = session.alignment.words(name, 0, 1)
    for decision in (
        Decision("x", name, 0, 1, ("other",), (), "keep"),
        Decision("x", name, 0, 1, words, (Entity(0, 1, "LOC"),), "keep"),
        Decision("x", "nowhere", 0, 1, words, (), "keep"),
    ):
        with pytest.raises(ValueError, match="S213"):
            session.decided([decision])


def test_mistakes_are_groups_of_entities_that_differ(session):
    source = session.source
    labels = source.labels.copy()
    first = int(source.data.starts[0])
    found = find_mistakes(source.head, trusted_of(session), source.scheme)
    mistakes = find_mistakes(source.head, trusted_of(session, numpy.zeros_like(labels)), source.scheme)
    assert len(mistakes) > len(found) and all(not wanted for wanted in mistakes.true)
    for (document, start, end), wrong in zip(mistakes.segments.tolist(), mistakes.wrong):
        first = int(source.data.starts[document])
        tags = mistakes.predicted[first : first + source.data.lengths[document]].tolist()
        assert set(wrong) == {Entity(*one) for one in source.scheme.entities(tags) if one[0] < end and start < one[1]}
    few = find_mistakes(source.head, trusted_of(session, numpy.zeros_like(labels)), source.scheme, largest=3)
    assert len(few) == 3 and few.found == len(mistakes)


def test_what_supports_a_mistake_is_what_refits_show(session):
    source = session.source
    mistakes = find_mistakes(source.head, trusted_of(session, numpy.zeros_like(source.labels)), source.scheme, 4)
    effects = HeadEffects(source.data, source.head, source.penalty, source.metric, source.labels)
    segments = source.entities[::7]
    predicted = influence_on(mistakes, effects, segments)
    watched = mistakes.chains(source.head)
    before = log_odds(watched.losses()[0])
    real = []
    for segment in segments:
        step, fit = effects.refit(effects.without([segment]))
        assert fit.converged
        real.append(log_odds(watched.losses(step)[0]) - before)
    real = numpy.array(real)
    assert numpy.corrcoef(predicted.ravel(), real.ravel())[0, 1] > 0.9
    large = numpy.abs(real) > 0.05
    assert large.sum() >= 3 and (numpy.sign(real[large]) == numpy.sign(predicted[large])).all()


def test_likeness_is_the_cosine_of_gradients(session):
    source = session.source
    mistakes = find_mistakes(source.head, trusted_of(session, numpy.zeros_like(source.labels)), source.scheme, 5)
    segments = source.entities[:6]
    mine = source.chains(segments).gradients()
    theirs = mistakes.chains(source.head).gradients()
    norms = numpy.linalg.norm(mine, axis=1)[:, None] * numpy.linalg.norm(theirs, axis=1)
    numpy.testing.assert_allclose(likeness(source, mistakes, segments), mine @ theirs.T / norms, atol=1e-9)


def test_what_supports_given_mistakes_comes_first(exact_path, corpus_path, wrong_texts, tmp_path):
    plain = rank(str(exact_path), corpus_path, tmp_path / "a.jsonl", unlikely=True, references=0)
    raised = rank(str(exact_path), corpus_path, tmp_path / "b.jsonl", mistakes=wrong_texts, unlikely=True, references=0)
    assert [one.id for one in plain.issues] != [one.id for one in raised.issues]
    assert raised.about["mistakes"] > 3
    assert any(one.mistakes for one in raised.issues) and not any(one.mistakes for one in plain.issues)
    for one in raised.issues:
        assert all(mistake["effect"] < 0 and mistake["predicted"] != mistake["gold"] for mistake in one.mistakes)


def test_texts_without_mistakes_are_told(exact_path, corpus_path, tmp_path):
    nlp = spacy.load(exact_path)
    docs = [nlp.make_doc("Nobody was surprised .")]
    docs[0].set_ents([])
    DocBin(docs=docs).to_disk(tmp_path / "fine.spacy")
    with pytest.warns(UserWarning, match="W007"):
        rank(
            str(exact_path),
            corpus_path,
            tmp_path / "a.jsonl",
            mistakes=tmp_path / "fine.spacy",
            unlikely=True,
            references=0,
        )


def test_references_do_not_name_the_label_itself(session):
    references = References(session.index)
    for document, start, end in session.source.entities[:5].tolist():
        found = references.at(document, start, end)
        name, first = session.index.place(document, start)
        for side, sign in (("supporting", -1), ("opposing", 1)):
            assert len(found[side]) <= 3
            for one in found[side]:
                assert one["effect"] * sign > 0
                assert one["document"] != name or one["end"] <= first or first + end - start <= one["start"]


def test_a_reviewer_decides_whole_entities(session):
    source = session.source
    truth = source.labels.copy()
    document, start, end = next(span for span in source.entities.tolist() if span[2] - span[1] == 2)
    first = int(source.data.starts[document])
    truth[first + start : first + end] = 0
    reviewer = Reviewer(source, truth)
    label = source.scheme.entities(source.labels[first : first + end].tolist())[-1][2]
    expected = Correction(start, end, (), document, (Entity(start, end, label),))
    assert reviewer.decide(document, start + 1, end) == expected and expected.wrong
    kept = next(span for span in source.entities.tolist() if span[0] != document)
    assert not reviewer.decide(*kept).wrong
    with pytest.raises(ValueError, match="S215"):
        Reviewer(source, truth[:-1])


def test_reading_finds_what_is_wrong(session):
    source = session.source
    generator = numpy.random.default_rng(0)
    truth = source.labels.copy()
    for document, start, end in source.entities[generator.random(len(source.entities)) < 0.2].tolist():
        first = int(source.data.starts[document])
        truth[first + start : first + end] = source.scheme.entity_tags("PER", end - start)
    reviewer = Reviewer(source, truth)
    finder = IssueFinder(source, trusted_of(session, truth), session.missing)
    for every in (None, 4):
        reviewed = review_ranking(finder, reviewer, 1000, every=every, families=False)
        spans = [(one.document, one.start, one.end) for item in reviewed for one in item.decided]
        shares = found_tokens(reviewer, reviewed)
        assert shares == sorted(shares) and shares[-1] == 1.0 and len(set(spans)) >= len(source.entities) - 5
        numpy.testing.assert_array_equal(corrected_labels(source, reviewed)[reviewer.wrong], truth[reviewer.wrong])
    by_chance = found_tokens(reviewer, review_spans(reviewer, source.units, generator.random(len(source.units)), 15))
    assert found_tokens(reviewer, reviewed[:15])[-1] > by_chance[-1]
    families = review_ranking(finder, reviewer, 5, every=2)
    assert len(families) == 5 and max(len(item.decided) for item in families) > 1
    kinds = [entry for item in families for entry in item.by_kind()]
    assert len(kinds) == sum(len(item.decided) for item in families)
    assert all(wrong or not right for _, wrong, right in kinds)


def test_decisions_merge_orders_without_losing_any(session):
    finder = IssueFinder(session.source, trusted_of(session), session.missing)
    before = finder.rank(unlikely=True)
    for wrong in (True, False):
        decided = [
            Correction(one.start, one.end, () if wrong else one.current, one.document, one.current)
            for one in before[:10]
        ]
        found = finder.rank(decided, unlikely=True)
        assert [one.candidate for one in finder.rank(decided, unlikely=True)] == [one.candidate for one in found]
        read = {(one.document, token) for one in (*decided, *found) for token in range(one.start, one.end)}
        assert all(read & {(one.document, token) for token in range(one.start, one.end)} for one in before)
        likely = finder.rank(decided)
        assert [one.candidate for one in likely] == [one.candidate for one in found][: len(likely)]
        ordered = [one.score for one in likely]
        assert ordered == sorted(ordered, reverse=True)
    assert [one.candidate for one in finder.rank((), unlikely=True)] == [one.candidate for one in before]


def test_decisions_of_the_truth_give_the_truth(session, corpus_path, tmp_path):
    source = session.source
    docs = list(DocBin().from_disk(corpus_path).get_docs(spacy.blank("en").vocab))
    changed = next(doc for doc in docs if len(doc.ents) > 1)
    changed.set_ents(list(changed.ents[1:]))
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "truth.spacy")
    truth = truth_of(session, tmp_path / "truth.spacy")
    reviewer = Reviewer(source, truth)
    assert 0 < reviewer.wrong.sum() < 5
    reviewed = [ReviewedItem((reviewer.decide(*span),)) for span in source.entities.tolist()]
    decisions = decisions_of(session, reviewed, "the truth")
    assert [one.choice for one in decisions].count("label") == 1
    assert session.decided(decisions) and decisions[0].corpus == session.alignment.digest
    DocBin(docs=docs[1:], store_user_data=True).to_disk(tmp_path / "less.spacy")
    with pytest.raises(ValueError, match="S216"):
        truth_of(session, tmp_path / "less.spacy")


def test_the_loop_without_training(exact_path, corpus_path, tmp_path):
    docs = list(DocBin().from_disk(corpus_path).get_docs(spacy.blank("en").vocab))
    for doc in docs[:6]:
        doc.set_ents(list(doc.ents[:1]))
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "truth.spacy")
    output = tmp_path / "loop"
    arguments = ["seginf", "loop", exact_path, corpus_path, output, "--test", corpus_path, "--no-retrain"]
    code, printed = run(*arguments, "--truth", tmp_path / "truth.spacy", "--budget", "20", "--every", "5")
    assert code == 0, printed
    result = json.loads((output / "loop.json").read_text())
    assert set(result["curves"]) == {"ranking", "loss", "random"} and result["read"] == 20
    assert (output / "corrected.spacy").exists() and (output / "f1.png").stat().st_size > 1000
    assert "wrong tokens found" in (output / "loop.md").read_text()
    decided = output / "decisions.jsonl"
    code, printed = run(*arguments, "--truth", tmp_path / "truth.spacy")
    assert code == 1 and "[S218]" in printed and "exists already" in printed
    code, printed = run(*arguments, "--truth", tmp_path / "truth.spacy", "--budget", "4", "--force")
    assert code == 0 and json.loads((output / "loop.json").read_text())["read"] == 4
    code, printed = run(*arguments, "--truth", tmp_path / "truth.spacy", "--budget", "20", "--every", "5", "--force")
    assert sorted(path.name for path in tmp_path.iterdir()) == ["loop", "truth.spacy"]
    other = [*arguments[:4], tmp_path / "again", *arguments[5:]]
    code, printed = run(*other)
    assert code == 1 and "[S218]" in printed
    code, printed = run(*other, "--decisions", decided)
    assert code == 0, printed
    same = (tmp_path / "again" / "corrected.spacy").read_bytes() == (output / "corrected.spacy").read_bytes()
    assert same and result["changed"] == json.loads((tmp_path / "again" / "loop.json").read_text())["changed"]
    code, printed = run(*other[:4], tmp_path / "third", *other[5:], "--decisions", tmp_path / "no.jsonl")
    assert code == 1 and "[S040]" in printed and not (tmp_path / "third").exists()


def test_a_training_that_fails_is_told(exact_path, corpus_path, tmp_path):
    (tmp_path / "bad.cfg").write_text("[nlp]\nlang = 5\n")
    code, printed = run(
        *("seginf", "loop", exact_path, corpus_path, tmp_path / "loop", "--test", corpus_path, "--truth", corpus_path),
        *("--budget", "3", "--config", tmp_path / "bad.cfg"),
    )
    assert code == 1 and "[S217]" in printed and (tmp_path / "loop" / "corrected.spacy").exists()
    assert "[S217]" in json.loads((tmp_path / "loop" / "loop.json").read_text())["failed"]
    assert sorted(path.name for path in tmp_path.iterdir()) == ["bad.cfg", "loop"]


def test_no_input_is_replaced(exact_path, corpus_path, tmp_path):
    copy = tmp_path / "train.spacy"
    copy.write_bytes(corpus_path.read_bytes())
    (tmp_path / "notes.txt").write_text("mine")
    for output, problem in ((copy, "another file"), (tmp_path / "notes.txt", "is no ranking")):
        before = output.read_bytes()
        code, printed = run("seginf", "rank", exact_path, copy, "--output", output, "-q")
        assert code == 1 and "[S219]" in printed and problem in printed and output.read_bytes() == before
    code, printed = run("seginf", "rank", exact_path, copy, "--output", tmp_path / "notes.txt" / "x.jsonl", "-q")
    assert code == 1 and "[S208]" in printed
    folder = tmp_path / "loop"
    arguments = [
        "seginf",
        "loop",
        exact_path,
        corpus_path,
        folder,
        "--test",
        corpus_path,
        "--no-retrain",
        "--budget",
        "2",
    ]
    assert run(*arguments, "--truth", corpus_path)[0] == 0
    code, printed = run(*arguments, "--decisions", folder / "decisions.jsonl", "--force")
    assert code == 1 and "[S218]" in printed and (folder / "decisions.jsonl").exists()


def test_identity_curvature_is_refused(indexed_path, corpus_path, tmp_path):
    code, printed = run("seginf", "rank", indexed_path, corpus_path, "-o", tmp_path / "a.jsonl", "-q")
    assert code == 1 and "[S221]" in printed


@pytest.mark.parametrize("scheme", ["BIO", "BILUO", "IO"])
def test_missing_labels_and_touching_entities(scheme, train_examples, tmp_path):
    nlp = make_tagger(train_examples, steps=30, scheme=scheme)
    docs = [example.reference.copy() for example in train_examples]
    first = next(doc for doc in docs if doc.ents and doc.ents[0].end < len(doc) - 1)
    ents = list(first.ents)
    first.set_ents(ents, missing=[first[ents[0].end : ents[0].end + 1]], default="outside")
    words, tags = ["Ada", "Lind", "Osted", "."], ["B-PER", "I-PER", "B-PER", "O"]
    docs.append(spacy.tokens.Doc(docs[0].vocab, words=words, ents=tags))
    docs[-1].user_data["id"] = "touching"
    train, indexed = tmp_path / "train.spacy", tmp_path / "indexed"
    DocBin(docs=docs, store_user_data=True).to_disk(train)
    nlp.to_disk(tmp_path / "model")
    with pytest.warns(UserWarning, match="W004"):
        index(str(tmp_path / "model"), train, indexed, l2=1.0)
    output, said = tmp_path / "issues.jsonl", tmp_path / "decisions.jsonl"
    ranking = rank(str(indexed), train, output, unlikely=True, references=2)
    chosen = [one for one in ranking.issues if one.document == "touching" and len(one.current) == 2]
    assert chosen or scheme != "IO"
    annotated = {(e.start, e.end, e.label_) for doc in docs for e in doc.ents}
    assert annotated <= {(c.start, c.end, c.label) for one in ranking.issues for c in one.current}
    read = list({one.id: one for one in [*ranking.issues[:10], *chosen]}.values())
    places = [(one.id, one.document, one.start, one.end, one.region, one.current) for one in read]
    append_decisions(
        said, [Decision(*place, "accept", one.suggested, "ada", now()) for place, one in zip(places, read)]
    )
    again = rank(str(indexed), train, output, decisions=[said], unlikely=True, references=0)
    assert again.about["decided"] == len(read)
    plan = apply(train, tmp_path / "corrected.spacy", [said], labels=ranking.labels)
    assert len(plan.changes) == len(read)


def test_truth_without_ids_or_annotation(corpus_path, model_path, tmp_path):
    docs = list(DocBin().from_disk(corpus_path).get_docs(spacy.blank("en").vocab))
    for doc in docs:
        doc.user_data.clear()
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "train.spacy")
    index(str(model_path), tmp_path / "train.spacy", tmp_path / "indexed", l2=1.0)
    docs[0].set_ents([], default="missing")
    docs[1].set_ents([])
    DocBin(docs=docs, store_user_data=True).to_disk(tmp_path / "truth.spacy")
    session = open_session(str(tmp_path / "indexed"), tmp_path / "train.spacy")
    truth, source = truth_of(session, tmp_path / "truth.spacy"), session.source
    second = slice(int(source.data.starts[1]), int(source.data.starts[2]))
    assert not truth[second].any() and source.labels[second].any()
    truth[second] = source.labels[second]
    numpy.testing.assert_array_equal(truth, source.labels)
