"""The scheduler: a process that takes a job, looks, thinks, claims, and tries again what did not work out."""

from __future__ import annotations

from collections import deque
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from policies.cell import Claims, ClusterView, Outcome
from policies.errors import UserError
from policies.log import Event, Log
from policies.placement import Placer
from policies.requests import Job
from policies.scheduling.concurrency import Concurrency
from policies.scheduling.sizing import Sizing, extra_workers
from policies.scheduling.world import Cell, Clock, Process


class Pending:
    """A job on its way to hosts.

    Attributes
    ----------
    job : Job
        What was asked for.
    left : list of int
        Containers without a host, per group of the job.
    unplaced : int
        The same in all.
    attempts : int
        How many times a scheduler thought about it.
    since_s : float
        When it was submitted.
    extra : int
        Workers that the present attempt aims at beyond those asked for; see `sizing`.
    """

    __slots__ = ("attempts", "extra", "job", "left", "scheduler", "since_s", "unplaced")

    def __init__(self, job: Job, scheduler: str, since_s: float) -> None:
        self.job = job
        self.left = [group.count for group in job.groups]
        self.unplaced = job.tasks
        self.attempts = 0
        self.scheduler = scheduler
        self.since_s = since_s
        self.extra = 0

    @property
    def wanted(self) -> list[int]:
        """Containers that the present attempt is about, per group of the job: what is left, and extra workers."""
        return [self.left[0] + self.extra] if self.extra else self.left

    def granted(self, outcome: Outcome) -> None:
        """Take note that containers got hosts; of MapReduce workers the first are those that were asked for."""
        for claims in outcome.accepted:
            self.left[claims.group] -= claims.tasks
        self.unplaced -= outcome.placed
        if self.extra and self.unplaced < 0:
            self.left[0] = self.unplaced = 0


class Fifo:
    """Jobs that wait for a scheduler, first come first served."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._jobs: deque[Pending] = deque()
        self._idle: Any = None

    def put(self, pending: Pending) -> None:
        """Let a job wait at the tail."""
        if self._idle is not None:
            waiting, self._idle = self._idle, None
            waiting.succeed(pending)
        else:
            self._jobs.append(pending)

    def take_all(self) -> list[Pending]:
        """Take all jobs that wait, in their order."""
        jobs = list(self._jobs)
        self._jobs.clear()
        return jobs

    def get(self) -> Any:
        """Give an event whose value is the next job."""
        event = self._clock.event()
        if self._jobs:
            event.succeed(self._jobs.popleft())
        else:
            self._idle = event
        return event


@dataclass(frozen=True, slots=True)
class DecisionTime:
    """How long a scheduler thinks: ``t_job + t_task * containers``, in seconds (Omega, EuroSys 2013, section 4).

    The containers are all that it tries to place, extra workers included.

    Attributes
    ----------
    t_job_s, t_task_s : float or mapping
        One number, or one for each workload class.
    """

    t_job_s: float | Mapping[str, float] = 0.1
    t_task_s: float | Mapping[str, float] = 0.005

    def __call__(self, pending: Pending) -> float:
        """Give the seconds that an attempt to place what is left of a job takes."""
        workload = pending.job.workload
        t_job_s, t_task_s = self.t_job_s, self.t_task_s
        if not isinstance(t_job_s, (float, int)):
            t_job_s = self._of_class(t_job_s, workload)
        if not isinstance(t_task_s, (float, int)):
            t_task_s = self._of_class(t_task_s, workload)
        return t_job_s + t_task_s * (pending.unplaced + pending.extra)

    @staticmethod
    def _of_class(times_s: Mapping[str, float], workload: str) -> float:
        try:
            return times_s[workload]
        except KeyError:
            named = ", ".join(sorted(times_s))
            raise UserError(f"decision times are given for {named}, and a job is of class {workload!r}") from None


@dataclass(frozen=True, slots=True)
class Patience:
    """When a scheduler tries again, and when no more (the Omega simulator's rules).

    Attributes
    ----------
    retry_s : float
        How long a job with containers left waits before it joins the tail of the queue again.
    fruitless : int
        A job of which not one container was placed is given up after more attempts than this.
    attempts : int
        Any job is given up after more attempts than this.
    """

    retry_s: float = 1.0
    fruitless: int = 100
    attempts: int = 1000

    def ends(self, pending: Pending) -> bool:
        """Say whether a job is to be given up."""
        if pending.attempts > self.attempts:
            return True
        return pending.attempts > self.fruitless and pending.unplaced == pending.job.tasks


class Scheduler:
    """One scheduler of a cell.

    Parameters
    ----------
    name : str
        Its group and its number in it, for instance ``batch/0``.
    clock, cell : Clock, Cell
        What the world gives.
    placer : Placer
        Where containers go.
    concurrency : Concurrency
        How it gets along with the others.
    decision_time : callable
        How long it thinks about a job.
    patience : Patience
        How long it keeps trying.
    log : Log
        What it tells.
    sizing : callable
        How many workers a MapReduce job gets.
    """

    def __init__(
        self,
        name: str,
        clock: Clock,
        cell: Cell,
        placer: Placer,
        concurrency: Concurrency,
        decision_time: DecisionTime,
        patience: Patience,
        log: Log,
        sizing: Sizing,
    ) -> None:
        self.name = name
        self.queue = Fifo(clock)
        self.clock, self.cell = clock, cell
        self._placer, self._concurrency = placer, concurrency
        self._decision_time, self._patience, self._log = decision_time, patience, log
        self._sizing = sizing

    def run(self) -> Process:
        """Take one job after another."""
        self._log.say(self.clock.now, Event.SCHEDULER, scheduler=self.name)
        place = self._concurrency.place
        while True:
            pending = yield self.queue.get()
            yield from place(self, pending)

    def begin(self, pending: Pending, view: ClusterView) -> float:
        """Begin to think about a job, on what `view` shows, and say for how many seconds."""
        if pending.job.mapreduce is not None:
            untouched = pending.unplaced == pending.job.tasks
            pending.extra = extra_workers(self._sizing, pending.job, view) if untouched else 0
        think_s = self._decision_time(pending)
        pending.attempts += 1
        now, job = self.clock.now, pending.job
        self._log.say(
            now,
            Event.ATTEMPTED,
            job.id,
            job.workload,
            self.name,
            job.resubmission,
            pending.attempts,
            tasks=pending.unplaced,
            seconds=think_s,
            age_s=now - pending.since_s,
        )
        return think_s

    def plan(self, pending: Pending, view: ClusterView, wanted: list[int] | None = None) -> list[Claims]:
        """Decide, on what `view` shows, where what is wanted of a job goes (or of it only `wanted`, per group)."""
        groups = pending.job.groups
        if groups[0].task.apart:
            view = view.barring(self.cell.siblings(pending.job.id))
        transaction = []
        for number, count in enumerate(pending.wanted if wanted is None else wanted):
            if not count:
                continue
            task = groups[number].task
            rows, counts = self._placer.place(view, task, count)
            if rows.size:
                transaction.append(self.cell.claims(task, view.hosts(rows), counts, number))
                if number + 1 < len(groups):
                    view = view.after(task, rows, counts)
        return transaction

    def settle(self, pending: Pending) -> None:
        """Let go of a job: it is placed, or is to be tried again later, or given up."""
        if not pending.unplaced:
            return
        if self._patience.ends(pending):
            self.cell.give_up(pending)
        else:
            self.clock.process(self._retry(pending))

    def _retry(self, pending: Pending) -> Process:
        yield self.clock.timeout(self._patience.retry_s)
        self.queue.put(pending)
