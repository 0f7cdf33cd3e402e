"""An index opened for reading: its manifest, its curvature, and the shards with the rows of all training labels.

A folder with ``manifest.json``, the head and its curvature (see ``head``), and a folder for each shard (see
``writing``).
"""

from __future__ import annotations

from functools import cached_property, partial
from pathlib import Path
from typing import Any, Optional

import numpy

from ..errors import BUILD_AGAIN, Errors, SeginfError
from ..influence.curvature import Metric
from ..influence.data import HeadData
from ..influence.head import Head
from ..influence.penalty import Penalty
from .addressing import Addresses
from .arrays import check_metric, check_type, damaged, sizes_of
from .documents import joined
from .evidence import PREFIX, Evidence
from .head import CENTRE, LABEL_HEAD, THETA, read_metric
from .manifest import Manifest, read_manifest
from .shards import Shard, seal_checksum
from .storage import StoredArray, StoredFile
from .tables import SegmentPart, SegmentTable, TokenPart, TokenTable

REBUILDS = 100  # that may come between while an index is opened


class Index(Addresses):
    """An index opened for reading. Opening reads the manifest and the seals of the shards, and maps all files;
    everything else is read, and checked, when it is touched.

    folder (Path): where ``manifest.json`` is.
    RAISES (ValueError): S030 if it is missing or incomplete, S031 for another format version, S032 if damaged, S033 if
        shards come from another build, S039 if it is replaced over and over.

    >>> index = spacy_seginf.Index(Path("indexed/influence/index"))
    >>> index.manifest.documents, len(index.tokens) == index.manifest.rows
    (30, True)
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        for _ in range(REBUILDS):
            before, problem = _identity(self.folder), None
            try:
                self._open()
            except ValueError as error:
                problem = error
            if _identity(self.folder) == before:
                break  # else it was replaced in this moment: some files may be the old ones, and others the new
        else:
            problem = SeginfError(Errors.S039.format(path=self.folder))
        if problem is not None:
            raise problem
        super().__init__(self.manifest, self.shards)
        self.tokens = TokenTable(self, [TokenPart(shard) for shard in self.shards])
        self.segments = SegmentTable(self, [SegmentPart(shard) for shard in self.shards])

    def _open(self) -> None:
        self.manifest: Manifest = read_manifest(self.folder)
        self._files = {
            name: StoredFile(self.folder / name, file["bytes"], file["checksums"])
            for name, file in self.manifest.files.items()
        }
        self.shards = [self._shard(entry) for entry in self.manifest.shards]

    def __reduce__(self) -> tuple[type[Index], tuple[Path]]:
        """Pickle the path, not the content."""
        return Index, (self.folder.absolute(),)

    @cached_property
    def head(self) -> Head:
        """The head that explains."""
        return self._head(THETA)

    @cached_property
    def penalty(self) -> Penalty:
        """What keeps the head from following its labels alone; l2 is 0 if it was not refit."""
        return Penalty(self.manifest.l2, self._head(CENTRE) if CENTRE in self._files else None)

    @cached_property
    def metric(self) -> Metric:
        """H^-1, or what stands for it."""
        return self._metric(self.manifest.curvature)

    @cached_property
    def label_head(self) -> tuple[Head, Metric, Penalty]:
        """The head that labels make without a trained one, its metric and its penalty: for questions about the labels
        themselves. It is the head that explains unless that is pulled towards the trained head."""
        manifest, name = self.manifest, f"{LABEL_HEAD}{THETA}"
        if name not in self._files:
            return self.head, self.metric, self.penalty
        metric = self._metric(manifest.label_curvature, LABEL_HEAD)
        return self._head(name), metric, Penalty(manifest.label_l2)

    @property
    def has_evidence(self) -> bool:
        """Whether margins can be accounted for: the head was fitted, by a version that keeps what it takes."""
        return f"{PREFIX}sums.npy" in self._files

    @cached_property
    def evidence(self) -> Evidence:
        """The account of the head that labels make. RAISES (ValueError): S256 if the index has none."""
        manifest = self.manifest
        if not self.has_evidence:
            raise SeginfError(Errors.S256.format(path=self.folder))
        tokens = int(self.first_tokens_of_shards[numpy.searchsorted(self.first_documents, self.objective)])
        return Evidence(self._array, tokens, len(manifest.tags), manifest.width)

    @cached_property
    def orders(self) -> list[numpy.ndarray]:
        """Number of each token, in document order, among the sorted ones of its shard (list of int64, tokens)."""
        orders = []
        for shard in self.shards:
            tokens = shard["tokens"][:]
            orders.append(numpy.argsort(tokens))
            if (tokens[orders[-1]] != numpy.arange(len(tokens))).any():
                raise damaged(shard["tokens"].path, "it does not have every token once")
        return orders

    @cached_property
    def labels(self) -> numpy.ndarray:
        """Label of each token in document order (int64, tokens). RAISES (ValueError): S035 if rows were dropped."""
        self._require_all()
        parts = [part.labels[order, 1] for part, order in zip(self.tokens.parts, self.orders)]
        return numpy.concatenate(parts).astype(numpy.int64)

    @cached_property
    def held_out(self) -> numpy.ndarray:
        """p(label given text) of each token in document order, its document held out (float32, tokens)."""
        return numpy.concatenate([shard["held_out"][:] for shard in self.shards])

    @cached_property
    def data(self) -> HeadData:
        """Features and annotation of all documents, in memory. RAISES (ValueError): S035 if rows were dropped."""
        self._require_all()
        parts = []
        for shard, order in zip(self.shards, self.orders):
            features = shard.features("features")[order]
            parts.append(HeadData(features, shard.allowed, numpy.diff(shard.token_starts).tolist()))
        data = joined(parts)
        return HeadData(data.features[:], data.allowed, data.lengths)

    def features_of(self, tokens: numpy.ndarray) -> numpy.ndarray:
        """Return the features of some tokens, numbered through all documents (float32, tokens x d).

        RAISES (ValueError): S035 if rows were dropped.
        """
        self._require_all()
        result = numpy.empty((len(tokens), self.manifest.width), dtype=numpy.float32)
        owners = numpy.searchsorted(self.first_tokens_of_shards, tokens, side="right") - 1
        for number in numpy.unique(owners).tolist():
            chosen = owners == number
            rows = self.orders[number][tokens[chosen] - self.first_tokens_of_shards[number]]
            result[chosen] = self.shards[number].features("features")[rows]
        return result

    @cached_property
    def _first_tokens(self) -> numpy.ndarray:
        """Number of each document's first token through all documents (int64, documents)."""
        return numpy.concatenate(
            [shard.token_starts[:-1] + first for shard, first in zip(self.shards, self.first_tokens_of_shards.tolist())]
        )

    def segments_at(self, tokens: numpy.ndarray, lengths: numpy.ndarray) -> numpy.ndarray:
        """Return the document, start and end of runs of tokens that are numbered through all documents (int64, n x
        3)."""
        starts = self._first_tokens
        documents = numpy.searchsorted(starts, tokens, side="right") - 1
        inside = tokens - starts[documents]
        return numpy.stack([documents, inside, inside + lengths], axis=1)

    def check(self) -> None:
        """Compare every byte with its checksum, and look at all numbers. RAISES (ValueError): S032."""
        for file in self._files.values():
            StoredArray(file).check()
        for shard in self.shards:
            shard.check()

    def _shard(self, entry: dict[str, Any]) -> Shard:
        folder, manifest = self.folder / entry["name"], self.manifest
        if folder.is_symlink():
            raise damaged(folder, "it is a link, and a shard lies in the index itself")
        labels = len(manifest.tags)
        shard = Shard(folder, sizes_of(entry, labels, manifest.width, manifest.dtype))
        facts = {key: shard.facts.get(key) for key in ("documents", "tokens", "rows", "segments", "labels")}
        if shard.facts.get("build") != entry["build"] or seal_checksum(folder) != entry["checksum"]:
            raise SeginfError(Errors.S033.format(path=folder, index=self.folder))
        if any(facts[key] != value for key, value in ({**entry, "labels": labels}).items() if key in facts):
            raise damaged(folder, "it holds something else than the manifest says")
        return shard

    def _head(self, name: str) -> Head:
        array, labels = self._array(name), len(self.manifest.tags)
        check_type(array.path, array, ("float64",), [labels * (self.manifest.width + 1) + labels**2])
        return Head.unpacked(array[:], labels)

    def _metric(self, curvature: str, prefix: str = "") -> Metric:
        manifest = self.manifest
        return read_metric(
            manifest.files,
            self._array,
            curvature,
            len(manifest.tags),
            manifest.width + 1,
            prefix,
            partial(check_metric, self.folder),
        )

    def _array(self, name: str) -> StoredArray:
        if name not in self._files:
            raise SeginfError(Errors.S030.format(path=self.folder, what=f"{name} is missing", advice=BUILD_AGAIN))
        return StoredArray(self._files[name])

    def _require_all(self) -> None:
        if self.manifest.pruned:
            raise SeginfError(Errors.S035.format(path=self.folder, count=sum(self.manifest.dropped)))


def _identity(folder: Path) -> Optional[tuple[int, ...]]:
    """Tell a folder from another one that takes its place; None if there is none."""
    try:
        found = folder.stat()
    except OSError:
        return None
    return found.st_dev, found.st_ino, found.st_ctime_ns
