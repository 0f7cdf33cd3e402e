"""The formats by name."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional

from ..curation.issues import Ranking
from ..curation.records import Decision
from ..errors import Errors, SeginfError
from ..guesses import one_of
from . import argilla, incorrect_spans, label_studio, plain, prodigy


@dataclass(frozen=True)
class Format:
    """A way to a tool and back.

    suffix (str): of the name of its files. beside (str): what a second file has after this name; "" if there is none.
    write (callable): takes a ranking and a path. read (callable): takes path, ranking and reviewer, and returns the
        decisions.
    write_documents (callable): takes ranking, path and corpus; None if the format has no whole documents.
    """

    suffix: str
    write: Callable[[Ranking, Path], None]
    read: Callable[[Path, Ranking, str], list[Decision]]
    beside: str = ""
    write_documents: Optional[Callable[[Ranking, Path, Path], None]] = None


FORMATS = {
    "prodigy": Format(".jsonl", prodigy.write, prodigy.read),
    "label-studio": Format(".json", label_studio.write, label_studio.read, label_studio.SUFFIX),
    "argilla": Format(".json", argilla.write, argilla.read, argilla.SUFFIX),
    "incorrect-spans": Format(
        ".spacy", incorrect_spans.write, incorrect_spans.read, write_documents=incorrect_spans.write_documents
    ),
    "jsonl": Format(".jsonl", plain.write_jsonl, plain.read_jsonl),
    "csv": Format(".csv", plain.write_csv, plain.read_csv),
}


def find_format(name: Optional[str], path: Path) -> Format:
    """Find a format by its name, or by a file's where only one has such names. RAISES (ValueError): S109."""
    if name is not None and name in FORMATS:
        return FORMATS[name]
    fitting = [one for one in FORMATS.values() if one.suffix == path.suffix] if name is None else []
    if len(fitting) != 1:
        known = one_of(FORMATS, name or "")
        setting = "The format" if name is not None else f"The format of {path} can't be told from its name: it"
        raise SeginfError(Errors.S109.format(setting=setting, value=name or path.suffix, known=known))
    return fitting[0]
