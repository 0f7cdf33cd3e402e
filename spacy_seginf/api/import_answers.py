"""`python -m spacy seginf import`."""

from __future__ import annotations

from collections import Counter
from pathlib import Path
from typing import Optional, Sequence

from ..curation.decisions import append_decisions
from ..curation.records import Decision, read_decisions, read_ranking, same_place
from ..errors import Errors, SeginfError
from ..exchange.formats import find_format
from ..inputs import check_paths
from ..messages import Messages


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
    found = chosen.read(answers, read_ranking(issues), reviewer)
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
    msg.next("apply", "CORPUS", "CORRECTED", decisions)
    return found


def _is_last(answer: Decision, before: Sequence[Decision]) -> bool:
    """Is this the last of what the reviewer said of the issue before?"""
    last = [one for one in before if same_place(one, answer)][-1:]
    return any((one.choice, one.entities) == (answer.choice, answer.entities) for one in last)
