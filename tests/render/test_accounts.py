"""Families and shares as text, as a page and in cells: in words, in columns, and inert whatever strangers wrote."""

from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy
import pytest
import spacy
from spacy.tokens import DocBin

from spacy_seginf.api.explain_errors import explain_errors
from spacy_seginf.explanation.detail import Joint, add_detail, add_joint
from spacy_seginf.explanation.family_effects import joint_of_families
from spacy_seginf.explanation.mistakes_page import render_mistakes
from spacy_seginf.explanation.page import render_page
from spacy_seginf.explanation.terminal import render_terminal
from spacy_seginf.explanation.views import Influencers, hubs
from spacy_seginf.influence.evidence import contrasts
from spacy_seginf.rendering.text import columns_of, visible

from ..influence.test_pull import build, wrapped
from .inert import HOSTILE, read_inert
from .test_render import exact_entry, extensions, reference

pytestmark = pytest.mark.filterwarnings("error")
__all__ = ["extensions"]
TEXT = "Mira Solano left Harrow Bank in Osted ."


def with_account(entry=None, text="Rovers", label="ORG", *, more=(), **changed):
    """Put an account with two families beside the references of an entry."""
    entry = exact_entry() if entry is None else entry
    examples = [reference(text=text, label=label, context=f"The {text} won .", document=text)] * 2
    families = [{"family": n, "size": 60 - n, "label": label, "example": one} for n, one in enumerate(examples)]
    account = {
        "against": "LOC",
        "margin": 2.5,
        "probability": 0.8,
        "for": 95.0,
        "opposing": -93.0,
        "families": [[0, 65.0, ["the same words (3 of 60)"], *more], [1, -88.0, [label]]],
        "unlabelled": 0.0,
        "transitions": 0.5,
        "centre": 0.0,
        "remainder": 0.0,
        "disputed": True,
        **changed,
    }
    shared = {**entry.shared, "families": families}
    return Influencers({**entry.stored, "account": account}, shared)


def page_of(*explained):
    return render_page(spacy.blank("en")("United"), explained)


def test_a_sentence_says_what_what_for_and_whether_labels_agree():
    account = with_account().account
    assert account.sentence == (
        "ORG rather than LOC, mostly because of 60 labels ORG like “The [Rovers] won .”. "
        "Training labels contradict each other here: 95.0 for ORG, 93.0 for LOC."
    )
    assert account.contested == pytest.approx(1 - 2.5 / 188)
    calm = with_account(disputed=False, families=[[0, 10.0, []]]).account
    assert calm.sentence == "ORG rather than LOC, partly because of 60 labels ORG like “The [Rovers] won .”."
    lost = with_account(margin=-2.5, disputed=False).account
    assert lost.sentence.startswith("Training labels alone would rather say LOC than ORG, mostly because of 59 labels")
    assert with_account(families=[], disputed=False).account.sentence == "ORG rather than LOC."


def test_what_is_shown_adds_up_to_the_margin():
    account = with_account(transitions=0.5, remainder=0.25, margin=2.75).account
    assert [line.name for line in account.rest] == [
        "all other families",
        "which labels follow each other",
        "the head's distance from its optimum",
    ]
    shown = sum(family.share for family in account.families) + sum(line.share for line in account.rest)
    assert shown == pytest.approx(account.margin)


def test_what_is_shown_and_what_is_not_is_told_for_both_sides():
    entry = with_account(count=214)
    account = entry.account
    told = "all other families, 212 of them: 32% of all that is for it, 5% of all that is against it"
    assert account.rest[0].name == told
    assert account.rest[0].share == pytest.approx(95.0 - 93.0 - (65.0 - 88.0))
    assert told in " ".join(render_terminal([entry], colors=False).split()) and told in read_inert(page_of(entry))
    cancelled = with_account(families=[[0, 2.0, []]], count=3).account  # sides that add up to nothing are there too
    assert cancelled.rest[0].share == 0 and cancelled.rest[0].name.endswith("100% of all that is against it")
    assert with_account(families=[[0, 65.0, []], [1, -88.0, []]], count=2).account.rest[0].name == "all other families"


def test_what_is_behind_most_predictions_is_marked():
    hub = "also behind most other predictions here: see hub in the glossary"
    others = [exact_entry() for _ in range(4)]
    for number, one in enumerate(others):  # the opposing label is another one for each
        one.shared["references"][1].update(context=f"The Rovers {number}")
        one.stored["text"] = f"United {number}"
        one.stored["supporting"][0][1] += number / 100
    for entries, marks in ((others, 4), (others[:3], 0)):
        output = " ".join(render_terminal(entries, colors=False).split())
        assert output.count(hub) == read_inert(page_of(*entries)).count(hub) == marks
    one_entity = [exact_entry() for _ in range(4)]  # tokens that share an explanation
    assert hubs(one_entity) == frozenset()
    odd = [exact_entry() for _ in range(8)]
    for number, one in enumerate(odd):
        one.stored["supporting"][0][1] += number / 100
        for side, reference_number in (("supporting", 0), ("opposing", 1)):
            if number >= 4 - (side == "opposing"):  # in four of eight, and in three
                one.shared["references"][reference_number].update(context=f"The Rovers {number}")
    assert hubs(odd) == {("Rovers", "B-ORG", "The Rovers won .")}


def test_probabilities_that_are_far_apart_are_both_shown_with_names(unsure_nlp, train_examples, tmp_path):
    entry = exact_entry()
    assert entry.pipeline_probability is None and "pipeline's own" not in page_of(entry)
    entry.stored["pipeline_probability"] = 0.9876
    told = "the pipeline's own probability is 0.99; p = 0.46 is that of the head that explains, given the labels around"
    assert told in render_terminal([entry], colors=False, width=200) and told in read_inert(page_of(entry))
    built = build(unsure_nlp, wrapped(train_examples), tmp_path / "index", centre="trained", l2=0.01)
    told = 0
    for example in train_examples:
        for ent in built.nlp(example.reference.text).ents:
            own, shown = ent._.probability, ent._.influencers
            far = abs(own - shown.probability) > 0.1
            assert shown.pipeline_probability == (pytest.approx(own, abs=1e-3) if far else None)
            told += far
    assert told


def test_readings_are_in_words(exact_nlp):
    doc, influence = exact_nlp(TEXT), exact_nlp.get_pipe("influence")
    assert influence.explain(doc, doc[0:2], labels="ORG").account.label == "ORG"
    mixed = influence.explain(doc, doc[0:2], against=["B-ORG", "B-PER"]).account
    assert mixed.against == "ORG “Mira”, PER “Solano”"
    for one in doc._.influencers:
        assert not re.search(r"\b[BI]-", one.account.sentence)


def test_terminal_and_page_say_the_same():
    entry = with_account()
    output, text = render_terminal([entry], colors=False), read_inert(page_of(entry))
    for line in (r"supports +█+ +\+65\.0  60 labels ORG", r"opposes +█+ +-88\.0  59 labels ORG"):
        assert re.search(line, output)
    for said in ("+65.0", "-88.0", "+0.50", "the same words (3 of 60)", "margin over LOC"):
        assert said in output and said in text
    assert "supports+65.0" in text and "opposes-88.0" in text and "supports-" not in text


@pytest.mark.parametrize("width", [1, 40, 60, 80, 120, 200])
@pytest.mark.parametrize("text", ["Rovers", "a " * 200, "b" * 500, "日本語" * 40, HOSTILE], ids=str.__len__)
def test_no_line_is_wider_than_the_terminal(width, text):
    entry = with_account(text=text, label=text[:300], against=text[:300])
    for colors in (False, True):
        output = re.sub(r"\x1b\[[0-9;]*m", "", render_terminal([entry], colors=colors, width=width))
        assert max(map(columns_of, output.splitlines())) <= max(width, 40)
        assert "\u202e" not in output and "\x1b" not in output


def test_contexts_are_cut_between_words():
    long = reference(context="some unforeseeable Rovers consequences follow here", offset=19)
    entry = with_account()
    entry.shared["families"][0]["example"] = {**long, "context": f"extraordinarily {long['context']}", "offset": 35}
    like = entry.families[0].like
    assert like == ("some unforeseeable ", "Rovers", " consequences follow")


def test_what_strangers_wrote_is_inert():
    joint = {"without": 0.25, "relabelled": 0.5, "occurrences": [[0, 1.5, 0.25], [1, -0.5, None]]}
    entry = with_account(text=HOSTILE, label=HOSTILE, against=HOSTILE, more=[joint])
    entry.stored["contrasts"] = [entry.stored["account"]]
    for values in entry.stored["supporting"]:
        values += [False, False, [HOSTILE], [[HOSTILE, 0.5]]][len(values) - 6 :]
    entry.shared["references"][0].update(text=HOSTILE, label=HOSTILE, document=HOSTILE)
    for html in (page_of(entry), entry._repr_html_(), entry.account._repr_html_()):
        assert read_inert(html).count(visible(HOSTILE).replace("  ", " ")) > 8
        assert "<script" not in html and "<img" not in html


def test_families_open_to_occurrences_with_what_is_known_of_each_alone():
    entry = with_account(more=[{"occurrences": [[0, 1.5, 0.25], [1, -0.5, None]]}])
    text = read_inert(page_of(entry))
    assert "The 2 of them with the largest shares" in text
    assert re.search(r"\+1\.50\s*\+0\.25 alone", text) and "-0.50" in text
    assert [one.strength for one in entry.families[0].occurrences] == [0.25, None]


def test_joint_effects_have_a_column_only_where_they_are_known():
    entry = with_account()
    assert "relabelled" not in page_of(entry) and "without them" not in render_terminal([entry])
    add_joint([entry], lambda one, family: Joint(0.02, None) if family.number == 0 else Joint(1.0, 0.99))
    assert [(family.without, family.relabelled) for family in entry.families] == [(0.02, None), (1.0, 0.99)]
    output = render_terminal([entry], colors=False)
    assert "-> .02 without them\n" in output and "-> 1.00 without them, .99 relabelled" in output
    assert "would be, without them; relabelled" in read_inert(page_of(entry))


def test_what_an_older_version_stored_still_renders():
    entry = exact_entry()
    assert entry.account is None and entry.families == () and entry.contrasts == ()
    assert "Family" not in page_of(entry) and "rather than" not in render_terminal([entry])


@pytest.fixture(scope="module")
def detailed(exact_path):
    """A pipeline, and a document whose entities have all that can be asked for."""
    nlp = spacy.load(exact_path)
    doc = nlp(TEXT)
    add_detail(nlp.get_pipe("influence"), doc, [e._.influencers for e in doc.ents], occurrences=3, contrasts=2)
    return nlp, doc


def test_shares_of_occurrences_and_contrasts(detailed):
    _, doc = detailed
    for ent in doc.ents:
        why = ent._.influencers
        assert len(why.contrasts) == 2
        assert why.account.against not in [one.against for one in why.contrasts]
        for account in (why.account, *why.contrasts):
            total = sum(family.share for family in account.families) + sum(line.share for line in account.rest)
            assert total == pytest.approx(account.margin, abs=0.03)
            for family in account.families:
                shares = [one.share for one in family.occurrences]
                assert 0 < len(shares) <= min(3, family.size)
                assert shares == sorted(shares, key=abs, reverse=True)
                if len(shares) == family.size:
                    assert sum(shares) == pytest.approx(family.share, abs=0.02)
                assert all(one.reference.label == family.label for one in family.occurrences)
    for ent in doc.ents:
        known = {(r.doc_id, r.start, r.end): r.strength for r in ent._.influencers}
        for one in (each for family in ent._.influencers.families for each in family.occurrences):
            place = one.reference.doc_id, one.reference.start, one.reference.end
            assert one.strength == known.get(place)


def test_details_survive_and_the_pipeline_does_not_store_them(detailed):
    nlp, doc = detailed
    (read,) = DocBin(docs=[doc], store_user_data=True).get_docs(nlp.vocab)
    assert json.dumps(read._.seginf) == json.dumps(doc._.seginf)
    plain = nlp(TEXT)
    for ent in plain.ents:
        assert ent._.influencers.contrasts == () and not ent._.influencers.families[0].occurrences
    pages = [render_page(one, [ent._.influencers for ent in one.ents]) for one in (doc, read)]
    assert pages[0] == pages[1] and "Why not" in pages[0]
    explained = [ent._.influencers for ent in read.ents]
    add_detail(nlp.get_pipe("influence"), read, explained, against="O")  # goes on from there
    add_joint(explained, lambda one, family: Joint(0.5))
    assert explained[0].account.joint and explained[0].account.against == "O"


def test_another_reading_takes_the_place_of_the_runner_up(exact_nlp):
    doc, influence = exact_nlp(TEXT), exact_nlp.get_pipe("influence")
    explained = [ent._.influencers for ent in doc.ents]
    before = {one.text: one.account.against for one in explained}
    add_detail(influence, doc, explained, against="O")
    assert {one.account.against for one in explained} == {"O"}
    direct = influence.explain(doc, doc.ents[0], against="O").account
    assert explained[0].account.margin == pytest.approx(direct.margin, abs=1e-4)
    label = explained[0].label
    add_detail(influence, doc, explained, against=label)
    own = [one for one in explained if one.label == label]
    assert [one.account.against for one in own] == [before[one.text] for one in own]  # it has that label already
    with pytest.raises(ValueError, match="S029"):
        add_detail(influence, doc, explained, against="PLANET")
    influence.families, kept = 0, [one.account.against for one in explained]
    add_detail(influence, doc, explained, against="O")
    assert [one.account.against for one in explained] == kept  # no account was asked for


def test_the_page_in_a_browser(detailed, new_page, tmp_path):
    _, doc = detailed
    file = tmp_path / "page.html"
    file.write_text(render_page(doc, [ent._.influencers for ent in doc.ents]), encoding="utf8")
    for settings in ({"viewport": {"width": 360, "height": 700}}, {"color_scheme": "dark"}):
        page = new_page(**settings)
        page.goto(file.as_uri())
        assert page.problems == [] and page.asked == [file.as_uri()]
        assert page.evaluate("document.documentElement.scrollWidth <= window.innerWidth")
        family = page.locator("section td details").first
        assert not family.evaluate("one => one.open")
        family.locator("summary").focus()
        page.keyboard.press("Enter")
        assert family.evaluate("one => one.open") and family.locator("table").is_visible()
        largest, why_not = page.locator("section > details").all()[:2]
        assert largest.locator("> summary").inner_text() == "The single labels with the largest shares"
        assert why_not.locator("> summary").inner_text().startswith("Why not ")
        why_not.locator("> summary").focus()
        page.keyboard.press("Space")
        assert why_not.locator("table").first.is_visible()
    colors = page.evaluate("[getComputedStyle(document.body).color, getComputedStyle(document.body).backgroundColor]")
    assert colors[0] != "rgb(0, 0, 0)"


def test_boxes_of_the_page_do_not_overlap(exact_path, corpus_path, new_page, tmp_path):
    report = explain_errors(str(exact_path), corpus_path)
    one = report.mistakes[0]
    long = [replace(one, document=f"{'a-long-name-' * number}{number}") for number in range(6)]
    (tmp_path / "page.html").write_text(render_mistakes(replace(report, mistakes=tuple(long))), encoding="utf8")
    for width in (360, 800, 1100):
        page = new_page(viewport={"width": width, "height": 700})
        page.goto((tmp_path / "page.html").as_uri())
        boxes = [each.bounding_box() for each in page.locator("form select").all()]
        for number, box in enumerate(boxes):
            assert box["x"] >= 0 and box["x"] + box["width"] <= width
            for other in boxes[:number]:
                beside = other["x"] + other["width"] <= box["x"] or box["x"] + box["width"] <= other["x"]
                assert beside or other["y"] + other["height"] <= box["y"]


def test_a_document_without_an_index_of_evidence(indexed_nlp):
    doc = indexed_nlp(TEXT)
    add_detail(indexed_nlp.get_pipe("influence"), doc, doc._.influencers, occurrences=3, contrasts=2)
    assert all(one.account is None and one.contrasts == () for one in doc._.influencers)


def test_the_single_labels_with_the_largest_shares_are_found_as_by_looking_at_all(detailed):
    nlp, doc = detailed
    influence = nlp.get_pipe("influence")
    accountant = influence.sources().accountant
    data, tags, _ = influence.query(doc, doc)
    for ent in doc.ents:
        segment = numpy.array([[0, ent.start, ent.end]])
        (account,) = accountant.accounts(data, tags, segment, 3)
        contrast = contrasts(data, tags, segment, numpy.array(account.others))
        every = accountant.shares_of(contrast, numpy.arange(len(accountant.evidence)))
        shown = [one.share for one in ent._.influencers.account.labels]
        for sign in (1, -1):
            largest = sorted((share for share in every.tolist() if sign * share > 0), key=abs, reverse=True)[:3]
            assert [share for share in shown if sign * share > 0] == pytest.approx(largest)
        assert every.sum() == pytest.approx(account.supporting + account.opposing, rel=0.01, abs=0.05)


def test_a_token_inside_an_entity_has_what_the_entity_has(exact_nlp):
    doc, influence = exact_nlp(TEXT), exact_nlp.get_pipe("influence")
    ent = next(ent for ent in doc.ents if len(ent) > 1)
    explained = [ent._.influencers, ent[1]._.influencers]
    add_detail(influence, doc, explained, against="O", occurrences=2, contrasts=3)
    joint = joint_of_families(influence, doc)
    whole, token = explained
    assert token.account.margin == whole.account.margin
    assert [one.against for one in token.contrasts] == [one.against for one in whole.contrasts]
    assert joint(token, token.families[0]) == joint(whole, whole.families[0])


def test_a_token_is_not_weighed_against_what_the_scheme_forbids(exact_nlp):
    doc, influence = exact_nlp(TEXT), exact_nlp.get_pipe("influence")
    accountant = influence.sources().accountant
    ent = next(ent for ent in doc.ents if len(ent) > 1)
    data, tags, _ = influence.query(doc, doc)
    scheme = influence.find_tagger().scheme
    first, last = (
        accountant.against_types(data, tags, numpy.array([0, place, place + 1]), 2, 9)
        for place in (ent.start, ent.end - 1)
    )
    # Behind the first token the entity goes on, so only a tag of its type may stand there; the last may end anything.
    assert first == [] and len(last) == len(scheme.labels) + 1
