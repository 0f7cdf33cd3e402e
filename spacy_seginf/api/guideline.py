"""`python -m spacy seginf guideline`."""

from __future__ import annotations

from pathlib import Path
from typing import Sequence

from ..curation.guideline import Guideline, make_guideline
from ..curation.notes import notes_path, read_notes
from ..curation.records import read_decisions, read_ranking
from ..errors import Errors, SeginfError
from ..files import write_text
from ..inputs import check_paths
from ..messages import Messages
from ..rendering.templates import template


def write_guideline(issues: Path, decisions: Sequence[Path], output: Path, *, silent: bool = True) -> Guideline:
    """Write a page with the rules that reviewers noted for families, with examples as they were decided, and comments.

    issues (Path): the ranking that was reviewed. decisions (sequence of Path): files of decisions; the notes that the
    review page keeps beside each (decisions.notes.jsonl) are read. output (Path): the page, self-contained; replaced.
    RETURNS (Guideline): what is on it.
    RAISES (ValueError): S040 or S170 for missing or other files, S306 for broken notes, S307 if there are none.

    >>> from spacy_seginf.curation.notes import Note, append_note
    >>> issue = spacy_seginf.find_label_issues("indexed", Path("train.spacy"), Path("noted.jsonl")).issues[0]
    >>> append_note(Path("decisions.notes.jsonl"), Note("comment", issue.id, "A company.", "Ada"))
    >>> found = spacy_seginf.write_guideline(Path("noted.jsonl"), [Path("decisions.jsonl")], Path("guideline.html"))
    >>> found.comments[0][1:]
    ('A company.', 'Ada')
    """
    paths = [Path(path) for path in decisions]
    beside = [notes_path(path) for path in paths]
    noted = [path for path in beside if path.exists()]
    check_paths(files={"ranking": Path(issues), "decision file": paths, "notes": noted}, outputs={"page": output})
    notes = [note for path in beside for note in read_notes(path)]
    if not notes:
        raise SeginfError(Errors.S307.format(path=", ".join(map(str, beside))))
    made = [decision for path in paths for decision in read_decisions(path)]
    found = make_guideline(read_ranking(Path(issues)), made, notes)
    write_text(output, template("guideline.html").render(guideline=found, title="Annotation guideline"))
    msg = Messages(silent=silent)
    msg.good(f"Page with {len(found.rules):,} rules and {len(found.comments):,} comments written: {output}")
    return found
