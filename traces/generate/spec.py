"""What a generated workload is drawn from."""

from __future__ import annotations

import math
from dataclasses import dataclass

from traces.generate.laws import Marginal, demand

#: What is drawn for every job, each from a stream of its own.
QUANTITIES = ("interarrival_s", "tasks", "duration_s", "cpus", "memory_bytes")


@dataclass(frozen=True, slots=True)
class HostsSpec:
    """Equal hosts that are always up."""

    n: int
    cpus: float
    memory_bytes: int

    def __post_init__(self) -> None:
        demand(0 < self.n < 2**31, "n must be 1 or more")
        demand(0 < self.cpus < 2**31, "cpus must be more than 0")
        demand(0 < self.memory_bytes < 2**47, "memory_bytes must be more than 0, and of one machine")


@dataclass(frozen=True, slots=True)
class ClassSpec:
    """One workload class: how its jobs come and what they are like.

    Attributes
    ----------
    name : str
        The workload class of its jobs, and the first half of their names.
    interarrival_s : Marginal
        Time from one job to the next, also from 0 to the first one.
    tasks : Marginal
        How many containers a job has, rounded up to at least 1.
    duration_s : Marginal
        How long each of them runs.
    cpus, memory_bytes : Marginal
        What each of them asks for.
    """

    name: str
    interarrival_s: Marginal
    tasks: Marginal
    duration_s: Marginal
    cpus: Marginal
    memory_bytes: Marginal

    def __post_init__(self) -> None:
        demand(bool(self.name) and self.name.isprintable(), "a class needs a name, on one line")
        demand(self.interarrival_s.expected() > 0, "interarrival_s is always 0: the jobs would never end")
        for quantity in ("interarrival_s", "tasks", "cpus", "memory_bytes"):
            demand(getattr(self, quantity).expected() < math.inf, f"{quantity} must be finite")


@dataclass(frozen=True, slots=True)
class WorkloadSpec:
    """A workload, and the hosts it was made for if there are such.

    Attributes
    ----------
    span_s : float
        Jobs arrive before this time; they end when they end.
    classes : tuple of ClassSpec
        Jobs of one instant come in the order of their classes.
    hosts : HostsSpec, optional
        None if the workload is for any hosts.
    """

    span_s: float
    classes: tuple[ClassSpec, ...]
    hosts: HostsSpec | None = None

    def __post_init__(self) -> None:
        demand(0 < self.span_s < math.inf, "span_s must be more than 0")
        demand(len(self.classes) > 0, "classes is empty")
        demand(len({one.name for one in self.classes}) == len(self.classes), "two classes have one name")
