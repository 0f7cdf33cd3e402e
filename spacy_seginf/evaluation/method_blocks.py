"""Methods by name: the blocks [methods.NAME] of a config file, resolved through spaCy's registry."""

from __future__ import annotations

import hashlib
import inspect
import json
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, Optional, Sequence

from spacy.util import registry

from ..attribution.method import Method
from ..attribution.registered import registered_names
from ..config_files import read_config
from ..errors import Errors, SeginfError
from ..guesses import one_of

CHECKPOINTS = "checkpoints"  # the setting that --checkpoints fills in


@dataclass(frozen=True)
class MethodBlock:
    """A method, its name in the config file, and its settings as they are written there."""

    name: str
    method: Method
    settings: dict[str, Any]

    @cached_property
    def key(self) -> str:
        """Name the block by name and content, that of its code and of its checkpoints included, for files."""
        digest = hashlib.sha256(json.dumps(self.settings, sort_keys=True, default=str).encode())
        code = Path(inspect.getfile(type(self.method).prepare))
        digest.update(code.read_bytes() if code.is_file() else b"")  # none: typed in
        folder = self.settings.get(CHECKPOINTS)
        for path in sorted(Path(folder).rglob("*")) if folder else []:
            if path.is_file():
                digest.update(path.read_bytes())
        return f"{self.name}-{digest.hexdigest()[:12]}"


def read_methods(path: Path, names: Sequence[str] = (), checkpoints: Optional[Path] = None) -> list[MethodBlock]:
    """Read the methods of a config file, in its order.

    names (sequence of str): which ones, in this order; all if empty.
    checkpoints (Path): takes the place of the ``checkpoints`` setting of every method that has one.
    RAISES (ValueError): S040 if there is no file, S093 if it is no config, S100 for an unknown name, S102 for a block
        that gives no method.
    """
    if not Path(path).is_file():
        raise SeginfError(Errors.S040.format(what="config of methods", path=path))
    blocks = read_config(Path(path), interpolate=True).get("methods", {})
    if not isinstance(blocks, dict):
        raise SeginfError(Errors.S093.format(path=path, problem="'methods' is no section"))
    for name in names:
        if name not in blocks:
            raise SeginfError(Errors.S100.format(name=name, path=path, known=one_of(blocks, name)))
    found = []
    for name in names or blocks:
        settings = dict(blocks[name]) if isinstance(blocks[name], dict) else {}
        method = _resolve(path, name, settings)
        if checkpoints is not None and hasattr(method, CHECKPOINTS):
            settings[CHECKPOINTS] = str(checkpoints)
            method = _resolve(path, name, settings)
        found.append(MethodBlock(name, method, settings))
    if not found:
        raise SeginfError(Errors.S101.format(what=f"There are no methods in {path}"))
    return found


def _resolve(path: Path, name: str, settings: dict[str, Any]) -> Method:
    function = settings.get("@misc")
    if function is None:
        raise SeginfError(_refusal(path, name, "it has no @misc"))
    if function not in registry.misc:
        raise SeginfError(_refusal(path, name, f"there is no function {function!r}"))
    try:
        method = registry.resolve({"method": settings})["method"]
    except ValueError as error:
        if isinstance(error, SeginfError):
            raise
        raise SeginfError(_refusal(path, name, " ".join(str(error).split()))) from None
    if not isinstance(method, Method):
        raise SeginfError(_refusal(path, name, f"{function!r} returns a {type(method).__name__}"))
    return method


def _refusal(path: Path, name: str, what: str) -> str:
    return Errors.S102.format(name=name, path=path, what=what, known=", ".join(registered_names()))
