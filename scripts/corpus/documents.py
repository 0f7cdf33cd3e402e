"""Documents: assembling, casing, typing errors and the planted labels."""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field

from . import clinical, news
from .grammar import Lexicon, Span, Text, Writer

SYSTEMATIC_KINDS = ("club_as_loc", "dosage_in_intervention")
TYPES = {"news": ("PER", "ORG", "LOC", "MISC"), "clinical": ("INT", "POP", "OUT")}
RULES = {"news": news.RULES, "clinical": clinical.RULES}
TYPO_RATE = 0.006


@dataclass
class Document:
    """One document with its true spans, observed spans and planted records."""

    identifier: str
    genre: str
    text: Text
    observed: list[Span] = field(default_factory=list)
    planted: list[dict[str, int | str]] = field(default_factory=list)

    def as_record(self) -> dict[str, object]:
        """The JSON record of the document."""
        length = len(self.text.tokens)
        return {
            "id": self.identifier,
            "genre": self.genre,
            "tokens": self.text.tokens,
            "labels": bio_labels(self.observed, length),
            "gold_labels": bio_labels(self.text.entities, length),
            "sent_starts": self.text.sentence_starts,
            "planted": sorted(self.planted, key=lambda record: int(record["start"])),
            "contexts": [{"start": span.start, "end": span.end, "kind": span.name} for span in self.text.contexts],
        }


def bio_labels(spans: list[Span], length: int) -> list[str]:
    """Write spans as one BIO label per token."""
    labels = ["O"] * length
    for span in spans:
        labels[span.start] = f"B-{span.name}"
        for index in range(span.start + 1, span.end):
            labels[index] = f"I-{span.name}"
    return labels


def _repeat(writer: Writer, text: Text, rules: list[str]) -> None:
    for rule in rules:
        text.extend(writer.sentence(rule))


def _news(writer: Writer, special: bool) -> Text:
    generator = writer.generator
    text = Text()
    topic = "match" if special else generator.choice(news.TOPICS)
    if generator.random() < 0.4:
        headline = writer.sentence("headline")
        style: Callable[[str], str] = generator.choice((str.upper, str.upper, str.lower, str))
        headline.tokens = [style(token) for token in headline.tokens]
        text.extend(headline)
    if generator.random() < 0.3:
        text.extend(writer.sentence("dateline"))
    body = [topic if generator.random() < 0.72 else "shared" for _ in range(generator.randint(4, 12))]
    if special:
        block = ["pools"] * generator.randint(4, 7)
        for _ in range(generator.randint(0, 3)):
            block.insert(generator.randrange(len(block) + 1), "pools_place")
        position = generator.randrange(len(body))
        body[position:position] = ["pools_open", *block]
    elif generator.random() < 0.12:
        kinds = ("table",) if topic in ("match", "contest") else ("forecast", "thermometer")
        body += [generator.choice(kinds)] * generator.randint(3, 5)
    _repeat(writer, text, body)
    return text


def _clinical(writer: Writer, special: bool) -> Text:
    generator = writer.generator
    text = Text()
    body = ["title_line"] if generator.random() < 0.7 else []
    for section, fewest, most in (("background", 1, 3), ("methods", 2, 5), ("results", 1, 4)):
        body += [section] * generator.randint(fewest, most)
        if special and section == "methods":
            block = ["arm"] * generator.randint(3, 5)
            if generator.random() < 0.8:
                block.insert(generator.randrange(len(block) + 1), "arm_plain")
            body += ["arms_open", *block]
    body += ["conclusion"] * generator.randint(0, 2)
    _repeat(writer, text, body)
    return text


def _misspell(token: str, generator: random.Random) -> str:
    position = generator.randrange(1, len(token) - 1)
    swapped = token[position + 1] + token[position]
    if generator.random() < 0.5 and swapped[0] != swapped[1]:
        return token[:position] + swapped + token[position + 2 :]
    return token[:position] + token[position + 1 :]


def write_document(
    identifier: str,
    genre: str,
    special: bool,
    split: str,
    lexicons: Mapping[str, Lexicon],
    generator: random.Random,
) -> Document:
    """Write one document with true labels only."""
    writer = Writer(RULES[genre], lexicons, split, generator)
    text = _news(writer, special) if genre == "news" else _clinical(writer, special)
    protected = {index for span in text.contexts for index in range(span.start, span.end)}
    for index, token in enumerate(text.tokens):
        if index not in protected and len(token) > 4 and token.isalpha():
            if generator.random() < TYPO_RATE:
                text.tokens[index] = _misspell(token, generator)
    return Document(identifier, genre, text, observed=list(text.entities))


def _record(document: Document, span: Span, kind: str) -> dict[str, int | str]:
    surface = " ".join(document.text.tokens[span.start : span.end]).lower()
    return {"start": span.start, "end": span.end, "kind": kind, "family": f"{kind}/{surface}"}


def plant_systematic(documents: list[Document], shares: Mapping[str, float], generator: random.Random) -> None:
    """Mislabel a share of each planted kind's contexts."""
    for kind, share in shares.items():
        places = [
            (document, context) for document in documents for context in document.text.contexts if context.name == kind
        ]
        for document, context in generator.sample(places, round(share * len(places))):
            if kind == "club_as_loc":
                old = Span(context.start, context.end, "ORG")
                new = Span(context.start, context.end, "LOC")
            else:
                old = next(span for span in document.observed if span.end == context.start)
                new = Span(old.start, context.end, old.name)
            document.observed[document.observed.index(old)] = new
            document.planted.append(_record(document, context, kind))


def plant_random(documents: list[Document], share: float, generator: random.Random) -> None:
    """Give a share of the entities a random other type, away from the systematic errors.

    Documents with a planted context are left out, and ORG never becomes LOC.
    """
    places = [
        (document, index)
        for document in documents
        if not document.text.contexts
        for index in range(len(document.observed))
    ]
    total = sum(len(document.observed) for document in documents)
    for document, index in generator.sample(places, round(share * total)):
        span = document.observed[index]
        choices = [name for name in TYPES[document.genre] if name != span.name and (span.name, name) != ("ORG", "LOC")]
        document.observed[index] = Span(span.start, span.end, generator.choice(choices))
        document.planted.append(_record(document, span, "random"))
