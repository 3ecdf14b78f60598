"""The wall clock under SimPy processes, which also hears from threads."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable
from heapq import heappush
from math import inf
from typing import Any

import simpy
from simpy.events import NORMAL, Event


class WallClock(simpy.Environment):
    """A SimPy environment whose time is the wall clock's, in seconds since it was first told to run.

    What is due happens when its time has come, not before; what threads tell (`tell`) happens at once, in the order in
    which it was told. Between the two the environment sleeps. Unlike `simpy.rt.RealtimeEnvironment` it does not end
    when nothing is due: a container may end at any time. It ends when what `run` was given says so.

    Attributes
    ----------
    late_s : float
        The most by which anything happened after its time, because something before it took too long.

    Notes
    -----
    While something happens, `now` is the time at which it was due, or was told: a process that computes for a while
    and then waits does not wait longer for it, and nothing drifts.
    """

    def __init__(self) -> None:
        super().__init__()
        self._began_s: float | None = None
        self._told: deque[tuple[float, Callable[..., Any], tuple[Any, ...]]] = deque()
        self._wake = threading.Event()
        self.late_s = 0.0

    def wall_s(self) -> float:
        """Give the seconds since the clock began, whatever is happening; from any thread."""
        return 0.0 if self._began_s is None else time.monotonic() - self._began_s

    def tell(self, call: Callable[..., Any], *args: Any) -> None:
        """Have something called in the thread of `run`, at once; from any thread."""
        self._told.append((self.wall_s(), call, args))
        self._wake.set()

    def run(self, until: float | Event | None = None) -> Any:
        """Let things happen until a time, or until an event has.

        Parameters
        ----------
        until : float or Event, optional
            When it ends; without, never of itself.

        Returns
        -------
        object
            The event's value.

        Raises
        ------
        Exception
            What a process or what was told raised, or the event failed with.
        """
        if self._began_s is None:
            self._began_s = time.monotonic()
        end = until if isinstance(until, Event) else None
        end_s = inf if until is None or end is not None else float(until)  # type: ignore[arg-type]
        while end is None or not end.processed:
            self._hear()
            due_s = min(self.peek(), end_s)
            wait_s = due_s - self.wall_s()
            if wait_s > 0:
                self._wake.wait(None if wait_s == inf else wait_s)
                self._wake.clear()
                continue
            if due_s == end_s and self.peek() >= end_s:
                self._now = end_s
                return None
            self.late_s = max(self.late_s, -wait_s)
            self.step()
        if isinstance(end.value, BaseException) and not end.ok:
            raise end.value
        return end.value

    def _hear(self) -> None:
        """Let what was told happen when it was told, among what is due."""
        while self._told:
            told_s, call, args = self._told.popleft()
            event = Event(self)
            event._ok, event._value = True, None
            event.callbacks.append(lambda _, call=call, args=args: call(*args))  # type: ignore[misc]
            heappush(self._queue, (max(told_s, self._now), NORMAL, next(self._eid), event))
