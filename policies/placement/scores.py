"""Row-wise policies: one score per host, from that host's row alone.

Whether a container fits is not asked here: the cell leaves out hosts without room. Resources other than CPU and memory
matter only to containers that ask for them.
"""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from policies.arrays import FloatArray
from policies.cell import ClusterView
from policies.placement.interface import Terms, with_terms
from policies.requests import ALWAYS, Task


def _itself(name: str) -> Terms:
    """Give the only term of a score that is minus a column of the view."""
    return lambda view, task: {name: np.negative(getattr(view, name), dtype=np.float64)}


def _mean_share_left(times: float) -> Terms:
    """Give the terms of a multiple of `mean_share_left`, resource by resource."""

    def terms(view: ClusterView, task: Task) -> Mapping[str, FloatArray]:
        shares, asked = shares_left(view, task), dict(view.amounts(task) or ())
        names = [name for row, name in enumerate(view.resources) if name in ALWAYS or row in asked]
        return {f"{name} left": share * (times / len(shares)) for name, share in zip(names, shares, strict=True)}

    return terms


def _evenness(view: ClusterView, task: Task) -> Mapping[str, FloatArray]:
    """Give the terms of `balanced`."""
    return {"if even": np.full(len(view), 100.0), "uneven": -100.0 * np.std(shares_left(view, task), axis=0)}


def _alignment(view: ClusterView, task: Task) -> Mapping[str, FloatArray]:
    """Give the terms of `dot_product`, resource by resource."""
    return {
        view.resources[row]: (amount * view.per_capacity[row]) * (view.free[row] * view.per_capacity[row])
        for row, amount in view.amounts(task) or ()
    }


@with_terms(_itself("index"))
def first_fit(view: ClusterView, task: Task) -> FloatArray:
    """Take the first host, by number, that has room."""
    return np.negative(view.index, dtype=np.float64)


@with_terms(_itself("containers"))
def spread(view: ClusterView, task: Task) -> FloatArray:
    """Take the host with the fewest containers (Docker Swarm's ``spread``)."""
    return np.negative(view.containers, dtype=np.float64)


@with_terms(_mean_share_left(-1.0))
def binpack(view: ClusterView, task: Task) -> FloatArray:
    """Fill the fullest host that still has room: best fit, by the mean share of its capacity that is left."""
    score = mean_share_left(view, task)
    score *= -1.0
    return score


@with_terms(_mean_share_left(100.0))
def least_allocated(view: ClusterView, task: Task) -> FloatArray:
    r"""Prefer the host with the largest share of its capacity unrequested (kube-scheduler's ``LeastAllocated``).

    Notes
    -----
    The mean over CPU, memory and what else is asked for of :math:`(c_r - a_r - d_r) / c_r \times 100`, where
    :math:`a` is allocated and :math:`d` the container's request. Kubernetes documentation, "Resource bin packing".
    """
    score = mean_share_left(view, task)
    score *= 100.0
    return score


@with_terms(_evenness)
def balanced(view: ClusterView, task: Task) -> FloatArray:
    r"""Prefer the host whose resources would be requested in equal shares (kube-scheduler's ``BalancedAllocation``).

    Notes
    -----
    :math:`(1 - \sigma) \times 100`, with :math:`\sigma` the population standard deviation of the
    requested shares of CPU, memory and what else is asked for, which is also that of the shares left; of two it is half
    their difference.
    """
    shares = shares_left(view, task)
    if len(shares) == 2:
        score: FloatArray = shares[0] - shares[1]
        np.abs(score, out=score)
        score *= -50.0
        score += 100.0
        return score
    mean = sum(shares) / len(shares)
    deviation: FloatArray = np.sqrt(sum((share - mean) ** 2 for share in shares) / len(shares))
    return 100.0 - 100.0 * deviation


@with_terms(_alignment)
def dot_product(view: ClusterView, task: Task) -> FloatArray:
    r"""Prefer the host whose free room is shaped like the request (Tetris).

    Notes
    -----
    :math:`\sum_r (d_r / c_r)(f_r / c_r)`, with :math:`d` the request, :math:`f` what is free and :math:`c` the
    capacity: Grandl et al., "Multi-resource packing for cluster schedulers", SIGCOMM 2014. Their term for
    the job's remaining work orders jobs, not hosts, and is left out.
    """
    aligned = np.zeros(len(view))
    for row, amount in view.amounts(task) or ():
        per_capacity = view.per_capacity[row]
        term = per_capacity * amount
        term *= per_capacity
        term *= view.free[row]
        aligned += term
    return aligned


def shares_left(view: ClusterView, task: Task) -> list[FloatArray]:
    """Give the shares of capacity left once the host holds one more `task`, resource by resource, each (n_hosts,).

    Of CPU and memory, and of whatever else the task asks for: a GPU that nobody asked for makes no host emptier.
    """
    asked = dict(view.amounts(task) or ())
    shares = []
    for row, name in enumerate(view.resources):
        if name in ALWAYS or row in asked:
            left = view.free[row] - asked.get(row, 0)
            shares.append(left * view.per_capacity[row])
    return shares


def mean_share_left(view: ClusterView, task: Task) -> FloatArray:
    """Give the mean of `shares_left`, shape (n_hosts,)."""
    first, *others = shares_left(view, task)
    for share in others:
        first += share
    first *= 1.0 / (1 + len(others))
    return first
