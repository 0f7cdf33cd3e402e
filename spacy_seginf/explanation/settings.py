"""Which settings of an influence component make sense, beside those of its index."""

from __future__ import annotations

from typing import Any, Optional

from ..attribution.method import Method
from ..errors import Errors, SeginfError
from ..guesses import one_of

UNITS = ("entity", "token")
EXPLAINED = ("all", "entities")


def check_choice(name: str, setting: str, value: str, known: tuple[str, ...]) -> None:
    """Is a setting of a component (name) one of the known? RAISES (ValueError): S028 if not."""
    if value not in known:
        allowed = f"Use one of: {one_of(known, value)}."
        raise SeginfError(Errors.S028.format(setting=setting, what=f"component '{name}'", value=value, allowed=allowed))


def check_component(
    name: str, unit: str, explained: str, method: Optional[Any], least: dict[str, tuple[int, int]]
) -> None:
    """Refuse what makes no sense.

    name, unit, explained, method: of the component. least (dict): by setting, its value and the smallest that makes
        sense.
    RAISES (ValueError): S028, S097 for a method that is none.
    """
    if method is not None and not isinstance(method, Method):
        raise SeginfError(Errors.S097.format(name=name, value=method))
    check_choice(name, "unit", unit, UNITS)
    check_choice(name, "explain", explained, EXPLAINED)
    for setting, (value, smallest) in least.items():
        if value < smallest:
            what, allowed = f"component '{name}'", f"It must be at least {smallest}."
            raise SeginfError(Errors.S028.format(setting=setting, what=what, value=value, allowed=allowed))
