"""The documents of .spacy files, as they are."""

from __future__ import annotations

from pathlib import Path
from typing import Iterator

from spacy.tokens import Doc, DocBin
from spacy.vocab import Vocab

from ..errors import Errors, SeginfError
from ..inputs import check_unpacked


def read_doc_bins(vocab: Vocab, path: Path) -> Iterator[Doc]:
    """Read the documents of a .spacy corpus, or of all such files in a folder, in the order of their names.

    RAISES (ValueError): S040 without a file, S042 for another kind.
    """
    if not path.exists():
        raise SeginfError(Errors.S040.format(what="corpus", path=path))
    if path.is_dir():
        files = doc_bins_in(path)
        if not files:
            raise SeginfError(Errors.S042.format(path=path, what="it is a folder without .spacy files"))
        for file in files:
            yield from read_doc_bins(vocab, file)
        return
    if path.suffix != ".spacy" or not path.is_file():
        raise SeginfError(Errors.S042.format(path=path, what="it is not a file whose name ends in .spacy"))
    check_unpacked(path)
    try:
        yield from DocBin().from_disk(path).get_docs(vocab)
    except (ValueError, OSError, LookupError, TypeError, MemoryError) as error:
        what = (str(error).splitlines() or [type(error).__name__])[0]
        raise SeginfError(Errors.S042.format(path=path, what=what)) from None
    except Exception as error:  # zlib.error and msgpack's own have no common base
        raise SeginfError(Errors.S042.format(path=path, what=type(error).__name__)) from None


def doc_bins_in(folder: Path) -> list[Path]:
    """List the .spacy files of a folder and of those in it, by name."""
    return sorted(file for file in folder.rglob("*.spacy") if file.is_file())


def identifier_of(doc: Doc, path: Path, number: int) -> str:
    """Name a document of a corpus, the number-th in the file, counted from 1: its user_data["id"], else the file's name
    and its number."""
    return str(doc.user_data.get("id") or f"{path.stem}:{number}")
