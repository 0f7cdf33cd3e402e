"""Deletion with the whole pipeline trained anew: refits of the head leave out that the encoder has seen the labels.

A pipeline is trained on some documents, methods name segments for a few of its predictions, and the same training is
repeated without their labels. Trainings differ by more than what was deleted, so it is also repeated with other seeds
and nothing deleted: changes that are not larger than these are noise.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, Sequence

import numpy
import spacy
from spacy.language import Language
from spacy.tokens import Doc

from spacy_seginf.attribution.method import Context, Texts
from spacy_seginf.errors import Errors, SeginfError
from spacy_seginf.evaluation.attributing import attribute
from spacy_seginf.evaluation.deletion import SIDES, chosen_segments
from spacy_seginf.evaluation.intervals import estimate
from spacy_seginf.evaluation.method_blocks import MethodBlock
from spacy_seginf.evaluation.problem import draw_documents, predictions, problem_key, select, training_segments
from spacy_seginf.evaluation.refits import Refitter, key_of, rows_of
from spacy_seginf.evaluation.store import Store
from spacy_seginf.evaluation.trial import Progress
from spacy_seginf.explanation.influence import Influence
from spacy_seginf.explanation.method_explainer import IndexedDocs
from spacy_seginf.index.index import Index
from spacy_seginf.influence.choose import optimum
from spacy_seginf.influence.data import HeadData
from spacy_seginf.influence.effects import complete_labels
from spacy_seginf.influence.penalty import Penalty
from spacy_seginf.tagger.encoding import encode
from spacy_seginf.tagger.head import head_of, on_cpu

from .retraining import Retraining

SEED = 0  # of all trainings but the repeated ones
PIPELINE, CHECKPOINTS = "pipeline", "checkpoints"  # of the first training
NOTHING = numpy.zeros((0, 3), dtype=numpy.int64)


@dataclass(frozen=True)
class RetrainSettings:
    """documents (int): training documents, drawn. queries (int): predictions. k (int): segments deleted on each side.
    steps (int): updates of a training. repeats (int): trainings with other seeds. l2 (float): as in ``Settings``."""

    documents: int = 160
    queries: int = 5
    k: int = 50
    steps: int = 200
    repeats: int = 3
    l2: float = 10.0


def retrain_deletions(
    nlp: Language,
    influence: Influence,
    docs: Sequence[Doc],
    methods: Callable[[Path], Sequence[MethodBlock]],
    settings: RetrainSettings,
    folder: Path,
    *,
    progress: Progress = lambda work, **_: work,
    say: Callable[[str], None] = lambda _: None,
) -> dict[str, Any]:
    """Train without what methods name; see ``compare`` for arguments and errors. Each training is kept in the folder.

    methods (Callable): gives the methods, told where the checkpoints of the first training are.

    RETURNS: as plain values, for each method and side the changes of the queries' probabilities by training anew
        ("retrained") and by refitting the head alone ("refit"); under "noise" the changes that other seeds make.
    RAISES (ValueError): S111 if the tagger explains another component.
    """
    index = influence.explainer().index
    retraining = Retraining(nlp, influence.tagger_name, settings.steps)
    shared = "retraining", settings.documents, settings.queries, settings.steps, settings.l2
    folder = folder / problem_key(index, docs, shared)
    training = _training(nlp, influence, index, settings.documents)
    if settings.k > len(training):
        allowed = (
            f"There are {len(training)} training segments: delete fewer (--k), or take more documents (--documents)."
        )
        raise SeginfError(Errors.S103.format(setting="k", value=settings.k, allowed=allowed))
    base = _base(retraining, training, folder / "base", say)
    blocks = methods(folder / "base" / CHECKPOINTS)
    context = _context(base, retraining, training, index.penalty if index.manifest.l2 else Penalty(settings.l2))
    every = predictions(base, retraining.component(base), docs, context.head)
    drawn = numpy.random.default_rng(SEED).permutation(len(every))[: settings.queries]
    queries = select(every, numpy.sort(drawn))
    store = Store(folder)
    scored = attribute(context, blocks, {"queries": queries}, store, lambda name: say(f"Scored by {name}"))
    trainings = _Trainings(retraining, training, queries, store)
    chosen: dict[str, list[list[numpy.ndarray]]] = {}
    for block in blocks:
        sides = chosen_segments(scored[block.name]["queries"][0], [settings.k])
        chosen[block.name] = [[training.segments[own] for (own,) in side] for side in sides]
    seeds = range(SEED + 1, SEED + 1 + settings.repeats)
    wanted = [(own, SEED) for sides in chosen.values() for side in sides for own in side]
    trainings.run([*wanted, *((NOTHING, seed) for seed in seeds)], progress, say)
    before = numpy.exp(-retraining.losses(base, queries))
    noise = [numpy.exp(-trainings.losses(NOTHING, seed)) - before for seed in seeds]
    refitter = Refitter.of(context, queries)
    return {
        "settings": asdict(settings),
        "probabilities": before.tolist(),
        "methods": {
            name: {
                side: {
                    "retrained": _changes([trainings.losses(own, SEED) for own in by_query], before),
                    "refit": _changes(
                        [refitter.losses(rows_of(training.data, own))[0] for own in by_query],
                        numpy.exp(-refitter.losses(numpy.zeros(0, dtype=numpy.int64))[0]),
                    ),
                }
                for side, by_query in zip(SIDES, sides)
            }
            for name, sides in chosen.items()
        },
        "noise": {
            "by_seed": [changes.tolist() for changes in noise],
            "mean_absolute_change": float(numpy.abs(noise).mean()) if noise else None,
            "mean_by_seed": [float(changes.mean()) for changes in noise],
        },
    }


class _Trainings:
    """Trainings without some labels: each once, whichever method asks for it."""

    def __init__(self, retraining: Retraining, training: Texts, queries: Texts, store: Store) -> None:
        self._retraining, self._training, self._queries = retraining, training, queries
        self._log = store.refits("trainings")

    def run(self, wanted: Sequence[tuple[numpy.ndarray, int]], progress: Progress, say: Callable[[str], None]) -> None:
        """Train without each set of segments (int64, n x 3), with its seed, unless that is done."""
        left = {self._key(*task): task for task in wanted}
        left = {key: task for key, task in left.items() if key not in self._log.outcomes}
        if not left:
            return
        seconds = self._retraining.seconds(self._annotated(NOTHING))
        say(f"{len(left)} trainings of about {seconds:.0f} s each: {len(left) * seconds / 60:.0f} minutes")
        for key, (missing, seed) in progress(left.items(), desc="Trainings", total=len(left), unit="training"):
            trained = self._retraining.train(self._annotated(missing), seed)
            self._log.add(key, (self._retraining.losses(trained, self._queries), True))

    def losses(self, missing: numpy.ndarray, seed: int) -> numpy.ndarray:
        """Return the queries' losses after a training that was done."""
        return self._log.outcomes[self._key(missing, seed)][0]

    def _annotated(self, missing: numpy.ndarray) -> list[Doc]:
        return self._retraining.annotated(self._training, missing)

    def _key(self, missing: numpy.ndarray, seed: int) -> str:
        return f"{key_of(rows_of(self._training.data, missing))}-{seed}"


def _training(nlp: Language, influence: Influence, index: Index, count: int) -> Texts:
    """Draw documents of the index, with their labels and segments."""
    documents = draw_documents(index, count)
    rows = index.data.rows(documents)
    lengths = [index.data.lengths[number] for number in documents.tolist()]
    data = HeadData(index.data.features[rows], index.data.allowed[rows], lengths)
    indexed = IndexedDocs(index, nlp.vocab)
    docs = [indexed[number] for number in documents.tolist()]
    return Texts(docs, data, index.labels[rows], training_segments(influence, data, documents))


def _base(retraining: Retraining, training: Texts, folder: Path, say: Callable[[str], None]) -> Language:
    """Train on all labels, or load what was trained before."""
    if not folder.exists():
        seconds = retraining.seconds(retraining.annotated(training, NOTHING))
        say(
            f"A training takes about {seconds:.0f} s; there is one with all labels, and then one for each set of labels"
        )
        partial = folder.with_name(f".{folder.name}")
        partial.parent.mkdir(parents=True, exist_ok=True)
        documents = retraining.annotated(training, NOTHING)
        retraining.train(documents, SEED, checkpoints=partial / CHECKPOINTS).to_disk(partial / PIPELINE)
        partial.replace(folder)
    return spacy.load(folder / PIPELINE)


def _context(base: Language, retraining: Retraining, training: Texts, penalty: Penalty) -> Context:
    """Let methods learn from the base: its features, and its head at the optimum."""
    tagger = retraining.component(base)
    features = numpy.concatenate([on_cpu(rows) for rows in encode(base, tagger, training.docs)])
    data = HeadData(features, training.data.allowed, training.data.lengths)
    trained = head_of(tagger.model)
    if penalty.centre is not None:  # of another training
        penalty = Penalty(penalty.l2, trained)
    head, metric = optimum(data, trained, penalty)
    texts = Texts(training.docs, data, complete_labels(data, head), training.segments)
    return Context(base, retraining.tagger, texts, head, penalty, metric)


def _changes(losses: Sequence[numpy.ndarray], before: numpy.ndarray) -> dict[str, Any]:
    """Describe the changes of probability, of each query under what was deleted for it (losses: of all queries)."""
    after = numpy.array([own[number] for number, own in enumerate(losses)])
    changes = numpy.exp(-after) - before
    return {"by_query": changes.tolist(), **estimate(changes).within(-1.0, 1.0).as_dict()}
