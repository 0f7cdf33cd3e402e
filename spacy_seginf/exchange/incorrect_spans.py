"""spaCy's own: documents (.spacy) with `doc.spans["incorrect_spans"]`, from which its `ner` learns what is wrong.

An issue's current entities are incorrect spans; where it proposes an entity among words without one, so are these
words as "O". In `doc.ents` the words of a region are missing until somebody annotates them: spaCy refuses documents in
which the same span is an entity and an incorrect one. `doc.spans["suggested_spans"]` has what is proposed. Whoever
decides sets the entities of a region in `doc.ents`, all its words included; a region whose words are still missing is
undecided.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator, Sequence

from spacy.tokens import Doc, DocBin, Span

from ..corpora.docs import identifier_of, read_documents
from ..crf.schemes import Entity
from ..curation.issues import LabelIssue, Ranking
from ..curation.records import Decision
from ..curation.regions import touching
from ..errors import Errors, SeginfError
from ..factories import blank
from ..files import write_bytes
from .answers import Answers
from .origin import origin_of
from .windows import showable, window_of

INCORRECT, SUGGESTED = "incorrect_spans", "suggested_spans"
OUTSIDE = "O"  # as spaCy's ner reads it
KEY = "seginf_tasks"  # in user_data


def write(ranking: Ranking, path: Path) -> None:
    """Write the words around each issue as a document. RAISES (ValueError): S190 if one can't be shown."""
    vocab = blank("xx").vocab
    docs = []
    for issue in ranking.issues:
        window = window_of(issue)
        doc = Doc(vocab, words=list(window.words), spaces=list(window.spaces))
        doc.set_ents(_spans(doc, window.entities, window.first))
        doc.user_data["id"] = showable(issue.document)
        docs.append(_mark(doc, [issue], ranking, window.first))
    _save(path, docs)


def write_documents(ranking: Ranking, path: Path, corpus: Path) -> None:
    """Write all documents of the corpus that the issues are about, with these marked.

    RAISES (ValueError): S040 or S042 without a corpus, S190 if it has not what an issue is about.
    """
    waiting: dict[str, list[LabelIssue]] = {}
    for issue in ranking.issues:
        waiting.setdefault(issue.document, []).append(issue)
    docs = []
    for number, doc in enumerate(read_documents(blank("en"), corpus), start=1):
        issues = waiting.pop(identifier_of(doc, corpus, number), [])
        for issue in issues:
            _check(issue, doc, corpus)
        docs.append(_mark(doc, issues, ranking, 0) if issues else doc)
    for issues in waiting.values():
        problem = f"{corpus} has no other document {issues[0].document!r}"
        raise SeginfError(Errors.S190.format(issue=issues[0].id, problem=problem))
    _save(path, docs)


def read(path: Path, ranking: Ranking, reviewer: str) -> list[Decision]:
    """Read the decisions off documents whose regions were annotated.

    RAISES (ValueError): S040 or S042 without documents, S191 to S198 for answers that can't be used, S198 also for
        changes outside of all regions.
    """
    answers = Answers(path, ranking, reviewer)
    for number, doc in enumerate(read_documents(blank("xx"), path), start=1):
        if KEY not in doc.user_data:
            continue
        place = f"document {number}"
        first, annotated, issues = _facts(doc, answers, place)
        left = _entities(doc, first)
        regions = [Entity(issue.start, issue.end, "") for issue in issues]
        answered = [entity for entity in left if touching(entity.start, entity.end, regions)]
        for entity in sorted(set(left) ^ set(annotated)):
            if not touching(entity.start, entity.end, (*regions, *answered)):
                problem = f"the entity of tokens {entity.start} to {entity.end - 1} ({entity.label}) was changed"
                raise answers.outside(place, f"{problem}, and is in no region in question")
        for issue, region in zip(issues, regions):
            tokens = doc[issue.start - first : issue.end - first]
            missing = sum(not token.ent_iob for token in tokens)
            if missing and missing < len(tokens):
                problem = f"of tokens {issue.start} to {issue.end - 1}, {missing} have no annotation"
                raise answers.problem(place, problem)
            if not missing:
                # Other changes are answers to other issues of the document.
                inside = touching(region.start, region.end, left)
                others = window_of(issue).entities
                kept = [one for one in others if not touching(one.start, one.end, (region, *inside))]
                answers.leave(issue, [*inside, *kept], place)
    return answers.decisions


def _mark(doc: Doc, issues: Sequence[LabelIssue], ranking: Ranking, first: int) -> Doc:
    entities = [(entity.start, entity.end, entity.label) for entity in _entities(doc, first)]
    tasks = [origin_of(issue, ranking) for issue in issues]
    doc.user_data[KEY] = {"first": first, "entities": entities, "tasks": tasks}
    incorrect = {entity for issue in issues for entity in _incorrect(issue)}
    suggested = {entity for issue in issues for entity in issue.suggested}
    doc.spans[INCORRECT] = _spans(doc, sorted(incorrect), first)
    doc.spans[SUGGESTED] = _spans(doc, sorted(suggested), first)
    regions = [doc[issue.start - first : issue.end - first] for issue in issues]
    for region in regions:  # one at a time, as regions may overlap
        doc.set_ents([], missing=[region], default="unmodified")
    return doc


def _incorrect(issue: LabelIssue) -> Iterator[Entity]:
    yield from issue.current
    named = {token for entity in issue.current for token in range(entity.start, entity.end)}
    for entity in issue.suggested:
        for token in range(entity.start, entity.end):
            if token not in named:
                yield Entity(token, token + 1, OUTSIDE)


def _check(issue: LabelIssue, doc: Doc, corpus: Path) -> None:
    window = window_of(issue)
    words = tuple(token.text for token in doc[window.first : window.last])
    annotated = [one for one in _entities(doc, 0) if window.first <= one.start and one.end <= window.last]
    if words != issue.words or tuple(annotated) != window.entities:
        problem = f"the document {issue.document!r} of {corpus} has other words or entities"
        raise SeginfError(Errors.S190.format(issue=issue.id, problem=problem))


def _facts(doc: Doc, answers: Answers, place: str) -> tuple[int, list[Entity], list[LabelIssue]]:
    """Read what was written with a document, which is no more to be trusted than the rest of the file."""
    facts = doc.user_data[KEY]
    try:
        first, origins = int(facts["first"]), list(facts["tasks"])
        annotated = [Entity(int(start), int(end), str(label)) for start, end, label in facts["entities"]]
    except (LookupError, TypeError, ValueError):
        raise answers.problem(place, f"its user_data[{KEY!r}] was changed") from None
    issues = [answers.find(origin, place) for origin in origins]
    for issue in issues:
        window = window_of(issue)
        shown = [showable(token.text) for token in doc[max(window.first - first, 0) : window.last - first]]
        if tuple(shown) != window.words:
            raise answers.problem(place, f"the words around the issue {issue.id} were changed")
    return first, annotated, issues


def _entities(doc: Doc, first: int) -> list[Entity]:
    return [Entity(span.start + first, span.end + first, span.label_) for span in doc.ents]


def _spans(doc: Doc, entities: Sequence[Entity], first: int) -> list[Any]:
    return [Span(doc, entity.start - first, entity.end - first, label=entity.label) for entity in entities]


def _save(path: Path, docs: Sequence[Doc]) -> None:
    write_bytes(path, DocBin(docs=docs, store_user_data=True).to_bytes())
