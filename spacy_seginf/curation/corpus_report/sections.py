"""The parts of a report, and how they come about."""

from __future__ import annotations

from collections import Counter
from typing import Callable, NamedTuple, Optional, Sequence

from ...corpora.documents import Document
from .annotations import Annotations, Predicted
from .habits import (
    contradicted_forms,
    contradicted_in_document,
    contradicted_templates,
    edge_words,
    moving_boundaries,
    unannotated_twins,
)
from .held_out import doubted_annotations
from .records import CorpusReport, Finding, TypeCount
from .whole_texts import contradicted_duplicates, dissenting_documents

FREQUENT = 5  # forms that are named for each type


class Section(NamedTuple):
    """A part of a report. title (str), meaning (str): what people read. find (Callable): its findings."""

    title: str
    meaning: str
    find: Callable[[Annotations], list[Finding]]


SECTIONS = {
    "documents": Section(
        "Documents that disagree with the rest",
        "Documents in which the same words are labelled otherwise than in most others, far more often than elsewhere: "
        "another annotator, an earlier guideline, or another meaning.",
        dissenting_documents,
    ),
    "in_document": Section(
        "The same words with different labels in one document",
        "Within a document words mostly mean the same thing. O: not annotated.",
        contradicted_in_document,
    ),
    "forms": Section(
        "Words with several types",
        "The rarer types are listed. Some words are ambiguous; one against many is more often an error.",
        contradicted_forms,
    ),
    "twins": Section(
        "Annotated in some places, and not in others",
        "The same words, written in the same way. O: not annotated.",
        unannotated_twins,
    ),
    "templates": Section(
        "The same slot with several types",
        "Entities in the same place of the same sentence, or between the same words: [*] is the entity, [] are others, "
        "0 is a number.",
        contradicted_templates,
    ),
    "boundaries": Section(
        "The same words with and without a word at the edge",
        "Brackets mark what is annotated.",
        moving_boundaries,
    ),
    "edges": Section(
        "Words that are mostly part of entities beside them, or mostly are not",
        "Articles, titles, punctuation: what guidelines decide, and annotators forget.",
        edge_words,
    ),
    "duplicates": Section(
        "The same sentence, annotated in different ways",
        "Word by word the same.",
        contradicted_duplicates,
    ),
    "model": Section(
        "Where heads that have not seen the document read it otherwise",
        "What would change, by kind. The encoder has seen all documents, so errors that it has learned are not here.",
        doubted_annotations,
    ),
}


def report_on(
    corpus: str, documents: Sequence[Document], predicted: Optional[Predicted] = None, model: str = ""
) -> CorpusReport:
    """Compare the annotations of a corpus with each other.

    corpus (str), model (str): names of the corpus, and of the pipeline that predicted.
    predicted (mapping): what heads that have not seen a document say of it, see ``held_out_entities``.
    """
    annotations = Annotations(documents, predicted)
    names = [name for name in SECTIONS if name != "model" or predicted is not None]
    return CorpusReport(
        corpus,
        len(documents),
        sum(len(one.words) for one in documents),
        sum(len(one.entities) for one in documents),
        tuple(_types(documents)),
        {name: tuple(SECTIONS[name].find(annotations)) for name in names},
        model,
    )


def _types(documents: Sequence[Document]) -> list[TypeCount]:
    forms: dict[str, Counter[str]] = {}
    owners: dict[str, set[int]] = {}
    tokens: Counter[str] = Counter()
    for number, document in enumerate(documents):
        for one in document.entities:
            forms.setdefault(one.label, Counter())[" ".join(document.words[one.start : one.end])] += 1
            owners.setdefault(one.label, set()).add(number)
            tokens[one.label] += one.end - one.start
    found = []
    for label, counts in forms.items():
        spans = counts.total()
        frequent = dict(sorted(counts.items(), key=lambda pair: (-pair[1], pair[0]))[:FREQUENT])
        found.append(TypeCount(label, spans, len(counts), len(owners[label]), tokens[label] / spans, frequent))
    return sorted(found, key=lambda one: (-one.spans, one.label))
