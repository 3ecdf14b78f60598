"""Descriptions fitted to a trace: what was put in comes out again, within its interval."""

import math
from collections import Counter
from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import Phase, given, settings
from hypothesis import strategies as st
from scipy import stats

from policies.errors import UserError
from policies.requests import Constraint, Demand, Group, Job, Operator, Resources, Task
from traces.fit import FEWEST, POINTS, fit, fit_arrivals, fit_law, measure, measuring, sampling
from traces.fit.laws import MOST_VALUES, fit_correlations, rank_correlations
from traces.fit.sampling import Counts, Sample
from traces.formats import open_trace
from traces.generate import (
    ArrivalsSpec,
    Burst,
    ClassSpec,
    Constant,
    Correlation,
    Empirical,
    Exponential,
    Generated,
    Lognormal,
    Quantiles,
    WorkloadSpec,
    read_spec,
    write_spec,
)
from traces.generate.coming import streams_of
from traces.reading.rejects import Rejects
from traces.trace import Arrival, Recorded, Trace
from traces.trace import Phase as Stage

DAY_S = 86400.0
DAILY = tuple(100 + 80 * math.sin(2 * math.pi * hour / 24) for hour in range(24))


class Listed(Trace):
    """A trace of these jobs."""

    format = "listed"
    dataset = "made up"
    licence = "nobody's"

    def __init__(self, tmp_path, arrivals, end=None, recorded=()):
        super().__init__(tmp_path / "listed.csv", Rejects())
        self._arrivals, self._end, self._recorded = arrivals, end, recorded

    def arrivals(self):
        return iter(self._arrivals)

    def end_s(self):
        return self._end

    def prefill(self):
        return iter(self._recorded)


def job(at, name="a", workload="batch", run_s=10.0, tasks=1, cpus=1000, **more):
    task = Task(Resources(cpus, 2**30), **more)
    return Arrival(Job(name, at, workload, (Group(task, tasks),)), (run_s,))


def counted(spec, span_s, seed, steps=()):
    counts = Counts()
    for times in spec.drawn(span_s, streams_of(spec, seed, "workload", "batch"), 4096):
        counts.add(times)
    return fit_arrivals(counts, 0.0, span_s, list(steps))


def holds(interval, truth):
    return interval.low <= truth <= interval.high


# --- a fitted generator that is fitted again gives back its parameters


def one_class(**more):
    plain = {
        "interarrival_s": Exponential(30.0), "tasks": Constant(1.0), "duration_s": Constant(60.0),
        "cpus": Constant(1.0), "memory_bytes": Constant(2.0**30),
    }  # fmt: skip
    return ClassSpec("batch", **{**plain, **more})


def refitted(spec, seed=1):
    trace = Generated(spec, seed, Rejects())
    return fit(measure(trace), trace)


BURSTY = ArrivalsSpec(DAILY, 3600.0, (Burst(10.0, 2.0), Burst(600.0, 0.5)))


def test_rates_and_bursts_are_within_their_intervals():
    runs = [counted(BURSTY, 14 * DAY_S, seed) for seed in range(10)]

    rates = [holds(one, rate) for run in runs for one, rate in zip(run.rates_per_h, DAILY, strict=True)]
    truth = {1.0: 0.0, 10.0: 2.0, 60.0: 0.0, 600.0: 0.5, 3600.0: 0.0}
    bursts = [holds(one, truth[every_s]) for run in runs for every_s, one in run.variances.items()]
    # Of intervals of 99 %, more than 9 of 240 or 4 of 50 miss the truth less than once in a thousand times.
    assert len(rates) == 240
    assert len(bursts) == 50
    assert rates.count(False) <= 9
    assert bursts.count(False) <= 4
    assert all({10.0, 600.0} <= {burst.every_s for burst in run.arrivals.bursts} for run in runs)


def test_bursts_of_a_steady_rate_are_within_their_intervals_in_a_few_hours():
    steady = ArrivalsSpec((2000.0,), 3600.0, (Burst(1.0, 0.5), Burst(60.0, 0.5)))

    runs = [counted(steady, 4 * 3600.0, seed) for seed in range(10)]

    truth = {1.0: 0.5, 60.0: 0.5}
    inside = [holds(one, truth.get(every_s, 0.0)) for run in runs for every_s, one in run.variances.items()]
    assert len(inside) == 40
    assert inside.count(False) <= 4
    assert all(len(run.rates_per_h) == 1 for run in runs)
    assert all(holds(run.rates_per_h[0], 2000.0) for run in runs)


def test_jobs_that_know_nothing_of_one_another_are_fitted_as_such():
    fitted = [refitted(WorkloadSpec(2 * DAY_S, (one_class(),)), seed) for seed in range(10)]

    inside = [holds(one.intervals["batch.interarrival_s.mean"], 30.0) for one in fitted
              if "batch.interarrival_s.mean" in one.intervals]  # fmt: skip
    # A level of bursts that is none is kept in some of the runs, with a variance that is next to nothing.
    bursts = [burst for one in fitted if one.spec.classes[0].arrivals for burst in one.spec.classes[0].arrivals.bursts]
    assert inside.count(True) >= 3
    assert all(burst.variance < 0.2 for burst in bursts)


@pytest.mark.parametrize("seed", range(3))
def test_the_whole_of_a_description_comes_back(seed):
    ties = (Correlation("tasks", "duration_s", 0.5), Correlation("duration_s", "memory_bytes", -0.3))
    truth = one_class(
        interarrival_s=None, arrivals=ArrivalsSpec(DAILY, 3600.0, (Burst(60.0, 1.0),), 1.0),
        tasks=Lognormal(30.0, 1.2), duration_s=Lognormal(300.0, 1.5), cpus=Empirical((1.0, 2.0, 8.0), (6.0, 3.0, 1.0)),
        memory_bytes=Exponential(2e9), gpus=Empirical((0.0, 1.0), (0.9, 0.1)), correlations=ties,
    )  # fmt: skip

    fitted = refitted(WorkloadSpec(7 * DAY_S, (truth,)), seed)

    [one] = fitted.spec.classes
    sure = fitted.intervals
    assert holds(sure["batch.duration_s.median"], 300.0)
    assert holds(sure["batch.duration_s.sigma"], 1.5)
    assert holds(sure["batch.memory_bytes.mean"], 2e9)
    assert holds(sure["batch.correlations.tasks.duration_s"], 0.5)
    assert holds(sure["batch.correlations.duration_s.memory_bytes"], -0.3)
    assert holds(sure["batch.arrivals.bursts.60"], 1.0)
    assert one.arrivals.step_s == 1.0
    assert one.cpus.values == (1.0, 2.0, 8.0)
    assert one.cpus.weights == pytest.approx((0.6, 0.3, 0.1), abs=0.02)
    assert one.gpus.weights == pytest.approx((0.9, 0.1), abs=0.02)
    assert isinstance(one.tasks, Quantiles)


def test_a_description_is_in_its_file_as_it_is(tmp_path):
    fitted = refitted(WorkloadSpec(3 * DAY_S, (one_class(duration_s=Lognormal(5.0, 2.0)),)))

    write_spec(fitted.spec, tmp_path / "like.toml")

    assert read_spec(tmp_path / "like.toml") == fitted.spec


# --- marginals


@settings(deadline=None, max_examples=60)
@given(
    values=st.lists(st.just(0.0) | st.floats(1e-6, 1e12), min_size=FEWEST, max_size=200).map(np.array),
    whole=st.booleans(),
)
def test_a_law_is_exact_at_its_points_and_has_few_of_them(values, whole):
    values = np.maximum(np.ceil(values), 1.0) if whole else values

    law = fit_law(values, whole)

    if isinstance(law, Quantiles):
        assert len(law.points) <= POINTS
        # A value may have two points: below it, and up to it.
        for (_, value), (share, after) in pairwise(law.points):
            if after > value:
                below = (values < after).mean(), (values <= after).mean()
                assert below[0] - 1e-5 <= share <= below[1] + 1e-5
        drawn = law.at(np.linspace(0.0, 1.0, 50, endpoint=False))
        assert drawn.max() <= law.points[-1][1]
        assert law.points[-1][1] == pytest.approx(values.max(), rel=0.02, abs=1)


def test_few_values_are_drawn_as_often_as_they_were():
    law = fit_law(np.repeat([1.0, 2.0, 16.0], [700, 250, 50]))

    assert law == Empirical((1.0, 2.0, 16.0), (0.7, 0.25, 0.05))


def test_a_value_that_hardly_anybody_has_is_told_as_a_common_one():
    law = fit_law(np.concatenate((np.repeat([1.0, 2.0], 500), [1.23456789])))

    assert law.values == (1.0, 2.0)


def test_a_common_value_among_many_is_as_common_as_it_was():
    rng = np.random.default_rng(1)
    values = np.concatenate((rng.lognormal(3.0, 1.0, 5000), np.full(2000, 20.0), np.full(500, 1e4)))

    law = fit_law(values)

    drawn = law.at(np.linspace(0.0, 1.0, 100_000, endpoint=False))
    assert (drawn == 20.0).mean() == pytest.approx(2000 / 7500, abs=1e-3)
    assert (drawn == 1e4).mean() == pytest.approx(500 / 7500, abs=1e-3)


def test_whole_numbers_are_as_common_as_they_were_when_they_are_rounded_up():
    rng = np.random.default_rng(2)
    values = np.concatenate((np.ceil(rng.lognormal(3.0, 2.0, 20_000)), np.full(10_000, 100.0)))
    assert np.unique(values).size > 10 * MOST_VALUES

    law = fit_law(values, whole=True)

    drawn = np.ceil(law.at(np.linspace(0.0, 1.0, 200_000, endpoint=False)))
    for value in (1.0, 2.0, 100.0):
        assert (drawn == value).mean() == pytest.approx((values == value).mean(), abs=2e-3)
    assert stats.ks_2samp(drawn, values).statistic < 0.01


def test_the_tail_of_a_heavy_law_is_there():
    values = np.random.default_rng(3).pareto(1.5, 200_000) + 1

    law = fit_law(values)

    for part in (1e-2, 1e-3, 2e-4):
        assert float(law.at(np.array([1 - part]))[0]) == pytest.approx(np.quantile(values, 1 - part), rel=0.1)
    # Twice the share beyond the last point but one is what a straight line makes of the largest values.
    assert law.expected() == pytest.approx(values.mean(), rel=0.15)


@pytest.mark.parametrize("law", [Exponential(7.0), Lognormal(7.0, 1.5)], ids=["exponential", "lognormal"])
def test_a_law_with_a_name_is_recognised(law):
    fitted = [fit_law(law.draw(np.random.default_rng(seed), 5000)) for seed in range(10)]

    assert sum(type(one) is type(law) for one in fitted) >= 8


# --- correlations


@settings(deadline=None, max_examples=15)
@given(rho=st.floats(-0.9, 0.9), seed=st.integers(0, 1000), discrete=st.booleans())
def test_correlations_come_back(rho, seed, discrete):
    cpus = Empirical((1.0, 2.0, 4.0), (5.0, 3.0, 2.0)) if discrete else Lognormal(2.0, 1.0)
    tie = Correlation("duration_s", "cpus", rho)
    drawn = one_class(duration_s=Lognormal(60.0, 2.0), cpus=cpus, correlations=(tie,))
    trace = Generated(WorkloadSpec(2e5, (drawn,)), seed, Rejects())
    columns = measure(trace).parts[0].columns()
    laws = {name: fit_law(columns[name]) for name in ("duration_s", "cpus")}

    found = fit_correlations({name: columns[name] for name in laws}, laws)

    interval = found.get(("duration_s", "cpus"))
    if interval is None:
        assert abs(rho) < 0.1
    else:
        # A third as much again: of all that are drawn the farthest is looked for.
        slack = (interval.high - interval.low) / 2
        assert interval.low - slack <= rho <= interval.high + slack


def test_generated_ranks_go_together_as_the_copula_says():
    drawn = one_class(
        duration_s=Lognormal(60.0, 2.0), memory_bytes=Exponential(1e9),
        correlations=(Correlation("duration_s", "memory_bytes", 0.6),),
    )  # fmt: skip
    columns = measure(Generated(WorkloadSpec(6e5, (drawn,)), 1, Rejects())).parts[0].columns()

    ranked = stats.spearmanr(columns["duration_s"], columns["memory_bytes"]).statistic

    assert ranked == pytest.approx(6 / math.pi * math.asin(0.3), abs=0.02)
    assert stats.kstest(columns["duration_s"], stats.lognorm(2.0, scale=60.0).cdf).pvalue > 0.001


def test_rank_correlations_are_those_of_the_textbook():
    rng = np.random.default_rng(4)
    one, two = rng.integers(0, 5, 500).astype(float), rng.normal(size=500)
    two += one

    ours = rank_correlations([one, two, np.ones(500)])

    assert ours[0, 1] == pytest.approx(stats.spearmanr(one, two).statistic)
    assert ours[0, 2] == 0.0


# --- what is kept


def test_a_sample_is_of_all_rows_alike_and_of_bounded_size():
    sample = Sample(1, 1000, np.random.default_rng(5))
    for begin in range(0, 100_000, 500):
        sample.add(np.arange(begin, begin + 500, dtype=float)[:, np.newaxis])

    kept = sample.rows()[:, 0]

    assert kept.size == 1000
    assert np.unique(kept).size == 1000
    assert (np.diff(kept) > 0).all()
    assert stats.kstest(kept, stats.uniform(0, 100_000).cdf).pvalue > 0.001


def test_counts_are_those_of_the_longer_bins_where_there_would_be_too_many(monkeypatch):
    monkeypatch.setattr(sampling, "MOST_BINS", 100)
    times = np.sort(np.random.default_rng(6).uniform(0, 1e5, 3000))
    counts = Counts()
    for some in np.array_split(times, 30):
        counts.add(some)

    assert counts.width_s > 1.0
    bins, came = counts.at(3600.0)
    assert dict(zip(bins, came, strict=True)) == Counter(np.floor(times / 3600.0))


def test_a_time_that_no_clock_reaches_takes_no_room():
    counts = Counts()
    counts.add(np.array([0.0, 1.0, 2.0**62]))

    fitted = fit_arrivals(counts, 0.0, 2.0**62 * 1.3, [1.0])

    assert fitted.arrivals.per_s() == pytest.approx(3 / (2.0**62 * 1.3), rel=1e-3)


def test_what_is_fitted_to_more_jobs_than_are_kept_is_like_them():
    spec = WorkloadSpec(3e5, (one_class(duration_s=Lognormal(60.0, 1.0)),))
    trace = Generated(spec, 1, Rejects())

    part = measure(trace, size=2000).parts[0]

    assert len(part.sample.rows()) == 2000
    assert part.jobs == sum(1 for _ in trace.arrivals())
    assert stats.kstest(part.columns()["duration_s"], stats.lognorm(1.0, scale=60.0).cdf).pvalue > 0.001


# --- what a trace may have


def jobs_every(seconds, n, **more):
    return [job(seconds * (number + 1), f"j{number}", **more) for number in range(n)]


def fitted_to(tmp_path, arrivals, **more):
    trace = Listed(tmp_path, arrivals, **more)
    return fit(measure(trace), trace).spec


def test_what_ran_at_the_beginning_comes_at_the_beginning(tmp_path):
    spec = fitted_to(tmp_path, [job(0.0, f"old{n}") for n in range(40)] + jobs_every(10.0, 100))

    there = next(one for one in spec.classes if one.name == "batch-there")
    drawn = list(Generated(spec, 1, Rejects()).arrivals())
    assert (there.jobs, there.workload) == (40, "batch")
    assert [arrival.job.submit_s for arrival in drawn[:40]] == [0.0] * 40
    assert drawn[40].job.submit_s > 0
    assert {arrival.job.workload for arrival in drawn} == {"batch"}


def test_what_ran_on_its_recorded_host_comes_at_the_beginning(tmp_path):
    task = Task(Resources(1000, 2**30))
    recorded = [Recorded(f"r{n}", "service", task, np.array([0]), 50.0) for n in range(35)]

    spec = fitted_to(tmp_path, jobs_every(10.0, 100), recorded=recorded)

    assert [(one.name, one.jobs) for one in spec.classes] == [("batch", None), ("service-there", 35)]


def test_a_few_jobs_at_time_0_are_like_any_other(tmp_path):
    spec = fitted_to(tmp_path, [job(0.0, "first"), *jobs_every(10.0, 99)])

    assert [one.name for one in spec.classes] == ["batch"]
    assert any("of 100 jobs" in note for note in spec.notes)


def test_jobs_without_end_are_a_class_of_their_own(tmp_path):
    mixed = [job(10.0 * n, f"j{n}", run_s=math.inf if n % 2 else 30.0) for n in range(1, 101)]

    spec = fitted_to(tmp_path, mixed)

    ends, endless = spec.classes
    assert (ends.duration_s, endless.duration_s) == (Constant(30.0), Constant(math.inf))
    assert endless.workload == "batch"


def test_a_class_of_few_jobs_is_like_its_median_and_says_so(tmp_path):
    spec = fitted_to(
        tmp_path, [*jobs_every(10.0, 100), *(job(1001.0, f"s{n}", "service", cpus=3000) for n in range(5))]
    )

    service = spec.classes[1]
    assert service.cpus == Constant(3.0)
    assert isinstance(service.interarrival_s, Exponential)
    assert any("service: of 5 jobs; fewer than 30" in note for note in spec.notes)


def test_what_is_not_fitted_is_said(tmp_path):
    arrivals = jobs_every(10.0, 50, priority=3, constraints=(Constraint("zone", Operator.EQUAL, "b"),))
    arrivals = [arrival._replace(after=("x",)) for arrival in arrivals]
    unlike = (Group(Task(Resources(1000, 100)), 1), Group(Task(Resources(3000, 300)), 3))
    arrivals.append(Arrival(Job("two", 600.0, "batch", unlike), (10.0, np.array([20.0, 20.0, math.inf]))))
    arrivals.append(job(700.0, "none", tasks=0))

    seen = measure(Listed(tmp_path, arrivals))

    assert seen.odd == {
        "jobs that come after others, fitted as if they came by themselves": 50,
        "jobs with constraints on their hosts, which are not fitted": 50,
        "jobs with a priority, which is not fitted": 50,
        "jobs of which nobody knows what they use, fitted as if it were what they ask for": 51,
        "jobs of unlike containers, fitted as so many of their mean": 1,
        "jobs of which some containers have no recorded end, fitted by the others": 1,
        "jobs of no containers, left out": 1,
    }
    last = {name: column[-1] for name, column in seen.parts[0].columns().items()}
    assert (last["tasks"], last["cpus"], last["memory_bytes"]) == (4.0, 2.5, 250.0)
    assert last["duration_s"] == pytest.approx((10 + 20 + 20) / 3)


def test_what_containers_use_is_fitted(tmp_path):
    rng = np.random.default_rng(7)
    arrivals = []
    for arrival in jobs_every(10.0, 500):
        busy, idle = Demand(float(rng.exponential(2.0)), 2e9, disk_read_bps=5e6), Demand(0.0, 1e9)
        arrivals.append(arrival._replace(behaviours=((Stage(0.5, busy), Stage(0.5, idle)),)))

    [one] = fitted_to(tmp_path, arrivals).classes

    assert one.uses.cpu_demand.expected() == pytest.approx(1.0, rel=0.15)
    assert one.uses.memory_demand_bytes == Constant(1.5e9)
    assert one.uses.disk_read_bps == Constant(2.5e6)
    assert one.uses.net_bps == Constant(0.0)


def test_notes_credit_the_original_and_no_line_is_broken(tmp_path):
    spec = fitted_to(tmp_path, jobs_every(10.0, 50, workload="odd\nname"))

    assert "data set: made up" in spec.notes
    assert "licence of the original: nobody's" in spec.notes
    assert all(note.isprintable() for note in spec.notes)
    assert spec.classes[0].name.isprintable()


def test_a_trace_without_jobs_is_an_error(tmp_path):
    with pytest.raises(UserError, match="there are no jobs"):
        measure(Listed(tmp_path, []))


def test_names_of_jobs_are_no_workload_classes(tmp_path):
    many = [job(float(n), f"j{n}", workload=f"w{n}") for n in range(1, 100)]

    with pytest.raises(UserError, match=f"more than {measuring.MOST_CLASSES} workload classes"):
        measure(Listed(tmp_path, many))


def test_a_trace_that_begins_late_is_looked_at_from_its_first_day(tmp_path):
    late = [job(1e9 + 10.0 * n, f"j{n}") for n in range(100)]

    seen = measure(Listed(tmp_path, late))

    assert seen.begin_s == 1e9 // DAY_S * DAY_S
    assert seen.span_s < 2 * DAY_S


def test_a_longer_workload_of_the_same_rate_is_drawn_from_what_was_fitted(tmp_path):
    spec = refitted(WorkloadSpec(2 * DAY_S, (one_class(),))).spec
    write_spec(spec, tmp_path / "like.toml")

    longer = open_trace(f"generated:{tmp_path / 'like.toml'}:span=20d,batch-rate=3", Rejects())

    jobs = sum(1 for _ in longer.arrivals())
    assert jobs == pytest.approx(3 * 20 * DAY_S / 30, rel=0.1)


amounts = st.just(0) | st.integers(1, 2**53)


@settings(
    deadline=None, max_examples=25, derandomize=True, phases=[Phase.explicit, Phase.generate]
)  # shrinking these takes minutes
@given(
    jobs=st.lists(
        st.tuples(
            st.floats(0.0, 2.0**63), st.integers(1, 2**31), st.floats(0.0, 1e300) | st.just(math.inf), amounts, amounts,
            amounts, st.sampled_from(["batch", "service"]),
        ),
        min_size=1, max_size=90,
    ),
    copies=st.integers(1, 40),
    end=st.none() | st.floats(0.0, 1e300),
)  # fmt: skip
def test_whatever_jobs_there_are_a_description_is_fitted_and_written(tmp_path_factory, jobs, copies, end):
    folder = tmp_path_factory.mktemp("any")
    jobs = sorted(job for job in jobs for _ in range(copies))
    arrivals = [
        Arrival(Job(f"j{n}", at, workload, (Group(Task(Resources(cpu, memory, gpu)), tasks),)), (run_s,))
        for n, (at, tasks, run_s, cpu, memory, gpu, workload) in enumerate(jobs)
    ]

    spec = fitted_to(folder, arrivals, end=end)

    write_spec(spec, folder / "like.toml")
    assert read_spec(folder / "like.toml") == spec


def test_what_is_fitted_is_the_same_every_time():
    spec = WorkloadSpec(DAY_S, (replace(one_class(), duration_s=Lognormal(60.0, 1.0)),))

    assert refitted(spec).spec == refitted(spec).spec
