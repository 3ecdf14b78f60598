"""The cell as a policy sees it: read-only columns over hosts."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import numpy as np

from policies.arrays import BoolArray, FloatArray, IntArray
from policies.cell.attributes import Attribute, Attributes
from policies.requests import RESOURCES, Task

if TYPE_CHECKING:
    from policies.cell.demands import Demands, Residents

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
        Measured use, same units, the mean over an interval; 0 of a host that was not measured yet. Where nobody
        measures (contention is off) a container uses what it was allocated.
    usage_std : ndarray of float, shape (n_resources, n_hosts)
        Standard deviation over the last measurements (`policies.cell.demands.WINDOW`); 0 until there are two.
    usage_age_s : ndarray of float, shape (n_hosts,)
        How old each measurement is, ``inf`` where there is none yet; 0 where nobody measures.
    declared : ndarray of int, shape (n_resources, n_hosts)
        What the containers there are declared to use (`Task.profile`), together: millicores, bytes, micro-seconds of
        the disk's time per second, bytes per second. On a disk that rotates all requests count as random once two
        containers use it. Who has no profile counts with its request; where nobody measures, everybody does.
    fresh : ndarray of int, shape (n_resources, n_hosts)
        The part of `declared` that is due to containers which came since their host was last measured, so that `usage`
        does not tell of them. Of equal containers the oldest are taken to end first.
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
    #: The books of demand that the columns come from, not for policies to look into; None where there are none.
    demands: Demands | None = None
    #: Which hosts the rows are, so that scores of them can be remembered; None where nothing may be: some rows for
    #: a moment, or the cell as it would be.
    identity: int | None = 0

    def __init__(
        self,
        resources: tuple[str, ...],
        attributes: Attributes | None = None,
        demands: Demands | None = None,
        **columns: np.ndarray,
    ) -> None:
        self.resources = resources
        self.demands = demands
        self._axes = tuple(RESOURCES.index(name) for name in resources)
        self._missing = tuple(axis for axis in range(len(RESOURCES)) if axis not in self._axes)
        self._needs: dict[Task, IntArray | None] = {}
        self._amounts: dict[Task, tuple[tuple[int, int], ...] | None] = {}
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
    def usage(self) -> FloatArray | IntArray:
        if self.demands is None:
            return self.allocated
        self.demands.measurements.use_was_read = True
        usage: FloatArray = self._of_demands("usage")
        return usage

    @property
    def usage_std(self) -> FloatArray:
        if self.demands is None:
            return np.zeros(self.free.shape)
        self.demands.measurements.use_was_read = True
        usage_std: FloatArray = self._of_demands("usage_std")
        return usage_std

    @property
    def usage_age_s(self) -> FloatArray:
        if self.demands is None:
            return np.zeros(len(self))
        measurements = self.demands.measurements
        measurements.use_was_read = measurements.age_was_read = True
        age_s: FloatArray = measurements.now_s - self._of_demands("measured_s")
        return age_s

    @property
    def declared(self) -> IntArray:
        if self.demands is None:
            return self.allocated
        sums = self._of_demands("sums")
        return self.demands.table.settled(sums, sums[-1])

    @property
    def fresh(self) -> IntArray:
        if self.demands is None:
            return np.zeros_like(self.free)
        self.demands.measurements.use_was_read = True
        return self.demands.table.settled(self._of_demands("fresh_sums"), self._of_demands("sums")[-1])

    def wants(self, task: Task) -> IntArray:
        """Give what one more `task` is declared to use on each host, shape (n_resources, n_hosts), as `declared`.

        If its disk rotates and is used already, its requests are all random. What it does to those of the others is in
        ``after(…).declared``.
        """
        if self.demands is None:
            need = self.need(task)
            return np.zeros_like(self.free) if need is None else np.broadcast_to(need, self.free.shape)
        from policies.cell.demands import steps_of

        table = self.demands.table
        steps = steps_of(table, table.number(task), self._of_demands("classes"))
        shape = len(steps), len(self)
        return table.settled(np.broadcast_to(steps, shape), self._of_demands("sums")[-1] + 1)

    def residents(self) -> Residents:
        """Say who is on each host, kind by kind, and what one of each kind is declared to use there.

        Returns
        -------
        Residents
            Of nobody where the cell keeps no demands.
        """
        from policies.cell.demands import Residents

        n, n_resources = len(self), len(self.resources)
        if self.demands is None:
            nobody = np.zeros((n, 0), dtype=np.int64)
            return Residents(nobody, nobody, np.zeros((n, n_resources, 0), dtype=np.int64))
        table, kinds, counts = self.demands.table, self._of_demands("kinds"), self._of_demands("counts")
        used = int(counts.any(axis=1).nonzero()[0].max(initial=-1)) + 1
        kinds, counts = kinds[:used], counts[:used]
        steps = table.steps[kinds, self._of_demands("classes")]  # (m, n_hosts, n_resources + 2)
        demands = table.settled(
            steps.transpose(2, 1, 0), np.broadcast_to(self._of_demands("sums")[-1][:, None], (n, used))
        )
        return Residents(kinds.T, counts.T, demands.transpose(1, 0, 2))

    def _of_demands(self, name: str) -> Any:
        """Give a column of the books of demand, of this view's rows; read-only."""
        column = getattr(self.demands, name).view()
        column.flags.writeable = False
        return column

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

    def with_columns(self, demands: Demands | None, **columns: np.ndarray) -> ClusterView:
        """Give the view of the whole cell with some columns replaced, to be asked again and again."""
        others = {name: getattr(self, name) for name in _COLUMNS if name not in columns}
        return ClusterView(self.resources, self._attributes, demands, **others, **columns)

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
        view = _Rows(self, slice(None), self._n, free=free, claimed=claimed, version=version, barred=barred)
        if self.demands is not None:
            more = np.zeros(self._n, dtype=np.int64)
            more[hosts] = counts
            view._more = task, more
        return view


class _Rows(ClusterView):
    """Some rows of a view; a column is fetched when it is first asked for."""

    #: The kind of container, and how many more of it than in the base, that books of demand are to tell of.
    _more: tuple[Task, IntArray] | None = None

    def __init__(self, base: ClusterView, rows: IntArray | slice, n: int, **given: np.ndarray | None) -> None:
        self.resources = base.resources
        self.identity = None
        self._axes = base._axes
        self._missing = base._missing
        self._needs = base._needs
        self._amounts = base._amounts
        self._base = base
        self._rows = rows
        self._n = n
        if base.barred is not None:
            self.barred = base.barred[rows]
        if base.demands is not None:
            self.demands = base.demands
            self._fetched: dict[str, Any] = {}
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
        column = self._of_base(getattr(self._base, name))
        self.__dict__[name] = column
        return column

    def _of_base(self, column: Any) -> Any:
        rows = self._rows
        return column[..., rows] if isinstance(rows, slice) else column.take(rows, axis=-1)

    def _of_demands(self, name: str) -> Any:
        fetched = self._fetched
        if name not in fetched:
            fetched[name] = self._of_base(self._base._of_demands(name))
            if self._more is not None:
                self._add_more(name)
        return fetched[name]

    def _add_more(self, name: str) -> None:
        """Let a column of the books of demand that was just fetched tell of the containers that the base lacks."""
        from policies.cell.demands import steps_of, with_more

        assert self.demands is not None
        assert self._more is not None
        (task, more), fetched = self._more, self._fetched
        kind = self.demands.table.number(task)
        if name in ("sums", "fresh_sums"):
            fetched[name] = fetched[name] + steps_of(self.demands.table, kind, self._of_demands("classes")) * more
        elif name in ("kinds", "counts"):
            for other in ("kinds", "counts"):
                fetched[other] = self._of_base(self._base._of_demands(other))
            fetched["kinds"], fetched["counts"] = with_more(fetched["kinds"], fetched["counts"], kind, more)
