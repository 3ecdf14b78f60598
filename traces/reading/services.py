"""Containers that stay for long, as several data sets record them: from when to when, where, and what they used."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from policies.requests import Group, Job, Resources, Task
from traces.trace import Arrival, Behaviour, Recorded


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
