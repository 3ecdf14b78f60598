"""How jobs come where that is more than a law of the gaps between them: a pattern that repeats, and bursts."""

from __future__ import annotations

import math
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise

import numpy as np

from policies.arrays import FloatArray
from policies.streams import stream
from traces.generate.laws import demand

HOUR_S = 3600.0

#: How many stretches of time of equal rate are looked at together. What is drawn does not depend on it.
STRETCHES = 2**14


@dataclass(frozen=True, slots=True)
class Burst:
    """What a rate is multiplied with for a while: gamma distributed with mean 1, drawn anew `every_s`.

    Attributes
    ----------
    every_s : float
        How long one factor holds.
    variance : float
        Of the factor. Of a Poisson number of jobs of mean :math:`m` the variance grows from :math:`m` to
        :math:`m + m^2 v`.
    """

    every_s: float
    variance: float

    def __post_init__(self) -> None:
        demand(0 < self.every_s < math.inf, "every_s must be more than 0")
        demand(0 < self.variance < 1e9, "variance must be more than 0")


@dataclass(frozen=True, slots=True)
class ArrivalsSpec:
    r"""A doubly stochastic Poisson process whose rate follows a pattern and comes in bursts.

    Attributes
    ----------
    rates_per_h : tuple of float
        Jobs per hour, one for each slot of the pattern, which begins again after the last of them.
    slot_s : float
        How long each of them holds; with 24 slots of an hour it is a daily pattern.
    bursts : tuple of Burst
        Factors of the rate, independent of one another, the shorter before the longer. Each holds for a whole number
        of times as long as the one before, and a slot for a whole number of times the shortest.
    step_s : float
        Times are rounded down to multiples of it; 0 for not at all.

    Notes
    -----
    The rate is :math:`\lambda(t) = r_{\lfloor t/s \rfloor} \prod_k F_k(\lfloor t/b_k \rfloor)`, with the F drawn from
    gamma laws of mean 1: a Cox process (Cox, "Some Statistical Methods Connected with Series of Events", 1955). With a
    single factor the numbers of jobs are negative binomial, with factors on several scales they are more variable than
    Poisson's on all of them. Times are made by the change of time: the integral of the rate up to each arrival is the
    sum of exponential gaps of mean 1, so that at another rate the same gaps are longer or shorter.
    """

    rates_per_h: tuple[float, ...]
    slot_s: float
    bursts: tuple[Burst, ...] = ()
    step_s: float = 0.0

    def __post_init__(self) -> None:
        demand(len(self.rates_per_h) > 0, "rates_per_h is empty")
        demand(all(0 <= rate < math.inf for rate in self.rates_per_h), "rates_per_h must be 0 or more")
        demand(any(self.rates_per_h), "rates_per_h are all 0: no job would ever come")
        demand(0 < self.slot_s < math.inf, "slot_s must be more than 0")
        demand(0 <= self.step_s < math.inf, "step_s must be 0 or more")
        lengths = [burst.every_s for burst in self.bursts]
        demand(
            all(_divides(a, b) and a < b for a, b in pairwise(lengths)),
            "bursts must stand from short to long, each a whole number of times as long as the one before",
        )
        demand(not lengths or _divides(lengths[0], self.slot_s), "slot_s must be a whole number of the shortest bursts")

    def per_s(self) -> float:
        """Give how many jobs a second come in the long run."""
        return math.fsum(self.rates_per_h) / len(self.rates_per_h) / HOUR_S

    def times(self, factor: float) -> ArrivalsSpec:
        """Give the same process at so many times the rate."""
        return replace(self, rates_per_h=tuple(rate * factor for rate in self.rates_per_h))

    def drawn(self, span_s: float, streams: Mapping[str, np.random.Generator], block: int) -> Iterator[FloatArray]:
        """Draw the times before `span_s`, in order, in pieces of any length.

        Parameters
        ----------
        span_s : float
            The end, seconds.
        streams : mapping of str to Generator
            See `streams_of`.
        block : int
            How many gaps are drawn at a time; the times do not depend on it.
        """
        shortest_s = self.bursts[0].every_s if self.bursts else self.slot_s
        in_slot = round(self.slot_s / shortest_s)
        rates = np.array(self.rates_per_h) / HOUR_S
        factors = [_Factors(burst, round(burst.every_s / shortest_s), streams[_name(burst)]) for burst in self.bursts]
        gaps = streams["interarrival_s"]
        targets = np.cumsum(gaps.exponential(1.0, block))
        first, before, latest = 0, 0.0, 0.0
        until = math.ceil(span_s / shortest_s)
        while first < until:
            numbers = np.arange(first, min(first + STRETCHES, until))
            rate = rates[numbers // in_slot % rates.size]
            for one in factors:
                rate = rate * one.of(numbers)
            # Added up one by one, in the same order whatever the number of stretches.
            edges = np.cumsum(np.concatenate(([before], rate * shortest_s)))
            while targets.size and targets[0] < edges[-1]:
                here = targets[: int(targets.searchsorted(edges[-1]))]
                at = edges.searchsorted(here, side="right") - 1
                times = (first + at + np.minimum((here - edges[at]) / (rate[at] * shortest_s), 1.0)) * shortest_s
                times = np.maximum.accumulate(np.maximum(times, latest))
                latest = float(times[-1])
                if self.step_s:
                    times = np.floor(times / self.step_s) * self.step_s
                yield times[times < span_s]
                last = float(targets[-1])
                targets = targets[here.size :]
                if not targets.size:
                    targets = np.cumsum(np.concatenate(([last], gaps.exponential(1.0, block))))[1:]
            first, before = first + numbers.size, float(edges[-1])


def streams_of(arrivals: ArrivalsSpec, seed: int, *purpose: str) -> dict[str, np.random.Generator]:
    """Give the random streams of the gaps and of each kind of burst."""
    names = ["interarrival_s", *map(_name, arrivals.bursts)]
    return {name: stream(seed, *purpose, name) for name in names}


def _name(burst: Burst) -> str:
    return f"burst-{burst.every_s:g}"


def _divides(part: float, whole: float) -> bool:
    times = whole / part
    return times >= 0.5 and abs(times - round(times)) < 1e-9 * times


class _Factors:
    """Draws the factors of one kind of burst, in order."""

    def __init__(self, burst: Burst, stretches: int, rng: np.random.Generator) -> None:
        self._shape, self._stretches, self._rng = 1 / burst.variance, stretches, rng
        self._latest, self._factor = -1, 0.0

    def of(self, numbers: np.ndarray) -> FloatArray:
        """Give the factor of each of some consecutive stretches, later than those before."""
        blocks = numbers // self._stretches
        first = int(blocks[0])
        new = self._rng.gamma(self._shape, 1 / self._shape, int(blocks[-1]) - self._latest)
        if first == self._latest:
            new = np.concatenate(([self._factor], new))
        self._latest, self._factor = int(blocks[-1]), float(new[-1])
        factors: FloatArray = new[blocks - first]
        return factors
