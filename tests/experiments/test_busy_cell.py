"""A cell that is three quarters full, for a day: how often schedulers conflict, by how conflicts are looked for."""

import itertools

import pytest

from experiments.running.simulate import simulate
from experiments.running.study import RunKey, Study

SPEC = """
span_s = "1d"
[hosts]
n = 10000
cpus = 4
memory_bytes = "16GiB"
[classes.batch]
interarrival_s = {law = "exponential", mean = 6}
tasks = {law = "exponential", mean = 120}
duration_s = {law = "exponential", mean = 300}
cpus = 1
memory_bytes = "2GiB"
[classes.service]
interarrival_s = {law = "exponential", mean = 40}
tasks = {law = "exponential", mean = 12}
duration_s = {law = "exponential", mean = 3600}
cpus = 1
memory_bytes = "2GiB"
"""
PREFILL = "job,submit_s,workload,tasks,duration_s,cpus,memory_bytes\nold,0,service,23000,inf,1,2147483648\n"


@pytest.fixture(scope="module")
def day(tmp_path_factory):
    """A function that runs the day under shared state, with a service decision time of so many seconds."""
    folder = tmp_path_factory.mktemp("busy")
    (folder / "spec.toml").write_text(SPEC)
    (folder / "prefill.csv").write_text(PREFILL)

    def run(architecture="shared-state", service_s=10.0, **options):
        study = Study(
            trace=f"generated:{folder / 'spec.toml'}", prefill=str(folder / "prefill.csv"), until_s=86400.0,
            t_job_s={"batch": 0.1, "service": service_s}, **options,
        )  # fmt: skip
        return simulate(study, RunKey(architecture, "random-first-fit", 1)).metrics

    return run


@pytest.mark.slow
def test_coarse_detection_and_gang_commit_each_make_more_conflicts_but_not_many_times_more(day):
    fraction = {
        (conflict, commit): day(conflict=conflict, commit=commit)["conflict_fraction.service"]
        for conflict, commit in itertools.product(("fine", "coarse"), ("incremental", "gang"))
    }

    for commit in ("incremental", "gang"):
        assert 1.2 <= fraction["coarse", commit] / fraction["fine", commit] <= 3
    for conflict in ("fine", "coarse"):
        assert 1.2 <= fraction[conflict, "gang"] / fraction[conflict, "incremental"] <= 3


@pytest.mark.slow
def test_batch_waits_behind_slow_services_in_a_monolithic_cell_and_does_not_under_shared_state(day):
    quick, slow = 0.1, 30.0
    shared = [day(service_s=service_s)["wait_mean_s.batch"] for service_s in (quick, slow)]
    monolithic = [day("monolithic", service_s)["wait_mean_s.batch"] for service_s in (quick, slow)]

    assert shared[1] == pytest.approx(shared[0], rel=0.1)
    assert monolithic[1] > 10 * monolithic[0]
