"""``doc._.influencers``, ``token._.influencers`` and ``span._.influencers``: what the last influence component says.

``influencers_of("name")`` of the same three gives what one of several components says.
"""

from __future__ import annotations

from threading import Lock
from typing import Any, Callable, Optional

from spacy.tokens import Doc, Span, Token

from ..corpora.targets import target_of
from ..crf.schemes import ENTS
from ..errors import Errors, SeginfError
from ..tagger.handover import registered
from .views import Influencers, unexplained

STORED = "seginf"
_REGISTERING = Lock()


def register_extensions() -> None:
    """Register the extension attributes, unless they are there."""
    getters: dict[Any, Callable] = {Doc: doc_influencers, Token: token_influencers, Span: span_influencers}
    with _REGISTERING:  # pipelines may be loaded by several threads
        if not Doc.has_extension(STORED):
            Doc.set_extension(STORED, default=None)
        for owner, getter in getters.items():
            if not owner.has_extension("influencers"):
                owner.set_extension("influencers", getter=getter)
            if not owner.has_extension("influencers_of"):
                owner.set_extension("influencers_of", method=getter)


def doc_influencers(doc: Doc, component: Optional[str] = None) -> list[Influencers]:
    """Return one entry per token.

    component (str): name of the influence component; the last one that ran if None.
    RAISES (ValueError): S020 if nothing is stored, S022 if tokens changed since, S187 if not by this component.
    """
    stored = stored_explanations(doc, component)
    by_offset = {entry["start"]: entry for entry in stored["tokens"]}
    return [_token_view(token, by_offset, stored) for token in doc]


def token_influencers(token: Token, component: Optional[str] = None) -> Influencers:
    """Return the token's entry: of the tag that the tagger gave it. RAISES (ValueError): S020, S022, S187."""
    stored = stored_explanations(token.doc, component)
    tokens = stored["tokens"]
    # Nearly always tokens still are what they were; then no table of offsets is needed.
    if token.i < len(tokens) and tokens[token.i]["start"] == token.idx:
        return _token_view(token, {token.idx: tokens[token.i]}, stored)
    return _token_view(token, {entry["start"]: entry for entry in tokens}, stored)


def span_influencers(span: Span, component: Optional[str] = None) -> Influencers:
    """Return the entry of an entity, or of a span of one token without a label.

    Any other span is explained when it is asked for, if its pipeline is still there: for its own label, as
    ``Influence.explain`` does, such as an entity that was missed, or for what is predicted if it has none. An entity of
    the document that is not one of the tagger's, because another component has set it or given it another label, has an
    entry that says so. RAISES (ValueError): S020, S021, S022, S187; S029 for a label that the tagger does not have.
    """
    doc = span.doc
    stored = stored_explanations(doc, component)
    for entry in stored["entities"]:
        if (entry["start"], entry["end"]) == (span.start_char, span.end_char):
            if span.label_ in ("", entry["label"]):
                return Influencers(entry, stored)
    target = target_of(stored.get("target") or ENTS)
    there = [] if target.by_token else target.read(doc)
    if span.label_ and any((ent.start, ent.end, ent.label) == (span.start, span.end, span.label) for ent in there):
        return unexplained(span.start_char, span.end_char, span.text, span.label_)
    if len(span) == 1 and not span.label_:
        return token_influencers(span[0], component)
    explaining = _component_of(doc, stored)
    if explaining is None or not len(span):
        raise SeginfError(Errors.S021.format(span=span.text, start=span.start, end=span.end))
    return explaining.explain(doc, span, span.label_ or None)


def _component_of(doc: Doc, stored: dict[str, Any]) -> Optional[Any]:
    """Return the component that has explained a document; None if it is gone, or has lost its index."""
    name = stored.get("component", "influence")
    known = (one for one in registered() if one.name == name and one.vocab is doc.vocab and one.index is not None)
    return next(known, None)


def _token_view(token: Token, by_offset: dict[int, dict[str, Any]], stored: dict[str, Any]) -> Influencers:
    entry = by_offset.get(token.idx)
    if entry is None or entry["end"] != token.idx + len(token):
        raise SeginfError(Errors.S022.format(token=token.text, offset=token.idx, name="influence"))
    return Influencers(entry, stored)


def stored_explanations(doc: Doc, component: Optional[str] = None) -> dict[str, Any]:
    """Return what is stored on a document, see ``views``.

    component (str): name of the influence component; the last one that ran if None.
    RAISES (ValueError): S020 if nothing is stored, S187 if not by this component.
    """
    stored = doc._.get(STORED)
    if stored is None:
        raise SeginfError(Errors.S020)
    if component is None:
        return stored
    kept = by_component(doc)
    if component not in kept:
        raise SeginfError(Errors.S187.format(name=component, known=", ".join(kept)))
    return kept[component]


def by_component(doc: Doc) -> dict[str, dict[str, Any]]:
    """Return what each influence component has stored on a document, in the order in which they ran."""
    stored = doc._.get(STORED)
    if stored is None:
        return {}
    alone = {key: value for key, value in stored.items() if key != "others"}
    return {**stored.get("others", {}), stored.get("component", "influence"): alone}
