"""What the head would say of a training document without its labels: leave-one-document-out by one Newton step.

The encoder has seen the labels, so this is out-of-sample for the head only. It shows which O tokens such a head would
take for an entity: an entity that is missing from the annotation teaches too.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Sequence

import numpy

from ..budget import at_once
from ..crf import split_rows
from ..crf.factored import AnyChain, factored_chain
from ..crf.forward_backward import SPAN_LIMIT
from ..crf.hessian import Chain, markov_chain
from ..crf.schemes import TAG, TagScheme
from ..progress import DOCUMENT, advance
from .effects import HeadEffects
from .removal import correct_segments

LEAST_MARGINAL = 0.02  # of an entity that may be missing from the annotation
CHUNK_TOKENS = 8192  # of documents at once
TOLERANCE = 1e-6  # of the head without a document: probabilities move by less than anyone is shown


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
    size = at_once(effects.head.size, CHUNK_TOKENS)  # a head for each document
    parts = (part for alike in data.alike(CHUNK_TOKENS) for part in numpy.split(alike, range(size, len(alike), size)))
    for documents in parts:
        documents = documents[sizes[documents] > 0]
        chains = effects.chains(data.whole(documents))
        heads = [effects.head] * len(documents)
        if corrected and len(documents):
            heads = [
                effects.head.moved(step) for step in correct_segments(chains, effects.metric, tolerance=TOLERANCE).steps
            ]
        ends = numpy.cumsum(sizes[documents]).tolist()
        places = [slice(end - size, end) for end, size in zip(ends, sizes[documents].tolist())]
        emissions = numpy.empty((len(chains.rows), data.labels))
        for place, head in zip(places, heads):
            emissions[place] = head.emissions(chains.features[place])
        transitions = numpy.array([head.transitions for head in heads]).reshape(-1, data.labels, data.labels)
        found = chains_of_heads(emissions, transitions, sizes[documents].tolist())
        allowed = data.allowed[chains.rows]
        probabilities[chains.rows] = (found.unary * allowed).sum(axis=1)
        outside = allowed[:, 0] & (allowed.sum(axis=1) == 1)
        for document, place in zip(documents.tolist(), places):
            missing += [(document, *entity) for entity in missing_entities(found[place], outside[place], scheme)]
        advance(len(documents), DOCUMENT)
    return HeldOut(probabilities, sorted(missing))


def chains_of_heads(emissions: numpy.ndarray, transitions: numpy.ndarray, lengths: Sequence[int]) -> AnyChain:
    """Compute marginals and conditional transition probabilities of texts, each under transitions of its own.

    emissions (float64, tokens x labels), transitions (float64, texts x labels x labels), lengths (ints, texts).
    """
    if not len(emissions) or float(numpy.ptp(transitions, axis=(1, 2)).max()) > SPAN_LIMIT["float64"]:
        parts = [
            markov_chain(scores, own, [len(scores)]) for scores, own in zip(split_rows(emissions, lengths), transitions)
        ]
        empty = numpy.zeros((0, emissions.shape[1]))
        matrices = numpy.zeros((0, emissions.shape[1], emissions.shape[1]))
        return Chain(
            numpy.concatenate([empty, *(part.unary for part in parts)]),
            numpy.concatenate([matrices, *(part.onward for part in parts)]),
            numpy.concatenate([matrices, *(part.backward for part in parts)]),
        )
    return factored_chain(emissions, transitions, lengths)


def missing_entities(chain: AnyChain, outside: numpy.ndarray, scheme: TagScheme) -> list[tuple[int, int, str]]:
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


def _spans(
    chain: AnyChain, outside: numpy.ndarray, scheme: TagScheme, start: int, label: str
) -> list[tuple[int, float]]:
    """Return (end, marginal) of the entities of a type that begin at a token, those that are probable enough."""
    result = []
    going_on = scheme.entity_tags(label, 3)[1:]  # what a further token of the entity may be
    begins = 1.0
    if start and scheme.name == "IO":  # nothing marks a beginning: the token before is another
        begins -= chain.precedes(start, going_on[0], going_on[0])
    end = start + 1
    while end <= len(outside) and outside[end - 1]:
        tags = scheme.entity_tags(label, end - start)
        last = end == len(outside)
        ends = 1.0 if last or scheme.name == "BILUO" else 1.0 - chain.follows(end - 1, tags[-1], going_on[0])
        marginal = begins * _path(chain, start, tags) * ends
        if marginal >= LEAST_MARGINAL:
            result.append((end, marginal))
        # No longer entity is more probable than the tokens up to here as its beginning.
        if begins * _path(chain, start, scheme.entity_tags(label, end - start + 1)[:-1]) < LEAST_MARGINAL:
            break
        end += 1
    return result


def _path(chain: AnyChain, start: int, tags: list[int]) -> float:
    """Return the probability of some tags from a token on."""
    path = float(chain.unary[start, tags[0]])
    for offset, (tag, following) in enumerate(zip(tags, tags[1:])):
        path *= chain.follows(start + offset, tag, following)
    return path
