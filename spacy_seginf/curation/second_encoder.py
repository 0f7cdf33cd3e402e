"""What an encoder says that has not seen the labels.

A tagger's encoder was trained on the labels in question, the wrong ones too, so heads on its features tend to agree
with them. Features of another pipeline, such as a transformer before it was fine-tuned, have learned nothing of them.
"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy
from spacy.tokens import Doc
from thinc.api import reduce_mean
from thinc.util import to_numpy

from ..errors import Errors, SeginfError
from ..explanation.loading import load_pipeline
from ..index.index import Index
from ..indexing.refit import label_head
from ..influence.choose import approach, head_metric, sample
from .alignment import indexed_docs
from .candidates import Predictions
from .predictors import out_of_fold_predictions
from .source import LabelSource

ENCODERS = ("tok2vec", "transformer")
BATCH = 32
CHOSEN_ON = 40_000  # tokens on which the penalty is chosen


def second_features(pipeline: str, index: Index) -> numpy.ndarray:
    """Return what a pipeline's encoders and static vectors make of the tokens of an index (float32, tokens x d), each
    column with mean 0 and variance 1.

    pipeline (str): a folder or an installed package.
    RAISES (ValueError): S040 or S248 if it can't be loaded, S266 if it has neither an encoder nor vectors.
    """
    nlp = load_pipeline(pipeline)
    encoders = [name for name in nlp.component_names if nlp.get_pipe_meta(name).factory in ENCODERS]
    if not encoders and not nlp.vocab.vectors_length:
        raise SeginfError(Errors.S266.format(path=pipeline, known=", ".join(nlp.component_names) or "none"))
    with nlp.select_pipes(enable=encoders):
        docs = nlp.pipe(indexed_docs(index, nlp.vocab), batch_size=BATCH)
        rows = numpy.concatenate([_vectors(doc) for doc in docs if len(doc)])
    rows -= rows.mean(axis=0)
    deviations = rows.std(axis=0)
    return (rows / numpy.where(deviations > 0.0, deviations, 1.0)).astype(numpy.float32)


def second_predictions(source: LabelSource, features: numpy.ndarray) -> Predictions:
    """Predict training labels by heads on other features (float32, tokens x d), each fitted to the labels of other
    documents; see ``out_of_fold_predictions``."""
    data = replace(source.data, features=features)
    few = sample(data, CHOSEN_ON)
    fit, penalty, _ = label_head(few, None)
    penalty = penalty.scaled(len(data.allowed) / max(len(few.allowed), 1))
    head = approach(data, fit.head, penalty).head
    metric, _, _ = head_metric(data, head, penalty.l2, "kfac")  # the way to the folds is short
    return out_of_fold_predictions(replace(source, data=data, head=head, metric=metric, penalty=penalty))


def _vectors(doc: Doc) -> numpy.ndarray:
    """Return all that a pipeline knows of each token (float32, tokens x d)."""
    found: list[Any] = []
    if doc.has_extension("trf_data") and doc._.trf_data is not None:
        from spacy_transformers.layers import trfs2arrays

        found.append(trfs2arrays(reduce_mean(), 1.0).predict([doc._.trf_data])[0])
    if doc.tensor.shape[:1] == (len(doc),) and doc.tensor.ndim == 2:
        found.append(doc.tensor)
    if doc.vocab.vectors_length:
        vectors: list[Any] = [token.vector for token in doc]
        found.append(numpy.stack(vectors))
    return numpy.concatenate([to_numpy(one) for one in found], axis=1).astype(numpy.float32)
