"""`python -m spacy seginf review`."""

from __future__ import annotations

import getpass
import threading
import webbrowser
from contextlib import suppress
from pathlib import Path
from typing import Optional

from wasabi import Printer

from ..curation.records import read_ranking
from ..errors import Errors
from ..review.server import ReviewServer, check_writable
from ..review.state import Evidence, Review
from ..review.static_page import write_static_page

RANKING = "suspicions.jsonl"
DECISIONS = Path("decisions.jsonl")


def review(
    pipeline: Path,
    *,
    suspicions: Optional[Path] = None,
    decisions: Path = DECISIONS,
    html: Optional[Path] = None,
    port: int = 0,
    reviewer: Optional[str] = None,
    browser: bool = True,
    evidence: Optional[Evidence] = None,
    silent: bool = False,
) -> Review:
    """Show the most suspicious training labels on a page on which they are decided about.

    pipeline (Path): a folder that `seginf index` wrote.
    suspicions (Path): the ranking; PIPELINE/suspicions.jsonl by default.
    decisions (Path): file that decisions are appended to.
    html (Path): write the page to this file instead of serving it.
    port (int): where it is served on this machine; 0 takes a free one.
    reviewer (str): name in the decisions; the user's by default.
    browser (bool): whether to open the page.
    evidence (callable): finds references of suspicions that come without; see ``Review``.
    RETURNS (Review): what was reviewed, when the server was stopped or the page is written.
    RAISES (ValueError): S040 if there is no pipeline, S181 if there is no ranking, S170 if ranking or decisions are
        broken, S180 without flask, S182 if the decisions are about another corpus, S183 if they can't be saved, S184 if
        the port can't be used, S186 if the page can't be written.
    """
    msg = Printer(no_print=silent)
    if not pipeline.is_dir():
        raise ValueError(Errors.S040.format(what="pipeline", path=pipeline))
    path = suspicions if suspicions is not None else pipeline / RANKING
    if not path.is_file():
        raise ValueError(Errors.S181.format(path=path, pipeline=pipeline))
    state = Review(read_ranking(path), decisions, reviewer or getpass.getuser(), evidence)
    if html is not None:
        write_static_page(html, state)
        msg.good(f"Page with {len(state.suspicions):,} suspicions written: {html}")
        msg.text("Open it in a browser, and download the decisions there before it is closed.")
        return state
    check_writable(decisions)
    server = ReviewServer(state, port)
    msg.info(f"{len(state.suspicions):,} suspicions, {len(state.states()):,} of them seen by {state.reviewer}")
    msg.text(f"Review them at {server.address}")
    msg.text(f"Decisions are saved in {decisions} as they are made. Ctrl-C ends.")
    if browser:
        threading.Thread(target=webbrowser.open, args=(server.address,), daemon=True).start()
    with suppress(KeyboardInterrupt):
        server.serve()
    msg.good(f"{state.saved:,} decisions saved in {decisions}")
    msg.text(f"Next: python -m spacy seginf apply CORPUS.spacy {decisions} OUTPUT.spacy")
    return state
