"""Predicted against actual effects on made-up sentences under random embeddings."""

from __future__ import annotations

import gzip
import json
from pathlib import Path

import numpy
import pytest
import spacy
from spacy.language import Language

from experiments.paper.validity.grammar import grammar_flags, grammar_of
from experiments.paper.validity.removals import Removals, fitted_effects, stacked
from experiments.paper.validity.validity import FIGURE, Validity
from experiments.paper.validity.validity_rows import agreement_rows
from experiments.paper.validity.word_features import static_vectors, word_features
from spacy_seginf.influence.curvature import IdentityCurvature
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.fit import fit_head
from spacy_seginf.influence.head import Head

from ...cli.running import run_experiments
from ...influence.heads import random_data, segment_loss
from ...tiny_encoders import write_encoder

NAMES, PLACES, OTHERS = ["Ada", "Kim", "Osted"], ["Lyon", "Hull"], ["left", "on", ".", "12"]
SMALL = {"train_sentences": 40, "dev_sentences": 30, "queries": 4, "references": 5, "components": 6, "l2": 5.0}


def made_up(generator, documents):
    """Sentences of a few words; every word has a usual label, and another now and then."""
    usual = {**dict.fromkeys(NAMES, (0.8, 0.1, 0.1)), **dict.fromkeys(PLACES, (0.2, 0.7, 0.1))}
    for number in range(documents):
        tokens, labels, starts = [], [], []
        for _ in range(3):
            starts.append(len(tokens))
            words = generator.choice([*NAMES, *PLACES, *OTHERS], size=int(generator.integers(2, 6))).tolist()
            tokens += words
            chances = [usual.get(word, (0.0, 0.1, 0.9)) for word in words]
            labels += [str(generator.choice(["B-PER", "B-LOC", "O"], p=chance)) for chance in chances]
        annotated = {"labels": ["O"] * len(tokens), "gold_labels": labels}
        yield {"id": str(number), "tokens": tokens, "sent_starts": starts, **annotated}


@pytest.fixture(scope="module")
def inputs(tmp_path_factory):
    folder = tmp_path_factory.mktemp("validity")
    generator = numpy.random.default_rng(0)
    for name in ("train", "dev"):
        with gzip.open(folder / f"{name}.jsonl.gz", "wt", encoding="utf8") as file:
            for record in made_up(generator, 20):
                file.write(json.dumps(record) + "\n")
    write_encoder("bert", folder / "bert")
    return {"transformer": str(folder / "bert"), **{x: str(folder / f"{x}.jsonl.gz") for x in ("train", "dev")}}


def arguments(inputs, **changed):
    settings = {**inputs, **SMALL, "seeds": "0,1", **changed}
    return [part for name, value in settings.items() for part in (f"--experiment.{name}", value)]


def test_agreement(inputs, tmp_path, monkeypatch):
    code, printed = run_experiments("run", "configs/paper/validity.cfg", tmp_path, *arguments(inputs))
    assert code == 0, printed
    report = json.loads((tmp_path / "validity.json").read_text())
    rows = report["rows"]
    assert rows["pearson"]["measured"]["mean"] > 0.99 and rows["pearson"]["reached"]
    assert rows["slope"]["measured"]["mean"] == pytest.approx(1.0, abs=0.05) and rows["slope"]["reached"]
    assert rows["pearson"]["count"] == 2 * 4 * 5
    assert rows["all_pairs_pearson"]["measured"]["mean"] > 0.99
    assert rows["all_pairs_pearson"]["count"] == 4 * report["facts"]["refits"]
    assert rows["identity_pearson"]["measured"]["mean"] < rows["pearson"]["measured"]["mean"]
    assert len(rows["one_step_spearman"]["by_seed"]) == 2
    assert rows["not_converged"]["measured"]["mean"] == 0
    assert (tmp_path / "validity" / FIGURE).stat().st_size > 1000
    assert not any(inputs["transformer"] in str(value) for value in report["facts"].values())
    # What is finished is not done again; another seed and another setting are.
    calls = []
    original = Removals.removal
    monkeypatch.setattr(Removals, "removal", lambda self, segment: calls.append(1) or original(self, segment))
    run_experiments("run", "configs/paper/validity.cfg", tmp_path, *arguments(inputs))
    assert not calls and json.loads((tmp_path / "validity.json").read_text()) == report
    run_experiments("run", "configs/paper/validity.cfg", tmp_path, *arguments(inputs, seeds="1", references=2))
    assert 2 <= len(calls) <= 8


def test_outcomes_are_those_of_fits_by_hand():
    generator = numpy.random.default_rng(3)
    data, _ = random_data(generator, [4] * 10, 3, 4)
    other, labels = random_data(generator, [4] * 2, 3, 4)
    effects = fitted_effects(data, 1.5)
    queries = [(0, 1, 2), (1, 3, 4)]
    removals = Removals(effects, effects.watch(other, labels, queries), {"identity": IdentityCurvature(3, data.width)})
    outcomes = [removals.removal(segment) for segment in [(2, 0, 1), (7, 2, 3)]]
    found = stacked(outcomes)
    for number, row in enumerate((8, 30)):
        allowed = data.allowed.copy()
        allowed[row] = True
        head = fit_head(HeadData(data.features, allowed, data.lengths), Head.zeros(data), 1.5, 1e-10).head
        for place, query in enumerate(queries):
            actual = segment_loss(head, other, labels, query) - segment_loss(effects.head, other, labels, query)
            assert found["actual"][number, place] == pytest.approx(actual, abs=1e-7)
            assert found["refined"][number, place] == pytest.approx(actual, abs=1e-4)
    assert all(outcome.converged and not outcome.elsewhere for outcome in outcomes)
    own = stacked(outcomes, numpy.array([[1], [0]]))["actual"]
    assert own.tolist() == [[found["actual"][1, 0]], [found["actual"][0, 1]]]


def test_word_features():
    documents = [{"tokens": ["Ada", "A-1", "x", "."], "sent_starts": [0, 2]}]
    vectors = {word: numpy.array([number], dtype="float32") for number, word in enumerate(documents[0]["tokens"])}
    features = word_features(documents, vectors)
    own, left, right = features[:, 1:9], features[:, 9:18], features[:, 18:]
    assert features[:, 0].tolist() == [0, 1, 2, 3]
    assert own.astype(int).tolist() == [
        [1, 0, 1, 0, 0, 0, 0, 0],
        [1, 1, 1, 0, 1, 1, 0, 0],
        [0, 0, 0, 0, 0, 0, 0, 0],
        [0, 0, 0, 0, 0, 0, 1, 1],
    ]
    assert left[:, -1].tolist() == [1, 0, 1, 0] and right[:, -1].tolist() == [0, 1, 0, 1]
    assert (left[1, :-1] == own[0]).all() and (right[2, :-1] == own[3]).all()
    assert not left[2, :-1].any(), "nothing of another sentence"


def test_flags_go_with_shapes():
    documents = [{"tokens": ["Ada", "A-1", "x"], "sent_starts": [0, 2]}]
    vectors = {word: numpy.zeros(1, dtype="float32") for word in documents[0]["tokens"]}
    flags = numpy.array([[1, 0], [0, 1], [1, 1]], dtype="float32")
    features = word_features(documents, vectors, flags)
    own, left, right = features[:, 1:11], features[:, 11:22], features[:, 22:]
    assert (own[:, 8:] == flags).all()
    assert left[:, 8:10].tolist() == [[0, 0], [1, 0], [0, 0]] and right[:, 8:10].tolist() == [[0, 1], [0, 0], [0, 0]]
    assert left[:, -1].tolist() == [1, 0, 1] and right[:, -1].tolist() == [0, 1, 1]


@Language.component("parts_by_length")
def parts_by_length(doc):
    """Even words are nouns, or have a tag of their own if they begin a sentence."""
    for token in doc:
        token.pos_ = "NOUN" if len(token) % 2 == 0 else ""
        token.tag_ = "FIRST" if token.is_sent_start else ""
    return doc


def test_grammar():
    nlp = spacy.blank("en")
    documents = [{"tokens": ["The", "cats", "saw", "it"], "sent_starts": [0, 2]}]
    assert grammar_of(nlp, documents)[0] == [""] * 4
    nlp.add_pipe("parts_by_length")
    tags, stops = grammar_of(nlp, documents)
    assert tags == ["FIRST", "NOUN", "FIRST", "NOUN"]
    assert stops.tolist() == [True, False, False, True]
    flags = grammar_flags((tags, stops), (["NOUN", "", "VERB"], stops[:3]))
    assert flags.tolist() == [[0, 0, 1], [1, 0, 0], [0, 0, 0], [1, 0, 1]], "NOUN, VERB and stop words"


def test_parts_of_speech_of_a_pipeline(inputs, tmp_path):
    nlp = spacy.blank("en")
    nlp.add_pipe("parts_by_length")
    nlp.to_disk(tmp_path / "speech")
    changed = {"seeds": "0", "queries": 2, "references": 2}
    reports = []
    for settings in ({}, {"speech": str(tmp_path / "speech")}):
        code, printed = run_experiments(
            "run", "configs/paper/validity.cfg", tmp_path, *arguments(inputs, **changed, **settings)
        )
        assert code == 0, printed
        reports.append(json.loads((tmp_path / "validity.json").read_text()))
    plain, tagged = reports
    assert [report["facts"]["parts_of_speech"] for report in reports] == [False, True]
    assert len(plain["differences"]) == len(tagged["differences"]) + 1
    assert plain["rows"]["slope"]["by_seed"] != tagged["rows"]["slope"]["by_seed"], "other features"
    assert str(tmp_path) not in json.dumps(tagged)


def test_no_pipeline_for_parts_of_speech(inputs, tmp_path):
    changed = arguments(inputs, speech=str(tmp_path / "nothing"))
    code, printed = run_experiments("run", "configs/paper/validity.cfg", tmp_path, *changed)
    assert code == 1 and "S040" in printed


def test_only_training_words_decide_on_the_components(inputs):
    alone = static_vectors(["Ada", "left", "Lyon", "Ada"], [], inputs["transformer"], 2)
    more = static_vectors(["Ada", "left", "Lyon"], ["Hull", "\x00"], inputs["transformer"], 2)
    assert set(more) - set(alone) == {"Hull", "\x00"}
    for word in alone:
        numpy.testing.assert_allclose(numpy.abs(more[word]), numpy.abs(alone[word]), atol=1e-5)
    assert numpy.std([alone[word][0] for word in alone]) == pytest.approx(1.0, abs=1e-4)
    assert numpy.isfinite(more["\x00"]).all()


@pytest.mark.parametrize(
    "setting,value",
    [("seeds", ()), ("seeds", (1, 1)), ("seeds", (-1,)), ("l2", 0.0), ("queries", 0), ("components", -1)],
)
def test_settings_that_make_no_sense(setting, value):
    with pytest.raises(ValueError, match=f"S132.*{setting}"):
        Validity("train", "dev", "bert", **{setting: value})


def test_too_few_sentences(inputs, tmp_path):
    changed = arguments(inputs, train_sentences=1000)
    code, printed = run_experiments("run", "configs/paper/validity.cfg", tmp_path, *changed)
    assert code == 1 and "S134" in printed and "1000" in printed


def test_missing_and_broken_documents(inputs, tmp_path, monkeypatch):
    private = "assets/private/train.jsonl.gz"
    listed = {"dest": private, "checksum": "0123abc", "description": "From a friend."}
    (tmp_path / "project.yml").write_text(json.dumps({"assets": [listed]}))
    config = Path("configs/paper/validity.cfg").resolve()
    monkeypatch.chdir(tmp_path)

    def printed(train):
        code, shown = run_experiments("run", config, "out", *arguments(inputs, train=train))
        assert code == 1
        return shown

    shown = printed(private)
    assert all(part in shown for part in ("S130", private, "0123abc", "From a friend."))
    assert "S130" in printed("elsewhere.jsonl.gz")
    for number, line in enumerate(["{", "[]", '{"tokens": ["a"], "sent_starts": [0], "gold_labels": []}']):
        with gzip.open(f"{number}.jsonl.gz", "wt") as file:
            file.write(line + "\n")
        assert "S133" in printed(f"{number}.jsonl.gz")
    (tmp_path / "no.jsonl.gz").write_text("plain")
    assert "S133" in printed("no.jsonl.gz")


def test_intervals_of_correlations_end_where_correlations_do():
    changes = {name: [numpy.array([[1.0, 2.0, size]]) for size in (3.0, 2.2, 9.0)] for name in ("shown", "identity")}
    changes["corrected"] = changes["shown"]
    changes["actual"] = [numpy.array([[1.0, 2.0, 3.0]])] * 3
    rows = {row.key: row.measured for row in agreement_rows(changes)}
    assert rows["pearson"].high == 1.0 and rows["pearson"].low < rows["pearson"].mean
    assert rows["slope"].high > 1.0 and rows["slope"].low < -1.0
