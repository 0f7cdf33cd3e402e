"""The index on disk: factored gradients of all training labels, sorted by norm, and the texts they come from.

A folder of ``.npy`` arrays, opened as memory maps, with ``manifest.json`` written last. Gradients are corrected for the
removed label's own leverage and norms are those in the metric of H^-1, unless the curvature is the identity.

| file | dtype, shape | content |
| --- | --- | --- |
| features.npy | float32, tokens x d | token vectors, sorted like the rows; tokens without a label come last |
| residuals.npy | float32, rows x labels | onehot(label) - p(label given neighbours), corrected |
| labels.npy | int16, tokens x 3 | label of the left neighbour, of the token, of the right one; -1 beyond an edge |
| positions.npy | int32, tokens x 2 | document number, token number |
| norms.npy | float32, rows | norm of the gradient, falling; the sort key |
| self_influence.npy | float32, rows | norm of the uncorrected gradient in the same metric; a bound for silent labels |
| leverage.npy | float32, rows | share of the label's own curvature in all curvature; above 0.5 a step is doubtful |
| segment_*.npy | | the same for entities, annotated or missing: see ``SegmentRows`` |
| theta.npy | float64, P | the head |
| metric_*.npy | float64 | H^-1 or its factors |
| held_out.npy | float32, tokens in document order | p(label given text), its document held out (identity: not) |
| allowed.npy | bool, tokens in document order x labels | permitted labels |
| token_starts.npy | int64, documents + 1 | where each document's tokens begin, in document order |
| first_tokens.npy | int32, documents | number of the first token in its document, for sentences of split documents |
| token_offsets.npy | int32, tokens in document order x 2 | first and last (exclusive) character of each token |
| texts, ids | UTF-8 blobs with offsets | text and id of each document |
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import cached_property, lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Optional, Sequence

import numpy

from ..errors import Errors
from ..files import write_text
from .curvature import Metric, load_metric, metric_arrays
from .factors import TokenFactors
from .fit import HeadData
from .segments import SegmentFactors
from .texts import TextTable, TextTableWriter

FORMAT_VERSION = 2
MANIFEST = "manifest.json"
SORT_CHUNK = 1 << 16  # rows copied at a time while sorting
METRIC = "metric_"
ARRAYS = (
    *("features", "residuals", "labels", "positions", "norms", "self_influence", "leverage", "theta", "held_out"),
    *("allowed", "token_starts", "token_offsets", "first_tokens", "segment_features", "segment_residuals"),
    *("segment_pairs", "segment_starts", "segment_positions", "segment_types", "segment_norms"),
    *("segment_self_influence", "segment_leverage"),
)


@dataclass
class Manifest:
    """What an index says of itself. Sizes are checked when it is opened, fingerprints on first use.

    curvature: "exact", "kfac" or "identity". hessian: "full", or "free labels" where missing labels made the Hessian
    indefinite and the covariance with all labels summed out stands for it. refit: whether the head was moved to the
    optimum of its loss with the penalty l2; fit_gradient is the largest component of the gradient there.
    explains: the component whose predictions are explained, if not the tagger's own.
    """

    tagger: str
    scheme: str
    tags: list[str]
    curvature: str
    encoder_fingerprint: str
    head_fingerprint: str = ""
    hessian: str = ""
    refit: bool = False
    l2: float = 0.0
    fit_gradient: float = 0.0
    rows: int = 0
    segments: int = 0
    width: int = 0
    documents: int = 0
    tokens: int = 0
    corpus: str = ""
    explains: Optional[dict[str, Any]] = None
    format_version: int = FORMAT_VERSION
    files: dict[str, int] = field(default_factory=dict)


@dataclass(frozen=True)
class Source:
    """A training text: its document's id, the text, and the number of its first token in the document."""

    identifier: str
    text: str
    first_token: int = 0


@dataclass(frozen=True)
class TokenRows:
    """What is known of every token, in document order.

    labels (ints, tokens x 3), residuals (floats, tokens x labels), norms, self_influence, leverage (floats, tokens),
    held_out (floats, tokens): as in the files of the index.
    """

    labels: numpy.ndarray
    residuals: numpy.ndarray
    norms: numpy.ndarray
    self_influence: numpy.ndarray
    leverage: numpy.ndarray
    held_out: numpy.ndarray


@dataclass(frozen=True)
class SegmentRows:
    """Entities that are annotated, and runs of O tokens that might be one.

    factors (SegmentFactors): gradients, corrected.
    positions (ints, n x 3): document, start and end token.
    types (ints, n x 2): tag of the first token, and the tag that the first token of a missing entity should have (-1
        for annotated ones).
    norms, self_influence, leverage (floats, n).
    """

    factors: SegmentFactors
    positions: numpy.ndarray
    types: numpy.ndarray
    norms: numpy.ndarray
    self_influence: numpy.ndarray
    leverage: numpy.ndarray


class IndexWriter:
    """Write an index in two phases: documents one by one, then what was computed from all of them.

    Nothing counts as an index before ``finish``. Features are kept on disk, so memory does not grow with them.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.manifest = manifest
        self._texts = TextTableWriter(folder, "texts")
        self._ids = TextTableWriter(folder, "ids")
        self._unsorted = (folder / "features.unsorted").open("wb")
        self._allowed: list[numpy.ndarray] = []
        self._token_offsets: list[numpy.ndarray] = []
        self._token_starts = [0]
        self._first_tokens: list[int] = []

    def __enter__(self) -> IndexWriter:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        self._unsorted.close()
        self._texts.abandon()
        self._ids.abandon()

    def add(
        self, source: Source, offsets: Sequence[tuple[int, int]], features: numpy.ndarray, allowed: numpy.ndarray
    ) -> None:
        """Append a document.

        source (Source): id and text, as shown to people.
        offsets (sequence of (int, int)): character span of every token.
        features (float32, tokens x d); allowed (bool, tokens x labels): permitted labels; all where one is missing.
        """
        self._texts.append(source.text)
        self._ids.append(source.identifier)
        self._first_tokens.append(source.first_token)
        self._token_offsets.append(numpy.asarray(offsets, dtype=numpy.int32).reshape(-1, 2))
        self._token_starts.append(self._token_starts[-1] + len(offsets))
        self._allowed.append(allowed)
        self._unsorted.write(numpy.ascontiguousarray(features, dtype=numpy.float32).data)
        self.manifest.width = features.shape[1]

    @cached_property
    def data(self) -> HeadData:
        """The documents that were added; features are a memory map."""
        self._unsorted.close()
        lengths = numpy.diff(self._token_starts).tolist()
        shape = (self._token_starts[-1], self.manifest.width)
        features = numpy.memmap(self.folder / "features.unsorted", dtype=numpy.float32, mode="r", shape=shape)
        return HeadData(features, numpy.concatenate(self._allowed), lengths)

    def finish(self, tokens: TokenRows, segments: SegmentRows, theta: numpy.ndarray, metric: Metric) -> None:
        """Sort the rows by falling norm, write what is left, and the manifest last."""
        self._texts.close()
        self._ids.close()
        data, manifest = self.data, self.manifest
        known = ~data.allowed.all(axis=1)
        sizes = numpy.asarray(data.lengths)
        documents = numpy.repeat(numpy.arange(len(sizes)), sizes)
        positions = numpy.stack([documents, numpy.arange(len(documents)) - data.starts[documents]], axis=1)
        # Stable: equal norms stay in document order.
        order = numpy.argsort(numpy.where(known, -tokens.norms, numpy.inf), kind="stable")
        rows = order[: int(known.sum())]
        self._sort_features(order)
        self._save("residuals", tokens.residuals[rows].astype(numpy.float32))
        self._save("labels", tokens.labels[order].astype(numpy.int16))
        self._save("positions", positions[order].astype(numpy.int32))
        self._save_measures("", tokens, rows)
        self._save_segments(segments)
        self._save("theta", theta)
        for name, array in metric_arrays(metric).items():
            self._save(METRIC + name, array)
        self._save("held_out", tokens.held_out.astype(numpy.float32))
        self._save("allowed", data.allowed)
        self._save("token_starts", numpy.asarray(self._token_starts, dtype=numpy.int64))
        self._save("first_tokens", numpy.asarray(self._first_tokens, dtype=numpy.int32))
        self._save("token_offsets", numpy.concatenate(self._token_offsets))
        manifest.rows, manifest.segments = len(rows), len(segments.norms)
        manifest.documents, manifest.tokens = len(sizes), self._token_starts[-1]
        manifest.files = {path.name: path.stat().st_size for path in sorted(self.folder.iterdir())}
        write_text(self.folder / MANIFEST, json.dumps(asdict(manifest), indent=2) + "\n")

    def _save_segments(self, segments: SegmentRows) -> None:
        order = numpy.argsort(-segments.norms, kind="stable")
        factors = segments.factors[order]
        self._save("segment_features", factors.features.astype(numpy.float32))
        self._save("segment_residuals", factors.residuals.astype(numpy.float32))
        self._save("segment_pairs", factors.pairs.astype(numpy.float32))
        self._save("segment_starts", numpy.concatenate([[0], numpy.cumsum(factors.lengths)]).astype(numpy.int64))
        self._save("segment_positions", segments.positions[order].astype(numpy.int32))
        self._save("segment_types", segments.types[order].astype(numpy.int16))
        self._save_measures("segment_", segments, order)

    def _save_measures(self, prefix: str, rows: Any, order: numpy.ndarray) -> None:
        # A bound may not be rounded below the norm that it bounds.
        norms = numpy.nextafter(rows.norms[order].astype(numpy.float32), numpy.float32(numpy.inf))
        self._save(f"{prefix}norms", norms)
        for name in ("self_influence", "leverage"):
            self._save(f"{prefix}{name}", getattr(rows, name)[order].astype(numpy.float32))

    def _save(self, name: str, array: numpy.ndarray) -> None:
        numpy.save(self.folder / f"{name}.npy", array, allow_pickle=False)

    def _sort_features(self, order: numpy.ndarray) -> None:
        unsorted = self.data.features
        final = numpy.lib.format.open_memmap(
            self.folder / "features.npy", mode="w+", dtype=numpy.float32, shape=unsorted.shape
        )
        for start in range(0, len(order), SORT_CHUNK):
            rows = order[start : start + SORT_CHUNK]
            final[start : start + len(rows)] = unsorted[rows]
        final.flush()
        del final, unsorted, self.data
        (self.folder / "features.unsorted").unlink()


class Index:
    """An index opened for reading. Arrays are memory maps; opening reads the manifest and file sizes only.

    folder (Path): where ``manifest.json`` is.
    RAISES (ValueError): S030 if it is missing or incomplete, S031 for another format version, S032 if damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.manifest = _read_manifest(self.folder)
        # Plain views of the maps: indexing a numpy.memmap costs several times as much as indexing an array.
        self.arrays = {name: self._load(name) for name in ARRAYS}
        names = [name[len(METRIC) : -len(".npy")] for name in self.manifest.files if name.startswith(METRIC)]
        self._metric_arrays = {name: self._load(METRIC + name) for name in names}
        self._texts, self._ids = (self._table(name) for name in ("texts", "ids"))
        self.text = lru_cache(maxsize=1024)(self._texts.__getitem__)
        self.tokens, self.segments = TokenTable(self), SegmentTable(self)

    def __reduce__(self) -> tuple[type[Index], tuple[Path]]:
        """Pickle the path, not the content."""
        return Index, (self.folder.absolute(),)

    @property
    def theta(self) -> numpy.ndarray:
        """The head (float64, P)."""
        return self.arrays["theta"]

    @cached_property
    def metric(self) -> Metric:
        """H^-1, or what stands for it."""
        manifest = self.manifest
        return load_metric(manifest.curvature, self._metric_arrays, len(manifest.tags), manifest.width + 1)

    @cached_property
    def order(self) -> numpy.ndarray:
        """Number of each token, in document order, among the sorted ones (int64, tokens)."""
        positions = self.arrays["positions"]
        return numpy.lexsort((positions[:, 1], positions[:, 0]))

    @cached_property
    def labels(self) -> numpy.ndarray:
        """Label of each token in document order (int64, tokens)."""
        return self.arrays["labels"][self.order, 1].astype(numpy.int64)

    @cached_property
    def data(self) -> HeadData:
        """Features and annotation of all documents, in memory."""
        lengths = numpy.diff(self.arrays["token_starts"]).tolist()
        return HeadData(self.arrays["features"][self.order], self.arrays["allowed"], lengths)

    def place(self, document: int, token: int) -> tuple[str, int]:
        """Return where a token comes from: document id and token number."""
        return self._ids[document], token + int(self.arrays["first_tokens"][document])

    def describe(self, document: int, start: int, end: int, label: str, context: int) -> dict[str, Any]:
        """Describe some tokens as plain values: text, label, document, start, end, context, offset.

        context (int): characters of text on each side. ``offset`` is where the tokens start in the context.
        """
        identifier, first = self.place(document, start)
        offset = int(self.arrays["token_starts"][document])
        begin, stop = (int(self.arrays["token_offsets"][offset + t, side]) for t, side in ((start, 0), (end - 1, 1)))
        text = self.text(document)
        left = max(0, begin - context)
        return {
            "text": text[begin:stop],
            "label": label,
            "document": identifier,
            "start": first,
            "end": first + end - start,
            "context": text[left : stop + context],
            "offset": begin - left,
        }

    def _load(self, name: str) -> numpy.ndarray:
        try:
            mapped = numpy.load(self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
        except (OSError, ValueError) as error:
            raise ValueError(Errors.S032.format(path=self.folder / f"{name}.npy", what=error)) from None
        return mapped.view(numpy.ndarray)

    def _table(self, name: str) -> TextTable:
        try:
            return TextTable(self.folder, name)
        except (OSError, ValueError) as error:
            raise ValueError(Errors.S032.format(path=self.folder / f"{name}.npy", what=error)) from None


class TokenTable:
    """The rows of single training tokens."""

    def __init__(self, index: Index) -> None:
        self._index = index
        arrays = index.arrays
        self.features, self.residuals, self.labels = arrays["features"], arrays["residuals"], arrays["labels"]
        self.positions, self.norms = arrays["positions"], arrays["norms"]
        self.self_influence, self.leverage = arrays["self_influence"], arrays["leverage"]

    def __len__(self) -> int:
        return self._index.manifest.rows

    def factors(self, rows: Any) -> TokenFactors:
        """Return the factored gradients of some rows; for a slice, as views of the memory maps."""
        labels = self.labels[rows]
        return TokenFactors(self.features[rows], self.residuals[rows], labels[:, 0], labels[:, 2])

    def gradients(self, rows: numpy.ndarray) -> numpy.ndarray:
        """Write the gradients of some rows out (float64, rows x P)."""
        return self.factors(rows).as_segments().gradients()

    def segment(self, row: int) -> tuple[int, int, int]:
        """Return the document, start and end token of a row."""
        document, token = self.positions[row].tolist()
        return document, token, token + 1

    def place(self, row: int) -> tuple[str, int]:
        """Return where a row comes from: document id and token number."""
        document, token = self.positions[row].tolist()
        return self._index.place(document, token)

    def reference(self, row: int, context: int = 40) -> dict[str, Any]:
        """Describe a row as plain values."""
        label = self._index.manifest.tags[int(self.labels[row, 1])]
        return self._index.describe(*self.segment(row), label, context)


class SegmentTable:
    """The rows of training entities: annotated ones, and those that are missing from the annotation."""

    def __init__(self, index: Index) -> None:
        self._index = index
        arrays = index.arrays
        self._features, self._residuals = arrays["segment_features"], arrays["segment_residuals"]
        self._pairs, self._starts = arrays["segment_pairs"], arrays["segment_starts"]
        self.positions, self.types, self.norms = (arrays[f"segment_{n}"] for n in ("positions", "types", "norms"))
        self.self_influence, self.leverage = arrays["segment_self_influence"], arrays["segment_leverage"]

    def __len__(self) -> int:
        return len(self.norms)

    def factors(self, rows: slice) -> SegmentFactors:
        """Return the factored gradients of a range of rows as views of the memory maps."""
        start, stop, _ = rows.indices(len(self))
        tokens = slice(int(self._starts[start]), int(self._starts[stop]))
        lengths = numpy.diff(self._starts[start : stop + 1])
        return SegmentFactors(self._features[tokens], self._residuals[tokens], self._pairs[start:stop], lengths)

    def gradients(self, rows: numpy.ndarray) -> numpy.ndarray:
        """Write the gradients of some rows out (float64, rows x P)."""
        return numpy.concatenate([self.factors(slice(row, row + 1)).gradients() for row in rows.tolist()])

    def segment(self, row: int) -> tuple[int, int, int]:
        """Return the document, start and end token of a row."""
        document, start, end = self.positions[row].tolist()
        return document, start, end

    def reference(self, row: int, context: int = 40) -> dict[str, Any]:
        """Describe a row as plain values. A missing entity has the label "O" and says what it might be."""
        label, missing = (self._index.manifest.tags[tag] if tag >= 0 else "" for tag in self.types[row].tolist())
        described = self._index.describe(*self.segment(row), label[2:] or label, context)
        return {**described, "missing": missing[2:]} if missing else described


def _read_manifest(folder: Path) -> Manifest:
    path = folder / MANIFEST
    try:
        content = json.loads(path.read_text(encoding="utf8"))
    except FileNotFoundError:
        raise ValueError(Errors.S030.format(path=folder, what=f"{MANIFEST} is missing")) from None
    except ValueError as error:
        raise ValueError(Errors.S032.format(path=path, what=f"not JSON ({error})")) from None
    found = content.get("format_version") if isinstance(content, dict) else None
    if found != FORMAT_VERSION:
        newer = isinstance(found, int) and found > FORMAT_VERSION
        advice = "Install a newer version of the package." if newer else "Build the index again."
        raise ValueError(Errors.S031.format(path=folder, found=found, known=FORMAT_VERSION, advice=advice))
    try:
        manifest = Manifest(**content)
        sizes = manifest.files.items()
    except (TypeError, AttributeError) as error:
        raise ValueError(Errors.S032.format(path=path, what=error)) from None
    for name, size in sizes:
        file = folder / name
        if not file.is_file():
            raise ValueError(Errors.S030.format(path=folder, what=f"{name} is missing"))
        if file.stat().st_size != size:
            what = f"it has {file.stat().st_size} bytes instead of {size}"
            raise ValueError(Errors.S032.format(path=file, what=what))
    return manifest
