"""The corpus readers of a pipeline's training, used on a file, with the place of every text in it."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import Any, Callable, Iterable, Iterator, Optional, Sequence

from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Corpus, Example
from spacy.util import registry

from ..errors import Errors, SeginfError, Warnings
from .given import PropositionCorpus

TRAINING, DEVELOPMENT, OTHER = "training", "development", "other"
SECTIONS = {DEVELOPMENT: ("dev_corpus", "corpora.dev")}  # of other roles: those of training
MOST = 100  # examples per document that a reader may make; one that makes more goes on for ever
GAP = "\0"  # between words
Numbered = Sequence[tuple[int, Doc]]
Placed = Iterator[tuple[int, Doc, Example, int]]  # number and document of the file, example, its first token there


@dataclass(frozen=True)
class CorpusReader:
    """spaCy's reader: documents one by one, as they are or sentence by sentence."""

    corpus: Corpus

    def read(self, nlp: Language, docs: Numbered) -> Placed:
        """Make the examples of numbered documents."""
        corpus = self.corpus
        make = corpus.make_examples_gold_preproc if corpus.gold_preproc else corpus.make_examples
        for number, doc in docs[: corpus.limit] if corpus.limit >= 1 else docs:
            examples = list(make(nlp, [doc]))
            if len(examples) == 1 and len(examples[0].reference) == len(doc):
                yield number, doc, examples[0], 0
                continue
            longest = 0 if corpus.gold_preproc else corpus.max_length
            sentences = [one for one in doc.sents if not longest or len(one) < longest] if examples else []
            for example, sentence in zip(examples, sentences):
                yield number, doc, example, sentence.start


@dataclass(frozen=True)
class ForeignReader:
    """Any other reader: its examples are looked up in the file by their words.

    name (str): as it is registered. examples (Callable): what it makes. path (Path): the file.
    """

    name: str
    examples: Callable[[Language], Iterable[Example]]
    path: Path

    def read(self, nlp: Language, docs: Numbered) -> Placed:
        """Make examples, and find the document and the token that each begins at. RAISES (ValueError): S047 if it makes
        none of its own of the file, or endlessly many."""
        try:
            examples = list(islice(self.examples(nlp), MOST * len(docs) + 1))
        except Exception as error:  # it is not ours
            raise self._unusable(f"{type(error).__name__}: {error}") from error
        if len(examples) > MOST * len(docs):
            raise self._unusable(f"it makes more than {MOST} texts of a document, if it ends at all")
        texts = [GAP + GAP.join(token.text for token in doc) + GAP for _, doc in docs]
        numbers = {doc.user_data["id"]: place for place, (_, doc) in enumerate(docs) if "id" in doc.user_data}
        place, after = 0, 0  # where the last example was found
        for example in examples:
            piece = GAP + GAP.join(token.text for token in example.reference) + GAP
            named = numbers.get(example.reference.user_data.get("id"), place)
            tries = [(named, after if named == place else 0), (named, 0), (place, after)]
            tries += ((number % len(texts), 0) for number in range(place + 1, place + len(texts) + 1))
            found = ((number, texts[number].find(piece, start)) for number, start in tries if texts)
            hit = next(((number, at) for number, at in found if at >= 0), None)
            if hit is None:
                text = example.reference.text
                raise self._unusable(f"it changes texts, such as {text[:60]!r}, so that their places are not known")
            place, after = hit[0], hit[1] + len(piece) - 1
            yield *docs[place], example, texts[place][: hit[1]].count(GAP)

    def _unusable(self, what: str) -> ValueError:
        return SeginfError(Errors.S047.format(reader=self.name, path=self.path, what=what))


def training_reader(nlp: Language, path: Path, role: str = TRAINING) -> CorpusReader | ForeignReader:
    """Make the reader of a pipeline's training, for another file.

    role (str): see ``read_corpus``. Augmenters, which change texts at random, are left out with a warning.
    RAISES (ValueError): S047 if it can't be made.
    """
    block = _reader_block(nlp, role)
    if block is None:
        return CorpusReader(Corpus(path))
    name = str(block["@readers"])
    if block.get("augmenter"):
        warnings.warn(Warnings.W060.format(reader=name), stacklevel=3)
        block["augmenter"] = None
    if name.startswith("spacy.Corpus."):
        block = {"path": None, "gold_preproc": False, **block}
    if "path" in block:
        block["path"] = str(path)
    if role == OTHER and "limit" in block:
        block["limit"] = 0
    try:
        made = registry.resolve({"reader": block})["reader"]
    except Exception as error:  # whatever a reader of another package may raise
        problem = " ".join(str(error).split()) or type(error).__name__
        raise SeginfError(Errors.S047.format(reader=name, path=path, what=problem)) from error
    if type(made) in (Corpus, PropositionCorpus):
        return CorpusReader(made)
    return ForeignReader(name, made, path)


def _reader_block(nlp: Language, role: str) -> Optional[dict[str, Any]]:
    """Return the block of the config that describes a reader, as a copy; None if there is none."""
    setting, default = SECTIONS.get(role, ("train_corpus", "corpora.train"))
    block: Any = nlp.config.interpolate()
    for part in str(block.get("training", {}).get(setting) or default).split("."):
        if "@readers" in block:
            break
        block = block.get(part) or {}
        if not isinstance(block, dict):
            return None
    return dict(block) if "@readers" in block else None
