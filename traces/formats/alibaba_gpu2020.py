"""Alibaba's GPU cluster trace of 2020 ("PAI"): training and inference on about 1,800 machines in two months.

The data set is a folder of tables without header lines; their columns are documented in the README and the ``.header``
files of alibaba/clusterdata, cluster-trace-gpu-v2020. What follows is documented there where it does not say "assumed".

How tasks become a job
----------------------
- A job of ``pai_job_table`` is a job here. Each of its tasks (worker, ps, evaluator) of ``pai_task_table`` is a group
  of ``inst_num`` equal containers. Without a job table a job comes when the first of its tasks was launched.
- ``plan_cpu`` and ``plan_gpu`` are percents of a core and of a GPU. ``plan_mem`` is in GB; assumed to be of 2^30
  bytes, since 29.296875 is 30,000 MiB then. Where one is empty nothing was asked for.
- A container runs as long as its instance did (``pai_instance_table``), else as long as its task. Of several rows of
  one ``worker_name``, and of more instances than the task has, the last to begin count: assumed to be further attempts.
- What began and did not end runs without end. What never began runs as long as its job was there, if that is known.
- A time of 0 or an empty one is unknown (as the published notebook takes it). All times are shifted, so that the
  first one is 0: the published ones count from a secret date.
- Types of GPU are demanded where ``pai_group_tag_table`` says so (``gpu_type_spec``). The ``gpu_type`` of a task is the
  type that was assigned to it, which is no demand.
- ``pai_sensor_table`` (only with usage) has the mean CPU, memory and network of a worker over its life. It has a row
  for each GPU of a worker; the mean of these is taken (assumed: they repeat what they have in common). Network is in
  bytes, assumed to be per second.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
import pyarrow as pa

from policies.arrays import FloatArray
from policies.errors import UserError
from policies.requests import Constraint, Operator
from traces.hosts import TOO_MUCH, Hosts, sizes
from traces.labels import write_constraints
from traces.reading import jobs
from traces.reading.arrays import arrow_of, numpy_of
from traces.reading.columns import amount
from traces.reading.database import temporary_database
from traces.reading.options import DEFAULT, ReadOptions
from traces.reading.rejects import OnBadRow, Rejects
from traces.reading.sniff import first_rows, parts
from traces.reading.tables import Batch, Reader
from traces.trace import Arrival, Trace
from traces.units import EXACT, GPU_MILLI, MILLI, thousandths

#: The columns of the tables, as their ``.header`` files have them.
COLUMNS = {
    "pai_job_table": ("job_name", "inst_id", "user", "status", "start_time", "end_time"),
    "pai_task_table": (
        "job_name", "task_name", "inst_num", "status", "start_time", "end_time", "plan_cpu", "plan_mem", "plan_gpu",
        "gpu_type",
    ),
    "pai_instance_table": (
        "job_name", "task_name", "inst_name", "worker_name", "inst_id", "status", "start_time", "end_time", "machine",
    ),
    "pai_sensor_table": (
        "job_name", "task_name", "worker_name", "inst_id", "machine", "gpu_name", "cpu_usage", "gpu_wrk_util",
        "avg_mem", "max_mem", "avg_gpu_wrk_mem", "max_gpu_wrk_mem", "read", "write", "read_count", "write_count",
    ),
    "pai_group_tag_table": ("inst_id", "user", "gpu_type_spec", "group", "workload"),
    "pai_machine_spec": ("machine", "gpu_type", "cap_cpu", "cap_mem", "cap_gpu"),
}  # fmt: skip
JOBS, TASKS, INSTANCES, SENSORS, TAGS, MACHINES = COLUMNS

STATUSES = frozenset(("Running", "Terminated", "Failed", "Waiting"))

#: The attribute of machines that says of which type their GPUs are.
GPU_MODEL = "gpu-model"

PERCENT = 100.0
GIB = 2**30

#: Columns of the tables of the data base, beside texts.
_SECONDS = {"start_s": pa.float64(), "end_s": pa.float64()}
_TEXT = pa.string()


class _Table(NamedTuple):
    """A table of the data base: columns, what makes them of rows of a table of the trace, and what is kept of them."""

    schema: pa.Schema
    columns: Callable[[AlibabaGpu2020, Batch], dict[str, Any]]
    kept: str = "*"


class AlibabaGpu2020(Trace):
    """The jobs of the folder, in order of submission.

    Parameters
    ----------
    path : Path
        The folder of the tables, or the task table with the others beside it. A table is ``pai_task_table.csv``,
        gzipped or not, or parts of it (see `traces.reading.sniff.parts`). Only the task table must be there.
    rejects : Rejects
        What to do with rows that cannot be used.

    Notes
    -----
    The tables are joined in a temporary data base on disk; memory does not grow with them. The job table and the task
    table are read twice: once to find out when the trace begins and ends.
    """

    format: ClassVar[str] = "alibaba_gpu2020"
    dataset: ClassVar[str] = "Alibaba cluster-trace-gpu-v2020 (PAI)"
    licence: ClassVar[str] = "for research or study (alibaba/clusterdata); no formal licence"
    credit: ClassVar[str] = "Alibaba cluster-trace-gpu-v2020; Weng et al., MLaaS in the Wild, USENIX NSDI 2022"

    def __init__(self, path: Path, rejects: Rejects, options: ReadOptions = DEFAULT) -> None:
        super().__init__(path, rejects, options)
        self._folder = path if path.is_dir() else path.parent
        self._files_done = 0
        self._yielded = self._coming = 0  # rows of the joined tables

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the jobs in order of submission; jobs of one time in order of their names."""
        begin_s, _ = self._span
        self.rejects.begin()
        self.odd.clear()
        self._files_done = self._yielded = self._coming = 0
        with temporary_database() as base:
            for name, made in _TABLES.items():
                base.add(name, made.schema, self._blocks(name, made), made.kept)
            for statement in _JOINED:
                base.run(statement)
            for text, query in (_ODD | (_ODD_USE if self.options.usage else {})).items():
                self.odd[text] += int(base.value(query))
            self._coming = int(base.value("SELECT count(*) FROM container"))
            self.odd[_FOREIGN] *= bool(self._parts(JOBS))  # without a job table that is said once
            yield from jobs.arrivals(self._rows(base.blocks(_IN_ORDER), begin_s))

    def hosts(self) -> Hosts | None:
        """Give the machines, None where their table is not there.

        Raises
        ------
        UserError
            Naming the file and row of a machine that cannot be used.
        """
        names: list[str] = []
        attributes = []
        amounts: list[FloatArray] = []
        for path in self._parts(MACHINES):
            for batch in Reader(path, Rejects(), names=COLUMNS[MACHINES]).batches():
                batch.require("machine")
                columns = [
                    amount(batch, name, most, too_much=TOO_MUCH)
                    for name, most in (("cap_cpu", MILLI), ("cap_mem", GIB), ("cap_gpu", MILLI))
                ]
                here = batch.text("machine")
                known = set(names)
                for row, name in enumerate(here):
                    if name in known:
                        batch.bad.setdefault(row, ("the machine is there twice", name))
                    known.add(name)
                batch.refuse()
                names += here
                amounts.append(np.array(columns))
                for model, gpus in zip(batch.text("gpu_type"), columns[2].tolist(), strict=True):
                    attributes.append({GPU_MODEL: model} if model and gpus else {})
        if not names:
            return None
        cores, memory, gpus = np.concatenate(amounts, axis=1)
        return Hosts(
            names, sizes(cores * MILLI, memory * GIB, gpus * GPU_MILLI), np.ones(len(names), dtype=bool),
            attributes=attributes,
        )  # fmt: skip

    def end_s(self) -> float | None:
        """Say when the recording ends: at the latest time in the job and task tables."""
        begin_s, last_s = self._span
        return last_s - begin_s if last_s > begin_s else None

    def progress(self) -> float:
        """Say how far the work is, of which reading the tables is taken for a half."""
        files = sum(len(self._parts(name)) for name in self._wanted())
        return (self._files_done / max(files, 1) + self._yielded / max(self._coming, 1)) / 2

    def assumptions(self) -> list[str]:
        """List units, what was not there, what is not modelled, and how often the trace was odd."""
        absent = [name for name in (JOBS, INSTANCES, TAGS, MACHINES) if not self._parts(name)]
        begin_s, last_s = self._span
        notes = [
            f"the first time in the trace, {begin_s:.15g} s, is time 0; the latest one, {last_s - begin_s:.15g} s "
            "later, is the end of the recording",
            "100 of plan_cpu are a core, 100 of plan_gpu a GPU; a GB is 2^30 bytes (assumed)",
            "parts of a GPU are summed per host: fragments of devices are not seen",
            "the gpu_type of a task is the type it was given, not one it asked for: it is not read; "
            f"gpu_type_spec of {TAGS} is, where it is there",
            "failed tasks and instances ran until they ended, like all others; further attempts of theirs are not made",
            "all jobs are batch: the trace does not say which of them serve",
            "there are no priorities; all are 0",
            "pai_machine_metric, and the group and workload of pai_group_tag_table, are not read",
            "network of workers (read, write) is taken for bytes per second" if self.options.usage else
            f"what containers used ({SENSORS}) is not read: they use what they ask for",
        ]  # fmt: skip
        return [*notes, *(f"{self._folder}: there is no {name}" for name in absent), *self.counted()]

    def files(self) -> list[Path]:
        """List the files of the tables that are read."""
        return [path for name in (*self._wanted(), MACHINES) for path in self._parts(name)]

    def _wanted(self) -> list[str]:
        return [name for name in (JOBS, TASKS, INSTANCES, TAGS, SENSORS) if name != SENSORS or self.options.usage]

    def _parts(self, name: str) -> list[Path]:
        if name == TASKS and self.path.is_file():
            return [self.path]
        return parts(self._folder, name)

    def _require_tasks(self) -> None:
        if self._parts(TASKS):
            return
        archives = sorted(self._folder.glob("pai_*.tar.gz"))
        if archives:
            raise UserError(f"{archives[0]}: is an archive: unpack it (tar -xzf), then read the folder")
        raise UserError(f"{self._folder}: has no {TASKS}.csv")

    @cached_property
    def _span(self) -> tuple[float, float]:
        """The first and the last time in the job and task tables."""
        self._require_tasks()
        first_s, last_s = np.inf, 0.0
        for name in (JOBS, TASKS):
            for path in self._parts(name):
                # What is wrong with rows is told when they are read for good.
                for batch in Reader(path, Rejects(OnBadRow.SKIP), names=COLUMNS[name]).batches():
                    start, end = _times(batch)
                    good = batch.good()
                    first_s = min(first_s, float(np.min(start[good & (start > 0)], initial=np.inf)))
                    last_s = max(last_s, float(np.max(np.nan_to_num(np.array([start, end])[:, good]), initial=0.0)))
        return (first_s, max(first_s, last_s)) if first_s < np.inf else (0.0, last_s)

    def _blocks(self, name: str, made: _Table) -> Iterator[pa.RecordBatch]:
        """Read a table, and give what the data base wants of it."""
        files = self._parts(name) if name in self._wanted() else []
        number = 0
        for path in files:
            for batch in Reader(path, self.rejects, names=COLUMNS[name]).batches():
                columns = made.columns(self, batch)
                good = arrow_of(batch.reject(self.rejects))
                arrays = [
                    _array(columns[field.name], field.type).take(good) for field in made.schema if field.name in columns
                ]
                if "n" in made.schema.names:  # the number of the row: makes the order one and the same
                    arrays = [arrow_of(np.arange(number, number + len(good))), *arrays]
                    number += len(good)
                yield pa.RecordBatch.from_arrays(arrays, schema=made.schema)
            self._files_done += 1

    def _rows(self, blocks: Iterator[pa.RecordBatch], begin_s: float) -> Iterator[pa.RecordBatch]:
        """Make rows of jobs of rows of the data base."""
        same = ("job", "tasks", "duration_s", "cpu_milli", "memory_bytes", "gpu_milli", "constraints", "user")
        used = ("cpu_cores", "used_memory_bytes", "net_bps") if self.options.usage else ()
        for block in blocks:
            submit_s = np.maximum(np.nan_to_num(numpy_of(block["submit_s"]) - begin_s), 0.0)
            self._yielded += len(block)
            yield jobs.block(len(block), submit_s=submit_s, **{name: block[name] for name in (*same, *used)})

    def _job_columns(self, batch: Batch) -> dict[str, Any]:
        start, end = _times(batch)
        batch.require("job_name")
        return {
            "job": batch.column("job_name"), "inst": batch.column("inst_id"), "owner": batch.column("user"),
            "start_s": start, "end_s": end,
        }  # fmt: skip

    def _task_columns(self, batch: Batch) -> dict[str, Any]:
        start, end = _times(batch)
        count = batch.number("inst_num")
        whole = (np.rint(count) == count) & (count >= 1) & (count < 2**31)
        batch.mark(~whole, "inst_num must be a whole number from 1", count)
        batch.require("job_name", "task_name")
        plans = {name: batch.number(name, missing=0.0) for name in ("plan_cpu", "plan_mem", "plan_gpu")}
        for name, values in plans.items():
            empty = batch.columns[name].is_null().to_numpy(zero_copy_only=False)
            batch.mark(~(values >= 0), f"{name} must be 0 or more", values)
            batch.mark(values >= EXACT / GIB, f"{name} is more than any machine has", values)
            self.odd[f"tasks with an empty {name}, taken as nothing"] += int((empty & batch.good()).sum())
        cpu, memory, gpu = (_usable(values) for values in plans.values())
        return {
            "job": batch.column("job_name"), "task": batch.column("task_name"),
            "tasks": np.where(whole, count, 1).astype(np.int64),
            "cpu_milli": thousandths(cpu / PERCENT).astype(np.int64),
            "memory_bytes": np.ceil(memory * GIB).astype(np.int64),
            "gpu_milli": thousandths(gpu / PERCENT).astype(np.int64),
            "start_s": start, "end_s": end,
        }  # fmt: skip

    def _instance_columns(self, batch: Batch) -> dict[str, Any]:
        start, end = _times(batch)
        batch.require("job_name", "task_name")
        return {
            "job": batch.column("job_name"), "task": batch.column("task_name"), "worker": batch.column("worker_name"),
            "start_s": start, "end_s": end,
        }  # fmt: skip

    def _tag_columns(self, batch: Batch) -> dict[str, Any]:
        batch.require("inst_id")
        types = batch.column("gpu_type_spec").dictionary_encode()
        texts = [
            write_constraints([Constraint(GPU_MODEL, Operator.EQUAL, model)]) for model in types.dictionary.to_pylist()
        ]
        return {"inst": batch.column("inst_id"), "demand": pa.array(texts, _TEXT).take(types.indices)}

    def _sensor_columns(self, batch: Batch) -> dict[str, Any]:
        amounts = {}
        for name in ("cpu_usage", "avg_mem", "read", "write"):
            values = batch.number(name, missing=-1.0)
            given = values != -1.0
            batch.mark(given & ~((values >= 0) & (values < EXACT)), f"{name} must be 0 or more", values)
            amounts[name] = np.where(given, _usable(values), np.nan)
        batch.require("job_name", "task_name")
        return {
            "job": batch.column("job_name"), "task": batch.column("task_name"), "worker": batch.column("worker_name"),
            "cpu_cores": amounts["cpu_usage"] / PERCENT, "used_bytes": amounts["avg_mem"] * GIB,
            "net_bps": np.nan_to_num(amounts["read"]) + np.nan_to_num(amounts["write"]),
        }  # fmt: skip


#: A worker goes by a hash of 64 bits: its names are long, and there are millions of them. What has no name is its own.
_WHO = "hash(job, task, coalesce(worker, '')) AS who, worker IS NULL AS nameless"

_TABLES = {
    JOBS: _Table(
        pa.schema({"job": _TEXT, "inst": _TEXT, "owner": _TEXT, **_SECONDS}), AlibabaGpu2020._job_columns
    ),
    TASKS: _Table(
        pa.schema(
            {
                "n": pa.int64(), "job": _TEXT, "task": _TEXT, "tasks": pa.int64(), "cpu_milli": pa.int64(),
                "memory_bytes": pa.int64(), "gpu_milli": pa.int64(), **_SECONDS,
            }
        ),
        AlibabaGpu2020._task_columns,
    ),
    INSTANCES: _Table(
        pa.schema({"n": pa.int64(), "job": _TEXT, "task": _TEXT, "worker": _TEXT, **_SECONDS}),
        AlibabaGpu2020._instance_columns,
        f"n, job, task, start_s, end_s, {_WHO}",
    ),
    TAGS: _Table(pa.schema({"inst": _TEXT, "demand": _TEXT}), AlibabaGpu2020._tag_columns),
    SENSORS: _Table(
        pa.schema(
            {
                "job": _TEXT, "task": _TEXT, "worker": _TEXT, "cpu_cores": pa.float64(), "used_bytes": pa.float64(),
                "net_bps": pa.float64(),
            }
        ),
        AlibabaGpu2020._sensor_columns,
        f"* EXCLUDE worker, {_WHO}",
    ),
}  # fmt: skip

#: A worker's rows of the instance table are attempts of one instance, of which the last counts; what has no name is one
#: of its own. Of the instances of a task the last to begin come first. Tasks go by the number of their row.
_JOINED = (
    "CREATE TABLE first AS SELECT job, task, min(n) AS n FROM pai_task_table GROUP BY job, task",
    """
    CREATE TABLE attempt AS SELECT *, row_number() OVER (
        PARTITION BY who ORDER BY start_s DESC NULLS LAST, n DESC
    ) AS back FROM (
        SELECT i.n, i.start_s, i.end_s, first.n AS task, CASE WHEN nameless THEN hash(i.n) ELSE who END AS who
        FROM pai_instance_table i LEFT JOIN first USING (job, task)
    )
    """,
    """
    CREATE TABLE instance AS SELECT *, row_number() OVER (
        PARTITION BY task ORDER BY start_s DESC NULLS LAST, n DESC
    ) AS place FROM attempt WHERE back = 1 AND task IS NOT NULL
    """,
    """
    CREATE TABLE task AS
    WITH job AS (
        SELECT job, min(inst) AS inst, min(owner) AS owner, min(start_s) AS start_s, max(end_s) AS end_s
        FROM pai_job_table GROUP BY job
    ), tag AS (
        SELECT inst, min(demand) AS demand FROM pai_group_tag_table WHERE demand <> '' GROUP BY inst
    ), began AS (
        SELECT job, min(start_s) AS start_s FROM pai_task_table GROUP BY job
    )
    SELECT
        t.*, coalesce(job.start_s, began.start_s) AS submit_s, coalesce(owner, '') AS user,
        CASE WHEN gpu_milli > 0 THEN coalesce(demand, '') ELSE '' END AS constraints,
        CASE
            WHEN t.start_s IS NULL AND job.end_s >= job.start_s THEN job.end_s - job.start_s
            WHEN t.start_s IS NULL OR t.end_s IS NULL THEN 'inf'::DOUBLE
            ELSE t.end_s - t.start_s
        END AS run_s
    FROM pai_task_table t LEFT JOIN job USING (job) LEFT JOIN tag USING (inst) LEFT JOIN began USING (job)
    """,
    """
    CREATE TABLE worker_use AS
    SELECT
        who, min(first.n) AS task, avg(cpu_cores) AS cpu_cores,
        avg(used_bytes) AS used_bytes, avg(net_bps) AS net_bps
    FROM pai_sensor_table s JOIN first USING (job, task) GROUP BY who
    """,
    """
    CREATE TABLE task_use AS
    SELECT task, avg(cpu_cores) AS cpu_cores, avg(used_bytes) AS used_bytes, avg(net_bps) AS net_bps
    FROM worker_use GROUP BY task
    """,
    # Instances of a task that ran equally long, and used the same, are one group.
    """
    CREATE TABLE known AS
    SELECT
        t.n,
        CASE
            WHEN i.start_s IS NULL THEN t.run_s
            WHEN i.end_s IS NULL THEN 'inf'::DOUBLE
            ELSE i.end_s - i.start_s
        END AS run_s,
        coalesce(w.cpu_cores, u.cpu_cores) AS cpu_cores, coalesce(w.used_bytes, u.used_bytes) AS used_bytes,
        coalesce(w.net_bps, u.net_bps) AS net_bps, count(*) AS tasks
    FROM task t JOIN instance i ON i.task = t.n AND i.place <= t.tasks
    LEFT JOIN worker_use w ON w.who = i.who
    LEFT JOIN task_use u ON u.task = t.n
    GROUP BY ALL
    """,
    """
    CREATE TABLE rest AS
    SELECT
        t.n, t.run_s, u.cpu_cores, u.used_bytes, u.net_bps, (t.tasks - coalesce(k.tasks, 0))::BIGINT AS tasks,
        k.tasks IS NOT NULL AS others_known
    FROM task t LEFT JOIN (SELECT n, sum(tasks) AS tasks FROM known GROUP BY n) k USING (n)
    LEFT JOIN task_use u ON u.task = t.n
    WHERE t.tasks > coalesce(k.tasks, 0)
    """,
    """
    CREATE TABLE container AS
    SELECT n, run_s, cpu_cores, used_bytes, net_bps, tasks FROM known
    UNION ALL SELECT n, run_s, cpu_cores, used_bytes, net_bps, tasks FROM rest
    """,
)

_IN_ORDER = """
    SELECT
        t.submit_s, t.job, c.tasks, c.run_s AS duration_s, t.cpu_milli, t.memory_bytes, t.gpu_milli, t.constraints,
        t.user, c.cpu_cores, coalesce(c.used_bytes, t.memory_bytes) AS used_memory_bytes,
        coalesce(c.net_bps, 0) AS net_bps
    FROM container c JOIN task t USING (n)
    ORDER BY t.submit_s NULLS FIRST, t.job, t.n, c.run_s, c.cpu_cores, c.used_bytes, c.net_bps
"""

_FOREIGN = f"tasks whose job is not in {JOBS}: it came when the first of them was launched"
_ODD = {
    f"rows of {JOBS} for a job that has one already, taken together": (
        "SELECT count(*) - count(DISTINCT job) FROM pai_job_table"
    ),
    f"jobs of {JOBS} that have no task, left out": (
        "SELECT count(DISTINCT job) FROM pai_job_table ANTI JOIN pai_task_table USING (job)"
    ),
    _FOREIGN: "SELECT count(*) FROM pai_task_table ANTI JOIN pai_job_table USING (job)",
    "jobs of which nobody knows when they came: submitted at time 0": (
        "SELECT count(DISTINCT job) FROM task WHERE submit_s IS NULL"
    ),
    f"rows of {TASKS} for a job's task that has one already: further containers": (
        "SELECT (SELECT count(*) FROM task) - (SELECT count(*) FROM first)"
    ),
    "tasks that never began: they run as long as their job was there": (
        "SELECT count(*) FROM task WHERE start_s IS NULL AND run_s < 'inf'::DOUBLE"
    ),
    "tasks that never began, and nobody knows how long their job was there: they run without end": (
        "SELECT count(*) FROM task WHERE start_s IS NULL AND run_s = 'inf'::DOUBLE"
    ),
    "containers whose end nobody recorded: they run without end": (
        "SELECT coalesce(sum(tasks), 0) FROM container WHERE run_s = 'inf'::DOUBLE"
    ),
    f"rows of {INSTANCES} for a worker that has a later one, left out": "SELECT count(*) FROM attempt WHERE back > 1",
    f"instances whose task is not in {TASKS}, left out": (
        "SELECT count(*) FROM attempt WHERE back = 1 AND task IS NULL"
    ),
    "instances that their task has no place for (inst_num), left out": (
        "SELECT count(*) FROM instance i JOIN task t ON t.n = i.task WHERE i.place > t.tasks"
    ),
    "containers without an instance beside others that have one: they run as long as their task": (
        "SELECT coalesce(sum(tasks), 0) FROM rest WHERE others_known"
    ),
    "containers that demand a type of GPU (gpu_type_spec)": (
        "SELECT coalesce(sum(tasks), 0) FROM task WHERE constraints <> ''"
    ),
    f"jobs that {TAGS} names several types of GPU for, the first by name counts": (
        "SELECT count(*) FROM (SELECT inst FROM pai_group_tag_table WHERE demand <> '' GROUP BY inst "
        "HAVING count(DISTINCT demand) > 1)"
    ),
}
_ODD_USE = {
    "containers whose use nobody measured: they use what they ask for": (
        "SELECT coalesce(sum(tasks), 0) FROM container WHERE cpu_cores IS NULL"
    )
}


def _times(batch: Batch) -> tuple[FloatArray, FloatArray]:
    """Give when something began and ended, NaN where that is not known."""
    times = []
    for name in ("start_time", "end_time"):
        values = batch.number(name, missing=0.0)
        batch.mark(~((values >= 0) & (values < EXACT)), f"{name} must be 0 or more", values)
        times.append(np.where((values > 0) & (values < EXACT), values, np.nan))
    batch.mark(times[1] < times[0], "end_time is before start_time", times[1])
    return times[0], times[1]


def _usable(values: FloatArray) -> FloatArray:
    """Put 0 for what is no amount; the rows of these are marked."""
    return np.where((values >= 0) & (values < EXACT / GIB), values, 0.0)


def _array(values: Any, kind: pa.DataType) -> pa.Array:
    array = arrow_of(values) if isinstance(values, np.ndarray) else values
    return array if array.type == kind else array.cast(kind)


def looks_like(path: Path) -> bool:
    """Say whether a path is the folder of the data set or its task table."""
    found = parts(path, TASKS)
    rows = first_rows(found[0]) if found else []
    return bool(rows) and all(map(_is_task, rows))


def _is_task(row: list[str]) -> bool:
    if len(row) != len(COLUMNS[TASKS]) or row[3] not in STATUSES:
        return False
    try:
        return bool([float(text or 0) for text in (row[2], *row[4:9])])
    except ValueError:
        return False


READER = AlibabaGpu2020
