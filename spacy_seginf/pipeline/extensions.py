"""``doc._.influencers``, ``token._.influencers`` and ``span._.influencers``."""

from __future__ import annotations

from typing import Any, Callable

from spacy.tokens import Doc, Span, Token

from ..errors import Errors
from .views import Influencers

STORED = "seginf"


def register_extensions() -> None:
    """Register the extension attributes, unless they are there."""
    if not Doc.has_extension(STORED):
        Doc.set_extension(STORED, default=None)
    getters: dict[Any, Callable] = {Doc: doc_influencers, Token: token_influencers, Span: span_influencers}
    for owner, getter in getters.items():
        if not owner.has_extension("influencers"):
            owner.set_extension("influencers", getter=getter)


def doc_influencers(doc: Doc) -> list[Influencers]:
    """Return one entry per token. RAISES (ValueError): S020 if nothing is stored, S022 if tokens changed since."""
    stored = stored_explanations(doc)
    by_offset = {entry["start"]: entry for entry in stored["tokens"]}
    return [_token_view(token, by_offset, stored) for token in doc]


def token_influencers(token: Token) -> Influencers:
    """Return the token's entry. RAISES (ValueError): S020, S022."""
    stored = stored_explanations(token.doc)
    tokens = stored["tokens"]
    # Nearly always tokens still are what they were; then no table of offsets is needed.
    if token.i < len(tokens) and tokens[token.i]["start"] == token.idx:
        return _token_view(token, {token.idx: tokens[token.i]}, stored)
    return _token_view(token, {entry["start"]: entry for entry in tokens}, stored)


def span_influencers(span: Span) -> Influencers:
    """Return the entry of an entity, or of a span of one token. RAISES (ValueError): S020, S021, S022."""
    stored = stored_explanations(span.doc)
    for entry in stored["entities"]:
        if (entry["start"], entry["end"]) == (span.start_char, span.end_char):
            return Influencers(entry, stored["references"])
    if len(span) == 1:
        return token_influencers(span[0])
    raise ValueError(Errors.S021.format(span=span.text, start=span.start, end=span.end))


def _token_view(token: Token, by_offset: dict[int, dict[str, Any]], stored: dict[str, Any]) -> Influencers:
    entry = by_offset.get(token.idx)
    if entry is None or entry["end"] != token.idx + len(token):
        raise ValueError(Errors.S022.format(token=token.text, offset=token.idx, name="influence"))
    return Influencers(entry, stored["references"])


def stored_explanations(doc: Doc) -> dict[str, Any]:
    """Return what is stored on a document, see ``views``. RAISES (ValueError): S020 if nothing is."""
    stored = doc._.get(STORED)
    if stored is None:
        raise ValueError(Errors.S020)
    return stored
