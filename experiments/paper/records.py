"""Annotated documents as JSON lines, and what to say when a private file is missing."""

from __future__ import annotations

import gzip
import json
import zlib
from pathlib import Path
from typing import Any, Sequence

import srsly

from spacy_seginf.errors import SeginfError
from spacy_seginf.inputs import lines_of
from spacy_seginf.text_lines import without_bom_bytes

from ..errors import LabErrors

PROJECT = Path("project.yml")  # of the folder in which an experiment runs


def require(path: Path) -> Path:
    """Return the path of a file that is there.

    RAISES (ValueError): S130 if it is not, with its checksum and origin where project.yml lists it as an asset.
    """
    if not path.is_file():
        raise SeginfError(LabErrors.S130.format(path=path, source=_origin(path)))
    return path


def read_records(
    path: Path, keys: Sequence[str], *, optional: Sequence[str] = (), lists: Sequence[str] = ()
) -> list[dict[str, Any]]:
    """Read documents, one JSON object a line (.jsonl, .jsonl.gz). Empty lines are skipped.

    keys (sequence of str): lists of strings, one for each token, that every document must have, "tokens" first.
    optional (sequence of str): the same, but a document may lack them. lists (sequence of str): lists of anything.
    RAISES (ValueError): S130 if there is no file, S133 if a line is no such document.
    """
    records: list[dict[str, Any]] = []
    number = 0
    try:
        for ended in lines_of(require(path)):
            number += 1
            line = without_bom_bytes(ended, number)
            if line.strip():
                records.append(_checked(json.loads(line.decode("utf8")), keys, optional, lists))
    except (ValueError, EOFError, zlib.error, gzip.BadGzipFile) as error:
        if isinstance(error, SeginfError):
            raise
        raise SeginfError(LabErrors.S133.format(path=path, number=max(number, 1), what=error)) from None
    return records


def _checked(record: Any, keys: Sequence[str], optional: Sequence[str], lists: Sequence[str]) -> dict[str, Any]:
    if not isinstance(record, dict):
        raise ValueError("it is no JSON object")
    for key in lists:
        if not isinstance(record.get(key), list):
            raise ValueError(f"it has no list {key!r}")
    for key in (*keys, *optional):
        values = record.get(key)
        if key in optional and values is None:
            continue
        if not (isinstance(values, list) and all(isinstance(value, str) for value in values)):
            raise ValueError(f"it has no list of strings {key!r}")
        if len(values) != len(record[keys[0]]):
            raise ValueError(f"it has {len(record[keys[0]])} tokens but {len(values)} {key!r}")
    return record


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
