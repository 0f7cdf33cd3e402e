"""What systems do only in part, or not at all, when they are asked once."""

from __future__ import annotations

import os
from contextlib import suppress
from pathlib import Path


def write_all(file: int, content: bytes) -> None:
    """Write all bytes to an open file, however few the system takes at once."""
    left = memoryview(content)
    while left:
        left = left[os.write(file, left) :]


def sync_folder(folder: Path) -> None:
    """Bring the names in a folder to the disk, where the system can."""
    with suppress(OSError):
        file = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(file)
        finally:
            os.close(file)
