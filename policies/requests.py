"""What users ask for: containers (tasks) and the jobs they are submitted in.

The true run time and the true demand of a container are not here: nobody knows them yet. They live in
``traces``, where no policy can reach them.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple


class Resources(NamedTuple):
    """Amounts of every resource the books know, in whole numbers, so that sums can be compared with ``==``."""

    cpu_milli: int = 0
    memory_bytes: int = 0
    gpu_milli: int = 0


#: Short names of the resources, in the order of the fields of `Resources`.
RESOURCES = tuple(field.rpartition("_")[0] for field in Resources._fields)

#: Resources that every cell keeps books of; of the others only those that some host has.
ALWAYS = ("cpu", "memory")


class Task(NamedTuple):
    """One container as its user described it: a request, not a prediction.

    Equal tasks are interchangeable, so a `Task` is also the key under which scores are cached
    (Borg's equivalence classes).
    """

    need: Resources
    priority: int = 0  # higher is more important


class Group(NamedTuple):
    """Identical containers of one job."""

    task: Task
    count: int  # type: ignore[assignment]  # what a tuple calls count, nobody wants of two fields


@dataclass(frozen=True, slots=True, eq=False)
class Job:
    """Containers submitted together by one workload class.

    Two jobs are the same only if they are the same object: a trace may submit one identifier twice.

    Attributes
    ----------
    id : str
        The trace's own identifier.
    submit_s : float
        When it is submitted, in seconds since the start of the trace.
    workload : str
        Workload class, for instance ``batch`` or ``service``.
    groups : tuple of Group
        Unlike containers of the job; nearly always a single group.
    resubmission : bool
        Containers of a job that was counted before (an earlier attempt was evicted, failed or lost its host).
    """

    id: str
    submit_s: float
    workload: str
    groups: tuple[Group, ...]
    resubmission: bool = False

    @property
    def tasks(self) -> int:
        """How many containers the job has."""
        groups = self.groups
        return groups[0].count if len(groups) == 1 else sum(group.count for group in groups)
