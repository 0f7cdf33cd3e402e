"""TracIn-WE equals inner products of gradients that torch's autograd finds in float64, from encoders written anew."""

import json
import shutil

import numpy
import pytest
import spacy
from spacy.util import registry
from thinc.api import ConfigValidationError

from spacy_seginf.attribution import word_gradients
from spacy_seginf.attribution.encoder_gradients import SUBWORDS
from spacy_seginf.attribution.method import Texts
from spacy_seginf.attribution.tracin_we import NAME, SETTINGS, TracInWE
from spacy_seginf.tagger.checkpoints import read_checkpoints

from ..conftest import make_tagger
from .conftest import short_texts
from .contexts import entity_segments, make_context, make_texts
from .reference import cosine_error, hash_embed_cnn, word_products, word_sums

# Of the product of the norms. thinc computes in float32, and rounding is what is left; float16 is what is stored.
SINGLE, HALF = 5e-6, 2e-4


def tok2vec(nlp):
    return nlp.get_pipe("crf_tagger").model.get_ref("tok2vec")


def exact(**settings):
    return TracInWE(**{"dtype": "float32", "bytes_per_segment": None, **settings})


def reference(texts, nlp, head, subwords=True):
    features, leaves, ids, _ = hash_embed_cnn(tok2vec(nlp), texts.docs)
    sums = word_sums(texts, features, leaves, ids, head)
    return [{key: v for key, v in words.items() if subwords or key[0] not in SUBWORDS} for words in sums]


def squares(sums):
    return [sum(float(vector @ vector) for vector in words.values()) for words in sums]


@pytest.fixture(scope="module")
def sums(texts):
    context, queries = texts
    return tuple(reference(part, context.nlp, context.head) for part in (queries, context.training))


@pytest.mark.parametrize(("dtype", "tolerance"), [("float32", SINGLE), ("float16", HALF)])
def test_against_autograd(texts, sums, dtype, tolerance):
    context, queries = texts
    scores = exact(dtype=dtype).prepare(context).scores(queries)
    assert cosine_error(scores, word_products(*sums), squares(sums[0]), squares(sums[1])) < tolerance
    assert numpy.abs(scores).max() > 0.1


def test_words_without_subwords(texts):
    context, queries = texts
    left, right = (reference(part, context.nlp, context.head, False) for part in (queries, context.training))
    ready = exact(subwords=False).prepare(context)
    scores = ready.scores(queries)
    assert cosine_error(scores, word_products(left, right), squares(left), squares(right)) < SINGLE
    assert not any(word.startswith(SUBWORDS) for word, _ in ready.words(queries, 0, int(numpy.abs(scores[0]).argmax())))


def test_strongest_words(texts, sums):
    """The top-k variant keeps the longest vectors of the training segment, of the query, or of both."""
    context, queries = texts

    def cut(sums, limit):
        longest = (sorted(words.items(), key=lambda item: -(item[1] @ item[1])) for words in sums)
        return [dict(words[:limit]) for words in longest]

    left, right = sums
    for kept, asked in ((1, None), (5, None), (None, 2), (5, 5)):
        scores = exact(kept=kept, asked=asked).prepare(context).scores(queries)
        expected = word_products(cut(left, asked), cut(right, kept))
        assert cosine_error(scores, expected, squares(left), squares(right)) < SINGLE
    ready = exact(kept=3, asked=3).prepare(context)
    scores = ready.scores(queries)
    number, row = numpy.unravel_index(numpy.abs(scores).argmax(), scores.shape)
    assert sum(value for _, value in ready.words(queries, number, row)) == pytest.approx(scores[number, row], rel=1e-5)


def test_against_single_passes(texts):
    """Without windows, batches, and layers of our own: thinc's passes over single documents."""
    context, queries = texts
    model = tok2vec(context.nlp)

    def single(part):
        weights = context.head.weights
        result = []
        for document, start, end in part.segments:
            embed = next(node for node in model.walk() if node.name.startswith("ints-getitem>>hashembed|"))
            original, found = embed._func, []

            def watched(node, X, is_train, original=original, found=found):
                Y, backprop = original(node, X, is_train)
                return Y, lambda dY: (found.append((X, dY.copy())), backprop(dY))[1]

            embed._func = watched
            try:
                (features,), backprop = model.begin_update([part.docs[document]])
                alone = Texts([], part.data, part.labels, numpy.array([[document, start, end]]))
                gradient = numpy.zeros_like(features)
                gradient[start:end] = alone.chains(context.head).factors().residuals @ weights
                backprop([gradient])
            finally:
                embed._func = original
            ((ids, rows),) = found
            words = {}
            for keys, vectors in zip(ids, rows):
                for column, vector in enumerate(numpy.split(vectors.astype("float64"), ids.shape[1])):
                    words[column, int(keys[column])] = words.get((column, int(keys[column])), 0.0) + vector
            result.append(words)
        return result

    tables = [single(part) for part in (queries, context.training)]
    scores = exact().prepare(context).scores(queries)
    assert cosine_error(scores, word_products(*tables), squares(tables[0]), squares(tables[1])) < SINGLE


def test_any_batch_and_order(texts, monkeypatch):
    context, queries = texts
    expected = exact().prepare(context).scores(queries)
    order = numpy.random.default_rng(0).permutation(len(context.training))
    training = context.training
    shuffled = Texts(training.docs, training.data, training.labels, training.segments[order])
    scores = exact().prepare(make_context(context.nlp, shuffled)).scores(queries)
    assert numpy.allclose(scores, expected[:, order], rtol=1e-4, atol=1e-5)
    for tokens in (1, 50):
        monkeypatch.setattr(word_gradients.word_gradients, "__kwdefaults__", {**DEFAULTS, "batch_tokens": tokens})
        assert numpy.allclose(exact().prepare(context).scores(queries), expected, rtol=1e-4, atol=1e-5)


DEFAULTS = dict(word_gradients.word_gradients.__kwdefaults__)


def test_words_sum_to_the_score(texts):
    context, queries = texts
    ready = TracInWE().prepare(context)
    scores = ready.scores(queries)
    for number, row in (
        (0, 0),
        (2, 5),
        (int(numpy.abs(scores).max(axis=1).argmax()), int(numpy.abs(scores).max(0).argmax())),
    ):
        split = ready.words(queries, number, row)
        assert sum(value for _, value in split) == pytest.approx(scores[number, row], rel=1e-5, abs=1e-7)
        assert [abs(value) for _, value in split] == sorted((abs(value) for _, value in split), reverse=True)
    names = {word for number in range(len(queries)) for word, _ in ready.words(queries, number, 0)}
    assert "SHAPE Xxxxx" in names


def test_no_shared_words(train_examples):
    nlp = make_tagger(train_examples, steps=3)
    training = make_texts(nlp, train_examples[5:6], [(0, 0, 1)])  # It rained all night .
    queries = make_texts(nlp, train_examples[14:15], [(0, 0, 1)])  # Veltra hired Tomas ...
    ready = TracInWE(subwords=False).prepare(make_context(nlp, training))
    assert (ready.scores(queries) == 0).all() and ready.words(queries, 0, 0) == []


def test_sum_over_checkpoints(run_folder, run_nlp, train_examples):
    folder = run_folder / "checkpoints"
    context = make_context(run_nlp, short_texts(run_nlp, train_examples[:3]))
    queries = short_texts(run_nlp, train_examples[3:5])
    ready = exact(checkpoints=str(folder)).prepare(context)
    scores = ready.scores(queries)
    expected = numpy.zeros_like(scores)
    for checkpoint in read_checkpoints(folder):
        nlp = spacy.load(checkpoint.path)
        alone = exact().prepare(make_context(nlp, short_texts(nlp, train_examples[:3])))
        expected += checkpoint.learn_rate * alone.scores(short_texts(nlp, train_examples[3:5]))
    assert numpy.allclose(scores, expected, rtol=1e-4, atol=1e-8)
    assert sum(value for _, value in ready.words(queries, 1, 1)) == pytest.approx(scores[1, 1], rel=1e-5, abs=1e-9)


@pytest.mark.parametrize("budget", [16384, 2000, 500])
def test_bytes_per_segment(run_folder, run_nlp, train_examples, budget):
    context = make_context(run_nlp, make_texts(run_nlp, train_examples, entity_segments(train_examples)))
    for checkpoints in (None, str(run_folder / "checkpoints")):
        ready = TracInWE(checkpoints, bytes_per_segment=budget).prepare(context)
        assert 100 < ready.bytes_per_segment <= budget + 8
    for width in (96, 384):  # of the shipped configs
        assert TracInWE().limit(width, 1) * (2 * width + 24) <= 16384


def test_save_and_load(run_folder, run_nlp, train_examples, tmp_path):
    method = TracInWE(str(run_folder / "checkpoints"))
    context = make_context(run_nlp, short_texts(run_nlp, train_examples[:3]))
    queries = short_texts(run_nlp, train_examples[3:5])
    ready = method.prepare(context)
    ready.save(tmp_path)
    restored = method.load(context, tmp_path)
    assert (restored.scores(queries) == ready.scores(queries)).all()
    assert restored.words(queries, 0, 0) == ready.words(queries, 0, 0)
    assert restored.bytes_per_segment == ready.bytes_per_segment
    assert {path.suffix for path in tmp_path.iterdir()} == {".npy", ".json"}


@pytest.fixture(scope="module")
def stored(texts, tmp_path_factory):
    folder = tmp_path_factory.mktemp("stored")
    TracInWE().prepare(texts[0]).save(folder)
    return folder


def damage_record(folder):
    (folder / SETTINGS).write_text("{")


def empty_record(folder):
    (folder / SETTINGS).write_text("[]")


def later_version(folder):
    record = json.loads((folder / SETTINGS).read_text())
    (folder / SETTINGS).write_text(json.dumps({**record, "version": 99}))


def remove_array(folder):
    (folder / "0-1-starts.npy").unlink()


def truncate_array(folder):
    data = (folder / "0-0-vectors.npy").read_bytes()
    (folder / "0-0-vectors.npy").write_bytes(data[: len(data) // 2])


def shorten_array(folder):
    numpy.save(folder / "0-0-scales.npy", numpy.load(folder / "0-0-scales.npy")[:-1])


def unsort_array(folder):
    numpy.save(folder / "0-0-keys.npy", numpy.load(folder / "0-0-keys.npy")[::-1])


def far_segments(folder):
    numpy.save(folder / "0-0-segments.npy", numpy.load(folder / "0-0-segments.npy") + 10000)


def pickled_array(folder):
    numpy.save(folder / "0-0-segments.npy", numpy.array([{}], dtype=object), allow_pickle=True)


@pytest.mark.parametrize(
    "damage",
    [
        *(damage_record, empty_record, remove_array, truncate_array, shorten_array, unsort_array),
        *(far_segments, pickled_array),
    ],
)
def test_damaged_files(texts, stored, tmp_path, damage):
    folder = tmp_path / "copy"
    shutil.copytree(stored, folder)
    damage(folder)
    with pytest.raises(ValueError, match=r"\[S093\]"):
        TracInWE().load(texts[0], folder)


def test_files_of_something_else(texts, stored, tmp_path):
    """They are no error: the method is prepared anew."""
    context = texts[0]
    assert TracInWE().load(context, stored) is not None
    assert TracInWE(kept=3).load(context, stored) is None
    assert TracInWE(asked=3).load(context, stored) is not None, "the same vectors are kept"
    training = context.training
    fewer = Texts(training.docs, training.data, training.labels, training.segments[:-1])
    assert TracInWE().load(make_context(context.nlp, fewer), stored) is None
    assert TracInWE().load(context, tmp_path) is None
    shutil.copytree(stored, tmp_path / "copy")
    later_version(tmp_path / "copy")
    assert TracInWE().load(context, tmp_path / "copy") is None


@pytest.mark.parametrize("settings", [{"kept": 0}, {"asked": 0}, {"bytes_per_segment": 0}, {"dtype": "int8"}])
def test_bad_settings(settings):
    with pytest.raises(ValueError, match=rf"\[S095\].*{next(iter(settings))}"):
        TracInWE(**settings)


@pytest.mark.parametrize("settings", [{"kept": "three"}, {"kept": 2.5}, {"subwords": "maybe"}, {"checkpoints": 3}])
def test_settings_of_another_type(settings):
    with pytest.raises(ConfigValidationError, match=next(iter(settings))):
        registry.resolve({"method": {"@misc": NAME, **settings}})


def test_registered():
    made = registry.resolve({"method": {"@misc": NAME, "checkpoints": "somewhere", "kept": 5}})["method"]
    assert isinstance(made, TracInWE) and made.stored
    assert (made.checkpoints, made.kept, made.subwords, made.special_tokens) == ("somewhere", 5, True, False)


def test_the_pipeline_is_left_alone(texts):
    context, queries = texts
    model = context.nlp.get_pipe("crf_tagger").model
    before = context.nlp.to_bytes()
    grads = {(node.id, name): node.get_grad(name).copy() for node in model.walk() for name in node.grad_names}
    functions = [node._func for node in model.walk()]
    TracInWE().prepare(context).scores(queries)
    assert context.nlp.to_bytes() == before and [node._func for node in model.walk()] == functions
    after = {(node.id, name): node.get_grad(name) for node in model.walk() for name in node.grad_names}
    assert grads.keys() == after.keys() and all((after[key] == grads[key]).all() for key in grads)


def test_no_segments(texts):
    context, queries = texts
    none = Texts(queries.docs, queries.data, queries.labels, numpy.zeros((0, 3), dtype=int))
    ready = TracInWE().prepare(context)
    assert ready.scores(none).shape == (0, len(context.training))
    assert TracInWE().prepare(make_context(context.nlp, none)).scores(queries).shape == (len(queries), 0)
