"""A small annotated context-free grammar that writes labelled documents.

An alternative of a rule is a string of items separated by blanks:

``word``          the word itself;
``{rule}``        an expansion of the rule, or a word of the lexicon of that name;
``{rule?0.3}``    the same, with that probability, else nothing;
``{rule#key}``    expanded once per document and key, then repeated;
``<PER`` ``>``    the items between are one entity of that type;
``<ORG!kind >``   the same, and the span lies in the context of a planted error;
``<!kind >``      such a span that is no entity.
"""

from __future__ import annotations

import random
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

_ITEM = re.compile(r"^\{(?P<name>\w+)(?:\?(?P<chance>[0-9.]+))?(?:#(?P<key>\w+))?\}$")


@dataclass(frozen=True)
class Span:
    """Tokens ``start`` to ``end`` (exclusive) with a label or a planted kind."""

    start: int
    end: int
    name: str


@dataclass
class Text:
    """Tokens with entity spans, planted-error contexts and sentence starts."""

    tokens: list[str] = field(default_factory=list)
    entities: list[Span] = field(default_factory=list)
    contexts: list[Span] = field(default_factory=list)
    sentence_starts: list[int] = field(default_factory=list)

    def extend(self, other: Text) -> None:
        """Append another text, moving its offsets."""
        offset = len(self.tokens)
        self.tokens.extend(other.tokens)
        for mine, theirs in ((self.entities, other.entities), (self.contexts, other.contexts)):
            mine.extend(Span(span.start + offset, span.end + offset, span.name) for span in theirs)
        self.sentence_starts.extend(start + offset for start in other.sentence_starts)


@dataclass(frozen=True)
class Lexicon:
    """Words that the training split may use, and words kept from it."""

    common: Sequence[str]
    held_out: Sequence[str]
    held_out_chance: float = 0.5

    @classmethod
    def divide(cls, words: Sequence[str], share: float, generator: random.Random) -> Lexicon:
        """Shuffle the words and keep a share of them out of the training split."""
        shuffled = sorted(set(words))
        generator.shuffle(shuffled)
        cut = round(len(shuffled) * share)
        return cls(common=tuple(shuffled[cut:]), held_out=tuple(shuffled[:cut]))

    def pick(self, split: str, generator: random.Random) -> str:
        """Draw one word for a document of the split."""
        unseen = split != "train" and self.held_out and generator.random() < self.held_out_chance
        return generator.choice(self.held_out if unseen else self.common)


@dataclass
class Writer:
    """Expands rules for one document."""

    rules: Mapping[str, Sequence[str]]
    lexicons: Mapping[str, Lexicon]
    split: str
    generator: random.Random
    memory: dict[str, Text] = field(default_factory=dict)

    def expand(self, name: str) -> Text:
        """Write one expansion of a rule or one entry of a lexicon."""
        if name in self.lexicons:
            return Text(tokens=self.lexicons[name].pick(self.split, self.generator).split())
        return self.write(self.generator.choice(self.rules[name]))

    def write(self, template: str) -> Text:
        """Write a template."""
        text = Text()
        opened: tuple[int, str] | None = None
        for item in template.split():
            if len(item) > 1 and item[0] == "<" and (item[1].isupper() or item[1] == "!"):
                if opened is not None:
                    raise ValueError(f"nested entity in template {template!r}")
                opened = (len(text.tokens), item[1:])
            elif item == ">":
                if opened is None:
                    raise ValueError(f"unopened entity in template {template!r}")
                start, names = opened
                label, _, kind = names.partition("!")
                if label:
                    text.entities.append(Span(start, len(text.tokens), label))
                if kind:
                    text.contexts.append(Span(start, len(text.tokens), kind))
                opened = None
            else:
                text.extend(self._item(item))
        if opened is not None:
            raise ValueError(f"unclosed entity in template {template!r}")
        return text

    def _item(self, item: str) -> Text:
        match = _ITEM.match(item)
        if match is None:
            return Text(tokens=[item])
        name, chance, key = match.group("name", "chance", "key")
        if chance is not None and self.generator.random() >= float(chance):
            return Text()
        if key is None:
            return self.expand(name)
        if name + key not in self.memory:
            self.memory[name + key] = self.expand(name)
        return self.memory[name + key]

    def sentence(self, name: str) -> Text:
        """Write one sentence with a capital first letter."""
        text = self.expand(name)
        first = text.tokens[0]
        text.tokens[0] = first[0].upper() + first[1:]
        text.sentence_starts = [0]
        return text
