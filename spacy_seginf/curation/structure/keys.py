"""Keys of spans: spans with the same key are alike in one respect, whatever their labels are.

Contexts have one slot for every entity, so that other names make no difference. A span outside of entities is compared
as if it were one.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Callable, Hashable, Optional, Sequence

import numpy

from .spans import Context, Spans, folded

SLOT, OWN_SLOT = "[]", "[*]"  # as people read them: of another entity, and of the span itself
LONGEST = 60  # words and slots of a sentence that is compared as a whole
REACH = 2  # words and slots of a window, on each side
NONE = -1


@dataclass(frozen=True)
class Keys:
    """What spans are alike in.

    numbers (int64, spans): the same where the key is; -1 where there is none. names (tuple of str): each key as people
    read it, by its number.
    """

    numbers: numpy.ndarray
    names: tuple[str, ...]


def form_keys(spans: Spans) -> Keys:
    """Tell spans by their words, folded: without case, and with 0 for every run of digits."""
    return _numbered([tuple(map(folded, spans.form(row))) for row in range(len(spans))], _joined)


def template_keys(spans: Spans, longest: int = LONGEST) -> Keys:
    """Tell spans by their sentence, with slots for entities and all other words folded, and by which slot they are.

    Spans in sentences of more than ``longest`` words and slots have no key.
    """
    return _numbered([one.context() if len(one) <= longest else None for one in spans.surroundings], _template)


def window_keys(spans: Spans, reach: int = REACH) -> Keys:
    """Tell spans by the words, folded, and slots on each side of them in their sentence, as many as ``reach``."""
    return _numbered([one.context(reach) for one in spans.surroundings], _template)


def combined(*keys: numpy.ndarray) -> numpy.ndarray:
    """Number the combinations of several keys (int64, n each), such as the form and the document; -1 where one is
    missing."""
    columns = numpy.stack(keys, axis=1)
    has = (columns >= 0).all(axis=1)
    found = numpy.full(len(columns), NONE, dtype=numpy.int64)
    found[has] = numpy.unique(columns[has], axis=0, return_inverse=True)[1].reshape(-1)
    return found


def _joined(words: tuple[str, ...]) -> str:
    return " ".join(words)


def _template(context: Context) -> str:
    before, behind = ([SLOT if item is None else item for item in side] for side in context)
    return " ".join([*before, OWN_SLOT, *behind])


def _numbered(keys: Sequence[Optional[Hashable]], name: Callable[[Any], str]) -> Keys:
    numbers: dict[Hashable, int] = {}
    found = [NONE if key is None else numbers.setdefault(key, len(numbers)) for key in keys]
    return Keys(numpy.array(found, dtype=numpy.int64), tuple(map(name, numbers)))
