"""Data flows one way: which files import which, read from the imports themselves.

python -m tests.test_architecture    # prints the layers
"""

from __future__ import annotations

import ast
from pathlib import Path

ROOT = Path(__file__).resolve().parent.parent
PACKAGE = "spacy_seginf"
# From the bottom up. A folder imports from lower layers, never from its own or a higher one. All stand on the files
# beside the folders (errors, files, machine, parallel), which import from no folder.
LAYERS = (
    ("crf", "rendering"),
    ("corpora", "influence"),
    ("index", "tagger"),
    ("attribution", "indexing"),
    ("explanation",),
    ("curation", "evaluation"),
    ("exchange", "loop", "review"),
    ("api", "render"),
    ("cli",),
)
LEVEL = {"": -1} | {folder: number for number, folders in enumerate(LAYERS) for folder in folders}


def module_of(path: Path) -> str:
    """Name a file as imports do."""
    parts = path.relative_to(ROOT).with_suffix("").parts
    return ".".join(parts[:-1] if parts[-1] == "__init__" else parts)


# The front door leads to what is above it: its imports are for editors, and made when something is used.
FILES = {
    module_of(path): path
    for path in sorted((ROOT / PACKAGE).rglob("*.py"))
    if path.parent.name != PACKAGE or path.stem != "__init__"
}


def imported(path: Path) -> list[tuple[str, int]]:
    """List the modules of the package that a file imports, anywhere in it, with their lines."""
    package = list(path.relative_to(ROOT).parts[:-1])
    found = []
    for node in ast.walk(ast.parse(path.read_text(encoding="utf8"))):
        if isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else []
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
            found += [(name if name in FILES else module, node.lineno) for name in names]
        elif isinstance(node, ast.Import):
            found += [(alias.name, node.lineno) for alias in node.names]
    return [(name, line) for name, line in dict.fromkeys(found) if name in FILES]


EDGES = [(module, other, line) for module, path in FILES.items() for other, line in imported(path)]


def folder_of(module: str) -> str:
    """Return the folder of a module inside the package; the empty string for the package itself."""
    parts = FILES[module].relative_to(ROOT / PACKAGE).parts
    return parts[0] if len(parts) > 1 else ""


def place(module: str, line: int) -> str:
    return f"{FILES[module].relative_to(ROOT)}:{line}"


def test_every_folder_has_a_layer():
    assert {folder_of(module) for module in FILES} == set(LEVEL)
    assert len(LAYERS) <= 9


def test_folders_import_downwards():
    upwards = [
        f"{place(module, line)} imports {other}"
        for module, other, line in EDGES
        if folder_of(module) != folder_of(other) and LEVEL[folder_of(module)] <= LEVEL[folder_of(other)]
    ]
    assert upwards == []


def cycle(edges: list[tuple[str, str, int]]) -> list[str]:
    """Return the lines of some cycle, each with what it imports; empty if there is none."""
    left = list(edges)
    while True:  # whoever imports nothing that is left, or is imported by nobody, is on no cycle
        importers, targets = {module for module, _, _ in left}, {other for _, other, _ in left}
        kept = [edge for edge in left if edge[1] in importers and edge[0] in targets]
        if len(kept) == len(left):
            break
        left = kept
    follow = {module: (other, line) for module, other, line in left}
    trail: list[str] = []
    while follow and (not trail or trail[-1] not in trail[:-1]):
        trail.append(follow[trail[-1]][0] if trail else left[0][0])
    steps = trail[trail.index(trail[-1]) : -1] if trail else []
    return [f"{place(module, follow[module][1])} imports {follow[module][0]}" for module in steps]


def test_no_file_imports_itself_by_others():
    assert cycle(EDGES) == []


def test_a_cycle_is_found(monkeypatch):
    for name in "abcd":
        monkeypatch.setitem(FILES, name, ROOT / f"{name}.py")
    edges = [("a", "b", 1), ("b", "c", 2), ("c", "b", 3), ("c", "d", 4)]
    assert sorted(cycle(edges)) == ["b.py:2 imports c", "c.py:3 imports b"]
    assert cycle(edges[:2] + edges[3:]) == []
