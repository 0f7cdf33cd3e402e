"""A systematic error in the tags of a corpus: does the first family of labels that explains its victims hold it, and do
rankings of label issues find it?

    OMP_NUM_THREADS=1 python -m experiments.tasks.planted_tags --data DIR [--quick]

In UD English EWT, most occurrences of one word form behind one other word get a wrong part of speech (which pair of
words is drawn by the seed). A tagger learns it; victims are tokens of the development and test parts that it gets wrong
in this way. The family that an explanation shows first is a hit if 30 % of its labels were planted. Beside it: as many
labels of the same tag that are nearest to the victim, and as many at random.
"""

from __future__ import annotations

import gzip
import json
import random
from collections import Counter
from pathlib import Path
from typing import Any, Sequence

import numpy
import spacy
from spacy.tokens import Doc, DocBin

from spacy_seginf.api.index import build_index
from spacy_seginf.api.rank import find_label_issues
from spacy_seginf.explanation.loading import load_indexed

from ..common.prepare import CACHE, SEEDS
from ..common.reporting import finish, one_thread, parse_arguments, print_table
from .culprits import Culprits, means
from .parts_of_speech import config, corpus_of_tags
from .training import trained

STEPS, QUICK_STEPS = 500, 60
LEAST, MOST_SHARE = 60, 0.5  # occurrences of a pair of words, and the most of its second word's that they may be
CHANGED = 0.8  # share of the occurrences that get the wrong tag
CLEAR = 0.9  # share of a form's occurrences that have its usual tag
LOOKED_AT = (100, 200)
Place = tuple[str, int]  # document, token


def plant(records: Sequence[dict[str, Any]], seed: int) -> tuple[tuple[str, str], str, str, set[Place]]:
    """Change tags in place. RETURNS: the two words, the right tag, the wrong one, and the changed places."""
    pairs: dict[tuple[str, str], list[tuple[dict[str, Any], int]]] = {}
    forms: Counter[str] = Counter()
    for record in records:
        words = [word.lower() for word in record["tokens"]]
        forms.update(words)
        for token in range(1, len(words)):
            pairs.setdefault((words[token - 1], words[token]), []).append((record, token))
    known = []
    for pair, places in sorted(pairs.items()):
        tags = Counter(record["labels"][token] for record, token in places)
        (tag, count), alpha = tags.most_common(1)[0], pair[0].isalpha() and pair[1].isalpha()
        if alpha and LEAST <= len(places) <= MOST_SHARE * forms[pair[1]] and count >= CLEAR * len(places):
            known.append((pair, tag))
    draw = random.Random(seed)
    pair, right = draw.choice(known)
    wrong = draw.choice([tag for tag in ("NOUN", "ADV", "ADJ", "PROPN") if tag != right])
    changed = set()
    for record, token in pairs[pair]:
        if record["labels"][token] == right and draw.random() < CHANGED:
            record["labels"][token] = wrong
            changed.add((record["id"], token))
    return pair, right, wrong, changed


def planted_corpus(data: Path, seed: int) -> tuple[Path, tuple[str, str], str, str, set[Place]]:
    """Write the training part with the planted tags."""
    with gzip.open(data / "ud_ewt" / "train.jsonl.gz", "rt", encoding="utf8") as lines:
        records = [json.loads(line) for line in lines]
    pair, right, wrong, changed = plant(records, seed)
    target = CACHE / "corpora" / f"planted_tags{seed}-{'-'.join(pair)}-{wrong}.spacy"
    vocab, docs = spacy.blank("en").vocab, DocBin(attrs=["ORTH", "SPACY", "TAG", "POS"], store_user_data=True)
    for record in records:
        tags = record["labels"]
        docs.add(Doc(vocab, words=record["tokens"], tags=tags, pos=tags, user_data={"id": record["id"]}))
    docs.to_disk(target)
    return target, pair, right, wrong, changed


def measure(data: Path, seed: int, steps: int) -> dict[str, Any]:
    train, pair, right, wrong, changed = planted_corpus(data, seed)
    dev, test = (corpus_of_tags(data, split) for split in ("dev", "test"))
    model = trained(config("crf_tagger"), train, dev, seed, steps)
    indexed = model.parent / "indexed"
    if not indexed.exists():
        build_index(str(model), train, indexed, dev=dev)
    nlp, influence = load_indexed(str(indexed))
    influence.families = 3
    accountant = influence.sources().accountant
    assert accountant is not None
    places = accountant.index.segments_at(accountant.evidence.tokens, accountant.evidence.lengths)
    held = numpy.array([_named(accountant, one) in changed for one in places.tolist()])
    culprits = Culprits(influence, held)
    rows: list[dict[str, float]] = []
    for path in (dev, test):
        for gold in DocBin().from_disk(path).get_docs(nlp.vocab):
            words = [token.lower_ for token in gold]
            asked = [n for n in range(1, len(gold)) if (words[n - 1], words[n]) == pair and gold[n].pos_ == right]
            if not asked:
                continue
            with influence.paused():
                doc = nlp(Doc(nlp.vocab, words=[token.text for token in gold]))
            for token in (n for n in asked if doc[n].pos_ == wrong):
                span = doc[token : token + 1]
                rows.append(culprits.behind(doc, span, wrong, influence.explain(doc, span, wrong).account))
    ranking = find_label_issues(str(indexed), train, indexed.parent / "issues.jsonl", top=LOOKED_AT[-1])
    hits = [any((one.document, token) in changed for token in range(one.start, one.end)) for one in ranking.issues]
    result: dict[str, Any] = {"pair": " ".join(pair), "right": right, "wrong": wrong, "planted": len(changed)}
    result |= {"victims": len(rows), **means(rows)}
    return {**result, **{f"ranked_{count}": sum(hits[:count]) for count in LOOKED_AT}}


def _named(accountant: Any, place: Sequence[int]) -> Place:
    return accountant.index.place(place[0], place[1])  # type: ignore[no-any-return]


def main() -> None:
    arguments = parse_arguments(__doc__ or "")
    one_thread()
    steps, seeds = (QUICK_STEPS, SEEDS[:1]) if arguments.quick else (STEPS, SEEDS)
    found = []
    for seed in seeds:
        found.append(measure(arguments.data, seed, steps))
        print(found[-1], flush=True)
    print_table(list(found[0]), [list(one.values()) for one in found])
    hits = [one["hit"] for one in found if one["victims"]]
    figures = {"planted_tag_first": float(numpy.mean(hits)) if hits else None, "planted_tags": found}
    finish("tasks", figures, quick=arguments.quick, rows=len(seeds), seeds=seeds, parts=["planted tags"])


if __name__ == "__main__":
    main()
