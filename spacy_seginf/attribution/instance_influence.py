"""Influence of whole documents: the baseline that the first paper compares segments with (Jain et al. 2022).

    score = g_q^T H^-1 g_z

g is minus the gradient of a document's loss L = log Z - s(y) with respect to the head, transitions included.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional

import numpy
from spacy.util import registry

from ..influence.curvature import Metric
from .method import Attribution, Context, Method, Texts
from .settings import check_choice, check_curvature, chosen_metric

QUERIES = ("document", "segment")
CHUNK = 512  # documents at once


@registry.misc("spacy_seginf.InstanceInfluence.v1")
@dataclass(frozen=True)
class InstanceInfluence(Method):
    """Score training segments by the influence of the documents that they are in.

    curvature (str): "exact", "kfac" or "identity"; that of the index if None.
    normalised (bool): whether gradients are divided by the number of tokens; long documents lead otherwise.
    query (str): "document": the loss of the text around the query at its predicted labels, the paper's; or "segment".
    RAISES (ValueError): S095 for an unknown setting.
    """

    curvature: Optional[str] = None
    normalised: bool = False
    query: str = "document"
    name = "instance influence"
    by_document = True
    cost = "one gradient per document; one product with H^-1 per query and a scan of the documents"

    def __post_init__(self) -> None:
        check_curvature("InstanceInfluence", self.curvature)
        check_choice("InstanceInfluence", "query", self.query, QUERIES)

    def prepare(self, context: Context) -> Attribution:
        """Compute the gradient of every training document."""
        return _InstanceAttribution(
            context, chosen_metric(context, self.curvature), self.normalised, self.query == "document"
        )


class _InstanceAttribution(Attribution):
    def __init__(self, context: Context, metric: Metric, normalised: bool, whole: bool) -> None:
        self._head, self._metric, self._normalised, self._whole = context.head, metric, normalised, whole
        training = context.training
        self._documents = training.segments[:, 0]
        count = len(training.data.lengths)
        self._gradients = self._document_gradients(training, numpy.arange(count))
        self.bytes_per_segment = 4.0 * self._gradients.size / max(len(training), 1)

    def scores(self, queries: Texts) -> numpy.ndarray:
        """Return g_q^T H^-1 g_z of the document of each training segment (float64, queries x training segments)."""
        if self._whole:
            documents, owners = numpy.unique(queries.segments[:, 0], return_inverse=True)
            gradients = self._document_gradients(queries, documents)[owners]
        else:
            gradients = queries.chains(self._head).gradients()
            if self._normalised:
                gradients /= (queries.segments[:, 2] - queries.segments[:, 1])[:, None]
        return (self._metric.apply(gradients) @ self._gradients.T)[:, self._documents]

    def _document_gradients(self, texts: Texts, documents: numpy.ndarray) -> numpy.ndarray:
        """Return minus the gradient of each document's loss (float64, documents x P); empty ones have none."""
        lengths = numpy.asarray(texts.data.lengths, dtype=numpy.int64)[documents]
        result = numpy.zeros((len(documents), self._head.size))
        filled = numpy.flatnonzero(lengths)
        for start in range(0, len(filled), CHUNK):
            part = filled[start : start + CHUNK]
            whole = texts.data.whole(documents[part])
            gradients = Texts(texts.docs, texts.data, texts.labels, whole).chains(self._head).gradients()
            result[part] = gradients / lengths[part, None] if self._normalised else gradients
        return result
