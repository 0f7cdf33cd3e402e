"""Training, indexing and explaining on a GPU, against the CPU where the results are determined."""

from __future__ import annotations

from pathlib import Path

import numpy
import pytest
import spacy
from spacy.cli.train import train
from spacy.training import Example
from thinc.api import require_cpu, require_gpu

from spacy_seginf.api.index import build_index as index

from ..conftest import copy_pipeline
from .conftest import GPU_ID

pytestmark = pytest.mark.gpu

CNN_CONFIG = Path(__file__).parents[2] / "configs" / "cnn.cfg"
TINY = {
    "components.crf_tagger.model.tok2vec.width": 32,
    "components.crf_tagger.model.tok2vec.depth": 1,
    "components.crf_tagger.model.tok2vec.embed_size": 500,
    "training.max_steps": 12,
    "training.eval_frequency": 6,
    "training.optimizer.learn_rate": 0.01,
}
SENTENCE = "Ada Lind visited Osted United on Monday ."


@pytest.fixture(scope="module")
def trained_path(corpus_path, tmp_path_factory):
    """What `spacy train configs/cnn.cfg --gpu-id 0` writes, made smaller."""
    output = tmp_path_factory.mktemp("trained")
    paths = {"paths.train": str(corpus_path), "paths.dev": str(corpus_path)}
    train(CNN_CONFIG, output, use_gpu=GPU_ID, overrides={**paths, **TINY})
    require_cpu()
    return output / "model-last"


@pytest.fixture(scope="module")
def indexed_paths(trained_path, corpus_path, tmp_path_factory):
    """The same pipeline with an index built on the CPU and with one built on the GPU."""
    folder = tmp_path_factory.mktemp("indexed")
    for name, gpu_id in (("cpu", -1), ("gpu", GPU_ID)):
        require_cpu()
        index(str(trained_path), corpus_path, folder / name, l2=1.0, gpu_id=gpu_id)
    require_cpu()
    return folder / "cpu", folder / "gpu"


def load(path, device):
    """Load a pipeline on a device."""
    if device == "gpu":
        require_gpu(GPU_ID)
    else:
        require_cpu()
    return spacy.load(path)


def assert_alike(found, expected):
    """Compare two explanations: effects in their order, and every reference that is not close to a tie."""
    for side in ("supporting", "opposing"):
        ours, theirs = getattr(found, side), getattr(expected, side)
        effects = numpy.array([reference.effect for reference in theirs])
        numpy.testing.assert_allclose([reference.effect for reference in ours], effects, rtol=0.02, atol=1e-6)
        for place, (one, other) in enumerate(zip(ours, theirs)):
            gaps = abs(numpy.delete(effects, place) - effects[place])
            if place + 1 < len(effects) and gaps.min() > 0.05 * abs(effects[place]):
                assert (one.doc_id, one.start, one.end, one.label) == (
                    other.doc_id,
                    other.start,
                    other.end,
                    other.label,
                )


def test_training_learns(trained_path, train_examples):
    nlp = spacy.load(trained_path)
    assert nlp.meta["performance"]["ents_f"] > 0.5
    examples = [Example(nlp.make_doc(example.reference.text), example.reference) for example in train_examples]
    assert nlp.evaluate(examples)["ents_f"] == pytest.approx(nlp.meta["performance"]["ents_f"], abs=0.02)


def test_loss_and_gradient_of_the_same_parameters(tagger_nlp, train_examples):
    """A first update of the same pipeline moves the head in the same way."""
    heads, losses = [], []
    data = copy_pipeline(tagger_nlp).to_bytes()
    for device in ("cpu", "gpu"):
        if device == "gpu":
            require_gpu(GPU_ID)
        nlp = spacy.blank("en").from_config(tagger_nlp.config).from_bytes(data)
        pipe = nlp.get_pipe("crf_tagger")
        examples = [Example(nlp.make_doc(e.reference.text), e.reference) for e in train_examples]
        losses.append(pipe.update(examples, drop=0.0, sgd=None)["crf_tagger"])
        head = pipe.model.get_ref("output_layer")
        gradients = [head.get_grad(name) for name in "WbT"]
        heads.append([array.get() if device == "gpu" else array for array in gradients])
    assert losses[1] == pytest.approx(losses[0], rel=1e-3, abs=1e-3)
    for found, expected in zip(heads[1], heads[0]):
        numpy.testing.assert_allclose(found, expected, rtol=1e-2, atol=1e-2)


@pytest.mark.parametrize("built,used", [("gpu", "gpu"), ("gpu", "cpu"), ("cpu", "gpu")])
def test_explanations_equal_those_of_the_cpu(built, used, indexed_paths, train_examples):
    texts = [SENTENCE, *(example.reference.text for example in train_examples[:8])]
    expected = list(load(indexed_paths[0], "cpu").pipe(texts))
    found = list(load(indexed_paths[built == "gpu"], used).pipe(texts))
    assert sum(len(doc.ents) for doc in expected) >= 5
    for doc, wanted in zip(found, expected):
        assert [(ent.text, ent.label_) for ent in doc.ents] == [(ent.text, ent.label_) for ent in wanted.ents]
        for token, other in zip(doc, wanted):
            assert_alike(token._.influencers, other._.influencers)
        for entity, other in zip(doc.ents, wanted.ents):
            assert_alike(entity._.influencers, other._.influencers)
