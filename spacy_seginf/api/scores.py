"""`python -m spacy seginf scores`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Iterator, Optional, Sequence

import numpy
import typer
from wasabi import table

from ..crf.schemes import type_of
from ..curation.levels import HOW
from ..curation.scores import SCORES, check_names, document_scores, label_scores, segment_scores
from ..curation.source import LabelSource
from ..curation.texts import checkpoint_marginals, trusted_texts
from ..devices import use_gpu
from ..errors import Errors, SeginfError
from ..explanation.judged_texts import read_gold
from ..explanation.loading import check_pipeline, load_indexed
from ..explanation.method_explainer import IndexedDocs
from ..guesses import one_of
from ..index.index import Index
from ..inputs import check_paths
from ..messages import Messages
from ..rendering.text import shorten, visible
from ..results import is_printed, write_json_lines, written
from ..tagger.checkpoints import read_checkpoints

LEVELS = ("token", "segment", "document")
CONTEXT = 40  # characters on each side
WIDTH = 40  # characters of a text in the terminal


def score_labels(
    pipeline: str,
    names: Sequence[str] = ("segment_loss",),
    *,
    level: str = "segment",
    top: int = 50,
    trusted: Optional[Path] = None,
    checkpoints: Optional[Path] = None,
    how: str = "max",
    output: Optional[Path] = None,
    gpu_id: int = -1,
    silent: bool = True,
) -> list[dict[str, Any]]:
    """List the most suspicious training labels, the highest scores first.

    pipeline (str): a folder that `seginf index` wrote. It is not changed.
    names (sequence of str): scores; the first one sorts. Among equals, the order is that of the corpus.
    level (str): "token"; "segment": annotated entities, and single tokens outside; "document".
    top (int): how many. trusted (Path): documents with right labels: .spacy, CoNLL columns or JSON lines.
    checkpoints (Path): folder of a CheckpointLogger.
    how (str): "max" or "mean" over tokens, where scores of tokens are asked for segments or documents.
    output (Path): where the list is written, one JSON object a line; "-" prints it instead of what people read.
    RETURNS (list of dict): text, label, document, start, end, context and scores of each; no label for documents.
    RAISES (ValueError): S030 or S040 for missing input, S025 for an index of another pipeline, S090 to S093 for
        checkpoints, S105 to S109 for scores and settings that can't be used.

    >>> found = spacy_seginf.score_labels("indexed", ["segment_loss", "held_out_loss"], top=3)
    >>> sorted(found[0]["scores"])
    ['held_out_loss', 'segment_loss']
    """
    if level not in LEVELS:
        raise SeginfError(Errors.S109.format(setting="level", value=level, known=one_of(LEVELS, level)))
    if how not in HOW:
        raise SeginfError(Errors.S109.format(setting="how", value=how, known=one_of(HOW, how)))
    if not names:
        raise SeginfError(Errors.S106.format(score="", known=", ".join(SCORES)))
    check_names(names, trusted=trusted is not None, checkpoints=checkpoints is not None)
    read = {"trusted corpus": trusted, "folder of checkpoints": checkpoints}
    check_paths(read, outputs={"list": written(output)})
    check_pipeline(pipeline)
    msg = Messages(silent=silent)
    use_gpu(gpu_id)
    nlp, influence = load_indexed(pipeline)
    index = influence.explainer().index
    listed = [] if checkpoints is None else read_checkpoints(checkpoints)
    texts = None
    if trusted is not None:
        examples = [text.example for text in read_gold(nlp, influence.find_tagger(), trusted)]
        texts = trusted_texts(nlp, examples, influence.tagger_name)
    source = LabelSource.of(index, texts)
    if checkpoints is not None:
        stages = [stage.load(nlp, influence.tagger_name) for stage in listed]
        docs = IndexedDocs(index, nlp.vocab)
        confidence = checkpoint_marginals(stages, docs, source.labels, influence.tagger_name)
        source = replace(source, checkpoints=confidence)
    segments = _segments(source, level)
    if level == "token":
        values = label_scores(source, names)
    elif level == "segment":
        values = segment_scores(source, names, segments, how)
    else:
        values = document_scores(source, names, how)
    order = numpy.argsort(-values[names[0]], kind="stable")[:top]
    found = list(_described(index, source, segments, level, values, order.tolist()))
    if output is not None:
        write_json_lines(output, found)
        if not is_printed(output):
            msg.good(f"List written: {output}")
    if not silent and not is_printed(output):
        _print(found, names)
    msg.next("rank", pipeline, "CORPUS")
    return found


def _segments(source: LabelSource, level: str) -> numpy.ndarray:
    """List what is scored (int64, n x 3: document, start, end)."""
    sizes = numpy.asarray(source.data.lengths, dtype=numpy.int64)
    if level == "segment":
        return source.units
    if level == "document":
        return numpy.stack([numpy.arange(len(sizes)), numpy.zeros_like(sizes), sizes], axis=1)
    documents = numpy.repeat(numpy.arange(len(sizes)), sizes)
    offsets = numpy.arange(len(documents)) - source.data.starts[documents]
    return numpy.stack([documents, offsets, offsets + 1], axis=1)


def _described(
    index: Index,
    source: LabelSource,
    segments: numpy.ndarray,
    level: str,
    values: dict[str, numpy.ndarray],
    order: Sequence[int],
) -> Iterator[dict[str, Any]]:
    for number in order:
        document, start, end = segments[number].tolist()
        tag = index.manifest.tags[int(source.labels[source.data.starts[document] + start])]
        label = {"token": tag, "segment": type_of(tag), "document": ""}[level]
        entry = index.describe(document, start, end, label, CONTEXT)
        yield {**entry, "scores": {name: float(column[number]) for name, column in values.items()}}


def _print(found: Sequence[dict[str, Any]], names: Sequence[str]) -> None:
    rows = [
        (
            *(f"{entry['scores'][name]:.4g}" for name in names),
            visible(entry["label"]),
            shorten(visible(entry["text"]), WIDTH),
            shorten(visible(_place(entry)), WIDTH),
        )
        for entry in found
    ]
    header = (*names, "label", "text", "where")
    aligns: list[Any] = [*"r" * len(names), "l", "l", "l"]
    typer.echo(table(rows, header=header, divider=True, aligns=aligns, max_col=100))
    typer.echo("High scores are suspicious; they are no proof of an error, and finding nothing proves nothing.")


def _place(entry: dict[str, Any]) -> str:
    start, last = entry["start"], entry["end"] - 1
    return f"{entry['document']}, " + (f"token {start}" if start == last else f"tokens {start}-{last}")
