"""How jobs come, fitted to how many of them came when."""

from __future__ import annotations

from math import ceil, exp, floor, inf, log, sqrt
from typing import NamedTuple

import numpy as np

from policies.arrays import FloatArray
from traces.fit.sampling import LADDER, Counts, summed, sums
from traces.generate.coming import HOUR_S, ArrivalsSpec, Burst

DAY_S = 86400.0
WEEK_S = 7 * DAY_S

#: How sure an interval is.
CONFIDENCE = 0.99

#: A pattern is a daily one where there are so many days of it, and a weekly one where there are so many weeks.
MOST_OFTEN = {DAY_S: 2, WEEK_S: 4}

#: So many jobs a slot must have on the mean; a slot is longer where jobs are rarer.
JOBS_IN_SLOT = 50

#: A shorter trace has at most so many slots, and bursts are looked for in as many parts of it at least.
SLOTS = 24
UNITS = 20

#: A pattern is one where rates differ by more than chance would make them in so many cases.
BY_CHANCE = 0.01

#: Bursts are kept if the logarithm of their ratio is so many times its standard error: Akaike's criterion.
WORTH = sqrt(2)


#: A burst of more is all that ever comes.
MOST_VARIANCE = 1e6


class Interval(NamedTuple):
    """A parameter and the interval that is sure to the extent of `CONFIDENCE` to hold the true one."""

    value: float
    low: float
    high: float

    def __str__(self) -> str:
        return f"{self.value:.3g} ({self.low:.3g} to {self.high:.3g})"


class Coming(NamedTuple):
    """How jobs come, and how sure that is: an interval for each rate, and for the variance of each kind of burst."""

    arrivals: ArrivalsSpec
    rates_per_h: tuple[Interval, ...]
    variances: dict[float, Interval]


class _Layout(NamedTuple):
    """What is counted: `levels` of bins within units of equal rate, units in the slots of a pattern."""

    slot_s: float
    slots: int
    repeats: bool
    unit_s: float
    levels: list[float]


def fit_arrivals(counts: Counts, begin_s: float, end_s: float, steps: list[float]) -> Coming:
    r"""Fit a pattern with bursts.

    Parameters
    ----------
    counts : Counts
        When jobs came, at least one of them.
    begin_s, end_s : float
        The time in which they were counted; `begin_s` is a whole number of days.
    steps : list of float
        Of what all times are multiples, the longest first.

    Notes
    -----
    *The pattern* has the mean rate of every hour of the day where there are two days or more, and of every hour of the
    week where there are four weeks or more; of longer slots where jobs are rare. Of less than two days it is what was
    in each of up to `SLOTS` slots, repeated only if the workload is made longer. Where rates do not differ by more than
    chance there is a single one, and slower bursts are looked for.

    *Bursts* are fitted by second moments. Let :math:`b_1 < b_2 < \ldots` be the lengths of `LADDER` within a slot, and
    :math:`P_k` the number of ordered pairs of jobs in one bin of length :math:`b_k` but not in one of
    :math:`b_{k-1}`. In units of length :math:`u` of mean :math:`m` the expected number is

    .. math:: E[P_k] = m^2 (b_k - b_{k-1}) / u \cdot \prod_{j \geq k} (1 + v_j),

    with :math:`b_0 = 0`, because two such jobs have the factors of level k and above in common. So :math:`1 + v_k` is
    the ratio of two neighbouring levels' pairs for each unit of length. Above the last level stand pairs of one slot of
    the pattern on different days or, where it does not repeat, of different bins within a unit; with a
    single slot they are of different units. No rate has to be
    known for that, which would bias it where there are few days. (Factorial moments of point processes: Daley and
    Vere-Jones, "An Introduction to the Theory of Point Processes" I, section 5.4.)

    The interval of a variance is the jackknife's of the logarithm of that ratio over slots of the pattern (units, where
    it does not repeat) with Student's t; a level that is not worth it (`WORTH`) is left out. The interval of a rate is
    normal, with the variance of counts that the fitted bursts make. All are approximate: with a handful of days, or
    very strong bursts, they hold the truth less often than they say.
    """
    step_s = steps[0] if steps else 0.0
    span_s = end_s - begin_s
    jobs = float(counts.at(counts.width_s)[1].sum())
    finest_s = max(step_s, counts.width_s)
    fine = [length for length in LADDER if finest_s <= length <= DAY_S and not (step_s and length % step_s)]
    layout = _pattern(jobs, span_s, finest_s, fine) or _flat(span_s, fine)
    rates, exposed_s = _rates(counts, layout, begin_s, span_s)
    variances, kept, excess = _bursts(counts, layout, begin_s, span_s)
    if layout.slots > 1 and not _differ(rates, exposed_s, layout.unit_s, excess):
        layout = _flat(span_s, fine)
        rates, exposed_s = _rates(counts, layout, begin_s, span_s)
        variances, kept, excess = _bursts(counts, layout, begin_s, span_s)
    intervals = tuple(
        _sure(rate, seconds / layout.unit_s, layout.unit_s, excess)
        for rate, seconds in zip(rates.tolist(), exposed_s.tolist(), strict=True)
    )
    bursts = tuple(
        Burst(every_s, min(_rounded(interval.value), MOST_VARIANCE))
        for every_s, interval in variances.items()
        if every_s in kept
    )
    spec = ArrivalsSpec(tuple(_rounded(one.value) for one in intervals), layout.slot_s, bursts, step_s)
    return Coming(spec, intervals, variances)


def _sure(rate: float, units: float, unit_s: float, excess: float) -> Interval:
    r"""Give the interval of a rate, jobs an hour, from counts in so many units.

    Notes
    -----
    Wilson's score interval: the :math:`m` for which :math:`(\hat m - m)^2 \leq z^2 (m + m^2 v) / n`. It has no upper
    end where bursts are so strong that any rate could have made the counts.
    """
    from scipy.special import ndtri

    z2 = float(ndtri((1 + CONFIDENCE) / 2)) ** 2 / max(units, 1e-9)
    mean = rate * unit_s
    a, b, c = 1 - z2 * excess, mean + z2 / 2, mean**2  # a m^2 - 2 b m + c <= 0
    root = sqrt(max(b**2 - a * c, 0.0))
    low, high = c / (b + root), (b + root) / a if a > 0 else inf
    return Interval(*(amount / unit_s * HOUR_S for amount in (mean, low, high)))


def _rounded(value: float) -> float:
    return float(f"{value:.5g}")


def _pattern(jobs: float, span_s: float, finest_s: float, fine: list[float]) -> _Layout | None:
    """Choose slots of which there are several; None where jobs are too few."""
    for period_s, times in reversed(MOST_OFTEN.items()):
        for slot_s in (HOUR_S, 6 * HOUR_S):
            slots = round(period_s / slot_s)
            if slot_s >= finest_s and span_s >= times * period_s and jobs >= JOBS_IN_SLOT * slots:
                return _Layout(slot_s, slots, True, slot_s, [length for length in fine if length <= slot_s])
    for slot_s in fine:
        slots = round(span_s / slot_s)
        if 3 <= slots <= SLOTS and jobs >= JOBS_IN_SLOT * slots:
            units = [length for length in fine if length <= min(slot_s, span_s / UNITS)]
            return _Layout(slot_s, slots, False, units[-1] if units else slot_s, units[:-1])
    return None


def _flat(span_s: float, fine: list[float]) -> _Layout:
    """Choose a single slot, in which every unit is like every other."""
    slot_s = next((length for length in fine if length >= span_s), ceil(span_s / DAY_S) * DAY_S)
    units = [length for length in fine if length <= span_s / UNITS]
    return _Layout(slot_s, 1, True, units[-1] if units else slot_s, units)


def _rates(counts: Counts, layout: _Layout, begin_s: float, span_s: float) -> tuple[FloatArray, FloatArray]:
    """Give the jobs a second of each slot, and how many seconds there are of it."""
    bins, came = counts.at(counts.width_s)
    slot = np.floor((bins * counts.width_s - begin_s) / layout.slot_s) % layout.slots
    jobs = summed(slot.astype(np.int64), came, layout.slots)
    period_s = layout.slot_s * layout.slots
    rounds, rest_s = divmod(span_s, period_s)
    began = np.arange(layout.slots) * layout.slot_s
    exposed_s = rounds * layout.slot_s + np.clip(rest_s - began, 0.0, layout.slot_s)
    rates: FloatArray = jobs / np.maximum(exposed_s, 1e-9)
    return rates, exposed_s


def _differ(rates: FloatArray, exposed_s: FloatArray, unit_s: float, excess: float) -> bool:
    """Say whether slots differ by more than chance, by Pearson's test with the variance that bursts make."""
    from scipy.special import chdtrc

    whole = float((rates * exposed_s).sum() / exposed_s.sum())
    expected = whole * exposed_s
    there = expected > 0
    each = expected * (1 + whole * unit_s * excess)
    far = float((((rates * exposed_s - expected) ** 2)[there] / each[there]).sum())
    return bool(chdtrc(int(there.sum()) - 1, far) < BY_CHANCE)


class _Bursts(NamedTuple):
    """The variance of each level, those that are worth a factor, and the variance of a unit's mean factor."""

    variances: dict[float, Interval]
    kept: set[float]
    excess: float


_NO_BURSTS = _Bursts({}, set(), 0.0)


def _bursts(counts: Counts, layout: _Layout, begin_s: float, span_s: float) -> _Bursts:
    if not layout.levels:
        return _NO_BURSTS
    unit_s = layout.unit_s
    whole = floor(span_s / unit_s)
    rounds = whole // layout.slots
    if layout.repeats:
        whole = rounds * layout.slots
    if whole < 3:
        return _NO_BURSTS
    within = [length for length in layout.levels if length < unit_s]
    # Sums of squares of the counts of each level, by unit.
    squares = []
    first = begin_s / unit_s
    for length in (*within, unit_s):
        bins, came = counts.at(length)
        unit = np.floor(bins / round(unit_s / length)) - first
        inside = (unit >= 0) & (unit < whole)
        squares.append(sums(unit[inside], came[inside] ** 2))
    bins, came = counts.at(unit_s)
    inside = (bins - first >= 0) & (bins - first < whole)
    units, number = bins[inside] - first, came[inside]
    below = number
    pairs: list[FloatArray] = []
    for _, square in squares:
        pairs.append(square - below)
        below = square
    ends = [0.0, *(length / unit_s for length in within), 1.0]
    lengths = np.diff(ends).tolist()
    levels = layout.levels
    if layout.slots == 1:
        # Every unit is a cell, and what stands above are pairs of different units, those with the cell left out too.
        left, squares_left = _left_out(number), _left_out(number**2)
        others = np.concatenate(([whole - 1.0], np.full(number.size, whole - 2.0)))
        across = (left**2 - squares_left) / others
        return _ratios([*map(_left_out_of, pairs, lengths), across], lengths, levels)
    if not layout.repeats:
        return _ratios([*map(_left_out_of, pairs, lengths)], lengths, levels)
    slot = (units % layout.slots).astype(np.int64)
    table = [summed(slot, pair, layout.slots) for pair in pairs]
    total_of, square_of = (summed(slot, number**power, layout.slots) for power in (1, 2))
    table.append((total_of**2 - square_of) / (rounds - 1))
    return _ratios(
        [_left_out(one) / length for one, length in zip(table, [*lengths, 1.0], strict=True)], lengths, levels
    )


def _left_out(cells: FloatArray) -> FloatArray:
    """Give the sum over all cells, and then without each of them in turn."""
    whole = cells.sum()
    return np.concatenate(([whole], whole - cells))


def _left_out_of(cells: FloatArray, length: float) -> FloatArray:
    return _left_out(cells) / length


def _ratios(densities: list[FloatArray], lengths: list[float], levels: list[float]) -> _Bursts:
    """Give the variance of each level from the pairs of it and the one above, over independent cells.

    Parameters
    ----------
    densities : list of ndarray of shape (1 + n_cells,)
        Pairs for each unit of length of every level and above it, see `_left_out`.
    lengths : list of float
        Part of the pairs of a unit that each level has if there are no bursts.
    levels : list of float
        Seconds.
    """
    from scipy.special import stdtrit

    cells = densities[0].size - 1
    found: dict[float, Interval] = {}
    kept: set[float] = set()
    above, together, excess = densities[-1], 0.0, 0.0
    if cells < 3 or above.min() <= 0:
        return _NO_BURSTS
    sure = float(stdtrit(cells - 1, (1 + CONFIDENCE) / 2))
    for number in reversed(range(len(levels))):
        density = densities[number]
        if density.min() > 0:  # else there are too few pairs to say anything
            logs = np.log(density / above)
            off = sqrt((cells - 1) / cells * float(((logs[1:] - logs[0]) ** 2).sum()))
            value, low, high = (_less_1(float(logs[0]) + side * sure * off) for side in (0.0, -1.0, 1.0))
            found[levels[number]] = Interval(value, low, high)
            above = density
            if value > 0 and float(logs[0]) > WORTH * off:
                kept.add(levels[number])
                together += log(1 + value)
        excess += lengths[number] * (exp(min(together, 600.0)) - 1)
    return _Bursts(dict(sorted(found.items())), kept, excess)


def _less_1(power: float) -> float:
    return exp(power) - 1 if power < 700 else inf
