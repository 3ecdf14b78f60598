"""The log of a run as files: written batch by batch, and read back."""

from __future__ import annotations

import os
import socket
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from experiments.measures.looks import Looks
from experiments.results.study import Detail, RunKey
from policies.errors import UserError
from policies.log import Event, Levels, Row

if TYPE_CHECKING:
    import pyarrow as pa

#: The files of a log: what happened, and the load of every host.
LOG, HOSTS = "log", "hosts"
LOG_FILES = frozenset((LOG, HOSTS))


def log_files(folder: Path, key: RunKey) -> dict[str, Path]:
    """Give the files of a run's log, by what they are."""
    return {LOG: folder / f"{key.file_stem}.parquet", HOSTS: folder / f"{key.file_stem}.hosts.parquet"}


class LogWriter:
    """Writes the log of one run as Parquet, batch by batch.

    ``NAME.parquet`` has one row for each thing that happened, with the fields of `policies.log.Row` and a column for
    each of its levels: of a load ``cpu_allocated``, ``cpu_allocated_mean`` and ``cpu_allocated_std``;
    ``NAME.hosts.parquet`` has the loads of every host at every look.

    Parameters
    ----------
    folder : Path
        The ``log`` folder.
    key : RunKey
        Which run.
    levels : Levels
        What the levels are.
    detail : Detail
        ``tasks``: containers that start or end get one row for each host.
    """

    def __init__(self, folder: Path, key: RunKey, levels: Levels, detail: Detail) -> None:
        # Only where a log is written: these cost a tenth of the start of a run.
        import pyarrow as pa
        import pyarrow.parquet as pq

        self._pa = pa
        files = log_files(folder, key)
        self._path, self._hosts_path = files[LOG], files[HOSTS]
        # Of two that make the same run, as after a host was thought lost, neither spoils what the other writes.
        self._mine = f".{socket.gethostname()}-{os.getpid()}.part"
        self._part = self._path.with_suffix(self._mine)
        self._loads, self._each_host = levels.loads, detail is Detail.TASKS
        names = pa.dictionary(pa.int32(), pa.string())
        self._fields = {
            "t_s": pa.float64(),
            "event": names,
            "job": pa.string(),
            "workload": names,
            "scheduler": names,
            "again": pa.bool_(),
            "attempt": pa.int32(),
            "tasks": pa.int64(),
            "conflicted": pa.int64(),
            "remaining": pa.int64(),
            "seconds": pa.float64(),
            "age_s": pa.float64(),
            "host": pa.int32(),
            "alone_s": pa.float64(),
        }
        numbers = [f"{load}{state}" for load in levels.loads for state in ("", "_mean", "_std")]
        schema = pa.schema([*self._fields.items(), *((name, pa.float64()) for name in (*numbers, *levels.others))])
        self._writer = pq.ParquetWriter(self._part, schema, compression="zstd")
        self._schema = schema
        self._looks: Looks[np.ndarray] = Looks()

    def __call__(self, rows: list[Row]) -> None:
        """Write a batch of rows."""
        kept = []
        for row in rows:
            if row.event is Event.SAMPLED:
                self._looks.take(row.t_s, row.seconds, row.where)
            elif self._each_host and row.where is not None:
                kept += [
                    row._replace(tasks=count, host=host)
                    for host, count in zip(row.where[0].tolist(), row.where[1].tolist(), strict=True)
                ]
            else:
                kept.append(row)
        if not kept:
            return
        pa = self._pa
        columns = dict(zip(Row._fields, zip(*kept, strict=True), strict=True))
        columns["event"] = tuple(Event(event).name.lower() for event in columns["event"])
        arrays = [
            pa.array(columns[name], pa.string()).dictionary_encode() if pa.types.is_dictionary(kind)
            else pa.array(columns[name], kind)
            for name, kind in self._fields.items()
        ]  # fmt: skip
        arrays += [pa.array(level) for level in np.array(columns["levels"], dtype=np.float64).T]
        self._writer.write_table(pa.table(arrays, schema=self._schema))

    def close(self) -> None:
        """End the files; only now do they get their names."""
        import pyarrow.parquet as pq

        pa = self._pa
        self._writer.close()
        columns: dict[str, Any] = {"t_s": pa.array(list(self._looks.seen), pa.float64())}
        for axis, name in enumerate(self._loads):
            loads = [load[axis] for load in self._looks.seen.values()]
            width = loads[0].size if loads else 0
            flat = pa.array(np.concatenate(loads) if loads else np.empty(0, np.float32))
            columns[name] = pa.FixedSizeListArray.from_arrays(flat, width) if width else pa.array([], pa.float32())
        hosts = self._path.with_suffix(f".hosts{self._mine}")
        pq.write_table(pa.table(columns), hosts, compression="zstd")
        os.replace(hosts, self._hosts_path)
        os.replace(self._part, self._path)

    def discard(self) -> None:
        """Leave no half-written file."""
        self._writer.close()
        self._part.unlink(missing_ok=True)


def remove_parts(folder: Path) -> None:
    """Remove what processes that were killed left half-written in a folder of logs."""
    for part in folder.glob("*.part"):
        part.unlink(missing_ok=True)


def read_log(path: Path, levels: Sequence[str] = ()) -> Iterator[list[Row]]:
    """Read a run's log back, batch by batch; of hosts only what each row has of its own.

    Parameters
    ----------
    path : Path
        The file.
    levels : sequence of str
        Which of its levels are read, as ``cpu_allocated``; the rows' own have these numbers, in this order.

    Raises
    ------
    UserError
        If there is no such file.
    """
    names = [name for name in Row._fields if name not in ("levels", "where")]
    for batch in log_batches(path, [*names, *levels]):
        columns = {name: _values(batch.column(name)) for name in names}
        columns["event"] = [EVENTS[name] for name in columns["event"]]
        n = batch.num_rows
        columns["levels"] = list(zip(*(_values(batch.column(name)) for name in levels), strict=True)) or [()] * n
        columns["where"] = [None] * n
        yield list(map(Row._make, zip(*(columns[name] for name in Row._fields), strict=True)))


def log_batches(path: Path, columns: Sequence[str] | None = None) -> Iterator[pa.RecordBatch]:
    """Read columns of a run's log batch by batch: memory does not grow with the run.

    Raises
    ------
    UserError
        If there is no such file.
    """
    import pyarrow.parquet as pq

    try:
        file = pq.ParquetFile(path)
    except FileNotFoundError:
        raise UserError(f"{path} is missing") from None
    with file:
        yield from file.iter_batches(_ROWS_AT_ONCE, columns=None if columns is None else list(columns))


#: Rows that are read at a time: as objects they are hundreds of bytes each.
_ROWS_AT_ONCE = 2**14

#: Events by what they are called in files.
EVENTS = {event.name.lower(): event for event in Event}


def _values(column: pa.Array) -> list[Any]:
    """Give a column as a list; Arrow's own way makes an object of its own of every value first."""
    import pyarrow as pa

    if isinstance(column, pa.DictionaryArray):
        names = column.dictionary.to_pylist()
        return [names[index] for index in column.indices.to_numpy().tolist()]
    if pa.types.is_string(column.type):
        values: list[Any] = column.to_pylist()
        return values
    numbers: list[Any] = column.to_numpy(zero_copy_only=False).tolist()
    return numbers
