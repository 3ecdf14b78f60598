"""A cell that is three quarters full, for a day: how often schedulers conflict, by how conflicts are looked for."""

import itertools

import numpy as np
import pytest

from experiments.results.study import RunKey, Study
from experiments.running.simulate import simulate

SEEDS = range(1, 5)


def day(measure, architecture="shared-state", service_s=10.0, seeds=SEEDS, **options):
    """The mean over seeds of a metric, on the busy day with that decision time of services."""
    study = Study(trace="generated:busy-cell", until_s=86400.0, t_job_s={"batch": 0.1, "service": service_s}, **options)
    return np.mean([simulate(study, RunKey(architecture, "random-first-fit", seed)).metrics[measure] for seed in seeds])


@pytest.mark.slow
def test_coarse_detection_and_gang_commit_each_make_more_conflicts_but_not_many_times_more():
    fraction = {
        (conflict, commit): day("conflict_fraction.service", conflict=conflict, commit=commit)
        for conflict, commit in itertools.product(("fine", "coarse"), ("incremental", "gang"))
    }

    for commit in ("incremental", "gang"):
        assert 1.2 <= fraction["coarse", commit] / fraction["fine", commit] <= 3
    for conflict in ("fine", "coarse"):
        assert 1.2 <= fraction[conflict, "gang"] / fraction[conflict, "incremental"] <= 3


@pytest.mark.slow
def test_conflicts_rise_with_the_number_of_batch_schedulers_and_then_no_more():
    one, four, sixteen, many = (
        day("conflicted_transactions.batch", seeds=(1,), conflict="coarse", schedulers={"batch": n})
        for n in (1, 4, 16, 32)
    )

    assert four > 3 * one
    assert (many - sixteen) / 16 < 0.2 * (four - one) / 3


@pytest.mark.slow
def test_batch_waits_behind_slow_services_in_a_monolithic_cell_and_does_not_under_shared_state():
    quick, slow = 0.1, 30.0
    shared = [day("wait_mean_s.batch", "shared-state", service_s, (1,)) for service_s in (quick, slow)]
    monolithic = [day("wait_mean_s.batch", "monolithic", service_s, (1,)) for service_s in (quick, slow)]

    assert shared[1] == pytest.approx(shared[0], rel=0.1)
    assert monolithic[1] > 10 * monolithic[0]
