"""Which settings of an influence component make sense."""

from __future__ import annotations

from typing import Any, Optional

from ..attribution.method import Method
from ..errors import Errors, SeginfError
from ..index.storage import FEATURE_DTYPES
from ..indexing.build import CURVATURES, BuildSettings
from ..indexing.refit import CENTRES

UNITS = ("entity", "token")
EXPLAINED = ("all", "entities")


def check_component(name: str, explained: str, method: Optional[Any], least: dict[str, tuple[int, int]]) -> None:
    """Refuse unknown settings of explanations.

    name, explained, method: of the component. least (dict): by setting, its value and the smallest that makes sense.
    RAISES (ValueError): S028, S097 for a method that is none.
    """
    if method is not None and not isinstance(method, Method):
        raise SeginfError(Errors.S097.format(name=name, value=method))
    if explained not in EXPLAINED:
        allowed = f"Use one of: {', '.join(EXPLAINED)}."
        raise SeginfError(Errors.S028.format(setting="explain", name=name, value=explained, allowed=allowed))
    for setting, (value, smallest) in least.items():
        if value < smallest:
            allowed = f"It must be at least {smallest}."
            raise SeginfError(Errors.S028.format(setting=setting, name=name, value=value, allowed=allowed))


def check_build(name: str, unit: str, settings: BuildSettings) -> None:
    """Refuse unknown settings of a component. RAISES (ValueError): S027 for the curvature, S028 for the others."""
    if settings.curvature not in CURVATURES:
        raise SeginfError(Errors.S027.format(curvature=settings.curvature, known=", ".join(CURVATURES)))
    if unit not in UNITS:
        allowed = f"Use one of: {', '.join(UNITS)}."
        raise SeginfError(Errors.S028.format(setting="unit", name=name, value=unit, allowed=allowed))
    if settings.l2 is not None and not 0 < settings.l2 < float("inf"):
        allowed = "It must be positive, or left out to be chosen."
        raise SeginfError(Errors.S028.format(setting="l2", name=name, value=settings.l2, allowed=allowed))
    if settings.centre not in CENTRES:
        allowed = f"Use one of: {', '.join(CENTRES)}."
        raise SeginfError(Errors.S028.format(setting="centre", name=name, value=settings.centre, allowed=allowed))
    if settings.dtype not in FEATURE_DTYPES:
        allowed = f"Use one of: {', '.join(FEATURE_DTYPES)}."
        raise SeginfError(Errors.S028.format(setting="dtype", name=name, value=settings.dtype, allowed=allowed))
    for setting, value, legal, allowed in (
        ("keep", settings.keep, 0 < settings.keep <= 1, "It must be above 0 and at most 1, which keeps everything."),
        ("tolerance", settings.tolerance, 0 <= settings.tolerance < 1, "It must be at least 0 and below 1."),
        ("shard_tokens", settings.shard_tokens, settings.shard_tokens >= 1, "It must be at least 1."),
    ):
        if not legal:
            raise SeginfError(Errors.S028.format(setting=setting, name=name, value=value, allowed=allowed))
