"""`python -m spacy seginf crossfit`."""

from __future__ import annotations

import hashlib
import shutil
from pathlib import Path
from typing import Any, Mapping, Optional

from spacy.tokens import DocBin

from ..config_files import read_config
from ..corpora.docs import identifier_of, read_documents
from ..corpora.targets import Target, target_of
from ..crf.schemes import ENTS
from ..curation.crossfit import CrossFit, deal_out, fold_folder
from ..curation.records import corpus_digest
from ..errors import Errors, SeginfError
from ..factories import blank
from ..files import replace_folder
from ..inputs import check_paths, unwritable
from ..loop.steps import train_again
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
        fails, S293 if the folder holds folds of another corpus or config, S093 if the config is none, S294 for folds
        that can't be.

    >>> corpus, short = Path("train.spacy"), {"training.max_steps": 2, "training.eval_frequency": 2}
    >>> folder = spacy_seginf.crossfit(
    ...     Path("pipeline/config.cfg"), corpus, Path("folds"), dev=corpus, folds=2, overrides=short
    ... )
    >>> sorted(path.name for path in folder.iterdir())
    ['folds.json', 'without-0', 'without-1']
    """
    msg = Messages(silent=silent)
    check_paths({"corpus": corpus, "development corpus": dev}, {"config": config})  # before anything takes minutes
    if unwritable(output):
        raise SeginfError(Errors.S046.format(path=output, problem=f"can't be written ({unwritable(output)})"))
    settings = {**overrides, **({} if dev is None else {"paths.dev": dev})}
    read = read_config(config, interpolate=False)
    nlp = blank(read.get("nlp", {}).get("lang") or "xx")
    annotation = _target(read.get("components", {}))
    docs = {}
    for number, doc in enumerate(read_documents(nlp, corpus, annotation), start=1):
        name = identifier_of(doc, corpus, number)
        if name in docs:
            raise SeginfError(Errors.S211.format(path=corpus, id=name))
        docs[name] = doc
    texts = {name: [token.text for token in doc] for name, doc in docs.items()}
    different = len({tuple(words) for words in texts.values()})
    if not 2 <= folds <= different or (fold is not None and not 0 <= fold < folds):
        raise SeginfError(Errors.S294.format(path=corpus, folds=folds, fold=fold, documents=different))
    digest = corpus_digest((name, texts[name], annotation.spans(doc)) for name, doc in docs.items())
    lasting = sorted((name, str(value)) for name, value in settings.items() if not name.startswith("paths."))
    trained_with = hashlib.sha256(config.read_bytes() + repr(lasting).encode("utf8")).hexdigest()
    made = CrossFit(folds, digest, trained_with, deal_out(texts, folds))
    if output.exists() and not _is_ours(output, made):
        raise SeginfError(Errors.S293.format(path=output))
    output.mkdir(parents=True, exist_ok=True)
    made.write(output)
    for number in range(folds) if fold is None else [fold]:
        target = fold_folder(output, number)
        if target.exists():
            msg.info(f"Fold {number + 1} of {folds} is there already")
            continue
        msg.info(f"Training without fold {number + 1} of {folds}")
        work = output / f".{target.name}"
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        bin_of_docs = DocBin(docs=[doc for name, doc in docs.items() if made.documents[name] != number])
        bin_of_docs.to_disk(work / "train.spacy")
        replace_folder(train_again(config, work / "model", work / "train.spacy", settings, gpu_id), target)
        shutil.rmtree(work)
    msg.next("rank", "PIPELINE", corpus, "--crossfit", output)
    return output


def _target(components: Mapping[str, Any]) -> Target:
    """Find what the taggers of a config annotate; entities unless one says something else."""
    named = [block.get("target") for block in components.values() if block.get("factory") == "crf_tagger"]
    tags = any(block.get("factory") == "tagger" for block in components.values())
    return target_of(next(filter(None, named), "tag" if tags and not named else ENTS))


def _is_ours(output: Path, made: CrossFit) -> bool:
    """Is it an empty folder, or what a stopped run left?"""
    if not output.is_dir():
        return False
    try:
        return not any(output.iterdir()) or CrossFit.read(output) == made
    except SeginfError:
        return False
