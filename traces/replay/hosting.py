"""How containers run on hosts: the part of a replay that differs from world to world."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Protocol

from policies.arrays import FloatArray
from traces.replay.containers import Running


class Hosting(Protocol):
    """Lets containers run, and says when they came to their end (`Replay.finished`) or did not (`Replay.failed`).

    Attributes
    ----------
    names : tuple of str
        What is known to be used beyond what is allocated, for instance ``("cpu", "disk", "memory")``.
    will_end : int
        How many of what was started has an end to come, or has not begun.
    starts_at_once : bool
        Whether containers run from the moment they are started; if not, `Replay.began` is told when they do, later and
        not from within `start`. Those that are there from the beginning (`Running.scheduler` is empty) run at once
        everywhere.
    awaits_hosts : bool
        Whether hosts may come back though no trace says so, so that who waits for room does not wait in vain.
    """

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def will_end(self) -> int: ...

    @property
    def starts_at_once(self) -> bool: ...

    @property
    def awaits_hosts(self) -> bool: ...

    def parts(self, running: Running) -> Sequence[Running]:
        """Give what ends together."""
        ...

    def start(self, running: Running) -> None:
        """Let containers run."""
        ...

    def cut(self, running: Running, left: int) -> None:
        """Let some containers leave before their end, so that so many are left."""
        ...

    def on(self, host: int, running: Iterable[Running]) -> list[Running]:
        """Give, of those that run, all that may be on a host."""
        ...

    def overflow(self) -> Sequence[tuple[Running, int, bool]]:
        """Say who must end for want of memory: how many of which containers, and whether they can come again.

        To be asked again until nobody must.
        """
        ...

    def set_host(self, number: int, *, alive: bool, capacity: Sequence[int] | None) -> None:
        """Let a host join, leave or change its size. What runs on one that left is to be `cut`."""
        ...

    def levels(self) -> tuple[float, ...]:
        """Give what is used of the cell, as `policies.log.Levels` says."""
        ...

    def load(self) -> FloatArray:
        """Give what is used of every host now / its capacity, shape (len(names), n_hosts); NaN where it is down."""
        ...

    def measured(self) -> FloatArray:
        """Give the mean use of every host since the last time, shape (n_resources, n_hosts), in the books' units."""
        ...

    def check(self) -> None:
        """Assert that nothing is amiss."""
        ...
