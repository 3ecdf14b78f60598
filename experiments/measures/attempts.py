"""Attempts of schedulers at jobs, one by one: who thought about what, for how long, and what came of it."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

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
    """Follows the attempts of all schedulers through the rows of a log; memory is one attempt a scheduler."""

    def __init__(self) -> None:
        self._latest: dict[str, Attempt] = {}
        self._open: set[str] = set()  # schedulers of whose latest attempt nothing has come yet
        self._count = 0

    def take(self, row: Row) -> Attempt | None:
        """Take the next row; give the attempt of which it tells what came: a transaction, or that there was none."""
        event = row.event
        if event is Event.ATTEMPTED:
            over = self._latest[row.scheduler] if row.scheduler in self._open else None
            if over is not None:
                # On the wall clock a scheduler may be a little early.
                over.until_s = min(over.until_s, row.t_s)
            self._open.add(row.scheduler)
            self._latest[row.scheduler] = Attempt(
                self._count, row.t_s, row.t_s + row.seconds, row.scheduler, row.job, row.workload, row.again,
                row.attempt, row.tasks, row.seconds, Came.NOTHING, 0, 0, row.tasks,
            )  # fmt: skip
            self._count += 1
            return over
        if event is Event.COMMITTED or event is Event.CONFLICTED:
            attempt = self._latest[row.scheduler]
            attempt.placed, attempt.conflicted, attempt.remaining = row.tasks, row.conflicted, row.remaining
            attempt.until_s = min(attempt.until_s, row.t_s)
            if event is Event.CONFLICTED:
                attempt.came = Came.CONFLICT
            else:
                attempt.came = Came.PART if row.remaining else Came.PLACED
            self._open.discard(row.scheduler)
            return attempt
        return None

    def left(self, horizon_s: float) -> Iterator[Attempt]:
        """Give the attempts of which nothing had come when the run ended; what was not over is cut off there."""
        for scheduler, attempt in self._latest.items():
            if scheduler in self._open:
                if attempt.until_s > horizon_s:
                    attempt.until_s, attempt.came = horizon_s, Came.UNFINISHED
                yield attempt

    def placing(self, row: Row) -> Attempt | None:
        """Give the attempt that placed the containers of a row; None where it was none."""
        attempt = self._latest.get(row.scheduler)
        return attempt if attempt is not None and attempt.job == row.job else None
