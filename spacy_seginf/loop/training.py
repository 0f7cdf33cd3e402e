"""Pipelines that `spacy train` trains again, kept in folders: a run that was stopped goes on where it was."""

from __future__ import annotations

import hashlib
import json
import os
import shutil
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence

from spacy.language import Language
from spacy.tokens import Doc, DocBin

from ..config_files import read_config
from ..corpora.docs import identifier_of, read_documents
from ..corpora.targets import Target, target_of
from ..crf.schemes import ENTS
from ..curation.records import corpus_digest
from ..errors import Errors, SeginfError
from ..factories import blank
from ..files import json_text, replace_folder, write_text
from ..inputs import check_paths, unwritable

RECORD = "trainings.json"  # in a folder of pipelines: what they were trained on and with


@dataclass(frozen=True)
class Training:
    """How a pipeline is trained, and on what.

    config (Path): as for `spacy train`. settings (mapping): what overrides it, by dotted names. gpu_id (int).
    nlp (Language): blank, of the pipeline's language. docs (mapping): the documents by id, as they are annotated.
    target (Target): what is.
    corpus (str): digest of the documents. trained_with (str): of the config and what overrides it, but for paths, which
        are others on other machines.
    """

    config: Path
    settings: Mapping[str, Any]
    gpu_id: int
    nlp: Language
    docs: Mapping[str, Doc]
    target: Target
    corpus: str
    trained_with: str

    @property
    def texts(self) -> dict[str, list[str]]:
        """The words of each document."""
        return {name: [token.text for token in doc] for name, doc in self.docs.items()}

    @property
    def seed(self) -> int:
        """What the config begins with."""
        settings = read_config(self.config, interpolate=True).get("training", {})
        given = (self.settings.get(name) for name in ("training.seed", "system.seed"))
        return int(next((seed for seed in given if seed is not None), settings.get("seed") or 0))

    @property
    def plain(self) -> dict[str, Any]:
        """What it is trained with, by dotted names: single values of [training], and what overrides the config; seeds
        and paths are left out."""
        block = read_config(self.config, interpolate=True).get("training", {})
        found = {**{f"training.{name}": value for name, value in block.items()}, **self.settings}
        return {
            name: value
            for name, value in found.items()
            if isinstance(value, (bool, int, float, str)) and not name.startswith("paths.") and "seed" not in name
        }

    def claim(self, folder: Path) -> None:
        """Make a folder for pipelines of this training, or go on in one. RAISES (ValueError): S340 if it holds
        something else, S046 if it can't be written."""
        record = {"corpus": self.corpus, "trained_with": self.trained_with}
        if unwritable(folder):
            raise SeginfError(Errors.S046.format(path=folder, problem=f"can't be written ({unwritable(folder)})"))
        if folder.exists() and not _holds(folder, record):
            raise SeginfError(Errors.S340.format(path=folder))
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / RECORD, json_text(record, 1) + "\n")

    def train(self, target: Path, docs: Sequence[Doc], settings: Mapping[str, Any] = {}) -> bool:
        """Train on some documents, and keep the last model in a folder; say whether that was still to be done.

        settings (mapping): further ones, of this pipeline alone. RAISES (ValueError): S217 if the training fails.
        """
        if target.exists():
            return False
        work = target.with_name(f".{target.name}")
        shutil.rmtree(work, ignore_errors=True)
        work.mkdir()
        DocBin(docs=docs, store_user_data=True).to_disk(work / "train.spacy")
        own = {**self.settings, **settings}
        replace_folder(train_again(self.config, work / "model", work / "train.spacy", own, self.gpu_id), target)
        shutil.rmtree(work)
        return True


def read_training(
    config: Path, corpus: Path, *, dev: Optional[Path] = None, overrides: Mapping[str, Any] = {}, gpu_id: int = -1
) -> Training:
    """Read what a training is of.

    config (Path): as for `spacy train`. corpus (Path): the training corpus, in any format.
    dev (Path): the development corpus (.spacy); that of the config if None. overrides (mapping): of the config.
    RAISES (ValueError): S040 to S042 for missing or wrong input, S211 if two documents have one id, S093 if the config
        is none, S344 if it has no crf_tagger that would be trained.
    """
    check_paths({"corpus": corpus, "development corpus": dev}, {"config": config})  # before anything takes minutes
    settings = {**overrides, **({} if dev is None else {"paths.dev": dev})}
    read = read_config(config, interpolate=False)
    nlp = blank(read.get("nlp", {}).get("lang") or "xx")
    blocks = read.get("components", {})
    if not any(map(_may_be_trained, blocks.values())):
        raise SeginfError(Errors.S344.format(path=config, known=", ".join(blocks) or "none"))
    target = _target(blocks)
    docs: dict[str, Doc] = {}
    for number, doc in enumerate(read_documents(nlp, corpus, target), start=1):
        name = identifier_of(doc, corpus, number)
        if name in docs:
            raise SeginfError(Errors.S211.format(path=corpus, id=name))
        docs[name] = doc
    digest = corpus_digest((name, [token.text for token in doc], target.spans(doc)) for name, doc in docs.items())
    lasting = sorted((name, str(value)) for name, value in settings.items() if not name.startswith("paths."))
    trained_with = hashlib.sha256(config.read_bytes() + repr(lasting).encode("utf8")).hexdigest()
    return Training(config, settings, gpu_id, nlp, docs, target, digest, trained_with)


def train_again(config: Path, output: Path, corpus: Path, overrides: Mapping[str, Any], gpu_id: int = -1) -> Path:
    """Train a pipeline with `spacy train` in a process of its own; return its last model.

    config (Path): as for `spacy train`; no checkpoints are kept. corpus (Path): the training corpus (.spacy).
    overrides: settings of the config by their dotted names.
    RAISES (ValueError): S217 with the last lines if the training failed.
    """
    settings = {"paths.train": corpus, **overrides}
    paths = read_config(config, interpolate=False).get("paths")
    if isinstance(paths, dict) and paths.get("checkpoints"):
        settings.setdefault("paths.checkpoints", "null")
    options = [part for key, value in settings.items() for part in (f"--{key}", str(value))]
    command = [sys.executable, "-m", "spacy", "train", str(config), "--output", str(output), "--gpu-id", str(gpu_id)]
    done = subprocess.run([*command, *options], capture_output=True, text=True, env=os.environ.copy())
    if done.returncode:
        lines = [line for line in (done.stdout + done.stderr).splitlines() if line.strip()]
        raise SeginfError(Errors.S217.format(config=config, problem="\n".join(lines[-8:])))
    return output / "model-last"


def _may_be_trained(block: Mapping[str, Any]) -> bool:
    """Is a component a crf_tagger of its own? What is taken from another pipeline may be one."""
    return "source" in block or (block.get("factory") == "crf_tagger" and not block.get("explains"))


def _target(components: Mapping[str, Any]) -> Target:
    """Find what the taggers of a config annotate; entities unless one says something else."""
    named = [block.get("target") for block in components.values() if block.get("factory") == "crf_tagger"]
    tags = any(block.get("factory") == "tagger" for block in components.values())
    return target_of(next(filter(None, named), "tag" if tags and not named else ENTS))


def _holds(folder: Path, record: Mapping[str, str]) -> bool:
    """Is it an empty folder, or what a stopped run with the same record left?"""
    try:
        return not any(folder.iterdir()) or json.loads((folder / RECORD).read_text(encoding="utf8")) == record
    except (OSError, ValueError):
        return False
