"""Studies of policies that look at load: their workload, where something stops paying, and their claims made small."""

from dataclasses import replace
from math import isnan, sqrt

import numpy as np
import pandas as pd
import pytest

from experiments import estimate_error, recorded_use, stale_metrics
from experiments.measures.crossover import crossing, crossings
from experiments.results.study import RunKey
from experiments.running import fitting
from experiments.running.experiment import Plan
from experiments.running.fitting import Fitted, peak
from experiments.running.mixes import DISK_SHARE, MEMORY_BYTES, Kind, Mixed, alike, arrivals, replay, unlike
from policies.requests import Demand, Group, Job, Resources, Task
from policies.sharing import DISKS, device_time
from traces.trace import Arrival
from traces.units import MILLI

HOSTS = 4


@pytest.fixture
def run():
    """A function that replays a small mix under a policy and gives the metrics."""

    def make(policy, kinds=None, seed=1, **options):
        study = Mixed(
            kinds=kinds or unlike(HOSTS, cpu=0.8, disk=0.8),
            span_s=300.0,
            hosts=str(HOSTS),
            host_disk="HDD",
            contention=True,
            **options,
        )
        return replay(study, RunKey("monolithic", policy, seed), lambda share: None).metrics

    return make


@pytest.mark.parametrize("mix", [unlike, alike])
def test_a_mix_wants_of_cpu_and_disks_what_it_is_asked_to(mix):
    kinds, hdd = mix(10, cpu=0.7, disk=0.6), DISKS["HDD"]

    cores = sum(kind.at_work * kind.demand.cpu_cores for kind in kinds)
    disk = sum(
        kind.at_work
        * device_time(kind.demand.disk_read_bps, 0.0, kind.demand.io_size_bytes, kind.demand.random_io, hdd)
        for kind in kinds
    )

    readers = 10 * 0.6 / DISK_SHARE if mix is unlike else 0  # these compute a little, too
    assert cores == pytest.approx(0.7 * 160 + 0.1 * readers)
    assert disk == pytest.approx(0.6 * 10)


def test_containers_come_as_often_and_run_as_long_as_is_said():
    study = Mixed(kinds=(Kind(30.0, Demand(1.0, MEMORY_BYTES)), Kind(10.0, Demand(2.0, MEMORY_BYTES))), span_s=3e4)
    drawn = list(arrivals(study, 1))

    # Each number is within four of its own standard deviations.
    expected = study.span_s * 40 / study.work_s
    assert abs(len(drawn) - expected) < 4 * sqrt(expected)
    run_s = np.array([arrival.run_s[0] for arrival in drawn])
    assert abs(run_s.mean() - study.work_s) < 4 * study.work_s / sqrt(len(drawn))
    first = np.mean([arrival.behaviours[0][0].demand.cpu_cores == 1.0 for arrival in drawn])
    assert abs(first - 0.75) < 4 * sqrt(0.75 * 0.25 / len(drawn))


def test_another_mix_of_as_many_meets_the_same_times():
    one = Mixed(kinds=unlike(HOSTS, 0.5, 0.5), span_s=200.0)
    at_work = sum(kind.at_work for kind in one.kinds)
    other = replace(one, kinds=(Kind(at_work, Demand(1.0, MEMORY_BYTES)),))

    assert [(a.job.submit_s, a.run_s) for a in arrivals(one, 1)] == [
        (a.job.submit_s, a.run_s) for a in arrivals(other, 1)
    ]
    assert [a.job.submit_s for a in arrivals(one, 1)] != [a.job.submit_s for a in arrivals(one, 2)]


def test_every_container_of_a_mix_runs_to_its_end(run):
    metrics = run("spread")

    assert metrics["tasks_finished"] == metrics["tasks_submitted"] > 0
    assert metrics["slowdown_mean"] >= 1


def test_imbalance_is_never_more_than_all_on_one_host_also_once_all_have_left(run):
    # Of n numbers that are not negative none varies more than one among zeros: by the root of n - 1.
    for seed in range(3):
        metrics = run("target-load-packing", seed=seed, measure_s=15.0)
        assert 0 < metrics["disk_imbalance"] <= sqrt(HOSTS - 1)
        assert 0 < metrics["cpu_imbalance"] <= sqrt(HOSTS - 1)


@pytest.mark.parametrize(
    ("at", "ratio", "expected"),
    [
        ([0.0, 1.0, 2.0], [0.5, 0.5, 2.0], 1.5),
        ([1.0, 100.0], [0.5, 2.0], 10.0),
        ([0.0, 1.0], [0.25, 2.0], 2 / 3),
        ([3.0, 4.0], [1.5, 2.0], 3.0),
        ([1.0, 2.0, 3.0], [1.0, 1.5, 0.5], 1.0),
    ],
)
def test_a_crossing_is_where_the_ratio_is_one(at, ratio, expected):
    assert crossing(at, ratio) == pytest.approx(expected)


def test_what_always_pays_has_no_crossing():
    assert isnan(crossing([1.0, 2.0], [0.5, 1.0]))


def test_crossings_are_those_of_each_seed_whatever_the_order_of_rows():
    rows = [(100.0, 2.0, 1), (1.0, 0.5, 1), (1.0, 1.0, 2), (100.0, 4.0, 2)]
    table = pd.DataFrame(rows, columns=["x", "y", "seed"])

    found = crossings(table, "x", "y", pd.Series({1: 1.0, 2: 2.0}))

    assert found.to_dict() == pytest.approx({1: 10.0, 2: 10.0})


def test_old_measurements_make_a_herd_that_counting_who_came_since_mends(run):
    seeds = range(2)
    blind, herd, counting = (
        np.mean([run(policy, seed=seed, measure_s=60.0)["slowdown_mean"] for seed in seeds])
        for policy in (stale_metrics.BLIND, stale_metrics.HERD, stale_metrics.COUNTING)
    )

    assert herd > 1.3 * blind
    assert counting - 1 < 0.5 * (herd - 1)


@pytest.mark.parametrize("policy", estimate_error.KNOWING)
def test_where_all_containers_are_alike_exact_profiles_tell_nothing(run, policy):
    kinds = alike(HOSTS, 0.8, 0.8)

    knowing, blind = (run(name, kinds)["slowdown_mean"] for name in (policy, estimate_error.BLIND))

    assert knowing == pytest.approx(blind, rel=0.01)


def test_wrong_profiles_slow_more_than_exact_ones(run):
    exact, wrong = (run("tetris", estimate_error=error)["slowdown_mean"] for error in (0.0, 2.0))

    assert wrong > exact


@pytest.mark.parametrize("study", [stale_metrics, estimate_error])
def test_policies_meet_the_same_containers(study):
    by_seed = {}
    for point in study.points(Plan(seeds=(1, 2))):
        kinds = by_seed.setdefault((point.where["seed"], point.where.get("mix")), point.study.kinds)
        assert point.study.kinds == kinds
        assert point.key.seed == point.where["seed"]
    assert len({point.identity for point in study.points(Plan(seeds=(1,)))}) == len(
        list(study.points(Plan(seeds=(1,))))
    )


def job(name, submit_s, cores, run_s, count=1, after=()):
    group = Group(Task(Resources(cores * MILLI, 0)), count)
    return Arrival(Job(name, submit_s, "batch", (group,)), (run_s,), after=after)


def test_the_peak_is_what_is_asked_for_at_a_time_not_in_all():
    jobs = [job("a", 0.0, 2, 10.0, count=3), job("b", 5.0, 1, 10.0), job("c", 10.0, 4, 1.0)]

    # At 10 s the six cores of a are free again, just as c comes.
    largest, most = peak(jobs)

    assert (largest[0], most[0]) == (4000, 7000)


def test_the_peak_of_a_workflow_knows_who_comes_after_whom():
    alone = [job("a", 0.0, 2, 10.0), job("b", 0.0, 2, 10.0, after=("a",)), job("c", 0.0, 2, 10.0, after=("b", "a"))]

    assert peak(alone)[1][0] == 2000
    assert peak([one._replace(after=()) for one in alone])[1][0] == 6000


def test_what_never_ends_is_asked_for_to_the_end():
    assert peak([job("a", 0.0, 2, float("inf")), job("b", 1e9, 1, 1.0)])[1][0] == 3000


def test_hosts_are_so_many_that_the_peak_is_the_share_of_them(tmp_path):
    path = tmp_path / "jobs.csv"
    path.write_text("job,submit_s,workload,tasks,duration_s,cpus,memory_bytes\na,0,batch,36,10,1,1048576\n")

    study = Fitted(trace=str(path), host_cpus=4, contention=True, asked=0.5)
    metrics = fitting.replay(study, RunKey("monolithic", "spread", 1), lambda share: None).metrics

    assert metrics["hosts"] == 18
    # Placing takes a moment, and so many begin together.
    assert metrics["cpu_allocated_mean"] == pytest.approx(0.5, rel=0.05)


def test_a_workload_that_is_made_up_stands_in_for_a_recording():
    made_up, recorded = (next(iter(recorded_use.points(Plan(trace=trace)))) for trace in (None, "bitbrains:x"))

    assert isinstance(made_up.study, Mixed)
    assert isinstance(recorded.study, Fitted)
    assert recorded.study.trace == "bitbrains:x"


@pytest.mark.parametrize("file", ["pegasus/montage/montage-chameleon-2mass-005d-001.json"])
def test_a_recorded_workflow_is_replayed_whole(traces_dir, file):
    from traces.formats import RECORDED

    if "wfinstances" not in RECORDED:
        pytest.skip("there is no reader of workflows here")
    study = Fitted(trace=f"wfinstances:{traces_dir / 'wfinstances' / file}", host_disk="HDD", contention=True)
    metrics = fitting.replay(study, RunKey("monolithic", "spread", 1), lambda share: None).metrics

    assert metrics["tasks_finished"] == metrics["tasks_submitted"] > 50
    assert metrics["slowdown_mean"] >= 1 - 1e-9
