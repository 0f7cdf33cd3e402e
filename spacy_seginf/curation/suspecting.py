"""All of it together: from training labels, and whoever is trusted, to suspects in the order in which to read them."""

from __future__ import annotations

from dataclasses import dataclass, replace
from functools import cached_property
from typing import Callable, Optional, Sequence

import numpy

from ..crf.schemes import Entity
from ..influence.linear_algebra import unit_vectors
from .driving import Mistakes, likeness
from .families import find_families
from .feedback import Traits, feedback_factors, heard_labels
from .opinions import Trusted, head_opinion, held_out_opinion, neighbours_opinion, trusted_head, unannotated
from .ranking import Suspect, overlapping_left_out, suspects_of
from .readings import Reading, Regions, find_regions
from .source import LabelSource

CONSIDERED = 1000
LIKE = 10  # mistakes that a region is compared with: the most similar ones
PAIRS = 20_000  # entities of the same type whose distance is looked at
SEED = 0
Say = Callable[[str], None]


@dataclass(frozen=True)
class Decided:
    """What a region of a training document was decided to hold. document (int); start, end (int): tokens; current,
    entities (tuples of Entity): before and after."""

    document: int
    start: int
    end: int
    current: Reading
    entities: Reading

    @property
    def wrong(self) -> bool:
        """Whether the labels were changed."""
        return self.current != self.entities


class Suspector:
    """Finds suspicious regions, again and again as decisions come in.

    source (LabelSource): training labels. words (sequence of sequences of str): tokens of the documents.
    trusted (Trusted): texts with right labels, such as a development corpus; None if there are none.
    missing (sequence of (document, start, end, type)): entities that the index found missing.
    say (Callable): is told what is being done.
    considered (int): how many of the most suspicious are grouped.
    RAISES (ValueError): S210 if labels are tags; S051 if the trusted labels are too few for a head.
    """

    def __init__(
        self,
        source: LabelSource,
        words: Sequence[Sequence[str]],
        trusted: Optional[Trusted] = None,
        missing: Sequence[tuple[int, int, int, str]] = (),
        say: Say = lambda _: None,
        considered: int = CONSIDERED,
    ) -> None:
        self.source, self._words, self.considered = source, words, considered
        head = None
        if trusted is not None and len(trusted):
            say("Fitting a head to the trusted labels")
            head = trusted_head(trusted)
            missing = [*missing, *unannotated(source, head)]
        self.regions = Regions(source, find_regions(source, missing))
        say(f"Asking heads that have not seen the document about {len(self.regions):,} regions")
        self._held_out = self.regions.scores(held_out_opinion(source))
        self._asked = [self._held_out]
        if trusted is not None and head is not None:
            say(f"Asking the nearest of {len(trusted):,} trusted tokens")
            near = neighbours_opinion(source, trusted, self.regions.rows)
            self._asked = [self.regions.scores(head_opinion(source, head)), self.regions.scores(near)]
        self._together = numpy.mean(self._asked, axis=0)
        self.trusts = len(self._asked) > 1
        self._suspects = suspects_of(self.regions, self._together, self._held_out)
        self._raised: Optional[numpy.ndarray] = None

    def raise_drivers(self, mistakes: Mistakes) -> None:
        """Let the order be decided by what drives mistakes, too: the score of a region is multiplied by how like the
        mistakes its labels are (mean cosine with the LIKE most similar ones; what is unlike counts 0)."""
        segments = numpy.array([(one.document, one.start, one.end) for one in self._suspects], dtype=numpy.int64)
        alike = numpy.sort(likeness(self.source, mistakes, segments.reshape(-1, 3)), axis=1)[:, ::-1][:, :LIKE]
        self._raised = numpy.maximum(alike.mean(axis=1), 0.0) if len(mistakes) else None

    def rank(self, decided: Sequence[Decided] = ()) -> list[Suspect]:
        """Order the suspects that are not decided yet, the most suspicious first.

        What was decided raises or lowers the scores of what is like it, and what was relabelled suggests its label.
        """
        scores = numpy.array([suspect.score for suspect in self._suspects])
        suspects = self._suspects
        places, sure = self._places(decided)
        if len(places):
            wrong = numpy.array([one.wrong for one in sure])
            changed = [number for number, one in enumerate(sure) if one.wrong]
            outcomes = [sure[number].entities for number in changed]
            labels = heard_labels(self._traits, places[changed], outcomes, len(suspects))
            suspects = [self._suggesting(one, label) for one, label in zip(suspects, labels)]
            scores = scores * feedback_factors(scores, self._traits, places, wrong)
        if self._raised is not None:
            scores = scores * self._raised
        scored = [replace(suspect, score=float(score)) for suspect, score in zip(suspects, scores)]
        return overlapping_left_out(scored, [(one.document, one.start, one.end) for one in decided])

    def families(self, suspects: Sequence[Suspect]) -> list[Suspect]:
        """Group suspects, and order them by the mean score of their families times the square root of their sizes: a
        look at a large one decides much. Then by their own scores."""
        surfaces, changes = [], []
        for suspect in suspects:
            surfaces.append(" ".join(self._words[suspect.document][suspect.start : suspect.end]))
            labels = [tuple(one.label for one in reading) for reading in (suspect.current, suspect.suggested)]
            changes.append((suspect.kind, *labels))
        families = find_families(changes, surfaces, self._directions(suspects), self._spread)
        scores = numpy.array([suspect.score for suspect in suspects])
        if not len(scores):
            return []
        worth = numpy.bincount(families, scores) / numpy.sqrt(numpy.bincount(families))
        order = numpy.lexsort((numpy.arange(len(scores)), -scores, families, -worth[families]))
        return [replace(suspects[number], family=int(families[number])) for number in order.tolist()]

    def trust(self, suspects: Sequence[Suspect]) -> list[tuple[float, float]]:
        """Return p of the current and of the suggested labels by trusted labels; empty if nobody is trusted."""
        if not self.trusts:
            return []
        found = []
        for suspect in suspects:
            own = numpy.exp(self._together[[self.regions.firsts[suspect.region], suspect.reading]])
            found.append((float(own[0]), float(own[1])))
        return found

    def _suggesting(self, suspect: Suspect, label: str) -> Suspect:
        """Suggest another type, if the suspect is of one entity that might have it."""
        if not label or len(suspect.current) != 1 or (suspect.suggested[:1] and suspect.suggested[0].label == label):
            return suspect
        entity = suspect.current[0]
        wanted = (Entity(entity.start, entity.end, label),)
        readings = self.regions.regions[suspect.region].readings
        if wanted not in readings or wanted == suspect.current:
            return suspect
        number = int(self.regions.firsts[suspect.region]) + readings.index(wanted)
        probability = float(numpy.exp(self._held_out[number]))
        changed = replace(suspect, suggested=wanted, reading=number, suggested_probability=probability)
        return replace(changed, start=entity.start, end=entity.end)

    def _places(self, decided: Sequence[Decided]) -> tuple[numpy.ndarray, list[Decided]]:
        """Find the suspects that decisions are about (int64), and what was decided of each: a decision may be on more
        tokens than a suspect."""
        by_document: dict[int, list[int]] = {}
        for number, suspect in enumerate(self._suspects):
            by_document.setdefault(suspect.document, []).append(number)
        places, sure = [], []
        for one in decided:
            seen: set[Reading] = set()
            for number in by_document.get(one.document, ()):
                suspect = self._suspects[number]
                current = suspect.current
                overlap = suspect.start < one.end and one.start < suspect.end
                if not overlap or current in seen or not set(current) <= set(one.current):
                    continue
                if not current and one.current:
                    continue
                seen.add(current)
                outcome = tuple(new for new in one.entities if new.start < suspect.end and suspect.start < new.end)
                places.append(number)
                sure.append(replace(one, start=suspect.start, end=suspect.end, current=current, entities=outcome))
        return numpy.array(places, dtype=numpy.int64), sure

    @cached_property
    def _traits(self) -> Traits:
        numbers: dict[tuple[str, ...], int] = {}
        types = [tuple(one.label for one in suspect.current) for suspect in self._suspects]
        current = numpy.array([numbers.setdefault(own, len(numbers)) for own in types], dtype=numpy.int64)
        return Traits(self._directions(self._suspects), current, self._spread)

    @cached_property
    def _spread(self) -> float:
        """Median distance of two entities of the same type, over pairs that are drawn."""
        entities = self.source.entities
        if len(entities) < 2:
            return 1.0
        generator = numpy.random.default_rng(SEED)
        first, second = generator.integers(len(entities), size=(2, PAIRS))
        labels = self.source.labels[self.source.data.starts[entities[:, 0]] + entities[:, 1]]
        alike = (labels[first] == labels[second]) & (first != second)
        vectors = _means(self.source, entities)
        cosines = (vectors[first[alike]] * vectors[second[alike]]).sum(axis=1)
        return max(float(numpy.median(1.0 - cosines)), 1e-6) if alike.any() else 1.0

    def _directions(self, suspects: Sequence[Suspect]) -> numpy.ndarray:
        places = [(suspect.document, suspect.start, suspect.end) for suspect in suspects]
        return _means(self.source, numpy.array(places, dtype=numpy.int64).reshape(-1, 3))


def _means(source: LabelSource, segments: numpy.ndarray) -> numpy.ndarray:
    """Return the mean features of segments, scaled to length 1 (float32, n x d)."""
    vectors = numpy.zeros((len(segments), source.data.features.shape[1]), dtype=numpy.float32)
    firsts = source.data.starts[segments[:, 0]]
    for vector, first, (_, start, end) in zip(vectors, firsts.tolist(), segments.tolist()):
        vector[:] = source.data.features[first + start : first + end].mean(axis=0)
    return unit_vectors(vectors)
