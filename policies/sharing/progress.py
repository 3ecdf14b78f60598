"""How fast containers advance that need several resources of one host at once."""

from __future__ import annotations

from typing import NamedTuple

import numpy as np

from policies.arrays import BoolArray, FloatArray
from policies.sharing.tree import Branch, Leaf
from policies.sharing.waterfill import check, level


class Progress(NamedTuple):
    """How fast containers advance together.

    Attributes
    ----------
    rates : ndarray of shape (n_containers,)
        Progress relative to that alone on the host, 0 to 1.
    grants : ndarray of shape (n_resources, n_containers)
        What each uses of each resource meanwhile, in the units of its demand.
    """

    rates: FloatArray
    grants: FloatArray


def progress(
    capacity: FloatArray,
    demands: FloatArray,
    weights: FloatArray | float = 1.0,
    caps: FloatArray | float = np.inf,
) -> Progress:
    r"""Say how fast containers advance if their rates are raised together until something stops each of them.

    Parameters
    ----------
    capacity : ndarray of shape (n_resources,)
        What the host has, finite: cores, device-seconds of disk per second, bytes per second of network.
    demands : ndarray of shape (n_resources, n_containers)
        What each container uses at full speed, finite, in the same units.
    weights : float or ndarray of shape (n_containers,)
        How fast the rates are raised, relative to each other, finite. Whoever has weight 0 advances only with what
        those with weight leave, all of them alike. Weights that make it fair in amounts rather than in rates come from
        `dominant_weights`.
    caps : float or ndarray, broadcast against `demands`
        The most that each may use of each resource: a quota, or as many cores as it has threads.

    Returns
    -------
    Progress
        Rates and grants. A container that needs nothing advances at full speed.

    Raises
    ------
    ValueError
        If anything is negative or NaN, or anything but a cap infinite.

    Notes
    -----
    All :math:`r_i / w_i` rise together. A container stops at its own limit (full speed, or a cap), or when a resource
    that it uses, in whatever amount, is used up by :math:`\sum_i r_i a_{ij}`: weighted max-min fairness of the rates,
    the model of SimGrid (Casanova et al., "Versatile, scalable, and accurate simulation of distributed applications and
    platforms", JPDC 2014).

    Between two resources that are used up the rates are :math:`\min(l_i, w_i t)` of a common level :math:`t`, so the
    next one is found as in `waterfill`: there are at most as many steps as resources, each of
    :math:`O(n \log n)` per resource, however many containers reach limits of their own.

    It is fluid: a container overlaps its use of all resources perfectly, and pays for none by waiting for another.

    Examples
    --------
    On one core and one disk, a container that computes does not disturb one that reads, unlike one of its kind:

    >>> progress(np.ones(2), np.array([[1.0, 0.0], [0.0, 1.0]])).rates
    array([1., 1.])
    >>> progress(np.ones(2), np.array([[1.0, 1.0], [0.0, 0.0]])).rates
    array([0.5, 0.5])
    """
    there, needs, by_weight = _columns(capacity, demands, weights)
    limits = _limits(needs, caps)
    rates = np.zeros(needs.shape[1])
    weighty = by_weight > 0
    _raise_together(there, needs, by_weight, limits, weighty, rates)
    if not weighty.all():
        left = np.maximum(there - needs @ rates, 0.0)
        _raise_together(left, needs, np.ones_like(by_weight), limits, ~weighty, rates)
    return Progress(rates, needs * rates)


def dominant_weights(capacity: FloatArray, demands: FloatArray, weights: FloatArray | float = 1.0) -> FloatArray:
    r"""Give the weights with which `progress` is fair in amounts: whoever needs more at full speed does not get more.

    Parameters
    ----------
    capacity : ndarray of shape (n_resources,)
        What the host has.
    demands : ndarray of shape (n_resources, n_containers)
        What each container uses at full speed, in the same units.
    weights : float or ndarray, broadcast against `demands`
        What each is entitled to of each resource, relative to the others: CPU shares, the weight of its block I/O. One
        row for all resources where they are alike.

    Returns
    -------
    ndarray of shape (n_containers,)
        :math:`1 / \max_j (a_{ij} / (c_j w_{ij}))`; 1 for a container that needs nothing, 0 for one of weight 0 in a
        resource that it needs.

    Raises
    ------
    ValueError
        If anything is negative, NaN or infinite.

    Notes
    -----
    With them the weighted dominant shares rise together: weighted dominant resource fairness (Ghodsi et al., "Dominant
    resource fairness", NSDI 2011). On a single resource it is `waterfill`.

    A kernel shares out each resource on its own, which gives a container more of a resource that it needs little of:
    where one needs a core and another half of it and the whole disk, each would get half the core, and the second
    advance at full speed. Here each advances at two thirds.

    Examples
    --------
    Four threads and one on two cores, with equal shares: each gets a core.

    >>> cores, threads = np.array([2.0]), np.array([[4.0, 1.0]])
    >>> progress(cores, threads, dominant_weights(cores, threads)).grants
    array([[1., 1.]])
    """
    there, needs, by_weight = _columns(capacity, demands, weights)
    entitled = there[:, None] * np.broadcast_to(by_weight, needs.shape)
    dominant = _dominant(needs, entitled)
    return np.divide(1.0, dominant, out=np.ones_like(dominant), where=dominant > 0)


def progress_tree(
    capacity: FloatArray, root: Branch, demands: FloatArray, caps: FloatArray | float = np.inf
) -> Progress:
    r"""Say how fast containers advance whose groups compete as one.

    Parameters
    ----------
    capacity : ndarray of shape (n_resources,)
        What the host has, finite.
    root : Branch
        The host: every container stands in it at most once, and stands still if it does not. Nobody in it has a cap,
        since that would be one of what?
    demands : ndarray of shape (n_resources, n_containers)
        What each container uses at full speed, finite, in the same units.
    caps : float or ndarray, broadcast against `demands`
        The most that each may use of each resource. A group that may use only so much of something is one more
        resource, which its members need.

    Returns
    -------
    Progress
        Rates and grants.

    Raises
    ------
    ValueError
        As `progress` does, if a container stands in the tree twice, or if there is a cap in it.

    Notes
    -----
    At each moment a group takes what its containers take that still rise, in proportion to their weights, and rises by
    the resource of which it takes the largest share of the host, as fast as its weight among its siblings says. So a
    group is a container whose demands change whenever one of its own stops: weighted hierarchical dominant resource
    fairness as a fluid (Bhattacharya et al., "Hierarchical scheduling for diverse datacenter workloads", SoCC 2013).
    Without groups it is `progress` with `dominant_weights`, on a single resource `waterfill_tree`. There is a step for
    every container that stops, so a host without groups is better off with `progress`.

    Examples
    --------
    A container that reads takes nothing from the one of its group that computes, which shares a core with a third:

    >>> root = Branch((Branch((Leaf(0), Leaf(1))), Leaf(2)))
    >>> progress_tree(np.ones(2), root, np.array([[1.0, 0.0, 1.0], [0.0, 1.0, 0.0]])).rates
    array([0.5, 1. , 0.5])
    """
    there, needs, _ = _columns(capacity, demands, 1.0)
    if root.capped:
        raise ValueError("among several resources a tree has no caps")
    dominant = _dominant(needs, np.broadcast_to(there[:, None], needs.shape))
    in_tree = np.zeros(needs.shape[1], dtype=bool)
    in_tree[root.containers()] = True
    limits, left = _limits(needs, caps), there
    rates = np.where(in_tree & (dominant == 0), limits, 0.0)
    rising = in_tree & (dominant > 0) & (dominant < np.inf)
    shares = np.divide(needs, there[:, None], out=np.zeros_like(needs), where=there[:, None] > 0)
    while rising.any():
        speeds = _speeds(root, rising, shares, dominant)
        use = needs @ speeds
        used_up = np.divide(left, use, out=np.full_like(left, np.inf), where=use > 0)
        at_limit = np.divide(limits - rates, speeds, out=np.full_like(rates, np.inf), where=speeds > 0)
        step = min(used_up.min(initial=np.inf), at_limit.min())
        done = at_limit <= step
        rates = np.where(done, limits, np.minimum(rates + speeds * step, limits))
        left = np.maximum(left - use * step, 0.0)
        rising &= ~(done | (needs[used_up <= step] > 0).any(axis=0))
    return Progress(rates, needs * rates)


def _speeds(root: Branch, rising: BoolArray, shares: FloatArray, dominant: FloatArray) -> FloatArray:
    """Say how fast each rate rises, shape (n_containers,), relative to the others."""
    speeds = np.zeros(len(rising))

    def unit(member: Leaf | Branch) -> tuple[FloatArray, dict[int, float]] | None:
        """Give the shares, and the rates that make them, with which a member rises to 1 of its largest share."""
        if isinstance(member, Leaf):
            place = member.container
            return (shares[:, place] / dominant[place], {place: 1.0 / dominant[place]}) if rising[place] else None
        inside = [(inner.weight, found) for inner in member.members if (found := unit(inner)) is not None]
        if not inside:
            return None
        # Only where nobody with weight rises do those without, and then all alike.
        if not any(weight for weight, _ in inside):
            inside = [(1.0, found) for _, found in inside]
        together = sum((weight * taken for weight, (taken, _) in inside), np.zeros(len(shares)))
        largest = float(together.max())
        rates = {place: weight / largest * rate for weight, (_, each) in inside for place, rate in each.items()}
        return together / largest, rates

    if (found := unit(root)) is not None:
        for place, rate in found[1].items():
            speeds[place] = rate
    return speeds


def _dominant(demands: FloatArray, entitled: FloatArray) -> FloatArray:
    """Give the largest part of what each is entitled to that it needs at full speed, shape (n_containers,)."""
    # Whoever is entitled to nothing of what it needs is stopped by it: it is as if it needed infinitely much.
    parts = np.divide(demands, entitled, out=np.where(demands > 0, np.inf, 0.0), where=entitled > 0)
    largest: FloatArray = parts.max(axis=0, initial=0.0)
    return largest


def _columns(
    capacity: FloatArray, demands: FloatArray, weights: FloatArray | float
) -> tuple[FloatArray, FloatArray, FloatArray]:
    there, needs = np.asarray(capacity, dtype=np.float64), np.asarray(demands, dtype=np.float64)
    by_weight = np.asarray(weights, dtype=np.float64)
    if by_weight.ndim == 0:
        by_weight = np.full(needs.shape[1], float(by_weight))
    check(there, needs, by_weight)
    if np.inf in needs:
        raise ValueError("what a container uses at full speed must be finite")
    return there, needs, by_weight


def _limits(demands: FloatArray, caps: FloatArray | float) -> FloatArray:
    """Give the rate at which each container reaches full speed or its first cap, shape (n_containers,)."""
    if isinstance(caps, float) and caps == np.inf:
        return np.ones(demands.shape[1])
    if not (np.asarray(caps) >= 0).all():
        raise ValueError("caps must be numbers and not negative")
    at_cap = np.divide(np.broadcast_to(caps, demands.shape), demands, out=np.ones_like(demands), where=demands > 0)
    limits: FloatArray = at_cap.min(axis=0, initial=1.0)
    return limits


def _raise_together(
    capacity: FloatArray,
    demands: FloatArray,
    weights: FloatArray,
    limits: FloatArray,
    rising: BoolArray,
    rates: FloatArray,
) -> None:
    """Write into `rates` where those that are `rising` stop: a resource is used up, then the next, until none is."""
    ordered = np.flatnonzero(rising)
    full_at = limits[ordered] / weights[ordered]
    order = full_at.argsort()
    ordered, full_at = ordered[order], full_at[order]
    left, reached = capacity, 0.0
    while ordered.size:
        needs, paces, most = demands[:, ordered], weights[ordered], limits[ordered]
        levels = level(left, full_at, needs * most, needs * paces)
        # Two resources that are used up at once differ by rounding; what rises never falls again.
        reached = max(reached, float(levels.min(initial=np.inf)))
        arrived = np.minimum(most, paces * reached)
        rates[ordered] = arrived
        if reached == np.inf:
            return
        stopped = (needs[levels <= reached] > 0).any(axis=0)
        left = np.maximum(left - needs[:, stopped] @ arrived[stopped], 0.0)
        ordered, full_at = ordered[~stopped], full_at[~stopped]
