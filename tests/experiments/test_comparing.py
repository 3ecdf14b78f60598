"""Runs beside one another, in words: pairs only, never a bare mean, and no more than the seeds tell."""

import math

import numpy as np
import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy import stats

from experiments.measures.comparing import Finding, Method, headlines, note
from experiments.measures.statistics import bootstrap, estimate, holm, paired_p, ratio
from policies.errors import UserError

LUCK = np.random.default_rng(7).lognormal(0.0, 0.5, 20)  # of each seed: it moves both of a pair
EVEN = np.tile([1.0, -1.0], 10)  # noise without a mean


def noise(key, size=20):
    return np.random.default_rng(key).normal(size=size)


def runs(policy, waits, seeds=None, architecture="shared-state", **more):
    seeds = range(1, len(waits) + 1) if seeds is None else seeds
    return pd.DataFrame(
        {"architecture": architecture, "policy": policy, "seed": list(seeds), "wait_mean_s": list(waits), **more}
    )


def only(*parts, metrics=("wait_mean_s",), **options):
    (one,) = headlines(pd.concat(parts, ignore_index=True), metrics, **options)
    return one


def test_a_difference_is_told_in_words_with_its_interval_and_its_seeds():
    one = only(runs("spread", LUCK), runs("binpack", 1.31 * LUCK + 0.05 * EVEN))

    assert one.sentence == (
        "binpack (shared-state) is 31 % ± 3 % above spread (shared-state) in wait_mean_s (20 paired seeds)"
    )


def test_what_is_within_the_interval_cannot_be_told():
    one = only(runs("spread", LUCK), runs("binpack", LUCK + 0.1 * EVEN))

    assert one.finding is Finding.UNTOLD
    assert one.sentence.startswith("binpack (shared-state) cannot be told from spread (shared-state) in wait_mean_s (")


def test_one_seed_has_no_interval_and_no_number_is_pretended():
    one = only(runs("spread", [1.0]), runs("binpack", [3.0]))

    assert one.finding is Finding.SINGLE
    assert "no interval" in one.sentence
    assert "at least 2" in one.sentence
    assert "200" not in one.sentence


def test_seeds_that_change_nothing_give_no_interval():
    one = only(runs("spread", [2.0] * 5), runs("binpack", [1.0] * 5))

    assert one.finding is Finding.UNVARYING
    assert "50 % below" in one.sentence
    assert "±" not in one.sentence


def test_what_is_equal_in_every_seed_is_the_same():
    assert only(runs("spread", LUCK), runs("binpack", LUCK)).finding is Finding.SAME


def test_what_differs_by_rounding_alone_is_the_same():
    alike = 1 + 2e-16 * np.arange(20)

    assert only(runs("spread", np.ones(20)), runs("binpack", alike)).finding is Finding.SAME


def test_where_the_baseline_is_nothing_the_difference_is_told_with_its_unit():
    one = only(runs("spread", [0.0] * 5), runs("binpack", [1.0, 1.1, 0.9, 1.0, 1.05]))

    assert one.sentence.startswith("binpack (shared-state) is 1.01 s ± 0.09 s above")


@pytest.mark.parametrize("method", Method)
def test_nothing_is_not_100_percent_less_but_less_by_so_much(method):
    one = only(runs("spread", [1.0, 1.1, 0.9, 1.0, 1.05]), runs("binpack", [0.0] * 5), method=method)

    assert one.finding is Finding.BELOW
    assert " s " in one.shown
    assert "%" not in one.sentence


def test_many_times_as_much_is_told_as_times():
    one = only(runs("spread", LUCK), runs("binpack", 180 * LUCK * (1 + 0.02 * noise(3))))

    assert " times spread" in one.sentence
    assert "%" not in one.sentence


def test_only_pairs_are_compared_and_what_is_left_out_is_said():
    one = only(
        runs("spread", [1.0, 2.0, 3.0, math.nan, 100.0], seeds=[1, 2, 3, 4, 5]),
        runs("binpack", [2.0, 4.1, 6.0, 1.0, 100.0], seeds=[1, 2, 3, 4, 6]),
    )

    assert (one.pairs, one.left_out, one.unpaired) == (3, 1, 2)
    assert one.difference.mean == pytest.approx(np.mean([1.0, 2.1, 3.0]))
    assert "1 left out in which it is unknown" in one.sentence
    assert "2 left out that only one of them has" in one.sentence


def test_without_a_common_seed_nothing_is_compared():
    one = only(runs("spread", [1.0], seeds=[1]), runs("binpack", [1.0], seeds=[2]))

    assert one.finding is Finding.UNKNOWN
    assert one.record()["difference"] is None


@pytest.mark.parametrize(
    ("baseline", "pairs"),
    [
        (None, {"b (m)": "a (m)", "a (s)": "a (m)", "b (s)": "a (m)"}),
        ("s,b", {"a (m)": "b (s)", "b (m)": "b (s)", "a (s)": "b (s)"}),
        ("b", {"a (m)": "b (m)", "a (s)": "b (s)"}),
        ("s", {"a (m)": "a (s)", "b (m)": "b (s)"}),
    ],
)
def test_a_baseline_is_a_group_or_the_like_group_of_that_name(baseline, pairs):
    table = pd.concat([runs(p, LUCK[:3], architecture=a) for a in "ms" for p in "ab"])

    compared = headlines(table, ["wait_mean_s"], baseline)

    assert {one.group: one.baseline for one in compared} == pairs


def test_other_columns_can_make_the_groups():
    table = runs("a", LUCK, load=0.5).drop(columns=["policy", "architecture"])
    table = pd.concat([table, table.assign(load=0.9, wait_mean_s=2 * LUCK)])

    (one,) = headlines(table, ["wait_mean_s"], by=["load"])

    assert (one.group, one.baseline) == ("0.9", "0.5")
    assert one.relative.mean == pytest.approx(1.0)


def test_two_rows_of_one_group_and_seed_are_an_error_that_says_what_they_may_differ_in():
    table = pd.concat([runs("a", LUCK, load=load) for load in (0.5, 0.9)])

    with pytest.raises(UserError, match=r"2 rows are a \(shared-state\) with seed 1.*perhaps load"):
        headlines(table, ["wait_mean_s"])


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"metrics": ["wait_mean"]}, "no run has a metric 'wait_mean'; there are wait_mean_s"),
        ({"baseline": "c"}, "no runs are called so; there are shared-state,a; shared-state,b"),
        ({"by": ["load"]}, "no column 'load'"),
    ],
)
def test_what_is_not_there_is_an_error_that_says_what_is(options, message):
    table = pd.concat([runs("a", LUCK), runs("b", LUCK)])

    with pytest.raises(UserError, match=message):
        headlines(table, **options)


def test_a_metric_of_groups_of_schedulers_is_that_of_the_worst():
    table = pd.concat(
        [
            runs("a", LUCK[:2], **{"conflict_fraction.batch": [0.1, 0.2], "conflict_fraction.service": [0.3, 0.1]}),
            runs("b", LUCK[:2], **{"conflict_fraction.batch": [0.1, 0.1], "conflict_fraction.service": [0.1, 0.5]}),
            runs("c", LUCK[:2], architecture="monolithic", **{"conflict_fraction.all": [0.0, 0.1]}),
        ]
    )

    b, c = headlines(table, ["conflict_fraction"])

    assert b.own.mean == pytest.approx(0.3)
    assert c.own.mean == pytest.approx(0.05)
    assert c.difference.mean == pytest.approx(0.05 - 0.25)


def test_by_default_only_what_differs_is_compared():
    table = pd.concat([runs("a", LUCK, makespan_s=10.0), runs("b", 2 * LUCK, makespan_s=10.0)])

    assert {one.metric for one in headlines(table)} == {"wait_mean_s"}


def test_several_comparisons_are_said_to_be_several():
    tables = [runs(name, LUCK + 0.1 * noise(ord(name))) for name in "abc"]

    assert note(headlines(pd.concat(tables))).startswith("2 comparisons were made")
    assert note(headlines(pd.concat(tables[:2]))) == ""


PAIRS = st.lists(st.tuples(st.floats(0.1, 10.0), st.floats(0.1, 10.0)), min_size=3, max_size=12)


@given(PAIRS, st.sampled_from([0.9, 0.95, 0.99]))
def test_the_interval_of_a_ratio_contains_no_difference_if_and_only_if_the_paired_t_test_finds_none(pairs, confidence):
    y, x = (np.array(side) for side in zip(*pairs, strict=True))
    interval = ratio(y.tolist(), x.tolist(), confidence)
    p = paired_p((y - x).tolist())
    if math.isnan(interval.low) or math.isnan(p) or abs(p - (1 - confidence)) < 1e-6:
        return

    assert (interval.low <= 1 <= interval.high) == (p >= 1 - confidence)


@given(PAIRS)
def test_the_p_value_is_that_of_the_paired_t_test(pairs):
    y, x = (np.array(side) for side in zip(*pairs, strict=True))
    if np.ptp(y - x) < 1e-6:
        return

    assert paired_p((y - x).tolist()) == pytest.approx(stats.ttest_rel(y, x).pvalue, rel=1e-6, abs=1e-12)


@given(st.lists(st.floats(0.0, 1.0), min_size=1, max_size=8))
def test_holm_rejects_what_stepping_down_by_hand_rejects(p_values):
    adjusted = holm(p_values)
    for level in (0.01, 0.05, 0.3):
        rejected = set()
        for step, number in enumerate(sorted(range(len(p_values)), key=p_values.__getitem__)):
            if p_values[number] * (len(p_values) - step) > level:
                break
            rejected.add(number)

        assert {number for number, p in enumerate(adjusted) if p <= level} == rejected


def test_an_interval_covers_as_often_as_it_says():
    samples = np.random.default_rng(5).normal(size=(2000, 6))
    for confidence in (0.8, 0.95, 0.99):
        covered = sum(e.low <= 0 <= e.high for e in (estimate(row, confidence) for row in samples.tolist()))

        # Three standard deviations of the binomial.
        assert abs(covered - 2000 * confidence) <= 3 * math.sqrt(2000 * confidence * (1 - confidence))


def test_the_interval_of_a_ratio_covers_as_often_as_it_says():
    rng = np.random.default_rng(6)
    x = rng.normal(10.0, 2.0, (2000, 8))
    y = 1.5 * x + rng.normal(0.0, 1.0, x.shape)
    covered = sum(i.low <= 1.5 <= i.high for i in (ratio(*pair) for pair in zip(y, x, strict=True)))

    assert abs(covered - 1900) <= 3 * math.sqrt(2000 * 0.95 * 0.05)


def test_bootstrap_intervals_cover_nearly_as_often_as_they_say():
    # Bias-corrected or not, the bootstrap knows nothing beyond its sample: of 30 exponential values 92 to 95 in 100.
    rng = np.random.default_rng(8)
    covered = sum(
        i.low <= 1 <= i.high for i in (bootstrap(np.mean, rng.exponential(size=30), resamples=499) for _ in range(400))
    )

    assert 0.88 <= covered / 400 <= 0.98


def test_both_methods_agree_on_many_normal_pairs():
    tables = runs("a", 1 + 0.1 * noise(1, 60)), runs("b", 1.2 + 0.1 * noise(2, 60))

    t, boot = (only(*tables, method=method).relative for method in Method)

    assert boot.mean == t.mean
    assert (boot.low, boot.high) == pytest.approx((t.low, t.high), abs=0.01)


def test_pairing_is_worth_more_than_seeds():
    table = pd.concat([runs("a", LUCK), runs("b", 1.1 * LUCK + 0.02 * noise(3))])

    (paired,) = headlines(table, ["wait_mean_s"])
    unpaired = math.hypot(paired.own.half, paired.theirs.half)

    assert paired.difference.half < unpaired / 5
