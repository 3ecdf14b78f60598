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
    preempts : bool
        Whether less important containers may have to make room; only for a scheduler of the whole cell.
    """

    commit: Commit = Commit.INCREMENTAL
    hosts: IntArray | None = None
    preempts: bool = False

    def place(self, scheduler: Scheduler, pending: Pending) -> Process:
        """Try once to place what is left of a job."""
        yield scheduler.clock.timeout(scheduler.begin(pending, self.look(scheduler.cell)))
        room = scheduler.queue.room(pending, self.look(scheduler.cell))
        transaction = scheduler.plan(pending, room)
        if self.preempts and not scheduler.queue.overtakes(pending):
            transaction += in_place_of_others(scheduler, pending, room, transaction)
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
    """Others claim meanwhile: decide on a snapshot taken before thinking, and see at commit what still holds.

    Attributes
    ----------
    conflict, commit : Conflict, Commit
        How claims are judged.
    preempts : bool
        Whether less important containers may have to make room.
    """

    conflict: Conflict = Conflict.FINE
    commit: Commit = Commit.INCREMENTAL
    preempts: bool = False

    def place(self, scheduler: Scheduler, pending: Pending) -> Process:
        """Try once to place what is left of a job."""
        view = scheduler.cell.snapshot()
        think_s = scheduler.begin(pending, view)
        # The decision depends on the snapshot alone, so it may be made at once and kept for the thinking time.
        transaction = scheduler.plan(pending, view)
        if self.preempts:
            transaction += in_place_of_others(scheduler, pending, view, transaction)
        yield scheduler.clock.timeout(think_s)
        if worth_claiming(transaction, pending, self.commit):
            outcome = yield scheduler.cell.commit(pending, transaction, self.conflict, self.commit)
            pending.granted(outcome)
        scheduler.settle(pending)


def in_place_of_others(
    scheduler: Scheduler, pending: Pending, view: ClusterView, planned: list[Claims]
) -> list[Claims]:
    """Decide where that goes for which `planned` found no room, as if less important containers were not there.

    The least important of the whole cell are disregarded first, then the next as well, and so on: to evict somebody who
    must evict in turn, where the last of that chain would have done, is harm for nothing.
    """
    left = list(pending.left)
    for claims in planned:
        left[claims.group] = max(left[claims.group] - claims.tasks, 0)  # less than none: extra workers, for idle room
    if not any(left):
        return []
    for claims in planned:
        view = view.after(claims.task, claims.hosts, claims.counts)
    more: list[Claims] = []
    for number, group in enumerate(pending.job.groups):
        for taken in scheduler.cell.preemptable(group.task.priority) if left[number] else ():
            only = [count if other == number else 0 for other, count in enumerate(left)]
            for claims in scheduler.plan(pending, view.with_free(view.free + taken), only):
                more.append(claims)
                left[number] -= claims.tasks
                view = view.after(claims.task, claims.hosts, claims.counts)
            if not left[number]:
                break
    return more


def worth_claiming(transaction: list[Claims], pending: Pending, commit: Commit) -> bool:
    """Say whether there is something to commit; a gang is all that was asked for, however little room there was."""
    if commit is Commit.GANG:
        return sum(claims.tasks for claims in transaction) >= pending.job.tasks
    return bool(transaction)
