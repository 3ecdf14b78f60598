"""Several traces on one clock."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from heapq import merge
from itertools import accumulate
from typing import Any, ClassVar

import numpy as np

from traces.changed.changed import Changed, Origin, Traced, changes, sources, traced
from traces.hosts import Hosts, Profile
from traces.reading.rejects import Rejects
from traces.trace import Arrival, Recorded, Trace


class Merged(Changed):
    """All jobs of several traces, in order of submission; of one time, those of an earlier trace come first.

    Jobs, workflows and users of the first trace are called ``1/…``, of the second ``2/…``, so that no two that were
    different become the same; workload classes and priorities are as they are.

    Parameters
    ----------
    *traces : Trace
        At least two, each with its own `Rejects`.
    hosts : {"all", "first"}
        Whether machines are those of all traces that have some, called likewise, or those of the first trace alone.
        What ran at the beginning on machines that are not there has no recorded place.

    Raises
    ------
    ValueError
        If there are fewer than two traces.
    """

    format: ClassVar[str] = "merged"

    def __init__(self, *traces: Trace, hosts: str = "all") -> None:
        if len(traces) < 2:
            raise ValueError("there is nothing to merge")
        super().__init__(*traces)
        self._whose = hosts
        self.rejects = Rejects(traces[0].rejects.on_bad_row)

    def traced(self) -> Iterator[Traced]:
        """Yield the jobs in order of submission, each with where it came from."""
        before = [0, *accumulate(len(sources(trace)) for trace in self._traces)]
        each = [
            _renamed(number, first, traced(trace))
            for number, (first, trace) in enumerate(zip(before, self._traces, strict=False), start=1)
        ]
        try:
            yield from merge(*each, key=lambda pair: pair[0].job.submit_s)
        finally:
            self._add_up()

    def _changed(self, jobs: Iterable[Traced]) -> Iterator[Traced]:
        raise NotImplementedError("several traces are changed together")

    def _add_up(self) -> None:
        """Make the counts of rows those of all traces together."""
        self.rejects.begin()
        for trace in self._traces:
            self.rejects.read += trace.rejects.read
            self.rejects.accepted += trace.rejects.accepted
            self.rejects.reasons.update(trace.rejects.reasons)

    def change(self) -> dict[str, Any]:
        """Say what was done to each of the traces before, and whose the machines are."""
        return {
            "change": self.format,
            "prefixes": [f"{number}/" for number in range(1, len(self._traces) + 1)],
            "hosts": self._whose,
            "before": [changes(trace) for trace in self._traces],
        }

    def changes(self) -> list[dict[str, Any]]:
        """List all that was done to what was read, in order."""
        return [self.change()]

    def prefill(self) -> Iterator[Recorded]:
        """Yield what runs at time 0 on its recorded host, of traces whose hosts are there."""
        first = 0
        for number, trace in self._with_hosts():
            for entry in trace.prefill():
                yield entry._replace(
                    job=f"{number}/{entry.job}", user=_prefixed(number, entry.user), hosts=entry.hosts + first
                )
            hosts = trace.hosts()
            first += 0 if hosts is None else len(hosts)

    def prefill_anywhere(self) -> Iterator[Arrival]:
        """Yield what else runs at time 0."""
        placed = {number for number, _ in self._with_hosts()}
        for number, trace in enumerate(self._traces, start=1):
            if number not in placed:
                for entry in trace.prefill():
                    yield _called(number, entry.as_arrival())
            for arrival in trace.prefill_anywhere():
                yield _called(number, arrival)

    def _with_hosts(self) -> list[tuple[int, Trace]]:
        """Give the traces whose machines are there, with their numbers."""
        whose = self._traces[:1] if self._whose == "first" else self._traces
        return [(number, trace) for number, trace in enumerate(whose, start=1) if trace.hosts() is not None]

    def hosts(self) -> Hosts | None:
        """Give the machines of all traces, or of the first; None where there are none."""
        if self._whose == "first":
            return self._trace.hosts()
        every = [(number, hosts) for number, trace in self._with_hosts() if (hosts := trace.hosts()) is not None]
        if not every:
            return None
        before = [0, *accumulate(len(hosts) for _, hosts in every)]
        events = [
            event._replace(host=event.host + first)
            for first, (_, hosts) in zip(before, every, strict=False)
            for event in hosts.events
        ]
        some = [hosts for _, hosts in every]
        return Hosts(
            [f"{number}/{name}" for number, hosts in every for name in hosts.names],
            np.concatenate([hosts.capacity for hosts in some], axis=1),
            np.concatenate([hosts.alive for hosts in some]),
            sorted(events, key=lambda event: event.t_s),
            [each for hosts in some for each in hosts.attributes or [{}] * len(hosts)]
            if any(hosts.attributes for hosts in some)
            else (),
            [each for hosts in some for each in hosts.disks or [None] * len(hosts)]
            if any(hosts.disks for hosts in some)
            else (),
            [each for hosts in some for each in hosts.profiles or [Profile()] * len(hosts)]
            if any(hosts.profiles for hosts in some)
            else (),
        )

    def end_s(self) -> float | None:
        """Say when the last of the recordings ends, None where one of them has no end."""
        ends_s = [end_s for trace in self._traces if (end_s := trace.end_s()) is not None]
        return max(ends_s) if len(ends_s) == len(self._traces) else None

    def progress(self) -> float | None:
        """Say which share of the input is read."""
        shares = [share for trace in self._traces if (share := trace.progress()) is not None]
        return sum(shares) / len(shares) if shares else None

    def assumptions(self) -> list[str]:
        """List what was assumed about each of the traces, and about them together."""
        placed = {number for number, _ in self._with_hosts()}
        without = [str(number) for number in range(1, len(self._traces) + 1) if number not in placed]
        return [
            *(
                f"{number}/: {line}"
                for number, trace in enumerate(self._traces, start=1)
                for line in trace.assumptions()
            ),
            "merged: all traces begin at time 0, and any job may run on any host; names of jobs, workflows and users "
            "begin with the number of their trace",
            *([f"merged: there are no hosts of trace {', '.join(without)}"] if placed and without else ()),
        ]


def _renamed(number: int, first: int, jobs: Iterable[Traced]) -> Iterator[Traced]:
    for arrival, origin in jobs:
        yield _called(number, arrival), Origin(first + origin.source, origin.job, origin.submit_s)


def _called(number: int, arrival: Arrival) -> Arrival:
    """Put the number of a trace before the names of one of its jobs."""
    job = arrival.job
    return arrival._replace(
        job=job._replace(id=f"{number}/{job.id}", user=_prefixed(number, job.user)),
        after=tuple(f"{number}/{name}" for name in arrival.after),
        workflow=_prefixed(number, arrival.workflow),
    )


def _prefixed(number: int, name: str) -> str:
    """Put the number of a trace before a name, unless nobody has said it."""
    return f"{number}/{name}" if name else ""
