"""The books of a cell: what every host has and what is allocated on it, in whole numbers."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, NamedTuple

import numpy as np

from policies.arrays import BoolArray, FloatArray, IntArray
from policies.cell.attributes import Attributes
from policies.cell.claims import Claims, Commit, Conflict, Outcome
from policies.cell.load import Load
from policies.cell.siblings import Siblings
from policies.cell.view import ClusterView
from policies.requests import ALWAYS, RESOURCES, Task

if TYPE_CHECKING:
    from policies.sharing import Disk


class _Steps(NamedTuple):
    """What one container adds to the rows of the books when it comes and when it goes."""

    amounts: list[int]
    come: IntArray  # (n_rows, 1)
    go: IntArray  # (n_rows - 1, 1): the last row counts only what came


class Ledger:
    """Capacity, allocation and version of every host, and the only way to change them.

    Parameters
    ----------
    capacity : array_like of int, shape (m, n_hosts), m up to len(RESOURCES)
        What each host has of the first `m` resources, in their order and units; of the others it has nothing.
        A resource that no host has gets no column.
    alive : array_like of bool, shape (n_hosts,), optional
        Hosts that are up at the beginning; all by default.
    attributes : sequence of mapping, optional
        What each host is like at the beginning; nothing is known of any by default.
    disks : sequence of Disk or None, optional
        What each host's disk can do; it matters only where demands are kept.
    demands : bool
        Whether it is kept what containers are declared to use and what hosts are measured to use (`demands`). Without,
        every container is taken to use what it asks for.

    Raises
    ------
    ValueError
        If a capacity is negative or a shape is not the stated one.

    Notes
    -----
    A snapshot is the live columns, read-only: a scheduler decides at once on what it sees, thinks for as long as
    its decision time says, and then commits. Since a decision depends on its snapshot alone, this is the same as
    deciding at the end on a copy, and no copy is made.

    Room stays taken until `release`: the world says when a container ended.
    """

    def __init__(
        self,
        capacity: IntArray,
        alive: Sequence[bool] | BoolArray | None = None,
        attributes: Sequence[Mapping[str, str]] = (),
        *,
        disks: Sequence[Disk | None] = (),
        demands: bool = False,
    ) -> None:
        given = np.array(capacity, dtype=np.int64)
        if given.ndim != 2 or given.shape[0] > len(RESOURCES):
            raise ValueError(f"capacity has shape {given.shape}, not (up to {len(RESOURCES)}, n_hosts)")
        whole = np.zeros((len(RESOURCES), given.shape[1]), dtype=np.int64)
        whole[: len(given)] = given
        if (whole < 0).any():
            raise ValueError("a capacity is negative")
        self._axes = tuple(n for n, name in enumerate(RESOURCES) if name in ALWAYS or whole[n].any())
        self.resources = tuple(RESOURCES[axis] for axis in self._axes)
        n_resources, n_hosts = len(self._axes), whole.shape[1]
        self._nominal = whole[list(self._axes)]
        self._alive = np.ones(n_hosts, dtype=bool) if alive is None else np.array(alive, dtype=bool)
        self._capacity = self._nominal * self._alive
        self._per_capacity = np.zeros(self._capacity.shape)
        # One array, so that a change of some hosts is one gather and one scatter; and as few rows as tell
        # everything (see `ClusterView.containers`), since the hosts of a transaction are far apart in memory.
        self._rows = np.zeros((n_resources + 2, n_hosts), dtype=np.int64)
        self._flat, self._begins = self._rows.reshape(-1), np.arange(n_resources + 2)[:, None] * n_hosts
        self._cells = self._flat.data  # for single numbers, which NumPy reads and writes slowly
        self._free, self._stamps = self._rows[:n_resources], self._rows[n_resources:]
        self._version, self._claimed = self._stamps
        self._free[:] = self._capacity
        self._serial = 0
        self._steps: dict[Task, _Steps] = {}
        self._load = Load(self._capacity, self._free)
        self._attributes = Attributes(n_hosts, attributes)
        self._siblings = Siblings()
        self._demands = None
        if demands:
            # Only here, since where nobody keeps demands nobody need load what disks are.
            from policies.cell.demands import Demands, Kinds, Measurements

            kinds = Kinds(self.resources, disks, n_hosts)
            self._demands = Demands(kinds, Measurements(n_resources, n_hosts))
        self._reweigh()
        self._view = ClusterView(
            self.resources,
            self._attributes,
            self._demands,
            index=np.arange(n_hosts),
            capacity=self._capacity,
            per_capacity=self._per_capacity,
            free=self._free,
            version=self._version,
            claimed=self._claimed,
            alive=self._alive,
        )

    # -- looking --------------------------------------------------------------------------------------------

    def snapshot(self) -> ClusterView:
        """Give the cell as it is now, read-only; see the class's notes on why this is no copy."""
        return self._view

    def levels(self) -> tuple[float, ...]:
        """Give share allocated, mean load and its standard deviation over hosts, resource after resource."""
        return self._load.levels()

    def siblings(self, job: str) -> IntArray:
        """Give the hosts that hold containers of a job whose containers keep apart, shape (m,), in no order."""
        return self._siblings.hosts(job)

    def claims(self, task: Task, hosts: IntArray, counts: IntArray, group: int = 0) -> Claims:
        """Write down what was decided on the present snapshot, to be committed now or later."""
        seen = self._stamps.take(hosts, axis=1)
        return Claims(task, hosts, counts, seen, self._serial, int(np.add.reduce(counts)), group)

    def preemptable(self, priority: int) -> Iterator[IntArray]:
        """Yield what may be taken from others for a container of this priority: in these books, nothing."""
        return iter(())

    # -- changing -------------------------------------------------------------------------------------------

    def commit(
        self,
        transaction: Sequence[Claims],
        conflict: Conflict,
        commit: Commit,
        *,
        job: str = "",
        gang: int | None = None,
    ) -> Outcome:
        """Grant what still holds of a transaction.

        Parameters
        ----------
        transaction : sequence of Claims
            A job's claims, all decided against one snapshot.
        conflict : Conflict
            When a claim holds no longer.
        commit : Commit
            Whether the claims that hold are kept when others do not.
        job : str
            The job's name: its containers may have to keep apart.
        gang : int, optional
            How many containers make up a gang, any of those claimed; all of them by default.

        Returns
        -------
        Outcome
            What was granted. A transaction that is rolled back leaves no trace, versions included.
        """
        claimed = sum([claims.tasks for claims in transaction]) if len(transaction) > 1 else transaction[0].tasks
        if transaction[0].serial == self._serial and conflict is not Conflict.COARSE_WITH_RELEASES:
            # Nobody else claimed since the snapshot, and releases only make room.
            for claims in transaction:
                self._come(claims.task, claims.hosts, claims.counts, claims.tasks, job)
            self._serial += 1
            return Outcome(tuple(transaction), claimed, 0)
        view: ClusterView = self._view
        accepted = []
        if transaction[0].task.apart:
            view = view.barring(self.siblings(job))
        for claims in transaction:
            # A claim is judged by what others did, and by what the transaction's own earlier claims left.
            granted = self._still_holding(view, claims, conflict)
            if granted.hosts.size:
                accepted.append(granted)
                if claims is not transaction[-1]:
                    view = view.after(granted.task, granted.hosts, granted.counts)
        placed = sum(claims.tasks for claims in accepted)
        if commit is Commit.GANG and placed < (claimed if gang is None else gang):
            return Outcome((), 0, claimed)
        for granted in accepted:
            self._come(granted.task, granted.hosts, granted.counts, granted.tasks, job)
        self._serial += bool(placed)
        return Outcome(tuple(accepted), placed, claimed - placed)

    def place(self, task: Task, hosts: IntArray, counts: IntArray, job: str = "") -> None:
        """Put containers where they were recorded, whether or not they fit (trace cells are overcommitted)."""
        self._come(task, hosts, counts, int(counts.sum()), job)
        self._serial += 1

    def release(self, task: Task, hosts: IntArray, counts: IntArray, job: str = "") -> int:
        """Give back the room of containers that ended, and say how many they are."""
        if task.apart:
            self._siblings.go(job, hosts, counts)
        steps = self._steps[task]
        tasks = int(counts[0]) if counts.size == 1 else int(np.add.reduce(counts))
        if self._demands is not None:
            self._demands.go(task, hosts, counts, tasks)
        if hosts.size == 1:
            self._change_one(steps.amounts, int(hosts[0]), -tasks)
        else:
            self._load.changed(steps.amounts, hosts, counts, -tasks, self._step(steps.go, hosts, counts, tasks))
        return tasks

    def set_host(self, host: int, *, alive: bool, capacity: Sequence[int] | None = None) -> None:
        """Let a host join, leave or change its size (one number per entry of `RESOURCES`).

        What is allocated on it stays in the books until the world releases it.

        Raises
        ------
        ValueError
            If the new capacity has a resource that no host of the cell had at the beginning.
        """
        if capacity is not None:
            for axis, amount in enumerate(capacity):
                if axis in self._axes:
                    self._nominal[self._axes.index(axis), host] = amount
                elif amount:
                    raise ValueError(f"host {host} brings {RESOURCES[axis]}, which this cell has no column for")
        if self._demands is not None and alive and not self._alive[host]:
            self._demands.measurements.forget(host)
        self._alive[host] = alive
        before = self._capacity[:, host].copy()
        self._capacity[:, host] = self._nominal[:, host] if alive else 0
        self._free[:, host] += self._capacity[:, host] - before
        self._touch(host)
        self._reweigh()
        self._load.recount()

    def set_attributes(self, host: int, changes: Mapping[str, str | None]) -> None:
        """Let a host change what it is like: the attributes named get a new value, or none.

        What runs there stays. What was decided before and is claimed now is judged by what the host is like now.
        """
        for name, value in changes.items():
            self._attributes.set(host, name, value)
        self._touch(host)

    def measured(self, now_s: float, usage: FloatArray) -> None:
        """Take note of what hosts used on the mean since they were last measured.

        Versions do not move: what is measured is no reason for a conflict.

        Parameters
        ----------
        now_s : float
            What time it is.
        usage : ndarray of float, shape (n_resources, n_hosts)
            In the units of the books. A host that is down, or has a NaN, was not measured.

        Raises
        ------
        ValueError
            If the books keep no demands, or the shape is another.
        """
        if self._demands is None:
            raise ValueError("these books keep no demands, so they have no place for what is measured")
        if usage.shape != self._capacity.shape:
            raise ValueError(f"usage has shape {usage.shape}, not {self._capacity.shape}")
        self._demands.measured(now_s, usage, (self._alive & ~np.isnan(usage).any(axis=0)).nonzero()[0])

    def set_time(self, now_s: float) -> None:
        """Say what time it is, so that a view can tell how old measurements are."""
        if self._demands is not None:
            self._demands.measurements.now_s = now_s

    # -- inside ---------------------------------------------------------------------------------------------

    def _touch(self, host: int) -> None:
        """Have everybody look again at a host that is no longer as it was."""
        # As if a container had come and gone: both move, and the count of containers is as it was.
        self._version[host] += 2
        self._claimed[host] += 1
        self._serial += 1

    def _reweigh(self) -> None:
        self._per_capacity[:] = 0.0
        np.divide(1.0, self._capacity, out=self._per_capacity, where=self._capacity > 0)

    def _still_holding(self, view: ClusterView, claims: Claims, conflict: Conflict) -> Claims:
        """Give the part of a claim that passes its test."""
        counts = np.minimum(claims.counts, self._room(view, claims))
        if conflict is not Conflict.FINE:
            row = 1 if conflict is Conflict.COARSE else 0
            counts[self._stamps[row].take(claims.hosts) != claims.seen[row]] = 0
        return claims.only(counts)

    def _room(self, view: ClusterView, claims: Claims) -> IntArray:
        """Say how many containers of a claim each of its hosts could hold."""
        return view.slots(claims.task, claims.hosts)

    def _come(self, task: Task, hosts: IntArray, counts: IntArray, tasks: int, job: str) -> None:
        if task.apart:
            self._siblings.come(job, hosts, counts)
        if self._demands is not None:
            self._demands.come(task, hosts, counts, tasks)
        steps = self._steps.get(task) or self._learn(task)
        if hosts.size == 1:
            self._change_one(steps.amounts, int(hosts[0]), tasks)
        else:
            self._load.changed(steps.amounts, hosts, counts, tasks, self._step(steps.come, hosts, counts, tasks))

    def _change_one(self, amounts: list[int], host: int, tasks: int) -> None:
        """Let containers come to one host, or go if `tasks` is negative.

        Most transactions of most traces are a single container, and so are all ends where hosts are shared.
        """
        cells, n_hosts, cell = self._cells, len(self._alive), host
        before = []
        for amount in amounts:
            free = cells[cell]
            before.append(free)
            cells[cell] = free - tasks * amount
            cell += n_hosts
        cells[cell] += abs(tasks)
        if tasks > 0:
            cells[cell + n_hosts] += tasks
        self._load.changed_one(amounts, host, tasks, before)

    def _step(self, step: IntArray, hosts: IntArray, counts: IntArray, tasks: int) -> IntArray:
        """Add `counts` times a step, `tasks` times in all, to rows of `hosts`, and give them as they were."""
        # Numbers of single cells of the books: made once for both ways, and NumPy writes faster by them.
        cells = self._begins[: len(step)] + hosts
        before: IntArray = self._flat.take(cells)
        self._flat[cells] = before + (step if tasks == hosts.size else step * counts)
        return before

    def _learn(self, task: Task) -> _Steps:
        amounts = [task.need[axis] for axis in self._axes]
        less = [-amount for amount in amounts]
        steps = _Steps(
            amounts,
            come=np.array([[step] for step in (*less, 1, 1)], dtype=np.int64),
            go=np.array([[step] for step in (*amounts, 1)], dtype=np.int64),
        )
        self._steps[task] = steps
        return steps
