"""Predictors that know no model: the words that training documents share with a query."""

from __future__ import annotations

from collections import Counter, defaultdict
from typing import Sequence

import numpy

from .corpora import Document

SATURATION, LENGTH = 1.5, 0.75  # k1 and b of BM25, as is usual


def shared_words(train: Sequence[Document], documents: Sequence[Document], queries: numpy.ndarray) -> numpy.ndarray:
    """Count the entity's word forms, case ignored, in each training document: +1 inside entities of its type, -1
    anywhere else.

    queries (int64, n x 3: document, start, end). RETURNS (float64, queries x training documents).
    """
    occurrences: defaultdict[str, list[tuple[int, str]]] = defaultdict(list)
    for number, document in enumerate(train):
        for word, label in zip(document.tokens, document.labels):
            occurrences[word.lower()].append((number, label[2:]))
    scores = numpy.zeros((len(queries), len(train)))
    for row, (document, start, end) in zip(scores, queries.tolist()):
        kind = documents[document].labels[start][2:]
        for word in documents[document].tokens[start:end]:
            for number, found in occurrences.get(word.lower(), ()):
                row[number] += 1.0 if found == kind else -1.0
    return scores


def bm25(train: Sequence[Document], documents: Sequence[Document], queries: numpy.ndarray) -> numpy.ndarray:
    """Score training documents by BM25 (Robertson and Zaragoza 2009) for the text that the query is in: likeness, with
    no regard to labels.

    RETURNS (float64, queries x training documents).
    """
    counts = [Counter(word.lower() for word in document.tokens) for document in train]
    lengths = numpy.array([len(document.tokens) for document in train], dtype=numpy.float64)
    norms = SATURATION * (1.0 - LENGTH + LENGTH * lengths / lengths.mean())
    postings: defaultdict[str, list[tuple[int, int]]] = defaultdict(list)
    for number, own in enumerate(counts):
        for word, count in own.items():
            postings[word].append((number, count))
    by_document = {}
    for document in set(queries[:, 0].tolist()):
        row = numpy.zeros(len(train))
        for word in {word.lower() for word in documents[document].tokens}:
            found = postings.get(word, [])
            rarity = numpy.log(1.0 + (len(train) - len(found) + 0.5) / (len(found) + 0.5))
            for number, count in found:
                row[number] += rarity * count * (SATURATION + 1.0) / (count + norms[number])
        by_document[document] = row
    return numpy.array([by_document[document] for document in queries[:, 0].tolist()])
