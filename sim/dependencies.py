"""Jobs that wait for others to end."""

from __future__ import annotations

from policies.requests import Job
from traces.trace import Arrival


class Dependencies:
    """Keeps jobs until all that they come after have ended.

    A job that is not known here has ended: a trace names only jobs that came before.
    """

    def __init__(self) -> None:
        self._unfinished: dict[str, int] = {}
        self._waits_for: dict[str, set[str]] = {}
        self._held: dict[str, Arrival] = {}
        self._followers: dict[str, list[str]] = {}

    def holds(self, arrival: Arrival) -> bool:
        """Say whether a job must wait, and keep it then."""
        job = arrival.job
        missing = {name for name in arrival.after if name in self._unfinished}
        self.expect(job)
        if not missing:
            return False
        self._held[job.id] = arrival
        self._waits_for[job.id] = missing
        for name in sorted(missing):
            self._followers.setdefault(name, []).append(job.id)
        return True

    def expect(self, job: Job) -> None:
        """Take note of a job that others may come after."""
        if not job.resubmission:
            self._unfinished[job.id] = self._unfinished.get(job.id, 0) + job.tasks

    def finished(self, job: Job, tasks: int) -> list[Arrival]:
        """Take note that containers came to their end, and give the jobs that need not wait any longer."""
        left = self._unfinished.get(job.id, tasks) - tasks
        if left > 0:
            self._unfinished[job.id] = left
            return []
        self._unfinished.pop(job.id, None)
        free = []
        for name in self._followers.pop(job.id, ()):
            missing = self._waits_for[name]
            missing.discard(job.id)
            if not missing:
                del self._waits_for[name]
                free.append(self._held.pop(name))
        return free
