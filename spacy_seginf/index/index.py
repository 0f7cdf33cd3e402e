"""An index opened for reading: its manifest, its curvature, and the shards with the rows of all training labels.

A folder with ``manifest.json``, the head and its curvature (see ``head``), and a folder for each shard (see
``writing``).
"""

from __future__ import annotations

import json
from functools import cached_property, lru_cache, partial
from pathlib import Path
from typing import Any, Collection

import numpy

from ..errors import Errors
from ..influence.curvature import Metric
from ..influence.fit import HeadData
from ..influence.penalty import Penalty
from .arrays import check_finite, check_metric, check_type, damaged, sizes_of
from .documents import joined
from .head import CENTRE, LABEL_HEAD, THETA, read_metric
from .manifest import Manifest, read_manifest
from .shards import Shard, seal_checksum
from .storage import StoredArray, StoredFile
from .tables import SegmentPart, SegmentTable, TokenPart, TokenTable

REBUILDS = 5  # that may come between while an index is opened


class Index:
    """An index opened for reading. Opening reads the manifest and the seals of the shards, and maps all files;
    everything else is read, and checked, when it is touched.

    folder (Path): where ``manifest.json`` is.
    RAISES (ValueError): S030 if it is missing or incomplete, S031 for another format version, S032 if damaged, S033 if
        shards come from another build.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)
        self.manifest: Manifest = read_manifest(self.folder)
        for _ in range(REBUILDS):
            try:
                self._open()
                break
            except ValueError:
                manifest = read_manifest(self.folder)
                if manifest.build == self.manifest.build:
                    raise
                self.manifest = manifest  # it was replaced in this moment
        else:
            self._open()
        self.first_documents = numpy.cumsum([0, *(entry["documents"] for entry in self.manifest.shards)])
        self.first_tokens_of_shards = numpy.cumsum([0, *(entry["tokens"] for entry in self.manifest.shards)])
        self.tokens = TokenTable(self, [TokenPart(shard) for shard in self.shards])
        self.segments = SegmentTable(self, [SegmentPart(shard) for shard in self.shards])
        self.text = lru_cache(maxsize=1024)(self._text)

    def _open(self) -> None:
        self._files = {
            name: StoredFile(self.folder / name, file["bytes"], file["checksums"])
            for name, file in self.manifest.files.items()
        }
        self.shards = [self._shard(entry) for entry in self.manifest.shards]

    def __reduce__(self) -> tuple[type[Index], tuple[Path]]:
        """Pickle the path, not the content."""
        return Index, (self.folder.absolute(),)

    @cached_property
    def theta(self) -> numpy.ndarray:
        """The head (float64, P)."""
        return self._parameters(THETA)

    @cached_property
    def penalty(self) -> Penalty:
        """What keeps the head from following its labels alone; l2 is 0 if it was not refit."""
        return Penalty(self.manifest.l2, self._parameters(CENTRE) if CENTRE in self._files else None)

    @cached_property
    def metric(self) -> Metric:
        """H^-1, or what stands for it."""
        return self._metric(self.manifest.curvature)

    @cached_property
    def label_head(self) -> tuple[numpy.ndarray, Metric, Penalty]:
        """The head that labels make without a trained one, its metric and its penalty: for questions about the labels
        themselves. It is the head that explains unless that is pulled towards the trained head."""
        manifest, name = self.manifest, f"{LABEL_HEAD}{THETA}"
        if name not in self._files:
            return self.theta, self.metric, self.penalty
        metric = self._metric(manifest.label_curvature, LABEL_HEAD)
        return self._parameters(name), metric, Penalty(manifest.label_l2)

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

    @property
    def objective(self) -> int:
        """How many documents, the first ones, are part of J; the others were appended later with the head held."""
        return self.manifest.documents - self.manifest.held_documents

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

    def check(self) -> None:
        """Compare every byte with its checksum. RAISES (ValueError): S032 if one differs."""
        for file in self._files.values():
            file.check()
        for shard in self.shards:
            shard.check()

    def document_of(self, shard: int, token: int) -> tuple[int, int]:
        """Return the number of the document of a shard's token, and the token's number in it."""
        starts = self.shards[shard].token_starts
        local = int(numpy.searchsorted(starts, token, side="right")) - 1
        return int(self.first_documents[shard]) + local, token - int(starts[local])

    def in_documents(self, shard: int, tokens: numpy.ndarray, identifiers: Collection[str]) -> numpy.ndarray:
        """Tell which tokens of a shard are in documents with these ids (bool, tokens)."""
        chosen = self.shards[shard].texts("ids").among(identifiers)
        return chosen[numpy.searchsorted(self.shards[shard].token_starts, tokens, side="right") - 1]

    def place(self, document: int, token: int) -> tuple[str, int]:
        """Return where a token comes from: document id and token number."""
        shard, local = self._locate(document)
        return shard.texts("ids")[local], token + int(shard["first_tokens"][local])

    def words(self, document: int) -> tuple[list[str], list[bool]]:
        """Return the tokens of a document, and whether a space follows each."""
        shard, local = self._locate(document)
        offsets = shard["token_offsets"][shard.token_starts[local] : shard.token_starts[local + 1]].tolist()
        text = self.text(document)
        ends = [*(start for start, _ in offsets[1:]), len(text)]
        return [text[start:end] for start, end in offsets], [end < after for (_, end), after in zip(offsets, ends)]

    def word_norms(self, document: int) -> list[tuple[int, str]]:
        """Return the tokens of a document whose norm is not that of their word, and these norms."""
        shard, local = self._locate(document)
        text = shard.texts("word_norms")[local] if "word_norms" in shard else ""
        try:
            return [(int(token), str(norm)) for token, norm in json.loads(text or "[]")]
        except (ValueError, TypeError, RecursionError) as error:
            raise damaged(shard.file("word_norms.utf8").path, f"text {local} is no list of norms ({error})") from None

    def describe(self, document: int, start: int, end: int, label: str, context: int) -> dict[str, Any]:
        """Describe some tokens as plain values: text, label, document, start, end, context, offset.

        context (int): characters of text on each side. ``offset`` is where the tokens start in the context. "added" is
            there, and true, for documents that are no part of J.
        """
        identifier, first = self.place(document, start)
        shard, local = self._locate(document)
        offset = int(shard.token_starts[local])
        offsets = shard["token_offsets"][offset + start : offset + end]
        begin, stop = int(offsets[0, 0]), int(offsets[-1, 1])
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
            **({} if document < self.objective else {"added": True}),
        }

    def _text(self, document: int) -> str:
        shard, local = self._locate(document)
        return shard.texts("texts")[local]

    def _locate(self, document: int) -> tuple[Shard, int]:
        number = int(numpy.searchsorted(self.first_documents, document, side="right")) - 1
        return self.shards[number], document - int(self.first_documents[number])

    def _shard(self, entry: dict[str, Any]) -> Shard:
        folder, manifest = self.folder / entry["name"], self.manifest
        if folder.is_symlink():
            raise damaged(folder, "it is a link, and a shard lies in the index itself")
        labels = len(manifest.tags)
        shard = Shard(folder, sizes_of(entry, labels, manifest.width, manifest.dtype))
        facts = {key: shard.facts.get(key) for key in ("documents", "tokens", "rows", "segments", "labels")}
        if shard.facts.get("build") != entry["build"] or seal_checksum(folder) != entry["checksum"]:
            raise ValueError(Errors.S033.format(path=folder, index=self.folder))
        if any(facts[key] != value for key, value in ({**entry, "labels": labels}).items() if key in facts):
            raise damaged(folder, "it holds something else than the manifest says")
        return shard

    def _parameters(self, name: str) -> numpy.ndarray:
        """Read a vector of the head's parameters (float64, P)."""
        array, labels = self._array(name), len(self.manifest.tags)
        check_type(array.path, array, ("float64",), [labels * (self.manifest.width + 1) + labels**2])
        values = array[:]
        check_finite(array.path, values)
        return values

    def _metric(self, curvature: str, prefix: str = "") -> Metric:
        """Read the metric of the head with a prefix."""
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
            raise ValueError(Errors.S030.format(path=self.folder, what=f"{name} is missing"))
        return StoredArray(self._files[name])

    def _require_all(self) -> None:
        if self.manifest.pruned:
            raise ValueError(Errors.S035.format(path=self.folder, count=sum(self.manifest.dropped)))
