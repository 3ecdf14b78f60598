"""What happens on shared hosts besides starts and ends, told by the log; the books are checked after every event."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.log import Event
from policies.placement import scores
from policies.requests import Demand, Resources, Task
from policies.sharing import DISKS
from sim.contention import Interplay
from traces.hosts import HostEvent
from traces.trace import OPEN_ENDED, Recorded, steady


def test_what_is_used_changes_with_the_phase_and_a_row_says_so(cell):
    run = cell.run([cell.job("a", run_s=10.0, phases=[(0.2, 2.0, 10), (0.3, 0.5, 40), (0.5, 1.0, 0)])])

    assert [(row.t_s, row.host) for row in run.of(Event.USE_CHANGED)] == [(3.0, 0), (6.0, 0)]
    rows = run.of(Event.STARTED, Event.USE_CHANGED, Event.FINISHED)
    assert [run.level(row, "cpu_used_share") for row in rows] == pytest.approx([1.0, 0.25, 0.5, 0.0])
    assert [run.level(row, "memory_used_share") for row in rows] == pytest.approx([0.01, 0.04, 0.0, 0.0])


def test_a_container_without_end_slows_others_and_does_not_keep_the_run_from_ending(cell):
    run = cell.run([cell.job("stays", run_s=OPEN_ENDED, cpu=2.0), cell.job("a", cpu=2.0)])

    assert run.slowdown("a") == pytest.approx(2.0)
    assert run.horizon_s == 22.0
    assert run.metrics["tasks_running"] == 1


def test_a_host_that_grows_lets_those_who_are_there_go_faster(cell):
    twice = HostEvent(6.0, 0, True, Resources(4000, 1000))
    run = cell.run([cell.job("a", cpu=4.0, run_s=10.0)], cell.hosts(events=[twice]))

    # From 1 to 6 at half its speed, then at full.
    assert run.end_s("a") == pytest.approx(6.0 + 7.5)
    (resized,) = run.of(Event.HOST_RESIZED)
    assert run.level(resized, "cpu_used_share") == pytest.approx(1.0)
    assert run.level(resized, "cpu_short") == 0.0


def test_a_host_that_leaves_takes_its_use_along_in_the_row_that_says_so(cell):
    events = [HostEvent(5.0, 0, False), HostEvent(8.0, 0, True)]
    machines = cell.hosts(n=2, events=events)
    run = cell.run([cell.job("a", tasks=3, cpu=2.0), cell.job("b", cpu=0.5)], machines, score=scores.first_fit)

    (lost,), (joined,) = run.of(Event.HOST_LOST), run.of(Event.HOST_JOINED)
    # First fit had all on the host that left; they are placed again a second later, on the other.
    assert run.level(lost, "cpu_used_share") == 0.0
    assert run.level(run.of(Event.KILLED)[-1], "cpu_short") == 0.0
    assert run.level(joined, "cpu_used_share") == pytest.approx(0.5)
    assert run.metrics["tasks_killed"] == 4
    assert run.metrics["tasks_finished"] == 4


def test_what_was_recorded_is_slowed_and_slows(cell):
    recorded = Recorded("old", "service", Task(Resources(100, 10)), np.array([0]), 4.0, "", steady(Demand(2.0, 10.0)))
    run = cell.run([cell.job("new", cpu=2.0)], prefill=[recorded])

    # Alone until 1, when 3 of its 4 seconds are left, at half speed.
    assert run.end_s("old") == pytest.approx(7.0)
    assert run.end_s("new") == pytest.approx(14.0)


def test_what_was_recorded_without_its_use_uses_what_it_asked_for(cell):
    recorded = Recorded("old", "service", Task(Resources(1500, 10)), np.array([0]), OPEN_ENDED)
    run = cell.run([cell.job("new", cpu=0.5)], prefill=[recorded])

    assert run.level(run.of(Event.PREFILLED)[0], "cpu_used_share") == pytest.approx(0.75)
    assert run.slowdown("new") == pytest.approx(1.0)


@given(st.integers(0, 2**32))
@settings(max_examples=20, deadline=None)
def test_what_is_measured_is_the_mean_of_what_was_used_since_the_last_time(cell, seed):
    rng, every_s = np.random.default_rng(seed), 7.0
    jobs = [
        cell.job(
            f"j{n}", t_s, float(rng.uniform(1, 20)), cpu=float(rng.uniform(0, 2)), memory=float(rng.integers(1, 99))
        )
        for n, t_s in enumerate(np.sort(rng.uniform(0, 30, 6)).tolist())
    ]  # fmt: skip
    seen = []

    def watch(view, task):
        seen.append((float(view.usage_age_s.max()), view.usage[:, 0].copy()))
        return scores.first_fit(view, task)

    run = cell.run(jobs, score=watch, interplay=Interplay(measure_s=every_s), sample_s=1e6, until_s=60.0)
    # One host: what is used of the cell is used of it. The integral is that of the rows.
    at = np.array([row.t_s for row in run.rows] + [60.0])
    for name, axis, size in (("cpu", 0, 2000.0), ("memory", 1, 1000.0)):
        level = np.array([run.level(row, f"{name}_used_share") for row in run.rows])
        low = every_s * np.floor(60.0 / every_s - 1)
        spans = np.clip(np.minimum(at[1:], low + every_s) - np.maximum(at[:-1], low), 0.0, None)
        measured = run.tank.snapshot().usage[axis, 0]
        assert measured == pytest.approx(spans @ level * size / every_s, abs=1e-6)
    assert run.tank.snapshot().usage_age_s.tolist() == pytest.approx([60.0 - every_s * np.floor(60.0 / every_s)])
    assert all(age_s <= every_s or age_s == np.inf for age_s, _ in seen)


@pytest.mark.parametrize("more", range(4))
def test_what_rounding_leaves_of_loads_that_came_and_went_is_no_imbalance(cell, more):
    jobs = [
        cell.job(f"j{n}", at=0.37 * n, run_s=3.0 + 0.1 * n, request=0.5, cpu=0.7 + n / 30, disk_write_bps=1e6 / 3 * n)
        for n in range(12 + more)
    ]
    # A container that does nothing keeps the run going long after the others.
    jobs.insert(0, cell.job("last", run_s=500.0, request=0.01, cpu=0.0))
    run = cell.run(jobs, cell.hosts(n=2, disk=DISKS["HDD"]), interplay=Interplay(wake_up_s=0.001))

    # Of two hosts, one of which has everything, the standard deviation is the mean.
    assert run.metrics["disk_imbalance"] <= 1.0 + 1e-9
    assert run.metrics["cpu_imbalance"] <= 1.0 + 1e-9
