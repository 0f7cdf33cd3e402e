"""What decisions change in a corpus, and whether they still fit it: all checks before anything is written."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Collection, Iterable, Mapping, Sequence

from ..corpora.documents import AnnotatedCorpus, Document, Replacement, replaced
from ..corpora.tags import one_each
from ..crf.schemes import Entity
from ..errors import Errors, SeginfError
from ..guesses import one_of
from ..rendering.text import shorten, tokens_of, visible
from .decisions import Conflict, final_decisions, merge_decisions
from .records import Decision, corpus_digest
from .regions import Correction, overlap, touching

SHOWN = 20  # problems
CONFLICTS = ("error", "skip")
TAGS_HINT = "for decisions on the tags of tokens, not on entities, say --scheme TAG"


@dataclass(frozen=True)
class Plan:
    """What applying decisions comes to.

    changes (tuple of Correction): in the order of the corpus. kept (int): regions that were confirmed.
    conflicts (tuple of Conflict): left as they are.
    other_corpus (bool): whether some decisions were made on another version, though they fit this one.
    """

    changes: tuple[Correction, ...]
    kept: int
    conflicts: tuple[Conflict, ...]
    other_corpus: bool

    @property
    def replacements(self) -> dict[int, list[Correction]]:
        """The changes of each document (number from 0)."""
        found: dict[int, list[Correction]] = {}
        for change in self.changes:
            found.setdefault(change.document, []).append(change)
        return found


def plan_changes(
    corpus: AnnotatedCorpus, decisions: Sequence[Decision], *, labels: Iterable[str] = (), conflicts: str = "error"
) -> Plan:
    """Find out what decisions change, if all of them fit.

    decisions (sequence of Decision): of all reviewers, each one's in the order in which they were made.
    labels (iterable of str): entity types that are allowed besides those of the corpus.
    conflicts (str): "error", or "skip" to leave regions alone that reviewers disagree about.
    RAISES (ValueError): S316 if no document is in the corpus, S202 with everything that does not fit, S203 if ids are
        there twice, S206 for other settings.
    """
    if conflicts not in CONFLICTS:
        raise SeginfError(
            Errors.S206.format(setting="--conflicts", value=conflicts, known=one_of(CONFLICTS, conflicts))
        )
    numbers = _numbers(corpus)
    known = {*labels, *(entity.label for document in corpus.documents for entity in document.entities)}
    final = final_decisions(decisions)
    named = {decision.document for decision in final}
    if named and named.isdisjoint(numbers):
        raise SeginfError(Errors.S316.format(path=corpus.path, count=len(named), id=final[0].document))
    problems = [
        (numbers.get(decision.document, len(numbers)), decision, problem)
        for decision in final
        for problem in _problems(decision, numbers, corpus.documents, known)
    ]
    broken = {decision.document for _, decision, _ in problems}
    agreed, disputed = merge_decisions(decisions)
    if conflicts == "error":
        problems += [
            (numbers.get(first.document, len(numbers)), replace(first, reviewer=""), _dispute(conflict))
            for conflict in disputed
            for first in conflict.decisions[:1]
        ]
    changing = [decision for decision in agreed if sorted(decision.outcome or ()) != sorted(decision.current)]
    problems += _unwritable(corpus, numbers, [one for one in changing if one.document not in broken])
    if problems:
        raise SeginfError(Errors.S202.format(path=corpus.path, problems=_listed(problems)))
    reviewers = _reviewers(final)
    changes = [
        Correction(
            decision.start,
            decision.end,
            tuple(sorted(decision.outcome or ())),
            numbers[decision.document],
            tuple(sorted(decision.current)),
            tuple(sorted(reviewers[decision.document, decision.start, decision.end])),
        )
        for decision in changing
    ]
    changes.sort(key=lambda change: (change.document, change.start))
    digest = corpus_digest((one.identifier, one.words, one.entities) for one in corpus.documents)
    other_corpus = any(decision.corpus not in ("", digest) for decision in final)
    return Plan(tuple(changes), len(agreed) - len(changing), tuple(disputed), other_corpus)


def _numbers(corpus: AnnotatedCorpus) -> dict[str, int]:
    """Number the documents, by id. RAISES (ValueError): S203 if two have the same."""
    numbers: dict[str, int] = {}
    for number, document in enumerate(corpus.documents):
        first = numbers.setdefault(document.identifier, number)
        if first != number:
            both = f"{first + 1} and {number + 1}"
            raise SeginfError(Errors.S203.format(path=corpus.path, id=document.identifier, numbers=both))
    return numbers


def _problems(
    decision: Decision, numbers: Mapping[str, int], documents: Sequence[Document], known: Collection[str]
) -> Iterable[str]:
    """Yield what keeps a decision from being followed."""
    if decision.document not in numbers:
        yield "the corpus has no such document"
        return
    document = documents[numbers[decision.document]]
    start, end = decision.start, decision.end
    if end > len(document.words):
        yield f"the document has only {len(document.words)} tokens"
        return
    words = document.words[start:end]
    if words != decision.words:
        now, before = (shorten(" ".join(side)) for side in (words, decision.words))
        yield f"the words are {now!r} now, and were {before!r}"
        return
    inside = touching(start, end, document.entities)
    if any(entity.start < start or entity.end > end for entity in inside):
        yield "an annotated entity goes beyond the region"
    elif inside != sorted(decision.current):
        hint = "" if document.entities or not one_each(start, end, decision.current) else f" ({TAGS_HINT})"
        yield f"the annotation is {_named(inside, document)} now, and was {_named(decision.current, document)}{hint}"
    if decision.choice == "keep":
        return
    entities = sorted(decision.entities)
    if any(entity.start < start or entity.end > end for entity in entities):
        yield "it puts an entity outside its region"
    elif overlap(entities):
        yield "its entities overlap"
    for label in sorted({entity.label for entity in entities} - set(known)):
        yield f"no entity of the corpus has the label {label!r} (allow it with --label {label})"


def _unwritable(
    corpus: AnnotatedCorpus, numbers: Mapping[str, int], decisions: Sequence[Decision]
) -> list[tuple[int, Decision, str]]:
    """List the decisions that the format of the corpus can't hold."""
    groups: dict[int, list[tuple[Decision, Replacement]]] = {}
    for decision in decisions:
        replacement = Replacement(decision.start, decision.end, tuple(sorted(decision.outcome or ())))
        groups.setdefault(numbers[decision.document], []).append((decision, replacement))
    problems = []
    for number, members in groups.items():
        after = replaced(corpus.documents[number].entities, [replacement for _, replacement in members])
        for decision, replacement in members:
            problem = corpus.unwritable(number, replacement, after)
            if problem:
                problems.append((number, decision, problem))
    return problems


def _reviewers(decisions: Iterable[Decision]) -> dict[tuple[str, int, int], set[str]]:
    """Find who decided on each region."""
    found: dict[tuple[str, int, int], set[str]] = {}
    for decision in decisions:
        found.setdefault((decision.document, decision.start, decision.end), set()).add(decision.reviewer)
    return found


def _dispute(conflict: Conflict) -> str:
    sides = dict.fromkeys(
        f"{decision.reviewer or 'somebody'} says {_labelled(decision)}"
        for decision in sorted(conflict.decisions, key=lambda one: (one.reviewer, one.start, one.end))
    )
    return "decisions contradict each other: " + "; ".join(sides)


def _labelled(decision: Decision) -> str:
    tokens = tokens_of(decision.start, decision.end)
    if decision.choice == "keep":
        return f"{tokens}: right as annotated"
    held = ", ".join(
        _bracketed(decision.words[entity.start - decision.start : entity.end - decision.start], entity)
        for entity in sorted(decision.entities)
    )
    return f"{tokens}: {held or 'no entity'}"


def _named(entities: Iterable[Entity], document: Document) -> str:
    named = [_bracketed(document.words[entity.start : entity.end], entity) for entity in sorted(entities)]
    return ", ".join(named) or "no entity"


def _bracketed(words: Sequence[str], entity: Entity) -> str:
    return f"[{shorten(' '.join(words))}]/{entity.label}"


def _listed(problems: Sequence[tuple[int, Decision, str]]) -> str:
    """List problems in the order of the corpus, as many as anyone reads."""
    ordered = sorted(problems, key=lambda one: (one[0], one[1].document, one[1].start, one[1].end, one[1].reviewer))
    lines = []
    for _, decision, problem in ordered:
        tokens = tokens_of(decision.start, decision.end)
        by = f" (by {decision.reviewer})" if decision.reviewer else ""
        lines.append(visible(f"- {decision.document}, {tokens}{by}: {problem}"))
    lines = list(dict.fromkeys(lines))
    if len(lines) > SHOWN:
        lines = [*lines[:SHOWN], f"- and {len(lines) - SHOWN} more"]
    return "\n".join(lines)
