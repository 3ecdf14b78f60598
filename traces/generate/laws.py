"""The laws of single quantities, by the names they have in a file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from policies.arrays import FloatArray

#: How many terms of a sum are added before the rest becomes an integral.
ONE_BY_ONE = 1000


def demand(holds: bool, otherwise: str) -> None:
    """Refuse what cannot be.

    Raises
    ------
    ValueError
        Saying so.
    """
    if not holds:
        raise ValueError(otherwise)


def _evenly(low: float, high: float) -> float:
    """Give the mean of what is spread evenly from `low` to `high`, when it is rounded up, at least to 1."""

    def up_to(x: float) -> float:  # integral from 0
        whole = float(math.floor(x))
        return whole * (whole + 1) / 2 + (x - whole) * (whole + 1)

    return (up_to(high) - up_to(low)) / (high - low) if low < high else max(1.0, math.ceil(low))


class Marginal(Protocol):
    """The law of one quantity that is never negative."""

    def draw(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw `n` numbers; drawing n and then m gives the same numbers as drawing n + m."""

    def draw_met(self, rng: np.random.Generator, n: int) -> FloatArray:
        r"""Draw `n` numbers, each as likely as it is large; the same in parts as at once.

        Notes
        -----
        Whoever looks at a random moment meets long intervals more often: their lengths have the density
        :math:`x f(x) / E[X]` where all intervals have :math:`f(x)` (length-biased sampling; Feller, "An Introduction
        to Probability Theory and Its Applications" II, section I.4). Meaningless where the mean is 0 or infinite.
        """

    def at(self, shares: FloatArray) -> FloatArray:
        """Give the values below which these shares lie, each at least 0 and less than 1."""

    def expected(self) -> float:
        """Give the expected value."""

    def expected_count(self) -> float:
        """Give the expected value of what is drawn when it is rounded up to a whole number, at least 1."""

    def times(self, factor: float) -> Marginal:
        """Give the law of `factor` times the quantity; both draw the same numbers but for the factor."""


@dataclass(frozen=True, slots=True)
class Constant:
    """Always the same; ``inf`` for what never ends."""

    value: float

    def __post_init__(self) -> None:
        demand(self.value >= 0, "value must be 0 or more")

    def draw(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Repeat the value `n` times."""
        return np.full(n, self.value)

    def draw_met(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Repeat the value: all are alike."""
        return self.draw(rng, n)

    def at(self, shares: FloatArray) -> FloatArray:
        return np.full(shares.shape, self.value)

    def expected(self) -> float:
        """Give the value."""
        return self.value

    def expected_count(self) -> float:
        return max(1.0, math.ceil(self.value))

    def times(self, factor: float) -> Constant:
        return Constant(self.value * factor)


@dataclass(frozen=True, slots=True)
class Exponential:
    """The time between arrivals that know nothing of one another."""

    mean: float

    def __post_init__(self) -> None:
        demand(0 < self.mean < math.inf, "mean must be more than 0")

    def draw(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw `n` numbers."""
        return rng.exponential(self.mean, n)

    def draw_met(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw from the gamma law of shape 2: what was before the moment and what comes after are unrelated."""
        return rng.exponential(self.mean, (n, 2)).sum(axis=1)

    def at(self, shares: FloatArray) -> FloatArray:
        values: FloatArray = -self.mean * np.log1p(-shares)
        return values

    def expected(self) -> float:
        """Give the mean."""
        return self.mean

    def expected_count(self) -> float:
        """Give the mean of a geometric law."""
        return -1 / math.expm1(-1 / self.mean)

    def times(self, factor: float) -> Exponential:
        return Exponential(self.mean * factor)


@dataclass(frozen=True, slots=True)
class Lognormal:
    """Many small and few large: the logarithm is normal, with standard deviation `sigma` about that of `median`."""

    median: float
    sigma: float

    def __post_init__(self) -> None:
        demand(0 < self.median < math.inf, "median must be more than 0")
        demand(0 <= self.sigma <= 10, "sigma must be between 0 and 10")

    def draw(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw `n` numbers."""
        return self.median * np.exp(self.sigma * rng.standard_normal(n))

    def draw_met(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw from the lognormal law of median * exp(sigma^2)."""
        return math.exp(self.sigma**2) * self.draw(rng, n)

    def at(self, shares: FloatArray) -> FloatArray:
        from scipy.special import ndtri  # only where shares are asked for: it costs start-up

        if not self.sigma:
            return np.full(shares.shape, self.median)
        values: FloatArray = self.median * np.exp(self.sigma * ndtri(shares))
        return values

    def expected(self) -> float:
        """Give the mean, median * exp(sigma^2 / 2)."""
        return self.median * math.exp(self.sigma**2 / 2)

    def expected_count(self) -> float:
        r"""Sum :math:`P(X > n)` over all whole n; from `ONE_BY_ONE` on the sum is an integral."""
        if not self.sigma:
            return max(1.0, math.ceil(self.median))

        def above(x: float, shift: float = 0.0) -> float:
            return math.erfc((math.log(x / self.median) / self.sigma - shift) / math.sqrt(2)) / 2

        far = ONE_BY_ONE + 0.5
        rest = self.expected() * above(far, self.sigma) - far * above(far)  # E[X - far; X > far]
        return 1 + math.fsum(above(n) for n in range(1, ONE_BY_ONE + 1)) + rest

    def times(self, factor: float) -> Lognormal:
        return Lognormal(self.median * factor, self.sigma)


@dataclass(frozen=True, slots=True)
class Uniform:
    """Any number from `low` to `high`."""

    low: float
    high: float

    def __post_init__(self) -> None:
        demand(0 <= self.low <= self.high < math.inf, "low must be 0 or more and high not below it")

    def draw(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw `n` numbers."""
        return self.low + (self.high - self.low) * rng.random(n)

    def draw_met(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw from the law whose density grows from `low` to `high`."""
        return np.sqrt(self.low**2 + (self.high**2 - self.low**2) * rng.random(n))

    def at(self, shares: FloatArray) -> FloatArray:
        return self.low + (self.high - self.low) * shares

    def expected(self) -> float:
        """Give the middle."""
        return (self.low + self.high) / 2

    def expected_count(self) -> float:
        return _evenly(self.low, self.high)

    def times(self, factor: float) -> Uniform:
        return Uniform(self.low * factor, self.high * factor)


@dataclass(frozen=True, slots=True)
class Empirical:
    """One of the values that were seen, each as likely as the others; a value that stands twice is twice as likely.

    Attributes
    ----------
    values : tuple of float
        What may be drawn.
    weights : tuple of float
        How likely each of them is, relative to the others; empty if all are equally likely.
    """

    values: tuple[float, ...]
    weights: tuple[float, ...] = ()

    def __post_init__(self) -> None:
        demand(len(self.values) > 0, "values is empty")
        demand(all(0 <= value < math.inf for value in self.values), "values must be 0 or more")
        demand(len(self.weights) in (0, len(self.values)), "weights must be as many as values")
        demand(all(0 <= weight < math.inf for weight in self.weights), "weights must be 0 or more")
        demand(not self.weights or 0 < sum(self.weights) < math.inf, "weights are all 0")

    def draw(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw `n` numbers."""
        if self.weights:
            return self._pick(np.array(self.values), np.array(self.weights), rng.random(n))
        return np.array(self.values)[(rng.random(n) * len(self.values)).astype(np.intp)]

    def draw_met(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw one of the values, each as likely as it is large."""
        values = np.array(self.values)
        return self._pick(values, values * self.weights if self.weights else values, rng.random(n))

    def at(self, shares: FloatArray) -> FloatArray:
        """Give the values in the order of their size."""
        order = np.argsort(self.values, kind="stable")
        weights = np.array(self.weights or [1.0] * len(self.values))
        return self._pick(np.array(self.values)[order], weights[order], shares)

    @staticmethod
    def _pick(values: FloatArray, weights: FloatArray, shares: FloatArray) -> FloatArray:
        up_to = np.cumsum(weights)
        at = up_to.searchsorted(shares * up_to[-1], side="right")
        # A share that is rounded to the whole belongs to the last that has any weight.
        return values[np.minimum(at, int(np.flatnonzero(weights)[-1]))]

    def expected(self) -> float:
        """Give the mean of the values."""
        return self._mean(self.values)

    def expected_count(self) -> float:
        return self._mean(tuple(max(1.0, math.ceil(value)) for value in self.values))

    def _mean(self, values: tuple[float, ...]) -> float:
        if not self.weights:
            return math.fsum(values) / len(values)
        return math.fsum(map(math.prod, zip(values, self.weights, strict=True))) / math.fsum(self.weights)

    def times(self, factor: float) -> Empirical:
        return Empirical(tuple(value * factor for value in self.values), self.weights)


@dataclass(frozen=True, slots=True)
class Quantiles:
    """A distribution function known at some points.

    Attributes
    ----------
    points : tuple of (float, float)
        Shares from 0 to 1, strictly rising, and the value below which that share lies, never falling. Between two
        points the value is on the straight line from one to the other.
    """

    points: tuple[tuple[float, float], ...]

    def __post_init__(self) -> None:
        demand(len(self.points) > 1, "points must be two or more")
        shares, values = zip(*self.points, strict=True)
        demand(shares[0] == 0 and shares[-1] == 1, "points must begin at share 0 and end at share 1")
        demand(all(a < b for a, b in pairwise(shares)), "points must have rising shares")
        demand(all(a <= b for a, b in pairwise(values)), "points must not have falling values")
        demand(values[0] >= 0 and values[-1] < math.inf, "points must have values of 0 or more")

    def draw(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw `n` numbers."""
        shares, values = zip(*self.points, strict=True)
        drawn: FloatArray = np.interp(rng.random(n), shares, values)
        return drawn

    def draw_met(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw a piece, each as likely as its share times its middle, and on it as `Uniform` does."""
        shares, values = np.array(self.points).T
        low, high = values[:-1], values[1:]
        weight = np.diff(shares) * (low + high)
        up_to = np.cumsum(weight)
        at = rng.random(n) * up_to[-1]
        piece = up_to.searchsorted(at, side="right")
        along = 1 - (up_to[piece] - at) / weight[piece]
        low, high = low[piece], high[piece]
        drawn: FloatArray = np.sqrt(low**2 + (high**2 - low**2) * along)
        return drawn

    def at(self, shares: FloatArray) -> FloatArray:
        """Give what is on the straight lines."""
        at, values = zip(*self.points, strict=True)
        found: FloatArray = np.interp(shares, at, values)
        return found

    def expected(self) -> float:
        """Give the mean: of each straight piece its middle."""
        return math.fsum((q - p) * (low + high) / 2 for (p, low), (q, high) in pairwise(self.points))

    def expected_count(self) -> float:
        return math.fsum((q - p) * _evenly(low, high) for (p, low), (q, high) in pairwise(self.points))

    def times(self, factor: float) -> Quantiles:
        return Quantiles(tuple((share, value * factor) for share, value in self.points))


#: The laws by the names they have in a file.
LAWS: Mapping[str, type[Any]] = {law.__name__.lower(): law for law in (
    Constant, Exponential, Lognormal, Uniform, Empirical, Quantiles
)}  # fmt: skip
