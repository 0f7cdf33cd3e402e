"""Corpora that are texts with spans of characters: how their spans become entities, and entities spans again."""

from __future__ import annotations

from abc import abstractmethod
from dataclasses import dataclass
from pathlib import Path
from typing import Iterator, Mapping, Optional, Sequence

from ..crf.schemes import Entity
from ..errors import Errors, SeginfError
from .documents import AnnotatedCorpus, Document, Replacement
from .offsets import Annotation, Tokens, Utf16, decode_utf16, tokenize
from .settings import ReadingSettings

SHOWN = 20  # problems
Edit = tuple[int, int, str]  # what of a file's content is replaced, and by what


@dataclass(frozen=True)
class SpanText:
    """A text as its file has it.

    identifier (str). text (str). annotations (sequence of Annotation): spans of the layer that is read.
    place (str): where the text is in the file, such as "line 3". file (Path). line (int): 0 if there is none.
    tokens (sequence of pairs of ints): where tokens begin and end, if the file says so.
    named (bool): as for ``Document``. annotated (bool): whether anybody has annotated the text.
    utf16 (bool): whether offsets count UTF-16 code units.
    """

    identifier: str
    text: str
    annotations: Sequence[Annotation]
    place: str
    file: Path
    line: int = 0
    tokens: Optional[Sequence[tuple[int, int]]] = None
    named: bool = True
    annotated: bool = True
    utf16: bool = False


@dataclass(frozen=True)
class Span:
    """A span to write: characters (code points, end exclusive), and tokens of the text."""

    start: int
    end: int
    label: str
    entity: Entity


@dataclass(frozen=True)
class SpanChange:
    """A span that becomes another one; None where there is none before or after."""

    old: Optional[Annotation]
    new: Optional[Span]


class SpanCorpus(AnnotatedCorpus):
    """A corpus of texts with spans.

    path (Path): a file or a folder. texts (sequence of SpanText): in its order.
    RAISES (ValueError): S281 if an id is there twice, S282 if spans cut tokens, S283 if they overlap, S284 if they are
        not in their text.
    """

    def __init__(self, path: Path, texts: Sequence[SpanText], settings: ReadingSettings) -> None:
        self.path, self.texts, self.settings = path, texts, settings
        self._only = set(settings.only)
        self._check_ids()
        self._tokens: list[Tokens] = []
        self._sources: list[dict[Entity, Annotation]] = []
        self._problems: dict[str, list[str]] = {"outside": [], "cut": [], "overlap": []}
        self.documents = [self._read(text, settings) for text in texts]
        for code, problems in ((Errors.S284, "outside"), (Errors.S282, "cut"), (Errors.S283, "overlap")):
            if self._problems[problems]:
                raise SeginfError(code.format(path=path, problems=_listed(self._problems[problems])))

    def unwritable(self, number: int, replacement: Replacement, entities: Sequence[Entity]) -> str:
        if not self.texts[number].annotated:
            return "nobody has annotated this text: annotate it in the tool that wrote it"
        for entity in replacement.entities:
            problem = self.label_problem(entity.label)
            if problem:
                return problem
            if self._only and entity.label not in self._only:
                return f"only {', '.join(sorted(self._only))} was read (--only), so a {entity.label} can't be written"
        problems = (self.change_problem(number, change) for change in self._changes(number, [replacement]))
        return next(filter(None, problems), "")

    def corrected(self, replacements: Mapping[int, Sequence[Replacement]]) -> bytes | Mapping[Path, bytes]:
        edits: dict[Path, list[Edit]] = {}
        for number, regions in replacements.items():
            changes = self._changes(number, regions)
            if changes:
                edits.setdefault(self.texts[number].file, []).extend(self.edits(number, changes))
        return self.written(edits)

    @abstractmethod
    def edits(self, number: int, changes: Sequence[SpanChange]) -> Iterator[Edit]:
        """Yield what changes in the content of a document's file."""

    @abstractmethod
    def written(self, edits: Mapping[Path, Sequence[Edit]]) -> bytes | Mapping[Path, bytes]:
        """Return the file, or the changed files of the folder, after edits."""

    def label_problem(self, label: str) -> str:
        """Say why the format can't hold a type; empty if it can."""
        return ""

    def change_problem(self, number: int, change: SpanChange) -> str:
        """Say why a span can't be changed; empty if it can."""
        return ""

    def offsets(self, number: int, span: Span) -> tuple[int, int]:
        """Return where a span begins and ends as the format counts."""
        text = self.texts[number]
        if not (text.utf16 or self.settings.utf16):
            return span.start, span.end
        units = Utf16(text.text)
        return units.encode(span.start), units.encode(span.end)

    def _changes(self, number: int, regions: Sequence[Replacement]) -> list[SpanChange]:
        """Pair the spans of regions with what they become: one that stays in part is changed, not written anew."""
        found = []
        sources, tokens = self._sources[number], self._tokens[number]
        for region in regions:
            gone = [one for one in sources if region.start < one.end and one.start < region.end]
            old = [one for one in gone if one not in region.entities]
            for entity in sorted(set(region.entities) - set(gone)):
                before = next((one for one in old if one.start < entity.end and entity.start < one.end), None)
                if before is not None:
                    old.remove(before)
                source = sources[before] if before is not None else None
                same = before is not None and (before.start, before.end) == (entity.start, entity.end)
                if same and source is not None:
                    start, end = source.start, source.end  # with the spaces that it has
                else:
                    start, end = tokens.starts[entity.start], tokens.ends[entity.end - 1]
                found.append(SpanChange(source, Span(start, end, entity.label, entity)))
            found += [SpanChange(sources[one], None) for one in old]
        return found

    def _read(self, text: SpanText, settings: ReadingSettings) -> Document:
        tokens = tokenize(text.text, settings.lang) if text.tokens is None else Tokens.of(text.text, text.tokens)
        annotations = [one for one in text.annotations if not self._only or one.label in self._only]
        if text.utf16 or settings.utf16:
            annotations = decode_utf16(text.text, annotations)
        inside: list[Annotation] = []
        outside: list[Annotation] = []
        for one in annotations:
            (inside if 0 <= one.start < one.end <= len(text.text) else outside).append(one)
        self._note("outside", text, outside)
        if settings.misaligned == "split":
            tokens = tokens.split(inside)
        entities = {one: tokens.entity(one) for one in inside}
        if settings.misaligned == "expand":
            entities.update({one: tokens.expanded(one) for one in inside if entities[one] is None})
        self._note("cut", text, [one for one in inside if entities[one] is None])
        placed = sorted(
            ((entity, one) for one, entity in entities.items() if entity is not None), key=lambda pair: pair[0]
        )
        for (first, one), (second, other) in zip(placed, placed[1:]):
            if second.start < first.end:
                self._problems["overlap"].append(f"{_described(text, one)} and {_described(text, other)}")
        self._tokens.append(tokens)
        self._sources.append(dict(placed))
        return Document(
            text.identifier,
            tokens.words,
            tuple(entity for entity, _ in placed),
            str(text.file),
            (text.line,) if text.line else (),
            missing=() if text.annotated else tuple(range(len(tokens.starts))),
            named=text.named,
            spaces=tokens.spaces,
        )

    def _note(self, kind: str, text: SpanText, annotations: Sequence[Annotation]) -> None:
        self._problems[kind] += [_described(text, one) for one in annotations]

    def _check_ids(self) -> None:
        seen: dict[str, SpanText] = {}
        for text in self.texts:
            first = seen.setdefault(text.identifier, text)
            if first is not text:
                facts = {"id": text.identifier, "one": _place(first), "other": _place(text)}
                raise SeginfError(Errors.S281.format(path=self.path, **facts))


def _described(text: SpanText, one: Annotation) -> str:
    """Name a span with the text around it."""
    start, end = max(one.start, 0), max(one.end, 0)
    around = text.text[max(start - 15, 0) : start], text.text[start:end][:60], text.text[end : end + 15]
    shown = f"{around[0]}[{around[1]}]{around[2]}"
    place = f"{_place(text)}, {one.place}" if one.place else _place(text)
    return f"{place}: {one.start}-{one.end} {one.label} {shown!r}"


def _place(text: SpanText) -> str:
    return f"document {text.identifier} ({text.file.name}{', ' * bool(text.place)}{text.place})"


def _listed(problems: Sequence[str]) -> str:
    shown = [f"- {problem}" for problem in problems[:SHOWN]]
    return "\n".join([*shown, f"- and {len(problems) - SHOWN} more"] if len(problems) > SHOWN else shown)
