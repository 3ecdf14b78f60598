"""Reader of the Google cluster trace of 2011: one Borg cell of about 12,500 machines, 29 days in May."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np
from numpy.typing import NDArray

from policies.arrays import BoolArray, FloatArray, IntArray
from policies.errors import UserError
from policies.requests import Group, Job, Resources, Task
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

SUBMIT, SCHEDULE, EVICT, FAIL, FINISH, KILL, LOST, UPDATE_PENDING, UPDATE_RUNNING = range(9)
ADD, REMOVE, UPDATE = range(3)

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

#: From one SUBMIT of a task to its end. Running lives are on a machine at time 0, the others are input.
_LIFE = np.dtype(
    [
        ("job", "i8"), ("index", "i4"), ("machine", "i8"), ("submit", "i8"), ("run_s", "f8"), ("cpu", "i8"),
        ("memory", "i8"), ("priority", "i2"), ("user", "i4"), ("running", "?"), ("again", "?"),
    ]
)  # fmt: skip

Rows = NDArray[np.void]
Bools = BoolArray
Ints = IntArray
Floats = FloatArray

#: What was odd or is left out, and how often.
Odd = Counter[str]


class Google2011(Trace):
    """The Google cluster-usage traces v2.1, a folder with ``task_events/`` and ``machine_events/``.

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
            "job_events, task_constraints, task_usage and machine_attributes are not used",
            *self._notes,
        ]

    def files(self) -> list[Path]:
        """List the parts, in order of name."""
        return [*_parts(self.path / "machine_events"), *_parts(self.path / "task_events")]

    @cached_property
    def _recording(self) -> _Recording:
        machine_parts, task_parts = _parts(self.path / "machine_events"), _parts(self.path / "task_events")
        self.rejects.begin()
        odd: Odd = Counter()
        machine_events = self._read(machine_parts, MACHINE_COLUMNS, _machine_rows, _MACHINE_EVENT, odd)
        users: dict[str, int] = {}
        task_rows = partial(_task_rows, users=users)
        task_events = self._read(task_parts, TASK_COLUMNS, task_rows, _TASK_EVENT, odd)
        end_s = float(task_events["time"].max(initial=0)) / SECOND_US
        hosts = _hosts(machine_events, odd)
        lives = _lives(_in_order(task_events, odd), odd)
        running, names = lives["running"], list(users)
        made = _Recording(
            hosts,
            _prefill(lives[running], hosts, names, odd),
            _arrivals(lives[~running], np.unique(lives["job"][running]), names, odd),
            end_s,
        )
        self._notes = [*_which(task_parts), *(f"{text}: {count:,}" for text, count in odd.items() if count)]
        return made

    def _read(
        self,
        parts: list[Path],
        names: tuple[str, ...],
        rows: Callable[[Batch, Rejects, Odd], Rows],
        dtype: np.dtype[Any],
        odd: Odd,
    ) -> Rows:
        pieces: list[Rows] = [np.empty(0, dtype=dtype)]
        for part in parts:
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


def _codes(batch: Batch, name: str, known: dict[str, int]) -> Ints:
    """Give a column of text as numbers, those of `known`, which learns what it does not know."""
    column = batch.columns[name].dictionary_encode("encode")
    numbers = [known.setdefault(value or "", len(known)) for value in column.dictionary.to_pylist()]
    return np.array(numbers, dtype=np.int64)[column.indices.to_numpy(zero_copy_only=False)]


def _task_rows(batch: Batch, rejects: Rejects, odd: Odd, users: dict[str, int]) -> Rows:
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
        "user": _codes(batch, "user", users),
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
    return Hosts(names, np.array(capacity, dtype=np.int64).reshape(-1, 3).T, np.array(alive_at_0, dtype=bool), later)


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


def _lives(events: Rows, odd: Odd) -> Rows:
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
        "containers that share no machine with others of their job, not modelled yet": events["apart"][asked],
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


def _prefill(lives: Rows, hosts: Hosts, users: list[str], odd: Odd) -> list[Recorded]:
    """Put what runs at time 0 on its machines."""
    row_of = {int(name): row for row, name in enumerate(hosts.names)}
    row = np.array([row_of.get(machine, -1) for machine in lives["machine"].tolist()], dtype=np.int64)
    there = row >= 0
    there[there] = hosts.alive[row[there]]
    # Put elsewhere it would be a decision of ours in a recorded state; submitted, it would be input nobody sent.
    odd["containers that run at time 0 on a machine that is not there, left out"] += int((~there).sum())
    lives, row = lives[there], row[there]
    groups = _Groups(lives, _changes(lives["job"]))
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


def _arrivals(lives: Rows, ran: Ints, users: list[str], odd: Odd) -> list[Arrival]:
    """Make jobs of what is submitted, each of its first container's user; those of `ran` run at time 0 already."""
    lives = lives[np.lexsort((lives["index"], lives["submit"], lives["again"], lives["job"]))]
    begins = _changes(lives["job"]) | _changes(lives["again"])
    begins[1:] |= np.diff(lives["submit"]) > TOGETHER_US
    head = lives[begins]
    early_us = lives["submit"] - head["submit"][np.cumsum(begins) - 1]
    most_s = early_us.max(initial=0) / SECOND_US
    odd[f"containers submitted up to {most_s:.3g} s early, with the first of their job"] += int((early_us > 0).sum())

    groups = _Groups(lives, begins)
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

    def __init__(self, lives: Rows, begins: Bools) -> None:
        number = np.cumsum(begins)
        order = np.lexsort((lives["priority"], lives["memory"], lives["cpu"], number))
        differs = _changes(number[order])
        for name in ("cpu", "memory", "priority"):
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
        keys = zip(*(lives[name][self.first].tolist() for name in ("cpu", "memory", "priority")), strict=True)
        self.groups = [
            Group(tasks.setdefault(key, Task(Resources(*key[:2]), key[2])), members.size)
            for key, members in zip(keys, self.members, strict=True)
        ]


READER = Google2011
