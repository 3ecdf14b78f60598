"""Numbers of runs: means over seeds and how sure they are, quantiles."""

from __future__ import annotations

import warnings
from collections.abc import Callable, Sequence
from math import inf, isfinite, isnan, nan, sqrt
from typing import Any, NamedTuple

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


class Interval(NamedTuple):
    """A value and its confidence interval, which need not lie evenly about it; NaN at both ends where there is none."""

    mean: float
    low: float
    high: float

    @property
    def half(self) -> float:
        return (self.high - self.low) / 2


def estimate(values: Sequence[float], confidence: float = CONFIDENCE) -> Estimate:
    r"""Give the mean of independent values with its t-interval.

    Parameters
    ----------
    values : sequence of float
        One for each seed; of paired runs, their differences or ratios.
    confidence : float
        How sure the interval is, between 0 and 1.

    Notes
    -----
    :math:`\bar x \pm t_{n-1,\,(1+c)/2}\, s / \sqrt n`, Student's interval for the mean of a normal population.

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
    deviation = sqrt(sum((value - mean) ** 2 for value in values) / (n - 1))
    return Estimate(mean, student(n - 1, confidence) * deviation / sqrt(n))


def student(freedom: int, confidence: float = CONFIDENCE) -> float:
    """Give the value within which, either side of 0, Student's t lies with this probability."""
    from scipy.special import stdtrit  # only where there is an interval to give

    return float(stdtrit(freedom, (1 + confidence) / 2))


def paired_p(differences: Sequence[float]) -> float:
    r"""Give the two-sided p-value of the paired t-test: how often chance alone makes a mean difference as large.

    Parameters
    ----------
    differences : sequence of float
        One for each pair.

    Returns
    -------
    float
        :math:`2\,P(T_{n-1} \ge |\bar d| \sqrt n / s)`; NaN for fewer than two pairs, and where all differences are
        equal: the test says nothing about these.
    """
    from scipy.special import stdtr

    n = len(differences)
    if n < 2 or min(differences) == max(differences):
        return nan
    mean, half = estimate(differences)
    return float(2 * stdtr(n - 1, -abs(mean) / half * student(n - 1)))


def ratio(ours: Sequence[float], theirs: Sequence[float], confidence: float = CONFIDENCE) -> Interval:
    r"""Give the ratio of two means over paired values, with Fieller's interval.

    Parameters
    ----------
    ours, theirs : sequence of float
        Numerator and denominator, equally long: the pairs.
    confidence : float
        How sure the interval is.

    Returns
    -------
    Interval
        The ends are NaN where the data do not tell the mean of the denominator from 0, so that any ratio is possible.

    Notes
    -----
    The interval is the set of all :math:`r` for which the paired t-test cannot tell :math:`\bar y` from
    :math:`r \bar x`; it lies between the roots of :math:`(\bar y - r \bar x)^2 = t^2 (s_{yy} - 2 r s_{xy} + r^2 s_{xx})
    / n`. So it contains 1 if and only if that test finds no difference. E. C. Fieller, "Some problems in interval
    estimation", J. R. Stat. Soc. B 16 (1954).

    Examples
    --------
    >>> ratio([2.0, 4.0, 6.0], [1.0, 2.0, 3.1]).mean
    1.9672131147540985
    """
    y, x = np.asarray(ours, dtype=float), np.asarray(theirs, dtype=float)
    n, mean = y.size, float(y.mean() / x.mean()) if x.any() and x.mean() else nan
    if n < 2:
        return Interval(mean, nan, nan)
    (s_yy, s_xy), (_, s_xx) = np.cov(y, x) * student(n - 1, confidence) ** 2 / n
    square = x.mean() ** 2 - s_xx
    if square <= 0:
        return Interval(mean, nan, nan)
    middle = (x.mean() * y.mean() - s_xy) / square
    # Rounding may make the root of nothing that of a little less.
    half = sqrt(max(middle**2 - (y.mean() ** 2 - s_yy) / square, 0.0))
    return Interval(mean, float(middle - half), float(middle + half))


def bootstrap(
    statistic: Callable[..., Any], *samples: Sequence[float], confidence: float = CONFIDENCE, resamples: int = 9999
) -> Interval:
    """Give a statistic of paired samples with its bootstrap interval.

    Parameters
    ----------
    statistic : callable
        Of the samples, vectorised: takes ``axis``.
    *samples : sequence of float
        Equally long; what belongs together is drawn together.
    confidence : float
        How sure the interval is.
    resamples : int
        How often is drawn; always the same for the same samples.

    Returns
    -------
    Interval
        The ends are NaN where there are fewer than two values, or where they do not differ.

    Notes
    -----
    Bias-corrected and accelerated: B. Efron, "Better bootstrap confidence intervals", J. Am. Stat. Assoc. 82 (1987), as
    SciPy has it. With few seeds it is too narrow (of 300 samples of ten exponential values it held the mean in 86 of
    100): Student's is the better choice unless the values are far from normal and there are 20 or more.
    """
    from scipy.stats import bootstrap as draw

    arrays = [np.asarray(sample, dtype=float) for sample in samples]
    value = float(statistic(*arrays, axis=-1))
    if arrays[0].size < 2 or not isfinite(value) or all(np.ptp(array) == 0 for array in arrays):
        return Interval(value, nan, nan)
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # a degenerate sample: its ends are NaN, which is what is said of it
        found = draw(
            arrays, statistic, confidence_level=confidence, n_resamples=resamples, paired=True, vectorized=True,
            method="BCa", random_state=np.random.default_rng(0),
        ).confidence_interval  # fmt: skip
    return Interval(value, float(found.low), float(found.high))


def holm(p_values: Sequence[float]) -> list[float]:
    r"""Adjust p-values for being several: the chance that any is a false alarm stays below what each is held against.

    Parameters
    ----------
    p_values : sequence of float
        One for each comparison; NaN where there is none, which does not count.

    Returns
    -------
    list of float
        Adjusted, in the same order: the :math:`k`-th smallest of :math:`m` times :math:`m - k + 1`, no less than those
        before it and no more than 1.

    Notes
    -----
    S. Holm, "A simple sequentially rejective multiple test procedure", Scand. J. Stat. 6 (1979). It needs no
    independence: policies are compared with the same baseline.

    Examples
    --------
    >>> holm([0.01, 0.04, 0.03])
    [0.03, 0.06, 0.06]
    """
    adjusted, least = [nan] * len(p_values), 0.0
    order = sorted((n for n, p in enumerate(p_values) if not isnan(p)), key=lambda n: p_values[n])
    for place, number in enumerate(order):
        least = max(least, min(1.0, (len(order) - place) * p_values[number]))
        adjusted[number] = least
    return adjusted


def quantile(values: FloatArray, share: float) -> float:
    """Give a quantile, interpolated linearly as NumPy's, whose own would import masked arrays for it."""
    ordered = np.sort(values)
    return float(np.interp(share * (ordered.size - 1), np.arange(ordered.size), ordered))
