"""How many words of a text does TracIn-WE need? The paper's top-k variant beside all words.

Yeh et al. 2022, "First is Better Than Last for Language Data Influence", keep of each text the k words with the
strongest gradients (TracIn-WE-Topk). This measures, for entities of test texts, how like the full scores those are, and
what they cost; the figure goes to docs/top_words.png.

    OMP_NUM_THREADS=1 python -m experiments.words.top_words [--quick]
"""

from __future__ import annotations

import time
from dataclasses import replace
from pathlib import Path
from typing import Any, Optional, Sequence, cast

import numpy
import spacy
from scipy.stats import spearmanr
from spacy.language import Language

from spacy_seginf.attribution.method import Context, Texts
from spacy_seginf.attribution.tracin_we import TracInWE
from spacy_seginf.influence.penalty import Penalty
from spacy_seginf.tagger.head import head_of

from ..common.annotated import entity_texts
from ..common.prepare import SEEDS, STEPS, checkpoint, corpus
from ..common.reporting import ROOT, finish, one_thread, parse_arguments, print_table

LIMITS = (1, 2, 5, 10, 20, 50)
QUERIES, TOP = 100, 10
FIGURES = ("top_overlap", "rank_correlation", "first_agrees", "bytes_per_segment", "query_ms")


def measure(
    nlp: Language, training: Texts, queries: Texts, limits: Sequence[int], checkpoints: Optional[str] = None
) -> dict[str, dict[str, float]]:
    """Compare the scores of so many words of either text with those of all words.

    limits (sequence of int): how many words. checkpoints (Optional[str]): folder of a CheckpointLogger.
    RETURNS: by limit, and for "all": top_overlap, the mean share of the 10 strongest references, by absolute value,
        that are the same; rank_correlation, the mean of Spearman's over all training segments; first_agrees, the share
        of queries with the same strongest reference; bytes_per_segment; query_ms, milliseconds of a query.
    """
    tagger: Any = nlp.get_pipe("crf_tagger")
    head, metric = head_of(tagger.model), cast(Any, None)  # the latter is not read
    context = Context(nlp, "crf_tagger", training, head, Penalty(0.0), metric)
    found: dict[str, dict[str, float]] = {}
    full = numpy.zeros(0)
    for limit in (None, *limits):
        ready = TracInWE(checkpoints, kept=limit, asked=limit, bytes_per_segment=None).prepare(context)
        started = time.perf_counter()
        scores = ready.scores(queries)
        milliseconds = 1e3 * (time.perf_counter() - started) / len(queries)
        full = scores if limit is None else full
        found["all" if limit is None else str(limit)] = {
            **agreement(scores, full),
            "bytes_per_segment": ready.bytes_per_segment,
            "query_ms": milliseconds,
        }
    return found


def agreement(scores: numpy.ndarray, full: numpy.ndarray, top: int = TOP) -> dict[str, float]:
    """Compare scores (float64, queries x training segments) with the full ones, as ``measure`` says."""
    mine, theirs = (numpy.argsort(-numpy.abs(values), axis=1, kind="stable")[:, :top] for values in (scores, full))
    shared = [len(set(one) & set(other)) / len(other) for one, other in zip(mine.tolist(), theirs.tolist())]
    ranks = [float(spearmanr(one, other).statistic) for one, other in zip(scores, full) if one.any() and other.any()]
    return {
        "top_overlap": float(numpy.mean(shared)),
        "rank_correlation": float(numpy.mean(ranks)),
        "first_agrees": float((mine[:, 0] == theirs[:, 0]).mean()),
    }


def plot(figures: dict[str, dict[str, float]], path: Path) -> None:
    """Draw agreement with the full scores, and bytes, against the number of words."""
    from matplotlib import pyplot

    limits = [name for name in figures if name != "all"]
    numbers = [int(name) for name in limits]
    figure, (left, right) = pyplot.subplots(1, 2, figsize=(8, 3), constrained_layout=True)
    lines = {"top_overlap": (f"the {TOP} strongest that are the same", "o-"), "first_agrees": ("same first", "s--")}
    for name, (label, style) in {**lines, "rank_correlation": ("Spearman", "^:")}.items():
        left.plot(numbers, [figures[limit][name] for limit in limits], style, label=label)
    left.set(xscale="log", xlabel="words of either text", ylabel="agreement with all words", ylim=(0, 1.02))
    left.legend()
    right.plot(numbers, [figures[limit]["bytes_per_segment"] for limit in limits], "o-", label="k words")
    right.axhline(figures["all"]["bytes_per_segment"], linestyle="--", color="grey", label="all words")
    right.set(xscale="log", xlabel="words of either text", ylabel="bytes a training segment", ylim=(0, None))
    right.legend()
    figure.savefig(path, dpi=130)
    pyplot.close(figure)


def main() -> None:
    arguments = parse_arguments(__doc__ or "", data=False)
    one_thread()
    seeds = SEEDS[:1] if arguments.quick else SEEDS
    by_seed = []
    for seed in seeds:
        model = checkpoint("embedded", seed, None, steps=20 if arguments.quick else STEPS["embedded"])
        nlp = spacy.load(model)
        training = entity_texts(nlp, corpus(None, "train"), 60 if arguments.quick else None)
        asked = entity_texts(nlp, corpus(None, "test"), 60 if arguments.quick else None)
        drawn = numpy.random.default_rng(seed).permutation(len(asked))[:QUERIES]
        queries = replace(asked, segments=asked.segments[drawn])
        checkpoints = None if arguments.quick else str(model.parent / "checkpoints")  # short runs have none
        by_seed.append(measure(nlp, training, queries, LIMITS, checkpoints))
    means = {
        limit: {name: float(numpy.mean([found[limit][name] for found in by_seed])) for name in FIGURES}
        for limit in by_seed[0]
    }
    print_table(["words", *FIGURES], [[limit, *row.values()] for limit, row in means.items()])
    if not arguments.quick:
        plot(means, ROOT / "docs" / "top_words.png")
    finish("top_words", {"words": means, "by_seed": by_seed}, quick=arguments.quick, rows=len(training), seeds=seeds)


if __name__ == "__main__":
    main()
