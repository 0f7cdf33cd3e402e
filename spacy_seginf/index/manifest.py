"""What an index says of itself."""

from __future__ import annotations

import json
import zlib
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Optional

from ..errors import BUILD_AGAIN, Errors, SeginfError
from ..files import write_text
from ..inputs import read_file
from .schema import check_manifest
from .storage import file_checksums

FORMAT_VERSION = 5
MANIFEST = "manifest.json"


@dataclass
class Manifest:
    """The content of ``manifest.json``, which is written last. Sizes and seals are checked when an index is opened,
    checksums when bytes are first touched, fingerprints on first use.

    curvature: "exact", "kfac" or "identity". hessian: "full", or "free labels" where missing labels made the Hessian
    indefinite and the covariance with all labels summed out stands for it. refit: whether the head that explains is at
    the optimum of its loss with the penalty l2, or the trained one; centre: "trained" or "zero", where that penalty
    vanishes; agreement: what it predicts of what the pipeline does, by corpus (see ``Fidelity.plain``), with
    "labels_alone", what the second head predicts of it, if there is one and the index is new enough. label_l2,
    label_curvature: of the second head (see ``head``), if there is one. largest_gain bounds the norm of a gradient in
    the metric by its Euclidean one; fit_gradient is the largest component of the gradient there.
    target: what the tagger annotates (see ``corpora.targets``); that of the scheme if empty.
    held_documents: how many of the last documents were appended later, with head and curvature held.
    explains: the component whose predictions are explained, if not the tagger's own.
    dtype: precision of token vectors. dropped: number of token rows and of entity rows that were left out, and the
    largest norm among each: no dropped label can score more than that times the norm of the query.
    shards: name, documents, tokens, rows, segments, and the checksum of its seal, for each. build: tells shards of
    one build from those of another. files: bytes and checksums of the files beside the manifest.
    """

    tagger: str
    scheme: str
    tags: list[str]
    curvature: str
    encoder_fingerprint: str
    head_fingerprint: str = ""
    hessian: str = ""
    largest_gain: float = 1.0
    refit: bool = False
    centre: str = "zero"
    agreement: dict[str, dict[str, Any]] = field(default_factory=dict)
    label_l2: float = 0.0
    label_curvature: str = ""
    l2: float = 0.0
    fit_gradient: float = 0.0
    rows: int = 0
    segments: int = 0
    width: int = 0
    documents: int = 0
    tokens: int = 0
    held_documents: int = 0
    corpus: str = ""
    explains: Optional[dict[str, Any]] = None
    target: str = ""
    dtype: str = "float32"
    dropped: list[int] = field(default_factory=lambda: [0, 0])
    dropped_norms: list[float] = field(default_factory=lambda: [0.0, 0.0])
    format_version: int = FORMAT_VERSION
    build: str = ""
    shards: list[dict[str, Any]] = field(default_factory=list)
    files: dict[str, dict[str, Any]] = field(default_factory=dict)

    @property
    def pruned(self) -> bool:
        """Whether rows were left out."""
        return any(self.dropped)


def write_manifest(folder: Path, manifest: Manifest) -> None:
    """Complete an index: list the files in its folder, and write the manifest."""
    files = sorted(path for path in folder.iterdir() if path.is_file() and path.name != MANIFEST)
    manifest.files = {path.name: {"bytes": path.stat().st_size, "checksums": file_checksums(path)} for path in files}
    content = asdict(manifest)
    content["checksum"] = _checksum(content)
    write_text(folder / MANIFEST, json.dumps(content, indent=1) + "\n")


def read_manifest(folder: Path) -> Manifest:
    """Read a manifest.

    RAISES (ValueError): S030 if something is missing, S031 for another format version, S032 if it is damaged.
    """
    path = folder / MANIFEST
    try:
        content = json.loads(read_file(path))
    except FileNotFoundError:
        raise SeginfError(Errors.S030.format(path=folder, what=f"{MANIFEST} is missing", advice=BUILD_AGAIN)) from None
    except (OSError, ValueError, RecursionError) as error:
        raise SeginfError(Errors.S032.format(path=path, what=f"not JSON ({error})")) from None
    found = content.get("format_version") if isinstance(content, dict) else None
    if found != FORMAT_VERSION:
        newer = isinstance(found, int) and found > FORMAT_VERSION
        advice = "Install a newer version of the package." if newer else "Build the index again."
        raise SeginfError(Errors.S031.format(path=folder, found=found, known=FORMAT_VERSION, advice=advice))
    if content.pop("checksum", None) != _checksum(content):
        raise SeginfError(Errors.S032.format(path=path, what="its content is not what was written"))
    try:
        manifest = Manifest(**content)
    except TypeError as error:
        raise SeginfError(Errors.S032.format(path=path, what=error)) from None
    check_manifest(path, content)
    return manifest


def _checksum(content: dict[str, Any]) -> int:
    return zlib.crc32(json.dumps(content, sort_keys=True).encode())
