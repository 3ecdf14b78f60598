"""Workflows: jobs that belong together and come after one another, from the first submission to the last end."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from policies.requests import Job
from traces.trace import Arrival


class Ended(NamedTuple):
    """A workflow of which nothing is left to run.

    Attributes
    ----------
    name : str
        What its jobs call it.
    jobs : int
        How many it had.
    makespan_s : float
        From the first submission of one of its jobs to the last end.
    critical_path_s : float
        The longest chain of run times along ``after``: what it takes where nobody ever waits and nothing is slowed.
    """

    name: str
    jobs: int
    makespan_s: float
    critical_path_s: float


class _Open:
    """A workflow of which something is left to run."""

    __slots__ = ("first_s", "jobs", "soonest_s", "unfinished")

    def __init__(self, first_s: float) -> None:
        self.first_s = first_s
        self.jobs = self.unfinished = 0
        # When each job ends if nobody ever waits, as a time and not as a length: added up from the same beginning in
        # the same order as the clock does it, it is the very number that the clock shows then.
        self.soonest_s: dict[str, float] = {}


class Workflows:
    """Follows the workflows of a run.

    Notes
    -----
    State is kept for workflows that are not at their end. A workflow is at its end when no job of it is left that came;
    if another comes later, it begins a workflow of the same name.
    """

    def __init__(self) -> None:
        self._open: dict[str, _Open] = {}
        # Containers of each unfinished job that have not ended, and its workflow: a job is known by its name, as in
        # ``after``. Empty wherever there are no workflows.
        self._left: dict[str, tuple[int, str]] = {}

    def __bool__(self) -> bool:
        return bool(self._left)

    def came(self, arrival: Arrival, now_s: float) -> bool:
        """Take note of a job of a workflow, and say whether it is the first one."""
        job, name = arrival.job, arrival.workflow
        if job.resubmission:
            return False
        workflow = self._open.get(name)
        is_new = workflow is None
        if workflow is None:
            workflow = self._open[name] = _Open(now_s)
        soonest_s = workflow.soonest_s
        begins_s = max((soonest_s[earlier] for earlier in arrival.after if earlier in soonest_s), default=0.0)
        ends_s = max(begins_s, workflow.first_s) + max(float(np.max(run_s)) for run_s in arrival.run_s)
        workflow.jobs += 1
        soonest_s[job.id] = max(ends_s, soonest_s.get(job.id, 0.0))
        left, its = self._left.get(job.id, (0, name))
        if not left:
            workflow.unfinished += 1
        self._left[job.id] = left + job.tasks, its
        return is_new

    def finished(self, job: Job, tasks: int, now_s: float) -> Ended | None:
        """Take note that containers came to their end, and give their workflow if it has come to its own."""
        left, name = self._left.get(job.id, (0, ""))
        if not left:
            return None
        if left > tasks:
            self._left[job.id] = left - tasks, name
            return None
        del self._left[job.id]
        workflow = self._open[name]
        workflow.unfinished -= 1
        if workflow.unfinished:
            return None
        del self._open[name]
        critical_s = max(workflow.soonest_s.values()) - workflow.first_s
        return Ended(name, workflow.jobs, now_s - workflow.first_s, critical_s)
