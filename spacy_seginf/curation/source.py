"""What scores of label quality are computed from: a head, its training labels, and what else is known of them."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any, Optional, Sequence

import numpy

from ..attribution.method import Texts
from ..crf import one_label_each, token_conditionals
from ..crf.conditional import TokenConditionals
from ..crf.schemes import TAG, TagScheme
from ..index.index import Index
from ..index.manifest import Manifest
from ..influence.curvature import IdentityCurvature, Metric
from ..influence.data import HeadData
from ..influence.effects import HeadEffects
from ..influence.factors import TokenFactors
from ..influence.head import Head
from ..influence.held_out import leave_one_document_out
from ..influence.penalty import Penalty
from ..influence.segments import SegmentChains


class IndexedWords(Sequence[Sequence[str]]):
    """The tokens of the documents of an index, read when they are asked for."""

    def __init__(self, index: Index) -> None:
        self._index = index

    def __len__(self) -> int:
        return int(self._index.first_documents[-1])

    def __getitem__(self, number: Any) -> Any:
        if number >= len(self):
            raise IndexError(number)
        return self._index.words(number)[0]


@dataclass(frozen=True)
class LabelSource:
    """Training labels and the head that learned them.

    data (HeadData): training documents. labels (int64, tokens): their labels, the most probable permitted ones where
        several are permitted.
    head (Head). metric (Metric): H^-1 there. penalty (Penalty): its own.
    scheme (TagScheme): what entities are.
    trusted (Texts): documents whose labels are trusted; its segments are what training labels may oppose.
    checkpoints (sequence of float arrays, tokens): p(label | text) at each checkpoint of the training.
    seed (int): of the random floor. stored (floats, tokens): ``held_out``, where an index has
        computed it already.
    words (sequence of sequences of str): the tokens of each document.
    """

    data: HeadData
    labels: numpy.ndarray
    head: Head
    metric: Metric
    penalty: Penalty
    scheme: TagScheme
    trusted: Optional[Texts] = None
    checkpoints: Sequence[numpy.ndarray] = ()
    seed: int = 0
    stored: Optional[numpy.ndarray] = None
    words: Sequence[Sequence[str]] = ()

    @classmethod
    def of(
        cls, index: Index, trusted: Optional[Texts] = None, checkpoints: Sequence[numpy.ndarray] = (), seed: int = 0
    ) -> LabelSource:
        """Read everything from an index. RAISES (ValueError): S035 if it was pruned."""
        manifest = index.manifest
        scheme = scheme_of(manifest)
        words = IndexedWords(index)
        return cls(
            index.data, index.labels, *index.label_head, scheme, trusted, checkpoints, seed, index.held_out, words
        )

    @cached_property
    def known(self) -> numpy.ndarray:
        """Tokens that are annotated at all (bool, tokens)."""
        return numpy.logical_not(self.data.allowed.all(axis=1))

    @cached_property
    def emissions(self) -> numpy.ndarray:
        """Scores of the labels (float64, tokens x labels)."""
        return self.head.emissions(self.data.features)

    @cached_property
    def marginals(self) -> numpy.ndarray:
        """p(label | text) (float64, tokens x labels)."""
        return self.head.marginals(self.data, self.emissions)

    @cached_property
    def conditionals(self) -> TokenConditionals:
        """Every token's label distribution given the labels of its neighbours."""
        return token_conditionals(self.emissions, self.head.transitions, self.labels, self.data.lengths)

    @cached_property
    def held_out(self) -> numpy.ndarray:
        """p(label | text) under the head without the document (floats, tokens); under identity curvature, which can't
        take a document away, under the head as it is."""
        if self.stored is not None:
            return self.stored
        effects = HeadEffects(self.data, self.head, self.penalty, self.metric, self.labels)
        corrected = not isinstance(self.metric, IdentityCurvature)
        return leave_one_document_out(effects, self.scheme, corrected=corrected).probabilities

    @property
    def entities(self) -> numpy.ndarray:
        """Annotated entities (int64, n x 3: document, start, end), in document order; under the scheme TAG, tokens that
        are annotated."""
        return self._annotation[0]

    @property
    def entity_labels(self) -> numpy.ndarray:
        """Label of each annotated entity (int64, n): its number among the scheme's labels."""
        return self._annotation[1]

    @cached_property
    def _annotation(self) -> tuple[numpy.ndarray, numpy.ndarray]:
        if self.scheme.by_token:  # there may be many
            rows = numpy.flatnonzero(self.known)
            return self.data.tokens(rows), self.labels[rows]
        numbers = {label: number for number, label in enumerate(self.scheme.labels)}
        found, labels = [], []
        for document, (first, length) in enumerate(zip(self.data.starts.tolist(), self.data.lengths)):
            own = slice(first, first + length)
            for one in self.scheme.annotation(self.labels[own].tolist(), self.known[own].tolist()):
                found.append((document, one.start, one.end))
                labels.append(numbers[one.label])
        return numpy.array(found, dtype=numpy.int64).reshape(-1, 3), numpy.array(labels, dtype=numpy.int64)

    @cached_property
    def units(self) -> numpy.ndarray:
        """Entities, and each token outside as a segment of its own: every token is in one (int64, n x 3)."""
        entities, starts = self.entities, self.data.starts
        documents = numpy.repeat(numpy.arange(len(starts)), self.data.lengths)
        offsets = numpy.arange(len(documents)) - starts[documents]
        first = numpy.ones(len(documents), dtype=bool)  # tokens that begin a segment
        ends = offsets + 1
        for begin, length in zip((starts[entities[:, 0]] + entities[:, 1]).tolist(), numpy.ptp(entities[:, 1:], 1)):
            first[begin + 1 : begin + length] = False
            ends[begin] = offsets[begin] + length
        return numpy.stack([documents, offsets, ends], axis=1)[first]

    def factors(self, rows: Any) -> TokenFactors:
        """Return the gradients of the conditional losses of some tokens, in factored form."""
        found = self.conditionals
        features = numpy.asarray(self.data.features[rows])
        return TokenFactors(features, found.residuals[rows], found.previous[rows], found.following[rows])

    def chains(self, segments: numpy.ndarray) -> SegmentChains:
        """Free segments (ints, n x 3) whose labels are the training labels. RAISES (ValueError): S029."""
        return chains_at(self.head, self.data, self.labels, segments)


def chains_at(head: Head, data: HeadData, labels: numpy.ndarray, segments: numpy.ndarray) -> SegmentChains:
    """Free segments (ints, n x 3) of texts whose labels (ints, tokens) are all taken for certain.

    RAISES (ValueError): S029 if a segment is not inside its document.
    """
    chains = SegmentChains(head, data, labels, segments)
    certain = one_label_each(labels[chains.rows], data.labels)
    return chains if (certain == chains.observed).all() else chains.at(head, certain)


def scheme_of(manifest: Manifest) -> TagScheme:
    """Find the scheme that has the tags of an index."""
    name, tags = manifest.scheme, manifest.tags
    labels = tags if name == TAG else dict.fromkeys(tag[2:] for tag in tags[1:])
    return TagScheme(tuple(labels), name, target=manifest.target)
