"""What somebody who profiled them would say containers use: the truth, with an error that an experiment sets."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from functools import lru_cache

import numpy as np

from policies.errors import UserError
from policies.requests import Demand, Task
from traces.trace import Arrival, Behaviour, Recorded

#: Kinds of container whose exact profile is remembered.
REMEMBERED = 4096


class Profiler:
    r"""Gives containers profiles.

    Parameters
    ----------
    rng : numpy.random.Generator
        Where errors are drawn from; nothing is drawn where there is none.
    error : float
        Standard deviation of the natural logarithm of what is declared over what is true; 0 for exact profiles.

    Raises
    ------
    UserError
        If the error is negative or no finite number.

    Notes
    -----
    A profile is the mean over time of what a container uses at full speed, or what it asks for where nobody knows,
    times :math:`e^{\sigma z}` with :math:`z` standard normal: one factor for CPU, memory, disk and network each. The
    median of a factor is 1, so twice too much is as likely as half (its mean is :math:`e^{\sigma^2 / 2}`). The
    containers of a job share its factors: who profiles a program errs alike about each of its copies.
    """

    def __init__(self, rng: np.random.Generator, error: float) -> None:
        if not 0 <= error < np.inf:
            raise UserError(f"the error of profiles is a number of at least 0, not {error:g}")
        self._rng, self._error = rng, error

    def arrivals(self, arrivals: Iterable[Arrival]) -> Iterator[Arrival]:
        """Yield the same jobs with profiles; each submission is profiled anew."""
        for arrival in arrivals:
            job, factors = arrival.job, self._factors()
            groups = tuple(
                group._replace(task=self._with_profile(group.task, behaviour, factors))
                for group, behaviour in zip(job.groups, arrival.each_behaviour(), strict=True)
            )
            yield arrival._replace(job=job._replace(groups=groups))

    def recorded(self, recorded: Iterable[Recorded]) -> Iterator[Recorded]:
        """Yield the same containers with profiles, those of a job with the same factors."""
        of_job: dict[str, tuple[float, ...] | None] = {}
        for entry in recorded:
            if entry.job not in of_job:
                of_job[entry.job] = self._factors()
            yield entry._replace(task=self._with_profile(entry.task, entry.behaviour, of_job[entry.job]))

    def _factors(self) -> tuple[float, ...] | None:
        """Draw by how much a job's CPU, memory, disk and network are overestimated; None for not at all."""
        return tuple(np.exp(self._error * self._rng.standard_normal(4)).tolist()) if self._error else None

    @staticmethod
    def _with_profile(task: Task, behaviour: Behaviour, factors: tuple[float, ...] | None) -> Task:
        profile = mean_demand(task, behaviour)
        if factors is not None:
            cpu, memory, disk, net = factors
            profile = profile._replace(
                cpu_cores=profile.cpu_cores * cpu,
                memory_bytes=profile.memory_bytes * memory,
                disk_read_bps=profile.disk_read_bps * disk,
                disk_write_bps=profile.disk_write_bps * disk,
                net_bps=profile.net_bps * net,
            )
        return task._replace(profile=profile)


def profiled(arrivals: Iterable[Arrival], rng: np.random.Generator, error: float) -> Iterator[Arrival]:
    """Give every job of a workload profiles; see `Profiler`."""
    return Profiler(rng, error).arrivals(arrivals)


@lru_cache(REMEMBERED)
def mean_demand(task: Task, behaviour: Behaviour) -> Demand:
    """Give what a container uses on the mean while nothing slows it down; what it asks for where nobody knows.

    Bytes per request, and the share of requests that are random, are those of all its requests together.
    """
    if behaviour is None:
        return Demand(task.need.cpu_milli / 1000, float(task.need.memory_bytes), net_bps=float(task.need.net_bps))
    if len(behaviour) == 1:
        return behaviour[0].demand
    shares = np.array([phase.share for phase in behaviour])
    cores, memory, read, write, size, random, net = np.array([phase.demand for phase in behaviour]).T
    requests = shares * (read + write) / size
    disk = {}
    if requests.any():
        disk = {
            "io_size_bytes": float(shares @ (read + write) / requests.sum()),
            "random_io": float(requests @ random / requests.sum()),
        }
    return Demand(
        cpu_cores=float(shares @ cores),
        memory_bytes=float(shares @ memory),
        disk_read_bps=float(shares @ read),
        disk_write_bps=float(shares @ write),
        net_bps=float(shares @ net),
        **disk,
    )
