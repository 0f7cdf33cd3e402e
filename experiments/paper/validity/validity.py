"""Section 5.1: do predicted effects of training labels agree with refits of the head without them?

A linear CRF on frozen word features, some mispredicted dev tokens, the references with the largest scores of either
sign for each, and the head refit without every one of them. All pairs are kept.
"""

from __future__ import annotations

import hashlib
import json
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, Optional, Sequence

import numpy
import spacy
from spacy.util import registry

from spacy_seginf.crf.schemes import TagScheme, type_of
from spacy_seginf.errors import SeginfError
from spacy_seginf.evaluation.trial import Progress
from spacy_seginf.explanation.loading import load_pipeline
from spacy_seginf.explanation.verification import REFINEMENTS
from spacy_seginf.files import write_text
from spacy_seginf.influence.curvature import IdentityCurvature
from spacy_seginf.influence.removal import LEVERAGE_FLAG, LEVERAGE_LIMIT
from spacy_seginf.rendering.pictures import new_figure

from ...errors import LabErrors
from ..records import read_records, require
from ..results import Result
from .agreement_plot import plot_agreement
from .grammar import grammar_flags, grammar_of
from .removals import Candidates, Removals, decode, fitted_effects, stacked, token_segments
from .validity_rows import PREDICTIONS, agreement_rows, all_pairs_rows, doubt_rows, totals
from .word_features import Sentences, static_vectors, word_features

VERSION = 2  # of what is kept; another one repeats everything
LABELS = "gold_labels"
FIGURE = "predicted_against_actual.png"


@registry.misc("spacy_seginf.Validity.v1")
@dataclass(frozen=True)
class Validity:
    """Predicted against actual effects of removing training labels.

    train, dev (str): documents (.jsonl.gz) with tokens, gold_labels and sent_starts.
    transformer (str): name or folder of the model whose input embeddings are the words' vectors, reduced to
        ``components`` (int). seeds (sequence of int): each draws sentences and queries.
    speech (str): name or folder of a spaCy pipeline that tells parts of speech and stop words; None: the stop words of
        English, and no parts of speech.
    train_sentences, dev_sentences (int): how many are drawn, of those with fewer than ``shorter_than`` (int) tokens.
    queries (int): mispredicted dev tokens. references (int): training tokens for each. l2 (float): penalty of the head.
    RAISES (ValueError): S132 for a setting that makes no sense.
    """

    train: str
    dev: str
    transformer: str
    components: int = 50
    seeds: Sequence[int] = (0, 1, 2)
    train_sentences: int = 1000
    dev_sentences: int = 200
    shorter_than: int = 25
    queries: int = 20
    references: int = 20
    l2: float = 1.0
    speech: Optional[str] = None

    def __post_init__(self) -> None:
        for name in ("components", "train_sentences", "dev_sentences", "shorter_than", "queries", "references"):
            if getattr(self, name) < 1:
                raise SeginfError(_refusal(name, getattr(self, name), "It must be at least 1."))
        if self.l2 <= 0:
            raise SeginfError(_refusal("l2", self.l2, "It must be positive."))
        if not self.seeds or len(set(self.seeds)) < len(self.seeds) or min(self.seeds) < 0:
            raise SeginfError(_refusal("seeds", list(self.seeds), "Give different numbers, at least 0."))

    def run(self, folder: Path, progress: Progress, say: Callable[[str], None]) -> Result:
        """Do it, one seed after another; finished seeds are kept in ``folder``.

        RAISES (ValueError): S040 or S248 if there is no such pipeline or it can't be read, S110 without matplotlib,
            S130 or S133 for missing or unreadable documents, S134 if there are too few sentences or errors, S135 if the
            head can't be fitted.
        """
        new_figure(1, 1)  # rather than after all the work
        key = self._key()
        paths = {seed: folder / f"seed-{seed}-{key}.json" for seed in self.seeds}
        sentences: Optional[tuple[Sentences, Sentences]] = None
        for seed, path in paths.items():
            if not path.exists():
                if sentences is None:
                    say("Reading documents and vectors of words")
                    sentences = self._sentences()
                write_text(path, json.dumps(self._run_seed(*sentences, seed, progress)))
        found = [json.loads(path.read_text(encoding="utf8")) for path in paths.values()]
        changes, every = (
            {name: [numpy.array(seed[pairs][name]) for seed in found] for name in (*PREDICTIONS, "actual")}
            for pairs in ("changes", "all_changes")
        )
        actual = numpy.concatenate([values.ravel() for values in changes["actual"]])
        drawn = {PREDICTIONS[name]: numpy.concatenate([v.ravel() for v in changes[name]]) for name in PREDICTIONS}
        plot_agreement(drawn, actual, folder / FIGURE)
        return Result(
            section="5.1",
            title="Validity: predicted against actual effects",
            rows=[*agreement_rows(changes), *all_pairs_rows(every), *doubt_rows(found)],
            protocol=self._protocol(),
            differences=[*DIFFERENCES, *(() if self.speech else (NO_SPEECH,))],
            facts={
                **self._settings(),
                "parts_of_speech": self.speech is not None,
                "seeds": list(self.seeds),
                **totals(found),
            },
            figures={FIGURE: f"Predicted against actual changes of -log p, {len(actual)} pairs"},
        )

    def _key(self) -> str:
        """Name what a seed's figures depend on."""
        digest = hashlib.sha256(repr((VERSION, REFINEMENTS, self.transformer, self.speech, self._settings())).encode())
        for path in (self.train, self.dev):
            digest.update(require(Path(path)).read_bytes())
        return digest.hexdigest()[:12]

    def _settings(self) -> dict[str, Any]:
        """Return what else a reader must know: no paths."""
        others = ("train", "dev", "transformer", "speech", "seeds")
        return {name: value for name, value in asdict(self).items() if name not in others}

    def _sentences(self) -> tuple[Sentences, Sentences]:
        train, dev = (
            read_records(Path(path), ("tokens", LABELS), lists=("sent_starts",)) for path in (self.train, self.dev)
        )
        known, others = ([word for record in records for word in record["tokens"]] for records in (train, dev))
        vectors = static_vectors(known, others, self.transformer, self.components)
        nlp = spacy.blank("en") if self.speech is None else load_pipeline(self.speech)
        grammars = [grammar_of(nlp, records) for records in (train, dev)]
        types = {type_of(label) for record in (*train, *dev) for label in record[LABELS]} - {"O"}
        tags = TagScheme(tuple(sorted(types))).tags
        first, second = (
            Sentences.of(
                word_features(records, vectors, grammar_flags(grammar, grammars[0])), records, tags, LABELS
            ).shorter_than(self.shorter_than)
            for records, grammar in zip((train, dev), grammars)
        )
        for part, needed in ((first, self.train_sentences), (second, self.dev_sentences)):
            if len(part.bounds) < needed:
                what = f"sentences of fewer than {self.shorter_than} tokens"
                raise SeginfError(LabErrors.S134.format(found=len(part.bounds), what=what, needed=needed))
        return first, second

    def _run_seed(self, train: Sentences, dev: Sentences, seed: int, progress: Progress) -> dict[str, Any]:
        started = time.perf_counter()
        generator = numpy.random.default_rng(seed)
        train_data, _ = train.sample(self.train_sentences, generator)
        dev_data, gold = dev.sample(self.dev_sentences, generator)
        effects = fitted_effects(train_data, self.l2)
        predicted = decode(dev_data, effects.head)
        wrong = numpy.flatnonzero(predicted != gold)
        if not len(wrong):
            raise SeginfError(LabErrors.S134.format(found="no", what="mispredicted dev tokens", needed=1))
        queries = generator.permutation(wrong)[: self.queries]
        watched = effects.watch(dev_data, predicted, token_segments(dev_data, queries))
        candidates = Candidates.loud(effects)
        unique, places = numpy.unique(candidates.best(watched, self.references), return_inverse=True)
        places = places.reshape(len(watched), -1)
        identity = IdentityCurvature(train_data.labels, train_data.width)
        removals = Removals(effects, watched, {"identity": identity})
        work = progress(unique.tolist(), desc=f"Refits, seed {seed}", total=len(unique), unit="refit")
        outcomes = [removals.removal(candidates.segments[number]) for number in work]
        names = (*PREDICTIONS, "actual")
        changes, every = stacked(outcomes, places), stacked(outcomes)
        return {
            "changes": {name: changes[name].tolist() for name in names},
            "all_changes": {name: every[name].tolist() for name in names},
            "mispredicted": len(wrong),
            "dev_tokens": len(gold),
            "refits": len(outcomes),
            "not_converged": sum(not outcome.converged for outcome in outcomes),
            "elsewhere": sum(outcome.elsewhere for outcome in outcomes),
            "flagged": sum(outcome.leverage > LEVERAGE_FLAG for outcome in outcomes),
            "clipped": sum(outcome.leverage > LEVERAGE_LIMIT for outcome in outcomes),
            "seconds": time.perf_counter() - started,
        }

    def _protocol(self) -> list[str]:
        return [
            f"For each seed, {self.train_sentences:,} train and {self.dev_sentences:,} dev "
            f"sentences of fewer than {self.shorter_than} tokens are drawn, with corrected labels.",
            f"A linear CRF on frozen features is fitted to its optimum: {self.components} principal components of a "
            "word's static embedding (the mean input embedding of its pieces in a transformer), and flags of the shape "
            f"of the word{', its part of speech' if self.speech else ''} and whether it is a stop word, with those of "
            f"both neighbours; J = sum of losses + l2/2 |theta|^2 with l2 = {self.l2:g}.",
            f"For up to {self.queries} mispredicted dev tokens, the {self.references} training tokens with the largest "
            "scores of either sign are taken away one by one, and the head is refit; what is compared is the change of "
            "-log p of the prediction. All pairs are kept. Besides, every training token taken away is compared for "
            "every one of the mispredicted tokens, whose reference it need not be.",
            f"What explanations show is one corrected step, with up to {REFINEMENTS} more on the true objective where "
            f"the leverage of the label is above {LEVERAGE_FLAG:g}.",
            "Intervals are over seeds (Student's t).",
        ]


DIFFERENCES = [
    "Word vectors: the authors have 300 dimensions.",
    "Ranking: the authors rank by identity curvature, here references are those of the exact, corrected score.",
    "Outliers: the authors leave one pair out, here none is.",
]
NO_SPEECH = "Parts of speech: the authors have flags of those of a word and of its neighbours too."


def _refusal(setting: str, value: Any, allowed: str) -> str:
    return LabErrors.S132.format(name="Validity", setting=setting, value=value, allowed=allowed)
