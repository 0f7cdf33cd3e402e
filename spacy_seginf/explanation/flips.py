"""What would have to change in the training labels for a prediction to change? See ``flip_search`` for how."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Optional, Union

import numpy
from spacy.tokens import Doc, Span, Token

from ..crf.decoding import limits_of
from ..crf.schemes import OUTSIDE, TAG, Entity, TagScheme
from ..errors import Errors, SeginfError
from ..guesses import one_of
from ..index.index import Index
from ..influence.effects import HeadEffects
from ..rendering.text import change_in_words, tokens_of
from ..tagger.crf_tagger import CRFTagger
from .explainer import Explainer
from .flip_candidates import REMOVING, WAYS, Pick, label_units
from .flip_search import CANDIDATES, STRONGEST, FlipSearch, Search
from .query import Asked
from .question import Question, asked_otherwise, label_at

BUDGET = 60  # moves of the head
MOST = 200  # labels of a set


@dataclass(frozen=True)
class FlipLabel:
    """A training label of a flip set. reference: where it is, as plain values (text, label, document, start, end,
    context, offset). label: what it becomes; None if it is taken away.

    >>> (found,) = spacy_seginf.flip("indexed", "Ada Lind visited Tarnby .", spans=["Ada Lind"])
    >>> {label.label for label in found.labels}  # all are taken away
    {None}
    """

    reference: dict[str, Any]
    label: Optional[str]


@dataclass(frozen=True)
class FlipSet:
    """The smallest set of training labels found whose change takes a prediction away, confirmed by a refit.

    It is about the head that labels make of the encoder's features (``Index.label_head``): a flip means that this head,
    refit with the labels changed, decodes the whole text otherwise at these tokens. The encoder has seen the labels
    too.

    text, label, start, end: the tokens and what the pipeline predicts there; "O" for none.
    head (str): what that head predicts there; where it is something else, there is nothing to flip.
    to (str, optional): the label that was asked for; None: any other. by (str): "removing" or "relabelling".
    labels (tuple of FlipLabel): the set; empty if none was found, or no refit confirmed it.
    becomes (str): what the refit head decodes there; without a set, the head of the largest set that was tried.
    before, after (float): p of ``to``, else of ``label``, given the labels around it, before and then.
    tried (int): labels of the largest set that was tried. known (int): training labels that could be changed.
    no_single (bool): whether no single label was found that does it: the effects of the 4,000 with the largest possible
        ones are predicted to first order, and those of the 100 strongest that are predicted to take half of the margin,
        ``singles_tried`` in number, were tried. That is no proof.
    no_pair (bool): whether no pair of the 100 strongest was found, by sums and ``pairs_tried`` in the same way.
    moves, budget (int): times that the head was moved to another optimum, and how often it might have been.
    most (int): labels that a set might have had.

    >>> (found,) = spacy_seginf.flip("indexed", "Ada Lind visited Tarnby .", spans=["Ada Lind"])
    >>> found.label, found.becomes != "PER", found.tried == len(found.labels)
    ('PER', True, True)
    """

    text: str
    label: str
    start: int
    end: int
    head: str
    to: Optional[str]
    by: str
    labels: tuple[FlipLabel, ...] = ()
    becomes: str = ""
    before: float = float("nan")
    after: float = float("nan")
    tried: int = 0
    known: int = 0
    no_single: bool = False
    singles_tried: int = 0
    no_pair: bool = False
    pairs_tried: int = 0
    moves: int = 0
    budget: int = 0
    most: int = 0

    @property
    def found(self) -> bool:
        """bool: Whether there is a set, and a refit has confirmed it."""
        return bool(self.labels)

    @property
    def summary(self) -> str:
        """str: All of it in words."""
        if self.head != self.label:
            return (
                f"The pipeline predicts {self.label}; the head that labels alone make of its features predicts "
                f"{self.head} already. There is nothing to flip: `seginf check` says how often these two agree."
            )
        done = "removed" if self.by == REMOVING else "relabelled"
        many = "1 label" if self.tried == 1 else f"{self.tried} labels"
        p = f"p({self.to or self.label}) {change_in_words(self.before, self.after)}"
        if self.found:
            verb = "is" if len(self.labels) == 1 else "are"
            first = f"Becomes {self.becomes} when {many} {verb} {done}: verified by refit, {p}{self._best}."
        else:
            wanted = f"becomes {self.to}" if self.to else "changes"
            far = f"with {many} {done} it is {self.becomes}, {p}" if self.tried else p
            first = f"Nothing was found by which it {wanted}: {far}. {self._end}"
        if self.no_single:
            first += (
                f" No single label was found that does it: of the {min(self.known, CANDIDATES):,} with the largest "
                f"possible effects, {self.singles_tried or 'none'} came near it by prediction"
                f"{_and_tried(self.singles_tried)}."
            )
        if self.no_pair:
            first += (
                f" No pair of the {STRONGEST} strongest was found that does it: {self.pairs_tried or 'none'} came near "
                f"it by prediction{_and_tried(self.pairs_tried)}."
            )
        return first

    @property
    def _best(self) -> str:
        """What a probability beside one half has to do with what is predicted: the best reading of the whole text is,
        however many others there are."""
        if self.to and self.after < 0.5:
            return f"; {self.to} is then in the best of all readings of the text, and other readings share the rest"
        if not self.to and self.after >= 0.5:
            return ", given the labels around as they were; the best reading of the whole text is then another"
        return ""

    @property
    def _end(self) -> str:
        """Why the search went no further."""
        if self.moves >= self.budget:
            return f"The search ended with its budget (--budget): the head was moved {self.moves} times."
        if self.tried >= self.most:
            return "The search ended there, as a set may have no more labels (--most)."
        return "The search ended there: no other label was predicted to bring it nearer."


def _and_tried(count: int) -> str:
    return f", and {'was' if count == 1 else 'were'} tried" if count else ""


def flip(
    explainer: Explainer,
    tagger: CRFTagger,
    doc: Doc,
    asked: Asked,
    *,
    to: Optional[str] = None,
    by: str = REMOVING,
    budget: int = BUDGET,
    most: int = MOST,
    context: int = 40,
) -> FlipSet:
    """Search the smallest change of training labels that changes a prediction; see ``Influence.flip``."""
    check_flip(tagger, to, by, budget, most)
    data, tags, (_, start, end) = asked
    scheme, effects = tagger.scheme, explainer.label_effects
    label = label_at(scheme, tags, start, end)
    limits = limits_of(scheme, [doc], [()])
    question = Question(effects, scheme, data, tags, Entity(start, end, label), limits)
    tagged = question.decoded(effects.nothing)
    known = doc[start:end].text, label, start, end, question.becomes(tagged)
    if question.holds(tagged):
        known = (*known[:4], label)
    if to == label:
        where = tokens_of(start, end)
        raise SeginfError(Errors.S272.format(text=doc[start:end].text, where=where, to=to))
    if to is not None:
        question = asked_otherwise(question, to)
    present = question.probability(effects.nothing)
    nothing = FlipSet(*known, to, by, before=present, after=present, budget=budget, most=most)
    if nothing.head != label:
        return nothing
    search = FlipSearch(question, _units(explainer, scheme), by, budget=budget, most=most).run()
    return _described(explainer.index, effects, scheme, nothing, search, context)


def check_flip(tagger: CRFTagger, to: Optional[str], by: str, budget: int = BUDGET, most: int = MOST) -> None:
    """Make sure that labels and settings can be asked for. RAISES (ValueError): S271, S206, S273."""
    known = tagger.scheme.labels if tagger.scheme.name == TAG else (*tagger.scheme.labels, OUTSIDE)
    if to is not None and to not in known:
        raise SeginfError(Errors.S271.format(to=to, name=tagger.name, known=one_of(known, to)))
    if by not in WAYS:
        raise SeginfError(Errors.S206.format(setting="--by", value=by, known=one_of(WAYS, by)))
    for setting, value in (("--budget", budget), ("--most", most)):
        if value < 1:
            raise SeginfError(Errors.S273.format(setting=setting, value=value, allowed="Give at least 1."))


def _units(explainer: Explainer, scheme: TagScheme) -> numpy.ndarray:
    effects, index = explainer.label_effects, explainer.index
    positions = index.segments.positions()
    positions = positions[positions[:, 0] < index.objective]
    missing = positions[effects.labels[effects.data.starts[positions[:, 0]] + positions[:, 1]] == 0]
    return label_units(effects, scheme, missing if scheme.name != TAG else missing[:0])


def _described(
    index: Index, effects: HeadEffects, scheme: TagScheme, asked: FlipSet, search: Search, context: int
) -> FlipSet:
    effect = search.effect
    labels = tuple(FlipLabel(_reference(index, effects, scheme, pick, context), pick.label) for pick in search.picks)
    known: dict[str, Any] = {**vars(asked), "labels": labels, "tried": search.tried, "known": search.labels}
    known.update(no_single=search.singles, singles_tried=search.singles_tried)
    known.update(no_pair=search.pairs, pairs_tried=search.pairs_tried, moves=search.moves)
    if effect is not None:
        known.update(becomes=effect.becomes, before=effect.before, after=effect.after)
    return FlipSet(**known)


def _reference(index: Index, effects: HeadEffects, scheme: TagScheme, pick: Pick, context: int) -> dict[str, Any]:
    tag = scheme.tags[effects.labels[effects.data.starts[pick.document] + pick.start]]
    label = tag if scheme.name == TAG or tag == OUTSIDE else tag[2:]
    return index.describe(*pick.segment, label, context)


def flipped_part(doc: Doc, words: str) -> Union[Span, Token]:
    """Find words in a document, where they are first. RAISES (ValueError): S274 if it does not have them as tokens."""
    place = doc.text.find(words)
    while words and place >= 0:
        span = doc.char_span(place, place + len(words))
        if span is not None:
            return span
        place = doc.text.find(words, place + 1)
    raise SeginfError(Errors.S274.format(what="words", span=words, text=doc.text[:60]))
