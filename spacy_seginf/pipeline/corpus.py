"""Reading a training corpus the way training did, with the place of every piece in the file."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Iterable, Iterator

from spacy.language import Language
from spacy.tokens import Doc, DocBin
from spacy.training import Corpus, Example

from ..errors import Errors, Warnings


@dataclass(frozen=True)
class TrainingText:
    """What training saw as one document.

    example (Example): gold and predicted tokens.
    identifier (str): the document's user_data["id"], else corpus name and position in the file, counted from 1.
    first_token (int): where it begins in that document; not 0 for sentences of documents that the reader split.
    """

    example: Example
    identifier: str
    first_token: int = 0


def read_corpus(nlp: Language, path: Path, attribute: str = "ENT_IOB") -> list[TrainingText]:
    """Read a .spacy corpus with the settings of the pipeline's training reader and batcher, where they are spaCy's own.

    Documents that training never saw (too long for the reader or the batcher) and those without any annotation are
    left out with a warning.

    attribute (str): the token attribute that must be annotated, as ``CRFTagger.attribute`` names it.
    RAISES (ValueError): S040 if there is no file, S042 if it is no corpus, S041 if no token is annotated.
    """
    reader = Corpus(path, **_reader_settings(nlp))
    texts: list[TrainingText] = []
    unseen = missing = total = 0
    for number, doc in enumerate(read_documents(nlp, path), start=1):
        if not len(doc):
            continue
        total += 1
        if not doc.has_annotation(attribute):
            missing += 1
            continue
        identifier = identifier_of(doc, path, number)
        pieces = [TrainingText(example, identifier, first) for example, first in _pieces(reader, nlp, doc)]
        pieces = [piece for piece in pieces if not _oversize(nlp, piece.example)]
        unseen += not pieces
        texts += pieces
    if unseen:
        warnings.warn(Warnings.W002.format(count=unseen, total=total), stacklevel=2)
    if missing:
        warnings.warn(Warnings.W003.format(count=missing), stacklevel=2)
    if not texts:
        raise ValueError(Errors.S041.format(path=path))
    return texts


def read_documents(nlp: Language, path: Path) -> Iterator[Doc]:
    """Read the documents of a .spacy corpus as they are. RAISES (ValueError): S040 without a file, S042 for another
    kind."""
    if not path.exists():
        raise ValueError(Errors.S040.format(what="corpus", path=path))
    if path.suffix != ".spacy" or not path.is_file():
        raise ValueError(Errors.S042.format(path=path, what="it is not a file whose name ends in .spacy"))
    try:
        yield from DocBin().from_disk(path).get_docs(nlp.vocab)
    except (ValueError, OSError, LookupError, TypeError, MemoryError) as error:
        what = (str(error).splitlines() or [type(error).__name__])[0]
        raise ValueError(Errors.S042.format(path=path, what=what)) from None
    except Exception as error:  # zlib.error and msgpack's own have no common base
        raise ValueError(Errors.S042.format(path=path, what=type(error).__name__)) from None


def identifier_of(doc: Doc, path: Path, number: int) -> str:
    """Name a document of a corpus, the number-th in the file, counted from 1: see ``TrainingText``."""
    return str(doc.user_data.get("id") or f"{path.stem}:{number}")


def _pieces(reader: Corpus, nlp: Language, doc: Doc) -> Iterable[tuple[Example, int]]:
    """Let the training reader make its examples of a document, and find where each begins."""
    make = reader.make_examples_gold_preproc if reader.gold_preproc else reader.make_examples
    examples = list(make(nlp, [doc]))
    if len(examples) == 1 and len(examples[0].reference) == len(doc):
        return [(examples[0], 0)]
    limit = 0 if reader.gold_preproc else reader.max_length
    sentences = [sentence for sentence in doc.sents if not limit or len(sentence) < limit] if examples else []
    return [(example, sentence.start) for example, sentence in zip(examples, sentences)]


def _reader_settings(nlp: Language) -> dict[str, Any]:
    block: Any = nlp.config
    for part in str(nlp.config["training"].get("train_corpus", "corpora.train")).split("."):
        block = block.get(part, {})
    if not str(block.get("@readers", "")).startswith("spacy.Corpus."):
        return {}
    return {key: block[key] for key in ("gold_preproc", "max_length") if key in block}


def _oversize(nlp: Language, example: Example) -> bool:
    """Would the training batcher have thrown this document away?"""
    batcher = nlp.config["training"].get("batcher") or {}
    name = str(batcher.get("@batchers", ""))
    if not batcher.get("discard_oversize") or not isinstance(batcher.get("size"), (int, float)):
        return False
    slack = batcher.get("tolerance", 0.2) if name.startswith("spacy.batch_by_words.") else 0.0
    return name.startswith("spacy.batch_by_") and len(example.predicted) > batcher["size"] * (1 + slack)
