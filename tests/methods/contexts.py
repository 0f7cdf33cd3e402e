"""Texts and contexts of small pipelines."""

from __future__ import annotations

import numpy
from spacy.tokens import Doc

from spacy_seginf.attribution.method import Context, Texts
from spacy_seginf.crf import one_label_each
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.penalty import Penalty
from spacy_seginf.tagger.encoding import encode
from spacy_seginf.tagger.head import head_of, on_cpu


def make_texts(nlp, examples, segments):
    """Encode documents and hold them at their annotation. segments: document, start, end."""
    tagger = nlp.get_pipe("crf_tagger")
    words = [[token.text for token in example.predicted] for example in examples]
    features = encode(nlp, tagger, [Doc(nlp.vocab, words=found) for found in words])
    labels = numpy.concatenate([tagger.allowed_tags(example).argmax(axis=1) for example in examples])
    rows = numpy.concatenate([on_cpu(part) for part in features])
    data = HeadData(rows, one_label_each(labels, len(tagger.tags)), [len(found) for found in words])
    return Texts([Doc(nlp.vocab, words=found) for found in words], data, labels, numpy.array(segments).reshape(-1, 3))


def make_context(nlp, training):
    """Describe a pipeline as it is: a head that was not refit. No method under test reads the metric."""
    head = head_of(nlp.get_pipe("crf_tagger").model)
    return Context(nlp, "crf_tagger", training, head, Penalty(0.0), metric=None)


def entity_segments(examples):
    """The annotated entities, and of each document its first and last token and the three tokens at its start."""
    segments = []
    for number, example in enumerate(examples):
        length = len(example.predicted)
        segments += [(number, entity.start, entity.end) for entity in example.reference.ents]
        segments += [(number, 0, 1), (number, length - 1, length), (number, 0, min(3, length))]
    return segments
