"""The cell as a policy sees it: read-only columns over hosts."""

from __future__ import annotations

from typing import Any

import numpy as np

from policies.arrays import BoolArray, FloatArray, IntArray
from policies.cell.attributes import Attribute, Attributes
from policies.requests import RESOURCES, Task

#: More containers than any host will ever be asked to hold: the room for a task that asks for nothing.
UNLIMITED = np.iinfo(np.int32).max


_COLUMNS = ("index", "capacity", "per_capacity", "free", "version", "claimed", "alive")


class ClusterView:
    """One instant of the cell, in columns: everything that a policy is allowed to know.

    A view is good while the policy's call lasts; it is not to be kept. Its arrays cannot be written to.

    Attributes
    ----------
    resources : tuple of str
        Names of the rows of the two-dimensional columns, for instance ``("cpu", "memory")``. A resource
        that no host of the cell has is left out.
    index : ndarray of int, shape (n_hosts,)
        The host's number in the cell; ties between equal scores end in its favour, lowest first.
    capacity, free, allocated : ndarray of int, shape (n_resources, n_hosts)
        Millicores, bytes, milli-GPUs; ``allocated = capacity - free``. Nothing is free, or less than nothing, on a
        host that a trace recorded as overfull or that went down with containers on it.
    per_capacity : ndarray of float, shape (n_resources, n_hosts)
        ``1 / capacity``, and 0 where the host lacks the resource.
    usage : ndarray, shape (n_resources, n_hosts)
        Measured use, same units. While contention is off a container uses what it was allocated.
    usage_age_s : ndarray of float, shape (n_hosts,)
        How old each measurement is.
    containers : ndarray of int, shape (n_hosts,)
        How many containers each host holds.
    version : ndarray of int, shape (n_hosts,)
        Moves with every change of the host's row.
    claimed : ndarray of int, shape (n_hosts,)
        Moves only when somebody claims on the host; coarse conflict detection compares it.
    alive : ndarray of bool, shape (n_hosts,)
        Whether the host is up.
    barred : ndarray of bool, shape (n_hosts,), or None
        Hosts that a job whose containers keep apart cannot have, since it is there already; None where there is none.
    """

    resources: tuple[str, ...]
    index: IntArray
    capacity: IntArray
    per_capacity: FloatArray
    free: IntArray
    version: IntArray
    claimed: IntArray
    alive: BoolArray
    barred: BoolArray | None = None
    #: Which hosts the rows are, so that scores of them can be remembered; None where nothing may be: some rows for
    #: a moment, or the cell as it would be.
    identity: int | None = 0

    def __init__(self, resources: tuple[str, ...], attributes: Attributes | None = None, **columns: np.ndarray) -> None:
        self.resources = resources
        self._axes = tuple(RESOURCES.index(name) for name in resources)
        self._missing = tuple(axis for axis in range(len(RESOURCES)) if axis not in self._axes)
        self._needs: dict[Task, IntArray | None] = {}
        self._amounts: dict[Task, tuple[tuple[int, int], ...] | None] = {}
        self._sizes: dict[Task, IntArray | None] = {}  # needs of tasks of which nothing else matters
        self._n = columns["index"].size
        self._attributes = Attributes(self._n) if attributes is None else attributes
        for name, column in columns.items():
            readonly = column.view()
            readonly.flags.writeable = False
            setattr(self, name, readonly)

    def __len__(self) -> int:
        return self._n

    @property
    def allocated(self) -> IntArray:
        return self.capacity - self.free

    @property
    def containers(self) -> IntArray:
        # The books count what came (`claimed`) and what came or went (`version`): two columns tell all three.
        return 2 * self.claimed - self.version

    @property
    def usage(self) -> IntArray:
        return self.allocated

    @property
    def usage_age_s(self) -> FloatArray:
        return np.zeros(len(self))

    def attribute(self, name: str) -> Attribute:
        """Give the values that an attribute (label) has on the hosts, and which host has which."""
        return self._attributes[name]

    def allowed(self, task: Task) -> BoolArray:
        """Say which hosts the task's constraints allow, shape (n_hosts,); a task without any may have all."""
        return self._attributes.allowed(task.constraints)

    def need(self, task: Task) -> IntArray | None:
        """Give the task's request on the axes of this cell.

        Returns
        -------
        ndarray of int, shape (n_resources, 1), or None
            None where the task asks for a resource that no host of the cell has.
        """
        try:
            return self._needs[task]
        except KeyError:
            lacks = any(task.need[axis] for axis in self._missing)
            need = None if lacks else np.array([[task.need[axis]] for axis in self._axes], dtype=np.int64)
            self._needs[task] = need
            return need

    def amounts(self, task: Task) -> tuple[tuple[int, int], ...] | None:
        """Give what the task asks for as pairs of row and amount, without zeros; None as in `need`."""
        try:
            return self._amounts[task]
        except KeyError:
            need = self.need(task)
            amounts = None if need is None else tuple((row, n) for row, n in enumerate(need[:, 0].tolist()) if n)
            self._amounts[task] = amounts
            return amounts

    def free_after(self, task: Task) -> IntArray:
        """Give what each host has left once it holds one more `task`, shape (n_resources, n_hosts); may be negative."""
        need = self.need(task)
        return self.free - need if need is not None else np.full_like(self.free, -1)

    def fits(self, task: Task, hosts: IntArray | None = None) -> BoolArray:
        """Say where one more `task` may be put: it fits, and nothing forbids it there.

        A resource that it does not ask for is no obstacle.

        Parameters
        ----------
        task : Task
            The container in question.
        hosts : ndarray of int, shape (m,), optional
            Rows to look at, perhaps one of them twice; all of them by default.

        Returns
        -------
        ndarray of bool, shape (n_hosts,) or (m,)
        """
        if task.constraints or task.apart:
            permitted = self._permitted(task)
            return self.fits(Task(task.need), hosts) & (permitted if hosts is None else permitted.take(hosts))
        amounts = self.amounts(task)
        if not amounts:
            # What is down has nothing free, so only a container that asks for nothing must be told.
            alive = self.alive if hosts is None else self.alive.take(hosts)
            return alive if amounts is not None else np.zeros(alive.size, dtype=bool)
        free = self.free
        fits: BoolArray | None = None
        for row, amount in amounts:
            enough = (free[row] if hosts is None else free[row].take(hosts)) >= amount
            fits = enough if fits is None else np.logical_and(fits, enough, out=fits)
        assert fits is not None
        return fits

    def slots(self, task: Task, hosts: IntArray | None = None) -> IntArray:
        """Say how many more of `task` may be put on each host.

        Parameters
        ----------
        task : Task
            The container in question.
        hosts : ndarray of int, shape (m,), optional
            Rows to look at; all of them by default.

        Returns
        -------
        ndarray of int, shape (n_hosts,) or (m,)
            Never negative; `UNLIMITED` where the task asks for nothing.
        """
        if task.constraints or task.apart:
            permitted = self._permitted(task)
            slots = self.slots(Task(task.need), hosts) * (permitted if hosts is None else permitted.take(hosts))
            return np.minimum(slots, 1, out=slots) if task.apart else slots
        amounts = self.amounts(task)
        if not amounts:
            alive = self.alive if hosts is None else self.alive.take(hosts)
            return alive * np.int64(UNLIMITED if amounts is not None else 0)
        free = self.free if hosts is None else self.free.take(hosts, axis=1)
        least: IntArray | None = None
        for row, amount in amounts:
            times = free[row] // amount
            least = times if least is None else np.minimum(least, times, out=least)
        assert least is not None
        return np.maximum(least, 0, out=least)

    def hosts(self, rows: IntArray) -> IntArray:
        """Give the numbers of the hosts that stand in some rows of this view."""
        return rows  # a view of the whole cell has every host in its own row

    def has_room(self, task: Task, host: int) -> bool:
        """Say whether one more `task` may be put on a host."""
        if task.constraints or task.apart:
            return bool(self.slots(task, np.array([host]))[0])
        amounts, free = self.amounts(task), self.free
        if not amounts:
            return amounts is not None and bool(self.alive[host])
        return all(free[row, host] >= amount for row, amount in amounts)

    def _permitted(self, task: Task) -> BoolArray:
        """Say where nothing but its size keeps a task away, shape (n_hosts,)."""
        allowed = self.allowed(task)
        return allowed & ~self.barred if task.apart and self.barred is not None else allowed

    def barring(self, hosts: IntArray) -> ClusterView:
        """Give the view without some hosts of the cell, for tasks that are `apart`; what was barred before stays so."""
        if not hosts.size:
            return self
        barred = self._among(hosts)
        return _Rows(self, slice(None), self._n, barred=barred if self.barred is None else barred | self.barred)

    def _among(self, hosts: IntArray) -> BoolArray:
        """Say of each row whether it is one of some hosts of the cell, shape (n_hosts,)."""
        among = np.zeros(self._n, dtype=bool)
        among[hosts] = True
        return among

    def without_bars(self) -> ClusterView:
        """Give the view to another job: what was barred is so no longer."""
        return self if self.barred is None else _Rows(self, slice(None), self._n, barred=None)

    def rows(self, hosts: IntArray) -> ClusterView:
        """Give the view of some hosts only, in the order given."""
        if hosts.size == 1:
            host = int(hosts[0])
            return _Rows(self, slice(host, host + 1), 1)
        return _Rows(self, hosts, hosts.size)

    def part(self, hosts: IntArray) -> ClusterView:
        """Give the view of a part of the cell that will be asked for again, by the very same array."""
        part = _Rows(self, hosts, hosts.size)
        part.identity = id(hosts)
        return part

    def with_columns(self, **columns: np.ndarray) -> ClusterView:
        """Give the view of the whole cell with some columns replaced, to be asked again and again."""
        others = {name: getattr(self, name) for name in _COLUMNS if name not in columns}
        return ClusterView(self.resources, self._attributes, **others, **columns)

    def with_free(self, free: IntArray) -> ClusterView:
        """Give the view as it would be if only `free` were to be had, shape (n_resources, n_hosts)."""
        return _Rows(self, slice(None), self._n, free=free)

    def after(self, task: Task, hosts: IntArray | slice, counts: IntArray) -> ClusterView:
        """Give the view as it would be with `counts` more of `task` on `hosts`: nothing is changed.

        Parameters
        ----------
        task : Task
            A container that some host of the cell can hold.
        hosts : ndarray of int, shape (m,), or slice
            Different hosts.
        counts : ndarray of int, shape (m,)
            How many more on each.
        """
        need = self.need(task)
        assert need is not None, "asked what the cell is like with a container that no host can hold"
        free, claimed, version = self.free.copy(), self.claimed.copy(), self.version.copy()
        free[:, hosts] -= need * counts
        claimed[hosts] += counts
        version[hosts] += counts
        barred = self.barred
        if task.apart:
            barred = np.zeros(self._n, dtype=bool) if barred is None else barred.copy()
            barred[hosts] |= counts > 0
        return _Rows(self, slice(None), self._n, free=free, claimed=claimed, version=version, barred=barred)


class _Rows(ClusterView):
    """Some rows of a view; a column is fetched when it is first asked for."""

    def __init__(self, base: ClusterView, rows: IntArray | slice, n: int, **given: np.ndarray | None) -> None:
        self.resources = base.resources
        self.identity = None
        self._axes = base._axes
        self._missing = base._missing
        self._needs = base._needs
        self._amounts = base._amounts
        self._sizes = base._sizes
        self._base = base
        self._rows = rows
        self._n = n
        if base.barred is not None:
            self.barred = base.barred[rows]
        self.__dict__.update(given)

    def hosts(self, rows: IntArray) -> IntArray:
        """Give the numbers of the hosts that stand in some rows of this view."""
        return self.index.take(rows)

    def attribute(self, name: str) -> Attribute:
        """Give the values that an attribute (label) has on the hosts, and which host has which."""
        codes, values = self._base.attribute(name)
        return Attribute(codes[self._rows], values)

    def allowed(self, task: Task) -> BoolArray:
        """Say which hosts the task's constraints allow, shape (n_hosts,); a task without any may have all."""
        return self._base.allowed(task)[self._rows]

    def _among(self, hosts: IntArray) -> BoolArray:
        return np.isin(self.index, hosts)

    def __getattr__(self, name: str) -> Any:
        column = getattr(self._base, name)
        rows = self._rows
        column = column[..., rows] if isinstance(rows, slice) else column.take(rows, axis=-1)
        self.__dict__[name] = column
        return column
