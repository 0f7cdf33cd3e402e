"""Where the modules of version 0.1 are now: its pickles and scripts find them, with a warning.

Asked only for names that are not there.
"""

from __future__ import annotations

import sys
import warnings
from importlib import import_module
from importlib.abc import Loader, MetaPathFinder
from importlib.machinery import ModuleSpec
from types import ModuleType
from typing import Any, Optional, Sequence

PACKAGE = __name__.rpartition(".")[0]
# Old folder, new folder, and modules, with their new name where that is another one.
TABLE = (
    ("", "crf", "schemes"),
    ("cli", "api", "append apply attach check explain export import_answers index rank scores verify"),
    ("evaluation", "explanation", "agreement verification"),
    ("evaluation", "loop", "curating=steps fixing=correcting reviewing"),
    ("influence", "tagger", "fingerprint gradients=head"),
    (
        "methods",
        "attribution",
        "instance_influence interface=method nearest=nearest_neighbours products random_scores registered",
    ),
    ("methods", "attribution", "segment_influence settings stages tracin word_embeddings=tracin_we"),
    ("methods", "attribution", "word_gradients word_tables"),
    ("models", "tagger", "crf_head tagger=architecture"),
    ("pipeline", "attribution", "backprop=encoder_gradients frozen_layers put_back=model_patches word_rows"),
    (
        "pipeline",
        "explanation",
        "asking=query attribution=method_explainer extensions influence loading settings storing views",
    ),
    ("pipeline", "indexing", "append attach build refit shard_tasks"),
    ("pipeline", "tagger", "checkpoints corpus crf_tagger encoding"),
    ("render", "curation", "changes ranking_plots=plots suspicions=issues"),
    ("render", "evaluation", "comparison=report comparison_plots=plots"),
    ("render", "explanation", "document=display page terminal wording"),
    ("render", "loop", "curation=report"),
    ("render", "rendering", "markdown pictures plotting=pictures templates"),
    ("search", "explanation", "explainer"),
    ("search", "index", "bounded=search dense pairs queries"),
)
# What functions of modules in cli are called now.
RENAMED = {
    "append": "append_to_index",
    "apply": "apply_decisions",
    "attach": "attach_index",
    "check": "check_index",
    "export": "export_issues",
    "index": "build_index",
    "rank": "find_label_issues",
    "scores": "score_labels",
}


def moved_modules() -> dict[str, str]:
    """Return the new names of modules by their old ones."""
    moved = {}
    for old, new, modules in TABLE:
        for entry in modules.split():
            name, _, other = entry.partition("=")
            moved[".".join(filter(None, (PACKAGE, old, name)))] = f"{PACKAGE}.{new}.{other or name}"
    return moved


MOVED = moved_modules()
FOLDERS = {name.rpartition(".")[0] for name in MOVED}


class MovedFinder(MetaPathFinder):
    """Finds modules by their old names."""

    def find_spec(
        self, fullname: str, path: Optional[Sequence[str]] = None, target: Optional[ModuleType] = None
    ) -> Optional[ModuleSpec]:
        """Return how to load a module of version 0.1; None for any other."""
        if fullname in MOVED:
            return ModuleSpec(fullname, _MovedLoader(MOVED[fullname]))
        return ModuleSpec(fullname, None, is_package=True) if fullname in FOLDERS else None


class _MovedLoader(Loader):
    """Gives a module under another name."""

    def __init__(self, place: str) -> None:
        self._place = place

    def create_module(self, spec: ModuleSpec) -> Any:
        warnings.warn(f"{spec.name} is now {self._place}", DeprecationWarning, stacklevel=2)
        module = import_module(self._place)
        folder, _, name = spec.name.rpartition(".")
        if folder == f"{PACKAGE}.cli" and name in RENAMED:
            setattr(module, name, getattr(module, RENAMED[name]))
        self._own = module.__spec__
        return module

    def exec_module(self, module: ModuleType) -> None:
        module.__spec__ = self._own  # which the import has just replaced


def find_moved_modules() -> None:
    """Let imports of old names succeed in this process."""
    if not any(isinstance(finder, MovedFinder) for finder in sys.meta_path):
        sys.meta_path.append(MovedFinder())
