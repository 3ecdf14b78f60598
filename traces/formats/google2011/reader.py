"""The reader."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator
from functools import cached_property, partial
from pathlib import Path
from typing import Any, ClassVar, NamedTuple

import numpy as np

from policies.sharing.disk import PAGE_BYTES
from traces.formats.google2011.constraints import Demands
from traces.formats.google2011.jobs import make_arrivals, make_prefill
from traces.formats.google2011.lives import in_order, make_lives
from traces.formats.google2011.machines import make_hosts, with_attributes
from traces.formats.google2011.rows import (
    ATTRIBUTE,
    ATTRIBUTE_COLUMNS,
    CONSTRAINT,
    CONSTRAINT_COLUMNS,
    MACHINE_COLUMNS,
    MACHINE_EVENT,
    NEVER,
    REFERENCE_CORES,
    REFERENCE_MEMORY_BYTES,
    SECOND_US,
    TASK_COLUMNS,
    TASK_EVENT,
    USAGE_COLUMNS,
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
from traces.formats.google2011.usage import FULL_DISK_BPS, Usage
from traces.hosts import Hosts
from traces.reading.options import DEFAULT, ReadOptions
from traces.reading.rejects import Rejects
from traces.reading.tables import Reader
from traces.trace import Arrival, Behaviour, Recorded, Trace


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
        groups.

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

    def __init__(self, path: Path, rejects: Rejects, options: ReadOptions = DEFAULT) -> None:
        super().__init__(path, rejects, options)
        self._usage = options.usage and (path / "task_usage").is_dir()
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
            "job_events are not used",
            "what a container uses is its mean over the windows in which it was measured; disk I/O time is written as "
            f"random reads of {PAGE_BYTES} bytes that take as long on a disk of class HDD: {FULL_DISK_BPS:.0f} bytes "
            "a second take all of its time"
            if self._usage
            else "task_usage is not used",
            "a machine that lacks an attribute differs from every value of it, and is neither less nor greater; a "
            "constraint without a value asks whether the machine has the attribute"
            if self._picky
            else "task_constraints and machine_attributes are not both here: no container demands an attribute",
            *self._notes,
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
    def _recording(self) -> _Recording:
        self.rejects.begin()
        odd: Odd = Counter()
        machine_events = self._read("machine_events", MACHINE_COLUMNS, machine_rows, MACHINE_EVENT, odd)
        users: Words = {}
        make_rows = partial(task_rows, users)
        task_events = self._read("task_events", TASK_COLUMNS, make_rows, TASK_EVENT, odd)
        end_s = float(task_events["time"].max(initial=0)) / SECOND_US
        hosts, demands = make_hosts(machine_events, odd), Demands(np.empty(0, dtype=CONSTRAINT), [])
        if self._picky:
            words: Words = {}
            make_rows = partial(constraint_rows, words)
            constraints = self._read("task_constraints", CONSTRAINT_COLUMNS, make_rows, CONSTRAINT, odd)
            demands = Demands(constraints, list(words))
            names = {constraint.attribute for wanted in demands.sets for constraint in wanted}
            make_rows = partial(attribute_rows, words, names)
            attributes = self._read("machine_attributes", ATTRIBUTE_COLUMNS, make_rows, ATTRIBUTE, odd)
            hosts = with_attributes(hosts, attributes, list(words), odd)
        lives = make_lives(in_order(task_events, odd), demands, odd)
        uses: list[Behaviour] = [None]
        if self._usage:
            usage = Usage(lives)
            for part in parts_of(self.path / "task_usage"):
                for batch in Reader(part, self.rejects, names=USAGE_COLUMNS).batches():
                    usage.add(usage_rows(batch, self.rejects), odd)
            uses, lives["uses"] = usage.behaviours(odd)
        running, known = lives["running"], list(users)
        made = _Recording(
            hosts,
            make_prefill(lives[running], hosts, known, demands, uses, odd),
            make_arrivals(lives[~running], np.unique(lives["job"][running]), known, demands, uses, odd),
            end_s,
        )
        self._notes = [
            *which_parts(parts_of(self.path / "task_events")),
            *(f"{text}: {count:,}" for text, count in odd.items() if count),
        ]
        return made

    def _read(self, table_name: str, names: tuple[str, ...], rows: MakeRows, dtype: np.dtype[Any], odd: Odd) -> Rows:
        pieces: list[Rows] = [np.empty(0, dtype=dtype)]
        for part in parts_of(self.path / table_name):
            batches = Reader(part, self.rejects, names=names).batches()
            pieces.extend(rows(batch, self.rejects, odd) for batch in batches)
        table: Rows = np.concatenate(pieces)
        never = table["time"] == NEVER
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
