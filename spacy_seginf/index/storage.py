"""Files that are memory-mapped and checked block by block when they are first touched."""

from __future__ import annotations

import errno
import io
import mmap
import os
import zlib
from pathlib import Path
from threading import Lock
from tokenize import TokenError
from typing import Any, Optional

import numpy

from ..errors import BUILD_AGAIN, Errors, SeginfError
from ..inputs import open_file

BLOCK = 1 << 20  # bytes that share a checksum
LONGEST_HEADER = 4096  # of a .npy file
LARGEST_INT8 = 127
HEADERS = Lock()  # numpy reads one as Python text, whose depth Python 3.11 counts for all threads together
# What numpy raises for headers that are none.
UNREADABLE = (OSError, ValueError, LookupError, TypeError, SyntaxError, RecursionError, MemoryError, TokenError)


def save_array(folder: Path, name: str, array: Optional[numpy.ndarray]) -> None:
    """Write an array, if there is one, to ``NAME.npy``. RAISES (OSError): ENOSPC if there is no space for it."""
    if array is None:
        return
    path = folder / f"{name}.npy"
    try:
        numpy.save(path, array, allow_pickle=False)
    except OSError as error:
        if error.errno is None:  # numpy says only that it wrote less than it was asked to
            raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} ({error})", str(path)) from None
        raise


def file_checksums(path: Path) -> list[int]:
    """Return the CRC-32 of every megabyte of a file."""
    with open_file(path) as file:
        return [zlib.crc32(block) for block in iter(lambda: file.read(BLOCK), b"")]


class StoredFile:
    """Bytes on disk, mapped at once, so that they stay what they are when the file is replaced or removed. What is read
    is compared with its checksums the first time.

    path (Path); size (int): in bytes. checksums (list of int): as ``file_checksums`` gave them when it was written.
    RAISES (ValueError): S030 if the file is missing, S032 if it has another size.
    """

    def __init__(self, path: Path, size: int, checksums: list[int]) -> None:
        self.path = path
        self._expected = checksums
        self._unchecked = numpy.ones(len(checksums), dtype=bool)
        try:
            with open_file(path) as file:
                found = os.fstat(file.fileno()).st_size
                self.raw = (
                    numpy.frombuffer(mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ), dtype=numpy.uint8)
                    if found
                    else numpy.zeros(0, dtype=numpy.uint8)
                )
        except FileNotFoundError:
            raise SeginfError(
                Errors.S030.format(path=path.parent, what=f"{path.name} is missing", advice=BUILD_AGAIN)
            ) from None
        except OSError as error:
            if error.errno in (errno.EMFILE, errno.ENFILE, errno.ENOMEM):
                raise SeginfError(Errors.S038.format(path=path, what=error.strerror)) from None
            raise SeginfError(Errors.S032.format(path=path, what=error)) from None
        if found != size or len(checksums) != -(-size // BLOCK):
            raise SeginfError(Errors.S032.format(path=path, what=f"it has {found} bytes instead of {size}"))

    def read(self, start: int, stop: int) -> numpy.ndarray:
        """Return some bytes. RAISES (ValueError): S032 if they are not those that were written."""
        self.check(start // BLOCK, -(-stop // BLOCK))
        return self.raw[start:stop]

    def check(self, first: int = 0, last: Optional[int] = None) -> None:
        """Compare blocks with their checksums. RAISES (ValueError): S032 if they differ."""
        if not self._unchecked[first:last].any():
            return
        for number in (first + numpy.flatnonzero(self._unchecked[first:last])).tolist():
            if zlib.crc32(self.raw[number * BLOCK : (number + 1) * BLOCK].data) != self._expected[number]:
                what = f"bytes {number * BLOCK:,} to {(number + 1) * BLOCK:,} are not those that were written"
                raise SeginfError(Errors.S032.format(path=self.path, what=what))
            self._unchecked[number] = False


class StoredArray:
    """A ``.npy`` file, read by rows: a slice gives a view of the map, numbers give a copy.

    RAISES (ValueError): S032 if what is touched is damaged, or has numbers that are not finite.
    """

    def __init__(self, file: StoredFile) -> None:
        self._file, self.path = file, file.path
        file.check(0, 1)
        try:
            stream = io.BytesIO(file.raw[:LONGEST_HEADER].tobytes())
            version = numpy.lib.format.read_magic(stream)
            read = {(1, 0): numpy.lib.format.read_array_header_1_0, (2, 0): numpy.lib.format.read_array_header_2_0}
            with HEADERS:
                self.shape, by_columns, self.dtype = read[version](stream)
            if by_columns and len(self.shape) > 1:
                raise ValueError("it is written column by column")
            self._offset = stream.tell()
            self._values = file.raw[self._offset :].view(self.dtype).reshape(self.shape)
        except UNREADABLE as error:
            raise SeginfError(Errors.S032.format(path=file.path, what=error)) from None
        self._row = self.dtype.itemsize * int(numpy.prod(self.shape[1:]))
        self._unseen = numpy.full(len(file.raw) // BLOCK + 1, self.dtype.kind in "fc")  # blocks, for numbers in them

    def __len__(self) -> int:
        return int(self.shape[0])

    def __getitem__(self, rows: Any) -> numpy.ndarray:
        if isinstance(rows, slice):
            start, stop, step = rows.indices(len(self))
            assert step == 1
            self._check(start, max(start, stop))
        elif isinstance(rows, tuple):  # () reads an array without dimensions
            self.check()
        elif isinstance(rows, (int, numpy.integer)):
            self._check(int(rows), int(rows) + 1)
        else:
            rows = numpy.asarray(rows)
            bytes_before = self._offset + rows * self._row
            for block in numpy.unique([bytes_before // BLOCK, (bytes_before + self._row - 1) // BLOCK]).tolist():
                self.check(block, block + 1)
        return self._values[rows]

    def check(self, first: int = 0, last: Optional[int] = None) -> None:
        """Compare blocks with their checksums, and look at the numbers in them. RAISES (ValueError): S032."""
        self._file.check(first, last)
        if not self._unseen[first:last].any():
            return
        numbers, size = self._values.reshape(-1), self.dtype.itemsize
        for block in (first + numpy.flatnonzero(self._unseen[first:last])).tolist():
            start, stop = (max(place * BLOCK - self._offset, 0) // size for place in (block, block + 1))
            if not numpy.isfinite(numbers[start:stop]).all():
                raise SeginfError(Errors.S032.format(path=self.path, what="it has numbers that are not finite"))
            self._unseen[block] = False

    def _check(self, start: int, stop: int) -> None:
        self.check((self._offset + start * self._row) // BLOCK, -(-(self._offset + stop * self._row) // BLOCK))


class StoredFeatures:
    """Token vectors in the precision in which they are kept; reading gives float32.

    values (StoredArray): float32, float16, or int8. scales (StoredArray): for int8, what a row is multiplied by.
    """

    def __init__(self, values: StoredArray, scales: Optional[StoredArray] = None) -> None:
        self._values, self._scales = values, scales
        self.shape = values.shape

    def __len__(self) -> int:
        return len(self._values)

    def __getitem__(self, rows: Any) -> numpy.ndarray:
        return decode_features(self._values[rows], None if self._scales is None else self._scales[rows])

    def stored(self, rows: Any) -> tuple[numpy.ndarray, Optional[numpy.ndarray]]:
        """Return values and scales as they are kept."""
        return self._values[rows], None if self._scales is None else self._scales[rows]


def encode_features(features: numpy.ndarray, dtype: str) -> tuple[numpy.ndarray, Optional[numpy.ndarray]]:
    """Bring token vectors (float32, tokens x d) into the precision in which they are kept.

    RETURNS: values, and for int8 the scales (float32, tokens) that undo the rounding up to half a step.
    RAISES (ValueError): S034 if float16 can't hold them.
    """
    if dtype == "int8":
        scales = numpy.abs(features).max(axis=1, initial=0.0) / LARGEST_INT8
        steps = features / numpy.where(scales > 0, scales, 1.0)[:, None]
        return numpy.rint(steps).astype(numpy.int8), scales.astype(numpy.float32)
    with numpy.errstate(over="ignore"):
        values = features.astype(dtype)
    if dtype == "float16" and not numpy.isfinite(values).all() and numpy.isfinite(features).all():
        raise SeginfError(Errors.S034.format(largest=float(numpy.abs(features).max())))
    return values, None


def decode_features(values: numpy.ndarray, scales: Optional[numpy.ndarray]) -> numpy.ndarray:
    """Undo ``encode_features`` (float32)."""
    features = values.astype(numpy.float32, copy=False)
    return features if scales is None else features * scales[..., None]
