"""A corpus that wants to act, through everything that is written of it and opened in a browser: nothing runs, nothing
is asked for elsewhere, and what it says is there to read."""

from __future__ import annotations

import csv
import io
import threading
from collections import Counter
from pathlib import Path
from random import Random
from typing import Any, Callable, Iterator, Optional

import spacy
from spacy.tokens import Doc, DocBin, Span

from spacy_seginf.api.evaluate import QUICK, evaluate_methods
from spacy_seginf.api.explain import explain
from spacy_seginf.api.export import export_issues as export
from spacy_seginf.api.index import build_index as index
from spacy_seginf.api.rank import find_label_issues as rank
from spacy_seginf.curation.plots import plot_families
from spacy_seginf.explanation.display import render_document
from spacy_seginf.rendering.text import visible
from spacy_seginf.review.server import ReviewServer
from spacy_seginf.review.state import Review
from spacy_seginf.review.static_page import write_static_page

from .materials import train

CHROMIUM = Path("/usr/bin/chromium")
HERE = "http://elsewhere.example/"
ACT = "window.__acted=1"  # what pages must not do
PAYLOADS = [
    *(f"<script>{ACT}</script>", f"</script ><script>{ACT}</script>", f"<!--<script>{ACT}//"),
    *(f"--><script>{ACT}</script>", f"<svg/onload={ACT}>", f"<details open ontoggle={ACT}>"),
    *(f"'onmouseover='{ACT}", f'" onfocus="{ACT}" autofocus="', f'"><img src={HERE}1 onerror={ACT}>'),
    *("<iframe srcdoc='<script>parent.__acted=1</script>'>", "<base href=//elsewhere.example>"),
    *(f"<style>@import url({HERE}2)</style>", f"</style><p style=background:url({HERE}3)>"),
    *(f";}}*{{background:url({HERE}4)}}", f"<meta http-equiv=refresh content=0;url={HERE}5>"),
    *(f"javascript:{ACT}", f"data:text/html,<script>{ACT}</script>", f"<link rel=stylesheet href={HERE}6>"),
    *("{{7*7}}", "${7*7}", "{% for x in y %}", f"&lt;img src={HERE}7&gt;", "\u202egnp\u2066.exe\u200b"),
    *(f"![x]({HERE}8)", f"[x](javascript:{ACT})", "|a|b|", "$x^2$", "<plaintext>", "<textarea>", "<b>bold</b>"),
    *(f'=HYPERLINK("{HERE}9")', "+1+cmd|'/C calc'!A0", "@SUM(1)", "-2+3", "\t=1+1", ";=1+1", "\x1b[2J"),
]
# What acts or asks for something; url(#one) is a part of the same picture.
LOOK = """() => [
    ...[...document.querySelectorAll('*')].flatMap((one) => [...one.attributes].filter((has) =>
        /^on/i.test(has.name)
        || (/^(src|srcdoc|(xlink:)?href|action|formaction|data|ping|poster)$/i.test(has.name) && !/^#/.test(has.value))
        || (has.name === 'style' && /url\\(\\s*["']?(?!["'#\\s])|expression|import/i.test(has.value))
    ).map((has) => one.tagName + ' ' + has.name)),
    ...[...document.querySelectorAll('script, img, iframe, object, embed, base, link, form, xmp, plaintext, math, b, ' +
        'meta[http-equiv=refresh]')].map((one) => one.tagName)]"""
OWN = {"review": Counter({"SCRIPT": 2, "FORM": 4})}
CSV_BEGINNINGS = ("=", "+", "-", "@", "\t", "\r")


class Hostile:
    """A pipeline that learnt from strangers. folder (Path): an empty one. rng (Random): draws what they write."""

    def __init__(self, folder: Path, rng: Random) -> None:
        folder.mkdir(parents=True)
        self.folder, self.rng = folder, rng
        self.labels = rng.sample([one for one in PAYLOADS if one.isprintable()], 3)
        docs = [self._doc(number) for number in range(24)]
        corpus = folder / "train.spacy"
        DocBin(docs=docs, store_user_data=True).to_disk(corpus)
        train(docs).to_disk(folder / "model")
        index(str(folder / "model"), corpus, folder / "indexed", l2=1.0, force=True)
        self.text = docs[0].text
        self.words = [token.text for token in docs[0]]
        self.indexed = str(folder / "indexed")
        self.corpus = corpus
        self.ranking = rank(self.indexed, corpus, folder / "issues.jsonl", top=12, references=6)

    def _doc(self, number: int) -> Doc:
        words = [self._payload() if self.rng.random() < 0.5 else f"word{self.rng.randrange(9)}" for _ in range(8)]
        doc = Doc(spacy.blank("en").vocab, words=words)
        starts = self.rng.sample(range(0, 8, 2), 2)
        doc.ents = [Span(doc, start, start + self.rng.choice([1, 2]), self.rng.choice(self.labels)) for start in starts]
        doc.user_data.update(id=f"{self._payload()} {number}", file=self._payload(), lines=[number + 1])
        return doc

    def _payload(self) -> str:
        return self.rng.choice(PAYLOADS) + self.rng.choice(["", "", self.rng.choice(PAYLOADS)])

    def pages(self) -> Iterator[tuple[str, Path, list[str]]]:
        """Write the pages without a server: kind, file, and texts that have to be there to read."""
        folder = self.folder
        path = folder / "explained.html"
        nlp = spacy.load(self.indexed)
        doc = explain(self.indexed, self.text, html=path, every_token=True, silent=True)
        yield "explain", path, [token.text for token in doc]
        explained = nlp(Doc(nlp.vocab, words=self.words))
        shown = str(render_document(explained, page=True, jupyter=False, tokens=True))
        yield "document", self._write("document.html", shown), self.words
        cells = [part._repr_html_() for part in (self.ranking, *explained._.influencers)]
        yield "cells", self._write("cells.html", "<!doctype html><meta charset=utf-8>" + "\n".join(cells)), []
        plot_families(self.ranking, folder / "families.svg")
        yield "picture", folder / "families.svg", []
        path = folder / "review.html"
        write_static_page(path, Review(self.ranking, folder / "none.jsonl", self._payload()))
        yield "review", path, []
        yield "comparison", self._write("comparison.html", self._comparison()), []

    def _comparison(self) -> str:
        from markdown_it import MarkdownIt

        blocks = []
        for kind in ("SegmentInfluence", "SegmentNN"):
            name = self.rng.choice([one for one in PAYLOADS if not set(one) & set("[].=:${\t\x1b")])
            blocks.append(f'[methods.{name} {kind}]\n@misc = "spacy_seginf.{kind}.v1"\n')
        config = self._write("methods.cfg", "\n".join(["[methods]", *blocks]))
        output = self.folder / "compared"
        evaluate_methods(self.indexed, self.corpus, output, config=config, settings=QUICK, plots=False)
        text = (output / "comparison.md").read_text(encoding="utf8")
        return "<!doctype html><meta charset=utf-8>" + MarkdownIt("commonmark").enable("table").render(text)

    def _write(self, name: str, text: str) -> Path:
        path = self.folder / name
        path.write_text(text, encoding="utf8")
        return path

    def formula_cells(self) -> int:
        """Export for spreadsheets; count cells that begin like formulas, whatever separates them."""
        path = self.folder / "tasks.csv"
        export(self.folder / "issues.jsonl", path, format="csv", force=True)
        text, found = path.read_text(encoding="utf-8-sig"), 0
        for separator in (",", ";", "\t"):
            for row in csv.reader(io.StringIO(text), delimiter=separator):
                found += sum(cell.startswith(CSV_BEGINNINGS) and not _is_number(cell) for cell in row)
        return found


def _is_number(cell: str) -> bool:
    try:
        float(cell)
    except ValueError:
        return False
    return True


def open_pages(scratch: Path, seed: int, rounds: int, until: Callable[[], bool]) -> Optional[dict[str, Any]]:
    """Open everything in Chromium, round by round; None if there is none."""
    from playwright.sync_api import sync_playwright

    if not CHROMIUM.exists():
        return None
    counts, faults = Counter[str](), list[str]()
    with sync_playwright() as running:
        browser = running.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        for number in range(rounds):
            if until():
                break
            hostile = Hostile(scratch / f"hostile-{number}", Random(f"{seed} pages {number}"))
            for kind, path, words in hostile.pages():
                faults += [f"round {number}, {kind}: {fault}" for fault in _open(browser, kind, path.as_uri(), words)]
                counts[kind] += 1
            faults += [f"round {number}, served: {fault}" for fault in _open_served(browser, hostile)]
            counts["served"] += 1
            cells = hostile.formula_cells()
            faults += [f"round {number}, csv: {cells} formulas"] if cells else []
            counts["csv"] += 1
        browser.close()
    return {
        "pages": counts.total(),
        "payloads": len(PAYLOADS),
        "faults": len(faults),
        "by_kind": dict(counts),
        "examples": faults[:10],
    }


def _open_served(browser: Any, hostile: Hostile) -> list[str]:
    server = ReviewServer(Review(hostile.ranking, hostile.folder / "decisions.jsonl", "eve"))
    thread = threading.Thread(target=server.serve, daemon=True)
    thread.start()
    try:
        return _open(browser, "review", server.address, [])
    finally:
        server.stop()
        thread.join()


def _open(browser: Any, kind: str, address: str, words: list[str]) -> list[str]:
    """Open a page without its policy, which would hide what gets through, and look at all of it."""
    faults: list[str] = []
    context = browser.new_context(bypass_csp=True, viewport={"width": 1200, "height": 900})
    page = context.new_page()

    def asked(route: Any) -> None:
        url = route.request.url
        if url.startswith(address):
            route.continue_()
            return
        if not url.endswith("/favicon.ico"):
            faults.append(f"asks for {url[:80]}")
        route.abort()

    def said(dialog: Any) -> None:
        faults.append("a dialog")
        dialog.dismiss()

    page.route("**/*", asked)
    page.on("dialog", said)
    page.on("pageerror", lambda error: faults.append(f"an error: {str(error)[:80]}"))
    page.goto(address)
    try:
        if kind == "review":
            page.wait_for_selector("#list .row")
            for key in ["n"] * 12 + ["l", "2", "Escape", "a", "u", "p", "k", "f"]:
                page.keyboard.press(key)
                page.wait_for_function("() => document.getElementById('item').getAttribute('aria-busy') === 'false'")
                faults += _seen(page, kind)
            page.keyboard.type("<img")
        else:
            for summary in page.locator("summary").all():
                summary.click()
        faults += _seen(page, kind)
        text = " ".join(page.evaluate("document.documentElement.textContent").split())
        for word in words:
            if " ".join(visible(word).split()) not in text:
                faults.append(f"{word[:60]!r} can't be read")
        if set(text) & set("\u202e\u2066\u200b\x1b"):
            faults.append("characters that move others")
    finally:
        context.close()
    return list(dict.fromkeys(faults))


def _seen(page: Any, kind: str) -> list[str]:
    found = Counter(page.evaluate(LOOK)) - OWN.get(kind, Counter())
    acted = page.evaluate("window.__acted")
    return [*(f"has {one}" for one in found), *(["it acted"] if acted else [])]
