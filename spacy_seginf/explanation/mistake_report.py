"""Wrong predictions as people read them: each with its account and its cause, and grouped by both."""

from __future__ import annotations

import hashlib
from collections import Counter
from dataclasses import asdict, dataclass, fields, replace
from shlex import quote
from typing import Any, Mapping, NamedTuple, Sequence

from ..crf.schemes import OUTSIDE, Entity
from ..rendering.text import tokens_of
from .account import Account
from .account_view import LINES, Line, rest_of
from .causes import CAUSES, SINGLE_TAGS, Cause
from .wrong_regions import KINDS

ACCOUNT = ("margin", "supporting", "opposing", *LINES)  # what JSON has of an account


class Piece(NamedTuple):
    """Text, and the type of the entity that it is ("" for none)."""

    text: str
    label: str


@dataclass(frozen=True)
class LabelInContext:
    """A training label. document, start, end: its place. context (str) with text at offset: what is written there."""

    document: str
    start: int
    end: int
    label: str
    text: str
    context: str
    offset: int

    @classmethod
    def of(cls, described: Mapping[str, Any]) -> LabelInContext:
        """Take what an index says of a label."""
        return cls(**{field.name: described[field.name] for field in fields(cls)})

    @property
    def parts(self) -> tuple[str, str, str]:
        """The context in three: before the text, the text, behind it."""
        end = self.offset + len(self.text)
        return self.context[: self.offset], self.context[self.offset : end], self.context[end:]

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.document}, {tokens_of(self.start, self.end)}"


@dataclass(frozen=True)
class Proposal:
    """What may put a training label right: tokens of a training document, their entities, and what these may be."""

    document: str
    start: int
    end: int
    words: tuple[str, ...]
    current: tuple[Entity, ...]
    proposed: tuple[Entity, ...]


@dataclass(frozen=True)
class FamilyInWords:
    """A family of training labels and its share in a mistake (nats): positive taught it, negative spoke against it.

    family (int): its number. size (int): labels. label (str): what they say. example: a typical one. reasons: what
    they share with the text of the mistake.
    """

    family: int
    size: int
    label: str
    share: float
    example: LabelInContext
    reasons: tuple[str, ...]


@dataclass(frozen=True)
class Mistake:
    """A wrong prediction, and why.

    document (str): id of its document. start, end (int): its tokens there. words (tuple of str): these, with the spaces
        behind them. before, behind (str): what is written around them.
    kind (str): "missed", "spurious", "wrong type", "moved boundary" or "type and boundary".
    predicted, gold (tuples of Entity): entities, numbered as in the document.
    account (Account): of the margin of what is predicted over what is annotated, given everything around it; families
        (tuple of FamilyInWords): those with the largest shares in it.
    cause (str): one of ``CAUSES``; because (str): what it was taken from, in a sentence.
    predicted_share, gold_share (float): of the training tokens nearest to where both differ, those that say what is
        predicted, and what is annotated.
    labels (tuple of LabelInContext): training labels to look at: near it, and they say what was predicted. proposals
        (tuple of Proposal): what may put them right, if they look wrong.

    >>> report = spacy_seginf.explain_errors("indexed", Path("more.spacy"))
    >>> all(one.predicted != one.gold and one.cause in report.causes for one in report.mistakes)
    True
    """

    document: str
    start: int
    end: int
    words: tuple[str, ...]
    before: str
    behind: str
    kind: str
    predicted: tuple[Entity, ...]
    gold: tuple[Entity, ...]
    account: Account
    families: tuple[FamilyInWords, ...]
    cause: str
    because: str
    predicted_share: float
    gold_share: float
    labels: tuple[LabelInContext, ...] = ()
    proposals: tuple[Proposal, ...] = ()

    @property
    def text(self) -> str:
        """What is written there."""
        return "".join(self.words).rstrip()

    @property
    def place(self) -> str:
        """Where it is, for people."""
        return f"{self.document}, {tokens_of(self.start, self.end)}"

    def pieces(self, entities: Sequence[Entity]) -> list[Piece]:
        """Cut the text into entities and what is between them."""
        found, place = [], self.start
        for one in (*entities, Entity(self.end, self.end, "")):
            for start, end, label in ((place, one.start, ""), (one.start, one.end, one.label)):
                if start < end:
                    found.append(Piece("".join(self.words[start - self.start : end - self.start]), label))
            place = one.end
        return found

    @property
    def rest(self) -> list[Line]:
        """What adds up to the margin beside the families, in words; see ``account_view.Account.rest``."""
        account = self.account
        return rest_of(account.supporting, account.opposing, [one.share for one in self.families], vars(account))

    @property
    def strongest(self) -> list[FamilyInWords]:
        """The first family on each side, where there is one, in the order of all."""
        first = {one.share > 0: one for one in reversed(self.families)}
        return [one for one in self.families if one is first[one.share > 0]]

    @property
    def id(self) -> str:
        """Names it, in a page and in every later run."""
        place = repr((self.document, self.start, self.end)).encode("utf8", "backslashreplace")
        return f"m{hashlib.sha256(place).hexdigest()[:10]}"

    @property
    def confusion(self) -> str:
        """Annotated and predicted types: "ORG as LOC", "PER as O", "LOC: moved boundary"."""
        wanted, found = (" + ".join(entity.label for entity in side) or OUTSIDE for side in (self.gold, self.predicted))
        return f"{wanted} as {found}" if wanted != found else f"{wanted}: {self.kind}"

    @property
    def plain(self) -> dict[str, Any]:
        """The mistake as plain values, which JSON can hold."""
        values = {**asdict(self), "id": self.id, "text": self.text, "confusion": self.confusion}
        values["account"] = {name: values["account"][name] for name in ACCOUNT}
        return values


@dataclass(frozen=True)
class MistakeReport:
    """Wrong predictions for a corpus, in its order.

    mistakes (tuple of Mistake). texts (int): that were predicted; right (int): entities (tags) that were right.
    pipeline, corpus (str): their names, for the commands that are proposed. entities (bool): whether these are what
        predictions are of; commands that put labels right are for them.
    decisions, train (str): the file that proposals were written to, and the training corpus; "" if not known.
    causes, kinds, confusions, documents (dict of str to list of Mistake): the mistakes in groups. advice(cause): what
        a cause means, what to do about it, and the command that does it.

    >>> report = spacy_seginf.explain_errors("indexed", Path("more.spacy"))
    >>> set(report.documents) == {one.document for one in report.mistakes}
    True
    >>> sum(len(mistakes) for mistakes in report.confusions.values()) == len(report)
    True
    """

    mistakes: tuple[Mistake, ...]
    texts: int
    right: int
    pipeline: str
    corpus: str
    entities: bool = True
    decisions: str = ""
    train: str = ""

    def __len__(self) -> int:
        return len(self.mistakes)

    @property
    def causes(self) -> dict[str, list[Mistake]]:
        """Mistakes by cause, those without any left out."""
        return self._grouped([one.cause for one in self.mistakes], list(CAUSES))

    @property
    def kinds(self) -> dict[str, list[Mistake]]:
        """Mistakes by kind, those without any left out."""
        return self._grouped([one.kind for one in self.mistakes], KINDS)

    @property
    def confusions(self) -> dict[str, list[Mistake]]:
        """Mistakes by annotated and predicted type, the most frequent first."""
        names = [one.confusion for one in self.mistakes]
        return self._grouped(names, [name for name, _ in Counter(names).most_common()])

    @property
    def documents(self) -> dict[str, list[Mistake]]:
        """Mistakes by document, in the order of the corpus."""
        names = [one.document for one in self.mistakes]
        return self._grouped(names, list(dict.fromkeys(names)))

    def advice(self, cause: str) -> Cause:
        """Say what a cause means, what to do about it, and the command that does it, for these files."""
        found = CAUSES[cause]
        command = found.command if self.entities or not found.command else SINGLE_TAGS
        if self.decisions and any(one.proposals for one in self.mistakes):  # they are written already
            command = "\n".join(line for line in command.splitlines() if "--decisions" not in line)
        for name, path in (("proposed.jsonl", self.decisions), ("TRAIN.spacy", self.train)):
            command = command.replace(name, quote(path).replace("{", "{{").replace("}", "}}")) if path else command
        return replace(found, command=command.format(pipeline=quote(self.pipeline), corpus=quote(self.corpus)))

    def _grouped(self, names: Sequence[str], order: Sequence[str]) -> dict[str, list[Mistake]]:
        groups = {name: [one for own, one in zip(names, self.mistakes) if own == name] for name in order}
        return {name: members for name, members in groups.items() if members}
