"""Nearest neighbours: training segments whose token vectors are like the query's (the first paper's baseline).

A segment's vector is the mean of its tokens' features. Labels may decide the sign, which vectors alone do not have.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy
from spacy.util import registry

from ..crf.covariance import sum_rows
from ..crf.schemes import type_of
from ..influence.linear_algebra import unit_vectors
from .method import Attribution, Context, Method, Texts
from .settings import check_choice

SIMILARITIES = ("dot", "cosine")
LABELS = ("signed", "all", "same", "other")


@registry.misc("spacy_seginf.SegmentNN.v1")
@dataclass(frozen=True)
class SegmentNN(Method):
    """Score training segments by how like the query they are.

    similarity (str): "dot" or "cosine" of the mean features.
    labels (str): "signed": those with the query's label support, others oppose; "same": only those with its label
        count, the rest have score 0; "other": only others count, and oppose; "all": the similarity itself, whatever
        the label, so that a positive score says no more than "alike".
    RAISES (ValueError): S095 for an unknown setting.
    """

    similarity: str = "cosine"
    labels: str = "signed"
    name = "nearest neighbours"
    cost = "nothing to prepare; one product of vectors per query and segment"

    def __post_init__(self) -> None:
        check_choice("SegmentNN", "similarity", self.similarity, SIMILARITIES)
        check_choice("SegmentNN", "labels", self.labels, LABELS)

    def prepare(self, context: Context) -> Attribution:
        """Average the features of every training segment."""
        return _NeighbourAttribution(self, context)


class _NeighbourAttribution(Attribution):
    def __init__(self, method: SegmentNN, context: Context) -> None:
        tags: tuple[str, ...] = context.nlp.get_pipe(context.tagger).tags  # type: ignore[attr-defined]
        # B-PER and L-PER are the same label; tags of other schemes are their own.
        names = [type_of(tag) for tag in tags]
        self._types = numpy.array([names.index(name) for name in names])
        self._method = method
        self._vectors, self._labels = self._describe(context.training)
        self.bytes_per_segment = 2.0 * self._vectors.shape[1] + 2.0

    def scores(self, queries: Texts) -> numpy.ndarray:
        """Return similarities, signed by labels as the setting says (float64, queries x training segments)."""
        vectors, labels = self._describe(queries)
        scores = vectors @ self._vectors.T
        same = labels[:, None] == self._labels
        if self._method.labels == "all":
            return scores
        if self._method.labels == "same":
            return numpy.where(same, scores, 0.0)
        return numpy.where(same, scores if self._method.labels == "signed" else 0.0, -scores)

    def _describe(self, texts: Texts) -> tuple[numpy.ndarray, numpy.ndarray]:
        """Return the vectors (float64, segments x d) and the types of the first labels (ints, segments)."""
        documents, starts, ends = texts.segments.T
        first, lengths = texts.data.starts[documents] + starts, ends - starts
        features = texts.data.features[texts.data.rows_of(texts.segments)].astype(numpy.float64)
        vectors = sum_rows(features, lengths.tolist()) / lengths[:, None]
        if self._method.similarity == "cosine":
            vectors = unit_vectors(vectors)
        return vectors, self._types[texts.labels[first]]
