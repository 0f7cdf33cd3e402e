"""What commands say of their work. It goes to standard error, so that standard output holds results alone."""

from __future__ import annotations

import shlex
import sys
import textwrap
from shutil import get_terminal_size

from wasabi import color
from wasabi.util import COLORS, ICONS, can_render, supports_ansi


class Messages:
    """Says how a command goes on. In a terminal, lines are wrapped and coloured; elsewhere each stays one line, as
    whoever searches a log expects.

    silent (bool): whether nothing is said.
    """

    def __init__(self, *, silent: bool = False) -> None:
        self.silent = silent

    def info(self, text: str) -> None:
        """Say what is being done."""
        self._say(text, "info")

    def good(self, text: str) -> None:
        """Say what was done."""
        self._say(text, "good")

    def warn(self, text: str) -> None:
        """Say what may be wrong."""
        self._say(text, "warn")

    def fail(self, text: str) -> None:
        """Say why there is no result."""
        self._say(text, "fail")

    def text(self, text: str) -> None:
        """Say something else."""
        self._say(text)

    def next(self, *arguments: object) -> None:
        """Say which command of this package usually comes next."""
        self._say(f"Next: {command_line(*arguments)}")

    def _say(self, text: str, kind: str = "") -> None:
        if self.silent:
            return
        if kind:
            icon = ICONS[kind]
            text = f"{icon if can_render(icon) else f'[{kind}]'} {text}"
        if sys.stderr.isatty():
            width = get_terminal_size().columns
            lines = [textwrap.fill(line, width, break_on_hyphens=False) for line in text.split("\n")]
            text = "\n".join(lines)
            if kind and supports_ansi():
                text = color(text, fg=COLORS[kind])
        if "tqdm" in sys.modules:  # a bar may be there
            from tqdm import tqdm

            tqdm.write(text, file=sys.stderr)
        else:
            print(text, file=sys.stderr, flush=True)  # noqa: T201


def command_line(*arguments: object) -> str:
    """Write a command of this package as it is typed. Arguments in capitals stand for something, and are not quoted."""
    return " ".join(["python -m spacy seginf", *(shlex.quote(str(one)) for one in arguments)])
