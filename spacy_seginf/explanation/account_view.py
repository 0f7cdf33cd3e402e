"""Light read-only views of the accounts that are stored on a Doc beside the references (see ``views``).

"families" of what is stored are [{"family", "size", "label", "example": reference}, ...], and the "account" of an
explanation is {"against", "margin", "probability", "for", "opposing", "families": [[number, share, [reason, ...]],
...], "unlabelled", "transitions", "centre", "remainder"}, all in nats but the probability.
"""

from __future__ import annotations

from typing import Any, Mapping, Sequence

from .reference_view import Reference

CONTESTED = 0.9  # of an account: what speaks on both sides is ten times as much as what is left


class Family:
    """Training labels of one kind in like contexts, and their share in a prediction.

    Their shares are exact: those of all families and of the lines beside them add up to the margin.
    """

    __slots__ = ("_data", "reasons", "share")

    def __init__(self, data: Mapping[str, Any], share: float, reasons: Sequence[str] = ()) -> None:
        self._data = data
        self.share = share
        """float: of the margin (nats): positive supports the prediction, negative the other reading."""
        self.reasons = tuple(reasons)
        """tuple of str: what the labels share with the prediction."""

    @property
    def number(self) -> int:
        """Its number among the families of the index."""
        return self._data["family"]

    @property
    def size(self) -> int:
        """How many training labels it has."""
        return self._data["size"]

    @property
    def label(self) -> str:
        """What they say: an entity type, "O", or a tag."""
        return self._data["label"]

    @property
    def example(self) -> Reference:
        """A typical one; its effect is the share of the whole family."""
        return Reference(self._data["example"], self.share)

    @property
    def supports(self) -> bool:
        """True if the family supports the prediction, False if it supports the other reading."""
        return self.share > 0

    @property
    def name(self) -> str:
        """The family in words: 42 labels LOC like "FT : [Mainz] no goals"."""
        before, text, behind = self.example.context_parts
        like = f"{before}[{text}]{behind}".replace("\n", " ").strip()
        return f"{self.size} label{'s' * (self.size != 1)} {self.label} like “{like}”"

    def __repr__(self) -> str:
        return f"<{self.name}: {self.share:+.3g}>"


class Account:
    """The margin of a prediction over another reading, and what adds up to it.

    margin = shares of all families + unlabelled + transitions + centre + remainder (nats)
    """

    __slots__ = ("_data", "_families")

    def __init__(self, data: Mapping[str, Any], families: Sequence[Mapping[str, Any]]) -> None:
        self._data, self._families = data, families

    @property
    def against(self) -> str:
        """The other reading, in words: what the head finds most probable beside the prediction, or what was asked
        for."""
        return self._data["against"]

    @property
    def margin(self) -> float:
        """log p(prediction) / p(other reading), both given everything around (nats). Not log p / (1 - p)."""
        return self._data["margin"]

    @property
    def probability(self) -> float:
        """p(prediction | labels outside, text) under the head that training labels alone make of the encoder's
        features, which this account is of."""
        return self._data["probability"]

    @property
    def supporting(self) -> float:
        """Sum of the shares of all families that support the prediction (nats)."""
        return self._data["for"]

    @property
    def opposing(self) -> float:
        """Sum of the shares of all families that support the other reading (nats, negative)."""
        return self._data["opposing"]

    @property
    def families(self) -> tuple[Family, ...]:
        """The families with the largest shares, on both sides, largest first."""
        return tuple(Family(self._families[number], *rest) for number, *rest in self._data["families"])

    @property
    def lines(self) -> dict[str, float]:
        """What is no family of labels (nats): "unlabelled" tokens, "transitions" between labels, the "centre" that the
        head is pulled to, and the "remainder" of a head that is not at its optimum."""
        return {name: self._data[name] for name in ("unlabelled", "transitions", "centre", "remainder")}

    @property
    def contested(self) -> float:
        """How far training labels contradict each other here: 1 - |margin| / (supporting + |opposing|), between 0 and
        1."""
        total = self.supporting - self.opposing
        return 1.0 - min(abs(self.margin) / total, 1.0) if total > 0 else 0.0

    @property
    def sentence(self) -> str:
        """The account in one sentence."""
        strongest = next((family for family in self.families if family.supports), None)
        because = "" if strongest is None else f", mostly because of {strongest.name}"
        if self.margin < 0:
            return f"The training labels alone would rather say {self.against}{because and '; for it' + because[7:]}."
        doubt = " Training labels contradict each other here." if self.contested > CONTESTED else ""
        return f"Rather than {self.against}{because}.{doubt}"

    def __repr__(self) -> str:
        return (
            f"<margin {self.margin:+.2f} over {self.against}: {self.supporting:.1f} for, {-self.opposing:.1f} against>"
        )
