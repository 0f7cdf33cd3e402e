"""The most probable other reading of a segment, by enumeration."""

import itertools

import numpy
import pytest

from spacy_seginf.crf.runner_up import runners_up
from spacy_seginf.crf.schemes import TagScheme

SCHEMES = [TagScheme(("A", "B"), name) for name in ("BIO", "BILUO", "IO")]


def best_other(emissions, transitions, labels, edges, mask):
    """Score every labelling but the given one, and return the best that the mask permits; None if there is none."""
    length, size = emissions.shape
    found = []
    for path in itertools.product(range(size), repeat=length):
        whole = [label for label in (edges[0], *path, edges[1]) if label >= 0]
        permitted = mask is None or (
            all(mask.follow[pair] for pair in zip(whole, whole[1:]))
            and (edges[0] >= 0 or mask.start[path[0]])
            and (edges[1] >= 0 or mask.end[path[-1]])
        )
        if permitted and path != tuple(labels):
            score = sum(emissions[token, label] for token, label in enumerate(path))
            found.append((score + sum(transitions[pair] for pair in zip(whole, whole[1:])), path))
    return max(found)[1] if found else None


@pytest.mark.parametrize("scheme", SCHEMES, ids=lambda scheme: scheme.name)
@pytest.mark.parametrize("length", [1, 2, 3])
def test_the_best_other_reading_is_found(scheme, length):
    generator = numpy.random.default_rng(length)
    size, count = len(scheme.tags), 12
    emissions = generator.normal(size=(count, length, size))
    transitions = generator.normal(size=(size, size))
    valid = [path for path in itertools.product(range(size), repeat=length) if _valid(scheme, path)]
    labels = numpy.array([valid[number] for number in generator.integers(len(valid), size=count)])
    outside = [-1, 0]
    edges = numpy.array([[outside[number % 2], outside[number // 2 % 2]] for number in range(count)])
    found = runners_up(emissions, transitions, labels, edges, scheme.mask)
    for number in range(count):
        wanted = best_other(emissions[number], transitions, labels[number], edges[number], scheme.mask)
        assert tuple(found[number]) == wanted


def test_where_no_other_reading_is_valid_there_is_none():
    scheme = TagScheme(("A",), "BILUO")
    begin, inside, last = (scheme.index[f"{prefix}-A"] for prefix in "BIL")
    # Between a begin and a last tag only an inside tag may stand.
    found = runners_up(
        numpy.zeros((1, 1, len(scheme.tags))),
        numpy.zeros((len(scheme.tags),) * 2),
        numpy.array([[inside]]),
        numpy.array([[begin, last]]),
        scheme.mask,
    )
    assert found.tolist() == [[-1]]


def _valid(scheme, path):
    mask = scheme.mask
    if mask is None:
        return True
    return mask.start[path[0]] and mask.end[path[-1]] and all(mask.follow[pair] for pair in zip(path, path[1:]))
