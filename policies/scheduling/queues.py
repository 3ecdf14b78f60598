"""Queue disciplines: in which order a scheduler takes the jobs that wait for it."""

from __future__ import annotations

import heapq
import itertools
from abc import ABC, abstractmethod
from collections import deque
from typing import TYPE_CHECKING, Any

from policies.arrays import IntArray
from policies.cell import ClusterView
from policies.requests import RESOURCES, Job, Task
from policies.scheduling.world import Watcher

if TYPE_CHECKING:
    from policies.scheduling.scheduler import Pending, Scheduler


class Queue(ABC):
    """Jobs that wait for one scheduler."""

    @abstractmethod
    def put(self, pending: Pending) -> None:
        """Let a job wait: one that was just submitted, or one that is to be tried again."""

    @abstractmethod
    def get(self) -> Any:
        """Give an event whose value is the job to think about next."""

    @abstractmethod
    def take_all(self, taken: Pending) -> list[Pending]:
        """Take all jobs that wait, and give them in the order to think about them, with one that was taken before."""

    def room(self, pending: Pending, view: ClusterView) -> ClusterView:
        """Give what a job may have of what `view` shows, where room is kept for others."""
        return view

    def overtakes(self, pending: Pending) -> bool:
        """Say whether a job goes before one that was promised room: nobody is ended for it, and it gets no extra."""
        return False

    def dormant(self) -> int:
        """Say how many jobs nobody will try before something ends or a host changes."""
        return 0


class Line(Queue):
    """Jobs that are tried one after another, whether or not they fit; a discipline says which is next."""

    def __init__(self, scheduler: Scheduler) -> None:
        self._clock = scheduler.clock
        self._idle: Any = None

    @abstractmethod
    def __len__(self) -> int: ...

    @abstractmethod
    def _join(self, pending: Pending) -> None:
        """Let a job wait at the tail."""

    @abstractmethod
    def _next(self) -> Pending:
        """Take the next of the jobs, of which there is at least one."""

    def put(self, pending: Pending) -> None:
        """Let a job wait at the tail."""
        if self._idle is not None:
            waiting, self._idle = self._idle, None
            waiting.succeed(pending)
        else:
            self._join(pending)

    def get(self) -> Any:
        """Give an event whose value is the next job."""
        event = self._clock.event()
        if len(self):
            event.succeed(self._next())
        else:
            self._idle = event
        return event


class Fifo(Line):
    """First come, first served."""

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__(scheduler)
        self._jobs: deque[Pending] = deque()

    def __len__(self) -> int:
        return len(self._jobs)

    def _join(self, pending: Pending) -> None:
        self._jobs.append(pending)

    def _next(self) -> Pending:
        return self._jobs.popleft()

    def take_all(self, taken: Pending) -> list[Pending]:
        """Take all jobs that wait, in their order behind the one that was taken."""
        jobs = [taken, *self._jobs]
        self._jobs.clear()
        return jobs


class Priority(Line):
    """The highest priority first, first come first served among equals.

    A job has the priority of its most important container. What is being thought about is not interrupted.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__(scheduler)
        self._heap: list[tuple[int, int, Pending]] = []
        self._number = itertools.count(1)

    def __len__(self) -> int:
        return len(self._heap)

    def _join(self, pending: Pending) -> None:
        heapq.heappush(self._heap, (-_priority(pending.job), next(self._number), pending))

    def _next(self) -> Pending:
        return heapq.heappop(self._heap)[2]

    def take_all(self, taken: Pending) -> list[Pending]:
        """Take all jobs that wait; the one that was taken keeps its place before its equals."""
        heapq.heappush(self._heap, (-_priority(taken.job), 0, taken))
        jobs = [pending for _, _, pending in sorted(self._heap)]
        self._heap.clear()
        return jobs


def _priority(job: Job) -> int:
    return max([group.task.priority for group in job.groups])


class FairShare(Line, Watcher):
    r"""The next job of the user who has least, each user's own first come first served.

    Notes
    -----
    Dominant-resource fairness (Ghodsi et al., NSDI 2011): a user's share is :math:`\max_r h_r / c_r`, where
    :math:`h_r` is what the containers that this scheduler placed for the user hold now and :math:`c_r` what the hosts
    of the cell have. Of equal shares, the job that joined the queue first. Jobs without a user are one user's. We
    hand out whole jobs, where the paper hands out tasks.
    """

    def __init__(self, scheduler: Scheduler) -> None:
        super().__init__(scheduler)
        self._name, self._cell = scheduler.name, scheduler.cell
        self._lines: dict[str, deque[tuple[int, Pending]]] = {}  # of users of whom a job waits
        self._number = itertools.count(1)
        self._held: dict[str, list[int]] = {}
        self._share: dict[str, float] = {}  # of those who ever held something
        self._whole: list[int] | None = None
        self._cell.watch(self)

    def __len__(self) -> int:
        return len(self._lines)

    def _join(self, pending: Pending) -> None:
        self._lines.setdefault(pending.job.user, deque()).append((next(self._number), pending))

    def _next(self) -> Pending:
        user = min(self._lines, key=lambda user: (self._share.get(user, 0.0), self._lines[user][0][0]))
        line = self._lines[user]
        _, pending = line.popleft()
        if not line:
            del self._lines[user]
        return pending

    def take_all(self, taken: Pending) -> list[Pending]:
        """Take all jobs that wait, each as if those before it had got all that they ask for."""
        self._lines.setdefault(taken.job.user, deque()).appendleft((0, taken))
        jobs = []
        while self._lines:
            jobs.append(pending := self._next())
            self._count(pending, 1)
        for pending in jobs:
            self._count(pending, -1)
        return jobs

    def _count(self, pending: Pending, times: int) -> None:
        for group, left in zip(pending.job.groups, pending.left, strict=True):
            self._hold(pending.job.user, group.task, times * left)

    def started(self, scheduler: str, job: Job, task: Task, hosts: IntArray, counts: IntArray) -> None:
        """Count what a user holds from now on."""
        if scheduler == self._name:
            self._hold(job.user, task, int(counts.sum()))

    def ended(self, scheduler: str, job: Job, task: Task, hosts: IntArray, counts: IntArray) -> None:
        """Count what a user holds no longer."""
        if scheduler == self._name:
            self._hold(job.user, task, -int(counts.sum()))

    def hosts_changed(self) -> None:
        """Weigh anew what everybody holds."""
        self._whole = None
        for user, held in self._held.items():
            self._share[user] = self._dominant(held)

    def _hold(self, user: str, task: Task, count: int) -> None:
        held = self._held.setdefault(user, [0] * len(RESOURCES))
        for axis, amount in enumerate(task.need):
            held[axis] += count * amount
        self._share[user] = self._dominant(held)

    def _dominant(self, held: list[int]) -> float:
        if self._whole is None:
            view = self._cell.snapshot()
            whole = dict(zip(view.resources, view.capacity.sum(axis=1).tolist(), strict=True))
            # What the cell has nothing of nobody holds, but for what its lost hosts still do.
            self._whole = [max(whole.get(name, 0), 1) for name in RESOURCES]
        return max(amount / whole for amount, whole in zip(held, self._whole, strict=True))
