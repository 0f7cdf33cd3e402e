"""What predictions become without whole families of training labels: joint effects, when they are asked for."""

from __future__ import annotations

from typing import Callable, Optional

import numpy
from spacy.tokens import Doc

from ..crf.decoding import limits_of
from ..crf.schemes import OUTSIDE, TAG, Entity, TagScheme
from ..errors import Errors, SeginfError
from .account_view import Family
from .detail import Joint, span_of
from .influence import Influence
from .joint import joint_effect
from .question import Question
from .views import Influencers


def joint_of_families(influence: Influence, doc: Doc) -> Callable[[Influencers, Family], Joint]:
    """Return what computes p of a prediction without all labels of a family, and with all of them changed.

    influence (Influence): the component that has explained the document. doc (Doc): it; it is encoded anew.
    RAISES (ValueError): S256 if the index has no evidence, S035 if it was pruned, S270 if its head is at no optimum.
    """
    explainer, tagger = influence.explainer(), influence.find_tagger()
    accountant, effects = influence.sources().accountant, explainer.label_effects
    if accountant is None:
        raise SeginfError(Errors.S256.format(path=explainer.index.folder))
    index, evidence, scheme = explainer.index, accountant.evidence, tagger.scheme
    data, tags, _ = influence.query(doc, doc)
    limits = limits_of(scheme, [doc], [()])

    def joint(one: Influencers, family: Family) -> Joint:
        span = span_of(doc, one)
        label = one.label if scheme.name == TAG else _type_of(scheme, tags, span.start, span.end)
        question = Question(effects, scheme, data, tags, Entity(span.start, span.end, label), limits)
        numbers = evidence.members(family.number)
        segments = index.segments_at(evidence.tokens[numbers], evidence.lengths[numbers])
        without = joint_effect(question, effects.without(segments)).after
        other = _other_label(scheme, one, family, label)
        if other is None:
            return Joint(without)
        labels = numpy.concatenate([_tags(scheme, other, end - start) for _, start, end in segments.tolist()])
        return Joint(without, joint_effect(question, effects.relabelled(segments, labels)).after)

    return joint


def _other_label(scheme: TagScheme, one: Influencers, family: Family, label: str) -> Optional[str]:
    """Return the label that those of a family get: the other reading's if they say what is predicted, else what is
    predicted; None where the other reading is no single label, or the family says something else."""
    account = one.account
    known = scheme.tags if scheme.name == TAG else (*scheme.labels, OUTSIDE)
    if account is None or account.against not in known:
        return None
    return {label: account.against, account.against: label}.get(family.label)


def _type_of(scheme: TagScheme, tags: numpy.ndarray, start: int, end: int) -> str:
    entities = scheme.entities(tags[start:end].tolist())
    return entities[0][2] if entities else OUTSIDE


def _tags(scheme: TagScheme, label: str, length: int) -> list[int]:
    if scheme.name == TAG:
        return [scheme.index[label]] * length
    return [0] * length if label == OUTSIDE else scheme.entity_tags(label, length)
