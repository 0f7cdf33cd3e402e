"""What a new index is like: do its effects hold, which labels are behind everything, which families contradict each
other. All of it by some predictions that are drawn."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass, replace
from typing import Any, NamedTuple, Optional

import numpy

from ..crf import one_label_each
from ..crf.schemes import TAG
from ..index.manifest import Manifest
from ..indexing.fidelity import Fidelity, compare, decode, predictions
from ..influence.data import HeadData
from ..influence.order import falling
from ..progress import REFIT, advance, step
from .account_view import Family
from .agreement import Agreement, agreement
from .explainer import Explainer, no_optimum
from .influence import Influence
from .joint import tolerance_of
from .judged_texts import JudgedTexts
from .reference_view import Reference

SEED = 0
PREDICTIONS = 200  # that are drawn
NEAREST = 5  # labels on each side of a prediction that count as behind it
REFITS = 20
LISTED = 10  # hubs, and pairs of families
LARGEST = 1_000_000_000  # tokens x labels x (features + labels): a look at all of them takes about half a second


def too_large(manifest: Manifest) -> str:
    """Say that nobody waits for heads to be fit again and again; empty where they do not take long."""
    labels = len(manifest.tags)
    size = manifest.tokens * labels * (manifest.width + labels)
    return "the index is so large that this would take long" if size > LARGEST else ""


class Pair(NamedTuple):
    """A prediction and a label behind it: by how much removing the label changes its loss (nats), as one step predicts
    it and as refitting the head shows."""

    text: str
    label: str
    reference: Reference
    predicted: float
    actual: float


class Hub(NamedTuple):
    """A training label, and how many of the predictions it is among the strongest for."""

    reference: Reference
    predictions: int


class Contest(NamedTuple):
    """Two families that most contradict each other, and in how many of the predictions."""

    families: tuple[Family, Family]
    predictions: int


@dataclass(frozen=True)
class IndexCheck:
    """What some predictions show of an index.

    fidelity (Fidelity): what the pipeline predicts for all the texts beside what the head that explains does.
    predictions (int): how many were drawn. pairs (tuple of Pair): drawn ones, refit; agreement: of their effects.
    problem (str): why nothing was refit; empty if something was. hubs, contests: the most frequent ones. disputed
    (int): predictions about which training labels contradict each other more than usual (see ``Account.disputed``).
    """

    fidelity: Fidelity
    predictions: int
    pairs: tuple[Pair, ...]
    agreement: Optional[Agreement]
    problem: str
    hubs: tuple[Hub, ...]
    contests: tuple[Contest, ...]
    disputed: int


def check_by_predictions(influence: Influence, texts: JudgedTexts) -> IndexCheck:
    """Draw predictions for texts, and look at what an index says of them.

    influence (Influence): with an index. texts (JudgedTexts): those of the development corpus; where there is none, of
        the training corpus, whose own labels are then behind their predictions.
    """
    scheme, explainer = influence.find_tagger().scheme, influence.explainer()
    fidelity = compare(scheme, texts.data, texts.predicted, decode(scheme, texts.data, explainer.index.head))
    found = predictions(scheme, texts.predicted, texts.data.lengths)
    if scheme.name == TAG:  # of tokens there are many
        found = [one for one in found if one[0] < PREDICTIONS]
    order = numpy.random.default_rng(SEED).permutation(len(found))[:PREDICTIONS]
    drawn = [found[number] for number in sorted(order.tolist())]
    if not drawn:
        return IndexCheck(fidelity, 0, (), None, "nothing is predicted", (), (), 0)
    manifest = explainer.index.manifest
    problem = no_optimum(manifest) or ("rows were left out (--keep, --tolerance)" if manifest.pruned else "")
    problem = problem or too_large(manifest)
    segments = numpy.array([one[:3] for one in drawn], dtype=numpy.int64)
    data = replace(texts.data, allowed=one_label_each(texts.predicted, texts.data.labels))
    rows = explainer.strongest(data, texts.predicted, segments, influence.used_unit, NEAREST)
    pairs = () if problem else _refit(influence, explainer, texts, data, drawn, rows)
    measured = agreement(numpy.array([one.predicted for one in pairs]), numpy.array([one.actual for one in pairs]))
    disputed, contests = _contests(influence, texts, data, segments)
    hubs = _hubs(influence, explainer, rows)
    return IndexCheck(fidelity, len(drawn), pairs, measured if pairs else None, problem, hubs, contests, disputed)


def _refit(
    influence: Influence,
    explainer: Explainer,
    texts: JudgedTexts,
    data: HeadData,
    drawn: list[tuple[int, int, int, str]],
    rows: numpy.ndarray,
) -> tuple[Pair, ...]:
    """Refit the head without labels that are drawn among the strongest (rows: predictions x labels)."""
    owners, columns = numpy.nonzero(rows >= 0)
    chosen = numpy.random.default_rng(SEED).permutation(len(owners))[:REFITS]
    effects, table = explainer.effects, explainer.table(influence.used_unit)
    pairs = []
    with step("Refits", len(chosen), REFIT):
        for number in chosen.tolist():
            text, start, end, label = drawn[owners[number]]
            row = int(rows[owners[number], columns[number]])
            watched = effects.watch(data, texts.predicted, [(text, start, end)])
            change = effects.without([table.segment(row)])
            predicted, (real, _) = effects.predict(change), effects.refit(change, tolerance=tolerance_of(effects))
            before, *after = (float(watched.losses(one)[0, 0]) for one in (effects.nothing, predicted, real))
            reference = Reference({**table.reference(row, influence.context), "row": row}, after[0] - before)
            shown = texts.docs[text][start:end].text
            pairs.append(Pair(shown, label, reference, after[0] - before, after[1] - before))
            advance(1, REFIT)
    return tuple(sorted(pairs, key=lambda pair: -abs(pair.actual)))


def _hubs(influence: Influence, explainer: Explainer, rows: numpy.ndarray) -> tuple[Hub, ...]:
    table = explainer.table(influence.used_unit)
    found, counts = numpy.unique(rows[rows >= 0], return_counts=True)
    most = falling(counts.astype(float), 0.0)[:LISTED].tolist()
    return tuple(
        Hub(Reference(table.reference(int(found[place]), influence.context), 0.0), int(counts[place])) for place in most
    )


def _contests(
    influence: Influence, texts: JudgedTexts, data: HeadData, segments: numpy.ndarray
) -> tuple[int, tuple[Contest, ...]]:
    """Count the predictions that training labels contradict each other about, and the first family on each side."""
    accountant = influence.sources().accountant
    if accountant is None:
        return 0, ()
    accounts = accountant.accounts(data, texts.predicted, segments, 1)
    disputed = [one for one in accounts if one is not None and one.disputed]
    sides: Counter[tuple[int, int]] = Counter()
    for one in disputed:
        for_it, against = (
            next((f.family for f in one.families if (f.share > 0) == side), -1) for side in (True, False)
        )
        if min(for_it, against) >= 0:
            sides[min(for_it, against), max(for_it, against)] += 1

    def family(number: int) -> Family:
        described: dict[str, Any] = accountant.describe_family(number, influence.context)
        return Family(described, (), 0.0)

    most = sorted(sides.items(), key=lambda item: (-item[1], item[0]))[:LISTED]
    return len(disputed), tuple(Contest((family(one), family(other)), count) for (one, other), count in most)
