"""The reader."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import cached_property
from itertools import chain
from pathlib import Path
from typing import ClassVar, NamedTuple

import numpy as np
import pyarrow as pa

from policies.errors import UserError
from traces.formats.google2019.collections import Collections
from traces.formats.google2019.constraints import Demands
from traces.formats.google2019.lives import Columns, as_batch, lives_of
from traces.formats.google2019.machines import read_machines
from traces.formats.google2019.rows import collection_rows, event_rows, usage_rows
from traces.formats.google2019.submissions import BY_COLLECTION, BY_SUBMISSION, Making, Submissions
from traces.formats.google2019.tables import NEVER, NONE, SECOND_US, batches, has_keys, parts_of
from traces.formats.google2019.usage import Usage, usage_block
from traces.hosts import Hosts
from traces.reading.arrays import numpy_of
from traces.reading.options import DEFAULT, ReadOptions
from traces.reading.ordered import ordered
from traces.reading.reference import UNIT
from traces.reading.rejects import Rejects
from traces.trace import Arrival, Recorded, Trace

DATASET = "Google cluster-usage traces v3 (clusterdata-2019), Borg cells, May 2019"
LICENCE = "CC-BY 4.0"
CREDIT = "Google cluster-usage traces v3, John Wilkes, Google, CC-BY 4.0, https://github.com/google/cluster-data"


class Google2019(Trace):
    """One cell of the Google cluster-usage traces v3: a folder with the files of its tables, or one of instance_events.

    Tables are JSON lines as Google exports them, plain or gzipped, Parquet as BigQuery exports it, or CSV with the
    fields of structures in columns of their own (``resource_request.cpus``), one file or many
    (``instance_events-000000000000.json.gz``). All of ``instance_events`` is read; where they are there, too,
    ``collection_events`` say whose a job is and what it comes after, ``machine_events`` are the hosts, and
    ``machine_attributes`` what instances may demand of them.

    Every submission of an instance is a container of input, also after an eviction, a failure or a kill. The containers
    of one collection that are submitted within a second of one another are one `Job`, at the time of the first. A
    container asks for what its instance asked for last when it was scheduled.

    An alloc set is a reservation: its instances are placed as containers. What runs inside of one takes no room of
    its own and is left out.

    Parameters
    ----------
    path : Path
        The folder or file.
    rejects : Rejects
        What to do with rows that cannot be used.
    options : ReadOptions
        With ``usage``, ``instance_usage`` is read, if it is there. Containers then use all the time the mean of what
        was measured, each by itself, so that unlike containers of a job become as many groups. ``reference`` is the
        machine that amounts are shares of.

    Notes
    -----
    The meaning of fields and events is from clusterdata_trace_format_v3.proto and its document. That the state of a
    container changes in the order of its events and, within one microsecond, in an order that can have been, is ours.

    A run time is recorded from SCHEDULE to EVICT, FAIL, FINISH, KILL or LOST. A container that ended while it waited
    is taken to run for as long as it waited. What runs at time 0 runs from 0 to its end, on its recorded machine; where
    that is not there, it is submitted at time 0. QUEUE and ENABLE, the batch scheduler's own, do not change when a
    container was submitted.

    The tables stand in no order: events are sorted by collection, instance and time, lives made of them are sorted by
    collection, and again by time, on disk where they are many. Memory does not grow with the trace, but with what runs
    at time 0, the largest submission, the machines, and the different users and sets of constraints.
    """

    format: ClassVar[str] = "google2019"
    dataset: ClassVar[str] = DATASET
    licence: ClassVar[str] = LICENCE
    credit: ClassVar[str] = CREDIT

    def __init__(self, path: Path, rejects: Rejects, options: ReadOptions = DEFAULT) -> None:
        super().__init__(path, rejects, options)
        self._reference = options.reference or UNIT
        self._recording: _Recording | None = None
        self._used_up = False
        self._share = 0.0

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the jobs in order of submission; at one time by collection, first submissions before others."""
        if self._used_up:
            self._recording = None
        recording = self._read()
        self._used_up = True
        self._share = 0.0
        done = 0
        for arrival in recording.arrivals:
            done += arrival.job.tasks
            self._share = done / recording.containers
            yield arrival

    def prefill(self) -> Iterator[Recorded]:
        """Yield what runs at time 0, in order of collection."""
        return iter(self._read().prefill)

    def hosts(self) -> Hosts | None:
        """Give every machine that is ever there, in order of first appearance, then of machine ID."""
        return self._machines if not self._parts["instance_events"] else self._read().hosts

    def end_s(self) -> float:
        """Give the time of the last instance event that is here."""
        return self._read().end_s

    def progress(self) -> float:
        """Say which share of the containers was handed over; all files are read before the first."""
        return self._share

    def assumptions(self) -> list[str]:
        """List units, what is left out, and how often the recording was odd."""
        parts = self._parts
        return [
            self._reference.note(),
            "times are as recorded: the trace begins at 600 s, time 0 is the state before it",
            "alloc instances are placed as containers; what runs inside of one is left out, as it takes no room of its "
            "own",
            "priorities from 120 on (production, monitoring) are the class service, others batch",
            "QUEUE and ENABLE are ignored: a container is submitted when it was, however long the batch scheduler kept "
            "it back",
            "what a container uses is its mean over the windows in which it was measured"
            if self._measured
            else "instance_usage is not used",
            "collection_events give users, what a job comes after, and whether its containers share no machine"
            if parts["collection_events"]
            else "collection_events are not here: users, dependencies and limits per machine are not known",
            "a machine that lacks an attribute differs from every value of it, and is neither less nor greater; "
            "constraints compare whole numbers"
            if parts["machine_attributes"]
            else "machine_attributes are not here: no container demands an attribute",
            "there are no figures of disks or networks",
            *self.counted(),
        ]

    def files(self) -> list[Path]:
        """List the files that are read, table by table in order of their numbers."""
        return [
            part
            for table, parts in self._parts.items()
            if self._measured or table != "instance_usage"
            for part in parts
        ]

    @cached_property
    def _parts(self) -> dict[str, list[Path]]:
        tables = ("machine_events", "machine_attributes", "collection_events", "instance_events", "instance_usage")
        return {table: parts_of(self.path, table) for table in tables}

    @property
    def _measured(self) -> bool:
        return self.options.usage and bool(self._parts["instance_usage"])

    @cached_property
    def _machines(self) -> Hosts | None:
        self._begin()
        return self._hosts(Demands())

    def _begin(self) -> None:
        self.rejects.begin()
        self.odd.clear()

    def _read(self) -> _Recording:
        if self._recording is None:
            self._recording = self._all()
            self._used_up = False
        return self._recording

    def _all(self) -> _Recording:
        if not self._parts["instance_events"]:
            raise UserError(f"{self.path}: no instance_events: machines only, there is nothing to run")
        self._begin()
        demands, users, last_us = Demands(), dict[str, int](), [0]
        events = ordered(self._events(demands, last_us), ["job", "index", "time"])
        # Collections are read when the lives are known, so that fewer things are sorted at a time.
        lives = ordered(self._lives(events), BY_COLLECTION)
        first = next(lives, None)
        hosts = self._hosts(demands)
        row_of = self._places(hosts)
        collections = Collections(ordered(self._collections(users), ["job", "time"]))
        submissions = Submissions(collections, self.odd)
        whole = chain([] if first is None else [first], lives)
        placed = self._placed(whole, hosts, row_of)
        submitted = ordered(submissions.found(placed), BY_SUBMISSION)
        first = next(submitted, None)
        making = Making(list(users), demands.sets)
        arrivals = making.arrivals(chain([] if first is None else [first], submitted))
        prefill = making.recorded(submissions.running, row_of)
        return _Recording(hosts, prefill, arrivals, max(submissions.count, 1), last_us[0] / SECOND_US)

    def _events(self, demands: Demands, last_us: list[int]) -> Iterator[pa.RecordBatch]:
        for part in self._parts["instance_events"]:
            for batch, _ in batches(part, "instance_events", self.rejects):
                rows = event_rows(batch, self.rejects, self._reference, demands, self.odd)
                rows = self._in_time(rows, "instance_events")
                if rows.num_rows:
                    last_us[0] = max(last_us[0], int(numpy_of(rows["time"]).max()))
                    yield rows

    def _in_time(self, rows: pa.RecordBatch, table: str) -> pa.RecordBatch:
        never = numpy_of(rows["time"]) == NEVER
        if not never.any():
            return rows
        self.odd[f"lines of {table} after the end of the trace, taken as never"] += int(never.sum())
        return rows.filter(pa.array(~never))

    def _lives(self, events: Iterable[pa.RecordBatch]) -> Iterator[pa.RecordBatch]:
        """Give the lives of what takes room of its own."""
        usage = Usage(ordered(self._windows(), ["job", "index", "start"])) if self._measured else None
        for lives in lives_of(events, self.odd):
            if not lives["job"].size:
                continue
            if usage is not None:
                usage.add_means(lives, self.odd)
                some = (lives["used_cpu"] != NONE) | (lives["used_memory"] != NONE)
                self.odd["containers that use what was measured of them"] += int(some.sum())
                self.odd["containers of which nothing was measured, they use what they ask for"] += int((~some).sum())
            else:
                lives["used_cpu"] = lives["used_memory"] = np.full(lives["job"].size, NONE, dtype=np.int64)
            inside = lives["inside"] > 0
            self.odd["containers inside of an alloc instance, left out"] += int(inside.sum())
            yield as_batch(self._told({name: column[~inside] for name, column in lives.items()}))
        if usage is not None:
            usage.count_the_rest(self.odd)

    def _told(self, lives: Columns) -> Columns:
        lives["waits"] = (~lives["running"]).astype(np.int64)
        lives["running"] = lives["running"].astype(np.int64)
        picky = lives["wants"] > 0
        if self._parts["machine_attributes"]:
            self.odd["containers that demand attributes of their machine"] += int(picky.sum())
        else:
            self.odd["containers that demand attributes, of which nothing is known here, taken to demand none"] += int(
                picky.sum()
            )
            lives["wants"] = np.zeros_like(lives["wants"])
        return lives

    def _windows(self) -> Iterator[pa.RecordBatch]:
        for part in self._parts["instance_usage"]:
            for batch, _ in batches(part, "instance_usage", self.rejects):
                yield usage_block(usage_rows(batch, self.rejects, self._reference))

    def _collections(self, users: dict[str, int]) -> Iterator[pa.RecordBatch]:
        for part in self._parts["collection_events"]:
            for batch, _ in batches(part, "collection_events", self.rejects):
                yield collection_rows(batch, self.rejects, users, self.odd)

    def _placed(
        self, lives: Iterable[pa.RecordBatch], hosts: Hosts | None, row_of: dict[int, int]
    ) -> Iterator[pa.RecordBatch]:
        """Let what runs at time 0 on a machine that is not there be submitted then."""
        there = np.array(sorted(row_of), dtype=np.int64)
        text = "containers that run at time 0 without a machine that is there, submitted then"
        for block in lives:
            waits, machine = numpy_of(block["waits"]), numpy_of(block["machine"])
            lost = (waits == 0) & ~np.isin(machine, there)
            self.odd[text] += int(lost.sum())
            if lost.any():
                columns = {name: numpy_of(block[name]) for name in block.schema.names}
                columns["waits"] = np.where(lost, 1, waits)
                block = as_batch(columns)
            yield block

    def _places(self, hosts: Hosts | None) -> dict[int, int]:
        """Give the rows of the machines that are there at time 0."""
        if hosts is None:
            return {}
        return {int(name): row for row, name in enumerate(hosts.names) if hosts.alive[row]}

    def _hosts(self, demands: Demands) -> Hosts | None:
        events, attributes = self._parts["machine_events"], self._parts["machine_attributes"]
        return read_machines(events, attributes, demands, self._reference, self.rejects, self.odd)


class _Recording(NamedTuple):
    """What the files say, ready to be handed over."""

    hosts: Hosts | None
    prefill: list[Recorded]
    arrivals: Iterator[Arrival]  # of which there is only one
    containers: int  # in it
    end_s: float


def looks_like(path: Path) -> bool:
    """Say whether a path is a folder with instance_events or machine_events of this version, or one file of events."""
    if path.is_file():
        return has_keys(path, "instance_events")
    from traces.formats import google2019_kaggle  # which can be run, where there are machines beside it alone

    for table in ("instance_events", "machine_events"):
        try:
            parts = parts_of(path, table)
        except UserError:
            return True  # there is one too many
        if parts and has_keys(parts[0], table):
            return table == "instance_events" or not google2019_kaggle.looks_like(path)
    return False
