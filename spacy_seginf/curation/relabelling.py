"""Types of a corpus renamed, merged and split by a mapping: the decisions that do it."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Iterable, Iterator, Mapping, Optional, Sequence

from ..corpora.documents import Document
from ..crf.schemes import OUTSIDE, Entity
from ..errors import Errors, SeginfError
from ..rendering.text import shorten, visible
from .decisions import now
from .records import Decision, corpus_digest, issue_id

REVIEWER = "mapping"
Types = Mapping[str, str]  # new types by old ones; "O" takes entities away
Forms = Mapping[tuple[str, str], str]  # new types by words (with single spaces, without case) and old types


@dataclass(frozen=True)
class Touching:
    """Entities that touch, differed in type, and no longer do. document (str), start, end (int): their tokens.
    text (str): their words. label (str): their type now."""

    document: str
    start: int
    end: int
    text: str
    label: str


@dataclass(frozen=True)
class Relabelling:
    """What a mapping changes.

    counts (dict of int): entities by (old type, new type). touching (tuple of Touching): see there; joined (bool):
    whether these have become one entity. decisions (tuple of Decision): what does it, for `seginf apply`.
    """

    counts: Mapping[tuple[str, str], int]
    touching: tuple[Touching, ...]
    joined: bool
    decisions: tuple[Decision, ...]


def parse_types(text: str) -> dict[str, str]:
    """Read "GPE=LOC,FAC=LOC". RAISES (ValueError): S323."""
    found: dict[str, str] = {}
    for part in filter(None, (part.strip() for part in text.split(","))):
        old, equals, new = (side.strip() for side in part.partition("="))
        problem = "" if old and equals and new else f"{part!r} is not OLD=NEW"
        if not problem and found.get(old, new) != new:
            problem = f"{old!r} would become both {found[old]!r} and {new!r}"
        if problem or old == OUTSIDE:
            raise SeginfError(Errors.S323.format(text=text, problem=problem or "O is no type"))
        found[old] = new
    return found


def read_forms(path: Path) -> dict[tuple[str, str], str]:
    """Read a table of words, their present type and their new one, separated by tabs, which splits types.

    RAISES (ValueError): S040 without a file, S324 for a line that can't be followed.
    """
    if not path.is_file():
        raise SeginfError(Errors.S040.format(what="table of words", path=path))
    found: dict[tuple[str, str], str] = {}
    for number, line in enumerate(path.read_bytes().decode("utf-8-sig", "replace").split("\n"), start=1):
        if not line.strip():
            continue
        cells = [cell.strip() for cell in line.split("\t")]
        problem = "" if len(cells) == 3 and all(cells) else f"it has {len(cells)} cells, or empty ones"
        key = _form(cells[0]), cells[1] if len(cells) > 1 else ""
        if not problem and found.get(key, cells[2]) != cells[2]:
            problem = f"an earlier line makes the same words {found[key]!r}"
        if problem:
            raise SeginfError(Errors.S324.format(path=path, line=number, problem=problem))
        found[key] = cells[2]
    return found


def relabel_documents(
    documents: Sequence[Document], types: Types, forms: Optional[Forms] = None, *, join: bool = False
) -> Relabelling:
    """Find the decisions that give entities the types of a mapping, all at once: A=B,B=A exchanges them.

    forms: types of entities with some words, which count before types. join (bool): whether entities that touch and
    come to have the same type, after they had different ones, become one.
    """
    counts: dict[tuple[str, str], int] = {}
    touching: list[Touching] = []
    decisions: list[Decision] = []
    digest = corpus_digest((one.identifier, one.words, one.entities) for one in documents)
    when = now()
    for document in documents:
        renamed = [(one, _new_type(document, one, types, forms or {})) for one in document.entities]
        for one, new in renamed:
            if new != one.label:
                counts[one.label, new] = counts.get((one.label, new), 0) + 1
        for group in _groups(renamed):
            if len(group) > 1:
                start, end = group[0][0].start, group[-1][0].end
                text = " ".join(document.words[start:end])
                touching.append(Touching(document.identifier, start, end, text, group[0][1]))
            for part in [group] if join else [[pair] for pair in group]:
                current = tuple(one for one, _ in part)
                start, end, new = current[0].start, current[-1].end, part[0][1]
                outcome = () if new == OUTSIDE else (Entity(start, end, new),)
                if outcome != current:
                    name, words = document.identifier, document.words[start:end]
                    place = issue_id(name, start, end, current), name, start, end, words, current
                    decisions.append(Decision(*place, "label", outcome, REVIEWER, when, digest))
    return Relabelling(dict(sorted(counts.items())), tuple(touching), join, tuple(decisions))


def check_known(path: Path, documents: Iterable[Document], result: Relabelling) -> None:
    """RAISES (ValueError): S325 if a mapping changes nothing."""
    if not result.decisions:
        known = ", ".join(sorted({one.label for document in documents for one in document.entities})) or "none"
        raise SeginfError(Errors.S325.format(path=path, known=shorten(visible(known), 200)))


def _new_type(document: Document, entity: Entity, types: Types, forms: Forms) -> str:
    form = _form(" ".join(document.words[entity.start : entity.end]))
    return forms.get((form, entity.label), types.get(entity.label, entity.label))


def _form(text: str) -> str:
    return " ".join(text.split()).casefold()


def _groups(renamed: Sequence[tuple[Entity, str]]) -> Iterator[list[tuple[Entity, str]]]:
    """Put entities together that touch, have the same type now, and had different ones."""
    group: list[tuple[Entity, str]] = []
    for pair in renamed:
        before = group[-1] if group else None
        meets = before is not None and before[0].end == pair[0].start and before[0].label != pair[0].label
        if meets and before is not None and before[1] == pair[1] != OUTSIDE:
            group.append(pair)
            continue
        if group:
            yield group
        group = [pair]
    if group:
        yield group
