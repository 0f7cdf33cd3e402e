"""From the rows of a shard's documents to files sorted by norm.

A sealed shard: the files of its documents (see ``documents``) without the token vectors, and

| file | dtype, shape | content |
| --- | --- | --- |
| features.npy | float32, float16 or int8, n x d | token vectors, sorted like the rows |
| features_scales.npy | float32, n | for int8 |
| residuals.npy | float32, rows x labels | onehot(label) - p(label given neighbours), corrected |
| labels.npy | int8 or int16, n x 3 | label of the left neighbour, the token, the right one; -1 beyond an edge |
| tokens.npy | uint32, n | number of the token in the shard |
| norms.npy | float32, rows | norm of the gradient, falling; the sort key |
| self_influence.npy | float32, rows | norm of the uncorrected gradient; a bound for silent labels |
| leverage.npy | uint8, rows | share of the label's own curvature in all curvature, rounded up to 255ths |
| segment_*.npy | | the same for entities, annotated or missing: see ``SegmentRows``, and ``pair_arrays`` for pairs |
| held_out.npy | float32, tokens of the shard | p(label given text), its document held out (identity: not) |

Tokens without a label come last, as n - rows more rows of the files that have n, unless rows were dropped.
Gradients are corrected for the removed label's own leverage and norms are those in the metric of H^-1, unless the
curvature is the identity. Rows and segments whose norm is not above a floor may be dropped.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy

from ..influence.pair_rows import pair_arrays
from ..influence.rows import SegmentRows, TokenRows
from .documents import Documents, share_documents
from .shards import create_array, seal
from .storage import encode_features, save_array

SORT_CHUNK = 1 << 16  # rows copied at a time while sorting
LEVERAGE_STEPS = 255


def write_rows(
    folder: Path,
    documents: Documents,
    tokens: TokenRows,
    segments: SegmentRows,
    build: str,
    dtype: str,
    floors: tuple[float, float] = (-1.0, -1.0),
) -> dict[str, Any]:
    """Write the shard of an index to a new folder, and seal it.

    tokens, segments: rows of the documents. build (str): kept in the seal. dtype (str): precision of token vectors, the
    one the documents have. floors: rows and segments with norms up to these are dropped.
    RETURNS (dict): documents, tokens, rows, segments, dropped (a pair), and dropped_norms: the largest of each.
    """
    folder.mkdir(parents=True)
    share_documents(documents.shard, folder)
    known = ~documents.allowed.all(axis=1)
    # Stable: equal norms stay in document order.
    order = numpy.argsort(numpy.where(known, -tokens.norms, numpy.inf), kind="stable")
    rows = order[: int(known.sum())]
    kept = rows[tokens.norms[rows] > floors[0]]
    stored = order if floors[0] < 0 else kept
    _write_features(folder, documents, stored)
    small = numpy.int8 if tokens.residuals.shape[1] <= numpy.iinfo(numpy.int8).max else numpy.int16
    save_array(folder, "residuals", tokens.residuals[kept].astype(numpy.float32))
    save_array(folder, "labels", tokens.labels[stored].astype(small))
    save_array(folder, "tokens", stored.astype(numpy.uint32))
    save_array(folder, "held_out", tokens.held_out.astype(numpy.float32))
    _write_measures(folder, "", tokens, kept)
    kept_segments = _write_segments(folder, documents, segments, dtype, floors[1])
    facts = {
        "documents": len(documents.data.lengths),
        "tokens": len(order),
        "rows": len(kept),
        "segments": len(kept_segments),
        "dropped": [len(rows) - len(kept), len(segments.norms) - len(kept_segments)],
        "dropped_norms": [
            float(tokens.norms[rows][len(kept) :].max(initial=0.0)),
            float(numpy.delete(segments.norms, kept_segments).max(initial=0.0)),
        ],
    }
    seal(folder, {**facts, "build": build, "labels": documents.labels})
    return facts


def _write_features(folder: Path, documents: Documents, order: numpy.ndarray) -> None:
    source = documents.shard.features("features")
    first, _ = source.stored(slice(0, 1))
    shape = (len(order), source.shape[1])
    final: Any = create_array(folder, "features", first.dtype, shape)
    scales = None
    for start in range(0, len(order), SORT_CHUNK):
        values, factors = source.stored(order[start : start + SORT_CHUNK])
        final[start : start + len(values)] = values
        if factors is not None:
            scales = numpy.zeros(len(order), dtype=numpy.float32) if scales is None else scales
            scales[start : start + len(values)] = factors
    final.flush()
    save_array(folder, "features_scales", scales)


def _write_segments(
    folder: Path, documents: Documents, segments: SegmentRows, dtype: str, floor: float
) -> numpy.ndarray:
    order = numpy.argsort(-segments.norms, kind="stable")
    order = order[segments.norms[order] > floor]
    factors = segments.factors[order]
    first = documents.shard.token_starts[segments.positions[order, 0]] + segments.positions[order, 1]
    features, scales = encode_features(factors.features.astype(numpy.float32), dtype)
    save_array(folder, "segment_features", features)
    save_array(folder, "segment_features_scales", scales)
    save_array(folder, "segment_residuals", factors.residuals.astype(numpy.float32))
    for name, values in pair_arrays(factors.pairs).items():
        save_array(folder, f"segment_{name}", values)
    starts = numpy.concatenate([[0], numpy.cumsum(factors.lengths)])
    save_array(folder, "segment_starts", starts.astype(numpy.int64))
    save_array(folder, "segment_tokens", first.astype(numpy.uint32))
    save_array(folder, "segment_types", segments.types[order].astype(numpy.int16))
    _write_measures(folder, "segment_", segments, order)
    return order


def _write_measures(folder: Path, prefix: str, rows: Any, order: numpy.ndarray) -> None:
    # A bound may not be rounded below the norm that it bounds.
    norms = numpy.nextafter(rows.norms[order].astype(numpy.float32), numpy.float32(numpy.inf))
    save_array(folder, f"{prefix}norms", norms)
    save_array(folder, f"{prefix}self_influence", rows.self_influence[order].astype(numpy.float32))
    steps = numpy.ceil(numpy.clip(rows.leverage[order], 0.0, 1.0) * LEVERAGE_STEPS)
    save_array(folder, f"{prefix}leverage", steps.astype(numpy.uint8))
