"""`python -m spacy seginf rank`."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, Optional, Sequence

import numpy
import typer
from spacy.cli._util import setup_gpu
from spacy.language import Language
from wasabi import Printer, table

from ..curation.choosing import Choice
from ..curation.decisions import merge_decisions
from ..curation.describing import Describer
from ..curation.driving import Mistakes, find_mistakes
from ..curation.opinions import Trusted
from ..curation.places import CorpusPlaces
from ..curation.reading import clean_texts
from ..curation.records import Decision, Ranking, Suspicion, read_decisions, write_ranking
from ..curation.source import LabelSource
from ..curation.suspecting import Decided, Suspector
from ..errors import Errors, Warnings
from ..index.index import Index
from ..pipeline.corpus import read_corpus
from ..pipeline.crf_tagger import CRFTagger
from ..pipeline.loading import load_indexed
from ..render.pictures import check_picture
from ..render.ranking_plots import plot_families
from ..render.suspicions import change_of
from ..render.wording import SUSPICION_SCORE, shorten, visible

LISTED = 1000
REFERENCES = 100
PRINTED = 20
WIDTH = 40


def rank(
    pipeline: str,
    corpus: Path,
    output: Path,
    *,
    dev: Optional[Path] = None,
    mistakes: Optional[Path] = None,
    decisions: Sequence[Path] = (),
    choice: Choice = Choice(),  # noqa: B008
    top: int = LISTED,
    references: int = REFERENCES,
    plot: Optional[Path] = None,
    gpu_id: int = -1,
    silent: bool = True,
) -> Ranking:
    """Rank the regions of a training corpus whose labels may be wrong, the most suspicious first.

    pipeline (str): a folder that `seginf index` wrote, with exact curvature or K-FAC. It is not changed.
    corpus (Path): the training corpus (.spacy) that was indexed. output (Path): the ranking, JSON lines; replaced.
    dev (Path): documents with right labels (.spacy): they are asked about training labels, and their mispredicted
        entities say what training labels drive.
    mistakes (Path): texts with right labels (.spacy); what drives their mispredicted entities comes first.
    decisions (sequence of Path): decisions that were made so far: their regions are left out, and teach.
    choice (Choice): which suspicions are wanted. top (int): how many are listed.
    references (int): how many of them get supporting and opposing training labels.
    plot (Path): also draw the largest families here (.png, .svg or .pdf).
    RETURNS (Ranking): as it was written.
    RAISES (ValueError): S030, S040 to S042 for missing or wrong input, S035 for a pruned index, S210 to S213 if
        pipeline, corpus and decisions do not belong together, S051 if the trusted labels are too few, S110 without
        matplotlib, S220 if plot is no picture.
    """
    msg = Printer(no_print=silent)
    if plot is not None:
        check_picture(plot)
    setup_gpu(gpu_id, silent=True)
    started = time.perf_counter()
    nlp, influence = load_indexed(pipeline)
    index = influence.explainer().index
    tagger = influence.find_tagger()
    places = CorpusPlaces(index, nlp, corpus, tagger.scheme)
    said = [decision for path in decisions for decision in read_decisions(path)]
    decided = decided_regions(places, said)
    source = LabelSource.of(index)
    words = [index.words(number)[0] for number in range(len(source.data.lengths))]
    trusted, names, texts = (None, [], []) if dev is None else _read_trusted(nlp, tagger, dev)
    suspector = Suspector(source, words, trusted, missing_of(index, source), msg.info)
    seen = None if trusted is None else find_mistakes(source.theta, trusted, source.scheme)
    if mistakes is not None:
        wanted, names, texts = _read_trusted(nlp, tagger, mistakes)
        seen = find_mistakes(source.theta, wanted, source.scheme)
        if not len(seen):
            warnings.warn(Warnings.W007.format(path=mistakes), stacklevel=2)
        suspector.raise_drivers(seen)
    suspects = [suspect for suspect in suspector.rank(decided) if choice.wants(suspect, places, index)]
    suspects = suspector.families(suspects[:top])
    describer = Describer(index, source, places, seen, names, texts)
    msg.info(f"Describing {len(suspects):,} suspicions")
    found = describer.describe(suspects, suspector.trust(suspects), references)
    about = _about(index, places, suspector, seen, len(decided), trusted)
    ranking = Ranking(tuple(found), places.digest, tuple(tagger.scheme.labels), tagger.scheme.name, about)
    write_ranking(output, ranking)
    if plot is not None:
        plot_families(ranking, plot)
        msg.good(f"Picture written: {plot}")
    if not silent:
        _print(found)
        msg.good(f"Ranking written: {output} ({len(found):,} suspicions, {time.perf_counter() - started:.0f} s)")
        typer.echo(f"Read them: python -m spacy seginf review {pipeline} --suspicions {output}")
    return ranking


def decided_regions(places: CorpusPlaces, decisions: Sequence[Decision]) -> list[Decided]:
    """Find decided regions in the index. Conflicts between reviewers decide nothing.

    RAISES (ValueError): S213 if a decision does not fit the corpus.
    """
    agreed, _ = merge_decisions(decisions)
    found = []
    for decision in agreed:
        place = None
        if decision.document in places.names:
            words, _ = places.words(decision.document, decision.start, decision.end)
            inside = [one for one in places.entities(decision.document) if decision.start <= one.start < decision.end]
            if words == decision.words and tuple(inside) == tuple(sorted(decision.current)):
                place = places.in_index(decision.document, decision.start, decision.end)
        if place is None:
            where = f"{decision.document}, tokens {decision.start}-{decision.end - 1}"
            raise ValueError(Errors.S213.format(where=where, words=shorten(visible(" ".join(decision.words)))))
        moved = decision.start - place[1]
        outcome = decision.outcome or ()
        readings = [
            tuple(sorted(type(one)(one.start - moved, one.end - moved, one.label) for one in entities))
            for entities in (decision.current, outcome)
        ]
        found.append(Decided(*place, readings[0], readings[1]))
    return found


def missing_of(index: Index, source: LabelSource) -> list[tuple[int, int, int, str]]:
    """List entities that the index found missing from the annotation: (document, start, end, type)."""
    found = []
    for row in range(len(index.segments)):
        document, start, end = index.segments.segment(row)
        if source.labels[source.data.starts[document] + start] == 0:
            found.append((document, start, end, str(index.segments.reference(row).get("missing") or "")))
    return found


def _read_trusted(nlp: Language, tagger: CRFTagger, path: Path) -> tuple[Trusted, list[str], list[list[str]]]:
    """Read texts with right labels; return them with their ids and words."""
    texts = read_corpus(nlp, path, tagger.attribute)
    docs = [text.example.reference for text in texts]
    clean = clean_texts(nlp, docs, tagger.name)
    certain = numpy.zeros(len(clean.labels), dtype=bool)
    documents, starts, _ = clean.segments.T
    certain[clean.data.starts[documents] + starts] = True
    return (
        Trusted(clean.data, clean.labels, certain),
        [text.identifier for text in texts],
        [[token.text for token in doc] for doc in docs],
    )


def _about(
    index: Index,
    places: CorpusPlaces,
    suspector: Suspector,
    mistakes: Optional[Mistakes],
    decided: int,
    trusted: Optional[Trusted],
) -> dict[str, Any]:
    return {
        "documents": len(places),
        "tokens": places.tokens,
        "regions": len(suspector.regions),
        "trusted_tokens": 0 if trusted is None else len(trusted),
        "mistakes": None if mistakes is None else mistakes.found,
        "decided": decided,
        "curvature": index.manifest.curvature,
    }


def _print(found: Sequence[Suspicion]) -> None:
    kinds = Counter(one.kind for one in found)
    families = len({one.family for one in found if one.family})
    alone = sum(1 for one in found if not one.family)
    rows, shown = [], set()
    for one in found:
        if one.family in shown:
            continue
        if one.family:
            shown.add(one.family)
        size = sum(1 for other in found if one.family and other.family == one.family)
        text = shorten(visible(" ".join(one.region)), WIDTH)
        where = shorten(visible(f"{one.document}, token {one.start}"), WIDTH)
        rows.append((f"{one.score:.2f}", change_of(one), text, f"{size - 1} more" if size else "", where))
        if len(rows) == PRINTED:
            break
    header = ("score", "change", "text", "like it", "where")
    typer.echo(table(rows, header=header, divider=True, aligns=("r", "l", "l", "l", "l"), max_col=100))
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()) or "nothing"
    typer.echo(f"{counts}; {families} families, {alone} alone. Readings: {families + alone}.")
    typer.echo(SUSPICION_SCORE)
