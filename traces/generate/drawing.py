"""Drawing the jobs of a workload."""

from __future__ import annotations

import heapq
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar

import numpy as np

from policies.arrays import FloatArray
from policies.requests import Group, Job, Resources, Task
from policies.streams import stream
from traces.generate.laws import Marginal
from traces.generate.spec import QUANTITIES, ClassSpec, WorkloadSpec
from traces.hosts import Hosts, uniform
from traces.rejects import Rejects
from traces.trace import Arrival, Trace
from traces.units import thousandths

#: How many jobs of a class are drawn at a time. What they are does not depend on it.
BLOCK = 4096

#: What a heavy tail is cut at, so that every number fits in the books.
MOST_TASKS = 2**31 - 1
MOST_OF_A_RESOURCE = 2.0**52


class Generated(Trace):
    """A workload drawn from a spec.

    Parameters
    ----------
    spec : WorkloadSpec
        What is drawn.
    seed : int
        Fixes the workload, not negative.
    rejects : Rejects
        Nothing is ever rejected.
    name : str
        What it is called in messages.
    file : Path, optional
        Where the spec was read, if it was in a file.
    """

    format: ClassVar[str] = "generated"

    def __init__(
        self, spec: WorkloadSpec, seed: int, rejects: Rejects, name: str = "generated", file: Path | None = None
    ) -> None:
        super().__init__(Path(name), rejects)
        self.spec, self.seed = spec, seed
        self._file = file
        self._position = 0.0

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the jobs in order of submission."""
        self.rejects.begin()
        jobs = (_arrivals(one, self.spec.span_s, self.seed) for one in self.spec.classes)
        for arrival in heapq.merge(*jobs, key=lambda arrival: arrival.job.submit_s):
            self._position = arrival.job.submit_s / self.spec.span_s
            yield arrival
        self._position = 1.0

    def hosts(self) -> Hosts | None:
        """Give the hosts of the spec, None where it has none."""
        hosts = self.spec.hosts
        return None if hosts is None else uniform(hosts.n, hosts.cpus, hosts.memory_bytes)

    def progress(self) -> float:
        """Say which share of the span has gone by."""
        return self._position

    def assumptions(self) -> list[str]:
        """Say that nobody measured this workload."""
        return [f"{self.format}:{self.path}: drawn from assumed laws with seed {self.seed}, not recorded"]

    def files(self) -> list[Path]:
        """List the file of the spec, if it is in one."""
        return [] if self._file is None else [self._file]


def _arrivals(one: ClassSpec, span_s: float, seed: int) -> Iterator[Arrival]:
    """Draw the jobs of a class, a block at a time."""

    def draw(quantity: str) -> FloatArray:
        law: Marginal = getattr(one, quantity)
        return law.draw(streams[quantity], BLOCK)

    streams = {quantity: stream(seed, "workload", one.name, quantity) for quantity in QUANTITIES}
    first, now = 0, 0.0
    while True:
        # Added up one by one, in the same order whatever the block.
        submit_s = np.cumsum(np.concatenate(([now], draw("interarrival_s"))))[1:]
        now, n = float(submit_s[-1]), int(np.searchsorted(submit_s, span_s))
        tasks = np.clip(np.ceil(draw("tasks")), 1, MOST_TASKS)
        cpu_milli = np.minimum(thousandths(draw("cpus")), MOST_OF_A_RESOURCE)
        memory_bytes = np.minimum(np.rint(draw("memory_bytes")), MOST_OF_A_RESOURCE)
        duration_s = draw("duration_s")
        keys = np.array([cpu_milli, memory_bytes, tasks])[:, :n].astype(np.int64)
        known: dict[tuple[int, ...], tuple[Group, ...]] = {}
        jobs = zip(submit_s[:n].tolist(), duration_s[:n].tolist(), zip(*keys.tolist(), strict=True), strict=True)
        for number, (at, run_s, key) in enumerate(jobs, start=first):
            groups = known.get(key)
            if groups is None:
                groups = known[key] = (Group(Task(Resources(key[0], key[1])), key[2]),)
            yield Arrival(Job(f"{one.name}-{number}", at, one.name, groups), (run_s,))
        if n < BLOCK:
            return
        first += n
