"""Files that are the same whenever they are written."""

from __future__ import annotations

import gzip
import io
import json
from collections.abc import Iterable
from typing import Any


def compress(records: Iterable[dict[str, Any]]) -> bytes:
    """The reproducible gzip bytes of records, one JSON record a line."""
    lines = (json.dumps(record, sort_keys=True) + "\n" for record in records)
    buffer = io.BytesIO()
    with gzip.GzipFile(filename="", mode="wb", fileobj=buffer, compresslevel=9, mtime=0) as stream:
        stream.write("".join(lines).encode("utf-8"))
    return buffer.getvalue()
