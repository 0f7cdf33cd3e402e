"""TracIn-WE on the embedded corpus: how much faster batches are than single backward passes, and what is stored.

    OMP_NUM_THREADS=1 python -m experiments.speed.tracin_we [--quick]

The loop makes, for a sample of the same segments, what one would write with thinc alone: a forward and a backward pass
over the document of one segment, the gradients of its words summed. It is timed in the same process on one thread.
"""

from __future__ import annotations

import time
from dataclasses import replace
from typing import Any, Sequence, cast

import numpy
import spacy
from spacy.language import Language
from thinc.api import set_dropout_rate

from spacy_seginf.attribution.method import Context, Texts
from spacy_seginf.attribution.stages import Stage
from spacy_seginf.attribution.tracin_we import TracInWE
from spacy_seginf.attribution.word_gradients import word_gradients
from spacy_seginf.attribution.word_tables import ENTRY_BYTES, Entries
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.penalty import Penalty
from spacy_seginf.tagger.head import head_of

from ..common.annotated import entity_texts
from ..common.prepare import STEPS, checkpoint, corpus
from ..common.reporting import finish, one_thread, parse_arguments, print_table

SAMPLE, ROUNDS = 200, 3
Vectors = dict[tuple[int, int], Any]  # of a segment, by table and word


def main() -> None:
    arguments = parse_arguments(__doc__ or "", data=False)
    one_thread()
    steps = 20 if arguments.quick else STEPS["embedded"]
    nlp = spacy.load(checkpoint("embedded", 0, None, steps=steps))
    texts = entity_texts(nlp, corpus(None, "train"), 60 if arguments.quick else None)
    figures = measure(nlp, texts)
    print_table(["figure", "value"], list(figures.items()))
    finish("tracin_we", figures, quick=arguments.quick, rows=len(texts), seeds=[0])


def measure(nlp: Language, texts: Texts, sample: int = SAMPLE, rounds: int = ROUNDS) -> dict[str, float]:
    """Time both ways, in turns; the medians count.

    RETURNS: tracin_we_speedup; the milliseconds of a segment both ways; their largest difference in a gradient of a
    word, as a share of that segment's longest; the milliseconds of a segment with its part of the index, and of a
    query; and the bytes kept of a segment, with this encoder and at most at width 384.
    """
    tagger: Any = nlp.get_pipe("crf_tagger")
    stage = Stage(nlp, tagger, head_of(tagger.model), 1.0, finished=True)
    set_dropout_rate(tagger.model, 0.0)
    chosen = numpy.linspace(0, len(texts) - 1, min(sample, len(texts))).astype(int)
    single, batched = [], []
    difference = 0.0
    for _ in range(rounds):
        started = time.perf_counter()
        expected = [_single_pass(stage, texts, row) for row in texts.segments[chosen]]
        single.append(1e3 * (time.perf_counter() - started) / len(chosen))
        started = time.perf_counter()
        entries = [words.tables for words in word_gradients(stage, stage.encoder(), texts)]
        batched.append(1e3 * (time.perf_counter() - started) / len(texts))
        difference = max(difference, _difference(dict(zip(chosen.tolist(), expected)), entries))
    context = Context(
        nlp, tagger.name, texts, stage.head, Penalty(0.0), metric=cast(Any, None)
    )  # which it does not read
    started = time.perf_counter()
    ready = TracInWE().prepare(context)
    prepared = 1e3 * (time.perf_counter() - started) / len(texts)
    queries = replace(texts, segments=texts.segments[chosen[:32]])
    started = time.perf_counter()
    ready.scores(queries)
    query = 1e3 * (time.perf_counter() - started) / len(queries)
    limit = TracInWE().limit(384, 1) or 0
    return {
        "tracin_we_speedup": float(numpy.median(single) / numpy.median(batched)),
        "single_ms": float(numpy.median(single)),
        "batched_ms": float(numpy.median(batched)),
        "largest_difference": difference,
        "prepare_ms": prepared,
        "query_ms": query,
        "bytes_per_segment": ready.bytes_per_segment,
        "bytes_per_segment_width_384": float(limit * (2 * 384 + ENTRY_BYTES)),
    }


def _difference(expected: dict[int, Vectors], batches: Sequence[Sequence[Entries]]) -> float:
    """Return the largest difference of a vector, as a share of the longest of its segment."""
    found: dict[int, Vectors] = {number: {} for number in expected}
    for tables in batches:
        for number, entries in enumerate(tables):
            for place in numpy.flatnonzero(numpy.isin(entries.segments, list(expected))):
                found[int(entries.segments[place])][number, int(entries.keys[place])] = entries.vectors[place]
    largest = 0.0
    for segment, vectors in expected.items():
        longest = max(float(numpy.linalg.norm(vector)) for vector in vectors.values())
        for key in vectors.keys() | found[segment].keys():
            gap = vectors.get(key, 0.0) - found[segment].get(key, 0.0)
            largest = max(largest, float(numpy.linalg.norm(gap)) / longest)
    return largest


def _single_pass(stage: Stage, texts: Texts, segment: numpy.ndarray) -> Vectors:
    """Return the gradients of one segment by table and word, from one pass of thinc over its document."""
    tok2vec: Any = stage.tagger.model.get_ref("tok2vec")
    document, start, end = segment
    seen: list[tuple[Any, Any]] = []
    tables = [node for node in tok2vec.walk() if node.name == "hashembed"]
    originals = [node._func for node in tables]

    def watched(original: Any) -> Any:
        def forward(model: Any, ids: Any, is_train: bool) -> Any:
            output, backprop = original(model, ids, is_train)

            def watched_backprop(gradient: Any) -> Any:
                seen.append((ids, gradient))
                return backprop(gradient)

            return output, watched_backprop

        return forward

    for node, original in zip(tables, originals):
        node._func = watched(original)
    try:
        (features,), backprop = tok2vec.begin_update([texts.docs[document]])
        first = int(texts.data.starts[document])
        rows = slice(first, first + len(features))
        data = HeadData(features, texts.data.allowed[rows], [len(features)])
        alone = Texts([], data, texts.labels[rows], numpy.array([[0, start, end]]))
        gradient = numpy.zeros_like(features)
        gradient[start:end] = alone.chains(stage.head).factors().residuals @ stage.head.weights
        backprop([gradient])
    finally:
        for node, original in zip(tables, originals):
            node._func = original
    found: Vectors = {}
    for number, (ids, gradients) in enumerate(seen):
        for place in gradients.any(axis=1).nonzero()[0]:
            key = number, int(ids[place])
            found[key] = found[key] + gradients[place] if key in found else gradients[place]
    return found


if __name__ == "__main__":
    main()
