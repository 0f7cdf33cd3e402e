"""Where the work on shards is done: in this process, or on the workers of a dask cluster."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import Any, Callable, Iterator, Protocol, Sequence

from .errors import Errors, SeginfError
from .extras import with_extra

PATIENCE = 10  # seconds in which a scheduler must answer


class Workers(Protocol):
    """Something that applies a function to tasks. Results come in the order of the tasks."""

    remote: bool

    def map(self, function: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterator[Any]: ...

    def close(self) -> None: ...


class InProcess:
    """One task after another, in this process."""

    remote = False

    def map(self, function: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterator[Any]:
        return map(function, tasks)

    def close(self) -> None:
        """Do nothing."""


class DaskWorkers:
    """The workers of a dask.distributed cluster. All of them must see the output folder under the same path.

    A task whose worker dies is given to another one (how often, dask's settings say); results of other tasks are kept.
    An error that a task raises ends the work at once.

    client (distributed.Client): connected.
    """

    remote = True

    def __init__(self, client: Any) -> None:
        self.client = client

    @classmethod
    def connect(cls, address: str) -> DaskWorkers:
        """Connect to a scheduler such as tcp://host:8786. RAISES (ValueError): S080 without dask, S081 if there is no
        scheduler at this address."""
        try:
            from distributed import Client
        except ImportError:
            raise SeginfError(Errors.S080.format(package=with_extra("dask"))) from None
        try:
            return cls(Client(address, timeout=PATIENCE))
        except (OSError, ValueError, TypeError, asyncio.TimeoutError) as error:
            raise SeginfError(Errors.S081.format(address=address, what=error)) from None

    def map(self, function: Callable[[Any], Any], tasks: Sequence[Any]) -> Iterator[Any]:
        futures = deque(self.client.submit(function, task, pure=False) for task in tasks)
        try:
            while futures:
                result = futures[0].result()
                futures.popleft()  # the cluster forgets a result that nobody has a future of: a part of H is large
                yield result
        finally:
            self.client.cancel(list(futures))

    def close(self) -> None:
        """Leave the cluster, which goes on."""
        self.client.close()
