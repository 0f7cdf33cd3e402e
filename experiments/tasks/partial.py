"""Training where only some labels are known: F1 by the share of labels that is kept, of whole documents or of single
labels, for the CRF tagger and spaCy's ner over the same encoder.

    OMP_NUM_THREADS=1 python -m experiments.tasks.partial --data DIR [--quick]

By documents: all labels of some documents are known, and the others are left out. By labels: each annotated entity, and
each token outside, is known with this probability, and is missing ("-") otherwise. Both taggers sum missing labels out
or skip them in their own way; F1 is that on the development part after the last step.
"""

from __future__ import annotations

import random
from pathlib import Path
from typing import Any

import spacy
from spacy.tokens import Doc, DocBin, Span
from spacy.training import Corpus

from ..common.prepare import CACHE
from ..common.reporting import finish, one_thread, parse_arguments, print_table
from ..common.strangers import EMBEDDED, corpus_file
from .confidence import CONFIGS
from .training import config_of, trained

CORPORA = {EMBEDDED: 600, "wikigold": 400}
SHARES = (0.1, 0.3)
WAYS = ("documents", "labels")
QUICK_STEPS = 30


def kept(data: Path, corpus: str, way: str, share: float) -> Path:
    """Write a training part of which so many labels are known."""
    source = corpus_file(data, corpus, "train")
    target = CACHE / "corpora" / f"{corpus}_{way}{int(100 * share)}-{source.name}"
    draw, vocab, docs = random.Random(0), spacy.blank("en").vocab, DocBin(store_user_data=True)
    for doc in DocBin().from_disk(source).get_docs(vocab):
        if way == "documents":
            if draw.random() < share:
                docs.add(doc)
            continue
        inside = {token for ent in doc.ents for token in range(ent.start, ent.end)}
        ents = [ent for ent in doc.ents if draw.random() < share]
        known = {token for ent in ents for token in range(ent.start, ent.end)}
        known |= {token for token in range(len(doc)) if token not in inside and draw.random() < share}
        made = Doc(vocab, words=[token.text for token in doc], user_data=dict(doc.user_data))
        gaps: list[Any] = [made[token : token + 1] for token in range(len(made)) if token not in known]
        stay: list[Any] = [Span(made, ent.start, ent.end, label=ent.label_) for ent in ents]
        made.set_ents(stay, missing=gaps, default="outside")
        docs.add(made)
    docs.to_disk(target)
    return target


def main() -> None:
    arguments = parse_arguments(__doc__ or "")
    one_thread()
    found: dict[str, dict[str, float]] = {}
    for corpus, steps in CORPORA.items():
        dev = corpus_file(arguments.data, corpus, "dev")
        parts = {"all": corpus_file(arguments.data, corpus, "train")}
        parts |= {f"{way} {share:.0%}": kept(arguments.data, corpus, way, share) for share in SHARES for way in WAYS}
        for part, train in parts.items():
            scores = {}
            for component in ("crf_tagger", "ner"):
                config = config_of(*CONFIGS[component])
                nlp = spacy.load(trained(config, train, dev, 0, QUICK_STEPS if arguments.quick else steps))
                scores[component] = float(nlp.evaluate(list(Corpus(dev)(nlp)))["ents_f"] or 0.0)
            found[f"{corpus}, {part}"] = scores
            print(corpus, part, scores, flush=True)
    print_table(["labels that are known", "crf_tagger", "ner"], [[name, *one.values()] for name, one in found.items()])
    finish("tasks", {"partial": found}, quick=arguments.quick, rows=len(found), seeds=[0], parts=["partial"])


if __name__ == "__main__":
    main()
