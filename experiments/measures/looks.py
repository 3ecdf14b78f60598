"""Looks at all hosts, thinned as a run goes on."""

from __future__ import annotations

from typing import Generic, TypeVar

Value = TypeVar("Value")


class Looks(Generic[Value]):
    """Keeps what was seen at looks that are evenly spaced from beginning to end, however long the run.

    A world looks ever more rarely; of the earlier, denser looks those on the present grid are kept.
    """

    def __init__(self) -> None:
        self._every_s = 0.0
        self.seen: dict[float, Value] = {}

    def take(self, t_s: float, every_s: float, value: Value) -> None:
        """Take a look that was one of a series every so many seconds."""
        if every_s > self._every_s:
            self._every_s = every_s
            self.seen = {t: kept for t, kept in self.seen.items() if round(t / every_s, 6) % 1 == 0}
        self.seen[t_s] = value
