"""The texts of a corpus, in any format that is known; and whether what was given names one, or is a text itself."""

from __future__ import annotations

from difflib import get_close_matches
from pathlib import Path
from typing import Optional

from spacy.language import Language
from spacy.tokens import Doc

from ..corpora.docs import identifier_of, read_documents
from ..corpora.formats import SUFFIXES, find_format
from ..corpora.targets import ENTITIES, Target
from ..errors import Errors, SeginfError
from ..guesses import near_file
from ..os_errors import os_error_message

LONGEST = 4096  # characters of a path
ENDINGS = [ending.rpartition(".")[2] for endings in SUFFIXES.values() for ending in endings]
CLOSE = 0.7  # likeness of a misspelt ending, as difflib counts it


def named_corpus(text: str) -> Optional[Path]:
    """Return the corpus that is named where a text may stand too; None if it is a text.

    RAISES (ValueError): S276 for a file in no format that is known, S277 for a name of a corpus without a file, S245
        for one that may not be read.
    """
    if "\n" in text or "\0" in text or "://" in text or len(text) > LONGEST:
        return None
    path = Path(text)
    try:
        if path.is_file():
            check_format(path)
            return path
        if path.is_dir():  # "." and "/" are written in texts, too
            return path if path.name.strip(".") and find_format(path) else None
        if not _looks_like_path(text, path):
            return None
    except PermissionError as error:
        raise SeginfError(os_error_message(error, path)) from None
    except OSError:  # a name that the system does not permit
        return None
    raise SeginfError(Errors.S277.format(path=path, hint=near_file(path)))


def check_format(path: Path) -> None:
    """Make sure that the name of a corpus says its format. RAISES (ValueError): S276."""
    if find_format(path) is None:
        known = ", ".join(ending for endings in SUFFIXES.values() for ending in endings)
        raise SeginfError(Errors.S276.format(path=path, known=known))


def _looks_like_path(text: str, path: Path) -> bool:
    """Would nobody write this but to name a file?"""
    ending, parent = path.suffix[1:].lower(), path.parent
    near = get_close_matches(ending, ENDINGS, 1, CLOSE)
    ends = bool(near) and len(ending) > 2 and near[0][0] == ending[0]
    leads = path.name != text and parent != Path(parent.anchor) and parent.is_dir()
    return ends and leads if len(text.split()) > 1 else ends or leads


def read_texts(nlp: Language, path: Path, target: Target = ENTITIES) -> list[tuple[str, Doc]]:
    """Read the documents of a corpus with their ids, as they are annotated; empty ones are left out.

    path (Path): a corpus of any format, or a folder of .spacy files. target (Target): as for ``read_documents``.
    RAISES (ValueError): as ``read_documents``.
    """
    docs = enumerate(read_documents(nlp, path, target), start=1)
    return [(identifier_of(doc, path, number), doc) for number, doc in docs if len(doc)]
