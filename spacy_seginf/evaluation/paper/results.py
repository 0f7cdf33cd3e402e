"""What an experiment found, beside what was published: plain values for JSON, and Markdown tables."""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass, field
from typing import Any, Optional, Sequence

from ..intervals import Estimate


@dataclass(frozen=True)
class Row:
    """One figure of an experiment.

    key (str): its name in the JSON file. what (str): in words.
    measured (Estimate): mean over seeds or queries with its 95 % interval. by_seed (floats): the mean of each seed.
    published (float): what the paper or its authors' code reports; None if they report nothing.
    base_rate (float): what a random ranking or a random reference scores; None if there is no such thing.
    goal (str): what this project wants to reach, such as ">= 0.86"; "" if nothing is said.
    count (int): pairs, queries or documents behind the figure. note (str): what else a reader must know, such as that
        seeds vary the drawn documents and not the encoder.
    """

    key: str
    what: str
    measured: Estimate
    by_seed: Sequence[float] = ()
    published: Optional[float] = None
    base_rate: Optional[float] = None
    goal: str = ""
    count: Optional[int] = None
    note: str = ""

    @property
    def reached(self) -> Optional[bool]:
        """Whether the mean reaches the goal; None without a goal."""
        if not self.goal:
            return None
        sign, value = self.goal.split()
        return self.measured.mean >= float(value) if sign == ">=" else self.measured.mean <= float(value)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values; nan becomes None."""
        values = {**asdict(self), "measured": self.measured.as_dict(), "reached": self.reached}
        values["by_seed"] = [None if math.isnan(value) else float(value) for value in self.by_seed]
        return values


@dataclass(frozen=True)
class Result:
    """An experiment: its section of the paper, a title, figures, and what was done in words.

    protocol (sequence of str): what was done, one sentence each. differences (sequence of str): where this differs from
        the published protocol. facts (dict): sizes, seeds, settings and seconds, as plain values.
    figures (dict of str to str): by file name of a picture, what it shows.
    """

    section: str
    title: str
    rows: Sequence[Row]
    protocol: Sequence[str] = ()
    differences: Sequence[str] = ()
    facts: dict[str, Any] = field(default_factory=dict)
    figures: dict[str, str] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """Return plain values."""
        return {**asdict(self), "rows": {row.key: row.as_dict() for row in self.rows}}
