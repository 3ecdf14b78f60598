"""Workloads that come by a pattern, in bursts, and whose quantities go together."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from policies.errors import UserError
from traces.generate import (
    DEFAULT,
    EMBEDDED,
    ArrivalsSpec,
    Burst,
    ClassSpec,
    Constant,
    Correlation,
    Empirical,
    Exponential,
    Generated,
    HostsSpec,
    Lognormal,
    MapReduceSpec,
    PickySpec,
    PrefillSpec,
    Quantiles,
    Uniform,
    UsesSpec,
    WorkloadSpec,
    coming,
    drawing,
    read_spec,
    write_spec,
)
from traces.generate.coming import streams_of
from traces.reading.rejects import Rejects

GIB = 2.0**30
DAY_S = 86400.0


def one_class(name="batch", **laws):
    plain = {"interarrival_s": Constant(1.0), "tasks": Constant(1.0), "duration_s": Constant(1.0),
             "cpus": Constant(1.0), "memory_bytes": Constant(1.0)}  # fmt: skip
    return ClassSpec(name, **{**plain, **laws})


def coming_by(arrivals, **laws):
    return one_class(interarrival_s=None, arrivals=arrivals, **laws)


def jobs_of(*classes, seed=1, span_s=1000.0):
    return list(Generated(WorkloadSpec(span_s, classes), seed, Rejects()).arrivals())


def times_of(arrivals, seed=1, span_s=DAY_S):
    return np.array([one.job.submit_s for one in jobs_of(coming_by(arrivals), seed=seed, span_s=span_s)])


# --- how jobs come


def test_every_slot_of_the_pattern_has_its_rate_and_the_pattern_begins_again():
    times = times_of(ArrivalsSpec((600.0, 0.0, 60.0), 1800.0), span_s=200 * 5400.0)

    slots = np.bincount((times // 1800.0 % 3).astype(int), minlength=3)
    assert slots[1] == 0
    for slot, mean in ((0, 200 * 300.0), (2, 200 * 30.0)):
        assert abs(slots[slot] - mean) < 4 * math.sqrt(mean)
    assert (np.diff(times) >= 0).all()
    assert times[-1] < 200 * 5400.0


def test_without_bursts_a_steady_rate_is_a_poisson_process():
    times = times_of(ArrivalsSpec((360.0,), 3600.0), span_s=5e4)

    assert stats.kstest(np.diff(times), stats.expon(scale=10.0).cdf).pvalue > 0.001


def test_counts_under_bursts_are_negative_binomial():
    counts = np.bincount(
        (times_of(ArrivalsSpec((360.0,), 3600.0, (Burst(60.0, 0.5),)), span_s=6e5) // 60.0).astype(int)
    )

    # Polya: shape 1 / v, mean m.
    law = stats.nbinom(2.0, 2.0 / (2.0 + 6.0))
    seen = np.bincount(np.minimum(counts, 20), minlength=21)
    expected = counts.size * np.append(law.pmf(np.arange(20)), law.sf(19))
    assert stats.chisquare(seen, expected).pvalue > 0.001


def test_factors_of_several_scales_multiply():
    both = ArrivalsSpec((3600.0,), 3600.0, (Burst(10.0, 1.0), Burst(100.0, 0.5)))
    times = np.concatenate(list(both.drawn(1e6, streams_of(both, 1, "workload", "batch"), 4096)))
    counts = np.bincount((times // 10.0).astype(int), minlength=100_000)

    mean = 10.0
    assert counts.mean() == pytest.approx(mean, rel=0.03)
    assert counts.var() == pytest.approx(mean + mean**2 * (2.0 * 1.5 - 1), rel=0.1)


def test_times_are_rounded_down_to_steps():
    rounded = times_of(ArrivalsSpec((360.0,), 3600.0, step_s=5.0))
    exact = times_of(ArrivalsSpec((360.0,), 3600.0))

    assert rounded.tolist() == (np.floor(exact / 5.0) * 5.0).tolist()


BURSTY = ArrivalsSpec((900.0, 30.0), 3600.0, (Burst(1.0, 2.0), Burst(60.0, 0.5)))


@pytest.mark.parametrize("block", [1, 7, 100_000])
@pytest.mark.parametrize("stretches", [13, 100_000])
def test_times_do_not_depend_on_how_many_are_drawn_at_a_time(monkeypatch, block, stretches):
    before = times_of(BURSTY, span_s=9000.0)
    monkeypatch.setattr(drawing, "BLOCK", block)
    monkeypatch.setattr(coming, "STRETCHES", stretches)

    assert times_of(BURSTY, span_s=9000.0).tolist() == before.tolist()


def test_at_another_rate_come_the_same_jobs_earlier():
    once = times_of(BURSTY, span_s=7200.0)
    [faster] = WorkloadSpec(1.0, (coming_by(BURSTY),)).scaled(rate={"batch": 10.0}).classes

    assert times_of(faster.arrivals, span_s=7200.0).size == pytest.approx(10 * once.size, rel=0.1)
    assert faster.gap_s() == pytest.approx(3600.0 / 4650.0)


def test_more_bursts_change_nothing_of_what_jobs_are_like():
    law = Lognormal(60.0, 2.0)
    plain, bursty = (jobs_of(coming_by(one, duration_s=law)) for one in (ArrivalsSpec((360.0,), 3600.0), BURSTY))

    n = min(len(plain), len(bursty))
    assert n > 50
    assert [one.run_s for one in plain[:n]] == [one.run_s for one in bursty[:n]]


def test_no_more_jobs_come_than_are_said():
    there = one_class("there", interarrival_s=Constant(0.0), jobs=9000)

    arrivals = jobs_of(there, one_class())

    assert sum(one.job.workload == "there" for one in arrivals) == 9000
    assert {one.job.submit_s for one in arrivals if one.job.workload == "there"} == {0.0}
    assert WorkloadSpec(1.0, (there,)).scaled(cell=0.5).classes[0].jobs == 4500


# --- quantities that go together


SIZES = {"tasks": Lognormal(5.0, 1.0), "duration_s": Lognormal(60.0, 2.0), "cpus": Empirical((1.0, 4.0)),
         "memory_bytes": Uniform(1e9, 5e9), "gpus": Empirical((0.0, 1.0), (3.0, 1.0))}  # fmt: skip


def numbers(arrivals):
    needs = [one.job.groups[0].task.need for one in arrivals]
    return {
        "tasks": [one.job.tasks for one in arrivals],
        "duration_s": [one.run_s[0] for one in arrivals],
        "cpus": [need.cpu_milli for need in needs],
        "memory_bytes": [need.memory_bytes for need in needs],
        "gpus": [need.gpu_milli for need in needs],
    }


TIES = (Correlation("tasks", "duration_s", 0.7), Correlation("cpus", "memory_bytes", -0.5))


def test_a_tie_keeps_the_laws_and_leaves_what_is_not_tied_as_it_was():
    free = numbers(jobs_of(one_class(**SIZES), span_s=5000.0))
    tied = numbers(jobs_of(one_class(**SIZES, correlations=TIES[:1]), span_s=5000.0))

    for quantity in ("cpus", "memory_bytes", "gpus"):
        assert free[quantity] == tied[quantity]
    assert stats.ks_2samp(free["duration_s"], tied["duration_s"]).pvalue > 0.001
    assert stats.spearmanr(tied["tasks"], tied["duration_s"]).statistic > 0.6
    assert abs(stats.spearmanr(free["tasks"], free["duration_s"]).statistic) < 0.08


@pytest.mark.parametrize("changed", SIZES)
def test_changing_a_law_leaves_what_is_tied_to_it_as_it_was(changed):
    before = numbers(jobs_of(one_class(**SIZES, correlations=TIES)))
    after = numbers(jobs_of(one_class(**{**SIZES, changed: Exponential(7.0)}, correlations=TIES)))

    assert before.pop(changed) != after.pop(changed)
    assert before == after


def test_what_containers_use_may_be_tied_to_what_they_ask_for():
    uses = UsesSpec(cpu_demand=Uniform(0.0, 4.0))
    tie = Correlation("cpus", "cpu_demand", 0.9)
    arrivals = jobs_of(one_class(cpus=Lognormal(2.0, 1.0), uses=uses, correlations=(tie,)), span_s=3000.0)

    asked = [one.job.groups[0].task.need.cpu_milli for one in arrivals]
    used = [one.behaviours[0][0].demand.cpu_cores for one in arrivals]
    assert stats.spearmanr(asked, used).statistic == pytest.approx(6 / math.pi * math.asin(0.45), abs=0.03)


@pytest.mark.parametrize("block", [1, 7, 100_000])
def test_tied_numbers_do_not_depend_on_how_many_are_drawn_at_a_time(monkeypatch, block):
    one = one_class(**SIZES, correlations=TIES)
    before = numbers(jobs_of(one))
    monkeypatch.setattr(drawing, "BLOCK", block)

    assert numbers(jobs_of(one)) == before


@pytest.mark.parametrize(
    "law",
    [Constant(7.0), Exponential(7.0), Lognormal(7.0, 0.5), Lognormal(7.0, 0.0), Uniform(3.0, 8.0),
     Empirical((2.0, 1.0, 11.0), (1.0, 2.0, 0.0)), Quantiles(((0.0, 0.0), (0.5, 2.0), (1.0, 21.0)))],
    ids=lambda law: type(law).__name__,
)  # fmt: skip
def test_values_below_which_shares_lie_are_those_that_are_drawn(law):
    shares = (np.arange(20_000) + 0.5) / 20_000
    drawn = law.draw(np.random.default_rng(1), 20_000)

    assert (np.diff(law.at(shares)) >= 0).all()
    assert stats.ks_2samp(law.at(shares), drawn).statistic < 0.02


def test_weights_are_how_likely_values_are():
    law = Empirical((5.0, 1.0, 9.0), (70.0, 30.0, 0.0))
    values, counts = np.unique(law.draw(np.random.default_rng(2), 10_000), return_counts=True)

    assert values.tolist() == [1.0, 5.0]
    assert counts[1] == pytest.approx(7000, abs=200)
    assert law.expected() == pytest.approx(3.8)
    met, _ = np.unique(law.draw_met(np.random.default_rng(2), 10_000), return_counts=True)
    assert met.tolist() == [1.0, 5.0]


def test_a_class_with_a_pattern_can_fill_the_cell_at_the_beginning():
    one = coming_by(ArrivalsSpec((360.0,), 3600.0), duration_s=Constant(100.0))
    spec = WorkloadSpec(1.0, (one,), (HostsSpec(10, 4.0, 2**35),), PrefillSpec(0.5))

    assert one.cores() == pytest.approx(10.0)
    assert sum(one.job.tasks for one in Generated(spec, 1, Rejects()).prefill_anywhere()) == 20


# --- files


PROGRAMS = MapReduceSpec(Lognormal(100.0, 1.0), Constant(2.5), Uniform(0.5, 0.9))

FULL = WorkloadSpec(
    5400.5,
    (
        coming_by(BURSTY, **SIZES, correlations=TIES, workload="odd \"class\"", jobs=10),
        one_class("a.b = [c]", mapreduce=PROGRAMS, uses=UsesSpec(Constant(0.5), io_size_bytes=Uniform(1.0, 4096.0))),
        one_class("für 谁", duration_s=Constant(math.inf), uses=UsesSpec()),
        one_class("long", duration_s=Quantiles(tuple((n / 100, float(n)) for n in range(101)))),
    ),
    (HostsSpec(5, 4.0, 2**33), HostsSpec(7, 0.5, 2**34)),
    None,
    ('said by "somebody" \\ else', "über"),
    PickySpec(0.1),
)  # fmt: skip


def test_a_description_is_read_back_as_it_was_written(tmp_path):
    write_spec(FULL, tmp_path / "full.toml")

    assert read_spec(tmp_path / "full.toml") == FULL
    assert max(map(len, (tmp_path / "full.toml").read_text(encoding="utf-8").splitlines())) <= 120


@pytest.mark.parametrize("name", EMBEDDED)
def test_embedded_workloads_are_read_back_as_they_were_written(tmp_path, name):
    spec = EMBEDDED[name]
    if spec.prefill is not None and spec.prefill.classes:
        with pytest.raises(UserError, match="has classes of its own"):
            write_spec(spec, tmp_path / "one.toml")
        return

    write_spec(spec, tmp_path / "one.toml")

    assert read_spec(tmp_path / "one.toml") == spec


amounts = st.floats(1e-6, 1e15)


@settings(deadline=None, max_examples=60)
@given(
    name=st.text(st.characters(exclude_categories=["C", "Z"]), min_size=1, max_size=20),
    values=st.lists(amounts, min_size=1, max_size=60),
    rates=st.lists(st.floats(0.0, 1e6), min_size=1, max_size=200).filter(any),
    rho=st.floats(-0.99, 0.99),
    note=st.text(st.characters(exclude_categories=["C", "Z"])),
)
def test_any_description_is_read_back_as_it_was_written(tmp_path_factory, name, values, rates, rho, note):
    path = tmp_path_factory.mktemp("spec") / "any.toml"
    laws = {"duration_s": Empirical(tuple(values)), "cpus": Exponential(values[0])}
    ties = (Correlation("duration_s", "cpus", rho),)
    one = coming_by(ArrivalsSpec(tuple(rates), 60.0), **laws, correlations=ties)
    spec = WorkloadSpec(10.0, (replace(one, name=name),), notes=(note,))

    write_spec(spec, path)

    assert read_spec(path) == spec


def test_a_folder_that_is_not_there_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"none/my\.toml: No such file"):
        write_spec(DEFAULT, tmp_path / "none" / "my.toml")


COMING = """
span_s = 60
[classes.batch]
arrivals.rates_per_h = [40, 5]
arrivals.slot_s = "6h"
arrivals.bursts = [{every_s = "10s", variance = 3}, {every_s = "10min", variance = 0.5}]
jobs = 10
tasks = 1
duration_s = 1
cpus = {law = "empirical", values = [1, 2], weights = [3, 1]}
memory_bytes = {law = "exponential", mean = "1GiB"}
correlations = [["cpus", "memory_bytes", 0.8]]
"""


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("[40, 5]", "[]", "arrivals: rates_per_h is empty"),
        ("[40, 5]", "[0, 0]", "arrivals: rates_per_h are all 0"),
        ("[40, 5]", "[-1]", "arrivals: rates_per_h must be 0 or more"),
        ("[40, 5]", "7", "arrivals.rates_per_h: must be a list"),
        ("[40, 5]", '["many"]', "arrivals.rates_per_h: 'many' is not a number"),
        ('"6h"', "0", "arrivals: slot_s must be more than 0"),
        ('"6h"', "25", "slot_s must be a whole number of the shortest bursts"),
        ('arrivals.slot_s = "6h"', "", "arrivals.slot_s: is missing"),
        ('"10min"', "25", "each a whole number of times as long as the one before"),
        ('"10min"', "5", "bursts must stand from short to long"),
        ("variance = 3", "variance = 0", "arrivals.bursts: variance must be more than 0"),
        ("variance = 3", "size = 0", "arrivals.bursts.size: unknown key"),
        ("jobs = 10", "jobs = 0", "jobs must be 1 or more"),
        ("jobs = 10", "jobs = 1.5", "jobs: must be a whole number"),
        ("jobs = 10", "interarrival_s = 5", "jobs come by interarrival_s or by arrivals, one of the two"),
        ("[3, 1]", "[3]", "cpus: weights must be as many as values"),
        ("[3, 1]", "[0, 0]", "cpus: weights are all 0"),
        ("[3, 1]", "[-1, 2]", "cpus: weights must be 0 or more"),
        ("0.8", "1.5", "a correlation must be more than -1 and less than 1"),
        ('"memory_bytes", 0.8', '"memory", 0.8', "correlations: 'memory' is not drawn; there are tasks, duration_s"),
        ('"memory_bytes", 0.8', '"cpus", 0.8', "cpus goes together with itself"),
        ('"memory_bytes", 0.8', "0.8", "correlations: must be a list of triples"),
        ("0.8]]", '0.8], ["memory_bytes", "cpus", 0.1]]', "two quantities are correlated twice"),
        ("0.8]]", '0.9], ["memory_bytes", "gpus", 0.9], ["cpus", "gpus", -0.9]]', "contradict one another"),
    ],
)
def test_a_mistake_in_a_file_is_one_line_that_names_file_and_key(tmp_path, old, new, complaint):
    assert COMING.count(old) == 1
    path = tmp_path / "my.toml"
    path.write_text(COMING.replace(old, new))

    with pytest.raises(UserError) as error:
        read_spec(path)

    assert str(error.value).startswith(f"{path}: classes.batch")
    assert complaint in str(error.value)
    assert "\n" not in str(error.value)
