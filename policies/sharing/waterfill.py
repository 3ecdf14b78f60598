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
    if want.ndim > 1:
        return _fill(np.broadcast_to(there, len(want)), want, by_weight)
    return _fill(there[None], want[None], by_weight[None]).ravel()


def check(capacity: FloatArray, want: FloatArray, weights: FloatArray) -> None:
    """Refuse what cannot be shared out; see `waterfill`."""
    # Written so that NaN, which is neither less nor more than anything, does not pass.
    if not (capacity.min(initial=0.0) >= 0.0 and capacity.max(initial=0.0) < np.inf):
        raise ValueError("a capacity must be finite and not negative")
    if not want.min(initial=0.0) >= 0.0:
        raise ValueError("demands and caps must be numbers and not negative")
    if not (weights.min(initial=0.0) >= 0.0 and weights.max(initial=0.0) < np.inf):
        raise ValueError("a weight must be finite and not negative")


def _fill(capacity: FloatArray, want: FloatArray, weights: FloatArray) -> FloatArray:
    """Do what `waterfill` says, for finite and checked arrays: (n_hosts,), (n_hosts, n) and (n_hosts, n)."""
    if (want.sum(axis=1) <= capacity).all():
        return want
    weighty = weights > 0
    if weighty.all():
        return _up_to_level(capacity, want, weights)
    given = _up_to_level(capacity, np.where(weighty, want, 0.0), np.where(weighty, weights, 1.0))
    # Rounding may have given away a little more than there was.
    left = np.maximum(capacity - given.sum(axis=1), 0.0)
    given += _up_to_level(left, np.where(weighty, 0.0, want), np.ones_like(want))
    return given


def _up_to_level(capacity: FloatArray, want: FloatArray, weights: FloatArray) -> FloatArray:
    """Give everyone what it wants up to the level of its row, for weights of more than 0."""
    full_at = want / weights
    order = full_at.argsort(axis=1)
    order += np.arange(0, want.size, want.shape[1])[:, None]
    levels = level(capacity, full_at.take(order), want.take(order), weights.take(order))
    given: FloatArray = weights * levels[:, None]
    return np.minimum(want, given, out=given)


def level(capacity: FloatArray, full_at: FloatArray, want: FloatArray, weights: FloatArray) -> FloatArray:
    """Say at which level a resource is used up, or several.

    Parameters
    ----------
    capacity : ndarray of shape (m,)
        What there is to share.
    full_at : ndarray of shape (n,) or (m, n)
        At which level each has all it wants, in ascending order.
    want : ndarray of shape (m, n)
        The most each takes, in that order.
    weights : ndarray of shape (m, n)
        How much each takes per level, until it has all it wants; 0 for who wants nothing.

    Returns
    -------
    ndarray of shape (m,)
        ``inf`` where there is enough for all.
    """
    # Before the k-th has what it wants, those behind it want more too.
    still = weights[:, ::-1].cumsum(axis=1)[:, ::-1]
    left = capacity[:, None] - want.cumsum(axis=1) + want
    short = full_at * still > left
    first = (np.arange(len(want)), short.argmax(axis=1))
    levels = np.full(len(want), np.inf)
    # Rounding may have taken a little more than there was.
    np.divide(np.maximum(left[first], 0.0), still[first], out=levels, where=short[first])
    return levels
