"""The tables of the data set, and how their rows are checked.

Columns are those of the official ``schema.txt`` (``schema.md``), in its order; no file has a header line.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import pyarrow as pa

from policies.arrays import FloatArray, IntArray
from traces.reading.arrays import arrow_of, filled
from traces.reading.batch_tasks import INSTANCES, TASKS
from traces.reading.columns import amount, empty, instance_number, measured, text_is, time
from traces.reading.measured import Windows
from traces.reading.reference import Reference
from traces.reading.rejects import Rejects
from traces.reading.services import EVENTS
from traces.reading.sniff import first_rows, parts
from traces.reading.tables import Batch, Reader
from traces.units import MILLI, thousandths

BATCH_TASK = (
    "task_name", "instance_num", "job_name", "task_type", "status", "start_time", "end_time", "plan_cpu", "plan_mem",
)  # fmt: skip
BATCH_INSTANCE = (
    "instance_name", "task_name", "job_name", "task_type", "status", "start_time", "end_time", "machine_id", "seq_no",
    "total_seq_no", "cpu_avg", "cpu_max", "mem_avg", "mem_max",
)  # fmt: skip
CONTAINER_META = (
    "container_id", "machine_id", "time_stamp", "app_du", "status", "cpu_request", "cpu_limit", "mem_size",
)  # fmt: skip
CONTAINER_USAGE = (
    "container_id", "machine_id", "time_stamp", "cpu_util_percent", "mem_util_percent", "cpi", "mem_gps", "mpki",
    "net_in", "net_out", "disk_io_percent",
)  # fmt: skip
MACHINE_META = (
    "machine_id", "time_stamp", "failure_domain_1", "failure_domain_2", "cpu_num", "mem_size", "status",
)  # fmt: skip

_UNMEASURED = "samples of containers in which something was not measured (empty, -1 or 101), which is left out"

#: What container_usage says that is used: shares of what is asked for, and of a disk's time, in percent.
UTILISATIONS = ("cpu_util_percent", "mem_util_percent", "disk_io_percent")

#: 100 of CPU is a core.
CORE = 100.0
#: 100 of memory is the largest machine's.
WHOLE = 100.0

#: Of tasks whose plan_cpu or plan_mem nobody recorded: what tasks of the data set ask for most often.
USUAL_CPU, USUAL_MEMORY = 100.0, 0.2

#: A machine of the data set (96 cores, from machine_meta). Its memory is an assumption: most containers ask for 4 cores
#: and 1.56 of memory, a 64th, which are 8 GiB if the largest machine has 512.
REFERENCE = Reference("assumed for the Alibaba trace of 2018 (96 cores, 512 GiB)", 96.0, 2**39)


def table_files(path: Path) -> dict[str, list[Path]]:
    """Find the files of each table: in a folder by name, or what one file is by what is in it."""
    names = ("batch_task", "batch_instance", "container_meta", "container_usage", "machine_meta", "machine_usage")
    found: dict[str, list[Path]] = {name: [] for name in names}
    if path.is_dir():
        return {name: parts(path, name) for name in names}
    found[kind_of(path) or "batch_task"] = [path]
    # The machines stand beside whatever runs on them.
    found["machine_meta"] = found["machine_meta"] or parts(path.parent, "machine_meta")
    return found


def kind_of(path: Path) -> str | None:
    """Say which table of what runs, or of the machines, a file is; None for none of them."""
    # One row may be spoilt, and what it is shall still be told.
    kinds = Counter(_kind(row) for row in first_rows(path) if any(row))
    kinds.pop(None, None)
    return kinds.most_common(1)[0][0] if kinds else None


def _kind(row: list[str]) -> str | None:
    n = len(row)
    if n == len(BATCH_TASK) and row[2].startswith("j_") and _whole(row[5]) and _whole(row[6]):
        return "batch_task"
    if n == len(BATCH_INSTANCE) and row[2].startswith("j_") and _whole(row[5]) and _whole(row[6]):
        return "batch_instance"
    if n == len(CONTAINER_META) and row[0].startswith("c_") and row[1].startswith("m_"):
        return "container_meta"
    if n == len(CONTAINER_USAGE) and (not row[0] or row[0].startswith("c_")) and row[1].startswith("m_"):
        return "container_usage"
    if n == len(MACHINE_META) and row[0].startswith("m_") and _whole(row[1]):
        return "machine_meta"
    return None


def _whole(text: str) -> bool:
    return text.isascii() and text.isdigit()


#: Yields what a reader reads.
Read = Callable[[Reader], Iterator[Batch]]


class Tables:
    """Reads the rows of tables and checks them.

    Parameters
    ----------
    rejects : Rejects
        Counts them, and takes those that cannot be used.
    memory_bytes : int
        Memory of the largest machine.
    odd : Counter of str
        What was odd about rows that can be used is counted there.
    read : callable
        Given a reader, yields its batches.
    """

    def __init__(self, rejects: Rejects, memory_bytes: int, odd: Counter[str], read: Read) -> None:
        self._rejects, self._odd, self._read = rejects, odd, read
        self._memory_bytes = memory_bytes / WHOLE

    def _batches(self, files: Sequence[Path], names: Sequence[str], numbers: Sequence[str]) -> Iterator[Batch]:
        for file in files:
            yield from self._read(Reader(file, self._rejects, names=names, numbers=numbers))

    def tasks(self, files: Sequence[Path]) -> Iterator[pa.RecordBatch]:
        """Give the rows of batch_task that can be run, as `traces.reading.batch_tasks.TASKS` has them."""
        odd = self._odd
        for batch in self._batches(files, BATCH_TASK, ("instance_num", "start_time", "end_time", *BATCH_TASK[7:])):
            waiting = text_is(batch, "status", "Waiting")
            batch.require("task_name", "job_name", "status")
            instances = instance_number(batch, "instance_num", waiting)
            start_s, end_s = time(batch, "start_time", 0.0), time(batch, "end_time", 0.0)
            cpu = measured(batch, "plan_cpu", MILLI / CORE)
            memory = measured(batch, "plan_mem", self._memory_bytes)
            batch.mark((end_s != 0) & (end_s < start_s), "end_time is before start_time", end_s)
            names = batch.column("job_name"), batch.column("task_name")
            good = batch.reject(self._rejects)
            unknown = (start_s == 0) & (end_s == 0) & ~waiting
            odd["tasks that never began (Waiting), left out"] += int(waiting[good].sum())
            odd["tasks of which neither the beginning nor the end was recorded, left out"] += int(unknown[good].sum())
            rows = good[~(waiting | unknown)[good]]
            start_s, end_s, cpu, memory = start_s[rows], end_s[rows], cpu[rows], memory[rows]
            odd["tasks that began before the trace did, submitted at 0"] += int((start_s == 0).sum())
            odd["tasks whose end was not recorded, they run without end"] += int((end_s == 0).sum())
            running = text_is(batch, "status", "Running")[rows] & (end_s > 0)
            odd["tasks whose status is Running and which have an end_time, which is taken for their end"] += int(
                running.sum()
            )
            odd[f"tasks without plan_cpu, they ask for {USUAL_CPU:g}, the most frequent"] += int(np.isnan(cpu).sum())
            odd[f"tasks without plan_mem, they ask for {USUAL_MEMORY:g}, the most frequent"] += int(
                np.isnan(memory).sum()
            )
            where = arrow_of(rows)
            yield pa.RecordBatch.from_arrays(
                [
                    *(column.take(where) for column in names),
                    arrow_of(start_s),
                    arrow_of(np.where(end_s == 0, np.inf, end_s - start_s)),
                    arrow_of(instances[rows].astype(np.int64)),
                    arrow_of(thousandths(np.where(np.isnan(cpu), USUAL_CPU, cpu) / CORE).astype(np.int64)),
                    arrow_of(self._bytes(np.where(np.isnan(memory), USUAL_MEMORY, memory))),
                ],
                schema=TASKS,
            )

    def instances(self, files: Sequence[Path]) -> Iterator[pa.RecordBatch]:
        """Give the rows of batch_instance that tell how long an instance runs, as `INSTANCES` has them."""
        numbers = ("start_time", "end_time", "seq_no", "cpu_avg", "mem_avg")
        for batch in self._batches(files, BATCH_INSTANCE, numbers):
            start_s, end_s = time(batch, "start_time", 0.0), time(batch, "end_time", 0.0)
            attempt = batch.number("seq_no", missing=0.0)
            batch.mark(~np.isfinite(attempt), "seq_no is not a number", attempt)
            cpu, memory = measured(batch, "cpu_avg", MILLI / CORE), measured(batch, "mem_avg", self._memory_bytes)
            batch.mark((end_s != 0) & (end_s < start_s), "end_time is before start_time", end_s)
            names = [batch.column(name) for name in ("job_name", "task_name", "instance_name")]
            nameless = empty(batch, "job_name") | empty(batch, "task_name")
            ended = text_is(batch, "status", "Terminated") & (start_s > 0) & (end_s > 0)
            good = batch.reject(self._rejects)
            self._odd["instances without a job or a task, left out"] += int(nameless[good].sum())
            self._odd["instances that were not recorded from a beginning to an end as Terminated, left out"] += int(
                (~ended & ~nameless)[good].sum()
            )
            rows = good[(ended & ~nameless)[good]]
            where = arrow_of(rows)
            yield pa.RecordBatch.from_arrays(
                [
                    *(filled(column.take(where)) for column in names),
                    arrow_of(attempt[rows]),
                    arrow_of((end_s - start_s)[rows]),
                    arrow_of(cpu[rows] / CORE),
                    arrow_of(memory[rows] * self._memory_bytes),
                ],
                schema=INSTANCES,
            )

    def containers(self, files: Sequence[Path]) -> Iterator[pa.RecordBatch]:
        """Give the rows of container_meta as `traces.reading.services.EVENTS` has them."""
        for batch in self._batches(files, CONTAINER_META, ("time_stamp", "cpu_request", "mem_size")):
            batch.require("container_id", "machine_id", "status")
            at_s = time(batch, "time_stamp")
            cpu, memory = (
                amount(batch, "cpu_request", MILLI / CORE),
                amount(batch, "mem_size", self._memory_bytes),
            )
            names = [batch.column(name) for name in ("container_id", "machine_id", "app_du")]
            stopped = text_is(batch, "status", "stopped")
            rows = batch.reject(self._rejects)
            where = arrow_of(rows)
            yield pa.RecordBatch.from_arrays(
                [
                    *(filled(column.take(where)) for column in names),
                    arrow_of(at_s[rows]),
                    arrow_of(stopped[rows]),
                    arrow_of(thousandths(cpu[rows] / CORE).astype(np.int64)),
                    arrow_of(self._bytes(memory[rows])),
                ],
                schema=EVENTS,
            )

    def usage(self, files: Sequence[Path], windows: Windows) -> None:
        """Add up the rows of container_usage: shares of CPU, memory and disk, 0 to 1."""
        for batch in self._batches(files, CONTAINER_USAGE, ("time_stamp", *UTILISATIONS)):
            batch.require("container_id")
            at_s = time(batch, "time_stamp")
            shares = np.array([self._share(batch, name) for name in UTILISATIONS])
            names = batch.column("container_id")
            rows = batch.reject(self._rejects)
            self._odd[_UNMEASURED] += int(np.isnan(shares[:, rows]).any(axis=0).sum())
            windows.add(names.take(arrow_of(rows)), at_s[rows], shares[:, rows])

    def _share(self, batch: Batch, name: str) -> FloatArray:
        """Give a column of percentages as shares, NaN where it is empty or one of the documented bad values."""
        values = batch.number(name, missing=-1.0)
        batch.mark(~((values >= -1) & (values <= 101)), f"{name} must be within -1 and 101", values)
        return np.where((values >= 0) & (values <= 100), values, np.nan) / 100.0

    def _bytes(self, shares: FloatArray) -> IntArray:
        whole: IntArray = np.rint(shares * self._memory_bytes).astype(np.int64)
        return whole
