"""`python -m spacy seginf apply` and `unapply`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence

import typer
from wasabi import table

from ..corpora.documents import is_compressed
from ..corpora.formats import format_of, read_annotated, suffixes_of
from ..curation.applying import Plan, plan_changes
from ..curation.changes import IN_WORDS, render_changes
from ..curation.decisions import Conflict, reversed_decisions
from ..curation.records import Decision, read_decisions
from ..errors import Errors, SeginfError
from ..files import write_bytes, write_copy
from ..inputs import check_paths, check_there, unwritable
from ..messages import Messages
from ..rendering.text import tokens_of, visible


def apply_decisions(
    corpus: Path,
    output: Path,
    decisions: Sequence[Path],
    *,
    diff: Optional[Path] = None,
    format: Optional[str] = None,
    labels: Sequence[str] = (),
    conflicts: str = "error",
    dry_run: bool = False,
    silent: bool = True,
    **reading: Any,
) -> Plan:
    """Write a corpus with what reviewers decided, in the format it came in; all else in it stays as it is.

    corpus (Path): a file, or a folder of brat, WebAnno or UIMA. format (str): as for ``convert``.
    output (Path): the corrected corpus. diff (Path): a readable list of all changes; OUTPUT.diff if not given.
    decisions (sequence of Path): files of decisions, of one or several reviewers.
    labels (sequence of str): entity types that are allowed besides those of the corpus.
    conflicts (str): "error", or "skip" to leave regions alone that reviewers disagree about.
    dry_run (bool): whether nothing is written, and the changes are printed.
    reading: how the corpus is read: as for ``convert``, and only.
    RETURNS (Plan): what was changed.
    RAISES (ValueError): S316 if no document is in the corpus, S202 with everything that does not fit, S204, S205 or
        S208 for the files to write, S040, S042, S170, S200, S201, S203, S206, S207, S240 to S247, S250 and S280 to S288
        for input that can't be used.

    >>> plan = spacy_seginf.apply_decisions(Path("train.spacy"), Path("corrected.spacy"), [Path("decisions.jsonl")])
    >>> len(plan.changes), Path("corrected.spacy").exists()
    (1, True)
    """
    check_paths({"corpus": Path(corpus)}, {"decision file": [Path(path) for path in decisions]})
    made = [decision for path in decisions for decision in read_decisions(Path(path))]
    told: dict[str, Any] = {"labels": labels, "conflicts": conflicts, "dry_run": dry_run, "silent": silent}
    return write_corrected(Path(corpus), Path(output), made, diff=diff, format=format, reading=reading, **told)


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


def write_corrected(
    corpus: Path,
    output: Path,
    decisions: Sequence[Decision],
    *,
    diff: Optional[Path],
    format: Optional[str],
    reading: Mapping[str, Any],
    labels: Sequence[str] = (),
    conflicts: str = "error",
    dry_run: bool = False,
    silent: bool = True,
) -> Plan:
    """Write a corpus as decisions have it; see ``apply_decisions``. reading (mapping): as for
    ``ReadingSettings``."""
    msg = Messages(silent=silent)
    diff = diff_of(output, diff)
    check_targets(corpus, output, diff, format)
    read = read_annotated(corpus, format=format, **reading)
    plan = plan_changes(read, decisions, labels=labels, conflicts=conflicts)
    text = render_changes(read.documents, plan.changes)
    shown = text.encode("utf8", "backslashreplace")
    content: bytes | Mapping[Path, bytes] = {}
    if plan.changes:
        content = read.corrected(plan.replacements)
    elif not corpus.is_dir():
        content = corpus.read_bytes()  # without changes even a compressed file is the same, byte by byte
    listed = _is_listed(diff, shown)
    if not dry_run:
        if not listed:
            _write(diff, shown, "diff (--diff)")
        try:
            _write(output, content, "output", corpus)
        except ValueError:
            if not listed:
                diff.unlink(missing_ok=True)
            raise
    if not silent:
        if dry_run:
            typer.echo(text)
        _print(msg, plan)
        if dry_run:
            msg.info("Nothing was written (--dry-run)")
        else:
            msg.good(f"Corpus written: {output}; changes: {diff}")
            msg.text("Next: train on it (python -m spacy train CONFIG --paths.train ...), or see it with seginf diff")
    return plan


def diff_of(output: Path, diff: Optional[Path]) -> Path:
    """Return where the changes are listed."""
    return Path(diff) if diff is not None else output.with_name(f"{output.name}.diff")


def check_targets(corpus: Path, output: Path, diff: Path, format: Optional[str]) -> None:
    """Make sure that the corpus is there, that nothing is overwritten, that both files can be written, and that the
    output's name says what is in it. RAISES (ValueError): S040, S204, S205, S208."""
    check_there(corpus, "corpus")
    for path, what in ((output, "output"), (diff, "diff (--diff)")):
        if path.resolve() == corpus.resolve():
            raise SeginfError(Errors.S204.format(path=path, problem="is the corpus itself", what=what))
    if output.exists() or output.is_symlink():
        raise SeginfError(Errors.S204.format(path=output, problem="exists already", what="output"))
    if diff.resolve() == output.resolve():
        raise SeginfError(Errors.S204.format(path=diff, problem="is the output too", what="diff (--diff)"))
    suffixes = suffixes_of(corpus, format)
    wrong = format_of(output) is not None and not output.name.lower().endswith(suffixes)
    if suffixes and (wrong or is_compressed(output) != is_compressed(corpus)):
        suffix = corpus.suffix if format or is_compressed(corpus) else " or ".join(suffixes)
        raise SeginfError(Errors.S205.format(output=output, path=corpus, suffix=suffix))
    for path, what in ((output, "output"), (diff, "diff (--diff)")):
        problem = unwritable(path)
        if problem:
            raise SeginfError(Errors.S208.format(path=path, problem=problem, what=what))
    if corpus.is_dir() and corpus.resolve() in output.resolve().parents:
        raise SeginfError(Errors.S204.format(path=output, problem="is inside of the corpus", what="output"))


def _is_listed(diff: Path, content: bytes) -> bool:
    """Tell whether the diff is there already, and says the same: the command was killed before it wrote the output.

    RAISES (ValueError): S204 if there is something else.
    """
    if not (diff.exists() or diff.is_symlink()):
        return False
    if diff.is_file() and not diff.is_symlink() and diff.read_bytes() == content:
        return True
    raise SeginfError(Errors.S204.format(path=diff, problem="exists already", what="diff (--diff)"))


def _write(path: Path, content: bytes | Mapping[Path, bytes], what: str, folder: Optional[Path] = None) -> None:
    try:
        if isinstance(content, bytes):
            write_bytes(path, content)
        elif folder is not None:
            write_copy(folder, path, content)
    except OSError as error:
        raise SeginfError(Errors.S208.format(path=path, problem=error.strerror or error, what=what)) from None


def _print(msg: Messages, plan: Plan) -> None:
    if plan.changes:
        counts = Counter(change.kind for change in plan.changes)
        rows = [(words, counts[kind]) for kind, words in IN_WORDS.items() if counts[kind]]
        aligns: list[Any] = ["l", "r"]
        typer.echo(table(rows, header=("change", "regions"), divider=True, aligns=aligns))
    else:
        msg.info("There is nothing to change: the decisions keep every label as it is")
    if plan.kept:
        msg.text(f"Confirmed as they are: {plan.kept:,} regions")
    if plan.conflicts:
        msg.warn(f"Left as they are, because decisions contradict each other: {len(plan.conflicts):,} regions")
        for conflict in plan.conflicts:
            msg.text(_place(conflict))
    if plan.other_corpus:
        msg.info("Some decisions were made on another version of the corpus; all of them fit this one")


def _place(conflict: Conflict) -> str:
    start = min(decision.start for decision in conflict.decisions)
    end = max(decision.end for decision in conflict.decisions)
    reviewers = ", ".join(sorted({decision.reviewer or "somebody" for decision in conflict.decisions}))
    return visible(f"{conflict.decisions[0].document}, {tokens_of(start, end)}: {reviewers}")
