"""What containers mostly use: their demand shape, from what they demand and not from a tag."""

from __future__ import annotations

from collections.abc import Iterable
from enum import StrEnum

import numpy as np

from policies.requests import RESOURCES
from policies.sharing import device_time
from traces.hosts import Hosts
from traces.profiles import mean_demand
from traces.trace import Arrival
from traces.units import MILLI


class Shape(StrEnum):
    """Which resource of a host containers are bound by."""

    CPU = "CPU-bound"
    IO = "I/O-bound"
    MIXED = "mixed"
    IDLE = "idle"


#: From this part of the larger share on, the smaller one counts too.
MIXED_FROM = 0.5


def shape_of(cpu_share: float, io_share: float) -> Shape:
    """Give the shape of what uses these shares of a host.

    Parameters
    ----------
    cpu_share : float
        Of its cores.
    io_share : float
        Of its disk's time or of its network, whichever is more.

    Examples
    --------
    >>> print(shape_of(0.9, 0.1), shape_of(0.1, 0.9), shape_of(0.5, 0.4), shape_of(0.0, 0.0), sep=", ")
    CPU-bound, I/O-bound, mixed, idle
    """
    more, less = max(cpu_share, io_share), min(cpu_share, io_share)
    if not more:
        return Shape.IDLE
    if less >= MIXED_FROM * more:
        return Shape.MIXED
    return Shape.CPU if cpu_share > io_share else Shape.IO


def shapes_of(arrivals: Iterable[Arrival], hosts: Hosts) -> dict[str, Shape]:
    """Give the shape of every job: of all its containers together, by their mean demand over time.

    Parameters
    ----------
    arrivals : iterable of Arrival
        The jobs.
    hosts : Hosts
        What shares are of: the mean of their cores and networks, and the mean time on their disks.
    """
    cpu, net = hosts.capacity[RESOURCES.index("cpu")].mean() / MILLI, hosts.capacity[RESOURCES.index("net")].mean()
    disks = [disk for disk in hosts.disks if disk is not None]
    shapes = {}
    for arrival in arrivals:
        shares = np.zeros(3)  # of cores, disk, network
        for group, behaviour in zip(arrival.job.groups, arrival.each_behaviour(), strict=True):
            cores, _, read, write, size, random, bps = mean_demand(group.task, behaviour)
            disk_s = sum(float(device_time(read, write, size, random, disk)) for disk in disks) / max(len(disks), 1)
            shares += group.count * np.array([cores / cpu if cpu else 0.0, disk_s, bps / net if net else 0.0])
        shapes[arrival.job.id] = shape_of(float(shares[0]), float(shares[1:].max()))
    return shapes
