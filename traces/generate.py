"""Workloads that are drawn from laws: classes of jobs whose arrivals, sizes and run times are random.

A workload is described by a `WorkloadSpec`, in Python or in a TOML file::

    span_s = "1h"                       # jobs arrive from 0 until then; those that run go on

    [hosts]                             # optional: the machines the workload was made for
    n = 1000
    cpus = 16
    memory_bytes = "64GiB"

    [classes.batch]                     # as many classes as one likes
    interarrival_s = {law = "exponential", mean = "1.33s"}
    tasks = {law = "lognormal", median = 3, sigma = 1.6}
    duration_s = {law = "quantiles", points = [[0, "5s"], [0.5, "2min"], [0.99, "1h"], [1, "3h"]]}
    cpus = {law = "empirical", values = [0.5, 1, 1, 2]}
    memory_bytes = "2GiB"               # a bare value is a constant

The laws are those of `LAWS`. Every quantity is drawn once a job and independently of the others: the containers of a
job are alike. A number of tasks is rounded up to a whole one, at least 1, so that a continuous law gains about a half.

Every quantity of every class has its own random stream, named after both. Changing one law leaves the numbers of all
others as they were, and adding a class leaves the other classes as they were.

The default workload
--------------------
`DEFAULT` is for trying things out: about 3,000 jobs of 39,000 containers within an hour, with the shape of published
workloads at a smaller scale. In the second half of the hour about two thirds of the CPU of its hosts are allocated,
after an hour nobody comes any more, and within another hour all have ended. Its numbers:

- 1,000 hosts of 16 cores and 64 GiB. Assumed: 4 GiB a core, as is usual to rent.
- Two classes, on average 2,700 batch and 300 service jobs, which come independently of one another (exponential).
  That more than 80 % of the jobs are batch and 55 to 80 % of the resources go to service jobs is from Schwarzkopf et
  al., "Omega", EuroSys 2013, section 2 and figure 2 (ours: 90 %, and 55 % of the CPU). The rates are assumed; 80 % of
  the gaps between batch jobs are below 2.1 s, in Omega's figure 3 below 4 to 7 s.
- Tasks of a job: half of the batch jobs have at most 3 and one in a hundred more than 120, half of the service jobs
  at most 10 and one in a hundred more than 150. Assumed, after the shape of Omega's figure 4: most jobs are small and
  there is a tail of a hundred tasks and more. It ends at 500 and 400, so that no single job fills the cell.
- Run times: half of the batch containers run at most 2 min and 80 % at most 7 min; half of the services at most
  18 min, the longest an hour. Assumed: in Omega's figure 3 it is 12 to 20 min for 80 % of the batch jobs and up to a
  month for services, which no hour could show.
- Requests: batch containers ask for CPU (0.5 to 4 cores and 0.5 to 4 GiB), services for memory (0.5 to 4 cores and 4
  to 16 GiB). Assumed; that the two are unlike is what makes it matter which goes beside which.
"""

from __future__ import annotations

import difflib
import heapq
import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, fields
from itertools import pairwise
from pathlib import Path
from typing import Any, ClassVar, NamedTuple, Protocol

import numpy as np

from policies.arrays import FloatArray
from policies.errors import UserError
from policies.requests import Group, Job, Resources, Task
from policies.streams import stream
from traces.hosts import Hosts, uniform
from traces.rejects import Rejects
from traces.trace import Arrival, Trace
from traces.units import seconds, size, thousandths

#: How many jobs of a class are drawn at a time. What they are does not depend on it.
BLOCK = 4096

#: What a heavy tail is cut at, so that every number fits in the books.
MOST_TASKS = 2**31 - 1
MOST_OF_A_RESOURCE = 2.0**52


def _demand(holds: bool, otherwise: str) -> None:
    if not holds:
        raise ValueError(otherwise)


class Marginal(Protocol):
    """The law of one quantity that is never negative."""

    def draw(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw `n` numbers; drawing n and then m gives the same numbers as drawing n + m."""

    def expected(self) -> float:
        """Give the expected value."""


@dataclass(frozen=True, slots=True)
class Constant:
    """Always the same; ``inf`` for what never ends."""

    value: float

    def __post_init__(self) -> None:
        _demand(self.value >= 0, "value must be 0 or more")

    def draw(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Repeat the value `n` times."""
        return np.full(n, self.value)

    def expected(self) -> float:
        """Give the value."""
        return self.value


@dataclass(frozen=True, slots=True)
class Exponential:
    """The time between arrivals that know nothing of one another."""

    mean: float

    def __post_init__(self) -> None:
        _demand(0 < self.mean < math.inf, "mean must be more than 0")

    def draw(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw `n` numbers."""
        return rng.exponential(self.mean, n)

    def expected(self) -> float:
        """Give the mean."""
        return self.mean


@dataclass(frozen=True, slots=True)
class Lognormal:
    """Many small and few large: the logarithm is normal, with standard deviation `sigma` about that of `median`."""

    median: float
    sigma: float

    def __post_init__(self) -> None:
        _demand(0 < self.median < math.inf, "median must be more than 0")
        _demand(0 <= self.sigma <= 10, "sigma must be between 0 and 10")

    def draw(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw `n` numbers."""
        return self.median * np.exp(self.sigma * rng.standard_normal(n))

    def expected(self) -> float:
        """Give the mean, median * exp(sigma^2 / 2)."""
        return self.median * math.exp(self.sigma**2 / 2)


@dataclass(frozen=True, slots=True)
class Uniform:
    """Any number from `low` to `high`."""

    low: float
    high: float

    def __post_init__(self) -> None:
        _demand(0 <= self.low <= self.high < math.inf, "low must be 0 or more and high not below it")

    def draw(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw `n` numbers."""
        return self.low + (self.high - self.low) * rng.random(n)

    def expected(self) -> float:
        """Give the middle."""
        return (self.low + self.high) / 2


@dataclass(frozen=True, slots=True)
class Empirical:
    """One of the values that were seen, each as likely as the others; a value that stands twice is twice as likely."""

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        _demand(len(self.values) > 0, "values is empty")
        _demand(all(0 <= value < math.inf for value in self.values), "values must be 0 or more")

    def draw(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw `n` numbers."""
        return np.array(self.values)[(rng.random(n) * len(self.values)).astype(np.intp)]

    def expected(self) -> float:
        """Give the mean of the values."""
        return math.fsum(self.values) / len(self.values)


@dataclass(frozen=True, slots=True)
class Quantiles:
    """A distribution function known at some points.

    Attributes
    ----------
    points : tuple of (float, float)
        Shares from 0 to 1, strictly rising, and the value below which that share lies, never falling. Between two
        points the value is on the straight line from one to the other.
    """

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        _demand(len(self.points) > 1, "points must be two or more")
        shares, values = zip(*self.points, strict=True)
        _demand(shares[0] == 0 and shares[-1] == 1, "points must begin at share 0 and end at share 1")
        _demand(all(a < b for a, b in pairwise(shares)), "points must have rising shares")
        _demand(all(a <= b for a, b in pairwise(values)), "points must not have falling values")
        _demand(values[0] >= 0 and values[-1] < math.inf, "points must have values of 0 or more")

    def draw(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw `n` numbers."""
        shares, values = zip(*self.points, strict=True)
        drawn: FloatArray = np.interp(rng.random(n), shares, values)
        return drawn

    def expected(self) -> float:
        """Give the mean: of each straight piece its middle."""
        return math.fsum((q - p) * (low + high) / 2 for (p, low), (q, high) in pairwise(self.points))


#: The laws by the names they have in a file.
LAWS: Mapping[str, type[Any]] = {law.__name__.lower(): law for law in (
    Constant, Exponential, Lognormal, Uniform, Empirical, Quantiles
)}  # fmt: skip


@dataclass(frozen=True, slots=True)
class HostsSpec:
    """Equal hosts that are always up."""

    n: int
    cpus: float
    memory_bytes: int

    def __post_init__(self) -> None:
        _demand(0 < self.n < 2**31, "n must be 1 or more")
        _demand(0 < self.cpus < 2**31, "cpus must be more than 0")
        _demand(0 < self.memory_bytes < 2**47, "memory_bytes must be more than 0, and of one machine")


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
        _demand(bool(self.name) and self.name.isprintable(), "a class needs a name, on one line")
        _demand(self.interarrival_s.expected() > 0, "interarrival_s is always 0: the jobs would never end")
        for quantity in ("interarrival_s", "tasks", "cpus", "memory_bytes"):
            _demand(getattr(self, quantity).expected() < math.inf, f"{quantity} must be finite")


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
        _demand(0 < self.span_s < math.inf, "span_s must be more than 0")
        _demand(len(self.classes) > 0, "classes is empty")
        _demand(len({one.name for one in self.classes}) == len(self.classes), "two classes have one name")

    @classmethod
    def from_dict(cls, plain: Mapping[str, Any], source: str = "workload") -> WorkloadSpec:
        """Make a workload of plain values, as they stand in a TOML file.

        Parameters
        ----------
        plain : mapping
            See the head of this module. Sizes and times may be text with a unit.
        source : str
            What an error names.

        Raises
        ------
        UserError
            Naming the source and the key.
        """
        at = _At(source)
        _check_keys(plain, ("span_s", "classes"), ("hosts",), at)
        classes = plain["classes"]
        if not isinstance(classes, Mapping):
            raise at.key("classes").wrong("must be a table of classes")
        workload: WorkloadSpec = at.make(
            cls,
            span_s=_amount(plain["span_s"], seconds, at.key("span_s")),
            classes=tuple(_class(name, one, at.key("classes").key(name)) for name, one in classes.items()),
            hosts=_hosts(plain["hosts"], at.key("hosts")) if "hosts" in plain else None,
        )
        return workload


GIB = 2**30

DEFAULT = WorkloadSpec(
    span_s=3600.0,
    hosts=HostsSpec(n=1000, cpus=16.0, memory_bytes=64 * GIB),
    classes=(
        ClassSpec(
            "batch",
            interarrival_s=Exponential(3600 / 2700),
            tasks=Quantiles(((0.0, 1.0), (0.5, 3.0), (0.8, 8.0), (0.95, 30.0), (0.99, 120.0), (1.0, 500.0))),
            duration_s=Quantiles(((0.0, 5.0), (0.5, 120.0), (0.8, 420.0), (0.99, 1500.0), (1.0, 3000.0))),
            cpus=Empirical((0.5, 1.0, 1.0, 2.0, 2.0, 4.0)),
            memory_bytes=Empirical((0.5 * GIB, 1.0 * GIB, 1.0 * GIB, 2.0 * GIB, 2.0 * GIB, 4.0 * GIB)),
        ),
        ClassSpec(
            "service",
            interarrival_s=Exponential(3600 / 300),
            tasks=Quantiles(((0.0, 1.0), (0.5, 10.0), (0.9, 40.0), (0.99, 150.0), (1.0, 400.0))),
            duration_s=Quantiles(((0.0, 60.0), (0.5, 1080.0), (0.9, 2640.0), (1.0, 3600.0))),
            cpus=Empirical((0.5, 1.0, 2.0, 2.0, 4.0, 4.0)),
            memory_bytes=Empirical((4.0 * GIB, 4.0 * GIB, 8.0 * GIB, 8.0 * GIB, 16.0 * GIB, 16.0 * GIB)),
        ),
    ),
)

#: Names that stand for `DEFAULT` where a file could stand.
EMBEDDED = ("default", "generated")


class Generated(Trace):
    """A workload drawn from a spec.

    Parameters
    ----------
    spec : WorkloadSpec
        What is drawn.
    seed : int
        Fixes the workload, not negative.
    rejects : Rejects
        Nothing is ever rejected.
    path : Path
        The file of the spec, or one of `EMBEDDED`.
    """

    format: ClassVar[str] = "generated"

    def __init__(self, spec: WorkloadSpec, seed: int, rejects: Rejects, path: Path = Path("generated")) -> None:
        super().__init__(path, rejects)
        self.spec, self.seed = spec, seed
        self._position = 0.0

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the jobs in order of submission."""
        self.rejects.begin()
        jobs = (_arrivals(one, self.spec.span_s, self.seed) for one in self.spec.classes)
        for arrival in heapq.merge(*jobs, key=lambda arrival: arrival.job.submit_s):
            self._position = arrival.job.submit_s / self.spec.span_s
            yield arrival
        self._position = 1.0

    def hosts(self) -> Hosts | None:
        """Give the hosts of the spec, None where it has none."""
        hosts = self.spec.hosts
        return None if hosts is None else uniform(hosts.n, hosts.cpus, hosts.memory_bytes)

    def progress(self) -> float:
        """Say which share of the span has gone by."""
        return self._position

    def assumptions(self) -> list[str]:
        """Say that nobody measured this workload."""
        return [f"{self.format}:{self.path}: drawn from assumed laws with seed {self.seed}, not recorded"]

    def files(self) -> list[Path]:
        """List the file of the spec, if it is in one."""
        return [] if str(self.path) in EMBEDDED else [self.path]


def read_spec(path: Path) -> WorkloadSpec:
    """Read a workload spec from a TOML file; the names in `EMBEDDED` stand for `DEFAULT`.

    Raises
    ------
    UserError
        Naming the file and the key or line.
    """
    if str(path) in EMBEDDED:
        return DEFAULT
    import tomllib  # only where it is used: it costs start-up

    try:
        with path.open("rb") as file:
            plain = tomllib.load(file)
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None
    except ValueError as error:  # not TOML, or not even text
        raise UserError(f"{path}: {error}") from None
    return WorkloadSpec.from_dict(plain, str(path))


def open_generated(name: str, seed: int, rejects: Rejects) -> Generated:
    """Draw the workload of this name: ``default``, or a TOML file.

    Raises
    ------
    UserError
        If the file cannot be used.
    """
    path = Path(name)
    return Generated(read_spec(path), seed, rejects, path)


def _arrivals(one: ClassSpec, span_s: float, seed: int) -> Iterator[Arrival]:
    """Draw the jobs of a class, a block at a time."""

    def draw(quantity: str) -> FloatArray:
        law: Marginal = getattr(one, quantity)
        return law.draw(streams[quantity], BLOCK)

    streams = {quantity: stream(seed, "workload", one.name, quantity) for quantity in _UNITS}
    first, now = 0, 0.0
    while True:
        # Added up one by one, in the same order whatever the block.
        submit_s = np.cumsum(np.concatenate(([now], draw("interarrival_s"))))[1:]
        now, n = float(submit_s[-1]), int(np.searchsorted(submit_s, span_s))
        tasks = np.clip(np.ceil(draw("tasks")), 1, MOST_TASKS)
        cpu_milli = np.minimum(thousandths(draw("cpus")), MOST_OF_A_RESOURCE)
        memory_bytes = np.minimum(np.rint(draw("memory_bytes")), MOST_OF_A_RESOURCE)
        duration_s = draw("duration_s")
        keys = np.array([cpu_milli, memory_bytes, tasks])[:, :n].astype(np.int64)
        known: dict[tuple[int, ...], tuple[Group, ...]] = {}
        jobs = zip(submit_s[:n].tolist(), duration_s[:n].tolist(), zip(*keys.tolist(), strict=True), strict=True)
        for number, (at, run_s, key) in enumerate(jobs, start=first):
            groups = known.get(key)
            if groups is None:
                groups = known[key] = (Group(Task(Resources(key[0], key[1])), key[2]),)
            yield Arrival(Job(f"{one.name}-{number}", at, one.name, groups), (run_s,))
        if n < BLOCK:
            return
        first += n


class _At(NamedTuple):
    """A place in a spec, for an error to name."""

    source: str
    keys: tuple[str, ...] = ()

    def key(self, name: str) -> _At:
        return _At(self.source, (*self.keys, name))

    def wrong(self, problem: str) -> UserError:
        return UserError(": ".join(part for part in (self.source, ".".join(self.keys), problem) if part))

    def make(self, kind: Callable[..., Any], **values: object) -> Any:
        try:
            return kind(**values)
        except ValueError as error:
            raise self.wrong(str(error)) from None


def _number(text: str) -> float:
    raise UserError(f"{text!r} is not a number")


#: What is drawn for a job, and how a text that stands for an amount of it is read.
_UNITS: Mapping[str, Callable[[str], float]] = {
    "interarrival_s": seconds,
    "tasks": _number,
    "duration_s": seconds,
    "cpus": _number,
    "memory_bytes": size,
}


def _check_keys(table: object, required: tuple[str, ...], optional: tuple[str, ...], at: _At) -> None:
    if not isinstance(table, Mapping):
        raise at.wrong("must be a table")
    known = (*required, *optional)
    for name in table:
        if name not in known:
            near = difflib.get_close_matches(name, known, 1)
            raise at.key(name).wrong(f"unknown key; {f'did you mean {near[0]!r}?' if near else _list(known)}")
    for name in required:
        if name not in table:
            raise at.key(name).wrong("is missing")


def _list(known: tuple[str, ...]) -> str:
    return f"there are {', '.join(known)}"


def _hosts(table: Mapping[str, Any], at: _At) -> HostsSpec:
    _check_keys(table, ("n", "cpus", "memory_bytes"), (), at)
    n = _amount(table["n"], _number, at.key("n"))
    if not n.is_integer():
        raise at.key("n").wrong("must be a whole number")
    cpus = _amount(table["cpus"], _number, at.key("cpus"))
    memory_bytes = _amount(table["memory_bytes"], size, at.key("memory_bytes"))
    hosts: HostsSpec = at.make(HostsSpec, n=int(n), cpus=cpus, memory_bytes=int(memory_bytes))
    return hosts


def _class(name: str, table: Mapping[str, Any], at: _At) -> ClassSpec:
    _check_keys(table, tuple(_UNITS), (), at)
    laws = {quantity: _marginal(table[quantity], unit, at.key(quantity)) for quantity, unit in _UNITS.items()}
    one: ClassSpec = at.make(ClassSpec, name=name, **laws)
    return one


def _marginal(value: object, unit: Callable[[str], float], at: _At) -> Marginal:
    if not isinstance(value, Mapping):
        constant: Marginal = at.make(Constant, value=_amount(value, unit, at))
        return constant
    name = value.get("law")
    if not isinstance(name, str) or name not in LAWS:
        near = difflib.get_close_matches(str(name), LAWS, 1)
        problem = "is missing" if name is None else f"no law is called {name!r}"
        raise at.key("law").wrong(f"{problem}; {f'did you mean {near[0]!r}?' if near else _list(tuple(LAWS))}")
    arguments = tuple(field.name for field in fields(LAWS[name]))
    _check_keys(value, ("law", *arguments), (), at)
    law: Marginal = at.make(LAWS[name], **{key: _argument(key, value[key], unit, at.key(key)) for key in arguments})
    return law


def _argument(key: str, value: object, unit: Callable[[str], float], at: _At) -> object:
    if key == "sigma":  # of a logarithm, which has no unit
        return _amount(value, _number, at)
    if key not in ("values", "points"):
        return _amount(value, unit, at)
    if not isinstance(value, list | tuple):
        raise at.wrong("must be a list")
    if key == "values":
        return tuple(_amount(one, unit, at) for one in value)
    if not all(isinstance(point, list | tuple) and len(point) == 2 for point in value):
        raise at.wrong("must be a list of pairs of a share and a value")
    return tuple((_amount(share, _number, at), _amount(one, unit, at)) for share, one in value)


def _amount(value: object, unit: Callable[[str], float], at: _At) -> float:
    try:
        if isinstance(value, str):
            return float(unit(value))
        if isinstance(value, int | float) and not isinstance(value, bool):
            return float(value)
    except UserError as error:
        raise at.wrong(str(error)) from None
    except OverflowError:
        raise at.wrong("is too large") from None
    raise at.wrong(f"{value!r} is not a number")
