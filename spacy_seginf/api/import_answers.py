"""`python -m spacy seginf import`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Optional, Sequence

import typer

from ..curation.changes import change_block
from ..curation.decisions import append_decisions
from ..curation.issues import Ranking
from ..curation.records import Decision, read_decisions, read_ranking, same_place
from ..errors import Errors, SeginfError
from ..exchange.formats import find_format
from ..inputs import check_paths
from ..messages import Messages
from ..rendering.text import tokens_of

PRINTED = 5  # decisions


def import_answers(
    issues: Path,
    answers: Path,
    decisions: Path,
    *,
    reviewer: str,
    format: Optional[str] = None,
    silent: bool = True,
) -> list[Decision]:
    """Read what was decided in an annotation tool, and append it to a file of decisions: all of it, or nothing.

    issues (Path): the ranking (.jsonl) that was exported. answers (Path): what the tool wrote.
    decisions (Path): the file that is appended to.
    reviewer (str): who decided. format (str): a name of ``FORMATS``, as for `seginf export`.
    RETURNS (list of Decision): what was appended; what the reviewer's last word is already, is not.
    RAISES (ValueError): S040 or S170 without a ranking, S109 for an unknown format, S171 if the decisions can't be
        written, S191 to S198 for answers that can't be used, S199 if decisions would be written to a file that is read.

    >>> files = Path("issues.jsonl"), Path("answers.jsonl"), Path("imported.jsonl")
    >>> decisions = spacy_seginf.import_answers(*files, reviewer="Ada", format="jsonl")
    >>> [decision.choice for decision in decisions]
    ['accept']
    """
    issues, answers, decisions = Path(issues), Path(answers), Path(decisions)
    chosen = find_format(format, answers)
    if decisions.resolve() in (issues.resolve(), answers.resolve()):
        raise SeginfError(Errors.S199.format(path=decisions, problem="is read by this command"))
    check_paths(files={"ranking": issues, "file of answers": answers}, outputs={"decisions": decisions})
    ranking = read_ranking(issues)
    found = chosen.read(answers, ranking, reviewer)
    msg = Messages(silent=silent)
    if not found:
        msg.warn(f"{answers} has no answers, so nothing was written.")
        return found
    before = read_decisions(decisions) if decisions.exists() else []
    said: dict[tuple[str, str], list[Decision]] = {}
    for one in before:
        said.setdefault((one.reviewer, one.issue), []).append(one)
    known = len(found)
    found = [one for one in found if not _is_last(one, said.get((one.reviewer, one.issue), ()))]
    known -= len(found)
    if known:
        msg.warn(f"{known:,} of these answers are in {decisions} already, as {reviewer} gave them: not written again.")
    if not found:
        return found
    append_decisions(decisions, found)
    counts = Counter(decision.choice for decision in found)
    told = ", ".join(f"{count:,} {choice}" for choice, count in counts.most_common())
    msg.good(f"{len(found):,} decisions of {reviewer} appended to {decisions}: {told}")
    if not silent:
        _print_labels(ranking, found)
    msg.next("apply", "CORPUS", "CORRECTED", decisions)
    return found


def _print_labels(ranking: Ranking, decisions: Sequence[Decision]) -> None:
    """Show what was labelled otherwise: nobody sees in a number whether it is the right one."""
    issues = {issue.id: issue for issue in ranking.issues}
    said = [one for one in decisions if one.choice == "label"]
    for one in said[:PRINTED]:
        issue = issues[one.issue]
        head = f"{one.document}, {tokens_of(one.start, one.end)}: other labels"
        region = one.start, one.end
        typer.echo(change_block(head, issue.words, issue.first, region, one.current, one.entities), nl=False)
    if len(said) > PRINTED:
        typer.echo(f"... and {len(said) - PRINTED:,} more with other labels: see seginf apply --dry-run")


def _is_last(answer: Decision, before: Sequence[Decision]) -> bool:
    """Is this the last of what the reviewer said of the issue before?"""
    last = [one for one in before if same_place(one, answer)][-1:]
    return any((one.choice, one.entities) == (answer.choice, answer.entities) for one in last)
