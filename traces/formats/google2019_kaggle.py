"""Reader of the sample of the Google cluster traces of 2019 that is passed around on Kaggle (``borg_traces_data.csv``).

It is no official format: a table of usage windows of all eight cells, each joined to some event of its instance and of
its collection, written by pandas with Python's own texts of dictionaries and arrays in its cells.
"""

from __future__ import annotations

import csv
import re
from collections.abc import Iterable, Iterator
from io import StringIO
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import pyarrow as pa

from policies.errors import UserError
from traces.formats.google2019.constraints import Demands
from traces.formats.google2019.machines import read_machines
from traces.formats.google2019.reader import CREDIT, DATASET, LICENCE
from traces.formats.google2019.submissions import workload
from traces.formats.google2019.tables import (
    NONE,
    SECOND_US,
    amount,
    changes,
    mark,
    numbers_of,
    parts_of,
    share,
    whole,
)
from traces.hosts import TOO_MUCH, Hosts
from traces.reading import sniff
from traces.reading.arrays import arrow_of, numpy_of
from traces.reading.jobs import arrivals as jobs_of
from traces.reading.jobs import block
from traces.reading.options import DEFAULT, ReadOptions
from traces.reading.ordered import ordered
from traces.reading.reference import UNIT
from traces.reading.rejects import Rejects
from traces.reading.tables import GZIP_MAGIC, Batch, magic_of, one_line_errors, text_stream, whole_lines
from traces.trace import Arrival, Trace
from traces.units import MILLI

#: What the names of columns are checked for, and read.
REQUIRED = (
    "collection_id",
    "instance_index",
    "priority",
    "resource_request",
    "start_time",
    "end_time",
    "average_usage",
)
OPTIONAL = ("user", "cluster", "collection_type", "alloc_collection_id", "constraint", "start_after_collection_ids")

#: A record of more lines or characters has lost a quote.
_MOST_LINES = 100
_MOST_CHARACTERS = 2**16

#: Records that are converted at a time.
_AT_ONCE = 2**12

#: How a record begins: with numbers, first of all its own or its time. The further lines of an array do not.
_BEGINS = re.compile(rb"[0-9]+,[0-9]")

_NUMBER = r"(None|nan|[-+0-9.eE]+)"
_AMOUNTS = re.compile(rf"\{{\s*'cpus':\s*{_NUMBER},\s*'memory':\s*{_NUMBER}\s*\}}")


class Google2019Kaggle(Trace):
    """A file of usage windows, or a folder with one, and perhaps ``machine_events`` of one of the cells.

    An instance is a job of one container: it is submitted when its first window begins, runs until its last one ends,
    asks for the most that it asked for in any of them, and uses the mean of what was measured, by the length of the
    windows. The job's name is the cell, the collection and the instance.

    Parameters
    ----------
    path : Path
        File or folder.
    rejects : Rejects
        What to do with records that cannot be used; one that goes over several lines is named by its first.
    options : ReadOptions
        ``reference`` is the machine that amounts are shares of.

    Notes
    -----
    What the columns mean is known from the trace they are taken from and from looking at them; nobody documented the
    file. The events that stand beside a window (``instance_events_type``, ``event``, ``failed``) are any of the
    instance's, days before or after it, so they say nothing about its begin and its end and are not used.

    Windows stand in no order: they are sorted, on disk where they are many. Memory is that of the machines and of the
    windows of one instance.
    """

    format: ClassVar[str] = "google2019_kaggle"
    dataset: ClassVar[str] = f"{DATASET}: the sample on Kaggle, google-2019-cluster-sample"
    licence: ClassVar[str] = LICENCE
    credit: ClassVar[str] = CREDIT

    def __init__(self, path: Path, rejects: Rejects, options: ReadOptions = DEFAULT) -> None:
        super().__init__(path, rejects, options)
        self._reference = options.reference or UNIT
        self._share = 0.0
        self._machines: list[Hosts | None] = []

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the instances in order of their first windows; at one time by cell, collection and instance."""
        self._begin()
        users: dict[str, int] = {}
        cells: set[int] = set()
        windows = ordered(self._windows(users, cells), ["cell", "job", "index", "start"])
        instances = ordered(self._instances(windows), ["start", "cell", "job", "index"])
        yield from jobs_of(self._blocks(instances, users))
        self.odd["cells that instances are of, all replayed together"] += len(cells)

    def hosts(self) -> Hosts | None:
        """Give the machines of the ``machine_events`` beside the file, None where there are none."""
        if not self._machines:
            self._begin()
        return self._machines[0]

    def _begin(self) -> None:
        """Begin to read anew, first of all the machines: their rows count among the others."""
        self.rejects.begin()
        self.odd.clear()
        parts = parts_of(self._folder, "machine_events")
        self._machines = [read_machines(parts, [], Demands(), self._reference, self.rejects, self.odd)]

    def progress(self) -> float:
        """Say which share of the input was read; all of it is before the first job."""
        return self._share

    def assumptions(self) -> list[str]:
        """List units, what is assumed or left out, and how often the recording was odd."""
        return [
            self._reference.note(),
            "an instance is a job of one container that runs from its first window to the end of its last, whatever "
            "happened in between; times are as recorded, the trace begins at 600 s",
            "priorities from 120 on (production, monitoring) are the class service, others batch",
            "the events beside the windows are not used: they are any of the instance's, not what began or ended it",
            "alloc instances, and what runs inside of those, are placed as containers alike: a sample has seldom both",
            "constraints, dependencies, maxima, distributions and counters are not used",
            "the machines are those of one cell, the instances may be of several",
            "there are no figures of disks or networks",
            *self.counted(),
        ]

    def files(self) -> list[Path]:
        """List the files of windows, and of machines."""
        return [*files_of(self.path), *parts_of(self._folder, "machine_events")]

    @property
    def _folder(self) -> Path:
        return self.path if self.path.is_dir() else self.path.parent

    def _windows(self, users: dict[str, int], cells: set[int]) -> Iterator[pa.RecordBatch]:
        files = files_of(self.path)
        if not files:
            raise UserError(f"{self.path}: has no CSV with columns {', '.join(REQUIRED)}")
        for number, path in enumerate(files):
            for batch, share_read in _batches(path, self.rejects):
                self._share = (number + share_read) / len(files)
                yield self._rows(batch, users, cells)

    def _rows(self, batch: Batch, users: dict[str, int], cells: set[int]) -> pa.RecordBatch:
        cores, memory = self._reference.cores, self._reference.memory_bytes
        for name in ("resource_request", "average_usage"):
            _take_apart(batch, name)
        kind, inside = (whole(batch, name, optional=True) for name in ("collection_type", "alloc_collection_id"))
        start, end = whole(batch, "start_time"), whole(batch, "end_time")
        mark(batch, "end_time", ~(end > start), "end_time must be later than start_time")
        used_cpu = share(batch, "average_usage.cpus", TOO_MUCH / (cores * MILLI)) * cores
        used_memory = share(batch, "average_usage.memory", TOO_MUCH / memory) * memory
        columns = {
            "cell": whole(batch, "cluster", below=2**31, optional=True),
            "job": whole(batch, "collection_id"),
            "index": whole(batch, "instance_index", below=2**31),
            "start": start,
            "end": end,
            "cpu": amount(batch, "resource_request.cpus", cores * MILLI, TOO_MUCH),
            "memory": amount(batch, "resource_request.memory", memory, TOO_MUCH),
            "priority": whole(batch, "priority", below=2**15),
            "user": numbers_of(batch, "user", users),
        }
        good = batch.reject(self.rejects)
        cells.update(np.unique(columns["cell"][good]).astype(np.int64).tolist())
        self.odd["windows of alloc instances"] += int((kind[good] == 1).sum())
        self.odd["windows of what runs inside of an alloc instance"] += int((inside[good] > 0).sum())
        unsaid = (columns["cpu"][good] == NONE) | (columns["memory"][good] == NONE)
        self.odd["windows without a request of CPU or memory, taken as 0"] += int(unsaid.sum())
        rows = {name: values[good].astype(np.int64) for name, values in columns.items()}
        rows |= {"cpu": np.maximum(rows["cpu"], 0), "memory": np.maximum(rows["memory"], 0)}
        used = {"used_cpu": used_cpu[good], "used_memory": used_memory[good]}
        used = {name: np.where(np.isnan(values), NONE, values) for name, values in used.items()}
        arrays = [arrow_of(values) for values in (*rows.values(), *used.values())]
        return pa.RecordBatch.from_arrays(arrays, names=[*rows, *used])

    def _instances(self, windows: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Make one row of the windows of each instance, which follow one another."""
        above: dict[str, np.ndarray] = {}
        for piece in windows:
            columns = {name: numpy_of(piece[name]) for name in piece.schema.names}
            if not piece.num_rows:
                continue
            if above:
                columns = {name: np.concatenate((above[name], column)) for name, column in columns.items()}
            last = int(np.flatnonzero(_begins(columns))[-1])
            if last:
                yield self._summed({name: column[:last] for name, column in columns.items()})
            above = {name: column[last:] for name, column in columns.items()}
        if above:
            yield self._summed(above)

    def _summed(self, columns: dict[str, np.ndarray]) -> pa.RecordBatch:
        starts = np.flatnonzero(_begins(columns))
        rows = {name: columns[name][starts] for name in ("cell", "job", "index", "start")}
        for name in ("cpu", "memory", "priority"):
            rows[name] = np.maximum.reduceat(columns[name], starts)
        resized = np.zeros(starts.size, dtype=bool)
        for name in ("cpu", "memory"):
            resized |= np.minimum.reduceat(columns[name], starts) < rows[name]
        self.odd["instances that were resized, they ask for the most they ever did"] += int(resized.sum())
        rows["user"] = columns["user"][starts]
        end = np.maximum.reduceat(columns["end"], starts)
        rows["run_s"] = (end - rows["start"]) / SECOND_US
        lasts_s = (columns["end"] - columns["start"]) / SECOND_US
        measured_s = np.add.reduceat(lasts_s, starts)
        self.odd["instances with times in between that no window covers, in which they use their mean"] += int(
            (rows["run_s"] > measured_s * (1 + 1e-9)).sum()
        )
        for name, asked in (("used_cpu", rows["cpu"] / MILLI), ("used_memory", rows["memory"])):
            given = columns[name] != NONE
            sums = np.add.reduceat(np.where(given, columns[name] * lasts_s, 0.0), starts)
            seconds = np.add.reduceat(np.where(given, lasts_s, 0.0), starts)
            rows[name] = np.divide(sums, seconds, out=asked.astype(np.float64), where=seconds > 0)
        return pa.RecordBatch.from_arrays([arrow_of(values) for values in rows.values()], names=list(rows))

    def _blocks(self, instances: Iterable[pa.RecordBatch], users: dict[str, int]) -> Iterator[pa.RecordBatch]:
        names: list[str] = []
        for piece in instances:
            names = names or list(users)
            column = {name: numpy_of(piece[name]) for name in piece.schema.names}
            cell, job, index = (column[name].tolist() for name in ("cell", "job", "index"))
            yield block(
                piece.num_rows,
                submit_s=column["start"] / SECOND_US,
                job=[
                    f"{one}-{two}-{three}" if one >= 0 else f"{two}-{three}"
                    for one, two, three in zip(cell, job, index, strict=True)
                ],
                workload=[workload(priority) for priority in column["priority"].tolist()],
                duration_s=column["run_s"],
                cpu_milli=column["cpu"],
                memory_bytes=column["memory"],
                priority=column["priority"],
                user=[names[user] for user in column["user"].tolist()],
                cpu_cores=column["used_cpu"],
                used_memory_bytes=column["used_memory"],
            )


def _begins(columns: dict[str, np.ndarray]) -> np.ndarray:
    return changes(columns["cell"]) | changes(columns["job"]) | changes(columns["index"])


def _take_apart(batch: Batch, name: str) -> None:
    """Give the fields of a dictionary, written as Python does, columns of their own."""
    parts: tuple[list[str | None], list[str | None]] = ([], [])
    for row, text in enumerate(batch.text(name)):
        match = _AMOUNTS.fullmatch(text)
        if match is None and text:
            batch.bad.setdefault(row, (f"{name} must be {{'cpus': NUMBER, 'memory': NUMBER}}", text))
        for values, value in zip(parts, match.groups() if match else (None, None), strict=True):
            values.append(None if value in ("None", "nan") else value)
    for part, values in zip(("cpus", "memory"), parts, strict=True):
        batch.columns[f"{name}.{part}"] = pa.array(values, pa.string())


class _Record(NamedTuple):
    line: int
    text: bytes


def _records(lines: Iterator[tuple[int, bytes]]) -> Iterator[_Record]:
    """Put lines together to records: one ends where all its quotes are closed, at the latest where another begins.

    So a lost quote costs its own record, not all that follow.
    """
    held: list[bytes] = []
    first = quotes = size = 0
    for number, line in lines:
        if held and (quotes % 2 == 0 or _BEGINS.match(line) or len(held) >= _MOST_LINES or size > _MOST_CHARACTERS):
            yield _Record(first, b"\n".join(held))
            held = []
        if not held:
            if not line.strip():
                continue
            first, quotes, size = number, 0, 0
        held.append(line)
        quotes += line.count(b'"')
        size += len(line)
    if held:
        yield _Record(first, b"\n".join(held))


def _batches(path: Path, rejects: Rejects) -> Iterator[tuple[Batch, float]]:
    """Read the records of a file; a record that is none comes as a marked row."""
    with one_line_errors(path), text_stream(path, magic_of(path).startswith(GZIP_MAGIC)) as (raw, stream):
        size = max(raw.size(), 1)
        records = _records((number, line.removesuffix(b"\r")) for number, line in _numbered(whole_lines(path, stream)))
        names = _names(path, next(records, None))
        held: list[_Record] = []
        for record in records:
            held.append(record)
            if len(held) == _AT_ONCE:
                yield _batch(path, names, held, rejects), raw.tell() / size
                held = []
        if held:
            yield _batch(path, names, held, rejects), 1.0


def _numbered(blocks: Iterator[bytes]) -> Iterator[tuple[int, bytes]]:
    number = 0
    for text in blocks:
        for line in text.removesuffix(b"\n").split(b"\n"):
            number += 1
            yield number, line


def _names(path: Path, header: _Record | None) -> list[str]:
    names = _fields(header.text)[0] if header else []
    missing = [name for name in REQUIRED if name not in names]
    if missing:
        raise UserError(f"{path}: column {missing[0]!r} is missing")
    twice = [name for name in (*REQUIRED, *OPTIONAL) if names.count(name) > 1]
    if twice:
        raise UserError(f"{path}: column {twice[0]!r} is there twice")
    return names


def _batch(path: Path, names: list[str], records: list[_Record], rejects: Rejects) -> Batch:
    wanted = [names.index(name) if name in names else -1 for name in (*REQUIRED, *OPTIONAL)]
    rows: list[list[str | None]] = []
    bad: dict[int, tuple[str, str]] = {}
    for number, record in enumerate(records):
        fields, reason = _fields(record.text)
        if not reason and len(fields) != len(names):
            reason = f"{len(fields)} fields instead of {len(names)}"
        if reason:
            bad[number] = (reason, record.text.decode(errors="backslashreplace"))
        rows.append([None if reason or place < 0 else fields[place] or None for place in wanted])
    rejects.read += len(records)
    columns = zip((*REQUIRED, *OPTIONAL), zip(*rows, strict=True), strict=True)
    made = {name: pa.array(column, pa.string()) for name, column in columns}
    batch = Batch(path, made, np.array([record.line for record in records], dtype=np.int64))
    batch.bad = bad
    return batch


def _fields(text: bytes) -> tuple[list[str], str]:
    """Give the fields of a record, or why it is none."""
    try:
        # With a line end, so that a quote that is still open shows: the end gets into the value.
        fields = next(csv.reader(StringIO(text.decode() + "\n", newline="")), [])
    except UnicodeDecodeError:
        return [], "not UTF-8 text"
    except csv.Error:
        return [], "not a row of CSV"
    if fields and fields[-1].endswith("\n"):
        return [], "a quote is not closed"
    return fields, ""


def files_of(path: Path) -> list[Path]:
    """List the files with such columns: itself if it is a file."""
    if path.is_file():
        return [path]
    found = sorted(path.glob("*.csv")) + sorted(path.glob("*.csv.gz")) if path.is_dir() else []
    return [file for file in found if looks_like(file)]


def looks_like(path: Path) -> bool:
    """Say whether a path is such a file, or a folder with one and without the tables that it was taken from."""
    if path.is_dir():
        return bool(files_of(path))
    rows = sniff.first_rows(path, 1)
    return bool(rows) and {*REQUIRED, "instance_events_type", "collections_events_type"} <= set(rows[0])


READER = Google2019Kaggle
