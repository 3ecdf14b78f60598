"""Jobs in columns, as the rows of tables become them, and the arrivals that are made of them.

A reader checks and converts the columns of its own table and hands over blocks of these; what is the same for all
formats is done here.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache
from itertools import repeat
from typing import Any
from urllib.parse import unquote

import numpy as np
import pyarrow as pa

from policies.arrays import BoolArray
from policies.requests import Constraint, Demand, Group, Job, Resources, Task
from traces.labels import read_constraints
from traces.reading.arrays import arrow_of, filled, numpy_of, repeated
from traces.trace import Arrival, Behaviour, steady

#: A row is a group of identical containers. Rows of one job that follow one another, with the same submission time,
#: workload class, user and mark of a resubmission, are unlike containers of that job.
SCHEMA = pa.schema(
    {
        "submit_s": pa.float64(),
        "job": pa.string(),
        "workload": pa.string(),
        "tasks": pa.int64(),
        "duration_s": pa.float64(),  # work: how long they run while nothing slows them down
        "cpu_milli": pa.int64(),
        "memory_bytes": pa.int64(),
        "gpu_milli": pa.int64(),
        "priority": pa.int64(),
        "apart": pa.bool_(),
        "constraints": pa.string(),  # as `traces.labels.write_constraints` writes them
        "user": pa.string(),
        "estimate_s": pa.float64(),  # null where nobody said
        # What they use, as in `Demand`; all null where nobody knows.
        "cpu_cores": pa.float64(),
        "used_memory_bytes": pa.float64(),
        "disk_read_bps": pa.float64(),
        "disk_write_bps": pa.float64(),
        "io_size_bytes": pa.float64(),
        "random_io": pa.float64(),
        "net_bps": pa.float64(),
        "after": pa.string(),  # names, each quoted as in an address, separated by spaces
        "workflow": pa.string(),
        "again": pa.bool_(),  # whether the job was counted before: `Job.resubmission`
    }
)
DEMAND = SCHEMA.names[SCHEMA.get_field_index("cpu_cores") :][: len(Demand._fields)]
_DEFAULTS = {
    "workload": "batch", "tasks": 1, "gpu_milli": 0, "priority": 0, "apart": False, "constraints": "", "user": "",
    "after": "", "workflow": "", "again": False,
}  # fmt: skip
#: What is not said of what containers use, but for CPU and memory.
_UNSAID = dict(zip(DEMAND[2:], Demand(0.0, 0.0)[2:], strict=True))

#: How many different sets of constraints are remembered.
REMEMBERED = 4096

#: A row: its job with one group, run time, use, jobs before it, workflow.
_Row = tuple[Job, float, Behaviour, tuple[str, ...], str]


def block(n: int, **columns: Any) -> pa.RecordBatch:
    """Make a block of `n` rows.

    Parameters
    ----------
    n : int
        How many rows.
    **columns
        Columns of `SCHEMA`: arrays, lists, or one value for all rows. Where ``cpu_cores`` is not given or empty (None,
        or NaN in an array) nobody knows what the containers use; where it is, what is not given of `DEMAND` is as
        `Demand` has it, but for ``used_memory_bytes``, which is as asked for. Of the others those that are left out
        are the defaults of the native format.

    Returns
    -------
    pyarrow.RecordBatch
        With the columns of `SCHEMA`.
    """
    if "cpu_cores" in columns:
        columns.setdefault("used_memory_bytes", columns["memory_bytes"])
        columns = _UNSAID | columns
    arrays = [_column(columns.get(field.name, _DEFAULTS.get(field.name)), field.type, n) for field in SCHEMA]
    return pa.RecordBatch.from_arrays(arrays, schema=SCHEMA)


def _column(values: Any, kind: pa.DataType, n: int) -> pa.Array:
    if isinstance(values, np.ndarray):
        if pa.types.is_integer(kind) and not np.issubdtype(values.dtype, np.integer):
            values = values.astype(np.int64)
        elif pa.types.is_floating(kind):
            values = values.astype(np.float64, copy=False)
        return arrow_of(values)
    if isinstance(values, pa.Array):
        values = values if values.type == kind else values.cast(kind)
        return filled(values) if pa.types.is_string(kind) else values
    if isinstance(values, list):
        return pa.array(values, kind)
    return repeated(values, kind, n)


def arrivals(blocks: Iterable[pa.RecordBatch]) -> Iterator[Arrival]:
    """Make jobs of blocks of rows that stand in order of submission.

    Notes
    -----
    The longest run time that is expected of the groups of a job is the job's, if all have one. If one of them is apart,
    all of the job are, and it comes after all that any of them does.
    """
    held: list[_Row] = []  # rows of one job
    last: tuple[Any, ...] = ()
    for rows in blocks:
        if not rows.num_rows:
            continue
        same, last = _same_as_above(rows, last)
        for joined, row in zip(same, _rows(rows), strict=True):
            if held and not joined:
                yield _arrival(held)
                held = []
            held.append(row)
    if held:
        yield _arrival(held)


def _same_as_above(rows: pa.RecordBatch, last: tuple[Any, ...]) -> tuple[list[bool], tuple[Any, ...]]:
    """Say of each row whether it is of the job of the row above; and give what the last one is known by."""
    submit_s = numpy_of(rows["submit_s"])
    same: BoolArray = np.zeros(rows.num_rows, dtype=bool)
    same[1:] = submit_s[1:] == submit_s[:-1]
    names = ("job", "workload", "user", "again")
    at_once = same.nonzero()[0].tolist()
    ids = rows["job"].to_pylist() if at_once else []
    for row in at_once:
        # Nearly always it is another job.
        same[row] = ids[row] == ids[row - 1] and all(
            rows[name][row].as_py() == rows[name][row - 1].as_py() for name in names[1:]
        )
    first, newest = (
        (float(submit_s[row]), *(rows[name][row].as_py() for name in names)) for row in (0, rows.num_rows - 1)
    )
    same[0] = first == last
    return same.tolist(), newest


def _rows(rows: pa.RecordBatch) -> Iterator[_Row]:
    """Make a job with one group of each row."""
    known: dict[tuple[Any, ...], tuple[Group, ...]] = {}  # of this block: a trace may have no end of them
    kinds = ("cpu_milli", "memory_bytes", "gpu_milli", "priority", "tasks", "apart", "constraints")
    keys = zip(*(rows[name].to_pylist() for name in kinds), strict=True)
    columns = (
        rows[name].to_pylist() for name in ("job", "submit_s", "workload", "again", "user", "estimate_s", "duration_s")
    )
    for job, at, workload, again, user, estimate_s, run_s, key, use, after, workflow in zip(
        *columns, keys, _uses(rows), _after(rows), _texts(rows, "workflow"), strict=False
    ):
        groups = known.get(key)
        if groups is None:
            task = Task(Resources(*key[:3]), key[3], _constraints(key[6]), key[5])
            groups = known[key] = (Group(task, key[4]),)
        yield Job(job, at, workload, groups, again, user, estimate_s), run_s, use, after, workflow


def _texts(rows: pa.RecordBatch, name: str) -> Iterable[str]:
    column = rows[name]
    starts = np.frombuffer(column.buffers()[1], dtype=np.int32)  # where each string begins
    some = starts[column.offset] < starts[column.offset + len(column)]
    return column.to_pylist() if some else repeat("", len(column))


def _after(rows: pa.RecordBatch) -> Iterable[tuple[str, ...]]:
    texts = _texts(rows, "after")
    if isinstance(texts, repeat):
        return repeat((), rows.num_rows)
    return [tuple(dict.fromkeys(map(unquote, text.split()))) if text else () for text in texts]


def _uses(rows: pa.RecordBatch) -> Iterable[Behaviour]:
    """Give what the containers of each row use."""
    if rows["cpu_cores"].null_count == rows.num_rows:
        return repeat(None, rows.num_rows)
    known: dict[tuple[float, ...], Behaviour] = {}  # equal ones share an object
    return [
        None if use[0] is None else known.setdefault(use, steady(Demand(*use)))
        for use in zip(*(rows[name].to_pylist() for name in DEMAND), strict=True)
    ]


@lru_cache(REMEMBERED)
def _constraints(text: str) -> tuple[Constraint, ...]:
    return read_constraints(text) if text else ()


def _arrival(rows: list[_Row]) -> Arrival:
    """Make one job of the rows that describe it."""
    job, run_s, use, after, workflow = rows[0]
    if len(rows) == 1:
        return Arrival(job, (run_s,), (use,) if use else (), after, workflow)
    groups = tuple(group for part, *_ in rows for group in part.groups)
    if any(group.task.apart for group in groups):
        groups = tuple(Group(group.task._replace(apart=True), group.count) for group in groups)
    # The job runs as long as the longest of its parts; if nobody said how long one of them will, nobody knows.
    estimates = [part.estimate_s for part, *_ in rows]
    estimate_s = None if None in estimates else max(estimates)  # type: ignore[type-var]
    whole = Job(job.id, job.submit_s, job.workload, groups, job.resubmission, job.user, estimate_s)
    uses = tuple(use for _, _, use, *_ in rows)
    earlier = tuple(dict.fromkeys(name for row in rows for name in row[3]))
    return Arrival(whole, tuple(run_s for _, run_s, *_ in rows), uses if any(uses) else (), earlier, workflow)
