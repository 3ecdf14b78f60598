"""Tasks of batch jobs, and their instances where these stand in a table of their own, in whatever order that is.

A task becomes a job of as many like containers as it has instances. Tables of many million rows are sorted on disk
(`traces.reading.ordered`), so that the instances of a task, and the tasks of a job, come together.
"""

from __future__ import annotations

import re
from collections import Counter, deque
from collections.abc import Iterable, Iterator
from itertools import pairwise
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np
import pyarrow as pa

from policies.arrays import FloatArray
from traces.reading import jobs
from traces.reading.arrays import arrow_of, numpy_of
from traces.reading.ordered import ordered
from traces.trace import Arrival

#: A task. `run_s` is that of each of its instances, infinite where nobody recorded an end.
TASKS = pa.schema(
    {
        "job": pa.string(),
        "task": pa.string(),
        "start_s": pa.float64(),
        "run_s": pa.float64(),
        "tasks": pa.int64(),
        "cpu_milli": pa.int64(),
        "memory_bytes": pa.int64(),
    }
)

#: An attempt at an instance that came to its end; without a name it is the only one. What was not measured is null.
INSTANCES = pa.schema(
    {
        "job": pa.string(),
        "task": pa.string(),
        "instance": pa.string(),
        "attempt": pa.float64(),
        "run_s": pa.float64(),
        "cpu_cores": pa.float64(),
        "memory_bytes": pa.float64(),
    }
)

#: Names that stand for themselves among others.
_PLAIN = re.compile(r"[\w./=-]+", re.ASCII)

#: Rows of a block that is handed on.
AT_ONCE = 2**14

#: What is sorted by time: no more than is needed, since what a sort takes grows with it.
_SORTED = pa.schema(
    {
        "submit_s": pa.float64(),
        "job": pa.string(),
        "rank": pa.int64(),
        "task": pa.string(),
        "tasks": pa.int64(),
        "run_s": pa.float64(),
        "cpu_milli": pa.int64(),
        "memory_bytes": pa.int64(),
        "cpu_cores": pa.float64(),
        "used_memory_bytes": pa.float64(),
        "after": pa.string(),
        "runs": pa.list_(pa.float64()),
    }
)


class BatchTask(NamedTuple):
    """A task with what its instances say of it."""

    job: str
    name: str
    start_s: float
    run_s: float
    tasks: int
    cpu_milli: int
    memory_bytes: int
    runs: FloatArray | None = None  # run times of those of its instances that were recorded, at most `tasks`
    cpu_cores: float = np.nan  # mean use of an instance; NaN where nobody measured it
    used_memory_bytes: float = np.nan


class Placed(NamedTuple):
    """When a task is submitted, and after which others."""

    task: BatchTask
    submit_s: float
    after: tuple[str, ...] = ()  # names of tasks of the same job
    rank: int = 0  # place among the tasks of its job that are submitted at the same time


def by_job(
    tasks: Iterable[pa.RecordBatch], instances: Iterable[pa.RecordBatch] | None, odd: Counter[str]
) -> Iterator[BatchTask]:
    """Give the tasks in order of their jobs' names, then of their own; of two of one name the first.

    Parameters
    ----------
    tasks, instances : iterable of pyarrow.RecordBatch
        Of schema `TASKS` and `INSTANCES`, in any order; None where nothing is known of instances.
    odd : Counter of str
        What had to be left out is counted there.

    Notes
    -----
    Memory does not grow with the tables: it is that of the instances of one task, beside what sorting takes.
    """
    known = None if instances is None else _by_task(instances, odd)
    group = None if known is None else next(known, None)
    last: tuple[str, str] | None = None
    for block in ordered(tasks, ["job", "task"]):
        for row in zip(*(block[name].to_pylist() for name in TASKS.names), strict=True):
            task = BatchTask(*row)
            key = task[:2]
            if key == last:
                odd["tasks that stand there twice, of which the first one counts"] += 1
                continue
            last = key
            while group is not None and known is not None and group.key < key:
                odd[_NO_TASK] += group.run_s.size
                group = next(known, None)
            if known is None:
                yield task
            elif group is not None and group.key == key:
                yield _with_instances(task, group, odd)
                group = next(known, None)
            else:
                odd["tasks none of whose instances was recorded to its end, they run as long as the task did"] += 1
                yield task
    while group is not None and known is not None:
        odd[_NO_TASK] += group.run_s.size
        group = next(known, None)


_UNRECORDED = "instances that were not recorded to their end, they run as long as the others of their task on the mean"
_NO_TASK = "instances of tasks that are not in the table of tasks, left out"


class _Group(NamedTuple):
    """The instances of a task, each of shape (n,)."""

    key: tuple[str, str]
    run_s: FloatArray
    cpu_cores: FloatArray
    memory_bytes: FloatArray


def _by_task(instances: Iterable[pa.RecordBatch], odd: Counter[str]) -> Iterator[_Group]:
    """Give the instances task by task, the last attempt at each."""
    import pyarrow.compute as pc  # only where it is used: it costs a start-up

    held: list[pa.RecordBatch] = []
    for block in ordered(instances, ["job", "task", "instance", "attempt"]):
        job, task = block["job"], block["task"]
        new = pc.or_(pc.not_equal(job[1:], job[:-1]), pc.not_equal(task[1:], task[:-1]))
        starts = [0, *(np.flatnonzero(new.to_numpy(zero_copy_only=False)) + 1).tolist(), block.num_rows]
        if held and (held[0]["job"][0], held[0]["task"][0]) != (job[0], task[0]):
            yield _group(held, odd)
            held = []
        for start, end in pairwise(starts[:-1]):
            yield _group([*held, block.slice(start, end - start)], odd)
            held = []
        held.append(block.slice(starts[-2]))
    if held:
        yield _group(held, odd)


def _group(pieces: list[pa.RecordBatch], odd: Counter[str]) -> _Group:
    rows = pieces[0] if len(pieces) == 1 else pa.Table.from_batches(pieces).combine_chunks().to_batches()[0]
    key = rows["job"][0].as_py(), rows["task"][0].as_py()
    columns = [numpy_of(rows[name]) for name in INSTANCES.names[4:]]
    names = rows["instance"].to_pylist()
    if names[0] or names[-1]:
        # In order of attempts: one before another of the same instance was not the last.
        last = [not name or name != following for name, following in zip(names, [*names[1:], ""], strict=True)]
        odd["attempts at instances that were tried again, left out"] += len(last) - sum(last)
        columns = [column[np.array(last)] for column in columns]
    return _Group(key, *columns)


def _with_instances(task: BatchTask, group: _Group, odd: Counter[str]) -> BatchTask:
    run_s = group.run_s
    odd["instances beyond the number that their task says, left out"] += max(run_s.size - task.tasks, 0)
    odd[_UNRECORDED] += max(
        task.tasks - run_s.size, 0
    )  # fmt: skip
    return task._replace(
        runs=run_s[: task.tasks],
        cpu_cores=_mean(group.cpu_cores),
        used_memory_bytes=_mean(group.memory_bytes),
    )


def _mean(values: FloatArray) -> float:
    measured = values[~np.isnan(values)]
    return float(measured.mean()) if measured.size else np.nan


def arrivals(placed: Iterable[Placed], *, workflows: bool) -> Iterator[Arrival]:
    """Make jobs of tasks and give them in order of submission, at one time by job and rank.

    Parameters
    ----------
    placed : iterable of Placed
        In any order.
    workflows : bool
        Whether the tasks of a job are a workflow.
    """
    runs: deque[FloatArray | None] = deque()

    def without_runs() -> Iterator[pa.RecordBatch]:
        for block in ordered(_blocks(placed), ["submit_s", "job", "rank", "task"]):
            column = block["runs"]
            if column.null_count == len(column):
                runs.extend([None] * len(column))
            else:
                runs.extend(np.asarray(numpy_of(one.values)) if one.is_valid else None for one in column)
            yield _as_jobs(block, workflows=workflows)

    for arrival in jobs.arrivals(without_runs()):
        own = [runs.popleft() for _ in arrival.run_s]
        if own[0] is None and len(own) == 1:
            yield arrival
        else:
            both = zip(arrival.run_s, own, strict=True)
            yield arrival._replace(run_s=tuple(run_s if one is None else one for run_s, one in both))


def _as_jobs(block: pa.RecordBatch, *, workflows: bool) -> pa.RecordBatch:
    """Make rows of `traces.reading.jobs.SCHEMA` of what was sorted."""
    import pyarrow.compute as pc  # only where it is used: it costs a start-up

    columns = {name: block[name] for name in ("submit_s", "tasks", "cpu_milli", "memory_bytes", "after")}
    if block["cpu_cores"].null_count < block.num_rows:
        columns |= {name: block[name] for name in ("cpu_cores", "used_memory_bytes")}
    if workflows:
        columns["workflow"] = block["job"]
    names = pc.binary_join_element_wise(block["job"], block["task"], "/")
    return jobs.block(block.num_rows, job=names, duration_s=block["run_s"], **columns)


def _blocks(placed: Iterable[Placed]) -> Iterator[pa.RecordBatch]:
    held: list[tuple[Any, ...]] = []
    for task, submit_s, after, rank in placed:
        before = " ".join([_quoted(f"{task.job}/{other}") for other in after]) if after else ""
        same = submit_s, task.job, rank, task.name
        asked = task.cpu_milli, task.memory_bytes, task.cpu_cores, task.used_memory_bytes, before
        runs = task.runs
        if runs is None:
            held.append((*same, task.tasks, task.run_s, *asked, None))
        else:
            held.append((*same, runs.size, 0.0, *asked, runs))
            if runs.size < task.tasks:  # a number in a file is no reason to make an array of that size
                held.append((*same, task.tasks - runs.size, float(runs.mean()), *asked, None))
        if len(held) >= AT_ONCE:
            yield _block(held)
            held = []
    if held:
        yield _block(held)


def _quoted(name: str) -> str:
    """Quote a name, which few need."""
    return name if _PLAIN.fullmatch(name) else quote(name)


def _block(held: list[tuple[Any, ...]]) -> pa.RecordBatch:
    columns = dict(zip(_SORTED.names, map(list, zip(*held, strict=True)), strict=True))
    cores, used = np.array(columns["cpu_cores"]), np.array(columns["used_memory_bytes"])
    # Where only its CPU was measured, a container has in use what it asks for; without that nobody knows.
    columns["used_memory_bytes"] = arrow_of(np.where(np.isnan(used), columns["memory_bytes"], used).astype(np.float64))
    columns["cpu_cores"] = arrow_of(cores)
    arrays = [
        column if isinstance(column, pa.Array) else pa.array(column, field.type)
        for column, field in zip(columns.values(), _SORTED, strict=True)
    ]
    return pa.RecordBatch.from_arrays(arrays, schema=_SORTED)
