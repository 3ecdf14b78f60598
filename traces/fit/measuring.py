"""Reading a trace once for what a description is fitted to."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import chain, islice
from math import floor, inf, isfinite, nan

import numpy as np

from policies.arrays import FloatArray
from policies.errors import UserError
from policies.requests import Demand, Task
from policies.streams import stream
from traces.fit.sampling import STEPS, Counts, Sample
from traces.generate.spec import SIZES, USE_QUANTITIES
from traces.profiles import mean_demand
from traces.trace import Arrival, Behaviour, RunTime, Trace
from traces.units import GPU_MILLI, MILLI

#: So many jobs of a class are kept for its sizes.
SAMPLE = 200_000

#: Fewer jobs are not enough to fit laws to.
FEWEST = 30

#: More classes than these are more likely names of jobs.
MOST_CLASSES = 64

#: What is kept of a job.
COLUMNS = ("submit_s", "gap_s", *SIZES, *USE_QUANTITIES)

DAY_S = 86400.0

_AT_ONCE = 4096


@dataclass
class Part:
    """Jobs of one workload class that one law is fitted to: those that came, those that were there, or without end.

    Attributes
    ----------
    workload : str
        Their workload class.
    there : bool
        Whether they are submitted at the very beginning because they ran already.
    endless : bool
        Whether none of them has a recorded end.
    sample : Sample
        Of rows of `COLUMNS`: seconds, containers, cores, bytes, GPUs, bytes a second, shares.
    counts : Counts
        When they came.
    jobs : int
        How many they are.
    steps : list of float
        The lengths of time of which all submission times are multiples, of `STEPS`.
    """

    workload: str
    there: bool
    endless: bool
    sample: Sample
    counts: Counts = field(default_factory=Counts)
    jobs: int = 0
    steps: list[float] = field(default_factory=lambda: list(STEPS))
    latest_s: float = nan

    @property
    def name(self) -> str:
        """What the class of the description is called."""
        return self.workload + "-there" * self.there + "-endless" * self.endless

    def add(self, rows: FloatArray) -> None:
        """Take jobs, one a row, in order of submission."""
        submit_s = rows[:, 0]
        rows[:, 1] = np.diff(submit_s, prepend=self.latest_s)
        self.latest_s = float(submit_s[-1])
        self.steps = [step for step in self.steps if not np.fmod(submit_s, step).any()]
        self.jobs += len(rows)
        self.counts.add(submit_s)
        self.sample.add(rows)

    def join(self, there: Part) -> None:
        """Count jobs that were there at the beginning as any other."""
        self.jobs += there.jobs
        self.counts.add(np.zeros(there.jobs))
        self.sample.add(there.sample.rows())

    def columns(self) -> dict[str, FloatArray]:
        """Give the sample by column."""
        return dict(zip(COLUMNS, self.sample.rows().T, strict=True))


@dataclass
class Measured:
    """What was seen of a trace.

    Attributes
    ----------
    parts : list of Part
        In the order of their names.
    begin_s, end_s : float
        The time that was looked at: a whole number of days, and where the recording ends.
    odd : Counter of str
        What no description has words for, and how many jobs had it.
    """

    parts: list[Part]
    begin_s: float
    end_s: float
    odd: Counter[str]

    @property
    def span_s(self) -> float:
        """How long it was looked at."""
        return self.end_s - self.begin_s


def measure(trace: Trace, seed: int = 1, size: int = SAMPLE, watch: Callable[[], object] | None = None) -> Measured:
    """Read a trace through.

    Parameters
    ----------
    trace : Trace
        Any; it is read once.
    seed : int
        Decides which jobs are in the samples of classes that have more than `size`.
    size : int
        Jobs that are kept for each part of a class.
    watch : callable, optional
        Called now and then.

    Raises
    ------
    UserError
        If the trace has no jobs, or more than `MOST_CLASSES` workload classes.

    Notes
    -----
    Memory is bounded by `size` rows of `COLUMNS` and `sampling.MOST_BINS` counts for each part of a class, whatever the
    length of the trace. What ran at the beginning (`prefill`, `prefill_anywhere`, and jobs submitted at time 0 if they
    are `FEWEST` or more) is a part of its own, and so are jobs of which no container has a recorded end.
    """
    parts: dict[tuple[str, bool, bool], Part] = {}
    odd: Counter[str] = Counter()

    def take(arrivals: Iterable[Arrival], there: bool) -> float:
        rows: dict[tuple[str, bool, bool], list[tuple[float, ...]]] = {}
        latest = 0.0
        walk = iter(arrivals)
        while some := list(islice(walk, _AT_ONCE)):
            rows.clear()
            for arrival in some:
                row = _row(arrival, odd)
                if row is None:
                    continue
                latest = row[0]
                kind = (arrival.job.workload, there or not latest, row[_DURATION] == inf)
                rows.setdefault(kind, []).append(row)
            for kind, of_kind in rows.items():
                part = parts.get(kind)
                if part is None:
                    if len({workload for workload, _, _ in parts} | {kind[0]}) > MOST_CLASSES:
                        raise UserError(f"{trace.path}: more than {MOST_CLASSES} workload classes, which are too many")
                    part = parts[kind] = _part(kind, seed, size)
                part.add(np.array(of_kind))
            if watch is not None:
                watch()
        return latest

    latest = take(trace.arrivals(), there=False)
    before = chain((recorded.as_arrival() for recorded in trace.prefill()), trace.prefill_anywhere())
    take(before, there=True)
    for (workload, of_there, endless), part in list(parts.items()):
        if of_there and part.jobs < FEWEST:  # something must come first
            del parts[workload, True, endless]
            kind = (workload, False, endless)
            parts.setdefault(kind, _part(kind, seed, size)).join(part)
    if not parts:
        raise UserError(f"{trace.path}: there are no jobs that a description could be fitted to")
    begin_s = 0.0
    if not any(part.there for part in parts.values()):
        first_s = min(float(part.counts.at(part.counts.width_s)[0][0]) * part.counts.width_s for part in parts.values())
        begin_s = floor(first_s / DAY_S) * DAY_S
    end_s = trace.end_s()
    came = sum(part.jobs for part in parts.values() if not part.there)
    if end_s is None or not latest < end_s < inf:
        # As if one more had come after the mean gap.
        end_s = begin_s + ((latest - begin_s) * (1 + 1 / max(came, 1)) or 1.0)
    return Measured(sorted(parts.values(), key=lambda part: part.name), begin_s, end_s, odd)


def _part(kind: tuple[str, bool, bool], seed: int, size: int) -> Part:
    return Part(*kind, Sample(len(COLUMNS), size, stream(seed, "fit", *map(str, kind))))


_DURATION = COLUMNS.index("duration_s")


def _row(arrival: Arrival, odd: Counter[str]) -> tuple[float, ...] | None:
    """Give the row of a job; containers that differ become as many of their mean."""
    job, run_s, behaviours, after, _ = arrival
    tasks = job.tasks
    if not tasks:
        odd["jobs of no containers, left out"] += 1
        return None
    if not isfinite(job.submit_s):
        odd["jobs that are never submitted, left out"] += 1
        return None
    if after:
        odd["jobs that come after others, fitted as if they came by themselves"] += 1
    if job.mapreduce is not None:
        odd["MapReduce programs, fitted as jobs of their workers"] += 1
    if job.resubmission:
        odd["containers submitted again later, fitted as jobs"] += 1
    first = job.groups[0].task
    if first.constraints or first.apart:
        odd["jobs with constraints on their hosts, which are not fitted"] += 1
    if first.priority:
        odd["jobs with a priority, which is not fitted"] += 1
    if len(job.groups) > 1:
        odd["jobs of unlike containers, fitted as so many of their mean"] += 1
    if not behaviours:
        odd["jobs of which nobody knows what they use, fitted as if it were what they ask for"] += 1
    need = [0.0, 0.0, 0.0]
    uses = [0.0] * len(USE_QUANTITIES)
    lasting, ended = 0.0, 0
    for (task, count), runs, behaviour in zip(job.groups, run_s, arrival.each_behaviour(), strict=True):
        share = count / tasks
        need = [had + share * amount for had, amount in zip(need, task.need[:3], strict=True)]
        uses = [had + share * amount for had, amount in zip(uses, _uses(task, behaviour), strict=True)]
        seconds, of = _seconds(runs, count)
        lasting, ended = lasting + seconds, ended + of
    if 0 < ended < tasks:
        odd["jobs of which some containers have no recorded end, fitted by the others"] += 1
    duration_s = lasting / ended if ended else inf
    cpu_milli, memory_bytes, gpu_milli = need
    return (
        job.submit_s, nan, float(tasks), duration_s, cpu_milli / MILLI, memory_bytes, gpu_milli / GPU_MILLI, *uses
    )  # fmt: skip


def _uses(task: Task, behaviour: Behaviour) -> Demand:
    if behaviour is None:
        return Demand(task.need.cpu_milli / MILLI, float(task.need.memory_bytes))
    return mean_demand(task, behaviour)


def _seconds(runs: RunTime, count: int) -> tuple[float, int]:
    """Give the seconds that containers run that have an end, and how many have one."""
    if isinstance(runs, float | int):
        return (runs * count, count) if runs < inf else (0.0, 0)
    each = np.broadcast_to(np.asarray(runs, dtype=float), (count,))
    ended = each[each < inf]
    return float(ended.sum()), ended.size
