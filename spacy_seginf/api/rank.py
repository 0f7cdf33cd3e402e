"""`python -m spacy seginf rank`."""

from __future__ import annotations

import time
import warnings
from collections import Counter
from pathlib import Path
from typing import Any, Optional, Sequence

import typer
from wasabi import table

from ..crf.schemes import ENTS
from ..curation.alignment import CorpusAlignment
from ..curation.crossfit import crossfit_predictions
from ..curation.filter import IssueFilter
from ..curation.finding import IssueFinder
from ..curation.issues import ISSUE_SCORE, Ranking, described_change, family_sizes, looks_of
from ..curation.mistakes import Mistakes, find_mistakes
from ..curation.opinion import opinion_predictions
from ..curation.plots import plot_families
from ..curation.predictors import Trusted
from ..curation.rationale import Describer
from ..curation.records import read_decisions, read_ranking, write_ranking
from ..curation.second_encoder import second_features, second_predictions
from ..curation.session import open_session
from ..devices import use_gpu
from ..errors import Errors, SeginfError, Warnings
from ..explanation.loading import check_pipeline
from ..index.index import Index
from ..inputs import check_paths, unwritable
from ..messages import Messages
from ..progress import ISSUE, shows_progress, step
from ..rendering.pictures import check_picture
from ..rendering.text import shorten, visible
from ..results import is_printed, write_json_lines, written
from ..tagger.head import head_of

LISTED = 1000
REFERENCES = 100
PRINTED = 20
WIDTH = 40


@shows_progress
def find_label_issues(
    pipeline: str,
    corpus: Path,
    output: Path,
    *,
    dev: Optional[Path] = None,
    mistakes: Optional[Path] = None,
    decisions: Sequence[Path] = (),
    wanted: IssueFilter = IssueFilter(),  # noqa: B008
    unlikely: bool = False,
    features: Optional[str] = None,
    crossfit: Optional[Path] = None,
    opinion: Optional[str] = None,
    top: int = LISTED,
    references: int = REFERENCES,
    plot: Optional[Path] = None,
    json: Optional[Path] = None,
    gpu_id: int = -1,
    silent: bool = True,
) -> Ranking:
    """Rank the regions of a training corpus whose labels may be wrong, the most suspicious first.

    pipeline (str): a folder that `seginf index` wrote, with exact curvature or K-FAC. It is not changed.
    corpus (Path): the training corpus (.spacy) that was indexed. output (Path): the ranking, JSON lines; replaced.
    dev (Path): documents with right labels (.spacy, CoNLL columns or JSON lines): they are asked about training labels,
        and their mispredicted entities say which mistakes training labels support.
    mistakes (Path): such texts; what supports their mispredicted entities comes first.
    decisions (sequence of Path): decisions that were made so far: their regions are left out, and teach.
    wanted (IssueFilter): which issues are listed. unlikely (bool): also all those whose suggestion is clearly
        less likely than the annotation; else some where there are few others. top (int): how many are listed.
    features (str): a pipeline whose encoder has not seen these labels, such as one with a transformer that was not
        fine-tuned: what heads on its features say counts, too. Its tokens are encoded each time.
    crossfit (Path): what `seginf crossfit` wrote for this corpus: pipelines that have not seen the document count, too.
    opinion (str): a pipeline of another guideline, whatever its labels are: what is unusual for them counts, too.
    references (int): how many of them get supporting and opposing training labels.
    plot (Path): also draw the largest families here (.png, .svg or .pdf). json (Path): also write the issues here as
        plain rows, one JSON object a line; "-" prints them instead of what people read.
    RETURNS (Ranking): as it was written; ``rows`` are its issues as plain data, and ``to_pandas()`` makes a frame.
    RAISES (ValueError): S030, S040 to S042 for missing or wrong input, S035 for a pruned index, S211 to S213 if
        pipeline, corpus and decisions do not belong together, S214 for a filter of what there is not, S051 if the
        trusted labels are too few, S110 without matplotlib, S220 if plot is no picture, S266 or S265 if
        features or opinion have nothing to say, S267 to S269 if the folds can't be used.

    >>> ranking = spacy_seginf.find_label_issues("indexed", Path("train.spacy"), Path("ranking.jsonl"))
    >>> ranking.labels
    ('LOC', 'ORG', 'PER')
    >>> ranking.issues[0].score >= ranking.issues[-1].score
    True
    >>> {row["label"] for row in ranking.rows if row["kind"] == "add"} <= {"O"}
    True
    """
    msg = Messages(silent=silent)
    if plot is not None:
        check_picture(plot)
    texts_read = {"corpus": corpus, "development corpus (--dev)": dev, "corpus (--mistakes)": mistakes}
    others = {"picture": plot, "rows (--json)": written(json)}
    check_paths({**texts_read, "folder (--crossfit)": crossfit}, {"decision file": decisions}, others)
    _check_output(output, (corpus, dev, mistakes, plot, *decisions))
    for other in (pipeline, features, opinion):
        if other is not None:
            check_pipeline(other)
    use_gpu(gpu_id)
    started = time.perf_counter()
    session = open_session(pipeline, corpus)
    index, alignment, source = session.index, session.alignment, session.source
    wanted.check(source.scheme.labels, alignment)
    decided = session.decided([decision for path in decisions for decision in read_decisions(path)])
    gold, wrong = session.read_gold(dev), session.read_gold(mistakes)
    trusted = texts = session.trusted(gold)
    strangers = []
    if crossfit is not None:
        strangers.append(crossfit_predictions(crossfit, session, msg.info))
    if opinion is not None:
        msg.info(f"Asking {opinion}")
        strangers.append(opinion_predictions(opinion, index, source))
    if features is not None:
        msg.info(f"Encoding {len(source.labels):,} tokens with {features}")
        strangers.append(second_predictions(source, second_features(features, index)))
    finder = IssueFinder(source, trusted, session.missing, msg.info, strangers=strangers)
    if mistakes is not None:
        texts = session.trusted(wrong)
    seen = None if texts is None else find_mistakes(head_of(session.tagger.model), texts, source.scheme)
    if mistakes is not None and seen is not None:
        if not len(seen):
            warnings.warn(Warnings.W007.format(path=mistakes), stacklevel=2)
        finder.raise_influential(seen)
    issues = [issue for issue in finder.rank(decided, unlikely=unlikely) if wanted.permits(issue, alignment, index)]
    issues = finder.families(issues[:top])
    describer = Describer(index, source, alignment, seen, texts)
    msg.info(f"Describing {len(issues):,} issues")
    with step("Issues", len(issues), ISSUE):
        found = describer.describe(issues, finder.trust(issues), references)
    about = _about(index, alignment, finder, seen, len(decided), trusted)
    if source.scheme.target != ENTS:
        about["target"] = source.scheme.target
    ranking = Ranking(tuple(found), alignment.digest, source.scheme.labels, source.scheme.name, about)
    write_ranking(output, ranking)
    if plot is not None:
        plot_families(ranking, plot)
        msg.good(f"Picture written: {plot}")
    if json is not None:
        write_json_lines(json, ranking.rows)
    if not silent and not is_printed(json):
        _print(ranking)
    msg.good(f"Ranking written: {output} ({len(found):,} issues, {time.perf_counter() - started:.0f} s)")
    msg.next("review", pipeline, "--issues", output)
    return ranking


def _check_output(output: Path, others: Sequence[Optional[Path]]) -> None:
    """Replace nothing but an earlier ranking, and learn at once whether the folder can be written.

    RAISES (ValueError): S208, S219.
    """
    if output.resolve() in {Path(path).resolve() for path in others if path is not None}:
        raise SeginfError(Errors.S219.format(path=output, problem="is another file of this command", what="ranking"))
    if output.exists():
        try:
            read_ranking(output)
        except (ValueError, OSError):
            raise SeginfError(Errors.S219.format(path=output, problem="is no ranking", what="ranking")) from None
    problem = unwritable(output)
    if problem:
        raise SeginfError(Errors.S208.format(path=output, problem=problem, what="ranking"))


def _about(
    index: Index,
    alignment: CorpusAlignment,
    finder: IssueFinder,
    mistakes: Optional[Mistakes],
    decided: int,
    trusted: Optional[Trusted],
) -> dict[str, Any]:
    return {
        "documents": len(alignment),
        "tokens": alignment.tokens,
        "regions": len(finder.regions),
        "trusted_tokens": 0 if trusted is None else len(trusted),
        "mistakes": None if mistakes is None else mistakes.found,
        "decided": decided,
        "curvature": index.manifest.curvature,
    }


def _print(ranking: Ranking) -> None:
    sizes = family_sizes(ranking)
    rows = []
    for one, *_ in looks_of(ranking.issues)[:PRINTED]:
        text = shorten(visible(" ".join(one.region)), WIDTH)
        where = shorten(visible(f"{one.document}, token {one.start}"), WIDTH)
        alike = f"{sizes[one.family] - 1} more" if sizes[one.family] > 1 else ""
        rows.append((f"{one.score:.2f}", described_change(one), text, alike, where))
    header = ("score", "change", "text", "like it", "where")
    typer.echo(table(rows, header=header, divider=True, aligns=("r", "l", "l", "l", "l"), max_col=100))
    kinds = Counter(one.kind for one in ranking.issues)
    counts = ", ".join(f"{count} {kind}" for kind, count in kinds.most_common()) or "nothing"
    alone = sum(not one.family for one in ranking.issues)
    typer.echo(f"{counts}; {len(sizes)} families, {alone} alone. Items to review: {len(sizes) + alone}.")
    if ranking.issues:
        likelier = sum(one.suggested_probability > one.probability for one in ranking.issues)
        typer.echo(
            f"{likelier:,} of {len(ranking.issues):,} have a suggestion that is likelier than the annotation, by heads "
            "that have not seen the document; the others are listed because the encoder has learned from these labels, "
            "right or wrong, so that less doubt counts, too."
        )
    typer.echo(ISSUE_SCORE)
