"""What the head would say of a training document without its labels: leave-one-document-out by one Newton step.

The encoder has seen the labels, so this is out-of-sample for the head only. It shows which O tokens such a head would
take for an entity: an entity that is missing from the annotation teaches too.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy

from ..crf.hessian import Chain, markov_chain
from ..schemes import TAG, TagScheme
from .effects import HeadEffects
from .fit import unpack

LEAST_MARGINAL = 0.02  # of an entity that may be missing from the annotation
CHUNK = 32  # documents at once


@dataclass(frozen=True)
class HeldOut:
    """Every document under the head without it.

    probabilities (float64, tokens): p(permitted labels of the token | text), the marginal.
    missing (list of (document, start, end, label)): entities with a marginal of at least LEAST_MARGINAL on tokens that
        are all labelled O, best first where they overlap.
    """

    probabilities: numpy.ndarray
    missing: list[tuple[int, int, int, str]]


def leave_one_document_out(effects: HeadEffects, scheme: TagScheme, *, corrected: bool = True) -> HeldOut:
    """Take each document's labels away and look at it.

    corrected (bool): False looks at the documents under the head as it is, for metrics that can't take anything away.
    """
    data = effects.data
    probabilities = numpy.zeros(len(data.allowed))
    missing: list[tuple[int, int, int, str]] = []
    sizes = numpy.asarray(data.lengths)
    documents = numpy.flatnonzero(sizes)
    for first in range(0, len(documents), CHUNK):
        chosen = documents[first : first + CHUNK]
        whole = numpy.stack([chosen, numpy.zeros_like(chosen), sizes[chosen]], axis=1)
        steps = effects.removal(whole) if corrected else numpy.zeros((len(chosen), len(effects.theta)))
        for document, step in zip(chosen.tolist(), steps):
            rows = slice(int(data.starts[document]), int(data.starts[document]) + data.lengths[document])
            weights, transitions = unpack(effects.theta + step, data.labels)
            emissions = numpy.asarray(data.features[rows]) @ weights[:, :-1].T + weights[:, -1]
            chain = markov_chain(emissions, transitions, [data.lengths[document]])
            allowed = data.allowed[rows]
            probabilities[rows] = (chain.unary * allowed).sum(axis=1)
            outside = allowed[:, 0] & (allowed.sum(axis=1) == 1)
            missing += [(document, *found) for found in missing_entities(chain, outside, scheme)]
    return HeldOut(probabilities, missing)


def missing_entities(chain: Chain, outside: numpy.ndarray, scheme: TagScheme) -> list[tuple[int, int, str]]:
    """Find entities of a text that its annotation leaves out: (start, end, type), none overlapping another.

    chain (Chain): one text under a head. outside (bool, tokens): tokens that are labelled O.
    """
    if scheme.name == TAG:
        return []
    found: list[tuple[float, int, int, str]] = []
    for label in scheme.labels:
        opening = {scheme.entity_tags(label, length)[0] for length in (1, 2)}
        starts = numpy.flatnonzero((chain.unary[:, sorted(opening)].max(axis=1) >= LEAST_MARGINAL) & outside)
        for start in starts.tolist():
            found += [(p, start, end, label) for end, p in _spans(chain, outside, scheme, start, label)]
    taken = numpy.zeros(len(outside), dtype=bool)
    kept = []
    for _, start, end, label in sorted(found, key=lambda item: (-item[0], *item[1:])):
        if not taken[start:end].any():
            taken[start:end] = True
            kept.append((start, end, label))
    return sorted(kept)


def _spans(chain: Chain, outside: numpy.ndarray, scheme: TagScheme, start: int, label: str) -> list[tuple[int, float]]:
    """Return (end, marginal) of the entities of a type that begin at a token, those that are probable enough."""
    result = []
    going_on = scheme.entity_tags(label, 3)[1:]  # what a further token of the entity may be
    begins = 1.0
    if start and scheme.name == "IO":  # nothing marks a beginning: the token before is another
        begins -= float(chain.backward[start, going_on[0], going_on[0]])
    end = start + 1
    while end <= len(outside) and outside[end - 1]:
        tags = scheme.entity_tags(label, end - start)
        last = end == len(outside)
        ends = 1.0 if last or scheme.name == "BILUO" else 1.0 - float(chain.onward[end - 1, tags[-1], going_on[0]])
        marginal = begins * _path(chain, start, tags) * ends
        if marginal >= LEAST_MARGINAL:
            result.append((end, marginal))
        # No longer entity is more probable than the tokens up to here as its beginning.
        if begins * _path(chain, start, scheme.entity_tags(label, end - start + 1)[:-1]) < LEAST_MARGINAL:
            break
        end += 1
    return result


def _path(chain: Chain, start: int, tags: list[int]) -> float:
    """Return the probability of some tags from a token on."""
    path = float(chain.unary[start, tags[0]])
    for offset, (tag, following) in enumerate(zip(tags, tags[1:])):
        path *= float(chain.onward[start + offset, tag, following])
    return path
