"""Running the blocks of a page, in its order, as one program."""

from __future__ import annotations

import shlex
import subprocess
import sys

START = "import subprocess, sys\n\n\ndef _run(*words):\n    subprocess.run([sys.executable, *words], check=True)\n\n\n"


def program(blocks, done=()):
    """The Python code of a page; commands of a shell are called. done: commands that were run before."""
    parts = [START]
    for block in blocks:
        if block.left_out:
            continue
        if block.kind == "python":
            parts.append(block.code)
        elif block.kind == "bash":
            for command in block.commands:
                name, *words = shlex.split(command)
                assert name == "python", command
                parts += [] if command in done else [f"_run(*{words!r})\n"]
    return "\n".join(parts)


def run(blocks, root, done=()):
    """What the blocks of a page print in a folder. RAISES (CalledProcessError): if one of them fails."""
    code = program(blocks, done)
    return subprocess.run([sys.executable, "-c", code], cwd=root, check=True, capture_output=True, text=True).stdout
