"""Submissions of jobs, one by one: when each came, was thought about, was placed and ended; told by the log's rows."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from enum import StrEnum

from experiments.measures.lives import ENDS
from experiments.measures.starts import ROUNDING
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

    @property
    def unplaced(self) -> int:
        """Containers asked for that have had no host."""
        return max(self.containers - self.placed, 0)


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

    def take(self, row: Row) -> list[Submission]:
        """Take the next row; give the submissions that are over with it, of which there is hardly ever more than one.

        Raises
        ------
        UserError
            If a row tells of a job that was never submitted: the log is not whole.
        """
        event = row.event
        if event is Event.SUBMITTED:
            new = Submission(row.job, row.workload, row.scheduler, row.again, row.t_s, row.tasks)
            self._open.setdefault((row.job, row.again), []).append(new)
            return []
        if event in _TURNED_AWAY:
            fate = _TURNED_AWAY[Event(event)]
            return [Submission(row.job, row.workload, "", row.again, row.t_s, row.tasks, fate)]
        if event is Event.HELD:
            held = Submission(row.job, row.workload, "", row.again, row.t_s, row.tasks, Fate.HELD)
            self._held.setdefault((row.job, row.again), []).append(held)
            return []
        if event is Event.RELEASED:
            waiting = self._held[row.job, row.again]
            waiting.pop(0)
            if not waiting:
                del self._held[row.job, row.again]
            return []
        if not row.scheduler or event is Event.SCHEDULER:
            return []  # no job, or containers that were there from the beginning
        over = []
        for one, tasks in self._of(row):
            _tell(one, row, tasks)
            if one.there == 0 and one.fate is not Fate.UNATTEMPTED and (one.fate or one.placed_s is not None):
                over.append(self._over(one))
        return over

    def left(self) -> Iterator[Submission]:
        """Give those that are not over when the run ends."""
        for some in self._open.values():
            for one in some:
                if one.fate is None:
                    one.fate = Fate.PENDING if one.placed_s is None else Fate.RUNNING
                yield one
        for some in self._held.values():
            yield from some

    def _of(self, row: Row) -> list[tuple[Submission, int]]:
        """Give the submission that a row tells of, and of how many of its containers.

        Of several of one name that is the one which was as long ago as the row says. Of those that came at one time –
        containers of one job that fail together may be submitted again one by one – it is one of which the row can be.
        """
        some = self._open.get((row.job, row.again))
        if not some:
            raise UserError(f"the log is not whole: job {row.job!r} was never submitted, or was over at {row.t_s:g} s")
        if len(some) == 1:
            return [(some[0], row.tasks)]
        since_s = row.t_s - row.age_s
        nearest_s = min(abs(one.submitted_s - since_s) for one in some)
        near_s = nearest_s + ROUNDING * max(row.t_s, 1.0)
        near = [one for one in some if abs(one.submitted_s - since_s) <= near_s]
        near.sort(key=lambda one: not _can_be_of(row, one))
        if row.event not in _ENDS or near[0].there >= row.tasks:
            return [(near[0], row.tasks)]
        parts, left = [], row.tasks
        for one in near:
            parts.append((one, min(one.there, left)))
            left -= parts[-1][1]
        return [(one, tasks) for one, tasks in parts if tasks]

    def _over(self, one: Submission) -> Submission:
        if one.fate is None:
            one.fate = Fate.ENDED if one.early else Fate.FINISHED
        if one.placed:
            one.ended_s = one.last_end_s
        some = self._open[one.job, one.again]
        some.remove(one)
        if not some:
            del self._open[one.job, one.again]
        return one


def _can_be_of(row: Row, one: Submission) -> bool:
    """Say whether what is known of a submission allows that a row tells of it."""
    event = row.event
    if event in _ENDS:
        return one.there >= row.tasks
    if event is Event.ATTEMPTED:
        return one.attempts == row.attempt - 1 and one.unplaced == row.tasks
    if event is Event.COMMITTED or event is Event.CONFLICTED:
        return one.attempts == row.attempt and max(one.unplaced - row.tasks, 0) == row.remaining
    if event is Event.STARTED or event is Event.LAUNCHED:
        return one.there >= row.tasks
    return one.fate is None and one.attempts == row.attempt and one.unplaced == row.tasks


def _tell(one: Submission, row: Row, tasks: int) -> None:
    """Take note of what a row tells of some containers of a submission."""
    event = row.event
    if event is Event.ATTEMPTED:
        one.attempts += 1
        one.thinking_s += row.seconds
        if one.attempts == 1:
            one.first_attempt_s, one.wait_s = row.t_s, row.age_s
    elif event is Event.COMMITTED or event is Event.CONFLICTED:
        one.placed += tasks
        one.conflicts += event is Event.CONFLICTED
        one.conflicted += row.conflicted
        if row.remaining == 0:
            one.placed_s = row.t_s
    elif event is Event.STARTED:
        if one.first_start_s is None:
            one.first_start_s = row.t_s
    elif event in _ENDS:
        one.last_end_s = row.t_s
        one.ran_s += tasks * row.seconds
        if event is not Event.FINISHED:
            one.early += tasks
            return
        one.finished += tasks
        if row.alone_s:
            one.slowdowns += tasks * row.seconds / row.alone_s
            one.slowed += tasks
    elif event is Event.ABANDONED:
        one.fate = Fate.ABANDONED
    elif event is Event.UNATTEMPTED:
        one.fate, one.wait_s = Fate.UNATTEMPTED, row.age_s
