"""Containers in the tank: those that wait for hosts, those that run, and for how long the trace lets them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np

from policies.arrays import BoolArray, FloatArray, IntArray
from policies.requests import Job, Task
from policies.scheduling import Pending
from traces.trace import Arrival, Behaviour, RunTime


class Waiting(NamedTuple):
    """A job of which some containers have no host yet, and what the future holds for it."""

    pending: Pending
    run_s: tuple[RunTime, ...]  # one entry per group of the job
    used: list[int]  # how many of each group's run times are used up
    behaviours: tuple[Behaviour, ...]  # one entry per group, or none at all


class Running:
    """Containers that were placed together and will end together, or would if they had their hosts to themselves.

    They hold their room from `placed_s`, and run from `since_s`; until they run, it is `placed_s`, too. Those that are
    there from the beginning have no scheduler.
    """

    __slots__ = (
        "behaviour", "counts", "hosts", "job", "placed_s", "recorded", "run_s", "scheduler", "since_s", "task",
    )  # fmt: skip

    def __init__(
        self,
        job: Job,
        scheduler: str,
        task: Task,
        hosts: IntArray,
        counts: IntArray,
        run_s: float,
        since_s: float,
        recorded: bool = False,
        behaviour: Behaviour = None,
    ) -> None:
        self.behaviour = behaviour
        self.job, self.scheduler, self.task, self.hosts, self.counts = job, scheduler, task, hosts, counts
        self.run_s, self.recorded = run_s, recorded
        self.placed_s = self.since_s = since_s

    def part(self, some: IntArray | BoolArray | slice) -> Running:
        """Give those on some of the hosts, by position among `hosts`, as containers of their own."""
        return Running(
            self.job, self.scheduler, self.task, self.hosts[some], self.counts[some], self.run_s, self.since_s,
            self.recorded, self.behaviour,
        )  # fmt: skip


def as_requested_s(arrival: Arrival) -> float:
    """Give the run time of a MapReduce job's workers when there are as many as it asks for, in seconds.

    Raises
    ------
    ValueError
        If they have several: workers are alike and share the work equally.
    """
    (run_s,) = arrival.run_s
    if not isinstance(run_s, float):
        raise ValueError(f"job {arrival.job.id!r}: MapReduce workers have one run time, not one each")
    return run_s


def run_s_with(workers: int, job: Job, as_requested_s: tuple[RunTime, ...]) -> tuple[RunTime, ...]:
    """Give the run times of a MapReduce job that has more workers than it asked for.

    The trace knows how long it ran with those it asked for; by how much more workers shorten that, says the model.
    """
    assert job.mapreduce is not None
    shorter = job.mapreduce.run_s(workers) / job.mapreduce.run_s(job.tasks)
    return tuple(run_s * shorter for run_s in as_requested_s)


def one_or_each(runs: list[tuple[float, int]]) -> RunTime:
    """Give the run time of containers as a trace would, from pairs of run time and how many have it."""
    lengths, counts = zip(*runs, strict=True)
    return lengths[0] if len(set(lengths)) == 1 else np.repeat(np.array(lengths), counts)


def by_run_time(
    hosts: IntArray, counts: IntArray, run_s: RunTime, each: IntArray | None = None
) -> Iterator[tuple[IntArray, IntArray, float]]:
    """Group containers that end together.

    Parameters
    ----------
    hosts, counts : ndarray of int, shape (m,)
        Different hosts, and how many containers on each, n in all.
    run_s : float or ndarray of float, shape (n,)
        How long they run.
    each : ndarray of int, shape (n,), optional
        The host of every container, in the order of `run_s`; host after host by default.

    Yields
    ------
    hosts, counts : ndarray of int, shape (m,)
        Different hosts, and how many containers on each.
    run_s : float
        How long they run.
    """
    if isinstance(run_s, float):
        yield hosts, counts, run_s
        return
    if each is None:
        each = np.repeat(hosts, counts)
    lengths: FloatArray = run_s
    order = lengths.argsort(kind="stable")
    ordered = lengths[order]
    starts = np.flatnonzero(np.concatenate(([True], ordered[1:] != ordered[:-1])))
    for begin, end in zip(starts, [*starts[1:], lengths.size], strict=True):
        part_hosts, part_counts = np.unique(each[order[begin:end]], return_counts=True)
        yield part_hosts, part_counts, float(ordered[begin])
