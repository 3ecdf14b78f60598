"""Hosts that are shared, on which starting a container is work like any other, and its end is known a little later."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import simpy

from policies.requests import Demand, Resources, Task
from sim.contention.engine import Contention
from sim.contention.fluid import Start, Stretch
from sim.contention.patterns import HostKind
from traces.hosts import Profile
from traces.replay.containers import Running
from traces.units import MILLI

#: What starts a container is the Engine, not the container: it keeps one core busy, has the weight of one that asks for
#: a core, is under no cap of the container, and the container's memory is not there yet.
_AT_WORK = Demand(1.0, 0.0)
_ENGINE = Task(Resources(MILLI))


class Starting(Contention):
    """Lets containers run on shared hosts, once they waited there and their start was done.

    Parameters
    ----------
    profiles : sequence of Profile
        What a start takes on each host, first the wait, then the work; and how long an end takes.
    began : callable
        Told of containers that run from now on, of all that begin at once together.
    others
        Those of `Contention`.
    """

    starts_at_once = False

    def __init__(self, *others: Any, profiles: Sequence[Profile], began: Callable[..., None]) -> None:
        super().__init__(*others)
        self._profiles, self._tell = profiles, began
        self._waiting: dict[Running, None] = {}
        self._ending: dict[Running, float] = {}  # done with their work, and how long that takes alone
        self._gone, self._finished = self._finished, self._done

    def start(self, running: Running) -> None:
        """Let containers start, and then run, that came to one host."""
        if not running.scheduler:
            super().start(running)
            return
        self._waiting[running] = None
        self.will_end += 1
        start_s = self._profiles[int(running.hosts[0])].start_s
        self._env.timeout(start_s, running).callbacks.append(self._waited)

    def _waited(self, event: simpy.Event) -> None:
        running: Running = event.value  # type: ignore[assignment]
        if running not in self._waiting:
            return  # they were cut
        del self._waiting[running]
        self.will_end -= 1
        super().start(running)
        host = int(running.hosts[0])
        if self._profiles[host].start_cpu_s:
            self._changed(host)
        else:
            self._began(running)

    def _work(self, running: Running, kind: HostKind) -> Sequence[Stretch]:
        work = super()._work(running, kind)
        cpu_s = self._profiles[int(running.hosts[0])].start_cpu_s
        if not running.scheduler or not cpu_s:
            return work
        # Nobody waits for the answers of what only starts, so it is of no class but batch.
        return [Start(self._patterns.of(kind, _ENGINE, _AT_WORK, "batch"), cpu_s), *work]

    def _began(self, *begun: Running) -> None:
        self._tell(*begun)

    def _done(self, running: Running, alone_s: float) -> None:
        """Let containers that have done their work keep their room until that is known."""
        end_s = self._profiles[int(running.hosts[0])].end_s
        if not end_s:
            self._gone(running, alone_s)
            return
        self._ending[running] = alone_s
        self.will_end += 1
        self._env.timeout(end_s, running).callbacks.append(self._noticed)

    def _noticed(self, event: simpy.Event) -> None:
        running: Running = event.value  # type: ignore[assignment]
        if running in self._ending:  # else they were cut
            self.will_end -= 1
            running.since_s += self._profiles[int(running.hosts[0])].end_s  # nobody was slowed by it
            self._gone(running, self._ending.pop(running))

    def cut(self, running: Running, left: int) -> None:
        """Let some containers leave before their end, so that so many are left."""
        if running not in self._waiting and running not in self._ending:
            super().cut(running, left)
        elif not left:
            self._waiting.pop(running, None)
            self._ending.pop(running, None)
            self.will_end -= 1

    def on(self, number: int, running: Iterable[Running]) -> list[Running]:
        """Give, of those that run, are to run or have run, all that are on a host."""
        between = (*self._waiting, *self._ending)
        return [*super().on(number, running), *(one for one in between if one.hosts[0] == number)]
