"""Containers that have their hosts to themselves: each runs for as long as the trace says."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence

import numpy as np
import simpy

from policies.arrays import FloatArray
from traces.hosts import Profile
from traces.replay.containers import Running
from traces.trace import OPEN_ENDED


class Undisturbed:
    """Lets containers run on hosts that are not shared: what started together ends together, wherever it is.

    Parameters
    ----------
    env : simpy.Environment
        The clock.
    n_hosts : int
        How many hosts there are.
    finished : callable
        Told of containers that came to their end, and how long they take alone, in seconds.

    Attributes
    ----------
    will_end : int
        How many of what was started has an end to come.
    """

    #: What is known to be used beyond what is allocated: nothing.
    names: tuple[str, ...] = ()
    starts_at_once: bool = True
    awaits_hosts: bool = False

    def __init__(self, env: simpy.Environment, n_hosts: int, finished: Callable[[Running, float], None]) -> None:
        self._env, self._finished = env, finished
        self._nothing = np.zeros((0, n_hosts))
        self.will_end = 0

    def parts(self, running: Running) -> Sequence[Running]:
        """Give what ends together."""
        return (running,)

    def start(self, running: Running) -> None:
        """Let containers run."""
        if running.run_s != OPEN_ENDED:
            self.will_end += 1
            self._env.timeout(running.run_s, running).callbacks.append(self._end)

    def _end(self, event: simpy.Event) -> None:
        running: Running = event.value  # type: ignore[assignment]
        self.will_end -= 1
        self._finished(running, running.run_s)

    def cut(self, running: Running, left: int) -> None:
        """Let some containers leave before their end: those that stay do not notice."""

    def on(self, host: int, running: Iterable[Running]) -> list[Running]:
        """Give, of those that run, all that may be on a host."""
        return list(running)

    def overflow(self) -> Sequence[tuple[Running, int, bool]]:
        """Say who must end for want of memory: nobody, since nobody uses more than it was given."""
        return ()

    def set_host(self, number: int, *, alive: bool, capacity: Sequence[int] | None) -> None:
        """Let a host join, leave or change its size."""

    def levels(self) -> tuple[float, ...]:
        """Give what is used of the cell."""
        return ()

    def load(self) -> FloatArray:
        """Give what is used of each host, shape (0, n_hosts)."""
        return self._nothing

    def measured(self) -> FloatArray:
        """Give nothing: nobody measures hosts that are not shared."""
        return self._nothing

    def check(self) -> None:
        """Assert that nothing is amiss."""


class Delayed(Undisturbed):
    """The same where starting takes time, which is the same whoever else is there.

    Parameters
    ----------
    env, finished
        As for `Undisturbed`.
    profiles : sequence of Profile
        What a start takes on each host: the wait, and the work at the pace of one core; and how long an end takes.
    began : callable
        Told of containers that run from now on.
    """

    starts_at_once = False

    def __init__(
        self,
        env: simpy.Environment,
        profiles: Sequence[Profile],
        finished: Callable[[Running, float], None],
        began: Callable[[Running], None],
    ) -> None:
        super().__init__(env, len(profiles), finished)
        self._began = began
        self._start_s = np.array([profile.start_s + profile.start_cpu_s for profile in profiles])
        self._end_s = np.array([profile.end_s for profile in profiles])

    def parts(self, running: Running) -> Sequence[Running]:
        """Give what begins, and so ends, together."""
        times_s = np.column_stack((self._start_s, self._end_s))[running.hosts]
        if (times_s == times_s[0]).all():
            return (running,)
        return [running.part((times_s == each_s).all(axis=1)) for each_s in np.unique(times_s, axis=0)]

    def start(self, running: Running) -> None:
        """Let containers run, once they have started."""
        if not running.scheduler:
            super().start(running)
            return
        self.will_end += 1
        start_s = float(self._start_s[running.hosts[0]])
        self._env.timeout(start_s, running).callbacks.append(self._begin)

    def _begin(self, event: simpy.Event) -> None:
        running: Running = event.value  # type: ignore[assignment]
        self.will_end -= 1
        if running.hosts.size:
            super().start(running)
            self._began(running)
        else:
            self._finished(running, running.run_s)

    def _end(self, event: simpy.Event) -> None:
        running: Running = event.value  # type: ignore[assignment]
        if running.hosts.size and (end_s := float(self._end_s[running.hosts[0]])):
            self._env.timeout(end_s, running).callbacks.append(self._noticed)
        else:
            super()._end(event)

    def _noticed(self, event: simpy.Event) -> None:
        running: Running = event.value  # type: ignore[assignment]
        if running.hosts.size:
            running.since_s += float(self._end_s[running.hosts[0]])  # nobody was slowed by it
        super()._end(event)
