"""The Omega simulator's own results on the same job list (its table is in the README's sources)."""

import csv

import pytest

from experiments.results.study import RunKey, Study
from experiments.running.simulate import simulate

DAY_S = 86400.0


@pytest.fixture(scope="module")
def path(traces_dir):
    return traces_dir / "omega" / "omega_ex_1d.csv"


@pytest.fixture(scope="module")
def jobs(path):
    """The job list, read without any code of ours: per class, submission times and numbers of containers."""
    listed = {"batch": [], "service": []}
    with path.open(newline="") as file:
        for row in csv.DictReader(file):
            listed[row["workload"]].append((float(row["submit_s"]), int(row["tasks"])))
    return listed


def run(path, architecture, seed=1, **options):
    study = Study(
        trace=f"native:{path}", hosts="10000", host_cpus=4, host_memory_bytes=16 * 2**30, until_s=DAY_S, **options
    )
    return simulate(study, RunKey(architecture, "random-first-fit", seed)).metrics


@pytest.fixture(scope="module")
def monolithic(path):
    return run(path, "monolithic")


@pytest.fixture(scope="module")
def fine(path):
    return run(path, "shared-state")


def test_all_jobs_and_containers_are_placed(jobs, monolithic, fine):
    for metrics in (monolithic, fine):
        assert metrics["jobs_submitted"] == metrics["jobs_scheduled"] == 8566 + 4354 == sum(map(len, jobs.values()))
        assert metrics["tasks_scheduled"] == 912_686 == sum(n for listed in jobs.values() for _, n in listed)


def test_busyness_without_conflicts_is_the_decision_times_of_the_job_list(jobs, monolithic, fine):
    thinking = {name: sum(0.1 + 0.005 * n for _, n in listed) for name, listed in jobs.items()}

    assert monolithic["busyness.all"] == pytest.approx(sum(thinking.values()) / DAY_S, rel=1e-9)
    assert fine["busyness.batch"] == pytest.approx(thinking["batch"] / DAY_S, rel=1e-9)
    assert fine["busyness.service"] == pytest.approx(thinking["service"] / DAY_S, rel=1e-9)
    # As the peer prints them.
    assert round(monolithic["busyness.all"], 4) == 0.0678
    assert (round(fine["busyness.batch"], 4), round(fine["busyness.service"], 4)) == (0.0602, 0.0076)


def test_waits_without_conflicts_are_the_peers(monolithic, fine):
    assert monolithic["wait_mean_s.batch"] == pytest.approx(0.03667, abs=1e-4)
    assert monolithic["wait_mean_s.service"] == pytest.approx(0.02866, abs=1e-4)
    assert fine["wait_mean_s.batch"] == pytest.approx(0.03568, abs=1e-4)
    assert fine["wait_mean_s.service"] == pytest.approx(0.00049, abs=1e-4)


def test_a_fit_that_is_looked_for_finely_never_conflicts_in_this_cell(fine):
    assert fine["conflicted_transactions.batch"] == fine["conflicted_transactions.service"] == 0


@pytest.fixture(scope="module")
def two_level(path):
    return run(path, "two-level")


def test_offers_place_all_jobs_and_think_as_long_as_the_job_list_says(two_level, fine):
    assert two_level["jobs_scheduled"] == 12_920
    assert two_level["tasks_scheduled"] == 912_686
    assert two_level["busyness.batch"] == pytest.approx(fine["busyness.batch"], rel=1e-9)
    assert two_level["busyness.service"] == pytest.approx(fine["busyness.service"], abs=1e-4)
    assert two_level["conflicted_transactions.batch"] == two_level["conflicted_transactions.service"] == 0


def test_offers_are_waited_for_as_long_as_at_the_peers(two_level):
    # The peer: 0.957 and 0.862 s. Its frameworks take further offers while they think, against the paper; ours answer
    # one before they ask for the next. Service hardly ever thinks when a job comes; batch thinks 6 % of the time, and
    # who comes then waits for the answer (half a long thought) and for another offer: 0.05 to 0.12 s in the mean.
    assert two_level["wait_mean_s.service"] == pytest.approx(0.862, abs=0.02)
    assert 0.05 <= two_level["wait_mean_s.batch"] - 0.957 <= 0.12


@pytest.mark.slow
def test_coarse_gang_conflicts_are_the_peers_within_sampling_noise(path):
    runs = [run(path, "shared-state", seed, conflict="coarse", commit="gang") for seed in range(1, 6)]
    batch = [metrics["conflicted_transactions.batch"] for metrics in runs]
    service = [metrics["conflicted_transactions.service"] for metrics in runs]

    # The peer had 30 and 10 in one run: counts of rare events, so Poisson, on both sides.
    mean_batch, mean_service = sum(batch) / 5, sum(service) / 5
    assert abs(mean_batch - 30) <= 3 * (30 + mean_batch / 5) ** 0.5
    assert abs(mean_service - 10) <= 3 * (10 + mean_service / 5) ** 0.5
    assert all(metrics["jobs_scheduled"] == 12_920 for metrics in runs)
