"""Seeds are added until the intervals are as narrow as was asked for: the same seeds, however it is made."""

import csv
import json
from math import inf

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from experiments.measures.statistics import estimate
from experiments.measures.stopping import FIRST, Short, next_count, relative_half_width, shortfalls
from experiments.results.result import Result
from experiments.results.study import RunKey, Study
from tests.experiments.sweeps import killed_after, towtank

COUNTS = st.integers(2, 1000)
SHARES = st.floats(0.001, 1, exclude_max=True)
SHORT = st.lists(
    st.builds(Short, st.just("a"), st.just("p"), st.just("m"), st.floats(1, 100) | st.just(inf)), min_size=1, max_size=3
)


@given(SHORT, COUNTS, SHARES, st.integers(2, 2000))
def test_where_something_is_short_there_are_more_but_at_most_half_as_many_more_and_no_more_than_may_be(
    short, count, precision, most
):
    after = next_count(short, count, precision, most)

    assert after <= max(count, most)
    assert after <= max(count + 1, count * 1.5)
    assert after > count or count >= most


@given(COUNTS, SHARES, st.integers(2, 2000))
def test_where_nothing_is_short_there_are_enough(count, precision, most):
    assert next_count([], count, precision, most) == count


# Numbers below that are not held to all their digits.
@given(
    st.lists(st.floats(1e-9, 1e6) | st.floats(-1e6, -1e-9) | st.just(0.0), min_size=2, max_size=9), st.floats(0.1, 10)
)
def test_the_unit_of_a_metric_does_not_matter(values, unit):
    width = relative_half_width(values)

    assert relative_half_width([unit * value for value in values]) == pytest.approx(width, rel=1e-6, abs=1e-12)


def test_each_architecture_policy_and_metric_counts_by_itself():
    results = [
        Result(RunKey(architecture, "p", seed), {"even": 1.0, "wide": float(seed), f"of.{architecture}": 1.0}, {})
        for architecture in ("a", "b")
        for seed in (1, 2)
    ]

    short = shortfalls(results, ("even", "wide", "of.a"), 0.1)

    assert [(one.architecture, one.metric) for one in short] == [("a", "wide"), ("b", "wide")]


@pytest.mark.parametrize("draw", ["normal", "exponential"])
def test_intervals_still_cover_when_one_stops_as_they_are_narrow(draw):
    """One of 20 intervals misses if the number of values is fixed; looking often, and stopping, costs some of it."""
    rng, true, precision, covered, times = np.random.default_rng(7), 1.0, 0.1, 0, 400
    for _ in range(times):
        values = []
        count = FIRST
        while len(values) < count:
            more = count - len(values)
            values += (rng.normal(true, 0.3, more) if draw == "normal" else rng.exponential(true, more)).tolist()
            width = relative_half_width(values)
            short = [Short("a", "p", "m", width)] if width > precision else []
            count = next_count(short, count, precision, 10_000)
        interval = estimate(values)
        assert interval.half <= precision * abs(interval.mean)
        covered += interval.low <= true <= interval.high

    assert covered / times >= 0.9


def test_added_seeds_are_the_next_whole_numbers_and_the_same_for_all():
    study = Study(seeds=(5, 2))

    assert study.first_seeds(4) == (5, 2, 6, 7)
    assert list(study.runs()) == list(study.runs(2))


ASKED = ["run", "--until", "5min", "--architecture", "monolithic", "--policy", "spread", "--policy", "binpack",
         "--seeds", "3", "--precision", "15%", "--of", "cpu_allocated_mean", "--no-figures",
         "--out", "out"]  # fmt: skip


def runs(folder):
    with (folder / "out" / "summary.csv").open() as file:
        rows = list(csv.DictReader(file))
    return [{name: value for name, value in row.items() if name not in ("wall_s", "cpu_s", "peak_rss_bytes")}
            for row in rows]  # fmt: skip


@pytest.mark.slow
def test_a_study_comes_to_the_same_seeds_however_many_go_on_at_once_and_whenever_it_was_killed(tmp_path):
    one, other = tmp_path / "one", tmp_path / "other"
    one.mkdir()
    other.mkdir()
    ended = towtank(*ASKED, "--processes", 1, cwd=one)
    killed_after(21, *ASKED, "--processes", 2, cwd=other)
    again = towtank(*ASKED, "--processes", 2, cwd=other)

    assert ended.returncode == again.returncode == 0, ended.stderr + again.stderr
    assert len(runs(one)) > 2 * FIRST
    assert runs(one) == runs(other)
    assert "cpu_allocated_mean: within ± 15 % after" in ended.stdout
    for policy in ("spread", "binpack"):
        values = [float(row["cpu_allocated_mean"]) for row in runs(one) if row["policy"] == policy]
        assert relative_half_width(values) <= 0.15
    assert [int(row["seed"]) for row in runs(one)][: len(runs(one)) // 2] == list(range(3, 3 + len(runs(one)) // 2))


def test_what_is_not_reached_is_told_by_how_much(tmp_path):
    ended = towtank("run", "--until", "1min", "--architecture", "monolithic", "--policy", "spread", "--precision",
                    "0.1%", "--max-seeds", FIRST, "--processes", 1, cwd=tmp_path)  # fmt: skip

    assert ended.returncode == 0, ended.stderr
    assert "note: wait_mean_s of monolithic spread is ± " in ended.stdout
    assert f"after {FIRST} seeds, not ± 0.1 %" in ended.stdout


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (["--precision", "2%", "--of", "slowdown_men"], "did you mean 'slowdown_mean'"),
        (["--precision", "2"], "no share between 0 and 1"),
        (["--of", "wait_mean_s", "--max-seeds", "60"], "--max-seeds has no effect without --precision"),
        (["--precision", "2%", "--max-seeds", "3"], "3 is not in the range"),
        (["--precision", "2%", "--max-seeds", "10", "--seeds", ",".join(map(str, range(11)))], "11 seeds"),
    ],
)
def test_what_cannot_be_reached_is_told_in_one_line(tmp_path, options, says):
    ended = towtank("run", "--until", "1min", "--processes", 1, "--json", *options, cwd=tmp_path)

    assert ended.returncode == 2
    assert says in ended.stderr
    assert len(ended.stderr.splitlines()) == 1


def test_json_has_the_runs_that_were_added(tmp_path):
    ended = towtank("run", "--until", "1min", "--architecture", "monolithic", "--policy", "spread", "--precision",
                    "90%", "--of", "cpu_allocated_mean", "--processes", 1, "--json", cwd=tmp_path)  # fmt: skip

    assert [run["seed"] for run in json.loads(ended.stdout)["runs"]] == list(range(1, FIRST + 1))
