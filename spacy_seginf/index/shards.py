"""A shard: a folder of files that were written together, sealed by ``shard.json``, which is written last."""

from __future__ import annotations

import json
import os
import shutil
import zlib
from functools import cached_property
from pathlib import Path
from typing import Any, Optional

import numpy

from ..errors import BUILD_AGAIN, Errors, SeginfError
from ..files import write_text
from ..inputs import read_file
from .arrays import Sizes, check_starts, damaged
from .schema import check_seal
from .storage import StoredArray, StoredFeatures, StoredFile, file_checksums
from .texts import TextTable

SEAL = "shard.json"


def seal(folder: Path, facts: dict[str, Any]) -> dict[str, Any]:
    """Complete a folder of files: their sizes and checksums, beside some facts, go to its ``shard.json``."""
    names = sorted(path.name for path in folder.iterdir() if path.name != SEAL)
    files = {
        name: {"bytes": (folder / name).stat().st_size, "checksums": file_checksums(folder / name)} for name in names
    }
    content = {**facts, "files": files}
    write_text(folder / SEAL, json.dumps(content) + "\n")
    return content


def seal_checksum(folder: Path) -> int:
    """Return the CRC-32 of a shard's ``shard.json``, by which an index knows its shards."""
    return zlib.crc32(read_file(folder / SEAL))


class Shard:
    """A sealed folder, opened for reading. Files are mapped at once, and read when they are asked for.

    sizes (Sizes): what its arrays have to be like, which is checked when one is opened; not checked if None.
    RAISES (ValueError): S030 if something is missing, S032 if sizes differ or the seal is damaged.
    """

    def __init__(self, folder: Path, sizes: Optional[Sizes] = None) -> None:
        self.folder, self.sizes = folder, sizes
        try:
            self.facts = json.loads(read_file(folder / SEAL))
        except FileNotFoundError:
            raise SeginfError(Errors.S030.format(path=folder, what=f"{SEAL} is missing", advice=BUILD_AGAIN)) from None
        except (OSError, ValueError, RecursionError) as error:
            raise SeginfError(Errors.S032.format(path=folder / SEAL, what=error)) from None
        check_seal(folder / SEAL, self.facts)
        self._files = {
            name: StoredFile(folder / name, file["bytes"], file["checksums"])
            for name, file in self.facts["files"].items()
        }
        self._arrays: dict[str, StoredArray] = {}
        self._texts: dict[str, TextTable] = {}

    def __contains__(self, name: str) -> bool:
        return f"{name}.npy" in self._files

    def file(self, name: str) -> StoredFile:
        """Return one of the files. RAISES (ValueError): S032 if the shard has none of this name."""
        if name not in self._files:
            raise SeginfError(Errors.S032.format(path=self.folder / SEAL, what=f"it does not list {name}"))
        return self._files[name]

    def __getitem__(self, name: str) -> StoredArray:
        if name not in self._arrays:
            array = StoredArray(self.file(f"{name}.npy"))
            if self.sizes is not None:
                self.sizes.check(name, array, self.__getitem__)
            self._arrays[name] = array
        return self._arrays[name]

    def features(self, name: str) -> StoredFeatures:
        """Return token vectors: the array of this name, and its scales if there are some."""
        scaled = f"{name}_scales" in self
        return StoredFeatures(self[name], self[f"{name}_scales"] if scaled else None)

    def texts(self, name: str) -> TextTable:
        """Return strings. RAISES (ValueError): S032 if they are damaged."""
        if name not in self._texts:
            self._texts[name] = TextTable(self[name], self.file(f"{name}.utf8"))
        return self._texts[name]

    @cached_property
    def token_starts(self) -> numpy.ndarray:
        """Where the tokens of each document begin, and where the last ends (int64, documents + 1)."""
        starts = self["token_starts"][:]
        if self.sizes is not None:
            check_starts(self["token_starts"].path, starts, self.sizes.tokens)
        return starts

    @cached_property
    def allowed(self) -> numpy.ndarray:
        """Permitted labels (bool, tokens x labels). RAISES (ValueError): S032 if a token may have none."""
        allowed = numpy.unpackbits(self["allowed"][:], axis=1, count=self.facts["labels"]).view(bool)
        if not allowed.any(axis=1).all():
            raise damaged(self["allowed"].path, "it permits no label at some token")
        return allowed

    def check(self) -> None:
        """Compare every byte with its checksum, and look at all numbers. RAISES (ValueError): S032."""
        for name, file in self._files.items():
            file.check()
            if name.endswith(".npy"):
                self[name[: -len(".npy")]].check()


def create_array(folder: Path, name: str, dtype: Any, shape: tuple[int, ...]) -> numpy.ndarray:
    """Make ``NAME.npy``, mapped for writing. Its space is taken at once: writing to a map on a full disk would end the
    process. RAISES (OSError): if there is no space."""
    path = folder / f"{name}.npy"
    values = numpy.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    if hasattr(os, "posix_fallocate"):  # Windows takes the space of a file at once
        with path.open("r+b") as file:
            os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return values


def share_file(source: Path, target: Path) -> None:
    """Make a finished file appear in another folder too: by a hard link, or a copy where links can't be."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
