"""Writing a workload in the native format, so that it can be kept, looked at and replayed."""

from __future__ import annotations

import csv
import gzip
import io
import os
from collections.abc import Callable, Iterable, Iterator
from contextlib import ExitStack
from itertools import chain, islice
from pathlib import Path
from typing import Any, NamedTuple
from urllib.parse import quote

import numpy as np

from policies.errors import UserError
from traces.formats.native.columns import COLUMNS, DEMAND
from traces.labels import write_constraints
from traces.profiles import mean_demand
from traces.trace import Arrival
from traces.units import GPU_MILLI, MILLI

SUFFIXES = (".csv", ".csv.gz", ".parquet")

#: Rows that are held before they are written.
_ROWS_AT_ONCE = 2**14

_Row = tuple[Any, ...]

#: Of containers of which nobody knows what they use.
_UNKNOWN = (None,) * len(DEMAND)


class Written(NamedTuple):
    """What was written: how many rows, and in how many of them several phases became their mean."""

    rows: int
    averaged: int


def write_native(arrivals: Iterable[Arrival], path: Path) -> Written:
    """Write jobs as a native trace, one after the other: memory does not grow with their number.

    Parameters
    ----------
    arrivals : iterable of Arrival
        In order of submission.
    path : Path
        The suffix says the format, one of `SUFFIXES`. The file is there only once it is whole.

    Returns
    -------
    Written
        How many rows were written.

    Raises
    ------
    UserError
        If the suffix is none of the three, or the name of a job, its workload or its user cannot be read back (it has
        a line end or a NUL in it, or one of the first two is empty).

    Notes
    -----
    Containers of a job that differ, in what they ask for or in how long they run, become rows of their own with the
    same job and submission time. Numbers are written with all their digits: what is read back is equal. What the
    native format has no words for is lost: machines, containers that run at the beginning, which job is a
    resubmission, and phases, of which the mean over time is written; and two jobs of one name, workload, user and
    submission time in a row are read back as one.
    """
    if not path.name.endswith(SUFFIXES):
        raise UserError(f"{path}: cannot tell the format from the name; it ends in {', '.join(SUFFIXES)}")
    written = averaged = 0
    part = path.with_name(f"{path.name}.part")
    try:
        with ExitStack() as stack:
            write = _parquet(part, stack) if path.suffix == ".parquet" else _csv(part, stack, path.suffix == ".gz")
            rows = chain.from_iterable(_rows(arrival, path) for arrival in arrivals)
            while some := list(islice(rows, _ROWS_AT_ONCE)):
                write([row for row, _ in some])
                written += len(some)
                averaged += sum(several for _, several in some)
        os.replace(part, path)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None
    finally:
        part.unlink(missing_ok=True)
    return Written(written, averaged)


def _rows(arrival: Arrival, path: Path) -> Iterator[tuple[_Row, bool]]:
    """Give the rows of a job, and whether several phases became one in each."""
    job = arrival.job
    for name, must in ((job.id, True), (job.workload, True), (job.user, False), (arrival.workflow, False)):
        if (must and not name) or not {"\n", "\r", "\0"}.isdisjoint(name):
            raise UserError(f"{path}: the native format has no way to write the name {name!r}")
    after = " ".join(map(quote, arrival.after))
    for (task, count), run_s, behaviour in zip(job.groups, arrival.run_s, arrival.each_behaviour(), strict=True):
        several = behaviour is not None and len(behaviour) > 1
        uses = _UNKNOWN if behaviour is None else tuple(map(float, mean_demand(task, behaviour)))
        try:
            demands = write_constraints(task.constraints)
        except ValueError as error:
            raise UserError(
                f"{path}: job {job.id!r} has {error}, which the native format has no way to write"
            ) from None
        cpu_milli, memory_bytes, gpu_milli, _, _ = task.need
        durations_s, counts = ([run_s], [count]) if np.ndim(run_s) == 0 else np.unique(run_s, return_counts=True)
        for duration_s, tasks in zip(durations_s, counts, strict=True):
            row = (
                job.id, float(job.submit_s), job.workload, int(tasks), float(duration_s),
                cpu_milli / MILLI, memory_bytes, gpu_milli / GPU_MILLI, task.priority,
                demands, int(task.apart), job.user, job.estimate_s, *uses, after, arrival.workflow,
            )  # fmt: skip
            yield row, several


def _csv(part: Path, stack: ExitStack, gzipped: bool) -> Callable[[list[_Row]], object]:
    file: Any = stack.enter_context(part.open("wb"))
    if gzipped:
        # Without name and time in it, so that the same jobs are the same bytes.
        file = stack.enter_context(gzip.GzipFile("", "wb", fileobj=file, mtime=0))
    writer = csv.writer(stack.enter_context(io.TextIOWrapper(file, "utf-8", newline="")), lineterminator="\n")
    writer.writerow(COLUMNS)
    return writer.writerows


def _parquet(part: Path, stack: ExitStack) -> Callable[[list[_Row]], object]:
    import pyarrow as pa  # only where it is used: it costs a tenth of a start-up
    import pyarrow.parquet as pq

    whole, real, text = pa.int64(), pa.float64(), pa.string()
    types = (
        text,
        real,
        text,
        whole,
        real,
        real,
        whole,
        real,
        whole,
        text,
        whole,
        text,
        real,
        *[real] * len(DEMAND),
        text,
        text,
    )
    schema = pa.schema(list(zip(COLUMNS, types, strict=True)))
    writer = stack.enter_context(pq.ParquetWriter(part, schema))
    return lambda rows: writer.write_table(pa.table(list(zip(*rows, strict=True)), schema=schema))
