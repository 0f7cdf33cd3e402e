"""Sentences that occur more than once with different annotations, and documents that disagree with the others."""

from __future__ import annotations

from collections import Counter

import numpy

from ..structure.counts import other_types
from ..structure.keys import combined, form_keys
from .annotations import Annotations, ordered, reading
from .records import Finding

WORDS = 2  # of a sentence that is compared
AGREED = 2  # spans of other documents that make a habit, and share of them that agree
SHARE = 0.75
LEAST_SURPRISING = 1e-3  # probability of so many disagreements, at the rate of the corpus


def contradicted_duplicates(annotations: Annotations) -> list[Finding]:
    """The same sentence, word by word, annotated in different ways."""
    groups: dict[tuple[str, ...], list[tuple[int, int, int]]] = {}
    for document, begins in enumerate(annotations.sentences):
        words = annotations.words[document]
        bounds = sorted({0, *begins, len(words)})
        for start, end in zip(bounds, bounds[1:]):
            if end - start >= WORDS:
                groups.setdefault(tuple(words[start:end]), []).append((document, start, end))
    found = []
    for words, places in groups.items():
        readings = [_reading(annotations, *place) for place in places] if len(places) > 1 else []
        if len(set(readings)) > 1:
            counts = dict(sorted(Counter(readings).items(), key=lambda pair: (-pair[1], pair[0])))
            usual = next(iter(counts))
            described = [annotations.occurrence(*place, own) for place, own in zip(places, readings)]
            others = tuple(one for one in described if one.label != usual)
            found.append(Finding(" ".join(words), counts, others, next(one for one in described if one.label == usual)))
    return ordered(found)


def dissenting_documents(annotations: Annotations) -> list[Finding]:
    """Documents whose labels differ from those that the same words have in most other documents, more often than
    labels do in this corpus."""
    from scipy.stats import binom

    spans = annotations.spans
    forms = form_keys(spans).numbers
    size = len(spans.labels)
    elsewhere = other_types(forms, spans.types, size) - other_types(combined(forms, spans.documents), spans.types, size)
    total = elsewhere.sum(axis=1)
    judged = (total >= AGREED) & (elsewhere.max(axis=1, initial=0) >= SHARE * total)
    different = judged & (elsewhere.argmax(axis=1) != spans.types)
    rate = different.sum() / max(judged.sum(), 1)
    count = len(annotations.documents)
    judged_in, different_in = (numpy.bincount(spans.documents[rows], minlength=count) for rows in (judged, different))
    chances = binom.sf(different_in - 1, judged_in, rate)
    found = []
    for document in numpy.lexsort((numpy.arange(count), chances)).tolist():
        if different_in[document] and chances[document] < LEAST_SURPRISING:
            places = [
                annotations.span(int(row)) for row in numpy.flatnonzero(different & (spans.documents == document))
            ]
            counts = {"as elsewhere": int(judged_in[document]) - len(places), "otherwise": len(places)}
            found.append(Finding(annotations.documents[document].identifier, counts, tuple(places)))
    return found


def _reading(annotations: Annotations, document: int, start: int, end: int) -> str:
    return reading(annotations.words[document], annotations.entities[document], start, end)
