"""Light read-only views of the explanations stored on a Doc.

What is stored (``doc._.seginf``) are lists, dicts, strings and numbers only, so that it survives ``Doc.to_bytes``,
``DocBin(store_user_data=True)`` and pickling:

    {"component": str, "tagger": str, "curvature": str, "unit": "entity" or "token",
     "references": [{"text", "label", "document", "start", "end", "context", "offset", "row", "missing"}, ...],
     "tokens":   [explanation of every token],
     "entities": [explanation of every entity],
     "refit": bool, "centre": "trained" or "zero", only after a refit: how the head that explains came about,
     "method": str, only if the references are not those of the index's own search,
     "explains": {"component": str},   only after `seginf attach`; see ``CRFTagger.explained``
     "others": {component: the same}}   only if further influence components ran before this one

with explanation = {"start": first character, "end": last character (exclusive), "text", "label", "probability",
"supporting": [[reference number, effect, score, change of log-odds, refined, doubtful], ...], "opposing": [...],
"rows_seen": int, "instead": str, only where the head that explains predicts something else}.
"missing" is there only for entities that the annotation leaves out. What is not known is None: the
probability of tokens that were not to be explained, and the log-odds of scores.
"""

from __future__ import annotations

from typing import Any, Iterator, Mapping, Optional, Sequence

from ..rendering.templates import template_macro
from ..rendering.text import tokens_of, visible

NOT_ASKED = "Not explained: only entities are (explain = 'entities')."
SET_SINCE = "Not explained: another component has set this entity, or its label."


class Reference:
    """A training label that supports or opposes a prediction.

    >>> doc = spacy.load("indexed")("Ada Lind visited Tarnby .")
    >>> reference = doc.ents[0]._.influencers.supporting[0]
    >>> reference.supports, reference.influence == -reference.effect
    (True, True)
    >>> reference.text in reference.context
    True
    """

    __slots__ = ("_data", "doubtful", "effect", "log_odds", "refined", "score")

    def __init__(
        self,
        data: Mapping[str, Any],
        effect: float,
        score: Optional[float] = None,
        log_odds: Optional[float] = None,
        refined: bool = False,
        doubtful: bool = False,
    ) -> None:
        self._data = data
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


class Influencers:
    """The references of one token or entity. Iterating gives the supporting ones, then the opposing ones.

    >>> doc = spacy.load("indexed")("Ada Lind visited Tarnby .")
    >>> influencers = doc.ents[0]._.influencers
    >>> all(reference.effect > 0 for reference in influencers.supporting)
    True
    >>> all(reference.effect < 0 for reference in influencers.opposing)
    True
    """

    __slots__ = ("_data", "_references")

    def __init__(self, data: Mapping[str, Any], references: Sequence[Mapping[str, Any]]) -> None:
        self._data = data
        self._references = references

    @property
    def text(self) -> str:
        """The explained text."""
        return self._data["text"]

    @property
    def label(self) -> str:
        """The prediction that is explained: a tag for a token, an entity type for an entity."""
        return self._data["label"]

    @property
    def probability(self) -> Optional[float]:
        """p(labels | labels outside, text), of the token or of the whole entity (also for tokens inside an entity,
        unless references are tokens). Not the marginal probability: everything around is taken as predicted. None for
        what is not explained."""
        value = self._data["probability"]
        return None if value is None or value != value else value

    @property
    def unexplained(self) -> str:
        """Why there is no explanation; empty if there is one."""
        return "" if self.probability is not None else self._data.get("unexplained", NOT_ASKED)

    @property
    def instead(self) -> Optional[str]:
        """What the head that explains would predict here, if that is not what the pipeline predicts: an entity type,
        "O", or other entities ("ORG of 2 tokens, O"); a tag for single tokens. Then p and effects are those of a label
        that this head does not choose. None where both predict the same, and for what ``Influence.explain`` returns."""
        return self._data.get("instead")

    @property
    def start_char(self) -> int:
        """First character in the text."""
        return self._data["start"]

    @property
    def end_char(self) -> int:
        """Character after the last."""
        return self._data["end"]

    @property
    def supporting(self) -> tuple[Reference, ...]:
        """Training labels that support the prediction, strongest first."""
        return self._view("supporting")

    @property
    def opposing(self) -> tuple[Reference, ...]:
        """Training labels that oppose the prediction, strongest first."""
        return self._view("opposing")

    @property
    def rows_seen(self) -> int:
        """How many training labels had to be compared to be sure that these are the strongest."""
        return self._data["rows_seen"]

    def _view(self, side: str) -> tuple[Reference, ...]:
        return tuple(Reference(self._references[number], *values) for number, *values in self._data[side])

    def __iter__(self) -> Iterator[Reference]:
        yield from self.supporting
        yield from self.opposing

    def __len__(self) -> int:
        return len(self._data["supporting"]) + len(self._data["opposing"])

    @property
    def difference(self) -> str:
        """What the head that explains would predict, in words, if something else; else empty."""
        return "" if self.instead is None else f"the head that explains predicts {visible(self.instead)}"

    def __repr__(self) -> str:
        if self.probability is None:
            return f"<influencers of {self.text!r} {self.label}: {self.unexplained}>"
        sides = f"{len(self._data['supporting'])} supporting, {len(self._data['opposing'])} opposing"
        return f"<influencers of {self.text!r} {self.label} (p={self.probability:.2f}): {sides}>"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return template_macro("cell.html", "influencers")(self)


def unexplained(start: int, end: int, text: str, label: str) -> Influencers:
    """Return what is said of an entity that another component has set, or given another label.

    start, end (int): its first character, and the one after the last. text, label (str).
    """
    entry: dict[str, Any] = {"start": start, "end": end, "text": text, "label": label, "probability": None}
    return Influencers({**entry, "supporting": [], "opposing": [], "rows_seen": 0, "unexplained": SET_SINCE}, [])
