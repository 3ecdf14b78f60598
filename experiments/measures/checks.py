"""What somebody claims, beside what came out here: holds, does not hold, or not to be told from so few runs."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from enum import StrEnum
from math import inf, isfinite

from experiments.measures.statistics import estimate


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
    known: Sequence[float] = list(values)
    if not known or not all(isfinite(value) for value in known):
        shown = ", ".join(f"{value:.3g}" for value in known) or "no value"
        return Check(source, claim, _range(low, high, unit), shown, Verdict.FAILS, why_not)
    mean, half = estimate(known)
    if len(known) == 1:
        half = 0.0
    ours = f"{mean:.3g}{unit}" + (f" ± {half:.2g}" if len(known) > 1 else "")
    if low <= mean - half and mean + half <= high:
        return Check(source, claim, _range(low, high, unit), ours, Verdict.HOLDS)
    apart = mean + half < low or mean - half > high
    verdict = Verdict.FAILS if apart else Verdict.UNDECIDED
    return Check(source, claim, _range(low, high, unit), ours, verdict, why_not)


def _range(low: float, high: float, unit: str) -> str:
    if low == -inf:
        return f"≤ {high:g}{unit}"
    if high == inf:
        return f"≥ {low:g}{unit}"
    return f"{low:g} to {high:g}{unit}"
