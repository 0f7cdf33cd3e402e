"""What a reviewer reads and says, as plain records: suspicions (what may be wrong, where) and decisions.

Both are JSON lines. Tokens are numbered in the document, ends are exclusive. A *region* is a run of tokens that no
annotated entity leaves or enters half; a suspicion proposes other entities for it ("current" -> "suggested").
"""

from __future__ import annotations

import hashlib
import json
import math
from contextlib import contextmanager
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Iterable, Iterator, Optional, Sequence

from ..crf.schemes import Entity
from ..errors import Errors, SeginfError
from ..files import json_text, write_text
from ..text_lines import byte_lines, without_bom_bytes
from .suspicions import Ranking, Suspicion

VERSION = 1
KINDS = ("relabel", "remove", "add", "rebound")
CHOICES = ("accept", "keep", "label", "skip", "undo")
LARGEST = 1 << 53  # which programs in JavaScript still count exactly
NAMES: dict[type, str] = {str: "texts", bool: "true and false", dict: "objects"}
SUSPICION_LISTS: dict[str, type] = {
    **{"words": str, "spaces": bool, "reasons": str},
    **{"drives": dict, "supporting": dict, "opposing": dict},
}


@dataclass(frozen=True)
class Decision:
    """What a reviewer said of a region.

    suspicion (str): id. document, start, end: the region. words (tuple of str): its tokens, and current (tuple of
        Entity): its entities, when it was decided: what no longer fits is refused.
    choice (str): "accept" (the suggestion), "keep" (the annotation), "label" (something else), "skip" (not now), or
        "undo" (takes the reviewer's last word on this region back).
    entities (tuple of Entity): what the region should hold; means something for "accept" and "label".
    reviewer (str); time (str): ISO 8601, UTC. corpus (str): digest. family (str): set if decided with others.
    """

    suspicion: str
    document: str
    start: int
    end: int
    words: tuple[str, ...]
    current: tuple[Entity, ...]
    choice: str
    entities: tuple[Entity, ...] = ()
    reviewer: str = ""
    time: str = ""
    corpus: str = ""
    family: str = ""

    @property
    def outcome(self) -> Optional[tuple[Entity, ...]]:
        """Entities that the region should hold; None if this decides nothing."""
        if self.choice in ("accept", "label"):
            return self.entities
        return self.current if self.choice == "keep" else None


def suspicion_id(document: str, start: int, end: int, current: Sequence[Entity]) -> str:
    """Name a region and its labels (16 hex digits)."""
    content = repr((document, start, end, [(entity.start, entity.end, entity.label) for entity in sorted(current)]))
    return hashlib.sha256(content.encode("utf8", "backslashreplace")).hexdigest()[:16]


def corpus_digest(documents: Iterable[tuple[str, Sequence[str], Sequence[Entity]]]) -> str:
    """Tell versions of a corpus apart, by ids, words and entities of its documents (64 hex digits)."""
    digest = hashlib.sha256()
    for identifier, words, entities in documents:
        content = repr((identifier, list(words), [(entity.start, entity.end, entity.label) for entity in entities]))
        digest.update(content.encode("utf8", "backslashreplace") + b"\n")
    return digest.hexdigest()


def write_ranking(path: Path, ranking: Ranking) -> None:
    """Write a ranking as JSON lines: first what it was found in, then the suspicions."""
    facts = {"corpus": ranking.corpus, "labels": ranking.labels, "scheme": ranking.scheme, "about": ranking.about}
    lines = [{"seginf": "ranking", "version": VERSION, **facts}, *(asdict(entry) for entry in ranking.suspicions)]
    write_text(path, "".join(json_text(line) + "\n" for line in lines))


def read_ranking(path: Path) -> Ranking:
    """Read what ``write_ranking`` wrote. RAISES (ValueError): S040 without a file, S170 if it is something else."""
    lines = read_json_lines(path, what="ranking")
    number, head = next(lines, (1, {}))
    with _reading(path, number, "ranking"):
        if head.get("seginf") != "ranking" or head.get("version") != VERSION:
            raise LookupError("it does not begin as a ranking of this version does")
        corpus, scheme, about = str(head["corpus"]), str(head["scheme"]), dict(head["about"])
        labels = tuple(str(label) for label in head["labels"])
        _check_characters(corpus, "corpus")
    suspicions = []
    for number, line in lines:
        with _reading(path, number, "suspicion"):
            suspicions.append(_suspicion(line))
    return Ranking(tuple(suspicions), corpus, labels, scheme, about)


def decision_line(decision: Decision) -> str:
    """Write a decision as a line of JSON, with its line break."""
    line = {"seginf": "decision", "version": VERSION, **asdict(decision)}
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
            if line.get("seginf") != "decision" or line.get("version") != VERSION:
                raise LookupError("it is no decision of this version")
            yield _decision(line)


@contextmanager
def _reading(path: Path, line: int, what: str) -> Iterator[None]:
    """Say where it is, if a line lacks something or has too much."""
    try:
        yield
    except (LookupError, TypeError, AttributeError, ValueError) as error:
        problem = str(error.args[0]) if error.args else type(error).__name__
        raise SeginfError(Errors.S170.format(path=path, line=line, what=what, problem=problem)) from None


def _suspicion(line: dict[str, Any]) -> Suspicion:
    values = {**line}
    for name in ("current", "suggested", "entities"):
        values[name] = entities_of(line[name])
    for name, kind in SUSPICION_LISTS.items():
        if not isinstance(line[name], list) or not all(type(value) is kind for value in line[name]):
            raise LookupError(f"its {name} are no list of {NAMES[kind]}")
        values[name] = tuple(line[name])
    if line["kind"] not in KINDS:
        raise LookupError(f"its kind is {line['kind']!r}")
    _check_texts(line, ("id", "document", "family", "file"))
    _check_characters(line["id"], "id")
    _check_numbers(line, ("score", "probability", "suggested_probability"))
    for name in ("score", "probability", "suggested_probability"):
        values[name] = math.nan if line[name] is None else line[name]
    for name in ("first", "line"):
        if type(line[name]) is not int or line[name] < 0:
            raise LookupError(f"its {name} is no number from 0 on")
    _check_region(line)
    end = line["first"] + len(line["words"])
    if line["words"] and not line["first"] <= line["start"] < line["end"] <= end:
        raise LookupError("its region is not among its words")
    for side in ("drives", "supporting", "opposing"):
        for reference in line[side]:
            _check_texts(reference, ("text", "context", "document", "label", "gold", "predicted", "missing"))
            _check_numbers(reference, ("effect",))
            if not all(is_place(reference.get(name, 0)) for name in ("start", "end", "offset")):
                raise LookupError(f"one of its {side} has a place that is none")
    return Suspicion(**values)


def _decision(line: dict[str, Any]) -> Decision:
    values = {name: value for name, value in line.items() if name not in ("seginf", "version")}
    values.update(current=entities_of(line["current"]), entities=entities_of(line["entities"]))
    if not isinstance(line["words"], list) or not all(isinstance(word, str) for word in line["words"]):
        raise LookupError("its words are no list of texts")
    values["words"] = tuple(line["words"])
    if line["choice"] not in CHOICES:
        raise LookupError(f"its choice is {line['choice']!r}")
    _check_texts(values, ("suspicion", "document", "reviewer", "time", "corpus", "family"))
    _check_region(line)
    return Decision(**values)


def is_place(value: Any) -> bool:
    """Is it the number of a token or character?"""
    return type(value) is int and 0 <= value < LARGEST


def _check_numbers(values: dict[str, Any], names: Sequence[str]) -> None:
    for name in names:
        value = values.get(name)  # numbers that are not finite were written as null
        if value is not None and not (type(value) is float or (type(value) is int and abs(value) < LARGEST)):
            raise LookupError(f"its {name} is no number")


def _check_texts(values: dict[str, Any], names: Sequence[str]) -> None:
    for name in names:
        if not isinstance(values.get(name, ""), str):
            raise LookupError(f"its {name} is no text")


def _check_characters(text: str, name: str) -> None:
    """Make sure that a name, unlike a corpus's words, can be written as it is. RAISES (LookupError)."""
    if any("\ud800" <= character <= "\udfff" for character in text):
        raise LookupError(f"its {name} holds surrogates, which are no characters")


def _check_region(line: dict[str, Any]) -> None:
    if not all(is_place(line[name]) for name in ("start", "end")) or not line["start"] < line["end"]:
        raise LookupError("its start and end are no tokens")


def entities_of(values: Iterable[dict[str, Any]]) -> tuple[Entity, ...]:
    """Read entities off JSON. RAISES (LookupError, TypeError): if they are none."""
    found = []
    for value in values:
        start, end, label = value["start"], value["end"], value["label"]
        if not (is_place(start) and is_place(end) and isinstance(label, str) and label and start < end):
            raise LookupError(f"{value!r} is no entity")
        _check_characters(label, "label")
        found.append(Entity(start, end, label))
    return tuple(found)
