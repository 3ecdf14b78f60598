"""All hosts at once: who starts where, whose end is next, and how much of the cell is used."""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field
from itertools import count
from math import ceil, inf, sqrt

import numpy as np
import simpy

from policies.arrays import FloatArray, IntArray
from policies.log import Levels
from policies.requests import RESOURCES
from policies.sharing import Disk, Isolation
from policies.sharing.isolation import Unmanaged
from sim.contention.fluid import ROUNDING, FluidHost, Resident, Start, Stretch
from sim.contention.patterns import RATES, HostKind, Pattern, Patterns
from traces.replay.containers import Running
from traces.trace import OPEN_ENDED


@dataclass(frozen=True)
class Interplay:
    """What containers of one host do to each other.

    Attributes
    ----------
    isolation : Isolation
        How hosts keep them apart.
    minds : float
        How much they mind neighbours beside what these take (`policies.sharing.interference`); 0 not at all.
    wake_up_s : float
        How long a disk request waits for the CPU for each thread of others on each core
        (`policies.sharing.wake_up_limit`); 0 not at all.
    measure_s : float
        How often the use of every host is measured for those who decide, in seconds.
    """

    isolation: Isolation = field(default_factory=Unmanaged)
    minds: float = 0.0
    wake_up_s: float = 0.0
    measure_s: float = 60.0


def levels_of(resources: Sequence[str], *, shared: bool) -> Levels:
    """Say what the levels of a cell's log are, given its resources and whether its hosts are shared."""
    allocated = tuple(f"{name}_allocated" for name in resources)
    if not shared:
        return Levels(allocated)
    rates = [name for name in RATES if name in resources]
    used = (f"{name}_used" for name in (*rates, "memory"))
    return Levels((*allocated, *used), (*(f"{name}_short" for name in rates), "services", "service_latency"))


class Spread:
    """Share of a resource used, and mean and standard deviation over hosts of what is used of each."""

    __slots__ = ("capacity", "hosts", "loads", "squares", "used")

    def __init__(self) -> None:
        self.hosts = 0
        self.capacity = self.used = self.loads = self.squares = 0.0

    def levels(self) -> tuple[float, float, float]:
        """Give the three; none of anything is nothing."""
        if not self.hosts or not self.capacity:
            return 0.0, 0.0, 0.0
        mean = self.loads / self.hosts
        if mean <= ROUNDING:
            return 0.0, 0.0, 0.0  # what rounding left of loads that came and went has a spread of many times its mean
        variance = self.squares / self.hosts - mean * mean
        return self.used / self.capacity, mean, sqrt(variance) if variance > 0 else 0.0


class Contention:
    """Lets containers run on hosts that are shared.

    Parameters
    ----------
    env : simpy.Environment
        The clock.
    resources : sequence of str
        The resources of the cell.
    capacity : ndarray of int, shape (len(RESOURCES), n_hosts)
        What each host has when it is up.
    alive : ndarray of bool, shape (n_hosts,)
        Which are up.
    disks : sequence of Disk or None
        The disk of each; empty where nobody has one.
    interplay : Interplay
        What they do to each other.
    finished : callable
        Told of each container that came to its end, once it has left its host, and how long it takes alone, in seconds.
    changed : callable
        Told when what is used changed, and nobody came or went.

    Attributes
    ----------
    will_end : int
        How many residents have an end, or have not begun.
    """

    starts_at_once: bool = True
    awaits_hosts: bool = False

    def __init__(
        self,
        env: simpy.Environment,
        resources: Sequence[str],
        capacity: IntArray,
        alive: Iterable[bool],
        disks: Sequence[Disk | None],
        interplay: Interplay,
        finished: Callable[[Running, float], None],
        changed: Callable[[int], None],
    ) -> None:
        self._env, self._interplay = env, interplay
        self._finished, self._changed = finished, changed
        self._patterns = Patterns(resources, interplay.isolation)
        # What is used: the shared resources, CPU first, and memory.
        self.names = (*self._patterns.rates, "memory")
        self._rows = [resources.index(name) for name in self.names]
        self._axes = [RESOURCES.index(name) for name in self.names]
        self._resources = len(resources)
        self._kinds: dict[HostKind, HostKind] = {}
        self._disks = disks or [None] * capacity.shape[1]
        self._kind = [
            self._known(tuple(sizes), disk) for sizes, disk in zip(capacity.T.tolist(), self._disks, strict=True)
        ]
        self._up = [bool(up) for up in alive]
        self._hosts: list[FluidHost | None] = [None] * len(self._kind)
        self._stays: dict[Running, tuple[FluidHost, Resident]] = {}
        self._stretches: dict[tuple[HostKind, object], tuple[tuple[Pattern, float], ...]] = {}
        self._serials = count()
        self._overfull: list[FluidHost] = []
        # What is used of each by every host; and what is to be added to its integral since the last measurement as if
        # that had been used all the time.
        self._used = [array("d", bytes(8 * len(self._kind))) for _ in self.names]
        self._missed = [array("d", bytes(8 * len(self._kind))) for _ in self.names]
        self._measured_s = env.now
        self._spreads = [Spread() for _ in self.names]
        self._short = [0] * len(self._patterns.rates)
        self._services, self._latency = 0, 0.0
        self._per_capacity = [
            tuple(1.0 / kind.capacity[axis] if kind.capacity[axis] else 0.0 for axis in self._axes)
            for kind in self._kind
        ]
        #: What one unit of use adds to the load of each host, shape (len(names), n_hosts); made when it is asked for.
        self._load_of_one: FloatArray | None = None
        for number, up in enumerate(self._up):
            if up:
                self._weigh(number, 1)
        self.will_end = 0

    def _known(self, capacity: tuple[int, ...], disk: Disk | None) -> HostKind:
        kind = HostKind(capacity, disk)
        return self._kinds.setdefault(kind, kind)

    def _host(self, number: int) -> FluidHost:
        host = self._hosts[number]
        if host is None:
            kind, interplay = self._kind[number], self._interplay
            host = self._hosts[number] = FluidHost(
                number,
                self._patterns.capacity(kind),
                float(kind.capacity[RESOURCES.index("memory")]),
                kind.capacity[0] / 1000,
                interplay.minds,
                interplay.wake_up_s,
                self._patterns.group_weights,
            )
        return host

    # -- who comes and goes ---------------------------------------------------------------------------------

    def parts(self, running: Running) -> Sequence[Running]:
        """Give what ends together: what is on one host."""
        if running.hosts.size == 1:
            return (running,)
        return [running.part(slice(at, at + 1)) for at in range(running.hosts.size)]

    def start(self, running: Running) -> None:
        """Let containers run that came to one host."""
        now, number = self._env.now, int(running.hosts[0])
        stretches = self._work(running, self._kind[number])
        host = self._host(number)
        resident = Resident(running, stretches, int(running.counts[0]), next(self._serials))
        self._stays[running] = host, resident
        if stretches[-1].work_s < OPEN_ENDED or type(stretches[0]) is Start:
            self.will_end += 1
        host.come(resident, now)
        if host.memory > host.memory_bytes:
            self._overfull.append(host)
        self._share(host, now)

    def _work(self, running: Running, kind: HostKind) -> Sequence[Stretch]:
        """Give what a container does on a host of this kind, stretch after stretch."""
        task, workload, behaviour = running.task, running.job.workload, running.behaviour
        if behaviour is None or len(behaviour) == 1:
            demand = behaviour[0].demand if behaviour else None
            return (Stretch(self._patterns.of(kind, task, demand, workload), running.run_s),)
        key = kind, (behaviour, task.need.cpu_milli, workload)
        known = self._stretches.get(key)
        if known is None:
            known = self._stretches[key] = tuple(
                (self._patterns.of(kind, task, phase.demand, workload), phase.share) for phase in behaviour
            )
        return [Stretch(pattern, share * running.run_s) for pattern, share in known]

    def cut(self, running: Running, left: int) -> None:
        """Let some containers leave before their end, so that so many are left."""
        now, (host, resident) = self._env.now, self._stays[running]
        host.go(resident, resident.count - left, now)
        resident.count = left
        if not left:
            del self._stays[running]
            if resident.stretches[-1].work_s < OPEN_ENDED or type(resident.stretches[0]) is Start:
                self.will_end -= 1
        self._share(host, now)

    def on(self, number: int, running: Iterable[Running]) -> list[Running]:
        """Give, of those that run, all that are on a host."""
        host = self._hosts[number]
        return [] if host is None else [resident.running for resident in host.residents]

    def _due(self, event: simpy.Event) -> None:
        """Let those go on whose stretch has come to its end."""
        host: FluidHost = event.value  # type: ignore[assignment]
        if host.timer is not event:
            return  # something came in between, and another event is waited for
        host.timer, host.timer_s = None, inf
        now, done, begun, moved = self._env.now, [], [], False
        for resident in host.ended(now):
            host.go(resident, resident.count, now)
            resident.at += 1
            if resident.at < len(resident.stretches):
                if type(resident.stretches[0]) is Start:
                    begun.append(resident.running)
                    resident.stretches, resident.at = resident.stretches[1:], 0
                    if resident.stretches[-1].work_s == OPEN_ENDED:
                        self.will_end -= 1
                else:
                    moved = True
                host.come(resident, now)
            else:
                done.append(resident)
        if (moved or begun) and host.memory > host.memory_bytes:
            self._overfull.append(host)
        self._share(host, now)
        for resident in done:
            del self._stays[resident.running]
            self.will_end -= 1
        for resident in done:
            self._finished(resident.running, resident.alone_s())
        if begun:
            self._began(*begun)
        if moved:
            self._changed(host.number)

    def _began(self, *begun: Running) -> None:
        """Take note that containers are through with their start."""

    def _share(self, host: FluidHost, now: float) -> None:
        """Share a host out anew, and wait for whoever is done first."""
        before, short, services, latency = host.used, host.short, host.services, host.latency
        host.share(now)
        after, number = host.used, host.number
        if before != after:
            passed_s, up = now - self._measured_s, self._up[number]
            for had, has, per_capacity, spread, used, missed in zip(
                before, after, self._per_capacity[number], self._spreads, self._used, self._missed, strict=False
            ):
                if had != has:
                    change = has - had
                    used[number] = has
                    missed[number] -= change * passed_s
                    if up:  # who has still to leave one that is down counts no more
                        load = per_capacity * change
                        spread.used += change
                        spread.loads += load
                        spread.squares += load * per_capacity * (has + had)
        if short is not host.short:
            for axis, (was, is_) in enumerate(zip(short, host.short, strict=True)):
                self._short[axis] += is_ - was
        if host.services or services:
            self._services += host.services - services
            self._latency += host.latency - latency
        end_s = host.next_end_s
        if end_s < host.timer_s:
            # An event that comes too early finds nobody done, and is followed by another.
            host.timer_s = end_s
            host.timer = timer = self._env.timeout(end_s - now if end_s > now else 0.0, host)
            timer.callbacks.append(self._due)

    def overflow(self) -> list[tuple[Running, int, bool]]:
        """Say who must end for want of memory: how many of which containers, and whether they can come again.

        A container that is too big for its host by itself goes first, since nobody's leaving would help it, and cannot
        come again. Then goes whoever has the least priority; among equals who holds the most beyond its request, then
        who came last. To be asked again until nobody must.
        """
        while self._overfull:
            host = self._overfull[-1]
            too_much = host.memory - host.memory_bytes
            if too_much <= ROUNDING * host.memory_bytes:
                self._overfull.pop()
                continue
            # Whoever holds none makes no room.
            victim = min(
                (resident for resident in host.residents if resident.memory_bytes),
                key=lambda resident: (resident.memory_bytes <= host.memory_bytes, _importance(resident)),
            )
            each = victim.memory_bytes
            fits = each <= host.memory_bytes
            going = min(victim.count, max(ceil(too_much / each - ROUNDING), 1)) if fits else victim.count
            return [(victim.running, going, fits)]
        return []

    # -- hosts ----------------------------------------------------------------------------------------------

    def set_host(self, number: int, *, alive: bool, capacity: Sequence[int] | None) -> None:
        """Let a host join, leave or change its size. What runs on one that left is to be `cut`."""
        now = self._env.now
        if self._up[number]:
            self._weigh(number, -1)
        self._up[number] = alive
        self._load_of_one = None
        if capacity is not None:
            kind = self._kind[number] = self._known(tuple(capacity), self._disks[number])
            self._per_capacity[number] = tuple(
                1.0 / kind.capacity[axis] if kind.capacity[axis] else 0.0 for axis in self._axes
            )
            host = self._hosts[number]
            if host is not None:
                memory_bytes = float(kind.capacity[RESOURCES.index("memory")])
                host.resize(self._patterns.capacity(kind), memory_bytes, kind.capacity[0] / 1000)
        if alive:
            self._weigh(number, 1)
        host = self._hosts[number]
        if host is not None and capacity is not None and alive:
            if host.memory > host.memory_bytes:
                self._overfull.append(host)
            self._share(host, now)

    def _weigh(self, number: int, sign: int) -> None:
        """Let a host count in the levels, or no longer."""
        kind, host = self._kind[number], self._hosts[number]
        used = host.used if host is not None else [0.0] * len(self.names)
        for spread, axis, per_capacity, use in zip(
            self._spreads, self._axes, self._per_capacity[number], used, strict=True
        ):
            if per_capacity:
                spread.hosts += sign
                spread.capacity += sign * kind.capacity[axis]
                spread.used += sign * use
                spread.loads += sign * use * per_capacity
                spread.squares += sign * (use * per_capacity) ** 2

    # -- looking --------------------------------------------------------------------------------------------

    def levels(self) -> tuple[float, ...]:
        """Give the numbers that `levels_of` names, beyond what is allocated."""
        levels: list[float] = []
        for spread in self._spreads:
            levels += spread.levels()
        up = max(self._spreads[0].hosts, 1)
        levels += [short / up for short in self._short]
        levels += (self._services, max(self._latency, 0.0))
        return tuple(levels)

    def load(self) -> FloatArray:
        """Give what is used of every host now / its capacity, shape (len(names), n_hosts); NaN where it is down."""
        if self._load_of_one is None:
            per_capacity = np.array(self._per_capacity).reshape(-1, len(self.names)).T
            self._load_of_one = np.where((per_capacity > 0) & self._up, per_capacity, np.nan)
        return self._load_of_one * _columns(self._used)

    def measured(self) -> FloatArray:
        """Give the mean use of every host since the last time, shape (n_resources, n_hosts), 0 for a GPU."""
        now = self._env.now
        passed_s, self._measured_s = now - self._measured_s, now
        usage = np.zeros((self._resources, len(self._hosts)))
        if passed_s:
            missed = _columns(self._missed)
            # What rounding leaves of nothing is not less than nothing.
            usage[self._rows] = np.maximum(_columns(self._used) + missed / passed_s, 0.0)
        self._missed = [array("d", bytes(8 * len(self._hosts))) for _ in self.names]
        return usage

    def check(self) -> None:
        """Assert that what is kept from event to event is what a count from scratch gives."""
        for host in self._hosts:
            if host is None:
                continue
            there = list(host.residents)
            assert host.containers == sum(resident.count for resident in there), "somebody is not counted"
            memory = sum(resident.count * resident.stretches[resident.at].pattern.memory_bytes for resident in there)
            assert abs(host.memory - memory) <= 1e-6 * max(memory, 1.0), "memory is not what residents hold"
            for axis, there_is in enumerate(host.capacity):
                used = sum(lane.count * min(lane.speed, 1.0) * lane.needs[axis] for lane in host.lanes.values())
                assert used <= there_is * (1 + 1e-6) + 1e-9, "more is used than there is"
            now = self._env.now
            left = [
                lane.ends[0][0] - lane.done_s - lane.speed * (now - lane.since_s)
                for lane in host.lanes.values()
                if lane.ends
            ]
            assert all(work_s >= -1e-6 * max(1.0, now) for work_s in left), "somebody stays after its end"


def _columns(axes: list[array[float]]) -> FloatArray:
    """Give a row for each axis, a copy."""
    return np.array([np.frombuffer(axis) for axis in axes])


def _importance(resident: Resident) -> tuple[int, float, int]:
    task = resident.running.task
    return task.priority, task.need.memory_bytes - resident.memory_bytes, -resident.serial
