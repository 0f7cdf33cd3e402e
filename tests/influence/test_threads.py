"""Many threads on one pipeline: each gets the answers that it would get alone."""

from __future__ import annotations

import sys
import threading
import time

import numpy
import pytest
import spacy

from spacy_seginf.attribution.encoder_gradients import Encoder
from spacy_seginf.attribution.instance_influence import InstanceInfluence
from spacy_seginf.attribution.nearest_neighbours import SegmentNN
from spacy_seginf.attribution.tracin_we import TracInWE
from spacy_seginf.explanation.extensions import stored_explanations
from spacy_seginf.index.kept import KeptArrays

from ..conftest import TEXTS, make_examples

QUESTIONS = [
    "Mira Solano left Harrow Bank in Osted .",
    "Nobody met Ada Lind in Tarnby .",
    "It rained .",
    "Veltra hired Jonas Brekke on Monday .",
    "Police in Pelham Bay met Lena Farrow .",
    "Norvik Steel bought Veltra .",
]
CLOSE = 1e-9


@pytest.fixture(autouse=True)
def many_turns():
    before = sys.getswitchinterval()
    sys.setswitchinterval(1e-4)
    yield
    sys.setswitchinterval(before)


def in_threads(*functions):
    """Call functions at the same time, each in a thread of its own; return what they return, in order."""
    results, errors, begin = [None] * len(functions), [], threading.Barrier(len(functions))

    def call(number):
        begin.wait()
        try:
            results[number] = functions[number]()
        except Exception as error:
            errors.append(error)

    threads = [threading.Thread(target=call, args=(number,)) for number in range(len(functions))]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if errors:
        raise errors[0]
    return results


def entries_of(doc):
    return [*doc._.influencers, *(ent._.influencers for ent in doc.ents)]


def assert_same(entries, others):
    assert len(entries) == len(others) > 0
    for one, other in zip(entries, others):
        assert (one.text, one.label) == (other.text, other.label)
        assert one.probability == pytest.approx(other.probability, abs=CLOSE)
        assert [(r.row, r.refined, r.doubtful) for r in one] == [(r.row, r.refined, r.doubtful) for r in other]
        figures = [[(r.effect, r.score, r.log_odds or 0.0) for r in entry] for entry in (one, other)]
        numpy.testing.assert_allclose(*figures, rtol=0, atol=CLOSE)


@pytest.fixture
def meeting(monkeypatch):
    """Let the products with H^-1 of several threads end at the same time, or after a while: others go on meanwhile."""

    def arrange(nlp, count):
        metric = type(nlp.get_pipe("influence").index.metric)
        apply, gate = metric.apply, threading.Barrier(count)

        def slow(self, vectors):
            result = apply(self, vectors)
            try:
                gate.wait(timeout=0.2)
            except threading.BrokenBarrierError:
                time.sleep(0.001)
            return result

        monkeypatch.setattr(metric, "apply", slow)

    return arrange


@pytest.mark.parametrize("refine", [0, 1])
def test_cold_and_warm_caches(exact_path, meeting, refine):
    settings = {"components": {"influence": {"refine": refine}}}
    alone, nlp = spacy.load(exact_path, config=settings), spacy.load(exact_path, config=settings)
    expected = [entries_of(alone(text)) for text in QUESTIONS]
    assert any(r.refined for entries in expected for entry in entries for r in entry) or not refine
    meeting(nlp, len(QUESTIONS))
    for _ in range(2):
        for doc, entries in zip(in_threads(*(lambda t=text: nlp(t) for text in QUESTIONS)), expected):
            assert_same(entries_of(doc), entries)
    for text, entries in zip(QUESTIONS, expected):
        assert_same(entries_of(nlp(text)), entries)


def test_caches_that_hold_little(exact_path, monkeypatch):
    """What one thread throws away, another may be reading."""
    alone = spacy.load(exact_path)
    expected = [entries_of(alone(text)) for text in QUESTIONS]
    nlp = spacy.load(exact_path)
    size = nlp.get_pipe("influence").index.head.size
    monkeypatch.setattr("spacy_seginf.explanation.explainer.CACHED_NUMBERS", 7 * size)
    for _ in range(3):
        for doc, entries in zip(in_threads(*(lambda t=text: nlp(t) for text in QUESTIONS)), expected):
            assert_same(entries_of(doc), entries)


@pytest.mark.parametrize("path", ["exact_path", "indexed_path"])
def test_beside_an_evaluation(request, path):
    nlp = spacy.load(request.getfixturevalue(path))
    expected = {text: entries_of(nlp(text)) for text in QUESTIONS}
    score = nlp.evaluate(make_examples(TEXTS[:6], nlp.vocab))["ents_f"]
    finished = threading.Event()

    def evaluate():
        scores = set()
        while not finished.is_set():
            examples = make_examples(TEXTS[:6], nlp.vocab)
            scores.add(nlp.evaluate(examples)["ents_f"])
            assert not any(example.predicted._.seginf for example in examples)
        return scores

    def ask():
        try:
            return [(text, entries_of(nlp(text))) for _ in range(4) for text in QUESTIONS]
        finally:
            finished.set()

    scores, *answers = in_threads(evaluate, ask, ask)
    assert scores == {score}
    for text, entries in (pair for found in answers for pair in found):
        assert_same(entries, expected[text])


def test_a_pause_is_that_of_one_thread(exact_path):
    nlp = spacy.load(exact_path)
    influence, inside, asked = nlp.get_pipe("influence"), threading.Event(), threading.Event()

    def pausing():
        with influence.paused():
            inside.set()
            asked.wait()
            with influence.paused():
                pass
            return nlp(QUESTIONS[0])._.seginf

    def asking():
        inside.wait()
        try:
            return nlp(QUESTIONS[0])._.seginf
        finally:
            asked.set()

    quiet, said = in_threads(pausing, asking)
    assert quiet is None and said["entities"]


def test_questions_in_threads(exact_path, meeting):
    """explain and best_changes, beside documents of the pipeline."""
    nlp = spacy.load(exact_path)
    influence = nlp.get_pipe("influence")
    docs = [doc for doc in nlp.pipe(QUESTIONS) if doc.ents]
    labels = [next(label for label in ("ORG", "LOC", "PER") if label != doc.ents[0].label_) for doc in docs]
    pairs = list(zip(docs, labels))
    expected = [influence.explain(doc, doc.ents[0], label) for doc, label in pairs]
    changes = influence.best_changes(docs[0], docs[0].ents[0], labels[0])
    fresh = spacy.load(exact_path)
    other = fresh.get_pipe("influence")
    with other.paused():
        again = [doc for doc in fresh.pipe(QUESTIONS) if doc.ents]
    meeting(fresh, 3)
    found = in_threads(
        *(lambda d=doc, w=label: other.explain(d, d.ents[0], w) for doc, label in zip(again, labels)),
        lambda: other.best_changes(again[0], again[0].ents[0], labels[0]),
        lambda: fresh(QUESTIONS[0]),
    )
    assert_same(found[: len(pairs)], expected)
    assert [(c.reference, c.label, c.refit) for c in found[-2]] == [(c.reference, c.label, c.refit) for c in changes]
    numpy.testing.assert_allclose([c.after for c in found[-2]], [c.after for c in changes], rtol=0, atol=CLOSE)
    assert_same(entries_of(found[-1]), entries_of(nlp(QUESTIONS[0])))


@pytest.mark.parametrize("method", [SegmentNN(), InstanceInfluence(), TracInWE()], ids=lambda method: method.name)
@pytest.mark.filterwarnings("ignore:.*W006")
def test_methods_in_threads(exact_path, method):
    """TracIn-WE differentiates the encoder while others predict with it."""
    alone = spacy.load(exact_path)
    alone.get_pipe("influence").method = method
    expected = [entries_of(alone(text)) for text in QUESTIONS]
    nlp = spacy.load(exact_path)
    nlp.get_pipe("influence").method = method
    functions = [node._func for node in nlp.get_pipe("crf_tagger").model.walk()]
    for _ in range(2):
        for doc, entries in zip(in_threads(*(lambda t=text: nlp(t) for text in QUESTIONS)), expected):
            assert_same(entries_of(doc), entries)
    assert [node._func for node in nlp.get_pipe("crf_tagger").model.walk()] == functions


def test_a_method_is_prepared_once(exact_path):
    class Slow(SegmentNN):
        prepared = 0

        def prepare(self, context):
            Slow.prepared += 1
            time.sleep(0.05)
            return super().prepare(context)

    nlp = spacy.load(exact_path)
    nlp.get_pipe("influence").method = Slow()
    in_threads(*(lambda t=text: nlp(t) for text in QUESTIONS))
    assert Slow.prepared == 1


def test_predictions_while_another_thread_differentiates(tagger_nlp):
    tagger = tagger_nlp.get_pipe("crf_tagger")
    docs = [tagger_nlp.make_doc(text) for text in QUESTIONS]
    expected = tagger.encode(docs)
    encoder = Encoder(tagger_nlp, tagger)
    inside, asked = threading.Event(), threading.Event()

    def differentiate():
        with encoder.word_gradients() as run:
            inside.set()
            asked.wait()
            features, backward = run([docs[0]])
            return backward([numpy.ones_like(rows) for rows in features])

    def predict():
        inside.wait()
        try:
            return tagger.encode(docs), Encoder(tagger_nlp, tagger).tables
        finally:
            asked.set()

    gradients, (features, tables) = in_threads(differentiate, predict)
    for rows, others in zip(features, expected):
        numpy.testing.assert_array_equal(rows, others)
    assert tables == encoder.tables and len(gradients) == len(tables)
    assert all(len(rows.keys) == len(docs[0]) for rows in gradients)


def test_pipelines_are_loaded_by_several_threads(indexed_path):
    pipelines = in_threads(*[lambda: spacy.load(indexed_path)] * 3)
    assert all(stored_explanations(nlp(QUESTIONS[0]))["entities"] for nlp in pipelines)


def test_what_is_beside_does_not_matter(exact_path):
    """One row's step is computed with those of other texts, or alone."""
    nlp, other = spacy.load(exact_path), spacy.load(exact_path)
    together = list(nlp.pipe(QUESTIONS))
    for text, doc in zip(reversed(QUESTIONS), reversed(together)):
        single = other(text)
        assert [[r.row for r in entry] for entry in entries_of(doc)] == [
            [r.row for r in entry] for entry in entries_of(single)
        ]


def test_arrays_that_are_kept():
    kept = KeptArrays(10)
    arrays = [numpy.full(4, number) for number in range(4)]
    for number, array in enumerate(arrays):
        kept.put(number, array)
    assert kept.get(0) is kept.get(1) is None and kept.get(3) is arrays[3]
    assert [array.tolist() for array in arrays] == [[number] * 4 for number in range(4)]
    kept = KeptArrays(10)
    for number in range(4):
        kept.put(number, numpy.zeros(1))
    kept.put("large", numpy.zeros(6))  # there is room for all of them
    assert all(kept.get(key) is not None for key in (0, 1, 2, 3, "large"))
    made = []

    def make():
        time.sleep(0.02)
        made.append(numpy.zeros(4))
        return made[-1]

    found = in_threads(*[lambda: kept.made("key", make)] * 5)
    assert len(made) == 1 and all(array is made[0] for array in found)
    kept = KeptArrays(1)  # arrays that are larger than all there is to be are kept one at a time
    assert kept.made("a", lambda: arrays[0]) is kept.get("a") is arrays[0]
