"""How fast containers advance that need several resources of their host at once: on many hosts in one go."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from policies.arrays import BoolArray, FloatArray
from policies.sharing.kernel import ROUNDS, TINY_WEIGHT, TOLERANCE, Kind, solve
from policies.sharing.waterfill import check, level


class Progress(NamedTuple):
    """How fast containers advance together.

    Attributes
    ----------
    rates : ndarray of shape (n,) or (n_hosts, n)
        Progress relative to that alone on the host, 0 to 1.
    grants : ndarray of shape (n_resources, n) or (n_hosts, n_resources, n)
        What each uses of each resource meanwhile, in the units of its demand.
    """

    rates: FloatArray
    grants: FloatArray


def progress(
    capacity: FloatArray,
    demands: FloatArray,
    weights: FloatArray | float = 1.0,
    limits: FloatArray | float = 1.0,
) -> Progress:
    r"""Say how fast containers advance if every resource of their host is shared out on its own, as kernels do.

    Parameters
    ----------
    capacity : ndarray of shape (n_resources,) or (n_hosts, n_resources)
        What a host has, finite: cores, device-seconds of disk per second, bytes per second of network.
    demands : ndarray of shape (n_resources, n) or (n_hosts, n_resources, n)
        What each container uses at full speed, finite, in the same units. A host may be padded with demands of 0.
    weights : float or ndarray, broadcast against `demands`
        What each is entitled to of each resource, relative to the others and finite: CPU shares, the weight of its
        block I/O. Those of weight 0 get what nobody with weight wants (but for a part in :math:`10^{100}`).
    limits : float or ndarray, broadcast against the rates
        The most that a rate can be, 0 to 1: less than 1 for a quota below what a container needs, or for what
        `policies.sharing.slowdown` says.

    Returns
    -------
    Progress
        Rates and grants. A container that needs nothing advances at its limit.

    Raises
    ------
    ValueError
        If anything is negative or NaN, or infinite, or a limit more than 1.

    Notes
    -----
    Container :math:`i` uses :math:`r_i a_{ij}` of resource :math:`j`, with :math:`a_{ij}` its demand and :math:`r_i`
    its rate. A resource is used up, or its level :math:`t_j` is infinite, and

    .. math:: r_i = \min(l_i, \min_j t_j w_{ij} / a_{ij})

    with :math:`l_i` the limit and :math:`w_{ij}` the weights. So whoever is short has a resource that is used up and of
    which nobody has more by weight: bottleneck max fairness (Bonald and Roberts, "Multi-resource fairness: objectives,
    algorithms and performance", SIGMETRICS 2015; theirs is without weights). On a single resource it is `waterfill`.

    Max-min fairness of the rates, the usual model of SimGrid, and dominant resource fairness (Ghodsi et al., NSDI 2011)
    raise all rates together and stop everybody who uses a resource, in whatever amount, as soon as it is used up. There
    a container that reads, and needs a twentieth of a core, is slowed to a third beside three that compute
    on one core. A kernel runs it whenever it wakes up, since its fair share is a quarter of the core: here
    it is not slowed. (For its parallel tasks SimGrid has a solver of bottleneck max fairness too.)

    Where one resource is short at full speed, its level is the solution. Where several are, each level is found in turn
    from what the others leave of the demands, and after each round the linear equations are solved of the levels at
    which everybody is stopped by what stops it now; if that is indeed so at these levels, they are the solution. Two
    levels approach it from one side each. Three or more may run in circles, which happens once in ten thousand drawn
    hosts on which all are short: after `ROUNDS` rounds one level is bisected, and the others are found for each that is
    tried. Where weights differ between resources there can be more than one solution, of which any is taken, and a
    level that is bisected may leave something idle (it has on none of 30,000 drawn hosts).

    It is fluid: a container overlaps its use of all resources perfectly, and pays for none by waiting for another.
    Groups compete for the CPU in `policies.sharing.kernel.solve`, which is for one host.

    Examples
    --------
    On one core and one disk, a container that reads does not mind three that compute, nor they it much:

    >>> core_and_disk = np.array([[1.0, 1.0, 1.0, 0.05], [0.0, 0.0, 0.0, 0.9]])
    >>> progress(np.ones(2), core_and_disk).rates.round(3)
    array([0.317, 0.317, 0.317, 1.   ])
    """
    needs, there = np.asarray(demands, dtype=np.float64), np.asarray(capacity, dtype=np.float64)
    by_weight = np.broadcast_to(np.asarray(weights, dtype=np.float64), needs.shape)
    check(there, needs, by_weight)
    if needs.max(initial=0.0) == np.inf:
        raise ValueError("what a container uses at full speed must be finite")
    most = np.asarray(limits, dtype=np.float64)
    if not (most.min(initial=0.0) >= 0.0 and most.max(initial=1.0) <= 1.0):
        raise ValueError("limits must be within 0 and 1")
    many = needs if needs.ndim == 3 else needs[None]
    hosts, resources, n = many.shape
    rates = np.array(np.broadcast_to(most, (hosts, n)))
    there = np.broadcast_to(there, (hosts, resources))
    by_weight = by_weight.reshape(many.shape)
    if not by_weight.all():
        by_weight = np.where(by_weight > 0, by_weight, TINY_WEIGHT)
    short = (many @ rates[:, :, None])[:, :, 0] > there
    how_many = short.sum(axis=1)
    # What needs nothing of a resource has no pace there: 0 times infinity is not a number, which `fmin` passes over.
    with np.errstate(invalid="ignore"):
        if (rows := np.flatnonzero(how_many == 1)).size:
            of = short[rows].argmax(axis=1)
            rates[rows] = _lowered(rates[rows], there[rows, of], many[rows, of], by_weight[rows, of])
        if (rows := np.flatnonzero(how_many > 1)).size:
            rates[rows] = _coupled(there[rows], many[rows], by_weight[rows], rates[rows])
    rates = rates if needs.ndim == 3 else rates[0]
    return Progress(rates, needs * rates[..., None, :])


def _levels(capacity: FloatArray, needs: FloatArray, weights: FloatArray, rates: FloatArray) -> FloatArray:
    """Say at which level one resource of each host is used up, shape (n_hosts,), by containers no faster than this."""
    want = needs * rates
    full_at = want / weights
    order = full_at.argsort(axis=1)
    order += np.arange(0, want.size, want.shape[1])[:, None]
    # Who wants nothing takes nothing, however little is its weight.
    return level(capacity, full_at.take(order), want.take(order), weights.take(order))


def _paces(needs: FloatArray, weights: FloatArray) -> FloatArray:
    """Give the rate for each unit of the level; ``inf`` for who needs nothing."""
    return np.divide(weights, needs, out=np.full_like(needs, np.inf), where=needs > 0)


def _lowered(rates: FloatArray, capacity: FloatArray, needs: FloatArray, weights: FloatArray) -> FloatArray:
    """Lower rates, shape (n_hosts, n), until one resource of each host is not over-subscribed."""
    levels = _levels(capacity, needs, weights, rates)
    lowered: FloatArray = np.fmin(rates, levels[:, None] * _paces(needs, weights))
    return lowered


def _coupled(capacity: FloatArray, needs: FloatArray, weights: FloatArray, limits: FloatArray) -> FloatArray:
    """Give the rates, shape (n_hosts, n), where several resources are short; see `progress`."""
    # As shares of the host the resources are comparable.
    parts = np.where(capacity > 0, capacity, 1.0)[:, :, None]
    needs, weights, capacity = needs / parts, weights / parts, np.where(capacity > 0, 1.0, 0.0)
    resources = capacity.shape[1]
    rates, paces = np.empty_like(limits), _paces(needs, weights)
    levels = np.full_like(capacity, np.inf)
    rows = np.arange(len(capacity))
    for _ in range(ROUNDS):
        before = levels.copy()
        for resource in range(resources):
            most = limits
            for other in range(resources):
                if other != resource:
                    most = np.fmin(most, levels[:, other, None] * paces[:, other])
            levels[:, resource] = _levels(capacity[:, resource], needs[:, resource], weights[:, resource], most)
        now, exact = _exact(capacity, needs, paces, limits, levels)
        moved = ~((levels == before) | (np.abs(levels - before) <= TOLERANCE * np.minimum(levels, before))).all(axis=1)
        rates[rows] = now
        on = moved & ~exact
        if not on.any():
            return rates
        rows = rows[on]
        capacity, needs, weights, paces = capacity[on], needs[on], weights[on], paces[on]
        limits, levels = limits[on], levels[on]
    for row, host in enumerate(rows):
        columns = zip(needs[row].T.tolist(), weights[row].T.tolist(), limits[row].tolist(), strict=True)
        rates[host] = solve(capacity[row].tolist(), [Kind(1, *column) for column in columns])
    return rates


def _exact(
    capacity: FloatArray, needs: FloatArray, paces: FloatArray, limits: FloatArray, levels: FloatArray
) -> tuple[FloatArray, BoolArray]:
    """Solve for the levels at which each container is stopped by what stops it now.

    Returns
    -------
    rates : ndarray of shape (n_hosts, n)
        At these levels where they are a solution, else at those given.
    exact : ndarray of shape (n_hosts,)
        Where they are.
    """
    resources = capacity.shape[1]
    reached = levels[:, :, None] * paces
    rates = np.fmin(limits, np.fmin.reduce(reached, axis=1))
    stopped_by = np.where(np.isnan(reached), np.inf, reached).argmin(axis=1)
    free = rates >= limits
    mine = (stopped_by[:, None, :] == np.arange(resources)[:, None]) & ~free[:, None, :]
    stops = mine.any(axis=2)
    equations = needs @ np.where(mine, paces, 0.0).swapaxes(1, 2)
    right = capacity - (needs @ np.where(free, limits, 0.0)[:, :, None])[:, :, 0]
    # A level that stops nobody has an equation of its own, which does not matter.
    equations = np.where(stops[:, :, None], equations, np.eye(resources))
    solvable = np.linalg.det(equations) != 0
    equations[~solvable] = np.eye(resources)
    solved = np.linalg.solve(equations, right[:, :, None])[:, :, 0]
    at = np.where(stops, solved, np.inf)
    found = np.fmin(limits, np.fmin.reduce(at[:, :, None] * paces, axis=1))
    used = (needs @ found[:, :, None])[:, :, 0]
    right_used = (used <= capacity * (1 + TOLERANCE)) & (~stops | (used >= capacity * (1 - TOLERANCE)))
    exact = solvable & (at >= 0).all(axis=1) & right_used.all(axis=1)
    return np.where(exact[:, None], found, rates), exact
