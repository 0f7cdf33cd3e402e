"""What the config blocks of several methods say."""

from __future__ import annotations

from typing import Any, Optional, Sequence

from ..errors import Errors, SeginfError
from ..influence.choose import head_metric
from ..influence.curvature import ExactCurvature, IdentityCurvature, KroneckerCurvature, Metric
from .method import Context

CURVATURES = {"exact": ExactCurvature, "kfac": KroneckerCurvature, "identity": IdentityCurvature}


def check_choice(method: str, setting: str, value: Any, allowed: Sequence[str]) -> None:
    """Refuse a value that is none of the allowed ones. RAISES (ValueError): S095."""
    if value not in allowed:
        known = f"Use one of: {', '.join(allowed)}."
        raise SeginfError(Errors.S095.format(method=method, setting=setting, value=value, allowed=known))


def check_least(method: str, setting: str, value: Optional[float], least: float) -> None:
    """Refuse a number that is too small; None is no number. RAISES (ValueError): S095."""
    if value is not None and not value >= least:
        allowed = f"It must be at least {least}."
        raise SeginfError(Errors.S095.format(method=method, setting=setting, value=value, allowed=allowed))


def check_curvature(method: str, curvature: Optional[str]) -> None:
    """Refuse an unknown curvature; None is that of the index. RAISES (ValueError): S095."""
    if curvature is not None:
        check_choice(method, "curvature", curvature, tuple(CURVATURES))


def chosen_metric(context: Context, curvature: Optional[str]) -> Metric:
    """Return the metric of the index, or compute another one at the same head.

    RAISES (ValueError): S051 if the curvature of a head that was not refit is not positive definite.
    """
    if curvature is None or isinstance(context.metric, CURVATURES[curvature]):
        return context.metric
    return head_metric(context.training.data, context.head, context.penalty.l2, curvature)[0]
