"""How much sooner MapReduce jobs end than with the workers that they asked for."""

from __future__ import annotations

import numpy as np

from experiments.measures.statistics import Metric, quantile
from policies.log import Row

#: Start and end of a job are rounded, and so is their difference: a speed-up by less than this is none.
ROUNDING = 1e-6


class _Job:
    """A MapReduce job from its submission to its end."""

    __slots__ = ("as_requested_s", "began_s", "requested", "running", "started")

    def __init__(self, requested: int, as_requested_s: float) -> None:
        self.requested, self.as_requested_s = requested, as_requested_s
        self.started = self.running = 0
        self.began_s = 0.0


class Speedups:
    """Follows the MapReduce jobs of a run.

    Attributes
    ----------
    jobs : dict
        Those that go on and were not disturbed, by name.
    seen : list of float
        How many times sooner each of those ended that did.
    """

    def __init__(self) -> None:
        self.jobs: dict[str, _Job] = {}
        self._there_are = False
        self._extra_tasks = 0
        self.seen: list[float] = []

    def submitted(self, row: Row) -> None:
        """Take note of a job of which it is known how long it runs as requested."""
        self._there_are = True
        self.jobs[row.job] = _Job(row.tasks, row.seconds)

    def started(self, row: Row) -> None:
        """Take note that workers of a job run."""
        job = self.jobs[row.job]
        if not job.started:
            job.began_s = row.t_s
        self._extra_tasks += max(min(job.started + row.tasks - job.requested, row.tasks), 0)
        job.started += row.tasks
        job.running += row.tasks

    def finished(self, row: Row) -> None:
        """Take note that workers of a job are done; the job is if they were the last."""
        job = self.jobs[row.job]
        job.running -= row.tasks
        if not job.running and job.started >= job.requested:
            del self.jobs[row.job]
            if row.t_s > job.began_s:
                self.seen.append(job.as_requested_s / (row.t_s - job.began_s))

    def disturbed(self, row: Row) -> None:
        """Forget a job of which containers were killed, or that was given up: its length says nothing."""
        self.jobs.pop(row.job, None)

    def result(self) -> dict[str, Metric]:
        """Give the metrics; none where no job was a MapReduce job."""
        if not self._there_are:
            return {}
        known = np.array(self.seen)
        return {
            "mapreduce_jobs": known.size,
            "mapreduce_extra_tasks": self._extra_tasks,
            "mapreduce_gained": float((known > 1 + ROUNDING).mean()) if known.size else None,
            "mapreduce_speedup_mean": float(known.mean()) if known.size else None,
            "mapreduce_speedup_p50": quantile(known, 0.5) if known.size else None,
            "mapreduce_speedup_p80": quantile(known, 0.8) if known.size else None,
        }
