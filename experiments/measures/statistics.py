"""Numbers of runs: means over seeds and how sure they are, quantiles."""

from __future__ import annotations

from collections.abc import Sequence
from math import inf, nan, sqrt
from typing import NamedTuple

import numpy as np

from policies.arrays import FloatArray

#: What a run comes to in one respect; None where nobody can say.
Metric = float | int | None

#: How sure an interval is.
CONFIDENCE = 0.95


class Estimate(NamedTuple):
    """A mean and the half-width of its confidence interval; infinite where there is a single value."""

    mean: float
    half: float

    @property
    def low(self) -> float:
        return self.mean - self.half

    @property
    def high(self) -> float:
        return self.mean + self.half


def estimate(values: Sequence[float]) -> Estimate:
    r"""Give the mean of independent values with its 95 % t-interval.

    Parameters
    ----------
    values : sequence of float
        One for each seed; of paired runs, their differences or ratios.

    Notes
    -----
    :math:`\bar x \pm t_{n-1,\,0.975}\, s / \sqrt n`, Student's interval for the mean of a normal population.

    Examples
    --------
    >>> mean, half = estimate([1.0, 2.0, 3.0])
    >>> mean, round(half, 3)
    (2.0, 2.484)
    """
    n = len(values)
    if not n:
        return Estimate(nan, nan)
    mean = sum(values) / n
    if n == 1:
        return Estimate(mean, inf)
    from scipy.special import stdtrit  # only where there is an interval to give

    deviation = sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
    return Estimate(mean, float(stdtrit(n - 1, (1 + CONFIDENCE) / 2)) * deviation / sqrt(n))


def quantile(values: FloatArray, share: float) -> float:
    """Give a quantile, interpolated linearly as NumPy's, whose own would import masked arrays for it."""
    ordered = np.sort(values)
    return float(np.interp(share * (ordered.size - 1), np.arange(ordered.size), ordered))
