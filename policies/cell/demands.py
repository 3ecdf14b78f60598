"""What containers are expected to use, and what their hosts were seen to use: books beside those of what is allocated.

A cell keeps them only where it is told to (`Ledger`), since where every container uses what it asks for they would
say what the others say.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np

from policies.arrays import BoolArray, FloatArray, IntArray
from policies.requests import RESOURCES, Task
from policies.sharing.disk import Disk, device_micro

#: Measurements over which a standard deviation is taken.
WINDOW = 15
#: Where no kind of container stands.
NOBODY = -1


class Residents(NamedTuple):
    """Who is on each host, kind by kind.

    Attributes
    ----------
    kinds : ndarray of int, shape (n_hosts, m)
        Numbers of kinds of container, in no particular order; `NOBODY` where a host has fewer kinds than others.
    counts : ndarray of int, shape (n_hosts, m)
        How many of each, 0 where there is nobody.
    demands : ndarray of int, shape (n_hosts, n_resources, m)
        What one of each is declared to use there, as the host's disk is used.
    """

    kinds: IntArray
    counts: IntArray
    demands: IntArray


class Kinds:
    """What containers of each kind are declared to use on each class of disk.

    Parameters
    ----------
    resources : tuple of str
        Rows of the cell's books.
    disks : sequence of Disk or None, one per host
        Empty where no host has one.
    n_hosts : int
        How many hosts there are.

    Attributes
    ----------
    classes : ndarray of int, shape (n_hosts,)
        Which class of disk each host has.
    steps : ndarray of int, shape (many, n_classes, n_resources + 2)
        What one container adds: to each resource while it has the disk for itself; then to the disk while somebody else
        uses it, too; then to the streams that the disk serves.
    """

    def __init__(self, resources: tuple[str, ...], disks: Sequence[Disk | None], n_hosts: int) -> None:
        if disks and len(disks) != n_hosts:
            raise ValueError(f"{n_hosts} hosts have {len(disks)} disks: there must be one each, or None")
        classes = {disk: number for number, disk in enumerate(dict.fromkeys(disks or (None,)))}
        self._disks = tuple(classes)
        self.classes = np.array([classes[disk] for disk in disks] or [0] * n_hosts, dtype=np.int64)
        self.resources = resources
        self.disk_row = resources.index("disk") if "disk" in resources else None
        self.steps: IntArray = np.zeros((16, len(classes), len(resources) + 2), dtype=np.int64)
        self.are_pictured = False  # somebody keeps numbers of kinds for longer than a call
        self._numbers: dict[Task, int] = {}
        self._held = [0] * len(self.steps)  # how many containers there are of each kind
        self._spare = list(range(len(self.steps)))[::-1]

    def number(self, task: Task) -> int:
        """Give the number of a kind of container, a new one if need be; good for as long as a view is."""
        number = self._numbers.get(task)
        if number is None:
            if not self._spare:
                more = len(self.steps)
                self.steps = np.concatenate((self.steps, np.zeros_like(self.steps)))
                self._held += [0] * more
                self._spare = list(range(more, 2 * more))[::-1]
            number = self._numbers[task] = self._spare.pop()
            self.steps[number] = self._declared(task)
        return number

    def hold(self, task: Task, tasks: int) -> int:
        """Take note that containers came, or went if `tasks` is negative, and give the number of their kind."""
        if not self._spare and not self.are_pictured and task not in self._numbers:
            # Where every job has a profile of its own there is no end of kinds, but few of them are there at once.
            for other in [other for other, number in self._numbers.items() if not self._held[number]]:
                self._spare.append(self._numbers.pop(other))
        number = self.number(task)
        self._held[number] += tasks
        return number

    def _declared(self, task: Task) -> IntArray:
        """Give a kind's steps, shape (n_classes, n_resources + 2)."""
        steps = np.zeros(self.steps.shape[1:], dtype=np.int64)
        steps[:, :-2] = [task.need[RESOURCES.index(name)] for name in self.resources]
        profile = task.profile
        if profile is None:
            return steps
        declared = {"cpu": 1000 * profile.cpu_cores, "memory": profile.memory_bytes, "net": profile.net_bps}
        for row, name in enumerate(self.resources):
            if name in declared:
                steps[:, row] = round(declared[name])
        if self.disk_row is None:
            return steps
        for number, disk in enumerate(self._disks):
            alone = shared = streams = 0
            if disk is not None and profile.disk_read_bps + profile.disk_write_bps > 0:
                alone, shared = (round(device_micro(profile, users, disk)) for users in (1, 2))
                streams = 1
            steps[number, self.disk_row], steps[number, -2], steps[number, -1] = alone, shared, streams
        return steps

    def settled(self, sums: IntArray, streams: IntArray) -> IntArray:
        """Give what sums of steps, shape (n_resources + 2, n_hosts), come to where disks serve so many streams."""
        if self.disk_row is None:
            return sums[:-2]
        settled = sums[:-2].copy()
        np.copyto(settled[self.disk_row], sums[-2], where=streams > 1)
        return settled


class Measurements:
    """What hosts were measured to use.

    Attributes
    ----------
    usage : ndarray of float, shape (n_resources, n_hosts)
        Mean over the last interval; 0 of a host that was not measured since it came.
    measured_s : ndarray of float, shape (n_hosts,)
        When; ``-inf`` of a host that was not.
    count : int
        How many times anything was measured.
    now_s : float
        What time it is.
    use_was_read, age_was_read : bool
        Whether somebody looked at what moves with a measurement, and at what moves with time alone. Who remembers
        scores clears both before and looks at them after, so that no policy need say what it depends on.
    """

    def __init__(self, n_resources: int, n_hosts: int) -> None:
        self.usage = np.zeros((n_resources, n_hosts))
        self.measured_s = np.full(n_hosts, -np.inf)
        self.count = 0
        self.now_s = 0.0
        self.use_was_read = self.age_was_read = False
        self._window = np.zeros((WINDOW, n_resources, n_hosts))
        self._taken = np.zeros(n_hosts, dtype=np.int64)
        self._std: FloatArray | None = None

    def take(self, now_s: float, usage: FloatArray, hosts: IntArray) -> None:
        """Take note of what some hosts used, shape (n_resources, n_hosts)."""
        self.now_s = now_s
        self.measured_s[hosts] = now_s
        used = usage.take(hosts, axis=1)
        self.usage[:, hosts] = used
        self._window[self._taken[hosts] % WINDOW, :, hosts] = used.T
        self._taken[hosts] += 1
        self._std = None
        self.count += 1

    def forget(self, host: int) -> None:
        """Begin anew with a host that was away."""
        self.usage[:, host] = self._window[:, :, host] = 0.0
        self.measured_s[host], self._taken[host] = -np.inf, 0
        self._std = None

    @property
    def std(self) -> FloatArray:
        """Standard deviation (of the population) over the last `WINDOW` measurements; 0 until there are two."""
        if self._std is None:
            n = np.clip(self._taken, 1, WINDOW)
            there = np.arange(WINDOW)[:, None, None] < n
            mean = self._window.sum(axis=0) / n
            squares = np.square(self._window - mean, out=np.zeros_like(self._window), where=there)
            self._std = np.sqrt(squares.sum(axis=0) / n)
        return self._std

    def clear_reads(self) -> None:
        """Forget what anybody looked at."""
        self.use_was_read = self.age_was_read = False

    def stamp(self) -> tuple[int, float]:
        """Date what was made of what was looked at since: by measurement and by time, -1 where it does not matter."""
        return self.count if self.use_was_read else -1, self.now_s if self.age_was_read else -1.0

    def holds(self, stamp: tuple[int, float]) -> bool:
        """Say whether what has this date would come out the same now, as far as measurements and time go."""
        return stamp[0] in (-1, self.count) and stamp[1] in (-1.0, self.now_s)


class Tally:
    """How many containers of each kind are on each host, and how many of them came since it was measured.

    All that is to be known of them as long as nobody asks, for a small part of what `Columns` cost.
    """

    def __init__(self) -> None:
        self.there: dict[Task, dict[int, int]] = {}
        self.fresh: dict[Task, dict[int, int]] = {}

    def come(self, task: Task, hosts: IntArray, counts: IntArray) -> None:
        """Take note that containers came."""
        there, fresh = self.there.setdefault(task, {}), self.fresh.setdefault(task, {})
        for host, count in zip(hosts.tolist(), counts.tolist(), strict=True):
            there[host] = there.get(host, 0) + count
            fresh[host] = fresh.get(host, 0) + count

    def go(self, task: Task, hosts: IntArray, counts: IntArray) -> None:
        """Take note that containers ended."""
        there, fresh = self.there[task], self.fresh.get(task)
        for host, count in zip(hosts.tolist(), counts.tolist(), strict=True):
            left = there[host] - count
            if left:
                there[host] = left
            else:
                del there[host]
            if fresh and fresh.get(host, 0) > left:
                fresh[host] = left
        if not there:
            del self.there[task]
            self.fresh.pop(task, None)

    def measured(self, hosts: IntArray, n_hosts: int) -> None:
        """Take note that some of so many hosts were measured."""
        if hosts.size == n_hosts:
            self.fresh.clear()
            return
        for fresh in self.fresh.values():
            for host in fresh.keys() & hosts.tolist():
                del fresh[host]

    def columns(self, table: Kinds) -> Columns:
        """Say the same in columns."""
        columns = Columns(table)
        for task, there in self.there.items():
            fresh = self.fresh.get(task, {})
            columns.come(task, *_pairs({host: count - fresh.get(host, 0) for host, count in there.items()}))
        columns.measured(slice(None))
        for task, fresh in self.fresh.items():
            columns.come(task, *_pairs(fresh))
        return columns


def _pairs(counts: dict[int, int]) -> tuple[IntArray, IntArray, int]:
    """Give hosts, how many are on each, and how many on all, without those that have none."""
    some = {host: count for host, count in counts.items() if count}
    hosts, many = np.array([*some], dtype=np.int64), np.array([*some.values()], dtype=np.int64)
    return hosts, many, int(many.sum())


class Columns:
    """What the containers on each host are declared to use; the attributes are those of `Demands`."""

    def __init__(self, table: Kinds) -> None:
        self._table = table
        n_hosts = table.classes.size
        self.sums = np.zeros((len(table.resources) + 2, n_hosts), dtype=np.int64)
        self.fresh_sums = np.zeros_like(self.sums)
        self.kinds = np.full((4, n_hosts), NOBODY, dtype=np.int64)
        self.counts = np.zeros_like(self.kinds)
        self._fresh = np.zeros_like(self.kinds)

    def come(self, task: Task, hosts: IntArray, counts: IntArray, tasks: int) -> None:
        """Take note that containers came: `counts` on different `hosts`, `tasks` in all."""
        kind = self._table.hold(task, tasks)
        slots = places(self.kinds[:, hosts], kind)
        if slots.max(initial=0) >= len(self.kinds):
            self._widen()
        self.kinds[slots, hosts] = kind
        self.counts[slots, hosts] += counts
        self._fresh[slots, hosts] += counts
        steps = self._steps(kind, hosts) * counts
        self.sums[:, hosts] += steps
        self.fresh_sums[:, hosts] += steps

    def go(self, task: Task, hosts: IntArray, counts: IntArray, tasks: int) -> None:
        """Take note that containers ended."""
        kind = self._table.hold(task, -tasks)
        slots = places(self.kinds[:, hosts], kind)
        left, fresh = self.counts[slots, hosts] - counts, self._fresh[slots, hosts]
        still = np.minimum(fresh, left)
        self.counts[slots, hosts], self._fresh[slots, hosts] = left, still
        self.kinds[slots, hosts] = np.where(left, kind, NOBODY)
        steps = self._steps(kind, hosts)
        self.sums[:, hosts] -= steps * counts
        self.fresh_sums[:, hosts] -= steps * (fresh - still)

    def measured(self, hosts: IntArray | slice) -> None:
        """Take note that some hosts were measured."""
        self._fresh[:, hosts] = 0
        self.fresh_sums[:, hosts] = 0

    def refresh(self, hosts: IntArray | slice, live: Columns) -> None:
        """Say of some hosts what `live` says."""
        while len(self.kinds) < len(live.kinds):
            self._widen()
        for mine, theirs in (
            (self.sums, live.sums),
            (self.fresh_sums, live.fresh_sums),
            (self.kinds, live.kinds),
            (self.counts, live.counts),
        ):
            mine[:, hosts] = theirs[:, hosts]

    def _steps(self, kind: int, hosts: IntArray) -> IntArray:
        return steps_of(self._table, kind, self._table.classes.take(hosts))

    def _widen(self) -> None:
        """Make room for more kinds on a host."""
        nobody = np.full_like(self.kinds, NOBODY)
        self.kinds = np.concatenate((self.kinds, nobody))
        self.counts = np.concatenate((self.counts, np.zeros_like(nobody)))
        self._fresh = np.concatenate((self._fresh, np.zeros_like(nobody)))


class Demands:
    """What the containers on each host are declared to use, in whole numbers, and what was measured.

    Attributes
    ----------
    sums : ndarray of int, shape (n_resources + 2, n_hosts)
        Steps (`Kinds`) summed over all containers.
    fresh_sums : ndarray of int, shape (n_resources + 2, n_hosts)
        The same over those that came since their host was measured. Of equal containers the oldest are taken to end
        first.
    kinds, counts : ndarray of int, shape (m, n_hosts)
        As in `Residents`, the other way round.

    Notes
    -----
    Most policies never ask for these columns, and keeping them costs more than all else that the books do: they are
    made when somebody first asks, and kept from then on.
    """

    def __init__(self, table: Kinds, measurements: Measurements) -> None:
        self.table, self.measurements = table, measurements
        self._tally = Tally()
        self._columns: Columns | None = None
        self._pictures: list[Demands] = []

    def come(self, task: Task, hosts: IntArray, counts: IntArray, tasks: int) -> None:
        """Take note that containers came: `counts` on different `hosts`, `tasks` in all."""
        if self._columns is None:
            self._tally.come(task, hosts, counts)
        else:
            self._columns.come(task, hosts, counts, tasks)

    def go(self, task: Task, hosts: IntArray, counts: IntArray, tasks: int) -> None:
        """Take note that containers ended."""
        if self._columns is None:
            self._tally.go(task, hosts, counts)
        else:
            self._columns.go(task, hosts, counts, tasks)

    def measured(self, now_s: float, usage: FloatArray, hosts: IntArray) -> None:
        """Take note of what some hosts used."""
        self.measurements.take(now_s, usage, hosts)
        if self._columns is None:
            self._tally.measured(hosts, self.classes.size)
        else:
            self._columns.measured(hosts)
        for picture in self._pictures:
            picture.columns.measured(hosts)

    def picture(self) -> Demands:
        """Give a copy that is brought up to date by `refresh`; measurements reach it as they reach the original."""
        self.table.are_pictured = True
        picture = Demands(self.table, self.measurements)
        self._pictures.append(picture)
        picture.columns.refresh(slice(None), self.columns)
        return picture

    def refresh(self, hosts: IntArray, live: Demands) -> None:
        """Look at some hosts as they are now."""
        self.columns.refresh(hosts, live.columns)

    @property
    def columns(self) -> Columns:
        """All columns together."""
        if self._columns is None:
            self._columns, self._tally = self._tally.columns(self.table), Tally()
        return self._columns

    @property
    def sums(self) -> IntArray:
        return self.columns.sums

    @property
    def fresh_sums(self) -> IntArray:
        return self.columns.fresh_sums

    @property
    def kinds(self) -> IntArray:
        return self.columns.kinds

    @property
    def counts(self) -> IntArray:
        return self.columns.counts

    @property
    def classes(self) -> IntArray:
        return self.table.classes

    @property
    def usage(self) -> FloatArray:
        return self.measurements.usage

    @property
    def usage_std(self) -> FloatArray:
        return self.measurements.std

    @property
    def measured_s(self) -> FloatArray:
        return self.measurements.measured_s


def steps_of(table: Kinds, kind: int, classes: IntArray) -> IntArray:
    """Give a kind's steps on hosts with such disks, shape (n_resources + 2, n_hosts or 1)."""
    steps: IntArray = table.steps[kind]
    return steps.T if len(steps) == 1 else steps.take(classes, axis=0).T


def places(kinds: IntArray, kind: int) -> IntArray:
    """Say where on each host, shape (n_hosts,), a kind stands or could; one too far where there is no place left."""
    here = kinds == kind
    slots: IntArray = here.argmax(axis=0)
    found = here[slots, np.arange(slots.size)]
    if not found.all():
        empty = kinds == NOBODY
        free: BoolArray = empty.any(axis=0)
        slots = np.where(found, slots, np.where(free, empty.argmax(axis=0), len(kinds)))
    return slots


def with_more(kinds: IntArray, counts: IntArray, kind: int, more: IntArray) -> tuple[IntArray, IntArray]:
    """Give columns `kinds` and `counts`, shape (m, n_hosts), as they would be with `more` of a kind on each host."""
    hosts = more.nonzero()[0]
    slots = places(kinds[:, hosts], kind)
    kinds, counts = kinds.copy(), counts.copy()
    if slots.max(initial=0) >= len(kinds):
        kinds = np.concatenate((kinds, np.full_like(kinds[:1], NOBODY)))
        counts = np.concatenate((counts, np.zeros_like(counts[:1])))
    kinds[slots, hosts] = kind
    counts[slots, hosts] += more[hosts]
    return kinds, counts
