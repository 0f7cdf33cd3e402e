"""From an explanation to decisions: what training labels that it names should say."""

from __future__ import annotations

from pathlib import Path
from typing import Iterable

from ..crf.schemes import OUTSIDE, TAG, Entity
from ..curation.decisions import append_decisions, labelled
from ..curation.records import Decision
from ..errors import Errors, SeginfError
from ..explanation.flips import check_flip
from ..explanation.influence import Influence
from ..explanation.reference_view import Reference
from ..index.index import Index

REVIEWER = "decide_labels"


def decide_labels(
    influence: Influence, references: Iterable[Reference], label: str, decisions: Path, *, reviewer: str = REVIEWER
) -> list[Decision]:
    """Decide that training labels which an explanation names should say something else, and append that to a file of
    decisions, which ``preview``, ``refit_pipeline`` and ``apply_decisions`` read. All of it is written, or nothing.

    influence (Influence): the component that explained.
    references (iterable of Reference): such as those of a family (see ``add_detail``), or ``supporting``.
    label (str): what they should say: a type, or "O" for no entity; of taggers of single tokens a tag.
    decisions (Path): the file that is appended to. reviewer (str): who decided.
    RETURNS (list of Decision): one for each label that does not say so yet, in their order.
    RAISES (ValueError): S020 without an index, S271 if the tagger has no such label, S318 for what is no reference, one
        of another index, or of the tag of a single token where entities are predicted, S171 if the file can't be
        written, S170 if it ends in something that is no decision.

    >>> nlp = spacy.load("indexed")
    >>> why = nlp("Ada Lind visited Tarnby .").ents[0]._.influencers
    >>> influence, path = nlp.get_pipe("influence"), Path("decided.jsonl")
    >>> decided = spacy_seginf.decide_labels(influence, why.supporting[:2], "ORG", path)
    >>> [decision.entities[0].label for decision in decided]
    ['ORG', 'ORG']
    """
    tagger = influence.find_tagger()
    check_flip(tagger, label, "relabelling")
    index = influence.explainer().index
    places = _places(index)
    nothing = "" if tagger.scheme.name == TAG else OUTSIDE  # every token has a tag
    known = (*tagger.scheme.labels, nothing)
    decided: dict[tuple[str, int, int], Decision] = {}
    for one in references:
        if not isinstance(one, Reference):
            problem = f"a {type(one).__name__} is no reference; an occurrence of a family has one (`.reference`)"
            raise SeginfError(Errors.S318.format(problem=problem))
        pieces = [piece for piece in places.get(one.doc_id, ()) if piece[0] <= one.start]
        if not pieces:
            raise SeginfError(Errors.S318.format(problem=f"the index has no document {one.doc_id!r}"))
        if one.label not in known:
            raise SeginfError(Errors.S318.format(problem=f"{one.label!r} is the tag of a single token, and no entity"))
        if one.label == label:
            continue
        first, document = max(pieces)
        words = tuple(index.words(document)[0][one.start - first : one.end - first])
        current, wanted = (
            () if value == nothing else (Entity(one.start, one.end, value),) for value in (one.label, label)
        )
        place = one.doc_id, one.start, one.end
        decided[place] = labelled(place, words, current, wanted, reviewer)
    if decided:
        append_decisions(Path(decisions), decided.values())
    return list(decided.values())


def _places(index: Index) -> dict[str, list[tuple[int, int]]]:
    """Return of each document of the corpus its first tokens in the index, and their numbers there: it may be cut."""
    places: dict[str, list[tuple[int, int]]] = {}
    for number in range(int(index.first_documents[-1])):
        name, first = index.place(number, 0)
        places.setdefault(name, []).append((first, number))
    return places
