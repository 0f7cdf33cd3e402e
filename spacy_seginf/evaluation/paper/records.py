"""Annotated documents as JSON lines, and what to say when a private file is missing."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any, Sequence

import srsly

from ...errors import Errors

PROJECT = Path("project.yml")  # of the folder in which an experiment runs


def require(path: Path) -> Path:
    """Return the path of a file that is there.

    RAISES (ValueError): S130 if it is not, with its checksum and origin where project.yml lists it as an asset.
    """
    if not path.is_file():
        raise ValueError(Errors.S130.format(path=path, source=_origin(path)))
    return path


def read_records(path: Path, keys: Sequence[str]) -> list[dict[str, Any]]:
    """Read documents, one JSON object a line (.jsonl.gz).

    keys (sequence of str): lists of strings, one for each token, that every document must have, "tokens" first.
    RAISES (ValueError): S130 if there is no file, S133 if a line is no such document.
    """
    records: list[dict[str, Any]] = []
    try:
        with gzip.open(require(path), "rt", encoding="utf8") as lines:
            for line in lines:
                record = json.loads(line)
                if not (isinstance(record, dict) and isinstance(record.get("sent_starts"), list)):
                    raise ValueError("it has no list 'sent_starts'")
                for key in keys:
                    values = record.get(key)
                    if not (isinstance(values, list) and len(values) == len(record[keys[0]])):
                        raise ValueError(f"it has no list {key!r} with a value for each token")
                records.append(record)
    except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        if str(error).startswith("[S"):
            raise
        raise ValueError(Errors.S133.format(path=path, number=len(records) + 1, what=error)) from None
    return records


def _origin(path: Path) -> str:
    if PROJECT.is_file():
        for asset in srsly.read_yaml(PROJECT).get("assets", []):
            if asset.get("dest") == path.as_posix():
                return (
                    f"{PROJECT} lists it, with the MD5 checksum {asset.get('checksum', 'of any')}: "
                    f"{asset.get('description', '')} Put the file there yourself if it is private, or run "
                    "`python -m spacy project assets`."
                )
    return f"It is no asset of a {PROJECT} in the present folder, so check the path."
