"""Which format a corpus is in: told by its name, or by whoever asks."""

from __future__ import annotations

from pathlib import Path
from typing import Optional

from ..errors import Errors
from .columns import ColumnCorpus, Columns
from .documents import AnnotatedCorpus
from .json_lines import JsonLines
from .tags import LETTERS
from .text import TaggedCorpus

SUFFIXES = {
    "spacy": (".spacy",),
    "columns": (".conll", ".iob", ".iob2", ".bio", ".bilou", ".biluo", ".tsv", ".txt"),
    "jsonl": (".jsonl", ".jsonl.gz"),
}


def format_of(path: Path) -> Optional[str]:
    """Return the format that a file's name stands for: "spacy", "columns" or "jsonl"; None if it stands for none."""
    return next((name for name, suffixes in SUFFIXES.items() if path.name.lower().endswith(suffixes)), None)


def read_annotated(
    path: Path,
    *,
    format: Optional[str] = None,
    scheme: Optional[str] = None,
    columns: Optional[Columns] = None,
    labels_key: str = "labels",
) -> AnnotatedCorpus:
    """Read a corpus in its format.

    path (Path): the file. format (str): "spacy", "columns" or "jsonl"; told by the name if not given.
    scheme (str): "BIO", "IOB1", "BILUO" or "IO" for tags in text; found if not given.
    columns (Columns): which are the token's and the tag's. labels_key (str): key of the labels in JSON lines.
    RAISES (ValueError): S040 without a file, S042 or S207 for .spacy files and S201 for others that can't be read, S200
        for an unknown format, S206 for other settings.
    """
    if not path.is_file():
        raise ValueError(Errors.S040.format(what="corpus", path=path))
    format = format or format_of(path)
    if format not in SUFFIXES:
        raise ValueError(Errors.S200.format(path=path, known=", ".join(SUFFIXES)))
    if format == "spacy":
        from .binary import BinaryCorpus  # spaCy takes its time to import

        return BinaryCorpus(path)
    return read_tagged(path, format=format, scheme=scheme, columns=columns, labels_key=labels_key)


def read_tagged(
    path: Path,
    *,
    format: str,
    scheme: Optional[str] = None,
    columns: Optional[Columns] = None,
    labels_key: str = "labels",
) -> TaggedCorpus:
    """Read a corpus of text with tags, as ``read_annotated`` does."""
    if scheme is not None and scheme not in LETTERS:
        raise ValueError(Errors.S206.format(setting="--scheme", value=scheme, known=", ".join(LETTERS)))
    if format == "columns":
        return ColumnCorpus(path, columns=columns, scheme=scheme)
    return JsonLines(path, labels_key=labels_key, scheme=scheme)
