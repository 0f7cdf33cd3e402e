"""Annotated texts beside what a pipeline predicts for them."""

from __future__ import annotations

from dataclasses import dataclass
from itertools import count
from pathlib import Path
from typing import Sequence

import numpy
from spacy.language import Language
from spacy.tokens import Doc

from ..corpora.formats import is_binary
from ..crf.schemes import TAG, TagScheme
from ..errors import Errors, SeginfError
from ..indexing.fidelity import predictions
from ..influence.data import HeadData
from ..progress import TEXT, advance, step
from ..tagger.corpus import TrainingText, judging_texts, read_judging
from ..tagger.crf_tagger import CRFTagger
from ..tagger.encoding import example_of, run_before
from ..tagger.head import on_cpu
from ..tagger.readers import OTHER
from .corpus_texts import read_texts
from .wrong_regions import Region, wrong_regions

BATCH = 64  # texts


@dataclass(frozen=True)
class JudgedTexts:
    """Texts with predicted and right labels.

    docs (sequence of Doc): their tokens. names (sequence of str): ids of the documents that they are of; the second
    document with the id "a" is "a (2)". firsts (sequence of int): number of their first token there. data (HeadData):
    features, and what the annotation permits.
    predicted, gold (int64, tokens of all texts): tags; gold means nothing where a token is not known.
    known (bool, tokens): which have one right label.
    """

    docs: Sequence[Doc]
    names: Sequence[str]
    firsts: Sequence[int]
    data: HeadData
    predicted: numpy.ndarray
    gold: numpy.ndarray
    known: numpy.ndarray

    def rows(self, text: int) -> slice:
        """Return the tokens of a text, among those of all."""
        first = int(self.data.starts[text])
        return slice(first, first + self.data.lengths[text])

    def right(self, scheme: TagScheme) -> int:
        """Count the entities that are predicted as they are annotated; the tokens under the scheme TAG."""
        if scheme.name == TAG:
            return int((self.known & (self.predicted == self.gold)).sum())
        certain = numpy.where(self.known, self.gold, 0)
        sides = (predictions(scheme, tags, self.data.lengths) for tags in (self.predicted, certain))
        return len(set.intersection(*map(set, sides)))

    def mistakes(self, scheme: TagScheme) -> list[tuple[int, Region]]:
        """List wrong predictions, each with the number of its text."""
        return [
            (text, region)
            for text in range(len(self.docs))
            for rows in [self.rows(text)]
            for region in wrong_regions(scheme, self.predicted[rows], self.gold[rows], self.known[rows])
        ]


def read_gold(nlp: Language, tagger: CRFTagger, path: Path) -> list[TrainingText]:
    """Read texts with right labels that were not in training.

    path (Path): .spacy files are read by the reader of the pipeline's training; others as they are.
    RAISES (ValueError): S040 to S042, S047 for missing or wrong input, S200, S201 and S276 for text files.
    """
    if is_binary(path):
        return read_judging(nlp, tagger, path, OTHER)
    docs = read_texts(nlp, path, tagger.target)
    texts = [TrainingText(example_of(nlp, doc), name) for name, doc in docs if tagger.target.is_annotated(doc)]
    if not texts:
        raise SeginfError(Errors.S041.format(path=path))
    return judging_texts(tagger, texts, path)


def read_judged(nlp: Language, tagger: CRFTagger, path: Path) -> JudgedTexts:
    """Read texts with right labels, and predict them.

    RAISES (ValueError): as ``read_gold``; S010 to S015 as ``CRFTagger.predict``.
    """
    return judge(nlp, tagger, read_gold(nlp, tagger, path))


def judge(nlp: Language, tagger: CRFTagger, texts: Sequence[TrainingText]) -> JudgedTexts:
    """Predict annotated texts, as the pipeline does."""
    docs, features, predicted, allowed = [], [], [], []
    with step("Predictions", len(texts), TEXT):
        for start in range(0, len(texts), BATCH):
            batch = texts[start : start + BATCH]
            read = run_before(nlp, tagger, [text.example.predicted for text in batch])
            found = tagger.predict(read)
            docs += read
            features += [on_cpu(prediction.features) for prediction in found]
            predicted += (
                [prediction.tags for prediction in found]
                if tagger.explains is None
                else [tagger.followed_tags(doc) for doc in read]
            )
            advance(len(batch), TEXT)
            allowed += [tagger.allowed_tags(text.example) for text in batch]
    permitted = numpy.concatenate(allowed)
    return JudgedTexts(
        docs,
        _names(texts),
        [text.first_token for text in texts],
        HeadData(numpy.concatenate(features), permitted, [len(doc) for doc in docs]),
        numpy.concatenate(predicted).astype(numpy.int64),
        permitted.argmax(axis=1),
        permitted.sum(axis=1) == 1,
    )


def _names(texts: Sequence[TrainingText]) -> list[str]:
    """Tell documents with the same id apart. Texts that were cut from one document begin later and later in it."""
    names, taken = [], {text.identifier for text in texts}
    current: dict[str, str] = {}
    last: dict[str, int] = {}
    for text in texts:
        name = text.identifier
        if name not in current:
            current[name] = name
        elif text.first_token <= last[name]:
            copies = (f"{name} ({number})" for number in count(2))
            current[name] = next(other for other in copies if other not in taken)
            taken.add(current[name])
        last[name] = text.first_token
        names.append(current[name])
    return names
