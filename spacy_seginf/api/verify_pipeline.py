"""`python -m spacy seginf verify --pipeline`."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Optional

import numpy
import typer
from spacy.tokens import Doc
from wasabi import table

from ..crf.decoding import limits_of
from ..crf.probabilities import Distribution
from ..crf.schemes import Entity
from ..devices import use_gpu
from ..errors import Errors, SeginfError
from ..explanation.explained_mistakes import accountant_of
from ..explanation.flips import check_flip
from ..explanation.influence import Influence
from ..explanation.joint import joint_effect
from ..explanation.loading import load_indexed
from ..explanation.question import Question, tags_of
from ..explanation.stability import Agreement, key_of
from ..loop.stability import compare_trainings
from ..loop.training import Training, read_training
from ..loop.without_labels import Place, changed_documents, missing_places
from ..messages import Messages
from ..rendering.text import short_probability, shorten, visible
from .asked_text import asked_text

SEEDS, FAMILIES = 3, 3


@dataclass(frozen=True)
class PipelineCheck:
    """What became of a prediction when the whole pipeline was trained again without the labels behind it.

    text (str), entity (Entity): the prediction. families, labels (int): how many families, and labels in them, were
    taken away or changed.
    head_before, head_after (float): p of it, with its boundaries, under the head that labels make, and what is
    predicted of it.
    before, after (Agreement): p of it in whole pipelines that were trained on all labels, and without these.
    same_before, same_after (float): the same of the first of the trainings, which has the seed of the config.
    """

    text: str
    entity: Entity
    families: int
    labels: int
    head_before: float
    head_after: float
    before: Agreement
    after: Agreement
    same_before: float
    same_after: float


def verify_pipeline(
    pipeline: str,
    text: str,
    corpus: Path,
    output: Path,
    *,
    families: int = FAMILIES,
    to: Optional[str] = None,
    seeds: int = SEEDS,
    config: Optional[Path] = None,
    dev: Optional[Path] = None,
    overrides: Mapping[str, Any] = {},
    gpu_id: int = -1,
    silent: bool = True,
) -> list[PipelineCheck]:
    """Train the whole pipeline again without the families of labels that support a prediction most, and compare.

    `verify` refits the head; here the encoder forgets the labels too. Each entity of the text takes ``seeds``
    trainings, and as many on all labels are shared by all. A run that was stopped goes on where it was.

    pipeline (str): a folder that `seginf index` wrote. It is not changed. text (str): "-" reads standard input.
    corpus (Path): the training corpus that was indexed. output (Path): folder for the pipelines; that of
        ``measure_stability`` shares its trainings.
    families (int): how many, of those with the largest positive shares. to (str): what their labels are changed to, "O"
        for none; they are taken away if None.
    seeds (int): how many; the first is that of the config. config (Path): of the training; the pipeline's own if None.
    dev (Path): the development corpus of the training (.spacy). overrides (mapping): settings of the config.
    RETURNS (list of PipelineCheck): one for each entity of the text (each tag, if these are predicted) that a family
        supports.
    RAISES (ValueError): S030, S040 to S042 and S276 to S279 for missing or wrong input, S256 without evidence in the
        index, S035 or S270 if it can't refit, S271 for an unknown label, S344 if the config trains no crf_tagger, S343
        if the corpus is another than the indexed one, S340 if the folder holds something else, S217 if a training
        fails.

    >>> short = {"training.max_steps": 2, "training.eval_frequency": 2}
    >>> corpus = Path("train.spacy")
    >>> checks = spacy_seginf.verify_pipeline(
    ...     "indexed", "Ada Lind slept .", corpus, Path("retrained"), families=1, seeds=1, dev=corpus, overrides=short
    ... )
    >>> [(check.text, check.entity.label) for check in checks]
    [('Ada Lind', 'PER')]
    """
    msg = Messages(silent=silent)
    use_gpu(gpu_id)
    nlp, influence = load_indexed(pipeline)
    check_flip(influence.find_tagger(), to, "removing")
    text = asked_text(text)
    if min(seeds, families) < 1:
        setting, value = ("seeds", seeds) if seeds < 1 else ("families", families)
        raise SeginfError(Errors.S273.format(setting=f"--{setting}", value=value, allowed="Give at least 1."))
    chosen = Path(pipeline) / "config.cfg" if config is None else config
    training = read_training(chosen, corpus, dev=dev, overrides=overrides, gpu_id=gpu_id)
    with influence.paused():
        doc = nlp(text)
    asked = [found for found in _asked(influence, doc, families) if found.places]
    for one in asked:
        for name, start, end in missing_places(training.docs, training.target, one.places):
            raise SeginfError(Errors.S343.format(path=corpus, document=name, start=start, end=end, pipeline=pipeline))
    if not asked:
        msg.info("No prediction in this text is supported by a family of labels, so there is nothing to train.")
        return []
    by_head = [one.head(influence, doc, to) for one in asked]  # what can't be predicted is refused before any training
    training.claim(output)
    numbers = [training.seed, *(number for number in range(seeds) if number != training.seed)][:seeds]
    msg.info(f"{seeds} trainings on all labels, and {seeds} for each of {len(asked)} predictions")
    entities = [[one.entity for one in asked]]
    everything = compare_trainings(_train(training, output, numbers, msg), [doc], entities)
    key, checks = key_of(nlp, doc), []
    for one, predicted in zip(asked, by_head):
        pipelines = _train(training, output, numbers, msg, one.places, to)
        without = compare_trainings(pipelines, [doc], entities)
        place = one.entity.start, one.entity.end, one.entity.label
        before, after = (compared.found(key, *place) for compared in (everything, without))
        assert before is not None and after is not None  # they were asked for
        checks.append(
            PipelineCheck(
                doc[place[0] : place[1]].text,
                one.entity,
                len(one.families),
                len(one.places),
                *predicted,
                before.agreement,
                after.agreement,
                before.p[0],
                after.p[0],
            )
        )
    if not silent:
        _print(checks, to)
    return checks


@dataclass(frozen=True)
class _Asked:
    """A prediction, and the labels of the families that support it most, numbered in the evidence."""

    entity: Entity
    families: list[int]
    segments: numpy.ndarray
    places: list[Place]

    def head(self, influence: Influence, doc: Doc, to: Optional[str]) -> tuple[float, float]:
        """Return p of it under the head that labels make, and what is predicted of it without these, or changed."""
        effects, tagger = influence.explainer().label_effects, influence.find_tagger()
        scheme = tagger.scheme
        data, tags, _ = influence.query(doc, doc)
        limits = limits_of(scheme, [doc], [()])
        question = Question(effects, scheme, data, tags, self.entity, limits)
        if to is None:
            change = effects.without(self.segments)
        else:
            lengths = (self.segments[:, 2] - self.segments[:, 1]).tolist()
            labels = [tags_of(scheme, Entity(0, length, to)) for length in lengths]
            change = effects.relabelled(self.segments, numpy.concatenate(labels))
        moved = effects.head.moved(joint_effect(question, change).step[0])
        found = (
            Distribution(scheme, head.emissions(data.features), head.transitions, [len(doc)], limits)
            for head in (effects.head, moved)
        )
        before, after = (_probability(distribution, self.entity) for distribution in found)
        return before, after


def _probability(distribution: Distribution, one: Entity) -> float:
    if distribution.scheme.by_token:
        return distribution.segment(0, one.start, [distribution.scheme.index[one.label]])
    return distribution.entity(0, one.start, one.end, one.label)


def _asked(influence: Influence, doc: Doc, count: int) -> list[_Asked]:
    """Find the families behind each prediction for a text. RAISES (ValueError): S256 without evidence."""
    explainer = influence.explainer()
    accountant = accountant_of(influence)
    index, evidence = explainer.index, accountant.evidence
    data, tags, _ = influence.query(doc, doc)
    found = []
    for start, end, label in influence.predictions(tags):
        (account,) = accountant.accounts(data, tags, numpy.array([(0, start, end)]), count)
        families = [] if account is None else [one.family for one in account.families if one.share > 0][:count]
        members = numpy.concatenate([numpy.zeros(0, dtype=numpy.int64), *map(evidence.members, families)])
        segments = index.segments_at(evidence.tokens[members], evidence.lengths[members])
        places = []
        for document, first, last in segments.tolist():
            name, moved = index.place(document, first)
            places.append((name, moved, moved + last - first))
        found.append(_Asked(Entity(start, end, label), families, segments, places))
    return found


def _train(
    training: Training,
    output: Path,
    seeds: list[int],
    msg: Messages,
    places: Optional[list[Place]] = None,
    to: Optional[str] = None,
) -> dict[int, Path]:
    """Train with some labels taken away or changed, or with all; return the pipelines by seed."""
    docs, prefix = list(training.docs.values()), ""
    if places is not None:
        docs = changed_documents(training.docs, training.target, places, to)
        prefix = f"changed-{hashlib.sha256(repr((sorted(places), to)).encode('utf8')).hexdigest()[:10]}-"
    targets = {seed: output / f"{prefix}seed-{seed}" for seed in seeds}
    for seed, target in targets.items():
        if training.train(target, docs, {"training.seed": seed}):
            msg.text(f"Trained with seed {seed}{f', {len(places)} labels changed' if places else ''}: {target.name}")
    return targets


def _print(checks: list[PipelineCheck], to: Optional[str]) -> None:
    done = "taken away" if to is None else f"changed to {visible(to)}"
    rows = []
    for one in checks:
        predicted = f"{short_probability(one.head_before)} -> {short_probability(one.head_after)}"
        same = f"{short_probability(one.same_before)} -> {short_probability(one.same_after)}"
        means = f"{short_probability(one.before.mean)} -> {short_probability(one.after.mean)}"
        spread = f"{short_probability(one.before.lowest)} to {short_probability(one.before.highest)}"
        still = f"{one.before.same} -> {one.after.same} of {one.after.trainings}"
        name = f"{shorten(visible(one.text), 24)} {visible(one.entity.label)}"
        rows.append((name, f"{one.labels} in {one.families}", predicted, same, means, spread, still))
    header = (
        "prediction",
        "labels, families",
        "head predicts",
        "same seed",
        "mean of seeds",
        "seeds alone",
        "found by",
    )
    typer.echo(table(rows, header=header, divider=True, aligns=("l", *"r" * 6)))
    typer.echo(
        f"p of each prediction, with its boundaries, before and after the labels of its families are {done}: predicted "
        "for the head alone, and in pipelines that were trained again. What changes by less than seeds alone do says "
        "nothing."
    )
