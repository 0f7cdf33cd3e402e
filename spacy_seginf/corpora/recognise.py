"""Which format files are in whose names do not say it: found in their first records."""

from __future__ import annotations

import gzip
import json
import zlib
from itertools import islice
from pathlib import Path
from typing import Any, Iterator, Optional

from ..inputs import lines_of
from .doc_bins import doc_bins_in
from .json_records import LINES, JsonFile
from .label_studio import ANNOTATIONS
from .prodigy import TASK_KEYS
from .text import decoded_lines

LOOKED_AT = 20  # records
TAG_KEYS = ("ner_tags", "labels", "tags", "ner")  # of JSON lines with tokens; ner_tags is that of Hugging Face
WEBANNO = b"#FORMAT=WebAnno TSV"


def format_of_json(path: Path) -> Optional[str]:
    """Find the format of a file of JSON; None if it looks like none. RAISES (ValueError): S201 if it is no JSON."""
    return next(filter(None, map(_format_of_record, islice(_records(path), LOOKED_AT))), None)


def format_of_folder(path: Path) -> Optional[str]:
    """Find the format of the files of a folder; None if it looks like none."""
    if doc_bins_in(path):
        return "spacy"
    for pattern, name in (("*.ann", "brat"), ("*.xmi", "xmi"), ("*.tsv", "webanno")):
        first = next((file for file in path.rglob(pattern) if file.is_file()), None)
        if first is not None and (name != "webanno" or is_webanno(first)):
            return name
    return None


def is_webanno(path: Path) -> bool:
    """Is a file of columns one of WebAnno?"""
    return next(iter(lines_of(path)), b"").startswith((WEBANNO, b"\xef\xbb\xbf" + WEBANNO))


def tags_key(record: dict[str, Any]) -> Optional[str]:
    """Find the key of a record's tags, one a token."""
    return next((key for key in TAG_KEYS if isinstance(record.get(key), list)), None)


def _records(path: Path) -> Iterator[Any]:
    if not path.name.lower().endswith(LINES):
        yield from (record.value for record in JsonFile(path).records)
        return
    try:
        for line in lines_of(path):
            if line.strip():
                yield json.loads(decoded_lines(path, [line])[0].removeprefix("\ufeff"))
    except (ValueError, RecursionError, OSError, EOFError, zlib.error, gzip.BadGzipFile):
        return  # its reader says where


def _format_of_record(record: Any) -> Optional[str]:
    if isinstance(record, list):
        return "spacy-tuples" if len(record) == 2 and isinstance(record[0], str) else None
    if not isinstance(record, dict):
        return None
    if isinstance(record.get("paragraphs"), list):
        return "spacy-json"
    if isinstance(record.get("data"), dict):
        return "label-studio" if any(key in record for key in (*ANNOTATIONS, "predictions")) else None
    tokens = record.get("tokens")
    if isinstance(tokens, list) and all(isinstance(token, str) for token in tokens):
        key = tags_key(record)
        strings = isinstance(record.get("labels"), list) and all(isinstance(tag, str) for tag in record["labels"])
        return "jsonl" if strings or key is None else "hf"
    if isinstance(record.get("text"), str) and ("spans" in record or any(key in record for key in TASK_KEYS)):
        return "prodigy"
    if any(isinstance(record.get(key), str) for key in ("text", "data")):
        return "doccano" if any(key in record for key in ("label", "labels", "entities", "annotations")) else None
    return None
