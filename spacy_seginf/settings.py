"""The settings of an index: which there are, what they mean, and what is legal. Nothing heavy is imported for them."""

from __future__ import annotations

from dataclasses import dataclass, field, fields, replace
from inspect import cleandoc
from math import inf
from numbers import Real
from typing import Any, Callable, Mapping, Optional, Union

from .errors import Errors, SeginfError
from .guesses import one_of

CURVATURES = ("exact", "kfac", "identity")
TRAINED, ZERO = CENTRES = ("trained", "zero")
SECTION = "indexing"  # of options that override settings
FEATURE_DTYPES = ("float32", "float16", "int8")


def _setting(default: Any, help: str, allowed: Union[str, tuple[str, ...]], legal: Callable[[Any], bool]) -> Any:
    return field(default=default, metadata={"help": help, "allowed": allowed, "legal": legal})


def _choice(known: tuple[str, ...], default: str, help: str) -> Any:
    return _setting(default, help, known, lambda value: value in known)


def _is_number(value: Any) -> bool:
    return isinstance(value, Real) and not isinstance(value, bool)


@dataclass(frozen=True)
class IndexSettings:
    """How an index is computed. A trained pipeline's config has these settings in the block of its influence component;
    ``build_index`` and ``attach_index`` take them by name, `seginf index` and `seginf attach` as options such as
    ``--indexing.l2 100``. What is given there counts, and the written pipeline's config says so.

    {settings}

    >>> settings = spacy_seginf.IndexSettings(keep=0.5)
    >>> settings.changed({"l2": 100.0}).l2
    100.0
    >>> try:
    ...     spacy_seginf.IndexSettings(keep=2.0)
    ... except spacy_seginf.SeginfError as error:
    ...     error.code
    'S028'
    """

    curvature: str = _choice(
        CURVATURES,
        "exact",
        "exact (K-FAC stands in for heads with more than 8,000 parameters), kfac, or identity, the metric of the "
        "paper's experiments",
    )
    refit: bool = _setting(
        True,
        "explain by a head at the optimum of its loss with a penalty, which predictions of removal assume; otherwise "
        "by the trained head. The pipeline predicts by the trained head in any case",
        "It must be true or false.",
        lambda value: isinstance(value, bool),
    )
    l2: Optional[float] = _setting(
        None,
        "strength of the penalty (l2 / 2) |theta - centre|^2 of the head that explains; null chooses it: for the "
        "centre trained the weakest whose head predicts what the pipeline does, for zero the most likely",
        "It must be positive, or left out to be chosen.",
        lambda value: value is None or (_is_number(value) and 0 < value < inf),
    )
    centre: str = _choice(
        CENTRES,
        TRAINED,
        "trained (the head that explains is pulled towards the trained one, as weakly as it still predicts what that "
        "one does) or zero (it is what labels alone make of the encoder's features, and may predict something else)",
    )
    dtype: str = _choice(
        FEATURE_DTYPES,
        "float16",
        "precision in which token vectors are kept, float32, float16 or int8; all that is computed, is computed from "
        "vectors as they are kept",
    )
    keep: float = _setting(
        1.0,
        "share of the labels, and of the entities, that are kept: those with the largest gradients, and all that "
        "equal the smallest of them. The rest, mostly tokens that every head gets right, is hardly ever a reference. A "
        "pruned index can't refit",
        "It must be above 0 and at most 1, which keeps everything.",
        lambda value: _is_number(value) and 0 < value <= 1,
    )
    tolerance: float = _setting(
        0.0,
        "labels, and entities, whose gradient is at most this share of the largest are dropped too",
        "It must be at least 0 and below 1.",
        lambda value: _is_number(value) and 0 <= value < 1,
    )
    shard_tokens: int = _setting(
        65_536,
        "tokens per shard, at most one document more: what an interrupted run keeps, and one task of a cluster. It "
        "says nothing of the result, so no config has it",
        "It must be at least 1.",
        lambda value: type(value) is int and value >= 1,
    )

    def __post_init__(self) -> None:
        """RAISES (ValueError): S028 for a value that makes no sense."""
        for one in fields(self):
            value = getattr(self, one.name)
            if not one.metadata["legal"](value):
                allowed = one.metadata["allowed"]
                if isinstance(allowed, tuple):
                    allowed = f"Use one of: {one_of(allowed, value)}."
                raise SeginfError(Errors.S028.format(setting=one.name, what="the index", value=value, allowed=allowed))

    def changed(self, settings: Mapping[str, Any]) -> IndexSettings:
        """Return these settings with others by their names. RAISES (ValueError): S027 for unknown names, and S028."""
        for name in settings:
            if name not in HELP:
                raise _unknown(name)
        return replace(self, **settings)

    def config(self) -> dict[str, Any]:
        """Return what the config of a component says."""
        return {name: getattr(self, name) for name in HELP if name != "shard_tokens"}


def overrides_of(options: Mapping[str, Any]) -> dict[str, Any]:
    """Return the settings that options such as indexing.l2 name. RAISES (ValueError): S027 for any other option."""
    found = {}
    for option, value in options.items():
        section, _, name = option.replace("-", "_").partition(".")
        if section != SECTION or name not in HELP:
            raise _unknown(option)
        found[name] = value
    return found


def _unknown(name: str) -> SeginfError:
    known = one_of(HELP, name.rpartition(".")[2])
    return SeginfError(Errors.S027.format(setting=name, known=known, section=SECTION, first=next(iter(HELP))))


HELP: dict[str, str] = {one.name: one.metadata["help"] for one in fields(IndexSettings)}
DEFAULTS = IndexSettings()
_NAMED = "\n".join(f"{one.name} ({one.type}, {one.default!r}): {HELP[one.name]}." for one in fields(IndexSettings))
IndexSettings.__doc__ = cleandoc(IndexSettings.__doc__ or "").replace("{settings}", _NAMED)
