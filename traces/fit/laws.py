"""Laws of single quantities, fitted to a sample, and how strongly quantities go together."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from math import ceil, exp, floor, log10, pi, sqrt

import numpy as np

from policies.arrays import FloatArray, IntArray
from policies.streams import stream
from traces.fit.coming import CONFIDENCE, Interval
from traces.generate.drawing import MOST_OF_A_SHARE
from traces.generate.laws import Constant, Empirical, Exponential, Lognormal, Marginal, Quantiles

#: A law has at most so many points or values.
POINTS = 101

#: A value that is told as it was is one of so many jobs at least.
FEW = 5

#: With more different values than these a quantity is one of a continuous law.
MOST_VALUES = 50

#: A value that is so common has a step of its own in a law of many values.
COMMON = 0.01

#: Digits of a value that is not told as it was.
DIGITS = 3

#: What is smaller is nothing.
SMALLEST = 1e-12

#: Of the jobs this part has rare values, and may be told to have the next common ones.
RARE = 0.02

#: Correlations below this are left out.
WEAKEST = 0.02

#: Jobs that are drawn to see which correlation of the normal variables makes the ranks go together as they do.
TRIALS = 20_000

#: Rows whose ranks are compared.
RANKED = 50_000


def fit_law(values: FloatArray, whole: bool = False) -> Marginal:
    r"""Fit a law to a sample.

    Parameters
    ----------
    values : ndarray of shape (n,)
        Finite, not negative, at least one.
    whole : bool
        Whether they are whole numbers, which are drawn from a continuous law by rounding up.

    Returns
    -------
    Marginal
        One of these, the first that does:

        - a constant;
        - `Empirical`, if there are at most `MOST_VALUES` values that `FEW` jobs or more have; the jobs of other values,
          a part of at most `RARE`, have the nearest of them;
        - `Exponential` or `Lognormal` of the sample's mean or mean logarithm, if it is as near as the right one would
          be (Kolmogorov-Smirnov distance at most :math:`1/\sqrt n`, about the 5 % point with fitted parameters;
          Lilliefors, 1967 and 1969);
        - `Quantiles` with at most `POINTS` points: every fiftieth of the jobs (every `FEW` jobs of few), then ever
          smaller parts of the tail up to the largest value, and both sides of every value that a part of `COMMON` has.
          Values are rounded to `DIGITS` digits, and the share of each is the sample's, so that the law is exact there;
          above the largest there is nothing.
    """
    values = np.sort(np.where(values < SMALLEST, 0.0, values))
    different, counts = np.unique(values, return_counts=True)
    if different.size == 1:
        return Constant(float(different[0]))
    common = counts >= FEW
    if 0 < common.sum() <= MOST_VALUES and counts[~common].sum() <= RARE * values.size:
        kept = different[common]
        middles = (kept[:-1] + kept[1:]) / 2
        weights = np.bincount(np.searchsorted(middles, different), weights=counts, minlength=kept.size)
        if kept.size == 1:
            return Constant(float(kept[0]))
        shares = np.round(weights / values.size, 5)
        return Empirical(tuple(kept.tolist()), tuple(shares.tolist()))
    if not whole and different.size > values.size / 2:
        named = _named(values)
        if named is not None:
            return named
    return _points(values, different, counts.astype(np.int64), whole)


def _named(values: FloatArray) -> Marginal | None:
    """Give the law with a name that fits, if there is one; `values` in order."""
    laws: list[Marginal] = []
    mean = float(values.mean())
    if mean > 0:
        laws.append(Exponential(_digits(mean, 5)))
    if values[0] > 0:
        logs = np.log(values)
        if logs.std() <= 10:
            laws.append(Lognormal(_digits(exp(float(logs.mean())), 5), _digits(float(logs.std(ddof=1)), 5)))
    shares = (np.arange(values.size) + 0.5) / values.size
    for law in laws:
        # The distance on the axis of shares: the law's own share of each value, by looking it up among its quantiles.
        grid = np.linspace(0.0, MOST_OF_A_SHARE, 20_001)
        own = np.interp(values, law.at(np.maximum(grid, 1e-12)), grid)
        if np.abs(own - shares).max() + 0.5 / values.size <= 1 / sqrt(values.size):
            return law
    return None


def _points(values: FloatArray, different: FloatArray, counts: IntArray, whole: bool) -> Quantiles:
    """Give the law of some of a sample's quantiles; `values` in order."""
    n = values.size
    parts = [0.02 / 2**halving for halving in range(1, 25) if n * 0.02 / 2**halving >= 2 * FEW]
    every = max(0.02, FEW / n)
    shares = np.array([*np.arange(every, 0.99, every), *(1 - part for part in parts)])
    chosen = {_digits(value, DIGITS) for value in np.quantile(values, shares, method="inverted_cdf").tolist()}
    # Points come in pairs where a value is common; there is room for so many.
    room = (POINTS - 2 - len(chosen)) // 2
    often = np.argsort(-counts, kind="stable")[:room]
    steps = {float(different[place]) for place in often if counts[place] >= max(COMMON * n, FEW)}
    low, high = _down(float(values[0])), _up(float(values[-1]))
    if whole:
        low, chosen, high = float(floor(low)), {float(ceil(value)) for value in chosen}, float(ceil(high))
    points = [(0.0, max(low - 1, 0.0) if whole else low)]
    for value in sorted(chosen | steps):
        if not low <= value <= high:
            continue
        if value in steps:
            if whole:
                points.append((float(values.searchsorted(value - 1, side="right")) / n, value - 1))
            else:
                points.append((float(values.searchsorted(value, side="left")) / n, value))
        points.append((float(values.searchsorted(value, side="right")) / n, value))
    kept = points[:1]
    for share, value in sorted(points[1:], key=lambda point: (point[1], point[0])):
        if share >= 1 - 1e-6 or (value == kept[-1][1] and share <= kept[-1][0]):
            continue
        # Where nobody is between two values, the line between them is as good as upright.
        kept.append((max(round(share, 7), round(kept[-1][0] + 1e-7, 7)), value))
    return Quantiles((*kept, (1.0, high)))


def _digits(value: float, digits: int) -> float:
    return float(f"{value:.{digits}g}")


def _step(value: float) -> float:
    return 10.0 ** (floor(log10(value)) - DIGITS + 1) if value > 0 else 1.0


def _down(value: float) -> float:
    return min(_digits(floor(value / _step(value)) * _step(value), DIGITS), value)


def _up(value: float) -> float:
    return max(_digits(ceil(value / _step(value)) * _step(value), DIGITS), value)


def ranks(values: FloatArray) -> FloatArray:
    """Give the rank of each value, equal ones having the mean of theirs.

    Examples
    --------
    >>> ranks(np.array([5.0, 1.0, 5.0])).tolist()
    [1.5, 0.0, 1.5]
    """
    _, which, counts = np.unique(values, return_inverse=True, return_counts=True)
    mean: FloatArray = (np.cumsum(counts) - (counts + 1) / 2)[which]
    return mean


def rank_correlations(columns: Sequence[FloatArray]) -> FloatArray:
    """Give Spearman's rank correlation of each two columns; 0 where one is constant."""
    if not columns[0].size:
        return np.eye(len(columns))
    table = np.array([ranks(column) for column in columns])
    table -= table.mean(axis=1, keepdims=True)
    size = np.sqrt((table**2).sum(axis=1))
    table /= np.where(size > 0, size, 1.0)[:, np.newaxis]
    together: FloatArray = table @ table.T
    np.fill_diagonal(together, 1.0)
    return together


def fit_correlations(
    columns: Mapping[str, FloatArray], laws: Mapping[str, Marginal]
) -> dict[tuple[str, str], Interval]:
    r"""Fit the correlations of the normal variables behind quantities, see `traces.generate.ClassSpec`.

    Parameters
    ----------
    columns : mapping of str to ndarray of shape (n,)
        The same jobs' values of each quantity.
    laws : mapping of str to Marginal
        What was fitted to each.

    Returns
    -------
    dict
        An interval for each pair of which it does not hold 0.

    Notes
    -----
    Of continuous laws a rank correlation :math:`\rho_S` is that of :math:`\rho = 2 \sin(\pi \rho_S / 6)`. Equal values
    make it smaller. So `TRIALS` jobs are drawn, :math:`\rho` is changed by what their rank correlation is off, and
    again, until ranks go together as those of the trace. The interval is that of Spearman's coefficient by Fisher's
    transformation with the variance :math:`(1 + \rho_S^2/2)/(n - 3)` (Bonett and Wright, "Sample size requirements for
    estimating Pearson, Kendall and Spearman correlations", 2000), carried over by the slope.
    """
    from scipy.special import ndtr, ndtri

    names = [name for name in columns if name in laws and not isinstance(laws[name], Constant)]
    if len(names) < 2:
        return {}
    n = len(columns[names[0]])
    every = max(ceil(n / RANKED), 1)
    target = rank_correlations([columns[name][::every] for name in names])
    n = len(columns[names[0]][::every])
    normal = stream(0, "fit", "correlations").standard_normal((TRIALS, len(names)))
    normal -= normal.mean(axis=0)
    normal = np.linalg.solve(np.linalg.cholesky(normal.T @ normal / TRIALS), normal.T)  # exactly unrelated
    rho = possible(2 * np.sin(pi / 6 * target))
    for _ in range(6):
        shares = np.clip(ndtr(np.linalg.cholesky(rho) @ normal), 0.0, MOST_OF_A_SHARE)
        drawn = [laws[name].at(share) for name, share in zip(names, shares, strict=True)]
        drawn = [np.ceil(one) if name == "tasks" else one for name, one in zip(names, drawn, strict=True)]
        rho = possible(rho + 2 * np.sin(pi / 6 * target) - 2 * np.sin(pi / 6 * rank_correlations(drawn)))
    z = float(ndtri((1 + CONFIDENCE) / 2))
    found = {}
    for i, one in enumerate(names):
        for j in range(i):
            ranked, value = float(target[i, j]), float(rho[i, j])
            off = z * sqrt((1 + ranked**2 / 2) / max(n - 3, 1))
            turned = np.arctanh(min(max(ranked, -0.999999), 0.999999))
            ends = np.tanh([turned - off, turned + off])
            direct = 2 * np.sin(pi / 6 * np.array([ends[0], ranked, ends[1]]))
            slope = value / direct[1] if abs(ranked) > 0.05 else 1.0
            low, high = value + slope * (direct[[0, 2]] - direct[1])
            if abs(value) >= WEAKEST and low * high > 0:
                found[names[j], one] = Interval(value, max(float(low), -1.0), min(float(high), 1.0))
    return found


def possible(matrix: FloatArray) -> FloatArray:
    """Give a matrix of correlations near to one that may contradict itself.

    Notes
    -----
    Negative eigenvalues become small positive ones, and the diagonal is made 1 again.
    """
    matrix = np.clip(matrix, -0.995, 0.995)
    np.fill_diagonal(matrix, 1.0)
    values, vectors = np.linalg.eigh(matrix)
    if values[0] < 1e-4:
        matrix = vectors @ np.diag(np.maximum(values, 1e-3)) @ vectors.T
        size = np.sqrt(np.diag(matrix))
        matrix = matrix / np.outer(size, size)
    return matrix
