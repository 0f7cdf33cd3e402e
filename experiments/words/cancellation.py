"""Do gradients of training labels cancel each other more in the last layer than in the first?

Yeh et al. 2022, "First is Better Than Last for Language Data Influence", prefer word embeddings because gradients at
the last layer are large and contradict each other. For the gradients g_k of training losses at a layer, this measures

    sum over k of |g_k|  /  |sum over k of g_k|

in two norms. With the Euclidean one it is the ratio of lengths, to which gradients that merely have nothing in common
contribute too: n orthogonal ones have sqrt(n), as those of n different words. With the sum of absolute values it is 1
where no two gradients disagree about the sign of any weight, and what exceeds 1 is cancellation alone.

    OMP_NUM_THREADS=1 python -m experiments.words.cancellation [--quick]
"""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field, replace
from typing import Any, Hashable, Optional, Sequence, cast

import numpy
import spacy
from spacy.language import Language

from spacy_seginf.attribution.method import Context, Texts
from spacy_seginf.attribution.stages import Stage, load_stages
from spacy_seginf.attribution.word_gradients import word_gradients
from spacy_seginf.influence.head import split
from spacy_seginf.influence.penalty import Penalty
from spacy_seginf.tagger.head import head_of

from ..common.annotated import entity_texts
from ..common.prepare import SEEDS, STEPS, checkpoint, corpus
from ..common.reporting import finish, one_thread, parse_arguments, print_table

CHUNK = 512  # gradients of the head written out at once
FIRST, LAST = "first layer: word embeddings", "last layer: W, bias and T"
WEIGHTS, BIAS, TRANSITIONS = "last layer: W", "last layer: bias", "last layer: T"


@dataclass
class Tally:
    """Norms of gradients that are added up, and their sum.

    norms (float64, 2): sums of the norms so far, by absolute values and Euclidean.
    total (dict of float64 arrays): the sum so far, by part of the layer, such as the row of a word.
    """

    norms: numpy.ndarray = field(default_factory=lambda: numpy.zeros(2))
    total: dict[Hashable, Any] = field(default_factory=lambda: defaultdict(float))

    def ratios(self) -> dict[str, float]:
        """Return the sum of norms over the norm of the sum, of single weights and of whole gradients."""
        total = numpy.concatenate([numpy.ravel(part) for part in self.total.values()])
        weights, vectors = self.norms / [numpy.abs(total).sum(), numpy.linalg.norm(total)]
        return {"weights": float(weights), "vectors": float(vectors)}


def cancellation(stages: Sequence[Stage], texts: Texts) -> dict[str, dict[str, float]]:
    """Measure cancellation among the gradients of the losses of segments, by layer.

    stages (sequence of Stage): gradients count as much as the learning rate of their stage says. texts (Texts).
    RETURNS: for each layer, the ratio of single "weights" (1: nothing cancels) and that of whole "vectors".
    """
    tallies: dict[str, Tally] = defaultdict(Tally)
    for stage in stages:
        _add_first(tallies, stage, texts)
        _add_last(tallies, stage, texts)
    return {name: tally.ratios() for name, tally in tallies.items()}


def _add_last(tallies: dict[str, Tally], stage: Stage, texts: Texts) -> None:
    factors = stage.factors(texts)
    for start in range(0, len(factors), CHUNK):
        gradients = factors.between(start, min(start + CHUNK, len(factors))).gradients() * stage.learn_rate
        weights, transitions = split(gradients, stage.head.labels)
        parts = {LAST: gradients, WEIGHTS: weights[..., :-1], BIAS: weights[..., -1], TRANSITIONS: transitions}
        for name, part in parts.items():
            rows = part.reshape(len(gradients), -1)
            norms = numpy.abs(rows).sum(), numpy.linalg.norm(rows, axis=1).sum()
            tallies[name].norms += norms
            tallies[name].total[name] += rows.sum(axis=0)


def _add_first(tallies: dict[str, Tally], stage: Stage, texts: Texts) -> None:
    squares: dict[str, numpy.ndarray] = defaultdict(lambda: numpy.zeros(len(texts)))
    for words in word_gradients(stage, stage.encoder(), texts):
        for number, (name, entries) in enumerate(zip(words.names, words.tables)):
            vectors = entries.vectors.astype(numpy.float64) * stage.learn_rate
            found = numpy.einsum("nd,nd->n", vectors, vectors)
            for layer in (FIRST, f"first layer: {name}"):
                numpy.add.at(squares[layer], entries.segments, found)
                tallies[layer].norms[0] += numpy.abs(vectors).sum()
                for key, vector in zip(entries.keys.tolist(), vectors):
                    tallies[layer].total[number, key] += vector
    for layer, own in squares.items():
        tallies[layer].norms[1] += numpy.sqrt(own).sum()


def documents(texts: Texts) -> Texts:
    """Return the same texts with whole documents as segments."""
    filled = numpy.flatnonzero(texts.data.lengths)
    return replace(texts, segments=texts.data.whole(filled))


def stages_of(nlp: Language, texts: Texts, checkpoints: Optional[str]) -> list[Stage]:
    """Load the stages of a training, or the pipeline as it is."""
    tagger: Any = nlp.get_pipe("crf_tagger")
    metric = cast(Any, None)  # which stages do not read
    return load_stages(Context(nlp, "crf_tagger", texts, head_of(tagger.model), Penalty(0.0), metric), checkpoints)


def main() -> None:
    arguments = parse_arguments(__doc__ or "", data=False)
    one_thread()
    seeds = SEEDS[:1] if arguments.quick else SEEDS
    found: dict[str, dict[str, dict[str, list[float]]]] = {}
    for seed in seeds:
        model = checkpoint("embedded", seed, None, steps=20 if arguments.quick else STEPS["embedded"])
        nlp = spacy.load(model)
        texts = entity_texts(nlp, corpus(None, "train"), 60 if arguments.quick else None)
        folders: dict[str, Optional[str]] = {"finished": None}
        if not arguments.quick:  # which is too short for checkpoints
            folders["training"] = str(model.parent / "checkpoints")
        for units, part in (("entities", texts), ("documents", documents(texts))):
            for when, folder in folders.items():
                for layer, ratios in cancellation(stages_of(nlp, texts, folder), part).items():
                    for kind, value in ratios.items():
                        by_layer = found.setdefault(f"{units}, {when}", {}).setdefault(layer, {})
                        by_layer.setdefault(kind, []).append(value)
    table = [
        [group, layer, *(float(numpy.mean(ratios[kind])) for kind in ("weights", "vectors"))]
        for group, layers in found.items()
        for layer, ratios in layers.items()
    ]
    print_table(["losses of", "gradients at", "weights", "vectors"], table)
    quotients = {
        f"last_over_first_{kind}": {
            group: float(numpy.mean(numpy.divide(layers[LAST][kind], layers[FIRST][kind])))
            for group, layers in found.items()
        }
        for kind in ("weights", "vectors")
    }
    finish("cancellation", {**quotients, "ratios": found}, quick=arguments.quick, rows=len(texts), seeds=seeds)


if __name__ == "__main__":
    main()
