"""Probabilities that are right as often as they say, and how far they are from it.

All scores are divided by one temperature (Guo et al. 2017, "On Calibration of Modern Neural Networks", section 4.2),
and the log-odds of an entity go through one line for each type (Platt 1999), moved by some amount if the entity is new:
if the training corpus does not have it with this type. New entities are mostly wrong more often than their scores say,
and other texts have more or fewer of them than those that lines are fit to. Types with few examples have lines near
that of all types.
"""

from __future__ import annotations

import math
from dataclasses import dataclass, field
from typing import Any, Iterable, Mapping, Optional, Sequence

import numpy

from .forward_backward import forward_backward
from .lattice import Lattice

ALL = ""  # the line of types that have none of their own
ENOUGH = 50  # examples of a type that has a line of its own
BINS = 15
LEAST = 1e-9  # from 0 and 1, as far as log-odds are concerned
TEMPERATURES = -1.5, 2.5  # logarithms of the lowest and the highest
RIDGE = 1.0  # what one squared unit of a line's distance from its prior costs, in nats
Line = tuple[float, float, float]  # slope and offset of log-odds, and what is added for entities that are new


@dataclass(frozen=True)
class Calibration:
    """What was learned about a tagger's probabilities. temperature (float); lines: of log-odds, by type, ``ALL`` for
    all others; known: the entities that are not new, by type, as ``form_of`` writes them. If there are none, no entity
    is called new."""

    temperature: float = 1.0
    lines: Mapping[str, Line] = field(default_factory=dict)
    known: Mapping[str, frozenset[str]] = field(default_factory=dict)

    def is_new(self, label: str, form: str) -> bool:
        """Tell whether an entity of a type is new."""
        return bool(self.known) and form not in self.known.get(label, ())

    def of(self, label: str, probability: float, form: str = "") -> float:
        """Calibrate the probability of an entity of a type, which temperature has been applied to."""
        line = self.lines.get(label) or self.lines.get(ALL)
        if line is None or probability in (0.0, 1.0):  # what is certain stays so
            return probability
        clipped = min(max(probability, LEAST), 1.0 - LEAST)
        odds = line[0] * (math.log(clipped) - math.log1p(-clipped)) + line[1]
        odds += line[2] if self.is_new(label, form) else 0.0
        return 0.5 * (1.0 + math.tanh(0.5 * odds))

    @property
    def plain(self) -> dict[str, Any]:
        """The same as plain values."""
        return {
            "temperature": self.temperature,
            "lines": {label: list(line) for label, line in self.lines.items()},
            "known": {label: sorted(words) for label, words in self.known.items()},
        }

    @classmethod
    def of_plain(cls, content: Any) -> Calibration:
        """Read it again. RAISES (ValueError): if it is no calibration."""
        try:
            lines = {
                str(label): (float(slope), float(offset), float(new[0]) if new else 0.0)  # once there were two numbers
                for label, (slope, offset, *new) in content["lines"].items()
            }
            known = {str(label): frozenset(map(str, words)) for label, words in content.get("known", {}).items()}
            temperature = float(content["temperature"])
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise ValueError("it has no temperature and lines") from error
        if not (
            temperature > 0 and all(map(math.isfinite, (temperature, *(x for line in lines.values() for x in line))))
        ):
            raise ValueError("its numbers are not finite, or no temperature")
        return cls(temperature, lines, known)


def form_of(words: Iterable[str]) -> str:
    """Write an entity without spaces: other texts may be cut into other tokens."""
    return "".join(words)


def fit_temperature(lattice: Lattice, allowed: numpy.ndarray) -> float:
    """Find the temperature of the least negative log-likelihood of an annotation among valid sequences.

    lattice (Lattice): of the documents. allowed (bool, rows x tags): tags that the annotation permits. Documents whose
        annotation decoding could not give say nothing.
    """
    from scipy.optimize import minimize_scalar

    scores, moves = (array.astype("float64") for array in (lattice.emissions, lattice.transitions))
    states = allowed[:, lattice.tags]
    states |= ~(states & numpy.isfinite(scores)).any(axis=1)[:, None]

    def loss(logarithm: float) -> float:
        scale = math.exp(-logarithm)
        with numpy.errstate(invalid="ignore"):  # of what can't be
            free = forward_backward(scale * scores, scale * moves, lattice.lengths).log_partition
            held = forward_backward(scale * scores, scale * moves, lattice.lengths, states).log_partition
        return float((free - held)[numpy.isfinite(held)].sum())

    return math.exp(float(minimize_scalar(loss, bounds=TEMPERATURES, method="bounded", options={"xatol": 1e-3}).x))


def fit_lines(
    labels: Sequence[str], probabilities: numpy.ndarray, right: numpy.ndarray, new: Optional[numpy.ndarray] = None
) -> dict[str, Line]:
    """Fit the lines of types.

    labels (sequence of str), probabilities (floats), right, new (bool): of each example. No lines without examples; if
        it is not said what is new, nothing is.
    """
    if not len(labels):
        return {}
    odds, kinds = log_odds(probabilities), numpy.array(labels)
    design = numpy.stack([odds, numpy.ones_like(odds), numpy.zeros_like(odds) if new is None else new], axis=1)
    lines = {ALL: _fit_line(design, right, (1.0, 0.0, 0.0))}
    for label in sorted(set(labels)):
        own = kinds == label
        if own.sum() >= ENOUGH:
            lines[label] = _fit_line(design[own], right[own], lines[ALL])
    return lines


def log_odds(probabilities: numpy.ndarray) -> numpy.ndarray:
    """Return log p / (1 - p), of probabilities that are a little away from 0 and 1."""
    clipped = numpy.clip(probabilities, LEAST, 1.0 - LEAST)
    return numpy.asarray(numpy.log(clipped) - numpy.log1p(-clipped))


def brier(probabilities: numpy.ndarray, right: numpy.ndarray) -> float:
    """Return the mean squared difference of probabilities and outcomes (Brier 1950)."""
    return float(numpy.mean((probabilities - right) ** 2))


def log_score(probabilities: numpy.ndarray, right: numpy.ndarray) -> float:
    """Return the mean negative logarithm of what was given to outcomes, in nats."""
    clipped = numpy.clip(probabilities, LEAST, 1.0 - LEAST)
    return float(-numpy.mean(numpy.where(right, numpy.log(clipped), numpy.log1p(-clipped))))


def bins(probabilities: numpy.ndarray, right: numpy.ndarray, count: int = BINS) -> list[tuple[float, float, int]]:
    """Cut examples into bins of equal mass: mean probability, share that is right, and size of each."""
    order = numpy.argsort(probabilities, kind="stable")
    parts = [part for part in numpy.array_split(order, count) if len(part)]
    return [(float(probabilities[part].mean()), float(right[part].mean()), len(part)) for part in parts]


def calibration_error(probabilities: numpy.ndarray, right: numpy.ndarray, count: int = BINS) -> float:
    """Return the expected calibration error by bins of equal mass (Naeini et al. 2015; Nixon et al. 2019)."""
    found = bins(probabilities, right, count)
    return float(sum(size * abs(said - is_so) for said, is_so, size in found) / max(len(probabilities), 1))


def risk_coverage(probabilities: numpy.ndarray, right: numpy.ndarray) -> numpy.ndarray:
    """Return the share of errors among the 1, 2, ... n most probable examples; its mean is the area under the curve
    (Geifman and El-Yaniv 2017)."""
    order = numpy.argsort(-probabilities, kind="stable")
    return numpy.asarray(numpy.cumsum(~right[order]) / numpy.arange(1, len(order) + 1))


def least_probability(probabilities: numpy.ndarray, right: numpy.ndarray, precision: float) -> float:
    """Return the lowest probability from which on so many examples are right; 1 if there is none."""
    order = numpy.argsort(-probabilities, kind="stable")
    if not len(order):
        return 1.0
    ordered = probabilities[order]
    kept = numpy.cumsum(right[order]) / numpy.arange(1, len(order) + 1) >= precision
    ends = numpy.append(ordered[1:] < ordered[:-1], True)  # equal ones are kept or left together
    found = numpy.flatnonzero(kept & ends)
    return float(ordered[found[-1]]) if len(found) else 1.0


def _fit_line(design: numpy.ndarray, right: numpy.ndarray, prior: Line) -> Line:
    from scipy.optimize import minimize

    start, design = numpy.array(prior), design * numpy.where(right, 1.0, -1.0)[:, None]

    def loss(line: numpy.ndarray) -> tuple[float, numpy.ndarray]:
        margins, away = design @ line, line - start
        value = numpy.logaddexp(0.0, -margins).sum() + 0.5 * RIDGE * (away**2).sum()
        return float(value), -(design * _sigmoid(-margins)[:, None]).sum(axis=0) + RIDGE * away

    bounds = [(0.0, None), (None, None), (None, None)]
    slope, offset, new = minimize(loss, start, jac=True, method="L-BFGS-B", bounds=bounds).x
    return float(slope), float(offset), float(new)


def _sigmoid(values: numpy.ndarray) -> numpy.ndarray:
    return numpy.asarray(numpy.exp(-numpy.logaddexp(0.0, -values)))
