"""Which format a corpus is in: told by its name and its first record, or by whoever asks."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Callable, Optional

from ..errors import Errors, SeginfError
from ..guesses import one_of
from ..inputs import check_kind, check_there
from ..os_errors import coded_os_errors
from .brat import BratCorpus
from .column_lines import LAYOUTS
from .columns import ColumnCorpus
from .doccano import DoccanoCorpus
from .documents import AnnotatedCorpus
from .hugging_face import HuggingFaceLines
from .json_lines import JsonLines
from .label_studio import LabelStudioCorpus
from .parquet import ParquetCorpus
from .prodigy import ProdigyCorpus
from .recognise import format_of_folder, format_of_json, is_webanno
from .settings import ReadingSettings
from .spacy_json import SpacyJson
from .spacy_tuples import SpacyTuples
from .targets import target_of
from .webanno import WebannoCorpus
from .xmi import XmiCorpus

SUFFIXES = {
    "spacy": (".spacy",),
    "columns": (".conll", ".iob", ".iob2", ".bio", ".bilou", ".biluo", ".tsv", ".txt"),
    "conllu": (".conllu", ".conllup"),
    "jsonl": (".jsonl", ".jsonl.gz"),
    "json": (".json", ".json.gz"),
    "parquet": (".parquet",),
    "xmi": (".xmi",),
}
JSON = ("jsonl", "json")
SPANS: dict[str, Callable[[Path, ReadingSettings], AnnotatedCorpus]] = {
    "prodigy": ProdigyCorpus,
    "doccano": DoccanoCorpus,
    "label-studio": LabelStudioCorpus,
    "spacy-tuples": SpacyTuples,
    "brat": BratCorpus,
    "webanno": WebannoCorpus,
    "xmi": XmiCorpus,
}
FORMATS = ("spacy", *LAYOUTS, "jsonl", "hf", "spacy-json", *SPANS)
FOLDERS = ("brat", "webanno", "xmi")
# Settings that only some formats have.
USED: dict[str, tuple[str, ...]] = dict.fromkeys(SPANS, ("layer", "only", "text_key"))
USED |= {
    "brat": ("only",),
    "webanno": ("layer", "only"),
    "xmi": ("layer", "only"),
    "hf": ("label_names",),
    "spacy": ("target",),
}


def format_of(path: Path) -> Optional[str]:
    """Return what a file's name stands for: one of ``SUFFIXES``; None if it stands for nothing."""
    return next((name for name, suffixes in SUFFIXES.items() if path.name.lower().endswith(suffixes)), None)


def find_format(path: Path) -> Optional[str]:
    """Return the format of a corpus: one of ``FORMATS``; None if neither name nor content tells.

    RAISES (ValueError): S201 if it is damaged JSON, S245 if it can't be opened.
    """
    with coded_os_errors(path):
        if path.is_dir():
            return format_of_folder(path)
        named = format_of(path)
        if named in JSON:
            return format_of_json(path) or ("jsonl" if named == "jsonl" else None)
        if named == "columns" and path.suffix.lower() == ".tsv" and is_webanno(path):
            return "webanno"
        return "hf" if named == "parquet" else named


def is_binary(path: Path) -> bool:
    """Is it to be read as spaCy's binary format? So is what is not there, and a folder of nothing that is known."""
    if path.is_dir():
        return format_of_folder(path) in (None, "spacy")
    return not path.exists() or format_of(path) in (None, "spacy")


def suffixes_of(path: Path, format: Optional[str]) -> tuple[str, ...]:
    """Return the suffixes that say what a corpus says by its own; none if it has no known one."""
    names = {name for name in (format_of(path), format) if name in SUFFIXES} | (
        {"columns"} if format in LAYOUTS else set()
    )
    if names & {"columns", "conllu"}:
        names |= {"columns", "conllu"}
    return tuple(suffix for name, suffixes in SUFFIXES.items() if name in names for suffix in suffixes)


def read_annotated(path: Path, *, format: Optional[str] = None, **settings: Any) -> AnnotatedCorpus:
    """Read a corpus in its format.

    path (Path): the file, or a folder of brat. format (str): one of ``FORMATS``; told by name and content if not given.
    settings: as for ``ReadingSettings``.
    RAISES (ValueError): S040 without a file, S042 or S207 for .spacy files and S201 for others that can't be read, S200
        for an unknown format, S206 for other settings, S240 to S244 and S250 where it can't be known what a line is,
        S245 if the file can't be opened, S247 for folders, S280 to S288 for the formats of annotation tools.
    """
    how = ReadingSettings(**settings)
    check_there(path, "corpus")
    check_kind(path, folders=True)
    format = format or find_format(path)
    if path.is_dir() and format not in FOLDERS:
        raise SeginfError(Errors.S247.format(path=path))
    if format is None and format_of(path) in JSON:
        raise SeginfError(Errors.S280.format(path=path, problem="its first records are those of no known format"))
    if format not in FORMATS:
        raise SeginfError(Errors.S200.format(path=path, known=one_of(FORMATS, format or "")))
    how.check_used(path, format, USED.get(format, ()))
    with coded_os_errors(path):
        return _read(path, format, how)


def _read(path: Path, format: str, how: ReadingSettings) -> AnnotatedCorpus:
    if format in SPANS:
        return SPANS[format](path, how)
    if format == "spacy":
        from .binary import BinaryCorpus

        return BinaryCorpus(path, target_of(how.annotation))
    tagged: dict[str, Any] = {"scheme": how.scheme, "entity_type": how.entity_type}
    if format == "jsonl":
        return JsonLines(path, labels_key=how.labels_key or "labels", **tagged)
    if format == "hf":
        return (ParquetCorpus if format_of(path) == "parquet" else HuggingFaceLines)(path, how)
    if format == "spacy-json":
        return SpacyJson(path, **tagged)
    columns: dict[str, Any] = {"columns": how.columns, "comments": how.comments, "header": how.header}
    return ColumnCorpus(path, layout=format, **columns, **tagged)
