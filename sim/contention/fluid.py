"""One host, shared as a fluid: everybody on it advances at the rate that it is granted, until something changes."""

from __future__ import annotations

from collections.abc import Sequence
from heapq import heappop, heappush
from math import inf
from typing import Any, NamedTuple

from policies.sharing.kernel import Kind, solve
from policies.sharing.slowdown import interference, wake_up_limit
from sim.contention.patterns import Pattern
from traces.replay.containers import Running

#: Sums of floats that come and go again differ from what they were by less than this part.
ROUNDING = 1e-9

#: What a latency is at most taken to be, as a multiple of that on an idle host.
WORST_LATENCY = 100.0


class Stretch(NamedTuple):
    """A part of a container's run in which it uses the same all the time."""

    pattern: Pattern
    work_s: float  # at full speed; inf without end


class Start(Stretch):
    """The first stretch of containers that have to be started: it is forgotten when they begin."""

    __slots__ = ()


class Resident:
    """Equal containers that came together to one host, and will leave it together."""

    __slots__ = ("at", "count", "lane", "memory_bytes", "running", "serial", "stretches")

    def __init__(self, running: Running, stretches: Sequence[Stretch], count: int, serial: int) -> None:
        self.running, self.stretches, self.count, self.serial = running, stretches, count, serial
        self.at = 0
        self.lane: Lane | None = None
        self.memory_bytes = 0.0

    def alone_s(self) -> float:
        """Say how long its whole run takes with the host to itself."""
        return sum([stretch.work_s / stretch.pattern.speed_alone for stretch in self.stretches])


class Lane(Kind):
    """The containers of one pattern on one host: they advance together, so one number says how far all of them are.

    Attributes
    ----------
    done_s, since_s : float
        Work that one of them which is always there has done until when.
    speed : float
        Work a second from then on.
    ends : list
        Heap of (`done_s` at which a resident's stretch ends, serial number, resident).
    end_s : float
        When, at the present speed, the first of them will be done.
    """

    __slots__ = ("done_s", "end_s", "ends", "pattern", "since_s", "speed")

    def __init__(self, pattern: Pattern, crowded: bool, now: float) -> None:
        # A kind that was looked at before: what is in it is not looked at again.
        self.pattern = pattern
        kind = pattern.alone
        self.count, self.limit, self.group, self.weights = 0, kind.limit, kind.group, kind.weights
        self.crowd(crowded)
        self.done_s, self.since_s, self.speed = 0.0, now, kind.limit
        self.ends: list[tuple[float, int, Resident]] = []
        self.end_s = inf

    def crowd(self, crowded: bool) -> None:
        """Need what one needs with others at the disk, or without."""
        kind = self.pattern.crowded if crowded else self.pattern.alone
        self.needs, self.paces = kind.needs, kind.paces

    def advance(self, now: float) -> None:
        """Do the work from the last time until now."""
        self.done_s += self.speed * (now - self.since_s)
        self.since_s = now

    def look_ahead(self) -> None:
        """Find out when the first of them will be done."""
        ends = self.ends
        while ends and ends[0][2].lane is not self:
            heappop(ends)  # it was taken away before its time
        self.end_s = self.since_s + (ends[0][0] - self.done_s) / self.speed if ends and self.speed else inf


class FluidHost:
    """A host and who is on it.

    Parameters
    ----------
    capacity : sequence of float
        What it has of each shared resource, CPU first.
    memory_bytes : float
        Its memory.
    cores : float
        Its cores.
    minds, wake_up_s : float
        `Interplay` of the whole cell.
    group_weights : sequence of float
        What groups of containers weigh for the CPU.

    Attributes
    ----------
    used : list of float
        What is used of each shared resource, and of memory behind them.
    short : list of bool
        Of which shared resource there is less than would be used.
    services, latency : int, float
        Containers whose answers somebody waits for, and the sum of their latencies. These four are as `share` left
        them, whoever has come or gone since.
    next_end_s : float
        When the first stretch of a resident ends if nothing changes.
    timer, timer_s : object, float
        The event that will come when somebody is done, and when; kept by who waits for it.
    """

    __slots__ = (
        "capacity", "containers", "cores", "enough", "fewer", "group_weights", "lanes", "latency", "memory",
        "memory_bytes", "minds", "next_end_s", "number", "plenty", "residents", "services", "short", "streams",
        "threads", "timer", "timer_s", "uneven", "used", "waited_for", "wake_up_s", "wanted",
    )  # fmt: skip

    def __init__(
        self,
        number: int,
        capacity: Sequence[float],
        memory_bytes: float,
        cores: float,
        minds: float,
        wake_up_s: float,
        group_weights: Sequence[float],
    ) -> None:
        self.number = number
        self.lanes: dict[Pattern, Lane] = {}
        self.residents: dict[Resident, None] = {}
        self.minds, self.wake_up_s, self.group_weights = minds, wake_up_s, group_weights
        # Where neighbours matter beside what they take, everybody's speed changes whenever one comes or goes.
        self.uneven = minds > 0 or wake_up_s > 0
        self.containers, self.streams, self.threads, self.memory = 0, 0, 0.0, 0.0
        self.services, self.waited_for, self.latency = 0, 0, 0.0
        self.used = [0.0] * (len(capacity) + 1)
        self.short = self.plenty = [False] * len(capacity)
        self.next_end_s = self.timer_s = inf
        self.timer: Any = None
        self.fewer = False
        self.resize(capacity, memory_bytes, cores)

    def resize(self, capacity: Sequence[float], memory_bytes: float, cores: float) -> None:
        """Have other sizes; to be followed by `share`."""
        self.capacity, self.memory_bytes, self.cores = tuple(capacity), memory_bytes, cores
        self.enough = tuple([there * (1 + ROUNDING) for there in capacity])
        if not self.containers:
            self._forget()

    def _forget(self) -> None:
        """Begin anew, without what rounding left: nobody is there."""
        self.wanted = [0.0] * len(self.capacity)
        self.threads = self.memory = 0.0
        self.next_end_s = inf

    # -- who comes and goes ---------------------------------------------------------------------------------

    def come(self, resident: Resident, now: float) -> None:
        """Begin the stretch that a resident has come to; to be followed by `share`."""
        pattern, work_s = resident.stretches[resident.at]
        lane = self.lanes.get(pattern)
        if lane is None:
            lane = self.lanes[pattern] = Lane(pattern, self.streams > 1, now)
        resident.lane = lane
        self.residents[resident] = None
        if work_s < inf:
            speed = lane.speed
            lane.done_s += speed * (now - lane.since_s)
            lane.since_s = now
            heappush(lane.ends, (lane.done_s + work_s, resident.serial, resident))
            if speed:
                end_s = now + work_s / speed
                if end_s < lane.end_s:
                    lane.end_s = end_s
                    if end_s < self.next_end_s:
                        self.next_end_s = end_s
        self._count(lane, resident.count)
        resident.memory_bytes = pattern.memory_bytes

    def go(self, resident: Resident, count: int, now: float) -> None:
        """Let some of a resident's containers, or all, leave; to be followed by `share`."""
        lane = resident.lane
        assert lane is not None
        self._count(lane, -count)
        if count == resident.count:
            self.fewer = True
            resident.lane = None
            del self.residents[resident]
            if lane.count:
                lane.look_ahead()
            else:
                del self.lanes[lane.pattern]
        if not self.containers:
            self._forget()

    def _count(self, lane: Lane, more: int) -> None:
        pattern = lane.pattern
        if pattern.streams:
            before, self.streams = self.streams, self.streams + more
            if (before > 1) is not (self.streams > 1):
                self._crowd(self.streams > 1)
        lane.count += more
        wanted, times = self.wanted, more * lane.limit
        for axis, need in enumerate(lane.needs):
            if need:
                wanted[axis] += times * need
        self.containers += more
        self.threads += more * pattern.threads
        self.memory += more * pattern.memory_bytes
        if pattern.waits:
            self.waited_for += more

    def _crowd(self, crowded: bool) -> None:
        """Make all requests to a disk with a head random, or no longer."""
        for lane in self.lanes.values():
            if lane.pattern.streams:
                before = lane.needs
                lane.crowd(crowded)
                times = lane.count * lane.limit
                self.wanted = [
                    wanted + times * (need - was)
                    for wanted, need, was in zip(self.wanted, lane.needs, before, strict=True)
                ]

    # -- how fast everybody is ------------------------------------------------------------------------------

    def share(self, now: float) -> None:
        """Find out how fast everybody is from now on, and who will be done first."""
        if self.wake_up_s:
            self._wait_for_cpu()
        wanted, short = self.wanted, self.plenty
        for want, enough in zip(wanted, self.enough, strict=False):
            if want > enough:
                short = [want > enough for want, enough in zip(wanted, self.enough, strict=True)]
                break
        if self.uneven or short is not self.plenty or self.short is not self.plenty:
            self._share_out(now)
        else:
            self.used = used = wanted.copy()
            used.append(self.memory)
            if self.fewer:
                # Whoever comes has been looked at.
                ends_s = inf
                for lane in self.lanes.values():
                    if lane.end_s < ends_s:
                        ends_s = lane.end_s
                self.next_end_s = ends_s
        self.fewer = False
        self.short = short
        if self.waited_for or self.services:
            self.services = self.waited_for
            self.latency = self._latency() if self.services else 0.0

    def _share_out(self, now: float) -> None:
        lanes = list(self.lanes.values())
        rates = solve(self.capacity, lanes, self.wanted, self.group_weights)
        used = [0.0] * len(self.capacity)
        factor = float(interference(self.containers, self.minds)) if self.minds and lanes else 1.0
        ends_s = inf
        for lane, rate in zip(lanes, rates, strict=True):
            together = lane.count * rate
            for axis, need in enumerate(lane.needs):
                if need:
                    used[axis] += together * need
            speed = rate * factor
            if speed != lane.speed:
                lane.done_s += lane.speed * (now - lane.since_s)
                lane.since_s, lane.speed, ends = now, speed, lane.ends
                if ends and speed and ends[0][2].lane is lane:
                    lane.end_s = now + (ends[0][0] - lane.done_s) / speed
                else:
                    lane.look_ahead()
            if lane.end_s < ends_s:
                ends_s = lane.end_s
        used.append(self.memory)
        self.used, self.next_end_s = used, ends_s

    def _wait_for_cpu(self) -> None:
        """Let each request of those who use the disk wait for the CPU behind the threads that are there."""
        wanted = [0.0] * len(self.capacity)
        for lane in self.lanes.values():
            pattern = lane.pattern
            limit = pattern.alone.limit
            if pattern.requests_per_s and self.cores:
                others = (self.threads - pattern.threads) / self.cores
                limit = min(limit, wake_up_limit(pattern.requests_per_s, others, self.wake_up_s))
            lane.limit = limit
            for axis, need in enumerate(lane.needs):
                wanted[axis] += lane.count * limit * need
        self.wanted = wanted

    def _latency(self) -> float:
        """Give the sum over its services of the latency of an answer, in those of an idle host.

        Notes
        -----
        A service is a processor-sharing queue with the capacity that it could have: what others leave, or what it is
        entitled to, whichever is more. The mean time in an M/G/1 queue of that kind is proportional to
        1 / (1 - utilisation); the worst of its resources counts.
        """
        total = 0.0
        weights = [sum(self.group_weights), *[0.0] * (len(self.capacity) - 1)]
        for lane in self.lanes.values():
            for axis, need in enumerate(lane.needs):
                if need and (axis or lane.group < 0):
                    weights[axis] += lane.count * lane.weights[axis]
        for lane in self.lanes.values():
            if not lane.pattern.waits:
                continue
            worst = 1.0
            for axis, need in enumerate(lane.needs):
                if not need:
                    continue
                there = self.capacity[axis]
                left = there - self.used[axis] + need * lane.speed
                could_have = max(left, there * lane.weights[axis] / weights[axis])
                answers = _waiting(need, could_have) / _waiting(need, there)
                if answers > worst:
                    worst = answers
            total += lane.count * worst
        return total

    def ended(self, now: float) -> list[Resident]:
        """Give the residents whose stretch ends now, to be given to `go`; to be followed by `share`."""
        # Times add up to a few units in their last place.
        slack_s = 1e-12 + 2e-15 * now
        done = []
        for lane in self.lanes.values():
            if lane.end_s > now + slack_s:
                continue
            lane.advance(now)
            ends, enough_s = lane.ends, lane.done_s + lane.speed * slack_s
            while ends and (ends[0][2].lane is not lane or ends[0][0] <= enough_s):
                resident = heappop(ends)[2]
                if resident.lane is lane:
                    done.append(resident)
            lane.look_ahead()
            self.fewer = True
        return done


def _waiting(need: float, could_have: float) -> float:
    """Give the time that a unit of work spends in a queue which is offered so much of what it could have."""
    if need >= could_have * (1 - 1 / WORST_LATENCY):
        return WORST_LATENCY
    return 1.0 / (1.0 - need / could_have)
