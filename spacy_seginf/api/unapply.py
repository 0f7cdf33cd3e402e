"""`python -m spacy seginf unapply`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Optional, Sequence

from ..curation.applying import Plan
from ..curation.decisions import reversed_decisions
from ..curation.records import read_decisions
from ..inputs import check_paths
from .apply import write_corrected


def unapply_decisions(
    corpus: Path,
    output: Path,
    decisions: Sequence[Path],
    *,
    diff: Optional[Path] = None,
    format: Optional[str] = None,
    dry_run: bool = False,
    silent: bool = True,
    **reading: Any,
) -> Plan:
    """Take decisions back that were applied to a corpus: what they changed gets the labels again that it had before.

    All settings are those of ``apply_decisions``; corpus (Path) is the corrected one, output (Path) the one to write.
    RETURNS (Plan): what was put back.
    RAISES (ValueError): as ``apply_decisions``: S202 if decisions were not applied, or the corpus was changed since.

    >>> plan = spacy_seginf.apply_decisions(Path("train.spacy"), Path("right.spacy"), [Path("decisions.jsonl")])
    >>> back = spacy_seginf.unapply_decisions(Path("right.spacy"), Path("back.spacy"), [Path("decisions.jsonl")])
    >>> len(back.changes), back.changes[0].entities == plan.changes[0].current
    (1, True)
    """
    check_paths({"corpus": Path(corpus)}, {"decision file": [Path(path) for path in decisions]})
    made = reversed_decisions([decision for path in decisions for decision in read_decisions(Path(path))])
    labels = sorted({entity.label for one in made for entity in one.entities})  # types of which none may be left
    told: dict[str, Any] = {"labels": labels, "dry_run": dry_run, "silent": silent}
    return write_corrected(Path(corpus), Path(output), made, diff=diff, format=format, reading=reading, **told)
