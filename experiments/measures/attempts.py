"""Attempts of schedulers at jobs, one by one: who thought about what, for how long, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from policies.errors import UserError
from policies.log import Event, Row


class Came(StrEnum):
    """What came of an attempt."""

    PLACED = "placed"  # all containers that were left have a host
    PART = "part"  # some of them
    CONFLICT = "conflict"  # at least one claim failed; others may have been granted
    NOTHING = "nothing"  # there was no room, and so no transaction
    UNFINISHED = "unfinished"  # the run ended first


@dataclass(slots=True, eq=False)
class Attempt:
    """One attempt of a scheduler at a job.

    Attributes
    ----------
    number : int
        Which attempt of the run it is, from 0, in the order in which schedulers began to think.
    began_s, until_s : float
        When the scheduler began to think, and when it had thought.
    scheduler, job, workload : str
        Who thought about what.
    again : bool
        Whether the job had been submitted before.
    attempt : int
        Which attempt at the job it is, from 1.
    wanted : int
        Containers without a host when it began.
    seconds : float
        How long it was to think.
    came : Came
        What came of it.
    placed, conflicted : int
        Containers that got a host, and whose claim failed.
    remaining : int
        Containers of the job that have no host afterwards.
    """

    number: int
    began_s: float
    until_s: float
    scheduler: str
    job: str
    workload: str
    again: bool
    attempt: int
    wanted: int
    seconds: float
    came: Came
    placed: int
    conflicted: int
    remaining: int


class Attempts:
    """Follows the attempts of all schedulers through the rows of a log; memory is that of jobs that wait.

    A scheduler may think about several jobs before it commits any, as it does with an offer, and of an attempt that
    finds no room there is no further row: that nothing came of it is known when the job is attempted again.
    """

    def __init__(self) -> None:
        self._latest: dict[str, Attempt] = {}  # of each scheduler
        self._placing: dict[str, Attempt] = {}  # whose transaction was the latest of each scheduler
        # By scheduler, job, whether it was submitted again, and how many times attempted; of equal ones in their order.
        self._open: dict[tuple[str, str, bool, int], list[Attempt]] = {}
        self._count = 0

    def take(self, row: Row) -> Attempt | None:
        """Take the next row; give the attempt of which it tells what came: a transaction, or that there was none."""
        event = row.event
        if event is Event.ATTEMPTED:
            before = self._latest.get(row.scheduler)
            if before is not None:
                # On the wall clock a scheduler may be a little early.
                before.until_s = min(before.until_s, row.t_s)
            attempt = self._latest[row.scheduler] = Attempt(
                self._count, row.t_s, row.t_s + row.seconds, row.scheduler, row.job, row.workload, row.again,
                row.attempt, row.tasks, row.seconds, Came.NOTHING, 0, 0, row.tasks,
            )  # fmt: skip
            self._count += 1
            self._open.setdefault((row.scheduler, row.job, row.again, row.attempt), []).append(attempt)
            return self._over(row, row.attempt - 1)
        if event is Event.COMMITTED or event is Event.CONFLICTED:
            over = self._over(row, row.attempt)
            if over is None:
                raise UserError(f"the log is not whole: nobody thought about job {row.job!r} before {row.t_s:g} s")
            over.placed, over.conflicted, over.remaining = row.tasks, row.conflicted, row.remaining
            over.until_s = min(over.until_s, row.t_s)
            if event is Event.CONFLICTED:
                over.came = Came.CONFLICT
            else:
                over.came = Came.PART if row.remaining else Came.PLACED
            self._placing[row.scheduler] = over
            return over
        if event is Event.ABANDONED:
            return self._over(row, row.attempt)
        return None

    def left(self, horizon_s: float) -> Iterator[Attempt]:
        """Give the attempts of which nothing had come when the run ended; what was not over is cut off there."""
        for some in self._open.values():
            for attempt in some:
                if attempt.until_s > horizon_s:
                    attempt.until_s, attempt.came = horizon_s, Came.UNFINISHED
                yield attempt

    def placing(self, row: Row) -> Attempt | None:
        """Give the attempt that placed the containers of a row; None where it was none."""
        attempt = self._placing.get(row.scheduler)
        return attempt if attempt is not None and attempt.job == row.job else None

    def _over(self, row: Row, number: int) -> Attempt | None:
        """Strike off an attempt at a row's job."""
        whose = row.scheduler, row.job, row.again, number
        some = self._open.get(whose)
        if not some:
            return None
        if len(some) == 1:
            del self._open[whose]
        return some.pop(0)
