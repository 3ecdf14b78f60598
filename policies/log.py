"""What happened: one row per thing, the same columns in the tank and at sea.

Every metric, plot and report is a function of these rows and of nothing else.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from enum import IntEnum
from typing import Any, NamedTuple


class Event(IntEnum):
    """The things that happen."""

    SUBMITTED = 1  # a job reached its scheduler
    INFEASIBLE = 2  # a job that no host could ever hold was turned away
    ATTEMPTED = 3  # a scheduler began to think about a job
    COMMITTED = 4  # a transaction without a conflict
    CONFLICTED = 5  # a transaction with at least one conflict
    ABANDONED = 6  # a scheduler gave a job up
    STARTED = 7  # containers run
    FINISHED = 8  # containers came to their end
    KILLED = 9  # containers ended before their time, with their host
    PREFILLED = 10  # containers that ran when the log begins
    HOST_JOINED = 11
    HOST_LOST = 12
    HOST_RESIZED = 13
    SAMPLED = 14  # the load of every host was looked at
    SCHEDULER = 15  # a scheduler is there
    UNATTEMPTED = 16  # the run is over, and no scheduler had begun with this job
    PREEMPTED = 17  # containers were ended to make room for more important ones
    HOST_RELABELLED = 18  # attributes of a host changed
    OVER_QUOTA = 19  # a job that alone is more than its user may ever have was turned away
    OUT_OF_MEMORY = 20  # containers were ended since their host had less memory than was used
    USE_CHANGED = 21  # what is used of a host changed, and nobody came or went
    HELD = 22  # a job came that waits for others to end
    RELEASED = 23  # those it waited for have ended
    LAUNCHED = 24  # containers have a host and are on their way to it, where starting takes time
    FAILED = 25  # containers would not start, or ended with an error
    WORKFLOW_CAME = 26  # the first job of a workflow came
    WORKFLOW_ENDED = 27  # nothing is left to run of a workflow


class Row(NamedTuple):
    """One thing that happened.

    Attributes
    ----------
    t_s : float
        When, in seconds since the run began.
    event : int
        An `Event`.
    job, workload : str
        Which job and of which class; empty where no job is concerned. WORKFLOW_CAME, WORKFLOW_ENDED: which workflow.
    scheduler : str
        Which scheduler, for instance ``batch/0``; empty where none is concerned, as with prefilled containers.
    again : bool
        Whether the job was counted before (`Job.resubmission`).
    attempt : int
        How many times the job was attempted, this time included.
    tasks : int
        Containers concerned: submitted, still unplaced at an attempt, granted by a commit, started, ended, …
        WORKFLOW_ENDED: how many jobs it had.
    conflicted : int
        Containers whose claim failed its test.
    remaining : int
        Containers of the job that have no host afterwards; -1 where that does not change.
    seconds : float
        ATTEMPTED: how long the scheduler will think. STARTED, LAUNCHED: for how long they run. FINISHED, KILLED,
        PREEMPTED, OUT_OF_MEMORY, FAILED: for how long they ran or, if they did not begin, were on their way.
        SUBMITTED: how long a MapReduce job runs with the workers it asks for; 0 for other jobs. WORKFLOW_ENDED: its
        critical path, the longest chain of run times of jobs that come after one another.
    age_s : float
        How long ago the job, or the first job of the workflow, was submitted.
    host : int
        The host, where exactly one is concerned, else -1.
    levels : tuple of float
        State of the cell afterwards, as `Levels` says.
    where : object
        STARTED, LAUNCHED, FINISHED, KILLED, PREEMPTED, OUT_OF_MEMORY, FAILED, PREFILLED: ``(hosts, counts)``, arrays of
        shape (m,).
        SAMPLED: the loads of `Levels`, array of shape (n_loads, n_hosts), NaN where a host is down or lacks the
        resource. Else None.
    alone_s : float
        FINISHED: how long they would have run with their host to themselves; 0 elsewhere.
    """

    t_s: float
    event: int
    job: str
    workload: str
    scheduler: str
    again: bool
    attempt: int
    tasks: int
    conflicted: int
    remaining: int
    seconds: float
    age_s: float
    host: int
    levels: tuple[float, ...]
    where: Any
    alone_s: float


class Levels(NamedTuple):
    """What the numbers of ``Row.levels`` are.

    Attributes
    ----------
    loads : tuple of str
        Each is three numbers: the share of all capacity, and the mean and the standard deviation over hosts of that of
        one host. ``cpu_allocated`` and so on; where hosts are shared, then ``cpu_used`` and so on.
    others : tuple of str
        Each is one number, behind those: ``cpu_short`` and so on, the share of hosts on which less is left of it than
        would be used; ``services``, containers that somebody waits for, and ``service_latency``, the sum over them of
        how many times longer an answer takes than on an idle host.
    """

    loads: tuple[str, ...]
    others: tuple[str, ...] = ()


#: Takes batches of rows; given to a world, so that no world knows where they go.
Sink = Callable[[list[Row]], None]

BATCH = 2048

#: Every row is compared with it, and Python 3.11 takes several times longer to reach a member of an enumeration.
SAMPLED = Event.SAMPLED


class Log:
    """Gathers rows and hands them on in batches.

    Parameters
    ----------
    sinks : iterable of callable
        Each gets every batch.

    Attributes
    ----------
    levels : tuple of float
        The state of the cell, as in `Row`; set by the world before the first row.
    last_s : float
        Time of the latest row, looks at the hosts' load apart.
    """

    def __init__(self, sinks: Iterable[Sink]) -> None:
        self._sinks = tuple(sinks)
        self._rows: list[Row] = []
        self.levels: tuple[float, ...] = ()
        self.last_s = 0.0

    def say(
        self,
        t_s: float,
        event: Event,
        job: str = "",
        workload: str = "",
        scheduler: str = "",
        again: bool = False,
        attempt: int = 0,
        tasks: int = 0,
        conflicted: int = 0,
        remaining: int = -1,
        seconds: float = 0.0,
        age_s: float = 0.0,
        host: int = -1,
        levels: tuple[float, ...] | None = None,
        where: Any = None,
        alone_s: float = 0.0,
    ) -> None:
        """Write one row; the parameters are the fields of `Row`, in their order. Without `levels`, they stay."""
        if levels is not None:
            self.levels = levels
        rows = self._rows
        rows.append(
            # The tuple's own constructor: a named tuple's costs three times as much, and this is once per event.
            tuple.__new__(
                Row,
                (t_s, event, job, workload, scheduler, again, attempt, tasks, conflicted, remaining, seconds, age_s,
                 host, self.levels, where, alone_s),
            )
        )  # fmt: skip
        if event is not SAMPLED:
            self.last_s = t_s
        if len(rows) >= BATCH:
            self.flush()

    def flush(self) -> None:
        """Hand on what was gathered."""
        rows, self._rows = self._rows, []
        if rows:
            for sink in self._sinks:
                sink(rows)
