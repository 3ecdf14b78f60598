"""Alibaba's cluster trace of 2017: services and batch jobs side by side on 1,300 machines, 24 hours.

Columns are those of the official ``schema.csv``, in its order; ``trace_201708.md`` gives their units. No file has a
header line. What a task of this trace comes after was not published: that is in the trace of 2018 only.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import ClassVar

import numpy as np
import pyarrow as pa

from policies.arrays import FloatArray, IntArray
from policies.errors import UserError
from traces.hosts import TOO_MUCH, HostEvent, Hosts, sizes
from traces.reading import batch_tasks
from traces.reading.arrays import arrow_of, filled
from traces.reading.batch_tasks import INSTANCES, TASKS, Placed
from traces.reading.columns import LAST_S, amount, empty, instance_number, measured, text_is
from traces.reading.measured import Windows
from traces.reading.options import DEFAULT, ReadOptions
from traces.reading.reference import Reference
from traces.reading.rejects import Rejects
from traces.reading.services import EVENTS, Services, SideBySide, make_services
from traces.reading.sniff import first_rows, parts
from traces.reading.tables import Batch, Reader
from traces.trace import Arrival
from traces.units import MILLI, thousandths

TABLES = {
    "batch_task": (
        "create_timestamp", "modify_timestamp", "job_id", "task_id", "instance_num", "status", "plan_cpu", "plan_mem",
    ),
    "batch_instance": (
        "start_timestamp", "end_timestamp", "job_id", "task_id", "machineID", "status", "seq_no", "total_seq_no",
        "real_cpu_max", "real_cpu_avg", "real_mem_max", "real_mem_avg",
    ),
    "container_event": (
        "ts", "event", "instance_id", "machine_id", "plan_cpu", "plan_mem", "plan_disk", "cpuset",
    ),
    "container_usage": (
        "ts", "instance_id", "cpu_util", "mem_util", "disk_util", "load1", "load5", "load15", "avg_cpi", "avg_mpki",
        "max_cpi", "max_mpki",
    ),
    "server_event": (
        "timestamp", "machineID", "event type", "event detail", "capacity:CPU", "capacity:memory", "capacity:disk",
    ),
    "server_usage": (
        "timestamp", "machineID", "util:CPU", "util:memory", "util:disk", "load1", "load5", "load15",
    ),
}  # fmt: skip
STATUSES = frozenset({"Ready", "Waiting", "Running", "Terminated", "Failed", "Cancelled"})

#: 100 of a task's CPU is a core; services and machines have cores.
CORE = 100.0

#: Of tasks whose plan_cpu or plan_mem nobody recorded: what tasks of the data set ask for most often.
USUAL_CPU, USUAL_MEMORY = 50.0, 0.0054

#: A machine of the data set: its documentation speaks of 64 CPUs; its memory is an assumption.
REFERENCE = Reference("assumed for the Alibaba trace of 2017 (64 cores, 256 GiB)", 64.0, 2**38)

#: What a service used is averaged over so long; usage is published for 12 hours.
WINDOW_S = 600.0


class Alibaba2017(SideBySide):
    """A folder with any of the tables of the data set, or one table of what runs: batch_task or container_event.

    A task of a batch job is a job of as many containers as it has instances, called ``JOB/TASK``. Where batch_instance
    is there, each instance runs as long as it was recorded to, and uses what its task's did on the mean. A service
    instance of container_event is a job of one container; those that are there at time 0 are on their recorded
    machines.

    Parameters
    ----------
    path : Path
        The folder, with ``batch_task.csv``, ``batch_task.csv.gz``, parts of it, and so on; or one such file, beside
        which only server_event is looked for.
    rejects : Rejects
        What to do with rows that cannot be used.
    options : ReadOptions
        With ``usage``, container_usage is read, if it is there, and services use what was measured.

    Notes
    -----
    Tasks and instances are sorted before the first job comes, on disk where there are many. What takes memory is one
    entry for each service, one for each ten minutes of it where usage is read, and one for each machine.
    """

    format: ClassVar[str] = "alibaba2017"
    dataset: ClassVar[str] = "Alibaba cluster-trace-v2017"
    licence: ClassVar[str] = "no formal licence; for research or study purpose, as alibaba/clusterdata says"
    credit: ClassVar[str] = "Alibaba Cluster Trace Program, cluster-trace-v2017, https://github.com/alibaba/clusterdata"

    def __init__(self, path: Path, rejects: Rejects, options: ReadOptions = DEFAULT) -> None:
        super().__init__(path, rejects, options)
        self._memory = options.reference or REFERENCE
        self._tables = _table_files(path)

    def files(self) -> list[Path]:
        """List the files that are read."""
        unread = {"server_usage"} if self._with_usage else {"server_usage", "container_usage"}
        return [file for name, files in self._tables.items() if name not in unread for file in files]

    def assumptions(self) -> list[str]:
        """List units, what is left out, and how often the recording was odd."""
        there = self._tables
        notes = [
            "CPU is in cores as recorded (100 of a task's is 1 core); memory is in shares of the largest machine's, "
            f"which is taken for {self._memory.memory_bytes:.6g} bytes, as on the reference machine {self._memory.name}"
        ]
        if there["batch_task"]:
            notes += [
                "tasks are submitted at create_timestamp; what they waited for was not published",
                "each instance runs as long as batch_instance says and uses the mean real_cpu_avg and real_mem_avg of "
                "its task; its machine and the maxima are not used"
                if there["batch_instance"]
                else "all instances of a task run from its create_timestamp to its modify_timestamp, so "
                "as long as it waited and ran together, whatever became of it; what they used is not known",
            ]
        if there["container_event"]:
            notes.append(
                "services are there from Create to Remove, without end where there is none"
                + (", here until the last line of container_usage" if self._with_usage else "")
                + "; their disk space and their cpuset are not used"
            )
            if self._with_usage:
                notes.append(
                    "what a service used of the CPU and memory that it asks for is the mean over "
                    f"{WINDOW_S / 60:g} minutes and holds until the next measurement; disk space, loads, CPI and "
                    "MPKI are not used"
                )
            elif there["container_usage"]:
                notes.append("container_usage was not read (an option reads it): services use what they ask for")
        if there["server_event"]:
            notes.append("machines join when they are added and stay: that errors kept new work away is not modelled")
        if there["server_usage"]:
            notes.append("server_usage is not used")
        return [*notes, *self.counted()]

    @property
    def _with_usage(self) -> bool:
        return self.options.usage and bool(self._tables["container_usage"] and self._tables["container_event"])

    def _rows(self, table: str, rejects: Rejects, numbers: Sequence[str]) -> Iterator[Batch]:
        for file in self._tables[table]:
            yield from self._batches(Reader(file, rejects, names=TABLES[table], numbers=numbers))

    # -- batch jobs ------------------------------------------------------------------------------------------

    def _tasks(self) -> Iterator[Arrival] | None:
        if not self._tables["batch_task"]:
            return None
        instances = self._instance_rows() if self._tables["batch_instance"] else None
        tasks = batch_tasks.by_job(self._task_rows(), instances, self.odd)
        return batch_tasks.arrivals((Placed(task, task.start_s) for task in tasks), workflows=False)

    def _task_rows(self) -> Iterator[pa.RecordBatch]:
        odd = self.odd
        for batch in self._rows("batch_task", self.rejects, ("create_timestamp", "modify_timestamp", "plan_mem")):
            waiting = text_is(batch, "status", "Waiting")
            batch.require("job_id", "task_id", "status")
            instances = instance_number(batch, "instance_num", waiting)
            create_s, end_s = _time(batch, "create_timestamp"), _time(batch, "modify_timestamp")
            cpu = measured(batch, "plan_cpu", MILLI / CORE)
            memory = measured(batch, "plan_mem", self._memory.memory_bytes)
            open_ended = end_s == 0
            batch.mark(~open_ended & (end_s < create_s), "modify_timestamp is before create_timestamp", end_s)
            names = filled(batch.column("job_id")), filled(batch.column("task_id"))
            good = batch.reject(self.rejects)
            before = ~open_ended & (end_s < 0) & ~waiting
            odd["tasks that never began (Waiting), left out"] += int(waiting[good].sum())
            odd["tasks that ended before the trace began, left out"] += int(before[good].sum())
            rows = good[~(waiting | before)[good]]
            odd["tasks that were created before the trace began, submitted at 0 with what was left of them"] += int(
                (create_s[rows] < 0).sum()
            )
            odd["tasks without an end (0), they run without end"] += int(open_ended[rows].sum())
            running = text_is(batch, "status", "Running") & ~open_ended
            odd["tasks whose status is Running and which have a modify_timestamp, which is taken for their end"] += int(
                running[rows].sum()
            )
            cpu, memory = cpu[rows], memory[rows]
            odd[f"tasks without plan_cpu, they ask for {USUAL_CPU:g}, the most frequent"] += int(np.isnan(cpu).sum())
            odd[f"tasks without plan_mem, they ask for {USUAL_MEMORY:g}, the most frequent"] += int(
                np.isnan(memory).sum()
            )
            start_s = np.maximum(create_s[rows], 0.0)
            yield pa.RecordBatch.from_arrays(
                [
                    *(column.take(arrow_of(rows)) for column in names),
                    arrow_of(start_s),
                    arrow_of(np.where(open_ended[rows], np.inf, end_s[rows] - start_s)),
                    arrow_of(instances[rows].astype(np.int64)),
                    arrow_of(thousandths(np.where(np.isnan(cpu), USUAL_CPU, cpu) / CORE).astype(np.int64)),
                    arrow_of(self._bytes(np.where(np.isnan(memory), USUAL_MEMORY, memory))),
                ],
                schema=TASKS,
            )

    def _instance_rows(self) -> Iterator[pa.RecordBatch]:
        numbers = ("start_timestamp", "end_timestamp", "real_cpu_avg", "real_mem_avg")
        for batch in self._rows("batch_instance", self.rejects, numbers):
            start_s, end_s = _time(batch, "start_timestamp"), _time(batch, "end_timestamp")
            cpu = measured(batch, "real_cpu_avg", MILLI)
            memory = measured(batch, "real_mem_avg", self._memory.memory_bytes)
            batch.mark((end_s != 0) & (end_s < start_s), "end_timestamp is before start_timestamp", end_s)
            names = filled(batch.column("job_id")), filled(batch.column("task_id"))
            nameless = empty(batch, "job_id") | empty(batch, "task_id")
            ended = text_is(batch, "status", "Terminated") & (start_s != 0) & (end_s != 0)
            good = batch.reject(self.rejects)
            self.odd["instances without a job or a task, as is documented, left out"] += int(nameless[good].sum())
            self.odd["instances that were not recorded from a beginning to an end as Terminated, left out"] += int(
                (~ended & ~nameless)[good].sum()
            )
            rows = good[(ended & ~nameless)[good]]
            yield pa.RecordBatch.from_arrays(
                [
                    *(column.take(arrow_of(rows)) for column in names),
                    pa.array([""] * rows.size, pa.string()),  # they have no names: none of them is another attempt
                    arrow_of(np.zeros(rows.size)),
                    arrow_of((end_s - start_s)[rows]),
                    arrow_of(cpu[rows]),
                    arrow_of(memory[rows] * self._memory.memory_bytes),
                ],
                schema=INSTANCES,
            )

    # -- services --------------------------------------------------------------------------------------------

    def _read_services(self, rejects: Rejects, odd: Counter[str]) -> Services:
        if not (self._tables["batch_task"] or self._tables["container_event"]):
            raise UserError(f"{self.path}: has neither batch_task nor container_event, and so nothing that runs")
        services = make_services(self._event_rows(rejects), odd)
        windows = Windows(WINDOW_S, kinds=2)
        if self._with_usage:
            self._add_usage(rejects, windows, odd)
            names = {service.name for service in services}
            odd["services that were measured and are not in container_event, as is documented, left out"] += sum(
                name not in names for name in windows
            )
        return Services(services, windows, windows.end_s)

    def _event_rows(self, rejects: Rejects) -> Iterator[pa.RecordBatch]:
        for batch in self._rows("container_event", rejects, ("ts", "plan_cpu", "plan_mem")):
            batch.require("event", "instance_id", "machine_id")
            at_s = np.maximum(_time(batch, "ts"), 0.0)
            removed = text_is(batch, "event", "Remove")
            events = batch.text("event")
            batch.mark(~(removed | text_is(batch, "event", "Create")), "event must be Create or Remove", events)
            cpu = amount(batch, "plan_cpu", MILLI)
            memory = amount(batch, "plan_mem", self._memory.memory_bytes)
            names = filled(batch.column("instance_id")), filled(batch.column("machine_id"))
            rows = batch.reject(rejects)
            yield pa.RecordBatch.from_arrays(
                [
                    *(column.take(arrow_of(rows)) for column in names),
                    pa.array([""] * rows.size, pa.string()),
                    arrow_of(at_s[rows]),
                    arrow_of(removed[rows]),
                    arrow_of(thousandths(cpu[rows]).astype(np.int64)),
                    arrow_of(self._bytes(memory[rows])),
                ],
                schema=EVENTS,
            )

    def _add_usage(self, rejects: Rejects, windows: Windows, odd: Counter[str]) -> None:
        for batch in self._rows("container_usage", rejects, ("ts", "cpu_util", "mem_util")):
            batch.require("instance_id")
            at_s = np.maximum(_time(batch, "ts"), 0.0)
            percent = np.array([measured(batch, name, MILLI) for name in ("cpu_util", "mem_util")])
            names = batch.column("instance_id")
            rows = batch.reject(rejects)
            odd["samples of services in which something was not measured, which is left out"] += int(
                np.isnan(percent[:, rows]).any(axis=0).sum()
            )
            windows.add(names.take(arrow_of(rows)), at_s[rows], percent[:, rows] / 100.0)

    # -- machines --------------------------------------------------------------------------------------------

    def _make_hosts(self, odd: Counter[str]) -> Hosts | None:
        added: dict[str, tuple[float, float, float]] = {}
        for batch in self._rows("server_event", Rejects(), ()):
            batch.require("machineID", "event type")
            at_s, add = _time(batch, "timestamp"), text_is(batch, "event type", "add")
            sizes_of = [batch.number(name, missing=0.0) for name in TABLES["server_event"][4:6]]
            for name, values, unit in zip(
                TABLES["server_event"][4:6], sizes_of, (MILLI, self._memory.memory_bytes), strict=True
            ):
                batch.mark(~((values >= 0) & (values < TOO_MUCH / unit)), f"{name} is no size of a machine", values)
                batch.mark(add & (values == 0), f"{name} must be more than 0", values)
            names = batch.text("machineID")
            batch.refuse()
            odd["events of machines other than add (errors), ignored"] += int((~add).sum())
            for row in np.flatnonzero(add).tolist():
                line = (max(float(at_s[row]), 0.0), *(float(values[row]) for values in sizes_of))
                odd["machines that were added again, which is ignored"] += names[row] in added
                added.setdefault(names[row], line)  # type: ignore[arg-type]  # three numbers
        if not added:
            if self._tables["server_event"]:
                raise UserError(f"{self._tables['server_event'][0]}: no machine is added")
            return None
        joins, cores, memory = np.array(list(added.values())).T
        capacity = sizes(cores * MILLI, memory * self._memory.memory_bytes)
        events = sorted(HostEvent(float(t), host, True) for host, t in enumerate(joins) if t > 0)
        return Hosts(list(added), capacity, joins <= 0, events)

    def _bytes(self, shares: FloatArray) -> IntArray:
        whole: IntArray = np.rint(shares * self._memory.memory_bytes).astype(np.int64)
        return whole


def _time(batch: Batch, name: str) -> FloatArray:
    """Give a column of seconds, which may be before the trace began; 0 where it is empty. Wrong ones are marked."""
    values = batch.number(name, missing=0.0)
    batch.mark(~(np.abs(values) < LAST_S), f"{name} must be a time", values)
    return values


def _table_files(path: Path) -> dict[str, list[Path]]:
    """Find the files of each table: in a folder by name, or what one file is by what is in it."""
    if path.is_dir():
        return {name: parts(path, name) for name in TABLES}
    found: dict[str, list[Path]] = {name: [] for name in TABLES}
    found["container_event" if _kind(path) == "container_event" else "batch_task"] = [path]
    found["server_event"] = parts(path.parent, "server_event")
    return found


def _kind(path: Path) -> str | None:
    """Say which table of what runs a file is; None for none of them."""
    # One row may be spoilt, and what it is shall still be told.
    kinds = Counter(_kind_of(row) for row in first_rows(path) if any(row))
    kinds.pop(None, None)
    return kinds.most_common(1)[0][0] if kinds else None


def _kind_of(row: list[str]) -> str | None:
    if len(row) == len(TABLES["batch_task"]) and row[5] in STATUSES and all(map(_is_whole, row[:5])):
        return "batch_task"
    if len(row) == len(TABLES["container_event"]) and row[1] in ("Create", "Remove") and _is_whole(row[2]):
        return "container_event"
    return None


def _is_whole(text: str) -> bool:
    return text.isascii() and text.removeprefix("-").isdigit()


def looks_like(path: Path) -> bool:
    """Say whether a path is a table of what runs, or a folder with one."""
    files = _table_files(path)
    return any(_kind(file) == name for name in ("batch_task", "container_event") for file in files[name][:1])


READER = Alibaba2017
