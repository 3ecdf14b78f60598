"""What every trace offers, whatever format it was written in."""

from __future__ import annotations

from abc import ABC, abstractmethod
from collections import Counter
from collections.abc import Iterator
from pathlib import Path
from typing import ClassVar, NamedTuple

from policies.arrays import FloatArray, IntArray
from policies.requests import Demand, Group, Job, Task
from traces.hosts import Hosts
from traces.reading.options import DEFAULT, ReadOptions
from traces.reading.rejects import Rejects

#: Run time of a container whose end nobody recorded.
OPEN_ENDED = float("inf")

#: Run time in seconds: one number for all containers of a group, or one for each of them, shape (count,).
RunTime = float | FloatArray


class Phase(NamedTuple):
    """A part of a container's work in which it uses the same all the time."""

    share: float  # of the work, that is of the time it takes alone
    demand: Demand


#: What containers use while they run, phase after phase; the shares make 1. None: what they ask for, all the time.
Behaviour = tuple[Phase, ...] | None


def steady(demand: Demand) -> Behaviour:
    """Give the behaviour of a container that uses the same from beginning to end."""
    return (Phase(1.0, demand),)


class Arrival(NamedTuple):
    """A job and what the future holds for it.

    Attributes
    ----------
    job : Job
        What was submitted.
    run_s : tuple of RunTime
        Work: how long containers run while nothing slows them down, one entry per group; of a MapReduce job one
        number, with the workers it asks for.
    behaviours : tuple of Behaviour
        What they use meanwhile, one entry per group, or none at all where nobody knows.
    after : tuple of str
        Jobs that must have come to their end before this one is submitted.
    workflow : str
        The workflow (an acyclic graph of jobs that come after one another) that it is a part of; empty for none.
    """

    job: Job
    run_s: tuple[RunTime, ...]
    behaviours: tuple[Behaviour, ...] = ()
    after: tuple[str, ...] = ()
    workflow: str = ""

    def each_behaviour(self) -> tuple[Behaviour, ...]:
        """Give one entry per group, whether or not anything is known."""
        return self.behaviours or (None,) * len(self.job.groups)


class Recorded(NamedTuple):
    """Containers that run when the trace begins, on the hosts where they were recorded."""

    job: str
    workload: str
    task: Task
    hosts: IntArray  # (m,) rows of the trace's own hosts, one per container
    run_s: RunTime  # from time 0 to the end
    user: str = ""
    behaviour: Behaviour = None

    def as_arrival(self) -> Arrival:
        """Give the same containers as a job that is submitted at time 0, without their recorded hosts."""
        job = Job(self.job, 0.0, self.workload, (Group(self.task, self.hosts.size),), user=self.user)
        return Arrival(job, (self.run_s,), (self.behaviour,) if self.behaviour else ())


class Trace(ABC):
    """A workload that can be replayed as often as one likes.

    Parameters
    ----------
    path : Path
        File or folder of the data set.
    rejects : Rejects
        What to do with rows that cannot be used.
    options : ReadOptions
        What else a reader is told.

    Attributes
    ----------
    odd : Counter of str
        What was odd, assumed or left out of rows that were accepted, in words, and how often; see `counted`.
    """

    #: The name the command line knows the format by.
    format: ClassVar[str]
    #: What the data set is called.
    dataset: ClassVar[str] = ""
    #: On which terms it may be used; one line.
    licence: ClassVar[str] = ""
    #: The credit that its licence or its publishers ask for; one line.
    credit: ClassVar[str] = ""

    def __init__(self, path: Path, rejects: Rejects, options: ReadOptions = DEFAULT) -> None:
        self.path = path
        self.rejects = rejects
        self.options = options
        self.odd: Counter[str] = Counter()

    @abstractmethod
    def arrivals(self) -> Iterator[Arrival]:
        """Yield the jobs in order of submission; each call begins anew.

        Raises
        ------
        UserError
            At the first row that cannot be used, naming file and row, unless `rejects` takes it.
        """

    def prefill(self) -> Iterator[Recorded]:
        """Yield what runs at time 0 on its recorded host."""
        return iter(())

    def prefill_anywhere(self) -> Iterator[Arrival]:
        """Yield what runs at time 0 on hosts that nobody knows, with what is left of its run time."""
        return iter(())

    def hosts(self) -> Hosts | None:
        """Give the data set's own machines, None where it has none."""
        return None

    def end_s(self) -> float | None:
        """Say when the recording ends, None where the trace has no end but its last job."""
        return None

    def progress(self) -> float | None:
        """Say which share of the input the running `arrivals` has read, None where that is unknown."""
        return None

    def assumptions(self) -> list[str]:
        """List what was assumed or left out, one line each; complete once `arrivals` was read."""
        return self.counted()

    def counted(self) -> list[str]:
        """Say what was odd, one line each, with how often it was."""
        return [f"{text}: {count:,}" for text, count in self.odd.items() if count]

    def files(self) -> list[Path]:
        """List the files that make up the trace; its fingerprint is made of them."""
        return [self.path]
