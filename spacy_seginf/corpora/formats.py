"""Which format a corpus is in: told by its name, or by whoever asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional

from ..errors import Errors, SeginfError
from ..os_errors import coded_os_errors
from .column_lines import LAYOUTS
from .columns import ColumnCorpus, Columns
from .documents import AnnotatedCorpus
from .json_lines import JsonLines
from .tags import ALIASES, LETTERS
from .text import TaggedCorpus

SUFFIXES = {
    "spacy": (".spacy",),
    "columns": (".conll", ".iob", ".iob2", ".bio", ".bilou", ".biluo", ".tsv", ".txt"),
    "conllu": (".conllu", ".conllup"),
    "jsonl": (".jsonl", ".jsonl.gz"),
}
FORMATS = ("spacy", *LAYOUTS, "jsonl")


def format_of(path: Path) -> Optional[str]:
    """Return the format that a file's name stands for: one of ``SUFFIXES``; None if it stands for none."""
    return next((name for name, suffixes in SUFFIXES.items() if path.name.lower().endswith(suffixes)), None)


def same_family(one: str, other: str) -> bool:
    """Are files of two formats written alike? All layouts of columns are."""
    return one == other or {one, other} <= set(LAYOUTS)


def read_annotated(path: Path, *, format: Optional[str] = None, **settings: Any) -> AnnotatedCorpus:
    """Read a corpus in its format.

    path (Path): the file. format (str): one of ``FORMATS``; told by the name if not given.
    settings: as for ``read_tagged``.
    RAISES (ValueError): S040 without a file, S042 or S207 for .spacy files and S201 for others that can't be read, S200
        for an unknown format, S206 for other settings, S240 to S244 and S250 where it can't be known what a line is,
        S245 if the file can't be opened.
    """
    if path.is_dir():
        raise SeginfError(Errors.S247.format(path=path))
    if not path.is_file():
        raise SeginfError(Errors.S040.format(what="corpus", path=path))
    format = format or format_of(path)
    if format not in FORMATS:
        raise SeginfError(Errors.S200.format(path=path, known=", ".join(FORMATS)))
    if format == "spacy":
        from .binary import BinaryCorpus  # spaCy takes its time to import

        return BinaryCorpus(path)
    return read_tagged(path, format=format, **settings)


def read_tagged(
    path: Path,
    *,
    format: str,
    scheme: Optional[str] = None,
    columns: Optional[Columns] = None,
    comments: Optional[bool] = None,
    header: bool = False,
    entity_type: Optional[str] = None,
    labels_key: str = "labels",
) -> TaggedCorpus:
    """Read a corpus of text with tags.

    format (str): "jsonl" or one of ``LAYOUTS``. scheme (str): of the tags: one of ``LETTERS`` or ``ALIASES``; found if
    not given. columns, comments, header: as for ``ColumnCorpus``. entity_type (str): of tags that name none.
    labels_key (str): key of the labels in JSON lines.
    RAISES (ValueError): as ``read_annotated``.
    """
    scheme = scheme and ALIASES.get(scheme, scheme)
    if scheme is not None and scheme not in LETTERS:
        known = ", ".join((*LETTERS, *ALIASES))
        raise SeginfError(Errors.S206.format(setting="--scheme", value=scheme, known=known))
    with coded_os_errors(path):
        if format == "jsonl":
            return JsonLines(path, labels_key=labels_key, scheme=scheme, entity_type=entity_type)
        settings: dict[str, Any] = {"columns": columns, "comments": comments, "header": header}
        return ColumnCorpus(path, layout=format, scheme=scheme, entity_type=entity_type, **settings)
