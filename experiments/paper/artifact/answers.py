"""Which references do methods give to predictions that an artifact made, and are these the tokens after artifacts?"""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy

from spacy_seginf.attribution.instance_influence import InstanceInfluence
from spacy_seginf.attribution.method import Context, Method, Texts
from spacy_seginf.attribution.nearest_neighbours import SegmentNN
from spacy_seginf.attribution.segment_influence import SegmentInfluence
from spacy_seginf.evaluation.deletion import ranking
from spacy_seginf.evaluation.problem import labelled_tokens
from spacy_seginf.evaluation.trial import Progress
from spacy_seginf.explanation.explainer import Explainer
from spacy_seginf.influence.data import HeadData

from ..top_references import scan_in_chunks

SEGMENT = "segment"  # by the search of the index
# By a scan of all tokens, or of all documents where a method says so.
SCANS: dict[str, Method] = {
    "segment_cosine": SegmentInfluence(similarity="cosine", corrected=False),
    "segment_identity_dot": SegmentInfluence("identity"),
    "segment_identity_cosine": SegmentInfluence("identity", similarity="cosine"),
    "instance": InstanceInfluence(),
    "instance_normalised": InstanceInfluence(normalised=True),
    "instance_identity": InstanceInfluence("identity"),
    "instance_identity_normalised": InstanceInfluence("identity", normalised=True),
    "nearest_neighbours": SegmentNN(),
}
TOP = 5


def find_answers(
    explainer: Explainer, context: Context, queries: Texts, places: numpy.ndarray, progress: Progress
) -> dict[str, Any]:
    """Ask all methods for the TOP supporting references of queries.

    context (Context): of the whole index. queries (Texts): single tokens. places (int64, n x 2): document and token of
        the right references; a document is right if it has one.
    RETURNS: plain values. right: by method and query, the ranks (from 0) of the right ones among its references.
        base_rates: share of what is right among tokens, among tokens with the label of a query ("label", the mean of
        the queries), and among documents. tokens, documents: numbers of training segments.
    """
    data = context.training.data
    planted = numpy.zeros(len(data.allowed), dtype=bool)
    planted[data.starts[places[:, 0]] + places[:, 1]] = True
    tokens, documents = labelled_tokens(data), _whole_documents(data)
    rows = data.starts[tokens[:, 0]] + tokens[:, 1]
    right_token, right_document = planted[rows], numpy.isin(documents[:, 0], places[:, 0])
    right: dict[str, list[list[int]]] = {name: [] for name in (SEGMENT, *SCANS)}
    if len(queries):
        positions = explainer.table("token").positions()
        right[SEGMENT] = _searched(explainer, queries, planted[data.starts[positions[:, 0]] + positions[:, 1]])
        for name, method in SCANS.items():
            segments, wanted = (documents, right_document) if method.by_document else (tokens, right_token)
            candidates = replace(context, training=replace(context.training, segments=segments))
            chunks = [scores for _, scores in scan_in_chunks(method, candidates, queries, progress)]
            right[name] = _right_ranks(numpy.concatenate(chunks, axis=1), wanted)
    labels = context.training.labels[rows]
    asked = queries.labels[queries.data.starts[queries.segments[:, 0]] + queries.segments[:, 1]]
    alike = [float(right_token[labels == label].mean()) for label in asked if (labels == label).any()]
    rates = {
        "token": float(right_token.mean()),
        "label": float(numpy.mean(alike)) if alike else 0.0,
        "document": float(right_document.mean()),
    }
    return {"right": right, "base_rates": rates, "tokens": len(tokens), "documents": len(documents)}


def _whole_documents(data: HeadData) -> numpy.ndarray:
    """List the documents that have tokens, as segments (int64, n x 3)."""
    sizes = numpy.asarray(data.lengths, dtype=numpy.int64)
    filled = numpy.flatnonzero(sizes)
    return numpy.stack([filled, numpy.zeros_like(filled), sizes[filled]], axis=1)


def _searched(explainer: Explainer, queries: Texts, wanted: numpy.ndarray) -> list[list[int]]:
    """List the ranks of rows of the index that are wanted among the TOP of each query."""
    found = explainer.explain(queries.data, queries.labels, queries.segments, "token", TOP)
    return [[rank for rank, entry in enumerate(each.supporting) if wanted[entry.row]] for each in found]


def _right_ranks(scores: numpy.ndarray, wanted: numpy.ndarray) -> list[list[int]]:
    """List the ranks of what is wanted among the TOP of each query; without a positive score nothing supports."""
    result = []
    for number, row in enumerate(scores):
        top = ranking(row, "supporting", number)[:TOP]
        result.append(numpy.flatnonzero(wanted[top] & (row[top] > 0)).tolist())
    return result
