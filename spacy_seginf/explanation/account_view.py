"""Light read-only views of the accounts that are stored on a Doc beside the references (see ``views``).

"families" of what is stored are [{"family", "shown", "size", "label", "example": reference}, ...], and the "account" of
an explanation is {"label", "against", "margin", "probability", "for", "opposing", "families": [[number, share, [reason,
...]], ...], "unlabelled", "transitions", "centre", "remainder", "disputed": bool, "count"}, all in nats but the
probability; "count" is of all families that there are. A family has a fourth part only on demand (see ``detail``):
{"occurrences": [[reference number, share, strength or None], ...], "without": probability, "relabelled": probability or
None}; so has an account "labels", like "occurrences".
"""

from __future__ import annotations

from typing import Any, Mapping, NamedTuple, Optional, Sequence

from ..influence.evidence import contested
from ..rendering.templates import template_macro
from ..rendering.text import first_words, last_words
from .reference_view import Reference

AROUND = 24  # columns of context on each side in the name of a family
LEAST_SHOWN = 0.005  # nats
MOSTLY = 0.5  # of what speaks on one side
LINES = {
    "unlabelled": "tokens without a label",
    "transitions": "which labels follow each other",
    "centre": "what the head is pulled to",
    "remainder": "the head's distance from its optimum",
}


class Line(NamedTuple):
    """A line of an account that is no family that is shown: its name and its share (nats)."""

    name: str
    share: float


class Occurrence(NamedTuple):
    """A label of a family. share (nats): of the margin. strength: of this label alone, where it is known; see
    ``Reference.strength``."""

    reference: Reference
    share: float
    strength: Optional[float]


class Family:
    """Training labels of one kind in like contexts, and their share in a prediction.

    Their shares are exact: those of all families and of the lines beside them add up to the margin.

    >>> doc = spacy.load("indexed")("Ada Lind visited Tarnby .")
    >>> family = doc.ents[0]._.influencers.families[0]
    >>> family.supports == (family.share > 0), family.example.label == family.label
    (True, True)
    """

    __slots__ = ("_data", "_more", "_references", "reasons", "share")

    def __init__(
        self,
        data: Mapping[str, Any],
        references: Sequence[Mapping[str, Any]],
        share: float,
        reasons: Sequence[str] = (),
        more: Optional[Mapping[str, Any]] = None,
    ) -> None:
        self._data, self._references, self._more = data, references, more or {}
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
        """The label of the family that is nearest to the prediction, or a typical one where nothing is predicted; its
        effect is the share of the whole family."""
        return Reference(self._data["example"], self.share)

    @property
    def occurrences(self) -> tuple[Occurrence, ...]:
        """The labels with the largest shares, largest first, if they were asked for (see ``add_detail``)."""
        return _occurrences(self._more.get("occurrences", ()), self._references)

    @property
    def without(self) -> Optional[float]:
        """The prediction's probability without all these labels, if it was asked for (see ``add_joint``)."""
        return self._more.get("without")

    @property
    def relabelled(self) -> Optional[float]:
        """The prediction's probability with all these labels changed to the other reading's, if it was asked for."""
        return self._more.get("relabelled")

    @property
    def supports(self) -> bool:
        """True if the family supports the prediction, False if it supports the other reading."""
        return self.share > 0

    @property
    def relation(self) -> str:
        """ "supports" or "opposes"."""
        return "supports" if self.supports else "opposes"

    @property
    def count(self) -> str:
        """How many labels there are, and of what: "42 labels LOC"."""
        return f"{self.size} label{'s' * (self.size != 1)} {self.label}"

    @property
    def like(self) -> tuple[str, str, str]:
        """The ``example`` in its context, cut between words: what is before, the labelled text, what is behind."""
        before, text, behind = self.example.context_parts
        return last_words(before, AROUND), text, first_words(behind, AROUND)

    @property
    def name(self) -> str:
        """The family in words: 42 labels LOC like "FT : [Mainz] no goals"."""
        before, text, behind = self.like
        return f"{self.count} like “{f'{before}[{text}]{behind}'.strip()}”"

    def __repr__(self) -> str:
        return f"<{self.name}: {self.relation} {self.share:+.3g}>"


class Account:
    """The margin of a prediction over another reading, and what adds up to it.

    margin = shares of all families + unlabelled + transitions + centre + remainder (nats)

    >>> doc = spacy.load("indexed")("Ada Lind visited Tarnby .")
    >>> account = doc.ents[0]._.influencers.account
    >>> account.sentence.startswith(f"PER rather than {account.against}")
    True
    >>> shares = [family.share for family in account.families] + [line.share for line in account.rest]
    >>> abs(sum(shares) - account.margin) < 0.05
    True
    """

    __slots__ = ("_data", "_shared", "label")

    def __init__(self, data: Mapping[str, Any], shared: Mapping[str, Sequence[Mapping[str, Any]]], label: str) -> None:
        self._data, self._shared = data, shared
        self.label = data.get("label", label)
        """str: the prediction, in words."""

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
        """The families that are shown of both sides. Of predicted entities those come first whose shares are large and
        which come near the prediction (see docs/effects.md); of all else those with the largest shares."""
        families, references = self._shared["families"], self._shared["references"]
        return tuple(Family(families[number], references, *rest) for number, *rest in self._data["families"])

    @property
    def labels(self) -> tuple[Occurrence, ...]:
        """The single labels with the largest shares of all on both sides, largest first, if they were asked for (see
        ``add_detail``). Long entities lead this list: their shares are sums over tokens."""
        return _occurrences(self._data.get("labels", ()), self._shared["references"])

    @property
    def lines(self) -> dict[str, float]:
        """What is no family of labels (nats): "unlabelled" tokens, "transitions" between labels, the "centre" that the
        head is pulled to, and the "remainder" of a head that is not at its optimum."""
        return {name: self._data[name] for name in LINES}

    @property
    def rest(self) -> list[Line]:
        """All that adds up to the margin beside the families, in words: the other families together, and what is no
        family; lines that would show as zero are left out."""
        return rest_of(self.supporting, self.opposing, [family.share for family in self.families], self._data)

    @property
    def contested(self) -> float:
        """How far training labels contradict each other here: 1 - |margin| / (supporting + |opposing|), between 0 and
        1."""
        return float(contested(self.margin, self.supporting, self.opposing))

    @property
    def disputed(self) -> bool:
        """True if training labels contradict each other here more than they do for nine of ten predictions for the
        development corpus; where an index was built without one, for nine of ten training entities."""
        return self._data.get("disputed", False)

    @property
    def joint(self) -> bool:
        """Whether it is known what the prediction becomes without whole families."""
        return any(family.without is not None for family in self.families)

    @property
    def sentence(self) -> str:
        """The account in words: the margin, the first family behind it, and whether labels contradict each other."""
        found = [self._verdict + self._because + "."]
        if self.disputed:
            sides = f"{self.supporting:.1f} for {self.label}, {-self.opposing:.1f} for {self.against}"
            found.append(f"Training labels contradict each other here: {sides}.")
        return " ".join(found)

    @property
    def _verdict(self) -> str:
        if self.margin < 0:
            return f"Training labels alone would rather say {self.against} than {self.label}"
        return f"{self.label} rather than {self.against}"

    @property
    def _because(self) -> str:
        """Why it is so: the first family on the side that wins."""
        wins = self.margin >= 0
        strongest = next((family for family in self.families if family.supports == wins), None)
        if strongest is None:
            return ""
        total = self.supporting if wins else self.opposing
        how = "mostly" if strongest.share / total >= MOSTLY else "partly"
        return f", {how} because of {strongest.name}"

    def __repr__(self) -> str:
        return (
            f"<{self.label} over {self.against} by {self.margin:+.2f}: {self.supporting:.1f} for, "
            f"{-self.opposing:.1f} against>"
        )

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return template_macro("cell.html", "account")(self)


def rest_of(supporting: float, opposing: float, shown: Sequence[float], account: Mapping[str, Any]) -> list[Line]:
    """List what adds up to a margin beside the families that are shown; see ``Account.rest``.

    supporting, opposing (float): shares of all families of each side together. shown (sequence of float): shares of
        those that are shown. account (mapping): the lines of LINES, and the "count" of all families if it is known.
    """
    others, name = account.get("count", 0) - len(shown), "all other families"
    if others > 0:
        left = (total - sum(one for one in shown if one * total > 0) for total in (supporting, opposing))
        parts = [f"{one / total:.0%}" if total else "nothing" for one, total in zip(left, (supporting, opposing))]
        name += f", {others:,} of them: {parts[0]} of all that is for it, {parts[1]} of all that is against it"
    found = [Line(name, supporting + opposing - sum(shown))]
    found += [Line(words, account[key]) for key, words in LINES.items()]
    return [line for line in found if abs(line.share) >= LEAST_SHOWN or (others > 0 and line is found[0])]


def _occurrences(stored: Sequence[Sequence[Any]], references: Sequence[Mapping[str, Any]]) -> tuple[Occurrence, ...]:
    return tuple(
        Occurrence(Reference(references[number], share), share, strength) for number, share, strength in stored
    )
