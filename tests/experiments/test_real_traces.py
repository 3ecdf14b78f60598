"""Public traces from end to end, against counts of the raw files that share no code with us."""

import csv
import gzip
import math

import pytest

from experiments.results.study import RunKey, Study
from experiments.running.simulate import simulate

SUBMIT, SCHEDULE = "0", "1"


@pytest.fixture(scope="module")
def google(traces_dir):
    """Counts of the task events, with nothing but gzip and csv."""
    submitted_later = []
    state_at_0 = {}
    for path in sorted((traces_dir / "google2011" / "task_events").glob("*.csv.gz")):
        with gzip.open(path, "rt", newline="") as lines:
            for time, _, job, index, _, event, *_ in csv.reader(lines):
                if time == "0":
                    state_at_0[job, index] = max(event, state_at_0.get((job, index), event))
                elif event == SUBMIT:
                    submitted_later.append(job)
    running = {job for (job, _), event in state_at_0.items() if event == SCHEDULE}
    pending = [job for (job, _), event in state_at_0.items() if event == SUBMIT]
    return {
        "tasks": len(submitted_later) + len(pending),
        "jobs": len({*submitted_later, *pending} - running),
        "machines": 12_583,
    }


@pytest.mark.slow
@pytest.mark.parametrize("architecture", ["monolithic", "shared-state"])
def test_the_google_cell_replays_with_the_counts_of_its_files(architecture, google, traces_dir):
    study = Study(trace=f"google2011:{traces_dir / 'google2011'}", hosts="trace")
    metrics = simulate(study, RunKey(architecture, "random-first-fit", 1)).metrics

    assert metrics["jobs_submitted"] == google["jobs"]
    assert metrics["tasks_submitted"] == google["tasks"]
    assert_adds_up(metrics)


def assert_adds_up(metrics):
    """What was submitted is somewhere."""
    ended = ("jobs_scheduled", "jobs_pending", "jobs_abandoned", "jobs_infeasible")
    assert metrics["jobs_submitted"] == sum(metrics[name] for name in ended)
    assert all(metrics[name] >= 0 for name in ended)
    assert metrics["tasks_scheduled"] == sum(metrics[f"tasks_{name}"] for name in ("finished", "killed", "running"))


@pytest.mark.parametrize("architecture", ["monolithic", "shared-state"])
@pytest.mark.parametrize("policy", ["random-first-fit", "least-allocated"])
def test_openb_replays_with_the_counts_of_its_files(architecture, policy, traces_dir):
    folder = traces_dir / "alibaba_gpu2023"
    with (folder / "openb_pod_list_default.csv").open(newline="") as lines:
        pods = list(csv.DictReader(lines))
    with (folder / "openb_node_list_all_node.csv").open(newline="") as lines:
        cores = sum(int(node["cpu_milli"]) for node in csv.DictReader(lines))

    metrics = simulate(Study(trace=f"alibaba_gpu2023:{folder}", hosts="trace"), RunKey(architecture, policy, 1)).metrics

    assert metrics["jobs_submitted"] == metrics["tasks_submitted"] == len(pods)
    # A pod of eight GPUs may find no host with all of them free where a policy spreads the shares, and be given up.
    assert metrics["tasks_scheduled"] + metrics["jobs_abandoned"] == len(pods)
    assert metrics["jobs_abandoned"] <= 2
    assert_adds_up(metrics)
    # Nearly nobody waits in this cell, so what is allocated is what the recorded run times add up to.
    end = float(metrics["horizon_s"])
    work = 0.0
    for pod in pods:
        began = int(pod["scheduled_time"] or pod["creation_time"])
        run_s = int(pod["deletion_time"]) - began
        submitted = int(pod["creation_time"])
        work += int(pod["cpu_milli"]) * min(run_s, end - submitted)
    assert math.isclose(metrics["cpu_allocated_mean"], work / end / cores, rel_tol=1e-3)
