"""Results for programs: JSON in a file, or alone on standard output."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterable, Optional

import typer

from .files import json_text, write_text

STANDARD_OUTPUT = Path("-")


def is_printed(path: Optional[Path]) -> bool:
    """Is this the name of standard output? Then nothing else may be written there."""
    return path is not None and Path(path) == STANDARD_OUTPUT


def written(path: Optional[Path]) -> Optional[Path]:
    """Return the file that is meant; None for standard output."""
    return None if is_printed(path) else path


def write_json(path: Path, value: Any) -> None:
    """Write a value as JSON."""
    _write(path, json_text(value, 1) + "\n")


def write_json_lines(path: Path, rows: Iterable[Any]) -> None:
    """Write rows as JSON, one a line."""
    _write(path, "".join(json_text(row) + "\n" for row in rows))


def _write(path: Path, text: str) -> None:
    if is_printed(path):
        typer.echo(text.encode("utf8", "backslashreplace"), nl=False)
    else:
        write_text(path, text)
