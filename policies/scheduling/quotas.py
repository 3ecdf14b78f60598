"""Quotas: how much a user may have at a time, seen to when a job is submitted."""

from __future__ import annotations

from collections import Counter, deque
from collections.abc import Mapping
from typing import TYPE_CHECKING

from policies.arrays import IntArray
from policies.requests import Job, Task
from policies.scheduling.queues import Queue
from policies.scheduling.world import Cell, Watcher

if TYPE_CHECKING:
    from policies.scheduling.scheduler import Pending

#: Stands for every user who is not named.
EVERYBODY = "*"


class Admission(Watcher):
    """Lets a user's jobs into the queues of the schedulers as far as the user's quota goes; the others wait outside.

    Admission by quota is Borg's (Verma et al., EuroSys 2015, section 2.5); there a job beyond it is refused, here it
    waits, behind the user's own and nobody else's. A job counts whole from its admission, and each of its containers
    until it ended, or was given up. What is submitted again, having lost its room, waits like any other job, behind
    those that waited already. Extra workers of a MapReduce job (see `sizing`) do not wait: there are as many as the
    quota leaves when a scheduler begins to think about them, and they count from then on. What runs from the beginning
    counts too. Jobs without a user are one user's.

    Parameters
    ----------
    cell : Cell
        Where containers end, before anything runs in it.
    quotas : mapping
        Millicores that each user may have at a time; `EVERYBODY` for each that is not named. Who has none is free.
    """

    def __init__(self, cell: Cell, quotas: Mapping[str, int]) -> None:
        self._quotas = quotas
        self._used: Counter[str] = Counter()
        self._outside: dict[str, deque[tuple[Pending, Queue]]] = {}
        cell.watch(self)

    def exceeded_by(self, job: Job) -> bool:
        """Say whether a job alone is more than its user may ever have."""
        quota = self._quota(job.user)
        return quota is not None and _cpu_milli(job) > quota

    def submit(self, pending: Pending, queue: Queue) -> None:
        """Let a job join a queue, now or when enough of its user's has ended."""
        user = pending.job.user
        if self._quota(user) is None:
            queue.put(pending)
            return
        self._outside.setdefault(user, deque()).append((pending, queue))
        self._admit(user)

    def lend(self, job: Job, workers: int) -> int:
        """Count extra workers as far as the quota of the job's user goes, and say how many; the job may have these."""
        quota = self._quota(job.user)
        if quota is None:
            return workers
        cpu_milli = job.groups[0].task.need.cpu_milli
        if cpu_milli:
            workers = min(workers, max(quota - self._used[job.user], 0) // cpu_milli)
        self._used[job.user] += cpu_milli * workers
        return workers

    def take_back(self, job: Job, workers: int) -> None:
        """Count those of the extra workers no longer that did not come."""
        self._give_back(job.user, job.groups[0].task.need.cpu_milli * workers)

    def dormant(self) -> int:
        """Say how many jobs wait outside."""
        return sum(len(line) for line in self._outside.values())

    def started(self, scheduler: str, job: Job, task: Task, hosts: IntArray, counts: IntArray) -> None:
        """Count what runs from the beginning, which nobody admitted."""
        if not scheduler:
            self._used[job.user] += task.need.cpu_milli * int(counts.sum())

    def ended(self, scheduler: str, job: Job, task: Task, hosts: IntArray, counts: IntArray) -> None:
        """Count it no longer."""
        self._give_back(job.user, task.need.cpu_milli * int(counts.sum()))

    def given_up(self, pending: Pending) -> None:
        """Count what was never placed no longer."""
        groups = zip(pending.job.groups, pending.left, strict=True)
        self._give_back(pending.job.user, sum(group.task.need.cpu_milli * left for group, left in groups))

    def _give_back(self, user: str, cpu_milli: int) -> None:
        if self._quota(user) is not None:
            self._used[user] -= cpu_milli
        if user in self._outside:
            self._admit(user)

    def _admit(self, user: str) -> None:
        quota, line = self._quota(user), self._outside[user]
        assert quota is not None
        while line and self._used[user] + (more := _cpu_milli(line[0][0].job)) <= quota:
            self._used[user] += more
            pending, queue = line.popleft()
            queue.put(pending)
        if not line:
            del self._outside[user]

    def _quota(self, user: str) -> int | None:
        quota = self._quotas.get(user)
        return self._quotas.get(EVERYBODY) if quota is None else quota


def _cpu_milli(job: Job) -> int:
    return sum(group.task.need.cpu_milli * group.count for group in job.groups)
