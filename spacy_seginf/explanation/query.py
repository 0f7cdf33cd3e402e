"""Turning "why is this part of the document labelled so, or not so?" into arrays."""

from __future__ import annotations

from typing import Sequence, Union

import numpy
from spacy.language import Language
from spacy.tokens import Doc, Span, Token

from ..crf import one_label_each
from ..crf.schemes import TAG, TagScheme
from ..errors import OWN_TOKENS, Errors, SeginfError
from ..guesses import one_of
from ..influence.data import HeadData
from ..tagger.crf_tagger import CRFTagger
from ..tagger.encoding import bare_copy, run_before
from ..tagger.head import on_cpu

Segment = Union[Span, Token, Doc]
Labels = Union[str, Sequence[str], None]
Asked = tuple[HeadData, numpy.ndarray, tuple[int, int, int]]


def ask(nlp: Language, tagger: CRFTagger, doc: Doc, segment: Segment, labels: Labels = None) -> Asked:
    """Encode a document anew; see ``Influence.query``."""
    start, end = (segment.i, segment.i + 1) if isinstance(segment, Token) else (0, len(doc))
    if isinstance(segment, Span):
        start, end = segment.start, segment.end
    if segment.doc is not doc if not isinstance(segment, Doc) else segment is not doc:
        raise SeginfError(Errors.S029.format(problem="the segment is one of another document", advice=OWN_TOKENS))
    if start >= end:
        raise SeginfError(Errors.S029.format(problem="the segment is empty", advice=OWN_TOKENS))
    (copy,) = run_before(nlp, tagger, [bare_copy(nlp, doc)])
    (prediction,) = tagger.predict([copy])
    tags = prediction.tags if tagger.explains is None else tagger.followed_tags(copy)
    if labels is not None:
        tags[start:end] = parse_labels(tagger.scheme, labels, end - start)
    data = HeadData(on_cpu(prediction.features), one_label_each(tags, len(tagger.tags)), [len(doc)])
    return data, tags, (0, start, end)


def parse_labels(scheme: TagScheme, labels: Union[str, Sequence[str]], length: int) -> list[int]:
    """Return the tags of some tokens: of one entity type, of one tag for all, or of a tag for each. RAISES
    (ValueError): S029."""
    if isinstance(labels, str):
        if labels in scheme.labels and scheme.name != TAG:
            return scheme.entity_tags(labels, length)
        labels = [labels] * length
    unknown = [label for label in labels if label not in scheme.index]
    if unknown or len(labels) != length:
        advice = "Give one label for all of them, or one for each."
        if unknown:
            advice = "Give one of these."
            known = scheme.tags if scheme.name == TAG else [*scheme.labels, *scheme.tags]
            problem = f"unknown label {unknown[0]!r}; the labels are {one_of(dict.fromkeys(known), unknown[0])}"
        else:
            problem = f"{len(labels)} labels for {length} tokens"
        raise SeginfError(Errors.S029.format(problem=problem, advice=advice))
    return [scheme.index[label] for label in labels]
