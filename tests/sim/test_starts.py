"""What a start costs: containers have their room from the moment they are placed, and run from when they started."""

from dataclasses import replace

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st

from policies.log import Event
from policies.placement import scores
from policies.requests import Constraint, Operator, Resources, Task
from policies.scheduling.architecture import monolithic
from policies.sharing import disk_named
from policies.sharing.isolation import Caps, Shares, Unmanaged
from real.calibration.calibrate import StartCost, StartTime
from sim.contention import Interplay
from traces.hosts import HostEvent, Profile
from traces.trace import OPEN_ENDED, Recorded

ENDED = (Event.FINISHED, Event.KILLED, Event.PREEMPTED, Event.OUT_OF_MEMORY)


def starting(machines, *profiles):
    """The same machines with these profiles, the last of which is that of all others."""
    return replace(machines, profiles=[*profiles, *[profiles[-1]] * (len(machines) - len(profiles))])


def times(run, event, job=None):
    return [row.t_s for row in run.of(event, job=job)]


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize(("start_s", "start_cpu_s"), [(2.0, 3.0), (0.0, 3.0), (2.0, 0.0)])
def test_alone_a_container_takes_the_wait_and_the_work_and_its_run_time(cell, shared, start_s, start_cpu_s):
    run = cell.run([cell.job("a", run_s=10.0)], starting(cell.hosts(), Profile(start_s, start_cpu_s)), shared=shared)

    assert times(run, Event.LAUNCHED) == [1.0]
    assert times(run, Event.STARTED) == pytest.approx([1.0 + start_s + start_cpu_s])
    assert times(run, Event.FINISHED) == pytest.approx([11.0 + start_s + start_cpu_s])
    (finished,) = run.of(Event.FINISHED)
    assert (finished.seconds, finished.alone_s) == pytest.approx((10.0, 10.0))
    assert run.metrics["slowdown_mean"] == pytest.approx(1.0)


def test_on_less_than_a_core_the_work_of_a_start_takes_longer(cell):
    run = cell.run([cell.job("a", run_s=10.0, cpu=0.1)], starting(cell.hosts(cores=0.5), Profile(2.0, 3.0)))

    assert times(run, Event.STARTED) == pytest.approx([1.0 + 2.0 + 3.0 / 0.5])


def test_two_starts_on_one_core_take_twice_the_work_and_the_same_wait(cell):
    run = cell.run([cell.job("a", tasks=2, cpu=0.5)], starting(cell.hosts(cores=1), Profile(2.0, 3.0)))

    assert times(run, Event.STARTED) == pytest.approx([1.0 + 2.0 + 6.0])
    assert run.slowdown("a") == pytest.approx(1.0)


def test_a_start_beside_who_computes_takes_longer_and_slows_it_meanwhile_only(cell):
    # Equal weights: who asks for one core, and the start.
    jobs = [cell.job("busy", run_s=20.0, cpu=1.0, request=1.0, at=0.0), cell.job("new", cpu=0.0, request=0.0, at=9.0)]
    run = cell.run(jobs, starting(cell.hosts(cores=1), Profile(1.0, 3.0)), interplay=Interplay(Shares("v1")))

    # busy is there from 5 (placed at 1, started for 1 + 3); new works from 11 (placed at 10) at half a core.
    assert times(run, Event.STARTED, "new") == pytest.approx([11.0 + 6.0])
    assert run.end_s("busy") == pytest.approx(5.0 + 20.0 + 3.0)
    assert run.slowdown("new") == pytest.approx(1.0)
    assert run.slowdown("busy") == pytest.approx(23.0 / 20.0)


def test_a_cap_of_the_container_does_not_hold_its_start(cell):
    machines = starting(cell.hosts(), Profile(0.0, 3.0))
    run = cell.run([cell.job("a", request=0.1, cpu=0.1)], machines, interplay=Interplay(Caps(1.0)))

    assert times(run, Event.STARTED) == pytest.approx([4.0])


def test_memory_is_used_from_the_beginning_of_the_run_only(cell):
    run = cell.run([cell.job("a", memory=400.0)], starting(cell.hosts(cores=2), Profile(1.0, 3.0)))

    rows = [row for row in run.rows if row.event in (Event.LAUNCHED, Event.USE_CHANGED, Event.STARTED, Event.FINISHED)]
    assert [row.t_s for row in rows] == pytest.approx([1.0, 2.0, 5.0, 15.0])
    assert [run.level(row, "memory_used_share") for row in rows] == pytest.approx([0.0, 0.0, 0.4, 0.0])
    assert [run.level(row, "cpu_used_share") for row in rows] == pytest.approx([0.0, 0.5, 0.5, 0.0])


@pytest.mark.parametrize("shared", [True, False])
def test_each_host_has_its_own_start(cell, shared):
    machines = starting(cell.hosts(n=3), Profile(1.0), Profile(0.0), Profile(0.5, 0.5))
    run = cell.run([cell.job("a", tasks=3, request=2.0)], machines, shared=shared)

    began = {host: row.t_s for row in run.of(Event.STARTED) for host in row.where[0].tolist()}
    assert began == pytest.approx({0: 2.0, 1: 1.0, 2: 2.0})
    assert run.metrics["tasks_finished"] == 3


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("at_s", [1.5, 2.5])
def test_who_loses_its_host_during_the_start_starts_again_elsewhere(cell, shared, at_s):
    machines = starting(cell.hosts(n=2, events=[HostEvent(at_s, 0, False)]), Profile(1.0, 1.0))
    run = cell.run([cell.job("a", tasks=2, cpu=0.5)], machines, shared=shared)

    (killed,) = {(row.t_s, row.host) for row in run.of(Event.KILLED)}
    assert killed == (at_s, 0)
    begun = run.of(Event.STARTED)
    assert sum(row.tasks for row in begun) == 2
    assert {host for row in begun for host in row.where[0].tolist()} == {1}
    assert run.metrics["tasks_killed"] == run.metrics["tasks_finished"] == 2
    assert run.metrics["tasks_running"] == 0
    assert run.metrics["lost_container_s"] == pytest.approx(2 * (at_s - 1.0))


@pytest.mark.parametrize("shared", [True, False])
def test_who_makes_room_during_its_start_never_began(cell, shared):
    jobs = [cell.job("low", request=2.0), cell.job("high", 1.0, request=2.0, priority=9)]
    run = cell.run(
        jobs, starting(cell.hosts(), Profile(5.0, 5.0)), architecture=monolithic(preempt=True), shared=shared
    )

    assert times(run, Event.PREEMPTED, "low") == [2.0]
    assert [row.job for row in run.of(Event.STARTED)] == ["high", "low"]
    assert run.metrics["tasks_finished"] == 2


@pytest.mark.parametrize("profile", [Profile(1.0, 1.0), Profile(2.0), Profile(0.0, 2.0)])
def test_memory_that_is_short_when_two_begin_ends_one_of_them_once_both_are_said_to_run(cell, profile):
    run = cell.run([cell.job("a", tasks=2, cpu=0.5, memory=600.0)], starting(cell.hosts(), profile), until_s=5.0)

    rows = [(row.event, row.t_s, row.tasks) for row in run.of(Event.STARTED, *ENDED)]
    assert rows == [(Event.STARTED, 3.0, 2), (Event.OUT_OF_MEMORY, 3.0, 1)]


@pytest.mark.parametrize("shared", [True, False])
@pytest.mark.parametrize("profile", [Profile(1.0, 1.0), Profile(1.0), Profile(0.0, 1.0)])
def test_a_run_waits_for_what_starts_even_if_it_has_no_end(cell, shared, profile):
    run = cell.run([cell.job("stays", run_s=OPEN_ENDED)], starting(cell.hosts(), profile), shared=shared)

    assert run.horizon_s == pytest.approx(1.0 + profile.start_s + profile.start_cpu_s)
    assert len(run.of(Event.STARTED)) == 1


@pytest.mark.parametrize("shared", [True, False])
def test_what_is_there_at_the_beginning_does_not_start(cell, shared):
    recorded = Recorded("old", "service", Task(Resources(100, 10)), np.array([0]), 4.0)
    machines = starting(cell.hosts(), Profile(2.0, 3.0))
    run = cell.run([cell.job("new", cpu=0.5)], machines, prefill=[recorded], shared=shared)

    assert run.end_s("old") == pytest.approx(4.0)
    assert [row.job for row in run.of(Event.STARTED)] == ["new"]


def test_a_host_that_changes_during_a_start_is_judged_by_what_it_was_like_at_commit(cell):
    machines = replace(cell.hosts(), attributes=[{"zone": "a"}], events=[HostEvent(2.0, 0, True, None, {"zone": "b"})])
    arrival = cell.job("a")
    (group,) = arrival.job.groups
    picky = group.task._replace(constraints=(Constraint("zone", Operator.EQUAL, "a"),))
    job = arrival.job._replace(groups=(group._replace(task=picky),))

    run = cell.run([arrival._replace(job=job)], starting(machines, Profile(3.0)))

    assert run.metrics["tasks_finished"] == 1


@given(seed=st.integers(0, 2**32), shared=st.booleans())
@settings(max_examples=20, deadline=None)
def test_starts_of_no_length_leave_the_log_as_it_is(cell, seed, shared):
    jobs, machines = drawn(cell, np.random.default_rng(seed))

    plain, at_once = (
        cell.run(jobs, hosts, shared=shared, until_s=200.0)
        for hosts in (machines, starting(machines, Profile(units_per_s=9.0)))
    )

    assert list(map(repr, at_once.rows)) == list(map(repr, plain.rows))


@given(seed=st.integers(0, 2**32), shared=st.booleans(), preempts=st.booleans())
@settings(max_examples=60, deadline=None)
def test_whatever_happens_during_starts_everybody_is_placed_begins_and_ends_once(cell, seed, shared, preempts):
    rng = np.random.default_rng(seed)
    jobs, machines = drawn(cell, rng)
    machines = starting(machines, *(Profile(*rng.choice([0.0, 0.5, 2.0], 2).tolist()) for _ in range(len(machines))))
    assume(not machines.start_at_once)  # where nothing takes time, nothing is said to be on its way

    run = cell.run(
        jobs, machines, shared=shared, architecture=monolithic(preempt=True) if preempts else "monolithic",
        score=scores.spread, thinks_s=0.1,
    )  # fmt: skip

    for arrival in jobs:
        launched = begun = ended = 0
        for row in run.of(Event.LAUNCHED, Event.STARTED, *ENDED, job=arrival.job.id):
            launched += row.tasks * (row.event is Event.LAUNCHED)
            begun += row.tasks * (row.event is Event.STARTED)
            ended += row.tasks * (row.event in ENDED)
            assert launched >= max(begun, ended)
        assert launched == ended
        finished = sum(row.tasks for row in run.of(Event.FINISHED, job=arrival.job.id))
        assert finished == arrival.job.tasks <= begun
    assert run.metrics["tasks_running"] == 0
    view = run.tank.snapshot()
    assert not view.allocated.any()


def drawn(cell, rng):
    """Jobs on three hosts of which one goes and comes again, with too little memory at times."""
    jobs = [
        cell.job(
            f"j{number}", at_s, float(rng.uniform(0.5, 6)), int(rng.integers(1, 4)), cpu=float(rng.uniform(0.1, 2.0)),
            memory=float(rng.integers(0, 400)), request=float(rng.choice([0.3, 0.7, 1.0])),
            priority=int(rng.integers(0, 3)),
        )
        for number, at_s in enumerate(np.sort(rng.uniform(0, 10, 8)).tolist())
    ]  # fmt: skip
    gone, back = np.sort(rng.uniform(0, 12, 2)).tolist()
    return jobs, cell.hosts(n=3, events=[HostEvent(gone, 1, False), HostEvent(back, 1, True)])


@given(seed=st.integers(0, 2**32), shared=st.booleans())
@settings(max_examples=30, deadline=None)
def test_starts_of_which_nothing_disturbs_the_time_are_measured_to_take_it(cell, seed, shared):
    jobs, machines = drawn(cell, np.random.default_rng(seed))
    run = cell.run(jobs, starting(machines, Profile(0.7)), shared=shared)

    assert run.metrics["start_mean_s"] == pytest.approx(0.7)
    assert run.metrics["start_p90_s"] == pytest.approx(0.7)


@pytest.mark.parametrize("shared", [True, False])
def test_who_has_done_its_work_keeps_its_room_until_that_is_known_and_is_not_slowed(cell, shared):
    jobs = [cell.job("a", request=2.0, run_s=10.0), cell.job("b", request=2.0, run_s=10.0)]
    run = cell.run(jobs, starting(cell.hosts(), Profile(end_s=3.0)), shared=shared)

    first, second = run.of(Event.FINISHED)
    assert first.t_s == pytest.approx(1.0 + 10.0 + 3.0)
    assert times(run, Event.LAUNCHED, second.job) == pytest.approx([first.t_s])
    assert run.metrics["slowdown_mean"] == pytest.approx(1.0)


@pytest.mark.parametrize("shared", [True, False])
def test_who_loses_its_host_before_its_end_is_known_runs_again_elsewhere(cell, shared):
    machines = starting(cell.hosts(n=2, events=[HostEvent(12.0, 0, False)]), Profile(end_s=3.0))
    run = cell.run([cell.job("a", tasks=2, cpu=0.5, run_s=10.0)], machines, shared=shared)

    assert run.metrics["tasks_killed"] == run.metrics["tasks_finished"] == 2
    assert run.metrics["tasks_running"] == 0


@pytest.mark.parametrize("shared", [True, False])
def test_ends_of_one_job_are_known_where_they_are(cell, shared):
    machines = starting(cell.hosts(n=3), Profile(end_s=1.0), Profile(end_s=2.0), Profile(end_s=2.0))
    run = cell.run([cell.job("a", tasks=3, request=2.0, run_s=10.0)], machines, shared=shared)

    ended = {host: row.t_s for row in run.of(Event.FINISHED) for host in row.where[0].tolist()}
    assert ended == pytest.approx({0: 12.0, 1: 13.0, 2: 13.0})


#: Starts that need a core-second beside what containers have: a quarter of a core if these use everything.
ASIDE = Profile(0.0, 1.0, start_cores=0.25)


def test_starts_that_are_done_aside_wait_for_containers_and_slow_none(cell):
    jobs = [cell.job("busy", run_s=100.0, cpu=2.0), cell.job("late", at=10.0, run_s=1.0, cpu=0.0)]
    run = cell.run(jobs, starting(cell.hosts(cores=2), ASIDE))

    launched, began = times(run, Event.LAUNCHED, "late"), times(run, Event.STARTED, "late")
    assert began[0] - launched[0] == pytest.approx(1.0 / 0.25)
    assert run.slowdown("busy") == pytest.approx(1.0)


def test_starts_that_are_done_aside_share_what_containers_leave(cell):
    run = cell.run([cell.job("a", tasks=5, cpu=0.0, run_s=10.0)], starting(cell.hosts(cores=1), ASIDE))

    # A core and a quarter, for five.
    assert times(run, Event.STARTED) == pytest.approx([1.0 + 5 / 1.25])


def test_a_start_that_is_done_aside_is_never_faster_than_one_core(cell):
    run = cell.run([cell.job("a", cpu=0.0, run_s=10.0)], starting(cell.hosts(cores=8), ASIDE))

    assert times(run, Event.STARTED) == pytest.approx([1.0 + 1.0])


def test_starts_that_are_done_aside_go_on_faster_once_others_have_left(cell):
    jobs = [cell.job("busy", run_s=3.0, cpu=1.0), cell.job("late", at=1.0, run_s=1.0, cpu=0.0)]
    run = cell.run(jobs, starting(cell.hosts(cores=1), ASIDE))

    # The first is started by 2 s and computes until 5 s; of the other's core-second (5 - 2) / 4 are done by then.
    assert times(run, Event.STARTED, "busy") == pytest.approx([2.0])
    assert times(run, Event.STARTED, "late") == pytest.approx([5.0 + 0.25])


@pytest.mark.parametrize("at_s", [1.5, 2.5])
def test_who_loses_its_host_during_a_start_aside_starts_again_elsewhere(cell, at_s):
    machines = starting(cell.hosts(n=2, events=[HostEvent(at_s, 0, False)]), replace(ASIDE, start_cpu_s=3.0))
    run = cell.run([cell.job("a", tasks=2, cpu=0.5)], machines)

    assert run.metrics["tasks_killed"] == run.metrics["tasks_finished"] == 2
    assert {host for row in run.of(Event.STARTED) for host in row.where[0].tolist()} == {1}


@pytest.mark.parametrize("cost", [StartCost(0.5, 0.3), StartCost(0.2, 0.3, 0.2)])
@pytest.mark.parametrize(("at_once", "neighbours"), [(1, 0), (4, 0), (1, 1), (1, 3)])
def test_a_calibration_takes_starts_for_what_they_are_here(cell, cost, at_once, neighbours):
    machines = starting(cell.hosts(cores=1), Profile(**cost._asdict()))
    jobs = [cell.job(f"busy {n}", run_s=1000.0) for n in range(neighbours)]
    jobs.append(cell.job("late", at=100.0, tasks=at_once, cpu=0.0))
    # All have the weight of a core, whatever they ask for.
    run = cell.run(jobs, machines, interplay=Interplay(Unmanaged(per="container")))

    launched, began = times(run, Event.LAUNCHED, "late"), times(run, Event.STARTED, "late")
    assert began[0] - launched[0] == pytest.approx(cost.of(StartTime(at_once, neighbours, 0.0), 1.0))


@pytest.mark.parametrize(("share", "writers"), [(1.0, 2), (0.5, 3), (5.0, 1)])
def test_a_start_waits_for_those_who_keep_the_disk_busy(cell, share, writers):
    disk = disk_named("10MB:2441")  # no base: device time is bytes / 10 MB
    jobs = [cell.job("busy", tasks=writers, run_s=100.0, cpu=0.0, disk_write_bps=share * 1e7)]
    jobs.append(cell.job("late", at=50.0, run_s=1.0))
    run = cell.run(jobs, starting(cell.hosts(disk=disk), Profile(0.5, start_disk_s=0.25)))

    launched, began = times(run, Event.LAUNCHED, "late"), times(run, Event.STARTED, "late")
    assert began[0] - launched[0] == pytest.approx(0.5 + 0.25 * writers * min(share, 1.0), rel=1e-3)
