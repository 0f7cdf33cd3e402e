"""What all probabilities of a text add to ``nlp.pipe``, and the ten best sequences beside Viterbi's one, on CoNLL-2003.

    OMP_NUM_THREADS=1 python -m experiments.tasks.costs --data DIR [--quick]

Both of a ratio are measured in turn, by the time of the processor.
"""

from __future__ import annotations

import time
from pathlib import Path
from typing import Any

import numpy
import spacy
from spacy.tokens import Doc, DocBin

from spacy_seginf.crf import viterbi
from spacy_seginf.crf.k_best import k_best
from spacy_seginf.crf.lattice import lattice_of

from ..common.prepare import corpus
from ..common.reporting import finish, one_thread, parse_arguments
from .training import config_of, trained

STEPS, QUICK_STEPS = 500, 100
TIMED, REPEATS, K = 200, 9, 10


def costs(model: Path, path: Path) -> dict[str, float]:
    """Measure what asking for all probabilities adds to ``nlp.pipe``, and the k best sequences beside Viterbi."""
    nlp = spacy.load(model)
    words = [[token.text for token in doc] for doc in list(DocBin().from_disk(path).get_docs(nlp.vocab))[:TIMED]]
    ratios: dict[str, list[float]] = {"probability_overhead": [], "probability_overhead_by_token": []}
    kbest = []
    for _ in range(REPEATS):
        for found, ask in zip(ratios.values(), (_ask_arrays, _ask)):
            start = time.process_time()
            docs = list(nlp.pipe(Doc(nlp.vocab, words=one) for one in words))
            tagged = time.process_time()
            ask(docs)
            found.append((time.process_time() - tagged) / (tagged - start))
    docs = list(nlp.pipe(Doc(nlp.vocab, words=one) for one in words))
    batch = docs[0]._.probabilities._batch
    mask, lattice = batch.scheme.mask, lattice_of(batch.scheme, batch.emissions, batch.transitions, batch.lengths)
    for _ in range(REPEATS):
        once = _seconds(lambda: viterbi(batch.emissions, batch.transitions, batch.lengths, mask))
        kbest.append(_seconds(lambda: k_best(lattice.emissions, lattice.transitions, lattice.lengths, K)) / once)
    overheads = {name: float(numpy.median(found)) for name, found in ratios.items()}
    return {**overheads, "k_best_ratio": float(numpy.median(kbest))}


def _ask_arrays(docs: Any) -> list[Any]:
    """Ask for the same, the probabilities of tags as an array."""
    return [
        (doc._.probabilities.marginals, [ent._.probability for ent in doc.ents], doc._.sequence_probability)
        for doc in docs
    ]


def _ask(docs: Any) -> list[Any]:
    """Ask for the probabilities of all tokens, all entities and whole texts."""
    return [
        (
            [token._.label_probs for token in doc],
            [ent._.probability for ent in doc.ents],
            doc._.sequence_probability,
        )
        for doc in docs
    ]


def _seconds(work: Any) -> float:
    start = time.process_time()
    work()
    return time.process_time() - start


def main() -> None:
    arguments = parse_arguments(__doc__ or "")
    one_thread()
    train, dev = (corpus(arguments.data, split) for split in ("train", "dev"))
    config = config_of({"factory": "crf_tagger", "scheme": "BIO"}, "ents_f")
    model = trained(config, train, dev, 0, QUICK_STEPS if arguments.quick else STEPS)
    figures = costs(model, dev)
    print(figures)
    finish("tasks", figures, quick=arguments.quick, rows=TIMED, seeds=[0], parts=["costs"])


if __name__ == "__main__":
    main()
