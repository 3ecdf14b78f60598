"""A part of a trace's time, and what ran when it began."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import inf
from typing import Any, ClassVar

import numpy as np

from policies.arrays import BoolArray
from policies.requests import Group, Job
from traces.changed.changed import Changed, Traced
from traces.hosts import HostEvent, Hosts
from traces.trace import Arrival, Behaviour, Phase, Recorded, RunTime, Trace

_LATER = "jobs of the initial state that came after others: taken to have begun when they were submitted"
_LEFT = "containers of the initial state whose recorded host left before: they have no recorded place"


class Window(Changed):
    """What is submitted from one time on and before another, with times that begin at 0.

    Its initial state is made of what the trace says: containers of jobs that were submitted before and whose recorded
    run, from submission on, covers the beginning, with what is left of their run time and of their phases; and what ran
    when the trace began and still runs, in its recorded place unless that host has left since. How long a job waited
    is not known to a trace, so what had to wait runs on for longer in truth. Machines are as they are at the
    beginning, and what happens to them within the window happens then.

    Parameters
    ----------
    trace : Trace
        The whole of it.
    from_s, to_s : float
        In seconds of that trace; the second may be `inf`.

    Raises
    ------
    ValueError
        If that is no span of time.

    Notes
    -----
    For the initial state the trace is read up to the beginning one time more; in memory is what ran then. Nothing is
    read behind the end. A job's expected run time is that of what is left. That jobs of the initial state came after
    others is forgotten, and no MapReduce job changes its number of workers any more.
    """

    format: ClassVar[str] = "window"

    def __init__(self, trace: Trace, from_s: float = 0.0, to_s: float = inf) -> None:
        if not (0 <= from_s < to_s and from_s < inf):
            raise ValueError(f"from {from_s:g} s to {to_s:g} s is no span of time")
        super().__init__(trace)
        self._from_s, self._to_s = from_s, to_s

    def _changed(self, jobs: Iterable[Traced]) -> Iterator[Traced]:
        from_s, to_s = self._from_s, self._to_s
        for arrival, origin in jobs:
            job = arrival.job
            if job.submit_s >= to_s:
                return
            if job.submit_s >= from_s:
                yield arrival._replace(job=job._replace(submit_s=job.submit_s - from_s)), origin

    def change(self) -> dict[str, Any]:
        """Say what is cut out; no end is None."""
        return {"change": self.format, "from_s": self._from_s, "to_s": None if self._to_s == inf else self._to_s}

    def prefill(self) -> Iterator[Recorded]:
        """Yield what runs from the beginning of the trace until after that of the window, where it was recorded."""
        if not self._from_s:
            return self._trace.prefill()
        return (kept for kept, _ in self._recorded() if kept.hosts.size)

    def _recorded(self) -> Iterator[tuple[Recorded, Recorded]]:
        """Give of what still runs first what has its place, then what lost it."""
        gone, from_s = self._gone(), self._from_s
        for entry in self._trace.prefill():
            here = np.array([host not in gone for host in entry.hosts.tolist()], dtype=bool)
            for run_s, which in _alike(entry.run_s, entry.hosts.size, entry.behaviour):
                left_s = run_s - from_s
                runs = np.broadcast_to(left_s > 0, entry.hosts.shape) & which
                behaviour = _rest(entry.behaviour, run_s, from_s)
                kept, lost = (
                    entry._replace(
                        hosts=entry.hosts[those],
                        run_s=left_s if np.ndim(left_s) == 0 else np.asarray(left_s)[those],
                        behaviour=behaviour,
                    )
                    for those in (runs & here, runs & ~here)
                )
                yield kept, lost

    def _gone(self) -> set[int]:
        """Give the hosts that left, if only for a while, up to the beginning of the window."""
        hosts = self._trace.hosts()
        events = () if hosts is None else hosts.events
        return {event.host for event in events if event.t_s <= self._from_s and not event.alive}

    def prefill_anywhere(self) -> Iterator[Arrival]:
        """Yield what else runs at the beginning of the window."""
        from_s = self._from_s
        if not from_s:
            yield from self._trace.prefill_anywhere()
            return
        self.odd[_LEFT] = self.odd[_LATER] = 0
        for _, lost in self._recorded():
            if lost.hosts.size:
                self.odd[_LEFT] += lost.hosts.size
                yield lost.as_arrival()
        for arrival in self._trace.prefill_anywhere():
            yield from _remaining(arrival, from_s)
        for arrival in self._trace.arrivals():
            if arrival.job.submit_s >= from_s:
                return
            for rest in _remaining(arrival, from_s):
                self.odd[_LATER] += bool(arrival.after)
                yield rest

    def hosts(self) -> Hosts | None:
        """Give the data set's own machines as they are when the window begins, and what happens to them in it."""
        hosts = self._trace.hosts()
        if hosts is None or (not self._from_s and self._to_s == inf):
            return hosts
        capacity, alive = hosts.capacity.copy(), hosts.alive.copy()
        attributes = [dict(each) for each in hosts.attributes]
        events: list[HostEvent] = []
        for event in hosts.events:
            if event.t_s >= self._to_s:
                break
            if event.t_s > self._from_s:
                events.append(event._replace(t_s=event.t_s - self._from_s))
                continue
            alive[event.host] = event.alive
            if event.capacity is not None:
                capacity[:, event.host] = event.capacity
            if event.attributes:
                attributes = attributes or [{} for _ in range(len(hosts))]
                changed: dict[str, str | None] = {**attributes[event.host], **event.attributes}
                attributes[event.host] = {name: value for name, value in changed.items() if value is not None}
        return replace(hosts, capacity=capacity, alive=alive, events=events, attributes=attributes)

    def end_s(self) -> float | None:
        """Say when the window ends, or the recording if that is sooner."""
        end_s = self._trace.end_s()
        end_s = min(self._to_s, inf if end_s is None else end_s)
        return None if end_s == inf else max(end_s - self._from_s, 0.0)

    def _notes(self) -> list[str]:
        until = "" if self._to_s == inf else f" until before {self._to_s:g} s"
        began = (
            "; what runs at its beginning is made of jobs submitted before and their recorded run times: how long they "
            "waited is not known"
        )
        return [f"window from {self._from_s:g} s{until}, times begin at 0{began if self._from_s else ''}"]


def _remaining(arrival: Arrival, from_s: float) -> Iterator[Arrival]:
    """Give what is left of a job at a later time, submitted at time 0; nothing if nothing is."""
    job = arrival.job
    elapsed_s = from_s - job.submit_s
    parts: list[tuple[Group, RunTime, Behaviour]] = []
    for (task, count), runs, behaviour in zip(job.groups, arrival.run_s, arrival.each_behaviour(), strict=True):
        for run_s, which in _alike(runs, count, behaviour):
            left_s = job.submit_s + run_s - from_s  # which is how the tank counts: it has ended if it is 0
            running = np.broadcast_to(left_s > 0, (count,)) & which
            if running.any():
                rest = left_s if np.ndim(left_s) == 0 else np.asarray(left_s)[running]
                parts.append((Group(task, int(running.sum())), rest, _rest(behaviour, run_s, elapsed_s)))
    if not parts:
        return
    groups, rests, behaviours = zip(*parts, strict=True)
    estimate_s = None if job.estimate_s is None else max(job.estimate_s - elapsed_s, 0.0)
    job = Job(job.id, 0.0, job.workload, groups, job.resubmission, job.user, estimate_s)
    yield Arrival(job, rests, behaviours if any(behaviours) else (), (), arrival.workflow)


def _alike(run_s: RunTime, count: int, behaviour: Behaviour) -> Iterator[tuple[RunTime, BoolArray]]:
    """Give run times, and whose they are: all at once, unless phases have to be cut at several places."""
    if np.ndim(run_s) == 0 or behaviour is None or len(behaviour) == 1:
        yield run_s, np.ones(count, dtype=bool)
        return
    for one_s in np.unique(run_s).tolist():
        yield one_s, np.asarray(run_s) == one_s


def _rest(behaviour: Behaviour, run_s: RunTime, elapsed_s: float) -> Behaviour:
    """Give the phases that are left."""
    if behaviour is None or len(behaviour) == 1 or np.ndim(run_s) or not elapsed_s < float(run_s) < inf:
        return behaviour
    done, left = elapsed_s / float(run_s), []
    for phase in behaviour:
        over = min(done, phase.share)
        done -= over
        if phase.share > over:
            left.append(Phase(phase.share - over, phase.demand))
    total = sum(phase.share for phase in left)
    return tuple(Phase(phase.share / total, phase.demand) for phase in left) or behaviour[-1:]
