"""What a command asks about: one text, or a corpus."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Union

from ..errors import Errors, SeginfError
from ..explanation.corpus_texts import named_corpus


def text_or_corpus(given: Union[str, Path]) -> Union[str, Path]:
    """Return a text as it was given, or the path of a corpus; "-" reads a text from standard input.

    RAISES (ValueError): S276 or S277 for the name of what is no corpus, S279 for what is no text.
    """
    if isinstance(given, Path):
        return given
    try:
        text = sys.stdin.read().strip() if given == "-" else given
        text.encode("utf8")  # what the system could not decode is in it as lone surrogates
    except UnicodeError as error:
        what = "What came through standard input" if given == "-" else "The text"
        raise SeginfError(Errors.S279.format(what=what, problem=error)) from None
    return text if given == "-" else named_corpus(text) or text


def asked_text(given: str) -> str:
    """Return a text as it was given; "-" reads it from standard input.

    RAISES (ValueError): as ``text_or_corpus``; S278 for a file.
    """
    found = text_or_corpus(given)
    if isinstance(found, str):
        return found
    if found.is_file():
        raise SeginfError(Errors.S278.format(path=found))
    return given  # a word that happens to be the name of a folder
