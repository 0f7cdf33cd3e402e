"""What an experiment found, beside what was published: plain values, as JSON and back."""

from __future__ import annotations

import json
import math
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any, Mapping, Optional, Sequence

from spacy_seginf.errors import SeginfError
from spacy_seginf.evaluation.intervals import Estimate

from ..errors import LabErrors

NAN = float("nan")


@dataclass(frozen=True)
class Row:
    """One figure of an experiment.

    key (str): its name in the JSON file. what (str): in words.
    measured (Estimate): mean over seeds or queries with its 95 % interval. by_seed (floats): the mean of each seed.
    published (float): what the paper or its authors' code reports; None if they report nothing.
    base_rate (float): what a random ranking or a random reference scores; None if there is no such thing.
    goal (str): what this project wants to reach: ">= 0.86", "<= 60" or "0.95 to 1.05"; "" if nothing is said.
    count (int): pairs, queries or documents behind the figure. note (str): what else a reader must know, such as that
        seeds vary the drawn documents and not the encoder. main (bool): belongs among the first that a reader sees,
        as do figures with a goal and published ones.
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
    main: bool = False

    @property
    def reached(self) -> Optional[bool]:
        """Whether the mean reaches the goal; None without a goal."""
        if not self.goal:
            return None
        first, *rest = self.goal.split()
        if first in (">=", "<="):
            return self.measured.mean >= float(rest[0]) if first == ">=" else self.measured.mean <= float(rest[0])
        return float(first) <= self.measured.mean <= float(rest[-1])

    def as_dict(self) -> dict[str, Any]:
        """Return plain values; nan becomes None."""
        values = {**asdict(self), "measured": self.measured.as_dict(), "reached": self.reached}
        values["by_seed"] = [_plain(value) for value in self.by_seed]
        return {**values, "published": _plain(self.published), "base_rate": _plain(self.base_rate)}

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Row:
        """Read what ``as_dict`` gave."""
        fields = {name: value for name, value in values.items() if name != "reached"}
        fields["measured"] = Estimate(**{name: _number(value) for name, value in values["measured"].items()})
        fields["by_seed"] = tuple(map(_number, values["by_seed"]))
        return cls(**fields)


@dataclass(frozen=True)
class Result:
    """An experiment: its section of the paper, a title, figures, and what was done in words.

    protocol (sequence of str): what was done, one sentence each. differences (sequence of str): where this differs from
        the published protocol. facts (dict): sizes, seeds, settings and seconds (one number, or one for
        each seed), as plain values.
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

    @classmethod
    def from_dict(cls, values: Mapping[str, Any]) -> Result:
        """Read what ``as_dict`` gave."""
        return cls(**{**values, "rows": tuple(map(Row.from_dict, values["rows"].values()))})


def read_results(folder: Path) -> dict[str, Result]:
    """Read the results in a folder, NAME.json each, by name, in the order of the paper's sections.

    RAISES (ValueError): S136 for a file that is no result, S137 if there are none.
    """
    found = {}
    for path in sorted(Path(folder).glob("*.json")):
        try:
            found[path.stem] = Result.from_dict(json.loads(path.read_text(encoding="utf8")))
        except (ValueError, KeyError, TypeError, AttributeError) as error:
            raise SeginfError(LabErrors.S136.format(path=path, what=f"{type(error).__name__}, {error}")) from None
    if not found:
        raise SeginfError(LabErrors.S137.format(path=folder))
    return dict(sorted(found.items(), key=lambda item: (item[1].section, item[0])))


def _plain(value: Optional[float]) -> Optional[float]:
    return None if value is None or math.isnan(value) else float(value)


def _number(value: Optional[float]) -> float:
    return NAN if value is None else float(value)
