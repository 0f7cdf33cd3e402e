"""What predictions become without whole families of training labels: joint effects, when they are asked for."""

from __future__ import annotations

from typing import Callable, Optional

import numpy
from spacy.tokens import Doc

from ..crf.decoding import limits_of
from ..crf.schemes import OUTSIDE, TAG, Entity, TagScheme
from ..errors import Errors, SeginfError
from .account_view import Family
from .detail import Joint, part_of
from .influence import Influence
from .joint import joint_effect
from .question import Question, label_at, tags_of
from .views import Influencers


def joint_of_families(influence: Influence, doc: Doc) -> Callable[[Influencers, Family], Joint]:
    """Return what computes p of a prediction without all labels of a family, and with all of them changed.

    A token inside a predicted entity stands for the entity.

    influence (Influence): the component that has explained the document. doc (Doc): it; it is encoded anew.
    RAISES (ValueError): S256 if the index has no evidence, S035 if it was pruned, S270 if its head is at no optimum.
    """
    explainer, tagger = influence.explainer(), influence.find_tagger()
    accountant, effects = influence.sources(explainer).accountant, explainer.label_effects
    if accountant is None:
        raise SeginfError(Errors.S256.format(path=explainer.index.folder))
    index, evidence, scheme = explainer.index, accountant.evidence, tagger.scheme
    data, tags, _ = influence.query(doc, doc)
    entities, limits = influence.predictions(tags), limits_of(scheme, [doc], [()])

    def joint(one: Influencers, family: Family) -> Joint:
        start, end = part_of(doc, one, entities)
        label = label_at(scheme, tags, start, end)
        question = Question(effects, scheme, data, tags, Entity(start, end, label), limits)
        numbers = evidence.members(family.number)
        segments = index.segments_at(evidence.tokens[numbers], evidence.lengths[numbers])
        without = joint_effect(question, effects.without(segments)).after
        other = _other_label(scheme, one, family, label)
        if other is None:
            return Joint(without)
        labels = numpy.concatenate([tags_of(scheme, Entity(0, n, other)) for n in evidence.lengths[numbers].tolist()])
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
