r"""What runs say about one another, in words and numbers: differences over paired seeds, and never a bare mean.

Runs of one seed meet the same arrivals whatever the policy (common random numbers), so that what is compared are pairs:
the luck of a seed, which moves both of a pair, is in neither their difference nor its interval.

How much more one is than the other is the ratio of their means over the pairs, :math:`\bar y / \bar x - 1`, with
Fieller's interval (`experiments.measures.statistics.ratio`), and not the mean of the ratios of the pairs: a reader who
divides the two means of the table gets the number of the sentence, a seed in which hardly anybody waits does not
outweigh all others, and the interval contains "no difference" if and only if the paired t-test finds none. Where the
data do not tell the baseline from 0 there is no such ratio; then the difference itself is told, with its unit.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from difflib import get_close_matches
from enum import StrEnum
from math import floor, isfinite, log10, nan

import numpy as np
import pandas as pd

from experiments.measures.statistics import (
    CONFIDENCE,
    Estimate,
    Interval,
    bootstrap,
    estimate,
    holm,
    paired_p,
    ratio,
)
from policies.arrays import FloatArray
from policies.errors import UserError

#: What is compared if nobody says what; those that a table has and in which its runs differ.
METRICS = ("wait_mean_s", "slowdown_mean", "makespan_s", "conflict_fraction", "cpu_imbalance")

#: What makes runs a group.
BY = ("architecture", "policy")

#: A ratio from here on is told as so many times, and not in percent.
TIMES = 3.0

#: With fewer seeds an interval is there, and so wide that it rarely helps.
ENOUGH_SEEDS = 5

#: What is no further apart than this, relatively, differs by rounding: slowdowns are quotients of differences of times.
ROUNDING = 1e-9

Group = tuple[str, ...]


class Method(StrEnum):
    """How an interval is made."""

    T = "t"  # Student's for differences, Fieller's for ratios
    BOOTSTRAP = "bootstrap"  # bias-corrected and accelerated


class Finding(StrEnum):
    """What a comparison came to."""

    ABOVE = "above"
    BELOW = "below"
    UNTOLD = "cannot be told"  # the interval contains no difference
    SAME = "same"  # in every seed
    UNVARYING = "unvarying"  # different, and seeds change nothing about it: there is nothing to make an interval of
    SINGLE = "single seed"  # there is no interval
    UNKNOWN = "unknown"  # there is no pair


@dataclass(frozen=True)
class Comparison:
    """A group of runs beside a baseline, in one metric.

    Attributes
    ----------
    group, baseline : str
        What is compared with what, ``binpack (shared-state)``.
    metric, unit : str
        In what; the unit is ``s`` or empty.
    pairs : int
        How many seeds both have and in which both are known.
    left_out : int
        Seeds that both have and in which one of them is unknown.
    unpaired : int
        Seeds that only one of them has.
    own, theirs : Estimate
        Means of group and baseline, each over all its seeds in which it is known, with t-intervals.
    difference : Interval
        Group − baseline, mean over pairs, in the metric's unit; NaN at both ends where there is no interval.
    relative : Interval
        Mean of the group / mean of the baseline − 1 over the pairs; NaN at both ends where there is no interval.
    p : float
        Of the paired t-test, whatever the method; NaN where it says nothing.
    p_holm : float
        The same, adjusted after Holm for all comparisons that were made together.
    finding : Finding
        What it came to.
    confidence : float
        How sure the intervals are.
    """

    group: str
    baseline: str
    metric: str
    unit: str
    pairs: int
    left_out: int
    unpaired: int
    own: Estimate
    theirs: Estimate
    difference: Interval
    relative: Interval
    p: float
    p_holm: float
    finding: Finding
    confidence: float = CONFIDENCE

    @property
    def is_relative(self) -> bool:
        """Say whether the difference is told in proportion to the baseline."""
        return isfinite(self.relative.low) and isfinite(self.relative.high)

    @property
    def sentence(self) -> str:
        """Say it in words."""
        seeds = f"{self.pairs} paired seed{'s' if self.pairs != 1 else ''}{self._aside()}"
        match self.finding:
            case Finding.UNKNOWN:
                return f"{self.group} and {self.baseline} have no seed in common in which {self.metric} is known" + (
                    self._aside()
                )
            case Finding.SINGLE:
                return (
                    f"{self.group} against {self.baseline} in {self.metric}: of a single pair ({seeds}) there is no "
                    f"interval, and nothing can be said; at least 2 are needed, {ENOUGH_SEEDS} or more are better"
                )
            case Finding.SAME:
                return f"{self.group} is the same as {self.baseline} in {self.metric} in every seed ({seeds})"
            case Finding.UNVARYING:
                return (
                    f"{self.group} is {self._unvarying()} {self.baseline} in {self.metric} in every seed ({seeds}; "
                    "seeds change nothing here, so there is no interval)"
                )
            case Finding.UNTOLD:
                return f"{self.group} cannot be told from {self.baseline} in {self.metric} ({self.shown}, {seeds})"
            case _:
                return f"{self.group} is {self._apart()} {self.baseline} in {self.metric} ({seeds})"

    @property
    def shown(self) -> str:
        """Give the difference with its interval, in percent where there is a ratio."""
        if self.is_relative:
            return with_interval(self.relative, " %", 100.0)
        return with_interval(self.difference, f" {self.unit}".rstrip())

    def _apart(self) -> str:
        if self.is_relative and self.relative.mean + 1 >= TIMES:
            return with_interval(Interval(*(1 + end for end in self.relative)), "") + " times"
        interval, unit, scale = (
            (self.relative, " %", 100.0) if self.is_relative else (self.difference, f" {self.unit}".rstrip(), 1.0)
        )
        below = self.finding is Finding.BELOW
        there = Interval(-interval.mean, -interval.high, -interval.low) if below else interval
        return f"{with_interval(there, unit, scale)} {self.finding}"

    def _unvarying(self) -> str:
        where = "above" if self.difference.mean > 0 else "below"
        if isfinite(self.relative.mean):
            return f"{abs(100 * self.relative.mean):.3g} % {where}"
        return f"{abs(self.difference.mean):.3g} {self.unit}".rstrip() + f" {where}"

    def _aside(self) -> str:
        said = []
        if self.left_out:
            said.append(f"{self.left_out} left out in which it is unknown")
        if self.unpaired:
            said.append(f"{self.unpaired} left out that only one of them has")
        return "".join(f"; {what}" for what in said)

    def record(self) -> dict[str, str | int | float | None]:
        """Give it as plain values, None where there is no number."""
        plain: dict[str, str | int | float] = {
            "metric": self.metric,
            "group": self.group,
            "baseline": self.baseline,
            "unit": self.unit,
            "pairs": self.pairs,
            "left_out": self.left_out,
            "unpaired": self.unpaired,
            "mean": self.own.mean,
            "mean_half": self.own.half,
            "baseline_mean": self.theirs.mean,
            "baseline_half": self.theirs.half,
            "difference": self.difference.mean,
            "difference_low": self.difference.low,
            "difference_high": self.difference.high,
            "relative": self.relative.mean,
            "relative_low": self.relative.low,
            "relative_high": self.relative.high,
            "p": self.p,
            "p_holm": self.p_holm,
            "confidence": self.confidence,
            "finding": str(self.finding),
            "sentence": self.sentence,
        }
        return {
            name: None if isinstance(value, float) and not isfinite(value) else value for name, value in plain.items()
        }


def headlines(
    table: pd.DataFrame,
    metrics: Sequence[str] = (),
    baseline: str | None = None,
    *,
    by: Sequence[str] = BY,
    confidence: float = CONFIDENCE,
    method: Method = Method.T,
) -> list[Comparison]:
    """Compare every group of runs with its baseline.

    Parameters
    ----------
    table : DataFrame
        One row a run: ``seed``, the columns of `by`, and metrics; as ``Frames(folder).summary``.
    metrics : sequence of str
        What to compare. ``conflict_fraction``, which is there for each group of schedulers
        (``conflict_fraction.batch``), is that of the worst; so is every other name that stands before a dot only. By
        default those of `METRICS` in which runs differ.
    baseline : str, optional
        What to compare with: a group (``shared-state,binpack``), or one of its names, as ``binpack``, where every
        group is compared with the one that is called so and is like it otherwise. By default the first run's.
    by : sequence of str
        The columns that make a group.
    confidence : float
        How sure intervals are.
    method : Method
        How intervals are made.

    Returns
    -------
    list of Comparison
        Metric by metric, in the order of the table; empty where there is one group only. A group without its like under
        `baseline` is not compared.

    Raises
    ------
    UserError
        If a column, metric or baseline is not there, or if there are two rows for one group and seed.
    """
    names = [*metrics] or [name for name in METRICS if _has(table, name)]
    runs = _by_group(table, by)
    pairs = _baselines(list(runs), baseline, by)
    compared = [
        _compare(_label(group, by), _label(base, by), metric, values[group], values[base], confidence, method)
        for metric in names
        for values in [{group: measured(rows, metric) for group, rows in runs.items()}]
        for group, base in pairs.items()
    ]
    if not metrics:
        differ = {one.metric for one in compared if one.pairs and one.finding is not Finding.SAME}
        compared = [one for one in compared if one.metric in differ]
    adjusted = holm([one.p for one in compared])
    return [replace(one, p_holm=p) for one, p in zip(compared, adjusted, strict=True)]


def measured(table: pd.DataFrame, metric: str) -> pd.Series[float]:
    """Give a metric of every run of one group, by seed; the worst group's where it is there for groups of schedulers.

    Raises
    ------
    UserError
        If there is no such metric, or it is no number.
    """
    columns = [metric] if metric in table else [str(name) for name in table if str(name).startswith(f"{metric}.")]
    if not columns:
        like = get_close_matches(metric, [str(name) for name in table.columns], n=3)
        raise UserError(f"no run has a metric {metric!r}" + (f"; there are {', '.join(like)}" if like else ""))
    if metric not in table:
        columns = [name for name in columns if _has_group(table, name)]
    try:
        # Unknown is a fraction of which every transaction had a conflict; then nobody knows which group is the worst.
        worst = table[columns].astype(float).max(axis=1, skipna=False)
    except (TypeError, ValueError):
        raise UserError(f"{metric!r} is no number in every run") from None
    return worst.set_axis(table["seed"]).replace([np.inf, -np.inf], nan)


def _has_group(table: pd.DataFrame, name: str) -> bool:
    """Say whether runs have the group of schedulers that a metric is of: other architectures have others."""
    busyness = f"busyness.{name.partition('.')[2]}"
    return bool(table[busyness if busyness in table else name].notna().any())


def with_interval(interval: Interval, unit: str, scale: float = 1.0) -> str:
    """Write a number with its interval to the digits that are sure: ``31 % ± 3 %``, ``31 % (25 % to 40 %)`` if uneven.

    Examples
    --------
    >>> with_interval(Interval(0.314, 0.284, 0.346), " %", 100)
    '31 % ± 3 %'
    >>> with_interval(Interval(0.32, 0.1, 0.9), " s")
    '0.3 s (0.1 s to 0.9 s)'
    """
    mean, low, high = (scale * number for number in interval)
    if not isfinite(low) or not isfinite(high):
        return "no interval"
    half = (high - low) / 2
    if half <= ROUNDING * abs(mean):
        return f"{mean:.3g}{unit} ± 0{unit}"
    nearer = min(mean - low, high - mean)
    uneven = abs((mean - low) - (high - mean)) >= half / 4 and nearer > 0
    # One digit of the half-width is sure enough, and two if the first is a 1.
    sure = nearer if uneven else half
    digits = -floor(log10(sure)) + (sure / 10 ** floor(log10(sure)) < 2)
    nearest = min(abs(low), abs(high)) if uneven else round(abs(mean), digits) - round(half, digits)
    if not low <= 0 <= high and round(nearest, digits) <= 0:
        digits += 1  # what is known to differ shall not look as if it did not

    def shown(number: float) -> str:
        return f"{round(number, digits) + 0.0:,.{max(digits, 0)}f}{unit}".replace("-", "−")

    return f"{shown(mean)} ({shown(low)} to {shown(high)})" if uneven else f"{shown(mean)} ± {shown(half)}"


def _compare(
    group: str,
    baseline: str,
    metric: str,
    ours: pd.Series[float],
    theirs: pd.Series[float],
    confidence: float,
    method: Method,
) -> Comparison:
    both = pd.concat([ours, theirs], axis=1, join="inner", keys=["ours", "theirs"])
    known = both.dropna()
    y, x = known["ours"].to_numpy(dtype=float), known["theirs"].to_numpy(dtype=float)
    y = np.where(np.isclose(y, x, rtol=ROUNDING, atol=0), x, y)
    apart = y - x
    difference, relative = _intervals(y, x, confidence, method)
    return Comparison(
        group=group,
        baseline=baseline,
        metric=metric,
        unit="s" if metric.partition(".")[0].endswith("_s") else "",
        pairs=len(known),
        left_out=len(both) - len(known),
        unpaired=len(ours) + len(theirs) - 2 * len(both),
        own=estimate(ours.dropna().tolist(), confidence),
        theirs=estimate(theirs.dropna().tolist(), confidence),
        difference=difference,
        relative=relative,
        p=paired_p(apart.tolist()),
        p_holm=nan,
        finding=_finding(y, x, difference, relative),
        confidence=confidence,
    )


def _intervals(y: FloatArray, x: FloatArray, confidence: float, method: Method) -> tuple[Interval, Interval]:
    """Give difference and relative difference of pairs."""
    none = Interval(nan, nan, nan)
    if not y.size:
        return none, none
    if method is Method.BOOTSTRAP:
        difference = bootstrap(np.mean, (y - x).tolist(), confidence=confidence)
    else:
        mean, half = estimate((y - x).tolist(), confidence)
        difference = Interval(mean, mean - half, mean + half) if isfinite(half) else Interval(mean, nan, nan)
    # Of a mean that is not above 0 nothing is a share; and nothing at all is 100 % less of anything, without interval.
    of_means = ratio(y.tolist(), x.tolist(), confidence) if x.mean() > 0 and y.any() else none
    if method is Method.BOOTSTRAP and isfinite(of_means.low):
        of_means = bootstrap(_ratio_of_means, y.tolist(), x.tolist(), confidence=confidence)
    return difference, Interval(*(end - 1 for end in of_means))


def _ratio_of_means(y: FloatArray, x: FloatArray, axis: int) -> FloatArray:
    ratios: FloatArray = y.mean(axis) / x.mean(axis)
    return ratios


def _finding(y: FloatArray, x: FloatArray, difference: Interval, relative: Interval) -> Finding:
    if not y.size:
        return Finding.UNKNOWN
    if (y == x).all():
        return Finding.SAME
    if y.size == 1:
        return Finding.SINGLE
    if all(np.ptp(values) <= ROUNDING * abs(values).max() for values in (y, x)):
        return Finding.UNVARYING
    told = relative if isfinite(relative.low) else difference
    if told.low > 0:
        return Finding.ABOVE
    return Finding.BELOW if told.high < 0 else Finding.UNTOLD


def _has(table: pd.DataFrame, metric: str) -> bool:
    return any(name == metric or str(name).startswith(f"{metric}.") for name in table)


def _by_group(table: pd.DataFrame, by: Sequence[str]) -> dict[Group, pd.DataFrame]:
    if "seed" in by:
        raise UserError("--by seed: seeds make pairs, and so cannot make groups")
    for column in ("seed", *by):
        if column not in table:
            raise UserError(f"there is no column {column!r}; there are {', '.join(map(str, table.columns))}")
    groups = {
        tuple(str(part) for part in names): rows for names, rows in table.groupby(list(by), sort=False, dropna=False)
    }
    for names, rows in groups.items():
        seeds = rows["seed"].value_counts()
        if (seeds > 1).any():
            # What has a few values again and again is rather a place in a grid than a measure.
            few = {
                str(name): table[name].nunique()
                for name in table
                if name not in (*by, "seed") and rows[name].nunique() > 1
            }
            differ = sorted((name for name, n in few.items() if n <= len(table) / 2), key=few.__getitem__)
            perhaps = f" (perhaps {', '.join(differ[:3])})" if differ else ""
            raise UserError(
                f"{int(seeds.iloc[0])} rows are {_label(names, by)} with seed {seeds.index[0]}: --by or --where must "
                f"say what they differ in{perhaps}"
            )
    return groups


def _baselines(groups: Sequence[Group], baseline: str | None, by: Sequence[str]) -> dict[Group, Group]:
    """Give, for each group that is compared, what it is compared with."""
    if baseline is None:
        return dict.fromkeys(groups[1:], groups[0])
    for group in groups:
        if baseline in (",".join(group), _label(group, by)):
            return {other: group for other in groups if other != group}
    places = {place for group in groups for place, part in enumerate(group) if part == baseline}
    if len(places) != 1:
        there = "; ".join(",".join(group) for group in groups)
        raise UserError(
            f"--baseline {baseline}: no runs are called so; there are {there}"
            if not places
            else f"--baseline {baseline} may be any of {', '.join(by[place] for place in sorted(places))}"
        )
    (place,) = places
    called = [group for group in groups if group[place] == baseline]
    pairs = {}
    for group in groups:
        like = called[0] if len(called) == 1 else (*group[:place], baseline, *group[place + 1 :])
        if like in groups and like != group:
            pairs[group] = like
    return pairs


def _label(group: Group, by: Sequence[str]) -> str:
    """Give what a group is called: ``binpack (shared-state)``, and of other columns their values."""
    named: Mapping[str, str] = dict(zip(by, group, strict=True))
    if "policy" not in named or len(named) == 1:
        return ", ".join(group)
    others = [value for name, value in named.items() if name != "policy"]
    return f"{named['policy']} ({', '.join(others)})"


def note(compared: Sequence[Comparison]) -> str:
    """Say what several comparisons at once are good for; empty where there is only one that could be a false alarm."""
    tests = [one for one in compared if isfinite(one.p)]
    if len(tests) < 2:
        return ""
    level = round(1 - tests[0].confidence, 9)
    alarms, left = (sum(p <= level for p in each) for each in zip(*((one.p, one.p_holm) for one in tests), strict=True))
    return (
        f"{len(tests)} comparisons were made, each interval by itself: where nothing differs, a share of {level:g} "
        f"is told apart by chance. p ≤ {level:g} in {alarms} of them; adjusted for all of them (Holm), in {left}."
    )
