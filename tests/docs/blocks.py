"""The blocks of code of README and documentation, as CONTRIBUTING.md says what they are."""

from __future__ import annotations

import re
from typing import NamedTuple

from ..project.conftest import ROOT

MADE = ("api", "commands", "config", "errors")  # pages that scripts write; their examples have tests of their own
BLOCK = re.compile(r"^(?P<indent> *)```(?P<kind>\w+)\n(?P<code>.*?)^(?P=indent)```$", re.MULTILINE | re.DOTALL)
NOT_RUN = re.compile(r"<!-- not run: .{5,} -->\s*$")


class Block(NamedTuple):
    """A block. page (str): its name. before (str): the prose above it. left_out (bool): whether no test runs it."""

    page: str
    line: int
    kind: str
    code: str
    before: str
    left_out: bool

    @property
    def commands(self) -> list[str]:
        """The commands of a shell, each on a line of its own."""
        lines = self.code.replace("\\\n", " ").splitlines()
        if self.kind == "console":
            lines = [line.removeprefix("$ ") for line in lines if line.startswith("$ ")]
        return [line.partition("  #")[0].partition(" # ")[0].strip() for line in lines]


def blocks_of(path, text=None):
    """The blocks of a page, in its order."""
    text = path.read_text(encoding="utf8") if text is None else text
    found, end = [], 0
    for match in BLOCK.finditer(text):
        before, end = text[end : match.start()], match.end()
        code = re.sub(rf"^{match['indent']}", "", match["code"], flags=re.MULTILINE)
        line = text.count("\n", 0, match.start()) + 1
        found.append(Block(path.stem, line, match["kind"], code, before, bool(NOT_RUN.search(before))))
    return found


PAGES = {
    path.stem: path
    for path in [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").rglob("*.md"))]
    if path.stem not in MADE
}
BLOCKS = [block for path in PAGES.values() for block in blocks_of(path)]
