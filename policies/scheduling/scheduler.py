"""The scheduler: a process that takes a job, looks, thinks, claims, and tries again what did not work out."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

from policies.cell import Claims, ClusterView, Outcome
from policies.errors import UserError
from policies.log import Event, Log
from policies.placement import Placer
from policies.requests import Job
from policies.scheduling.concurrency import Concurrency
from policies.scheduling.queues import Queue
from policies.scheduling.quotas import Admission
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
        Workers beyond those asked for that the present attempt aims at and has not got; see `sizing`.
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
            self.extra += self.unplaced
            self.left[0] = self.unplaced = 0


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
        How long a job with containers left waits before it joins the queue again.
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
    queue : callable
        Given the scheduler, gives the queue in which jobs wait for it.
    log : Log
        What it tells.
    sizing : callable
        How many workers a MapReduce job gets.
    admission : Admission, optional
        Who sees to quotas, if there are any: extra workers count, too.
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
        queue: Callable[[Scheduler], Queue],
        log: Log,
        sizing: Sizing,
        admission: Admission | None = None,
    ) -> None:
        self.name = name
        self.clock, self.cell = clock, cell
        self.concurrency, self.decision_time = concurrency, decision_time
        self._placer, self._patience, self._log = placer, patience, log
        self._sizing, self._admission = sizing, admission
        self.queue = queue(self)

    def run(self) -> Process:
        """Take one job after another."""
        self._log.say(self.clock.now, Event.SCHEDULER, scheduler=self.name)
        place = self.concurrency.place
        while True:
            pending = yield self.queue.get()
            yield from place(self, pending)

    def begin(self, pending: Pending, view: ClusterView) -> float:
        """Begin to think about a job, on what `view` shows, and say for how many seconds."""
        if pending.job.mapreduce is not None:
            pending.extra = self._extra_workers(pending, view)
        think_s = self.decision_time(pending)
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

    def _extra_workers(self, pending: Pending, view: ClusterView) -> int:
        if pending.unplaced < pending.job.tasks or self.queue.overtakes(pending):
            return 0
        extra = extra_workers(self._sizing, pending.job, view)
        return extra if self._admission is None else self._admission.lend(pending.job, extra)

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
        if pending.extra:
            if self._admission is not None:
                self._admission.take_back(pending.job, pending.extra)
            pending.extra = 0
        if not pending.unplaced:
            return
        if self._patience.ends(pending):
            self.cell.give_up(pending)
        else:
            self.clock.process(self._retry(pending))

    def _retry(self, pending: Pending) -> Process:
        yield self.clock.timeout(self._patience.retry_s)
        self.queue.put(pending)
