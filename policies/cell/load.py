"""How evenly the hosts are loaded, kept up to date at the cost of what changed."""

from __future__ import annotations

from math import sqrt

import numpy as np

from policies.arrays import FloatArray, IntArray

#: Changes after which running sums of floats are made anew, so that rounding cannot pile up.
RECOUNT_EVERY = 4096


class Load:
    r"""Share allocated, and mean and spread of the hosts' loads, for every resource.

    The load of a host is :math:`u_h = a_h / c_h`, allocated over capacity, over the hosts that are up and have
    the resource. With the running sums :math:`\sum u_h` and :math:`\sum u_h^2`, the mean and the standard
    deviation after a change cost what changed, not the number of hosts. Where all hosts are alike the sums are of
    whole numbers and therefore exact.

    Parameters
    ----------
    capacity : ndarray of int, shape (n_resources, n_hosts)
        Zero where a host is down or lacks the resource.
    free : ndarray of int, shape (n_resources, n_hosts)
        What is not allocated. Both are the books' own columns, read again at a recount.
    """

    def __init__(self, capacity: IntArray, free: IntArray) -> None:
        self._capacity, self._free = capacity, free
        self.recount()

    def recount(self) -> None:
        """Make all sums anew; to be called when a capacity changed."""
        capacity, allocated = self._capacity, self._capacity - self._free
        has = capacity > 0
        self._hosts = has.sum(axis=1).tolist()
        self._uniform = bool(has.all() and (capacity == capacity[:, :1]).all())
        self._total_capacity = capacity.sum(axis=1).tolist()
        self._total = (allocated * has).sum(axis=1).tolist()
        if self._uniform:
            # Sums of squared bytes overflow 64 bits; Python's own whole numbers do not.
            self._squares = [sum(a * a for a in row) for row in allocated.tolist()]
            self._each = capacity[:, 0].tolist() if capacity.size else []
        else:
            self._per_capacity: FloatArray = np.divide(1.0, capacity, out=np.zeros(capacity.shape), where=has)
            load = allocated * self._per_capacity
            self._loads: list[float] = load.sum(axis=1).tolist()
            self._load_squares: list[float] = (load * load).sum(axis=1).tolist()
        self._changes = 0

    def changed(self, amounts: list[int], hosts: IntArray, counts: IntArray, tasks: int, before: IntArray) -> None:
        """Take note that containers came or went.

        Parameters
        ----------
        amounts : list of int, length n_resources
            What one container takes.
        hosts, counts : ndarray of int, shape (m,)
            Different hosts, and how many containers on each.
        tasks : int
            How many came in all; negative if they went.
        before : ndarray of int, shape (>= n_resources, m)
            What was free there before the change, resource after resource.
        """
        # With a allocated, f = c - a free and d more of n each: (a + dn)^2 - a^2 = 2 dn (c - f) + (dn)^2.
        if self._uniform:
            free, many, sign = before.dot(counts).tolist(), abs(tasks), 1 if tasks > 0 else -1
            # One container on each host is the usual case.
            count_squares = many if many == hosts.size else int(counts.dot(counts))
            for axis, amount in enumerate(amounts):
                held = tasks * self._each[axis] - sign * free[axis]
                self._total[axis] += amount * tasks
                self._squares[axis] += amount * (2 * held + amount * count_squares)
            return
        if tasks < 0:
            counts = -counts
        for axis, amount in enumerate(amounts):
            if amount:
                weight = self._per_capacity[axis].take(hosts)
                step = counts * weight
                held = 2 * (self._capacity[axis].take(hosts) - before[axis]) + amount * counts
                self._total[axis] += amount * int(counts.dot(weight > 0))
                self._loads[axis] += amount * float(step.sum())
                self._load_squares[axis] += amount * float((step * weight).dot(held))
        self._changes += 1
        if self._changes >= RECOUNT_EVERY:
            self.recount()

    def changed_one(self, amounts: list[int], host: int, tasks: int, before: list[int]) -> None:
        """Do what `changed` says for one host, on which `before` was free, one number a resource."""
        if self._uniform:
            each, total, squares = self._each, self._total, self._squares
            for axis, amount in enumerate(amounts):
                step = amount * tasks
                total[axis] += step
                squares[axis] += step * (2 * (each[axis] - before[axis]) + step)
            return
        for axis, amount in enumerate(amounts):
            if amount:
                weight, step = self._per_capacity.item(axis, host), amount * tasks
                held = self._capacity.item(axis, host) - before[axis]
                self._total[axis] += step * (weight > 0)
                self._loads[axis] += step * weight
                self._load_squares[axis] += step * weight * weight * (2 * held + step)
        self._changes += 1
        if self._changes >= RECOUNT_EVERY:
            self.recount()

    def levels(self) -> tuple[float, ...]:
        """Give share of capacity allocated, mean load and its standard deviation, resource after resource."""
        levels: list[float] = []
        for axis, hosts in enumerate(self._hosts):
            if not hosts:
                levels += (0.0, 0.0, 0.0)
                continue
            total = self._total[axis]
            share = total / self._total_capacity[axis]
            if self._uniform:
                # n * sum(a^2) - (sum a)^2 is a whole number: no cancellation.
                spread = sqrt(hosts * self._squares[axis] - total * total) / self._total_capacity[axis]
                levels += (share, share, spread)
            else:
                mean = self._loads[axis] / hosts
                variance = self._load_squares[axis] / hosts - mean * mean
                levels += (share, mean, sqrt(variance) if variance > 0 else 0.0)
        return tuple(levels)
