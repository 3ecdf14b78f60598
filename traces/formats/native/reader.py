"""Reading the native format."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar
from urllib.parse import unquote

import numpy as np
import pyarrow as pa

from policies.arrays import BoolArray, FloatArray
from policies.errors import UserError
from policies.requests import IO_SIZE_BYTES
from traces.formats.native.columns import DEMAND, LATER, MODELLED, NUMBERS, REQUIRED
from traces.labels import read_constraints
from traces.reading import jobs
from traces.reading.arrays import arrow_of, filled
from traces.reading.late import Window
from traces.reading.options import DEFAULT, ReadOptions
from traces.reading.rejects import OnBadRow, Rejects
from traces.reading.seen import Seen
from traces.reading.tables import Batch, Reader, column_names
from traces.trace import Arrival, Trace
from traces.units import EXACT, GPU_MILLI, MILLI, thousandths

#: What a demand must be where it is no amount.
RANGES = {"random_io": "within 0 and 1", "io_size_bytes": "more than 0, and no more than any machine has"}

#: Stands for an empty field in a column of floats.
_EMPTY = -np.inf

#: How many rows a row may be late by.
WINDOW_ROWS = 2**15

_TOO_LATE = "submitted before rows that stand too far above it"


class Native(Trace):
    """The native format.

    Rows of one job that follow one another with the same submission time, workload class, user and mark of a
    resubmission (``again``) are unlike containers of that job. Rows stand in order of submission, or nearly: what comes
    late by no more than `WINDOW_ROWS` rows is put where it belongs.
    """

    format: ClassVar[str] = "native"

    def __init__(self, path: Path, rejects: Rejects, options: ReadOptions = DEFAULT) -> None:
        super().__init__(path, rejects, options)
        self._reader = Reader(path, rejects, required=REQUIRED, optional=MODELLED + LATER, numbers=NUMBERS)
        self._ignored: list[str] = []
        self._above: Seen | None = None  # names of jobs; not kept before some job comes after another
        self._window = Window("submit_s", WINDOW_ROWS)

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the jobs in order of submission."""
        self.rejects.begin()
        self.odd.clear()
        self._window = Window("submit_s", WINDOW_ROWS)
        return jobs.arrivals(self._window.sorted(self._blocks()))

    def _blocks(self, batches: int | None = None) -> Iterator[pa.RecordBatch]:
        """Yield the rows that can be used, of the first so many batches or of all."""
        latest, self._above = 0.0, None
        for number, batch in enumerate(self._reader.batches()):
            if number == batches:
                return
            self._ignored = [name for name in LATER if batch.has(name)]
            if self._above is None and batch.filled("after"):
                self._above = Seen()
                before = Native(self.path, Rejects(OnBadRow.SKIP))
                for rows in before._blocks(number):
                    self._above.add(rows["job"].to_pylist())
            rows, latest = self._checked(batch, latest)
            yield rows

    def progress(self) -> float:
        """Say which share of the file was read."""
        return self._reader.progress()

    def assumptions(self) -> list[str]:
        """Name the columns that have no effect yet, and say how many rows came late."""
        late = self._window.late
        return [
            *(f"{self.path}: column {name} is not modelled yet" for name in self._ignored),
            *([f"{self.path}: rows that came late, put in order: {late:,}"] if late else ()),
        ]

    def _checked(self, batch: Batch, latest: float) -> tuple[pa.RecordBatch, float]:
        """Give the rows that can be used, and the latest time of submission up to here."""
        submit_s, duration_s = batch.number("submit_s"), batch.number("duration_s")
        tasks, cpus, memory = batch.number("tasks"), batch.number("cpus"), batch.number("memory_bytes")
        gpus, priority = batch.number("gpus", missing=0.0), batch.number("priority", missing=0.0)
        apart, estimate_s = batch.number("apart", missing=0.0), batch.number("runtime_estimate_s", missing=_EMPTY)
        uses = _uses(batch, cpus, memory)

        batch.mark(~((submit_s >= 0) & (submit_s < np.inf)), "submit_s must be 0 or more", submit_s)
        batch.mark(~(duration_s >= 0), "duration_s must be 0 or more (inf for a run without end)", duration_s)
        batch.mark(~(_whole(tasks) & (tasks >= 1) & (tasks < 2**31)), "tasks must be a whole number from 1", tasks)
        for name, values, per_unit in (("cpus", cpus, MILLI), ("memory_bytes", memory, 1), ("gpus", gpus, GPU_MILLI)):
            batch.mark(~(values >= 0), f"{name} must be 0 or more", values)
            batch.mark(values >= EXACT / per_unit, f"{name} is more than any machine has", values)
        batch.mark(~_whole(memory), "memory_bytes must be a whole number", memory)
        batch.mark(~(_whole(priority) & (np.abs(priority) < 2**31)), "priority must be a whole number", priority)
        batch.mark(~((apart == 0) | (apart == 1)), "apart must be 0 or 1", apart)
        again = batch.number("again", missing=0.0)
        batch.mark(~((again == 0) | (again == 1)), "again must be 0 or 1", again)
        not_given = estimate_s == _EMPTY
        batch.mark(~(not_given | (estimate_s >= 0)), "runtime_estimate_s must be 0 or more, or empty", estimate_s)
        batch.require("job", "workload")
        constraints = _constraints(batch)
        batch.mark(submit_s < self._window.handed_on, _TOO_LATE, submit_s)
        # Last, since a row that is put aside says nothing about the order of the others.
        in_order = submit_s.copy()
        in_order[list(batch.bad)] = 0.0
        top = np.maximum.accumulate(np.concatenate(([latest], in_order)))
        if self._above is not None:
            self._check_after(batch, submit_s < top[:-1])
        texts = {
            name: batch.column(name) for name in ("job", "workload", "user", "after", "workflow") if batch.filled(name)
        }
        good = batch.reject(self.rejects)
        rows = jobs.block(
            len(batch), submit_s=submit_s, tasks=_int(tasks), duration_s=duration_s, cpu_milli=_int(thousandths(cpus)),
            memory_bytes=_int(memory), gpu_milli=_int(thousandths(gpus)), priority=_int(priority), apart=apart == 1,
            again=again == 1, estimate_s=np.where(not_given, np.nan, estimate_s), constraints=constraints,
            **texts, **uses,
        )  # fmt: skip
        return rows if good.size == len(batch) else rows.take(arrow_of(good)), float(top[-1])

    def _check_after(self, batch: Batch, late: BoolArray) -> None:
        """Mark rows that come after jobs that do not stand above."""
        assert self._above is not None
        for row, (job, text) in enumerate(zip(batch.text("job"), batch.text("after"), strict=True)):
            for name in map(unquote, text.split()):
                if name == job:
                    batch.bad.setdefault(row, ("a job cannot come after itself", text))
                elif name not in self._above:
                    batch.bad.setdefault(row, ("after names a job that does not stand above", name))
                elif late[row]:
                    batch.bad.setdefault(row, ("comes after others, and is submitted before the row above it", text))
            if row not in batch.bad:
                self._above.add([job])


def _uses(batch: Batch, cpus: FloatArray, memory: FloatArray) -> dict[str, FloatArray]:
    """Give what the containers of each row use, nothing where no row says it; what cannot be used is marked."""
    if not any(map(batch.filled, DEMAND)):
        return {}
    defaults = dict.fromkeys(DEMAND, 0.0) | {"io_size_bytes": float(IO_SIZE_BYTES)}
    # What is asked for, as the books have it; a request that is wrong is marked on its own account.
    asked = {"cpu_demand": thousandths(cpus) / MILLI, "memory_demand_bytes": memory}
    said, columns = np.zeros(len(batch), dtype=bool), []
    for name in DEMAND:
        values = batch.number(name, missing=_EMPTY)
        given = values != _EMPTY
        most = {"random_io": 1.0, "cpu_demand": EXACT / MILLI}.get(name, EXACT)
        right = (values > 0 if name == "io_size_bytes" else values >= 0) & (values <= most)
        batch.mark(
            given & ~right, f"{name} must be {RANGES.get(name, '0 or more, and no more than any machine has')}", values
        )
        columns.append(np.where(given, values, asked.get(name, defaults[name])))
        said |= given
    return {name: np.where(said, column, np.nan) for name, column in zip(jobs.DEMAND, columns, strict=True)}


def _constraints(batch: Batch) -> pa.Array | str:
    """Give the constraints of each row as text; those that are none are marked."""
    if not batch.filled("constraints"):
        return ""
    wrong: dict[str, str] = {}
    column = filled(batch.column("constraints"))
    for text in column.unique().to_pylist():
        try:
            read_constraints(text)
        except ValueError as error:
            wrong[text] = str(error)
    if wrong:
        for row, text in enumerate(column.to_pylist()):
            if text in wrong:
                batch.bad.setdefault(row, (wrong[text], text))
    return column


def _int(values: FloatArray) -> FloatArray:
    """Make whole numbers of what may have something else in rows that are not used."""
    return np.where(np.isfinite(values) & (np.abs(values) < 2.0**62), values, 0.0)


def _whole(values: FloatArray) -> BoolArray:
    whole: BoolArray = np.rint(values) == values
    return whole


def is_certain(path: Path) -> bool:
    """Say whether a path is a file with all columns that the format must have."""
    try:
        return path.is_file() and set(REQUIRED).issubset(column_names(path))
    except UserError:
        return False


def looks_like(path: Path) -> bool:
    """Say whether this may be a native trace: any file may, and what is wrong with it is told when it is read."""
    return path.is_file()
