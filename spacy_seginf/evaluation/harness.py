"""The evaluation harness: attribution methods compared by what happens when training labels are taken away.

For every seed, queries are drawn among the predictions of some texts, and halves of the training documents. All methods
answer the same queries; what they name is removed and the head is refit (``deletion``), and their sums of scores are
compared with refits on the halves (``datamodel``). With planted errors, their ranks are looked up (``planted_truth``).

Every finished unit is kept in a folder, so that an interrupted comparison goes on, and one with more methods, seeds, ks
or subsets repeats nothing.
"""

from __future__ import annotations

from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Callable, Optional, Sequence

import numpy
from spacy.language import Language
from spacy.tokens import Doc

from ..attribution.method import Texts
from ..errors import Errors, SeginfError
from ..explanation.influence import Influence
from .attributing import attribute
from .comparison import Comparison, combine
from .method_blocks import MethodBlock
from .planted_truth import planted_queries, planted_ranks
from .problem import draw_documents, places_of, predictions, problem_key, select, texts_key, training_context
from .store import Store
from .trial import Progress, Trial

PLANTED = "planted"
QUERIES = 0  # seed of the order in which predictions are drawn


@dataclass(frozen=True)
class Settings:
    """What is compared, and on how much. The defaults stand in the help of the command, too.

    documents (int): training documents, drawn; None takes all. queries (int): predictions per seed. ks (ints): how many
    segments are deleted. subsets (int): halves per seed. seeds (ints): each draws other predictions and halves; the
    training documents and the encoder are the same for all. l2 (float): penalty of the head if the index has none.
    """

    documents: Optional[int] = 160
    queries: int = 10
    ks: tuple[int, ...] = (10, 20, 50, 100)
    subsets: int = 40
    seeds: tuple[int, ...] = (0, 1, 2)
    l2: float = 10.0

    def __post_init__(self) -> None:
        """RAISES (ValueError): S103 for a setting that makes no sense."""
        for name, least in (("queries", 1), ("subsets", 2), ("documents", 2)):
            value = getattr(self, name)
            if value is not None and value < least:
                raise SeginfError(
                    Errors.S103.format(setting=name, value=value, allowed=f"It must be at least {least}.")
                )
        for name in ("ks", "seeds"):
            values = getattr(self, name)
            if not values or len(set(values)) < len(values) or min(values) < (name == "ks"):
                allowed = "Give different numbers, " + ("at least 1." if name == "ks" else "at least 0.")
                raise SeginfError(Errors.S103.format(setting=name, value=list(values), allowed=allowed))


@dataclass(frozen=True)
class Planted:
    """What planted errors are looked up with: a pipeline trained on the truth, and ``planted.read_culprits``."""

    truth: Language
    culprits: dict[tuple[str, int], str]


def compare_methods(
    nlp: Language,
    influence: Influence,
    docs: Sequence[Doc],
    blocks: Sequence[MethodBlock],
    settings: Settings,
    folder: Path,
    *,
    planted: Optional[Planted] = None,
    n_process: int = 1,
    progress: Progress = lambda work, **_: work,
    say: Callable[[str], None] = lambda _: None,
) -> Comparison:
    """Compare methods.

    nlp, influence: a pipeline with an index. docs (sequence of Doc): texts whose predictions are queries; gold ones if
        there are planted errors to look up.
    folder (Path): where finished units are kept.
    n_process (int): how many refits run at once; the result does not depend on it.
    RAISES (ValueError): S020 to S026, S035, S050, S051 for an unusable index; S101 if there is nothing to compare on,
        S103 for unfitting settings, S104 if a method fails to answer.
    """
    explainer = influence.explainer()
    documents = draw_documents(explainer.index, settings.documents)
    context = training_context(nlp, influence, documents, settings.l2)
    count = len(context.training)
    if max(settings.ks) > count:
        allowed = f"There are {count} training segments: delete fewer (--ks), or take more documents (--documents)."
        raise SeginfError(Errors.S103.format(setting="ks", value=list(settings.ks), allowed=allowed))
    every = predictions(nlp, influence.find_tagger(), docs, context.head)
    drawn = {seed: _draw(every, settings.queries, seed) for seed in settings.seeds}
    queries = {f"seed-{seed}": select(every, numbers) for seed, numbers in drawn.items()}
    found = None
    if planted is not None:
        places = explainer.index, documents
        found = planted_queries(planted.truth, docs, every, context.training, places, planted.culprits)
    victims = "" if found is None or not found.kinds else f"{PLANTED}-{texts_key(found.queries)}"
    asked = {**queries, **({victims: found.queries} if found is not None and victims else {})}
    store = Store(
        folder / problem_key(explainer.index, docs, (settings.documents, settings.queries, context.penalty.l2))
    )
    scores = attribute(context, blocks, asked, store, lambda name: say(f"Scored by {name}"))
    trials = {
        f"seed-{seed}": Trial(context, queries[f"seed-{seed}"], seed, settings.ks, settings.subsets, store)
        for seed in settings.seeds
    }
    for name, trial in trials.items():
        for block in blocks:
            trial.ask(scores[block.name][name][0])
        trial.run(progress, n_process)
    values = []
    for block in blocks:
        measured = [
            trial.measure(scores[block.name][name][0], by_document=block.method.by_document)
            for name, trial in trials.items()
        ]
        costs = [scores[block.name][name][1] for name in trials]
        ranks = {}
        if victims and found is not None:
            ranks = planted_ranks(scores[block.name][victims][0], found.relevant)
        values.append(combine(block.name, block.settings, block.method.cost, measured, ranks, costs))
    named = places_of(context, docs, every)
    probabilities = numpy.concatenate([trial.probabilities for trial in trials.values()])
    return Comparison(
        values,
        facts={
            **asdict(settings),
            "documents": len(documents),
            "tokens": len(context.training.labels),
            "segments": count,
            "l2": context.penalty.l2,
            "predictions": len(every),
            "queries": sum(map(len, queries.values())),
            "refits": sum(len(trial.needed) for trial in trials.values()),
            "refits_not_converged": sum(trial.unfinished for trial in trials.values()),
            "median_probability": float(numpy.median(probabilities)),
            "victims": len(found.kinds) if found is not None else None,
            "victims_without_culprits": found.without_culprits if found is not None else None,
            "planted_base_rate": float(found.relevant.mean()) if found is not None and found.kinds else None,
        },
        queries=[{**named[number], "seed": seed} for seed, numbers in drawn.items() for number in numbers.tolist()],
        victims=[] if found is None else [named[number] for number in found.numbers],
    )


def _draw(every: Texts, count: int, seed: int) -> numpy.ndarray:
    """Draw predictions: other ones for every seed, as long as there are enough."""
    order = numpy.random.default_rng(QUERIES).permutation(len(every))
    return numpy.unique(order.take(numpy.arange(seed * count, (seed + 1) * count), mode="wrap"))
