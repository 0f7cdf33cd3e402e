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
"supporting": [[reference number, effect, score, change of log-odds, refined, doubtful, [reason, ...]], ...],
"opposing": [...], "rows_seen": int, "account": as in ``account_view``, if the index has evidence, "instead": str, only
where the head that explains predicts something else, "pipeline_probability": float, only where it is far from the
"probability", "agreement": [same, trainings, mean, lowest, highest] as in ``stability.Agreement``, only of texts that
`seginf stability` has seen}. ``add_detail`` puts "contrasts", a list of accounts, beside the "account", and behind the
reasons the words that carried a score, [[word, part of the score], ...].
"missing" is there only for entities that the annotation leaves out. What is not known is None: the
probability of tokens that were not to be explained, and the log-odds of scores.
"""

from __future__ import annotations

from collections import Counter
from itertools import groupby
from typing import Any, Iterable, Iterator, Mapping, Optional

from ..rendering.templates import template_macro
from ..rendering.text import visible
from .account_view import Account, Family
from .reference_view import Folded, Likeness, Reference, folded
from .stability import Agreement

NOT_ASKED = "Not explained: only entities are (explain = 'entities')."
SET_SINCE = "Not explained: another component has set this entity, or its label."
LEAST_PREDICTIONS, HUB = 4, 0.5  # for a hub: predictions that are shown, and the share of them that it is shown for
FAR_APART = 0.1  # of two probabilities of one prediction, from where on both are shown


class Influencers:
    """The references of one token or entity. Iterating gives the supporting ones, then the opposing ones.

    >>> doc = spacy.load("indexed")("Ada Lind visited Tarnby .")
    >>> influencers = doc.ents[0]._.influencers
    >>> all(reference.effect > 0 for reference in influencers.supporting)
    True
    >>> all(reference.effect < 0 for reference in influencers.opposing)
    True
    """

    __slots__ = ("_data", "_shared")

    def __init__(self, data: dict[str, Any], shared: dict[str, Any]) -> None:
        self._data, self._shared = data, shared

    @property
    def stored(self) -> dict[str, Any]:
        """What is stored of this explanation."""
        return self._data

    @property
    def shared(self) -> dict[str, Any]:
        """What is stored once for all explanations of a document, such as "references" and "families"."""
        return self._shared

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
    def pipeline_probability(self) -> Optional[float]:
        """The pipeline's own probability of an entity (of a tag, if these are predicted), as ``ent._.probability`` gave
        it; None where it differs from ``probability`` by no more than 0.1. It is that of the trained head, however the
        tokens around are labelled."""
        return self._data.get("pipeline_probability")

    @property
    def unexplained(self) -> str:
        """Why there is no explanation; empty if there is one."""
        return "" if self.probability is not None else self._data.get("unexplained", NOT_ASKED)

    @property
    def instead(self) -> Optional[str]:
        """What the head that explains would predict here, if that is not what the pipeline predicts: an entity type,
        "O", or other entities ("ORG of 2 tokens, O"); a tag where tags are predicted. Then p and effects are those of a
        label that this head does not choose. None where both predict the same, and for what ``Influence.explain``
        returns."""
        return self._data.get("instead")

    @property
    def agreement(self) -> Optional[Agreement]:
        """How the prediction fares in trainings that differ in the seed only; None unless `seginf stability` has
        measured it for this text."""
        known = self._data.get("agreement")
        return None if known is None else Agreement(*known)

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
    def account(self) -> Optional[Account]:
        """The prediction's margin over another reading, as exact shares of families of training labels; None for what
        is not explained, and without evidence in the index."""
        account = self._data.get("account")
        return None if account is None else self._account(account)

    @property
    def contrasts(self) -> tuple[Account, ...]:
        """Accounts of why the prediction is not something else, if they were asked for (see ``add_detail``), the most
        probable first."""
        return tuple(map(self._account, self._data.get("contrasts", ())))

    @property
    def families(self) -> tuple[Family, ...]:
        """The families of training labels that are shown of the account, see ``Account.families``."""
        account = self.account
        return () if account is None else account.families

    @property
    def rows_seen(self) -> int:
        """How many training labels had to be compared to be sure that these are the strongest."""
        return self._data["rows_seen"]

    def sides(self, top: Optional[int] = None) -> list[tuple[str, list[Folded]]]:
        """Return what is shown of single references, by relation: duplicates are folded, and of the rest the strongest
        are left (all if None)."""
        found = (("supports", self.supporting), ("opposes", self.opposing))
        return [(relation, folded(references)[:top]) for relation, references in found]

    def _account(self, data: Mapping[str, Any]) -> Account:
        return Account(data, self._shared, self.label)

    def _view(self, side: str) -> tuple[Reference, ...]:
        references, probability = self._shared["references"], self.probability
        return tuple(
            Reference(references[number], *values, probability=probability) for number, *values in self._data[side]
        )

    def __iter__(self) -> Iterator[Reference]:
        yield from self.supporting
        yield from self.opposing

    def __len__(self) -> int:
        return len(self._data["supporting"]) + len(self._data["opposing"])

    @property
    def difference(self) -> str:
        """What the head that explains would predict, in words, if something else; else empty."""
        return "" if self.instead is None else f"the head that explains predicts {visible(self.instead)}"

    @property
    def probabilities(self) -> str:
        """Which probability is whose, in words, where the pipeline's own is far from ``probability``; else empty."""
        own, p = self.pipeline_probability, self.probability
        if own is None or p is None:
            return ""
        return (
            f"the pipeline's own probability is {own:.2f}; p = {p:.2f} is that of the head that explains, given the "
            "labels around"
        )

    @property
    def remarks(self) -> list[str]:
        """What is to be said before all else: whose probability is shown, what the head that explains would predict,
        and what other seeds do."""
        told = [self.probabilities, self.difference, "" if self.agreement is None else self.agreement.sentence]
        return [*filter(None, told)]

    def __repr__(self) -> str:
        if self.probability is None:
            return f"<influencers of {self.text!r} {self.label}: {self.unexplained}>"
        sides = f"{len(self._data['supporting'])} supporting, {len(self._data['opposing'])} opposing"
        return f"<influencers of {self.text!r} {self.label} (p={self.probability:.2f}): {sides}>"

    def _repr_html_(self) -> str:
        """What a notebook shows."""
        return template_macro("cell.html", "influencers")(self)


def hubs(explained: Iterable[Influencers], top: Optional[int] = None) -> frozenset[Likeness]:
    """Return what is shown of at least HUB of some predictions, if these are LEAST_PREDICTIONS at least: it says more
    about itself than about them.

    explained (iterable of Influencers): all that is shown together; tokens of an entity, which share its explanation,
        count once. top (int): references that are shown on each side, as for ``Influencers.sides``.
    """
    counts: Counter[Likeness] = Counter()
    predictions = 0
    for _, alike in groupby(explained, key=lambda one: (one.stored["supporting"], one.stored["opposing"])):
        shown = {each.likeness for _, side in next(alike).sides(top) for each in side}
        counts.update(shown)
        predictions += bool(shown)
    least = HUB * predictions
    return frozenset(one for one, count in counts.items() if predictions >= LEAST_PREDICTIONS and count >= least)


def far_apart(own: Optional[float], shown: Optional[float]) -> Optional[float]:
    """Return the pipeline's own probability as it is stored, if it is far from the shown one; else None."""
    return None if own is None or shown is None or abs(own - shown) <= FAR_APART else round(own, 4)


def unexplained(start: int, end: int, text: str, label: str) -> Influencers:
    """Return what is said of an entity that another component has set, or given another label.

    start, end (int): its first character, and the one after the last. text, label (str).
    """
    entry: dict[str, Any] = {"start": start, "end": end, "text": text, "label": label, "probability": None}
    return Influencers(
        {**entry, "supporting": [], "opposing": [], "rows_seen": 0, "unexplained": SET_SINCE}, {"references": []}
    )
