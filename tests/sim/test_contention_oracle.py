"""Shared hosts against a slow simulation that shares no code with them.

The oracle is told when containers started where, and when others than those who were done had to leave; it says when
each ends, who is out of memory, and what is used meanwhile. It knows every container by itself, finds levels by
bisection, and shares every host out anew at every event.
"""

import math
from collections import Counter

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from policies.log import Event
from policies.placement import scores
from policies.requests import Resources
from policies.scheduling.architecture import monolithic
from policies.sharing import DISKS, Disk
from policies.sharing.isolation import Bands, Caps, Shares, Unmanaged
from sim.contention import Interplay
from traces.hosts import HostEvent

NET_BPS = 15_000_000
BIGGER = Resources(3000, 1000, disk_micro=1_000_000, net_bps=NET_BPS)
MODES = {"none": Unmanaged(), "shares": Shares("v1"), "caps": Caps(4.0), "bands": Bands()}


def level_of(there, items):
    """The level at which (want, weight) use up what there is; inf where there is enough."""
    if sum(want for want, _ in items) <= there * (1 + 1e-12):
        return math.inf
    low, high = 0.0, max(want / weight for want, weight in items)
    for _ in range(64):
        middle = (low + high) / 2
        if sum(min(want, middle * weight) for want, weight in items) <= there:
            low = middle
        else:
            high = middle
    return low


class Container:
    """One container: a list of stretches, each (work, cores, memory, seconds of disk alone and with others, …)."""

    def __init__(self, arrival, host, serial, since_s):
        self.job, self.host, self.serial, self.since_s = arrival.job, host, serial, since_s
        self.task = arrival.job.groups[0].task
        (phases,) = arrival.behaviours
        self.left = [[phase.share * arrival.run_s[0], phase.demand] for phase in phases]
        self.rate = 0.0

    @property
    def demand(self):
        return self.left[0][1]

    @property
    def memory(self):
        return self.demand.memory_bytes


def disk_s(demand, disk: Disk, streams):
    """Device time a second, written out: a base for each request, and its pages."""
    random = 1.0 if disk.rotates and streams > 1 else demand.random_io
    total = 0.0
    for bps, most, ordered, scattered in (
        (demand.disk_read_bps, disk.read_bps, disk.read_seq_iops, disk.read_rand_iops),
        (demand.disk_write_bps, disk.write_bps, disk.write_seq_iops, disk.write_rand_iops),
    ):
        page_s = 4096 / most
        base_s = (1 - random) * max(1 / ordered - page_s, 0) + random * max(1 / scattered - page_s, 0)
        total += bps / demand.io_size_bytes * (base_s + max(demand.io_size_bytes / 4096, 1) * page_s)
    return total


class Oracle:
    """A few hosts, by definition."""

    def __init__(self, cores, memory, disk, mode, minds, wake_up_s):
        self.cores, self.memory = list(cores), memory
        self.up = [True] * len(cores)
        self.disk, self.mode, self.minds, self.wake_up_s = disk, mode, minds, wake_up_s
        self.there: list[Container] = []
        self.now = 0.0
        self.serials = 0
        self.finished, self.killed, self.states = [], Counter(), []

    def needs(self, one, streams):
        demand = one.demand
        return demand.cpu_cores, disk_s(demand, self.disk, streams), demand.net_bps

    def weight(self, one):
        shares = max(one.task.need.cpu_milli * 1024 // 1000, 2)
        return {"none": max(math.ceil(one.demand.cpu_cores), 1), "shares": shares, "caps": 1, "bands": shares}[
            self.mode
        ]

    def share(self, host):
        here = [one for one in self.there if one.host == host]
        streams = sum(one.demand.disk_read_bps + one.demand.disk_write_bps > 0 for one in here)
        threads = sum(one.demand.cpu_cores for one in here)
        needs = [self.needs(one, streams) for one in here]
        limits = []
        for one in here:
            limit, cores = 1.0, one.demand.cpu_cores
            if self.mode == "caps" and cores:
                limit = min(limit, 4.0 * one.task.need.cpu_milli / 1000 / cores)
            requests = (one.demand.disk_read_bps + one.demand.disk_write_bps) / one.demand.io_size_bytes
            limits.append(min(limit, 1 / (1 + requests * self.wake_up_s * (threads - cores) / self.cores[host])))
        capacity = self.cores[host], 1.0, NET_BPS
        wanted = [sum(lim * need[r] for lim, need in zip(limits, needs, strict=True)) for r in range(3)]
        holds = [[math.inf] * len(here) for _ in range(3)]  # the rate to which each resource holds each container

        def most(i, but):
            return min(limits[i], *(holds[r][i] for r in range(3) if r != but))

        for _ in range(300):
            before = [row.copy() for row in holds]
            for r in range(3):
                want = [most(i, r) * needs[i][r] for i in range(len(here))]
                if r == 0:
                    holds[r] = self.cpu_holds(here, want, [need[0] for need in needs], capacity[0])
                else:
                    level = level_of(capacity[r], [(one, 1.0) for one in want])
                    holds[r] = [level / need[r] if need[r] else math.inf for need in needs]
            pairs = [pair for x, y in zip(holds, before, strict=True) for pair in zip(x, y, strict=True)]
            if all(new == old or abs(new - old) <= 1e-13 * min(new, old) for new, old in pairs):
                break
        else:
            assume(False)
        factor = 1 / (1 + 0.003 * (len(here) - 1) * self.minds) if here else 1.0
        used = [0.0] * 3
        for i, one in enumerate(here):
            rate = most(i, None)
            one.rate = rate * factor
            for r in range(3):
                used[r] += rate * needs[i][r]
        short = [want > there * (1 + 1e-9) for want, there in zip(wanted, capacity, strict=True)]
        return [*used, sum(one.memory for one in here)], short

    def cpu_holds(self, here, want, need, cores):
        if self.mode != "bands":
            weights = [self.weight(one) for one in here]
            level = level_of(cores, list(zip(want, weights, strict=True)))
            return [level * v / n if n else math.inf for v, n in zip(weights, need, strict=True)]
        batch = [one.job.workload == "batch" for one in here]
        theirs = [(w, self.weight(one)) for one, w, low in zip(here, want, batch, strict=True) if low]
        others = [(w, self.weight(one)) for one, w, low in zip(here, want, batch, strict=True) if not low]
        top = level_of(cores, [*others, (sum(w for w, _ in theirs), 2.0)])
        inner = math.inf if math.isinf(top) else level_of(2.0 * top, theirs)
        return [
            (inner if low else top) * self.weight(one) / n if n else math.inf
            for one, low, n in zip(here, batch, need, strict=True)
        ]

    def settle(self):
        """Kill where memory is short, and write down what is used from now on."""
        for host in range(len(self.cores)):
            while sum(one.memory for one in self.there if one.host == host) > self.memory:
                victim = min(
                    (one for one in self.there if one.host == host and one.memory),
                    key=lambda one: (
                        one.memory <= self.memory, one.task.priority, one.task.need.memory_bytes - one.memory,
                        -one.serial,
                    ),
                )  # fmt: skip
                self.there.remove(victim)
                self.killed[round(self.now, 5), victim.job.id, host] += 1
        loads, shorts = zip(*(self.share(host) for host in range(len(self.cores))), strict=True)
        sizes = [[cores, 1.0, NET_BPS, self.memory] for cores in self.cores]
        up = [host for host, alive in enumerate(self.up) if alive]
        levels = []
        for r in range(4):
            shares = [loads[host][r] / sizes[host][r] for host in up]
            total = sum(loads[host][r] for host in up) / sum(sizes[host][r] for host in up) if up else 0.0
            levels.append((total, np.mean(shares) if up else 0.0, np.std(shares) if up else 0.0))
        self.states.append((self.now, levels, [sum(short[r] for short in shorts) / max(len(up), 1) for r in range(3)]))

    def until(self, then_s):
        """Let time pass, one end of a stretch after the other."""
        while True:
            ends = [(self.now + one.left[0][0] / one.rate, one.serial, one) for one in self.there if one.rate > 0]
            end_s, *_, next_one = min(ends, default=(math.inf, None, None))
            if next_one is None or end_s > then_s:
                self.pass_until(then_s)
                return
            self.pass_until(end_s)
            next_one.left[0][0] = 0.0
            for one in [one for one in self.there if one.left[0][0] <= 1e-11]:
                one.left.pop(0)
                if not one.left:
                    self.there.remove(one)
                    self.finished.append((one.job.id, one.host, one.since_s, self.now))
            self.settle()

    def pass_until(self, then_s):
        if then_s < math.inf:
            for one in self.there:
                one.left[0][0] -= one.rate * (then_s - self.now)
            self.now = max(self.now, then_s)

    def leave(self, job, host, count, since_s):
        going = [one for one in self.there if (one.job.id, one.host) == (job, host) and close(one.since_s, since_s)]
        assert len(going) >= count, "who had to leave was not there"
        for one in going[:count]:
            self.there.remove(one)


def close(a, b):
    return abs(a - b) <= 1e-6 * max(abs(a), abs(b), 1.0)


def replayed(run, jobs, oracle):
    """Let the oracle live through what the log says that came from outside."""
    by_name = {arrival.job.id: arrival for arrival in jobs}
    happened = [
        (row.t_s, number, row)
        for number, row in enumerate(run.rows)
        if row.event
        in (Event.STARTED, Event.KILLED, Event.PREEMPTED, Event.HOST_LOST, Event.HOST_JOINED, Event.HOST_RESIZED)
    ]
    for at, (t_s, _, row) in enumerate(happened):
        if not at or happened[at - 1][0] != t_s:
            oracle.until(t_s)
        if row.event is Event.STARTED:
            for host, count in zip(*(part.tolist() for part in row.where), strict=True):
                for _ in range(count):
                    oracle.serials += 1
                    oracle.there.append(Container(by_name[row.job], host, oracle.serials, t_s))
        elif row.event in (Event.KILLED, Event.PREEMPTED):
            for host, count in zip(*(part.tolist() for part in row.where), strict=True):
                oracle.leave(row.job, host, count, t_s - row.seconds)
        else:
            oracle.up[row.host] = row.event is not Event.HOST_LOST
            if row.event is Event.HOST_RESIZED:
                oracle.cores[row.host] = BIGGER.cpu_milli / 1000
        if at + 1 == len(happened) or happened[at + 1][0] != t_s:
            oracle.settle()
    oracle.until(math.inf)


def drawn_jobs(cell, rng, n):
    at = np.sort(rng.uniform(0, 40, n)).tolist()
    jobs = []
    for number, t_s in enumerate(at):
        cpus = rng.choice([0.0, 0.3, 1.0, 2.5], 2).tolist()
        memories = rng.choice([10.0, 200.0, 450.0], 2, p=[0.6, 0.3, 0.1]).tolist()
        share = float(rng.uniform(0.1, 0.9))
        phases = [(share, cpus[0], memories[0]), (1 - share, cpus[1], memories[1])] if rng.random() < 0.5 else None
        reads, writes = rng.choice([0.0, 0.0, 1e6, 3e7], 2).tolist()
        jobs.append(
            cell.job(
                f"j{number}", t_s, float(rng.uniform(1, 30)), int(rng.integers(1, 4)), cpus[0], memories[0],
                float(rng.choice([0.2, 0.5, 1.0])), int(rng.choice([10, 100])), str(rng.choice(["batch", "service"])),
                int(rng.integers(0, 2)), phases=phases, disk_read_bps=reads, disk_write_bps=writes,
                io_size_bytes=float(rng.choice([4096, 65536])), random_io=float(rng.choice([0.0, 0.3, 1.0])),
                net_bps=float(rng.choice([0.0, 0.0, 4e6, 2e7])),
            )
        )  # fmt: skip
    return jobs


@given(
    st.integers(0, 2**32), st.sampled_from(list(MODES)), st.sampled_from(["HDD", "SSD_DFL"]),
    st.sampled_from([(0.0, 0.0), (0.0, 0.0), (20.0, 0.0), (0.0, 0.002)]),
    st.sampled_from(["monolithic", "shared-state", "preempting"]), st.booleans(),
)  # fmt: skip
@settings(max_examples=30, deadline=None)
def test_containers_end_when_a_simulation_by_definition_says(cell, seed, mode, disk, effects, architecture, changes):
    rng = np.random.default_rng(seed)
    jobs = drawn_jobs(cell, rng, int(rng.integers(1, 9)))
    events = ()
    if changes:
        t_s = np.sort(rng.uniform(2, 40, 3)).tolist()
        events = (HostEvent(t_s[0], 0, False), HostEvent(t_s[1], 0, True), HostEvent(t_s[2], 1, True, BIGGER))
    machines = cell.hosts(n=2, disk=DISKS[disk], net_bps=NET_BPS, events=events)
    made = {"preempting": monolithic(preempt=True)}.get(architecture, architecture)
    run = cell.run(
        jobs, machines, interplay=Interplay(MODES[mode], *effects), architecture=made, score=scores.spread
    )  # fmt: skip
    oracle = Oracle([2.0, 2.0], 1000, DISKS[disk], mode, *effects)
    replayed(run, jobs, oracle)

    ends = sorted(
        (row.job, host, row.t_s - row.seconds, row.t_s)
        for row in run.of(Event.FINISHED)
        for host, count in zip(*(part.tolist() for part in row.where), strict=True)
        for _ in range(count)
    )
    by_definition = sorted(oracle.finished)
    assert [end[:2] for end in ends] == [end[:2] for end in by_definition]
    np.testing.assert_allclose([end[2:] for end in ends], [end[2:] for end in by_definition], rtol=1e-6)
    killed = Counter()
    for row in run.of(Event.OUT_OF_MEMORY):
        killed[round(row.t_s, 5), row.job, row.host] += row.tasks
    assert killed == oracle.killed
    assert_levels_agree(run, oracle)


def assert_levels_agree(run, oracle):
    """What is used, and short, as the last row of each instant has it."""
    rows = [row for row in run.rows if row.event is not Event.SAMPLED]
    starts = [t_s for t_s, *_ in oracle.states]
    compared = 0
    for row, later in zip(rows, [*rows[1:], None], strict=True):
        after_s = row.t_s + 1e-5
        if later is not None and later.t_s <= after_s:
            continue
        at = np.searchsorted(starts, after_s) - 1
        if at < 0 or any(abs(t_s - after_s) < 9e-6 for t_s in starts[max(at - 1, 0) : at + 2]):
            continue
        _, levels, short = oracle.states[at]
        for name, (total, mean, std) in zip(("cpu", "disk", "net", "memory"), levels, strict=True):
            began = run.place(f"{name}_used")
            np.testing.assert_allclose(row.levels[began : began + 3], (total, mean, std), rtol=1e-6, atol=1e-6)
        assert [run.level(row, f"{name}_short") for name in ("cpu", "disk", "net")] == pytest.approx(short)
        compared += 1
    assert compared or len(rows) < 4
