"""Pipelines that were trained on folds: what they predict of documents that neither head nor encoder has seen."""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Callable, Mapping, Sequence

import numpy

from ..errors import Errors, SeginfError
from ..explanation.loading import load_pipeline
from ..files import json_text, write_text
from ..tagger.crf_tagger import CRFTagger
from ..tagger.encoding import encode
from ..tagger.head import head_of, on_cpu
from .alignment import indexed_docs
from .candidates import Predictions
from .session import Session

RECORD = "folds.json"
UNLIKELY = 10.0  # nats below the least likely label: of one that no document of the other folds has


@dataclass(frozen=True)
class CrossFit:
    """Which fold each document is in, and what the folds were trained with.

    folds (int). corpus (str): digest of the corpus. settings (str): digest of the config and what overrides it, but for
        paths, which are others on other machines.
    documents (mapping of str to int): fold of each document, by id.
    """

    folds: int
    corpus: str
    settings: str
    documents: Mapping[str, int]

    @classmethod
    def read(cls, folder: Path) -> CrossFit:
        """Read the record of a folder. RAISES (ValueError): S267 if there is none."""
        try:
            found = cls(**json.loads((folder / RECORD).read_text(encoding="utf8")))
            if not set(found.documents.values()) <= set(range(found.folds)):
                raise ValueError
        except (OSError, ValueError, TypeError, AttributeError):
            raise SeginfError(Errors.S267.format(path=folder)) from None
        return found

    def write(self, folder: Path) -> None:
        write_text(folder / RECORD, json_text(asdict(self), 1) + "\n")


def fold_folder(folder: Path, fold: int) -> Path:
    """Return where the pipeline is that was trained without a fold."""
    return folder / f"without-{fold}"


def deal_out(texts: Mapping[str, Sequence[str]], folds: int) -> dict[str, int]:
    """Deal documents (tokens by id) out to folds by their words, whatever their order; the same texts go together."""
    keys = {
        name: hashlib.sha256(repr(list(words)).encode("utf8", "backslashreplace")).digest()
        for name, words in texts.items()
    }
    order = {key: number for number, key in enumerate(sorted(set(keys.values())))}
    return {name: order[key] % folds for name, key in keys.items()}


def crossfit_predictions(folder: Path, session: Session, say: Callable[[str], None] = lambda _: None) -> Predictions:
    """Predict each document of an index by the pipeline that was trained without it.

    folder (Path): what `seginf crossfit` wrote for the corpus of the session.
    RAISES (ValueError): S267 if it is none, or lacks a fold; S268 if it is of another corpus; S269 if a pipeline in it
        has no crf_tagger.
    """
    made = CrossFit.read(folder)
    if made.corpus != session.alignment.digest:
        raise SeginfError(Errors.S268.format(path=folder))
    source, index = session.source, session.index
    count, size = len(source.data.lengths), source.data.labels
    which = numpy.array([made.documents[index.place(number, 0)[0]] for number in range(count)], dtype=numpy.int64)
    emissions = numpy.empty((len(source.labels), size))
    transitions = numpy.empty((made.folds, size, size))
    for fold in range(made.folds):
        path = fold_folder(folder, fold)
        if not path.is_dir():
            raise SeginfError(Errors.S267.format(path=path))
        numbers = numpy.flatnonzero(which == fold)
        say(f"Predicting {len(numbers):,} documents by a pipeline that has not seen them")
        nlp = load_pipeline(str(path))
        taggers = [pipe for _, pipe in nlp.pipeline if isinstance(pipe, CRFTagger)]
        if not taggers:
            raise SeginfError(Errors.S269.format(path=path, known=", ".join(nlp.pipe_names) or "none"))
        head, tags = head_of(taggers[-1].model), {tag: place for place, tag in enumerate(taggers[-1].scheme.tags)}
        columns = numpy.array([tags.get(tag, -1) for tag in session.tagger.scheme.tags])
        between = numpy.pad(head.transitions, ((0, 1), (0, 1)))  # the last are of tags that it does not know
        transitions[fold] = between[numpy.ix_(columns, columns)]
        docs = list(indexed_docs(index, nlp.vocab, numbers.tolist()))
        found = [head.emissions(on_cpu(features)) for features in encode(nlp, taggers[-1], docs)]
        if found:
            scores = numpy.concatenate(found)
            padded = numpy.column_stack([scores, scores.min(axis=1) - UNLIKELY])
            emissions[source.data.rows(numbers)] = padded[:, columns]
    return Predictions(emissions, transitions, which)
