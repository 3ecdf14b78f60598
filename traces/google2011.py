"""Reader of the Google cluster trace of 2011: one Borg cell of about 12,500 machines, 29 days in May."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from policies.errors import UserError
from policies.requests import Group, Job, Resources, Task
from traces.hosts import HostEvent, Hosts
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

#: More than any machine has of anything, and more than any time or number that is recorded; exact as a float.
TOO_MUCH = 2**53

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
        ("cpu", "i8"), ("memory", "i8"), ("disk", "?"), ("apart", "?"),
    ]
)  # fmt: skip
_MACHINE_EVENT = np.dtype([("time", "i8"), ("machine", "i8"), ("event", "i1"), ("cpu", "i8"), ("memory", "i8")])

#: From one SUBMIT of a task to its end. Running lives are on a machine at time 0, the others are input.
_LIFE = np.dtype(
    [
        ("job", "i8"), ("index", "i4"), ("machine", "i8"), ("submit", "i8"), ("run_s", "f8"), ("cpu", "i8"),
        ("memory", "i8"), ("priority", "i2"), ("running", "?"), ("again", "?"),
    ]
)  # fmt: skip

Rows = NDArray[np.void]
Bools = NDArray[np.bool_]
Ints = NDArray[np.int64]
Floats = NDArray[np.float64]


class Google2011(Trace):
    """The Google cluster-usage traces v2.1, a folder with ``task_events/`` and ``machine_events/``.

    Every SUBMIT is a container of input, resubmissions after an eviction, a failure or a kill too. The containers of
    one Google job that are submitted within a second of one another are one `Job`. What a task asked for last before
    it was scheduled is what its container asks for.

    Notes
    -----
    A run time is recorded from SCHEDULE to EVICT, FAIL, FINISH, KILL or LOST. A container that ended while it waited
    is taken to run for as long as it waited: so long its user wanted it. What runs at time 0 runs from 0 to its end:
    how long it had run before is not recorded.

    Times are as recorded, in seconds: the trace begins at 600 s, and 0 is the state before it.

    All events are held in memory while the lives of the tasks are made of them, once per instance: 49 bytes an event,
    at the peak about 290 bytes an event. The three parts of 0.69 million events need 0.2 GB, the whole month of
    144 million would need about 40 GB; it needs a reader that streams.
    """

    format = "google2011"
    credit = (
        "Google cluster-usage traces v2.1 (ClusterData2011_2), Charles Reiss, John Wilkes, Google, CC-BY 4.0, "
        "https://github.com/google/cluster-data"
    )

    def __init__(self, path: Path, rejects: Rejects) -> None:
        super().__init__(path, rejects)
        self._tasks: dict[tuple[int, int, int], Task] = {}
        self._notes: list[str] = []
        self._share = 0.0

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the jobs in order of submission; at one time by job ID, a job's first submission first."""
        lives, groups = self._recording.submitted, self._recording.submitted_groups
        heads = np.flatnonzero(groups.heads)
        ends = np.append(heads[1:], groups.first.size)
        head = lives[groups.first[heads]]
        order = np.lexsort((np.arange(heads.size), head["job"], head["submit"]))
        starts, ends = heads[order].tolist(), ends[order].tolist()
        # The highest priority speaks for the job: whoever waits for its service waits for the most important part.
        priority = np.maximum.reduceat(lives["priority"][groups.first], heads)[order] if heads.size else heads
        made = [self._group(lives, groups, number) for number in range(groups.first.size)]
        for done, (start, end, job, submit, top, again) in enumerate(
            zip(
                starts,
                ends,
                head["job"][order].tolist(),
                (head["submit"][order] / SECOND_US).tolist(),
                priority.tolist(),
                self._recording.resubmission[order].tolist(),
                strict=True,
            ),
            start=1,
        ):
            wanted, run_s = zip(*made[start:end], strict=True)
            self._share = done / heads.size
            yield Arrival(Job(str(job), submit, _workload(top), wanted, again), run_s)

    def prefill(self) -> Iterator[Recorded]:
        """Yield what runs at time 0, in order of job ID."""
        lives, groups = self._recording.running, self._recording.running_groups
        hosts = self._recording.running_hosts[groups.order]
        for number, (row, start, end) in enumerate(zip(groups.first, groups.start, groups.end, strict=True)):
            (task, _), run_s = self._group(lives, groups, number)
            yield Recorded(str(lives["job"][row]), _workload(task.priority), task, hosts[start:end], run_s)

    def hosts(self) -> Hosts:
        """Give every machine that is ever there, in order of first appearance, then of machine ID."""
        return self._recording.hosts

    def end_s(self) -> float:
        """Give the time of the last task event that is here."""
        return self._recording.end_s

    def progress(self) -> float:
        """Say which share of the jobs was handed over; the files are read before the first."""
        return self._share

    def assumptions(self) -> list[str]:
        """List units, what is left out, and how often the recording was odd."""
        return [
            f"1.0 of CPU is written as {REFERENCE_CORES} cores and 1.0 of memory as {REFERENCE_MEMORY_BYTES / 1e12:g} TB: "
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
        notes = _Notes(_holes(task_parts))
        machines = self._read(machine_parts, MACHINE_COLUMNS, _machine_rows, _MACHINE_EVENT, notes)
        hosts = _hosts(machines, notes)
        events = self._read(task_parts, TASK_COLUMNS, _task_rows, _TASK_EVENT, notes)
        end_s = float(events["time"].max(initial=0)) / SECOND_US
        lives = _lives(_in_order(events, notes), notes)
        del events

        ran = np.unique(lives["job"][lives["running"]])
        running, running_hosts = _on_hosts(lives[lives["running"]], hosts, notes)
        submitted = lives[~lives["running"]]
        submitted = submitted[np.lexsort((submitted["index"], submitted["submit"], submitted["again"], submitted["job"]))]
        begins = _changes(submitted["job"]) | _changes(submitted["again"])
        begins[1:] |= np.diff(submitted["submit"]) > TOGETHER_US
        head = submitted[begins]
        if head.size:
            number = np.cumsum(begins) - 1
            late_s = (submitted["submit"] - head["submit"][number]).max() / SECOND_US
            notes.add(int((~begins).sum()), f"containers are submitted with the first of their job, at most {late_s:.3g} s early")
        made = _Recording(
            hosts=hosts,
            running=running,
            running_hosts=running_hosts,
            running_groups=_groups(running, _changes(running["job"])),
            submitted=submitted,
            submitted_groups=_groups(submitted, begins),
            resubmission=~_changes(head["job"]) | head["again"] | np.isin(head["job"], ran),
            end_s=end_s,
        )
        self._notes = notes.lines
        return made

    def _read(
        self,
        parts: list[Path],
        names: tuple[str, ...],
        rows: Callable[[Batch, Rejects, _Notes], Rows],
        dtype: np.dtype[Any],
        notes: _Notes,
    ) -> Rows:
        counted = _Notes([])
        pieces = [np.empty(0, dtype=dtype)]
        for part in parts:
            pieces += [rows(batch, self.rejects, counted) for batch in Reader(part, self.rejects, names=names).batches()]
        table = np.concatenate(pieces)
        later = table["time"] == _NEVER
        counted.add(int(later.sum()), f"lines of {parts[0].parent.name} lie after the end of the trace: taken as never")
        notes.merge(counted)
        return table[~later]

    def _group(self, lives: Rows, groups: _Groups, number: int) -> tuple[Group, RunTime]:
        row, start, end = int(groups.first[number]), int(groups.start[number]), int(groups.end[number])
        key = (int(lives["cpu"][row]), int(lives["memory"][row]), int(lives["priority"][row]))
        task = self._tasks.setdefault(key, Task(Resources(key[0], key[1]), key[2]))
        return Group(task, end - start), groups.run_s[start:end]


def looks_like(path: Path) -> bool:
    """Say whether a folder is laid out as the data set is."""
    return (path / "task_events").is_dir() and (path / "machine_events").is_dir()


@dataclass(frozen=True)
class _Recording:
    """What the parts say, ready to be handed over."""

    hosts: Hosts
    running: Rows  # _LIFE
    running_hosts: Ints  # (running.size,) rows of `hosts`
    running_groups: _Groups
    submitted: Rows  # _LIFE, by job, `again` and time
    submitted_groups: _Groups
    resubmission: Bools  # one per submission
    end_s: float


class _Groups(NamedTuple):
    """Equal containers side by side: group `i` is ``order[start[i]:end[i]]``."""

    order: Ints
    first: Ints  # the group's first life, as a row of the lives
    start: Ints
    end: Ints
    heads: Bools  # whether a group is the first of its submission
    run_s: Floats  # of the lives in `order`; read-only


class _Notes:
    """What was odd and how often, in the order of first mention."""

    def __init__(self, lines: list[str]) -> None:
        self._lines = lines
        self._counts: dict[str, int] = {}

    def add(self, count: int, text: str) -> None:
        """Count cases; none at all is not worth a line."""
        if count:
            self._counts[text] = self._counts.get(text, 0) + count

    def merge(self, other: _Notes) -> None:
        """Take over what another counted."""
        for text, count in other._counts.items():
            self.add(count, text)

    @property
    def lines(self) -> list[str]:
        """Give one line for each text."""
        return [*self._lines, *(f"{count:,} {text}" for text, count in self._counts.items())]


def _workload(priority: int) -> str:
    return "service" if priority >= SERVICE_PRIORITY else "batch"


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


def _holes(parts: list[Path]) -> list[str]:
    """Say which parts of the month are here: what happened in the others is not known."""
    found = [re.fullmatch(r"part-(\d+)-of-(\d+)\.csv(\.gz)?", part.name) for part in parts]
    numbers = [int(match[1]) for match in found if match]
    if not numbers:
        return []
    whole = max(int(match[2]) for match in found if match)
    holes = sorted(set(range(max(numbers))) - set(numbers))
    lacking = f"; part {holes[0]} is missing before others: what happened in it is lost" if holes else ""
    return [f"task_events: {len(numbers)} of {whole} parts are here{lacking}"]


def _whole(batch: Batch, name: str, below: int = TOO_MUCH, *, optional: bool = False) -> Floats:
    values = batch.number(name, missing=_EMPTY)
    bad = ~((values >= 0) & (values < below) & (np.rint(values) == values))
    if optional:
        bad &= values != _EMPTY
    _mark(batch, name, bad, f"{name} must be a whole number from 0")
    return np.where(values == _EMPTY, _NONE, values)


def _time(batch: Batch) -> Floats:
    values = batch.number("time", missing=_EMPTY)
    never = values == _AFTER_THE_END
    bad = ~never & ~((values >= 0) & (values < TOO_MUCH) & (np.rint(values) == values))
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
    _mark(batch, name, ~(empty | ((values >= 0) & (values * reference < TOO_MUCH))), f"{name} must be 0 or more")
    whole = np.rint(values * reference)
    whole[(values > 0) & (whole == 0)] = 1
    return np.where(empty, _NONE, whole)


def _mark(batch: Batch, name: str, bad: Bools, reason: str) -> None:
    if bad.any():
        batch.mark(bad, reason, batch.text(name))


def _rows(columns: dict[str, Floats], good: Ints, dtype: np.dtype[Any]) -> Rows:
    rows = np.empty(good.size, dtype=dtype)
    for name, values in columns.items():
        rows[name] = values[good]
    return rows


def _task_rows(batch: Batch, rejects: Rejects, notes: _Notes) -> Rows:
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
        "disk": _amount(batch, "disk space request", TOO_MUCH // 2) > 0,
        "apart": _whole(batch, "different-machines restriction", 2, optional=True) > 0,
    }
    missing = _whole(batch, "missing info", 3, optional=True)
    good = batch.reject(rejects)
    notes.add(int((missing[good] != _NONE).sum()), "lines of task_events were made up by Google for missing records")
    return _rows(columns, good, _TASK_EVENT)


def _machine_rows(batch: Batch, rejects: Rejects, _: _Notes) -> Rows:
    columns = {
        "time": _time(batch),
        "machine": _whole(batch, "machine ID"),
        "event": _event(batch, UPDATE + 1),
        "cpu": _amount(batch, "CPUs", REFERENCE_CORES * MILLI),
        "memory": _amount(batch, "Memory", REFERENCE_MEMORY_BYTES),
    }
    return _rows(columns, batch.reject(rejects), _MACHINE_EVENT)


# ---- Machines -------------------------------------------------------------------------------------------------------


def _hosts(events: Rows, notes: _Notes) -> Hosts:
    events = events[np.lexsort((_MACHINE_RANK[events["event"]], events["machine"], events["time"]))]
    ids, first, inverse = np.unique(events["machine"], return_index=True, return_inverse=True)
    by_appearance = np.argsort(first)
    row_of = np.empty(ids.size, dtype=np.int64)
    row_of[by_appearance] = np.arange(ids.size)

    size = [Resources()] * ids.size  # as last given
    capacity = [Resources()] * ids.size  # at time 0, or when it first joins
    alive = [False] * ids.size
    joined: set[int] = set()
    later: list[HostEvent] = []
    as_before = unknown = 0
    columns = [events[name].tolist() for name in ("time", "event", "cpu", "memory")]
    for host, time, kind, cpu, memory in zip(row_of[inverse].tolist(), *columns, strict=True):
        before = size[host]
        if kind != REMOVE and _NONE in (cpu, memory):
            known = before != Resources()
            as_before, unknown = as_before + known, unknown + (not known)
        now = size[host] = Resources(
            before.cpu_milli if cpu == _NONE else cpu, before.memory_bytes if memory == _NONE else memory
        )
        # A machine that is away stays away when its size changes; its next ADD will have the size.
        up = kind == ADD or (kind == UPDATE and alive[host])
        if time == 0 or host not in joined:
            capacity[host] = now
        if up:
            joined.add(host)
        alive[host] = up
        if time > 0:
            later.append(HostEvent(time / SECOND_US, host, up, now if up else None))
    at_0 = np.zeros(ids.size, dtype=bool)
    begun = np.flatnonzero(events["time"] == 0)
    # Sorted by time, the last line of time 0 says how the machine stands when the trace begins.
    for host, kind in zip(row_of[inverse[begun]].tolist(), events["event"][begun].tolist(), strict=True):
        at_0[host] = kind == ADD or (kind == UPDATE and at_0[host])
    notes.add(as_before, "lines of machine_events give no size: taken as before")
    notes.add(unknown, "lines of machine_events give no size of a machine never sized before: it can hold nothing")
    names = [str(machine) for machine in ids[by_appearance].tolist()]
    return Hosts(names, np.array(capacity, dtype=np.int64).reshape(-1, 3).T, at_0, later)


def _on_hosts(running: Rows, hosts: Hosts, notes: _Notes) -> tuple[Rows, Ints]:
    """Find the machines of what runs at time 0, and leave out what runs nowhere."""
    machines = np.array([int(name) for name in hosts.names], dtype=np.int64)
    by_id = np.argsort(machines)
    place = np.searchsorted(machines, running["machine"], sorter=by_id)
    row = by_id[np.minimum(place, machines.size - 1)] if machines.size else np.zeros(running.size, dtype=np.int64)
    there = machines[row] == running["machine"] if machines.size else np.zeros(running.size, dtype=bool)
    there[there] = hosts.alive[row[there]]
    # Put elsewhere it would be a decision of ours in the recorded state; submitted, it would be input nobody sent.
    notes.add(int((~there).sum()), "containers run at time 0 on a machine that is not there: left out")
    return running[there], row[there]


# ---- Tasks ----------------------------------------------------------------------------------------------------------


def _changes(column: NDArray[Any]) -> Bools:
    """Mark the rows that differ from the row above; the first does."""
    differs = np.ones(column.size, dtype=bool)
    differs[1:] = column[1:] != column[:-1]
    return differs


def _in_order(events: Rows, notes: _Notes) -> Rows:
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
    notes.add(int(twice.sum()), "lines of task_events say of time 0 what another line says: ignored")
    return events[order[~twice]]


def _lives(events: Rows, notes: _Notes) -> Rows:
    """Make lives of the events, which are in order of task and time."""
    if not events.size:
        return np.empty(0, dtype=_LIFE)
    events = _without_updates_of_the_running(events, notes)
    # Only these change what a task is: waiting, running, or neither.
    rows = np.flatnonzero(events["event"] <= LOST)
    kind = np.minimum(events["event"][rows], EVICT)  # EVICT stands for any end
    time = events["time"][rows]
    fresh = _changes(events["job"][rows]) | _changes(events["index"][rows])
    above = np.full(kind.size, EVICT, dtype=kind.dtype)
    above[1:][~fresh[1:]] = kind[:-1][~fresh[1:]]

    begins = (kind == SUBMIT) | ((kind == SCHEDULE) & (above != SUBMIT))
    begin = np.flatnonzero(begins)
    notes.add(int(((kind == EVICT) & (above == EVICT)).sum()), "ends of tasks that neither wait nor run: ignored")
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
    for name in ("job", "index", "machine", "priority"):
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
    notes.add(int((ended & ~scheduled).sum()), "containers ended while they waited: taken to run as long as they waited")
    notes.add(int((~ended).sum()), "containers have no end in the data: they run on")
    notes.add(int((ended & (kind[end] != EVICT)).sum()), "containers end unrecorded: taken to end when their task begins anew")
    notes.add(int(implicit.sum()), "containers are scheduled without having been submitted: submitted when scheduled")
    notes.add(int(unsaid.sum()), "containers say nothing about CPU or memory: taken as 0")
    notes.add(int(events["disk"][asked].sum()), "containers ask for disk space: not modelled yet")
    notes.add(int(events["apart"][asked].sum()), "containers may not share a machine with others of their job: not modelled yet")
    return lives


def _without_updates_of_the_running(events: Rows, notes: _Notes) -> Rows:
    """Keep updates of what waits: they change what it asks for. Those of what runs are not modelled yet."""
    updates = events["event"] >= UPDATE_PENDING
    row = np.arange(events.size)
    task = np.maximum.accumulate(np.where(_changes(events["job"]) | _changes(events["index"]), row, 0))
    before = np.maximum.accumulate(np.where(updates, -1, row))
    waits = (before >= task) & (events["event"][before] == SUBMIT)
    ignored = updates & ~(waits & (events["event"] == UPDATE_PENDING))
    notes.add(int(ignored.sum()), "changes of a request while the task runs: not modelled yet")
    return events[~ignored] if ignored.any() else events


def _last_given(column: Ints, first: Ints, last: Ints) -> Ints:
    """Find the last value that is given in the rows from `first` to `last`, `_NONE` where there is none."""
    given = np.maximum.accumulate(np.where(column == _NONE, -1, np.arange(column.size)))[last]
    return np.where(given >= first, column[given], _NONE)


def _groups(lives: Rows, begins: Bools) -> _Groups:
    """Put equal containers of one submission side by side, in order of first appearance.

    Parameters
    ----------
    lives : ndarray of shape (n,)
        Those of one submission follow one another.
    begins : ndarray of bool, shape (n,)
        Where a submission begins.
    """
    number = np.cumsum(begins)
    order = np.lexsort((lives["priority"], lives["memory"], lives["cpu"], number))
    differs = _changes(number[order])
    for name in ("cpu", "memory", "priority"):
        differs |= _changes(lives[name][order])
    start = np.flatnonzero(differs)
    end = np.append(start[1:], order.size)
    # The sort is stable: the first of a group is the one that appears first.
    by_appearance = np.argsort(order[start])
    start, end = start[by_appearance], end[by_appearance]
    run_s = lives["run_s"][order]
    run_s.flags.writeable = False
    return _Groups(order, order[start], start, end, _changes(number[order[start]]), run_s)
