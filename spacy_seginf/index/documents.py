"""Encoded documents: what the encoder and the annotation give, before any gradient is computed.

A sealed shard with, for its documents in order,

| file | dtype, shape | content |
| --- | --- | --- |
| features.npy, features_scales.npy | float32, float16 or int8, tokens x d | token vectors; scales (tokens) for int8 |
| allowed.npy | uint8, tokens x ceil(labels / 8) | permitted labels, as bits |
| token_starts.npy | int64, documents + 1 | where each document's tokens begin |
| first_tokens.npy | int32, documents | number of the first token in its document, for sentences of split documents |
| token_offsets.npy | int32, tokens x 2 | first and last (exclusive) character of each token |
| texts, ids | UTF-8 blobs with offsets | text and id of each document |
| word_norms | UTF-8 blob with offsets | tokens whose norm is not their word's, spans given beside the words (JSON) |
"""

from __future__ import annotations

import hashlib
import json
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Iterable, Optional, Sequence

import numpy

from ..influence.data import HeadData
from .shards import SEAL, Shard, create_array, seal, share_file
from .storage import encode_features, save_array
from .texts import write_texts

CHUNK = 1 << 16  # token vectors copied at a time
# Files that an index takes over as they are.
SHARED = (
    *("token_starts.npy", "first_tokens.npy", "token_offsets.npy", "allowed.npy"),
    *("texts.npy", "texts.utf8", "ids.npy", "ids.utf8", "word_norms.npy", "word_norms.utf8"),
)


@dataclass(frozen=True)
class Source:
    """A training text and its annotation, without its token vectors.

    identifier (str), text (str): as shown to people. offsets (sequence of (int, int)): character span of every token.
    allowed (bool, tokens x labels): permitted labels; all where one is missing.
    first_token (int): number of its first token in the document, for sentences of split documents.
    norms (sequence of (int, str)): tokens whose norm is not that of their word, as tokenizers' exceptions have.
    given (sequence of (str, int, int, str)): spans that the pipeline reads beside the words: key, start, end, label.
    """

    identifier: str
    text: str
    offsets: Sequence[tuple[int, int]]
    allowed: numpy.ndarray
    first_token: int = 0
    norms: Sequence[tuple[int, str]] = ()
    given: Sequence[tuple[str, int, int, str]] = ()

    @property
    def beside(self) -> str:
        """What is known of its tokens beside their text (JSON): a list of norms, or a dict with what is given."""
        if self.given:
            return json.dumps({"norms": [*self.norms], "given": [*self.given]})
        return json.dumps([*self.norms]) if self.norms else ""


def documents_key(sources: Sequence[Source], encoder: str, dtype: str) -> str:
    """Tell encoded documents apart: by texts, annotation, encoder (fingerprint and settings) and precision (hex)."""
    digest = hashlib.sha256(f"{encoder} {dtype}".encode())
    for source in sources:
        offsets, norms = [tuple(offset) for offset in source.offsets], [tuple(norm) for norm in source.norms]
        facts = source.identifier, source.text, source.first_token, offsets, norms
        digest.update(repr(facts).encode("utf8", "surrogatepass"))
        digest.update(repr([*source.given]).encode("utf8", "surrogatepass") if source.given else b"")
        digest.update(repr(source.allowed.shape).encode() + numpy.packbits(source.allowed).tobytes())
    return digest.hexdigest()


def write_documents(
    folder: Path, key: str, sources: Sequence[Source], features: Iterable[tuple[int, numpy.ndarray]], dtype: str
) -> None:
    """Write documents and their token vectors to a new folder, and seal it.

    key (str): kept in the seal. features (iterable of (int, float32 tokens x d)): number of a document among the
    sources and its vectors, in any order. dtype (str): one of ``FEATURE_DTYPES``.
    RAISES (ValueError): S034 if float16 can't hold the vectors.
    """
    folder.mkdir(parents=True, exist_ok=True)
    starts = numpy.concatenate([[0], numpy.cumsum([len(source.offsets) for source in sources], dtype=numpy.int64)])
    writer = _FeatureWriter(folder, starts, dtype)
    with ThreadPoolExecutor(max_workers=1) as thread:  # writes while the next documents are encoded
        waiting: Optional[Future[None]] = None
        for number, rows in features:
            if waiting is not None:
                waiting.result()
            waiting = thread.submit(writer.write, number, rows)
        if waiting is not None:
            waiting.result()
    writer.finish()
    save_array(folder, "allowed", numpy.packbits(numpy.concatenate([source.allowed for source in sources]), axis=1))
    save_array(folder, "token_starts", starts.astype(numpy.int64))
    save_array(folder, "first_tokens", numpy.asarray([source.first_token for source in sources], dtype=numpy.int32))
    offsets = [numpy.asarray(source.offsets, dtype=numpy.int32).reshape(-1, 2) for source in sources]
    save_array(folder, "token_offsets", numpy.concatenate(offsets))
    write_texts(folder, "texts", (source.text for source in sources))
    write_texts(folder, "ids", (source.identifier for source in sources))
    write_texts(folder, "word_norms", (source.beside for source in sources))
    seal(folder, {"key": key, "labels": int(sources[0].allowed.shape[1])})


class _FeatureWriter:
    """Write the token vectors of documents to their places in a file, in any order."""

    def __init__(self, folder: Path, starts: numpy.ndarray, dtype: str) -> None:
        self._folder, self._starts, self._dtype = folder, starts, dtype
        self._values: Any = None
        self._scales: Optional[numpy.ndarray] = None

    def write(self, number: int, rows: numpy.ndarray) -> None:
        stored, scales = encode_features(numpy.asarray(rows, dtype=numpy.float32), self._dtype)
        if self._values is None:
            shape = int(self._starts[-1]), stored.shape[1]
            self._values = create_array(self._folder, "features", stored.dtype, shape)
            self._scales = None if scales is None else numpy.zeros(shape[0], dtype=numpy.float32)
        place = slice(self._starts[number], self._starts[number + 1])
        self._values[place] = stored
        if self._scales is not None:
            self._scales[place] = scales

    def finish(self) -> None:
        self._values.flush()
        save_array(self._folder, "features_scales", self._scales)


def restore_documents(shard: Shard, folder: Path, key: str, order: numpy.ndarray, dtype: str) -> None:
    """Bring the documents of a shard of an index back into the form in which they were encoded.

    order (ints, tokens): number of each token, in document order, among the sorted ones. dtype (str): of the result.
    """
    folder.mkdir(parents=True)
    share_documents(shard, folder)
    source = shard.features("features")
    parts = [source[order[start : start + CHUNK]] for start in range(0, len(order), CHUNK)]
    values, scales = encode_features(numpy.concatenate(parts), dtype)
    save_array(folder, "features", values)
    save_array(folder, "features_scales", scales)
    seal(folder, {"key": key, "labels": shard.facts["labels"]})


class Documents:
    """Encoded documents, opened for reading. RAISES (ValueError): S030 or S032 as ``Shard``."""

    def __init__(self, folder: Path) -> None:
        self.shard = Shard(folder)
        self.labels: int = self.shard.facts["labels"]

    @cached_property
    def allowed(self) -> numpy.ndarray:
        """Permitted labels (bool, tokens x labels)."""
        return self.shard.allowed

    @cached_property
    def data(self) -> HeadData:
        """Token vectors, read when they are sliced, and annotation."""
        features: Any = self.shard.features("features")
        return HeadData(features, self.allowed, numpy.diff(self.shard.token_starts).tolist())


def share_documents(shard: Shard, folder: Path) -> None:
    """Make the files of a shard that do not depend on gradients appear in another folder too."""
    for name in SHARED:
        if not name.startswith("word_norms") or "word_norms" in shard:  # indexes had none at first
            share_file(shard.folder / name, folder / name)


def is_done(folder: Path, key: str) -> bool:
    """Is this folder complete and intact, and were these documents encoded to it? It may be of a run that crashed."""
    if not (folder / SEAL).exists():
        return False
    try:
        shard = Shard(folder)
        if shard.facts.get("key") != key:
            return False
        shard.check()
    except ValueError:
        return False
    return True


class JoinedFeatures:
    """Token vectors of several sources, one after another; reading gives float32.

    parts (sequence of arrays or ``StoredFeatures``, tokens x d).
    """

    def __init__(self, parts: Sequence[Any]) -> None:
        self._parts = parts
        self._ends = numpy.cumsum([len(part) for part in parts])
        self.shape = (int(self._ends[-1]), parts[0].shape[1])

    def __len__(self) -> int:
        return self.shape[0]

    def __getitem__(self, rows: Any) -> numpy.ndarray:
        if isinstance(rows, slice):
            start, stop, _ = rows.indices(len(self))
            pieces = []
            for part, end in zip(self._parts, self._ends.tolist()):
                begin = end - len(part)
                if start < end and stop > begin:
                    pieces.append(part[max(start - begin, 0) : min(stop, end) - begin])
            if len(pieces) == 1:
                return pieces[0]
            return numpy.concatenate([*pieces, numpy.zeros((0, self.shape[1]), dtype=numpy.float32)])
        rows = numpy.asarray(rows)
        owners = numpy.searchsorted(self._ends, rows, side="right")
        result = numpy.empty((len(rows), self.shape[1]), dtype=numpy.float32)
        for number in numpy.unique(owners).tolist():
            chosen = owners == number
            part = self._parts[number]
            result[chosen] = part[rows[chosen] - (int(self._ends[number]) - len(part))]
        return result


def joined(parts: Sequence[HeadData]) -> HeadData:
    """Put documents of several shards one after another; token vectors stay where they are."""
    if len(parts) == 1:
        return parts[0]
    features: Any = JoinedFeatures([part.features for part in parts])
    lengths = [length for part in parts for length in part.lengths]
    return HeadData(features, numpy.concatenate([part.allowed for part in parts]), lengths)
