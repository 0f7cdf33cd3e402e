"""A shard: a folder of files that were written together, sealed by ``shard.json``, which is written last."""

from __future__ import annotations

import json
import os
import shutil
import zlib
from functools import cached_property
from pathlib import Path
from typing import Any

import numpy

from ..errors import Errors
from ..files import write_text
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
    return zlib.crc32((folder / SEAL).read_bytes())


class Shard:
    """A sealed folder, opened for reading. Files are mapped at once, and read when they are asked for.

    RAISES (ValueError): S030 if something is missing, S032 if sizes differ or the seal is damaged.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        try:
            self.facts = json.loads((folder / SEAL).read_text(encoding="utf8"))
            files = {name: (file["bytes"], file["checksums"]) for name, file in self.facts["files"].items()}
        except FileNotFoundError:
            raise ValueError(Errors.S030.format(path=folder, what=f"{SEAL} is missing")) from None
        except (ValueError, TypeError, KeyError, AttributeError) as error:
            raise ValueError(Errors.S032.format(path=folder / SEAL, what=error)) from None
        self._files = {name: StoredFile(folder / name, *facts) for name, facts in files.items()}
        self._arrays: dict[str, StoredArray] = {}
        self._texts: dict[str, TextTable] = {}

    def __contains__(self, name: str) -> bool:
        return f"{name}.npy" in self._files

    def file(self, name: str) -> StoredFile:
        """Return one of the files. RAISES (ValueError): S032 if the shard has none of this name."""
        if name not in self._files:
            raise ValueError(Errors.S032.format(path=self.folder / SEAL, what=f"it does not list {name}"))
        return self._files[name]

    def __getitem__(self, name: str) -> StoredArray:
        if name not in self._arrays:
            self._arrays[name] = StoredArray(self.file(f"{name}.npy"))
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
        return self["token_starts"][:]

    def check(self) -> None:
        """Compare every byte with its checksum. RAISES (ValueError): S032 if one differs."""
        for file in self._files.values():
            file.check()


def create_array(folder: Path, name: str, dtype: Any, shape: tuple[int, ...]) -> numpy.ndarray:
    """Make ``NAME.npy``, mapped for writing. Its space is taken at once: writing to a map on a full disk would end the
    process. RAISES (OSError): if there is no space."""
    path = folder / f"{name}.npy"
    values = numpy.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    with path.open("r+b") as file:
        os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
    return values


def share_file(source: Path, target: Path) -> None:
    """Make a finished file appear in another folder too: by a hard link, or a copy where links can't be."""
    try:
        os.link(source, target)
    except OSError:
        shutil.copyfile(source, target)
