"""Write docs/api.md: the public names of the package, with their signatures and docstrings.

python scripts/api_page.py docs/api.md
"""

from __future__ import annotations

import inspect
import sys
from pathlib import Path
from typing import Any, Iterator

import spacy_seginf
from spacy_seginf.files import write_text

HEAD = """# The public names

`import spacy_seginf` gives all of these; each is imported when it is first used. Functions do what the command of the
same purpose does, print nothing unless `silent=False`, and raise `SeginfError`, a `ValueError` with a code. Positive
effects support a prediction, negative ones oppose it, everywhere. This page is made from the docstrings by
`scripts/api_page.py`. Its examples begin after `import numpy, spacy, spacy_seginf` and `from pathlib import Path`, in a
folder with a trained `pipeline`, its corpus `train.spacy`, what `seginf index` made of both (`indexed`), and what was
decided about its labels.
"""
WIDTH = 100
STARS: dict[Any, str] = {inspect.Parameter.VAR_POSITIONAL: "*", inspect.Parameter.VAR_KEYWORD: "**"}
COMMANDS = {
    "append_to_index": "append",
    "apply_decisions": "apply",
    "attach_index": "attach",
    "build_index": "index",
    "check_index": "check",
    "convert": "convert",
    "crossfit": "crossfit",
    "evaluate_methods": "evaluate",
    "explain": "explain",
    "explain_corpus": "explain",
    "explain_errors": "explain --errors",
    "export_issues": "export",
    "find_label_issues": "rank",
    "import_answers": "import",
    "refit_pipeline": "apply --refit",
    "relabel_corpus": "relabel",
    "report_corpus": "report",
    "score_labels": "scores",
    "verify": "verify",
}


def page() -> str:
    """Return the page (Markdown)."""
    parts = [HEAD]
    for name in spacy_seginf.__all__:
        value = getattr(spacy_seginf, name)
        command = f" (`python -m spacy seginf {COMMANDS[name]}`)" if name in COMMANDS else ""
        parts.append(f"## `{name}`{command}\n\n{_described(name, value)}")
        parts += [f"### `{name}.{member}`\n\n{_described(member, found)}" for member, found in _members(value)]
    return "\n".join(parts)


def _described(name: str, value: Any) -> str:
    """Return a signature and a docstring; properties and errors have no signature."""
    plain = isinstance(value, property) or (inspect.isclass(value) and issubclass(value, Exception))
    signature = "" if plain else _signature(name, value)
    return f"{signature}```text\n{inspect.getdoc(value) or ''}\n```\n"


def _signature(name: str, value: Any) -> str:
    found = inspect.signature(value)
    parts: list[str] = []
    for parameter in found.parameters.values():
        if parameter.kind is parameter.KEYWORD_ONLY and "*" not in parts:
            parts.append("*")
        kind = f": {parameter.annotation}" if isinstance(parameter.annotation, str) else ""
        default = "" if parameter.default is parameter.empty else f" = {parameter.default!r}"
        parts.append(f"{STARS.get(parameter.kind, '')}{parameter.name}{kind}{default}")
    returned = f" -> {found.return_annotation}" if isinstance(found.return_annotation, str) else ""
    shown = f"{name}({', '.join(parts)}){returned}"
    if len(shown) > WIDTH:
        shown = f"{name}(\n    " + ",\n    ".join(parts) + f",\n){returned}"
    return f"```python\n{shown}\n```\n\n"


def _members(value: Any) -> Iterator[tuple[str, Any]]:
    """Yield the public methods and properties that a class has of this package, in the order of the source."""
    if inspect.isclass(value):
        members: dict[str, Any] = {}
        for one in value.__mro__:
            if one.__module__.startswith(spacy_seginf.__name__):
                members = {**members, **{name: member for name, member in vars(one).items() if name not in members}}
        for name, member in members.items():
            if not name.startswith("_") and (inspect.isfunction(member) or isinstance(member, property)):
                yield name, member


if __name__ == "__main__":
    write_text(Path(sys.argv[1]), page())
