"""CSV that spreadsheets open without running what is in it."""

from __future__ import annotations

import csv
import io
import json
import re
from pathlib import Path
from typing import Any, Iterator, Sequence

from ..curation.records import is_number
from ..errors import Errors, SeginfError
from ..files import write_text

MARK = "\ufeff"  # without it Excel takes the file for one in an older encoding
FORMULA = "=+\\-@\t\r\n\uff1d\uff0b\uff0d\uff20"  # a cell that begins so may be run
GUARD = "'"
EXACT = 15  # digits of a number that spreadsheets keep
# Where a cell begins for a spreadsheet that separates cells otherwise, too; quotes there are its own.
BEGINNINGS = re.compile(f'(^|[,;\t\r\n])("*)(?=[{FORMULA}{GUARD}])')
GUARDED = re.compile(f'(^|[,;\t\r\n])("*){GUARD}(?=[{FORMULA}{GUARD}])')


def write_table(path: Path, rows: Sequence[dict[str, Any]]) -> None:
    """Write rows of the same columns; lists become JSON. Apostrophes guard what a spreadsheet would run, whether it
    separates cells by commas, semicolons or tabs, and texts that it would take for numbers and write otherwise."""
    content = io.StringIO(newline="")
    writer = csv.writer(content)
    if rows:
        writer.writerow(rows[0])
    for row in rows:
        writer.writerow([_cell(value) for value in row.values()])
    write_text(path, MARK + content.getvalue())


def read_table(path: Path) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the rows of a table with the lines on which they end, whatever spreadsheet saved it; empty ones are passed
    over.

    RAISES (ValueError): S040 without a file, S191 if it is no table.
    """
    if not path.is_file():
        raise SeginfError(Errors.S040.format(what="table", path=path))
    try:
        content = path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError:
        problem = "it is not in UTF-8 (spreadsheets name it so when they save as CSV)"
        raise SeginfError(Errors.S191.format(path=path, place="the whole table", problem=problem)) from None
    csv.field_size_limit(max(csv.field_size_limit(), len(content)))  # texts may be long
    reader = csv.DictReader(io.StringIO(content, newline=""), delimiter=_delimiter(content), restkey="")
    try:
        for row in reader:
            if not any("".join(cell or "").strip() for cell in row.values()):
                continue  # spreadsheets save empty rows as cells with nothing in them
            yield reader.line_num, {str(name): _value(str(name), cell) for name, cell in row.items()}
    except csv.Error as error:
        place = f"line {reader.line_num}"
        raise SeginfError(Errors.S191.format(path=path, place=place, problem=str(error))) from None


def _delimiter(content: str) -> str:
    header = content.partition("\n")[0]
    return max(",;\t", key=header.count)  # spreadsheets of some countries save with semicolons


def _cell(value: Any) -> str:
    if value is None or isinstance(value, (int, float)):
        return "" if value is None else json.dumps(value)
    text = value if isinstance(value, str) else json.dumps(value, ensure_ascii=False)
    guarded = BEGINNINGS.sub(rf"\1\2{GUARD}", text)
    return GUARD + guarded if _may_change(text) and not guarded.startswith(GUARD) else guarded


def _value(name: str, cell: Any) -> Any:
    if not isinstance(cell, str):
        return cell
    text = GUARDED.sub(r"\1\2", cell)
    if cell.startswith(GUARD) and not GUARDED.match(cell) and is_number(text[1:]):
        text = text[1:]
    if name != "entities":
        return text
    try:
        return json.loads(text)
    except (ValueError, RecursionError):
        return text


def _may_change(text: str) -> bool:
    """Would a spreadsheet save it in another way? Not the whole numbers that it shows as they are."""
    plain = text.isascii() and text.isdigit() and str(int(text)) == text and len(text) <= EXACT
    return is_number(text) and not plain
