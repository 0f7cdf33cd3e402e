"""How probable what a tagger found is, and what else it might be: ``token._.label_probs``, ``span._.probability``,
``span._.alternatives``, ``doc._.sequence_probability`` and ``doc._.k_best``.

Scores wait beside documents, as long as these live; probabilities are computed when one is asked for, for all documents
that were tagged together, without another pass of the encoder.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from threading import Lock
from typing import Any, NamedTuple, Optional, Sequence
from weakref import WeakKeyDictionary

import numpy
from spacy.tokens import Doc, Span, Token

from ..crf.calibration import Calibration, form_of
from ..crf.decoding import Place
from ..crf.lattice import Limits
from ..crf.probabilities import Distribution
from ..crf.schemes import Entity, TagScheme
from ..errors import Errors, SeginfError
from . import CRFScores
from .head import on_cpu

Readings = list[tuple[float, list[Entity]]]
ALTERNATIVES = 5
_LOCK = Lock()


class Alternative(NamedTuple):
    """Another reading of a place: tokens, label (none: no entity has any of the tokens), text and probability."""

    start: int
    end: int
    label: str
    text: str
    probability: float


@dataclass
class ScoredBatch:
    """The scores of documents that were tagged together."""

    scheme: TagScheme
    emissions: numpy.ndarray
    transitions: numpy.ndarray
    lengths: list[int]
    limits: Optional[Limits]
    calibration: Calibration
    tags: numpy.ndarray
    words: Sequence[Sequence[str]]  # of each document, if the calibration asks for them

    @cached_property
    def distribution(self) -> Distribution:
        """What tag sequences these documents have, and how probable they are."""
        temperature = self.calibration.temperature
        return Distribution(self.scheme, self.emissions, self.transitions, self.lengths, self.limits, temperature)

    @cached_property
    def ordered(self) -> tuple[numpy.ndarray, numpy.ndarray]:
        """The tags of each token, the most probable first, and their probabilities (rows x tags)."""
        found = self.distribution.tag_probabilities
        order = numpy.argsort(-found, axis=1, kind="stable")
        return order, numpy.take_along_axis(found, order, axis=1)

    @cached_property
    def found(self) -> dict[tuple[int, int, int, str], float]:
        """The probabilities of the entities that were found: by document, start, end and type."""
        starts = self.distribution.starts.tolist()
        places = [
            (number, *entity)
            for number, (first, last) in enumerate(zip(starts, starts[1:]))
            for entity in self.scheme.entities(self.tags[first:last].tolist())
        ]
        return dict(zip(places, self.distribution.entities(places).tolist()))

    @cached_property
    def sequences(self) -> numpy.ndarray:
        """The probabilities of all tags that were found in each document together (float64)."""
        return self.distribution.sequences(self.tags)


class Scored(NamedTuple):
    """One document of a batch."""

    batch: ScoredBatch
    number: int

    def leave(self, doc: Doc, component: str, kept: Sequence[Place] = ()) -> DocProbabilities:
        """Let a document's probabilities be asked for. kept: entities that were there before."""
        found = DocProbabilities(self, component, frozenset(kept))
        with _LOCK:
            _KNOWN.setdefault(doc, {}).pop(component, None)
            _KNOWN[doc][component] = found
        return found


class DocProbabilities:
    """The probabilities of one document, by one tagger.

    >>> doc = spacy.load("pipeline")("Ada Lind slept .")
    >>> found = doc._.probabilities
    >>> round(sum(found.tags(0).values()), 6)
    1.0
    >>> found.of(doc.ents[0]) > 0.5
    True
    """

    def __init__(self, scored: Scored, component: str, kept: frozenset[Place] = frozenset()) -> None:
        self._batch, self._number = scored
        self.component = component
        """str: the tagger."""
        self._kept = kept
        first = sum(self._batch.lengths[: self._number])
        self._rows = slice(first, first + self._batch.lengths[self._number])

    def __len__(self) -> int:
        """The tokens that were tagged."""
        return self._batch.lengths[self._number]

    @property
    def _scheme(self) -> TagScheme:
        return self._batch.scheme

    @property
    def _found(self) -> list[int]:
        return self._batch.tags[self._rows].tolist()

    def has(self, span: Span) -> bool:
        """Tell whether a span can be asked for: its label is one of the tagger's, or it was there before."""
        return span.label_ in ("", *self._scheme.labels) or (span.start, span.end, span.label_) in self._kept

    def tags(self, token: int) -> dict[str, float]:
        """Return the probability of each tag of a token, the most probable first."""
        names, (order, values) = self._scheme.tags, self._batch.ordered
        row = self._rows.start + token
        return {names[tag]: value for tag, value in zip(order[row].tolist(), values[row].tolist())}

    @property
    def marginals(self) -> numpy.ndarray:
        """The probability of each tag at each token (float64, tokens x tags, in the order of ``CRFTagger.tags``): the
        fastest way to all of them."""
        return self._batch.distribution.tag_probabilities[self._rows]

    def of(self, span: Span) -> float:
        """Return the probability that a span has its label, and begins and ends where it does; without a label, that no
        entity has any of its tokens. For tags of tokens: that all its tokens have its label.

        RAISES (ValueError): S253 for a label that the tagger does not have.
        """
        start, end, label = place = span.start, span.end, span.label_
        if place in self._kept:
            return 1.0
        if label and label not in self._scheme.labels:
            known = ", ".join(self._scheme.labels)
            raise SeginfError(Errors.S253.format(label=label, name=self.component, known=known))
        return self.probability(start, end, label)

    def probability(self, start: int, end: int, label: str) -> float:
        """Return the same of tokens and a label that the tagger has, or none."""
        if start >= end:
            return 0.0 if label else 1.0
        distribution = self._batch.distribution
        if self._scheme.by_token:
            tags = [self._scheme.index[label]] * (end - start) if label else self._found[start:end]
            return distribution.segment(self._number, start, tags)
        if not label:
            return distribution.outside(self._number, start, end)
        plain = self._batch.found.get((self._number, start, end, label))
        if plain is None:
            plain = distribution.entity(self._number, start, end, label)
        calibration = self._batch.calibration
        form = form_of(self._batch.words[self._number][start:end]) if calibration.known else ""
        return calibration.of(label, plain, form)

    @property
    def sequence(self) -> float:
        """The probability of all tags that were found together."""
        return float(self._batch.sequences[self._number])

    def k_best(self, count: int = 10) -> Readings:
        """Return the most probable readings of the whole text, the best first: their probabilities and what they have
        (entities, or a tag for each token)."""
        found = self._batch.distribution.k_best(self._number, count)
        return [(one.probability, self._scheme.annotation(one.tags.tolist())) for one in found]

    def alternatives(self, span: Span, count: int = ALTERNATIVES) -> list[Alternative]:
        """Return the most probable other readings of a span: another type, other boundaries (by at most two tokens), or
        no entity; for tags of tokens, other tags of its first token."""
        if self._scheme.by_token:
            first = span.doc[span.start]
            tags = [(tag, p) for tag, p in self.tags(span.start).items() if tag != span.label_]
            return [Alternative(first.i, first.i + 1, tag, first.text, p) for tag, p in tags[:count]]
        found = self._batch.distribution.readings(self._number, span.start, span.end)
        found.pop((span.start, span.end, span.label_), None)
        others = [
            Alternative(start, end, label, span.doc[start:end].text, self.probability(start, end, label))
            for start, end, label in found
        ]
        return sorted(others, key=lambda one: -one.probability)[:count]


_KNOWN: WeakKeyDictionary[Doc, dict[str, DocProbabilities]] = WeakKeyDictionary()


def remember(
    scheme: TagScheme,
    docs: Sequence[Doc],
    scores: CRFScores,
    limits: Optional[Limits],
    calibration: Calibration,
    tags: numpy.ndarray,
) -> list[Scored]:
    """Keep the scores of documents that were tagged together, one entry for each."""
    emissions, transitions = on_cpu(scores.emissions), on_cpu(scores.transitions)
    words = [[token.text for token in doc] for doc in docs] if calibration.known else []
    batch = ScoredBatch(scheme, emissions, transitions, list(scores.lengths), limits, calibration, tags, words)
    return [Scored(batch, number) for number in range(len(batch.lengths))]


def probabilities_of(doc: Doc, component: Optional[str] = None) -> DocProbabilities:
    """Return the probabilities of a document.

    component (str): the name of a tagger; the last one that tagged it if None.
    RAISES (ValueError): S254 if none did in this process, S255 if its tokens changed since.
    """
    known = _KNOWN.get(doc, {})
    if not known or (component is not None and component not in known):
        raise SeginfError(Errors.S254.format(name=component or "crf_tagger", known=", ".join(known) or "none"))
    found = known[component] if component is not None else list(known.values())[-1]
    if len(found) != len(doc):
        raise SeginfError(Errors.S255.format(now=len(doc), then=len(found)))
    return found


def _of_span(span: Span) -> DocProbabilities:
    """Return the probabilities by the last tagger that has the span's label: others may have tagged something else."""
    doc = span.doc
    last, known = probabilities_of(doc), _KNOWN[doc]
    if len(known) == 1:
        return last
    return next((one for one in reversed(list(known.values())) if one.has(span)), last)


EXTENSIONS: list[tuple[Any, str, dict[str, Any]]] = [
    (Token, "label_probs", {"getter": lambda token: probabilities_of(token.doc).tags(token.i)}),
    (Span, "probability", {"getter": lambda span: _of_span(span).of(span)}),
    (Span, "alternatives", {"getter": lambda span: _of_span(span).alternatives(span)}),
    (Doc, "sequence_probability", {"getter": lambda doc: probabilities_of(doc).sequence}),
    (Doc, "k_best", {"method": lambda doc, count=10: probabilities_of(doc).k_best(count)}),
    (Doc, "probabilities_of", {"method": probabilities_of}),
    (Doc, "probabilities", {"getter": probabilities_of}),
]


def register_probabilities() -> None:
    """Register the extension attributes, except those that are there, which may be somebody else's."""
    with _LOCK:  # pipelines may be loaded by several threads
        for owner, name, how in EXTENSIONS:
            if not owner.has_extension(name):
                owner.set_extension(name, **how)
