"""Semantic roles of all predicates of a text."""

from __future__ import annotations

from typing import Iterable, Iterator

from spacy.language import Language
from spacy.tokens import Doc, Span
from spacy.util import minibatch

from ..corpora.propositions import PREDICATE, ROLES, START, propositions
from ..errors import Errors, SeginfError


def find_roles(
    nlp: Language, docs: Iterable[Doc], *, key: str = PREDICATE, roles: str = ROLES, batch_size: int = 64
) -> Iterator[tuple[Doc, list[Doc]]]:
    """Predict the roles of all predicates of documents: one pass for each predicate, in batches.

    nlp (Language): a pipeline whose tagger has the target ``spans:roles``. docs (iterable of Doc): with their
        predicates in ``doc.spans[key]``. batch_size (int): documents at a time.
    YIELDS (Doc, list of Doc): each document with ``doc.spans[roles]``, whose spans name their predicates by
        ``span.id_`` (the number of the predicate's first token), and its propositions, which have the explanations and
        probabilities that the pipeline makes; see ``propositions``.
    RAISES (ValueError): S312 for a document without ``doc.spans[key]``, S315 if nothing writes ``doc.spans[roles]``.

    >>> nlp = spacy.load("roles")
    >>> doc = nlp.make_doc("Ada paid Bo .")
    >>> doc.spans["predicate"] = [doc[1:2]]
    >>> for doc, parts in spacy_seginf.find_roles(nlp, [doc]):
    ...     print([(role.text, role.label_, role.id_) for role in doc.spans["roles"]])
    [('Ada', 'A0', '1'), ('Bo', 'A1', '1')]
    """
    for batch in minibatch(docs, batch_size):
        parts = [(part, number) for number, doc in enumerate(batch) for part in propositions(doc, key=key, roles="")]
        for part, _ in parts:
            part.spans.pop(roles, None)
        done: list[list[Doc]] = [[] for _ in batch]
        for part, number in nlp.pipe(parts, as_tuples=True):  # error handlers may leave some out
            if roles not in part.spans:
                raise SeginfError(Errors.S315.format(components=", ".join(nlp.pipe_names), key=roles))
            done[number].append(part)
        for doc, own in zip(batch, done):
            doc.spans[roles] = [_placed(role, doc, part, key) for part in own for role in part.spans[roles]]
            yield doc, own


def _placed(role: Span, doc: Doc, part: Doc, key: str) -> Span:
    start = int(part.user_data[START])
    name = str(part.spans[key][0].start + start)
    return Span(doc, role.start + start, role.end + start, label=role.label_, span_id=name)
