"""Towtank's own trace format: CSV or Parquet, one row a job of identical containers."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import numpy as np

from policies.errors import UserError
from policies.requests import Group, Job, Resources, Task
from traces.rejects import Rejects
from traces.tables import Batch, Reader
from traces.trace import Arrival, RunTime, Trace
from traces.units import GPU_MILLI, MILLI

REQUIRED = ("job", "submit_s", "workload", "tasks", "duration_s", "cpus", "memory_bytes")
MODELLED = ("gpus", "priority")
#: Columns of the format that the tank does not model yet; they may be there and are named in a note.
LATER = (
    "disk_read_bps",
    "disk_write_bps",
    "io_size_bytes",
    "random_io",
    "net_bps",
    "image",
    "labels",
    "constraints",
    "after",
    "cpu_demand",
    "memory_demand_bytes",
    "runtime_estimate_s",
)

#: More than any machine has of anything; keeps sums within 64 bits.
TOO_MUCH = 2**53


class Native(Trace):
    """The native format.

    Rows of one job that follow one another with the same submission time are unlike containers of that job.
    Rows stand in order of submission.
    """

    format = "native"

    def __init__(self, path: Path, rejects: Rejects) -> None:
        super().__init__(path, rejects)
        self._reader = Reader(path, rejects, required=REQUIRED, optional=MODELLED + LATER)
        self._tasks: dict[tuple[int, ...], Task] = {}
        self._ignored: list[str] = []

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the jobs in order of submission."""
        self.rejects.begin()
        latest = 0.0
        held: tuple[Job, tuple[RunTime, ...]] | None = None
        for batch in self._reader.batches():
            self._ignored = [name for name in LATER if batch.has(name)]
            for job, run_s in self._jobs(batch, latest):
                latest = job.submit_s
                if held is not None:
                    before, runs = held
                    if before.id == job.id and before.submit_s == job.submit_s and before.workload == job.workload:
                        held = (Job(job.id, job.submit_s, job.workload, before.groups + job.groups), (*runs, run_s))
                        continue
                    yield Arrival(*held)
                held = (job, (run_s,))
        if held is not None:
            yield Arrival(*held)

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
        ids, workloads = batch.text("job"), batch.text("workload")

        batch.mark(~(np.isfinite(submit_s) & (submit_s >= 0)), "submit_s must be 0 or more", submit_s)
        before = np.maximum.accumulate(np.concatenate(([latest], np.nan_to_num(submit_s[:-1]))))
        batch.mark(submit_s < before, "submitted before the row above it: rows must be in order of submit_s", submit_s)
        batch.mark(~(duration_s >= 0), "duration_s must be 0 or more (inf for a run without end)", duration_s)
        batch.mark(~((tasks >= 1) & (tasks < 2**31) & (np.rint(tasks) == tasks)), "tasks must be a whole number from 1", tasks)
        for name, values in (("cpus", cpus), ("memory_bytes", memory), ("gpus", gpus)):
            batch.mark(~((values >= 0) & (values < TOO_MUCH / MILLI)), f"{name} must be 0 or more", values)
        batch.mark(np.rint(memory) != memory, "memory_bytes must be a whole number", memory)
        batch.mark(~((np.abs(priority) < 2**31) & (np.rint(priority) == priority)), "priority must be a whole number", priority)
        batch.mark(np.array([not name for name in ids], dtype=bool), "job is empty", ids)
        batch.mark(np.array([not name for name in workloads], dtype=bool), "workload is empty", workloads)
        good = batch.reject(self.rejects)
        if good.size < len(batch):
            ids, workloads = [ids[row] for row in good], [workloads[row] for row in good]
            submit_s, duration_s, tasks, cpus, memory, gpus, priority = (
                column[good] for column in (submit_s, duration_s, tasks, cpus, memory, gpus, priority)
            )
        whole = zip(
            _milli(cpus, MILLI), memory.astype(np.int64).tolist(), _milli(gpus, GPU_MILLI), priority.astype(int).tolist(),
            strict=True,
        )  # fmt: skip
        known = self._tasks
        for job, workload, at, run_s, count, key in zip(
            ids, workloads, submit_s.tolist(), duration_s.tolist(), tasks.astype(int).tolist(), whole, strict=True
        ):
            task = known.get(key)
            if task is None:
                task = known[key] = Task(Resources(*key[:3]), key[3])
            yield Job(job, at, workload, (Group(task, count),)), run_s


def _milli(amounts: np.ndarray, per_unit: int) -> list[int]:
    """Give thousandths, rounded, but never nothing for something."""
    whole = np.rint(amounts * per_unit)
    return np.where((amounts > 0) & (whole == 0), 1, whole).astype(np.int64).tolist()


def looks_native(path: Path) -> bool:
    """Say whether a file begins as a native trace does."""
    try:
        batch = next(Reader(path, Rejects(), required=REQUIRED, optional=MODELLED + LATER).batches(), None)
    except UserError:
        return False
    return batch is not None
