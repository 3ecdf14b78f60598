"""What is left out at the beginning of a run is in no metric, and what is left adds up."""

from collections import Counter

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.measures.metrics import Metrics
from experiments.measures.warm_up import WarmUp
from policies.log import Event, Log
from policies.scheduling import ARCHITECTURES
from sim.contention import levels_of
from traces.hosts import HostEvent

ENDED = (Event.FINISHED, Event.KILLED, Event.PREEMPTED, Event.OUT_OF_MEMORY, Event.FAILED)


def some_run(cell, seed, architecture, until_s=None):
    """Jobs of two classes on three hosts, one of which is lost on the way and comes back."""
    rng = np.random.default_rng(seed)
    jobs = [
        cell.job(
            f"j{n}", t_s, float(rng.uniform(1, 20)), int(rng.integers(1, 4)), float(rng.uniform(0.2, 2)),
            request=float(rng.integers(1, 9)) / 4, workload=str(rng.choice(["batch", "service"])),
        )
        for n, t_s in enumerate(np.sort(rng.uniform(0, 40, 16)).tolist())
    ]  # fmt: skip
    lost_s = float(rng.uniform(5, 35))
    events = [HostEvent(lost_s, 0, False), HostEvent(lost_s + 5, 0, True)]
    return cell.run(
        jobs, cell.hosts(n=3, events=events), architecture=architecture, until_s=until_s, thinks_s=0.7, sample_s=3.0
    )


def folded(run, levels, warm_up_s, batches=1):
    metrics = Metrics(levels, warm_up_s)
    for part in np.array_split(np.arange(len(run.rows)), batches):
        if part.size:
            metrics([run.rows[at] for at in part])
    return metrics.result(run.horizon_s)


@pytest.fixture(scope="module")
def levels(cell):
    return levels_of(cell.hosts().resources(), shared=True)


@given(st.integers(0, 2**32), st.sampled_from(list(ARCHITECTURES)), st.floats(0.5, 39.0), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_warm_up_leaves_what_a_look_through_the_log_by_hand_leaves(cell, levels, seed, architecture, warm_up_s, cut):
    run = some_run(cell, seed, architecture, until_s=45.0 if cut else None)
    metrics = folded(run, levels, warm_up_s, batches=7)

    came_s = {row.job: row.t_s for row in reversed(run.of(Event.SUBMITTED, Event.INFEASIBLE))}
    late = {job for job, t_s in came_s.items() if t_s >= warm_up_s}
    of_late = [row for row in run.rows if row.job in late]
    counts = Counter(row.event for row in of_late)
    waits = [row.age_s for row in of_late if row.event == Event.ATTEMPTED and row.attempt == 1]
    waits += [row.age_s for row in of_late if row.event == Event.UNATTEMPTED]
    slowdowns = [row.seconds / row.alone_s for row in of_late if row.event == Event.FINISHED for _ in range(row.tasks)]
    ends = [row.t_s for row in of_late if row.event in ENDED]
    commits = [row for row in run.of(Event.COMMITTED, Event.CONFLICTED) if row.t_s >= warm_up_s]

    assert metrics["jobs_submitted"] == len(late)
    assert metrics["jobs_scheduled"] == sum(row.remaining == 0 and not row.again for row in commits if row.job in late)
    assert metrics["tasks_finished"] == sum(row.tasks for row in of_late if row.event == Event.FINISHED)
    assert metrics["tasks_killed"] == sum(row.tasks for row in of_late if row.event in ENDED[1:])
    assert metrics["jobs_abandoned"] == counts[Event.ABANDONED]
    assert metrics["wait_mean_s"] == (pytest.approx(np.mean(waits)) if waits else None)
    assert metrics["slowdown_mean"] == (pytest.approx(np.mean(slowdowns)) if slowdowns else None)
    if ends:
        first_s = min(row.t_s for row in of_late if row.event == Event.SUBMITTED)
        assert metrics["makespan_s"] == pytest.approx(max(ends) - first_s)
    conflicted = sum(value for name, value in metrics.items() if name.startswith("conflicted_transactions"))
    assert conflicted == sum(row.event == Event.CONFLICTED for row in commits)


@given(st.integers(0, 2**32), st.sampled_from(list(ARCHITECTURES)), st.floats(0.5, 39.0))
@settings(max_examples=30, deadline=None)
def test_what_comes_after_a_warm_up_adds_up(cell, levels, seed, architecture, warm_up_s):
    metrics = folded(some_run(cell, seed, architecture, until_s=45.0), levels, warm_up_s)

    assert metrics["jobs_pending"] >= 0
    assert metrics["tasks_running"] >= 0
    assert metrics["jobs_submitted"] == sum(
        metrics[f"jobs_{what}"] for what in ("scheduled", "pending", "abandoned", "infeasible")
    )


@given(st.integers(0, 2**32), st.floats(0.5, 39.0))
@settings(max_examples=30, deadline=None)
def test_time_means_are_of_the_time_after_the_warm_up(cell, levels, seed, warm_up_s):
    run = some_run(cell, seed, "monolithic", until_s=45.0)
    whole, after = (folded(run, levels, start_s) for start_s in (0.0, warm_up_s))
    # The same run, looked at no further than the warm-up.
    before = Metrics(levels)
    before([row for row in run.rows if row.t_s <= warm_up_s])
    begun = before.result(warm_up_s)

    assert after["horizon_s"] == pytest.approx(45.0 - warm_up_s)
    for name in ("cpu_allocated_mean", "cpu_used_mean", "cpu_imbalance", "memory_allocated_mean", "busyness.all"):
        parts = begun.get(name, 0.0) * warm_up_s + after[name] * (45.0 - warm_up_s)
        assert whole[name] * 45.0 == pytest.approx(parts), name


def test_without_a_warm_up_everything_counts(cell, levels):
    run = some_run(cell, 3, "shared-state")

    assert folded(run, levels, 0.0) == run.metrics


def test_a_run_that_is_over_within_its_warm_up_has_no_metrics(cell, levels):
    run = some_run(cell, 3, "monolithic")

    with pytest.raises(ValueError, match="within its warm-up"):
        folded(run, levels, run.horizon_s + 1.0)


def happened(t_s, event, job="", **more):
    """One row, of which only what is said matters."""
    rows = []
    log = Log([rows.extend])
    log.say(t_s, event, job, levels=(), **more)
    log.flush()
    return rows


def counted(*rows):
    return WarmUp(10.0).counted([row for each in rows for row in each])


def test_an_attempt_that_goes_on_when_the_warm_up_ends_counts_with_its_rest():
    (row,) = counted(happened(8.0, Event.ATTEMPTED, "a", attempt=1, seconds=5.0))

    assert (row.t_s, row.seconds, row.attempt) == (10.0, 3.0, 0)


def test_workflows_and_jobs_that_wait_are_left_out_if_they_came_before():
    early = [happened(1.0, event, "old") for event in (Event.HELD, Event.WORKFLOW_CAME)]
    late = [happened(11.0, event, "new") for event in (Event.HELD, Event.WORKFLOW_CAME)]
    ends = [happened(20.0, event, name) for name in ("old", "new") for event in (Event.RELEASED, Event.WORKFLOW_ENDED)]

    kept = counted(*early, *late, *ends)

    assert [(row.job, row.event) for row in kept] == [
        ("new", event) for event in (Event.HELD, Event.WORKFLOW_CAME, Event.RELEASED, Event.WORKFLOW_ENDED)
    ]


def test_a_job_that_waited_counts_by_when_it_was_submitted():
    kept = counted(
        happened(1.0, Event.HELD, "a"), happened(12.0, Event.RELEASED, "a"), happened(12.0, Event.SUBMITTED, "a")
    )

    assert [row.event for row in kept] == [Event.SUBMITTED]


def test_an_early_job_that_is_submitted_again_stays_left_out():
    kept = counted(
        happened(1.0, Event.SUBMITTED, "a"), happened(12.0, Event.SUBMITTED, "a", again=True),
        happened(13.0, Event.STARTED, "a"), happened(14.0, Event.FINISHED, "a"),
    )  # fmt: skip

    assert kept == []


def test_what_happens_to_hosts_after_the_warm_up_counts():
    kept = counted(happened(1.0, Event.SAMPLED), happened(11.0, Event.SAMPLED), happened(12.0, Event.HOST_LOST, host=0))

    assert [row.t_s for row in kept] == [11.0, 12.0]
