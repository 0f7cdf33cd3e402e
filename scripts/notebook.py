"""Run a notebook and write it as a page. Nothing of Jupyter is needed: cells are plain Python.

python scripts/notebook.py docs/tutorials/debugging.ipynb             # writes the page beside it
python scripts/notebook.py docs/tutorials/debugging.ipynb --run DIR   # runs it in DIR first, and keeps what comes out
"""

from __future__ import annotations

import argparse
import ast
import contextlib
import io
import json
import os
from pathlib import Path
from typing import Any

from spacy_seginf.files import write_text

Notebook = dict[str, Any]
OUTPUT = "On one machine:"


def run(notebook: Notebook) -> Notebook:
    """Run the code cells in the working folder, and return the notebook with what they print and end with."""
    names: dict[str, Any] = {"__name__": "__main__"}
    cells = []
    for number, cell in enumerate(notebook["cells"]):
        if cell["cell_type"] == "code":
            cell = {**cell, "execution_count": number + 1, "outputs": _outputs("".join(cell["source"]), names)}
        cells.append(cell)
    return {**notebook, "cells": cells}


def page(notebook: Notebook, name: str) -> str:
    """Return a notebook as a page (Markdown). name (str): that of its file, to which the page links."""
    parts = []
    for number, cell in enumerate(notebook["cells"]):
        source = "".join(cell["source"])
        if cell["cell_type"] == "markdown":
            parts.append(source)
        else:
            parts.append(f"```python\n{source}\n```")
            shown = "".join(_plain(output) for output in cell["outputs"]).rstrip()
            if shown:
                parts.append(f"{OUTPUT}\n\n```text\n{shown}\n```")
        if not number:
            parts.append(f"This page is [a notebook]({name}), which a test runs.")
    return "\n\n".join(parts) + "\n"


def _outputs(source: str, names: dict[str, Any]) -> list[dict[str, Any]]:
    """Run the code of a cell. What it prints and, if it ends with an expression, the value are its outputs."""
    body = ast.parse(source).body
    last = body.pop() if body and isinstance(body[-1], ast.Expr) else None
    printed = io.StringIO()
    value = None
    with contextlib.redirect_stdout(printed):
        exec(compile(ast.Module(body, []), "<cell>", "exec"), names)
        if isinstance(last, ast.Expr):
            value = eval(compile(ast.Expression(last.value), "<cell>", "eval"), names)
    outputs: list[dict[str, Any]] = []
    if printed.getvalue():
        outputs.append({"output_type": "stream", "name": "stdout", "text": _lines(printed.getvalue())})
    if value is not None:
        data = {"text/plain": _lines(repr(value))}
        outputs.append({"output_type": "display_data", "data": data, "metadata": {}})
    return outputs


def _plain(output: dict[str, Any]) -> str:
    text = output["text"] if output["output_type"] == "stream" else output["data"]["text/plain"]
    return "".join(text).rstrip() + "\n"


def _lines(text: str) -> list[str]:
    return text.splitlines(keepends=True)


def main() -> None:
    """Write the page of a notebook, and the notebook itself if it is run."""
    arguments = argparse.ArgumentParser(description=main.__doc__)
    arguments.add_argument("notebook", type=Path)
    arguments.add_argument("--run", type=Path, metavar="DIR", help="run it in this folder first")
    given = arguments.parse_args()
    path: Path = given.notebook.resolve()
    notebook = json.loads(path.read_text(encoding="utf8"))
    if given.run:
        os.chdir(given.run)
        notebook = run(notebook)
        write_text(path, json.dumps(notebook, indent=1, ensure_ascii=False) + "\n")
    write_text(path.with_suffix(".md"), page(notebook, path.name))


if __name__ == "__main__":
    main()
