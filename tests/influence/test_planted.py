"""Planted errors: who their victims are, and whether references name the culprits."""

from __future__ import annotations

import gzip
import json

import pytest
import spacy
from spacy.tokens import Doc, DocBin

from experiments.methods.planted import PlantedReport, evaluate_planted, side_by_side
from spacy_seginf.api.index import build_index as index
from spacy_seginf.evaluation.planted import find_victims, predict_tags, read_culprits, tags_of

from ..conftest import make_examples, make_tagger

TRUE = [
    "[Osted United]/ORG beat [Tarnby Rovers]/ORG on Monday .",
    "[Ada Lind]/PER visited [Tarnby]/LOC .",
    "Fans of [Osted United]/ORG sang .",
    "[Jonas Brekke]/PER left [Osted]/LOC in March .",
    "[Harrow Bank]/ORG hired [Ada Lind]/PER .",
    "Snow fell in [Pelham Bay]/LOC .",
    "[Veltra]/ORG sold shares .",
    "[Osted United]/ORG won again .",
]
# The systematic error: clubs are annotated as places.
PLANTED = [text.replace("United]/ORG", "United]/LOC").replace("Rovers]/ORG", "Rovers]/LOC") for text in TRUE]
CULPRITS = {
    ("news-0", 0): "club_as_loc",
    ("news-0", 1): "club_as_loc",
    ("news-0", 3): "club_as_loc",
    ("news-0", 4): "club_as_loc",
    ("news-2", 2): "club_as_loc",
    ("news-2", 3): "club_as_loc",
    ("news-7", 0): "club_as_loc",
    ("news-7", 1): "club_as_loc",
}
TEST = ["[Osted United]/ORG lost again .", "[Ada Lind]/PER visited [Osted]/LOC .", "No one came ."]


def doc_of(tags, words=None):
    words = words or [f"w{number}" for number in range(len(tags))]
    return Doc(spacy.blank("en").vocab, words=words, ents=tags)


def test_a_victim_is_wrong_with_the_planted_confusion_and_right_otherwise():
    gold = doc_of(["B-ORG", "I-ORG", "O", "O", "B-LOC", "B-ORG"])
    right = ["B-ORG", "I-ORG", "O", "O", "B-LOC", "O"]
    wrong = ["B-LOC", "I-LOC", "B-INT", "B-PER", "B-ORG", "B-LOC"]
    victims = find_victims([gold], [wrong], [right])
    assert [(victim.token, victim.kind, victim.label, victim.text) for victim in victims] == [
        (0, "club_as_loc", "B-LOC", "w0"),
        (1, "club_as_loc", "I-LOC", "w1"),
        (2, "dosage_in_intervention", "B-INT", "w2"),
    ]
    assert {victim.document for victim in victims} == {0}


def test_no_victims_where_both_agree_or_the_truth_is_not_learned():
    gold = doc_of(["B-ORG", "O"])
    assert find_victims([gold], [["B-ORG", "O"]], [["B-ORG", "O"]]) == []
    assert find_victims([gold], [["B-LOC", "O"]], [["B-LOC", "O"]]) == []
    assert find_victims([gold], [["I-LOC", "O"]], [["I-ORG", "O"]]) == []
    assert find_victims([doc_of([])], [[]], [[]]) == []


def test_victims_carry_the_number_of_their_document():
    golds = [doc_of(["O"]), doc_of(["O", "B-ORG"])]
    (victim,) = find_victims(golds, [["O"], ["O", "B-LOC"]], [["O"], ["O", "B-ORG"]])
    assert (victim.document, victim.token) == (1, 1)


def test_read_culprits(tmp_path):
    records = [
        {
            "id": "a",
            "planted": [{"kind": "club_as_loc", "start": 1, "end": 3}, {"kind": "random", "start": 4, "end": 6}],
        },
        {"id": "b", "planted": []},
        {"id": "c", "planted": [{"kind": "dosage_in_intervention", "start": 0, "end": 1}]},
    ]
    path = tmp_path / "train.jsonl.gz"
    path.write_bytes(gzip.compress("".join(json.dumps(record) + "\n" for record in records).encode()))
    expected = {("a", 1): "club_as_loc", ("a", 2): "club_as_loc", ("c", 0): "dosage_in_intervention"}
    assert read_culprits(path) == expected


def test_shares_pool_the_kinds():
    report = PlantedReport(
        victims={"a": 3, "b": 1},
        hits={"a": 2, "b": 0},
        among={"a": 2, "b": 1},
        neighbour_hits={"a": 1, "b": 1},
        base_rates={"a": 0.1, "b": 0.5},
    )
    assert report.figures() == {
        "victims": 4,
        "top_reference_is_culprit": 0.5,
        "among_top_5": 0.75,
        "nearest_neighbour_is_culprit": 0.5,
        "base_rate": pytest.approx(0.2),
    }
    assert PlantedReport().figures()["top_reference_is_culprit"] == 0.0


def test_two_indexes_side_by_side():
    identity = PlantedReport({"a": 4}, {"a": 4}, {"a": 4}, {"a": 2}, {"a": 0.1})
    exact = PlantedReport({"a": 5}, {"a": 1}, {"a": 2}, {"a": 3}, {"a": 0.3})
    assert side_by_side(identity, exact) == {
        "victims": 4,
        "top_reference_is_culprit": 1.0,
        "among_top_5": 1.0,
        "nearest_neighbour_is_culprit": 0.5,
        "base_rate": pytest.approx(0.1),
        "exact_victims": 5,
        "exact_top_reference_is_culprit": 0.2,
        "exact_among_top_5": 0.4,
        "exact_base_rate": pytest.approx(0.3),
    }


@pytest.fixture(scope="module")
def trained(tmp_path_factory):
    """Taggers trained on the planted labels (in a folder, with the corpus) and on the true ones, and test documents."""
    folder = tmp_path_factory.mktemp("planted")
    planted = make_examples(PLANTED)
    make_tagger(planted, steps=4).to_disk(folder / "model")
    DocBin(docs=[example.reference for example in planted], store_user_data=True).to_disk(folder / "train.spacy")
    on_truth = make_tagger(make_examples(TRUE), steps=4)
    docs = [example.reference for example in make_examples(TEST, on_truth.vocab)]
    return folder, on_truth, docs


@pytest.fixture(scope="module")
def evaluated(trained):
    """The paper's setting: tokens of the trained head."""
    folder, on_truth, docs = trained
    settings = {"curvature": "identity", "refit": False, "unit": "token"}
    index(str(folder / "model"), folder / "train.spacy", folder / "indexed", **settings)
    indexed = spacy.load(folder / "indexed")
    return indexed, on_truth, docs, evaluate_planted(indexed, on_truth, docs, CULPRITS)


@pytest.fixture(scope="module")
def evaluated_exactly(trained):
    """Exact effects of entities. The head stays, so that the victims are the same."""
    folder, on_truth, docs = trained
    index(str(folder / "model"), folder / "train.spacy", folder / "exact", refit=False, l2=1.0)
    indexed = spacy.load(folder / "exact")
    return indexed, on_truth, docs, evaluate_planted(indexed, on_truth, docs, CULPRITS)


def test_predictions_are_those_of_the_pipeline(evaluated):
    indexed, _, docs, _ = evaluated
    tagged = [indexed(doc.text) for doc in docs]
    for doc, row in zip(tagged, predict_tags(indexed, docs)):
        assert row == [f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O" for token in doc]
        assert row == tags_of(indexed, doc)


def test_evaluation_counts_what_can_be_read_off_the_documents(evaluated):
    *_, (report, victims, explained) = evaluated
    assert [(victim.document, victim.token, victim.label) for victim in victims] == [(0, 0, "B-LOC"), (0, 1, "I-LOC")]
    assert report.victims == {"club_as_loc": 2, "dosage_in_intervention": 0}
    hits = 0
    for victim in victims:
        top = explained[victim.document][victim.token]._.influencers.supporting[0]
        hits += (top.doc_id, top.start) in CULPRITS
    assert report.hits == {"club_as_loc": hits, "dosage_in_intervention": 0}
    assert hits >= 1


def test_base_rate_and_neighbours(evaluated):
    *_, (report, _, _) = evaluated
    # B-LOC: 4 clubs and Tarnby, Osted, Pelham; I-LOC: 4 clubs and Bay.
    assert report.base_rates["club_as_loc"] == pytest.approx((4 / 7 + 4 / 5) / 2)
    assert report.base_rate == pytest.approx((4 / 7 + 4 / 5) / 2)
    assert report.base_rates["dosage_in_intervention"] == 0.0
    assert report.neighbour_hits["club_as_loc"] == 2


def test_no_victims_at_all(evaluated):
    indexed, on_truth, docs, _ = evaluated
    report, victims, explained = evaluate_planted(indexed, on_truth, docs[2:], CULPRITS)
    assert victims == []
    assert report.figures()["victims"] == 0
    assert len(explained) == 1


def test_culprits_of_another_kind_are_no_hits(evaluated):
    indexed, on_truth, docs, _ = evaluated
    others = dict.fromkeys(CULPRITS, "dosage_in_intervention")
    report, victims, _ = evaluate_planted(indexed, on_truth, docs, others)
    assert len(victims) == 2
    assert report.hits["club_as_loc"] == report.neighbour_hits["club_as_loc"] == 0
    assert report.base_rate == 0.0


def test_references_that_are_entities(evaluated, evaluated_exactly):
    *_, (tokens, _, _) = evaluated
    *_, (report, victims, explained) = evaluated_exactly
    assert report.victims == tokens.victims
    assert report.neighbour_hits == tokens.neighbour_hits
    # LOC: four planted clubs; Tarnby, Osted and Pelham Bay.
    assert report.base_rates["club_as_loc"] == pytest.approx(4 / 7)
    entries = [explained[victim.document][victim.token]._.influencers for victim in victims]
    entity = explained[0][0:2]._.influencers
    assert (entity.text, entity.label) == ("Osted United", "LOC")
    assert [entry.supporting[0].text for entry in entries] == [entity.supporting[0].text] * 2
    named = [
        [any((ref.doc_id, token) in CULPRITS for token in range(ref.start, ref.end)) for ref in entry.supporting]
        for entry in entries
    ]
    assert report.hits["club_as_loc"] == sum(found[0] for found in named)
    assert report.among["club_as_loc"] == sum(any(found[:5]) for found in named) >= report.hits["club_as_loc"]
