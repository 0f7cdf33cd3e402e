"""`python -m spacy seginf crossfit`."""

from __future__ import annotations

from pathlib import Path
from typing import Any, Mapping, Optional

from ..curation.crossfit import CrossFit, deal_out, fold_folder
from ..errors import Errors, SeginfError
from ..inputs import unwritable
from ..loop.training import read_training
from ..messages import Messages

FOLDS = 5


def crossfit(
    config: Path,
    corpus: Path,
    output: Path,
    *,
    dev: Optional[Path] = None,
    folds: int = FOLDS,
    fold: Optional[int] = None,
    overrides: Mapping[str, Any] = {},
    gpu_id: int = -1,
    silent: bool = True,
) -> Path:
    """Train pipelines on folds of a corpus, so that each document is predicted by one whose encoder has not seen it.

    A run that was stopped goes on where it was: what is trained already stays.

    config (Path): of the training, as for `spacy train`. corpus (Path): the training corpus, in any format.
    output (Path): folder for the pipelines and a record of which document is in which fold.
    dev (Path): the development corpus of the training (.spacy); that of the config if not given.
    folds (int): how many. fold (int): train this one only, from 0 on; several machines may share the work so.
    overrides (mapping): settings of the config by their dotted names.
    RETURNS (Path): the folder, for ``find_label_issues(..., crossfit=...)``.
    RAISES (ValueError): S040 to S042 for missing or wrong input, S211 if two documents have one id, S217 if a training
        fails, S293 if the folder holds folds of another corpus or config, S093 if the config is none, S344 if it trains
        no crf_tagger, S294 for folds that can't be.

    >>> corpus, short = Path("train.spacy"), {"training.max_steps": 2, "training.eval_frequency": 2}
    >>> folder = spacy_seginf.crossfit(
    ...     Path("pipeline/config.cfg"), corpus, Path("folds"), dev=corpus, folds=2, overrides=short
    ... )
    >>> sorted(path.name for path in folder.iterdir())
    ['folds.json', 'without-0', 'without-1']
    """
    msg = Messages(silent=silent)
    if unwritable(output):
        raise SeginfError(Errors.S046.format(path=output, problem=f"can't be written ({unwritable(output)})"))
    training = read_training(config, corpus, dev=dev, overrides=overrides, gpu_id=gpu_id)
    texts = training.texts
    different = len({tuple(words) for words in texts.values()})
    if not 2 <= folds <= different or (fold is not None and not 0 <= fold < folds):
        raise SeginfError(Errors.S294.format(path=corpus, folds=folds, fold=fold, documents=different))
    made = CrossFit(folds, training.corpus, training.trained_with, deal_out(texts, folds))
    if output.exists() and not _is_ours(output, made):
        raise SeginfError(Errors.S293.format(path=output))
    output.mkdir(parents=True, exist_ok=True)
    made.write(output)
    for number in range(folds) if fold is None else [fold]:
        target = fold_folder(output, number)
        known, fold_of_all = target.exists(), f"fold {number + 1} of {folds}"
        msg.info(f"{'There already, without' if known else 'Training without'} {fold_of_all}")
        training.train(target, [doc for name, doc in training.docs.items() if made.documents[name] != number])
    msg.next("rank", "PIPELINE", corpus, "--crossfit", output)
    return output


def _is_ours(output: Path, made: CrossFit) -> bool:
    """Is it an empty folder, or what a stopped run left?"""
    if not output.is_dir():
        return False
    try:
        return not any(output.iterdir()) or CrossFit.read(output) == made
    except SeginfError:
        return False
