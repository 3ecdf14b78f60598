"""Submissions of jobs, one by one: when each came, was thought about, was placed and ended; told by the log's rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from experiments.measures.lives import ENDS
from policies.errors import UserError
from policies.log import Event, Row


class Fate(StrEnum):
    """What became of a submission."""

    FINISHED = "finished"  # all containers came to their end
    ENDED = "ended"  # all ended, some of them before their time
    RUNNING = "running"  # all were placed, and some are still there when the run ends
    PENDING = "pending"  # some have no host when the run ends
    UNATTEMPTED = "unattempted"  # no scheduler had begun with it when the run ended
    ABANDONED = "abandoned"  # a scheduler gave it up
    INFEASIBLE = "infeasible"  # no host could ever hold a container of it
    OVER_QUOTA = "over_quota"  # it alone is more than its user may have
    HELD = "held"  # it waits for others to end, and they had not when the run ended


@dataclass(slots=True, eq=False)
class Submission:
    """One submission of a job.

    Attributes
    ----------
    job, workload, scheduler : str
        Which job, of which class, and whose it is; no scheduler has those that are turned away or held.
    again : bool
        Whether the job had been submitted before.
    submitted_s : float
        When it came to its scheduler; of one that is turned away or held, when it came.
    containers : int
        How many it asks for.
    fate : Fate or None
        What became of it; None as long as that is open.
    wait_s : float or None
        From submission to the first attempt or, if there was none, to the end of the run; None of what no scheduler
        had.
    first_attempt_s, placed_s, first_start_s, ended_s : float or None
        When a scheduler first began to think about it; when its last container got a host; when the first ran; when
        the last ended. None where that did not happen.
    attempts, conflicts, conflicted : int
        Attempts; those that conflicted; containers whose claim failed.
    thinking_s : float
        How long schedulers thought about it, as planned.
    placed, finished, early : int
        Containers that got a host, that came to their end, and that ended before.
    ran_s : float
        Container-seconds of those that ended.
    slowdowns, slowed : float, int
        Sum of the slowdowns of those that finished, and of how many they are known.
    """

    job: str
    workload: str
    scheduler: str
    again: bool
    submitted_s: float
    containers: int
    fate: Fate | None = None
    wait_s: float | None = None
    first_attempt_s: float | None = None
    placed_s: float | None = None
    first_start_s: float | None = None
    ended_s: float | None = None
    attempts: int = 0
    conflicts: int = 0
    conflicted: int = 0
    thinking_s: float = 0.0
    placed: int = 0
    finished: int = 0
    early: int = 0
    ran_s: float = 0.0
    slowdowns: float = 0.0
    slowed: int = 0
    last_end_s: float = 0.0

    @property
    def there(self) -> int:
        """Containers that have a host."""
        return self.placed - self.finished - self.early


_TURNED_AWAY = {Event.INFEASIBLE: Fate.INFEASIBLE, Event.OVER_QUOTA: Fate.OVER_QUOTA}
_ENDS = frozenset(ENDS)


class Submissions:
    """Follows submissions through the rows of a log of any detail; memory is that of those that are not over.

    A job that is submitted again – an attempt of it was evicted, failed or lost its host – is a submission of its own.
    What was there from the beginning was never submitted.
    """

    def __init__(self) -> None:
        self._open: dict[tuple[str, bool], list[Submission]] = {}
        self._held: dict[tuple[str, bool], list[Submission]] = {}

    def take(self, row: Row) -> Submission | None:
        """Take the next row; give the submission that is over with it.

        Raises
        ------
        UserError
            If a row tells of a job that was never submitted: the log is not whole.
        """
        event = row.event
        if event is Event.SUBMITTED:
            new = Submission(row.job, row.workload, row.scheduler, row.again, row.t_s, row.tasks)
            self._open.setdefault((row.job, row.again), []).append(new)
            return None
        if event in _TURNED_AWAY:
            fate = _TURNED_AWAY[Event(event)]
            return Submission(row.job, row.workload, "", row.again, row.t_s, row.tasks, fate)
        if event is Event.HELD:
            held = Submission(row.job, row.workload, "", row.again, row.t_s, row.tasks, Fate.HELD)
            self._held.setdefault((row.job, row.again), []).append(held)
            return None
        if event is Event.RELEASED:
            waiting = self._held[row.job, row.again]
            waiting.pop(0)
            if not waiting:
                del self._held[row.job, row.again]
            return None
        if not row.scheduler or event is Event.SCHEDULER:
            return None  # no job, or containers that were there from the beginning
        one = self._of(row)
        self._tell(one, row)
        if one.there == 0 and (one.fate is not None or one.placed_s is not None):
            return self._over(one)
        return None

    def left(self) -> Iterator[Submission]:
        """Give those that are not over when the run ends."""
        for some in self._open.values():
            for one in some:
                if one.fate is None:
                    one.fate = Fate.PENDING if one.placed_s is None else Fate.RUNNING
                yield one
        for some in self._held.values():
            yield from some

    def _of(self, row: Row) -> Submission:
        """Give the submission that a row tells of: of several of one name that which was as long ago as it says."""
        some = self._open.get((row.job, row.again))
        if not some:
            raise UserError(f"the log is not whole: job {row.job!r} was never submitted, or was over at {row.t_s:g} s")
        if len(some) == 1:
            return some[0]
        since_s = row.t_s - row.age_s
        return min(some, key=lambda one: abs(one.submitted_s - since_s))

    @staticmethod
    def _tell(one: Submission, row: Row) -> None:
        event = row.event
        if event is Event.ATTEMPTED:
            one.attempts += 1
            one.thinking_s += row.seconds
            if one.attempts == 1:
                one.first_attempt_s, one.wait_s = row.t_s, row.age_s
        elif event is Event.COMMITTED or event is Event.CONFLICTED:
            one.placed += row.tasks
            one.conflicts += event is Event.CONFLICTED
            one.conflicted += row.conflicted
            if row.remaining == 0:
                one.placed_s = row.t_s
        elif event is Event.STARTED:
            if one.first_start_s is None:
                one.first_start_s = row.t_s
        elif event in _ENDS:
            one.last_end_s = row.t_s
            one.ran_s += row.tasks * row.seconds
            if event is Event.FINISHED:
                one.finished += row.tasks
                if row.alone_s:
                    one.slowdowns += row.tasks * row.seconds / row.alone_s
                    one.slowed += row.tasks
            else:
                one.early += row.tasks
        elif event is Event.ABANDONED:
            one.fate = Fate.ABANDONED
        elif event is Event.UNATTEMPTED:
            one.fate, one.wait_s = Fate.UNATTEMPTED, row.age_s

    def _over(self, one: Submission) -> Submission | None:
        if one.fate is Fate.UNATTEMPTED:
            return None  # told at the very end
        if one.fate is None:
            one.fate = Fate.ENDED if one.early else Fate.FINISHED
        if one.placed:
            one.ended_s = one.last_end_s
        some = self._open[one.job, one.again]
        some.remove(one)
        if not some:
            del self._open[one.job, one.again]
        return one
