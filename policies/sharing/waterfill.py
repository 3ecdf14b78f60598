"""One resource, shared by weight: nobody gets more than it wants, and nothing is left while somebody wants more."""

from __future__ import annotations

import numpy as np

from policies.arrays import FloatArray


def waterfill(
    capacity: FloatArray | float,
    demands: FloatArray,
    weights: FloatArray | float = 1.0,
    caps: FloatArray | float = np.inf,
) -> FloatArray:
    r"""Share out a resource by weighted max-min fairness, on one host or on many at once.

    Parameters
    ----------
    capacity : float or ndarray of shape (n_hosts,)
        What there is to share, finite: cores, device-seconds per second, bytes per second.
    demands : ndarray of shape (n_containers,) or (n_hosts, n_containers)
        What each would use if it were alone, in the same unit; ``inf`` for as much as there is. A row may be padded
        with demands of 0.
    weights : float or ndarray, broadcast against `demands`
        Relative and finite. Whoever has weight 0 gets what nobody with weight wants, in equal parts.
    caps : float or ndarray, broadcast against `demands`
        The most that each may use, in the same unit.

    Returns
    -------
    ndarray, shaped like `demands`
        What each gets.

    Raises
    ------
    ValueError
        If anything is negative or NaN, or a capacity or weight infinite.

    Notes
    -----
    Each gets :math:`\min(d_i, w_i t)`, with :math:`d_i` its demand or cap, whichever is less, and one level :math:`t`
    for all at which the capacity is used up; everything it wants where the capacity suffices. The level is found by
    sorting, in :math:`O(n \log n)` (max-min flow control of Bertsekas and Gallager, "Data networks", chapter 6).

    With demands bounded by how many processors a container's threads can use it is the fair share scheduler of Solaris,
    whose rule for 0 shares it also has ("System administration guide: resource management", chapter on FSS).

    Examples
    --------
    >>> waterfill(2.0, np.array([2.0, 2.0]), np.array([1.0, 3.0]))
    array([0.5, 1.5])
    >>> waterfill(2.0, np.array([1.0, 1.0]), np.array([1.0, 100.0]))  # one thread each: no competition
    array([1., 1.])
    >>> waterfill(np.array([3.0, 1.0]), np.array([[1.0, 5.0, 5.0], [1.0, 1.0, 0.0]]))
    array([[1. , 1. , 1. ],
           [0.5, 0.5, 0. ]])
    """
    there = np.asarray(capacity, dtype=np.float64)
    # Nobody gets more than everything, and without infinities the sums stay numbers.
    want = np.minimum(np.minimum(demands, caps), there[..., None])
    by_weight = np.broadcast_to(np.asarray(weights, dtype=np.float64), want.shape)
    check(there, want, by_weight)
    return fill(there, want, by_weight)


def check(capacity: FloatArray, want: FloatArray, weights: FloatArray) -> None:
    """Refuse what cannot be shared out; see `waterfill`."""
    if not ((capacity >= 0) & (capacity < np.inf)).all():
        raise ValueError("a capacity must be finite and not negative")
    if not (want >= 0).all():
        raise ValueError("demands and caps must be numbers and not negative")
    if not ((weights >= 0) & (weights < np.inf)).all():
        raise ValueError("a weight must be finite and not negative")


def fill(capacity: FloatArray, want: FloatArray, weights: FloatArray) -> FloatArray:
    """Do what `waterfill` says, for finite and checked arrays: (...), (..., n) and (..., n)."""
    if want.shape[-1] == 0 or (want.sum(axis=-1) <= capacity).all():
        return want
    weighty = weights > 0
    if weighty.all():
        return below(level(capacity, want, weights), want, weights)
    first = np.where(weighty, want, 0.0)
    given: FloatArray = below(level(capacity, first, weights), first, weights)
    # Rounding may have given away a little more than there was.
    left = np.maximum(capacity - given.sum(axis=-1), 0.0)
    last, equal = np.where(weighty, 0.0, want), np.ones_like(want)
    given += below(level(left, last, equal), last, equal)
    return given


def below(levels: FloatArray, want: FloatArray, weights: FloatArray) -> FloatArray:
    """Give everyone what it wants up to its row's level: (...), (..., n) and (..., n)."""
    given: FloatArray = np.where(weights > 0, weights, 1.0) * levels[..., None]
    return np.minimum(want, given, out=given)


def level(capacity: FloatArray, want: FloatArray, weights: FloatArray) -> FloatArray:
    """Say at which level the capacity is used up.

    Parameters
    ----------
    capacity : ndarray of shape (...)
        What there is to share.
    want : ndarray of shape (..., n)
        The most each takes; 0 where its weight is 0.
    weights : ndarray of shape (..., n)
        How much each takes per level, until it has what it wants.

    Returns
    -------
    ndarray of shape (...)
        ``inf`` where there is enough for all.
    """
    # Who wants nothing is sorted to the front and counts no further, so any weight will do that divides.
    weights = np.where(weights > 0, weights, 1.0)
    full_at = want / weights
    order = full_at.argsort(axis=-1)
    full_at = np.take_along_axis(full_at, order, axis=-1)
    want = np.take_along_axis(want, order, axis=-1)
    weights = np.take_along_axis(weights, order, axis=-1)
    # Before the k-th has what it wants, those behind it want more too.
    still = weights[..., ::-1].cumsum(axis=-1)[..., ::-1]
    left = capacity[..., None] - want.cumsum(axis=-1) + want
    short = full_at * still > left
    k = short.argmax(axis=-1)[..., None]
    at = np.take_along_axis(np.maximum(left, 0.0), k, axis=-1) / np.take_along_axis(still, k, axis=-1)
    return np.where(short.any(axis=-1), at[..., 0], np.inf)
