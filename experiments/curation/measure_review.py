"""How long ranking 190,000 tokens takes once their index is there, and how a page with all issues feels in
headless Chromium (needs playwright, and Debian's chromium).

OMP_NUM_THREADS=1 python -m experiments.curation.measure_review --data DIR
"""

from __future__ import annotations

import statistics
import tempfile
import threading
import time
from pathlib import Path
from typing import Any

from playwright.sync_api import sync_playwright

from spacy_seginf.api.rank import find_label_issues as rank
from spacy_seginf.curation.records import read_ranking
from spacy_seginf.review.server import ReviewServer
from spacy_seginf.review.state import Review

from ..common.prepare import corpus
from ..common.reporting import finish, one_thread, parse_arguments, print_table
from .measure import conll_index

LARGE = 10_000
KEYS = 40
CHANGED = "before => { const item = document.querySelector('#item');"
CHANGED += " return item.getAttribute('aria-busy') === 'false' && item.innerHTML !== before; }"


def main() -> None:
    arguments = parse_arguments(__doc__ or "")
    one_thread()
    figures = measure(arguments.data, quick=arguments.quick)
    finish("review", figures, quick=arguments.quick, rows=figures["page_suspicions"], seeds=(0,))


def measure(data: Path, *, quick: bool) -> dict[str, Any]:
    """Time ranking of 190,000 tokens, and a page with all issues, up to 10,000."""
    folder, train = conll_index(data, quick=quick), corpus(data, "train")
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as place:  # the last key may be written still
        output = Path(place) / "issues.jsonl"
        started = time.perf_counter()
        rank(str(folder), train, output, dev=corpus(data, "dev"))
        seconds = time.perf_counter() - started
        rank(str(folder), train, output, dev=corpus(data, "dev"), top=200 if quick else LARGE)
        figures: dict[str, Any] = {"rank_seconds": seconds, "page_suspicions": len(read_ranking(output).issues)}
        figures.update(_page(output, Path(place) / "decisions.jsonl"))
    print_table(["what", "value"], [[key, value] for key, value in figures.items()])
    return figures


def _page(ranking: Path, decisions: Path) -> dict[str, Any]:
    """Time the page in a browser: from asking for it to the first item, and from a key to what it shows."""
    started = time.perf_counter()
    server = ReviewServer(Review(read_ranking(ranking), decisions, "nobody"), 0)
    figures: dict[str, Any] = {"page_server_start_seconds": time.perf_counter() - started}
    threading.Thread(target=server.serve, daemon=True).start()
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path="/usr/bin/chromium", args=["--no-sandbox"])
        page = browser.new_page()
        started = time.perf_counter()
        page.goto(server.address, wait_until="commit")
        page.wait_for_selector("#item h2 bdi")
        figures["page_first_item_seconds"] = time.perf_counter() - started
        page.wait_for_load_state("networkidle")
        moments = []
        for _ in range(KEYS):
            before = page.locator("#item").inner_html()
            started = time.perf_counter()
            page.keyboard.press("k")
            page.wait_for_function(CHANGED, arg=before)
            moments.append(time.perf_counter() - started)
        figures["page_key_milliseconds"] = 1000 * statistics.median(moments)
        figures["page_elements"] = page.evaluate("document.querySelectorAll('*').length")
        browser.close()
    server.stop()
    return figures


if __name__ == "__main__":
    main()
