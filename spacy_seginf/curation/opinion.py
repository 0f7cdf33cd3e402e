"""What a pipeline of another guideline thinks: its labels need not be those of the corpus.

Where its "GPE" stands, the corpus mostly has LOC: how the two sets of labels go together is counted, so that only what
is unusual for a label of the other pipeline speaks against an annotation.
"""

from __future__ import annotations

import numpy

from ..corpora.targets import Target, target_of
from ..errors import Errors, SeginfError
from ..explanation.loading import load_pipeline
from ..index.index import Index
from .alignment import indexed_docs
from .candidates import Predictions
from .source import LabelSource

SMOOTHING = 5.0  # tokens that are dealt out to labels by how frequent they are
BATCH = 64


def opinion_predictions(pipeline: str, index: Index, source: LabelSource) -> Predictions:
    """Predict training labels by those of another pipeline: p(label | its label), counted over all other tokens.

    pipeline (str): a folder or an installed package, with entities; for tags of tokens, with tags.
    RAISES (ValueError): S040 or S248 if it can't be loaded, S265 if it says the same of every token.
    """
    said = _said(pipeline, index, target_of(source.scheme.target))
    numbers: dict[str, int] = {}
    opinions = numpy.array([numbers.setdefault(one, len(numbers)) for one in said], dtype=numpy.int64)
    known, size = source.known, source.data.labels
    counts = numpy.zeros((len(numbers), size))
    numpy.add.at(counts, (opinions[known], source.labels[known]), 1.0)
    prior = counts.sum(axis=0) + 1.0
    others = counts[opinions]
    others[known, source.labels[known]] -= 1.0
    others += SMOOTHING * prior / prior.sum()
    emissions = numpy.log(others / others.sum(axis=1, keepdims=True))
    documents = numpy.zeros(len(source.data.lengths), dtype=numpy.int64)
    return Predictions(emissions, numpy.zeros((1, size, size)), documents)


def _said(pipeline: str, index: Index, target: Target) -> list[str]:
    """List what a pipeline says of each token: its tag, or where it is in which entity."""
    nlp = load_pipeline(pipeline)
    found: list[str] = []
    for doc in nlp.pipe(indexed_docs(index, nlp.vocab), batch_size=BATCH):
        tags = target.found(doc)
        found += [tag.replace("U-", "B-", 1).replace("L-", "I-", 1) if tag else "" for tag in tags]
    if len(set(found)) < 2:
        known = ", ".join(nlp.pipe_names) or "none"
        raise SeginfError(Errors.S265.format(path=pipeline, what=target.what, known=known))
    return found
