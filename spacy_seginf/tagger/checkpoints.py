"""Checkpoints of a training run: saved by a logger, without a change to spaCy's loop, and read again.

[training.logger]
@loggers = "spacy_seginf.CheckpointLogger.v1"
path = "training/checkpoints"
every = 500
"""

from __future__ import annotations

import json
import math
import shutil
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Callable, Optional

import spacy
from spacy.language import Language
from spacy.util import load_config, registry
from thinc.api import Optimizer

from ..errors import Errors, SeginfError
from ..files import replace_folder, write_text
from .crf_tagger import CRFTagger, find_tagger

LISTING = "checkpoints.json"
PREFIX = "step-"
LOGGER = "spacy_seginf.CheckpointLogger.v1"
LogStep = Callable[[Optional[dict[str, Any]]], None]
Setup = Callable[[Language, IO, IO], tuple[LogStep, Callable[[], None]]]


@dataclass(frozen=True)
class Checkpoint:
    """A pipeline as it was after a step of training.

    path (Path): its folder. step (int): numbered as in the table that training prints, from 0.
    learn_rate (float): that of the update which led to it.
    """

    path: Path
    step: int
    learn_rate: float

    def load(self, nlp: Language, tagger: str) -> Language:
        """Load it beside the pipeline of a later step; they share the vocabulary, so that they read the same docs.

        nlp (Language): that pipeline. tagger (str): the name of its crf_tagger.
        RAISES (ValueError): S090 if the folder is gone or incomplete, S091 for other labels, S092 for a tagger that is
            missing or reads features of another width, S093 if a file is damaged.
        """
        try:
            config = load_config(self.path / "config.cfg")
            exclude = ["vocab", *influence_components(config)]
            loaded = spacy.load(self.path, vocab=nlp.vocab, exclude=exclude)
        except OSError as error:
            raise SeginfError(Errors.S090.format(path=self.path.parent, problem=error)) from None
        except (KeyError, ValueError) as error:
            raise SeginfError(Errors.S093.format(path=self.path, problem=f"it can't be loaded ({error!r})")) from None
        found = loaded.get_pipe(tagger) if tagger in loaded.component_names else None
        if not isinstance(found, CRFTagger):
            raise SeginfError(Errors.S092.format(path=self.path, problem=f"it has no crf_tagger '{tagger}'"))
        own = find_tagger(nlp, tagger)
        if found.tags != own.tags:
            problem = f"{', '.join(found.tags)} instead of {', '.join(own.tags)}"
            raise SeginfError(Errors.S091.format(path=self.path, problem=problem))
        widths = [component.model.get_ref("output_layer").get_dim("nI") for component in (found, own)]
        if widths[0] != widths[1]:
            problem = f"its token vectors have width {widths[0]} instead of {widths[1]}"
            raise SeginfError(Errors.S092.format(path=self.path, problem=problem))
        for name, component in loaded.pipeline:
            if name in nlp.component_names and _shapes(component) != _shapes(nlp.get_pipe(name)):
                problem = f"the component '{name}' has other layers"
                raise SeginfError(Errors.S092.format(path=self.path, problem=problem))
        return loaded


def read_checkpoints(folder: Path) -> list[Checkpoint]:
    """List the checkpoints that a training run has saved, in the order of its steps.

    RAISES (ValueError): S090 if there are none, S093 if the listing is damaged.
    """
    listing = folder / LISTING
    if not listing.is_file():
        raise SeginfError(Errors.S090.format(path=folder, problem=f"there is no {LISTING}"))
    try:
        entries = json.loads(listing.read_text(encoding="utf8"))["checkpoints"]
        found = [Checkpoint(folder / str(e["folder"]), int(e["step"]), float(e["learn_rate"])) for e in entries]
    except (KeyError, TypeError, ValueError) as error:
        raise SeginfError(Errors.S093.format(path=listing, problem=f"it is no listing ({error!r})")) from None
    if not found:
        raise SeginfError(Errors.S090.format(path=folder, problem="training has not saved any yet"))
    for checkpoint in found:
        if not (checkpoint.learn_rate >= 0 and math.isfinite(checkpoint.learn_rate)):
            problem = f"the learning rate of step {checkpoint.step} is {checkpoint.learn_rate}"
            raise SeginfError(Errors.S093.format(path=listing, problem=problem))
        if not checkpoint.path.is_dir():
            raise SeginfError(Errors.S090.format(path=folder, problem=f"{checkpoint.path.name} is gone"))
    return sorted(found, key=lambda checkpoint: checkpoint.step)


@registry.loggers(LOGGER)
def checkpoint_logger(path: Optional[str] = None, every: Optional[int] = None, progress_bar: bool = False) -> Setup:
    """Print what spacy.ConsoleLogger.v1 prints, and save the pipeline now and then, with the learning rate.

    The weights are those that training goes on with, not their running averages: spaCy swaps averages in only for
    evaluating and for model-best and model-last. Step 0, whose weights are next to random, is never saved. Each
    checkpoint is a complete pipeline (without the index of an influence component) that appears at once or not at all.

    path (Optional[str]): the folder; nothing is saved if None. Checkpoints of an earlier run are removed when training
        starts; a folder that holds anything else is refused.
    every (Optional[int]): how many steps apart; at each evaluation if None.
    progress_bar (bool): as for spacy.ConsoleLogger.v1.
    RAISES (ValueError): S028 if every is not positive, or the folder holds other files.
    """
    if every is not None and every < 1:
        allowed = "It must be at least 1, or null."
        raise SeginfError(Errors.S028.format(setting="every", what=LOGGER, value=every, allowed=allowed))
    console: Setup = registry.get("loggers", "spacy.ConsoleLogger.v1")(progress_bar)
    if path is None:
        return console
    folder = Path(path)

    def setup(nlp: Language, stdout: IO = sys.stdout, stderr: IO = sys.stderr) -> tuple[LogStep, Callable[[], None]]:
        writer = CheckpointWriter(folder)
        optimizer = _optimizer(nlp)
        print_step, finish = console(nlp, stdout, stderr)
        step = 0

        def log_step(info: Optional[dict[str, Any]]) -> None:
            nonlocal step
            print_step(info)
            if step and (info is not None if every is None else step % every == 0):
                writer.save(nlp, step, float(optimizer.learn_rate))
            # Training has stepped its own schedules before this call: one behind is the rate of the last update.
            optimizer.step_schedules()
            step += 1

        return log_step, finish

    return setup


def _shapes(component: Any) -> list[tuple[str, str, Any]]:
    """List the parameters of a component's layers with their shapes."""
    layers = component.model.walk() if getattr(component, "model", None) is not None else ()
    return [
        (layer.name, name, getattr(layer.get_param(name) if layer.has_param(name) else None, "shape", None))
        for layer in layers
        for name in layer.param_names
    ]


class CheckpointWriter:
    """Saves pipelines during a training run, and lists them.

    folder (Path): checkpoints of an earlier run are removed from it.
    RAISES (ValueError): S028 if it holds other files.
    """

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._saved: list[dict[str, Any]] = []
        _clear(folder)

    def save(self, nlp: Language, step: int, learn_rate: float) -> None:
        """Save the pipeline with its present weights. learn_rate (float): of the update that led to it."""
        name = f"{PREFIX}{step}"
        _save(nlp, self._folder / name)
        self._saved.append({"folder": name, "step": step, "learn_rate": learn_rate})
        write_text(self._folder / LISTING, json.dumps({"checkpoints": self._saved}, indent=2) + "\n")


def influence_components(config: Any) -> list[str]:
    """Name the influence components of a pipeline's config: checkpoints need no copies of their index."""
    return [name for name, block in config["components"].items() if block.get("factory") == "influence"]


def _optimizer(nlp: Language) -> Optimizer:
    """Make an optimizer like that of training, to step through the same schedules."""
    block = nlp.config.interpolate()["training"]["optimizer"]
    return registry.resolve({"optimizer": block})["optimizer"]


def _clear(folder: Path) -> None:
    """Remove earlier checkpoints; there may be nothing else."""
    if folder.exists():
        others = [entry.name for entry in folder.iterdir() if not _ours(entry)] if folder.is_dir() else [folder.name]
        if others:
            allowed = f"It holds other files ({', '.join(sorted(others)[:3])}). Name a folder of its own."
            raise SeginfError(Errors.S028.format(setting="path", what=LOGGER, value=str(folder), allowed=allowed))
        # The listing goes first: without it, what is left of a run that is interrupted here is no run.
        (folder / LISTING).unlink(missing_ok=True)
        for entry in folder.iterdir():
            shutil.rmtree(entry) if entry.is_dir() else entry.unlink()
    folder.mkdir(parents=True, exist_ok=True)


def _ours(entry: Path) -> bool:
    return entry.name.lstrip(".").startswith(PREFIX) if entry.is_dir() else entry.name.lstrip(".").startswith(LISTING)


def _save(nlp: Language, target: Path) -> None:
    partial = target.with_name(f".{target.name}.partial")
    try:
        nlp.to_disk(partial, exclude=influence_components(nlp.config))
        replace_folder(partial, target)
    finally:
        shutil.rmtree(partial, ignore_errors=True)
