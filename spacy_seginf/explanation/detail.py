"""What is found out about predictions only when somebody asks: it is stored beside what the pipeline has stored."""

from __future__ import annotations

from typing import Callable, Iterable, NamedTuple, Optional, Sequence

import numpy
from spacy.tokens import Doc, Span

from ..errors import Errors, SeginfError
from .account_view import Family
from .influence import Influence
from .query import parse_labels
from .reasons import surroundings
from .storing import Described
from .views import Influencers


class Joint(NamedTuple):
    """What a prediction's probability becomes without all labels of a family, and with all of them changed to the other
    reading's (None if they can't be)."""

    without: float
    relabelled: Optional[float] = None


def add_detail(
    influence: Influence,
    doc: Doc,
    explained: Iterable[Influencers],
    *,
    against: Optional[str] = None,
    occurrences: int = 0,
    contrasts: int = 0,
) -> None:
    """Add to what is stored of predictions: the labels of their families, and why they are nothing else.

    influence (Influence): the component that has explained them. doc (Doc): their document, which is encoded anew.
    explained (iterable of Influencers): of its tokens or entities.
    against (str): what they are weighed against, instead of the most probable other reading: a type, "O" or a tag.
    occurrences (int): the labels with the largest shares that are kept of each family; none if the index was pruned.
    contrasts (int): how many other types each prediction is weighed against as well.
    RAISES (ValueError): S020 to S026 as ``Influence.explain``; S029 for a reading that is no label; S256 if a reading
        is asked for and the index has no evidence. What has no account otherwise is left as it is.

    >>> nlp = spacy.load("indexed")
    >>> doc = nlp("Ada Lind visited Tarnby .")
    >>> why = doc.ents[0]._.influencers
    >>> spacy_seginf.add_detail(nlp.get_pipe("influence"), doc, [why], against="LOC", occurrences=2, contrasts=1)
    >>> why.account.against, len(why.contrasts), len(why.families[0].occurrences) > 0
    ('LOC', 1, True)
    """
    sources, scheme = influence.sources(), influence.find_tagger().scheme
    accountant, families = sources.accountant, influence.families
    if against is not None:
        parse_labels(scheme, against, 1)
    if accountant is None or not families:
        if against is not None and accountant is None:
            raise SeginfError(Errors.S256.format(path=influence.explainer().index.folder))
        return
    asked = [one for one in explained if one.account is not None]
    if not asked:
        return
    data, tags, _ = influence.query(doc, doc)
    # Tokens of an entity share its explanation.
    entities = influence.predictions(tags) if influence.used_unit == "entity" else []
    words, names = [token.text for token in doc], sources.rationale.names(tags.tolist())
    opened = 0 if accountant.index.manifest.pruned else occurrences
    for one in asked:
        start, end = part_of(doc, one, entities)
        segment = numpy.array([0, start, end])
        others = None if against is None else [parse_labels(scheme, against, end - start)]
        if others is not None and others[0] == tags[start:end].tolist():
            others = None
        found = accountant.accounts(data, tags, segment[None], families, others)
        accounts = [account for account in found if account is not None]
        if contrasts:
            further = accountant.against_types(data, tags, segment, families, contrasts + 1)
            named = {account.others for account in accounts}
            accounts += [account for account in further if account.others not in named][:contrasts]
        if opened:
            accounts = [accountant.with_occurrences(account, data, tags, segment, opened) for account in accounts]
        query, described = surroundings(words, names, start, end), Described(sources, one.shared)
        strengths = {(r.doc_id, r.start, r.end): r.strength for r in one if r.log_odds is not None}
        told = [described.account(query, account, strengths) for account in accounts]
        one.stored.update(account=told[0], contrasts=told[1:])


def add_words(influence: Influence, doc: Doc, explained: Iterable[Influencers]) -> None:
    """Add the words that carried the scores of references, see ``Influence.words_behind``.

    influence, doc, explained: as for ``add_detail``. RAISES (ValueError): as ``Influence.words_behind``.
    """
    for one in explained:
        for side, references in (("supporting", one.supporting), ("opposing", one.opposing)):
            found = [influence.words_behind(doc, span_of(doc, one), reference) for reference in references]
            one.stored[side] = [
                [*values[:7], [list(pair) for pair in words]] for values, words in zip(one.stored[side], found)
            ]


def add_joint(explained: Iterable[Influencers], joint: Callable[[Influencers, Family], Joint]) -> None:
    """Add what predictions become without whole families, which is shown in a column of its own.

    explained (iterable of Influencers): predictions. joint (Callable): computes it for one of the families of one.
    """
    for one in explained:
        if one.account is not None:
            found = [joint(one, family)._asdict() for family in one.families]
            kept = one.stored["account"]["families"]
            families = [[*part[:3], {**dict(*part[3:]), **more}] for part, more in zip(kept, found)]
            one.stored["account"] = {**one.stored["account"], "families": families}


def part_of(doc: Doc, one: Influencers, entities: Sequence[tuple[int, int, str]]) -> tuple[int, int]:
    """Return the tokens that an explanation is of: those of the entity, of some, that a single token lies in."""
    span = span_of(doc, one)
    inside = [place for *place, _ in entities if place[0] <= span.start and span.end <= place[1]]
    start, end = inside[0] if inside else (span.start, span.end)
    return start, end


def span_of(doc: Doc, one: Influencers) -> Span:
    """Return the tokens of a document that an explanation is of."""
    span: Optional[Span] = doc.char_span(one.start_char, one.end_char)
    assert span is not None
    return span
