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
        # By the job itself: a trace may submit one identifier twice.
        self._held: dict[Job, tuple[set[str], Arrival]] = {}
        self._followers: dict[str, list[Job]] = {}

    def holds(self, arrival: Arrival) -> bool:
        """Say whether a job must wait, and keep it then."""
        job = arrival.job
        missing = {name for name in arrival.after if name in self._unfinished}
        if not job.resubmission:
            self._unfinished[job.id] = self._unfinished.get(job.id, 0) + job.tasks
        if not missing:
            return False
        self._held[job] = missing, arrival
        for name in sorted(missing):
            self._followers.setdefault(name, []).append(job)
        return True

    def finished(self, job: Job, tasks: int) -> list[Arrival]:
        """Take note that containers came to their end, and give the jobs that need not wait any longer."""
        left = self._unfinished.get(job.id, tasks) - tasks
        if left > 0:
            self._unfinished[job.id] = left
            return []
        self._unfinished.pop(job.id, None)
        free = []
        for follower in self._followers.pop(job.id, ()):
            missing, arrival = self._held[follower]
            missing.discard(job.id)
            if not missing:
                del self._held[follower]
                free.append(arrival)
        return free
