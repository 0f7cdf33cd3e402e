"""Results of trainings on disk: each whole or not at all, so an interrupted run goes on where it was stopped."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Optional

import numpy
import spacy
import thinc
from spacy.language import Language
from thinc.api import use_ops

from spacy_seginf.files import replace_folder

from ..common.prepare import CACHE
from .corpora import Corpus
from .recipe import Recipe
from .training import OPS

VERSION = 1  # of how trainings are done


class Store:
    """The folder of a corpus and a recipe, named by all that decides what a training returns."""

    def __init__(self, corpus: Corpus, recipe: Recipe) -> None:
        versions = (VERSION, spacy.__version__, thinc.__version__, numpy.__version__)
        content = repr((corpus.digest, recipe, recipe.config(corpus.labels).to_str(), versions))
        self.folder = CACHE / f"referee-{corpus.name}-{hashlib.sha256(content.encode()).hexdigest()[:12]}"

    def array(self, name: str) -> Optional[numpy.ndarray]:
        """Return what was kept under a name; None if nothing was."""
        path = self.folder / f"{name}.npy"
        return numpy.load(path) if path.exists() else None

    def keep(self, name: str, array: numpy.ndarray) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f".{name}.npy"
        numpy.save(partial, array)
        partial.replace(self.folder / f"{name}.npy")

    def pipeline(self, name: str) -> Optional[Path]:
        """Return the folder of a pipeline that was kept; None if there is none."""
        path = self.folder / name
        return path if path.exists() else None

    def keep_pipeline(self, name: str, nlp: Language) -> None:
        self.folder.mkdir(parents=True, exist_ok=True)
        partial = self.folder / f".{name}"
        nlp.to_disk(partial)
        replace_folder(partial, self.folder / name)


def load(path: Path) -> Language:
    """Load a pipeline with the matrix products that it was trained with."""
    with use_ops("numpy", **OPS):
        return spacy.load(path)
