"""Labels and annotations: entity types <-> per-token tags <-> allowed tags <-> entity spans."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Iterable, Optional, Sequence

import numpy

from ..errors import Errors, SeginfError
from ..guesses import one_of
from . import DecodingMask

PREFIXES = {"BIO": "BI", "BILUO": "BILU", "IO": "I"}
TAG = "TAG"  # labels are the tags of single tokens, such as parts of speech
OUTSIDE = "O"
ENTS = "ents"  # the target of taggers that annotate entities
TARGETS = {TAG: "tag"}  # of other schemes, unless another is named

# Which tag prefix of each scheme stands for a BILUO prefix of spaCy's gold annotation.
FROM_BILUO = {
    "BIO": {"B": "B", "I": "I", "L": "I", "U": "B"},
    "BILUO": {"B": "B", "I": "I", "L": "L", "U": "U"},
    "IO": {"B": "I", "I": "I", "L": "I", "U": "I"},
}
OPENS, CONTINUES, CLOSES = "BU", "IL", "LU"


@dataclass(frozen=True, order=True)
class Entity:
    """An entity of a document: first token, last token (exclusive), type."""

    start: int
    end: int
    label: str

    def moved(self, by: int) -> Entity:
        """Number its tokens otherwise: those of a piece of a document as in the whole, or back."""
        return Entity(self.start + by, self.end + by, self.label)


@dataclass(frozen=True)
class TagScheme:
    """The tags of a set of entity types, in a fixed order: O, then each type's tags.

    labels (tuple of str): entity types.
    name (str): "BIO", "BILUO" or "IO". IO cannot tell neighbouring entities of one type apart. Under "TAG" there are no
        entities: the labels themselves are the tags, and any may follow any.
    target (str): what is annotated: "ents", "tag", "pos" or "spans:KEY"; see ``corpora.targets``.
    RAISES (ValueError): S001 or S002 if the scheme is unknown or the labels contradict it.
    """

    labels: tuple[str, ...]
    name: str = "BIO"
    component: str = "crf_tagger"
    target: str = ""

    def __post_init__(self) -> None:
        if not self.target:
            object.__setattr__(self, "target", TARGETS.get(self.name, ENTS))
        if self.name == TAG:
            return
        if self.name not in PREFIXES:
            raise SeginfError(
                Errors.S001.format(scheme=self.name, name=self.component, known=one_of(PREFIXES, self.name))
            )
        problem = _contradiction(self.labels)
        if problem:
            raise SeginfError(Errors.S002.format(name=self.component, scheme=self.name, problem=problem))

    @property
    def by_token(self) -> bool:
        """Whether every token has a label of its own, and there are no entities."""
        return self.name == TAG

    @cached_property
    def tags(self) -> tuple[str, ...]:
        """All tags; a tag's position is its index in the CRF."""
        if self.name == TAG:
            return self.labels
        return (OUTSIDE, *(f"{prefix}-{label}" for label in self.labels for prefix in PREFIXES[self.name]))

    @cached_property
    def _parts(self) -> list[tuple[str, str]]:
        """Prefix and type of each tag."""
        return [(tag[0], tag[2:]) for tag in self.tags]

    @cached_property
    def index(self) -> dict[str, int]:
        """Position of each tag."""
        return {tag: position for position, tag in enumerate(self.tags)}

    @cached_property
    def mask(self) -> Optional[DecodingMask]:
        """Tags that may start, end and follow each other in a valid annotation; None if all may."""
        if self.name in ("IO", TAG):
            return None
        prefixes = numpy.array([tag[0] for tag in self.tags])
        types = numpy.array([tag[2:] for tag in self.tags])
        continuing = numpy.isin(prefixes, list(CONTINUES))
        inside = numpy.isin(prefixes, ["B", "I"])  # tags that an I or L may follow
        same_type = types[:, None] == types[None, :]
        follow = ~continuing[None, :] | (inside[:, None] & same_type)
        end = numpy.ones(len(self.tags), dtype=bool)
        if self.name == "BILUO":
            follow &= ~inside[:, None] | continuing[None, :]  # an open entity must go on
            end = ~inside
        return DecodingMask(start=~continuing, end=end, follow=follow)

    def allowed_tags(self, biluo: Sequence[Optional[str]]) -> numpy.ndarray:
        """Return which tags an annotation permits (bool, tokens x tags).

        biluo (sequence of str or None): spaCy's aligned annotation; None is missing and permits everything. Under
            "TAG", the labels themselves; None and "" are missing.
        An entity that is followed by a missing label may go on there, so its last tag may be read both ways.
        RAISES (KeyError): with the label, if it is none of this scheme's.
        """
        allowed = numpy.zeros((len(biluo), len(self.tags)), dtype=bool)
        last = len(biluo) - 1
        for position, tag in enumerate(biluo):
            if self.name == TAG:
                allowed[position, self.index[tag] if tag else slice(None)] = True
            elif tag is None or tag in ("-", ""):
                allowed[position] = True
            elif tag == OUTSIDE:
                allowed[position, 0] = True
            else:
                prefix, label = tag[0], tag[2:]
                if label not in self.labels:
                    raise KeyError(label)
                readings = {prefix}
                if position < last and biluo[position + 1] in (None, "-", ""):
                    readings |= set("BU") if prefix in OPENS else set("IL")
                for reading in readings:
                    allowed[position, self.index[f"{FROM_BILUO[self.name][reading]}-{label}"]] = True
        return allowed

    def entity_tags(self, label: str, length: int) -> list[int]:
        """Return the tags of an entity of some tokens; under "TAG", of tokens that all have one label."""
        if self.by_token:
            return [self.index[label]] * length
        return [self.index[f"{FROM_BILUO[self.name][tag[0]]}-{label}"] for tag in biluo_tags(label, length)]

    def event(self, length: int, entity: Entity) -> numpy.ndarray:
        """Return the tags of the tokens of a document in which an entity is found just as it is (bool, length x tags);
        under "O", those in which all its tokens are outside."""
        event = numpy.ones((length, len(self.tags)), dtype=bool)
        rows = numpy.arange(entity.start, entity.end)
        event[rows] = False
        if entity.label == OUTSIDE and not self.by_token:
            event[rows, self.index[OUTSIDE]] = True
            return event
        event[rows, self.entity_tags(entity.label, len(rows))] = True
        if not self.by_token and self.name != "BILUO":  # BILUO says itself where an entity ends
            inside = self.index[f"I-{entity.label}"]
            event[entity.end : entity.end + 1, inside] = False
            if self.name == "IO":
                event[max(entity.start - 1, 0) : entity.start, inside] = False
        return event

    def entities(self, tags: Iterable[int]) -> list[tuple[int, int, str]]:
        """Read entities (start token, end token exclusive, type) off tag indices. Under IO, runs of a type are one, and
        there are none under "TAG"."""
        found: list[tuple[int, int, str]] = []
        if self.name == TAG:
            return found
        start, label = 0, ""
        position = -1
        for position, index in enumerate(tags):
            if not index and not label:  # most tokens are outside
                continue
            prefix, kind = self._parts[index]
            if label and (kind != label or prefix in OPENS):
                found.append((start, position, label))
                label = ""
            if kind and not label:
                start, label = position, kind
            if label and prefix in CLOSES and self.name == "BILUO":
                found.append((start, position + 1, label))
                label = ""
        if label:
            found.append((start, position + 1, label))
        return found

    def annotation(self, tags: Sequence[int], known: Optional[Sequence[bool]] = None) -> list[Entity]:
        """Read what is annotated off tag indices, as records: the entities, or under "TAG" every token with its label.

        known (sequence of bool): tokens that are annotated; all are, if not given.
        """
        if known is None:
            known = [True] * len(tags)
        if self.by_token:
            return [
                Entity(token, token + 1, self.tags[tag])
                for token, (tag, is_known) in enumerate(zip(tags, known))
                if is_known
            ]
        return [Entity(*one) for one in self.entities(tag if is_known else 0 for tag, is_known in zip(tags, known))]


def biluo_tags(label: str, length: int) -> list[str]:
    """Return the tags of an entity of some tokens, as spaCy has them."""
    return [f"U-{label}"] if length == 1 else [f"B-{label}", *[f"I-{label}"] * (length - 2), f"L-{label}"]


def type_of(tag: str) -> str:
    """Return the entity type of a tag with a prefix ("B-PER": "PER"); any other tag as it is."""
    return tag[2:] if tag[1:2] == "-" else tag


def _contradiction(labels: Sequence[str]) -> str:
    """Say what makes a list of entity types unusable; empty if nothing does."""
    seen: set[str] = set()
    for label in labels:
        if not label or not label.strip():
            return "a label is empty"
        if label == OUTSIDE:
            return "'O' marks tokens outside entities and can't be an entity type"
        if label in seen:
            return f"'{label}' is there twice"
        seen.add(label)
    prefixed = [label for label in labels if label[:2] in ("B-", "I-", "L-", "U-") and label[2:] in seen]
    return f"'{prefixed[0]}' is a tag of the label '{prefixed[0][2:]}'" if prefixed else ""
