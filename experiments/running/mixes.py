"""Workloads of a few kinds of container whose use is known, made for one run and replayed from a native trace."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import NamedTuple

from experiments.results.result import Result
from experiments.results.study import RunKey, Study
from experiments.running.simulate import Progress, simulate
from policies.requests import Demand, Group, Job, Resources, Task
from policies.sharing import DISKS, device_time
from policies.streams import stream
from traces.formats.native import write_native
from traces.trace import Arrival, steady
from traces.units import MILLI


class Kind(NamedTuple):
    """Containers that are alike: how many are at work at a time while nothing slows them down, and what they use."""

    at_work: float
    demand: Demand


@dataclass(frozen=True)
class Mixed(Study):
    """A study of containers of some kinds, one a job, in place of a trace.

    Attributes
    ----------
    kinds : tuple of Kind
        What they use; a container is of a kind as often as more of that kind are at work.
    span_s : float
        How long they arrive, independently of one another; the run goes on until the last one ends.
    work_s : float
        Mean of their run times, exponential.
    request_cores : float
        What each asks for, whatever it uses.
    """

    kinds: tuple[Kind, ...] = ()
    span_s: float = 1800.0
    work_s: float = 60.0
    request_cores: float = 0.5


def arrivals(study: Mixed, seed: int) -> Iterator[Arrival]:
    """Draw the jobs; at another mix come as many containers at a time as are at work, of the same run times in order.

    Yields
    ------
    Arrival
        In order of submission; memory is asked for as it is used.
    """
    total = sum(kind.at_work for kind in study.kinds)
    gaps, works, which = (stream(seed, "mix", name) for name in ("interarrival_s", "work_s", "kind"))
    bounds = [sum(kind.at_work for kind in study.kinds[: n + 1]) / total for n in range(len(study.kinds))]
    tasks = [
        Task(Resources(round(study.request_cores * MILLI), round(kind.demand.memory_bytes))) for kind in study.kinds
    ]
    at_s, number = gaps.exponential(study.work_s / total), 0
    while at_s < study.span_s:
        drawn = which.random()
        kind = next((n for n, bound in enumerate(bounds) if drawn < bound), len(bounds) - 1)
        job = Job(f"{number}", at_s, "batch", (Group(tasks[kind], 1),))
        yield Arrival(job, (works.exponential(study.work_s),), (steady(study.kinds[kind].demand),))
        at_s += gaps.exponential(study.work_s / total)
        number += 1


def replay(study: Study, key: RunKey, progress: Progress) -> Result:
    """Make one run of a `Mixed` study; its seed fixes the containers, too."""
    assert isinstance(study, Mixed)
    with TemporaryDirectory(prefix="towtank-") as folder:
        trace = Path(folder) / "mix.csv"
        write_native(arrivals(study, key.seed), trace)
        return simulate(replace(study, trace=f"native:{trace}"), key, progress=progress)


#: Memory of each container, bytes: never short.
MEMORY_BYTES = 2**28

#: A reader of 64 KiB at random places takes a quarter of a hard disk's time (``HDD`` of `policies.sharing.DISKS`).
READ_BYTES, DISK_SHARE = 2**16, 0.25


def unlike(hosts: int, cpu: float, disk: float, host_cores: float = 16.0) -> tuple[Kind, ...]:
    """Give containers that compute on one core or on four, and such as read at random.

    Parameters
    ----------
    hosts : int
        How many there are, each with a hard disk.
    cpu, disk : float
        Share of CPU and of the disks' time that is wanted on the mean, two fifths of the CPU by the small.
    host_cores : float
        Of each.
    """
    cores = hosts * host_cores * cpu
    return (
        Kind(0.4 * cores, Demand(1.0, MEMORY_BYTES)),
        Kind(0.6 * cores / 4, Demand(4.0, MEMORY_BYTES)),
        Kind(hosts * disk / DISK_SHARE, _reads(0.1, DISK_SHARE)),
    )


def alike(hosts: int, cpu: float, disk: float, host_cores: float = 16.0) -> tuple[Kind, ...]:
    """Give containers of one core each that all read, as many as want the same of CPU and disks as in `unlike`."""
    each = host_cores * cpu
    return (Kind(hosts * each, _reads(1.0, disk / each)),)


def _reads(cores: float, disk_share: float) -> Demand:
    """Give what takes so much of a hard disk's time, reading at random."""
    one = Demand(cores, MEMORY_BYTES, 1.0, io_size_bytes=READ_BYTES, random_io=1.0)
    per_byte = float(device_time(1.0, 0.0, READ_BYTES, 1.0, DISKS["HDD"]))
    return one._replace(disk_read_bps=disk_share / per_byte)
