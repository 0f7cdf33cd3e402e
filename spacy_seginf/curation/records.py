"""What a reviewer reads and says, as plain records: issues (what may be wrong, where) and decisions.

Both are JSON lines. Tokens are numbered in the document, ends are exclusive. A *region* is a run of tokens that no
annotated entity leaves or enters half; an issue proposes other entities for it ("current" -> "suggested").
"""

from __future__ import annotations

import hashlib
import json
from contextlib import contextmanager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated, Any, ClassVar, Iterable, Iterator, Optional, Sequence

from pydantic import ConfigDict, TypeAdapter, ValidationError

from ..crf.schemes import Entity
from ..errors import Errors, SeginfError
from ..files import json_text, write_text
from ..text_lines import byte_lines, without_bom_bytes
from .fields import Entities, Place, Text, one_of, problem_of
from .issues import LabelIssue, Ranking
from .regions import within

VERSION = 2  # of what is written
VERSIONS = (1, VERSION)  # which are read
OLD_NAMES = {"suspicion": "issue", "drives": "mistakes"}  # of fields, as version 1 had them
CHOICES = ("accept", "keep", "label", "skip", "undo")
Choice = Annotated[str, one_of(CHOICES)]


@dataclass(frozen=True)
class Decision:
    """What a reviewer said of a region.

    issue (str): id; as it is read from a file without one, that of the region (``issue_id``).
    document, start, end: the region. words (tuple of str): its tokens, and current (tuple of
        Entity): its entities, when it was decided: what no longer fits is refused.
    choice (str): "accept" (the suggestion), "keep" (the annotation), "label" (something else), "skip" (not now), or
        "undo" (takes the reviewer's last word on this region back).
    entities (tuple of Entity): what the region should hold; means something for "accept" and "label".
    reviewer (str); time (str): ISO 8601, UTC. corpus (str): digest. family (str): set if decided with others.
    overrules (tuple of str): reviewers whose decisions on these tokens this one wins over.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    issue: Text
    document: Text
    start: Place
    end: Place
    words: tuple[Text, ...]
    current: Entities
    choice: Choice
    entities: Entities = ()
    reviewer: Text = ""
    time: Text = ""
    corpus: Text = ""
    family: Text = ""
    overrules: tuple[Text, ...] = ()

    @classmethod
    def on(
        cls,
        issue: LabelIssue,
        choice: str,
        entities: Sequence[Entity] = (),
        region: Optional[tuple[int, int]] = None,
        **made: Any,
    ) -> Decision:
        """Decide on a label issue. region (start, end): a larger one than the issue's, if what is decided needs it.
        made: reviewer, time, corpus and family."""
        start, end = region or (issue.start, issue.end)
        words = issue.words[start - issue.first : end - issue.first]
        same = (start, end) == (issue.start, issue.end)
        current = tuple(sorted(issue.current)) if same else within(start, end, issue.entities)
        return cls(issue.id, issue.document, start, end, words, current, choice, tuple(sorted(entities)), **made)

    @property
    def outcome(self) -> Optional[tuple[Entity, ...]]:
        """Entities that the region should hold; None if this decides nothing."""
        if self.choice in ("accept", "label"):
            return self.entities
        return self.current if self.choice == "keep" else None


_RANKING, _ISSUE, _DECISION = TypeAdapter(Ranking), TypeAdapter(LabelIssue), TypeAdapter(Decision)


def same_place(one: Decision | LabelIssue, other: Decision | LabelIssue) -> bool:
    """Are two about tokens of the same document, some of which they share?"""
    return one.document == other.document and one.start < other.end and other.start < one.end


def issue_id(document: str, start: int, end: int, current: Sequence[Entity]) -> str:
    """Name a region and its labels (16 hex digits that are no number, as which spreadsheets would change them)."""
    content = repr((document, start, end, [(entity.start, entity.end, entity.label) for entity in sorted(current)]))
    return short_digest(content)


def short_digest(content: str) -> str:
    """Return 16 hex digits by which texts can be told apart; they are no number, which spreadsheets would change."""
    digits = hashlib.sha256(content.encode("utf8", "backslashreplace")).hexdigest()
    windows = (digits[start : start + 16] for start in range(len(digits) - 15))
    return next((one for one in windows if not is_number(one)), digits[:16])


def is_number(text: str) -> bool:
    """Would a spreadsheet take a text for a number?"""
    try:
        float(text)
    except ValueError:
        return False
    return True


def corpus_digest(documents: Iterable[tuple[str, Sequence[str], Sequence[Entity]]]) -> str:
    """Tell versions of a corpus apart, by ids, words and entities of its documents (64 hex digits)."""
    digest = hashlib.sha256()
    for identifier, words, entities in documents:
        content = repr((identifier, list(words), [(entity.start, entity.end, entity.label) for entity in entities]))
        digest.update(content.encode("utf8", "backslashreplace") + b"\n")
    return digest.hexdigest()


def write_ranking(path: Path, ranking: Ranking) -> None:
    """Write a ranking as JSON lines: first what it was found in, then the issues."""
    facts = {"corpus": ranking.corpus, "labels": ranking.labels, "scheme": ranking.scheme, "about": ranking.about}
    lines = [{"seginf": "ranking", "version": VERSION, **facts}, *(asdict(entry) for entry in ranking.issues)]
    write_text(path, "".join(json_text(line) + "\n" for line in lines))


def read_ranking(path: Path) -> Ranking:
    """Read what ``write_ranking`` wrote. RAISES (ValueError): S040 without a file, S170 if it is something else."""
    lines = read_json_lines(path, what="ranking")
    number, head = next(lines, (1, {}))
    with _reading(path, number, "ranking"):
        if head.get("seginf") != "ranking" or head.get("version") not in VERSIONS:
            raise LookupError("it does not begin as a ranking of a version that is known")
        facts = {name: head[name] for name in ("corpus", "labels", "scheme", "about")}
        ranking = _RANKING.validate_python({**facts, "issues": ()})
    issues = []
    for number, line in lines:
        with _reading(path, number, "issue"):
            issues.append(_issue(line))
    return replace(ranking, issues=tuple(issues))


def decision_line(decision: Decision) -> str:
    """Write a decision as a line of JSON, with its line break."""
    line = {"seginf": "decision", "version": VERSION, **asdict(decision)}
    if not decision.overrules:  # programs of before know no such field
        del line["overrules"]
    return json_text(line) + "\n"


def read_decisions(path: Path) -> list[Decision]:
    """Read decisions in the order in which they were made.

    A last line that a crash has cut short is left out: it was never confirmed to anyone.
    RAISES (ValueError): S040 without a file, S170 if a line is no decision.
    """
    return list(_decisions(path, read_json_lines(path, what="decision", torn=True)))


def parse_decisions(path: Path, lines: Iterable[bytes], first: int) -> list[Decision]:
    """Read decisions off some lines of a file, of which the first has a number. RAISES (ValueError): S170."""
    return list(_decisions(path, _json_lines(path, lines, "decision", torn=False, first=first)))


def read_json_lines(path: Path, *, what: str, torn: bool = False) -> Iterator[tuple[int, dict[str, Any]]]:
    """Yield the numbers and objects of the lines of a file; blank ones are passed over.

    torn (bool): whether a last line without a line break may be broken, and is left out then.
    RAISES (ValueError): S040 without a file, S170 if a line is no JSON object.
    """
    if not path.is_file():
        raise SeginfError(Errors.S040.format(what=what, path=path))
    with path.open("rb") as lines:
        yield from _json_lines(path, lines, what, torn=torn)


def is_record(line: bytes) -> bool:
    """Is a line a complete JSON object?"""
    try:
        return isinstance(json.loads(line.decode("utf-8-sig")), dict)
    except (ValueError, RecursionError):
        return False


def _json_lines(
    path: Path, lines: Iterable[bytes], what: str, *, torn: bool, first: int = 1
) -> Iterator[tuple[int, dict[str, Any]]]:
    for number, ended in enumerate(byte_lines(lines), start=first):
        line = without_bom_bytes(ended, number)
        if not line.strip():
            continue
        try:
            record = json.loads(line.decode("utf8"))
        except (ValueError, RecursionError):
            if torn and not line.endswith((b"\n", b"\r")):
                return
            record = None
        if not isinstance(record, dict):
            raise SeginfError(Errors.S170.format(path=path, line=number, what=what, problem="it is no JSON object"))
        yield number, record


def _decisions(path: Path, lines: Iterable[tuple[int, dict[str, Any]]]) -> Iterator[Decision]:
    for number, line in lines:
        with _reading(path, number, "decision"):
            decision = _decision(line)
        yield decision


def _issue(line: dict[str, Any]) -> LabelIssue:
    found = _ISSUE.validate_python({OLD_NAMES.get(name, name): value for name, value in line.items()})
    first, last = (found.first, found.first + len(found.words)) if found.words else (0, found.end)
    if not first <= found.start < found.end <= last:
        raise LookupError("its region is empty, or not among its words")
    return found


def _decision(line: dict[str, Any]) -> Decision:
    if line.get("seginf") != "decision" or line.get("version") not in VERSIONS:
        raise LookupError("it is no decision of a version that is known")
    values = {OLD_NAMES.get(name, name): value for name, value in line.items() if name not in ("seginf", "version")}
    found = _DECISION.validate_python({**values, "entities": line["entities"]})  # never left out
    if not found.start < found.end:
        raise LookupError("its start and end are no tokens")
    if not found.issue:  # written by hand: no two regions share an id
        return replace(found, issue=issue_id(found.document, found.start, found.end, found.current))
    return found


@contextmanager
def _reading(path: Path, line: int, what: str) -> Iterator[None]:
    """Say where it is, if a line lacks something or has too much."""
    try:
        yield
    except ValidationError as error:
        raise SeginfError(Errors.S170.format(path=path, line=line, what=what, problem=problem_of(error))) from None
    except LookupError as error:
        raise SeginfError(Errors.S170.format(path=path, line=line, what=what, problem=error.args[0])) from None
