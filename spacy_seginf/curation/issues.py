"""Label issues: training labels that may be wrong, with what may be meant instead, and how people read them."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, field
from typing import Annotated, Any, ClassVar, Sequence

from pydantic import ConfigDict

from ..crf.schemes import ENTS, OUTSIDE, TARGETS, Entity
from ..frames import data_frame
from ..rendering.templates import template
from ..rendering.text import shorten, visible
from .changes import bracketed
from .fields import Entities, Evidence, Flag, Name, Number, Place, Text, one_of
from .looks import in_looks
from .regions import KINDS, kind_of, within

SHOWN = 20
AROUND = 6  # tokens shown on each side
WIDTH = 60
LONG = 8  # words: of longer regions only those at the edges of entities are shown
PLACE, READINGS = ("document", "start", "end", "text"), ("label", "suggestion", "suggested_text")
ROW = (*PLACE, *READINGS, "score", "kind", "family", "why")
NOTHING_FOUND = "There are no label issues."
ISSUE_SCORE = (
    "Score: -log p of the present labels against the suggested ones in nats, by all that is known of both. 0.69 is "
    "even odds, 2.3 nine to one. Decisions on labels like these and mistakes that were named raise or lower it. High "
    "is suspicious; it is no proof of an error."
)


@dataclass(frozen=True)
class LabelIssue:
    """A region of a training document whose labels may be wrong.

    id (str): the same for the same region and labels of the same document, in every ranking.
    document (str): id of the document. start, end (int): the region.
    kind (str): "relabel" (another type), "remove" (no entity), "add" (an entity where none is annotated), or "rebound"
        (other boundaries, maybe with another type).
    current, suggested (tuples of Entity): entities of the region as annotated, and as they may be meant.
    score (float): high is suspicious. probability, suggested_probability (float): p of the region's current and
        suggested labels given the labels outside, under a head that has not seen the document's labels.
    family (str): the same for issues that are the same mistake, as far as a program can tell; "" if alone.
    words (tuple of str), spaces (tuple of bool): tokens around the region, and whether a space follows each.
    first (int): number of the first of these words. entities (tuple of Entity): all annotated entities among them.
    reasons (tuple of str): why it is suspicious, in words.
    mistakes (tuple of dict): development errors that the labels support: text, context, offset, document, start,
        end, gold, predicted, effect (change of the error's log-odds if the labels were removed; negative supports).
    supporting, opposing (tuples of dict): training labels that support or oppose the current labels: text, label,
        document, start, end, context, offset, effect (the same sign convention).
    file (str), line (int): where the region comes from, if the corpus says so; line is 0 if it does not.
    counterexamples (tuple of dict): at most one place where the same words are annotated otherwise: text, label (a
        type, "O", or, of other boundaries, the words with their entities in brackets), document, start, end, context,
        offset, file, line.
    """

    __pydantic_config__: ClassVar = ConfigDict(extra="forbid")

    id: Name
    document: Text
    start: Place
    end: Place
    kind: Annotated[str, one_of(KINDS)]
    current: Entities
    suggested: Entities
    score: Number
    probability: Number
    suggested_probability: Number
    family: Text = ""
    words: tuple[Text, ...] = ()
    spaces: tuple[Flag, ...] = ()
    first: Place = 0
    entities: Entities = ()
    reasons: tuple[Text, ...] = ()
    mistakes: Evidence = ()
    supporting: Evidence = ()
    opposing: Evidence = ()
    file: Text = ""
    line: Place = 0
    counterexamples: Evidence = ()

    @property
    def region(self) -> tuple[str, ...]:
        """The tokens in question."""
        return self.words[self.start - self.first : self.end - self.first]


@dataclass(frozen=True)
class Ranking:
    """Label issues, the most suspicious first, and what they were found in.

    corpus (str): digest of the corpus, see ``corpus_digest``. labels (tuple of str): entity types of the tagger.
    scheme (str): "BIO", "BILUO" or "IO"; "TAG" if every token has a tag of its own. about (dict): settings and counts,
        for people.
    """

    issues: tuple[LabelIssue, ...]
    corpus: Name
    labels: tuple[Text, ...]
    scheme: Text = "BIO"
    about: dict[str, Any] = field(default_factory=dict)

    @property
    def target(self) -> str:
        """The name of what is annotated; see ``corpora.targets``."""
        return str(self.about.get("target") or TARGETS.get(self.scheme, ENTS))

    @property
    def rows(self) -> list[dict[str, Any]]:
        """The issues as plain data, a dict each, to be filtered and counted: document, start, end (tokens), text, label
        and suggestion (types; "O" for no entity), suggested_text (words of the suggested entities), score, kind, family
        and why."""
        return [_plain_row(one) for one in self.issues]

    def to_pandas(self) -> Any:
        """Return ``rows`` as a pandas DataFrame. RAISES (ValueError): S321 without pandas."""
        return data_frame(self.rows, ROW)

    def to_html(self, shown: int = SHOWN) -> str:
        """Return the first issues as a table. shown (int): how many, at most."""
        sizes, total = family_sizes(self), len(self.issues)
        counted = f"{total:,} issue{'s' * (total != 1)}"
        return template("ranking.html").render(
            counted=counted + (f", the first {shown} of them:" if total > shown else "") if total else NOTHING_FOUND,
            rows=[_row(one, sizes) for one in self.issues[:shown]],
            meaning=ISSUE_SCORE,
        )

    def _repr_html_(self) -> str:
        """What a notebook shows: the first issues."""
        return self.to_html()


def spoken(entities: Sequence[Entity]) -> str:
    """Name the types of some entities; "no entity" if there are none."""
    return " + ".join(one.label for one in entities) or "no entity"


def change_of(issue: LabelIssue) -> str:
    """Say what would change: "LOC -> ORG"."""
    change = f"{visible(spoken(issue.current))} -> {visible(spoken(issue.suggested))}"
    return f"{change}, other boundaries" if issue.kind == "rebound" else change


def described_change(issue: LabelIssue) -> str:
    """Say what would change: "LOC -> ORG", or "[Hague]/LOC -> [the Hague]/LOC"."""
    return " -> ".join(readings(issue.region, issue.start, issue.current, issue.suggested))


def readings(
    words: Sequence[str], first: int, current: Sequence[Entity], suggested: Sequence[Entity]
) -> tuple[str, str]:
    """Name two readings of a region: by their types, or, where boundaries differ, by its words with the entities in
    brackets. first (int): number of the first word."""
    both = (*current, *suggested)
    if kind_of(current, suggested) != "rebound" or len(within(first, first + len(words), both)) < len(both):
        return visible(spoken(current)), visible(spoken(suggested))
    one, other = (bracketed(words, first, side) for side in (current, suggested))
    if len(words) > LONG:
        near = {
            place - first + step for entity in both for place in (entity.start, entity.end - 1) for step in (-1, 0, 1)
        }
        for said in (one, other):
            said[:] = [
                word if place in near else "..."
                for place, word in enumerate(said)
                if place in near or place - 1 in near
            ]
    return " ".join(one), " ".join(other)


def looks_of(issues: Sequence[LabelIssue]) -> list[list[LabelIssue]]:
    """Put issues together that are read at one look, in the order in which they are read; see ``in_looks``."""
    looks = in_looks([one.family or None for one in issues], [one.score for one in issues])
    return [[issues[number] for number in look] for look in looks]


def family_sizes(ranking: Ranking) -> Counter[str]:
    """Count the members of each family, by its name."""
    return Counter(one.family for one in ranking.issues if one.family)


def _plain_row(one: LabelIssue) -> dict[str, Any]:
    labels = (" + ".join(entity.label for entity in side) or OUTSIDE for side in (one.current, one.suggested))
    words = (" ".join(one.words[entity.start - one.first : entity.end - one.first]) for entity in one.suggested)
    text, why = " ".join(one.region), "; ".join(one.reasons)
    values = one.document, one.start, one.end, text, *labels, " + ".join(words), one.score, one.kind, one.family, why
    return dict(zip(ROW, values))


def _row(one: LabelIssue, sizes: Counter[str]) -> dict[str, str]:
    first, last = one.start - one.first, one.end - one.first
    begin = max(0, first - AROUND)
    return {
        "score": f"{one.score:.2f}",
        "change": described_change(one),
        "before": shorten(_joined(one, begin, first), WIDTH),
        "text": shorten(_joined(one, first, last).rstrip(), WIDTH),
        "after": shorten((" " if _spaced(one, last - 1) else "") + _joined(one, last, last + AROUND), WIDTH),
        "family": f"{sizes[one.family]:,} alike" if one.family else "alone",
        "where": visible(f"{one.document}, token {one.start}" + (f" ({one.file}:{one.line})" if one.file else "")),
    }


def _joined(one: LabelIssue, start: int, end: int) -> str:
    words = one.words[start:end]
    return visible("".join(word + " " * _spaced(one, start + number) for number, word in enumerate(words)))


def _spaced(one: LabelIssue, number: int) -> bool:
    """True if a space follows a word; so it is where nothing is known of spaces."""
    return one.spaces[number] if 0 <= number < len(one.spaces) else True
