"""A training label that supports or opposes a prediction, as a light read-only view (see ``views``)."""

from __future__ import annotations

from typing import Any, Mapping, Optional, Sequence

from ..rendering.templates import template_macro
from ..rendering.text import tokens_of


class Reference:
    """A training label that supports or opposes a prediction.

    >>> doc = spacy.load("indexed")("Ada Lind visited Tarnby .")
    >>> reference = doc.ents[0]._.influencers.supporting[0]
    >>> reference.supports, reference.influence == -reference.effect
    (True, True)
    >>> reference.text in reference.context
    True
    """

    __slots__ = ("_data", "doubtful", "effect", "log_odds", "reasons", "refined", "score")

    def __init__(
        self,
        data: Mapping[str, Any],
        effect: float,
        score: Optional[float] = None,
        log_odds: Optional[float] = None,
        refined: bool = False,
        doubtful: bool = False,
        reasons: Sequence[str] = (),
    ) -> None:
        self._data = data
        self.reasons = tuple(reasons)
        """tuple of str: what the label shares with the prediction, the most telling first."""
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
        """Its number among the training labels of the index."""
        return self._data["row"]

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
    def figure(self) -> str:
        """What is shown of the effect: the score, or the change of log-odds, with a star if it was refined and a
        question mark if it is doubtful."""
        if self.log_odds is None:
            return f"score {self.effect:+.3g}"
        return f"log-odds {self.log_odds:+.3g}" + ("*" if self.refined else "?" if self.doubtful else "")

    @property
    def full_label(self) -> str:
        """The label, and what it might be if an entity is missing from the annotation there."""
        return f"{self.label} (or {self.missing}?)" if self.missing else self.label

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.doc_id}, {tokens_of(self.start, self.end)}" + (", appended" if self.added else "")

    def __repr__(self) -> str:
        return (
            f"<{self.text!r} {self.label} in {self.doc_id}[{self.start}:{self.end}] {self.relation} {self.effect:+.3g}>"
        )

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return template_macro("cell.html", "reference")(self)
