"""The machines a workload runs on: how big, and when they come and go."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from functools import cached_property
from itertools import chain
from typing import NamedTuple

import numpy as np

from policies.arrays import BoolArray, FloatArray, IntArray
from policies.requests import ALWAYS, DEVICE_MICRO, RESOURCES, Resources, Task
from policies.sharing import Disk
from traces.units import MILLI

_DISK, _NET = RESOURCES.index("disk"), RESOURCES.index("net")


@dataclass(frozen=True, slots=True)
class Profile:
    """What was measured of a host; 0 where nobody did.

    Attributes
    ----------
    start_s : float
        What a container's start takes whoever else is on the host, in seconds.
    start_cpu_s : float
        CPU-seconds that it takes behind that, on one core: of its host's, or of those beside it (`start_cores`).
    units_per_s : float
        Units of the load program's computation in a core-second.
    wake_up_s : float
        How long a disk request waits for the CPU for each competing thread (`policies.sharing.wake_up_limit`).
    end_s : float
        How long a container that has done its work keeps its room, until its Engine has noticed and told, in seconds.
    start_cores : float
        Cores that are left for starts where containers use all that the host has for them; in that case starts take
        nothing from containers, and have what these leave idle, too. 0 where they compete with them like one more.
    start_disk_s : float
        How much longer a start waits for each container that keeps the host's disk busy, in seconds; in proportion for
        one that would use less of it.
    """

    start_s: float = 0.0
    start_cpu_s: float = 0.0
    units_per_s: float = 0.0
    wake_up_s: float = 0.0
    end_s: float = 0.0
    start_cores: float = 0.0
    start_disk_s: float = 0.0

    def __post_init__(self) -> None:
        for entry in fields(self):
            value = getattr(self, entry.name)
            if not (isinstance(value, float | int) and 0 <= value < float("inf")):
                raise ValueError(f"{entry.name} must be a number and not negative")

    @property
    def starts_at_once(self) -> bool:
        """Whether a start takes no time."""
        return not (self.start_s or self.start_cpu_s or self.start_disk_s)


class HostEvent(NamedTuple):
    """A host joins, leaves, or changes its size or its attributes."""

    t_s: float
    host: int
    alive: bool
    capacity: Resources | None = None  # None: as before
    attributes: Mapping[str, str | None] | None = None  # those that change; None where the host has it no longer


@dataclass(frozen=True)
class Hosts:
    """All machines that are ever there, and what happens to them.

    Attributes
    ----------
    names : sequence of str
        One per host; a policy knows a host by its position only.
    capacity : ndarray of int, shape (len(RESOURCES), n_hosts)
        In the units and the order of `Resources`: at time 0, or when the host first joins.
    alive : ndarray of bool, shape (n_hosts,)
        Whether the host is up at time 0.
    events : sequence of HostEvent
        In order of time, none at time 0.
    attributes : sequence of mapping
        What each host is like at time 0, or when it first joins: attributes (labels) and their values. Empty where
        nothing is known of any host.
    disks : sequence of Disk or None
        What kind of disk each host has. Empty where nothing is known of any host.
    profiles : sequence of Profile
        What was measured of each host. Empty where nothing was of any host.
    """

    names: Sequence[str]
    capacity: IntArray
    alive: BoolArray
    events: Sequence[HostEvent] = field(default_factory=tuple)
    attributes: Sequence[Mapping[str, str]] = ()
    disks: Sequence[Disk | None] = ()
    profiles: Sequence[Profile] = ()

    def __len__(self) -> int:
        return len(self.names)

    def with_rates(self, disk: Disk | None, net_bps: int | None) -> Hosts:
        """Give those that have no disk or network of their own these, and both their place in the books.

        Parameters
        ----------
        disk : Disk, optional
            None leaves such hosts without: they hold nothing that uses a disk.
        net_bps : int, optional
            Bytes per second; None likewise.
        """
        disks = [own or disk for own in self.disks or [None] * len(self)]
        capacity = self.capacity.copy()
        capacity[_DISK] = [DEVICE_MICRO if one else 0 for one in disks]
        capacity[_NET] = np.where(capacity[_NET] > 0, capacity[_NET], net_bps or 0)
        return self._with(capacity, disks if any(disks) else ())

    def with_starts(self, start_s: float, start_cpu_s: float) -> Hosts:
        """Give those of whose starts nothing was measured these; see `Profile`."""
        told = Profile(start_s, start_cpu_s)
        if told.starts_at_once:
            return self
        profiles = [
            replace(one, start_s=start_s, start_cpu_s=start_cpu_s) if one.starts_at_once else one
            for one in self.profiles or [told] * len(self)
        ]
        return replace(self, profiles=profiles)

    @property
    def start_at_once(self) -> bool:
        """Whether containers run on all of them as soon as they are placed, and are gone as soon as they are done."""
        return all(profile.starts_at_once and not profile.end_s for profile in self.profiles)

    def without_rates(self) -> Hosts:
        """Give the same hosts without disks and networks, for which the books then have no columns."""
        if not self.disks and not self._sizes[[_DISK, _NET]].any():
            return self
        capacity = self.capacity.copy()
        capacity[[_DISK, _NET]] = 0
        return self._with(capacity, ())

    def _with(self, capacity: IntArray, disks: Sequence[Disk | None]) -> Hosts:
        # No host changes its disk or its network when its size changes.
        disk, net = capacity[_DISK].tolist(), capacity[_NET].tolist()
        events = [
            event
            if event.capacity is None
            else event._replace(capacity=event.capacity._replace(disk_micro=disk[event.host], net_bps=net[event.host]))
            for event in self.events
        ]
        return replace(self, capacity=capacity, disks=disks, events=events)

    def resources(self) -> tuple[str, ...]:
        """Name the resources that the books of these hosts have columns for."""
        return tuple(name for name, row in zip(RESOURCES, self.capacity, strict=True) if name in ALWAYS or row.any())

    def could_hold(self, task: Task) -> bool:
        """Say whether some host is ever big enough for one `task`, and such as its constraints demand.

        Where a host's size and attributes change, they are taken to have been all together once: what is denied here
        is certain, what is affirmed may come to nothing.
        """
        big = (self._sizes >= np.array(task.need)[:, None]).all(axis=0)
        if not task.constraints:
            return bool(big.any())
        hosts = np.zeros(len(self), dtype=bool)
        hosts[self._owners[big]] = True
        nobody_has = {None: np.arange(len(self))}
        for name in dict.fromkeys(constraint.attribute for constraint in task.constraints):
            demands = [constraint for constraint in task.constraints if constraint.attribute == name]
            fine = np.zeros(len(self), dtype=bool)
            for value, having in self._ever.get(name, nobody_has).items():
                if all(demand.allows(value) for demand in demands):
                    fine[having] = True
            hosts &= fine
        return bool(hosts.any())

    @cached_property
    def _sizes(self) -> IntArray:
        return self.largest()

    @cached_property
    def _owners(self) -> IntArray:
        """Whose each of the sizes is, shape (m,)."""
        later = [event.host for event in self.events if event.alive and event.capacity is not None]
        return np.concatenate((np.arange(len(self)), np.array(later, dtype=np.int64)))

    @cached_property
    def _ever(self) -> Mapping[str, Mapping[str | None, IntArray]]:
        """For each attribute that some host ever has: for each value, or none, the hosts that ever have it."""
        ever: dict[str, dict[str | None, set[int]]] = {}
        later = [(event.host, event.attributes) for event in self.events if event.attributes]
        for host, attributes in chain(enumerate(self.attributes), later):
            for name, value in attributes.items():
                ever.setdefault(name, {}).setdefault(value, set()).add(host)
        for name, having in ever.items():
            at_first = {host for host, attributes in enumerate(self.attributes) if name in attributes}
            having.setdefault(None, set()).update(set(range(len(self))) - at_first)
        return {
            name: {value: np.array(sorted(hosts), dtype=np.int64) for value, hosts in having.items()}
            for name, having in ever.items()
        }

    def largest(self) -> IntArray:
        """Give the sizes that a host ever has, shape (len(RESOURCES), m): what fits none of them fits nowhere, ever."""
        later = [event.capacity for event in self.events if event.alive and event.capacity is not None]
        return np.concatenate((self.capacity, np.array(later, dtype=np.int64).reshape(-1, len(RESOURCES)).T), axis=1)


def sizes(cpu_milli: FloatArray, memory_bytes: FloatArray, gpu_milli: FloatArray | int = 0) -> IntArray:
    """Give capacities as `Hosts` has them, without disks and networks, rounded to whole numbers."""
    rows: IntArray = np.zeros((len(RESOURCES), cpu_milli.size), dtype=np.int64)
    for row, amount in enumerate((cpu_milli, memory_bytes, gpu_milli)):
        rows[row] = np.rint(amount)
    return rows


def uniform(n: int, cpus: float, memory_bytes: int) -> Hosts:
    """Make `n` equal hosts that are always up."""
    each = sizes(np.full(n, cpus * MILLI), np.full(n, memory_bytes))
    return Hosts(range_names(n), each, np.ones(n, dtype=bool))


def range_names(n: int) -> list[str]:
    """Name hosts that have no names of their own."""
    return [f"host-{number}" for number in range(n)]


#: More than any machine has of anything, in the whole numbers of the books; keeps sums over hosts within 64 bits.
TOO_MUCH = 2**47
