"""Many strings in one memory-mapped file: showing one does not read the others."""

from __future__ import annotations

from pathlib import Path
from typing import BinaryIO

import numpy


class TextTableWriter:
    """Append strings to ``NAME.utf8``; ``close`` writes their byte offsets to ``NAME.npy``."""

    def __init__(self, folder: Path, name: str) -> None:
        self._offsets_path = folder / f"{name}.npy"
        self._file: BinaryIO = (folder / f"{name}.utf8").open("wb")
        self._offsets = [0]

    def append(self, text: str) -> None:
        # Lone surrogates can't be UTF-8; they are kept as three bytes each rather than refused.
        self._offsets.append(self._offsets[-1] + self._file.write(text.encode("utf8", "surrogatepass")))

    def abandon(self) -> None:
        """Close the file without making a table of it; does nothing after ``close``."""
        self._file.close()

    def close(self) -> None:
        self._file.close()
        numpy.save(self._offsets_path, numpy.asarray(self._offsets, dtype=numpy.int64), allow_pickle=False)


class TextTable:
    """Read strings by number.

    RAISES (ValueError, OSError): if the files are missing or their sizes disagree.
    """

    def __init__(self, folder: Path, name: str) -> None:
        self._offsets = numpy.load(folder / f"{name}.npy", mmap_mode="r", allow_pickle=False).view(numpy.ndarray)
        path = folder / f"{name}.utf8"
        size = path.stat().st_size
        if size != int(self._offsets[-1]):
            raise ValueError(f"{path.name} has {size} bytes instead of {int(self._offsets[-1])}")
        self._bytes = numpy.memmap(path, dtype=numpy.uint8, mode="r") if size else numpy.zeros(0, numpy.uint8)

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, number: int) -> str:
        start, end = self._offsets[number], self._offsets[number + 1]
        return self._bytes[start:end].tobytes().decode("utf8", "surrogatepass")
