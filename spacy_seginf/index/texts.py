"""Many strings in one memory-mapped file: showing one does not read the others."""

from __future__ import annotations

from pathlib import Path
from typing import Collection, Iterable

import numpy

from ..errors import Errors, SeginfError
from .arrays import check_starts, damaged
from .storage import StoredArray, StoredFile, save_array


def write_texts(folder: Path, name: str, texts: Iterable[str]) -> None:
    """Write strings to ``NAME.utf8``, and their byte offsets to ``NAME.npy``."""
    offsets = [0]
    with (folder / f"{name}.utf8").open("wb") as file:
        for text in texts:
            # Lone surrogates can't be UTF-8; they are kept as three bytes each rather than refused.
            offsets.append(offsets[-1] + file.write(text.encode("utf8", "surrogatepass")))
    save_array(folder, name, numpy.asarray(offsets, dtype=numpy.int64))


class TextTable:
    """Read strings by number.

    offsets (StoredArray), file (StoredFile): what ``write_texts`` wrote.
    RAISES (ValueError): S032 if they disagree.
    """

    def __init__(self, offsets: StoredArray, file: StoredFile) -> None:
        self._offsets, self._file = offsets, file
        last = int(offsets[len(offsets) - 1])
        if last != len(file.raw):
            raise SeginfError(
                Errors.S032.format(path=file.path, what=f"it has {len(file.raw)} bytes instead of {last}")
            )

    def __len__(self) -> int:
        return len(self._offsets) - 1

    def __getitem__(self, number: int) -> str:
        start, end = self._offsets[number : number + 2].tolist()
        if not 0 <= start <= end <= len(self._file.raw):
            raise damaged(self._offsets.path, "its numbers do not rise")
        try:
            return self._file.read(start, end).tobytes().decode("utf8", "surrogatepass")
        except UnicodeDecodeError as error:
            raise damaged(self._file.path, f"text {number} is not UTF-8 ({error.reason})") from None

    def among(self, wanted: Collection[str]) -> numpy.ndarray:
        """Tell which of the strings are among some others (bool, strings); all are read at once."""
        known = {text.encode("utf8", "surrogatepass") for text in wanted}
        check_starts(self._offsets.path, self._offsets[:], len(self._file.raw))
        bounds = self._offsets[:].tolist()
        content = self._file.read(0, bounds[-1]).tobytes()
        return numpy.array([content[start:end] in known for start, end in zip(bounds, bounds[1:])], dtype=bool)
