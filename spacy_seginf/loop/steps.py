"""The loop that curation is: read, decide, correct, train again; and what reading in another order would have given.

Curves are of heads that are refit to the corrected labels, on frozen features; the pipeline itself is
trained anew only at the end.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Callable, Optional, Sequence

import numpy
from spacy.language import Language
from spacy.training import Corpus

from ..attribution.method import Texts
from ..corpora.docs import identifier_of, read_documents
from ..curation.decisions import now
from ..curation.finding import IssueFinder
from ..curation.records import Decision, issue_id
from ..curation.scores import segment_scores
from ..curation.session import Session
from ..errors import Errors, SeginfError
from ..progress import REFIT, advance, step
from .correcting import entity_counts, f1, refit_head
from .reviewing import ReviewedItem, Reviewer, corrected_labels, found_tokens, review_ranking, review_spans

LOSS, RANDOM = "marginal_loss", "random"  # scores of the orders that are compared
Say = Callable[[str], None]


@dataclass(frozen=True)
class Curve:
    """What reading in some order gives.

    reviewed (list of int): how many items. wrong_found (list of float): share of the wrong tokens that were found.
    f1 (list of float): of heads refit to the corrected labels, on test texts.
    """

    reviewed: list[int]
    wrong_found: list[float]
    f1: list[float]


def read_orders(
    finder: IssueFinder, reviewer: Reviewer, budget: int, every: Optional[int], say: Say
) -> dict[str, list[ReviewedItem]]:
    """Read the training labels in the order of the ranking, of their losses, and at random, up to a review budget.

    every (int): items after which decisions feed back into the ranking; None never.
    """
    source = finder.source
    say("Reading the ranking")
    orders = {"ranking": review_ranking(finder, reviewer, budget, every=every)}
    scores = segment_scores(source, [LOSS, RANDOM], source.units)
    for name, score in (("loss", LOSS), ("random", RANDOM)):
        orders[name] = review_spans(reviewer, source.units, scores[score], budget)
    return orders


def curve_of(reviewer: Reviewer, reviewed: Sequence[ReviewedItem], at: Sequence[int], test: Texts) -> Curve:
    """Refit the head after some numbers of items (ints), and score it on test texts with right labels."""
    source, found = reviewer.source, [0.0, *found_tokens(reviewer, reviewed)]
    counts = sorted({min(count, len(reviewed)) for count in at})
    heads = []
    with step("Refits", len(counts), REFIT):
        for count in counts:
            heads.append(refit_head(source, corrected_labels(source, reviewed[:count]))[0])
            advance(1, REFIT)
    values = [f1(entity_counts(head, test, source.scheme)) for head in heads]
    return Curve(counts, [found[count] for count in counts], values)


def decisions_of(session: Session, reviewed: Sequence[ReviewedItem], reviewer: str) -> list[Decision]:
    """Write down what was decided, in the words of the corpus."""
    made, when = [], now()
    for one in (decided for item in reviewed for decided in item.decided):
        name, moved = session.index.place(one.document, 0)
        start, end = one.start + moved, one.end + moved
        current = session.annotated(one.document, one.start, one.end)
        outcome = tuple(entity.moved(moved) for entity in one.entities)
        words, _ = session.alignment.words(name, start, end)
        choice = "label" if one.wrong else "keep"  # then the outcome is what is there
        place = issue_id(name, start, end, current), name, start, end, words, current
        made.append(Decision(*place, choice, outcome if one.wrong else (), reviewer, when, session.alignment.digest))
    return made


def truth_of(session: Session, path: Path) -> numpy.ndarray:
    """Read the right labels of the training tokens off a corpus of the same documents (int64, tokens). Where it has no
    annotation, the present labels stay. Documents without ids are told by their places in the file.

    RAISES (ValueError): S040 or S042 for missing or wrong input, S216 if a document is missing or has other words, S003
        for a label that the tagger lacks.
    """
    scheme, source = session.tagger.scheme, session.source
    docs = {}
    for number, doc in enumerate(read_documents(session.nlp, path)):
        named = doc.user_data.get("id") or number >= len(session.alignment.names)
        docs[identifier_of(doc, path, number + 1) if named else session.alignment.names[number]] = doc
    truth = source.labels.copy()
    for number, length in enumerate(source.data.lengths):
        name, first = session.index.place(number, 0)
        if name not in docs or [token.text for token in docs[name][first : first + length]] != source.words[number]:
            raise SeginfError(Errors.S216.format(path=path, id=name))
        doc = docs[name]
        rows = truth[source.data.starts[number] :][:length]
        rows[[token.ent_iob != 0 for token in doc[first : first + length]]] = 0
        for entity in doc.ents:
            if first <= entity.start and entity.end <= first + length:
                if entity.label_ not in scheme.labels:
                    known = ", ".join(scheme.labels)
                    facts = {"label": entity.label_, "name": session.tagger.name, "known": known}
                    raise SeginfError(Errors.S003.format(where=f"document {name} of {path}", **facts))
                rows[entity.start - first : entity.end - first] = scheme.entity_tags(entity.label_, len(entity))
    return truth


def scores_by_label(nlp: Language, path: Path) -> dict[str, float]:
    """Return the entity F1 on a corpus (.spacy), in all ("") and by type."""
    found = nlp.evaluate(list(Corpus(path)(nlp)))
    by_type = found.get("ents_per_type") or {}
    return {"": float(found["ents_f"] or 0.0), **{label: float(values["f"]) for label, values in by_type.items()}}


def recovered(before: float, after: float, ceiling: float) -> Optional[float]:
    """Return which share of what wrong labels cost was won back; None if they cost nothing."""
    return (after - before) / (ceiling - before) if ceiling > before else None
