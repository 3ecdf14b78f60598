"""A trace at another speed: hours of a recording in minutes, in the tank and at sea."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import replace
from math import inf
from typing import Any, ClassVar

from traces.changed.changed import Changed, Traced
from traces.hosts import Hosts
from traces.trace import Arrival, Recorded, Trace


class Faster(Changed):
    """A trace of which all times are divided by one factor: submissions, run times, estimates, what its machines do.

    Rates are as they were, so that what containers do in all (core-seconds, bytes) is divided, too. Who comes after
    whom, and in which part of its work a container uses what, stays.

    Parameters
    ----------
    trace : Trace
        At its own speed.
    speed : float
        The factor; below 1 for a slower one.

    Raises
    ------
    ValueError
        If the factor is not a finite number above 0.
    """

    format: ClassVar[str] = "faster"

    def __init__(self, trace: Trace, speed: float) -> None:
        if not 0 < speed < inf:
            raise ValueError(f"speed {speed} is not a number above 0")
        super().__init__(trace)
        self._speed = speed

    def _changed(self, jobs: Iterable[Traced]) -> Iterator[Traced]:
        return ((self._sooner(arrival), origin) for arrival, origin in jobs)

    def change(self) -> dict[str, Any]:
        """Say by what all times are divided."""
        return {"change": self.format, "speed": self._speed}

    def _sooner(self, arrival: Arrival) -> Arrival:
        speed, job = self._speed, arrival.job
        estimate_s, mapreduce = job.estimate_s, job.mapreduce
        if mapreduce is not None:
            mapreduce = mapreduce._replace(map_s=mapreduce.map_s / speed, reduce_s=mapreduce.reduce_s / speed)
        job = job._replace(
            submit_s=job.submit_s / speed,
            estimate_s=None if estimate_s is None else estimate_s / speed,
            mapreduce=mapreduce,
        )
        return arrival._replace(job=job, run_s=tuple(run_s / speed for run_s in arrival.run_s))

    def prefill(self) -> Iterator[Recorded]:
        """Yield what runs at time 0 on its recorded host."""
        return (entry._replace(run_s=entry.run_s / self._speed) for entry in self._trace.prefill())

    def prefill_anywhere(self) -> Iterator[Arrival]:
        """Yield what runs at time 0 on hosts that nobody knows."""
        return map(self._sooner, self._trace.prefill_anywhere())

    def hosts(self) -> Hosts | None:
        """Give the data set's own machines, which come, go and change sooner."""
        hosts = self._trace.hosts()
        if hosts is None:
            return None
        return replace(hosts, events=[event._replace(t_s=event.t_s / self._speed) for event in hosts.events])

    def end_s(self) -> float | None:
        """Say when the recording ends."""
        end_s = self._trace.end_s()
        return None if end_s is None else end_s / self._speed

    def _notes(self) -> list[str]:
        return [
            f"--speed {self._speed:g}: all times of the trace are divided by it; rates, decision times, what starts "
            "take and --until are as they are",
        ]
