"""Light read-only views of the explanations stored on a Doc.

What is stored (``doc._.seginf``) are lists, dicts, strings and numbers only, so that it survives ``Doc.to_bytes``,
``DocBin(store_user_data=True)`` and pickling:

    {"tagger": str, "curvature": str,
     "references": [{"text", "label", "document", "start", "end", "context", "offset"}, ...],
     "tokens":   [explanation of every token],
     "entities": [explanation of every entity],
     "explains": {"component", "agreement"}; only if the tagger hands on another component's predictions}

with explanation = {"start": first character, "end": last character (exclusive), "text", "label", "probability",
"supporting": [[reference number, effect], ...], "opposing": [...], "rows_seen": int}.
"""

from __future__ import annotations

from typing import Any, Iterator, Mapping


class Reference:
    """A training label that supports or opposes a prediction."""

    __slots__ = ("_data", "effect")

    def __init__(self, data: Mapping[str, Any], effect: float) -> None:
        self._data = data
        self.effect = effect
        """float: positive supports, negative opposes the prediction. With identity curvature this is the inner
        product of the two gradients: what the prediction's conditional loss would rise by (in nats, first order) per
        unit step that unlearns the label. It ranks references; it is no prediction of retraining."""

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
        """Its label in the training corpus, as a tag: "B-PER", "I-PER", "O"."""
        return self._data["label"]

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

    def __repr__(self) -> str:
        return (
            f"<{self.text!r} {self.label} in {self.doc_id}[{self.start}:{self.end}] {self.relation} {self.effect:+.3g}>"
        )


class Influencers:
    """The references of one token or entity. Iterating gives the supporting ones, then the opposing ones."""

    __slots__ = ("_data", "_references")

    def __init__(self, data: Mapping[str, Any], references: list[Mapping[str, Any]]) -> None:
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
    def probability(self) -> float:
        """p(predicted labels | predicted labels outside, text), of the token or of the whole entity. Not the marginal
        probability: everything around is taken as predicted."""
        return self._data["probability"]

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
        return tuple(Reference(self._references[number], effect) for number, effect in self._data[side])

    def __iter__(self) -> Iterator[Reference]:
        yield from self.supporting
        yield from self.opposing

    def __len__(self) -> int:
        return len(self._data["supporting"]) + len(self._data["opposing"])

    def __repr__(self) -> str:
        sides = f"{len(self._data['supporting'])} supporting, {len(self._data['opposing'])} opposing"
        return f"<influencers of {self.text!r} {self.label} (p={self.probability:.2f}): {sides}>"
