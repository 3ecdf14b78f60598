"""Containers that are put on their hosts by hand: what each gets, measured in the tank, whoever schedules elsewhere."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import NamedTuple

import numpy as np

from policies.log import Event, Log, Row
from policies.placement import Placer
from policies.placement.choosers import RandomFirstFit
from policies.requests import Demand, Resources, Task
from policies.scheduling import ARCHITECTURES, Settings
from policies.streams import stream
from sim import Tank, TankOptions
from sim.contention import Interplay, levels_of
from traces.hosts import Hosts
from traces.trace import OPEN_ENDED, Recorded, steady


class Placed(NamedTuple):
    """A container, and where it runs from the beginning.

    Attributes
    ----------
    name : str
        Unlike that of the others.
    demand : Demand
        What it uses at full speed.
    cpu_milli : int
        What it asks for.
    host : int
        Its host.
    work_s : float
        How long it runs at full speed.
    workload : str
        Its class; what is not ``batch`` is a service, for whose answers somebody waits.
    """

    name: str
    demand: Demand
    cpu_milli: int = 0
    host: int = 0
    work_s: float = OPEN_ENDED
    workload: str = "batch"


class Ran(NamedTuple):
    """What became of a container: how long it ran, and would have run alone, in seconds."""

    ran_s: float
    alone_s: float

    @property
    def slowdown(self) -> float:
        """How many times longer it ran than alone."""
        return self.ran_s / self.alone_s


class Seen(NamedTuple):
    """What became of all.

    Attributes
    ----------
    ended : dict
        Containers that came to their end, by name.
    levels : dict
        The state of the cell once all were there: ``cpu_used``, share of capacity, and so on; ``services``,
        ``service_latency``.
    """

    ended: dict[str, Ran]
    levels: dict[str, float]

    @property
    def makespan_s(self) -> float:
        """When the last of those that have an end came to it."""
        return max(ran.ran_s for ran in self.ended.values())


def run_placed(hosts: Hosts, interplay: Interplay, containers: Iterable[Placed]) -> Seen:
    """Let containers run on their hosts from time 0 until all that have an end have come to it.

    Parameters
    ----------
    hosts : Hosts
        The machines, with their disks. That they hold more than they have is no matter.
    interplay : Interplay
        What containers do to each other.
    containers : iterable of Placed
        The containers.
    """
    rows: list[Row] = []
    levels = levels_of(hosts.resources(), shared=True)
    nobody_comes = Placer(RandomFirstFit(stream(0, "placement")))
    tank = Tank(
        hosts,
        ARCHITECTURES["monolithic"](),
        Settings(),
        lambda scheduler: nobody_comes,
        Log([rows.extend]),
        TankOptions(interplay=interplay),
    )
    tank.prefill_recorded(
        Recorded(
            one.name,
            one.workload,
            Task(Resources(one.cpu_milli)),
            np.array([one.host]),
            one.work_s,
            behaviour=steady(one.demand),
        )
        for one in containers
    )
    tank.run(iter(()))
    there = [row for row in rows if row.event is Event.PREFILLED][-1].levels
    loads = {name: there[3 * number] for number, name in enumerate(levels.loads)}
    others = dict(zip(levels.others, there[3 * len(loads) :], strict=True))
    ended = {row.job: Ran(row.seconds, row.alone_s) for row in rows if row.event is Event.FINISHED}
    return Seen(ended, loads | others)


def rates(hosts: Hosts, interplay: Interplay, containers: Sequence[Placed]) -> dict[str, float]:
    """Say how fast each container is beside all others, relative to full speed, by name.

    Notes
    -----
    Each in turn has one second of work and the others no end: the time that it takes is that of one second of work
    among all of them.
    """
    found = {}
    for number, one in enumerate(containers):
        beside = [other._replace(work_s=OPEN_ENDED) for other in containers]
        beside[number] = one._replace(work_s=1.0)
        found[one.name] = 1.0 / run_placed(hosts, interplay, beside).ended[one.name].ran_s
    return found
