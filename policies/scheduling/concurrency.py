"""How schedulers that share a cell get along: values handed to a scheduler, not kinds of scheduler.

Each is told to place a job, and reads like the sentence that describes it.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol

from policies.arrays import IntArray
from policies.cell import Claims, ClusterView, Commit, Conflict
from policies.scheduling.world import Cell, Process

if TYPE_CHECKING:
    from policies.scheduling.scheduler import Pending, Scheduler


class Concurrency(Protocol):
    """What a scheduler does with the job at the head of its queue."""

    def place(self, scheduler: Scheduler, pending: Pending) -> Process:
        """Try once to place what is left of a job."""
        ...


@dataclass(frozen=True, slots=True)
class Exclusive:
    """Nobody else claims here: think first, then decide on the hosts as they are, so nothing can conflict.

    Attributes
    ----------
    commit : Commit
        Whether part of a job may be placed.
    hosts : ndarray of int, optional
        The scheduler's own part of the cell; all of it by default.
    """

    commit: Commit = Commit.INCREMENTAL
    hosts: IntArray | None = None

    def place(self, scheduler: Scheduler, pending: Pending) -> Process:
        """Try once to place what is left of a job."""
        yield scheduler.clock.timeout(scheduler.begin(pending))
        room = scheduler.queue.room(pending, self.look(scheduler.cell))
        transaction = scheduler.plan(pending, room)
        if worth_claiming(transaction, pending, self.commit):
            outcome = yield scheduler.cell.commit(pending, transaction, Conflict.FINE, self.commit)
            pending.granted(outcome)
        scheduler.settle(pending)

    def look(self, cell: Cell) -> ClusterView:
        """Give the scheduler's own part of the cell as it is now."""
        view = cell.snapshot()
        return view if self.hosts is None else view.part(self.hosts)


@dataclass(frozen=True, slots=True)
class Optimistic:
    """Others claim meanwhile: decide on a snapshot taken before thinking, and see at commit what still holds."""

    conflict: Conflict = Conflict.FINE
    commit: Commit = Commit.INCREMENTAL

    def place(self, scheduler: Scheduler, pending: Pending) -> Process:
        """Try once to place what is left of a job."""
        think_s = scheduler.begin(pending)
        # The decision depends on the snapshot alone, so it may be made at once and kept for the thinking time.
        transaction = scheduler.plan(pending, scheduler.cell.snapshot())
        yield scheduler.clock.timeout(think_s)
        if worth_claiming(transaction, pending, self.commit):
            outcome = yield scheduler.cell.commit(pending, transaction, self.conflict, self.commit)
            pending.granted(outcome)
        scheduler.settle(pending)


def worth_claiming(transaction: list[Claims], pending: Pending, commit: Commit) -> bool:
    """Say whether there is something to commit; a gang is the whole job, whatever the snapshot had room for."""
    if commit is Commit.GANG:
        return sum(claims.tasks for claims in transaction) == pending.job.tasks
    return bool(transaction)
