"""Sentences with predicates and their roles, written by rules like those of the documents.

Labels are those of PropBank: A0 does something, A1 is what it is done to, A2 gets it; TMP says when, LOC where. A
template is a string of items separated by blanks:

``*1:hired``      a word that is predicate 1;
``*1:{verb}``     the same, of a rule;
``[1:A0,2:A1``    opens a span that is A0 of predicate 1 and A1 of predicate 2; spans may lie in others;
``[1:A2!``        the same, in the context of the planted error;
``]``             closes the span that was opened last.

Everything else is as in ``grammar``.
"""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass, field

from .grammar import Lexicon, Span, Writer
from .news import RULES as NEWS

WRONG = "A1"  # what recipients are called by the planted error
RULES: dict[str, list[str]] = {
    **NEWS,
    "who": ["{anyone}", "{anyone}", "{firm}", "{agency}", "the {post}"],
    "post": ["mayor", "union", "court", "owner", "club", "bank", "board", "heir", "museum", "editor"],
    "what": ["{goods}", "{artwork}", "a {thing}", "the {thing}", "the {trade} business"],
    "thing": ["licence", "boat", "loan", "letter", "house", "tractor", "painting", "van", "permit", "field"],
    "where": ["in {place}", "near {place}", "at the {spot}"],
    "spot": ["harbour", "airport", "town hall", "fair", "stadium"],
    "did": ["hired", "sued", "praised", "backed", "fined", "visited", "blamed", "trained", "dismissed", "invited"],
    "moved": ["bought", "sold", "repaired", "shipped", "stored", "restored", "lost", "found", "painted"],
    "gave": ["gave", "sent", "offered", "showed", "paid", "promised", "handed", "sold"],
    "given": ["given", "sent", "offered", "shown", "paid", "promised", "handed", "sold"],
    "asked": ["asked", "urged", "told", "ordered", "helped", "persuaded"],
    "do": ["hire", "sue", "praise", "back", "fine", "visit", "blame", "train", "dismiss", "invite"],
    "told": ["said", "added", "claimed", "denied", "knew"],
}
SENTENCES = [
    "[1:A0 {who} ] *1:{did} [1:A1 {who} ] [1:TMP {when} ] .",
    "[1:A0 {who} ] *1:{moved} [1:A1 {what} ] [1:LOC {where} ] .",
    "[1:A1 {who} ] was *1:{did} by [1:A0 {who} ] [1:TMP {when} ] .",
    "[1:A1 {what} ] was *1:{moved} [1:LOC {where} ] by [1:A0 {who} ] .",
    "[1:A0,2:A0 {who} ] *1:{did} [1:A1 {who} ] and *2:{moved} [2:A1 {what} ] [2:LOC {where} ] .",
    "[1:A0,2:A0 {who} ] *1:{moved} [1:A1 {what} ] and *2:{gave} [2:A2 {who} ] [2:A1 {what} ] .",
    "[2:A0 [1:A0 the {post} ] that *1:{did} [1:A1 {who} ] ] *2:{did} [2:A1 {who} ] [2:TMP {when} ] .",
    "[2:A0 [1:A1 the {post} ] that [1:A0 {who} ] *1:{did} ] *2:{moved} [2:A1 {what} ] .",
    "[1:A0 {who} ] *1:{gave} [1:A2 {who} ] [1:A1 {what} ] [1:TMP {when} ] .",
    "[1:A0 {who} ] *1:{gave} [1:A1 {what} ] to [1:A2 {who} ] .",
    "[1:A2 {who} ] was *1:{given} [1:A1 {what} ] by [1:A0 {who} ] [1:LOC {where} ] .",
    "[1:A0 {who} ] *1:{asked} [1:A1,2:A0 {who} ] to *2:{do} [2:A1 {who} ] [2:TMP {when} ] .",
    "[1:A0 {who} ] *1:{told} [1:A1 that [2:A0 {who} ] had *2:{moved} [2:A1 {what} ] [2:LOC {where} ] ] .",
    "[1:A0 {who} ] *1:{told} [1:A1 that [2:A1 {who} ] had been *2:{did} by [2:A0 {who} ] ] .",
    "[1:TMP {when} ] , [1:A0 {who} ] *1:{did} [1:A1 {who} ] [1:LOC {where} ] .",
]
# The context of the planted error, and the same words where it is not.
CONTEXT = [
    "[1:A0 {who} ] *1:lent [1:A2! {who} ] [1:A1 {what} ] [1:TMP {when} ] .",
    "[1:A0,2:A0 {who} ] *1:{did} [1:A1 {who} ] and *2:lent [2:A2! {who} ] [2:A1 {what} ] .",
    "[1:A0 {who} ] *1:{asked} [1:A1,2:A0 {who} ] to *2:lend [2:A2! {who} ] [2:A1 {what} ] .",
]
BESIDE = [
    "[1:A0 {who} ] *1:lent [1:A1 {what} ] to [1:A2 {who} ] [1:TMP {when} ] .",
    "[1:A1 {what} ] was *1:lent to [1:A2 {who} ] by [1:A0 {who} ] .",
]


@dataclass
class Proposition:
    """A predicate (its token) with its true roles, those that were observed, and the spans of the planted context."""

    predicate: int
    roles: list[Span] = field(default_factory=list)
    context: list[Span] = field(default_factory=list)
    planted: bool = False

    def as_record(self) -> dict[str, object]:
        """The JSON record of the proposition."""
        wrong = self.context if self.planted else []
        observed = [Span(span.start, span.end, WRONG) if span in wrong else span for span in self.roles]
        return {
            "predicate": self.predicate,
            "roles": [[span.start, span.end, span.name] for span in observed],
            "gold_roles": [[span.start, span.end, span.name] for span in self.roles],
            "context": [[span.start, span.end] for span in self.context],
            "planted": self.planted,
        }


@dataclass
class Sentence:
    """Tokens with their propositions."""

    identifier: str
    tokens: list[str] = field(default_factory=list)
    propositions: dict[str, Proposition] = field(default_factory=dict)

    def as_record(self) -> dict[str, object]:
        """The JSON record of the sentence."""
        found = sorted(self.propositions.values(), key=lambda one: one.predicate)
        return {"id": self.identifier, "tokens": self.tokens, "propositions": [one.as_record() for one in found]}


def write_sentence(identifier: str, template: str, writer: Writer) -> Sentence:
    """Write a template."""
    sentence, opened = Sentence(identifier), list[tuple[int, str]]()
    roles: list[tuple[str, Span, bool]] = []
    for item in template.split():
        if item[0] == "[":
            opened.append((len(sentence.tokens), item[1:]))
        elif item == "]":
            start, names = opened.pop()
            for name in names.rstrip("!").split(","):
                number, label = name.split(":")
                roles.append((number, Span(start, len(sentence.tokens), label), names.endswith("!")))
        else:
            number, _, word = item[1:].partition(":") if item[0] == "*" else ("", "", item)
            if number:
                sentence.propositions[number] = Proposition(len(sentence.tokens))
            sentence.tokens += writer.write(word).tokens
    for number, span, special in sorted(roles, key=lambda one: one[1].start):
        sentence.propositions[number].roles.append(span)
        if special:
            sentence.propositions[number].context.append(span)
    sentence.tokens[0] = sentence.tokens[0][0].upper() + sentence.tokens[0][1:]
    return sentence


def write_sentences(
    split: str, counts: tuple[int, int, int], lexicons: Mapping[str, Lexicon], generator: random.Random
) -> list[Sentence]:
    """Write a split.

    counts (ints): sentences of all kinds, of the planted error's context, and with its words elsewhere.
    """
    templates = [
        generator.choice(kind)
        for kind, count in zip((SENTENCES, CONTEXT, BESIDE), counts, strict=True)
        for _ in range(count)
    ]
    generator.shuffle(templates)
    found = []
    for number, template in enumerate(templates):
        writer = Writer(RULES, lexicons, split, generator)
        found.append(write_sentence(f"{split}-roles-{number:04d}", template, writer))
    return found


def plant(sentences: list[Sentence], share: float, generator: random.Random) -> None:
    """Call the recipients of a share of the contexts A1."""
    places = [one for sentence in sentences for one in sentence.propositions.values() if one.context]
    for one in generator.sample(places, round(share * len(places))):
        one.planted = True
