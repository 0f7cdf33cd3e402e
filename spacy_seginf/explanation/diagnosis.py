"""Why a prediction is wrong: a cause for each mistake, read off the training labels that are nearest to it.

Near are the training tokens whose features are like those of the tokens where prediction and annotation differ. Some of
them say what was predicted, some what is right. Labels that say neither, or are far away, teach neither.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Optional, Sequence

import numpy

from ..crf.schemes import TAG, Entity, TagScheme
from ..index.index import Index
from .causes import BOUNDARY, CONTRADICTED, MISLABELLED, NOTHING_NEAR, UNCLEAR
from .judged_texts import JudgedTexts
from .mistake_report import Proposal
from .training_tokens import TrainingTokens
from .wrong_regions import MISSED, MOVED, SPURIOUS, WRONG_TYPE, Region

NEIGHBOURS = 50  # training tokens near each token
CLOSEST, SAMPLE = 5, 200  # labels of a type that say how close it is, and labels that it is compared with
# Found on tweets with planted causes; see experiments/methods/measure_diagnosis.py.
MOST = 0.5  # of the neighbours, to say what the labels there say
SOME = 0.2  # to say that labels there say it too
BOTH = 0.36  # for two sides that are about as strong
FEW = 0.1  # below this, nobody contradicts
ALIKE = 0.3  # of those that say something, those that share words with the text
DISPUTED = 0.15  # of those, those whose words are labelled otherwise elsewhere
FAR = 0.18  # of labels of a type, those that are farther from their like
SHOWN = 20  # labels to look at
Place = tuple[int, int, int, str]  # a training label: document of the index, start, end, type


@dataclass(frozen=True)
class Signs:
    """What a cause is read off: shares, between 0 and 1.

    kind (str): of the mistake. predicted, gold: of the neighbours, those that say what was predicted, and what is
    right. alike: of those that say what was predicted, those with the same word, or the same word before or behind;
    gold_alike: the same of those that say what is right. disputed: of those that say what was predicted, those whose
    words have the right type somewhere in training. closeness: to labels of the right type, as a quantile among such
    labels.
    """

    kind: str
    predicted: float
    gold: float
    alike: float
    disputed: float
    gold_alike: float
    closeness: float

    @property
    def cause(self) -> str:
        """The most likely cause."""
        if self.kind == MOVED and self.predicted >= MOST:
            return BOUNDARY
        if self.predicted >= MOST and self.gold < FEW and self.alike >= ALIKE and self.disputed >= DISPUTED:
            return MISLABELLED
        if min(self.predicted, self.gold) >= BOTH and min(self.alike, self.gold_alike) >= ALIKE:
            return CONTRADICTED
        if self.gold >= MOST and self.predicted < FEW:  # however far they are: nobody teaches what was predicted
            return UNCLEAR
        if self.closeness < FAR:
            return NOTHING_NEAR
        if self.predicted >= SOME and self.gold >= FEW:
            return CONTRADICTED
        return UNCLEAR if self.gold >= SOME else NOTHING_NEAR

    @property
    def because(self) -> str:
        """What it was taken from, in a sentence."""
        said = (
            f"Of the nearest training tokens, {self.predicted:.0%} say what was predicted, and {self.gold:.0%} what is "
            "annotated"
        )
        if self.cause == NOTHING_NEAR:
            return (
                f"{said}. Of the labels of that type {self.closeness:.0%} are as far from all others as this text is."
            )
        if self.cause in (MISLABELLED, BOUNDARY):
            return (
                f"{said}; of those for the prediction, {self.alike:.0%} share a word with it or beside it, and the "
                f"words of {self.disputed:.0%} are labelled as annotated elsewhere."
            )
        return f"{said}."


@dataclass(frozen=True)
class Diagnosis:
    """What is said of a mistake. labels: training labels near it that say what was predicted (document of the index,
    start, end, type), the nearest first. proposals: what may put them right, if they look wrong; of labels of whole
    entities only those against which there is more than the likeness: the same words are what is proposed elsewhere."""

    signs: Signs
    labels: tuple[Place, ...]
    proposals: tuple[Proposal, ...]


class Diagnostician:
    """Diagnoses wrong predictions by the training labels of an index. RAISES (ValueError): S035 if it was pruned."""

    def __init__(self, index: Index, scheme: TagScheme) -> None:
        self._index, self._scheme, self._tokens = index, scheme, TrainingTokens(index, scheme)

    def diagnose(self, texts: JudgedTexts, found: Sequence[tuple[int, Region]]) -> list[Diagnosis]:
        """Diagnose wrong predictions (number of the text, region), in their order."""
        rows = [self._differing(texts, text, region) for text, region in found]
        asked = numpy.concatenate([numpy.zeros(0, dtype=numpy.int64), *rows])
        directions = self._tokens.directions(texts.data.features[asked])
        neighbours, _ = self._tokens.nearest(directions, NEIGHBOURS)
        closeness = self._closeness(directions, self._tokens.type_of_tag[texts.gold[asked]])
        ends = numpy.cumsum([len(one) for one in rows])
        return [
            self._diagnosis(texts, *one, own, neighbours[end - len(own) : end], closeness[end - len(own) : end])
            for one, own, end in zip(found, rows, ends.tolist())
        ]

    def _differing(self, texts: JudgedTexts, text: int, region: Region) -> numpy.ndarray:
        """Return the tokens where two readings differ in their types; those with other tags if there are none."""
        rows = texts.rows(text).start + numpy.arange(region.start, region.end)
        predicted, gold = texts.predicted[rows], texts.gold[rows]
        differing = self._tokens.type_of_tag[predicted] != self._tokens.type_of_tag[gold]
        return rows[differing if differing.any() else predicted != gold]

    def _closeness(self, directions: numpy.ndarray, types: numpy.ndarray) -> numpy.ndarray:
        result = numpy.zeros(len(types))
        for number in numpy.unique(types).tolist():
            chosen = numpy.flatnonzero(types == number)
            result[chosen] = self._tokens.closeness(directions[chosen], number, CLOSEST, SAMPLE)
        return result

    def _diagnosis(
        self,
        texts: JudgedTexts,
        text: int,
        region: Region,
        rows: numpy.ndarray,
        neighbours: numpy.ndarray,
        closeness: numpy.ndarray,
    ) -> Diagnosis:
        tokens, types = self._tokens, self._tokens.type_of_tag
        by_type = bool((types[texts.predicted[rows]] != types[texts.gold[rows]]).all())
        labels = tokens.types if by_type else tokens.tags
        predicted, gold = (types[tags[rows]] if by_type else tags[rows] for tags in (texts.predicted, texts.gold))
        first = texts.rows(text).start
        words = [token.text for token in texts.docs[text]]
        for_it, for_gold, alike, disputed, gold_alike = [], [], [], [], []
        culprits: dict[Place, tuple[bool, int, int]] = {}  # shares no word, how near, like which token of the region
        for row, ours, theirs, near in zip(rows.tolist(), predicted.tolist(), gold.tolist(), neighbours):
            near = near[near >= 0]
            says = labels[near] == ours
            for_it.append(says)
            for_gold.append(labels[near] == theirs)
            gold_alike.append(self._shares_words(near[for_gold[-1]], words, row - first))
            taught = near[says]
            shared = self._shares_words(taught, words, row - first)
            alike.append(shared)
            disputed.append(tokens.has_type(taught, int(types[texts.gold[row]])))
            offset = row - first - region.start
            for rank, token, one in zip(numpy.flatnonzero(says).tolist(), taught.tolist(), shared.tolist()):
                place, found = tokens.label_at(token), (not one, rank, offset)
                culprits[place] = min(culprits.get(place, found), found)
        signs = Signs(
            region.kind,
            _share(for_it),
            _share(for_gold),
            _share(alike),
            _share(disputed),
            _share(gold_alike),
            float(closeness.mean()),
        )
        to_see = sorted(culprits, key=lambda place: culprits[place])  # those that share words first
        proposals = [
            proposal
            for place in to_see
            for unlike, _, offset in [culprits[place]]
            for proposal in [self._proposal(region, place, offset)]
            if not unlike and proposal is not None
            if signs.cause == BOUNDARY or (signs.cause == MISLABELLED and self._is_elsewhere(proposal))
        ]
        return Diagnosis(signs, tuple(to_see[:SHOWN]), tuple(dict.fromkeys(proposals)))

    def _shares_words(self, tokens: numpy.ndarray, words: Sequence[str], place: int) -> numpy.ndarray:
        """Say which training tokens share their word, or the one before or behind, with a token of a text (bool)."""
        shared = self._tokens.words[tokens] == self._tokens.word(words[place])
        if place > 0:
            shared |= self._tokens.neighbour_words(tokens, -1) == self._tokens.word(words[place - 1])
        if place + 1 < len(words):
            shared |= self._tokens.neighbour_words(tokens, 1) == self._tokens.word(words[place + 1])
        return shared

    def _is_elsewhere(self, proposal: Proposal) -> bool:
        """Are the same words somewhere in training what they would be if this were followed?"""
        if not proposal.proposed:
            return self._tokens.is_outside(proposal.words)
        return all(
            self._tokens.is_entity(proposal.words[one.start - proposal.start : one.end - proposal.start], one.label)
            for one in proposal.proposed
        )

    def _proposal(self, region: Region, place: Place, offset: int) -> Optional[Proposal]:
        """Propose for a training label what would be to its like as the annotation is to the prediction; None if
        nothing can be.

        offset (int): of the region's token that is like it: where a whole entity was missed, one of as many tokens is.
        """
        document, start, end, label = place
        if self._scheme.name == TAG:
            return None
        inside = self._tokens.entities_in(document)
        size = len(self._tokens.words_of(document))
        current = tuple(one for one in inside if (one.start, one.end) == (start, end))
        proposed: tuple[Entity, ...] = ()
        if region.kind == WRONG_TYPE and current:
            proposed = (Entity(start, end, region.gold[0].label),)
        elif region.kind == MISSED and not current:
            begin = start - offset
            proposed = (Entity(begin, begin + region.end - region.start, region.gold[0].label),)
        elif region.kind == MOVED and current and len(region.predicted) == len(region.gold) == 1:
            (ours,), (theirs,) = region.predicted, region.gold
            proposed = (Entity(start + theirs.start - ours.start, end + theirs.end - ours.end, label),)
        elif region.kind != SPURIOUS or not current:
            return None
        if any(not 0 <= one.start < one.end <= size for one in proposed):
            return None
        first, last = (
            pick(getattr(one, name) for one in (*current, *proposed)) for name, pick in (("start", min), ("end", max))
        )
        if any(one.start < last and first < one.end for one in inside if one not in current):
            return None
        name, moved = self._index.place(document, 0)
        words = tuple(self._tokens.words_of(document)[first:last])
        return Proposal(
            name,
            first + moved,
            last + moved,
            words,
            tuple(one.moved(moved) for one in current),
            tuple(one.moved(moved) for one in proposed),
        )


def _share(values: Sequence[numpy.ndarray]) -> float:
    """Return the share of true ones; 0 of none."""
    joined = numpy.concatenate(values)
    return float(joined.mean()) if len(joined) else 0.0
