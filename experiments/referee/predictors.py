"""What is predicted for each query and training document: positive where the document's labels support the query's.

Scores are sums of effects to first order, so the predicted rise of a query's loss without some documents is the sum of
their scores.
"""

from __future__ import annotations

from dataclasses import replace

import numpy
from spacy.language import Language

from spacy_seginf.attribution.method import Context, Method
from spacy_seginf.attribution.nearest_neighbours import SegmentNN
from spacy_seginf.attribution.random_scores import Random
from spacy_seginf.attribution.segment_influence import SegmentInfluence
from spacy_seginf.attribution.tracin import TracInLast
from spacy_seginf.attribution.tracin_we import TracInWE
from spacy_seginf.evaluation.problem import draw_documents, training_context
from spacy_seginf.explanation.loading import load_indexed
from spacy_seginf.influence.choose import choose_l2, optimum
from spacy_seginf.influence.curvature import IdentityCurvature
from spacy_seginf.influence.head import Head
from spacy_seginf.influence.penalty import Penalty
from spacy_seginf.tagger.crf_tagger import find_tagger
from spacy_seginf.tagger.head import head_of

from .corpora import Corpus
from .indexing import indexed
from .queries import held_out, texts_of
from .store import Store, load
from .training import TAGGER

NEIGHBOURS = (10, 30, 100, 300, 1000, 3000)
METHODS: dict[str, Method] = {
    "index": SegmentInfluence(curvature="exact", corrected=False),
    "exact": SegmentInfluence(curvature="exact", corrected=False),
    "kfac": SegmentInfluence(curvature="kfac", corrected=False),
    "identity": SegmentInfluence(curvature="identity", corrected=False),
    "tracin_last": TracInLast(),
    "tracin_we": TracInWE(bytes_per_segment=None),
    "neighbours": SegmentNN(labels="signed"),
    "random": Random(),
}
TRAINED = ("tracin_last", "tracin_we")  # these read the trained head, the others one at its optimum


def encoder_scores(corpus: Corpus, store: Store, full: str, methods: tuple[str, ...]) -> dict[str, numpy.ndarray]:
    """Score by methods on one pipeline trained on everything; what is in the store is not repeated.

    full (str): its name there. RETURNS (float64, queries x training documents): by method; of "neighbours" the single
        entities (queries x training entities), see ``nearest``.
    """
    names = {method: f"scores-{method}-{full}" for method in methods}
    missing = [method for method in methods if store.array(names[method]) is None]
    if missing:
        path = store.pipeline(full)
        assert path is not None
        nlp = load(path)
        queries = texts_of(nlp, corpus, *held_out(corpus))
        if "index" in missing:
            store.keep(names["index"], METHODS["index"].prepare(index_context(corpus, store, full)).scores(queries))
        others = [method for method in missing if method != "index"]
        explained, trained = contexts(nlp, corpus) if others else (None, None)
        for method in others:
            context = trained if method in TRAINED else explained
            assert context is not None
            if method == "neighbours":
                entities = corpus.entities(corpus.train)
                context = replace(context, training=replace(context.training, segments=entities))
            store.keep(names[method], METHODS[method].prepare(context).scores(queries))
    found = {method: store.array(name) for method, name in names.items()}
    return {method: scores for method, scores in found.items() if scores is not None}


def contexts(nlp: Language, corpus: Corpus) -> tuple[Context, Context]:
    """Return what methods learn from: the head that labels alone make, at the penalty under which dev is most likely,
    and the trained head. Training segments are whole documents: leaving out all of one's labels is what is asked."""
    none = numpy.zeros((0, 3), dtype=numpy.int64)
    training, dev = (texts_of(nlp, corpus, documents, none) for documents in (corpus.train, corpus.dev))
    training = replace(training, segments=training.data.whole(numpy.arange(len(corpus.train))))
    choice = choose_l2(training.data, dev.data, Head.zeros(training.data))
    penalty = Penalty(choice.l2)
    head, metric = optimum(training.data, choice.fits[choice.l2].head, penalty)
    trained = head_of(find_tagger(nlp, TAGGER).model)
    explained = Context(nlp, TAGGER, training, head, penalty, metric)
    identity = IdentityCurvature(training.data.labels, training.data.width)
    return explained, replace(explained, head=trained, penalty=Penalty(0.0), metric=identity)


def index_context(corpus: Corpus, store: Store, full: str) -> Context:
    """Return what an index with the default settings knows: its head is pulled to the trained one."""
    nlp, influence = load_indexed(str(indexed(corpus, store, full)))
    influence.explainer()
    assert influence.index is not None
    context = training_context(nlp, influence, draw_documents(influence.index, None), 1.0)
    whole = context.training.data.whole(numpy.arange(len(corpus.train)))
    return replace(context, training=replace(context.training, segments=whole))


def nearest(scores: numpy.ndarray, documents: numpy.ndarray, count: int, total: int) -> numpy.ndarray:
    """Let only the nearest training entities of each query count, and add them up by document: hundreds that have
    nothing to do with it would outweigh them.

    scores (float64, queries x training entities). documents (ints): of these entities. total (int): documents.
    """
    result = numpy.zeros((len(scores), total))
    chosen = numpy.argsort(-numpy.abs(scores), axis=1, kind="stable")[:, :count]
    for row, own, picked in zip(result, scores, chosen):
        numpy.add.at(row, documents[picked], own[picked])
    return result


def unit_scale(scores: numpy.ndarray) -> numpy.ndarray:
    """Divide each query's scores by their root mean square, so that scores of two kinds can be added; 0 stays 0."""
    scale = numpy.sqrt((scores**2).mean(axis=1, keepdims=True))
    return scores / numpy.where(scale > 0, scale, 1.0)
