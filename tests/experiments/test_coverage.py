"""Intervals hold the truth as often as they say, from a workload's description to what is told of many runs."""

import pandas as pd
import pytest

from experiments.measures.comparing import headlines, measured
from experiments.measures.statistics import estimate
from experiments.results.study import Detail, Study
from experiments.running.runner import cores, run_study

STUDIES, SEEDS = 200, 10
LOAD = 0.5

#: One core, which containers that come at random and work for an exponential time share: an M/M/1 queue that is shared.
QUEUE = f"""
span_s = "900s"

[classes.batch]
interarrival_s = {{law = "exponential", mean = {1 / LOAD}}}
tasks = 1
duration_s = {{law = "exponential", mean = 1.0}}
cpus = 0.001
memory_bytes = "1MiB"
uses.cpu_demand = 1.0
"""


def study(tmp_path, seeds, **more):
    trace = tmp_path / "queue.toml"
    trace.write_text(QUEUE)
    return Study(
        trace=f"generated:{trace}", hosts="1", host_cpus=1.0, contention=True, architectures=("monolithic",),
        policies=("first-fit",), t_job_s=0.0, t_task_s=0.0, measure_s=1e6, detail=Detail.SUMMARY, warm_up_s=50.0,
        seeds=tuple(range(1, seeds + 1)), **more,
    )  # fmt: skip


@pytest.mark.slow
def test_95_in_100_intervals_of_studies_of_a_queue_contain_its_true_mean(tmp_path):
    # Kleinrock, "Queueing systems" 2, section 4.4: E[T | x] / x = 1 / (1 - rho), whatever the service x.
    truth = 1 / (1 - LOAD)
    results = run_study(study(tmp_path, STUDIES * SEEDS), executors=cores())
    table = pd.DataFrame([{**result.key._asdict(), **result.metrics} for result in results])
    of_seed = measured(table, "slowdown_mean")

    studies = [estimate(of_seed.loc[first : first + SEEDS - 1].tolist()) for first in range(1, STUDIES * SEEDS, SEEDS)]

    covered = sum(interval.low <= truth <= interval.high for interval in studies)
    assert 0.90 <= covered / STUDIES <= 0.99
    # An interval that is wide enough contains anything.
    assert sum(interval.half for interval in studies) / STUDIES < 0.1 * truth


def test_policies_that_meet_the_same_arrivals_are_told_apart_with_fewer_seeds(tmp_path):
    seeds = tuple(range(1, 9))
    results = run_study(
        Study(
            until_s=120.0, architectures=("monolithic",), policies=("random-first-fit", "least-allocated"), seeds=seeds,
            warm_up_s=20.0, detail=Detail.SUMMARY,
        )
    )  # fmt: skip
    table = pd.DataFrame([{**result.key._asdict(), **result.metrics} for result in results])

    (imbalance,) = headlines(table, ["cpu_imbalance"])
    one, other = (measured(runs, "cpu_imbalance") for _, runs in table.groupby("policy"))

    assert imbalance.pairs == len(seeds)
    assert (one - other).var() < (one.var() + other.var()) / 2
