"""Generated workloads: the laws are what they say, and their streams do not disturb one another."""

import math
import os
import subprocess
import sys
from collections import defaultdict
from dataclasses import replace
from itertools import islice, pairwise
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import stats

from policies.errors import UserError
from traces import generate
from traces.formats import open_trace
from traces.generate import (
    DEFAULT,
    ClassSpec,
    Constant,
    Empirical,
    Exponential,
    Generated,
    HostsSpec,
    Lognormal,
    MapReduceSpec,
    PrefillSpec,
    Quantiles,
    Uniform,
    WorkloadSpec,
    drawing,
    read_spec,
)
from traces.reading.rejects import Rejects

GIB = 2**30
ROOT = Path(__file__).parents[2]

#: Every law with its mean, from the textbook.
LAWS = [
    (Constant(7.0), 7.0),
    (Exponential(7.0), 7.0),
    (Lognormal(7.0, 0.5), 7.0 * math.exp(0.125)),
    (Uniform(3.0, 8.0), 5.5),
    (Empirical((1.0, 2.0, 2.0, 11.0)), 4.0),
    (Quantiles(((0.0, 0.0), (0.5, 2.0), (0.9, 7.0), (1.0, 21.0))), 0.5 * 1 + 0.4 * 4.5 + 0.1 * 14),
]
NAMES = [type(law).__name__.lower() for law, _ in LAWS]

QUANTITIES = ("interarrival_s", "tasks", "duration_s", "cpus", "memory_bytes")


def one_class(name="batch", **laws):
    plain = {"interarrival_s": Constant(1.0), "tasks": Constant(1.0), "duration_s": Constant(1.0),
             "cpus": Constant(1.0), "memory_bytes": Constant(1.0)}  # fmt: skip
    return ClassSpec(name, **{**plain, **laws})


def jobs_of(*classes, seed=1, span_s=1000.0):
    return list(Generated(WorkloadSpec(span_s, classes), seed, Rejects()).arrivals())


def columns(arrivals, workload="batch"):
    """What was drawn for each job of a class."""
    mine = [arrival for arrival in arrivals if arrival.job.workload == workload]
    groups = [arrival.job.groups[0] for arrival in mine]
    return {
        "interarrival_s": [arrival.job.submit_s for arrival in mine],
        "tasks": [group.count for group in groups],
        "duration_s": [arrival.run_s[0] for arrival in mine],
        "cpus": [group.task.need.cpu_milli for group in groups],
        "memory_bytes": [group.task.need.memory_bytes for group in groups],
    }


# --- the laws


def in_t_interval(means, truth):
    """Whether the truth is in the 99.9 % interval around the mean of independent runs."""
    half = stats.t.ppf(0.9995, len(means) - 1) * np.std(means, ddof=1) / math.sqrt(len(means))
    return abs(np.mean(means) - truth) <= half + 1e-9


@pytest.mark.parametrize(("law", "mean"), LAWS, ids=NAMES)
def test_the_mean_over_runs_is_that_of_the_law(law, mean):
    means = [np.mean(columns(jobs_of(one_class(duration_s=law), seed=seed))["duration_s"]) for seed in range(20)]

    assert in_t_interval(means, mean)


@pytest.mark.parametrize(("law", "mean"), LAWS, ids=NAMES)
def test_gaps_between_arrivals_follow_their_law(law, mean):
    drawn = one_class(interarrival_s=law)
    runs = [columns(jobs_of(drawn, seed=seed, span_s=1e4))["interarrival_s"] for seed in range(20)]

    # The gaps from 0 to the thousandth job: how many jobs there are in a span depends on the gaps.
    assert in_t_interval([run[999] / 1000 for run in runs], mean)


@pytest.mark.parametrize(("law", "mean"), LAWS, ids=NAMES)
def test_the_expected_value_is_that_of_the_textbook(law, mean):
    assert law.expected() == pytest.approx(mean)


@pytest.mark.parametrize(
    ("law", "cdf"),
    [
        (Exponential(7.0), stats.expon(scale=7.0).cdf),
        (Lognormal(7.0, 1.5), stats.lognorm(1.5, scale=7.0).cdf),
        (Uniform(3.0, 8.0), stats.uniform(3.0, 5.0).cdf),
    ],
    ids=["exponential", "lognormal", "uniform"],
)
def test_a_law_has_its_shape(law, cdf):
    drawn = columns(jobs_of(one_class(duration_s=law), span_s=5000.0))["duration_s"]

    assert stats.kstest(drawn, cdf).pvalue > 0.001


def test_every_empirical_value_comes_as_often_as_it_stands_there():
    drawn = columns(jobs_of(one_class(duration_s=Empirical((5.0, 1.0, 5.0, 9.0))), span_s=4001.0))["duration_s"]

    values, counts = np.unique(drawn, return_counts=True)
    assert values.tolist() == [1.0, 5.0, 9.0]
    assert stats.chisquare(counts, [1000, 2000, 1000]).pvalue > 0.001


@st.composite
def quantile_points(draw):
    shares = sorted(draw(st.lists(st.integers(1, 99), unique=True, max_size=4)))
    steps = draw(st.lists(st.integers(1, 1000), min_size=len(shares) + 2, max_size=len(shares) + 2))
    return tuple(zip([0.0, *(share / 100 for share in shares), 1.0], np.cumsum(steps).astype(float), strict=True))


@settings(deadline=None, max_examples=50)
@given(points=quantile_points(), seed=st.integers(0, 2**32))
def test_between_two_quantiles_values_lie_evenly_on_the_line(points, seed):
    n = 20_000
    drawn = Quantiles(points).draw(np.random.default_rng(seed), n)

    assert points[0][1] <= drawn.min()
    assert drawn.max() <= points[-1][1]
    for (p, low), (q, high) in pairwise(points):
        for f in (0.25, 0.5, 1.0):  # the share below a point f of the way up is that f of the way along
            share = p + f * (q - p)
            slack = 6 * math.sqrt(share * (1 - share) / n) + 1e-9
            assert abs((drawn <= low + f * (high - low)).mean() - share) <= slack


@pytest.mark.parametrize(("law", "_"), LAWS, ids=NAMES)
def test_drawing_in_parts_gives_the_same_numbers(law, _):
    at_once, parts = np.random.default_rng(1), np.random.default_rng(1)

    assert law.draw(at_once, 100).tolist() == [*law.draw(parts, 1), *law.draw(parts, 60), *law.draw(parts, 39)]


# --- jobs


def test_tasks_are_rounded_up_to_at_least_one():
    drawn = columns(jobs_of(one_class(tasks=Empirical((0.0, 0.2, 1.0, 1.2, 7.0)))))["tasks"]

    assert set(drawn) == {1, 2, 7}


def test_requests_are_whole_numbers_and_never_nothing_for_something():
    [first, *_] = jobs_of(one_class(cpus=Constant(1e-9), memory_bytes=Constant(1.6)))

    assert first.job.groups[0].task.need[:3] == (1, 2, 0)


def test_the_heaviest_tail_fits_in_the_books():
    heavy = Lognormal(1e9, 10.0)
    drawn = columns(jobs_of(one_class(tasks=heavy, cpus=heavy, memory_bytes=heavy)))

    assert all(0 <= value < 2**53 for quantity in ("tasks", "cpus", "memory_bytes") for value in drawn[quantity])


def test_jobs_come_in_order_before_the_end_of_the_span_and_are_numbered():
    arrivals = jobs_of(one_class("a", interarrival_s=Exponential(0.5)), one_class("b", interarrival_s=Exponential(2.0)))

    times = [arrival.job.submit_s for arrival in arrivals]
    assert times == sorted(times)
    assert times[-1] < 1000.0
    for name in "ab":
        ids = [arrival.job.id for arrival in arrivals if arrival.job.workload == name]
        assert ids == [f"{name}-{number}" for number in range(len(ids))]


def test_progress_is_the_share_of_the_span():
    trace = Generated(WorkloadSpec(100.0, (one_class(),)), 1, Rejects())

    shares = [trace.progress() for _ in trace.arrivals()]

    assert shares == pytest.approx([n / 100 for n in range(1, 100)])
    assert trace.progress() == 1.0


# --- streams


RANDOM = {
    "interarrival_s": Exponential(1.0), "tasks": Lognormal(3.0, 1.0), "duration_s": Uniform(1.0, 9.0),
    "cpus": Empirical((1.0, 2.0)), "memory_bytes": Quantiles(((0.0, 0.0), (1.0, 1e9))),
}  # fmt: skip


@pytest.mark.parametrize("changed", QUANTITIES)
def test_changing_one_law_leaves_all_other_numbers_as_they_were(changed):
    before = columns(jobs_of(one_class(**RANDOM)))
    after = columns(jobs_of(one_class(**{**RANDOM, changed: Exponential(2.0)})))

    assert before.pop(changed) != after.pop(changed)
    for quantity, values in before.items():
        n = min(len(values), len(after[quantity]))  # other gaps make another number of jobs
        assert n > 100
        assert values[:n] == after[quantity][:n]


def test_adding_a_class_leaves_the_others_as_they_were():
    alone = columns(jobs_of(one_class(**RANDOM)))
    beside = columns(jobs_of(one_class("service", **RANDOM), one_class(**RANDOM), one_class("other", **RANDOM)))

    assert alone == beside


def test_classes_of_one_law_and_seeds_are_unlike():
    arrivals = jobs_of(one_class("a", **RANDOM), one_class("b", **RANDOM))

    draws = [columns(arrivals, "a"), columns(arrivals, "b"), columns(jobs_of(one_class("a", **RANDOM), seed=2), "a")]

    for quantity in QUANTITIES:
        assert len({tuple(drawn[quantity]) for drawn in draws}) == 3


def test_what_is_drawn_for_one_job_is_not_related():
    wide = Uniform(1.0, 1e6)
    drawn = columns(jobs_of(one_class(tasks=wide, duration_s=wide, cpus=wide, memory_bytes=wide), span_s=5000.0))

    related = np.corrcoef([drawn[quantity] for quantity in QUANTITIES[1:]]) - np.eye(4)

    assert np.abs(related).max() < 0.08  # more than 5 standard errors of 5,000 unrelated pairs


@pytest.mark.parametrize("block", [1, 7, 100_000])
def test_the_jobs_do_not_depend_on_how_many_are_drawn_at_a_time(monkeypatch, block):
    before = columns(jobs_of(one_class(**RANDOM)))
    monkeypatch.setattr(drawing, "BLOCK", block)

    assert columns(jobs_of(one_class(**RANDOM))) == before


def test_a_workload_is_the_same_when_read_again():
    trace = Generated(DEFAULT, 3, Rejects())

    assert columns(trace.arrivals()) == columns(trace.arrivals())


def test_one_seed_is_one_workload_in_every_process():
    program = """
import hashlib
from traces.generate import DEFAULT, Generated
from traces.reading.rejects import Rejects
jobs = [(a.job.id, a.job.submit_s, a.job.groups, a.run_s) for a in Generated(DEFAULT, 5, Rejects()).arrivals()]
print(len(jobs), hashlib.sha256(repr(jobs).encode()).hexdigest())
"""

    outputs = {
        subprocess.run(
            [sys.executable, "-c", program],
            env={**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed},
            check=True,
            capture_output=True,
            text=True,
        ).stdout
        for hash_seed in ("0", "1", "4711")
    }

    [output] = outputs
    assert int(output.split()[0]) > 1000


# --- several kinds of hosts


KINDS = (HostsSpec(30, 1.0, GIB), HostsSpec(70, 2.0, 3 * GIB))


def order_of(*kinds, seed=1):
    return Generated(WorkloadSpec(1.0, (one_class(),), kinds), seed, Rejects()).hosts().capacity[:2].T.tolist()


def test_there_are_as_many_hosts_of_each_kind_as_it_says():
    assert sorted(order_of(*KINDS)) == [[1000, GIB]] * 30 + [[2000, 3 * GIB]] * 70


def test_kinds_of_hosts_are_mixed_by_the_seed():
    first = order_of(*KINDS)

    assert first == order_of(*KINDS)
    assert first != order_of(*KINDS, seed=2)
    # The two ends of the row are no kind's own.
    assert [1000, GIB] in first[70:]
    assert [2000, 3 * GIB] in first[:30]


# --- MapReduce


PROGRAMS = MapReduceSpec(Lognormal(100.0, 1.0), Quantiles(((0.0, 0.0), (0.5, 0.0), (1.0, 5.0))), Uniform(0.2, 1.3))


@pytest.mark.parametrize("maps", [Lognormal(100.0, 1.0), Uniform(0.0, 2.0)], ids=["many", "fewer than workers"])
def test_a_mapreduce_job_takes_its_run_time_on_the_workers_that_it_asks_for(maps):
    programs = replace(PROGRAMS, maps_per_worker=maps)
    arrivals = jobs_of(one_class(mapreduce=programs, tasks=Lognormal(20.0, 1.5), duration_s=Uniform(0.0, 900.0)))

    for job, (run_s,), *_ in arrivals:
        assert job.mapreduce.run_s(job.tasks) == pytest.approx(run_s, rel=1e-12)
        assert job.mapreduce.maps >= 1


def test_maps_and_reduces_a_worker_and_their_share_of_the_time_follow_their_laws():
    arrivals = jobs_of(one_class(mapreduce=PROGRAMS, tasks=Constant(500.0), duration_s=Constant(100.0)), span_s=5001.0)
    programs = [job.mapreduce for job, *_ in arrivals]
    with_reduces = [p for p in programs if p.reduces]

    assert stats.kstest([p.maps / 500 for p in programs], stats.lognorm(1.0, scale=100.0).cdf).pvalue > 0.001
    assert len(with_reduces) / len(programs) == pytest.approx(0.5, abs=0.03)
    assert stats.kstest([p.reduces / 500 for p in with_reduces], stats.uniform(0.0, 5.0).cdf).pvalue > 0.001
    shares = [p.map_s * p.maps / min(p.maps, 500) / 100.0 for p in with_reduces]
    # A share above 1 is 1, and so is that of a program without reduces.
    assert stats.kstest([s for s in shares if s < 0.999], stats.uniform(0.2, 0.8).cdf).pvalue > 0.001
    assert all(p.map_s * p.maps / min(p.maps, 500) == pytest.approx(100.0) for p in programs if not p.reduces)


def test_programs_leave_what_jobs_ask_for_as_it_was():
    assert columns(jobs_of(one_class(**RANDOM, mapreduce=PROGRAMS))) == columns(jobs_of(one_class(**RANDOM)))


def test_programs_that_never_end_are_refused():
    with pytest.raises(ValueError, match="duration_s must be finite"):
        one_class(mapreduce=PROGRAMS, duration_s=Constant(math.inf))


@pytest.mark.parametrize(("law", "_"), LAWS, ids=NAMES)
def test_a_law_times_a_factor_draws_the_same_numbers_times_the_factor(law, _):
    drawn = law.times(3.0).draw(np.random.default_rng(1), 100)

    assert drawn == pytest.approx(3 * law.draw(np.random.default_rng(1), 100))


# --- the default


def test_the_default_fills_two_thirds_of_its_hosts_in_the_second_half_of_its_hour():
    shares, jobs, tasks = [], [], []
    for seed in range(10):
        trace = Generated(DEFAULT, seed, Rejects())
        capacity = int(trace.hosts().capacity[0].sum())
        core_seconds = defaultdict(float)
        arrivals = list(trace.arrivals())
        for job, (run_s,), *_ in arrivals:
            inside = max(0.0, min(3600.0, job.submit_s + run_s) - max(1800.0, job.submit_s))
            core_seconds[job.workload] += inside * job.tasks * job.groups[0].task.need.cpu_milli
        shares.append(sum(core_seconds.values()) / (1800.0 * capacity))
        jobs.append(len(arrivals))
        tasks.append(sum(job.tasks for job, *_ in arrivals))

    assert 0.60 < np.mean(shares) < 0.72
    assert np.mean(jobs) == pytest.approx(3000, rel=0.05)
    assert np.mean(tasks) == pytest.approx(39_000, rel=0.05)


def test_the_default_is_there_without_a_file():
    trace = open_trace("generated:default", Rejects(), seed=1)

    assert (trace.format, trace.files(), len(trace.hosts())) == ("generated", [], 1000)
    assert next(trace.arrivals()).job.groups
    assert trace.assumptions()


# --- specs in files


SPEC = """
span_s = "1h"

[hosts]
n = 10
cpus = 16
memory_bytes = "64GiB"

[classes.batch]
interarrival_s = {law = "exponential", mean = "1.5min"}
tasks = {law = "lognormal", median = 3, sigma = 1.6}
duration_s = {law = "quantiles", points = [[0, "5s"], [0.5, "2min"], [1, 600]]}
cpus = {law = "empirical", values = [0.5, 1, 1, 2]}
memory_bytes = "2GiB"

[classes.service]
interarrival_s = {law = "constant", value = 60}
tasks = 1
duration_s = inf
cpus = {law = "uniform", low = 1, high = 4}
memory_bytes = {law = "uniform", low = "1GiB", high = "4 GiB"}
"""


@pytest.fixture
def spec_file(tmp_path):
    def write(text):
        path = tmp_path / "my.toml"
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    return write


def test_a_file_says_what_python_says(spec_file):
    batch = ClassSpec(
        "batch",
        interarrival_s=Exponential(90.0),
        tasks=Lognormal(3.0, 1.6),
        duration_s=Quantiles(((0.0, 5.0), (0.5, 120.0), (1.0, 600.0))),
        cpus=Empirical((0.5, 1.0, 1.0, 2.0)),
        memory_bytes=Constant(2.0 * GIB),
    )
    service = ClassSpec(
        "service",
        interarrival_s=Constant(60.0),
        tasks=Constant(1.0),
        duration_s=Constant(math.inf),
        cpus=Uniform(1.0, 4.0),
        memory_bytes=Uniform(1.0 * GIB, 4.0 * GIB),
    )

    assert read_spec(spec_file(SPEC)) == WorkloadSpec(3600.0, (batch, service), (HostsSpec(10, 16.0, 64 * GIB),))


def test_a_workload_of_a_file_is_opened_by_its_name(spec_file):
    path = spec_file(SPEC)

    trace = open_trace(f"generated:{path}", Rejects(), seed=4)

    assert trace.files() == [path]
    assert len(trace.hosts()) == 10
    assert [a.job.id for a in islice(trace.arrivals(), 2)] == [
        a.job.id for a in islice(Generated(read_spec(path), 4, Rejects()).arrivals(), 2)
    ]


def test_kinds_of_hosts_prefill_programs_and_notes_may_stand_in_a_file(spec_file):
    more = SPEC.replace("[hosts]", '[[hosts]]\nn = 5\ncpus = 4\nmemory_bytes = "8GiB"\n[[hosts]]')
    more = 'notes = ["from a friend"]\n' + more + "mapreduce = {maps_per_worker = 100, reduces_per_worker = 2.5, "
    more += "map_share = 0.9}\n[prefill]\ncpu_allocated = 0.6\n"
    more = more.replace("duration_s = inf", 'duration_s = "1h"')

    read = read_spec(spec_file(more))

    assert read.hosts == (HostsSpec(5, 4.0, 8 * GIB), HostsSpec(10, 16.0, 64 * GIB))
    assert read.classes[1].mapreduce == MapReduceSpec(Constant(100.0), Constant(2.5), Constant(0.9))
    assert read.prefill == PrefillSpec(0.6)
    assert Generated(read, 1, Rejects()).assumptions()[1:] == ["from a friend"]


def test_hosts_may_be_left_out(spec_file):
    without = SPEC[: SPEC.index("[hosts]")] + SPEC[SPEC.index("[classes.batch]") :]

    assert open_trace(f"generated:{spec_file(without)}", Rejects()).hosts() is None


def test_the_example_of_the_module_is_a_spec(spec_file):
    example = generate.__doc__.split("::\n\n")[1].split("\n\nThe laws")[0]

    read = read_spec(spec_file(example))

    assert read.hosts == DEFAULT.hosts
    assert [one.name for one in read.classes if one.mapreduce] == ["mapreduce"]
    assert read.prefill is not None


@pytest.mark.parametrize(
    ("old", "new", "complaint"),
    [
        ("span_s", "spam_s", "spam_s: unknown key; did you mean 'span_s'?"),
        ('span_s = "1h"', "", "span_s: is missing"),
        ('"1h"', '"1 hour"', "span_s: '1 hour' is not a time"),
        ('"1h"', "0", "span_s must be more than 0"),
        ('"1h"', "true", "span_s: True is not a number"),
        ("n = 10", "n = 1.5", "hosts.n: must be a whole number"),
        ("n = 10", "n = inf", "hosts.n: must be a whole number"),
        ("n = 10", "n = 0", "hosts: n must be 1 or more"),
        ("n = 10", "n = 10\nsize = 5", "hosts.size: unknown key; there are n, cpus, memory_bytes"),
        ('"64GiB"', '"64 gibs"', "hosts.memory_bytes: '64 gibs' is not a size"),
        ('"64GiB"', "1e30", "hosts: memory_bytes must be"),
        ("[classes.batch]", "[classes.batch]\ncpu = 1", "classes.batch.cpu: unknown key; did you mean 'cpus'?"),
        ("tasks = 1\n", "", "classes.service.tasks: is missing"),
        ("tasks = 1\n", 'tasks = "many"\n', "classes.service.tasks: 'many' is not a number"),
        ("tasks = 1\n", "tasks = [1, 2]\n", "classes.service.tasks: [1, 2] is not a number"),
        ("tasks = 1\n", f"tasks = 1{'0' * 400}\n", "classes.service.tasks: is too large"),
        ("tasks = 1\n", "tasks = inf\n", "classes.service: tasks must be finite"),
        ("tasks = 1\n", "tasks = nan\n", "classes.service.tasks: value must be 0 or more"),
        ("median = 3", "median = -3", "classes.batch.tasks: median must be more than 0"),
        ("median = 3", "mediam = 3", "classes.batch.tasks.mediam: unknown key; did you mean 'median'?"),
        ("median = 3, ", "", "classes.batch.tasks.median: is missing"),
        ("sigma = 1.6", "sigma = 100", "classes.batch.tasks: sigma must be between 0 and 10"),
        ("sigma = 1.6", 'sigma = "1s"', "classes.batch.tasks.sigma: '1s' is not a number"),
        ('"lognormal"', '"lognorm"', "classes.batch.tasks.law: no law is called 'lognorm'; did you mean 'lognormal'?"),
        ('law = "lognormal", ', "", "classes.batch.tasks.law: is missing; there are constant, "),
        ('"lognormal"', "[1]", "classes.batch.tasks.law: no law is called [1]"),
        ("value = 60", "value = 0", "classes.service: interarrival_s is always 0"),
        ("low = 1,", "low = 5,", "classes.service.cpus: low must be 0 or more and high not below it"),
        ("[0.5, 1, 1, 2]", "[]", "classes.batch.cpus: values is empty"),
        ("[0.5, 1, 1, 2]", "[-1]", "classes.batch.cpus: values must be 0 or more"),
        ("[0.5, 1, 1, 2]", "3", "classes.batch.cpus.values: must be a list"),
        ('[0, "5s"]', '[0.1, "5s"]', "classes.batch.duration_s: points must begin at share 0"),
        ('[0.5, "2min"]', '[0.5, "2s"]', "classes.batch.duration_s: points must not have falling values"),
        ('[0.5, "2min"]', '[0, "2min"]', "classes.batch.duration_s: points must have rising shares"),
        ('[0.5, "2min"]', "[0.5]", "classes.batch.duration_s.points: must be a list of pairs"),
        ('[0, "5s"], [0.5, "2min"], [1, 600]', "", "classes.batch.duration_s: points must be two or more"),
        ("[classes.batch]", "[classes]\nbatch = 5\n[other]", "unknown key"),
        ("[hosts]", "[[hosts]]\nn = 1\n[[hosts]]", "hosts.1.cpus: is missing"),
        ("[hosts]", "[prefill]\ncpu_allocated = 2\n[hosts]", "prefill: cpu_allocated must be"),
        ("[hosts]", "[prefill]\ncpu_allocated = 0.5\n[hosts]", "jobs that never end"),
        ("[hosts]", "prefill = 3\n[hosts]", "prefill: must be a table"),
        ('span_s = "1h"', "notes = 1\nspan_s = 1", "notes: must be a list of texts"),
        ("tasks = 1\n", "tasks = 1\nmapreduce = {map_share = 1}\n", "mapreduce.maps_per_worker: is missing"),
        ("tasks = 1\n", "tasks = 1\nuses = {disk_bps = 1}\n", "uses.disk_bps: unknown key"),
        ("tasks = 1\n", "tasks = 1\nuses = {disk_read_bps = -1}\n", "uses.disk_read_bps: value must be 0 or more"),
        ("tasks = 1\n", "tasks = 1\nuses = {io_size_bytes = 0}\n", "uses: io_size_bytes must be more than 0"),
    ],
)
def test_a_mistake_in_a_file_is_one_line_that_names_file_and_key(spec_file, old, new, complaint):
    assert SPEC.count(old) == 1
    path = spec_file(SPEC.replace(old, new))

    with pytest.raises(UserError) as error:
        read_spec(path)

    message = str(error.value)
    assert message.startswith(f"{path}: ")
    assert complaint in message
    assert "\n" not in message


@pytest.mark.parametrize(
    ("text", "complaint"),
    [
        ("span_s = \nclasses = 3", "line 1"),
        ("span_s = 1\nclasses = 3", "classes: must be a table of classes"),
        ("span_s = 1\nclasses = {}", "classes is empty"),
        ("span_s = 1\nclasses = {batch = 3}", "classes.batch: must be a table"),
        ("span_s = 1\nhosts = 3\nclasses = {}", "hosts: must be a table"),
        (b"\xff\xfe", "my.toml: "),
    ],
)
def test_a_file_that_is_no_spec_is_an_error(spec_file, text, complaint):
    with pytest.raises(UserError, match=r"my\.toml: ") as error:
        read_spec(spec_file(text))

    assert complaint in str(error.value)
    assert "\n" not in str(error.value)


@pytest.mark.parametrize("name", ["none.toml", ""])
def test_a_spec_that_is_not_there_is_an_error(name):
    with pytest.raises(UserError):
        open_trace(f"generated:{name}", Rejects())


USES = """
uses.cpu_demand = 2
uses.disk_read_bps = {law = "uniform", low = "1MB", high = "9MB"}
uses.io_size_bytes = "64KiB"
"""


def test_containers_use_what_the_file_says_and_else_what_they_ask_for(spec_file):
    path = spec_file(SPEC.replace("tasks = 1\n", f"tasks = 1\n{USES}"))
    trace = open_trace(f"generated:{path}", Rejects(), seed=1)
    arrivals = [arrival for arrival in trace.arrivals() if arrival.job.workload == "service"]

    uses = [phase.demand for arrival in arrivals for (phase,) in arrival.behaviours]
    assert len(uses) == len(arrivals) == 59
    assert {(use.cpu_cores, use.io_size_bytes, use.random_io, use.net_bps) for use in uses} == {
        (2.0, 65536.0, 0.0, 0.0)
    }
    assert all(1e6 <= use.disk_read_bps <= 9e6 for use in uses)
    assert np.mean([use.disk_read_bps for use in uses]) == pytest.approx(5e6, rel=0.2)
    assert [use.memory_bytes for use in uses] == [a.job.groups[0].task.need.memory_bytes for a in arrivals]


def test_what_containers_use_changes_nothing_else_of_the_jobs(spec_file):
    plain = list(open_trace(f"generated:{spec_file(SPEC)}", Rejects(), seed=1).arrivals())
    path = spec_file(SPEC.replace("tasks = 1\n", f"tasks = 1\n{USES}"))
    using = list(open_trace(f"generated:{path}", Rejects(), seed=1).arrivals())

    def said(arrival):
        return arrival.job.id, arrival.job.submit_s, arrival.job.groups, arrival.run_s

    assert list(map(said, plain)) == list(map(said, using))
    assert [bool(arrival.behaviours) for arrival in using] == [arrival.job.workload == "service" for arrival in using]
