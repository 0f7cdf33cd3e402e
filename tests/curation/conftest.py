"""A tiny head that was trained on noisy labels, and trusted documents for it; pipelines with an index."""

import numpy
import pytest

from spacy_seginf.attribution.method import Texts
from spacy_seginf.crf import one_label_each
from spacy_seginf.crf.schemes import TagScheme
from spacy_seginf.curation.source import LabelSource
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.effects import complete_labels
from spacy_seginf.influence.penalty import Penalty

from ..influence.fixtures import exact_nlp, exact_path, indexed_path, model_path, paper_path, unsure_nlp
from ..influence.heads import fitted, random_data

__all__ = ["exact_nlp", "exact_path", "indexed_path", "model_path", "paper_path", "unsure_nlp"]

SCHEME = TagScheme(("A",), "BIO")
TWO = TagScheme(("A", "B"), "BIO")
LENGTHS = [7, 5, 0, 6, 1, 4] * 3


@pytest.fixture(scope="session")
def source():
    """Documents with some missing labels, a head fitted to them, trusted documents, and three checkpoints."""
    generator = numpy.random.default_rng(0)
    data, _ = random_data(generator, LENGTHS, 3, 5)
    allowed = data.allowed.copy()
    allowed[[3, 20]] = True  # not annotated
    allowed[30, :2] = True  # either of two
    data = HeadData(data.features, allowed, data.lengths)
    head, _, metric = fitted(data, 1.0)
    trusted, gold = random_data(generator, [4, 0, 6, 3], 3, 5)
    documents = numpy.repeat(numpy.arange(4), trusted.lengths)
    offsets = numpy.arange(13) - trusted.starts[documents]
    segments = numpy.stack([documents, offsets, offsets + 1], axis=1)
    texts = Texts([], HeadData(trusted.features, one_label_each(gold, 3), trusted.lengths), gold, segments)
    checkpoints = [generator.random(len(allowed)) for _ in range(3)]
    words = [generator.choice(["red", "green", "blue"], size=length).tolist() for length in LENGTHS]
    labels = complete_labels(data, head)
    return LabelSource(data, labels, head, metric, Penalty(1.0), SCHEME, texts, checkpoints, words=words)


@pytest.fixture(scope="session")
def two_types():
    """Documents with entities of two types, and a head fitted to them; one token is not annotated."""
    generator = numpy.random.default_rng(3)
    lengths = [9, 1, 0, 7, 12, 5, 8]
    tags = numpy.array([0, 0, 1, 2, 0, 3, 4, 4, 0] + [1] + [3, 1, 2, 0, 0, 0, 1] + [0] * 12 + [1, 2, 2, 2, 0] + [0] * 8)
    data, _ = random_data(generator, lengths, 5, 6)
    data = HeadData(data.features, tags[:, None] == numpy.arange(5), lengths)
    data.allowed[20] = True
    head, _, metric = fitted(data, 1.0)
    words = [["word"] * length for length in lengths]
    return LabelSource(data, complete_labels(data, head), head, metric, Penalty(1.0), TWO, words=words)
