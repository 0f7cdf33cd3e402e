"""`python -m experiments page`."""

from __future__ import annotations

from pathlib import Path

from wasabi import Printer

from spacy_seginf.errors import Errors, SeginfError
from spacy_seginf.files import write_bytes, write_text

from .report import render_page
from .results import read_results


def experiments(results: Path, page: Path, *, silent: bool = True) -> str:
    """Write a Markdown page of the results that `python -m experiments run` left in a folder; figures are copied to a
    folder beside the page.

    results (Path): holds NAME.json, and the figures in NAME. page (Path): where it goes, such as docs/experiments.md.
    RETURNS (str): the page.
    RAISES (ValueError): S040 if a figure is missing, S136 or S137 for unusable results.
    """
    results, page = Path(results), Path(page)
    found = read_results(results)
    places, contents = {}, {}
    for name, result in found.items():
        for file in result.figures:
            source = results / name / file
            if not source.is_file():
                raise SeginfError(Errors.S040.format(what="figure", path=source))
            places[name, file] = f"{page.stem}/{name}_{source.name}"
            contents[places[name, file]] = source.read_bytes()
    text = render_page(found, places)
    for place, content in contents.items():
        write_bytes(page.parent / place, content)
    write_text(page, text)
    Printer(no_print=silent).good(f"Written: {page}")
    return text
