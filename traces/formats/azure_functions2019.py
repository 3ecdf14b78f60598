"""Azure's trace of functions of 2019: how often each was invoked in every minute of 14 days.

For each day there are three tables, whose columns are as the publisher's page says
(AzureFunctionsDataset2019.md):

- ``invocations_per_function_md.anon.dNN.csv``: ``HashOwner, HashApp, HashFunction, Trigger`` and the minutes ``1`` to
  ``1440``;
- ``function_durations_percentiles.anon.dNN.csv``: run times of each function in ms, ``Average``, ``Minimum``,
  ``Maximum`` and percentiles of averages over 30 s;
- ``app_memory_percentiles.anon.dNN.csv``: memory of each application in MB; of the last two days there is none.

Names like ``invocations.csv``, ``durations.csv``, ``memory.csv`` are one day, and memory may then be of each function.

What an invocation is taken for
-------------------------------
- Each is a job of one container. Those of one function in one minute are spread evenly over it.
- How long one ran is not recorded. The i-th invocation of a function on a day (from 0) is given the quantile
  ``frac((i + 1/2) g)`` of the function's run times on that day, with g = 0.618..., the golden section; percentiles are
  joined by straight lines. These numbers fill 0 to 1 evenly however many there are (a Kronecker sequence), and no
  chance is in it.
- It asks for the memory that its application had on average, although invocations of one application may share that.
- CPU was not recorded: it asks for one core.
- Somebody waits for the answer to an ``http`` trigger: that is the class service, all others are batch.
"""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from functools import cached_property
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import pyarrow as pa

from policies.arrays import FloatArray, IntArray
from policies.errors import UserError
from traces.hosts import TOO_MUCH
from traces.reading import jobs
from traces.reading.arrays import arrow_of, numpy_of
from traces.reading.options import DEFAULT, ReadOptions
from traces.reading.ordered import ordered
from traces.reading.rejects import Rejects
from traces.reading.sniff import first_rows
from traces.reading.tables import Batch, Reader
from traces.trace import Arrival, Trace
from traces.units import EXACT, MILLI

MINUTE_S = 60.0
MINUTES = 1440
DAY_S = MINUTE_S * MINUTES

MIB = 2**20

NAMES = ("HashOwner", "HashApp", "HashFunction", "Trigger")
COUNTS = tuple(str(minute) for minute in range(1, MINUTES + 1))
PERCENTS = (0, 1, 25, 50, 75, 99, 100)
QUANTILES = tuple(f"percentile_Average_{percent}" for percent in PERCENTS)
DURATIONS = (*NAMES[:3], "Average", "Count", "Minimum", "Maximum", *QUANTILES)
MEMORY = (
    *NAMES[:2], "SampleCount", "AverageAllocatedMb",
    *(f"AverageAllocatedMb_pct{percent}" for percent in (1, 5, 25, 50, 75, 95, 99, 100)),
)  # fmt: skip

#: What an invocation is taken for of whose function nobody knows it: half of the functions run for less than a second
#: on average, and half of the applications have no more than 170 MB (Shahrad et al., USENIX ATC 2020).
USUAL_RUN_S = 1.0
USUAL_MEMORY_BYTES = 170 * MIB

#: More invocations of one function in a minute are a damaged row: 70,000 in a second.
TOO_MANY = 2**22
#: About how many invocations are made at a time.
AT_ONCE = 2**15

GOLDEN = (5**0.5 - 1) / 2

#: What is known of a function in a minute: its row among the functions of the day, how often it was invoked then, and
#: how often before on that day.
CELL = ("minute", "function", "count", "before")

_KINDS = ("invocations", "durations", "memory")
_FILE = re.compile(
    r"(?:function_|app_)?(invocations|durations|memory)(?:_per_function_md|_percentiles)?(?:\.anon)?(?:\.d(\d{1,6}))?"
    r"\.csv(?:\.gz)?",
    re.ASCII,
)


class Day(NamedTuple):
    """The tables of a day; of each but the first there may be none."""

    number: int
    invocations: Path
    durations: Path | None
    memory: Path | None


class AzureFunctions2019(Trace):
    """A folder with the tables of some days, or one table of invocations, with what is beside it of its day.

    Notes
    -----
    The counts of a day are sorted by minute, on disk where they are many. In memory are the functions of a day: their
    names, run times and memory, and what was known of functions on earlier days.
    """

    format: ClassVar[str] = "azure_functions2019"
    dataset: ClassVar[str] = "Azure Functions trace 2019: invocations of a sample of applications in 14 days"
    licence: ClassVar[str] = "CC-BY 4.0 (Azure/AzurePublicDataset)"
    credit: ClassVar[str] = (
        "Microsoft Azure; Shahrad et al., Serverless in the Wild, USENIX ATC 2020, "
        "https://github.com/Azure/AzurePublicDataset"
    )

    def __init__(self, path: Path, rejects: Rejects, options: ReadOptions = DEFAULT) -> None:
        super().__init__(path, rejects, options)
        self._progress: Callable[[], float] = lambda: 0.0

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the invocations in order of time, at one time in order of their functions' rows."""
        self.rejects.begin()
        self.odd.clear()
        return jobs.arrivals(self._blocks())

    def progress(self) -> float:
        """Say which share of the days was read."""
        return self._progress()

    def end_s(self) -> float:
        """Give the end of the last day."""
        return (self._days[-1].number - self._days[0].number + 1) * DAY_S

    def assumptions(self) -> list[str]:
        """List units, what is left out, and how often the recording was odd."""
        return [
            "time 0 is the beginning of the first day that is here; invocations of a function in a minute are spread "
            "evenly over it",
            "run times are quantiles of the percentiles of the function's averages on that day, each its turn, in ms; "
            "cold starts, minima and maxima are not used",
            "an invocation asks for the memory that its application has on average, whose percentiles are not used; a "
            "MB is 2^20 bytes",
            "CPU was not recorded: an invocation asks for 1 core",
            "invocations by http are of the class service, all others are batch; the user is the owner",
            "what invocations use is not known: as much as they ask for; there are no hosts",
            *(f"day {day.number}: no table of durations" for day in self._days if day.durations is None),
            *(f"day {day.number}: no table of memory" for day in self._days if day.memory is None),
            *self.counted(),
        ]

    def files(self) -> list[Path]:
        """List the tables, day by day."""
        return [table for day in self._days for table in day[1:] if table is not None]

    @cached_property
    def _days(self) -> list[Day]:
        found = days(self.path)
        if not found:
            raise UserError(f"{self.path}: has no table of invocations")
        return found

    def _blocks(self) -> Iterator[pa.RecordBatch]:
        run_s: dict[str, FloatArray] = {}
        memory: dict[str, int] = {}
        for done, day in enumerate(self._days):
            known = _Functions(run_s, memory, self.odd)
            known.take(day, self.rejects)
            reader = Reader(day.invocations, self.rejects, required=(*NAMES, *COUNTS), numbers=COUNTS)
            self._progress = lambda done=done, reader=reader: (done + reader.progress()) / len(self._days)  # type: ignore[misc]
            counts = ordered((known.counts(batch, self.rejects) for batch in reader.batches()), by=("minute",))
            functions = known.columns()
            number = day.number - self._days[0].number
            for cells in _stretches(counts):
                yield from _invocations(functions, cells, number)


class Columns(NamedTuple):
    """What is known of the functions of a day, in the order of their rows."""

    name: pa.Array
    owner: pa.Array
    workload: pa.Array
    memory_bytes: IntArray
    run_s: FloatArray  # (n, len(PERCENTS))


class _Functions:
    """The functions of a day, and what is known of those of the days before."""

    def __init__(self, run_s: dict[str, FloatArray], memory: dict[str, int], odd: Counter[str]) -> None:
        self._run_s, self._memory, self._odd = run_s, memory, odd
        self._names: list[str] = []
        self._times: dict[str, int] = {}
        self._owners: list[str] = []
        self._workloads: list[str] = []
        self._memories: list[int] = []
        self._runs: list[FloatArray] = []
        self._today: tuple[set[str], set[str]] = set(), set()

    def take(self, day: Day, rejects: Rejects) -> None:
        """Read the tables of run times and memory of a day; what they do not tell is as on the day before."""
        if day.durations is not None:
            reader = Reader(day.durations, rejects, required=DURATIONS, numbers=DURATIONS[3:])
            for batch in reader.batches():
                self._durations(batch, rejects)
        if day.memory is not None:
            reader = Reader(day.memory, rejects, required=MEMORY, optional=NAMES[2:3], numbers=MEMORY[2:])
            for batch in reader.batches():
                self._memories_of(batch, rejects)

    def _durations(self, batch: Batch, rejects: Rejects) -> None:
        batch.require("HashFunction")
        names = batch.text("HashFunction")
        times = np.array([batch.number(name) for name in QUANTILES])
        for name, values in zip(QUANTILES, times, strict=True):
            batch.mark(~((values >= 0) & (values < EXACT)), f"{name} must be 0 or more", values)
        for name in DURATIONS[3:7]:
            batch.number(name)  # not used, but where it is no number the row is damaged
        for row in batch.reject(rejects).tolist():
            again = names[row] in self._today[0]
            self._odd["rows of durations of a function that has one already, ignored"] += again
            if not again:
                self._today[0].add(names[row])
                self._run_s[names[row]] = times[:, row] / 1000.0

    def _memories_of(self, batch: Batch, rejects: Rejects) -> None:
        # Officially each row is of an application.
        key = "HashFunction" if batch.has("HashFunction") else "HashApp"
        batch.require(key)
        names, amounts = batch.text(key), batch.number("AverageAllocatedMb")
        for name in MEMORY[2:]:
            batch.number(name)  # as above
        right = (amounts >= 0) & (amounts < TOO_MUCH / MIB)
        batch.mark(~right, "AverageAllocatedMb must be 0 or more", amounts)
        for row in batch.reject(rejects).tolist():
            again = names[row] in self._today[1]
            self._odd["rows of memory of an application that has one already, ignored"] += again
            if not again:
                self._today[1].add(names[row])
                self._memory[names[row]] = round(amounts[row] * MIB)

    def counts(self, batch: Batch, rejects: Rejects) -> pa.RecordBatch:
        """Take some functions; give how often each was invoked in which minute, and how often before on that day."""
        counts = np.array([batch.number(name) for name in COUNTS])
        right = (counts >= 0) & (counts < TOO_MANY) & (np.rint(counts) == counts)
        wrong = ~right.all(axis=0)
        shown = [f"{counts[:, row][~right[:, row]][0]:g}" if bad else "" for row, bad in enumerate(wrong.tolist())]
        batch.mark(wrong, f"invocations in a minute must be a whole number from 0, less than {TOO_MANY:,}", shown)
        batch.require("HashFunction")
        texts = [batch.text(name) for name in NAMES]
        # Its minutes would be taken for a million invocations.
        header = np.array([name == NAMES[2] for name in texts[2]], dtype=bool)
        batch.mark(header, "a second header line", texts[2])
        good = batch.reject(rejects)
        first = len(self._names)
        for row in good.tolist():
            self._add(*(text[row] for text in texts))
        whole = counts[:, good].astype(np.int64)
        self._odd["functions (on a day) that were never invoked"] += int((~whole.any(axis=0)).sum())
        before = np.cumsum(whole, axis=0) - whole
        minute, of = whole.nonzero()
        columns = (minute, of + first, whole[minute, of], before[minute, of])
        return pa.RecordBatch.from_pydict(dict(zip(CELL, map(arrow_of, columns), strict=True)))

    def _add(self, owner: str, app: str, name: str, trigger: str) -> None:
        times = self._times[name] = self._times.get(name, 0) + 1
        self._odd["rows of invocations of a function that has one already on that day, named after it"] += times > 1
        self._names.append(name if times == 1 else f"{name}#{times}")
        self._owners.append(owner)
        self._workloads.append("service" if trigger == "http" else "batch")
        run_s = self._run_s.get(name)
        if run_s is None:
            run_s = np.full(len(PERCENTS), USUAL_RUN_S)
            self._odd[f"functions (on a day) without durations, their invocations run for {USUAL_RUN_S:g} s"] += 1
        elif name not in self._today[0]:
            self._odd["functions (on a day) without durations on that day, an earlier one counts"] += 1
        self._runs.append(run_s)
        key = name if name in self._memory else app
        memory = self._memory.get(key)
        if memory is None:
            self._odd[f"functions (on a day) without memory, they ask for {USUAL_MEMORY_BYTES // MIB} MB"] += 1
        elif key not in self._today[1]:
            self._odd["functions (on a day) without memory on that day, an earlier one counts"] += 1
        self._memories.append(USUAL_MEMORY_BYTES if memory is None else memory)

    def columns(self) -> Columns:
        """Give what is known of all that were taken."""
        return Columns(
            pa.array(self._names, pa.string()),
            pa.array(self._owners, pa.string()),
            pa.array(self._workloads, pa.string()),
            np.array(self._memories, dtype=np.int64),
            np.array(self._runs, dtype=np.float64).reshape(-1, len(PERCENTS)),
        )


def _stretches(counts: Iterable[pa.RecordBatch]) -> Iterator[IntArray]:
    """Give some minutes at a time, or one that has more invocations than that, shape (len(CELL), n)."""
    held: list[IntArray] = []
    total = 0
    for cells in _minutes(counts):
        some = int(cells[CELL.index("count")].sum())
        if held and total + some > AT_ONCE:
            yield np.concatenate(held, axis=1)
            held, total = [], 0
        held.append(cells)
        total += some
    if held:
        yield np.concatenate(held, axis=1)


def _minutes(counts: Iterable[pa.RecordBatch]) -> Iterator[IntArray]:
    """Give minute after minute, in which functions were invoked how often, shape (len(CELL), n)."""
    held: list[IntArray] = []
    current = -1
    for rows in counts:
        cells: IntArray = np.array([numpy_of(rows[name]) for name in CELL])
        starts = np.flatnonzero(np.diff(cells[0], prepend=-1)).tolist()
        for start, end in zip(starts, [*starts[1:], rows.num_rows], strict=True):
            if held and int(cells[0, start]) != current:
                yield np.concatenate(held, axis=1)
                held = []
            current = int(cells[0, start])
            held.append(cells[:, start:end])
    if held:
        yield np.concatenate(held, axis=1)


def _invocations(functions: Columns, cells: IntArray, day: int) -> Iterator[pa.RecordBatch]:
    """Make blocks of the invocations of some minutes, in order of time.

    Parameters
    ----------
    functions : Columns
        What is known of the functions.
    cells : ndarray of int, shape (len(CELL), n)
        Whole minutes, in order; only if it is one there may be more than `AT_ONCE` invocations.
    day : int
        Counted from the first one that is here, from 0.
    """
    minute, of, count, before = cells
    pieces = -(-int(count.sum()) // AT_ONCE)  # of the one minute, one after the other
    for piece in range(pieces):
        # Number k of n comes at (k + 1/2) / n of the minute.
        from_part, to_part = piece / pieces, (piece + 1) / pieces
        first, end = (np.ceil(count * part - 0.5).astype(np.int64) for part in (from_part, to_part))
        first, end = np.maximum(first, 0), count if piece + 1 == pieces else end
        some = end - first
        row = np.repeat(np.arange(of.size), some)
        number = np.arange(row.size) - np.repeat(np.cumsum(some) - some, some) + first[row]
        # On the edge of a piece rounding must not put one before another that came earlier.
        at = np.clip((number + 0.5) / count[row], from_part, to_part)
        order = np.lexsort((of[row], at, minute[row]))
        row, number, at = row[order], number[order], at[order]
        function, when = arrow_of(of[row]), minute[row] + day * MINUTES
        known = zip(functions.name.take(function).to_pylist(), when.tolist(), number.tolist(), strict=True)
        yield jobs.block(
            row.size,
            submit_s=when * MINUTE_S + at * MINUTE_S,
            job=[f"{name}/{minutes}/{k}" for name, minutes, k in known],
            user=functions.owner.take(function),
            workload=functions.workload.take(function),
            duration_s=_quantiles(functions.run_s[of[row]], (before[row] + number + 0.5) * GOLDEN % 1.0),
            cpu_milli=MILLI,
            memory_bytes=functions.memory_bytes[of[row]],
        )


def _quantiles(values: FloatArray, at: FloatArray) -> FloatArray:
    """Give a quantile of each row of `PERCENTS`, shape (n,); at is from 0 to 1."""
    percents = np.array(PERCENTS, dtype=np.float64) / 100.0
    right = np.clip(np.searchsorted(percents, at, side="right"), 1, len(PERCENTS) - 1)
    row = np.arange(at.size)
    low, high = values[row, right - 1], values[row, right]
    part = (at - percents[right - 1]) / (percents[right] - percents[right - 1])
    found: FloatArray = low + part * (high - low)
    return found


def days(path: Path) -> list[Day]:
    """Find the tables of the days, in order.

    Raises
    ------
    UserError
        If there are two tables of one kind for one day.
    """
    folder = path if path.is_dir() else path.parent
    tables: dict[tuple[str, int], Path] = {}
    for file in sorted(folder.iterdir()) if folder.is_dir() else ():
        if (match := _FILE.fullmatch(file.name)) and (path.is_dir() or match[1] != "invocations"):
            key = match[1], int(match[2] or 1)
            if key in tables:
                raise UserError(f"{file}: a second table of {key[0]} for day {key[1]}, beside {tables[key].name}")
            tables[key] = file
    if not path.is_dir():
        match = _FILE.fullmatch(path.name)
        tables["invocations", int(match[2] or 1) if match else 1] = path
    return [
        Day(number, file, *(tables.get((other, number)) for other in _KINDS[1:]))
        for (kind, number), file in sorted(tables.items(), key=lambda entry: entry[0][1])
        if kind == _KINDS[0]
    ]


def looks_like(path: Path) -> bool:
    """Say whether a path is a table of invocations, or a folder with one: by its first columns."""
    try:
        found = days(path)
    except UserError:
        return False
    rows = first_rows(found[0].invocations, 1) if found else []
    return bool(rows) and tuple(rows[0][: len(NAMES) + 1]) == (*NAMES, COUNTS[0])


READER = AzureFunctions2019
