"""How strongly should a head be penalised? One that stands for itself: as strongly as labels that it was not fitted to
like best. One that explains a trained head: as weakly as it still predicts what that one does."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import Callable, Optional, Sequence, Union

import numpy

from ..crf.hessian import loss_hessian
from .curvature import ExactCurvature, IdentityCurvature, KroneckerCurvature, Metric, solver_of
from .data import BATCH_TOKENS, HeadData, blocks, ranges, subset, with_constant
from .fit import Accumulate, Fit, History, Solver, checked, hessian, newton, positive_hessian, solver
from .head import Head
from .penalty import Penalty, penalty_of

CANDIDATES = (1000.0, 300.0, 100.0, 30.0, 10.0, 3.0, 1.0, 0.3, 0.1)
STRONGEST = 1e5
PULLS = (1e5, 3e4, 1e4, 3e3, 1e3, 3e2, 1e2)  # towards a trained head, strongest first
STRONGEST_PULL = 1e9
FOLLOWING = (1e4, 3e3, 1e3, 3e2, 1e2, 3e1, 1e1)  # of heads that labels make, strongest first
WORSE = 2  # candidates one after another that end the search
FALLBACK = 1.0
SAMPLE_TOKENS = 20_000  # that the search comes to its first penalty on
PATIENCE = 8  # a rough Hessian is soon out of date on the way, and soon renewed
LARGE_ITERATIONS = 500  # steps to an optimum without a Hessian, each of which takes little more than a gradient
LARGE_PATIENCE = 30  # K-FAC gains less by being renewed than is lost with what gradients have told
HELD_OUT = 10  # one document in so many
GAP = 1e-4  # nats per token that a fit may miss the optimum by
SEARCH_GAP = 1e-6  # the same in the search for a penalty: development losses of two of them differ by as little as 1e-4
PULL_GAP = 1e-5  # the same in the search for a pull: a prediction is kept or not
DOUBTED_TOKENS = 10_000  # that a rough Hessian takes exactly
CERTAIN = 1e-2  # of a rough Hessian: doubt about a token's label that counts as none
NEGLIGIBLE = 1e-4  # and covariance of two label indicators
Tried = Callable[[float, float], None]  # is told each candidate, and how it did
LARGEST_HESSIAN = 8000  # parameters; above, the Hessian takes more than half a gigabyte and K-FAC stands for it


@dataclass(frozen=True)
class L2Choice:
    """The best penalty and how all that were tried did.

    l2; losses (nats per development token); fits (to the training data, loosely converged). The latter two by penalty.
    """

    l2: float
    losses: dict[float, float]
    fits: dict[float, Fit]


def choose_l2(
    train: HeadData,
    dev: HeadData,
    start: Head,
    candidates: Sequence[float] = CANDIDATES,
    tried: Tried = lambda l2, value: None,
) -> L2Choice:
    """Find the penalty whose head gives the development labels the highest likelihood.

    Each fit starts from the one before. The search ends at the first candidate that does worse than its predecessor. If
    the strongest does best, stronger ones are tried.

    train (HeadData): what heads are fitted to.
    dev (HeadData): what they are judged by.
    start (Head): where the first fit begins; zeros will do.
    candidates (sequence of float): penalties, strongest first. tried (Callable): is told losses.
    """
    losses: dict[float, float] = {}
    fits: dict[float, Fit] = {}
    few = sample(train)
    share = len(few.allowed) / max(len(train.allowed), 1)
    path = Path(train, Path(few, start).approach(candidates[0] * share).head)
    gap = GAP if start.size > LARGEST_HESSIAN else SEARCH_GAP  # without a Hessian the last steps take long

    def attempt(l2: float) -> float:
        fits[l2] = path.approach(l2, gap)
        losses[l2] = float(fits[l2].head.losses(dev).sum()) / max(len(dev.allowed), 1)
        tried(l2, losses[l2])
        return losses[l2]

    best = float("inf")
    for l2 in candidates:
        if attempt(l2) > best:
            break
        best = losses[l2]
    while losses[max(losses)] == best and max(losses) < STRONGEST:
        path.head = fits[max(losses)].head
        best = min(best, attempt(3.0 * max(losses)))
    return L2Choice(min(losses, key=losses.__getitem__), losses, fits)


@dataclass(frozen=True)
class PullChoice:
    """How strongly a head is pulled towards a trained one, and how all that were tried did.

    l2; shares (of the trained head's predictions that are kept); fits (loosely converged). The latter two by strength.
    """

    l2: float
    shares: dict[float, float]
    fits: dict[float, Fit]


def choose_pull(
    train: HeadData,
    trained: Head,
    kept: Callable[[Head], float],
    enough: Callable[[float], bool],
    candidates: Sequence[float] = PULLS,
    tried: Tried = lambda l2, value: None,
) -> PullChoice:
    """Find the weakest pull whose head still predicts what the trained one does.

    A weaker pull lets labels explain more of a prediction, but of another head's. The search ends at the first
    candidate that keeps too little. If the strongest does, stronger ones are tried: in the end the head is the trained
    one.

    train (HeadData): what heads are fitted to. trained (Head): where they are pulled to.
    kept (Callable): the share of the trained head's predictions that another head keeps.
    enough (Callable): is such a share enough?
    candidates (sequence of float): strengths, strongest first. tried (Callable): is told shares.
    """
    shares: dict[float, float] = {}
    fits: dict[float, Fit] = {}
    path = Path(train, trained)

    def attempt(l2: float) -> bool:
        fits[l2] = path.approach(Penalty(l2, trained), PULL_GAP)
        shares[l2] = kept(fits[l2].head)
        tried(l2, shares[l2])
        return enough(shares[l2])

    for l2 in candidates:
        if not attempt(l2):
            break
    while not enough(shares[max(shares)]) and max(shares) < STRONGEST_PULL:
        path.head = trained
        attempt(10.0 * max(shares))
    good = [l2 for l2, share in shares.items() if enough(share)]
    return PullChoice(min(good, default=max(shares)), shares, fits)


def choose_following(
    train: HeadData,
    agreement: Callable[[Head], float],
    candidates: Sequence[float] = FOLLOWING,
    tried: Tried = lambda l2, value: None,
) -> PullChoice:
    """Find the penalty whose head, made by labels alone, predicts most of what a pipeline does, and little else.

    train (HeadData): what heads are fitted to. agreement (Callable): of a head's predictions with the pipeline's.
    candidates (sequence of float): penalties, strongest first; of equals the strongest is chosen. tried (Callable): is
        told agreements.
    """
    shares: dict[float, float] = {}
    fits: dict[float, Fit] = {}
    path = Path(train, Head.zeros(train))
    worse = 0
    for l2 in candidates:
        best = max(shares.values(), default=-1.0)
        fits[l2] = path.approach(l2, PULL_GAP)
        shares[l2] = agreement(fits[l2].head)
        tried(l2, shares[l2])
        worse = worse + 1 if shares[l2] < best else 0  # equals may be a plateau on the way up
        if worse == WORSE:
            break
    best = max(shares.values())
    return PullChoice(max(l2 for l2, share in shares.items() if share == best), shares, fits)


def approach(data: HeadData, start: Head, penalty: Union[float, Penalty], gap: float = GAP) -> Fit:
    """Come within some distance of the optimum of J, by quasi-Newton steps in the metric of a rough Hessian.

    start (Head): where to begin; zeros will do.
    gap (float): how much of J may be left, in nats per token: the next step would gain no more, as far as can be told.
    """
    return Path(data, start).approach(penalty, gap)


class Path:
    """Optima of J for one penalty after another, each near enough, and each found from the one before.

    What is known of the Hessian goes along: a rough one, and what gradients have told since then.

    data (HeadData): documents. head (Head): where to begin, and then the latest optimum.
    """

    def __init__(self, data: HeadData, head: Head) -> None:
        self.data, self.head = data, head
        self._curvature: Union[numpy.ndarray, KroneckerCurvature, None] = None
        self._history: History = []

    def approach(self, penalty: Union[float, Penalty], gap: float = GAP) -> Fit:
        """Go on to the optimum of J under a penalty, to within ``gap`` nats per token."""
        l2 = penalty_of(penalty).l2
        fit = newton(
            self.data,
            self.head,
            penalty,
            0.0,
            solve=self._known_inverse(l2),
            renew=partial(self._renew, l2),
            gap=gap * len(self.data.allowed),
            patience=PATIENCE if self.head.size <= LARGEST_HESSIAN else LARGE_PATIENCE,
            history=self._history,
        )
        self.head = fit.head
        return fit

    def _renew(self, l2: float, head: Head) -> Solver:
        if head.size > LARGEST_HESSIAN:
            self._curvature = sampled_k_fac(self.data, l2, head)
            return solver_of(self._curvature)
        self._curvature = rough_hessian(self.data, head)
        solve = self._known_inverse(l2)
        if solve is None:
            self._curvature = hessian(self.data, head, 0.0, free=True)
            solve = _inverse(self._curvature, l2)
        return solve

    def _known_inverse(self, l2: float) -> Optional[Solver]:
        """Invert what is known of the Hessian; None if that is nothing, or not positive definite."""
        if isinstance(self._curvature, KroneckerCurvature):
            return solver_of(self._curvature.under(l2))
        try:
            return None if self._curvature is None else _inverse(self._curvature, l2)
        except ValueError:
            return None


def rough_hessian(data: HeadData, head: Head, tokens: int = DOUBTED_TOKENS) -> numpy.ndarray:
    """Estimate the Hessian of the data's part of J, all labels summed out (float64, P x P): nearly exact where the head
    is in doubt, K-FAC's for all other tokens.

    Tokens whose labels are as good as certain cut documents into runs of others. Their labels are held, so each run is
    a short sequence; the runs in most doubt are taken, about so many tokens altogether.
    """
    transitions, scores = head.transitions, head.emissions(data.features)
    unary = head.marginals(data, scores)
    edge = numpy.zeros(len(scores) + 1, dtype=bool)  # before these tokens documents begin
    edge[data.starts] = edge[-1] = True
    starts, ends = _runs(1.0 - unary.max(axis=1), edge, tokens)
    labels = unary.argmax(axis=1)
    scores[starts] += numpy.where(edge[starts, None], 0.0, transitions[labels[starts - 1]])
    scores[ends - 1] += numpy.where(edge[ends, None], 0.0, transitions.T[labels[ends % len(labels)]])
    rows = ranges(starts, ends - starts)
    batch = scores[rows], with_constant(data.features[rows]), (ends - starts).tolist()
    total = loss_hessian([batch], transitions, data.width, NEGLIGIBLE)
    unary[rows] = 0.0  # these are done
    label_factor = numpy.diag(unary.sum(axis=0)) - unary.T @ unary
    feature_factor = numpy.zeros((data.width, data.width))
    weight = numpy.sqrt(numpy.maximum(unary.sum(axis=1) - (unary**2).sum(axis=1), 0.0))
    for place, block in blocks(data.features, BATCH_TOKENS, "float32"):
        block *= weight[place, None]
        feature_factor[:-1, :-1] += block.T @ block
        feature_factor[-1, :-1] += weight[place] @ block
    feature_factor[:-1, -1] = feature_factor[-1, :-1]
    feature_factor[-1, -1] = weight @ weight
    w_size = data.labels * data.width
    total[:w_size, :w_size] += numpy.kron(label_factor / max(feature_factor[-1, -1], 1e-300), feature_factor)
    return total


def _runs(doubt: numpy.ndarray, edge: numpy.ndarray, tokens: int) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return starts and ends (int64) of the runs of tokens in most doubt, about so many tokens altogether.

    edge (bool, tokens + 1): documents begin before these tokens; no run goes beyond.
    """
    free = doubt > CERTAIN
    # One more token on each side: transitions into and out of a run have curvature too.
    free |= (numpy.roll(free, 1) & ~edge[:-1]) | (numpy.roll(free, -1) & ~edge[1:])
    starts = numpy.flatnonzero(free & (edge[:-1] | ~numpy.roll(free, 1)))
    ends = numpy.flatnonzero(free & (edge[1:] | ~numpy.roll(free, -1))) + 1
    if not len(starts):
        return starts, ends
    loudest = numpy.argsort(-numpy.maximum.reduceat(doubt, starts), kind="stable")
    enough = int(numpy.searchsorted(numpy.cumsum((ends - starts)[loudest]), tokens)) + 1
    chosen = numpy.sort(loudest[:enough])
    return starts[chosen], ends[chosen]


def fit_to_optimum(data: HeadData, start: Head, penalty: Union[float, Penalty], *, near: bool = False) -> Fit:
    """Minimise J to |grad J| <= 1e-8: ``approach``, then quasi-Newton steps in the metric of a rough Hessian, or of
    K-FAC for heads with more than LARGEST_HESSIAN parameters. The exact Hessian comes in if they make no progress.

    near (bool): the start comes from ``approach`` already, on all documents or most of them.
    RAISES (ValueError): S050 if l2 is not positive, S051 if it is too weak for the Hessian to be.
    """
    penalty = checked(penalty)
    start = start if near else approach(data, start, penalty).head
    if start.size > LARGEST_HESSIAN:
        renew = partial(_k_fac, data, penalty.l2)
        return newton(data, start, penalty, renew=renew, patience=LARGE_ITERATIONS, iterations=LARGE_ITERATIONS)
    try:
        solve = _inverse(rough_hessian(data, start, 4 * DOUBTED_TOKENS), penalty.l2)
    except ValueError:
        solve = None  # for the exact Hessian
    return newton(data, start, penalty, solve=solve)


def _inverse(curvature: numpy.ndarray, l2: float) -> Solver:
    """Invert a Hessian with a penalty. RAISES (ValueError): S051 if it is not positive definite, as a rough one may be
    where labels are as good as certain."""
    return solver(curvature + l2 * numpy.eye(len(curvature)))


def sampled_k_fac(data: HeadData, l2: float, head: Head) -> KroneckerCurvature:
    """Estimate K-FAC's curvature from some documents, about SAMPLE_TOKENS tokens: steps ask no more of it, and all
    documents take longer than many steps."""
    few = sample(data, SAMPLE_TOKENS)
    share = len(few.allowed) / max(len(data.allowed), 1)
    return KroneckerCurvature.from_data(few, head, l2 * share).scaled(1.0 / share)


def _k_fac(data: HeadData, l2: float, head: Head) -> Solver:
    return solver_of(sampled_k_fac(data, l2, head))


def head_metric(
    data: HeadData, head: Head, l2: float, curvature: str, accumulate: Accumulate = hessian
) -> tuple[Metric, str, str]:
    """Compute H^-1, or what stands for it.

    curvature (str): "exact", "kfac" or "identity". K-FAC stands for exact with more than LARGEST_HESSIAN parameters.
    accumulate (Callable): what computes the Hessian, as ``hessian`` does.
    RETURNS: the metric, the curvature that it has, and what its Hessian is ("full", "free labels", or "").
    """
    if curvature == "identity":
        return IdentityCurvature(data.labels, data.width), curvature, ""
    if curvature == "kfac" or head.size > LARGEST_HESSIAN:
        return KroneckerCurvature.from_data(data, head, l2), "kfac", ""
    matrix, kind = positive_hessian(data, head, l2, accumulate)
    return ExactCurvature.from_hessian(matrix, data.labels, data.width), "exact", kind


def optimum(data: HeadData, start: Head, penalty: Penalty) -> tuple[Head, Metric]:
    """Fit a head to the optimum of J, and compute its exact H^-1, or K-FAC's for heads that are too large for that.

    start (Head): where to begin. RAISES (ValueError): as ``fit_to_optimum``.
    """
    head = fit_to_optimum(data, start, penalty).head
    return head, head_metric(data, head, penalty.l2, "exact")[0]


def hold_out(data: HeadData, seed: int = 0) -> tuple[HeadData, HeadData]:
    """Split off one document in ten, at least one, in a random order that the seed fixes.

    RETURNS: the rest and what was split off.
    """
    kept, held = held_out_documents(len(data.lengths), seed)
    return subset(data, kept), subset(data, held)


def held_out_documents(count: int, seed: int = 0) -> tuple[numpy.ndarray, numpy.ndarray]:
    """Return the numbers of documents that ``hold_out`` leaves and splits off (int64, rising)."""
    order = numpy.random.default_rng(seed).permutation(count)
    return numpy.sort(numpy.delete(order, slice(None, None, HELD_OUT))), numpy.sort(order[::HELD_OUT])


def sample(data: HeadData, tokens: int = SAMPLE_TOKENS) -> HeadData:
    """Take every n-th document, about so many tokens altogether."""
    step = max(1, sum(data.lengths) // tokens)
    return data if step == 1 else subset(data, numpy.arange(0, len(data.lengths), step))
