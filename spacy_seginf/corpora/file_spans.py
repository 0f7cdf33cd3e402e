"""Texts with spans in files of their own, one file a text: a single one, or a folder of them."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Iterator, Mapping, Sequence

from ..errors import Errors, SeginfError
from ..text_lines import BOM
from .json_places import edited
from .json_records import read_lines
from .spans import Edit, SpanCorpus
from .text import decoded_lines

LINE = re.compile(r"(?P<body>[^\r\n]*)(?P<end>\r\n|\r|\n|$)")


class FileSpans(SpanCorpus):
    """A corpus of files. contents: what each holds that may change, by its path."""

    contents: dict[Path, str]

    def written(self, edits: Mapping[Path, Sequence[Edit]]) -> bytes | Mapping[Path, bytes]:
        changed = {
            file: edited(self.contents[file], {(start, end): text for start, end, text in found}).encode("utf8")
            for file, found in edits.items()
        }
        if self.path.is_file():
            return changed.get(self.path, self.path.read_bytes())
        return {file.relative_to(self.path): content for file, content in changed.items()}


def files_in(path: Path, pattern: str) -> list[Path]:
    """List the file, or the files of a folder, with those of folders in it. RAISES (ValueError): S280 if none."""
    files = sorted(file for file in path.rglob(pattern) if file.is_file()) if path.is_dir() else [path]
    if not files:
        raise SeginfError(Errors.S280.format(path=path, problem=f"the folder has no file {pattern}"))
    return files


def read_content(path: Path) -> str:
    """Read a file as it is. RAISES (ValueError): S201 with the line of what is not UTF-8."""
    return "".join(decoded_lines(path, read_lines(path)))


def lines_in(content: str) -> Iterator[tuple[int, str, int]]:
    """Yield where each line begins, the line without its break, and where the next one begins."""
    for match in LINE.finditer(content, len(BOM) if content.startswith(BOM) else 0):
        if match.end() > match.start():
            yield match.start(), match["body"], match.end()


def name_in(folder: Path, file: Path) -> str:
    """Name the text of a file by its place in the folder, or by its own name."""
    named = file.relative_to(folder) if folder.is_dir() else Path(file.name)
    return named.with_suffix("").as_posix()
