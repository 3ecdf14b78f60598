"""Drawing the jobs of a workload."""

from __future__ import annotations

import heapq
from collections.abc import Callable, Iterator
from itertools import repeat
from pathlib import Path
from typing import ClassVar

import numpy as np

from policies.arrays import FloatArray, IntArray
from policies.requests import Constraint, Demand, Group, Job, MapReduce, Operator, Resources, Task
from policies.streams import stream
from traces.generate.coming import streams_of
from traces.generate.spec import (
    KIND,
    MAPREDUCE_QUANTITIES,
    USE_QUANTITIES,
    ClassSpec,
    HostsSpec,
    MapReduceSpec,
    PickySpec,
    UsesSpec,
    WorkloadSpec,
)
from traces.hosts import Hosts, range_names
from traces.reading.rejects import Rejects
from traces.trace import Arrival, Behaviour, Trace, steady
from traces.units import MILLI, thousandths

#: How many jobs of a class are drawn at a time. What they are does not depend on it.
BLOCK = 4096

#: What a heavy tail is cut at, so that every number fits in the books.
MOST_TASKS = 2**31 - 1
MOST_OF_A_RESOURCE = 2.0**52

#: What an amount that must be more than 0 is at least.
LEAST_REQUEST_BYTES = 1.0

#: The largest share below 1: no value lies above all of them.
MOST_OF_A_SHARE = 1 - 2.0**-53

#: Gives the drawn numbers of a quantity.
_Draw = Callable[[str], FloatArray]
#: What a job demands of its hosts.
Demands = tuple[Constraint, ...]


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
    name : str
        What it is called in messages.
    file : Path, optional
        Where the spec was read, if it was in a file.
    """

    format: ClassVar[str] = "generated"

    def __init__(
        self, spec: WorkloadSpec, seed: int, rejects: Rejects, name: str = "generated", file: Path | None = None
    ) -> None:
        super().__init__(Path(name), rejects)
        self.spec, self.seed = spec, seed
        self._file = file
        self._position = 0.0

    def arrivals(self) -> Iterator[Arrival]:
        """Yield the jobs in order of submission."""
        self.rejects.begin()
        jobs = (_arrivals(one, self.spec.span_s, self.seed, self.spec.picky) for one in self.spec.classes)
        for arrival in heapq.merge(*jobs, key=lambda arrival: arrival.job.submit_s):
            self._position = arrival.job.submit_s / self.spec.span_s
            yield arrival
        self._position = 1.0

    def prefill_anywhere(self) -> Iterator[Arrival]:
        """Yield what runs at time 0, each job with what is left of its run time."""
        return iter(()) if self.spec.prefill is None else _prefilled(self.spec, self.seed)

    def hosts(self) -> Hosts | None:
        """Give the hosts of the spec, kinds mixed at random; None where it has none."""
        kinds = self.spec.hosts
        if not kinds:
            return None
        each = np.repeat(np.array([_capacity(kind) for kind in kinds]).T, [kind.n for kind in kinds], axis=1)
        n = each.shape[1]
        if len(kinds) > 1:
            each = each[:, stream(self.seed, "workload", "hosts").permutation(n)]
        return Hosts(range_names(n), each, np.ones(n, dtype=bool), attributes=self._attributes(n))

    def _attributes(self, n: int) -> list[dict[str, str]]:
        if self.spec.picky is None:
            return []
        weights = np.array(self.spec.picky.kinds)
        drawn = stream(self.seed, "workload", "hosts", KIND).choice(weights.size, size=n, p=weights / weights.sum())
        return [{KIND: str(kind)} for kind in drawn.tolist()]

    def progress(self) -> float:
        """Say which share of the span has gone by."""
        return self._position

    def assumptions(self) -> list[str]:
        """Say that nobody measured this workload, and where its numbers are from."""
        drawn = f"{self.format}:{self.path}: drawn from assumed laws, not recorded"
        return [drawn, *self.spec.notes]

    def files(self) -> list[Path]:
        """List the file of the spec, if it is in one."""
        return [] if self._file is None else [self._file]


def _capacity(kind: HostsSpec) -> Resources:
    return Resources(round(kind.cpus * MILLI), kind.memory_bytes)


def _arrivals(one: ClassSpec, span_s: float, seed: int, picky: PickySpec | None) -> Iterator[Arrival]:
    """Draw the jobs of a class, a block at a time."""
    purpose = ("workload", one.name)
    draw = _Drawn(one, purpose, seed)
    programs = None if one.mapreduce is None else _programs(one.mapreduce, one.name, seed)
    behaviours = None if one.uses is None else _behaviours(one.uses, draw)
    demands = repeat(()) if picky is None else _demands(picky, stream(seed, *purpose, KIND))
    first = 0
    for submit_s in _up_to(one.jobs, _submitted(one, span_s, seed)):
        n = submit_s.size
        draw.next_block()
        kinds = _containers(draw)[:, :n]
        duration_s = draw("duration_s")[:n]
        groups = _groups(kinds, demands)
        mapreduce = repeat(None) if programs is None else programs(kinds[2], duration_s)
        used: Iterator[tuple[Behaviour, ...]] = repeat(()) if behaviours is None else behaviours(kinds)
        # The last of them have no end of their own.
        jobs = zip(submit_s.tolist(), duration_s.tolist(), groups, mapreduce, used, strict=False)
        for number, (at, run_s, group, program, use) in enumerate(jobs, start=first):
            yield Arrival(Job(f"{one.name}-{number}", at, one.workload, group, mapreduce=program), (run_s,), use)
        first += n


def _submitted(one: ClassSpec, span_s: float, seed: int) -> Iterator[FloatArray]:
    """Draw when the jobs of a class come, in blocks of `BLOCK`, the last one shorter."""
    if one.arrivals is not None:
        streams = streams_of(one.arrivals, seed, "workload", one.name)
        waiting: list[FloatArray] = []
        for piece in one.arrivals.drawn(span_s, streams, BLOCK):
            waiting.append(piece)
            if sum(map(len, waiting)) >= BLOCK:
                whole = np.concatenate(waiting)
                for begin in range(0, whole.size - BLOCK + 1, BLOCK):
                    yield whole[begin : begin + BLOCK]
                waiting = [whole[whole.size - whole.size % BLOCK :]]
        yield np.concatenate([*waiting, np.zeros(0)])
        return
    assert one.interarrival_s is not None
    rng, now = stream(seed, "workload", one.name, "interarrival_s"), 0.0
    while True:
        # Added up one by one, in the same order whatever the block.
        submit_s = np.cumsum(np.concatenate(([now], one.interarrival_s.draw(rng, BLOCK))))[1:]
        now, n = float(submit_s[-1]), int(np.searchsorted(submit_s, span_s))
        yield submit_s[:n]
        if n < BLOCK:
            return


def _up_to(jobs: int | None, blocks: Iterator[FloatArray]) -> Iterator[FloatArray]:
    """Give no more than so many of them."""
    for block in blocks:
        yield block[:jobs]
        if jobs is not None:
            jobs -= block.size
            if jobs <= 0:
                return


class _Drawn:
    """The numbers of a class's quantities, a block at a time; those that go together are drawn together.

    Parameters
    ----------
    one : ClassSpec
        Whose they are.
    purpose : tuple of str
        What the names of the streams begin with.
    seed : int
        Fixes the numbers.
    together : bool
        Whether quantities go together as the class says, or are drawn independently all the same.
    """

    def __init__(self, one: ClassSpec, purpose: tuple[str, str], seed: int, together: bool = True) -> None:
        self._laws = one.laws()
        self._streams = {name: stream(seed, *purpose, name) for name in self._laws}
        self._tied, matrix = one.correlated() if together else ([], np.eye(0))
        self._lower = np.linalg.cholesky(matrix)
        self._shares: dict[str, FloatArray] = {}

    def next_block(self) -> None:
        """Go on to the next `BLOCK` jobs."""
        if not self._tied:
            return
        from scipy.special import ndtr  # only where quantities go together: it costs start-up

        normal = np.array([self._streams[name].standard_normal(BLOCK) for name in self._tied])
        # Row by row, so that a number does not depend on how many are multiplied at a time.
        rows = [sum((factor * normal[j] for j, factor in enumerate(row)), np.zeros(BLOCK)) for row in self._lower]
        shares = np.minimum(ndtr(np.array(rows)), MOST_OF_A_SHARE)
        self._shares = dict(zip(self._tied, shares, strict=True))

    def __call__(self, name: str) -> FloatArray:
        """Give this block's numbers of a quantity; to be asked once a block."""
        law = self._laws[name]
        return law.at(self._shares[name]) if name in self._shares else law.draw(self._streams[name], BLOCK)


def _containers(draw: _Draw) -> IntArray:
    """Draw what jobs ask for in whole numbers: millicores, bytes, containers and milli-GPUs, shape (4, n)."""
    tasks = np.clip(np.ceil(draw("tasks")), 1, MOST_TASKS)
    cpu_milli = np.minimum(thousandths(draw("cpus")), MOST_OF_A_RESOURCE)
    memory_bytes = np.minimum(np.rint(draw("memory_bytes")), MOST_OF_A_RESOURCE)
    gpu_milli = np.minimum(thousandths(draw("gpus")), MOST_OF_A_RESOURCE)
    return np.array([cpu_milli, memory_bytes, tasks, gpu_milli]).astype(np.int64)


def _groups(kinds: IntArray, demands: Iterator[Demands]) -> Iterator[tuple[Group]]:
    """Give the containers of each job; jobs that ask for the same share theirs."""
    known: dict[tuple[tuple[int, ...], Demands], tuple[Group]] = {}
    for key in zip(zip(*kinds.tolist(), strict=True), demands, strict=False):
        groups = known.get(key)
        if groups is None:
            (cpu_milli, memory_bytes, tasks, gpu_milli), constraints = key
            if len(known) == BLOCK:
                known.clear()  # a workload may have no end of them
            groups = known[key] = (Group(Task(Resources(cpu_milli, memory_bytes, gpu_milli), 0, constraints), tasks),)
        yield groups


def _demands(picky: PickySpec, rng: np.random.Generator) -> Iterator[Demands]:
    """Draw what jobs demand of their hosts, for ever."""
    of_kind = [(Constraint(KIND, Operator.EQUAL, str(kind)),) for kind in range(len(picky.kinds))]
    while True:
        kinds = rng.integers(len(of_kind), size=BLOCK).tolist()
        for is_picky, kind in zip((rng.random(BLOCK) < picky.share).tolist(), kinds, strict=True):
            yield of_kind[kind] if is_picky else ()


def _programs(law: MapReduceSpec, name: str, seed: int) -> Callable[[IntArray, FloatArray], Iterator[MapReduce]]:
    """Make what draws the programs of jobs with so many workers, on which they take so long."""
    streams = {quantity: stream(seed, "workload", name, quantity) for quantity in MAPREDUCE_QUANTITIES}

    def programs(workers: IntArray, duration_s: FloatArray) -> Iterator[MapReduce]:
        maps_each, reduces_each, share = (
            getattr(law, quantity).draw(streams[quantity], BLOCK)[: workers.size] for quantity in MAPREDUCE_QUANTITIES
        )
        maps = np.clip(np.ceil(maps_each * workers), 1, MOST_OF_A_RESOURCE)
        reduces = np.minimum(np.rint(reduces_each * workers), MOST_OF_A_RESOURCE)
        mapping_s = np.where(reduces > 0, np.minimum(share, 1.0), 1.0) * duration_s
        # By `MapReduce.run_s`, a worker that has something to do has maps / workers of them to do, one after another.
        map_s = mapping_s * np.minimum(workers, maps) / maps
        reduce_s = (duration_s - mapping_s) * np.minimum(workers, reduces) / np.maximum(reduces, 1)
        counts = maps.astype(np.int64).tolist(), reduces.astype(np.int64).tolist()
        return map(MapReduce, *counts, map_s.tolist(), reduce_s.tolist())

    return programs


def _behaviours(uses: UsesSpec, draw: _Draw) -> Callable[[IntArray], Iterator[tuple[Behaviour]]]:
    """Make what draws what containers use that ask for so much."""
    names = [name for name in USE_QUANTITIES if getattr(uses, name) is not None]
    known: dict[tuple[float, ...], tuple[Behaviour]] = {}  # what use the same share theirs

    def behaviours(kinds: IntArray) -> Iterator[tuple[Behaviour]]:
        n = kinds.shape[1]
        # What is asked for, as the books have it.
        drawn = {"cpu_demand": kinds[0] / MILLI, "memory_demand_bytes": kinds[1].astype(np.float64)}
        drawn |= {name: np.minimum(draw(name)[:n], MOST_OF_A_RESOURCE) for name in names}
        drawn["io_size_bytes"] = np.maximum(drawn["io_size_bytes"], LEAST_REQUEST_BYTES)
        drawn["random_io"] = np.minimum(drawn["random_io"], 1.0)
        for use in zip(*(drawn[name].tolist() for name in USE_QUANTITIES), strict=True):
            behaviour = known.get(use)
            if behaviour is None:
                if len(known) == BLOCK:
                    known.clear()  # a workload may have no end of them
                behaviour = known[use] = (steady(Demand(*use)),)
            yield behaviour

    return behaviours


def _prefilled(spec: WorkloadSpec, seed: int) -> Iterator[Arrival]:
    """Draw jobs that run at time 0; each class takes the part of the CPU that it has in the long run."""
    assert spec.prefill is not None
    classes = spec.prefill.classes or spec.classes
    loads = [one.cores() for one in classes]
    whole = spec.prefill.cpu_allocated * sum(kind.n * _capacity(kind).cpu_milli for kind in spec.hosts)
    for one, load in zip(classes, loads, strict=True):
        if load:
            part = 1.0 if len(classes) == 1 else load / sum(loads)
            yield from _met(one, round(whole * part), seed)


def _met(one: ClassSpec, left_milli: int, seed: int) -> Iterator[Arrival]:
    r"""Draw jobs of a class that are met at work, until they take so much CPU; the last one is cut to that.

    Notes
    -----
    Of jobs that have been coming at a steady rate for ever, those at work at a given moment are not like those that
    come: a share :math:`d f(d) / E[D]` is of length :math:`d`, of which any part may be over. So the length is drawn
    by `Marginal.draw_met`, and what is left is uniform between nothing and that, which is the equilibrium distribution
    :math:`P(R > r) = \int_r^\infty P(D > x)\,dx / E[D]` of renewal theory (Cox, "Renewal Theory", 1962, chapter 5).
    What a job asks for is drawn as for any other, as if it were unrelated to its length, also where `one` says that
    they go together.
    """
    draw = _Drawn(one, ("prefill", one.name), seed, together=False)
    streams = {quantity: stream(seed, "prefill", one.name, quantity) for quantity in ("duration_s", "left")}
    behaviours = None if one.uses is None else _behaviours(one.uses, draw)
    first = 0
    while True:
        kinds = _containers(draw)
        run_s = one.duration_s.draw_met(streams["duration_s"], BLOCK) * streams["left"].random(BLOCK)
        taken = np.cumsum(kinds[0].astype(float) * kinds[2])
        n = int(taken.searchsorted(left_milli))  # so many have room as a whole
        if n < BLOCK:
            kinds, before = kinds[:, : n + 1], taken[n - 1] if n else 0.0
            kinds[2, n] = (left_milli - before) // kinds[0, n]
        used: Iterator[tuple[Behaviour, ...]] = repeat(()) if behaviours is None else behaviours(kinds)
        jobs = zip(run_s.tolist(), _groups(kinds, repeat(())), used, strict=False)
        for number, (rest_s, groups, use) in enumerate(jobs, start=first):
            if groups[0].count:
                yield Arrival(Job(f"prefilled-{one.name}-{number}", 0.0, one.workload, groups), (rest_s,), use)
        if n < BLOCK:
            return
        left_milli -= int(taken[-1])
        first += BLOCK
