"""What is watched: losses of the gold entities of held-out documents under a trained pipeline."""

from __future__ import annotations

from typing import Sequence

import numpy
from spacy.language import Language

from spacy_seginf.attribution.method import Texts
from spacy_seginf.influence.data import HeadData
from spacy_seginf.tagger.crf_tagger import find_tagger
from spacy_seginf.tagger.encoding import encode
from spacy_seginf.tagger.head import head_of, on_cpu

from .corpora import Corpus, Document
from .training import TAGGER, make_docs


def texts_of(nlp: Language, corpus: Corpus, documents: Sequence[Document], segments: numpy.ndarray) -> Texts:
    """Encode documents; segments of them are what is asked about, or scored."""
    docs = make_docs(nlp, documents)
    features = numpy.concatenate([on_cpu(rows) for rows in encode(nlp, find_tagger(nlp, TAGGER), docs)])
    allowed = corpus.allowed(documents)
    return Texts(docs, HeadData(features, allowed, [len(doc) for doc in docs]), allowed.argmax(axis=1), segments)


def held_out(corpus: Corpus) -> tuple[list[Document], numpy.ndarray]:
    """Return all held-out documents and their gold entities (int64, queries x 3), those of dev first."""
    documents = [*corpus.dev, *corpus.test]
    return documents, corpus.entities(documents)


def losses_of(nlp: Language, corpus: Corpus, documents: Sequence[Document], segments: numpy.ndarray) -> numpy.ndarray:
    """Return -log p(labels of the segment | labels around it, text) of segments of documents (float64, nats), by the
    pipeline's own head."""
    texts = texts_of(nlp, corpus, documents, segments)
    return texts.chains(head_of(find_tagger(nlp, TAGGER).model)).losses()[0]


def query_losses(nlp: Language, corpus: Corpus) -> numpy.ndarray:
    """Return the losses of all held-out gold entities (float64)."""
    return losses_of(nlp, corpus, *held_out(corpus))
