"""Annotated corpora as texts whose segments are entities."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

import numpy
from spacy.language import Language

from spacy_seginf.attribution.method import Texts
from spacy_seginf.crf import one_label_each
from spacy_seginf.influence.data import HeadData
from spacy_seginf.tagger.corpus import read_corpus
from spacy_seginf.tagger.encoding import encode
from spacy_seginf.tagger.head import on_cpu


def entity_texts(nlp: Language, path: Path, limit: Optional[int] = None) -> Texts:
    """Read a corpus (.spacy), or so many documents of it; its annotated entities are the segments."""
    tagger: Any = nlp.get_pipe("crf_tagger")
    examples = [text.example for text in read_corpus(nlp, path)][:limit]
    docs = [example.predicted for example in examples]
    labels = numpy.concatenate([tagger.allowed_tags(example).argmax(axis=1) for example in examples])
    features = numpy.concatenate([on_cpu(rows) for rows in encode(nlp, tagger, docs)])
    data = HeadData(features, one_label_each(labels, len(tagger.tags)), [len(doc) for doc in docs])
    segments = [(n, e.start, e.end) for n, example in enumerate(examples) for e in example.reference.ents]
    return Texts(docs, data, labels, numpy.array(segments))
