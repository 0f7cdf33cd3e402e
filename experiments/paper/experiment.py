"""Experiments by name: the block [experiment] of a config file, resolved through spaCy's registry."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Callable, Mapping, Protocol, runtime_checkable

from spacy.util import registry
from thinc.api import ConfigValidationError

from spacy_seginf.config_files import read_config
from spacy_seginf.errors import Errors, SeginfError
from spacy_seginf.evaluation.trial import Progress

from ..errors import LabErrors
from .results import Result

BLOCK = "experiment"


@runtime_checkable
class Experiment(Protocol):
    """An experiment with its settings and input paths."""

    def run(self, folder: Path, progress: Progress, say: Callable[[str], None]) -> Result:
        """Do it. folder (Path): keeps finished parts, so that an interrupted run goes on, and gets the figures."""


def read_experiment(path: Path, overrides: Mapping[str, Any] = {}) -> Experiment:
    """Read the experiment of a config file.

    overrides (mapping): settings by their names with dots, such as "experiment.l2". Where the file has a list, a text
        such as "0,1" is one too.
    RAISES (ValueError): S040 if there is no file, S131 if it has no experiment, and what that raises for its settings.
    """
    if not Path(path).is_file():
        raise SeginfError(Errors.S040.format(what="config of an experiment", path=path))
    given = read_config(Path(path), interpolate=False).get(BLOCK, {})
    if not isinstance(given, dict):
        raise SeginfError(LabErrors.S131.format(path=path, what=f"{BLOCK!r} is no section"))
    changed = {name: _as_list(given.get(name.partition(".")[2]), value) for name, value in overrides.items()}
    try:
        block = read_config(Path(path), overrides=changed, interpolate=True).get(BLOCK, {})
        function = block.get("@misc")
        if function is None:
            raise ValueError("it has no @misc")
        if function not in registry.misc:
            raise ValueError(f"there is no function {function!r}")
        experiment = registry.resolve({BLOCK: block})[BLOCK]
        if not isinstance(experiment, Experiment):
            raise ValueError(f"{function!r} returns a {type(experiment).__name__}")
    except ValueError as error:
        if isinstance(error, SeginfError) and error.code != "S093":  # overrides that no config can have
            raise
        if isinstance(error, ConfigValidationError):  # says what is wrong before it prints the whole config
            error = error.from_error(error, show_config=False)
        raise SeginfError(LabErrors.S131.format(path=path, what=" ".join(str(error).split()))) from None
    return experiment


def _as_list(present: Any, value: Any) -> Any:
    """Read a value from the command line as a list where the config has one."""
    if not isinstance(present, list) or isinstance(value, list):
        return value
    return [_value(part.strip()) for part in str(value).split(",")]


def _value(text: str) -> Any:
    try:
        return json.loads(text)
    except ValueError:
        return text
