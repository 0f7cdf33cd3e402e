"""What a line of a text file is, for every reader: UTF-8, with a byte order mark or without, ended by LF, CRLF or CR.

Nothing else ends a line: NEL, LS, PS and form feeds occur within tokens.
"""

from __future__ import annotations

import codecs
from typing import Iterable, Iterator

BOM = "\ufeff"
BOM_BYTES = codecs.BOM_UTF8


def byte_lines(blocks: Iterable[bytes]) -> Iterator[bytes]:
    """Yield lines with their line breaks; joined, they are what was read. Only the last may have no line break.

    blocks (iterable of bytes): what lies between LFs, with these, as files opened in binary give it.
    """
    for block in blocks:
        if b"\r" not in block:
            yield block
            continue
        # CRs before an LF belong to it: programs that took CRLF for LF have written CRCRLF.
        body = block[:-1].rstrip(b"\r") if block.endswith(b"\n") else block
        *before, last = body.split(b"\r")
        yield from (part + b"\r" for part in before)
        if last + block[len(body) :]:
            yield last + block[len(body) :]


def after_last_break(content: bytes) -> int:
    """Return where the line begins that has no line break yet."""
    return 1 + max(content.rfind(b"\n"), content.rfind(b"\r"))


def without_bom_bytes(line: bytes, number: int) -> bytes:
    """Return a line (number counted from 1) without the mark that some editors put before the first one."""
    return line.removeprefix(BOM_BYTES) if number == 1 else line


def without_bom(line: str, number: int) -> str:
    """Return a decoded line as ``without_bom_bytes`` does."""
    return line.removeprefix(BOM) if number == 1 else line
