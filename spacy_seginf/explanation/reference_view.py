"""A training label that supports or opposes a prediction, as a light read-only view (see ``views``)."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Collection, Iterable, Mapping, Optional, Sequence

from ..rendering.templates import template_macro
from ..rendering.text import change_in_words, tokens_of

HUB = "also behind most other predictions here: see hub in the glossary"


class Reference:
    """A training label that supports or opposes a prediction.

    >>> doc = spacy.load("indexed")("Ada Lind visited Tarnby .")
    >>> reference = doc.ents[0]._.influencers.supporting[0]
    >>> reference.supports, reference.influence == -reference.effect
    (True, True)
    >>> reference.text in reference.context
    True
    """

    __slots__ = ("_data", "doubtful", "effect", "log_odds", "probability", "reasons", "refined", "score", "words")

    def __init__(
        self,
        data: Mapping[str, Any],
        effect: float,
        score: Optional[float] = None,
        log_odds: Optional[float] = None,
        refined: bool = False,
        doubtful: bool = False,
        reasons: Sequence[str] = (),
        words: Sequence[tuple[str, float]] = (),
        *,
        probability: Optional[float] = None,
    ) -> None:
        self._data = data
        self.reasons = tuple(reasons)
        """tuple of str: what the label shares with the prediction, the most telling first."""
        self.words = tuple(words)
        """tuple of (str, float): words that carried the score, if that was asked for; see ``words_behind``."""
        self.probability = probability
        """Optional[float]: of the prediction as it is, if it is known."""
        self.effect = effect
        """float: by how much the prediction's conditional loss -log p rises (nats) when the label is taken away and the
        head is refit: positive supports, negative opposes. With identity curvature it is the inner product of two
        gradients instead, and with another method that one's score: both rank references and predict no retraining."""
        self.score = effect if score is None else score
        """float: the first-order effect, by which the search ranks."""
        self.log_odds = log_odds
        """Optional[float]: the effect as a change of log p / (1 - p), so negative supports; None with identity."""
        self.refined = refined
        """bool: True if the effect was refined on all training documents, until the head was at its new optimum: one
        step was doubtful, or by request."""
        self.doubtful = doubtful
        """bool: True if one step is doubtful, and no optimum was found: the index is pruned or was not refit, or the
        steps did not converge."""

    @property
    def influence(self) -> float:
        """The paper's sign (Jain et al. 2022, Eq. 9): of including the label on the loss; negative supports."""
        return -self.effect

    @property
    def supports(self) -> bool:
        """True if the label supports the prediction, False if it opposes it."""
        return self.effect > 0

    @property
    def relation(self) -> str:
        """ "supports" or "opposes"."""
        return "supports" if self.supports else "opposes"

    @property
    def text(self) -> str:
        """The labelled text."""
        return self._data["text"]

    @property
    def label(self) -> str:
        """Its label in the training corpus: a type, or a tag ("B-PER") if references are tokens; "O" if none."""
        return self._data["label"]

    @property
    def row(self) -> int:
        """Its number among the training labels of the index; -1 for a label that is named by a family only."""
        return self._data.get("row", -1)

    @property
    def missing(self) -> str:
        """For an "O" that could be an entity, the type that the head would give it; else empty."""
        return self._data.get("missing", "")

    @property
    def added(self) -> bool:
        """True for a label of a document that was appended later: the head has not learned from it. Its effect is what
        adding it would do, with the sign of a removal: positive supports."""
        return bool(self._data.get("added", False))

    @property
    def doc_id(self) -> str:
        """Id of the training document: its user_data["id"], else the corpus name and a running number."""
        return self._data["document"]

    @property
    def start(self) -> int:
        """First token in the training document."""
        return self._data["start"]

    @property
    def end(self) -> int:
        """Token after the last."""
        return self._data["end"]

    @property
    def context(self) -> str:
        """The training text around the label."""
        return self._data["context"]

    @property
    def context_parts(self) -> tuple[str, str, str]:
        """The context cut in three: before the labelled text, the labelled text, after it."""
        begin = self._data["offset"]
        end = begin + len(self.text)
        return self.context[:begin], self.context[begin:end], self.context[end:]

    @property
    def strength(self) -> float:
        """By how much the prediction's log-odds log p / (1 - p) would fall without the label: positive supports,
        negative opposes. Where only a score is known, that score."""
        return self.effect if self.log_odds is None else -self.log_odds

    @property
    def without(self) -> Optional[float]:
        """The prediction's probability without this label. None where only a score is known, and for a label that the
        head has not learned from."""
        return None if self.added else self._after(-self.effect)

    @property
    def change(self) -> str:
        """What taking the label away would do, in words: "would fall from .83 to .81"; for an appended label, what
        learning from it would do. Empty where only a score is known."""
        after = self._after(self.effect if self.added else -self.effect)
        if self.probability is None or after is None:
            return ""
        return change_in_words(self.probability, after) + (" with it" if self.added else " without it")

    def _after(self, gain: float) -> Optional[float]:
        if self.log_odds is None or self.probability is None:
            return None
        return min(self.probability * math.exp(gain), 1.0)

    @property
    def figure(self) -> str:
        """Its strength as it is shown: with a star if it was refined, and a question mark if it is doubtful; a score is
        called one."""
        if self.log_odds is None:
            return f"score {self.strength:+.3g}"
        return f"{self.strength:+.3g}" + ("*" if self.refined else "?" if self.doubtful else "")

    @property
    def full_label(self) -> str:
        """The label, and what it might be if an entity is missing from the annotation there."""
        return f"{self.label} (or {self.missing}?)" if self.missing else self.label

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.doc_id}, {tokens_of(self.start, self.end)}" + (", appended" if self.added else "")

    def __repr__(self) -> str:
        place = f"{self.doc_id}[{self.start}:{self.end}]"
        return f"<{self.text!r} {self.label} in {place} {self.relation} {self.strength:+.3g}>"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return template_macro("cell.html", "reference")(self)


Likeness = tuple[str, str, str]


@dataclass(frozen=True)
class Folded:
    """A reference, and how often the same words are there with the same label in the same context."""

    reference: Reference
    times: int

    @property
    def likeness(self) -> Likeness:
        """What a reader sees of it: the same for references that can't be told apart."""
        return _likeness(self.reference)

    def remark(self, hubs: Collection[Likeness]) -> str:
        """Say that it is a hub, if it is among these (see ``views.hubs``); else nothing."""
        return HUB if self.likeness in hubs else ""

    @property
    def place(self) -> str:
        """Where the strongest one is, and how many others there are."""
        others = self.times - 1
        return self.reference.place + (f", and {others} other{'s' * (others > 1)} like it" if others else "")


def folded(references: Iterable[Reference]) -> list[Folded]:
    """Fold references that a reader could not tell apart; the first of each stays."""
    found: dict[Likeness, list[Reference]] = {}
    for reference in references:
        found.setdefault(_likeness(reference), []).append(reference)
    return [Folded(alike[0], len(alike)) for alike in found.values()]


def _likeness(reference: Reference) -> Likeness:
    return reference.text, reference.full_label, reference.context
