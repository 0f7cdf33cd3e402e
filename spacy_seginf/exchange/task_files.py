"""Reading and writing tasks as JSON."""

from __future__ import annotations

import json
import math
from pathlib import Path
from typing import Any, Iterable, Optional

from ..errors import Errors, SeginfError
from ..files import json_text, write_text


def write_json_lines(path: Path, tasks: Iterable[dict[str, Any]]) -> None:
    """Write a task a line."""
    write_text(path, "".join(json_text(task) + "\n" for task in tasks))


def write_json(path: Path, content: Any) -> None:
    """Write a file of JSON that people can read too."""
    write_text(path, json_text(content, 1) + "\n")


def read_json_list(path: Path) -> list[dict[str, Any]]:
    """Read a list of tasks. RAISES (ValueError): S040 without a file, S191 if it is something else."""
    if not path.is_file():
        raise SeginfError(Errors.S040.format(what="file of answers", path=path))
    try:
        tasks = json.loads(path.read_bytes().decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        problem = f"it is no JSON ({(str(error).splitlines() or ['nested too deeply'])[0]})"
        raise SeginfError(Errors.S191.format(path=path, place="the whole file", problem=problem)) from None
    if not isinstance(tasks, list):
        raise SeginfError(Errors.S191.format(path=path, place="the whole file", problem="it is no list of tasks"))
    for number, task in enumerate(tasks, start=1):
        if not isinstance(task, dict):
            raise SeginfError(Errors.S191.format(path=path, place=f"task {number}", problem="it is no object"))
    return tasks


def number_of(value: float) -> Optional[float]:
    """Pass a number on; JSON has no infinity, and no number that is none."""
    return float(value) if math.isfinite(value) else None
