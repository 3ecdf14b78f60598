"""Schedulers that remember how they placed certain jobs, for whoever asks why."""

from __future__ import annotations

from collections import Counter
from collections.abc import Collection
from dataclasses import dataclass, field
from typing import Any

from policies.arrays import IntArray
from policies.cell import Claims, ClusterView, Commit
from policies.placement.explain import Decision, TellingPlacer, Verdict, Withheld, explain
from policies.placement.interface import Told
from policies.placement.placer import Chosen
from policies.requests import Job, Task
from policies.scheduling.concurrency import Exclusive, worth_claiming
from policies.scheduling.offers import Offered
from policies.scheduling.scheduler import Pending, Scheduler
from policies.scheduling.world import Watcher

#: Attempts at a job that are kept: the first ones, and the last.
KEPT = 5


@dataclass(eq=False)
class Attempt:
    """One attempt of a scheduler to place what was left of a job.

    Attributes
    ----------
    job : Job
        Which.
    number : int
        Which attempt of this submission, from 1.
    scheduler : str
        Whose.
    submitted_s, began_s : float
        When the job came, and when the scheduler began to think.
    wanted : int
        Containers that it was about.
    decisions : list of Decision
        Where containers were to go: one for each kind of them, and more where one look at the hosts did not do.
    decided_s : float, optional
        When the hosts were looked at to decide.
    ended_s : float, optional
        When what was decided was committed, or let go. None: the run was over before.
    claimed : bool
        Whether there was something to commit.
    """

    job: Job
    number: int
    scheduler: str
    submitted_s: float
    began_s: float
    wanted: int
    decisions: list[Decision] = field(default_factory=list)
    decided_s: float | None = None
    ended_s: float | None = None
    claimed: bool = False
    _transaction: list[Claims] = field(default_factory=list)
    _granted: Counter[tuple[Task, int]] = field(default_factory=Counter)

    def decide(self, now_s: float, transaction: list[Claims]) -> None:
        """Take note of claims; those of the same job may be decided in several goes."""
        self.decided_s = now_s if self.decided_s is None else self.decided_s
        self._transaction += transaction

    def grant(self, task: Task, hosts: IntArray, counts: IntArray) -> None:
        """Take note of containers that started."""
        for host, count in zip(hosts.tolist(), counts.tolist(), strict=True):
            self._granted[task, host] += count

    def end(self, now_s: float, pending: Pending, commit: Commit) -> None:
        """Write down what became of each decision."""
        self.ended_s = now_s
        self.claimed = worth_claiming(self._transaction, pending, commit)
        if self.claimed:
            self.decisions = [self._as_granted(decision) for decision in self.decisions]

    def _as_granted(self, decision: Decision) -> Decision:
        hosts = []
        for one in decision.hosts:
            granted = min(one.placed, self._granted[decision.task, one.host])
            # Two decisions may have sent the same kind of container to one host: each is told its own.
            self._granted[decision.task, one.host] -= granted
            hosts.append(one._replace(granted=granted) if one.placed else one)
        return decision._replace(hosts=tuple(hosts))


class Explainer:
    """Keeps how the schedulers of a cell placed certain jobs.

    Parameters
    ----------
    jobs : collection of str
        Their identifiers.
    commit : Commit
        How claims are judged in this cell.

    Attributes
    ----------
    attempts : dict of list of Attempt
        By job, in order of time: the first few, and the last.
    left_out : Counter
        How many are not kept, by job.
    """

    def __init__(self, jobs: Collection[str], commit: Commit) -> None:
        self.attempts: dict[str, list[Attempt]] = {job: [] for job in jobs}
        self.left_out: Counter[str] = Counter()
        self.commit = commit

    def scheduler(self, *arguments: Any) -> Scheduler:
        """Make a scheduler that tells this explainer; the arguments are those of `Scheduler`."""
        return _Explaining(self, *arguments)

    def keep(self, attempt: Attempt) -> None:
        """Keep an attempt that begins, and forget the last before it if there are many."""
        attempts = self.attempts[attempt.job.id]
        attempts.append(attempt)
        if len(attempts) > KEPT:
            del attempts[-2]
            self.left_out[attempt.job.id] += 1


class _Explaining(Scheduler, Watcher):
    """A scheduler that decides as any other, and tells its explainer how."""

    _placer: TellingPlacer

    def __init__(self, explainer: Explainer, *arguments: Any) -> None:
        super().__init__(*arguments)
        self._explainer = explainer
        self._open: dict[Job, Attempt] = {}
        self.cell.watch(self)

    def begin(self, pending: Pending, view: ClusterView) -> float:
        """Begin to think about a job."""
        think_s = super().begin(pending, view)
        job = pending.job
        if job.id in self._explainer.attempts:
            attempt = Attempt(
                job, pending.attempts, self.name, pending.since_s, self.clock.now, sum(pending.wanted)
            )  # fmt: skip
            self._open[job] = attempt
            self._explainer.keep(attempt)
        return think_s

    def plan(self, pending: Pending, view: ClusterView, wanted: list[int] | None = None) -> list[Claims]:
        """Decide where what is wanted of a job goes."""
        attempt = self._open.get(pending.job)
        if attempt is None:
            return super().plan(pending, view, wanted)

        def listen(view: ClusterView, task: Task, k: int, chosen: Chosen, told: Told) -> None:
            decision = explain(view, task, k, chosen, told, self._withheld(view, task), self._elsewhere(view))
            attempt.decisions.append(decision)

        self._placer.listener = listen
        try:
            transaction = super().plan(pending, view, wanted)
        finally:
            self._placer.listener = None
        attempt.decide(self.clock.now, transaction)
        return transaction

    def settle(self, pending: Pending) -> None:
        """Let go of a job."""
        attempt = self._open.pop(pending.job, None)
        if attempt is not None:
            attempt.end(self.clock.now, pending, self._explainer.commit)
        super().settle(pending)

    def started(self, scheduler: str, job: Job, task: Task, hosts: IntArray, counts: IntArray) -> None:
        """Take note of what was granted."""
        if scheduler == self.name and job in self._open:
            self._open[job].grant(task, hosts, counts)

    def _elsewhere(self, view: ClusterView) -> int:
        """Say how many hosts of the cell are not in a view."""
        return len(self.cell.snapshot()) - len(view)

    def _withheld(self, view: ClusterView, task: Task) -> Withheld:
        """Say which hosts have room in the books but not in the view since somebody else is to have it."""
        concurrency = self.concurrency
        if not isinstance(concurrency, (Offered, Exclusive)):
            return ()
        books, bare = self.cell.snapshot(), Task(task.need)
        # Where the scheduler has just planned containers of its own, those are what fills the host.
        untouched = view.claimed <= books.claimed.take(view.index)
        kept = books.fits(bare).take(view.index) & ~view.fits(bare) & untouched
        if isinstance(concurrency, Exclusive):
            return ((Verdict.PROMISED, kept),)
        others = concurrency.allocator.offered_to_others(self.name).take(view.index, axis=1)
        offered = view.with_free(view.free + others).fits(bare)
        return ((Verdict.OFFERED, kept & offered), (Verdict.NOT_OFFERED, kept))
