"""A reading test of explanations: which lists help a person who sees a wrong prediction?

    python -m experiments.methods.reading write FOLDER NAME=PIPELINE=DEV.spacy ... [--count 15] [--seed 0]
    python -m experiments.methods.reading score FOLDER

``write`` draws wrong predictions of each indexed pipeline on its development texts, and writes three unnamed lists of
five rows for each, in random order: families of training labels, single effects, and nearest neighbours. All rows look
alike: relation, label, the labelled words in their context, a reason. The key lies beside, in key.json. Readers who
have not seen it write marks-NAME.json: {"1a": "useful", "1b": "puzzling", "1c": "misleading", ...}, and ``score``
counts them.
"""

from __future__ import annotations

import argparse
import json
import random
from itertools import combinations
from pathlib import Path
from typing import Any, Sequence

import numpy
from spacy.tokens import Doc, DocBin, Span

from spacy_seginf.attribution.nearest_neighbours import SegmentNN
from spacy_seginf.explanation.influence import Influence
from spacy_seginf.explanation.loading import load_indexed
from spacy_seginf.explanation.reference_view import Reference
from spacy_seginf.explanation.views import Influencers
from spacy_seginf.rendering.text import visible
from spacy_seginf.tagger.encoding import read_as

from ..common.reporting import finish, print_table

LISTS = ("families", "effects", "neighbours")
MARKS = ("useful", "puzzling", "misleading")
ROWS = 5
AROUND = 8  # words of the text on each side


def lists_of(influence: Influence, doc: Doc, entity: Span) -> dict[str, list[str]]:
    """Return five rows of each list for a prediction."""
    found = entity._.influencers
    method, influence.method = influence.method, SegmentNN(labels="signed")
    try:
        near = influence.explain(doc, entity, entity.label_)
    finally:
        influence.method = method
    return {
        "families": [
            _row(one.example, one.supports, one.reasons) for one in found.families[:ROWS]
        ],  # in the order in which users see them
        "effects": _strongest(found, lambda one: abs(one.effect)),
        "neighbours": _strongest(near, lambda one: abs(one.score)),
    }


def _strongest(found: Influencers, size: Any) -> list[str]:
    chosen = sorted([*found.supporting, *found.opposing], key=lambda one: -size(one))[:ROWS]
    return [_row(one, one.supports, one.reasons) for one in chosen]


def _row(reference: Reference, supports: bool, reasons: Sequence[str]) -> str:
    before, text, behind = (visible(part) for part in reference.context_parts)
    plain = [reason.split(" (")[0] for reason in reasons]  # no counts: they would tell the lists apart
    relation = "supports" if supports else "opposes"
    return f"{relation:8}  {reference.label:6} {before[-40:]:>40}[{text}]{behind[:30]}   ({'; '.join(plain)})"


def wrong_predictions(gold: Doc, doc: Doc) -> list[Span]:
    """List the predicted entities that the annotation does not have."""
    right = {(ent.start, ent.end, ent.label_) for ent in gold.ents}
    return [ent for ent in doc.ents if (ent.start, ent.end, ent.label_) not in right]


def write(folder: Path, sources: Sequence[str], count: int, seed: int) -> None:
    """Write lists.txt and key.json."""
    folder.mkdir(parents=True, exist_ok=True)
    draw, key, lines, number = random.Random(seed), {}, [], 0
    for source in sources:
        name, pipeline, texts = source.split("=")
        nlp, influence = load_indexed(pipeline)
        influence.families = influence.top_k = ROWS
        asked = []
        for gold in DocBin().from_disk(texts).get_docs(nlp.vocab):
            doc = nlp(read_as(nlp, gold))
            asked += [(gold, doc, entity) for entity in wrong_predictions(gold, doc)]
        for gold, doc, entity in draw.sample(asked, min(count, len(asked))):
            number += 1
            lists, order = lists_of(influence, doc, entity), draw.sample(LISTS, len(LISTS))
            key[str(number)] = {"corpus": name, **dict(zip("abc", order))}
            before, behind = doc[max(entity.start - AROUND, 0) : entity.start], doc[entity.end : entity.end + AROUND]
            over = [ent for ent in gold.ents if ent.start < entity.end and entity.start < ent.end]
            right = ", ".join(f"{ent.text} {ent.label_}" for ent in over) or "nothing"
            text = visible(f"{before.text} [{entity.text}] {behind.text}")
            lines += [f"## {number}. {text}", f"predicted {entity.label_}; right is: {visible(right)}"]
            for letter, chosen in zip("abc", order):
                lines += [f"  {number}{letter}", *(f"    {row}" for row in lists[chosen])]
            lines.append("")
    (folder / "lists.txt").write_text("\n".join(lines), encoding="utf8")
    (folder / "key.json").write_text(json.dumps(key, indent=1), encoding="utf8")


def score(folder: Path, quick: bool) -> None:
    """Count the marks of all readers, and how far they agree (Cohen's kappa over all lists)."""
    key = json.loads((folder / "key.json").read_text(encoding="utf8"))
    readers = {path.stem: json.loads(path.read_text(encoding="utf8")) for path in sorted(folder.glob("marks-*.json"))}
    rows, figures = [], {}
    for name in LISTS:
        marks = [
            given[f"{number}{letter}"]
            for given in readers.values()
            for number, order in key.items()
            for letter in "abc"
            if order[letter] == name
        ]
        rows.append([name, len(marks), *(sum(mark == one for mark in marks) / len(marks) for one in MARKS)])
        figures[f"useful_{name}"] = rows[-1][2]
        figures[f"misleading_{name}"] = rows[-1][4]
    print_table(["list", "marks", *MARKS], rows)
    places = [f"{number}{letter}" for number in key for letter in "abc"]
    kappas = [
        _kappa([one[p] for p in places], [other[p] for p in places]) for one, other in combinations(readers.values(), 2)
    ]
    figures["kappa"] = float(numpy.mean(kappas)) if kappas else None
    figures["predictions"] = len(key)
    finish("reading", figures, quick=quick, rows=len(places), seeds=[0])


def _kappa(one: Sequence[str], other: Sequence[str]) -> float:
    agreed = float(numpy.mean([left == right for left, right in zip(one, other)]))
    chance = sum(one.count(mark) * other.count(mark) for mark in MARKS) / len(one) ** 2
    return (agreed - chance) / (1.0 - chance) if chance < 1 else 1.0


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    commands = parser.add_subparsers(dest="command", required=True)
    writing, scoring = commands.add_parser("write"), commands.add_parser("score")
    writing.add_argument("folder", type=Path)
    writing.add_argument("sources", nargs="+", metavar="NAME=PIPELINE=DEV.spacy")
    writing.add_argument("--count", type=int, default=15, help="wrong predictions of each pipeline")
    writing.add_argument("--seed", type=int, default=0)
    scoring.add_argument("folder", type=Path)
    scoring.add_argument("--quick", action="store_true", help="fewer than the 60 predictions that count")
    arguments = parser.parse_args()
    if arguments.command == "write":
        write(arguments.folder, arguments.sources, arguments.count, arguments.seed)
    else:
        score(arguments.folder, arguments.quick)


if __name__ == "__main__":
    main()
