"""`python -m spacy seginf review`."""

from __future__ import annotations

import getpass
import shlex
import sys
import threading
import webbrowser
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from html import escape
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Callable, Optional, Sequence

import typer
from spacy.language import Language

from ..corpora.formats import is_binary
from ..crf.schemes import ENTS, TAG, TARGETS
from ..curation.issues import LabelIssue, Ranking
from ..curation.records import read_decisions, read_ranking
from ..curation.references import References
from ..curation.reranking import Reranker
from ..curation.whole_document import WholeDocument, whole_document
from ..errors import Errors, SeginfError
from ..explanation.corpus_texts import named_corpus
from ..explanation.influence import Influence
from ..explanation.loading import check_pipeline, load_indexed
from ..inputs import check_paths, unwritable
from ..messages import Messages
from ..review.order import Rerank
from ..review.server import ReviewServer, check_port, check_writable
from ..review.state import Evidence, Review
from ..review.static_page import write_static_page
from .review_actions import Applying, Previewing, Refitting

RANKING = Path("issues.jsonl")
DECISIONS = Path("decisions.jsonl")
REDIRECT = '<!doctype html><meta charset="utf-8"><meta http-equiv="refresh" content="0; url={address}">\n'


def review(
    pipeline: Path,
    *,
    issues: Path = RANKING,
    decisions: Path = DECISIONS,
    html: Optional[Path] = None,
    port: int = 0,
    reviewer: Optional[str] = None,
    browser: bool = True,
    adjudicate: Sequence[Path] = (),
    corpus: Optional[Path] = None,
    output: Optional[Path] = None,
    texts: Optional[str] = None,
    refit: Optional[Path] = None,
    dev: Optional[Path] = None,
    evidence: Optional[Evidence] = None,
    silent: bool = False,
) -> Review:
    """Show the most suspicious training labels on a page on which they are decided about.

    pipeline (Path): a folder that `seginf index` wrote.
    issues (Path): the ranking, as `seginf rank` wrote it.
    decisions (Path): file that decisions are appended to.
    html (Path): write the page to this file instead of serving it.
    port (int): where it is served on this machine; 0 takes a free one.
    reviewer (str): name in the decisions; the user's by default.
    browser (bool): whether to open the page.
    adjudicate (sequence of Path): files of decisions; those of other reviewers are shown, and what is decided here wins
        over them.
    corpus (Path), output (Path): the reviewed corpus, and where the page writes the corrected one when it is asked to,
        as `seginf apply` does.
    texts (str): a text or corpus for which the page shows what decisions will change, as `seginf preview` does.
    refit (Path): where the page writes a pipeline with a refit head when asked to, as `seginf apply --refit` does.
    dev (Path): annotated corpus on which that is scored, before and after; that of texts if not given.
    evidence (callable): finds references of label issues that come without. Without it, the pipeline's index is asked,
        and also what order decisions make; not for a page that is written.
    RETURNS (Review): what was reviewed, when the server was stopped or the page is written.
    RAISES (ValueError): S040 if there is no pipeline or corpus, S204 if an output exists, S302 if only one of corpus
        and output is given, S308 if the corpus is a folder, S181 if there is no ranking, S170 if ranking or decisions
        are broken, S171 if decisions were taken away and can't be saved again, S180 without flask or waitress, S182 if
        the decisions are about another corpus, S183 if they can't be saved, S184 if the port can't be used, S186 if the
        page can't be written, S306 if the notes beside the decisions are broken.
    """
    msg = Messages(silent=silent)
    if not pipeline.is_dir():
        check_pipeline(str(pipeline))
    if (corpus is None) != (output is None):
        raise SeginfError(Errors.S302)
    if corpus is not None and corpus.is_dir():
        raise SeginfError(Errors.S308.format(path=corpus))
    if corpus is not None and not corpus.is_file():
        raise SeginfError(Errors.S040.format(what="corpus", path=corpus))
    if not issues.is_file():
        raise SeginfError(Errors.S181.format(path=issues, pipeline=pipeline))
    check_paths({"annotated corpus": dev}, {"decision file": adjudicate})
    if html is None:
        check_port(port)
    elif unwritable(html):
        raise SeginfError(Errors.S186.format(path=html, problem=unwritable(html)))
    index = _Asking(pipeline) if evidence is None and html is None else None
    rerank = index.reranker if index is not None else None
    others = [decision for path in adjudicate for decision in read_decisions(path)]
    whole = index.document if index is not None else None
    state = Review(read_ranking(issues), decisions, reviewer or _user(), evidence or index, rerank, others, whole)
    made = [*dict.fromkeys((*adjudicate, decisions))]
    reading = reading_of(state.ranking, corpus)
    named = (corpus or "CORPUS.spacy", output or "CORRECTED.spacy", *made)
    state.command = f"python -m spacy seginf apply {' '.join(shlex.quote(str(path)) for path in named)}"
    state.command += "".join(f" --{name} {shlex.quote(value)}" for name, value in reading.items())
    if html is not None:
        write_static_page(html, state)
        msg.good(f"Page with {len(state.issues):,} label issues written: {html}")
        msg.text("Open it in a browser, and download the decisions there before it is closed.")
        msg.text(f"Next: {state.command}")
        return state
    check_writable(decisions)
    actions: dict[str, Callable[[], list[str]]] = {}
    if corpus is not None and output is not None:
        actions["apply"] = Applying(corpus, output, made, state.ranking.labels, reading)
    if texts is not None:
        asked = index or _Asking(pipeline)
        actions["preview"] = Previewing(asked.pipeline, texts, made)
    if refit is not None:
        actions["refit"] = Refitting(pipeline, refit, made, dev or named_corpus(texts or ""))
    server = ReviewServer(state, port, actions)
    msg.info(f"{len(state.issues):,} issues, {len(state.states()):,} of them seen by {state.reviewer}")
    typer.echo(f"Review them at {server.address}")
    msg.text(f"Decisions are saved in {decisions} as they are made. Ctrl-C ends.")
    sys.stdout.flush()  # whoever reads it from a pipe waits for the address
    with suppress(KeyboardInterrupt), TemporaryDirectory(prefix="seginf-") as private:
        if browser:
            page = _redirect(Path(private), server.address)
            threading.Thread(target=webbrowser.open, args=(page.as_uri(),), daemon=True).start()
        server.serve()
    msg.good(f"{state.saved:,} decisions saved in {decisions}")
    msg.text(f"Next: {state.command}")
    return state


def _redirect(folder: Path, address: str) -> Path:
    """Write a page that leads to the address: everybody on the machine can read a browser's command line."""
    page = folder / "review.html"
    page.touch(0o600)
    page.write_text(REDIRECT.format(address=escape(address)), encoding="utf8")
    return page


def reading_of(ranking: Ranking, corpus: Optional[Path] = None) -> dict[str, Any]:
    """Return how a corpus is read whose labels are meant; text files have one annotation only. corpus (Path): .spacy if
    None."""
    if ranking.target == ENTS:
        return {}
    if ranking.target in TARGETS.values() or (ranking.scheme == TAG and corpus is not None and not is_binary(corpus)):
        return {"scheme": TAG}
    return {"target": ranking.target} if corpus is None or is_binary(corpus) else {}


def _user() -> str:
    try:
        return getpass.getuser()
    except (KeyError, OSError, ImportError):  # nobody has this user id, as in some containers
        return ""


class _Asking:
    """Asks the index of a pipeline, which is loaded while the first issues are read."""

    def __init__(self, pipeline: Path) -> None:
        self._loading = ThreadPoolExecutor(max_workers=1)
        self._loaded = self._loading.submit(self._load, pipeline)
        self._loading.shutdown(wait=False)

    def __call__(self, issue: LabelIssue) -> dict[str, list[dict[str, Any]]]:
        """RAISES (ValueError): S030 or S040 if there is no pipeline with an index."""
        return self._loaded.result()[2].of(issue)

    def document(self, identifier: str) -> Optional[WholeDocument]:
        """Return all of a document. RAISES (ValueError): the same; S035 if the index was pruned."""
        references = self._loaded.result()[2]
        return whole_document(references.index, references.pieces, identifier)

    def pipeline(self) -> tuple[Language, Influence]:
        """Return the pipeline and its influence component. RAISES (ValueError): the same."""
        return self._loaded.result()[:2]

    def reranker(self, issues: Sequence[LabelIssue]) -> Rerank:
        """Return what orders the issues anew. RAISES (ValueError): the same; S300 or S035 as ``Reranker``."""
        return Reranker(issues, self._loaded.result()[1].explainer().index).order

    @staticmethod
    def _load(pipeline: Path) -> tuple[Language, Influence, References]:
        nlp, influence = load_indexed(str(pipeline))
        return nlp, influence, References(influence.explainer().index)
