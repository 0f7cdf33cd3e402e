"""Label issues as people read them: the text around, why they are suspicious, and what supports them."""

from __future__ import annotations

from collections import Counter
from typing import Any, Optional, Sequence

import numpy

from ..index.index import Index
from ..influence.effects import HeadEffects
from ..progress import ISSUE, advance
from ..rendering.text import shorten, visible
from .alignment import CorpusAlignment
from .counterexamples import Counterexamples, contradiction
from .issues import LabelIssue, readings, spoken
from .mistakes import Mistakes, influence_on
from .predictors import Trusted
from .ranking import ScoredIssue
from .records import issue_id
from .references import References
from .regions import kind_of
from .source import LabelSource
from .usage import WordUse

WINDOW = 30  # tokens shown on each side
SHOWN = 3  # mistakes
LEAST_EFFECT = 1e-3  # change of log-odds that is worth showing
SAME_WORDS = 40  # characters of a span that are repeated in a reason


class Describer:
    """Describes scored issues for people.

    index (Index), source (LabelSource), alignment (CorpusAlignment): the training labels.
    mistakes (Mistakes): in texts with right labels; texts (Trusted): these.
    """

    def __init__(
        self,
        index: Index,
        source: LabelSource,
        alignment: CorpusAlignment,
        mistakes: Optional[Mistakes] = None,
        texts: Optional[Trusted] = None,
    ) -> None:
        self._index, self._source, self._alignment = index, source, alignment
        self._mistakes, self._texts = mistakes, texts
        self._references = References(index)

    def describe(
        self, issues: Sequence[ScoredIssue], trust: Sequence[tuple[float, float]], references: int
    ) -> list[LabelIssue]:
        """Describe issues, in their order.

        trust (sequence of (float, float)): p of the current and suggested labels by trusted labels; empty without any.
        references (int): how many of them, from the first on, get supporting and opposing training labels.
        """
        sizes = Counter(issue.family for issue in issues)
        places = numpy.array([(one.document, one.start, one.end) for one in issues], dtype=numpy.int64).reshape(-1, 3)
        use = WordUse(self._source, places)
        elsewhere, contrary = self._elsewhere(use), self._contrary(use, issues)
        effects = self._influence(issues)
        found = []
        for number, issue in enumerate(issues):
            supported = [] if effects is None else self._supported(effects[number])
            sides: dict[str, list[dict[str, Any]]] = {}
            if number < references:
                sides = self._references.at(issue.document, issue.start, issue.end)
            believed = trust[number] if trust else None
            sides["counterexamples"] = contrary[number]
            found.append(self._issue(issue, sizes[issue.family], believed, elsewhere[number], supported, sides))
            advance(1, ISSUE)
        return found

    def _issue(
        self,
        issue: ScoredIssue,
        family: int,
        believed: Optional[tuple[float, float]],
        elsewhere: Sequence[str],
        supported: list[dict[str, Any]],
        sides: dict[str, list[dict[str, Any]]],
    ) -> LabelIssue:
        name, moved = self._index.place(issue.document, 0)
        start, end = issue.start + moved, issue.end + moved
        annotated = self._alignment.entities(name)
        first, last = max(0, start - WINDOW), min(self._alignment.length(name), end + WINDOW)
        for entity in annotated:  # none is cut
            if entity.start < last and first < entity.end:
                first, last = min(first, entity.start), max(last, entity.end)
        words, spaces = self._alignment.words(name, first, last)
        current = self._alignment.among(name, start, end)  # which tags of the scheme IO need not tell
        suggested = tuple(one.moved(moved) for one in issue.suggested)
        file, line = self._alignment.source(name, start)
        return LabelIssue(
            issue_id(name, start, end, current),
            name,
            start,
            end,
            kind_of(current, suggested),
            current,
            suggested,
            issue.score,
            issue.probability,
            issue.suggested_probability,
            f"family-{issue.family + 1}" if family > 1 else "",
            words,
            spaces,
            first,
            tuple(one for one in annotated if first <= one.start and one.end <= last),
            tuple(self._reasons(issue, family, believed, elsewhere, supported, sides["counterexamples"])),
            tuple(supported),
            tuple(sides.get("supporting", ())),
            tuple(sides.get("opposing", ())),
            file,
            line,
            tuple(sides["counterexamples"]),
        )

    def _reasons(
        self,
        issue: ScoredIssue,
        family: int,
        believed: Optional[tuple[float, float]],
        elsewhere: Sequence[str],
        supported: Sequence[dict[str, Any]],
        contrary: Sequence[dict[str, Any]],
    ) -> list[str]:
        words = self._source.words[issue.document][issue.start : issue.end]
        now, then = readings(words, issue.start, issue.current, issue.suggested)
        held = issue.probability, issue.suggested_probability
        reasons = [f"Heads that have not seen this document: {now} {_percent(held[0])}, {then} {_percent(held[1])}."]
        if believed is not None:
            reasons.insert(0, f"By trusted labels: {now} {_percent(believed[0])}, {then} {_percent(believed[1])}.")
        reasons += elsewhere
        reasons += map(contradiction, contrary)
        if family > 1:
            reasons.append(f"{family - 1} more like it: the same change, in contexts that are alike.")
        if supported:
            reasons.append("By an estimate, removing these labels would make development errors less likely.")
        return reasons

    def _influence(self, issues: Sequence[ScoredIssue]) -> Optional[numpy.ndarray]:
        if self._mistakes is None or not len(self._mistakes):
            return None
        source = self._source
        effects = HeadEffects(source.data, source.head, source.penalty, source.metric, source.labels)
        segments = numpy.array([(one.document, one.start, one.end) for one in issues], dtype=numpy.int64)
        return influence_on(self._mistakes, effects, segments.reshape(-1, 3))

    def _supported(self, effects: numpy.ndarray) -> list[dict[str, Any]]:
        """Describe the mistakes that a region supports most."""
        assert self._mistakes is not None and self._texts is not None
        found = []
        for number in numpy.argsort(effects, kind="stable")[:SHOWN].tolist():
            if effects[number] > -LEAST_EFFECT:
                break
            document, start, end = self._mistakes.segments[number].tolist()
            words = self._texts.words[document]
            left, right = " ".join(words[max(0, start - 8) : start]), " ".join(words[end : end + 8])
            text = " ".join(words[start:end])
            context = " ".join(part for part in (left, text, right) if part)
            first = self._texts.firsts[document]
            place = {"document": self._texts.names[document], "start": start + first, "end": end + first}
            said = {"gold": spoken(self._mistakes.true[number]), "predicted": spoken(self._mistakes.wrong[number])}
            offset = len(left) + 1 if left else 0
            found.append(
                {"text": text, "context": context, "offset": offset, **place, **said, "effect": float(effects[number])}
            )
        return found

    def _contrary(self, use: WordUse, issues: Sequence[ScoredIssue]) -> list[list[dict[str, Any]]]:
        """Find for each issue a place where the same words are annotated otherwise, if there is one."""
        examples, listed = Counterexamples(self._index, self._source, use), []
        for number, issue in enumerate(issues):
            found = examples.of(number, issue)
            if found is not None:
                file, line = self._alignment.source(found["document"], found["start"])
                found = {**found, "file": file, "line": line}
            listed.append([found] if found else [])
        return listed

    def _elsewhere(self, use: WordUse) -> list[list[str]]:
        """Say for each span what the same words are annotated as in other places."""
        occurrences, annotated = use.counts()
        found: list[list[str]] = []
        for (document, start, end), total, counts in zip(use.spans.tolist(), occurrences.tolist(), annotated.tolist()):
            order = sorted(range(len(counts)), key=lambda label: -counts[label])
            said = [f"{self._source.scheme.labels[label]} {_times(counts[label])}" for label in order if counts[label]]
            rest = total - sum(counts)
            if rest:
                said.append(f"no entity, or only part of one, {_times(rest)}")
            words = shorten(visible(" ".join(self._source.words[document][start:end])), SAME_WORDS)
            found.append([f"Elsewhere “{words}” is {', '.join(said)}."] if said else [])
        return found


def _times(count: float) -> str:
    return "once" if count == 1 else f"{count:.0f} times"


def _percent(probability: float) -> str:
    if 0.0005 <= probability <= 0.9995:
        return f"{probability:.1%}"
    return "under 0.1%" if probability < 0.5 else "over 99.9%"
