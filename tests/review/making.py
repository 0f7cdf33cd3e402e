"""Rankings to review, from invented news."""

from __future__ import annotations

from dataclasses import replace

from spacy_seginf.crf.schemes import Entity
from spacy_seginf.curation.issues import LabelIssue, Ranking
from spacy_seginf.curation.records import issue_id

from ..conftest import read_annotated

LABELS = ("PER", "ORG", "LOC")
CORPUS = "c0ffee" * 10 + "beef"
LONG = "x" * 1_000_000
BIDI = "evil\u202etxt\u2066\u200b\u2028end"
MARKUP = "</script ><!--<script>window.__pwned=1</script>"
IMAGE = '<img src="http://elsewhere.example/x.png" onerror="window.__pwned=1">'
LINK = "javascript:window.__pwned=1"


def entities_in(text):
    """Read "[Ada Lind]/PER slept ." into words and entities."""
    words, tags = read_annotated(text)
    found = []
    for place, tag in enumerate(tags):
        if tag[0] == "B":
            end = next((other for other in range(place + 1, len(tags)) if tags[other][0] != "I"), len(tags))
            found.append(Entity(place, end, tag[2:]))
    return tuple(words), tuple(found)


def issue(text, start, end, suggested, *, document="news-0", first=0, score=1.0, kind="relabel", **more):
    """Make a label issue about words of a text (start, end), whose entities may be others (start, end, label).

    first (int): number that the first word has in its document.
    """
    words, entities = entities_in(text)
    shift = [Entity(entity.start + first, entity.end + first, entity.label) for entity in entities]
    current = tuple(entity for entity in shift if start + first <= entity.start < end + first)
    meant = tuple(Entity(begin + first, stop + first, label) for begin, stop, label in suggested)
    identifier = issue_id(document, start + first, end + first, current)
    values = {"words": words, "spaces": (True,) * len(words), "entities": tuple(shift), "first": first, **more}
    place = {"document": document, "start": start + first, "end": end + first}
    return LabelIssue(
        identifier,
        **place,
        kind=kind,
        current=current,
        suggested=meant,
        score=score,
        probability=0.02,
        suggested_probability=0.91,
        **values,
    )


def reference(text, label, context, effect, **more):
    """Make a reference or a mistake as the ranking has them."""
    place = {"document": "news-7", "start": 3, "end": 3 + len(text.split())}
    return (
        {"text": text, "label": label, "context": context, "offset": context.index(text), "effect": effect}
        | place
        | more
    )


def small_ranking():
    """A label issue of each kind, the first with evidence, and a family of four."""
    mistake = reference("Osted Rovers", "", "The Osted Rovers lost again .", -0.31, gold="ORG", predicted="LOC")
    del mistake["label"]
    against = reference("OSTED UNITED", "ORG", "5. OSTED UNITED 12 points", 0.0)
    del against["effect"]
    evidence = {
        "mistakes": (mistake,),
        "supporting": (
            reference("Pelham Bay", "LOC", "Snow fell in Pelham Bay .", -0.42),
            reference("Tarnby", "LOC", "The mayor of Tarnby resigned .", -0.12),
        ),
        "opposing": (reference("Tarnby Rovers", "ORG", "Tarnby Rovers signed Tomas Reyl .", 0.77),),
        "counterexamples": ({**against, "file": "train.conll", "line": 40},),
    }
    reasons = ("Held out, the tagger gives these labels 2 % and the suggested ones 91 %.", "The club is ORG 5 times.")
    alone = [
        issue(
            "Coach [Lena Farrow]/PER of [Osted United]/LOC praised [Ada Lind]/PER on Monday .",
            4,
            6,
            [(4, 6, "ORG")],
            document="news-10",
            first=20,
            score=5.25,
            reasons=reasons,
            file="train.conll",
            line=812,
            **evidence,
        ),
        issue("Nobody in [Monday]/LOC saw it .", 2, 3, [], document="news-11", kind="remove", score=4.0),
        issue("Shares of Norvik Steel rose .", 2, 4, [(2, 4, "ORG")], document="news-12", kind="add", score=3.5),
        issue(
            "She met Mira [Solano]/PER there .", 2, 4, [(2, 4, "PER")], document="news-13", kind="rebound", score=3.0
        ),
    ]
    texts = [
        "[Veltra]/LOC shares fell .",
        "[Veltra]/LOC hired nine .",
        "He left [Veltra]/LOC .",
        "Then [Veltra]/LOC closed .",
    ]
    family = []
    for number, text in enumerate(texts):
        place = next(place for place, word in enumerate(entities_in(text)[0]) if word == "Veltra")
        found = issue(
            text, place, place + 1, [(place, place + 1, "ORG")], document=f"news-2{number}", score=0.25 - number / 100
        )
        family.append(replace(found, family="Veltra LOC ORG"))
    return Ranking((*alone, *family), CORPUS, LABELS)


def large_ranking(count):
    """Many issues; each tenth is of one family, which comes last."""
    words = ["Tarnby", "Osted", "Veltra", "Harrow", "Pelham"]
    found = []
    for number in range(count):
        word = words[number % len(words)]
        one = issue(
            f"It rained in [{word}]/LOC on day {number} .",
            3,
            4,
            [(3, 4, "ORG")],
            document=f"news-{number}",
            score=10 - number / count,
        )
        if number % 10 == 9:  # fewer are expected to be wrong than at any other look
            one = replace(one, family="rain", score=0.9 / count)
        found.append(one)
    return Ranking(tuple(found), CORPUS, LABELS)


def hostile_ranking():
    """Everything that comes from a corpus tries to act: words, labels, ids, families, reasons, references."""
    words = (MARKUP, IMAGE, LINK, BIDI, LONG, "a\x00b\x07\x1b[31m", "\ud800", "&amp;<b>")
    labels = ("PER", MARKUP, "\u202e" + IMAGE)
    found = []
    for number in range(len(words)):
        suffix = f"{IMAGE}{BIDI}{number}"
        poison = {
            "text": MARKUP,
            "label": IMAGE,
            "context": f"{BIDI}{MARKUP}{LINK}",
            "offset": len(BIDI),
            "document": suffix,
            "start": 0,
            "end": 1,
            "gold": IMAGE,
            "predicted": MARKUP,
            "effect": -1.0,
        }
        current, suggested = Entity(number, number + 1, labels[1]), Entity(number, number + 1, labels[2])
        sides = "mistakes", "supporting", "opposing", "counterexamples"
        evidence = {side: ({**poison, "file": MARKUP, "line": 9},) for side in sides}
        found.append(
            LabelIssue(
                f"id{suffix}",
                suffix,
                number,
                number + 1,
                "relabel",
                (current,),
                (suggested,),
                9.0 - number if number < 6 else 0.3 - number / 100,
                0.1,
                0.9,
                family=MARKUP + BIDI if number > 5 else "",
                words=words,
                spaces=(True,) * len(words),
                entities=(current,),
                reasons=(MARKUP, IMAGE, LONG, BIDI),
                file=IMAGE,
                line=3,
                **evidence,
            )
        )
    return Ranking(tuple(found), CORPUS, labels)
