"""Every kind of case, by name."""

from __future__ import annotations

from random import Random
from typing import Callable

from .cases import Case, Cases
from .decision_files import decision_files
from .edits import edits

BROKEN: dict[str, Callable[[Cases, Random], Case]] = {  # inputs
    **{"damaged": Cases.damaged, "resealed": Cases.resealed, "rankings": Cases.rankings},
    **{"decisions": Cases.decisions, "corpora": Cases.corpora, "answers": Cases.answer_files, "configs": Cases.configs},
}
KINDS: dict[str, Callable[[Cases, Random], Case]] = {**BROKEN, "decision files": decision_files, "edits": edits}
