"""What a generated workload is drawn from."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace

import numpy as np

from policies.arrays import FloatArray
from policies.requests import IO_SIZE_BYTES
from traces.generate.coming import ArrivalsSpec
from traces.generate.laws import Constant, Marginal, demand

#: What is drawn for every job, each from a stream of its own.
QUANTITIES = ("interarrival_s", "tasks", "duration_s", "cpus", "memory_bytes")

#: The same of jobs, without how they come, and with what not every workload has.
SIZES = (*QUANTITIES[1:], "gpus")


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
class MapReduceSpec:
    """What the MapReduce programs of a class are like, whose workers are the containers of a job.

    Attributes
    ----------
    maps_per_worker : Marginal
        Map activities for each worker that is asked for; of a job's in all the next whole number, at least 1.
    reduces_per_worker : Marginal
        The same of reduce activities; in all the nearest whole number, which may be 0.
    map_share : Marginal
        Share of the run time that goes into maps, more than 1 being 1; all of it where there are no reduces.
    """

    maps_per_worker: Marginal
    reduces_per_worker: Marginal
    map_share: Marginal

    def __post_init__(self) -> None:
        for quantity in MAPREDUCE_QUANTITIES:
            demand(getattr(self, quantity).expected() < math.inf, f"{quantity} must be finite")


#: What else is drawn for a MapReduce job.
MAPREDUCE_QUANTITIES = ("maps_per_worker", "reduces_per_worker", "map_share")


#: What containers may be said to use, each drawn for every job; the names are those of the native format's columns, in
#: the order of the fields of `Demand`.
USE_QUANTITIES = (
    "cpu_demand", "memory_demand_bytes", "disk_read_bps", "disk_write_bps", "io_size_bytes", "random_io", "net_bps"
)  # fmt: skip


NONE, READ_AHEAD = Constant(0.0), Constant(float(IO_SIZE_BYTES))


@dataclass(frozen=True, slots=True)
class UsesSpec:
    """What the containers of a class use at full speed, all the time; it matters where hosts are shared.

    Attributes
    ----------
    cpu_demand, memory_demand_bytes : Marginal, optional
        Cores and bytes; by default what is asked for.
    disk_read_bps, disk_write_bps, net_bps : Marginal
        Bytes per second.
    io_size_bytes : Marginal
        Bytes of a request to the disk, more than 0.
    random_io : Marginal
        Share of those requests that are random, at most 1.
    """

    cpu_demand: Marginal | None = None
    memory_demand_bytes: Marginal | None = None
    disk_read_bps: Marginal = NONE
    disk_write_bps: Marginal = NONE
    io_size_bytes: Marginal = READ_AHEAD
    random_io: Marginal = NONE
    net_bps: Marginal = NONE

    def __post_init__(self) -> None:
        for quantity in USE_QUANTITIES:
            law = getattr(self, quantity)
            demand(law is None or law.expected() < math.inf, f"{quantity} must be finite")
        demand(self.io_size_bytes.expected() > 0, "io_size_bytes must be more than 0")


@dataclass(frozen=True, slots=True)
class Correlation:
    """How strongly two quantities of a job go together.

    Attributes
    ----------
    one, other : str
        Names of quantities that are drawn for the job, `SIZES` or `USE_QUANTITIES`.
    rho : float
        Correlation of the normal variables behind both, between -1 and 1; see `ClassSpec`.
    """

    one: str
    other: str
    rho: float

    def __post_init__(self) -> None:
        demand(self.one != self.other, f"{self.one} goes together with itself")
        demand(-1 < self.rho < 1, "a correlation must be more than -1 and less than 1")


@dataclass(frozen=True, slots=True)
class ClassSpec:
    r"""One kind of job: how such jobs come and what they are like.

    Attributes
    ----------
    name : str
        The first half of the jobs' names.
    interarrival_s : Marginal or None
        Time from one job to the next, also from 0 to the first one; None where `arrivals` says how jobs come.
    tasks : Marginal
        How many containers a job has, rounded up to at least 1.
    duration_s : Marginal
        How long each of them runs.
    cpus, memory_bytes : Marginal
        What each of them asks for.
    mapreduce : MapReduceSpec, optional
        Where its jobs are MapReduce programs, which run for `duration_s` on the workers that they ask for.
    workload : str
        The workload class of the jobs; the name by default.
    uses : UsesSpec, optional
        What its containers use; without, what they ask for.
    arrivals : ArrivalsSpec, optional
        How its jobs come, in place of `interarrival_s`.
    jobs : int, optional
        How many come at most.
    gpus : Marginal
        How many GPUs each container asks for.
    correlations : tuple of Correlation
        Quantities that go together; the others are drawn independently.

    Notes
    -----
    Quantities that go together are joined by a normal copula: each quantity has a standard normal variable :math:`z_i`
    from its own stream, :math:`Lz` with :math:`LL^T` the matrix of correlations has those correlations, and the value
    is :math:`F_i^{-1}(\Phi((Lz)_i))`. So the laws are kept, and changing one of them leaves all other numbers as they
    were. The rank correlation of two such quantities of continuous laws is :math:`(6/\pi) \arcsin(\rho/2)` (Kruskal,
    "Ordinal measures of association", 1958), less where values are tied.
    """

    name: str
    interarrival_s: Marginal | None
    tasks: Marginal
    duration_s: Marginal
    cpus: Marginal
    memory_bytes: Marginal
    mapreduce: MapReduceSpec | None = None
    workload: str = ""
    uses: UsesSpec | None = None
    arrivals: ArrivalsSpec | None = None
    jobs: int | None = None
    gpus: Marginal = NONE
    correlations: tuple[Correlation, ...] = ()

    def __post_init__(self) -> None:
        demand(bool(self.name) and self.name.isprintable(), "a class needs a name, on one line")
        demand(self.workload.isprintable(), "workload must be on one line")
        object.__setattr__(self, "workload", self.workload or self.name)
        ways = (self.interarrival_s is not None) + (self.arrivals is not None)
        demand(ways == 1, "jobs come by interarrival_s or by arrivals, one of the two")
        demand(self.jobs is None or 0 < self.jobs < 2**63, "jobs must be 1 or more")
        if self.interarrival_s is not None:
            endless = self.jobs is None and not self.interarrival_s.expected()
            demand(not endless, "interarrival_s is always 0: the jobs would never end")
            demand(self.interarrival_s.expected() < math.inf, "interarrival_s must be finite")
        for quantity in ("tasks", "cpus", "memory_bytes", "gpus"):
            demand(getattr(self, quantity).expected() < math.inf, f"{quantity} must be finite")
        endless = self.mapreduce is not None and self.duration_s.expected() == math.inf
        demand(not endless, "duration_s must be finite where there is mapreduce")
        self._check_correlations()

    def _check_correlations(self) -> None:
        pairs = [frozenset((tie.one, tie.other)) for tie in self.correlations]
        demand(len(set(pairs)) == len(pairs), "two quantities are correlated twice")
        there = self.laws()
        for tie in self.correlations:
            for name in (tie.one, tie.other):
                demand(name in there, f"correlations: {name!r} is not drawn; there are {', '.join(there)}")
        if pairs:
            lowest = float(np.linalg.eigvalsh(self.correlated()[1])[0])
            demand(lowest > 1e-9, "correlations contradict one another: their matrix is not positive definite")

    def laws(self) -> dict[str, Marginal]:
        """Give the law of all that is drawn for a job, but for when it comes and what a MapReduce program is like."""
        laws: dict[str, Marginal] = {name: getattr(self, name) for name in SIZES}
        if self.uses is not None:
            used = {name: getattr(self.uses, name) for name in USE_QUANTITIES}
            laws |= {name: law for name, law in used.items() if law is not None}
        return laws

    def correlated(self) -> tuple[list[str], FloatArray]:
        """Give the quantities that go together with others, in the order of `laws`, and their matrix."""
        tied = {name for tie in self.correlations for name in (tie.one, tie.other)}
        names = [name for name in self.laws() if name in tied]
        matrix = np.eye(len(names))
        for tie in self.correlations:
            i, j = names.index(tie.one), names.index(tie.other)
            matrix[i, j] = matrix[j, i] = tie.rho
        return names, matrix

    def gap_s(self) -> float:
        """Give the mean time from one job to the next."""
        if self.arrivals is not None:
            return 1 / self.arrivals.per_s()
        assert self.interarrival_s is not None
        return self.interarrival_s.expected()

    def cores(self) -> float:
        """Say how many cores its jobs ask for at a time in the long run, by Little's law; ``inf`` if they never end."""
        if not self.cpus.expected() or not self.gap_s():
            return 0.0  # none comes in the long run where all come at once
        running = self.duration_s.expected() / self.gap_s()
        return running * self.tasks.expected_count() * self.cpus.expected()


@dataclass(frozen=True, slots=True)
class PrefillSpec:
    """What runs at the beginning.

    Attributes
    ----------
    cpu_allocated : float
        Share of the hosts' CPU that it takes, between 0 and 1. Jobs that ask for no CPU are not among it.
    classes : tuple of ClassSpec
        Whose jobs they are, in the mix that these classes come to in the long run; empty for those of the workload.
        A single class may be one of jobs that never end.
    """

    cpu_allocated: float
    classes: tuple[ClassSpec, ...] = ()

    def __post_init__(self) -> None:
        demand(0 < self.cpu_allocated <= 1, "cpu_allocated must be more than 0 and at most 1")


#: The attribute that picky jobs ask for.
KIND = "kind"


@dataclass(frozen=True, slots=True)
class PickySpec:
    """Machines of several kinds, and jobs that must have one of them (attribute `KIND`, numbered from 0).

    Attributes
    ----------
    share : float
        Share of the jobs that are picky, 0 to 1; each asks for any of the kinds, the rare as often as the common.
    kinds : tuple of float
        How common each kind of machine is, relative to the others.
    """

    share: float
    kinds: tuple[float, ...] = (8.0, 4.0, 2.0, 1.0)

    def __post_init__(self) -> None:
        demand(0 <= self.share <= 1, "share must be between 0 and 1")
        demand(len(self.kinds) > 0 and all(0 < kind < math.inf for kind in self.kinds), "kinds must be more than 0")


#: What `WorkloadSpec.scaled` multiplies by the factors of a class, and how.
FACTORS: Mapping[str, tuple[str, Callable[[float], float]]] = {
    "rate": ("interarrival_s", lambda factor: 1 / factor if factor else math.inf),
    "tasks": ("tasks", float),
    "duration": ("duration_s", float),
    "cpus": ("cpus", float),
    "memory": ("memory_bytes", float),
}


@dataclass(frozen=True, slots=True)
class WorkloadSpec:
    """A workload, and the hosts it was made for if there are such.

    Attributes
    ----------
    span_s : float
        Jobs arrive before this time; they end when they end.
    classes : tuple of ClassSpec
        Jobs of one instant come in the order of their classes.
    hosts : tuple of HostsSpec
        How many there are of each kind; they stand in random order. Empty if the workload is for any hosts.
    prefill : PrefillSpec, optional
        What runs at the beginning; for the workload's own hosts.
    notes : tuple of str
        Where its numbers are from, for whoever uses it; one line each.
    picky : PickySpec, optional
        Where some jobs must have a certain kind of machine.
    """

    span_s: float
    classes: tuple[ClassSpec, ...]
    hosts: tuple[HostsSpec, ...] = ()
    prefill: PrefillSpec | None = None
    notes: tuple[str, ...] = ()
    picky: PickySpec | None = None

    def __post_init__(self) -> None:
        demand(0 < self.span_s < math.inf, "span_s must be more than 0")
        demand(len(self.classes) > 0, "classes is empty")
        demand(len({one.name for one in self.classes}) == len(self.classes), "two classes have one name")
        demand(self.picky is None or len(self.hosts) > 0, "picky jobs need kinds of hosts, and there are none")
        if self.prefill is None:
            return
        demand(len(self.hosts) > 0, "prefill fills hosts, and there are none")
        mix = self.prefill.classes or self.classes
        ends = len(mix) == 1 or all(one.cores() < math.inf for one in mix)
        demand(ends, "prefill is an equilibrium, and jobs that never end have none")
        demand(any(one.cores() for one in mix), "prefill takes CPU, and no class asks for any")

    def scaled(self, cell: float = 1.0, **factors: Mapping[str, float]) -> WorkloadSpec:
        """Give the workload of a larger or smaller cell, or with more or other jobs of some classes.

        Parameters
        ----------
        cell : float
            Factor of the number of hosts of each kind (rounded), and of the rate of every class.
        **factors : mapping of str to float
            One of `FACTORS`, and by class what its rate, or what is drawn for its jobs, is multiplied with. Without
            jobs, at a rate of 0, the class is gone.

        Raises
        ------
        ValueError
            If there is no such factor or class, or nothing is left.

        Notes
        -----
        The same numbers are drawn: at another rate come the same jobs, earlier or later. What runs at the beginning
        takes the same share of the cell in the mix that it had, whatever the factors: they are compared from one start.

        *A higher rate* makes schedulers busier and fills the cell, in proportion. To see the first without the second,
        divide the durations: ``scaled(rate={"batch": 6}, duration={"batch": 1 / 6})`` allocates what it did before.

        *A smaller cell* keeps the load of a host, the mix and what jobs are like. Two things it cannot keep. Schedulers
        have less to do, in proportion; with decision times divided by `cell` (``--t-job``, ``--t-task``) they are as
        busy as before, and waits are as many decision times long. And a job is a larger part of the cell: the hosts
        that it and others claim in the meantime are drawn from fewer, so that conflicts per transaction grow as
        1 / `cell`, and a job of more containers than the cell has room for never starts. Smaller jobs (``tasks``) would
        mend that only where jobs are large; most have one container, which cannot be halved.

        Examples
        --------
        >>> from traces.generate.default import DEFAULT
        >>> [one.interarrival_s.mean for one in DEFAULT.scaled(cell=0.5, rate={"batch": 4}).classes]
        [0.6666666666666666, 24.0]
        """
        demand(0 < cell < math.inf, "the scale of the cell must be more than 0")
        by_class: dict[str, dict[str, float]] = {one.name: {} for one in self.classes}
        for name, of_classes in factors.items():
            demand(name in FACTORS, f"there is no factor {name!r}; there are {', '.join(FACTORS)}")
            for workload, factor in of_classes.items():
                demand(workload in by_class, f"there is no class {workload!r}; there are {', '.join(by_class)}")
                demand(0 <= factor < math.inf, f"{workload}: the factor of {name} must be 0 or more")
                by_class[workload][name] = factor
        hosts = tuple(replace(one, n=round(one.n * cell)) for one in self.hosts if round(one.n * cell))
        demand(bool(hosts) or not self.hosts, f"{cell:g} times the hosts are none")
        classes = tuple(
            _times(one, by_class[one.name] | {"rate": cell * by_class[one.name].get("rate", 1.0)})
            for one in self.classes
            if by_class[one.name].get("rate") != 0
        )
        prefill = self.prefill
        if prefill is not None and factors:
            prefill = replace(prefill, classes=prefill.classes or self.classes)
        return replace(self, classes=classes, hosts=hosts, prefill=prefill)


def _times(one: ClassSpec, factors: Mapping[str, float]) -> ClassSpec:
    changed: dict[str, object] = {}
    for name, factor in factors.items():
        quantity, times = FACTORS[name]
        if factor == 1:
            continue
        if name == "rate" and one.jobs is not None:
            changed["jobs"] = max(round(one.jobs * factor), 1)
        if name == "rate" and one.arrivals is not None:
            changed["arrivals"] = one.arrivals.times(factor)
        else:
            changed[quantity] = getattr(one, quantity).times(times(factor))
    return replace(one, **changed)  # type: ignore[arg-type]
