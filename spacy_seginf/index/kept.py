"""Arrays that are kept because requests share them, for several threads at once."""

from __future__ import annotations

from threading import Lock
from typing import Callable, Generic, Hashable, Optional, TypeVar

import numpy

K = TypeVar("K", bound=Hashable)
_TURNS = [Lock() for _ in range(64)]  # of the module, so that what has arrays to keep can be pickled


class KeptArrays(Generic[K]):
    """Arrays by key, until they have too many numbers together; then new ones are kept in the place of all.

    Nothing that was handed out ever changes: an array is complete before it is put here, and others come in a table of
    their own. What threads put at the same time may be lost, never mixed.

    numbers (int): how many are kept, about.
    """

    def __init__(self, numbers: int) -> None:
        self._numbers, self._held = numbers, 0
        self._arrays: dict[K, numpy.ndarray] = {}

    def get(self, key: K) -> Optional[numpy.ndarray]:
        """Return what is kept under a key; None if nothing is."""
        return self._arrays.get(key)

    def put(self, key: K, array: numpy.ndarray) -> None:
        """Keep an array, which nobody may change any more."""
        self._held += array.size
        if self._held > self._numbers:
            self._arrays, self._held = {}, array.size
        self._arrays[key] = array

    def made(self, key: K, make: Callable[[], numpy.ndarray]) -> numpy.ndarray:
        """Return what is kept under a key, or make it, once for all threads that ask meanwhile; ``make`` must not ask
        for anything itself."""
        found = self.get(key)
        if found is None:
            with _TURNS[hash(key) % len(_TURNS)]:
                found = self.get(key)
                if found is None:
                    found = make()
                    self.put(key, found)
        return found
