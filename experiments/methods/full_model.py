"""Does the influence of training sentences on the head predict what retraining the whole pipeline does?

    OMP_NUM_THREADS=1 python -m experiments.methods.full_model --data DIR

The whole pipeline (HashEmbedCNN and CRF head) is retrained on random halves of some CoNLL-2003 sentences, always from
the same initial parameters, and the losses of gold entities of test sentences are measured. The linear datamodelling
score (LDS) of a predictor is the Spearman correlation, across halves, of predicted and measured loss, averaged over
test entities. A second set of retrainings differs in the seed only: the correlation between both is the noise ceiling
(one noisy run predicted by another; what predicts the mean over seeds perfectly can reach about its square root).

The head's penalty l2 is the one of the grid under which the dev sentences are most likely; it is not chosen on the
score, which depends on it: lds_exact_by_l2 gives exact influence's LDS (first seed) under each penalty from 30 on.

"Shared words" is a baseline without model, features or gradients: it counts the entity's word forms (case ignored) in
the removed sentences, +1 for each that is in an entity of the same type and -1 for any other. Nothing in it is tuned,
neither weights nor a cut-off, but it was added after a trial on these very retrainings. It says nothing (LDS 0) about
entities none of whose words occur in the training sentences.

An hour. Every retraining is cached as it ends, so rerunning goes on where it was stopped.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import random
import time
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any, Callable, Iterator, NamedTuple, Sequence

import numpy
import spacy
import thinc
from scipy.linalg import cho_factor, cho_solve
from scipy.stats import rankdata
from spacy.language import Language
from spacy.tokens import Doc
from spacy.training import Example
from spacy.util import fix_random_seed, load_model_from_config, minibatch, registry
from thinc.api import Config

from spacy_seginf.crf import negative_log_likelihood, one_label_each, segment_conditional
from spacy_seginf.crf.hessian import loss_hessian
from spacy_seginf.crf.schemes import TagScheme
from spacy_seginf.influence.curvature import ExactCurvature
from spacy_seginf.influence.data import HeadData, with_constant
from spacy_seginf.influence.fit import fit_head, hessian, newton
from spacy_seginf.influence.head import Head
from spacy_seginf.tagger.head import head_of, on_cpu

from ..common.prepare import CACHE, ROOT
from ..common.reporting import finish, one_thread, parse_arguments, print_table

SEED_A, SEED_B = 0, 1
SAMPLE_SEED, SUBSET_SEED, BOOTSTRAP_SEED = 10, 11, 12
TYPES = ("LOC", "MISC", "ORG", "PER")  # fixed, so that every retraining numbers its tags alike
TAGS = TagScheme(TYPES, "BIO").tags
PENALTIES = (1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0, 3000.0, 10000.0)
SCORED_FROM = 30.0  # penalties from here on are scored too
NEIGHBOURS = (1, 10, 100, 1000)
RESAMPLES = 1000

Arrays = dict[str, numpy.ndarray]


@dataclass(frozen=True)
class Settings:
    """Sizes of the experiment. They name its cache, together with the config, the corpora and the versions."""

    sentences: int = 3000
    dev_sentences: int = 500
    test_sentences: int = 500
    segments: int = 300
    subsets: int = 30
    steps: int = 200  # about ten passes over a half


QUICK = Settings(sentences=600, dev_sentences=100, test_sentences=100, segments=40, subsets=4, steps=20)


class Sentence(NamedTuple):
    tokens: list[str]
    labels: list[str]


class Segment(NamedTuple):
    """A gold entity: number of its test sentence, token offsets, type."""

    sentence: int
    start: int
    end: int
    kind: int


@dataclass(frozen=True)
class Encoded:
    """Sentences as the head sees them: features (float32, tokens x width), gold tags (ints, tokens), lengths."""

    features: numpy.ndarray
    tags: numpy.ndarray
    lengths: list[int]

    def rows(self) -> list[slice]:
        """Return the tokens of each sentence."""
        ends = numpy.cumsum(self.lengths)
        return [slice(int(end) - length, int(end)) for end, length in zip(ends, self.lengths)]

    def head_data(self) -> HeadData:
        return HeadData(self.features, one_label_each(self.tags, len(TAGS)), self.lengths)

    def select(self, numbers: Sequence[int]) -> Encoded:
        """Return some of the sentences."""
        rows = self.rows()
        tokens = numpy.concatenate([numpy.arange(rows[number].start, rows[number].stop) for number in numbers])
        return Encoded(self.features[tokens], self.tags[tokens], [self.lengths[number] for number in numbers])


@dataclass(frozen=True)
class Problem:
    """What is drawn before anything is trained: sentences, test entities and the halves that are kept (sorted)."""

    settings: Settings
    train: list[Sentence]
    dev: list[Sentence]
    test: list[Sentence]
    segments: list[Segment]
    kept: list[list[int]]
    config: Config
    folder: Path


def read_sentences(path: Path) -> list[Sentence]:
    """Cut a corpus into its sentences."""
    found = []
    with gzip.open(path, "rt", encoding="utf8") as lines:
        for record in map(json.loads, lines):
            bounds = [*record["sent_starts"], len(record["tokens"])]
            for start, end in zip(bounds, bounds[1:]):
                found.append(Sentence(record["tokens"][start:end], record["labels"][start:end]))
    return found


def gold_entities(sentences: Sequence[Sentence]) -> Iterator[Segment]:
    """Yield the gold entities of sentences."""
    scheme = TagScheme(TYPES, "BIO")
    for number, sentence in enumerate(sentences):
        for start, end, label in scheme.entities([TAGS.index(tag) for tag in sentence.labels]):
            yield Segment(number, start, end, TYPES.index(label))


def draw(data: Path, settings: Settings) -> Problem:
    """Draw sentences, test entities and halves, and name the cache."""
    rng = numpy.random.default_rng(SAMPLE_SEED)
    paths = {split: data / "conll2003" / f"{split}.jsonl.gz" for split in ("train", "dev", "test")}
    everything = {split: read_sentences(path) for split, path in paths.items()}

    def sample(split: str, count: int) -> list[Sentence]:
        chosen = rng.permutation(len(everything[split]))[:count]
        return [everything[split][number] for number in chosen]

    train, dev = sample("train", settings.sentences), sample("dev", settings.dev_sentences)
    every_entity = list(gold_entities(everything["test"]))
    chosen = [every_entity[number] for number in rng.permutation(len(every_entity))[: settings.segments]]
    # F1 is scored on the first test sentences; those of the entities follow, each once.
    test = sample("test", settings.test_sentences)
    places: dict[int, int] = {}
    segments = []
    for segment in chosen:
        if segment.sentence not in places:
            places[segment.sentence] = len(test)
            test.append(everything["test"][segment.sentence])
        segments.append(segment._replace(sentence=places[segment.sentence]))
    rng = numpy.random.default_rng(SUBSET_SEED)
    kept = [sorted(rng.permutation(len(train))[: len(train) // 2].tolist()) for _ in range(settings.subsets)]

    config = Config().from_disk(ROOT / "configs" / "cnn.cfg", interpolate=False)
    config["nlp"]["pipeline"] = ["crf_tagger"]
    del config["components"]["influence"]
    config["initialize"]["components"]["crf_tagger"] = {"labels": list(TYPES)}
    digests = [hashlib.sha256(path.read_bytes()).hexdigest() for path in paths.values()]
    seeds = (SEED_A, SEED_B, SAMPLE_SEED, SUBSET_SEED)
    versions = (spacy.__version__, thinc.__version__, numpy.__version__)
    content = config.to_str() + repr((sorted(asdict(settings).items()), digests, seeds, versions))
    folder = CACHE / f"full_model-{hashlib.sha256(content.encode()).hexdigest()[:12]}"
    return Problem(settings, train, dev, test, segments, kept, config, folder)


def cached(path: Path, compute: Callable[[], Arrays]) -> Arrays:
    """Load arrays from a file; compute and write them first, whole or not at all, where there is none."""
    if not path.exists():
        started = time.perf_counter()
        arrays: dict[str, Any] = dict(compute())
        path.parent.mkdir(parents=True, exist_ok=True)
        partial = path.with_name(f".{path.name}")
        with partial.open("wb") as file:
            numpy.savez(file, **arrays)
        partial.replace(path)
        print(f"{path.stem}: {time.perf_counter() - started:.1f} s", flush=True)
    with numpy.load(path) as stored:
        return dict(stored)


# The whole pipeline


def make_examples(nlp: Language, sentences: Sequence[Sentence]) -> list[Example]:
    return [
        Example(Doc(nlp.vocab, words=tokens), Doc(nlp.vocab, words=tokens, ents=labels)) for tokens, labels in sentences
    ]


def train(problem: Problem, kept: Sequence[int], seed: int) -> Language:
    """Train a pipeline on some of the training sentences, as `spacy train` does but without evaluations between.

    Initial parameters depend on the seed only, and every training takes the same number of steps.
    """
    fix_random_seed(seed)
    nlp = load_model_from_config(problem.config, auto_fill=True)
    first = make_examples(nlp, problem.train[:10])
    optimizer = nlp.initialize(lambda: first)
    fix_random_seed(seed)
    training = problem.config["training"]
    batcher = registry.resolve({"batcher": training["batcher"]})["batcher"]
    examples = make_examples(nlp, [problem.train[number] for number in kept])
    step = 0
    while step < problem.settings.steps:
        random.shuffle(examples)
        for batch in batcher(examples):
            nlp.update(batch, sgd=optimizer, drop=training["dropout"])
            step += 1
            if step == problem.settings.steps:
                break
    with nlp.use_params(optimizer.averages):  # what `spacy train` saves
        return nlp.from_bytes(nlp.to_bytes())


def features_of(nlp: Language, sentences: Sequence[Sentence]) -> numpy.ndarray:
    """Return the features that the head reads (float32, tokens x width)."""
    tagger: Any = nlp.get_pipe("crf_tagger")
    docs = [Doc(nlp.vocab, words=sentence.tokens) for sentence in sentences]
    return numpy.concatenate([on_cpu(rows) for batch in minibatch(docs, 128) for rows in tagger.encode(batch)])


def encoded(features: numpy.ndarray, sentences: Sequence[Sentence]) -> Encoded:
    """Put features and gold tags together."""
    tags = numpy.array([TAGS.index(label) for sentence in sentences for label in sentence.labels])
    return Encoded(features, tags, [len(sentence.tokens) for sentence in sentences])


def measure(problem: Problem, nlp: Language) -> Arrays:
    """Return the losses of the test entities under a trained pipeline, and its F1."""
    test = encoded(features_of(nlp, problem.test), problem.test)
    head = head_of(nlp.get_pipe("crf_tagger").model)  # type: ignore[attr-defined]
    f1 = nlp.evaluate(make_examples(nlp, problem.test[: problem.settings.test_sentences]))["ents_f"]
    return {"losses": segment_losses(head, test, problem.segments), "f1": numpy.array(f1)}


def retrain(problem: Problem, seed: int) -> Arrays:
    """Retrain on every half: losses (halves x entities) and F1 (halves)."""
    runs = []
    for number, kept in enumerate(problem.kept):
        path = problem.folder / f"retrained-seed{seed}-{number:02d}.npz"
        runs.append(cached(path, lambda: measure(problem, train(problem, kept, seed))))
    return {key: numpy.array([run[key] for run in runs]) for key in ("losses", "f1")}


def full_model(problem: Problem) -> Arrays:
    """Train on all sentences: features of all splits, the head's parameters and F1."""
    nlp = train(problem, range(len(problem.train)), SEED_A)
    features = {split: features_of(nlp, getattr(problem, split)) for split in ("train", "dev", "test")}
    head = head_of(nlp.get_pipe("crf_tagger").model)  # type: ignore[attr-defined]
    return {**features, **measure(problem, nlp), "theta": head.packed}


# The head on the full model's features


def head_in(arrays: Arrays) -> Head:
    """Return the head among what was kept."""
    return Head.unpacked(arrays["theta"], len(TAGS))


def segment_losses(head: Head, test: Encoded, segments: Sequence[Segment]) -> numpy.ndarray:
    """Return -log p(gold tags of the entity | gold tags around it) of each test entity (float64)."""
    emissions = head.emissions(test.features)
    rows = test.rows()
    return numpy.array(
        [
            -segment_conditional(emissions[rows[number]], head.transitions, test.tags[rows[number]], start, end)
            for number, start, end, _ in segments
        ]
    )


def fitted_head(train_data: HeadData, dev_data: HeadData, start: Head, l2: float) -> Arrays:
    """Refit the head to its optimum with one penalty, and measure the loss of the dev sentences there."""
    fit = fit_head(train_data, start, l2)
    dev_loss = fit.head.losses(dev_data).sum()
    state = {"dev_loss": dev_loss, "gradient": fit.gradient, "converged": fit.converged}
    return {"theta": fit.head.packed, **{name: numpy.array(value) for name, value in state.items()}}


def fitted_heads(problem: Problem, train_data: HeadData, dev_data: HeadData, start: Head) -> dict[float, Arrays]:
    """Refit the head with every penalty of the grid, each from the optimum before."""
    heads = {}
    for l2 in PENALTIES:
        path = problem.folder / f"head-l2-{l2:g}.npz"
        heads[l2] = cached(path, lambda: fitted_head(train_data, dev_data, start, l2))
        start = head_in(heads[l2])
    return heads


def refits(problem: Problem, train_texts: Encoded, test: Encoded, head: Head, l2: float) -> Arrays:
    """Refit the head alone on every half, features frozen: losses (halves x entities)."""
    losses = []
    for kept in problem.kept:
        fit = newton(train_texts.select(kept).head_data(), head, l2)
        if not fit.converged:
            raise SystemExit(f"A head did not converge (gradient {fit.gradient:.1e})")
        losses.append(segment_losses(fit.head, test, problem.segments))
    return {"losses": numpy.array(losses)}


def loss_gradient(head: Head, features: numpy.ndarray, allowed: numpy.ndarray) -> numpy.ndarray:
    """Return the gradient of -log p(what is allowed) of one sentence (float64, P)."""
    loss = negative_log_likelihood(head.emissions(features), head.transitions, [len(features)], allowed)
    return Head(loss.emissions.T @ features, loss.emissions.sum(axis=0), loss.transitions).packed


def sentence_gradients(head: Head, texts: Encoded) -> numpy.ndarray:
    """Return the gradient of each sentence's whole loss (sentences x P)."""
    allowed = one_label_each(texts.tags, len(TAGS))
    return numpy.array([loss_gradient(head, texts.features[rows], allowed[rows]) for rows in texts.rows()])


def segment_gradients(head: Head, test: Encoded, segments: Sequence[Segment]) -> numpy.ndarray:
    """Return the gradient of each test entity's loss (entities x P).

    log p(entity | rest) = log p(entity, rest) - log p(rest), and the rest is a sentence with missing labels.
    """
    rows = test.rows()
    gradients = []
    for segment in segments:
        features, tags = test.features[rows[segment.sentence]], test.tags[rows[segment.sentence]]
        gold = one_label_each(tags, len(TAGS))
        rest = gold.copy()
        rest[segment.start : segment.end] = True
        gradients.append(loss_gradient(head, features, gold) - loss_gradient(head, features, rest))
    return numpy.array(gradients)


# Effects: predicted change of each test entity's loss when a training sentence is removed (entities x sentences)


def exact_effects(
    head: Head, l2: float, train_texts: Encoded, test: Encoded, segments: Sequence[Segment]
) -> numpy.ndarray:
    """Return exact influence on the head at the optimum with some penalty."""
    data = train_texts.head_data()
    curvature = ExactCurvature.from_hessian(hessian(data, head, l2), data.labels, data.width)
    gradients = sentence_gradients(head, train_texts)
    return segment_gradients(head, test, segments) @ curvature.inverse @ gradients.T


def corrected_steps(total: numpy.ndarray, head: Head, texts: Encoded, gradients: numpy.ndarray) -> Arrays:
    """Return the Newton step of the head without each sentence: its own curvature taken off the Hessian first."""
    steps = []
    for rows, gradient in zip(texts.rows(), gradients):
        features = with_constant(texts.features[rows])
        batch = head.emissions(texts.features[rows]), features, [len(features)]
        own = loss_hessian([batch], head.transitions, features.shape[1])
        steps.append(cho_solve(cho_factor(total - own, overwrite_a=True, check_finite=False), gradient))
    return {"steps": numpy.array(steps)}


def neighbour_effects(train_texts: Encoded, test: Encoded, segments: Sequence[Segment], nearest: int) -> numpy.ndarray:
    """Let the sentences that hold a token similar to the entity speak for or against it, without any gradient.

    Similarity is the cosine of the entity's mean features and those of the sentence's most similar token. It counts
    positively if that token has the entity's type, negatively otherwise, and only for the ``nearest`` sentences: the
    rest, hundreds of sentences that have nothing to do with the entity, would outweigh them.
    """
    rows = test.rows()
    means = numpy.array([test.features[rows[s.sentence]][s.start : s.end].mean(axis=0) for s in segments])
    means /= numpy.linalg.norm(means, axis=1, keepdims=True)
    tokens = train_texts.features / numpy.linalg.norm(train_texts.features, axis=1, keepdims=True)
    similarity = means @ tokens.T
    kinds = numpy.array([TYPES.index(tag[2:]) if tag != "O" else -1 for tag in TAGS])[train_texts.tags]
    own = numpy.array([segment.kind for segment in segments])
    every = numpy.arange(len(segments))
    effects = numpy.empty((len(segments), len(train_texts.lengths)))
    cosines = numpy.empty_like(effects)
    for number, place in enumerate(train_texts.rows()):
        best = similarity[:, place].argmax(axis=1)
        cosines[:, number] = similarity[:, place][every, best]
        effects[:, number] = numpy.where(kinds[place][best] == own, 1.0, -1.0) * cosines[:, number]
    threshold = numpy.sort(cosines, axis=1)[:, -min(nearest, cosines.shape[1])]
    return numpy.where(cosines >= threshold[:, None], effects, 0.0)


def shared_word_effects(
    train: Sequence[Sentence], test: Sequence[Sentence], segments: Sequence[Segment]
) -> numpy.ndarray:
    """Count an entity's word forms in each sentence, those in entities of its type against all others."""
    occurrences: dict[str, list[tuple[int, str]]] = {}
    for number, sentence in enumerate(train):
        for word, label in zip(sentence.tokens, sentence.labels):
            occurrences.setdefault(word.lower(), []).append((number, label[2:]))
    effects = numpy.zeros((len(segments), len(train)))
    for effect, segment in zip(effects, segments):
        for word in test[segment.sentence].tokens[segment.start : segment.end]:
            for number, kind in occurrences.get(word.lower(), []):
                effect[number] += 1.0 if kind == TYPES[segment.kind] else -1.0
    return effects


# Scores


def scores(pairs: dict[str, tuple[str, str]], values: Arrays) -> tuple[dict[str, float], Arrays]:
    """Correlate pairs of values (halves x entities): the mean over entities, and bootstrap samples of it.

    Each resample draws test entities and halves anew, the same ones for every pair, so differences are paired. Ranks
    stay those among all halves: ranked anew, halves that are drawn twice would be ties, which lower the correlation.
    """
    rng = numpy.random.default_rng(BOOTSTRAP_SEED)
    ranked = {name: rankdata(value, axis=0) for name, value in values.items()}
    halves, entities = len(ranked["full"]), len(ranked["full"].T)

    def correlate(rows: numpy.ndarray) -> Arrays:
        drawn = {}
        for name, value in ranked.items():
            centred = value[rows] - value[rows].mean(axis=0)
            norms = numpy.sqrt((centred**2).sum(axis=0))
            drawn[name] = centred / numpy.where(norms > 0, norms, 1.0)
        return {key: (drawn[one] * drawn[other]).sum(axis=0) for key, (one, other) in pairs.items()}

    point = {key: float(value.mean()) for key, value in correlate(numpy.arange(halves)).items()}
    samples: dict[str, list[float]] = {key: [] for key in pairs}
    for _ in range(RESAMPLES):
        chosen = rng.integers(entities, size=entities)
        for key, value in correlate(rng.integers(halves, size=halves)).items():
            samples[key].append(float(value[chosen].mean()))
    return point, {key: numpy.array(value) for key, value in samples.items()}


def interval(samples: numpy.ndarray) -> list[float]:
    return [float(bound) for bound in numpy.percentile(samples, [2.5, 97.5])]


def main() -> None:
    arguments = parse_arguments(__doc__ or "")
    one_thread()
    problem = draw(arguments.data, QUICK if arguments.quick else Settings())
    folder, segments = problem.folder, problem.segments
    full = cached(folder / "full.npz", lambda: full_model(problem))
    train_texts, dev, test = (encoded(full[split], getattr(problem, split)) for split in ("train", "dev", "test"))
    print(f"Full model: F1 {float(full['f1']):.4f} on {problem.settings.test_sentences} test sentences", flush=True)

    data = train_texts.head_data()
    heads = fitted_heads(problem, data, dev.head_data(), head_in(full))
    l2 = min(heads, key=lambda penalty: float(heads[penalty]["dev_loss"]))
    scored = [penalty for penalty in heads if penalty >= SCORED_FROM]
    for penalty in {l2, *scored}:
        if not heads[penalty]["converged"]:
            raise SystemExit(f"The head did not converge (gradient {heads[penalty]['gradient']:.1e})")
    head = head_in(heads[l2])
    total = hessian(data, head, l2)
    curvature = ExactCurvature.from_hessian(total, data.labels, data.width)
    gradients = sentence_gradients(head, train_texts)
    queries = segment_gradients(head, test, segments)
    corrected = cached(
        folder / f"corrected-l2-{l2:g}.npz", lambda: corrected_steps(total, head, train_texts, gradients)
    )
    head_only = cached(folder / f"head_only-l2-{l2:g}.npz", lambda: refits(problem, train_texts, test, head, l2))
    first, second = retrain(problem, SEED_A), retrain(problem, SEED_B)

    self_influence = numpy.einsum("np,np->n", gradients @ curvature.inverse, gradients)
    effects = {
        "exact": queries @ curvature.inverse @ gradients.T,
        "exact_corrected": queries @ corrected["steps"].T,
        "identity": queries @ gradients.T,
        "self_influence": numpy.broadcast_to(self_influence, (len(segments), len(gradients))),
        "shared_words": shared_word_effects(problem.train, problem.test, segments),
        **{f"nearest_{n}": neighbour_effects(train_texts, test, segments, n) for n in NEIGHBOURS},
    }
    for penalty in scored:
        effects[f"exact_l2_{penalty:g}"] = (
            effects["exact"]
            if penalty == l2
            else exact_effects(head_in(heads[penalty]), penalty, train_texts, test, segments)
        )
    removed = numpy.ones((len(problem.kept), len(problem.train)))
    for row, kept in zip(removed, problem.kept):
        row[kept] = 0.0
    values = {name: removed @ effect.T for name, effect in effects.items()}
    # Changes against the full model and losses rank alike: the full model's loss is the same for every half.
    values |= {
        "full": first["losses"],
        "full_b": second["losses"],
        "two_seeds": (first["losses"] + second["losses"]) / 2,
        "head_only": head_only["losses"],
    }
    targets = {"": "full", "_two_seeds": "two_seeds", "_head_only": "head_only"}
    pairs = {f"lds_{name}{suffix}": (name, target) for name in effects for suffix, target in targets.items()}
    pairs |= {"lds_head_refit": ("head_only", "full"), "lds_head_refit_two_seeds": ("head_only", "two_seeds")}
    pairs["noise_ceiling"] = ("full", "full_b")
    point, samples = scores(pairs, values)
    # The baseline gets the number of neighbours that suits it best.
    best = max(NEIGHBOURS, key=lambda n: point[f"lds_nearest_{n}"])
    for suffix in targets:
        point[f"lds_nearest_neighbour{suffix}"] = point[f"lds_nearest_{best}{suffix}"]
        samples[f"lds_nearest_neighbour{suffix}"] = samples[f"lds_nearest_{best}{suffix}"]

    names = {
        "exact": "exact influence on the head",
        "exact_corrected": "exact, the sentence's curvature taken off",
        "identity": "identity (gradient product)",
        "nearest_neighbour": f"nearest neighbours ({best} per entity)",
        "shared_words": "shared words",
        "self_influence": "self-influence (the same for all entities)",
        "head_refit": "head really refit on each half",
    }

    def cell(key: str) -> str:
        if key not in point:
            return "-"
        low, high = interval(samples[key])
        return f"{point[key]:.3f} [{low:.3f}, {high:.3f}]"

    rows = [[label, *(cell(f"lds_{name}{suffix}") for suffix in targets)] for name, label in names.items()]
    rows.append(["retraining with another seed", cell("noise_ceiling"), "-", "-"])
    print_table(["predictor", "LDS, full retraining", "mean of two seeds", "head refits only"], rows)

    figures: dict[str, Any] = {}
    for key in [*(f"lds_{name}{suffix}" for name in names for suffix in targets), "noise_ceiling"]:
        if key in point:
            figures[key] = point[key]
            figures[f"{key}_interval"] = interval(samples[key])
    for other in ("identity", "nearest_neighbour", "shared_words", "self_influence", "head_refit"):
        difference = point["lds_exact"] - point[f"lds_{other}"]
        figures[f"exact_minus_{other}"] = difference
        figures[f"exact_minus_{other}_interval"] = interval(samples["lds_exact"] - samples[f"lds_{other}"])
        low, high = figures[f"exact_minus_{other}_interval"]
        print(f"exact minus {other}: {difference:+.3f} [{low:+.3f}, {high:+.3f}]")
    figures["lds_nearest_neighbour_by_number"] = {str(n): point[f"lds_nearest_{n}"] for n in NEIGHBOURS}
    figures["lds_exact_by_l2"] = {str(penalty): point[f"lds_exact_l2_{penalty:g}"] for penalty in scored}
    figures |= {
        "retrainings": 2 * len(problem.kept),
        "sentences": len(problem.train),
        "test_segments": len(segments),
        "test_segments_with_shared_words": int(effects["shared_words"].any(axis=1).sum()),
        "steps": problem.settings.steps,
        "full_model_f1": float(full["f1"]),
        "retrained_f1": float(numpy.mean([first["f1"], second["f1"]])),
        "l2": l2,
        "dev_loss_by_l2": {str(penalty): float(fitted["dev_loss"]) for penalty, fitted in heads.items()},
    }
    finish("full_model", figures, quick=arguments.quick, rows=len(train_texts.tags), seeds=[SEED_A, SEED_B])


if __name__ == "__main__":
    main()
