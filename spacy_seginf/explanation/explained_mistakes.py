"""From the texts that a pipeline was wrong about to mistakes that are accounted for and diagnosed."""

from __future__ import annotations

from dataclasses import replace
from typing import Optional, Sequence

import numpy

from ..crf import one_label_each
from ..errors import Errors, SeginfError
from ..influence.data import ranges
from ..progress import MISTAKE, advance, step
from .account import Account, Accountant, FamilyShare
from .causes import SEED
from .diagnosis import Diagnosis, Diagnostician
from .influence import Influence
from .judged_texts import JudgedTexts
from .label_reasons import Rationale
from .mistake_report import FamilyInWords, LabelInContext, Mistake
from .reasons import ONLY_DIRECTION, surroundings
from .stability import key_of
from .wrong_regions import Region

AROUND = 60  # characters of text on each side of a mistake


def explain_mistakes(influence: Influence, texts: JudgedTexts, families: int) -> list[Mistake]:
    """Explain all wrong predictions for some texts, in their order.

    influence (Influence): with an index that has evidence. families (int): those shown on each side of a mistake.
    RAISES (ValueError): S256 without evidence in the index, S035 if the index was pruned.
    """
    tagger, sources, accountant = influence.find_tagger(), influence.sources(), accountant_of(influence)
    found = texts.mistakes(tagger.scheme)
    if not found:
        return []
    accounts = account_for(accountant, texts, found, families)
    diagnoses = Diagnostician(accountant.index, tagger.scheme).diagnose(texts, found)
    describer = _Describer(accountant, sources.rationale, texts, influence)
    mistakes = []
    with step("Mistakes", len(found), MISTAKE):
        for parts in zip(found, accounts, diagnoses):
            mistakes.append(describer.mistake(*parts))
            advance(1, MISTAKE)
    return mistakes


def accountant_of(influence: Influence) -> Accountant:
    """Return who accounts for predictions. RAISES (ValueError): S256 without evidence in the index, S035 if it was
    pruned."""
    accountant = influence.sources().accountant
    if accountant is None:
        raise SeginfError(Errors.S256.format(path=influence.explainer().index.folder))
    return accountant


def account_for(
    accountant: Accountant, texts: JudgedTexts, found: Sequence[tuple[int, Region]], families: int
) -> list[Account]:
    """Account for the margins of what is predicted over what is annotated, everything outside held as predicted.

    found (sequence of (int, Region)): wrong predictions, with the numbers of their texts.
    """
    segments = numpy.array([(text, region.start, region.end) for text, region in found], dtype=numpy.int64)
    rows = ranges(texts.data.starts[segments[:, 0]] + segments[:, 1], segments[:, 2] - segments[:, 1])
    gold = numpy.split(texts.gold[rows], numpy.cumsum(segments[:, 2] - segments[:, 1])[:-1])
    data = replace(texts.data, allowed=one_label_each(texts.predicted, texts.data.labels))
    accounts = accountant.accounts(data, texts.predicted, segments, families, [tags.tolist() for tags in gold])
    return [account for account in accounts if account is not None]  # there is always the other reading


class _Describer:
    def __init__(
        self,
        accountant: Accountant,
        rationale: Rationale,
        texts: JudgedTexts,
        influence: Influence,
    ) -> None:
        self._accountant, self._rationale, self._texts = accountant, rationale, texts
        self._context, self._stability, self._nlp = influence.context, influence.stability, influence.nlp

    def mistake(self, found: tuple[int, Region], account: Account, diagnosis: Diagnosis) -> Mistake:
        text, region = found
        doc, first = self._texts.docs[text], self._texts.firsts[text]
        span = doc[region.start : region.end]
        families = [self._family(text, region, one) for one in account.families]
        describe = self._accountant.index.describe
        cause, because = self._by_seed(text, region) or (diagnosis.signs.cause, diagnosis.signs.because)
        return Mistake(
            self._texts.names[text],
            region.start + first,
            region.end + first,
            tuple(token.text_with_ws if not doc.has_unknown_spaces else f"{token.text} " for token in span),
            doc.text[max(span.start_char - AROUND, 0) : span.start_char],
            doc.text[span.end_char : span.end_char + AROUND],
            region.kind,
            tuple(one.moved(first) for one in region.predicted),
            tuple(one.moved(first) for one in region.gold),
            account,
            tuple(families),
            cause,
            because,
            diagnosis.signs.predicted,
            diagnosis.signs.gold,
            tuple(LabelInContext.of(describe(*place, self._context)) for place in diagnosis.labels),
            () if cause == SEED else diagnosis.proposals,
        )

    def _by_seed(self, text: int, region: Region) -> Optional[tuple[str, str]]:
        """Return the cause of a mistake that most other trainings do not make, and what that is taken from."""
        if self._stability is None:
            return None
        key, trainings = key_of(self._nlp, self._texts.docs[text]), len(self._stability.seeds)
        same, right = (
            self._stability.same_reading(key, region.start, region.end, reading)
            for reading in (region.predicted, region.gold)
        )
        if same is None or 2 * same >= trainings:
            return None
        told = f"Of {trainings} trainings that differ in the seed, {same} predict this, and {right} what is annotated."
        return SEED, told

    def _family(self, text: int, region: Region, one: FamilyShare) -> FamilyInWords:
        described = self._accountant.describe_family(one.family, self._context, one.example)
        example = LabelInContext.of(described["example"])
        reasons = self._reasons(text, region, one.family, described["label"])
        return FamilyInWords(one.family, described["size"], described["label"], one.share, example, tuple(reasons))

    def _reasons(self, text: int, region: Region, family: int, label: str) -> list[str]:
        """Say what a family shares with the entities of its type, or with a token that is to be in none."""
        rows = self._texts.rows(text)
        words = [token.text for token in self._texts.docs[text]]
        names = self._rationale.names(self._texts.predicted[rows].tolist())
        entities = {(one.start, one.end) for one in (*region.predicted, *region.gold) if one.label == label}
        tokens = [(token, token + 1) for token in range(region.start, region.end)]
        queries = (surroundings(words, names, *place) for place in sorted(entities) or tokens)
        found = (self._rationale.family_reasons(query, family) for query in queries)
        return next((reasons for reasons in found if reasons != [ONLY_DIRECTION]), [ONLY_DIRECTION])
