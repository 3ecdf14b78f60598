"""A cell of shared hosts whose books are checked after every event, for whoever asks questions of its log."""

from functools import partial

import numpy as np
import pytest

from experiments.measures.metrics import Metrics
from policies.log import Event, Log
from policies.placement import Placer, scores
from policies.requests import Demand, Group, Job, Resources, Task
from policies.scheduling import ARCHITECTURES, Settings
from policies.scheduling.scheduler import DecisionTime
from sim import Tank, TankOptions
from sim.contention import Interplay, levels_of
from traces.hosts import Hosts
from traces.trace import Arrival, Phase

MEMORY = 1000


class SharedRun:
    """What was told of a run, and what it came to."""

    def __init__(self, rows, levels, metrics, horizon_s, tank):
        self.rows, self.metrics, self.horizon_s, self.tank = rows, metrics, horizon_s, tank
        self._place = {f"{name}_share": 3 * at for at, name in enumerate(levels.loads)}
        self._place |= {name: 3 * len(levels.loads) + at for at, name in enumerate(levels.others)}

    def of(self, *events, job=None):
        return [row for row in self.rows if row.event in events and job in (None, row.job)]

    def place(self, load):
        """Where the three numbers of a load stand among the levels."""
        return self._place[f"{load}_share"]

    def level(self, row, name):
        """One of the levels by name: ``cpu_used_share``, ``cpu_short``, ``services``."""
        return row.levels[self._place[name]]

    def ends(self, event=Event.FINISHED):
        """When containers ended, by job, and how many."""
        ends = {}
        for row in self.of(event):
            ends.setdefault(row.job, []).append((row.t_s, row.tasks))
        return ends

    def end_s(self, job):
        ((end_s, _),) = self.ends()[job]
        return end_s

    def slowdown(self, job):
        (row,) = self.of(Event.FINISHED, job=job)
        return row.seconds / row.alone_s


class SharedCell:
    """Makes hosts and jobs, and runs them."""

    @staticmethod
    def hosts(n=1, cores=2, memory=MEMORY, disk=None, net_bps=None, events=(), alive=None):
        capacity = np.array([[1000 * cores] * n, [memory] * n, *[[0] * n] * 3])
        up = np.ones(n, dtype=bool) if alive is None else np.array(alive)
        return Hosts([f"h{i}" for i in range(n)], capacity, up, events).with_rates(disk, net_bps)

    @staticmethod
    def job(
        name, at=0.0, run_s=10.0, tasks=1, cpu=1.0, memory=10.0, request=0.1, asks_memory=10, workload="batch",
        priority=0, after=(), phases=None, profile=None, **demand,
    ):  # fmt: skip
        """A job of equal containers; phases are (share, CPU, memory)."""
        parts = phases or [(1.0, cpu, memory)]
        behaviour = tuple(Phase(share, Demand(cores, amount, **demand)) for share, cores, amount in parts)
        task = Task(Resources(round(1000 * request), asks_memory), priority, profile=profile)
        return Arrival(Job(name, at, workload, (Group(task, tasks),)), (run_s,), (behaviour,), after)

    @staticmethod
    def run(
        jobs, machines=None, *, interplay=None, architecture="monolithic", score=scores.first_fit, until_s=None,
        shared=True, prefill=(), thinks_s=1.0, audit=True, restart=True, sample_s=1000.0, **settings,
    ):  # fmt: skip
        machines = machines if machines is not None else SharedCell.hosts()
        interplay = (interplay or Interplay()) if shared else None
        levels = levels_of(machines.resources(), shared=shared)
        rows, metrics = [], Metrics(levels)
        made = ARCHITECTURES[architecture]() if isinstance(architecture, str) else architecture
        settings.setdefault("decision_time", DecisionTime(thinks_s, 0.0))
        tank = Tank(
            machines, made, Settings(**settings), lambda name: Placer(score), Log([rows.extend, metrics]),
            TankOptions(until_s=until_s, sample_s=sample_s, audit=audit, interplay=interplay, restart_lost=restart),
        )  # fmt: skip
        tank.prefill_recorded(prefill)
        horizon_s = tank.run(iter(jobs))
        tank.check()
        return SharedRun(rows, levels, metrics.result(horizon_s), horizon_s, tank)

    def rules(self, **interplay):
        """The same cell under other rules of who disturbs whom."""
        return partial(self.run, interplay=Interplay(**interplay))


@pytest.fixture(scope="session")
def cell():
    return SharedCell()
