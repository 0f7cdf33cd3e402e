"""`python -m spacy seginf rank`."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, Optional, Sequence

import typer
from spacy.cli._util import setup_gpu
from wasabi import Printer, table

from ..curation.choosing import Choice
from ..curation.describing import Describer
from ..curation.driving import Mistakes, find_mistakes
from ..curation.opening import open_curation
from ..curation.opinions import Trusted
from ..curation.places import CorpusPlaces
from ..curation.plots import plot_families
from ..curation.records import read_decisions, read_ranking, write_ranking
from ..curation.suspecting import Suspector
from ..curation.suspicions import SUSPICION_SCORE, Ranking, Suspicion, described_change
from ..errors import Errors, SeginfError, Warnings
from ..index.index import Index
from ..rendering.pictures import check_picture
from ..rendering.text import shorten, visible
from ..tagger.head import head_of

LISTED = 1000
REFERENCES = 100
PRINTED = 20
WIDTH = 40


def find_label_issues(
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

    >>> ranking = spacy_seginf.find_label_issues("indexed", Path("train.spacy"), Path("ranking.jsonl"))
    >>> ranking.labels
    ('LOC', 'ORG', 'PER')
    >>> ranking.suspicions[0].score >= ranking.suspicions[-1].score
    True
    """
    msg = Printer(no_print=silent)
    if plot is not None:
        check_picture(plot)
    setup_gpu(gpu_id, silent=True)
    started = time.perf_counter()
    _check_output(output, (corpus, dev, mistakes, plot, *decisions))
    opened = open_curation(pipeline, corpus)
    index, places, source = opened.index, opened.places, opened.source
    decided = opened.decided([decision for path in decisions for decision in read_decisions(path)])
    texts = opened.read_trusted(dev)
    trusted = None if texts is None else texts.trusted
    suspector = Suspector(source, opened.words, trusted, opened.missing, msg.info)
    if mistakes is not None:
        texts = opened.read_trusted(mistakes)
    seen = None if texts is None else find_mistakes(head_of(opened.tagger.model), texts.trusted, source.scheme)
    if mistakes is not None and seen is not None:
        if not len(seen):
            warnings.warn(Warnings.W007.format(path=mistakes), stacklevel=2)
        suspector.raise_drivers(seen)
    suspects = [suspect for suspect in suspector.rank(decided) if choice.wants(suspect, places, index)]
    suspects = suspector.families(suspects[:top])
    describer = Describer(index, source, places, seen, texts)
    msg.info(f"Describing {len(suspects):,} suspicions")
    found = describer.describe(suspects, suspector.trust(suspects), references)
    about = _about(index, places, suspector, seen, len(decided), trusted)
    ranking = Ranking(tuple(found), places.digest, source.scheme.labels, source.scheme.name, about)
    write_ranking(output, ranking)
    if plot is not None:
        plot_families(ranking, plot)
        msg.good(f"Picture written: {plot}")
    if not silent:
        _print(found)
        msg.good(f"Ranking written: {output} ({len(found):,} suspicions, {time.perf_counter() - started:.0f} s)")
        typer.echo(f"Read them: python -m spacy seginf review {pipeline} --suspicions {output}")
    return ranking


def _check_output(output: Path, others: Sequence[Optional[Path]]) -> None:
    """Replace nothing but an earlier ranking, and learn at once whether the folder can be written.

    RAISES (ValueError): S219.
    """
    if output.resolve() in {Path(path).resolve() for path in others if path is not None}:
        raise SeginfError(Errors.S219.format(path=output, problem="is another file of this command", what="ranking"))
    if output.exists():
        try:
            read_ranking(output)
        except (ValueError, OSError):
            raise SeginfError(Errors.S219.format(path=output, problem="is no ranking", what="ranking")) from None
    try:
        output.parent.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise SeginfError(Errors.S208.format(path=output, problem=error.strerror or error, what="ranking")) from None


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
        rows.append((f"{one.score:.2f}", described_change(one), text, f"{size - 1} more" if size else "", where))
        if len(rows) == PRINTED:
            break
    header = ("score", "change", "text", "like it", "where")
    typer.echo(table(rows, header=header, divider=True, aligns=("r", "l", "l", "l", "l"), max_col=100))
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()) or "nothing"
    typer.echo(f"{counts}; {families} families, {alone} alone. Readings: {families + alone}.")
    typer.echo(SUSPICION_SCORE)
