"""The laws of single quantities, by the names they have in a file."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Protocol

import numpy as np

from policies.arrays import FloatArray


def demand(holds: bool, otherwise: str) -> None:
    """Refuse what cannot be.

    Raises
    ------
    ValueError
        Saying so.
    """
    if not holds:
        raise ValueError(otherwise)


class Marginal(Protocol):
    """The law of one quantity that is never negative."""

    def draw(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw `n` numbers; drawing n and then m gives the same numbers as drawing n + m."""

    def expected(self) -> float:
        """Give the expected value."""


@dataclass(frozen=True, slots=True)
class Constant:
    """Always the same; ``inf`` for what never ends."""

    value: float

    def __post_init__(self) -> None:
        demand(self.value >= 0, "value must be 0 or more")

    def draw(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Repeat the value `n` times."""
        return np.full(n, self.value)

    def expected(self) -> float:
        """Give the value."""
        return self.value


@dataclass(frozen=True, slots=True)
class Exponential:
    """The time between arrivals that know nothing of one another."""

    mean: float

    def __post_init__(self) -> None:
        demand(0 < self.mean < math.inf, "mean must be more than 0")

    def draw(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw `n` numbers."""
        return rng.exponential(self.mean, n)

    def expected(self) -> float:
        """Give the mean."""
        return self.mean


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

    def expected(self) -> float:
        """Give the mean, median * exp(sigma^2 / 2)."""
        return self.median * math.exp(self.sigma**2 / 2)


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

    def expected(self) -> float:
        """Give the middle."""
        return (self.low + self.high) / 2


@dataclass(frozen=True, slots=True)
class Empirical:
    """One of the values that were seen, each as likely as the others; a value that stands twice is twice as likely."""

    values: tuple[float, ...]

    def __post_init__(self) -> None:
        demand(len(self.values) > 0, "values is empty")
        demand(all(0 <= value < math.inf for value in self.values), "values must be 0 or more")

    def draw(self, rng: np.random.Generator, n: int) -> FloatArray:
        """Draw `n` numbers."""
        return np.array(self.values)[(rng.random(n) * len(self.values)).astype(np.intp)]

    def expected(self) -> float:
        """Give the mean of the values."""
        return math.fsum(self.values) / len(self.values)


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

    def expected(self) -> float:
        """Give the mean: of each straight piece its middle."""
        return math.fsum((q - p) * (low + high) / 2 for (p, low), (q, high) in pairwise(self.points))


#: The laws by the names they have in a file.
LAWS: Mapping[str, type[Any]] = {law.__name__.lower(): law for law in (
    Constant, Exponential, Lognormal, Uniform, Empirical, Quantiles
)}  # fmt: skip
