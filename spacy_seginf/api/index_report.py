"""The page that `python -m spacy seginf index` ends with."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Optional

from markupsafe import Markup

from ..curation.issues import Ranking
from ..devices import use_gpu
from ..errors import SeginfError
from ..explanation.index_check import IndexCheck, check_by_predictions, too_large
from ..explanation.judged_texts import judge
from ..explanation.loading import check_pipeline, indexed_components, load_pipeline
from ..explanation.wording import HEAD_ONLY
from ..files import write_text
from ..index.manifest import Manifest
from ..indexing.fidelity import predictions
from ..inputs import check_paths
from ..messages import Messages
from ..progress import shows_progress
from ..rendering.templates import template
from ..tagger.corpus import read_corpus, read_judging
from .rank import find_label_issues

PAGE = "index.html"  # in the folder of the indexed pipeline
TEXTS = 400  # of the training corpus, where there is no other
LISTED = 100  # label issues


@dataclass(frozen=True)
class IndexReport:
    """What an index holds and is like.

    manifest (Manifest): what it says of itself. bytes (int): its size. counts (dict): annotated spans by type; empty
    where labels were left out. texts (str): "development" or "training", the corpus whose predictions were looked at.
    check (IndexCheck): what they show. ranking (Ranking, optional): the most suspicious labels; problem (str): why
    there are none.

    >>> report = spacy_seginf.report_index("indexed", Path("train.spacy"), Path("index.html"), dev=Path("more.spacy"))
    >>> report.texts, sorted(report.counts)
    ('development', ['LOC', 'ORG', 'PER'])
    """

    manifest: Manifest
    bytes: int
    counts: dict[str, int]
    texts: str
    check: IndexCheck
    ranking: Optional[Ranking]
    problem: str = ""


@shows_progress
def report_index(
    pipeline: str,
    corpus: Path,
    html: Path,
    *,
    component: Optional[str] = None,
    dev: Optional[Path] = None,
    gpu_id: int = -1,
    silent: bool = True,
) -> IndexReport:
    """Write a page about an index: its size, how far the head that explains predicts what the pipeline does, effects
    beside refits, labels that are behind everything, families that contradict each other, and suspicious labels.

    pipeline (str): a folder that `seginf index` wrote. It is not changed.
    corpus (Path): the training corpus that was indexed. html (Path): the page; replaced.
    component (str): whose index is meant, if several have one; the last, which `seginf rank` reads, if None.
    dev (Path): development corpus, whose predictions are looked at; those of the training corpus if None.
    RAISES (ValueError): S030 or S040 to S042 for missing or wrong input, S047 for texts that can't be read, S219 if the
        page would replace an input.

    >>> report = spacy_seginf.report_index("indexed", Path("train.spacy"), Path("index.html"))
    >>> report.check.agreement.pearson > 0.9, report.ranking.issues[0].document != ""
    (True, True)
    """
    msg = Messages(silent=silent)
    check_paths({"corpus": corpus, "development corpus (--dev)": dev}, outputs={"page": html})
    check_pipeline(pipeline)
    use_gpu(gpu_id)
    nlp = load_pipeline(pipeline)
    indexed = indexed_components(nlp, pipeline)
    influence = next((one for one in indexed if one.name == component), indexed[-1])
    index, tagger = influence.explainer().index, influence.find_tagger()
    # As `seginf index` reads them: by the readers of training.
    texts = read_judging(nlp, tagger, Path(dev)) if dev else read_corpus(nlp, Path(corpus), tagger.target)[:TEXTS]
    check = check_by_predictions(influence, judge(nlp, tagger, texts))
    spans = [] if index.manifest.pruned else predictions(tagger.scheme, index.labels, index.data.lengths)
    counts = dict(Counter(label for *_, label in spans).most_common())
    size = sum(path.stat().st_size for path in index.folder.rglob("*") if path.is_file())
    problem = too_large(index.manifest)
    if influence is not indexed[-1]:
        problem = f"the component '{indexed[-1].name}' comes later, and is the one that is ranked by."
    ranking, problem = (None, problem) if problem else _suspicious(pipeline, corpus, gpu_id)
    report = IndexReport(index.manifest, size, counts, "development" if dev else "training", check, ranking, problem)
    listed = Markup("" if ranking is None else ranking.to_html(LISTED))
    unit = "entities" if influence.used_unit == "entity" else "tokens"
    page = template("index.html").render(report=report, unit=unit, ranking=listed, caveat=HEAD_ONLY)
    write_text(html, page)
    msg.good(f"Page about the index: {html}")
    return report


def _suspicious(pipeline: str, corpus: Path, gpu_id: int) -> tuple[Optional[Ranking], str]:
    """Rank label issues with nothing trusted; None, and why, where an index or corpus does not allow it."""
    with TemporaryDirectory() as folder:
        output = Path(folder) / "issues.jsonl"
        try:
            return find_label_issues(pipeline, corpus, output, top=LISTED, references=0, gpu_id=gpu_id), ""
        except SeginfError as error:
            return None, str(error)
