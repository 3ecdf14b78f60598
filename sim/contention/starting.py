"""Hosts that are shared, on which starting a container is work like any other, and its end is known a little later."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import Any

import simpy

from policies.requests import Demand, Resources, Task
from sim.contention.engine import Contention
from sim.contention.fluid import ROUNDING, FluidHost, Start, Stretch
from sim.contention.patterns import HostKind
from traces.hosts import Profile
from traces.replay.containers import Running
from traces.units import MILLI

#: What starts a container is the Engine, not the container: it keeps one core busy, has the weight of one that asks for
#: a core, is under no cap of the container, and the container's memory is not there yet.
_AT_WORK = Demand(1.0, 0.0)
_ENGINE = Task(Resources(MILLI))


class _Aside:
    """Starts on one host that are done beside what its containers have: all as fast as each other.

    Parameters
    ----------
    host : FluidHost
        The host.
    cores : float
        `Profile.start_cores`.

    Attributes
    ----------
    left_s : dict
        What is left of the work of each, in core-seconds, as of `since_s`.
    pace : float
        Core-seconds a second that each has had done since.
    timer : object
        The event that comes when the first is done.
    """

    __slots__ = ("cores", "host", "left_s", "pace", "since_s", "timer")

    def __init__(self, host: FluidHost, cores: float) -> None:
        self.host, self.cores = host, cores
        self.left_s: dict[Running, float] = {}
        self.pace = self.since_s = 0.0
        self.timer: Any = None

    def advance(self, now: float) -> None:
        """Do the work from the last time until now."""
        done_s = self.pace * (now - self.since_s)
        self.since_s = now
        if done_s:
            self.left_s = {running: left_s - done_s for running, left_s in self.left_s.items()}


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
        self._waiting: dict[Running, _Aside | None] = {}  # with the work that they came to
        self._ending: dict[Running, float] = {}  # done with their work, and how long that takes alone
        self._gone, self._finished = self._finished, self._done
        self._aside: dict[int, _Aside] = {}  # by host

    def start(self, running: Running) -> None:
        """Let containers start, and then run, that came to one host."""
        if not running.scheduler:
            super().start(running)
            return
        self._waiting[running] = None
        self.will_end += 1
        number = int(running.hosts[0])
        profile = self._profiles[number]
        start_s = profile.start_s
        if profile.start_disk_s:
            start_s += profile.start_disk_s * self._at_disk(number)
        self._env.timeout(start_s, running).callbacks.append(self._waited)

    def _at_disk(self, number: int) -> float:
        """Say how many containers of a host would keep its disk busy, those in part that would use a part of it."""
        host = self._hosts[number]
        if host is None or "disk" not in self.names:
            return 0.0
        axis = self.names.index("disk")
        there = host.capacity[axis]
        needs = ((lane.count, lane.limit * lane.needs[axis]) for lane in host.lanes.values())
        return sum(count * min(need / there, 1.0) for count, need in needs) if there else 0.0

    def _waited(self, event: simpy.Event) -> None:
        running: Running = event.value  # type: ignore[assignment]
        if running not in self._waiting:
            return  # they were cut
        number = int(running.hosts[0])
        profile = self._profiles[number]
        if profile.start_cores and profile.start_cpu_s:
            aside = self._aside.get(number)
            if aside is None:
                aside = self._aside[number] = _Aside(self._host(number), profile.start_cores)
            aside.advance(self._env.now)
            aside.left_s[running] = profile.start_cpu_s
            self._waiting[running] = aside
            self._pace(aside)
            return
        del self._waiting[running]
        self.will_end -= 1
        super().start(running)
        if profile.start_cpu_s:
            self._changed(number)
        else:
            self._began(running)

    def _share(self, host: FluidHost, now: float) -> None:
        super()._share(host, now)
        aside = self._aside.get(host.number)
        if aside is not None and aside.left_s:
            aside.advance(now)
            self._pace(aside)

    def _pace(self, aside: _Aside) -> None:
        """Find out how fast starts are now, each on one core at most, and wait for the first that is done."""
        host, aside.timer = aside.host, None
        if aside.left_s:
            idle = max(host.capacity[0] - host.used[0], 0.0) / MILLI
            starts = sum(int(running.counts[0]) for running in aside.left_s)
            aside.pace = min((aside.cores + idle) / starts, 1.0)
            first_s = max(min(aside.left_s.values()), 0.0) / aside.pace
            aside.timer = timer = self._env.timeout(first_s, aside)
            timer.callbacks.append(self._started)

    def _started(self, event: simpy.Event) -> None:
        aside: _Aside = event.value  # type: ignore[assignment]
        if aside.timer is not event:
            return  # something came in between, and another event is waited for
        now = self._env.now
        aside.advance(now)
        # Times add up to a few units in their last place.
        slack_s = ROUNDING + 4e-15 * now
        done = [running for running, left_s in aside.left_s.items() if left_s <= slack_s]
        for running in done:
            del aside.left_s[running], self._waiting[running]
            self.will_end -= 1
        self._pace(aside)
        for running in done:
            super().start(running)
        if done:
            self._began(*done)

    def _work(self, running: Running, kind: HostKind) -> Sequence[Stretch]:
        work = super()._work(running, kind)
        profile = self._profiles[int(running.hosts[0])]
        if not running.scheduler or not profile.start_cpu_s or profile.start_cores:
            return work
        # Nobody waits for the answers of what only starts, so it is of no class but batch.
        return [Start(self._patterns.of(kind, _ENGINE, _AT_WORK, "batch"), profile.start_cpu_s), *work]

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
            return
        aside = self._waiting.get(running)
        if aside is not None:
            aside.advance(self._env.now)
        if not left:
            self._waiting.pop(running, None)
            self._ending.pop(running, None)
            self.will_end -= 1
            if aside is not None:
                del aside.left_s[running]
        if aside is not None:
            self._pace(aside)

    def on(self, number: int, running: Iterable[Running]) -> list[Running]:
        """Give, of those that run, are to run or have run, all that are on a host."""
        between = (*self._waiting, *self._ending)
        return [*super().on(number, running), *(one for one in between if one.hosts[0] == number)]
