"""The reader."""

from __future__ import annotations

from collections.abc import Iterator
from functools import cached_property, partial
from itertools import chain
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np

from policies.sharing.disk import PAGE_BYTES
from traces.formats.google2011 import pieces
from traces.formats.google2011.constraints import Demands
from traces.formats.google2011.jobs import SUBMISSION, make_arrivals, make_prefill, make_submissions
from traces.formats.google2011.lives import LIFE, in_order, make_lives
from traces.formats.google2011.machines import make_hosts, with_attributes
from traces.formats.google2011.pieces import Beside, by_job, in_order_of, spread, whole
from traces.formats.google2011.rows import (
    ATTRIBUTE,
    ATTRIBUTE_COLUMNS,
    CONSTRAINT_COLUMNS,
    MACHINE_COLUMNS,
    MACHINE_EVENT,
    NEVER,
    NUMBERS,
    SECOND_US,
    TASK_COLUMNS,
    USAGE_COLUMNS,
    Ints,
    MakeRows,
    Odd,
    Rows,
    Words,
    attribute_rows,
    constraint_rows,
    machine_rows,
    parts_of,
    task_rows,
    usage_rows,
    which_parts,
)
from traces.formats.google2011.usage import OF_NOBODY, Usage
from traces.hosts import Hosts
from traces.reading.measured import FULL_DISK_BPS
from traces.reading.options import DEFAULT, ReadOptions
from traces.reading.reference import UNIT
from traces.reading.rejects import OnBadRow, Rejects
from traces.reading.sniff import first_rows
from traces.reading.tables import Reader
from traces.trace import Arrival, Recorded, Trace

#: The order in which lives are made of what happens to tasks.
TASK_TIME = ("job", "index", "time")


class Google2011(Trace):
    """The Google cluster-usage traces v2.1, a folder with ``task_events/`` and ``machine_events/``.

    Where ``task_constraints/`` and ``machine_attributes/`` are there, too, containers demand what their tasks did when
    they were scheduled. Of the attributes those are kept that some constraint names.

    Every SUBMIT is a container of input, resubmissions after an eviction, a failure or a kill too. The containers of
    one Google job that are submitted within a second of one another are one `Job`, at the time of the first. A
    container asks for what its task asked for last when it was scheduled.

    Parameters
    ----------
    path : Path
        The folder.
    rejects : Rejects
        What to do with rows that cannot be used.
    options : ReadOptions
        With ``usage``, ``task_usage/`` is read, if it is there: of the whole month that is 45 GB. Containers then use
        all the time the mean of what was measured, each by itself, so that unlike containers of a job become as many
        groups. With ``reference``, 1.0 of CPU and memory are as much as on that machine.

    Notes
    -----
    A run time is recorded from SCHEDULE to EVICT, FAIL, FINISH, KILL or LOST. A container that ended while it waited
    is taken to run for as long as it waited: so long its user wanted it. What runs at time 0 runs from 0 to its end;
    how long it had run before is not recorded.

    Times are as recorded, in seconds: the trace begins at 600 s, and 0 is the state before it.

    Memory does not grow with the length of the trace. The events of a task stand all over the month, so they are spread
    by job over temporary files, file by file sorted (`traces.reading.ordered`), and some whole jobs at a time become
    lives; these are spread and sorted by time of submission, and become jobs a piece at a time. Held in memory are what
    happens to machines and those lines of ``machine_attributes/`` that some constraint names, what runs at time 0, the
    largest job, and each different user, set of constraints, and text of a constraint once.

    To know the machines, only ``machine_events/`` is read; where constraints are used, ``task_constraints/`` and
    ``machine_attributes/`` too. The first job comes when all is read and sorted.
    """

    format: ClassVar[str] = "google2011"
    dataset: ClassVar[str] = "Google cluster-usage traces v2.1 (ClusterData2011_2): one Borg cell, 29 days of May 2011"
    licence: ClassVar[str] = "CC-BY 4.0 (data and documentation)"
    credit: ClassVar[str] = (
        "Google cluster-usage traces v2.1 (ClusterData2011_2), Charles Reiss, John Wilkes, Google, CC-BY 4.0, "
        "https://github.com/google/cluster-data"
    )

    def __init__(self, path: Path, rejects: Rejects, options: ReadOptions = DEFAULT) -> None:
        super().__init__(path, rejects, options)
        self._usage = options.usage and (path / "task_usage").is_dir()
        self._reference = options.reference or UNIT
        self._which_parts: list[str] = []
        self._share = 0.0
        self._containers = 0
        self._hosts: Hosts | None = None
        self._prefill: list[Recorded] | None = None
        # A reading has three steps, each of which waits until somebody asks for it: the machines, the tasks, the jobs.
        # What a step leaves for the next one is here, and taken away by it.
        self._demands: Demands | None = None
        self._lives: _Lives | None = None

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the jobs in order of submission; at one time by job ID, first submissions before others."""
        lives = self._lives or self._read_tasks()
        self._lives = None
        done, self._share = 0, 0.0
        for piece in whole(lives.rows, SUBMISSION):
            yield from make_arrivals(piece, lives.users, lives.demands)
            done += piece.size
            self._share = done / self._containers

    def prefill(self) -> Iterator[Recorded]:
        """Yield what runs at time 0, in order of job ID."""
        if self._prefill is None:
            self._lives = self._read_tasks()
        return iter(self._prefill or ())

    def hosts(self) -> Hosts:
        """Give every machine that is ever there, in order of first appearance, then of machine ID."""
        if self._hosts is None:
            self._hosts, self._demands = self._read_machines()
        return self._hosts

    def end_s(self) -> float:
        """Give the time of the last task event of the last part that has one: parts follow one another in time."""
        return self._end_us / SECOND_US

    def progress(self) -> float:
        """Say which share of the containers was handed over; all files are read before the first."""
        return self._share

    def assumptions(self) -> list[str]:
        """List units, what is left out, and how often the recording was odd."""
        return [
            self._reference.note(),
            "times are as recorded: the trace begins at 600 s, time 0 is the state before it",
            "job_events are not used: task_events say who submitted what and when",
            "scheduling classes of tasks and platforms of machines are not used; priorities from 9 on are services",
            "what a container uses is its mean over the windows in which it was measured; disk I/O time is written as "
            f"random reads of {PAGE_BYTES} bytes that take as long on a disk of class HDD: {FULL_DISK_BPS:.0f} bytes "
            "a second take all of its time"
            if self._usage
            else "task_usage is not used",
            "a machine that lacks an attribute differs from every value of it, and is neither less nor greater; a "
            "constraint without a value asks whether the machine has the attribute"
            if self._picky
            else "task_constraints and machine_attributes are not both here: no container demands an attribute",
            *self._which_parts,
            *self.counted(),
        ]

    def files(self) -> list[Path]:
        """List the parts, table by table in order of name."""
        tables = ["machine_events", "task_events"]
        tables += ["machine_attributes", "task_constraints"] if self._picky else []
        tables += ["task_usage"] if self._usage else []
        return [part for table in tables for part in parts_of(self.path / table)]

    @property
    def _picky(self) -> bool:
        # Either without the other says nothing about who may go where.
        return all((self.path / table).is_dir() for table in ("machine_attributes", "task_constraints"))

    @cached_property
    def _end_us(self) -> int:
        make_rows = partial(task_rows, self._reference, {})
        for part in reversed(parts_of(self.path / "task_events")):
            # What is wrong with rows is told when they are read for good.
            rows = _rows_of(part, TASK_COLUMNS, make_rows, Rejects(OnBadRow.SKIP), Odd())
            latest = max((int(piece["time"].max()) for piece in rows), default=-1)
            if latest >= 0:
                return latest
        return 0

    def _read_machines(self) -> tuple[Hosts, Demands]:
        """Begin to read anew: what happens to machines, and which attributes of them are asked for."""
        self.files()  # what is not there is said before anything is read
        self.rejects.begin()
        self.odd.clear()
        self._which_parts = which_parts(parts_of(self.path / "task_events"))
        make_rows = partial(machine_rows, self._reference)
        events = [np.empty(0, dtype=MACHINE_EVENT), *self._rows("machine_events", MACHINE_COLUMNS, make_rows)]
        hosts = make_hosts(np.concatenate(events), self.odd)
        words: Words = {}
        if not self._picky:
            return hosts, Demands(iter(()), words)
        asked: set[int] = set()
        constraints = self._rows("task_constraints", CONSTRAINT_COLUMNS, partial(constraint_rows, words))
        demands = Demands(spread(_noting_names(constraints, asked), by_job), words)
        texts = list(words)
        make_rows = partial(attribute_rows, words, {texts[number] for number in asked})
        attributes = [np.empty(0, dtype=ATTRIBUTE)]
        attributes += self._rows("machine_attributes", ATTRIBUTE_COLUMNS, make_rows)
        return with_attributes(hosts, np.concatenate(attributes), list(words), self.odd), demands

    def _read_tasks(self) -> _Lives:
        """Go on to read what happens to tasks, and what they used."""
        if self._demands is None:
            self._hosts, self._demands = self._read_machines()
        hosts, demands = self.hosts(), self._demands
        self._demands = None
        users: Words = {}
        make_rows = partial(task_rows, self._reference, users)
        events = spread(self._none_later(self._rows("task_events", TASK_COLUMNS, make_rows)), by_job)
        make_rows = partial(usage_rows, self._reference)
        windows = spread(self._rows("task_usage", USAGE_COLUMNS, make_rows) if self._usage else (), by_job)
        running: list[Rows] = [np.empty(0, dtype=LIFE)]
        self._containers = 0
        files = spread(self._submitted(events, windows, demands, running), self._by_time)
        rows = chain.from_iterable(in_order_of(file, SUBMISSION) for file in files)
        at_0 = np.concatenate(running)
        at_0 = at_0[np.argsort(at_0["job"], kind="stable")]
        self._prefill = make_prefill(at_0, hosts, list(users), demands, self.odd)
        return _Lives(rows, list(users), demands)

    def _submitted(
        self,
        events: Iterator[Iterator[Rows]],
        windows: Iterator[Iterator[Rows]],
        demands: Demands,
        running: list[Rows],
    ) -> Iterator[Rows]:
        """Make lives of events, of some whole jobs at a time; put aside what runs at time 0, and give the others."""
        odd = self.odd
        early = most_us = 0
        for of_tasks, of_use in zip(events, windows, strict=True):
            demands.turn()
            measured = Beside(in_order_of(of_use, ("job",)))
            for some in whole(in_order_of(of_tasks, TASK_TIME), ("job",)):
                jobs = np.unique(some["job"])
                lives = make_lives(in_order(some, odd), demands.of(jobs, odd), odd)
                if self._usage:
                    usage = Usage(lives, self._reference)
                    for part in measured.up_to(int(jobs[-1])):
                        usage.add(part, odd)
                    usage.write(lives, odd)
                at_0 = lives[lives["running"]]
                running.append(at_0)
                lives = make_submissions(lives[~lives["running"]], np.unique(at_0["job"]))
                early_us = lives["submit"] - lives["first"]
                early, most_us = early + int((early_us > 0).sum()), max(most_us, int(early_us.max(initial=0)))
                self._containers += lives.size
                yield lives
            demands.finish(odd)
            odd[OF_NOBODY] += sum(part.size for part in measured.up_to(NEVER))
        odd[f"containers submitted up to {most_us / SECOND_US:.3g} s early, with the first of their job"] += early

    def _by_time(self, lives: Rows) -> Ints:
        """Spread by time of submission: the later, the higher the number of the file."""
        number: Ints = np.minimum(lives["first"] * pieces.FILES // (self._end_us + 1), pieces.FILES - 1)
        return number

    def _none_later(self, events: Iterator[Rows]) -> Iterator[Rows]:
        """Count what no part should have: what happened after the last event of the last part."""
        for some in events:
            self.odd["lines of task_events after the last of the last part, when the recording ends"] += int(
                (some["time"] > self._end_us).sum()
            )
            yield some

    def _rows(self, table: str, names: tuple[str, ...], make_rows: MakeRows) -> Iterator[Rows]:
        for part in parts_of(self.path / table):
            yield from _rows_of(part, names, make_rows, self.rejects, self.odd)


class _Lives(NamedTuple):
    """What was read of tasks, ready to become jobs: a submission after the other."""

    rows: Iterator[Rows]
    users: list[str]
    demands: Demands


def _rows_of(part: Path, names: tuple[str, ...], make_rows: MakeRows, rejects: Rejects, odd: Odd) -> Iterator[Rows]:
    for batch in Reader(part, rejects, names=names, numbers=NUMBERS).batches():
        rows = make_rows(batch, rejects, odd)
        if "time" in (rows.dtype.names or ()):
            never = rows["time"] == NEVER
            odd["lines after the end of the trace, taken as never"] += int(never.sum())
            rows = rows[~never] if never.any() else rows
        if rows.size:
            yield rows


def _noting_names(constraints: Iterator[Rows], asked: set[int]) -> Iterator[Rows]:
    """Hand constraints on, and note which attributes they name."""
    for some in constraints:
        asked.update(np.unique(some["name"]).tolist())
        yield some


def looks_like(path: Path) -> bool:
    """Say whether a path is a folder laid out as the data set is, with parts that have as many columns."""
    return all(_has_table(path / table, len(names)) for table, names in _NEEDED.items())


def _has_table(folder: Path, columns: int) -> bool:
    part = next(iter(sorted(folder.glob("part-*.csv*"))), None) if folder.is_dir() else None
    if part is None:
        return False
    rows = first_rows(part)
    return not rows or any(len(row) == columns for row in rows)


_NEEDED = {"task_events": TASK_COLUMNS, "machine_events": MACHINE_COLUMNS}
