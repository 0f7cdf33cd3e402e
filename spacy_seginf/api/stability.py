"""`python -m spacy seginf stability`."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, Mapping, Optional

import typer
from spacy.language import Language
from wasabi import table

from ..devices import use_gpu
from ..errors import Errors, SeginfError
from ..explanation.corpus_texts import read_texts
from ..explanation.loading import load_indexed
from ..explanation.stability import AGREED, Stability
from ..loop.stability import compare_trainings
from ..loop.training import read_training
from ..messages import Messages
from ..rendering.text import visible
from ..tagger.encoding import read_as

SEEDS = 5
INDEX = "*/index/manifest.json"  # in a pipeline's folder


def measure_stability(
    config: Path,
    corpus: Path,
    texts: Path,
    output: Path,
    *,
    indexed: Optional[str] = None,
    dev: Optional[Path] = None,
    seeds: int = SEEDS,
    seed: Optional[int] = None,
    overrides: Mapping[str, Any] = {},
    gpu_id: int = -1,
    silent: bool = True,
) -> Optional[Stability]:
    """Train again with other seeds, and see which predictions stay: what changes is decided by the seed, not by labels.

    A run that was stopped goes on where it was: what is trained already stays.

    config (Path): of the training, as for `spacy train`; of a pipeline's folder, its own is taken.
    corpus (Path): the training corpus, in any format. texts (Path): what is predicted, in any format; gold labels are
        not read. output (Path): folder for the pipelines, and for stability.json.
    indexed (str): a folder that `seginf index` wrote; ``config`` if that is one. The record is kept beside its index
        too, and explanations of these texts say how many trainings agree.
    dev (Path): the development corpus of the training (.spacy); that of the config if not given.
    seeds (int): how many trainings, with the seeds from 0 on. seed (int): train this one only, and predict nothing;
        several machines may share the work so.
    overrides (mapping): settings of the config by their dotted names.
    RETURNS (Stability): what each training predicts; None if only one was trained.
    RAISES (ValueError): S030 or S040 to S042 for missing or wrong input, S093 if the config is none, S344 if it trains
        no crf_tagger, S211 if two documents have one id, S217 if a training fails, S340 if the folder holds something
        else, S342 for seeds that can't be.

    >>> corpus, short = Path("train.spacy"), {"training.max_steps": 2, "training.eval_frequency": 2}
    >>> stability = spacy_seginf.measure_stability(
    ...     Path("pipeline/config.cfg"), corpus, Path("more.spacy"), Path("seeds"), dev=corpus, seeds=2, overrides=short
    ... )
    >>> stability.seeds
    [0, 1]
    """
    msg = Messages(silent=silent)
    if seeds < 2 or (seed is not None and not 0 <= seed < seeds):
        raise SeginfError(Errors.S342.format(path=output, seeds=seeds, seed=seed))
    own = config / "config.cfg" if config.is_dir() else config
    training = read_training(own, corpus, dev=dev, overrides=overrides, gpu_id=gpu_id)
    use_gpu(gpu_id)
    if indexed is None and any(config.glob(INDEX)):
        indexed = str(config)
    explained = None if indexed is None else load_indexed(indexed)
    docs = [doc for _, doc in read_texts(training.nlp, texts, training.target)]
    training.claim(output)
    pipelines = {number: output / f"seed-{number}" for number in range(seeds)}
    for number, target in pipelines.items():
        if seed in (None, number):
            known = "There already, trained" if target.exists() else "Training"
            msg.info(f"{known} with seed {number} ({number + 1} of {seeds})")
            training.train(target, list(training.docs.values()), {"training.seed": number})
    if seed is not None:
        return None
    asked = None
    if explained is not None:
        nlp, influence = explained
        with influence.paused():
            read = nlp.pipe([read_as(nlp, doc) for doc in docs])
            asked = [influence.find_tagger().target.spans(doc) for doc in read]
    stability = replace(compare_trainings(pipelines, docs, asked), settings=training.plain)
    written = stability.write(output)
    if explained is not None:
        warn_of_other_settings(msg, stability, explained[0])
        written = stability.write(explained[1].explainer().index.folder.parent)
    if not silent:
        _print(stability)
        msg.good(f"Record: {written}")
        if indexed is not None:
            msg.next("explain", indexed, texts, "--errors", "--html", "errors.html")
    return stability


def warn_of_other_settings(msg: Messages, stability: Stability, nlp: Language) -> None:
    """Warn if trainings that were compared are not such as a pipeline comes from."""
    others = stability.other_settings(nlp.config.interpolate())
    if others:
        msg.warn(
            f"`seginf stability` has trained with {others} in this pipeline's config: what the seed decides there need "
            "not be what it decides here."
        )


def _print(stability: Stability) -> None:
    found = [one for text in stability.texts.values() for one in text if any(one.predicted)]
    rows = []
    for label in ("", *sorted({one.label for one in found})):
        own = [one.agreement for one in found if label in ("", one.label)]
        all_agree = sum(one.same == one.trainings for one in own)
        rows.append((visible(label) or "all", len(own), all_agree, sum(one.by_seed for one in own)))
    header = ("label", "predicted by any", "by all", "decided by the seed")
    typer.echo(table(rows, header=header, divider=True, aligns=("l", "r", "r", "r")))
    typer.echo(
        f"{len(stability.seeds)} trainings on the same labels. What fewer than {AGREED:.0%} of them predict is decided "
        "by the seed: to put labels right for its sake is to chase noise."
    )
