"""Label issues in invented texts, and annotators who answer them."""

from __future__ import annotations

from dataclasses import dataclass, replace

from hypothesis import strategies

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.issues import LabelIssue, Ranking
from spacy_seginf.curation.records import Decision, issue_id

LABELS = ("PER", "LOC", 'R&D <"x">')
WORDS = [
    "Osted",
    "Ada Lind",
    "São",
    "🚀",
    "👨🏻\u200d🚒",
    "=1+1",
    "-5",
    "'",
    '"',
    "<b>",
    "\\n",
    ".",
    " ",
    "\n",
    "\r\n",
    "\u00a0",
    "",
    "\x00",
    "\ud800",
    "שלום",
]
CORPUS = "c" * 64
CHOICES = ("accept", "keep", "skip", "leave", "untouched")


@dataclass(frozen=True)
class Case:
    """A label issue, what an annotator does with it, and the entities that this leaves in the window."""

    issue: LabelIssue
    choice: str
    left: tuple[Entity, ...]


def make(words, spaces, entities, region, suggested, first=0, document="news-0", **others):
    """Make a label issue; entities and region are numbered as in the document."""
    start, end = region
    current = tuple(entity for entity in entities if start <= entity.start and entity.end <= end)
    identifier = issue_id(document, start, end, current)
    values = {"words": tuple(words), "spaces": tuple(spaces), "first": first, "entities": tuple(entities), **others}
    place = (identifier, document, start, end, "relabel", current, tuple(suggested))
    return LabelIssue(*place, 1.5, 0.1, 0.8, **values)


def example(emoji="🚀", **others):
    """Make a label issue of "Ada Lind met 🚀 Veltra in Osted ." in which Veltra is a PER and may be a LOC."""
    words = ["Ada", "Lind", "met", emoji, "Veltra", "in", "Osted", "."]
    entities = [Entity(10, 12, "PER"), Entity(14, 15, "PER"), Entity(16, 17, "LOC")]
    spaces = [True] * 6 + [False, True]
    settings = {"first": 10, "document": "=news", **others}
    return make(words, spaces, entities, (14, 15), [Entity(14, 15, "LOC")], **settings)


def ranking_of(*issues):
    return Ranking(tuple(issues), CORPUS, LABELS)


def expected(case, ranking, reviewer, time):
    """Find the decision by trying all regions around the issue's; None for what decides nothing."""
    one = case.issue
    if case.choice == "untouched":
        return None
    start, end, left, choice = one.start, one.end, set(case.left), case.choice
    if choice != "leave":
        left = set(one.entities)
    last = one.first + len(one.words)
    changed = left ^ set(one.entities)
    regions = [(a, b) for a in range(one.first, start + 1) for b in range(end, last + 1)]
    _, start, end = min((b - a, a, b) for a, b in regions if _holds(a, b, changed, left | set(one.entities)))
    current = tuple(sorted(entity for entity in one.entities if start <= entity.start and entity.end <= end))
    entities = tuple(sorted(entity for entity in left if start <= entity.start and entity.end <= end))
    if choice == "accept":
        entities = tuple(sorted(one.suggested))
    elif choice in ("keep", "skip"):
        entities = ()
    elif (start, end) == (one.start, one.end) and entities == tuple(sorted(one.suggested)):
        choice = "accept"
    elif (start, end) == (one.start, one.end) and entities == current:
        choice, entities = "keep", ()
    else:
        choice = "label"
    words = one.words[start - one.first : end - one.first]
    found = Decision(one.id, one.document, start, end, words, current, choice, entities)
    return replace(found, reviewer=reviewer, time=time, corpus=ranking.corpus)


def _holds(start, end, changed, entities):
    whole = all(start <= entity.start and entity.end <= end for entity in changed)
    return whole and not any(
        entity.start < end and start < entity.end and not (start <= entity.start and entity.end <= end)
        for entity in entities
    )


@strategies.composite
def entities_in(draw, start, end):
    """Draw entities that don't overlap."""
    found, position = [], start
    while position < end:
        if draw(strategies.booleans()):
            stop = draw(strategies.integers(position + 1, min(end, position + 3)))
            found.append(Entity(position, stop, draw(strategies.sampled_from(LABELS))))
            position = stop
        else:
            position += 1
    return tuple(found)


@strategies.composite
def cases(draw, document="news-0"):
    """Draw a label issue and an answer: often what was annotated or suggested, else edits anywhere in the window."""
    words = draw(strategies.lists(strategies.sampled_from(WORDS), min_size=1, max_size=8))
    spaces = draw(strategies.lists(strategies.booleans(), min_size=len(words), max_size=len(words)))
    first = draw(strategies.sampled_from([0, 7]))
    last = first + len(words)
    entities = draw(entities_in(first, last))
    borders = [place for place in range(first, last + 1) if not any(one.start < place < one.end for one in entities)]
    start = draw(strategies.sampled_from(borders[:-1]))
    end = draw(strategies.sampled_from([place for place in borders if place > start]))
    current = tuple(entity for entity in entities if start <= entity.start and entity.end <= end)
    suggested = draw(entities_in(start, end).filter(lambda found: found != current))
    issue = make(words, spaces, entities, (start, end), suggested, first, document)
    others = tuple(entity for entity in entities if entity not in issue.current)
    lefts = [entities_in(first, last), strategies.just(entities), strategies.just((*others, *suggested))]
    inside = entities_in(start, end).map(lambda found: (*others, *found))
    left = draw(strategies.one_of(*lefts, inside))
    return Case(issue, draw(strategies.sampled_from(CHOICES)), tuple(sorted(left)))
