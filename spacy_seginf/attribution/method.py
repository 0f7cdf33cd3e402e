"""What an attribution method is: it scores training segments for segments of other texts.

A method is an object that a config block describes, so that one line switches it:

    [components.influence.method]
    @misc = "spacy_seginf.SegmentNN.v1"

Another package adds a method by registering a function that returns a ``Method`` under ``spacy.registry.misc``.

Every method has the same sign: a positive score supports the labels of the query, a negative one opposes them.
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Iterable, Optional, Sequence

import numpy
from spacy.language import Language
from spacy.tokens import Doc

from ..crf.schemes import type_of
from ..influence.curvature import Metric
from ..influence.data import HeadData
from ..influence.head import Head
from ..influence.penalty import Penalty
from ..influence.segments import SegmentChains

Progress = Callable[[Iterable], Iterable]


@dataclass(frozen=True)
class Texts:
    """Segments of texts at given labels: training labels, or the predictions that are explained.

    docs (sequence of Doc): tokens without annotation.
    data (HeadData): what the pipeline's encoder makes of them, and the permitted labels.
    labels (int64, all tokens): the labels that segments have, and that everything outside them is held at.
    segments (int64, n x 3): document, start, end (exclusive).

    A method gets those of training as ``context.training``, and queries in ``scores``; ``context.labels_of`` names
    their labels.

    >>> class Shared(spacy_seginf.Attribution):
    ...     def __init__(self, training):
    ...         self.theirs = [set(training.words(number)) for number in range(len(training))]
    ...     def scores(self, queries):
    ...         asked = [set(queries.words(number)) for number in range(len(queries))]
    ...         return numpy.array([[float(len(mine & one)) for one in self.theirs] for mine in asked])
    >>> class SharedWords(spacy_seginf.Method):
    ...     name, cost = "shared words", "a scan"
    ...     def prepare(self, context):
    ...         return Shared(context.training)
    >>> nlp = spacy.load("indexed")
    >>> nlp.get_pipe("influence").method = SharedWords()
    >>> nlp("Ada Lind visited Tarnby .").ents[0]._.influencers.supporting[0].text
    'Ada Lind'
    """

    docs: Sequence[Doc]
    data: HeadData
    labels: numpy.ndarray
    segments: numpy.ndarray

    def __len__(self) -> int:
        return len(self.segments)

    def chains(self, head: Head) -> SegmentChains:
        """Free the segments under a head."""
        return SegmentChains(head, self.data, self.labels, self.segments)

    def words(self, number: int) -> list[str]:
        """Return the words of a segment."""
        document, start, end = self.segments[number].tolist()
        return [token.text for token in self.docs[document][start:end]]


@dataclass(frozen=True)
class Context:
    """What a method may learn from.

    nlp (Language): the pipeline. tagger (str): the name of its crf_tagger.
    training (Texts): the training documents, with the segments that are scored.
    head (Head): what is explained. penalty (Penalty): its own; l2 is 0 for a head that was not refit.
    metric (Metric): the curvature of the index at the head.
    label_head (tuple of Head and Penalty, optional): the head that training labels alone make, and its penalty; None
        where that is not known, or the same.
    progress (Callable): wraps iterators over long work, like tqdm.

    >>> class Agreement(spacy_seginf.Attribution):
    ...     def __init__(self, context):
    ...         self.context = context
    ...     def scores(self, queries):
    ...         theirs = numpy.array(self.context.labels_of(self.context.training))
    ...         return numpy.array([numpy.where(theirs == mine, 1.0, -1.0) for mine in self.context.labels_of(queries)])
    >>> class SameLabel(spacy_seginf.Method):
    ...     name, cost = "same label", "none"
    ...     def prepare(self, context):
    ...         return Agreement(context)
    >>> nlp = spacy.load("indexed")
    >>> nlp.get_pipe("influence").method = SameLabel()
    >>> {one.label for one in nlp("Ada Lind visited Tarnby .").ents[0]._.influencers.supporting}
    {'PER'}
    """

    nlp: Language
    tagger: str
    training: Texts
    head: Head
    penalty: Penalty
    metric: Metric
    progress: Progress = iter
    label_head: Optional[tuple[Head, Penalty]] = None

    def labels_of(self, texts: Texts) -> list[str]:
        """Name the label of each segment, of training texts or of queries: the type of an entity, "O" where one may be
        missing; the tag under the scheme TAG."""
        tags: tuple[str, ...] = self.nlp.get_pipe(self.tagger).tags  # type: ignore[attr-defined]
        documents, starts, _ = texts.segments.T
        return [type_of(tags[tag]) for tag in texts.labels[texts.data.starts[documents] + starts].tolist()]


class Attribution(ABC):
    """A method that is ready to answer.

    bytes_per_segment (float): what it has to keep on disk of a training segment to answer, vectors in half precision;
        0 if it computes everything anew.

    >>> class OfOnes(spacy_seginf.Attribution):
    ...     def scores(self, queries):
    ...         return numpy.ones((len(queries), 3))
    >>> OfOnes().scores(["one query"])
    array([[1., 1., 1.]])
    """

    bytes_per_segment: float = 0.0

    @abstractmethod
    def scores(self, queries: Texts) -> numpy.ndarray:
        """Score all training segments for each query (float64, queries x training segments): positive supports,
        negative opposes. The score of a pair does not depend on what is asked with it, nor on what other threads ask
        meanwhile."""

    def words(self, queries: Texts, number: int, row: int) -> list[tuple[str, float]]:
        """Split a score by the words that carried it; only methods whose scores are sums over words can.

        queries (Texts), number (int): the query. row (int): the training segment.
        RETURNS: words and what they contribute, the largest first; empty if the texts share none.
        """
        raise NotImplementedError

    def save(self, folder: Path) -> None:
        """Write to an empty folder what was slow to prepare. Only methods that are ``stored`` do."""
        raise NotImplementedError


class Method(ABC):
    """A way to attribute predictions to training labels.

    name (str): short, for tables. cost (str): what preparing and a query take, in words.
    stored (bool): whether preparing is so slow that its result is kept beside the index.
    by_document (bool): whether a score is that of the whole document that a segment is in, so that sums over segments
        would count it several times.

    >>> class OfOnes(spacy_seginf.Attribution):
    ...     def __init__(self, count):
    ...         self.count = count
    ...     def scores(self, queries):
    ...         return numpy.ones((len(queries), self.count))
    >>> class Ones(spacy_seginf.Method):
    ...     name, cost = "ones", "none"
    ...     def prepare(self, context):
    ...         return OfOnes(len(context.training))
    >>> nlp = spacy.load("indexed")
    >>> nlp.get_pipe("influence").method = Ones()
    >>> nlp("Ada Lind visited Tarnby .").ents[0]._.influencers.supporting[0].score
    1.0
    """

    name: str
    cost: str
    stored: bool = False
    by_document: bool = False

    @abstractmethod
    def prepare(self, context: Context) -> Attribution:
        """Do what has to be done once for all queries."""

    def check(self, nlp: Language, tagger: str) -> None:
        """Refuse what ``prepare`` could not use, as it would; asked before an index is built, which may take hours."""
        return None

    def load(self, context: Context, folder: Path) -> Optional[Attribution]:
        """Restore what ``Attribution.save`` wrote; None if that was for something else, such as other settings. Only
        methods that are ``stored`` do."""
        raise NotImplementedError
