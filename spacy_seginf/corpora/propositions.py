"""Sentences with several predicates, as one document for each predicate."""

from __future__ import annotations

from spacy.tokens import Doc, Span

from ..errors import Errors, SeginfError

PREDICATE, ROLES = "predicate", "roles"  # keys of doc.spans
START = "start"  # key of user data: where a proposition begins in its document


def propositions(doc: Doc, *, key: str = PREDICATE, roles: str = ROLES) -> list[Doc]:
    """Make one document for each predicate of a document: the sentence that it is in (the whole document where nobody
    has set sentences), the predicate, and its roles if there are any.

    doc (Doc): with its predicates in ``doc.spans[key]``. Where it has roles, in ``doc.spans[roles]``, each names its
        predicate by ``span.id_``, the number of the predicate's first token; with a single predicate it need not.
    RETURNS (list of Doc): in the order of the predicates. user_data["id"] is that of the document with the predicate's
        first token, such as "text-7/12"; user_data["start"] is where it begins in the document.
    RAISES (ValueError): S312 without ``doc.spans[key]``, S313 for a role whose predicate is not there, or that leaves
        its sentence.

    >>> doc = spacy.blank("en")("Ada paid Bo and left.")
    >>> doc.spans["predicate"] = [doc[1:2], doc[4:5]]
    >>> [one.spans["predicate"][0].text for one in spacy_seginf.propositions(doc)]
    ['paid', 'left']
    """
    if key not in doc.spans:
        raise SeginfError(Errors.S312.format(key=key, count="no", text=doc.text[:60]))
    predicates = sorted(doc.spans[key], key=lambda span: span.start)
    spans = list(doc.spans.get(roles, ()))
    if len(predicates) == 1:
        names = [span.id_ or str(predicates[0].start) for span in spans]
    else:
        names = [span.id_ for span in spans]
    known = {str(predicate.start) for predicate in predicates}
    for span, name in zip(spans, names):
        if name not in known:
            raise _unplaced(span, f"its id {span.id_!r} is the first token of no predicate")
    identifier = doc.user_data.get("id")
    found = []
    for predicate in predicates:
        whole = predicate.sent if doc.has_annotation("SENT_START") else doc[:]
        one = whole.as_doc()
        one.spans[key] = [_moved(predicate, one, whole.start)]
        if roles in doc.spans:
            own = [span for span, name in zip(spans, names) if name == str(predicate.start)]
            for span in own:
                if span.start < whole.start or span.end > whole.end:
                    raise _unplaced(span, "it leaves the sentence of its predicate")
            one.spans[roles] = [_moved(span, one, whole.start) for span in own]
        one.user_data = {} if identifier is None else {"id": f"{identifier}/{predicate.start}"}
        one.user_data[START] = whole.start
        found.append(one)
    return found


def _moved(span: Span, doc: Doc, start: int) -> Span:
    return Span(doc, span.start - start, span.end - start, label=span.label_)


def _unplaced(role: Span, problem: str) -> ValueError:
    return SeginfError(Errors.S313.format(role=role.text, label=role.label_, text=role.doc.text[:60], problem=problem))
