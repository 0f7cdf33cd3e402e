"""Entities <-> tags in text files: BIO, IOB1 (B- only between neighbours of one type), BILUO, BIOES and IO; under TAG,
every token has a tag of its own, such as its part of speech, and is an entity of one token."""

from __future__ import annotations

from typing import Iterable, Iterator, Sequence

from ..crf.schemes import OUTSIDE, TAG, Entity
from .documents import Replacement, replaced

LETTERS = {"BIO": "BI", "IOB1": "BI", "BILUO": "BILU", "BIOES": "BIES", "IO": "I"}
SCHEMES = (*LETTERS, TAG)
ONE_TAG = "each token has exactly one tag, and a decision has to say which"
ALIASES = {"IOB2": "BIO", "BILOU": "BILUO", "IOBES": "BIOES", "IOB": "IOB1"}
CLOSING = {"BILUO": ("L", "U"), "BIOES": ("E", "S")}  # letters of the last token of several, and of a single one
ALL_LETTERS = "BILUES"
MISSING = ""  # a token without annotation


class TagError(ValueError):
    """A tag that can't be read. position (int): the token."""

    def __init__(self, position: int, problem: str) -> None:
        super().__init__(problem)
        self.position = position


def detect_scheme(texts: Iterable[tuple[Sequence[str], Sequence[int]]]) -> str:
    """Find the scheme of a file.

    texts (iterable of pairs): tags and sentence starts of each document.
    RETURNS (str): "BILUO" if there is an L- or U-, "BIOES" if there is an E- or S-, "IO" if there is no B-, "IOB1" if
        B- is only where it must be, else "BIO". A file without entities is taken for BIO.
    """
    seen: set[str] = set()
    needed_only, inside_starts = True, False
    for tags, sentences in texts:
        seen.update(tag[0] for tag in tags if tag not in (OUTSIDE, MISSING))
        for scheme, letters in CLOSING.items():
            if seen.intersection(letters):
                return scheme
        before = None
        for entity in _runs(tags, sentences):
            begins = tags[entity.start][0] == "B"
            needed_only &= begins == (before is not None and _touch(before, entity, set(sentences)))
            inside_starts |= not begins
            before = entity
    if "B" not in seen and "I" in seen:
        return "IO"
    return "IOB1" if needed_only and inside_starts else "BIO"


def check_tags(tags: Sequence[str], letters: str = ALL_LETTERS) -> None:
    """Read tags one by one. RAISES (TagError): if one is no tag with one of the letters."""
    for position, tag in enumerate(tags):
        if tag not in (OUTSIDE, MISSING) and (len(tag) < 3 or tag[1] != "-" or tag[0] not in letters):
            allowed = ", ".join(f"{letter}-" for letter in letters)
            raise TagError(position, f"{tag!r} is no tag (O, or {allowed} before a type)")


def find_entities(tags: Sequence[str], sentences: Sequence[int], scheme: str) -> list[Entity]:
    """Read the entities of a document. An I- that follows nothing of its type begins an entity, except under BILUO and
    BIOES.

    RAISES (TagError): if a tag is not of the scheme, or can't follow the one before it.
    """
    if scheme == TAG:
        return [Entity(token, token + 1, tag) for token, tag in enumerate(tags) if tag != MISSING]
    check_tags(tags, LETTERS[scheme])
    strict = CLOSING.get(scheme)
    return list(_strict_runs(tags, sentences, *strict) if strict else _runs(tags, sentences))


def unwritable(replacement: Replacement, entities: Sequence[Entity], sentences: Sequence[int], scheme: str) -> str:
    """Say why tags can't hold a replacement; empty if they can. entities: all of the document after all changes."""
    if scheme == TAG:
        return untagged(replacement)
    boundaries = set(sentences)
    for entity in replacement.entities:
        if any(position in boundaries for position in range(entity.start + 1, entity.end)):
            return f"tags can't hold a {entity.label} that crosses the end of a sentence"
    if scheme == "IO":
        for one, other in zip(entities, entities[1:]):
            if _touch(one, other, boundaries) and not {one, other}.isdisjoint(replacement.entities):
                return (
                    f"IO tags can't tell two {one.label} side by side apart (if the file's scheme is IOB1, say so with "
                    "--scheme IOB1)"
                )
    return ""


def untagged(replacement: Replacement) -> str:
    """Say that a replacement does not give each of its tokens one tag; empty if it does."""
    return "" if one_each(replacement.start, replacement.end, replacement.entities) else ONE_TAG


def one_each(start: int, end: int, entities: Iterable[Entity]) -> bool:
    """Tell whether each token of a region has one label of its own, as under TAG."""
    return [(one.start, one.end) for one in sorted(entities)] == [(token, token + 1) for token in range(start, end)]


def changed_tags(
    tags: Sequence[str],
    entities: Sequence[Entity],
    sentences: Sequence[int],
    replacements: Sequence[Replacement],
    scheme: str,
) -> dict[int, str]:
    """Return the tags that change, by token.

    entities (sequence of Entity): those that the tags stand for now.
    Outside the replaced regions, only the first tag of an entity just behind one may change: whether it needs its B-
    depends on what is before it.
    """
    if scheme == TAG:
        new = {entity.start: entity.label for region in replacements for entity in region.entities}
        return {position: tag for position, tag in new.items() if tags[position] != tag}
    boundaries = set(sentences)
    after = replaced(entities, replacements)
    new = {position: OUTSIDE for region in replacements for position in range(region.start, region.end)}
    written = {entity for region in replacements for entity in region.entities}
    ends = {region.end for region in replacements}
    for before, entity in zip([None, *after], after):
        touches = before is not None and _touch(before, entity, boundaries)
        if entity in written:
            new.update(zip(range(entity.start, entity.end), _tags_of(entity, scheme, touches)))
        elif entity.start in ends:
            if scheme == "IOB1" or (scheme == "BIO" and touches):
                new[entity.start] = f"{'B' if touches else 'I'}-{entity.label}"
    return {position: tag for position, tag in new.items() if tags[position] != tag}


def _tags_of(entity: Entity, scheme: str, touches: bool) -> list[str]:
    inner = entity.end - entity.start - 1
    if scheme in CLOSING:
        last, unit = CLOSING[scheme]
        letters = "B" + "I" * (inner - 1) + last if inner else unit
    else:
        letters = ("B" if scheme == "BIO" or (scheme == "IOB1" and touches) else "I") + "I" * inner
    return [f"{letter}-{entity.label}" for letter in letters]


def _touch(one: Entity, other: Entity, boundaries: set[int]) -> bool:
    """Would the second entity be read as a part of the first one, without a B-?"""
    return one.end == other.start and one.label == other.label and other.start not in boundaries


def _runs(tags: Sequence[str], sentences: Sequence[int]) -> Iterator[Entity]:
    """Yield entities: B- begins one, and so does an I- without its type before it in the sentence."""
    boundaries, start, kind = set(sentences), 0, ""
    for position, tag in enumerate(tags):
        goes_on = kind and tag[:1] == "I" and tag[2:] == kind and position not in boundaries
        if goes_on:
            continue
        if kind:
            yield Entity(start, position, kind)
        start, kind = position, tag[2:]
    if kind:
        yield Entity(start, len(tags), kind)


def _strict_runs(tags: Sequence[str], sentences: Sequence[int], last: str, unit: str) -> Iterator[Entity]:
    """Yield entities of BILUO or BIOES tags, which end in the letter ``last`` or are a ``unit``.

    RAISES (TagError): if one is not begun or ended as it must be.
    """
    boundaries, start, kind = set(sentences), 0, ""  # kind: type of the open entity
    for position, tag in enumerate(tags):
        letter = tag[:1] if tag not in (OUTSIDE, MISSING) else ""
        if kind and position in boundaries:
            raise TagError(position - 1, f"an entity that {tags[start]!r} began has no end")
        if letter in ("I", last):
            if kind != tag[2:]:
                raise TagError(position, f"{tag!r} follows no {'B-' + tag[2:]!r}")
            if letter == last:
                yield Entity(start, position + 1, kind)
                kind = ""
            continue
        if kind:
            raise TagError(position, f"{tag!r} follows {tags[position - 1]!r}, whose entity has no end")
        if letter == unit:
            yield Entity(position, position + 1, tag[2:])
        elif letter == "B":
            start, kind = position, tag[2:]
    if kind:
        raise TagError(len(tags) - 1, f"an entity that {tags[start]!r} began has no end")
