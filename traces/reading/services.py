"""Data sets in which services stay and, it may be, batch jobs come beside them."""

from __future__ import annotations

from abc import abstractmethod
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from functools import cached_property
from heapq import merge
from itertools import groupby
from operator import attrgetter, itemgetter
from pathlib import Path
from types import MappingProxyType
from typing import Any, NamedTuple

import numpy as np
import pyarrow as pa

from policies.requests import Demand, Group, Job, Resources, Task
from policies.sharing.disk import PAGE_BYTES
from traces.hosts import Hosts
from traces.reading.measured import FULL_DISK_BPS, Windows, held, phases
from traces.reading.options import DEFAULT, ReadOptions
from traces.reading.ordered import ordered
from traces.reading.rejects import OnBadRow, Rejects
from traces.reading.tables import Batch, Reader
from traces.trace import Arrival, Behaviour, Recorded, Trace
from traces.units import MILLI

#: Something that happened to a container.
EVENTS = pa.schema(
    {
        "container": pa.string(),
        "machine": pa.string(),
        "user": pa.string(),
        "at_s": pa.float64(),
        "gone": pa.bool_(),  # whether it is there no longer
        "cpu_milli": pa.int64(),
        "memory_bytes": pa.int64(),
    }
)


class Service(NamedTuple):
    """A container that stays; in order of when it came, then of its name."""

    begin_s: float
    name: str
    end_s: float  # infinite where it never ended
    machine: str
    user: str
    cpu_milli: int
    memory_bytes: int

    def recorded(self, host: int, end_s: float, behaviour: Behaviour) -> Recorded:
        """Give it as one that is there at time 0, on a row of the trace's own hosts, until `end_s`."""
        return Recorded(self.name, "service", self._task(), np.array([host]), end_s, self.user, behaviour)

    def arrival(self, end_s: float, behaviour: Behaviour) -> Arrival:
        """Give it as a job that is submitted when it came and that runs until `end_s`."""
        job = Job(self.name, self.begin_s, "service", (Group(self._task(), 1),), user=self.user)
        return Arrival(job, (end_s - self.begin_s,), (behaviour,) if behaviour else ())

    def _task(self) -> Task:
        return Task(Resources(self.cpu_milli, self.memory_bytes))


def make_services(events: Iterable[pa.RecordBatch], odd: Counter[str]) -> list[Service]:
    """Make containers of what happened to them, in whatever order that stands.

    A container is there from the first event that does not say that it is gone to the one that says so and after which
    none says otherwise.

    Parameters
    ----------
    events : iterable of pyarrow.RecordBatch
        Of schema `EVENTS`.
    odd : Counter of str
        What was odd is counted there.

    Returns
    -------
    list of Service
        In order. Memory is that of one of these for each container.
    """
    made = (_service(name, list(lines), odd) for name, lines in groupby(_lines(events), key=itemgetter(0)))
    return sorted(service for service in made if service is not None)


def _lines(events: Iterable[pa.RecordBatch]) -> Iterator[tuple[Any, ...]]:
    for block in ordered(events, ["container", "at_s"]):
        yield from zip(*(block[name].to_pylist() for name in EVENTS.names), strict=True)


def _service(name: str, lines: list[tuple[Any, ...]], odd: Counter[str]) -> Service | None:
    _, machines, users, at_s, gone, cpus, memories = zip(*lines, strict=True)
    there = [place for place, left in enumerate(gone) if not left]
    if not there:
        odd["containers that were stopped or gone all the time, left out"] += 1
        return None
    first, last = there[0], there[-1]
    odd["containers that were stopped or gone and came again, they run through"] += any(gone[first:last])
    odd["containers that moved to another machine, they stay on their first one"] += len(set(machines)) > 1
    odd["containers whose requests changed, they ask for the most they ever did"] += (
        len(set(cpus)) > 1 or len(set(memories)) > 1
    )
    end_s = at_s[last + 1] if last + 1 < len(lines) else np.inf
    return Service(at_s[first], name, end_s, machines[first], users[first], max(cpus), max(memories))


class Services(NamedTuple):
    """All containers that stay, and what they used.

    Attributes
    ----------
    services : list of Service
        In order.
    windows : Windows
        What was measured: shares of CPU and memory and, it may be, of a disk's time. Of nobody where usage was not
        read.
    end_s : float
        When the measurements end; infinite where there are none.
    whole : tuple of float and float, optional
        Cores and bytes that the shares are of; None for what each container asks for.
    read, rejected : int
        Rows that these were made of.
    odd : mapping of str to int
        What was odd, and how often.
    """

    services: list[Service]
    windows: Windows
    end_s: float = np.inf
    whole: tuple[float, float] | None = None
    read: int = 0
    rejected: int = 0
    odd: Mapping[str, int] = MappingProxyType({})

    def end_of(self, service: Service) -> float:
        """Say until when a container runs: a share of a time without end is none, so measurements end it."""
        if service.end_s < np.inf or self.end_s <= service.begin_s or service.name not in self.windows:
            return service.end_s
        return self.end_s

    def behaviour(self, service: Service) -> Behaviour:
        """Give what was measured of a container, None where nothing was."""
        if service.name not in self.windows:
            return None
        begins_s, (cpu, memory, *disk) = self.windows.of(service.name)
        cores, memory_bytes = self.whole or (service.cpu_milli / MILLI, service.memory_bytes)
        columns = [
            held(cpu, service.cpu_milli / MILLI / (cores or 1.0)) * cores,
            held(memory, service.memory_bytes / (memory_bytes or 1.0)) * memory_bytes,
            *(held(share, 0.0) * FULL_DISK_BPS for share in disk),
        ]
        pattern = {"io_size_bytes": PAGE_BYTES, "random_io": 1.0} if disk else {}
        demands = [Demand(*use, **pattern) for use in zip(*(column.tolist() for column in columns), strict=True)]
        return phases(begins_s, demands, service.begin_s, self.end_of(service))


class SideBySide(Trace):
    """A trace of services and, it may be, of batch jobs beside them.

    Services that were there before time 0 on a machine that is up then are there from the beginning; the others are
    submitted when they came.

    Notes
    -----
    Memory is that of one entry for each service, and of its windows of measurements where usage is read.
    """

    def __init__(self, path: Path, rejects: Rejects, options: ReadOptions = DEFAULT) -> None:
        super().__init__(path, rejects, options)
        self._known: Services | None = None
        #: The file that is being read.
        self._reader: Reader | None = None
        self._host_notes: Counter[str] = Counter()

    @abstractmethod
    def _read_services(self, rejects: Rejects, odd: Counter[str]) -> Services:
        """Read the services."""

    def _tasks(self) -> Iterator[Arrival] | None:
        """Give the batch jobs in order of submission, None where the data set has none here."""
        return None

    def _make_hosts(self, odd: Counter[str]) -> Hosts | None:
        """Give the machines, None where the data set has none here."""
        return None

    def arrivals(self) -> Iterator[Arrival]:
        """Yield services and batch jobs in order of submission; at one time services first."""
        self.rejects.begin()
        self.odd.clear()
        known = self._services(self.rejects)
        self.odd.update(known.odd)
        tasks, services = self._tasks(), self._coming(known)
        yield from services if tasks is None else merge(services, tasks, key=attrgetter("job.submit_s"))

    def prefill(self) -> Iterator[Recorded]:
        """Yield the services that are there at time 0 on machines that are up."""
        if not self._up:
            return
        known = self._services(Rejects(OnBadRow.SKIP))  # what is wrong with rows is told by `arrivals`
        for service in known.services:
            if service.begin_s > 0:
                break
            if service.machine in self._up:
                yield service.recorded(self._up[service.machine], known.end_of(service), known.behaviour(service))

    def hosts(self) -> Hosts | None:
        """Give the machines, None where they are not here."""
        return self._hosts

    def progress(self) -> float | None:
        """Say which share was read of the file that is being read."""
        return None if self._reader is None else self._reader.progress()

    def counted(self) -> list[str]:
        """Say what was odd, about the machines too."""
        machines = (f"{text}: {count:,}" for text, count in self._host_notes.items() if count)
        return [*super().counted(), *machines]

    @cached_property
    def _hosts(self) -> Hosts | None:
        return self._make_hosts(self._host_notes)

    @cached_property
    def _up(self) -> dict[str, int]:
        """Rows of the machines that are up at time 0, by name."""
        hosts = self._hosts
        return {} if hosts is None else {hosts.names[row]: row for row in np.flatnonzero(hosts.alive).tolist()}

    def _coming(self, known: Services) -> Iterator[Arrival]:
        for service in known.services:
            if service.begin_s == 0:
                if service.machine in self._up:
                    continue
                self.odd["containers that were there before time 0, on no machine that is up then: submitted at 0"] += 1
            yield service.arrival(known.end_of(service), known.behaviour(service))

    def _services(self, rejects: Rejects) -> Services:
        """Give the services. They are read again only for rows that cannot be used to be told of anew."""
        known = self._known
        if known is None or (known.rejected and rejects is self.rejects):
            read, rejected = rejects.read, rejects.rejected
            odd: Counter[str] = Counter()
            known = self._read_services(rejects, odd)
            known = known._replace(read=rejects.read - read, rejected=rejects.rejected - rejected, odd=odd)
            self._known = known
        elif rejects is self.rejects:
            rejects.read += known.read
            rejects.accepted += known.read
        return known

    def _batches(self, reader: Reader) -> Iterator[Batch]:
        """Yield what a reader reads, and know how far it is."""
        self._reader = reader
        return reader.batches()
