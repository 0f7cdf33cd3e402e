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
