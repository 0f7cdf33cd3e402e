"""What methods are compared on: training segments under a head at its optimum, and predictions to attribute to them."""

from __future__ import annotations

import hashlib
from dataclasses import replace
from typing import Any, Optional, Sequence

import numpy
from spacy.language import Language
from spacy.tokens import Doc
from spacy.util import minibatch

from ..attribution.method import Context, Progress, Texts
from ..crf import one_label_each
from ..crf.decoding import best_tags, limits_of
from ..crf.schemes import TAG
from ..errors import Errors, SeginfError
from ..explanation.influence import Influence
from ..explanation.method_explainer import IndexedDocs
from ..index.index import Index
from ..influence.choose import optimum
from ..influence.data import HeadData, subset
from ..influence.effects import complete_labels
from ..influence.head import Head
from ..influence.penalty import Penalty
from ..tagger.crf_tagger import CRFTagger
from ..tagger.encoding import read_as, run_before
from ..tagger.head import on_cpu

VERSION = 2  # of what is kept of a comparison; another one repeats everything
DRAWN = 0  # seed of the training documents
BATCH = 64


def draw_documents(index: Index, count: Optional[int]) -> numpy.ndarray:
    """Draw training documents that have tokens (int64, rising); all of them if count is None or not below their
    number."""
    sizes = numpy.concatenate([numpy.diff(shard.token_starts) for shard in index.shards])
    filled = numpy.flatnonzero(sizes > 0)
    if count is None or count >= len(filled):
        return filled
    return numpy.sort(numpy.random.default_rng(DRAWN).permutation(filled)[:count])


def problem_key(index: Index, docs: Sequence[Doc], settings: tuple) -> str:
    """Name what scores and refits depend on, so that another problem does not find them: an index, texts with queries,
    and settings."""
    digest = hashlib.sha256(repr((VERSION, settings)).encode())
    digest.update(repr([(shard["build"], shard["checksum"]) for shard in index.manifest.shards]).encode())
    for doc in docs:
        digest.update("\n".join(token.text_with_ws for token in doc).encode("utf8", "surrogatepass") + b"\0")
    return digest.hexdigest()[:16]


def training_context(
    nlp: Language, influence: Influence, documents: numpy.ndarray, l2: float, progress: Progress = iter
) -> Context:
    """Put together what methods may learn from: documents of an index, and a head at its optimum for them.

    documents (int64, rising): numbers in the index. l2 (float): penalty, if the index was built without a refit.
    RAISES (ValueError): S020 to S026 if there is no usable index, S035 if it was pruned, S050 or S051 for an unusable
        l2, S101 if no segment is left.
    """
    influence.explainer()  # checks that the index is this pipeline's
    index = influence.index
    assert index is not None
    everything = len(documents) == len(index.data.lengths)
    data = index.data if everything else subset(index.data, documents)
    manifest = index.manifest
    penalty = index.penalty if manifest.l2 else Penalty(l2)
    if everything and manifest.refit and manifest.curvature == "exact" and not manifest.held_documents:
        head, metric = index.head, index.metric
    else:
        head, metric = optimum(data, index.head, penalty)
    indexed = IndexedDocs(index, nlp.vocab)
    docs = [indexed[number] for number in documents.tolist()]
    segments = training_segments(influence, data, documents)
    training = Texts(docs, data, complete_labels(data, head), segments)
    return Context(nlp, influence.tagger_name, training, head, penalty, metric, progress)


def training_segments(influence: Influence, data: HeadData, documents: numpy.ndarray) -> numpy.ndarray:
    """List the training segments of some documents of an index (int64, n x 3): entities, annotated or missing; single
    tokens under the scheme TAG. They are in document order: the index's, by norm, would decide between equal scores.

    data (HeadData): of these documents. documents (int64, rising): numbers in the index.
    RAISES (ValueError): S101 if there are none.
    """
    assert influence.index is not None
    if influence.find_tagger().scheme.name == TAG:
        segments = labelled_tokens(data)
    else:
        segments = influence.index.segments.positions()
        segments = segments[numpy.isin(segments[:, 0], documents)]
        segments[:, 0] = numpy.searchsorted(documents, segments[:, 0])
        segments = segments[numpy.lexsort(segments.T[::-1])]
    if not len(segments):
        raise SeginfError(Errors.S101.format(what="The index has no training segments to attribute predictions to"))
    return segments


def labelled_tokens(data: HeadData) -> numpy.ndarray:
    """List the tokens whose label is not missing, in document order, as segments (int64, n x 3)."""
    return data.tokens(numpy.flatnonzero(~data.allowed.all(axis=1)))


def predictions(nlp: Language, tagger: CRFTagger, docs: Sequence[Doc], head: Head) -> Texts:
    """Let a head predict entities (or tags, under the scheme TAG): all are segments at their predicted labels.

    docs (sequence of Doc): their annotation is not read; empty ones are left out.
    head (Head): the one that is explained, on the encoder of the pipeline. A tagger that explains another
        component has that one's predictions.
    RAISES (ValueError): S101 if there are no tokens, or nothing is predicted.
    """
    texts = decoded(nlp, tagger, docs, head)
    tags = numpy.split(texts.labels, numpy.cumsum(texts.data.lengths)[:-1])
    segments = [(number, *span) for number, own in enumerate(tags) for span in _spans(tagger, own)]
    if not segments:
        raise SeginfError(Errors.S101.format(what="The pipeline predicts nothing in these texts"))
    return replace(texts, segments=numpy.array(segments, dtype=numpy.int64))


def places_of(context: Context, docs: Sequence[Doc], every: Texts) -> list[dict[str, Any]]:
    """Say which predictions these are, as plain values: where in a corpus, their words, and their labels.

    docs (sequence of Doc): the corpus. every (Texts): what ``predictions`` found in it.
    """
    filled = [number for number, doc in enumerate(docs) if len(doc)]
    found = []
    for (document, start, end), label in zip(every.segments.tolist(), context.labels_of(every)):
        text = every.docs[document][start:end].text
        found.append({"document": filled[document], "start": start, "end": end, "text": text, "label": label})
    return found


def decoded(nlp: Language, tagger: CRFTagger, docs: Sequence[Doc], head: Head) -> Texts:
    """Let a head predict the labels of all tokens; no segments are chosen. Arguments as for ``predictions``."""
    docs = run_before(nlp, tagger, [read_as(nlp, doc) for doc in docs if len(doc)])
    if not docs:
        raise SeginfError(Errors.S101.format(what="There is no token in these texts"))
    found = [prediction for batch in minibatch(docs, BATCH) for prediction in tagger.predict(batch)]
    features = numpy.concatenate([on_cpu(prediction.features) for prediction in found])
    lengths = [len(doc) for doc in docs]
    if tagger.explains is None:
        limits, scores = limits_of(tagger.scheme, docs), head.emissions(features)
        labels = best_tags(tagger.scheme, scores, head.transitions, lengths, limits).astype(numpy.int64)
    else:
        labels = numpy.concatenate([tagger.followed_tags(doc) for doc in docs]).astype(numpy.int64)
    data = HeadData(features, one_label_each(labels, len(tagger.tags)), lengths)
    return Texts(docs, data, labels, numpy.zeros((0, 3), dtype=numpy.int64))


def texts_key(texts: Texts) -> str:
    """Name segments of texts by their content."""
    digest = hashlib.sha256(numpy.ascontiguousarray(texts.segments, dtype=numpy.int64).tobytes())
    digest.update(numpy.ascontiguousarray(texts.labels, dtype=numpy.int64).tobytes())
    digest.update(numpy.ascontiguousarray(texts.data.features).tobytes())
    return digest.hexdigest()[:16]


def select(texts: Texts, chosen: numpy.ndarray) -> Texts:
    """Keep some segments (ints, in the order given), and the documents that they are in."""
    segments = texts.segments[chosen]
    documents, numbers = numpy.unique(segments[:, 0], return_inverse=True)
    rows = texts.data.rows(documents)
    segments = numpy.column_stack([numbers, segments[:, 1:]])
    docs = [texts.docs[number] for number in documents]
    return replace(texts, docs=docs, data=subset(texts.data, documents), labels=texts.labels[rows], segments=segments)


def join(texts: Sequence[Texts]) -> Texts:
    """Put several sets of segments with their documents one after another."""
    before = numpy.cumsum([0, *(len(part.data.lengths) for part in texts)])
    return Texts(
        [doc for part in texts for doc in part.docs],
        HeadData(
            numpy.concatenate([part.data.features for part in texts]),
            numpy.concatenate([part.data.allowed for part in texts]),
            [length for part in texts for length in part.data.lengths],
        ),
        numpy.concatenate([part.labels for part in texts]),
        numpy.concatenate([part.segments + [first, 0, 0] for first, part in zip(before.tolist(), texts)]),
    )


def _spans(tagger: CRFTagger, tags: numpy.ndarray) -> list[tuple[int, int]]:
    if tagger.scheme.name == TAG:
        return [(token, token + 1) for token in range(len(tags))]
    return [(start, end) for start, end, _ in tagger.scheme.entities(tags)]
