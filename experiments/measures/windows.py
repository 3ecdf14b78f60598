"""Means over windows of time, of what the log tells step by step."""

from __future__ import annotations

import numpy as np

from policies.arrays import FloatArray


def window_means(t_s: FloatArray, values: FloatArray, edges: FloatArray) -> FloatArray:
    """Give the exact mean in each window of what changes in steps.

    Parameters
    ----------
    t_s : ndarray of shape (n,)
        When it changes, ascending, in seconds.
    values : ndarray of shape (n,)
        What it is from then on; before the first change it is 0, as in the metrics.
    edges : ndarray of shape (n_windows + 1,)
        Where windows begin and end, ascending, in seconds.

    Returns
    -------
    ndarray of shape (n_windows,)
        In the unit of `values`.

    Examples
    --------
    >>> window_means(np.array([1.0, 3.0]), np.array([4.0, 8.0]), np.array([0.0, 2.0, 4.0]))
    array([2., 6.])
    """
    if not t_s.size:
        return np.zeros(edges.size - 1)
    until = np.append(0.0, np.cumsum(values[:-1] * np.diff(t_s)))
    last = np.searchsorted(t_s, edges, side="right") - 1
    integral = np.where(last < 0, 0.0, until[last] + values[last] * (edges - t_s[last]))
    return np.diff(integral) / np.diff(edges)


def overlap_s(begins_s: FloatArray, lengths_s: FloatArray, edges: FloatArray) -> FloatArray:
    """Give how long things that begin and last took, all together, in each window.

    Parameters
    ----------
    begins_s, lengths_s : ndarray of shape (n,)
        When each begins, and for how long it goes on, in seconds.
    edges : ndarray of shape (n_windows + 1,)
        Where windows begin and end, ascending, in seconds.

    Returns
    -------
    ndarray of shape (n_windows,)
        Seconds; more than a window has where several go on at a time.

    Examples
    --------
    >>> overlap_s(np.array([0.0, 1.0]), np.array([3.0, 2.0]), np.array([0.0, 2.0, 4.0]))
    array([3., 2.])
    """

    def passed(moments: FloatArray) -> FloatArray:
        """Give at every edge how long ago all moments before it were, summed."""
        ordered = np.sort(moments)
        before = np.searchsorted(ordered, edges, side="right")
        sums: FloatArray = np.append(0.0, np.cumsum(ordered))[before]
        return before * edges - sums

    # Of long runs the sums are large and nearly cancel.
    return np.maximum(np.diff(passed(begins_s) - passed(begins_s + lengths_s)), 0.0)


def counts_in(t_s: FloatArray, edges: FloatArray) -> FloatArray:
    """Give how many moments lie in each window; its end belongs to the next one, and the last end to the last."""
    return np.histogram(t_s, edges)[0].astype(float)
