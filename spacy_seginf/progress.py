"""How far long work has come. Whoever does it says so, and whoever has started it decides whether that is shown."""

from __future__ import annotations

import sys
from contextlib import contextmanager
from contextvars import ContextVar
from functools import wraps
from typing import Any, Callable, Iterator, NamedTuple, Optional, Protocol, TypeVar

# What steps count.
DOCUMENT, FOLD, ISSUE, MISTAKE, MOVE = "document", "fold", "issue", "mistake", "move"
PART, PENALTY, REFIT, TEXT, TOKEN = "part", "penalty", "refit", "text", "token"
Function = TypeVar("Function", bound=Callable[..., Any])


class Bar(Protocol):
    """Shows a step."""

    def update(self, count: int) -> object: ...

    def close(self) -> object: ...


class Step(NamedTuple):
    """What is being done. unit (str): what is counted: other counts belong to work of another kind within."""

    unit: str
    bar: Bar


Show = Callable[[str, int, str], Bar]
_show: ContextVar[Optional[Show]] = ContextVar("show", default=None)
_step: ContextVar[Optional[Step]] = ContextVar("step", default=None)


@contextmanager
def showing(show: Optional[Show]) -> Iterator[None]:
    """Let the steps of what is done meanwhile be shown; None for not at all.

    show (Callable): makes a bar of what is done, how much of it there is, and its unit.
    """
    token = _show.set(show)
    try:
        yield
    finally:
        _show.reset(token)


@contextmanager
def step(what: str, total: int, unit: str) -> Iterator[None]:
    """Say that something begins that may take long. Steps within another one are part of it."""
    show = _show.get()
    if show is None or _step.get() is not None:
        yield
        return
    bar = show(what, total, unit)
    token = _step.set(Step(unit, bar))
    try:
        yield
    finally:
        _step.reset(token)
        bar.close()


def advance(count: int, unit: str) -> None:
    """Say that so much more of something is done."""
    current = _step.get()
    if current is not None and current.unit == unit:
        current.bar.update(count)


def shows_progress(command: Function) -> Function:
    """Let a command that is not silent show its steps in a terminal, each with the time that is left."""

    @wraps(command)
    def shown(*arguments: Any, silent: bool = True, **settings: Any) -> Any:
        if silent or not sys.stderr.isatty():
            return command(*arguments, silent=silent, **settings)
        with showing(terminal_bar):
            return command(*arguments, silent=silent, **settings)

    return shown  # type: ignore[return-value]


def terminal_bar(what: str, total: int, unit: str) -> Bar:
    """Return a bar with the time that is left, which goes away at the end."""
    from tqdm import tqdm

    return tqdm(desc=what, total=total, unit=unit, leave=False, file=sys.stderr)
