"""A claim holds, does not hold, or is left open: never more than the seeds tell."""

import math

import numpy as np
import pytest
from scipy import stats

from experiments.measures.checks import Verdict, times_within, within
from experiments.measures.statistics import estimate


def verdict(values, low=-math.inf, high=math.inf):
    return within("somebody", "says so", values, low, high).verdict


def test_a_claim_holds_if_the_whole_interval_lies_within_its_limits():
    assert verdict([2.0, 2.1, 1.9], 1.5, 2.5) is Verdict.HOLDS


def test_a_claim_does_not_hold_if_the_whole_interval_lies_outside():
    assert verdict([2.0, 2.1, 1.9], 3.0, 4.0) is Verdict.FAILS


def test_a_claim_is_undecided_if_the_interval_reaches_over_a_limit():
    assert verdict([2.0, 2.1, 1.9], 2.0) is Verdict.UNDECIDED


@pytest.mark.parametrize("values", [[], [math.nan, 1.0], [math.inf, 1.0]])
def test_what_is_no_number_fails(values):
    assert verdict(values, 0.0) is Verdict.FAILS


def test_one_seed_decides_by_its_number_alone():
    assert verdict([1.0], 0.5) is Verdict.HOLDS
    assert verdict([1.0], 1.5) is Verdict.FAILS


def test_why_it_does_not_hold_is_told_only_if_it_does_not():
    notes = [within("s", "c", [1.0], low, why_not="because").note for low in (0.0, 2.0)]

    assert notes == ["", "because"]


def test_the_interval_is_students():
    values = np.random.default_rng(3).normal(5.0, 2.0, 12)

    low, high = stats.t.interval(0.95, 11, values.mean(), stats.sem(values))

    ours = estimate(values.tolist())
    assert (ours.low, ours.high) == pytest.approx((low, high))


def test_the_interval_of_normal_values_holds_their_mean_19_times_in_20():
    rng = np.random.default_rng(4)
    within_it = sum(e.low <= 0 <= e.high for e in (estimate(rng.normal(size=5).tolist()) for _ in range(2000)))

    # Binomial with p = 0.95: three standard deviations about 1,900.
    assert abs(within_it - 1900) <= 3 * math.sqrt(2000 * 0.95 * 0.05)


def test_half_and_double_are_equally_far_from_the_same():
    check = times_within("somebody", "as much", [0.5, 2.0], 0.01, 100.0)

    assert check.ours.startswith("1×")
    assert check.verdict is Verdict.UNDECIDED


def test_ratios_are_judged_by_their_logarithms():
    ratios = [6.0, 20.0, 40.0, 90.0]

    # By their plain mean of 39 ± 58 nobody could say that these are more than once.
    assert verdict(ratios, 1.0) is Verdict.UNDECIDED
    assert times_within("somebody", "more", ratios, 1.0).verdict is Verdict.HOLDS


def test_a_ratio_to_nothing_fails():
    assert times_within("somebody", "more", [0.0, 2.0], 1.0).verdict is Verdict.FAILS
    assert times_within("somebody", "more", [math.inf, 2.0], 1.0).verdict is Verdict.FAILS
