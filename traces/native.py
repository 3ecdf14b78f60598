"""Towtank's own trace format: CSV or Parquet, one row a job of identical containers."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import repeat
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import numpy as np

from policies.arrays import BoolArray, FloatArray
from policies.requests import IO_SIZE_BYTES, Constraint, Demand, Group, Job, Resources, Task
from traces.labels import read_constraints
from traces.rejects import OnBadRow, Rejects
from traces.tables import Batch, Reader
from traces.trace import Arrival, Behaviour, Trace, steady
from traces.units import GPU_MILLI, MILLI, thousandths

REQUIRED = ("job", "submit_s", "workload", "tasks", "duration_s", "cpus", "memory_bytes")
#: What containers use, in the order of the fields of `Demand`.
DEMAND = (
    "cpu_demand", "memory_demand_bytes", "disk_read_bps", "disk_write_bps", "io_size_bytes", "random_io", "net_bps"
)  # fmt: skip
MODELLED = ("gpus", "priority", "constraints", "apart", "user", "runtime_estimate_s", *DEMAND, "after")
NUMBERS = (
    "submit_s", "tasks", "duration_s", "cpus", "memory_bytes", "gpus", "priority", "apart", "runtime_estimate_s",
    *DEMAND,
)  # fmt: skip
#: Columns of the format that the tank does not model yet; they may be there and are named in a note.
LATER = ("image", "labels")

#: More than any machine has of anything; keeps sums within 64 bits.
TOO_MUCH = 2**53

#: What a demand must be where it is no amount.
RANGES = {"random_io": "within 0 and 1", "io_size_bytes": "more than 0, and no more than any machine has"}

#: Stands for an empty field in a column of floats.
_EMPTY = -np.inf

#: What a row says: a job of one group, its run time, what it uses, and the jobs it comes after.
_Row = tuple[Job, float, Behaviour, tuple[str, ...]]


class Native(Trace):
    """The native format.

    Rows of one job that follow one another with the same submission time and user are unlike containers of that job;
    the longest run time that is expected of them is the job's, if all have one. If one of them is apart, all of the
    job are, and it comes after all that any of them does. Rows stand in order of submission.
    """

    format = "native"

    def __init__(self, path: Path, rejects: Rejects) -> None:
        super().__init__(path, rejects)
        self._reader = Reader(path, rejects, required=REQUIRED, optional=MODELLED + LATER, numbers=NUMBERS)
        self._ignored: list[str] = []
        self._above: set[str] | None = None  # names of jobs; not kept before some job comes after another

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the jobs in order of submission."""
        self.rejects.begin()
        held: list[_Row] = []  # rows of one job
        for row in self._rows():
            if held and not _same(held[0][0], row[0]):
                yield _arrival(held)
                held = []
            held.append(row)
        if held:
            yield _arrival(held)

    def _rows(self, batches: int | None = None) -> Iterator[_Row]:
        """Yield the rows that can be used, of the first so many batches or of all."""
        latest, self._above = 0.0, None
        for number, batch in enumerate(self._reader.batches()):
            if number == batches:
                return
            self._ignored = [name for name in LATER if batch.has(name)]
            if self._above is None and batch.filled("after"):
                before = Native(self.path, Rejects(OnBadRow.SKIP))
                self._above = {job.id for job, *_ in before._rows(number)}
            for row in self._jobs(batch, latest):
                yield row
                latest = row[0].submit_s

    def progress(self) -> float:
        """Say which share of the file was read."""
        return self._reader.progress()

    def assumptions(self) -> list[str]:
        """Name the columns that have no effect yet."""
        return [f"{self.path}: column {name} is not modelled yet" for name in self._ignored]

    def _jobs(self, batch: Batch, latest: float) -> Iterator[_Row]:
        submit_s, duration_s = batch.number("submit_s"), batch.number("duration_s")
        tasks, cpus, memory = batch.number("tasks"), batch.number("cpus"), batch.number("memory_bytes")
        gpus, priority = batch.number("gpus", missing=0.0), batch.number("priority", missing=0.0)
        apart, estimate_s = batch.number("apart", missing=0.0), batch.number("runtime_estimate_s", missing=_EMPTY)
        ids, workloads, users = batch.text("job"), batch.text("workload"), batch.text("user")
        demands = _demands(batch)
        uses = _uses(batch, cpus, memory)

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
        after = self._after(batch, ids)
        good = batch.reject(self.rejects)
        if good.size < len(batch):
            rows = good.tolist()
            ids, workloads, users = ([column[row] for row in rows] for column in (ids, workloads, users))
            demands = [demands[row] for row in rows]
            uses, after = uses and [uses[row] for row in rows], after and [after[row] for row in rows]
            submit_s, duration_s, tasks, cpus, memory, gpus, priority, apart, estimate_s = (
                column[good]
                for column in (submit_s, duration_s, tasks, cpus, memory, gpus, priority, apart, estimate_s)
            )
        columns = (thousandths(cpus), memory, thousandths(gpus), priority, tasks, apart)
        keys = zip(*(column.astype(np.int64).tolist() for column in columns), demands, strict=True)
        known: dict[tuple[Any, ...], tuple[Group, ...]] = {}  # of this batch: a trace may have no end of them
        for job, workload, at, run_s, user, expected_s, key, use, earlier in zip(
            ids, workloads, submit_s.tolist(), duration_s.tolist(), users, estimate_s.tolist(), keys,
            uses or repeat(None, len(ids)), after or repeat((), len(ids)), strict=True,
        ):  # fmt: skip
            groups = known.get(key)
            if groups is None:
                groups = known[key] = (Group(Task(Resources(*key[:3]), key[3], key[6], bool(key[5])), key[4]),)
            expected = None if expected_s == _EMPTY else expected_s
            yield Job(job, at, workload, groups, False, user, expected), run_s, use, earlier

    def _after(self, batch: Batch, ids: list[str]) -> list[tuple[str, ...]] | None:
        """Give the jobs that each row comes after, None where no job ever did; what does not stand above is marked."""
        if self._above is None:
            return None
        after: list[tuple[str, ...]] = []
        for row, (job, text) in enumerate(zip(ids, batch.text("after"), strict=True)):
            names = tuple(dict.fromkeys(map(unquote, text.split())))
            after.append(names)
            for name in names:
                if name == job:
                    batch.bad.setdefault(row, ("a job cannot come after itself", text))
                elif name not in self._above:
                    batch.bad.setdefault(row, ("after names a job that does not stand above", name))
            if row not in batch.bad:
                self._above.add(job)
        return after


def _same(a: Job, b: Job) -> bool:
    return a.id == b.id and a.submit_s == b.submit_s and a.workload == b.workload and a.user == b.user


def _arrival(rows: list[_Row]) -> Arrival:
    """Make one job of the rows that describe it."""
    job, run_s, use, after = rows[0]
    if len(rows) == 1:
        return Arrival(job, (run_s,), (use,) if use else (), after)
    groups = tuple(group for part, *_ in rows for group in part.groups)
    if any(group.task.apart for group in groups):
        groups = tuple(Group(group.task._replace(apart=True), group.count) for group in groups)
    # The job runs as long as the longest of its parts; if nobody said how long one of them will, nobody knows.
    estimates = [part.estimate_s for part, *_ in rows]
    estimate_s = None if None in estimates else max(estimates)  # type: ignore[type-var]
    whole = Job(job.id, job.submit_s, job.workload, groups, False, job.user, estimate_s)
    uses = tuple(use for _, _, use, _ in rows)
    earlier = tuple(dict.fromkeys(name for *_, names in rows for name in names))
    return Arrival(whole, tuple(run_s for _, run_s, *_ in rows), uses if any(uses) else (), earlier)


def _uses(batch: Batch, cpus: FloatArray, memory: FloatArray) -> list[Behaviour] | None:
    """Give what the containers of each row use, None where no row says it; what cannot be used is marked."""
    if not any(map(batch.filled, DEMAND)):
        return None
    defaults = dict.fromkeys(DEMAND, 0.0) | {"io_size_bytes": float(IO_SIZE_BYTES)}
    # What is asked for, as the books have it; a request that is wrong is marked on its own account.
    asked = {"cpu_demand": thousandths(cpus) / MILLI, "memory_demand_bytes": memory}
    said, columns = np.zeros(len(batch), dtype=bool), []
    for name in DEMAND:
        values = batch.number(name, missing=_EMPTY)
        given = values != _EMPTY
        most = {"random_io": 1.0, "cpu_demand": TOO_MUCH / MILLI}.get(name, TOO_MUCH)
        right = (values > 0 if name == "io_size_bytes" else values >= 0) & (values <= most)
        batch.mark(
            given & ~right, f"{name} must be {RANGES.get(name, '0 or more, and no more than any machine has')}", values
        )
        columns.append(np.where(given, values, asked.get(name, defaults[name])))
        said |= given
    known: dict[tuple[float, ...], Behaviour] = {}  # of this batch: equal ones share an object
    return [
        known.setdefault(use, steady(Demand(*use))) if speaks else None
        for speaks, use in zip(said.tolist(), zip(*(c.tolist() for c in columns), strict=True), strict=True)
    ]


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
