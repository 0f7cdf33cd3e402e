"""Sentences with several predicates, as one document for each predicate."""

from __future__ import annotations

from typing import Optional, Sequence

from spacy.tokens import Doc, Span

from ..errors import Errors, SeginfError
from .targets import GAPS

PREDICATE, ROLES = "predicate", "roles"  # keys of doc.spans
START = "start"  # key of user data: where a proposition begins in its document


def propositions(doc: Doc, *, key: str = PREDICATE, roles: str = ROLES) -> list[Doc]:
    """Make one document for each predicate of a document: the sentence that it is in (the whole document where nobody
    has set sentences), the predicate, and its roles if there are any. Whatever else stands on the document goes along.

    doc (Doc): with its predicates in ``doc.spans[key]``. Where it has roles, in ``doc.spans[roles]``, each names its
        predicate by ``span.id_``, the number of the predicate's first token; with a single predicate it need not. Spans
        of other keys may, too, such as incorrect ones.
    RETURNS (list of Doc): in the order of the predicates. user_data["id"] is that of the document with the predicate's
        first token, such as "text-7/12"; user_data["start"] is where it begins in the document.
    RAISES (ValueError): S312 without ``doc.spans[key]``, S313 for a role whose predicate is not there, or that leaves
        its sentence, S314 for a predicate without tokens, over two sentences, or with the first token of another one.

    >>> doc = spacy.blank("en")("Ada paid Bo and left.")
    >>> doc.spans["predicate"] = [doc[1:2], doc[4:5]]
    >>> [one.spans["predicate"][0].text for one in spacy_seginf.propositions(doc)]
    ['paid', 'left']
    """
    if key not in doc.spans:
        raise SeginfError(Errors.S312.format(key=key, count=0, text=doc.text[:60]))
    predicates = sorted(doc.spans[key], key=lambda span: span.start)
    known = [str(predicate.start) for predicate in predicates]
    for role in doc.spans.get(roles, ()):
        if _owner(role, known) is None and (role.id_ or len(known) != 1):
            raise _unplaced(role, f"its id {role.id_!r} is the first token of no predicate")
    identifier = doc.user_data.get("id")
    found = []
    for name, predicate in zip(known, predicates):
        if not len(predicate) or known.count(name) > 1:
            problem = "it has no tokens" if not len(predicate) else "another one begins with the same token"
            raise _unused(predicate, problem)
        whole = predicate[0].sent if doc.has_annotation("SENT_START") else doc[:]
        if predicate.end > whole.end:
            raise _unused(predicate, "it leaves its sentence")
        one = whole.as_doc(copy_user_data=True)
        one.has_unknown_spaces = doc.has_unknown_spaces
        for group_key, group in doc.spans.items():
            own = [span for span in group if _owner(span, known) in (None, name)]
            inside = [span for span in own if whole.start <= span.start and span.end <= whole.end]
            if group_key == roles and len(inside) < len(own):
                raise _unplaced(next(span for span in own if span not in inside), "it leaves its predicate's sentence")
            one.spans[group_key] = [_moved(span, one, whole.start) for span in inside]
            gaps = [token - whole.start for token in group.attrs.get(GAPS, ()) if whole.start <= token < whole.end]
            one.spans[group_key].attrs.update({GAPS: tuple(gaps)} if gaps else {})
        one.spans[key] = [_moved(predicate, one, whole.start)]
        if identifier is not None:
            one.user_data["id"] = f"{identifier}/{name}"
        one.user_data[START] = whole.start
        found.append(one)
    return found


def _owner(span: Span, known: Sequence[str]) -> Optional[str]:
    """Return the predicate that a span belongs to, by the number that it has as its id; None if it names none."""
    named = (span.id_, str(span.id)) if span.id else ()  # a number is taken, too
    return next((name for name in named if name in known), None)


def _moved(span: Span, doc: Doc, start: int) -> Span:
    return Span(doc, span.start - start, span.end - start, label=span.label_)


def _unplaced(role: Span, problem: str) -> ValueError:
    return SeginfError(Errors.S313.format(role=role.text, label=role.label_, text=role.doc.text[:60], problem=problem))


def _unused(predicate: Span, problem: str) -> ValueError:
    return SeginfError(Errors.S314.format(predicate=predicate.text, text=predicate.doc.text[:60], problem=problem))
