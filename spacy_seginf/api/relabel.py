"""`python -m spacy seginf relabel`."""

from __future__ import annotations

from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Mapping, Optional

import typer
from wasabi import table

from ..corpora.formats import read_annotated
from ..crf.schemes import OUTSIDE
from ..curation.records import decision_line
from ..curation.relabelling import Relabelling, check_known, read_forms, relabel_documents
from ..files import write_text
from ..inputs import check_paths
from ..messages import Messages
from ..rendering.text import shorten, tokens_of, visible
from .apply import apply_decisions, check_targets, diff_of

SHOWN = 10


def relabel_corpus(
    corpus: Path,
    output: Path,
    types: Mapping[str, str] = {},
    *,
    forms: Optional[Path] = None,
    join: bool = False,
    diff: Optional[Path] = None,
    format: Optional[str] = None,
    dry_run: bool = False,
    silent: bool = True,
    **reading: Any,
) -> Relabelling:
    """Rename, merge and split entity types of a corpus, which is written in the format it came in.

    corpus, output, diff (Path), format, dry_run, reading: as for ``apply_decisions``, which does the writing.
    types (dict of str): new types by old ones, followed all at once. "O" takes the entities of a type away.
    forms (Path): a table of words, their present type and their new one, separated by tabs, that splits types. Case
        makes no difference; it counts before types.
    join (bool): whether entities that touch, and come to have the same type, become one.
    RETURNS (Relabelling): how many entities change, and which of them touch others of the same type now.
    RAISES (ValueError): S324 for a table that can't be read, S325 if nothing changes, S202 if the format can't hold it
        (IO tags can't tell entities apart that touch), and what ``apply_decisions`` raises.

    >>> found = spacy_seginf.relabel_corpus(Path("train.spacy"), Path("relabelled.spacy"), {"LOC": "GPE"})
    >>> set(found.counts), Path("relabelled.spacy").exists()
    ({('LOC', 'GPE')}, True)
    """
    msg = Messages(silent=silent)
    corpus, output = Path(corpus), Path(output)
    check_paths({"corpus": corpus}, {"table of words (--forms)": forms}, {"diff (--diff)": diff})
    check_targets(corpus, output, diff_of(output, diff), format)
    documents = read_annotated(corpus, format=format, **reading).documents
    by_words = None if forms is None else read_forms(Path(forms))
    result = relabel_documents(documents, types, by_words, join=join)
    check_known(corpus, documents, result)
    labels = [label for _, label in result.counts if label != OUTSIDE]
    if not silent:
        _print(result, msg)
    with TemporaryDirectory() as folder:
        decisions = Path(folder) / "decisions.jsonl"
        write_text(decisions, "".join(map(decision_line, result.decisions)))
        settings: dict[str, Any] = {"diff": diff, "format": format, "labels": labels, "dry_run": dry_run, **reading}
        apply_decisions(corpus, output, [decisions], silent=silent, **settings)
    return result


def _print(result: Relabelling, msg: Messages) -> None:
    rows = [(visible(old), visible(new), f"{count:,}") for (old, new), count in result.counts.items()]
    typer.echo(table(rows, header=("type", "new", "entities"), divider=True, aligns=("l", "l", "r"), max_col=60))
    if result.touching:
        end = "Each has become one entity." if result.joined else "They stay entities of their own; --join makes one."
        msg.warn(f"Entities that touch have the same type now in {len(result.touching):,} places. {end}")
        for one in result.touching[:SHOWN]:
            where = f"{one.document}, {tokens_of(one.start, one.end)}: {shorten(one.text)} ({one.label})"
            msg.text(visible(where))
        if len(result.touching) > SHOWN:
            msg.text(f"and {len(result.touching) - SHOWN:,} more")
