"""What hosts are seen to use, container by container, in the units of the books."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence

import numpy as np

from policies.arrays import FloatArray, IntArray
from policies.log import Levels
from policies.requests import DEVICE_MICRO
from policies.sharing import Disk, device_time
from real.engine import connect
from real.running.survey import Surveyed
from real.watching.use import Counters, UseStreams
from traces.units import MILLI

#: What is measured of a host beyond what is allocated.
MEASURED = ("cpu", "disk", "memory")


def levels_of(resources: Sequence[str]) -> Levels:
    """Say what the levels of a log from the sea are, given the resources of the cell."""
    measured = [name for name in MEASURED if name in resources]
    return Levels((*(f"{name}_allocated" for name in resources), *(f"{name}_used" for name in measured)))


class Looking:
    """Looks at what containers use on their hosts.

    Parameters
    ----------
    surveyed : sequence of Surveyed
        The hosts, in the order of the cell.
    resources : sequence of str
        What the cell keeps books of.
    answer_s : float
        How long a silent Engine is listened to.

    Attributes
    ----------
    names : tuple of str
        What is measured.
    rows : list of int
        Where these stand among the resources.
    used : ndarray of float, shape (len(names), n_hosts)
        What was used at the last look, in the units of the books.
    levels : tuple of float
        The same as the log's levels have it.
    """

    def __init__(self, surveyed: Sequence[Surveyed], resources: Sequence[str], answer_s: float) -> None:
        self._surveyed = surveyed
        self._streams = [UseStreams(connect(one.entry, answer_s)) for one in surveyed]
        self.names = tuple(name for name in MEASURED if name in resources)
        self.rows = [resources.index(name) for name in self.names]
        self.used = np.zeros((len(self.names), len(surveyed)))
        self.levels: tuple[float, ...] = (0.0,) * (3 * len(self.names))
        self._resources = len(resources)
        self._spent: list[dict[str, Counters]] = [{} for _ in surveyed]
        self._sums = np.zeros_like(self.used)  # amounts since use was last told to those who decide
        self._looked_s = self._told_s = 0.0

    def look(self, now_s: float, running: Iterable[tuple[int, str]], capacity: IntArray) -> None:
        """See what was used since the last look.

        Parameters
        ----------
        now_s : float
            What time it is.
        running : iterable of pair
            The containers that run: number of the host, and name. Each is listened to from now on, and again if its
            stream has ended with its Engine.
        capacity : ndarray of int, shape (n_resources, n_hosts)
            How big hosts are.
        """
        passed_s, self._looked_s = now_s - self._looked_s, now_s
        for number, name in running:
            self._streams[number].follow(name)
        for number, streams in enumerate(self._streams):
            self.used[:, number] = self._rates(number, streams.counters())
        self._sums += self.used * passed_s
        self.levels = _spread(self.used, capacity[self.rows])

    def forget(self, number: int, name: str) -> None:
        """Listen no longer to a container of a host."""
        self._streams[number].forget(name)

    def close(self) -> None:
        """Listen no longer."""
        for streams in self._streams:
            streams.close()

    def mean(self) -> FloatArray:
        """Give the mean use of every host since the last time, shape (n_resources, n_hosts)."""
        passed_s, self._told_s = self._looked_s - self._told_s, self._looked_s
        usage = np.zeros((self._resources, len(self._surveyed)))
        usage[self.rows] = self._sums / passed_s if passed_s > 0 else self.used
        self._sums[:] = 0.0
        return usage

    def _rates(self, number: int, now: Mapping[str, Counters]) -> list[float]:
        """Give what a host uses, in the units of the books, from what each container has used up to now."""
        before, self._spent[number] = self._spent[number], dict(now)
        one = self._surveyed[number]
        cpu = disk = memory = 0.0
        for name, counters in now.items():
            memory += counters.memory_bytes
            had = before.get(name)
            if had is None or counters.at_s <= had.at_s:
                continue
            passed_s = counters.at_s - had.at_s
            cpu += (counters.cpu_s - had.cpu_s) / passed_s * MILLI
            if one.disk is not None:
                disk += disk_micro(one.disk, had, counters) / passed_s
        rates = {"cpu": cpu, "disk": disk, "memory": memory}
        return [rates[name] for name in self.names]


def disk_micro(disk: Disk, before: Counters, after: Counters) -> float:
    """Say how much of a disk's time requests took, in micro-seconds, from what was counted before and after.

    Nobody counts which requests were random: they are all taken to follow each other.
    """
    read, written = after.read_bytes - before.read_bytes, after.written_bytes - before.written_bytes
    requests = after.reads - before.reads + after.writes - before.writes
    if read + written <= 0 or requests <= 0:
        return 0.0
    size = (read + written) / requests
    return float(device_time(read, written, size, 0.0, disk)) * DEVICE_MICRO


def _spread(used: FloatArray, capacity: IntArray) -> tuple[float, ...]:
    """Give share used, and mean and standard deviation over hosts of what is used of each, resource after resource."""
    levels: list[float] = []
    for amounts, sizes in zip(used, capacity, strict=True):
        has = sizes > 0
        if not has.any():
            levels += (0.0, 0.0, 0.0)
            continue
        loads = amounts[has] / sizes[has]
        levels += (float(amounts[has].sum() / sizes[has].sum()), float(loads.mean()), float(loads.std()))
    return tuple(levels)
