"""Remembers which names there were, in eight bytes each."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from policies.arrays import IntArray

#: So many names are kept apart before they are sorted in among the others.
FRESH = 2**20


class Seen:
    """A set of names that only grows.

    Notes
    -----
    Of a name its hash of 64 bits is kept: among a hundred million names, a name that was never added is taken for one
    that was once in 2e11 times.
    """

    def __init__(self) -> None:
        self._old: IntArray = np.empty(0, dtype=np.int64)
        self._fresh: set[int] = set()

    def add(self, names: Iterable[str]) -> None:
        """Add names."""
        self._fresh.update(map(hash, names))
        if len(self._fresh) >= FRESH:
            self._old = np.union1d(self._old, np.fromiter(self._fresh, dtype=np.int64, count=len(self._fresh)))
            self._fresh.clear()

    def __contains__(self, name: str) -> bool:
        key = hash(name)
        if key in self._fresh:
            return True
        place = int(np.searchsorted(self._old, key))
        return place < self._old.size and int(self._old[place]) == key
