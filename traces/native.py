"""Towtank's own trace format: CSV or Parquet, one row a job of identical containers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np

from policies.arrays import BoolArray, FloatArray
from policies.requests import Constraint, Group, Job, Resources, Task
from traces.labels import read_constraints
from traces.rejects import Rejects
from traces.tables import Batch, Reader
from traces.trace import Arrival, Trace
from traces.units import GPU_MILLI, MILLI, thousandths

REQUIRED = ("job", "submit_s", "workload", "tasks", "duration_s", "cpus", "memory_bytes")
MODELLED = ("gpus", "priority", "constraints", "apart", "user", "runtime_estimate_s")
NUMBERS = (
    "submit_s", "tasks", "duration_s", "cpus", "memory_bytes", "gpus", "priority", "apart", "runtime_estimate_s"
)  # fmt: skip
#: Columns of the format that the tank does not model yet; they may be there and are named in a note.
LATER = (
    "disk_read_bps",
    "disk_write_bps",
    "io_size_bytes",
    "random_io",
    "net_bps",
    "image",
    "labels",
    "after",
    "cpu_demand",
    "memory_demand_bytes",
)

#: More than any machine has of anything; keeps sums within 64 bits.
TOO_MUCH = 2**53

#: Stands for an empty field in a column of floats.
_EMPTY = -np.inf


class Native(Trace):
    """The native format.

    Rows of one job that follow one another with the same submission time and user are unlike containers of that job;
    the longest run time that is expected of them is the job's, if all have one. If one of them is apart, all of the
    job are. Rows stand in order of submission.
    """

    format = "native"

    def __init__(self, path: Path, rejects: Rejects) -> None:
        super().__init__(path, rejects)
        self._reader = Reader(path, rejects, required=REQUIRED, optional=MODELLED + LATER, numbers=NUMBERS)
        self._ignored: list[str] = []

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the jobs in order of submission."""
        self.rejects.begin()
        latest = 0.0
        held: list[tuple[Job, float]] = []  # rows of one job
        for batch in self._reader.batches():
            self._ignored = [name for name in LATER if batch.has(name)]
            for row in self._jobs(batch, latest):
                job = row[0]
                if held and not _same(held[0][0], job):
                    yield _arrival(held)
                    held = []
                held.append(row)
                latest = job.submit_s
        if held:
            yield _arrival(held)

    def progress(self) -> float:
        """Say which share of the file was read."""
        return self._reader.progress()

    def assumptions(self) -> list[str]:
        """Name the columns that have no effect yet."""
        return [f"{self.path}: column {name} is not modelled yet" for name in self._ignored]

    def _jobs(self, batch: Batch, latest: float) -> Iterator[tuple[Job, float]]:
        submit_s, duration_s = batch.number("submit_s"), batch.number("duration_s")
        tasks, cpus, memory = batch.number("tasks"), batch.number("cpus"), batch.number("memory_bytes")
        gpus, priority = batch.number("gpus", missing=0.0), batch.number("priority", missing=0.0)
        apart, estimate_s = batch.number("apart", missing=0.0), batch.number("runtime_estimate_s", missing=_EMPTY)
        ids, workloads, users = batch.text("job"), batch.text("workload"), batch.text("user")
        demands = _demands(batch)

        batch.mark(~((submit_s >= 0) & (submit_s < np.inf)), "submit_s must be 0 or more", submit_s)
        batch.mark(~(duration_s >= 0), "duration_s must be 0 or more (inf for a run without end)", duration_s)
        batch.mark(~(_whole(tasks) & (tasks >= 1) & (tasks < 2**31)), "tasks must be a whole number from 1", tasks)
        for name, values, per_unit in (("cpus", cpus, MILLI), ("memory_bytes", memory, 1), ("gpus", gpus, GPU_MILLI)):
            batch.mark(~(values >= 0), f"{name} must be 0 or more", values)
            batch.mark(values >= TOO_MUCH / per_unit, f"{name} is more than any machine has", values)
        batch.mark(~_whole(memory), "memory_bytes must be a whole number", memory)
        batch.mark(~(_whole(priority) & (np.abs(priority) < 2**31)), "priority must be a whole number", priority)
        batch.mark(~((apart == 0) | (apart == 1)), "apart must be 0 or 1", apart)
        not_given = estimate_s == _EMPTY
        batch.mark(~(not_given | (estimate_s >= 0)), "runtime_estimate_s must be 0 or more, or empty", estimate_s)
        batch.mark(np.array([not name for name in ids], dtype=bool), "job is empty", ids)
        batch.mark(np.array([not name for name in workloads], dtype=bool), "workload is empty", workloads)
        # Last, since a row that is put aside says nothing about the order of the others.
        in_order = submit_s.copy()
        in_order[list(batch.bad)] = 0.0
        before = np.maximum.accumulate(np.concatenate(([latest], in_order[:-1])))
        batch.mark(submit_s < before, "submitted before the row above it: rows must be in order of submit_s", submit_s)
        good = batch.reject(self.rejects)
        if good.size < len(batch):
            ids, workloads, users, demands = (
                [column[row] for row in good] for column in (ids, workloads, users, demands)
            )
            submit_s, duration_s, tasks, cpus, memory, gpus, priority, apart, estimate_s = (
                column[good]
                for column in (submit_s, duration_s, tasks, cpus, memory, gpus, priority, apart, estimate_s)
            )
        columns = (thousandths(cpus), memory, thousandths(gpus), priority, tasks, apart)
        keys = zip(*(column.astype(np.int64).tolist() for column in columns), demands, strict=True)
        known: dict[tuple[Any, ...], tuple[Group, ...]] = {}  # of this batch: a trace may have no end of them
        for job, workload, at, run_s, user, expected_s, key in zip(
            ids, workloads, submit_s.tolist(), duration_s.tolist(), users, estimate_s.tolist(), keys, strict=True
        ):
            groups = known.get(key)
            if groups is None:
                groups = known[key] = (Group(Task(Resources(*key[:3]), key[3], key[6], bool(key[5])), key[4]),)
            yield Job(job, at, workload, groups, False, user, None if expected_s == _EMPTY else expected_s), run_s


def _same(a: Job, b: Job) -> bool:
    return a.id == b.id and a.submit_s == b.submit_s and a.workload == b.workload and a.user == b.user


def _arrival(rows: list[tuple[Job, float]]) -> Arrival:
    """Make one job of the rows that describe it."""
    job, run_s = rows[0]
    if len(rows) == 1:
        return Arrival(job, (run_s,))
    groups = tuple(group for part, _ in rows for group in part.groups)
    if any(group.task.apart for group in groups):
        groups = tuple(Group(group.task._replace(apart=True), group.count) for group in groups)
    # The job runs as long as the longest of its parts; if nobody said how long one of them will, nobody knows.
    estimates = [part.estimate_s for part, _ in rows]
    estimate_s = None if None in estimates else max(estimates)  # type: ignore[type-var]
    whole = Job(job.id, job.submit_s, job.workload, groups, False, job.user, estimate_s)
    return Arrival(whole, tuple(run_s for _, run_s in rows))


def _demands(batch: Batch) -> list[tuple[Constraint, ...]]:
    """Give the constraints of each row; those that are none are marked."""
    demands: list[tuple[Constraint, ...]] = [()] * len(batch)
    if batch.has("constraints"):
        for row, text in enumerate(batch.text("constraints")):
            try:
                demands[row] = read_constraints(text)
            except ValueError as error:
                batch.bad.setdefault(row, (str(error), text))
    return demands


def _whole(values: FloatArray) -> BoolArray:
    whole: BoolArray = np.rint(values) == values
    return whole


def looks_like(path: Path) -> bool:
    """Say whether this may be a native trace: any file may, and what is wrong with it is told when it is read."""
    return path.is_file()


READER = Native
