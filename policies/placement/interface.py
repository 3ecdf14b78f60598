"""What a placement policy is."""

from __future__ import annotations

from collections.abc import Callable
from typing import Protocol

from policies.arrays import FloatArray, IntArray
from policies.cell import ClusterView
from policies.requests import Task

#: One float per host, shape (n_hosts,); higher is better, ``-inf`` is a veto. Whether the container fits is the
#: cell's business, not the policy's: hosts without room are left out whatever their score. A score is *row-wise*:
#: a host's score depends on that host's row alone, so that it can be cached and re-made row by row.
Score = Callable[[ClusterView, Task], FloatArray]


class Chooser(Protocol):
    """A policy that needs the whole view, chance or memory; it is never cached."""

    def choose(self, view: ClusterView, task: Task, k: int) -> IntArray | tuple[IntArray, IntArray]:
        """Choose hosts for up to `k` containers.

        Returns
        -------
        ndarray of int, shape (n_hosts,), or a pair of ndarrays of int, shape (m,)
            Containers per host; or, where few hosts get any, different hosts and how many containers on each.
            Never more in all than `k`, nor more on a host than fit.
        """
        ...


Policy = Score | Chooser
