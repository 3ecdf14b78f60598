"""What a generated workload finds at the beginning is what a cell holds that has been there for ever."""

import math
from collections import Counter
from dataclasses import replace
from itertools import islice

import numpy as np
import pytest
from scipy import stats

from traces.generate import (
    ClassSpec,
    Constant,
    Empirical,
    Exponential,
    Generated,
    HostsSpec,
    Lognormal,
    PrefillSpec,
    Quantiles,
    Uniform,
    WorkloadSpec,
    drawing,
)
from traces.reading.rejects import Rejects

LAWS = [
    Constant(7.0),
    Exponential(7.0),
    Lognormal(7.0, 0.8),
    Uniform(3.0, 8.0),
    Empirical((0.0, 1.0, 2.0, 2.0, 11.0)),
    Quantiles(((0.0, 0.0), (0.3, 0.0), (0.5, 2.0), (0.9, 7.0), (1.0, 21.0))),
]
by_name = pytest.mark.parametrize("law", LAWS, ids=lambda law: type(law).__name__.lower())


def one_class(name="batch", **laws):
    plain = {"interarrival_s": Exponential(1.0), "tasks": Constant(1.0), "duration_s": Constant(100.0),
             "cpus": Constant(1.0), "memory_bytes": Constant(1.0)}  # fmt: skip
    return ClassSpec(name, **{**plain, **laws})


def workload(*classes, cpu_allocated=0.5, cores=1000.0, span_s=1000.0):
    hosts = (HostsSpec(10, cores / 10, 2**40),)
    return WorkloadSpec(span_s, classes, hosts, PrefillSpec(cpu_allocated))


def prefill(spec, seed=1):
    return list(Generated(spec, seed, Rejects()).prefill_anywhere())


def milli(arrivals):
    return sum(job.tasks * job.groups[0].task.need.cpu_milli for job, *_ in arrivals)


def in_t_interval(values, truth):
    """Whether the truth is in the 99.9 % interval around the mean of independent runs."""
    half = stats.t.ppf(0.9995, len(values) - 1) * np.std(values, ddof=1) / math.sqrt(len(values))
    return abs(np.mean(values) - truth) <= half + 1e-9


# --- what is met at a random moment


@by_name
def test_what_is_left_is_what_a_random_moment_finds_of_intervals_laid_end_to_end(law):
    rng = np.random.default_rng(1)
    ends = np.cumsum(law.draw(rng, 400_000))
    moments = ends[-1] * np.sort(rng.random(4000))
    expected = ends[ends.searchsorted(moments, side="right")] - moments

    drawn = [run_s for _, (run_s,), *_ in prefill(workload(one_class(duration_s=law), cores=8000.0))]

    assert len(drawn) == 4000
    assert stats.ks_2samp(drawn, expected).pvalue > 0.001


@by_name
def test_lengths_that_are_met_may_be_drawn_in_parts(law):
    at_once, parts = np.random.default_rng(1), np.random.default_rng(1)

    drawn = law.draw_met(at_once, 100).tolist()

    assert drawn == [n for m in (1, 60, 39) for n in law.draw_met(parts, m).tolist()]


@by_name
def test_a_cell_in_equilibrium_stays_as_full_as_it_begins(law):
    one = one_class(duration_s=law, interarrival_s=Exponential(law.expected() / 50))
    at_s = law.expected() * np.array([0.25, 1.0, 3.0])

    def running(seed):
        trace = Generated(workload(one, cores=100.0, span_s=float(at_s[-1])), seed, Rejects())
        there = [(0.0, run_s) for _, (run_s,), *_ in trace.prefill_anywhere()]
        there += [(job.submit_s, job.submit_s + run_s) for job, (run_s,), *_ in trace.arrivals()]
        since_s, until_s = np.array(there).T
        return ((since_s[:, None] <= at_s) & (until_s[:, None] > at_s)).sum(axis=0)

    each = np.array([running(seed) for seed in range(60)])

    for counts in each.T:
        assert in_t_interval(counts, 50.0)


# --- how much of it, and of what


MIXED = workload(
    one_class(
        "batch",
        interarrival_s=Exponential(20.0),
        duration_s=Lognormal(1200.0, 1.5),
        tasks=Lognormal(4.0, 1.2),
        cpus=Empirical((0.5, 1.0, 3.0)),
    ),
    one_class("service", interarrival_s=Exponential(200.0), duration_s=Exponential(1e5), tasks=Uniform(0.5, 9.5)),
    cores=20_000.0,
    cpu_allocated=0.6,
)


def test_the_share_of_cpu_is_met_to_within_a_container_of_each_class():
    arrivals = prefill(MIXED)

    assert 12_000_000 - 2 * 3000 < milli(arrivals) <= 12_000_000
    assert {job.submit_s for job, *_ in arrivals} == {0.0}
    assert all(job.tasks >= 1 for job, *_ in arrivals)
    assert max(Counter(job.id for job, *_ in arrivals).values()) == 1


def test_classes_have_the_parts_that_they_come_to_in_the_long_run():
    submitted = Counter()
    for job, (run_s,), *_ in Generated(replace(MIXED, span_s=2e6), 1, Rejects()).arrivals():
        submitted[job.workload] += job.tasks * job.groups[0].task.need.cpu_milli * run_s
    there = {name: milli(a for a in prefill(MIXED) if a.job.workload == name) for name in submitted}

    for name, work in submitted.items():
        assert there[name] / sum(there.values()) == pytest.approx(work / submitted.total(), rel=0.05)


@pytest.mark.parametrize(
    "law", [*LAWS, Lognormal(7.3, 0.0), Lognormal(40.0, 2.5), Uniform(0.2, 0.7), Uniform(0.2, 9.7), Exponential(0.3)]
)
def test_the_expected_count_is_the_mean_of_numbers_rounded_up(law):
    means = [np.maximum(np.ceil(law.draw(np.random.default_rng(seed), 50_000)), 1).mean() for seed in range(20)]

    assert in_t_interval(means, law.expected_count())


def test_a_class_that_asks_for_no_cpu_is_not_there_and_one_that_fills_the_cell_alone_is():
    spec = workload(one_class(), one_class("idle", cpus=Constant(0.0)), cpu_allocated=1.0)

    assert Counter(job.workload for job, *_ in prefill(spec)) == {"batch": 1000}


@pytest.mark.parametrize("block", [1, 7, 100_000])
def test_the_prefill_does_not_depend_on_how_much_is_drawn_at_a_time(monkeypatch, block):
    small = replace(MIXED, hosts=(HostsSpec(10, 100.0, 2**40),))

    def seen():
        return [(job.id, job.groups, run_s) for job, run_s, *_ in prefill(small)]

    before = seen()
    monkeypatch.setattr(drawing, "BLOCK", block)

    assert seen() == before
    assert len(before) > 50


def test_prefill_leaves_arrivals_alone_and_another_seed_is_another_prefill():
    def arrivals(spec):
        some = islice(Generated(spec, 1, Rejects()).arrivals(), 500)
        return [(job.id, job.submit_s, job.groups, run_s) for job, run_s, *_ in some]

    assert arrivals(MIXED) == arrivals(replace(MIXED, prefill=None))
    assert [run_s for _, run_s, *_ in prefill(MIXED, seed=1)] != [run_s for _, run_s, *_ in prefill(MIXED, seed=2)]


@pytest.mark.parametrize(
    ("wrong", "complaint"),
    [
        ({"classes": (one_class(), one_class(name="endless", duration_s=Constant(math.inf)))}, "never end"),
        ({"classes": (one_class(cpus=Constant(0.0)),)}, "no class asks for any"),
        ({"hosts": ()}, "there are none"),
    ],
)
def test_prefill_that_could_not_be_drawn_is_refused(wrong, complaint):
    with pytest.raises(ValueError, match=complaint):
        replace(MIXED, **wrong)
