"""The weights of ``curation.odds``: logistic regression of planted errors on what speaks for each candidate.

A candidate is right if it is what was there before an error was planted. Corpora count alike. With each corpus left
out, it is printed how many errors the weights of the others find in it; then the weights that all give.

OMP_NUM_THREADS=1 python -m experiments.curation.learned_odds --data DIR
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Sequence

import numpy
from scipy.optimize import minimize

from spacy_seginf.curation.finding import IssueFinder
from spacy_seginf.curation.odds import FEATURES
from spacy_seginf.curation.ranking import ScoredIssue, overlapping_left_out, score_regions
from spacy_seginf.curation.session import Session, open_session
from spacy_seginf.loop.reviewing import Reviewer
from spacy_seginf.loop.steps import truth_of

from ..common.reporting import finish, one_thread, parse_arguments, print_table
from ..common.strangers import EMBEDDED
from .label_issues import AT, STEPS, baselines, found_in, indexed
from .planting import Planted

TUNING, SEED = ("btc", "conll2003", EMBEDDED), 1
ERRORS = 300.0  # that each corpus counts for
L2 = 1.0


@dataclass(frozen=True)
class Table:
    """The candidates of a corpus. features (float64, n x FEATURES), right (bool, n): of all that are no annotation;
    places (int64, n): their numbers."""

    session: Session
    finder: IssueFinder
    planted: Sequence[Planted]
    places: numpy.ndarray
    features: numpy.ndarray
    right: numpy.ndarray


def main() -> None:
    arguments = parse_arguments(__doc__ or "")
    one_thread()
    corpora = TUNING[-1:] if arguments.quick else TUNING
    tables = {name: table_of(arguments.data, name, 40 if arguments.quick else STEPS) for name in corpora}
    rows, figures = [], {}
    for name, table in tables.items():
        others = [one for key, one in tables.items() if key != name] or [table]
        found = _read(table, fitted(others))
        simple = [
            [sum(found_in(order, table.planted, at).values()) for order in baselines(table.session).values()]
            for at in AT
        ]
        figures[name] = {"found": found, "simple": [max(values) for values in simple], "planted": len(table.planted)}
        rows.append([name, *found, *(max(values) for values in simple), len(table.planted)])
    print_table(["left out", *(f"found in {at}" for at in AT), *(f"simple score, {at}" for at in AT), "planted"], rows)
    weights = dict(zip(FEATURES, fitted(list(tables.values())).tolist()))
    print_table(["weight", "of"], [[value, name] for name, value in weights.items()])
    finish(
        "learned_odds", {"weights": weights, "left_out": figures}, quick=arguments.quick, rows=len(rows), seeds=[SEED]
    )


def table_of(data: Path, corpus: str, steps: int) -> Table:
    """Describe the candidates of a corpus with planted errors, with nothing trusted."""
    folder, planted = indexed(data, corpus, SEED, steps)
    session = open_session(str(folder / "indexed"), folder / "train.spacy")
    finder = IssueFinder(session.source, None, session.missing)
    reviewer = Reviewer(session.source, truth_of(session, folder / "truth.spacy"))
    regions = finder.regions
    right = numpy.zeros(len(regions.owners), dtype=bool)
    for first, region in zip(regions.firsts.tolist(), regions.regions):
        decided = reviewer.decide(region.document, region.start, region.end)
        if not decided.wrong:
            continue
        current = set(region.candidates[0])
        outside = [one for one in decided.current if one not in current]
        for number, candidate in enumerate(region.candidates[1:], first + 1):
            right[number] = tuple(sorted((*outside, *candidate))) == decided.entities
    places = numpy.setdiff1d(numpy.arange(len(regions.owners)), regions.firsts)
    return Table(session, finder, planted, places, finder.odds.features[places], right[places])


def fitted(tables: Sequence[Table]) -> numpy.ndarray:
    """Fit the weights (float64, FEATURES)."""
    features = numpy.concatenate([one.features for one in tables])
    right = numpy.concatenate([one.right for one in tables]).astype(numpy.float64)
    share = numpy.concatenate([numpy.full(len(one.right), ERRORS / max(one.right.sum(), 1)) for one in tables])

    def objective(weights: numpy.ndarray) -> tuple[float, numpy.ndarray]:
        scores = features @ weights
        loss = share @ (numpy.logaddexp(0.0, scores) - right * scores) + 0.5 * L2 * weights @ weights
        return float(loss), features.T @ (share * (1.0 / (1.0 + numpy.exp(-scores)) - right)) + L2 * weights

    return numpy.asarray(minimize(objective, numpy.zeros(len(FEATURES)), jac=True, method="L-BFGS-B").x)


def _read(table: Table, weights: numpy.ndarray) -> list[int]:
    odds = numpy.zeros(len(table.finder.regions.owners))
    odds[table.places] = table.features @ weights
    issues: list[ScoredIssue] = overlapping_left_out(score_regions(table.finder.regions, odds, numpy.zeros(len(odds))))
    order = []
    for issue in issues[: max(AT)]:
        name, first = table.session.index.place(issue.document, 0)
        order.append((name, issue.start + first, issue.end + first))
    return [sum(found_in(order, table.planted, at).values()) for at in AT]


if __name__ == "__main__":
    main()
