"""A run as a trace in Chrome's JSON format, which https://ui.perfetto.dev and chrome://tracing show.

The format is that of the document "Trace Event Format": an object with the list ``traceEvents``. Hosts are processes,
containers are slices on as few threads of their host as they need. A process with a thread for each scheduler has what
they thought about, and one stands for the cell: what is allocated and used of it, and how many containers there are.
"""

from __future__ import annotations

import gzip
import io
import json
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from math import isfinite
from pathlib import Path
from typing import IO, Any, NamedTuple

from experiments.exporting.names import HostNames, host_names
from experiments.measures.attempts import Attempt, Attempts, Came
from experiments.measures.lives import ENDS, Life, Lives
from experiments.results.frames import ALLOCATED, USED, Frames
from experiments.results.provenance import version
from experiments.results.study import Detail, RunKey
from policies.log import Event, Row
from traces.whole import written_whole

SUFFIXES = (".json", ".json.gz")

#: Processes; 0 is taken by Perfetto for the machine's idle one.
CELL, SCHEDULERS, HOSTS = 1, 2, 3

#: Threads are numbered from here on, and no two alike: one that has the number of a process is its main thread.
THREADS = 10**9

#: A counter has at most so many points, each a state that it really had: more cannot be told apart on a screen.
COUNTER_POINTS = 20_000

#: Of a run with more rows than this, arrows are left out: they would be most of a file that browsers hardly hold.
ARROW_ROWS = 500_000

#: Numbers of levels are written with so many digits.
_DIGITS = 6

#: Zipping more thoroughly takes several times as long for a few per cent.
_ZIP_LEVEL = 6

#: What is told of a job before, or instead of, an attempt; and of a host.
_OF_JOBS = frozenset((Event.SUBMITTED, Event.INFEASIBLE, Event.OVER_QUOTA, Event.HELD, Event.RELEASED, Event.ABANDONED,
                      Event.UNATTEMPTED))  # fmt: skip
_OF_HOSTS = frozenset((Event.HOST_JOINED, Event.HOST_LOST, Event.HOST_RESIZED, Event.HOST_RELABELLED))
_EARLY = frozenset(ENDS) - {Event.FINISHED}
_COMES = frozenset((Event.STARTED, Event.LAUNCHED, Event.PREFILLED))


class Written(NamedTuple):
    """What a trace has.

    Attributes
    ----------
    path : Path
        Where it is.
    events, containers, decisions : int
        How many events in all, slices of containers and slices of schedulers.
    notes : tuple of str
        What a reader must know.
    """

    path: Path
    events: int
    containers: int
    decisions: int
    notes: tuple[str, ...]


def write_trace(
    frames: Frames, key: RunKey, path: Path, progress: Callable[[int], None] = lambda rows: None
) -> Written:
    """Write a run as a trace.

    Parameters
    ----------
    frames : Frames
        The results directory.
    key : RunKey
        Which run.
    path : Path
        Where to; with ``.gz`` it is zipped. The file is there only once it is whole.
    progress : callable
        Told how many more rows of the log were read.

    Raises
    ------
    UserError
        If there is no log of the run, or the file cannot be written.

    Notes
    -----
    Rows are read and events written one batch at a time; what is kept is the containers that live. Times are whole
    microseconds: slices of one thread that touch stay disjoint whatever a reader makes of fractions.
    """
    horizon_s = frames.ended_s(key)
    names = host_names(frames.study, key.seed)
    each_host = frames.study.detail is Detail.TASKS
    notes = []
    if not each_host:
        notes.append("its log does not tell of hosts (--detail tasks does): there are schedulers and counters only")
    else:
        notes += names.notes
    arrows = frames.rows(key) <= ARROW_ROWS
    if each_host and not arrows:
        notes.append("no arrows from decisions to containers: the run is too large; slices have the decisions' numbers")
    with _opened(path) as file:
        trace = _Trace(file, frames, key, horizon_s, names, each_host, arrows)
        loads = [name for name in frames.columns(key) if name.endswith((f"_{ALLOCATED}", f"_{USED}"))]
        trace.begin(loads)
        for rows in frames.each_row(key, loads):
            trace.take(rows)
            progress(len(rows))
        trace.end()
    return Written(path, trace.events, trace.containers, trace.decisions, tuple(notes))


@contextmanager
def _opened(path: Path) -> Iterator[IO[str]]:
    with written_whole(path) as part, ExitStack() as stack:
        if path.suffix == ".gz":
            # Without name and time in it, so that the same run is the same bytes.
            raw = stack.enter_context(part.open("wb"))
            zipped: Any = stack.enter_context(gzip.GzipFile("", "wb", _ZIP_LEVEL, fileobj=raw, mtime=0))
            yield stack.enter_context(io.TextIOWrapper(io.BufferedWriter(zipped, 2**20), encoding="ascii"))
        else:
            yield stack.enter_context(part.open("w", encoding="ascii"))


class _Trace:
    """Makes events of rows."""

    def __init__(
        self,
        file: IO[str],
        frames: Frames,
        key: RunKey,
        horizon_s: float,
        names: HostNames,
        each_host: bool,
        arrows: bool,
    ) -> None:
        self._file, self._frames, self._key = file, frames, key
        self._horizon_s, self._names, self._each_host = horizon_s, names, each_host
        self._draws_arrows = arrows
        self._encode = json.JSONEncoder(allow_nan=False, separators=(",", ":")).encode
        self.events = self.containers = self.decisions = 0
        self._threads: dict[tuple[int, str], int] = {}  # every thread has a number of its own, whatever its process
        self._lanes: dict[tuple[int, int], int] = {}
        self._hosts: set[int] = set()
        self._lives, self._attempts = Lives(), Attempts()
        self._pending: Counter[str] = Counter()
        self._containers = 0
        self._launches = False
        self._counters: dict[str, _Counter] = {}
        self._arrows: dict[tuple[int, int], int] = {}  # from which decision to which host, and their numbers
        self._ids = 0

    # -- the file -------------------------------------------------------------------------------------------

    def begin(self, loads: Sequence[str]) -> None:
        """Write what stands before the first row."""
        study, key = self._frames.study, self._key
        told = {
            "towtank": version("towtank"), "trace": study.trace, "architecture": key.architecture,
            "policy": key.policy, "seed": key.seed, "horizon_s": self._horizon_s,
        }  # fmt: skip
        self._file.write(f'{{"displayTimeUnit":"ms","otherData":{self._encode(told)},"traceEvents":[')
        self._process(CELL, "Cell")
        self._process(SCHEDULERS, "Schedulers")
        every_us = max(_us(self._horizon_s) // COUNTER_POINTS, 1)
        for load in loads:
            resource, _, of = load.rpartition("_")
            self._counters[load] = _Counter(CELL, f"{resource} {of}, share of capacity", every_us)
        self._counters["containers"] = _Counter(CELL, "containers with a host", every_us)
        self._counters["pending"] = _Counter(SCHEDULERS, "jobs with containers to place", every_us)
        self._loads = list(loads)

    def end(self) -> None:
        """Write what is cut off by the end of the run."""
        for attempt in self._attempts.left(self._horizon_s):
            self._thought(attempt)
        for life in self._lives.left():
            life.ended_s = max(self._horizon_s, life.placed_s)
            self._slice(life)
        for counter in self._counters.values():
            for event in counter.end(_us(self._horizon_s)):
                self._write(event)
        self._file.write("\n]}\n")

    def _write(self, event: dict[str, Any]) -> None:
        self._file.write(",\n" if self.events else "\n")
        self._file.write(self._encode(event))
        self.events += 1

    # -- processes and threads ------------------------------------------------------------------------------

    def _process(self, pid: int, name: str) -> None:
        self._write({"ph": "M", "name": "process_name", "pid": pid, "args": {"name": name}})
        self._write({"ph": "M", "name": "process_sort_index", "pid": pid, "args": {"sort_index": pid}})

    def _thread(self, pid: int, name: str, sort_index: int) -> int:
        tid = self._threads.get((pid, name))
        if tid is None:
            tid = self._threads[pid, name] = THREADS + len(self._threads)
            self._write({"ph": "M", "name": "thread_name", "pid": pid, "tid": tid, "args": {"name": name}})
            sort = {"sort_index": sort_index}
            self._write({"ph": "M", "name": "thread_sort_index", "pid": pid, "tid": tid, "args": sort})
        return tid

    def _host(self, host: int) -> int:
        pid = HOSTS + host
        if host not in self._hosts:
            self._hosts.add(host)
            self._process(pid, self._names.of(host) or f"host {host}")
        return pid

    def _lane(self, host: int, lane: int) -> int:
        tid = self._lanes.get((host, lane))
        if tid is None:
            tid = self._lanes[host, lane] = self._thread(self._host(host), f"lane {lane + 1}", lane + 1)
        return tid

    # -- rows -----------------------------------------------------------------------------------------------

    def take(self, rows: list[Row]) -> None:
        """Take a batch of rows."""
        for row in rows:
            event = row.event
            over = self._attempts.take(row)
            if over is not None:
                self._thought(over)
            if event is Event.COMMITTED or event is Event.CONFLICTED:
                self._settled(row)
            elif event in _OF_JOBS:
                self._instant(row, SCHEDULERS, "jobs", {"scheduler": row.scheduler} if row.scheduler else {})
            if self._each_host and row.host >= 0:
                decision = self._arrow(row) if event in _COMES else -1
                for life in self._lives.take(row, decision):
                    self._slice(life)
                if event in _EARLY or event in _OF_HOSTS:
                    self._happened(row)
            elif event in _EARLY or event in _OF_HOSTS:
                self._instant(row, CELL, "events", {"host": row.host} if row.host >= 0 else {})
            self._count(row)

    def _arrow(self, row: Row) -> int:
        """Begin an arrow from a decision to what it placed on a host; give the decision's number."""
        attempt = self._attempts.placing(row)
        # Containers that run now may have been on their way since an earlier attempt.
        if attempt is None or (row.event is Event.STARTED and self._launches):
            return -1
        if self._draws_arrows and (attempt.number, row.host) not in self._arrows:
            self._ids += 1
            self._arrows[attempt.number, row.host] = self._ids
            # Within the slice: at its end it is over.
            at_us = max(_us(attempt.began_s), _us(attempt.until_s) - 1)
            tid = self._thread(SCHEDULERS, attempt.scheduler, 2)
            self._write(self._flow("s", self._ids, SCHEDULERS, tid, at_us))
        return attempt.number

    @staticmethod
    def _flow(phase: str, number: int, pid: int, tid: int, at_us: int) -> dict[str, Any]:
        return {"ph": phase, "id": number, "name": "placed", "cat": "placed", "pid": pid, "tid": tid, "ts": at_us}

    def _happened(self, row: Row) -> None:
        """Write what happened to a host, or to containers on it before their time."""
        self._instant(row, self._host(row.host), "events", {})

    def _settled(self, row: Row) -> None:
        told = {"attempt": row.attempt, "remaining": row.remaining, "conflicted": row.conflicted}
        pid, name = SCHEDULERS, row.scheduler
        self._instant(row, pid, name, told, sort_index=2)
        if row.event is Event.CONFLICTED:
            self._instant(row, pid, "conflicts", told | {"scheduler": row.scheduler}, name=row.job, sort_index=1)

    def _instant(
        self, row: Row, pid: int, thread: str, told: dict[str, Any], name: str = "", sort_index: int = 0
    ) -> None:
        event = Event(row.event).name.lower()
        args: dict[str, Any] = {"job": row.job, "workload": row.workload} if row.job else {}
        if row.job:
            args["containers"] = row.tasks
        self._write(
            {
                "ph": "i", "s": "t", "name": name or event, "cat": event, "pid": pid,
                "tid": self._thread(pid, thread, sort_index), "ts": _us(row.t_s), "args": args | told,
            }
        )  # fmt: skip

    def _count(self, row: Row) -> None:
        event, at_us, counters = row.event, _us(row.t_s), self._counters
        before = self._containers
        if event is Event.LAUNCHED:
            self._launches = True
        if event is Event.LAUNCHED or event is Event.PREFILLED or (event is Event.STARTED and not self._launches):
            self._containers += row.tasks
        elif event in ENDS:
            self._containers -= row.tasks
        if self._containers != before:
            self._emit(counters["containers"].set(at_us, {"containers": self._containers}))
        change = 0
        if event is Event.SUBMITTED:
            change = 1
        elif event is Event.ABANDONED or (
            (event is Event.COMMITTED or event is Event.CONFLICTED) and row.remaining == 0
        ):
            change = -1
        if change:
            self._pending[row.workload] += change
            self._emit(counters["pending"].set(at_us, dict(self._pending)))
        for load, value in zip(self._loads, row.levels, strict=True):
            if isfinite(value):
                self._emit(counters[load].set(at_us, {"share": round(value, _DIGITS)}))

    def _emit(self, event: dict[str, Any] | None) -> None:
        if event is not None:
            self._write(event)

    # -- slices ---------------------------------------------------------------------------------------------

    def _thought(self, attempt: Attempt) -> None:
        """Write what a scheduler thought about."""
        begin_us, end_us = _us(attempt.began_s), _us(attempt.until_s)
        args: dict[str, Any] = {
            "workload": attempt.workload, "decision": attempt.number, "attempt": attempt.attempt,
            "wanted": attempt.wanted, "placed": attempt.placed, "conflicted": attempt.conflicted,
            "remaining": attempt.remaining, "outcome": str(attempt.came),
        }  # fmt: skip
        if attempt.again:
            args["again"] = True
        tid = self._thread(SCHEDULERS, attempt.scheduler, 2)
        self._write(
            {
                "ph": "X", "name": attempt.job, "cat": "decision", "pid": SCHEDULERS, "tid": tid, "ts": begin_us,
                "dur": end_us - begin_us, "args": args,
            } | ({"cname": "terrible"} if attempt.came is Came.CONFLICT else {})
        )  # fmt: skip
        self.decisions += 1

    def _slice(self, life: Life) -> None:
        """Write the life of a container, and of it, what went by before it ran."""
        begin_us, end_us = _us(life.placed_s), _us(life.ended_s)
        args: dict[str, Any] = {
            "workload": life.workload, "ended": "still there" if life.how is None else life.how.name.lower()
        }  # fmt: skip
        if life.scheduler:
            args["scheduler"] = life.scheduler
        if life.decision >= 0:
            args["decision"] = life.decision
        if life.again:
            args["again"] = True
        if life.alone_s > 0:
            args["alone_s"] = life.alone_s
            args["slowdown"] = round((life.ended_s - life.since_s) / life.alone_s, _DIGITS)
        pid, tid = self._host(life.host), self._lane(life.host, life.lane)
        self._write(
            {
                "ph": "X", "name": life.job, "cat": "container" if life.scheduler else "prefilled", "pid": pid,
                "tid": tid, "ts": begin_us, "dur": end_us - begin_us, "args": args,
            }
        )  # fmt: skip
        self.containers += 1
        arrow = self._arrows.pop((life.decision, life.host), None) if life.first else None
        if arrow is not None:
            self._write(self._flow("f", arrow, pid, tid, begin_us) | {"bp": "e"})
        ran_us = end_us if life.began_s is None else _us(life.began_s)
        if ran_us > begin_us:
            # Behind the slice that it is a part of: of two that begin together the first is the outer one.
            self._write(
                {"ph": "X", "name": "start", "cat": "start", "pid": pid, "tid": tid, "ts": begin_us,
                 "dur": ran_us - begin_us}
            )  # fmt: skip


class _Counter:
    """A number over time, thinned: of all states within one step of a grid the last is written, when it came.

    Parameters
    ----------
    pid : int
        Whose it is.
    name : str
        What it is called.
    every_us : int
        The step.
    """

    def __init__(self, pid: int, name: str, every_us: int) -> None:
        self._pid, self._name, self._every_us = pid, name, every_us
        self._held: tuple[int, dict[str, float]] | None = None  # not written yet
        self._value: dict[str, float] = {}

    def set(self, at_us: int, value: dict[str, float]) -> dict[str, Any] | None:
        """Take a new state; give the event of an earlier one that nothing can take the place of any more."""
        if value == self._value:
            return None
        held, event = self._held, None
        if held is not None and at_us // self._every_us != held[0] // self._every_us:
            event = self._event(*held)
        self._held, self._value = (at_us, value), value
        return event

    def end(self, at_us: int) -> Iterator[dict[str, Any]]:
        """Give the last state, and the same again where the run ends, so that it is drawn up to there."""
        if self._held is not None:
            yield self._event(*self._held)
            if at_us > self._held[0]:
                yield self._event(at_us, self._held[1])

    def _event(self, at_us: int, value: dict[str, float]) -> dict[str, Any]:
        return {"ph": "C", "name": self._name, "pid": self._pid, "ts": at_us, "args": value}


def _us(t_s: float) -> int:
    return round(t_s * 1e6)
