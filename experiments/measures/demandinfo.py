"""What containers of a trace use beside what they ask for, in lines for a person."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from policies.requests import Task
from policies.sharing import DISKS, device_time
from traces.profiles import mean_demand
from traces.trace import Behaviour

#: What shares are of where nobody says what hosts are like.
REFERENCE_CORES, REFERENCE_DISK, REFERENCE_NET_BPS = 16.0, "HDD", 1.25e9

#: Kinds of container that are held before they are added up.
_AT_ONCE = 2**14


class Uses:
    """Adds up what containers use.

    Parameters
    ----------
    cores : float
        Of the host that shares are of.
    """

    def __init__(self, cores: float) -> None:
        self._cores = cores
        self._held: list[tuple[float, ...]] = []
        self._sums = np.zeros(7)  # containers, then cores used and asked for, bytes used and asked for, disk, network
        self._bound = np.zeros(3, dtype=np.int64)  # containers: by CPU, by disk or network, by neither

    def add(self, task: Task, count: int, behaviour: Behaviour) -> None:
        """Take some containers; those of which nobody knows what they use do not count."""
        if behaviour is not None:
            need = task.need
            self._held.append((count, need.cpu_milli / 1000, need.memory_bytes, *mean_demand(task, behaviour)))
            if len(self._held) >= _AT_ONCE:
                self._add_up()

    def _add_up(self) -> None:
        count, asked, asked_bytes, cores, memory, read, write, size, random, net = np.array(self._held).T
        self._held.clear()
        self._sums += count @ np.array([np.ones_like(cores), cores, asked, memory, asked_bytes, read + write, net]).T
        disk = device_time(read, write, size, random, DISKS[REFERENCE_DISK])
        shares = np.array([cores / self._cores, np.maximum(disk, net / REFERENCE_NET_BPS)])
        bound = np.where(shares.any(axis=0), shares.argmax(axis=0), 2)
        self._bound += np.bincount(bound, count, 3).astype(np.int64)

    def lines(self) -> Iterator[str]:
        """Tell it; nothing where nobody knows anything."""
        if self._held:
            self._add_up()
        containers = self._sums[0]
        if not containers:
            return
        cores, asked, memory, asked_bytes, disk, net = self._sums[1:] / containers
        yield (
            f"  known use: of {containers:.0f} containers, on average {cores:.4g} of {asked:.4g} cores and "
            f"{memory / 2**30:.4g} of {asked_bytes / 2**30:.4g} GiB asked for, disk {disk / 1e6:.4g} MB/s, "
            f"network {net / 1e6:.4g} MB/s"
        )
        by_cpu, by_io, idle = self._bound.tolist()
        yield (
            f"  by dominant share of a host with {self._cores:.4g} cores, a disk of class {REFERENCE_DISK} and "
            f"{REFERENCE_NET_BPS / 1e9:g} GB/s of network: {by_cpu} CPU-bound, {by_io} I/O-bound"
            + (f", {idle} idle" if idle else "")
        )
