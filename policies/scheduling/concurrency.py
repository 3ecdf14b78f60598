"""How schedulers that share a cell get along: values handed to a scheduler, not kinds of scheduler.

Each is called with the world, the decision time and a function that decides, and is a process whose value is the
`Outcome`, or None where nothing was claimed.
"""

from __future__ import annotations

from collections.abc import Callable, Generator
from dataclasses import dataclass
from typing import Any

from policies.cell import Claims, Commit, Conflict, Outcome
from policies.scheduling.world import Cell, Clock

Plan = Callable[[Any], list[Claims]]
Concurrency = Callable[[Clock, Cell, float, Plan, Any], Generator[Any, Any, Outcome | None]]


@dataclass(frozen=True, slots=True)
class Exclusive:
    """Nobody else claims: think first, then decide on the cell as it is, so nothing can conflict."""

    commit: Commit = Commit.INCREMENTAL

    def __call__(
        self, clock: Clock, cell: Cell, think_s: float, plan: Plan, pending: Any
    ) -> Generator[Any, Any, Outcome | None]:
        """Place a job."""
        yield clock.timeout(think_s)
        transaction = plan(pending)
        if not _worth_claiming(transaction, pending, self.commit):
            return None
        outcome: Outcome = yield cell.commit(pending, transaction, Conflict.FINE, self.commit)
        return outcome


@dataclass(frozen=True, slots=True)
class Optimistic:
    """Others claim meanwhile: decide on a snapshot taken before thinking, and see at commit what still holds."""

    conflict: Conflict = Conflict.FINE
    commit: Commit = Commit.INCREMENTAL

    def __call__(
        self, clock: Clock, cell: Cell, think_s: float, plan: Plan, pending: Any
    ) -> Generator[Any, Any, Outcome | None]:
        """Place a job."""
        # The decision depends on the snapshot alone, so it may be made at once and kept for the thinking time.
        transaction = plan(pending)
        yield clock.timeout(think_s)
        if not _worth_claiming(transaction, pending, self.commit):
            return None
        outcome: Outcome = yield cell.commit(pending, transaction, self.conflict, self.commit)
        return outcome


def _worth_claiming(transaction: list[Claims], pending: Any, commit: Commit) -> bool:
    """Say whether there is something to commit; a gang is the whole job, whatever the snapshot had room for."""
    if commit is Commit.GANG:
        claimed = sum(claims.tasks for claims in transaction)
        return bool(claimed == pending.job.tasks)
    return bool(transaction)
