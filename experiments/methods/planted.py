"""Do the top references of a wrong prediction name the labels that were planted to cause it?

The criterion is that the top supporting reference of a victim's wrong label is a culprit of the victim's kind (for
both see ``spacy_seginf.evaluation.planted``).

Two indexes answer different questions. Under identity curvature (the paper's setting) the top references are labels
like the victim that surprise the model. Under the exact effect they are labels whose removal would change the
prediction most; planted errors are many and stand in for each other, so taking one away may change less than taking
away a single odd label.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Sequence

import numpy
from spacy.language import Language
from spacy.tokens import Doc

from spacy_seginf.evaluation.planted import CONFUSIONS, Victim, find_victims, predict_tags, tags_of
from spacy_seginf.explanation.influence import Influence
from spacy_seginf.explanation.views import Reference
from spacy_seginf.influence.linear_algebra import unit_vectors
from spacy_seginf.tagger.encoding import encode, read_as

TOP = 5


@dataclass
class PlantedReport:
    """Counts per kind of planted error; shares are between 0 and 1.

    victims: test tokens that the planted labels made wrong.
    hits: victims whose top supporting reference is a culprit of their kind.
    among: victims that have a culprit of their kind among their five top supporting references.
    neighbour_hits: the same for the most similar training token (cosine of features) that has the wrong label.
    base_rates: expected hits, per victim, of a training token (or entity, if references are entities) drawn at random
        among those with the wrong label.
    """

    victims: dict[str, int] = field(default_factory=dict)
    hits: dict[str, int] = field(default_factory=dict)
    among: dict[str, int] = field(default_factory=dict)
    neighbour_hits: dict[str, int] = field(default_factory=dict)
    base_rates: dict[str, float] = field(default_factory=dict)

    def share(self, counts: dict[str, int]) -> float:
        """Pool the kinds: counts over all victims."""
        return sum(counts.values()) / max(1, sum(self.victims.values()))

    @property
    def base_rate(self) -> float:
        """Base rate over all victims."""
        return sum(self.base_rates[kind] * n for kind, n in self.victims.items()) / max(1, sum(self.victims.values()))

    def figures(self) -> dict[str, Any]:
        """Return the pooled figures as plain values."""
        return {
            "victims": sum(self.victims.values()),
            "top_reference_is_culprit": self.share(self.hits),
            "among_top_5": self.share(self.among),
            "nearest_neighbour_is_culprit": self.share(self.neighbour_hits),
            "base_rate": self.base_rate,
        }


def side_by_side(identity: PlantedReport, exact: PlantedReport) -> dict[str, Any]:
    """Put the pooled figures of two indexes side by side: the paper's setting, and (``exact_...``) the exact effect.

    Each index explains the predictions of its own head, so the victims may differ a little.
    """
    figures = {f"exact_{name}": value for name, value in exact.figures().items()}
    del figures["exact_nearest_neighbour_is_culprit"]  # features are the same
    return {**identity.figures(), **figures}


def evaluate_planted(
    indexed: Language, trained_on_truth: Language, docs: Sequence[Doc], culprits: dict[tuple[str, int], str]
) -> tuple[PlantedReport, list[Victim], list[Doc]]:
    """Measure how often top references of victims are culprits, with nearest neighbours and chance beside it.

    indexed (Language): trained on the planted labels, with an index over them.
    trained_on_truth (Language): trained in the same way on the true labels.
    docs (sequence of Doc): gold test documents.
    culprits: as ``read_culprits`` gives them.
    RETURNS: the report, the victims, and the explained documents.
    """
    explained = list(indexed.pipe([read_as(indexed, doc) for doc in docs]))
    wrong_tags = [tags_of(indexed, doc) for doc in explained]
    victims = find_victims(docs, wrong_tags, predict_tags(trained_on_truth, docs))
    influence = next(component for _, component in indexed.pipeline if isinstance(component, Influence))
    neighbours = _Neighbours(influence, culprits)
    report = PlantedReport()
    for counts in (report.victims, report.hits, report.among, report.neighbour_hits):
        counts.update(dict.fromkeys(CONFUSIONS, 0))
    chances: dict[str, list[float]] = {kind: [] for kind in CONFUSIONS}
    features = encode(indexed, influence.find_tagger(), [read_as(indexed, doc) for doc in docs])
    for victim in victims:
        supporting = explained[victim.document][victim.token]._.influencers.supporting
        report.victims[victim.kind] += 1
        named = [_names(reference, victim.kind, culprits) for reference in supporting[:TOP]]
        report.hits[victim.kind] += named[:1] == [True]
        report.among[victim.kind] += any(named)
        nearest, chance = neighbours.look_up(features[victim.document][victim.token], victim)
        report.neighbour_hits[victim.kind] += nearest
        chances[victim.kind].append(chance)
    report.base_rates = {kind: float(numpy.mean(values)) if values else 0.0 for kind, values in chances.items()}
    return report, victims, explained


def _names(reference: Reference, kind: str, culprits: dict[tuple[str, int], str]) -> bool:
    """Does a reference, a token or an entity, hold a culprit of this kind?"""
    return any(culprits.get((reference.doc_id, token)) == kind for token in range(reference.start, reference.end))


class _Neighbours:
    """Nearest training tokens by the cosine of their features, and chance, among those with a given label.

    Chance draws what references are: tokens, or entities of a type.
    """

    def __init__(self, influence: Influence, culprits: dict[tuple[str, int], str]) -> None:
        assert influence.index is not None
        self._tags = influence.index.manifest.tags
        index = influence.index.tokens
        self._labels = numpy.concatenate([part.labels[: len(part), 1] for part in index.parts])
        places = [index.place(row) for row in range(len(index))]
        self._kinds = numpy.array([culprits.get(place, "") for place in places])
        features = numpy.concatenate([part.factors(slice(0, len(part))).features for part in index.parts])
        self._directions = unit_vectors(features)
        self._entities: dict[str, list[set[str]]] = {}  # by type, the kinds of culprits in each
        if influence.used_unit == "entity":
            for row in range(len(influence.index.segments)):
                described = influence.index.segments.reference(row)
                places = [(described["document"], token) for token in range(described["start"], described["end"])]
                kinds = {culprits[place] for place in places if place in culprits}
                self._entities.setdefault(described["label"], []).append(kinds)

    def look_up(self, features: Any, victim: Victim) -> tuple[bool, float]:
        """Is the nearest token with the victim's wrong label a culprit of its kind; and how often would chance be?"""
        rows = numpy.flatnonzero(self._labels == self._tags.index(victim.label))
        if not len(rows):
            return False, 0.0
        nearest = rows[int((self._directions[rows] @ features).argmax())]
        drawn = self._kinds[rows] == victim.kind
        if self._entities:
            drawn = [victim.kind in kinds for kinds in self._entities.get(victim.label[2:], [])]
        return bool(self._kinds[nearest] == victim.kind), float(numpy.mean(drawn)) if len(drawn) else 0.0
