"""A trace, changed or not, as files that can be kept: jobs, machines, what runs at the beginning, and their origin.

Beside ``FILE`` with the jobs, in the native format, there are

``FILE.hosts.csv``
    the machines, where the trace has some, for ``--hosts``;
``FILE.prefill.csv``
    what runs at the beginning, where something does, for ``--prefill``;
``FILE.origin.json``
    where all of it came from, what was assumed, what was changed, and what these files could not say;
``FILE.rows.parquet``
    of a changed trace, for every row of ``FILE`` the source, and the job's name and submission time there.
"""

from __future__ import annotations

import hashlib
import json
import os
import platform
from collections import Counter
from collections.abc import Callable, Generator, Iterable, Iterator, Mapping, Sequence
from contextlib import ExitStack, closing
from importlib.metadata import version
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np

from experiments.running.garbage import calm_garbage_collector
from policies.arrays import IntArray
from policies.errors import UserError
from traces.changed.changed import Changed, Origin, changes, sources, traced
from traces.formats.native import NativeWriter, Written, write_native
from traces.hostfile import write_hosts
from traces.reading.seen import Seen
from traces.trace import Arrival, Trace
from traces.whole import written_whole

if TYPE_CHECKING:
    import pyarrow.parquet as pq

#: Jobs that are held before they are written.
JOBS_AT_ONCE = 2**14

#: Ranges of rows of one source that are listed; where there are more, every row is in the table.
MOST_RANGES = 1000

#: What stands behind the name of the file with the jobs.
HOSTS, PREFILL, ORIGIN, ROWS = ".hosts.csv", ".prefill.csv", ".origin.json", ".rows.parquet"

_UNKNOWN = (
    "names of jobs to come after that are not above, or the job itself: left out, as they are taken to have ended"
)


class Converted(NamedTuple):
    """What was written.

    Attributes
    ----------
    out : Path
        The file with the jobs.
    written : Written
        How much is in it.
    files : tuple of Path
        All files, that one first.
    notes : tuple of str
        What the files could not say.
    """

    out: Path
    written: Written
    files: tuple[Path, ...]
    notes: tuple[str, ...]


def convert(
    trace: Trace,
    out: Path,
    specs: Sequence[str],
    options: Mapping[str, Any],
    progress: Callable[[float], None] = lambda share: None,
) -> Converted:
    """Write a trace.

    Parameters
    ----------
    trace : Trace
        As it was recorded, or changed.
    out : Path
        Where the jobs go; the suffix says the format. What of the other files is not written goes if it is there: it
        would be of another trace.
    specs : sequence of str
        What the sources were called by, in the order of `traces.changed.changed.sources`.
    options : mapping
        What was asked for, to be kept with the origin.
    progress : callable
        Told now and then which share of the input was read, 0 to 1.

    Returns
    -------
    Converted
        What was written.

    Raises
    ------
    UserError
        If the file would take the place of one that is read, or cannot be written; and for what is wrong with a trace.

    Notes
    -----
    Jobs are streamed. Once some job comes after others, the names of all are remembered, in eight bytes each, since a
    native trace names only jobs that stand above: the reading then begins anew.
    """
    calm_garbage_collector()
    side = {suffix: out.with_name(f"{out.name}{suffix}") for suffix in (HOSTS, PREFILL, ORIGIN, ROWS)}
    read = {file.resolve() for source in sources(trace) for file in source.files()}
    for path in (out, *side.values()):
        if path.resolve() in read:
            raise UserError(f"{path} is a file of the trace itself: give --out another name")
    notes: list[str] = []
    beside: list[Path] = []
    with ExitStack() as undo:
        # Machines without the jobs that ran on them would be taken for those of an earlier file.
        undo.callback(_remove, beside)
        hosts = trace.hosts()
        if hosts is not None:
            odd = write_hosts(hosts, side[HOSTS])
            notes += [f"{side[HOSTS].name}: {count:,} {text}" for text, count in odd.items()]
            beside.append(side[HOSTS])
        prefilled, placed = _write_prefill(trace, side[PREFILL])
        if prefilled is not None:
            notes += [f"{side[PREFILL].name}: {line}" for line in prefilled.notes()]
            beside.append(side[PREFILL])
        if placed:
            notes.append(
                f"{placed:,} containers that run at the beginning lose their hosts: --prefill places them anew, and "
                "may find no room where the recorded cell was overcommitted"
            )
        table = side[ROWS] if isinstance(trace, Changed) else None
        try:
            rows = _write_jobs(trace, out, table, None, progress)
        except _ComesAfterError:
            rows = _write_jobs(trace, out, table, Seen(), progress)
        undo.pop_all()
    files = [out, *beside, side[ORIGIN], *([table] if table else [])]
    for suffix, path in side.items():
        if path not in files and suffix != ORIGIN:
            path.unlink(missing_ok=True)
    notes += rows.written.notes() + [f"{count:,} {text}" for text, count in rows.odd.items()]
    notes += _unsaid(trace, rows)
    known = {
        "file": out.name,
        "format": "native",
        "files": [path.name for path in files],
        "rows": rows.written.rows,
        "jobs": rows.written.jobs,
        "containers": rows.written.containers,
        "hosts": None if hosts is None else len(hosts),
        "at_the_beginning": None if prefilled is None else prefilled.containers,
        "end_s": trace.end_s(),
        "sources": [
            _source(number, spec, source, rows.per_source)
            for number, (spec, source) in enumerate(zip(specs, sources(trace), strict=True), start=1)
        ],
        "options": dict(options),
        "changes": changes(trace),
        "origin_of_rows": _origin_of_rows(table, rows),
        "assumptions": trace.assumptions(),
        "not_said": notes,
        "versions": {"towtank": version("towtank"), "python": platform.python_version()}
        | {name: version(name) for name in ("numpy", "pyarrow")},
    }
    with written_whole(side[ORIGIN]) as part:
        part.write_text(json.dumps(known, indent=2) + "\n", encoding="utf-8")
    return Converted(out, rows.written, tuple(files), tuple(notes))


class _ComesAfterError(Exception):
    """A job comes after others: names have to be remembered from the beginning."""


class _Rows(NamedTuple):
    """What is known of the rows that were written."""

    written: Written
    per_source: Counter[int]
    ranges: list[list[int]] | None  # first row, last row, source; None if there are too many
    odd: Counter[str]
    again: int


def _write_jobs(
    trace: Trace, out: Path, table: Path | None, above: Seen | None, progress: Callable[[float], None]
) -> _Rows:
    """Write the jobs, and where each row came from; with the names above what comes after others can be checked."""
    odd: Counter[str] = Counter()
    per_source: Counter[int] = Counter()
    ranges: list[list[int]] | None = []
    again = 0
    with ExitStack() as stack:
        coming = stack.enter_context(closing(_by_pieces(trace, table is not None)))
        writer = stack.enter_context(NativeWriter(out))
        origins = None if table is None else stack.enter_context(_Origins(table))
        for arrivals, whence_each in coming:
            if above is not None:
                arrivals = [_linked(arrival, above, odd) for arrival in arrivals]
            elif any(arrival.after for arrival in arrivals):
                raise _ComesAfterError
            first = writer.written.rows + 1
            each = writer.write(arrivals)
            again += sum(arrival.job.resubmission for arrival in arrivals)
            whence: IntArray = np.array([origin.source for origin in whence_each] or [1], dtype=np.int64)
            whence = whence.repeat(each if whence_each else each.sum())
            for source, count in zip(*np.unique(whence, return_counts=True), strict=True):
                per_source[int(source)] += int(count)
            ranges = _longer(ranges, whence, first)
            if origins is not None:
                origins.write(whence_each, each, whence, first)
            progress(trace.progress() or 0.0)
    return _Rows(writer.written, per_source, ranges, odd, again)


def _by_pieces(trace: Trace, with_origins: bool) -> Generator[tuple[list[Arrival], list[Origin]], None, None]:
    """Give so many jobs at a time, each with where it came from if somebody wants to know.

    It is to be closed before the trace is read anew.
    """
    if not with_origins:
        arrivals = trace.arrivals()
        while plain := list(islice(arrivals, JOBS_AT_ONCE)):
            yield plain, []
        return
    jobs = traced(trace)
    while some := list(islice(jobs, JOBS_AT_ONCE)):
        yield [arrival for arrival, _ in some], [origin for _, origin in some]


def _linked(arrival: Arrival, above: Seen, odd: Counter[str]) -> Arrival:
    """Leave out what a job cannot come after, and remember its name."""
    name = arrival.job.id
    if arrival.after:
        known = tuple(other for other in arrival.after if other != name and other in above)
        if known != arrival.after:
            odd[_UNKNOWN] += len(arrival.after) - len(known)
            arrival = arrival._replace(after=known)
    above.add((name,))
    return arrival


def _longer(ranges: list[list[int]] | None, whence: IntArray, first: int) -> list[list[int]] | None:
    """Add rows, of which `first` is the number of the first, to the ranges of rows of one source."""
    if ranges is None or not whence.size:
        return ranges
    begins = np.concatenate(([0], (np.diff(whence) != 0).nonzero()[0] + 1, [whence.size]))
    if len(ranges) + begins.size - 1 > MOST_RANGES + 1:
        return None
    for begin, end in zip(begins[:-1].tolist(), begins[1:].tolist(), strict=True):
        source = int(whence[begin])
        if ranges and ranges[-1][2] == source:
            ranges[-1][1] = first + end - 1
        else:
            ranges.append([first + begin, first + end - 1, source])
    return ranges


class _Origins:
    """The table that says of every row where it came from."""

    def __init__(self, path: Path) -> None:
        self._path, self._part = path, path.with_name(f"{path.name}.part")

    def __enter__(self) -> _Origins:
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._schema = pa.schema(
            {"row": pa.int64(), "source": pa.int64(), "job": pa.string(), "submit_s": pa.float64()}
        )
        self._file: pq.ParquetWriter = pq.ParquetWriter(self._part, self._schema)
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._file.close()
        if kind is None:
            os.replace(self._part, self._path)
        self._part.unlink(missing_ok=True)

    def write(self, origins: Sequence[Origin], each: IntArray, whence: IntArray, first: int) -> None:
        """Write the origins of jobs that became so many rows each."""
        import pyarrow as pa

        which = np.arange(len(origins)).repeat(each).tolist()
        names = [origins[number].job for number in which]
        times_s = [origins[number].submit_s for number in which]
        rows = np.arange(first, first + len(which))
        self._file.write_table(pa.table([rows, whence, names, times_s], schema=self._schema))


def _write_prefill(trace: Trace, path: Path) -> tuple[Written | None, int]:
    """Write what runs at the beginning, if anything does; and say how many of its containers had a recorded host."""
    placed = 0

    def recorded() -> Iterator[Arrival]:
        nonlocal placed
        for entry in trace.prefill():
            placed += entry.hosts.size
            yield entry.as_arrival()

    coming = chain(recorded(), (arrival._replace(after=()) for arrival in trace.prefill_anywhere()))
    first = next(coming, None)
    if first is None:
        return None, 0
    return write_native(chain([first], coming), path), placed


def _unsaid(trace: Trace, rows: _Rows) -> Iterable[str]:
    """Give what else the native format cannot say."""
    end_s = trace.end_s()
    if end_s is not None:
        yield f"the recording ends at {end_s!r} s: run the file with --until {end_s!r}"
    if rows.again:
        yield (
            f"{rows.again:,} jobs are marked as submitted again; a run of the file also starts by itself again what "
            "hosts lose when they leave"
        )


def _source(number: int, spec: str, source: Trace, per_source: Counter[int]) -> dict[str, Any]:
    """Tell of a trace that was read."""
    rejects = source.rejects
    return {
        "source": number,
        "spec": spec,
        "format": source.format,
        "dataset": source.dataset,
        "licence": source.licence,
        "credit": source.credit,
        "files": [
            {"path": str(file), "bytes": file.stat().st_size, "sha256": _sha256(file)}
            for file in source.files()
            if file.is_file()
        ],
        "rows_read": rejects.read,
        "rows_accepted": rejects.accepted,
        "rows_rejected": rejects.rejected,
        "reasons": dict(rejects.reasons),
        "rows_written": per_source[number],
    }


def _origin_of_rows(table: Path | None, rows: _Rows) -> dict[str, Any]:
    if table is None:
        how = "each row is of the job of its name in source 1, submitted at the time that the row says"
    else:
        how = (
            f"row N of {table.name} (counted from 1, without a header line) says of row N of the file the number of "
            "its source, the job's name there, and when it was submitted there"
        )
    return {"how": how, "ranges": rows.ranges, "table": None if table is None else table.name}


def _remove(files: Iterable[Path]) -> None:
    for path in files:
        path.unlink(missing_ok=True)


def _sha256(path: Path) -> str:
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
