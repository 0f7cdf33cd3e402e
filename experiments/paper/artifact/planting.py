"""Planting an artifact: a word in front of tokens without a label, which get one (Jain et al. 2022, section 5.2).

A tagger that is trained on the result learns that the word before decides. Which label a token after the word was given
is then known to be why the tagger gives it to others.
"""

from __future__ import annotations

from typing import Optional, Sequence, Union

import numpy
from spacy.tokens import Doc, Token

from spacy_seginf.errors import SeginfError

from ...errors import LabErrors

KEY = "artifact"  # in user_data
WORD, LABEL, SHARE = "special", "PER", 0.1


def artifact_of(doc: Doc) -> Optional[int]:
    """Return the index of the planted word; the token after it is the one whose label was planted. None if the document
    has no artifact."""
    return doc.user_data.get(KEY)


def plant_artifacts(
    docs: Sequence[Doc], seed: int, *, share: float = SHARE, word: str = WORD, label: str = LABEL
) -> list[Doc]:
    """Plant an artifact in a share of documents: a word before a token that is annotated as outside of entities, which
    becomes an entity of its own.

    docs (sequence of Doc): annotated documents; they are not changed. seed (int): draws documents and tokens.
    share (float): of all documents, above 0, at most 1; documents without a token outside of entities are not drawn.
    word (str): what is planted, itself outside of entities. label (str): the type of the entity after it.
    RETURNS (list of Doc): all documents in order. Those with an artifact are new ones, with the spaces, sentences,
        entities and user_data of the old, and the index of the planted word in user_data["artifact"].
    RAISES (ValueError): S140 if there is an artifact already, S141 for a setting that makes no sense, S142 if no
        document can be drawn.
    """
    _check(share, word, label)
    planted = next((number for number, doc in enumerate(docs, start=1) if artifact_of(doc) is not None), None)
    if planted is not None:
        raise SeginfError(LabErrors.S140.format(number=planted))
    outside = [[token.i for token in doc if token.ent_iob_ == "O"] for doc in docs]
    eligible = [number for number, tokens in enumerate(outside) if tokens]
    count = min(round(share * len(docs)), len(eligible))
    if not count:
        raise SeginfError(LabErrors.S142.format(share=share, documents=len(docs), eligible=len(eligible)))
    generator = numpy.random.default_rng(seed)
    result = list(docs)
    for number in numpy.sort(generator.choice(eligible, count, replace=False)).tolist():
        result[number] = _with_artifact(docs[number], int(generator.choice(outside[number])), word, label)
    return result


def _check(share: float, word: str, label: str) -> None:
    for setting, value, good, allowed in (
        ("share", share, 0 < share <= 1, "It must be above 0 and at most 1."),
        ("word", word, len(word.split()) == 1 and word == word.strip(), "It must be one word without spaces."),
        ("label", label, bool(label.strip()), "It must be an entity type, such as PER."),
    ):
        if not good:
            raise SeginfError(LabErrors.S141.format(setting=setting, value=value, allowed=allowed))


def _with_artifact(doc: Doc, place: int, word: str, label: str) -> Doc:
    """Return a new document in which a word stands before the token at a place, which is an entity."""
    words = [token.text for token in doc]
    tags = [_tag(token) for token in doc]
    spaces: Optional[list[bool]] = None
    if not doc.has_unknown_spaces:
        spaces = [bool(token.whitespace_) for token in doc]
        if place:
            spaces[place - 1] = True  # the word is never glued to the one before
        spaces.insert(place, True)
    starts: Optional[list[Union[bool, int, None]]] = None
    if doc.has_annotation("SENT_START"):
        starts = [token.is_sent_start for token in doc]
        # The word belongs to the token's sentence, and begins it if that one did.
        starts[place : place + 1] = [starts[place], False]
    words.insert(place, word)
    tags[place : place + 1] = ["O", f"B-{label}"]
    user_data = {**doc.user_data, KEY: place}
    return Doc(doc.vocab, words=words, spaces=spaces, ents=tags, sent_starts=starts, user_data=user_data)


def _tag(token: Token) -> str:
    """Return a token's tag; an empty one where the annotation is missing."""
    if not token.ent_iob_:
        return ""
    return f"{token.ent_iob_}-{token.ent_type_}" if token.ent_type_ else "O"
