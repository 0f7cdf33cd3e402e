"""`python -m spacy seginf diff` and `agreement`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Optional, Sequence

import typer
from wasabi import table

from ..corpora.formats import read_annotated
from ..curation.comparison import Annotated, Comparison, compare, compare_reviewers
from ..curation.records import read_decisions
from ..errors import Errors, SeginfError
from ..files import write_text
from ..inputs import check_paths
from ..messages import Messages
from ..rendering.templates import template
from ..rendering.text import shorten, visible
from ..results import is_printed, write_json, written

PRINTED = 20  # places where they differ
LISTED = 2000  # on a page


def compare_corpora(
    first: Path,
    second: Path,
    *,
    html: Optional[Path] = None,
    output: Optional[Path] = None,
    format: Optional[str] = None,
    silent: bool = True,
    **reading: Any,
) -> Comparison:
    """Compare two versions of a corpus, or two annotators of the same texts: by type, by form, and what stands against
    what.

    first, second (Path): corpora of any format, also of two; documents are found by their ids.
    html (Path): also write a page. output (Path): also write all of it as JSON; "-" prints that instead.
    format (str), reading: of both, as for ``apply_decisions``, if their names do not say it.
    RETURNS (Comparison): agreement by type (F1 of entities, Cohen's kappa of tokens), and all differences.
    RAISES (ValueError): S303 if a document has other words, S304 if no document is in both, S203 if ids are there
        twice; those of reading.

    >>> found = spacy_seginf.compare_corpora(Path("train.spacy"), Path("train.spacy"))
    >>> found.types[0].f1, len(found.differences)
    (1.0, 0)
    """
    first, second = Path(first), Path(second)
    check_paths({"corpus": [first, second]}, outputs={"page": html, "JSON": written(output)})
    sides = [_annotated(path, format, reading) for path in (first, second)]
    if not sides[0].keys() & sides[1].keys():
        raise SeginfError(Errors.S304.format(path=second, other=first))
    found = compare(sides[0], sides[1], (first.name, second.name))
    _report([found], html, output, silent)
    return found


def measure_agreement(
    decisions: Sequence[Path], *, html: Optional[Path] = None, output: Optional[Path] = None, silent: bool = True
) -> list[Comparison]:
    """Measure how far reviewers agree, by type, on what both have decided about, and list their contradictions.

    decisions (sequence of Path): files of decisions; each may hold those of several reviewers.
    html (Path): also write a page. output (Path): also write all of it as JSON; "-" prints that instead.
    RETURNS (list of Comparison): one for every two reviewers: F1 of entities, Cohen's kappa of tokens, differences.
    RAISES (ValueError): S040 or S170 for files that hold no decisions, S305 if they are of fewer than two reviewers,
        S303 if two have decided about other words.

    >>> made = spacy_seginf.import_answers(
    ...     Path("issues.jsonl"), Path("answers.jsonl"), Path("second.jsonl"), reviewer="Mia", format="jsonl")
    >>> (found,) = spacy_seginf.measure_agreement([Path("decisions.jsonl"), Path("second.jsonl")])
    >>> found.names, found.types[0].f1
    (('Ada', 'Mia'), 1.0)
    """
    paths = [Path(path) for path in decisions]
    check_paths(files={"decision file": paths}, outputs={"page": html, "JSON": written(output)})
    found = compare_reviewers([decision for path in paths for decision in read_decisions(path)])
    if not found:
        raise SeginfError(Errors.S305.format(path=", ".join(map(str, paths))))
    _report(found, html, output, silent)
    return found


def _annotated(path: Path, format: Optional[str], reading: Mapping[str, Any]) -> dict[str, Annotated]:
    found: dict[str, Annotated] = {}
    for number, document in enumerate(read_annotated(path, format=format, **reading).documents, start=1):
        if document.identifier in found:
            first = 1 + list(found).index(document.identifier)
            raise SeginfError(Errors.S203.format(path=path, id=document.identifier, numbers=f"{first} and {number}"))
        words = {token: word for token, word in enumerate(document.words) if token not in document.missing}
        found[document.identifier] = Annotated(words, tuple(document.entities))
    return found


def _report(found: Sequence[Comparison], html: Optional[Path], output: Optional[Path], silent: bool) -> None:
    msg = Messages(silent=silent)
    if html is not None:
        title = "Where two annotations differ"
        write_text(html, template("comparison.html").render(comparisons=found, limit=LISTED, title=title))
    if output is not None:
        write_json(output, [one.plain for one in found])
    if not silent and not is_printed(output):
        for one in found:
            _print(one)
        for path in (html, output):
            if path is not None:
                msg.good(f"Written: {path}")


def _print(found: Comparison) -> None:
    first, second = (visible(shorten(name)) for name in found.names)
    header = ("type", first, second, "both", "F1", "kappa")
    rows = [
        (visible(one.label) or "all types", one.first, one.second, one.both, f"{one.f1:.3f}", f"{one.kappa:.3f}")
        for one in found.types
    ]
    typer.echo(table(rows, header=header, divider=True, aligns=("l", "r", "r", "r", "r", "r")))
    typer.echo(f"{found.tokens:,} tokens are annotated by both; they differ in {len(found.differences):,} places.")
    if found.only_first or found.only_second:
        typer.echo(
            f"Documents of one alone, left out: {found.only_first:,} of {first}, {found.only_second:,} of {second}."
        )
    for before, after, count in found.confusion[:PRINTED]:
        sides = f"{visible(before)} in the first and {visible(after)} in the second"
        other = ", with other boundaries" if before == after else ""
        typer.echo(f"  {'once' if count == 1 else f'{count:,} times'} {sides}{other}")
    for one in found.differences[:PRINTED]:
        place = visible(f"{one.document}, token {one.start}: {one.before} [{shorten(one.text)}] {one.after}")
        typer.echo(f"  {place}: {' / '.join(one.readings)}")
    if len(found.differences) > PRINTED:
        typer.echo(f"  and {len(found.differences) - PRINTED:,} more: see --html or --output")
