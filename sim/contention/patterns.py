"""What a container is to its host: needs, weights and limits, made once for all that are alike."""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from policies.requests import RESOURCES, Demand, Task
from policies.sharing import Disk, Isolation, device_micro
from policies.sharing.isolation import Band
from policies.sharing.kernel import Kind
from traces.units import MILLI

#: Resources that make a container slower when they are short. Memory is there or not, and nobody measures a GPU.
RATES = ("cpu", "disk", "net")


class HostKind(NamedTuple):
    """What makes two hosts alike: capacity in the units and the order of `Resources`, and the disk."""

    capacity: tuple[int, ...]
    disk: Disk | None


class Pattern:
    """Equal containers on equal hosts.

    Attributes
    ----------
    alone : Kind
        What one needs while nobody else uses the disk.
    crowded : Kind
        What one needs while others use it too: on a disk with a head, all requests are random then.
    streams : bool
        Whether it uses the disk.
    threads : float
        Cores that it would keep busy.
    requests_per_s : float
        Disk requests a second at full speed.
    memory_bytes : float
        Working set.
    speed_alone : float
        How fast it is with the host to itself, 0 to 1.
    waits : bool
        Whether somebody waits for its answers, so that their latency is looked at.
    """

    __slots__ = (
        "alone", "crowded", "memory_bytes", "requests_per_s", "speed_alone", "streams", "threads", "waits"
    )  # fmt: skip

    def __init__(self, alone: Kind, crowded: Kind, demand: Demand, capacity: Sequence[float], waits: bool) -> None:
        self.alone, self.crowded, self.waits = alone, crowded, waits
        self.streams = demand.disk_read_bps + demand.disk_write_bps > 0
        self.threads = demand.cpu_cores
        self.requests_per_s = (demand.disk_read_bps + demand.disk_write_bps) / demand.io_size_bytes
        self.memory_bytes = demand.memory_bytes
        at_most = [there / need for there, need in zip(capacity, alone.needs, strict=True) if need]
        self.speed_alone = min([alone.limit, *at_most])


class Patterns:
    """Makes patterns, each once.

    Parameters
    ----------
    resources : sequence of str
        Those that the cell has; of the `RATES` only these are shared.
    isolation : Isolation
        How hosts keep containers from each other.
    """

    def __init__(self, resources: Sequence[str], isolation: Isolation) -> None:
        self.rates = tuple(name for name in RATES if name in resources)
        self._axes = tuple(RESOURCES.index(name) for name in self.rates)
        self._isolation = isolation
        self._known: dict[tuple[HostKind, Demand, int, bool], Pattern] = {}
        #: What the groups weigh, where the mode has groups.
        self.group_weights: tuple[float, ...] = ()

    def capacity(self, host: HostKind) -> tuple[float, ...]:
        """Give what a host of this kind has of the `rates`."""
        return tuple(float(host.capacity[axis]) for axis in self._axes)

    def of(self, host: HostKind, task: Task, demand: Demand | None, workload: str) -> Pattern:
        """Give the pattern of a container; without a demand it uses what it asks for."""
        if demand is None:
            demand = Demand(task.need.cpu_milli / MILLI, float(task.need.memory_bytes))
        key = host, demand, task.need.cpu_milli, workload != "batch"
        known = self._known.get(key)
        if known is None:
            known = self._known[key] = self._make(*key)
        return known

    def _make(self, host: HostKind, demand: Demand, request_milli: int, sensitive: bool) -> Pattern:
        band = Band.PRIORITY if sensitive else Band.NORMAL
        division = self._isolation(np.array([request_milli]), np.array([band]), np.array([demand.cpu_cores]))
        self.group_weights = tuple(division.group_weights)
        cap = float(division.caps[0])
        limit = min(1.0, cap / demand.cpu_cores) if demand.cpu_cores else 1.0
        weights = [float(division.weights[0]) if name == "cpu" else 1.0 for name in self.rates]
        group = int(division.groups[0])
        alone, crowded = (
            Kind(0, [self._needs(host, demand, streams)[name] for name in self.rates], weights, limit, group)
            for streams in (1, 2)
        )
        return Pattern(alone, crowded, demand, self.capacity(host), sensitive)

    def _needs(self, host: HostKind, demand: Demand, streams: int) -> dict[str, float]:
        disk_micro = 0.0 if host.disk is None else device_micro(demand, streams, host.disk)
        # A host without a network of known speed limits nobody.
        net_bps = demand.net_bps if host.capacity[RESOURCES.index("net")] else 0.0
        return {"cpu": demand.cpu_cores * MILLI, "disk": disk_micro, "net": net_bps}
