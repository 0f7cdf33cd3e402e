"""The index on disk: factored gradients of all training tokens, sorted by norm, and the texts they come from.

A folder of ``.npy`` arrays, opened as memory maps, with ``manifest.json`` written last:

| file | dtype, shape | content |
| --- | --- | --- |
| features.npy | float32, rows x d | token vectors |
| residuals.npy | float32, rows x labels | onehot(label) - p(label given neighbours) |
| labels.npy | int16, rows x 3 | label of the left neighbour, of the token, of the right one; -1 beyond an edge |
| positions.npy | int32, rows x 2 | document number, token number |
| norms.npy | float32, rows | norm of the gradient, falling; the sort key |
| token_starts.npy | int64, documents + 1 | where each document's tokens begin in token_offsets |
| first_tokens.npy | int32, documents | number of the first token in its document, for sentences of split documents |
| token_offsets.npy | int32, tokens x 2 | first and last (exclusive) character of each token in its text |
| texts, ids | UTF-8 blobs with offsets | text and id of each document |
"""

from __future__ import annotations

import json
from dataclasses import asdict, dataclass, field
from functools import lru_cache
from pathlib import Path
from types import TracebackType
from typing import Any, Optional, Sequence

import numpy

from ..errors import Errors
from ..files import write_text
from .factors import TokenFactors, squared_norms
from .texts import TextTable, TextTableWriter

FORMAT_VERSION = 1
MANIFEST = "manifest.json"
SORT_CHUNK = 1 << 16  # rows copied at a time while sorting
ARRAYS = ("features", "residuals", "labels", "positions", "norms", "token_starts", "token_offsets", "first_tokens")


@dataclass
class Manifest:
    """What an index says of itself. Sizes are checked when it is opened, fingerprints on first use.

    explains: component and agreement, if the tagger hands on another component's predictions.
    """

    tagger: str
    scheme: str
    tags: list[str]
    curvature: str
    head_fingerprint: str
    encoder_fingerprint: str
    rows: int = 0
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


class IndexWriter:
    """Write an index document by document; nothing counts as an index before ``finish``.

    Rows are appended in document order and sorted by norm at the end, so memory does not grow with the corpus.
    """

    def __init__(self, folder: Path, manifest: Manifest) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self.folder = folder
        self.manifest = manifest
        self._texts = TextTableWriter(folder, "texts")
        self._ids = TextTableWriter(folder, "ids")
        self._unsorted = {name: (folder / f"{name}.unsorted").open("wb") for name in ("features", "residuals")}
        self._labels: list[numpy.ndarray] = []
        self._positions: list[numpy.ndarray] = []
        self._norms: list[numpy.ndarray] = []
        self._token_offsets: list[numpy.ndarray] = []
        self._token_starts = [0]
        self._first_tokens: list[int] = []
        self.rows = 0

    def __enter__(self) -> IndexWriter:
        return self

    def __exit__(
        self, kind: Optional[type[BaseException]], error: Optional[BaseException], trace: Optional[TracebackType]
    ) -> None:
        for file in self._unsorted.values():
            file.close()

    def add(
        self,
        source: Source,
        offsets: Sequence[tuple[int, int]],
        factors: TokenFactors,
        labels: numpy.ndarray,
        known: numpy.ndarray,
    ) -> None:
        """Append a document.

        source (Source): id and text, as shown to people.
        offsets (sequence of (int, int)): character span of every token.
        factors (TokenFactors): gradients of all tokens.
        labels (ints, tokens): tag of every token.
        known (bool, tokens): tokens with an annotation; only these become rows.
        """
        document = len(self._token_starts) - 1
        self._texts.append(source.text)
        self._ids.append(source.identifier)
        self._first_tokens.append(source.first_token)
        self._token_offsets.append(numpy.asarray(offsets, dtype=numpy.int32).reshape(-1, 2))
        self._token_starts.append(self._token_starts[-1] + len(offsets))
        rows = numpy.flatnonzero(known)
        kept = factors[rows]
        self._unsorted["features"].write(numpy.ascontiguousarray(kept.features, dtype=numpy.float32).data)
        self._unsorted["residuals"].write(numpy.ascontiguousarray(kept.residuals, dtype=numpy.float32).data)
        triples = numpy.stack([kept.previous, labels[rows], kept.following], axis=1)
        self._labels.append(triples.astype(numpy.int16))
        self._positions.append(numpy.stack([numpy.full(len(rows), document), rows], axis=1).astype(numpy.int32))
        self._norms.append(numpy.sqrt(squared_norms(kept)))
        self.manifest.width = kept.features.shape[1]
        self.rows += len(rows)

    def finish(self) -> None:
        """Sort the rows by falling norm, write what is left, and the manifest last."""
        self._texts.close()
        self._ids.close()
        for file in self._unsorted.values():
            file.close()
        norms = numpy.concatenate(self._norms)
        order = numpy.argsort(-norms, kind="stable")  # stable: equal norms stay in document order
        for name in self._unsorted:
            self._sort(name, order)
        # A bound may not be rounded below the norm that it bounds.
        self._save("norms", numpy.nextafter(norms[order].astype(numpy.float32), numpy.float32(numpy.inf)))
        self._save("labels", numpy.concatenate(self._labels)[order])
        self._save("positions", numpy.concatenate(self._positions)[order])
        self._save("token_starts", numpy.asarray(self._token_starts, dtype=numpy.int64))
        self._save("first_tokens", numpy.asarray(self._first_tokens, dtype=numpy.int32))
        self._save("token_offsets", numpy.concatenate(self._token_offsets))
        manifest = self.manifest
        manifest.rows = len(order)
        manifest.documents = len(self._token_starts) - 1
        manifest.tokens = self._token_starts[-1]
        manifest.files = {path.name: path.stat().st_size for path in sorted(self.folder.iterdir())}
        write_text(self.folder / MANIFEST, json.dumps(asdict(manifest), indent=2) + "\n")

    def _save(self, name: str, array: numpy.ndarray) -> None:
        numpy.save(self.folder / f"{name}.npy", array, allow_pickle=False)

    def _sort(self, name: str, order: numpy.ndarray) -> None:
        path = self.folder / f"{name}.unsorted"
        unsorted = numpy.memmap(path, dtype=numpy.float32, mode="r").reshape(len(order), -1)
        final = numpy.lib.format.open_memmap(
            self.folder / f"{name}.npy", mode="w+", dtype=numpy.float32, shape=unsorted.shape
        )
        for start in range(0, len(order), SORT_CHUNK):
            rows = order[start : start + SORT_CHUNK]
            final[start : start + len(rows)] = unsorted[rows]
        final.flush()
        del final, unsorted
        path.unlink()


class Index:
    """An index opened for reading. Arrays are memory maps; opening reads the manifest and file sizes only.

    folder (Path): where ``manifest.json`` is.
    RAISES (ValueError): S030 if it is missing or incomplete, S031 for another format version, S032 if damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.manifest = _read_manifest(self.folder)
        arrays: dict[str, numpy.ndarray] = {}
        for name in ARRAYS:
            try:
                mapped = numpy.load(self.folder / f"{name}.npy", mmap_mode="r", allow_pickle=False)
                arrays[name] = mapped.view(numpy.ndarray)
            except (OSError, ValueError) as error:
                raise ValueError(Errors.S032.format(path=self.folder / f"{name}.npy", what=error)) from None
        self.features, self.residuals, self.labels = (arrays[name] for name in ARRAYS[:3])
        # Plain views of the maps: indexing a numpy.memmap costs several times as much as indexing an array.
        self.positions, self.norms, self._token_starts, self._token_offsets = (arrays[name] for name in ARRAYS[3:7])
        self._first_tokens = arrays["first_tokens"]
        self._texts, self._ids = (self._table(name) for name in ("texts", "ids"))
        self._text = lru_cache(maxsize=1024)(self._texts.__getitem__)

    def __len__(self) -> int:
        return self.manifest.rows

    def __reduce__(self) -> tuple[type[Index], tuple[Path]]:
        """Pickle the path, not the content."""
        return Index, (self.folder.absolute(),)

    def _table(self, name: str) -> TextTable:
        try:
            return TextTable(self.folder, name)
        except (OSError, ValueError) as error:
            raise ValueError(Errors.S032.format(path=self.folder / f"{name}.npy", what=error)) from None

    def factors(self, rows: slice) -> TokenFactors:
        """Return the factored gradients of some rows as views of the memory maps."""
        labels = self.labels[rows]
        return TokenFactors(
            numpy.asarray(self.features[rows]), numpy.asarray(self.residuals[rows]), labels[:, 0], labels[:, 2]
        )

    def place(self, row: int) -> tuple[str, int]:
        """Return where a row comes from: document id and token number."""
        document, token = self.positions[row].tolist()
        return self._ids[document], token + int(self._first_tokens[document])

    def reference(self, row: int, context: int = 40) -> dict[str, Any]:
        """Describe a row as plain values: text, label, document, start, end, context, offset.

        context (int): characters of text on each side. ``offset`` is where the token starts in the context.
        """
        document, token = self.positions[row].tolist()
        identifier, start = self.place(row)
        begin, end = (int(value) for value in self._token_offsets[self._token_starts[document] + token])
        text = self._text(document)
        left = max(0, begin - context)
        return {
            "text": text[begin:end],
            "label": self.manifest.tags[int(self.labels[row, 1])],
            "document": identifier,
            "start": start,
            "end": start + 1,
            "context": text[left : end + context],
            "offset": begin - left,
        }


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
