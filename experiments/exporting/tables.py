"""Runs as plain tables, one file a table; `experiments.exporting.columns` says what every column is."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from pathlib import Path
from types import TracebackType
from typing import Any, NamedTuple, Self

import numpy as np
import pyarrow as pa
import pyarrow.csv as pa_csv
import pyarrow.parquet as pq

from experiments.exporting import columns as known
from experiments.exporting.columns import Table
from experiments.exporting.names import HostNames, host_names
from experiments.measures.attempts import Attempt, Attempts
from experiments.measures.lives import Life, Lives
from experiments.measures.submissions import Submission, Submissions
from experiments.results.frames import Frames
from experiments.results.study import Detail, RunKey
from policies.log import Event, Row
from traces.whole import written_whole

FORMATS = ("csv", "parquet")

#: Rows that are held before they become columns, and rows of columns that are held before they are written: small
#: groups of rows would cost whoever reads them.
ROWS_AT_ONCE, GROUP_ROWS = 2**13, 2**16

#: Fields of the log that are no levels.
_OF_ROWS = frozenset(column.name for column in known.LOG.columns)

_COMES = frozenset((Event.STARTED, Event.LAUNCHED, Event.PREFILLED))


class Written(NamedTuple):
    """What was written.

    Attributes
    ----------
    rows : dict of Path to int
        The files, and how many rows each has.
    notes : tuple of str
        What a reader must know.
    """

    rows: dict[Path, int]
    notes: tuple[str, ...]


def files(frames: Frames, folder: Path, form: str) -> dict[str, Path]:
    """Give the files that `write_tables` writes, by table."""
    each_host = frames.study.detail is Detail.TASKS
    return {table.name: folder / f"{table.name}.{form}" for table in known.TABLES if each_host or not table.needs_hosts}


def write_tables(
    frames: Frames,
    keys: Sequence[RunKey],
    folder: Path,
    form: str,
    progress: Callable[[int], None] = lambda rows: None,
) -> Written:
    """Write runs as tables.

    Parameters
    ----------
    frames : Frames
        The results directory.
    keys : sequence of RunKey
        Which runs.
    folder : Path
        Where to; it is made. Each file is there only once all of them are whole.
    form : str
        One of `FORMATS`.
    progress : callable
        Told how many more rows of logs were read.

    Raises
    ------
    UserError
        If there is no log of a run, or a file cannot be written.

    Notes
    -----
    Logs are read and rows written batch by batch; what is kept is what lives: containers, submissions that are not
    over, and one look at all hosts of a run.
    """
    there = files(frames, folder, form)
    each_host = known.CONTAINERS.name in there
    notes = []
    if not each_host:
        notes.append("no table of containers: the log does not tell of hosts (--detail tasks does)")
    levels = {key: [name for name in frames.columns(key) if name not in _OF_ROWS] for key in keys}
    folder.mkdir(parents=True, exist_ok=True)
    with ExitStack() as stack:

        def begin(table: Table, more: Sequence[tuple[str, pa.DataType]] = ()) -> _Writer:
            return stack.enter_context(_Writer(there[table.name], table, more))

        runs = _runs(frames, keys)
        begin(known.RUNS, [(field.name, field.type) for field in runs.schema][len(known.KEY) :]).write(runs)
        all_levels = list(dict.fromkeys(name for names in levels.values() for name in names))
        over_time = begin(known.LEVELS, [(name, pa.float64()) for name in all_levels])
        jobs, decisions, hosts = begin(known.JOBS), begin(known.DECISIONS), begin(known.HOSTS)
        containers = begin(known.CONTAINERS) if each_host else None
        writers = [writer for writer in (jobs, decisions, containers) if writer is not None]
        for key in keys:
            names = host_names(frames, key.seed)
            notes += [note for note in names.notes if note not in notes]
            for writer in writers:
                writer.begin(key)
            _follow(frames, key, names, jobs, decisions, containers, progress)
            for looks in _looks(frames, key, names):
                hosts.write(looks)
            for states in _states(frames, key, levels[key], all_levels):
                over_time.write(states)
        for writer in writers:
            writer.flush()
        rows = {writer.path: writer.rows for writer in (*writers, hosts, over_time)}
    rows[there[known.RUNS.name]] = len(keys)
    return Written({path: rows[path] for path in there.values()}, tuple(notes))


def _follow(
    frames: Frames,
    key: RunKey,
    names: HostNames,
    jobs: _Writer,
    decisions: _Writer,
    containers: _Writer | None,
    progress: Callable[[int], None],
) -> None:
    """Write what the rows of one log tell one by one."""
    submissions, attempts, lives = Submissions(), Attempts(), Lives()
    horizon_s = frames.ended_s(key)
    for rows in frames.each_row(key):
        for row in rows:
            attempt = attempts.take(row)
            for submission in submissions.take(row):
                jobs.add(_of_submission(submission))
            if attempt is not None:
                decisions.add(_of_attempt(attempt))
            if containers is not None and row.host >= 0:
                for life in lives.take(row, _decision(attempts, row)):
                    containers.add(_of_life(life, names, horizon_s))
        progress(len(rows))
    for submission in submissions.left():
        jobs.add(_of_submission(submission))
    for attempt in attempts.left(horizon_s):
        decisions.add(_of_attempt(attempt))
    if containers is not None:
        for life in lives.left():
            containers.add(_of_life(life, names, horizon_s))


def _decision(attempts: Attempts, row: Row) -> int:
    if row.event not in _COMES:
        return -1
    attempt = attempts.placing(row)
    return -1 if attempt is None else attempt.number


def _of_submission(one: Submission) -> tuple[Any, ...]:
    assert one.fate is not None
    turnaround_s = None if one.ended_s is None else one.ended_s - one.submitted_s
    return (
        one.job, one.workload, one.scheduler, one.again, one.fate.value, one.submitted_s, one.first_attempt_s,
        one.placed_s, one.first_start_s, one.ended_s, one.attempts, one.conflicts, one.conflicted, one.thinking_s,
        one.containers, one.placed, one.finished, one.early, one.wait_s, turnaround_s, one.ran_s,
        one.slowdowns / one.slowed if one.slowed else None,
    )  # fmt: skip


def _of_attempt(one: Attempt) -> tuple[Any, ...]:
    return (
        one.number, one.scheduler, one.job, one.workload, one.again, one.attempt, one.began_s, one.until_s,
        one.seconds, one.wanted, one.came.value, one.placed, one.conflicted, one.remaining,
    )  # fmt: skip


def _of_life(life: Life, names: HostNames, horizon_s: float) -> tuple[Any, ...]:
    ended_s = None if life.how is None else life.ended_s
    run_s = None if life.began_s is None else (horizon_s if ended_s is None else ended_s) - life.began_s
    alone_s = life.alone_s or None
    return (
        life.job, life.workload, life.scheduler, life.again, None if life.decision < 0 else life.decision, life.host,
        names.of(life.host), life.lane, life.placed_s,
        life.began_s, ended_s, "running" if life.how is None else life.how.name.lower(), run_s, alone_s,
        run_s / alone_s if run_s is not None and alone_s is not None else None,
    )  # fmt: skip


def _runs(frames: Frames, keys: Sequence[RunKey]) -> pa.RecordBatch:
    """Give the table of runs; what one does not have, or nobody knows, is left empty."""
    done = frames.finished
    rows = [{**key._asdict(), **done[key].metrics, **done[key].cost} for key in keys]
    columns = {name: pa.array([row.get(name) for row in rows]) for row in rows for name in row}
    # Arrow has a type for what nobody knows in any run, and CSV has not.
    plain = {name: pa.nulls(len(rows), pa.float64()) if pa.types.is_null(c.type) else c for name, c in columns.items()}
    return pa.RecordBatch.from_pydict(plain)


def _looks(frames: Frames, key: RunKey, names: HostNames) -> Iterator[pa.RecordBatch]:
    """Give the loads of every host, a batch for each look and load."""
    t_s, loads = frames.hosts(key)
    n = max((shares.shape[1] for shares in loads.values()), default=0)
    called = pa.array([names.of(host) for host in range(n)], pa.string())
    for number, at_s in enumerate(t_s.tolist()):
        for load, shares in loads.items():
            share = shares[number].astype(np.float64)
            columns = [
                *_same(key, n), pa.repeat(pa.scalar(at_s), n), pa.array(np.arange(n)), called, pa.repeat(load, n),
                pa.array(share, mask=np.isnan(share)),
            ]  # fmt: skip
            yield pa.RecordBatch.from_arrays(columns, names=[column.name for column in known.HOSTS.columns])


def _states(frames: Frames, key: RunKey, there: Sequence[str], wanted: Sequence[str]) -> Iterator[pa.RecordBatch]:
    """Give the states of the cell: of each time the last, and of those that follow one another and are equal one."""
    names = [*[column.name for column in known.LEVELS.columns], *wanted]
    last: np.ndarray | None = None  # of the rows before, the one that another of the same time may take the place of
    written: np.ndarray | None = None

    def kept(states: np.ndarray) -> pa.RecordBatch:
        nonlocal written
        before = states[:-1] if written is None else np.concatenate((written[None], states[:-1]))
        changed = np.ones(len(states), dtype=bool)
        changed[len(states) - len(before) :] = (before[:, 1:] != states[len(states) - len(before) :, 1:]).any(axis=1)
        written = states[-1]
        states = states[changed]
        n = len(states)
        column = dict(zip(("t_s", *there), states.T, strict=True))
        arrays = [pa.array(column[name]) if name in column else pa.nulls(n, pa.float64()) for name in wanted]
        return pa.RecordBatch.from_arrays([*_same(key, n), pa.array(column["t_s"]), *arrays], names=names)

    for batch in frames.batches(key, ["t_s", *there]):
        states = np.column_stack([batch.column(name).to_numpy() for name in ("t_s", *there)])
        if last is not None:
            states = np.concatenate((last[None], states))
        last = states[-1]
        final = states[:-1][np.diff(states[:, 0]) > 0]
        if len(final):
            yield kept(final)
    if last is not None:
        yield kept(last[None])


def _same(key: RunKey, n: int) -> list[pa.Array]:
    """Give the columns that say which run it is."""
    return [pa.repeat(key.architecture, n), pa.repeat(key.policy, n), pa.repeat(pa.scalar(key.seed, pa.int64()), n)]


_TYPES = {known.TEXT: pa.string(), known.NUMBER: pa.float64(), known.WHOLE: pa.int64(), known.YES_NO: pa.bool_()}


class _Writer:
    """Writes one table, some rows at a time; the file is there only once it was left without an error.

    Parameters
    ----------
    path : Path
        The suffix says the format.
    table : Table
        Which table.
    more : sequence of (str, DataType)
        Columns behind those that are known.
    """

    def __init__(self, path: Path, table: Table, more: Sequence[tuple[str, pa.DataType]]) -> None:
        self.path, self.rows = path, 0
        own = [(column.name, _TYPES[column.kind]) for column in table.columns]
        self._schema = pa.schema([*own, *more])
        self._held: list[tuple[Any, ...]] = []
        self._pieces: list[pa.RecordBatch] = []
        self._stack = ExitStack()
        self._key: RunKey | None = None

    def __enter__(self) -> Self:
        part = self._stack.enter_context(written_whole(self.path))
        make = pa_csv.CSVWriter if self.path.suffix == ".csv" else pq.ParquetWriter
        self._writer = self._stack.enter_context(make(part, self._schema))
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> bool | None:
        if kind is None:
            self._end()
        return self._stack.__exit__(kind, error, traceback)

    def begin(self, key: RunKey) -> None:
        """Say of which run the rows are that come."""
        self.flush()
        self._key = key

    def add(self, row: tuple[Any, ...]) -> None:
        """Write a row, without what says which run it is of."""
        self._held.append(row)
        if len(self._held) >= ROWS_AT_ONCE:
            self.flush()

    def flush(self) -> None:
        """Write the rows that are held."""
        held, self._held = self._held, []
        if held:
            assert self._key is not None
            fields = list(self._schema)[len(known.KEY) :]
            arrays = [
                pa.array(values, field.type) for values, field in zip(zip(*held, strict=True), fields, strict=True)
            ]
            self.write(pa.RecordBatch.from_arrays([*_same(self._key, len(held)), *arrays], schema=self._schema))

    def write(self, batch: pa.RecordBatch) -> None:
        """Write rows as they are."""
        self.rows += batch.num_rows
        self._pieces.append(batch)
        if sum(piece.num_rows for piece in self._pieces) >= GROUP_ROWS:
            self._end()

    def _end(self) -> None:
        pieces, self._pieces = self._pieces, []
        if pieces:
            self._writer.write_table(pa.Table.from_batches(pieces).cast(self._schema))
