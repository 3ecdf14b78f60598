"""Writing a workload in the native format, so that it can be kept, looked at and replayed."""

from __future__ import annotations

import gzip
import os
from collections.abc import Callable, Iterable, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from types import TracebackType
from typing import TYPE_CHECKING, Any, NamedTuple, Self
from urllib.parse import quote

import numpy as np

from policies.arrays import IntArray
from policies.errors import UserError
from policies.requests import Demand, Task
from traces.formats.native.columns import COLUMNS, DEMAND
from traces.labels import write_constraints
from traces.profiles import mean_demand
from traces.trace import Arrival, Behaviour
from traces.units import GPU_MILLI, MILLI

if TYPE_CHECKING:
    import pyarrow as pa

SUFFIXES = (".csv", ".csv.gz", ".parquet")

#: Jobs that are held before they are written.
_JOBS_AT_ONCE = 2**14

#: Of CSV that is zipped: 9 takes several times as long for a few per cent.
_ZIP_LEVEL = 6

#: A row to be: its job, what its containers ask for, how many, how long they run, what they use.
_Row = tuple[Arrival, Task, int, float, Behaviour]


class Written(NamedTuple):
    """What was written, and in how many rows there was something that the native format has no words for."""

    rows: int
    averaged: int  # several phases became their mean
    jobs: int = 0
    containers: int = 0
    mapreduce: int = 0  # jobs whose number of workers was free
    unasked: int = 0  # rows that ask for a disk or a network
    joined: int = 0  # jobs that are read back as one with the one above

    def notes(self) -> list[str]:
        """Say in a line each what the native format could not say."""
        said = (
            (self.averaged, "rows: what is used in phases became its mean over time"),
            (self.mapreduce, "jobs are MapReduce programs: they have the workers that were asked for, no others"),
            (self.unasked, "rows ask for a share of a disk or a network, for which there is no column"),
            (self.joined, "jobs have the name, time, class and user of the one above: they are read back as one job"),
        )
        return [f"{count:,} {text}" for count, text in said if count]


class NativeWriter:
    """Writes jobs as a native trace, some at a time: memory does not grow with their number.

    To be entered (``with``): the file is there only once it was left without an error.

    Parameters
    ----------
    path : Path
        The suffix says the format, one of `SUFFIXES`.

    Raises
    ------
    UserError
        If the suffix is none of the three, or the file cannot be written.

    Notes
    -----
    Containers of a job that differ, in what they ask for or in how long they run, become rows of their own with the
    same job and submission time. Numbers are written with all their digits: what is read back is equal. What the
    native format has no words for is lost: machines, containers that run at the beginning, when a recording ends,
    what a MapReduce job would do with other workers, what is asked of disks and networks, and phases, of which the
    mean over time is written; and two jobs of one name, workload, user and submission time in a row are read back as
    one.
    """

    def __init__(self, path: Path) -> None:
        if not path.name.endswith(SUFFIXES):
            raise UserError(f"{path}: cannot tell the format from the name; it ends in {', '.join(SUFFIXES)}")
        self._path, self._part = path, path.with_name(f"{path.name}.part")
        self._counts = dict.fromkeys(Written._fields, 0)
        self._last: tuple[object, ...] = ()
        self._stack = ExitStack()

    def __enter__(self) -> Self:
        part, path = self._part, self._path
        try:
            write = _parquet if path.suffix == ".parquet" else _csv
            self._write = write(part, self._stack, path.suffix == ".gz")
        except OSError as error:
            raise self._failed(error) from None
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            try:
                self._stack.close()
            except OSError as failed:
                if kind is None:
                    raise self._failed(failed) from None
            if kind is None:
                os.replace(self._part, self._path)
        finally:
            self._part.unlink(missing_ok=True)

    @property
    def written(self) -> Written:
        """What was written up to here."""
        return Written(**self._counts)

    def write(self, arrivals: Sequence[Arrival]) -> IntArray:
        """Write jobs, behind those that were written before.

        Parameters
        ----------
        arrivals : sequence of Arrival
            In order of submission.

        Returns
        -------
        ndarray of int, shape (len(arrivals),)
            How many rows each of them became.

        Raises
        ------
        UserError
            If the name of a job, its workload or its user cannot be read back (it has a line end or a NUL in it, or
            one of the first two is empty), or a constraint has no name.
        """
        rows: list[_Row] = []
        each: IntArray = np.ones(len(arrivals), dtype=np.int64)
        for number, arrival in enumerate(arrivals):
            groups, run_s = arrival.job.groups, arrival.run_s
            if len(groups) == 1 and type(run_s[0]) is float:
                behaviour = arrival.behaviours[0] if arrival.behaviours else None
                rows.append((arrival, *groups[0], run_s[0], behaviour))
            else:
                some = _rows(arrival)
                each[number] = len(some)
                rows.extend(some)
        if rows:
            try:
                self._write(self._table(rows))
            except OSError as error:
                raise self._failed(error) from None
        self._count(arrivals, rows)
        return each

    def _count(self, arrivals: Sequence[Arrival], rows: list[_Row]) -> None:
        counts = self._counts
        counts["jobs"] += len(arrivals)
        counts["rows"] += len(rows)
        counts["containers"] += sum(row[2] for row in rows)
        counts["averaged"] += sum(row[4] is not None and len(row[4]) > 1 for row in rows)
        for arrival in arrivals:
            job = arrival.job
            counts["mapreduce"] += job.mapreduce is not None
            known_by = (job.submit_s, job.id, job.workload, job.user, job.resubmission)
            counts["joined"] += known_by == self._last
            self._last = known_by

    def _failed(self, error: OSError) -> UserError:
        return UserError(f"{self._path}: {error.strerror or error}")

    def _table(self, rows: list[_Row]) -> pa.RecordBatch:
        """Make columns of rows; those of which nothing is said are null."""
        import pyarrow as pa  # only where it is used: it costs a tenth of a start-up

        arrivals = [row[0] for row in rows]
        jobs = [arrival.job for arrival in arrivals]
        n = len(rows)
        said: dict[str, Any] = {
            "job": [job.id for job in jobs],
            "submit_s": [float(job.submit_s) for job in jobs],
            "workload": [job.workload for job in jobs],
            "tasks": [row[2] for row in rows],
            "duration_s": [row[3] for row in rows],
            "again": [int(job.resubmission) for job in jobs],
            "user": [job.user for job in jobs],
            "runtime_estimate_s": [job.estimate_s for job in jobs],
            "after": [" ".join(map(quote, arrival.after)) if arrival.after else "" for arrival in arrivals],
            "workflow": [arrival.workflow for arrival in arrivals],
        }
        for name in ("job", "workload", "user", "workflow"):
            self._check_names(said[name], must=name in ("job", "workload"))
        # Tasks are shared by most jobs, and those that are held here keep theirs.
        known = {id(row[1]): row for row in rows}
        asked = {key: self._asked(row) for key, row in known.items()}
        each = [asked[id(row[1])] for row in rows]
        said |= zip(_ASKED, zip(*each, strict=True), strict=True)
        unasked = {key for key, row in known.items() if row[1].need.disk_micro or row[1].need.net_bps}
        if unasked:
            self._counts["unasked"] += sum(id(row[1]) in unasked for row in rows)
        if any(row[4] is not None for row in rows):
            said |= zip(DEMAND, zip(*map(_used, rows), strict=True), strict=True)
        schema = _schema()
        arrays = []
        for field in schema:
            values = said.get(field.name)
            if values is None or (
                field.name not in ("job", "workload") and field.type == pa.string() and not any(values)
            ):
                arrays.append(pa.nulls(n, field.type))
                continue
            try:
                arrays.append(pa.array(values, field.type))
            except UnicodeEncodeError:
                raise UserError(f"{self._path}: column {field.name} has half characters, which are no text") from None
        return pa.RecordBatch.from_arrays(arrays, schema=schema)

    def _check_names(self, names: Sequence[str], *, must: bool) -> None:
        together = "".join(names)
        if not (any(end in together for end in "\n\r\0") or (must and not all(names))):
            return
        for name in names:
            if (must and not name) or not {"\n", "\r", "\0"}.isdisjoint(name):
                raise UserError(f"{self._path}: the native format has no way to write the name {name!r}")

    def _asked(self, row: _Row) -> tuple[float, int, float, int, str, int]:
        """Give what a row's containers ask for, in the order of `_ASKED`."""
        task = row[1]
        try:
            demands = write_constraints(task.constraints) if task.constraints else ""
        except ValueError as error:
            raise UserError(
                f"{self._path}: job {row[0].job.id!r} has {error}, which the native format has no way to write"
            ) from None
        cpu_milli, memory_bytes, gpu_milli, _, _ = task.need
        return cpu_milli / MILLI, memory_bytes, gpu_milli / GPU_MILLI, task.priority, demands, int(task.apart)


_ASKED = ("cpus", "memory_bytes", "gpus", "priority", "constraints", "apart")
_TEXTS = ("job", "workload", "constraints", "user", "after", "workflow")
_WHOLE = ("tasks", "memory_bytes", "priority", "apart", "again")

_UNKNOWN = Demand(*[None] * len(DEMAND))  # type: ignore[arg-type]


def write_native(arrivals: Iterable[Arrival], path: Path) -> Written:
    """Write jobs as a native trace, one after the other; see `NativeWriter`.

    Parameters
    ----------
    arrivals : iterable of Arrival
        In order of submission.
    path : Path
        The suffix says the format, one of `SUFFIXES`. The file is there only once it is whole.

    Returns
    -------
    Written
        How much was written.

    Raises
    ------
    UserError
        If the suffix is none of the three, or there is no way to write a name.
    """
    coming = iter(arrivals)
    with NativeWriter(path) as writer:
        while some := list(islice(coming, _JOBS_AT_ONCE)):
            writer.write(some)
    return writer.written


def _rows(arrival: Arrival) -> list[_Row]:
    """Give the rows of a job whose containers differ."""
    rows: list[_Row] = []
    for (task, count), run_s, behaviour in zip(
        arrival.job.groups, arrival.run_s, arrival.each_behaviour(), strict=True
    ):
        durations_s, counts = ([run_s], [count]) if np.ndim(run_s) == 0 else np.unique(run_s, return_counts=True)
        rows.extend(
            (arrival, task, int(tasks), float(duration_s), behaviour)
            for duration_s, tasks in zip(durations_s, counts, strict=True)
        )
    return rows


def _used(row: _Row) -> Demand:
    return _UNKNOWN if row[4] is None else mean_demand(row[1], row[4])


def _schema() -> pa.Schema:
    import pyarrow as pa  # only where it is used: it costs a tenth of a start-up

    texts, whole = dict.fromkeys(_TEXTS, pa.string()), dict.fromkeys(_WHOLE, pa.int64())
    return pa.schema([(name, (texts | whole).get(name, pa.float64())) for name in COLUMNS])


def _csv(part: Path, stack: ExitStack, gzipped: bool) -> Callable[[pa.RecordBatch], object]:
    import pyarrow as pa
    import pyarrow.csv as pa_csv

    file: Any = stack.enter_context(part.open("wb"))
    if gzipped:
        # Without name and time in it, so that the same jobs are the same bytes.
        file = stack.enter_context(gzip.GzipFile("", "wb", _ZIP_LEVEL, fileobj=file, mtime=0))
    file.write(f"{','.join(COLUMNS)}\n".encode())
    plain, quoted = (
        pa_csv.WriteOptions(include_header=False, quoting_style=style, batch_size=_JOBS_AT_ONCE)
        for style in ("none", "needed")
    )

    def write(rows: pa.RecordBatch) -> None:
        text = pa.BufferOutputStream()
        try:
            pa_csv.write_csv(rows, text, plain)
        except pa.ArrowInvalid:  # there is a comma or a quote in some name
            text = pa.BufferOutputStream()
            pa_csv.write_csv(rows, text, quoted)
        file.write(text.getvalue())

    return write


def _parquet(part: Path, stack: ExitStack, _: bool) -> Callable[[pa.RecordBatch], object]:
    import pyarrow.parquet as pq  # only where it is used: it costs a tenth of a start-up

    writer = stack.enter_context(pq.ParquetWriter(part, _schema()))
    held: list[pa.RecordBatch] = []

    def write(rows: pa.RecordBatch) -> None:
        # Small groups of rows would cost whoever reads them.
        held.append(rows)
        if sum(len(piece) for piece in held) >= _GROUP_ROWS:
            end()

    def end() -> None:
        import pyarrow as pa

        if held:
            writer.write_table(pa.Table.from_batches(held))
            held.clear()

    stack.callback(end)
    return write


#: Rows in a group of a Parquet file.
_GROUP_ROWS = 2**17
