"""spaCy's own: documents (.spacy) with `doc.spans["incorrect_spans"]`, from which its `ner` learns what is wrong.

A suspicion's current entities are incorrect spans; where it proposes an entity among words without one, so are these
words as "O". In `doc.ents` the words of a region are missing until somebody annotates them: spaCy refuses documents in
which the same span is an entity and an incorrect one. `doc.spans["suggested_spans"]` has what is proposed. Whoever
decides sets the entities of a region in `doc.ents`, all its words included; a region whose words are still missing is
undecided.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any, Iterator, Sequence

import spacy
from spacy.tokens import Doc, DocBin, Span

from ..crf.schemes import Entity
from ..curation.records import Decision
from ..curation.suspicions import Ranking, Suspicion
from ..errors import Errors, SeginfError
from ..files import write_bytes
from ..tagger.corpus import identifier_of, read_documents
from .answers import Answers
from .origin import origin_of
from .windows import showable, window_of

INCORRECT, SUGGESTED = "incorrect_spans", "suggested_spans"
OUTSIDE = "O"  # as spaCy's ner reads it
KEY = "seginf_tasks"  # in user_data


def write(ranking: Ranking, path: Path) -> None:
    """Write the words around each suspicion as a document. RAISES (ValueError): S190 if one can't be shown."""
    vocab = spacy.blank("xx").vocab
    docs = []
    for suspicion in ranking.suspicions:
        window = window_of(suspicion)
        doc = Doc(vocab, words=list(window.words), spaces=list(window.spaces))
        doc.set_ents(_spans(doc, window.entities, window.first))
        doc.user_data["id"] = showable(suspicion.document)
        docs.append(_mark(doc, [suspicion], ranking, window.first))
    _save(path, docs)


def write_documents(ranking: Ranking, path: Path, corpus: Path) -> None:
    """Write all documents of the corpus that the suspicions are about, with these marked.

    RAISES (ValueError): S040 or S042 without a corpus, S190 if it has not what a suspicion is about.
    """
    waiting: dict[str, list[Suspicion]] = {}
    for suspicion in ranking.suspicions:
        waiting.setdefault(suspicion.document, []).append(suspicion)
    docs = []
    for number, doc in enumerate(read_documents(spacy.blank("xx"), corpus), start=1):
        suspicions = waiting.pop(identifier_of(doc, corpus, number), [])
        for suspicion in suspicions:
            _check(suspicion, doc, corpus)
        docs.append(_mark(doc, suspicions, ranking, 0) if suspicions else doc)
    for suspicions in waiting.values():
        problem = f"{corpus} has no other document {suspicions[0].document!r}"
        raise SeginfError(Errors.S190.format(suspicion=suspicions[0].id, problem=problem))
    _save(path, docs)


def read(path: Path, ranking: Ranking, reviewer: str) -> list[Decision]:
    """Read the decisions off documents whose regions were annotated.

    RAISES (ValueError): S040 or S042 without documents, S191 to S198 for answers that can't be used, S198 also for
        changes outside of all regions.
    """
    answers = Answers(path, ranking, reviewer)
    for number, doc in enumerate(read_documents(spacy.blank("xx"), path), start=1):
        if KEY not in doc.user_data:
            continue
        place = f"document {number}"
        first, annotated, suspicions = _facts(doc, answers, place)
        left = _entities(doc, first)
        regions = [Entity(suspicion.start, suspicion.end, "") for suspicion in suspicions]
        answered = [entity for entity in left if any(_meet(entity, region) for region in regions)]
        for entity in sorted(set(left) ^ set(annotated)):
            if not any(_meet(entity, other) for other in (*regions, *answered)):
                problem = f"the entity of tokens {entity.start} to {entity.end - 1} ({entity.label}) was changed"
                raise answers.outside(place, f"{problem}, and is in no region in question")
        for suspicion, region in zip(suspicions, regions):
            tokens = doc[suspicion.start - first : suspicion.end - first]
            missing = sum(not token.ent_iob for token in tokens)
            if missing and missing < len(tokens):
                problem = f"of tokens {suspicion.start} to {suspicion.end - 1}, {missing} have no annotation"
                raise answers.problem(place, problem)
            if not missing:
                # Other changes are answers to other suspicions of the document.
                inside = [entity for entity in left if _meet(entity, region)]
                others = [one for one in window_of(suspicion).entities if not _meet(one, region)]
                kept = [one for one in others if not any(_meet(one, entity) for entity in inside)]
                answers.leave(suspicion, [*inside, *kept], place)
    return answers.decisions


def _mark(doc: Doc, suspicions: Sequence[Suspicion], ranking: Ranking, first: int) -> Doc:
    entities = [(entity.start, entity.end, entity.label) for entity in _entities(doc, first)]
    tasks = [origin_of(suspicion, ranking) for suspicion in suspicions]
    doc.user_data[KEY] = {"first": first, "entities": entities, "tasks": tasks}
    incorrect = {entity for suspicion in suspicions for entity in _incorrect(suspicion)}
    suggested = {entity for suspicion in suspicions for entity in suspicion.suggested}
    doc.spans[INCORRECT] = _spans(doc, sorted(incorrect), first)
    doc.spans[SUGGESTED] = _spans(doc, sorted(suggested), first)
    regions = [doc[suspicion.start - first : suspicion.end - first] for suspicion in suspicions]
    for region in regions:  # one at a time, as regions may overlap
        doc.set_ents([], missing=[region], default="unmodified")
    return doc


def _incorrect(suspicion: Suspicion) -> Iterator[Entity]:
    yield from suspicion.current
    named = {token for entity in suspicion.current for token in range(entity.start, entity.end)}
    for entity in suspicion.suggested:
        for token in range(entity.start, entity.end):
            if token not in named:
                yield Entity(token, token + 1, OUTSIDE)


def _check(suspicion: Suspicion, doc: Doc, corpus: Path) -> None:
    window = window_of(suspicion)
    words = tuple(token.text for token in doc[window.first : window.last])
    annotated = [one for one in _entities(doc, 0) if window.first <= one.start and one.end <= window.last]
    if words != suspicion.words or tuple(annotated) != window.entities:
        problem = f"the document {suspicion.document!r} of {corpus} has other words or entities"
        raise SeginfError(Errors.S190.format(suspicion=suspicion.id, problem=problem))


def _facts(doc: Doc, answers: Answers, place: str) -> tuple[int, list[Entity], list[Suspicion]]:
    """Read what was written with a document, which is no more to be trusted than the rest of the file."""
    facts = doc.user_data[KEY]
    try:
        first, origins = int(facts["first"]), list(facts["tasks"])
        annotated = [Entity(int(start), int(end), str(label)) for start, end, label in facts["entities"]]
    except (LookupError, TypeError, ValueError):
        raise answers.problem(place, f"its user_data[{KEY!r}] was changed") from None
    suspicions = [answers.find(origin, place) for origin in origins]
    for suspicion in suspicions:
        window = window_of(suspicion)
        shown = [showable(token.text) for token in doc[max(window.first - first, 0) : window.last - first]]
        if tuple(shown) != window.words:
            raise answers.problem(place, f"the words around the suspicion {suspicion.id} were changed")
    return first, annotated, suspicions


def _entities(doc: Doc, first: int) -> list[Entity]:
    return [Entity(span.start + first, span.end + first, span.label_) for span in doc.ents]


def _spans(doc: Doc, entities: Sequence[Entity], first: int) -> list[Any]:
    return [Span(doc, entity.start - first, entity.end - first, label=entity.label) for entity in entities]


def _meet(one: Entity, other: Entity) -> bool:
    return one.start < other.end and other.start < one.end


def _save(path: Path, docs: Sequence[Doc]) -> None:
    write_bytes(path, DocBin(docs=docs, store_user_data=True).to_bytes())
