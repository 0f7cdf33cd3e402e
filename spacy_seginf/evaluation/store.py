"""What a comparison has finished, on disk: an interrupted one goes on where it was.

FOLDER/scores/METHOD-SETTINGS/SEED.npy     float64, queries x segments, and SEED.json with what it took
FOLDER/refits/SEED.jsonl                   {"set": ..., "losses": [...], "converged": ...}, a line per refit
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any, Iterator, Optional

import numpy

from ..files import write_text

Outcome = tuple[numpy.ndarray, bool]


class Store:
    """Finished units of one problem. folder (Path): made if need be; name it by everything that results depend on."""

    def __init__(self, folder: Path) -> None:
        self.folder = Path(folder)

    def scores(
        self, method: str, seed: str, shape: tuple[int, int]
    ) -> Optional[tuple[numpy.ndarray, dict[str, float]]]:
        """Return a method's scores and its costs, if they are there and of this shape (queries, segments)."""
        path = self._scores_path(method, seed)
        if not path.with_suffix(".json").exists():  # written last
            return None
        scores = numpy.load(path, allow_pickle=False)
        if scores.shape != shape:
            return None
        return scores, json.loads(path.with_suffix(".json").read_text(encoding="utf8"))

    def keep_scores(self, method: str, seed: str, scores: numpy.ndarray, costs: dict[str, float]) -> None:
        """Write a method's scores (float64, queries x segments) and its costs."""
        path = self._scores_path(method, seed)
        path.parent.mkdir(parents=True, exist_ok=True)
        numpy.save(path, scores, allow_pickle=False)
        write_text(path.with_suffix(".json"), json.dumps(costs))

    def refits(self, seed: str) -> RefitLog:
        """Open the refits that a seed's queries need."""
        return RefitLog(self.folder / "refits" / f"{seed}.jsonl")

    def _scores_path(self, method: str, seed: str) -> Path:
        return self.folder / "scores" / method / f"{seed}.npy"


class RefitLog:
    """Outcomes of refits by the set of tokens without labels: losses (float64, queries) and whether it converged.
    Each is on disk as soon as it is there."""

    def __init__(self, path: Path) -> None:
        self._path = path
        self.outcomes: dict[str, Outcome] = {}
        complete = 0
        for line, end in _lines(path):
            try:
                record: Any = json.loads(line)
            except ValueError:
                break
            self.outcomes[record["set"]] = numpy.array(record["losses"]), bool(record["converged"])
            complete = end
        path.parent.mkdir(parents=True, exist_ok=True)
        with path.open("ab") as file:  # a line that a killed run left unfinished goes
            file.truncate(complete)

    def add(self, key: str, outcome: Outcome) -> None:
        """Append an outcome. Its numbers come back as they were."""
        losses, converged = outcome
        record = {"set": key, "losses": losses.tolist(), "converged": converged}
        with self._path.open("a", encoding="utf8") as file:
            file.write(json.dumps(record) + "\n")
        self.outcomes[key] = outcome


def _lines(path: Path) -> Iterator[tuple[bytes, int]]:
    """Yield the complete lines of a file and where each ends."""
    end = 0
    if path.exists():
        for line in path.read_bytes().splitlines(keepends=True):
            if not line.endswith(b"\n"):
                return
            end += len(line)
            yield line, end
