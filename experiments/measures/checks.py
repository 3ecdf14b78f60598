"""What somebody claims, beside what came out here: holds, does not hold, or not to be told from so few runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import exp, inf, isfinite, log

from experiments.measures.statistics import Estimate, estimate


class Verdict(StrEnum):
    """What became of a claim."""

    HOLDS = "holds"
    FAILS = "does not hold"
    UNDECIDED = "undecided"  # the interval reaches over the limit


@dataclass(frozen=True, slots=True)
class Check:
    """A claim that was looked at.

    Attributes
    ----------
    source : str
        Who says so and where, for instance ``EuroSys'13 fig. 8``.
    claim : str
        What they say.
    expected, ours : str
        The number that makes the claim true, and the one that came out, with its interval.
    verdict : Verdict
        What became of it.
    note : str
        Why it does not hold, as far as we know; empty where it does.
    """

    source: str
    claim: str
    expected: str
    ours: str
    verdict: Verdict
    note: str = ""

    def cells(self) -> dict[str, str]:
        """Give the row of the table."""
        return {
            "source": self.source,
            "claim": self.claim,
            "expected": self.expected,
            "ours": self.ours,
            "verdict": str(self.verdict),
            "note": self.note,
        }


def within(
    source: str,
    claim: str,
    values: Iterable[float],
    low: float = -inf,
    high: float = inf,
    *,
    unit: str = "",
    why_not: str = "",
) -> Check:
    """Look whether a number lies between two limits, for all we know from so many seeds.

    Parameters
    ----------
    source, claim : str
        As in `Check`.
    values : iterable of float
        The number, one for each seed. One that is not finite fails the claim.
    low, high : float
        The limits, themselves included.
    unit : str
        Stands behind the numbers.
    why_not : str
        What is known about why it does not hold; shown only if so.

    Notes
    -----
    It *holds* if the 95 % interval of the mean lies within the limits and *does not hold* if it lies outside them; else
    it is *undecided*. Of a single seed only the number itself is known, and that decides.
    """
    known = list(values)
    if not _usable(known):
        return _unusable(source, claim, known, _range(low, high, unit), why_not)
    interval = estimate(known)
    ours = f"{interval.mean:.3g}{unit}" + (f" ± {interval.half:.2g}" if len(known) > 1 else "")
    return _judged(source, claim, _range(low, high, unit), ours, interval, low, high, why_not)


def times_within(
    source: str, claim: str, ratios: Iterable[float], low: float = 0.0, high: float = inf, *, why_not: str = ""
) -> Check:
    """Look whether one thing is so many times another; else as `within`.

    Parameters
    ----------
    ratios : iterable of float
        How many times, one for each seed: both of a pair met the same jobs. One that is not positive fails the claim.

    Notes
    -----
    Mean and interval are those of the logarithms: twice as much and half as much are equally far from the same.
    """
    known = list(ratios)
    if not _usable(known) or min(known) <= 0:
        return _unusable(source, claim, known, _range(low, high, "×"), why_not)
    logs = estimate([log(ratio) for ratio in known])
    interval = Estimate(exp(logs.mean), logs.half)
    ours = f"{interval.mean:.3g}×"
    if len(known) > 1:
        ours += f" ({exp(logs.low):.3g} to {exp(logs.high):.3g})"
    limits = log(low) if low > 0 else -inf, log(high)
    return _judged(source, claim, _range(low, high, "×"), ours, logs, *limits, why_not)


def _usable(known: Sequence[float]) -> bool:
    return bool(known) and all(isfinite(value) for value in known)


def _unusable(source: str, claim: str, known: Sequence[float], expected: str, why_not: str) -> Check:
    shown = ", ".join(f"{value:.3g}" for value in known) or "no value"
    return Check(source, claim, expected, shown, Verdict.FAILS, why_not)


def _judged(
    source: str, claim: str, expected: str, ours: str, interval: Estimate, low: float, high: float, why_not: str
) -> Check:
    mean, half = interval.mean, interval.half if isfinite(interval.half) else 0.0
    if low <= mean - half and mean + half <= high:
        return Check(source, claim, expected, ours, Verdict.HOLDS)
    if mean + half < low or mean - half > high:
        return Check(source, claim, expected, ours, Verdict.FAILS, why_not)
    return Check(source, claim, expected, ours, Verdict.UNDECIDED)


def _range(low: float, high: float, unit: str) -> str:
    if low == -inf:
        return f"≤ {high:g}{unit}"
    if high == inf:
        return f"≥ {low:g}{unit}"
    if low == 0 and unit == "×":
        return f"≤ {high:g}×"
    return f"{low:g} to {high:g}{unit}"
