"""Reader of the Google cluster trace of 2011: one Borg cell of about 12,500 machines, 29 days in May."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import replace
from functools import cached_property, partial
from heapq import merge
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from policies.arrays import BoolArray, FloatArray, IntArray
from policies.errors import UserError
from policies.requests import Constraint, Group, Job, Operator, Resources, Task
from traces.hosts import TOO_MUCH, HostEvent, Hosts
from traces.rejects import Rejects
from traces.tables import Batch, Reader
from traces.trace import OPEN_ENDED, Arrival, Recorded, RunTime, Trace
from traces.units import MILLI

#: The trace gives sizes as a share of the largest machine and keeps the real one secret. The ledger wants whole
#: numbers, so the largest machine is written as this many cores and bytes: a millionth of its CPU is a millicore.
REFERENCE_CORES = 1000
REFERENCE_MEMORY_BYTES = 10**12

#: Priorities from here on are Google's production tiers (9 to 11): what we call a service.
SERVICE_PRIORITY = 9

#: Containers of one job that are submitted at most this long after one another are one submission.
TOGETHER_US = 1_000_000

SECOND_US = 1_000_000

#: Numbers below it are exact as floats, and no recorded time or identifier comes near it.
EXACT = 2**53

# The official names (schema.csv); the files have no header line.
TASK_COLUMNS = (
    "time",
    "missing info",
    "job ID",
    "task index",
    "machine ID",
    "event type",
    "user",
    "scheduling class",
    "priority",
    "CPU request",
    "memory request",
    "disk space request",
    "different-machines restriction",
)
MACHINE_COLUMNS = ("time", "machine ID", "event type", "platform ID", "CPUs", "Memory")
CONSTRAINT_COLUMNS = ("time", "job ID", "task index", "comparison operator", "attribute name", "attribute value")
ATTRIBUTE_COLUMNS = ("time", "machine ID", "attribute name", "attribute value", "attribute deleted")

SUBMIT, SCHEDULE, EVICT, FAIL, FINISH, KILL, LOST, UPDATE_PENDING, UPDATE_RUNNING = range(9)
ADD, REMOVE, UPDATE = range(3)

#: Comparison operators by their numbers.
OPERATORS = (Operator.EQUAL, Operator.NOT_EQUAL, Operator.LESS, Operator.GREATER)

#: What a float makes of 2^63-1, which says "after the end of the trace", and what we keep instead.
_AFTER_THE_END = 2.0**63
_NEVER = 2**62

#: Stands for an empty field while a column is a float, and once its numbers are whole.
_EMPTY = -np.inf
_NONE = -1

# The lines of one time stand in no order, so this is ours: by event type, the lower the earlier.
_TASK_RANK = np.array([1, 3, 0, 0, 0, 0, 0, 2, 4], dtype=np.int8)
_LAST_RANK = 5
_MACHINE_RANK = np.array([1, 0, 2], dtype=np.int8)

_TASK_EVENT = np.dtype(
    [
        ("time", "i8"), ("job", "i8"), ("index", "i4"), ("machine", "i8"), ("event", "i1"), ("priority", "i2"),
        ("cpu", "i8"), ("memory", "i8"), ("user", "i4"), ("disk", "?"), ("apart", "?"),
    ]
)  # fmt: skip
_MACHINE_EVENT = np.dtype([("time", "i8"), ("machine", "i8"), ("event", "i1"), ("cpu", "i8"), ("memory", "i8")])
_CONSTRAINT = np.dtype(
    [("time", "i8"), ("job", "i8"), ("index", "i4"), ("operator", "i1"), ("name", "i4"), ("value", "i4")]
)
_ATTRIBUTE = np.dtype([("time", "i8"), ("machine", "i8"), ("name", "i4"), ("value", "i4")])

#: From one SUBMIT of a task to its end. Running lives are on a machine at time 0, the others are input.
_LIFE = np.dtype(
    [
        ("job", "i8"), ("index", "i4"), ("machine", "i8"), ("submit", "i8"), ("run_s", "f8"), ("cpu", "i8"),
        ("memory", "i8"), ("priority", "i2"), ("user", "i4"), ("running", "?"), ("again", "?"), ("apart", "?"),
        ("demands", "i4"),
    ]
)  # fmt: skip

Rows = NDArray[np.void]
Bools = BoolArray
Ints = IntArray
Floats = FloatArray

#: What was odd or is left out, and how often.
Odd = Counter[str]

#: Texts and their numbers, in order of appearance.
Words = dict[str, int]

#: Makes rows of a batch.
MakeRows = Callable[[Batch, Rejects, Odd], Rows]


class Google2011(Trace):
    """The Google cluster-usage traces v2.1, a folder with ``task_events/`` and ``machine_events/``.

    Where ``task_constraints/`` and ``machine_attributes/`` are there, too, containers demand what their tasks did when
    they were scheduled. Of the attributes those are kept that some constraint names.

    Every SUBMIT is a container of input, resubmissions after an eviction, a failure or a kill too. The containers of
    one Google job that are submitted within a second of one another are one `Job`, at the time of the first. A
    container asks for what its task asked for last when it was scheduled.

    Notes
    -----
    A run time is recorded from SCHEDULE to EVICT, FAIL, FINISH, KILL or LOST. A container that ended while it waited
    is taken to run for as long as it waited: so long its user wanted it. What runs at time 0 runs from 0 to its end;
    how long it had run before is not recorded.

    Times are as recorded, in seconds: the trace begins at 600 s, and 0 is the state before it.

    All events are held in memory while lives are made of them, once for each instance. At the peak that was measured
    as 190 bytes for each further event: 0.2 GB for three parts with 0.69 million events, so about 27 GB for the whole
    month of 144 million, which waits for a reader that streams.
    """

    format: ClassVar[str] = "google2011"
    credit: ClassVar[str] = (
        "Google cluster-usage traces v2.1 (ClusterData2011_2), Charles Reiss, John Wilkes, Google, CC-BY 4.0, "
        "https://github.com/google/cluster-data"
    )

    def __init__(self, path: Path, rejects: Rejects) -> None:
        super().__init__(path, rejects)
        self._notes: list[str] = []
        self._share = 0.0

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the jobs in order of submission; at one time by job ID, first submissions before others."""
        every = self._recording.arrivals
        for done, arrival in enumerate(every, start=1):
            self._share = done / len(every)
            yield arrival

    def prefill(self) -> Iterator[Recorded]:
        """Yield what runs at time 0, in order of job ID."""
        return iter(self._recording.prefill)

    def hosts(self) -> Hosts:
        """Give every machine that is ever there, in order of first appearance, then of machine ID."""
        return self._recording.hosts

    def end_s(self) -> float:
        """Give the time of the last task event that is here."""
        return self._recording.end_s

    def progress(self) -> float:
        """Say which share of the jobs was handed over; all files are read before the first."""
        return self._share

    def assumptions(self) -> list[str]:
        """List units, what is left out, and how often the recording was odd."""
        return [
            f"1.0 of CPU is written as {REFERENCE_CORES} cores, 1.0 of memory as {REFERENCE_MEMORY_BYTES:.0e} bytes: "
            "a unit, not a claim about the real machine",
            "times are as recorded: the trace begins at 600 s, time 0 is the state before it",
            "job_events and task_usage are not used",
            "a machine that lacks an attribute differs from every value of it, and is neither less nor greater; a "
            "constraint without a value asks whether the machine has the attribute"
            if self._picky
            else "task_constraints and machine_attributes are not both here: no container demands an attribute",
            *self._notes,
        ]

    def files(self) -> list[Path]:
        """List the parts, table by table in order of name."""
        tables = ("machine_events", "task_events", *(("machine_attributes", "task_constraints") if self._picky else ()))
        return [part for table in tables for part in _parts(self.path / table)]

    @property
    def _picky(self) -> bool:
        # Either without the other says nothing about who may go where.
        return all((self.path / table).is_dir() for table in ("machine_attributes", "task_constraints"))

    @cached_property
    def _recording(self) -> _Recording:
        self.rejects.begin()
        odd: Odd = Counter()
        machine_events = self._read("machine_events", MACHINE_COLUMNS, _machine_rows, _MACHINE_EVENT, odd)
        users: Words = {}
        task_rows = partial(_task_rows, users)
        task_events = self._read("task_events", TASK_COLUMNS, task_rows, _TASK_EVENT, odd)
        end_s = float(task_events["time"].max(initial=0)) / SECOND_US
        hosts, demands = _hosts(machine_events, odd), _Demands(np.empty(0, dtype=_CONSTRAINT), [])
        if self._picky:
            words: Words = {}
            make_rows = partial(_constraint_rows, words)
            constraints = self._read("task_constraints", CONSTRAINT_COLUMNS, make_rows, _CONSTRAINT, odd)
            demands = _Demands(constraints, list(words))
            names = {constraint.attribute for wanted in demands.sets for constraint in wanted}
            make_rows = partial(_attribute_rows, words, names)
            attributes = self._read("machine_attributes", ATTRIBUTE_COLUMNS, make_rows, _ATTRIBUTE, odd)
            hosts = _with_attributes(hosts, attributes, list(words), odd)
        lives = _lives(_in_order(task_events, odd), demands, odd)
        running, known = lives["running"], list(users)
        made = _Recording(
            hosts,
            _prefill(lives[running], hosts, known, demands, odd),
            _arrivals(lives[~running], np.unique(lives["job"][running]), known, demands, odd),
            end_s,
        )
        self._notes = [
            *_which(_parts(self.path / "task_events")),
            *(f"{text}: {count:,}" for text, count in odd.items() if count),
        ]
        return made

    def _read(self, table_name: str, names: tuple[str, ...], rows: MakeRows, dtype: np.dtype[Any], odd: Odd) -> Rows:
        pieces: list[Rows] = [np.empty(0, dtype=dtype)]
        for part in _parts(self.path / table_name):
            batches = Reader(part, self.rejects, names=names).batches()
            pieces.extend(rows(batch, self.rejects, odd) for batch in batches)
        table: Rows = np.concatenate(pieces)
        never = table["time"] == _NEVER
        odd["lines after the end of the trace, taken as never"] += int(never.sum())
        return table[~never] if never.any() else table


def looks_like(path: Path) -> bool:
    """Say whether a path is a folder laid out as the data set is."""
    return (path / "task_events").is_dir() and (path / "machine_events").is_dir()


class _Recording(NamedTuple):
    """What the parts say, ready to be handed over."""

    hosts: Hosts
    prefill: list[Recorded]
    arrivals: list[Arrival]
    end_s: float


# ---- Files ----------------------------------------------------------------------------------------------------------


def _parts(folder: Path) -> list[Path]:
    if not folder.is_dir():
        raise UserError(f"{folder}: no such folder")
    parts = sorted([*folder.glob("part-*.csv.gz"), *folder.glob("part-*.csv")])
    if not parts:
        raise UserError(f"{folder}: has no part-*.csv.gz")
    for part in parts:
        if part.suffix == ".csv" and part.with_name(f"{part.name}.gz") in parts:
            raise UserError(f"{part}: is there twice, plain and gzipped")
    return parts


def _which(parts: list[Path]) -> list[str]:
    """Say which parts of the month are here: what happened in the others is not known."""
    found = [re.fullmatch(r"part-(\d+)-of-(\d+)\.csv(\.gz)?", part.name) for part in parts]
    numbers = [int(match[1]) for match in found if match]
    if not numbers:
        return []
    whole = max(int(match[2]) for match in found if match)
    holes = sorted(set(range(max(numbers))) - set(numbers))
    missing = f"; part {holes[0]} is missing before others, what happened in it is lost" if holes else ""
    return [f"{len(numbers)} of {whole} parts of task_events are here{missing}"]


def _whole(batch: Batch, name: str, below: int = EXACT, *, optional: bool = False) -> Floats:
    values = batch.number(name, missing=_EMPTY)
    bad = ~((values >= 0) & (values < below) & (np.rint(values) == values))
    if optional:
        bad &= values != _EMPTY
    most = f" to {below - 1}" if below < EXACT else ""
    _mark(batch, name, bad, f"{name} must be a whole number from 0{most}")
    return np.where(values == _EMPTY, _NONE, values)


def _time(batch: Batch) -> Floats:
    values = batch.number("time", missing=_EMPTY)
    never = values == _AFTER_THE_END
    bad = ~never & ~((values >= 0) & (values < EXACT) & (np.rint(values) == values))
    _mark(batch, "time", bad, "time must be whole microseconds from 0")
    return np.where(never, _NEVER, values)


def _event(batch: Batch, types: int) -> Floats:
    values = batch.number("event type", missing=_EMPTY)
    _mark(batch, "event type", ~np.isin(values, np.arange(types)), "unknown event type")
    return values


def _amount(batch: Batch, name: str, reference: int) -> Floats:
    """Give a share of the largest machine in whole units, `_NONE` where it is empty, never nothing for something."""
    values = batch.number(name, missing=_EMPTY)
    empty = values == _EMPTY
    _mark(batch, name, ~(empty | (values >= 0)), f"{name} must be 0 or more")
    whole = values * reference
    _mark(batch, name, whole >= TOO_MUCH, f"{name} is more than any machine has")
    return np.where(empty, _NONE, np.where((whole > 0) & (whole < 1), 1, np.rint(whole)))


def _mark(batch: Batch, name: str, bad: Bools, reason: str) -> None:
    if bad.any():
        batch.mark(bad, reason, batch.text(name))


def _rows(columns: Mapping[str, NDArray[Any]], good: Ints, dtype: np.dtype[Any]) -> Rows:
    rows = np.empty(good.size, dtype=dtype)
    for name, values in columns.items():
        rows[name] = values[good]
    return rows


def _task_rows(users: Words, batch: Batch, rejects: Rejects, odd: Odd) -> Rows:
    cores = REFERENCE_CORES * MILLI
    columns = {
        "time": _time(batch),
        "job": _whole(batch, "job ID"),
        "index": _whole(batch, "task index", 2**31),
        "machine": _whole(batch, "machine ID", optional=True),
        "event": _event(batch, UPDATE_RUNNING + 1),
        "priority": _whole(batch, "priority", 2**15),
        "cpu": _amount(batch, "CPU request", cores),
        "memory": _amount(batch, "memory request", REFERENCE_MEMORY_BYTES),
        "user": _few_texts(batch, "user", users),
        "disk": _amount(batch, "disk space request", 1) > 0,
        "apart": _whole(batch, "different-machines restriction", 2, optional=True) > 0,
    }
    missing = _whole(batch, "missing info", 3, optional=True)
    good = batch.reject(rejects)
    odd["lines of task_events that Google made up for missing records"] += int((missing[good] != _NONE).sum())
    return _rows(columns, good, _TASK_EVENT)


def _machine_rows(batch: Batch, rejects: Rejects, _: Odd) -> Rows:
    columns = {
        "time": _time(batch),
        "machine": _whole(batch, "machine ID"),
        "event": _event(batch, UPDATE + 1),
        "cpu": _amount(batch, "CPUs", REFERENCE_CORES * MILLI),
        "memory": _amount(batch, "Memory", REFERENCE_MEMORY_BYTES),
    }
    return _rows(columns, batch.reject(rejects), _MACHINE_EVENT)


def _few_texts(batch: Batch, name: str, words: Words) -> Ints:
    """Give a column in which the same texts stand again and again as their numbers."""
    column = batch.columns[name].dictionary_encode("encode")
    numbers = _numbered([text or "" for text in column.dictionary.to_pylist()], words)
    return numbers[column.indices.to_numpy(zero_copy_only=False)]


def _constraint_rows(words: Words, batch: Batch, rejects: Rejects, odd: Odd) -> Rows:
    names, values = batch.text("attribute name"), batch.text("attribute value")
    operator = batch.number("comparison operator", missing=_EMPTY)
    known = np.isin(operator, np.arange(len(OPERATORS)))
    _mark(batch, "comparison operator", ~known, "unknown comparison operator")
    batch.mark(np.array([not name for name in names], dtype=bool), "attribute name is empty", names)
    orders = np.flatnonzero(known & (operator >= OPERATORS.index(Operator.LESS)))
    no_number = np.zeros(len(batch), dtype=bool)
    no_number[orders] = [not re.fullmatch(r"-?[0-9]+", values[row]) for row in orders]
    batch.mark(no_number, "a constraint with < or > compares with a whole number", values)
    columns = {
        "time": _time(batch),
        "job": _whole(batch, "job ID"),
        "index": _whole(batch, "task index", 2**31),
        "operator": operator,
        "name": _numbered(names, words),
        "value": _numbered(values, words),
    }
    return _rows(columns, batch.reject(rejects), _CONSTRAINT)


def _attribute_rows(words: Words, wanted: set[str], batch: Batch, rejects: Rejects, odd: Odd) -> Rows:
    names, deleted = batch.text("attribute name"), _whole(batch, "attribute deleted", 2)
    batch.mark(np.array([not name for name in names], dtype=bool), "attribute name is empty", names)
    time, machine, values = _time(batch), _whole(batch, "machine ID"), batch.text("attribute value")
    good = batch.reject(rejects)
    named = np.array([names[row] in wanted for row in good.tolist()], dtype=bool)
    odd["lines of machine_attributes about what no constraint names, left out"] += int((~named).sum())
    good = good[named]
    rows = np.empty(good.size, dtype=_ATTRIBUTE)
    rows["time"], rows["machine"] = time[good], machine[good]
    rows["name"] = _numbered([names[row] for row in good.tolist()], words)
    rows["value"] = _numbered([values[row] for row in good.tolist()], words)
    rows["value"][deleted[good] == 1] = _NONE
    return rows


def _numbered(texts: list[str], words: Words) -> Ints:
    """Give the number of each text, a new one for what was not there before."""
    return np.array([words.setdefault(text, len(words)) for text in texts], dtype=np.int64)


# ---- Constraints ----------------------------------------------------------------------------------------------------


class _Demands:
    """What tasks demand of their machines, and since when.

    Parameters
    ----------
    rows : ndarray of shape (n,)
        Lines of task_constraints; those of one task and time are one set, which replaces the set before it.
    words : list of str
        Attributes and values by their numbers.

    Attributes
    ----------
    sets : list of tuple of Constraint
        All different sets of constraints; the first is empty.
    """

    def __init__(self, rows: Rows, words: list[str]) -> None:
        self.sets: list[tuple[Constraint, ...]] = [()]
        rows = rows[np.lexsort([rows[name] for name in ("value", "operator", "name", "time", "index", "job")])]
        begins = _changes(rows["job"]) | _changes(rows["index"]) | _changes(rows["time"])
        starts = np.flatnonzero(begins)
        #: The first row of each set that a task is given, and the number of the set.
        self._given, self._set = rows[starts], np.zeros(starts.size, dtype=np.int64)
        numbers: dict[tuple[tuple[int, int, int], ...], int] = {(): 0}
        parts = list(zip(*(rows[name].tolist() for name in ("name", "operator", "value")), strict=True))
        for row, (start, end) in enumerate(
            zip(starts.tolist(), np.append(starts, rows.size)[1:].tolist(), strict=True)
        ):
            key = tuple(dict.fromkeys(parts[start:end]))
            if key not in numbers:
                numbers[key] = len(self.sets)
                self.sets.append(tuple(_constraint(words[n], OPERATORS[o], words[v]) for n, o, v in key))
            self._set[row] = numbers[key]

    def at(self, job: Ints, index: Ints, time: Ints) -> Ints:
        """Give the number of the set that each task was given last at some time, 0 where there is none."""
        given, n = self._given, self._given.size
        if not n:
            return np.zeros(job.size, dtype=np.int64)
        jobs, indices, times = (
            np.concatenate(pair) for pair in ((given["job"], job), (given["index"], index), (given["time"], time))
        )
        asks = np.arange(jobs.size) >= n
        order = np.lexsort((asks, times, indices, jobs))
        # The last set that stands before each question in this order, if it is of the same task.
        place = np.maximum.accumulate(np.where(asks[order], -1, np.arange(order.size)))
        last = order[place]
        same = (place >= 0) & (jobs[last] == jobs[order]) & (indices[last] == indices[order])
        answer = np.zeros(jobs.size, dtype=np.int64)
        answer[order[same]] = self._set[last[same]]
        return answer[n:]


def _constraint(name: str, operator: Operator, value: str) -> Constraint:
    if not value:
        return Constraint(name, Operator.ABSENT if operator is Operator.EQUAL else Operator.EXISTS)
    return Constraint(name, operator, value)


# ---- Machines -------------------------------------------------------------------------------------------------------


def _hosts(events: Rows, odd: Odd) -> Hosts:
    events = events[np.lexsort((_MACHINE_RANK[events["event"]], events["machine"], events["time"]))]
    row_of: dict[int, int] = {}
    size: list[Resources] = []  # as last given
    capacity: list[Resources] = []  # at time 0, or when it first joins
    alive: list[bool] = []
    alive_at_0: list[bool] = []
    joined: list[bool] = []
    later: list[HostEvent] = []
    columns = [events[name].tolist() for name in ("time", "machine", "event", "cpu", "memory")]
    for time, machine, kind, cpu, memory in zip(*columns, strict=True):
        host = row_of.setdefault(machine, len(row_of))
        if host == len(size):
            size.append(Resources())
            capacity.append(Resources())
            for states in (alive, alive_at_0, joined):
                states.append(False)
        before = size[host]
        if kind != REMOVE and _NONE in (cpu, memory):
            then = "taken as before" if before != Resources() else "never given before, it can hold nothing"
            odd[f"machine events without a size, {then}"] += 1
        now = size[host] = Resources(
            before.cpu_milli if cpu == _NONE else cpu, before.memory_bytes if memory == _NONE else memory
        )
        # A machine that is away stays away when its size changes; its next ADD will say the size.
        alive[host] = kind == ADD or (kind == UPDATE and alive[host])
        if time == 0 or not joined[host]:
            capacity[host] = now
        joined[host] |= alive[host]
        if time == 0:
            alive_at_0[host] = alive[host]
        else:
            later.append(HostEvent(time / SECOND_US, host, alive[host], now if alive[host] else None))
    names = [str(machine) for machine in row_of]
    whole = np.array(capacity, dtype=np.int64).reshape(-1, len(Resources._fields)).T
    return Hosts(names, whole, np.array(alive_at_0, dtype=bool), later)


def _with_attributes(hosts: Hosts, rows: Rows, words: list[str], odd: Odd) -> Hosts:
    """Give the machines their attributes, and the changes of these their place among the other events."""
    row_of = {int(name): row for row, name in enumerate(hosts.names)}
    attributes: list[dict[str, str]] = [{} for _ in hosts.names]
    changes: dict[tuple[int, int], dict[str, str | None]] = {}
    rows = rows[np.argsort(rows["time"], kind="stable")]
    for time, machine, name, value in rows.tolist():
        host = row_of.get(machine)
        if host is None:
            odd["lines of machine_attributes about machines that are never there, ignored"] += 1
        elif time:
            changes.setdefault((time, host), {})[words[name]] = None if value == _NONE else words[value]
        elif value != _NONE:
            attributes[host][words[name]] = words[value]
    changed = [HostEvent(time / SECOND_US, host, False, None, change) for (time, host), change in changes.items()]
    alive = hosts.alive.tolist()
    events = []
    for event in merge(hosts.events, changed, key=lambda event: event.t_s):
        if event.attributes is None:
            alive[event.host] = event.alive
        events.append(event._replace(alive=alive[event.host]))
    return replace(hosts, events=events, attributes=attributes)


# ---- Tasks ----------------------------------------------------------------------------------------------------------


def _changes(column: NDArray[Any]) -> Bools:
    """Mark the rows that differ from the row above; the first does."""
    differs = np.ones(column.size, dtype=bool)
    differs[1:] = column[1:] != column[:-1]
    return differs


def _in_order(events: Rows, odd: Odd) -> Rows:
    """Sort by task and time, and what happens to a task at one time into an order that can have been."""
    rank = _TASK_RANK[events["event"]]
    by_task = (events["time"], events["index"], events["job"])
    order = np.lexsort((rank, *by_task))
    kind = events["event"][order]
    task = _changes(events["job"][order]) | _changes(events["index"][order])
    moment = task | _changes(events["time"][order])
    ends = (kind >= EVICT) & (kind <= LOST)
    crowded = ends[:-1] & ~moment[1:]
    if crowded.any():
        # An end comes first where it makes way for a SUBMIT, and last where it ends what begins at the same time.
        number = np.cumsum(moment) - 1
        submitted = np.zeros(int(number[-1]) + 1, dtype=bool)
        submitted[number[kind == SUBMIT]] = True
        alive = ~task
        alive[1:] &= ~ends[:-1]
        rank[order[ends & ~(alive & submitted[number])]] = _LAST_RANK
        order = np.lexsort((rank, *by_task))
        kind = events["event"][order]
    twice = ~moment & ~_changes(kind) & (events["time"][order] == 0)
    odd["lines of task_events that say again how a task was at time 0, ignored"] += int(twice.sum())
    sorted_events: Rows = events[order[~twice]]
    return sorted_events


def _lives(events: Rows, demands: _Demands, odd: Odd) -> Rows:
    """Make lives of the events, which are in order of task and time."""
    if not events.size:
        return np.empty(0, dtype=_LIFE)
    events = _without_updates_of_the_running(events, odd)
    # Only these change what a task is: waiting, running, or neither.
    rows = np.flatnonzero(events["event"] <= LOST)
    kind = np.minimum(events["event"][rows], EVICT)  # EVICT stands for any end
    time = events["time"][rows]
    fresh = _changes(events["job"][rows]) | _changes(events["index"][rows])
    above = np.full(kind.size, EVICT, dtype=kind.dtype)
    above[1:][~fresh[1:]] = kind[:-1][~fresh[1:]]

    begins = (kind == SUBMIT) | ((kind == SCHEDULE) & (above != SUBMIT))
    begin = np.flatnonzero(begins)
    odd["ends of tasks that neither waited nor ran, ignored"] += int(((kind == EVICT) & (above == EVICT)).sum())
    # Two rows of nobody at the end, so that the next and the one after it are always there.
    kind, fresh, time = np.append(kind, [EVICT] * 2), np.append(fresh, [True] * 2), np.append(time, [_NEVER] * 2)
    rows = np.append(rows, [events.size] * 2)

    at_once = kind[begin] == SCHEDULE
    follows = ~at_once & ~fresh[begin + 1] & (kind[begin + 1] == SCHEDULE)
    scheduled = at_once | follows
    start = begin + follows
    end = start + 1
    ended = ~fresh[end]
    asked = np.where(scheduled, rows[start], rows[begin + 1] - 1)

    lives = np.empty(begin.size, dtype=_LIFE)
    for name in ("job", "index", "machine", "priority", "user"):
        lives[name] = events[name][asked]
    lives["submit"] = time[begin]
    lives["run_s"] = np.where(ended, (time[end] - time[start]) / SECOND_US, OPEN_ENDED)
    lives["cpu"] = _last_given(events["cpu"], rows[begin], asked)
    lives["memory"] = _last_given(events["memory"], rows[begin], asked)
    # A job keeps apart as a whole, whichever of its tasks said so.
    lives["apart"] = np.isin(lives["job"], lives["job"][events["apart"][asked]])
    lives["demands"] = demands.at(lives["job"], lives["index"], events["time"][asked])
    lives["running"] = scheduled & (time[start] == 0)
    lives["again"] = ~(_changes(lives["job"]) | _changes(lives["index"]))

    implicit = at_once & (time[begin] > 0)
    unsaid = (lives["cpu"] == _NONE) | (lives["memory"] == _NONE)
    for name in ("cpu", "memory"):
        lives[name][lives[name] == _NONE] = 0
    for text, cases in {
        "containers that ended while they waited, taken to run for as long as they waited": ended & ~scheduled,
        "containers without an end in the data, they run on": ~ended,
        "containers without an end when their task began anew, taken to end then": ended & (kind[end] != EVICT),
        "containers scheduled without having been submitted, submitted when they were scheduled": implicit,
        "containers that ask for no amount of CPU or memory, taken as 0": unsaid,
        "containers that ask for disk space, not modelled yet": events["disk"][asked],
        "containers that share no machine with others of their job": lives["apart"],
        "containers that demand attributes of their machine": lives["demands"] > 0,
    }.items():
        odd[text] += int(cases.sum())
    return lives


def _without_updates_of_the_running(events: Rows, odd: Odd) -> Rows:
    """Keep updates of what waits: they change what it asks for. Those of what runs are not modelled yet."""
    updates = events["event"] >= UPDATE_PENDING
    row = np.arange(events.size)
    task = np.maximum.accumulate(np.where(_changes(events["job"]) | _changes(events["index"]), row, 0))
    before = np.maximum.accumulate(np.where(updates, -1, row))
    waits = (before >= task) & (events["event"][before] == SUBMIT)
    ignored = updates & ~(waits & (events["event"] == UPDATE_PENDING))
    odd["changes of a request while the task does not wait, not modelled yet"] += int(ignored.sum())
    kept: Rows = events[~ignored] if ignored.any() else events
    return kept


def _last_given(column: Ints, first: Ints, last: Ints) -> Ints:
    """Find the last value that is given in the rows from `first` to `last`, `_NONE` where there is none."""
    given = np.maximum.accumulate(np.where(column == _NONE, -1, np.arange(column.size)))[last]
    return np.where(given >= first, column[given], _NONE)


def _prefill(lives: Rows, hosts: Hosts, users: list[str], demands: _Demands, odd: Odd) -> list[Recorded]:
    """Put what runs at time 0 on its machines."""
    row_of = {int(name): row for row, name in enumerate(hosts.names)}
    row = np.array([row_of.get(machine, -1) for machine in lives["machine"].tolist()], dtype=np.int64)
    there = row >= 0
    there[there] = hosts.alive[row[there]]
    # Put elsewhere it would be a decision of ours in a recorded state; submitted, it would be input nobody sent.
    odd["containers that run at time 0 on a machine that is not there, left out"] += int((~there).sum())
    lives, row = lives[there], row[there]
    groups = _Groups(lives, _changes(lives["job"]), demands)
    return [
        Recorded(str(job), _workload(task.priority), task, row[members], run_s, users[user])
        for job, user, (task, _), members, run_s in zip(
            *(lives[name][groups.first].tolist() for name in ("job", "user")),
            groups.groups,
            groups.members,
            groups.run_s,
            strict=True,
        )
    ]


def _arrivals(lives: Rows, ran: Ints, users: list[str], demands: _Demands, odd: Odd) -> list[Arrival]:
    """Make jobs of what is submitted, each of its first container's user; those of `ran` run at time 0 already."""
    lives = lives[np.lexsort((lives["index"], lives["submit"], lives["again"], lives["job"]))]
    begins = _changes(lives["job"]) | _changes(lives["again"])
    begins[1:] |= np.diff(lives["submit"]) > TOGETHER_US
    head = lives[begins]
    early_us = lives["submit"] - head["submit"][np.cumsum(begins) - 1]
    most_s = early_us.max(initial=0) / SECOND_US
    odd[f"containers submitted up to {most_s:.3g} s early, with the first of their job"] += int((early_us > 0).sum())

    groups = _Groups(lives, begins, demands)
    starts = np.flatnonzero(groups.begins)
    ends = np.append(starts[1:], len(groups.groups))
    # A job stands with its first submission first, unless it runs at time 0.
    resubmission = ~_changes(head["job"]) | np.isin(head["job"], ran)
    order = np.argsort(head["submit"], kind="stable")  # at one time by job, its first submission first
    columns = (head["job"], head["submit"], head["user"], resubmission, starts, ends)
    arrivals = []
    for job, submit, user, again, start, end in zip(*(column[order].tolist() for column in columns), strict=True):
        unlike = tuple(groups.groups[start:end])
        # The most important part speaks for a job whose parts differ.
        workload = _workload(max(task.priority for task, _ in unlike))
        whole = Job(str(job), submit / SECOND_US, workload, unlike, again, users[user])
        arrivals.append(Arrival(whole, tuple(groups.run_s[start:end])))
    return arrivals


def _workload(priority: int) -> str:
    return "service" if priority >= SERVICE_PRIORITY else "batch"


class _Groups:
    """Equal containers of one submission, in order of first appearance.

    Parameters
    ----------
    lives : ndarray of shape (n,)
        Those of one submission follow one another.
    begins : ndarray of bool, shape (n,)
        Where a submission begins.
    demands : _Demands
        What `lives` refer to.

    Attributes
    ----------
    groups : list of Group
    members : list of ndarray of int, shape (count,)
        For each group its rows of `lives`.
    run_s : list of ndarray of float, shape (count,)
        For each group the run times of its members; read-only, for they are handed out more than once.
    first : ndarray of int, shape (n_groups,)
        The first member of each.
    begins : ndarray of bool, shape (n_groups,)
        Whether a group is the first of its submission.
    """

    #: What makes containers unlike.
    KEYS = ("cpu", "memory", "priority", "demands", "apart")

    def __init__(self, lives: Rows, begins: Bools, demands: _Demands) -> None:
        number = np.cumsum(begins)
        order = np.lexsort((*(lives[name] for name in reversed(self.KEYS)), number))
        differs = _changes(number[order])
        for name in self.KEYS:
            differs |= _changes(lives[name][order])
        start = np.flatnonzero(differs)
        # The sort is stable: the first member of a group is the one that appears first.
        appearance = np.argsort(order[start])
        start, end = start[appearance], np.append(start[1:], order.size)[appearance]
        run_s = lives["run_s"][order]
        run_s.flags.writeable = False

        self.first = order[start]
        self.begins = _changes(number[self.first])
        self.members = [order[a:b] for a, b in zip(start.tolist(), end.tolist(), strict=True)]
        self.run_s: list[RunTime] = [run_s[a:b] for a, b in zip(start.tolist(), end.tolist(), strict=True)]
        tasks: dict[tuple[int, ...], Task] = {}  # equal ones share an object
        keys = zip(*(lives[name][self.first].tolist() for name in self.KEYS), strict=True)
        self.groups = [
            Group(tasks.setdefault(key, Task(Resources(*key[:2]), key[2], demands.sets[key[3]], key[4])), members.size)
            for key, members in zip(keys, self.members, strict=True)
        ]


READER = Google2011
