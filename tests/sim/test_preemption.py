"""Who takes whose room in the tank, told by its log; books and evictions are audited after every event."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import settings as hypothesis_settings
from hypothesis import strategies as st

from experiments.measures.metrics import Metrics
from policies.cell import Commit, Conflict
from policies.errors import UserError
from policies.log import Event, Levels, Log
from policies.placement import Placer, scores
from policies.placement.choosers import RandomFirstFit
from policies.requests import Group, Job, Resources, Task
from policies.scheduling import Settings
from policies.scheduling.architecture import monolithic, shared_state
from policies.scheduling.scheduler import DecisionTime, Patience
from policies.streams import stream
from sim import Tank, TankOptions
from traces.hosts import HostEvent, Hosts
from traces.trace import OPEN_ENDED, Arrival, Recorded

ARCHITECTURES = [monolithic, shared_state]


def cores(n=1, priority=0):
    return Task(Resources(1000 * n, 1), priority)


def arrival(name, at, tasks=1, priority=0, run_s=10.0, workload="batch", n=1):
    return Arrival(Job(name, at, workload, (Group(cores(n, priority), tasks),)), (run_s,))


def random(scheduler):
    return Placer(RandomFirstFit(stream(1, "placement", scheduler)))


def replay(
    architecture, arrivals, n=2, host_cores=4, events=(), prefill=(), until_s=None, restart=True,
    placer=lambda name: Placer(scores.first_fit), **settings,
):  # fmt: skip
    rows, metrics = [], Metrics(Levels(("cpu_allocated", "memory_allocated")))
    settings.setdefault("decision_time", DecisionTime(1.0, 0.0))
    capacity = np.array([[1000 * host_cores] * n, [1000] * n, *[[0] * n] * 3])
    tank = Tank(
        Hosts([f"h{i}" for i in range(n)], capacity, np.ones(n, dtype=bool), events),
        architecture,
        Settings(**settings),
        placer,
        Log([rows.extend, metrics]),
        TankOptions(audit=True, sample_s=1000.0, until_s=until_s, restart_lost=restart),
    )
    tank.prefill_recorded(prefill)
    horizon_s = tank.run(iter(arrivals))
    tank.check()
    return rows, metrics.result(horizon_s)


def of(rows, event, job=None):
    return [row for row in rows if row.event is event and job in (None, row.job)]


def told(rows):
    """Rows in a form that can be compared."""
    return [
        (
            *row[:-2],
            str(row.alone_s),
            None if row.where is None else tuple(np.asarray(part).tobytes() for part in row.where),
        )
        for row in rows
    ]


@pytest.mark.parametrize("make", ARCHITECTURES)
@pytest.mark.parametrize("commit", list(Commit))
@pytest.mark.parametrize("placer", [random, lambda name: Placer(scores.binpack)])
def test_an_important_job_starts_at_its_first_attempt_in_a_cell_full_of_others(make, commit, placer):
    jobs = [arrival("low", 0.0, tasks=8, run_s=100.0), arrival("high", 5.0, tasks=6, priority=1, workload="service")]

    rows, _ = replay(make(preempt=True), jobs, commit=commit, placer=placer, until_s=50.0)
    without, _ = replay(make(), jobs, commit=commit, placer=placer, until_s=50.0)

    assert [(row.t_s, row.attempt, row.remaining) for row in of(rows, Event.COMMITTED, "high")] == [(6.0, 1, 0)]
    assert sum(row.tasks for row in of(rows, Event.PREEMPTED, "low")) == 6
    assert not of(without, Event.STARTED, "high")


def test_an_evicted_container_ran_until_then_and_starts_again_from_the_beginning():
    jobs = [arrival("low", 0.0, tasks=4), arrival("high", 5.0, tasks=1, priority=1, run_s=2.0)]
    rows, metrics = replay(shared_state(preempt=True), jobs, n=1)

    (gone,) = of(rows, Event.PREEMPTED)
    assert (gone.t_s, gone.job, gone.scheduler, gone.tasks, gone.seconds, gone.host) == (
        6.0,
        "low",
        "batch/0",
        1,
        5.0,
        0,
    )
    assert [row.tasks for row in of(rows, Event.SUBMITTED, "low") if row.again] == [1]
    assert [(row.tasks, row.seconds) for row in of(rows, Event.FINISHED, "low")] == [(3, 10.0), (1, 10.0)]
    assert (metrics["tasks_preempted"], metrics["tasks_killed"], metrics["lost_container_s"]) == (1, 1, 5.0)


def test_only_what_free_room_does_not_suffice_for_is_taken():
    jobs = [arrival("low", 0.0, tasks=6, run_s=100.0), arrival("high", 5.0, tasks=5, priority=1)]
    rows, _ = replay(shared_state(preempt=True), jobs, until_s=10.0)

    assert sum(row.tasks for row in of(rows, Event.PREEMPTED)) == 3


def test_the_least_important_go_first_and_of_equal_ones_the_youngest():
    jobs = [
        arrival("old", 0.0, run_s=100.0),
        arrival("middle", 2.0, priority=1, run_s=100.0),
        arrival("young", 4.0, run_s=100.0),
        arrival("oldest-and-important", 6.0, priority=2, run_s=100.0),
        *(arrival(f"high{n}", 10.0 + 2 * n, priority=2, run_s=100.0) for n in range(4)),
    ]
    rows, _ = replay(monolithic(preempt=True), jobs, n=1, until_s=20.0)

    assert [row.job for row in of(rows, Event.PREEMPTED)] == ["young", "old", "middle"]
    assert not of(rows, Event.STARTED, "high3")


def test_the_least_important_go_first_whatever_their_host_so_that_nobody_need_go_twice():
    jobs = [arrival(f"p{p}", 2.0 * p, tasks=4, priority=p, run_s=100.0, workload=f"w{p}") for p in range(4)]
    rows, _ = replay(shared_state(preempt=True), jobs, n=2, until_s=30.0)

    evicted = [(row.t_s, row.job, row.tasks) for row in of(rows, Event.PREEMPTED)]
    # Two fit beside each other; first fit alone would send p2 away from the first host at 7, and p2 then p1.
    assert evicted == [(5.0, "p0", 4), (7.0, "p1", 4)]


def test_a_job_evicted_may_evict_in_turn():
    jobs = [
        arrival("c", 0.0, tasks=4, priority=0, run_s=100.0),
        arrival("b", 2.0, tasks=4, priority=1, run_s=100.0),
        arrival("big", 4.0, priority=2, n=5, run_s=100.0),
    ]
    capacity = np.array([[4000, 5000], [100, 100], *[[0, 0]] * 3])
    rows = []
    tank = Tank(
        Hosts(["small", "large"], capacity, np.ones(2, dtype=bool)), shared_state(preempt=True),
        Settings(decision_time=DecisionTime(1.0, 0.0)), lambda name: Placer(scores.first_fit), Log([rows.extend]),
        TankOptions(audit=True, sample_s=1000.0, until_s=50.0),
    )  # fmt: skip
    tank.run(iter(jobs))

    # Only the large host holds the big one; who was there takes the small one from the least important.
    assert [(row.job, row.host, row.tasks) for row in of(rows, Event.PREEMPTED)] == [("b", 1, 4), ("c", 0, 4)]


def test_a_gang_that_finds_no_room_evicts_nobody():
    jobs = [
        arrival("equal", 0.0, tasks=3, priority=1, run_s=100.0),
        arrival("low", 2.0, tasks=5, run_s=100.0),
        arrival("high", 4.0, tasks=6, priority=1),
    ]
    rows, _ = replay(shared_state(preempt=True), jobs, commit=Commit.GANG, until_s=20.0)

    assert not of(rows, Event.PREEMPTED)
    assert not of(rows, Event.STARTED, "high")


def test_a_narrower_difference_than_the_gap_evicts_nobody():
    jobs = [arrival("low", 0.0, tasks=8, run_s=100.0), arrival("high", 5.0, priority=2)]
    narrow, _ = replay(monolithic(preempt=True, preempt_gap=3), jobs, until_s=20.0)
    wide, _ = replay(monolithic(preempt=True, preempt_gap=2), jobs, until_s=20.0)

    assert (len(of(narrow, Event.PREEMPTED)), len(of(wide, Event.PREEMPTED))) == (0, 1)


@pytest.mark.parametrize("run_s", [60.0, OPEN_ENDED, np.array([60.0, 70.0, OPEN_ENDED, 60.0])])
def test_what_ran_when_the_trace_begins_may_be_evicted_and_comes_back_by_a_scheduler(run_s):
    # The trace tells what it submitted again itself, but knows nothing of those we evict.
    recorded = Recorded("old", "batch", cores(), np.array([0, 0, 0, 0]), run_s)
    jobs = [arrival("high", 5.0, tasks=4, priority=1)]
    rows, metrics = replay(monolithic(preempt=True), jobs, n=1, prefill=[recorded], until_s=40.0, restart=False)

    assert sum(row.tasks for row in of(rows, Event.PREEMPTED, "old")) == 4
    assert {(row.scheduler, row.seconds) for row in of(rows, Event.PREEMPTED, "old")} == {("", 6.0)}
    assert sum(row.tasks for row in of(rows, Event.STARTED, "old")) == 4
    assert (metrics["tasks_running"], metrics["tasks_preempted"]) == (4, 0)


def test_a_recorded_host_that_is_overfull_is_emptied_as_far_as_a_newcomer_needs():
    recorded = Recorded("old", "batch", cores(), np.array([0] * 6), OPEN_ENDED)
    rows, _ = replay(monolithic(preempt=True), [arrival("high", 5.0, priority=1)], n=1, prefill=[recorded], until_s=8.0)

    assert sum(row.tasks for row in of(rows, Event.PREEMPTED)) == 3


def test_only_those_of_a_kind_that_must_go_are_ended_of_many_that_started_together():
    # Seven of one job on two hosts; the large newcomer needs one of them wholly.
    jobs = [arrival("low", 0.0, tasks=7, run_s=50.0), arrival("high", 5.0, priority=1, n=4)]
    rows, _ = replay(monolithic(preempt=True), jobs, until_s=49.0)

    (gone,) = of(rows, Event.PREEMPTED)
    assert gone.tasks in (3, 4)
    assert not of(rows, Event.FINISHED, "low")
    rows, _ = replay(monolithic(preempt=True), jobs, until_s=52.0)
    assert [row.tasks for row in of(rows, Event.FINISHED, "low")] == [7 - gone.tasks]


def test_of_those_who_started_together_one_can_be_evicted_after_the_other():
    jobs = [
        arrival("low", 0.0, tasks=4, run_s=100.0),
        arrival("middle", 2.0, priority=1, run_s=100.0),
        arrival("high", 4.0, priority=2, run_s=100.0),
        arrival("large", 6.0, priority=2, n=4, run_s=100.0),
    ]
    rows, _ = replay(monolithic(preempt=True), jobs, n=1, host_cores=5, until_s=20.0)

    assert [(row.job, row.tasks) for row in of(rows, Event.PREEMPTED)] == [("low", 1), ("low", 3), ("middle", 1)]


def test_containers_of_a_job_that_are_evicted_together_are_submitted_again_together():
    unlike = (Group(cores(), 2), Group(cores(2), 1))
    jobs = [
        Arrival(Job("low", 0.0, "batch", unlike), (np.array([50.0, 60.0]), 70.0)),
        arrival("high", 5.0, priority=1, n=4, run_s=1.0),
    ]
    rows, _ = replay(shared_state(preempt=True), jobs, n=1)

    assert [row.tasks for row in of(rows, Event.SUBMITTED, "low")] == [3, 3]
    assert sorted(row.seconds for row in of(rows, Event.FINISHED, "low")) == [50.0, 60.0, 70.0]


def test_a_gap_must_be_something_and_needs_preemption():
    with pytest.raises(UserError, match="must be at least 1"):
        shared_state(preempt=True, preempt_gap=0)
    with pytest.raises(UserError, match="only with preempt=true"):
        monolithic(preempt_gap=5)


jobs = st.lists(
    st.tuples(
        st.integers(0, 30), st.integers(1, 6), st.integers(0, 20), st.sampled_from(["batch", "service"]),
        st.integers(0, 3), st.integers(1, 3),
    ),
    max_size=14,
)  # fmt: skip
ways = st.tuples(st.sampled_from(ARCHITECTURES), st.sampled_from(list(Conflict)), st.sampled_from(list(Commit)))
placers = st.sampled_from([random, lambda name: Placer(scores.binpack)])


def drawn_jobs(drawn, **same):
    return [
        Arrival(
            Job(f"job{n}", float(at), workload, (Group(cores(size, same.get("priority", priority)), tasks),)),
            (float(run_s),),
        )
        for n, (at, tasks, run_s, workload, priority, size) in enumerate(sorted(drawn))
    ]


def replay_drawn(architecture, arrivals, conflict, commit, placer, **options):
    return replay(
        architecture, arrivals, conflict=conflict, commit=commit, placer=placer, schedulers={"batch": 2},
        decision_time=DecisionTime(0.3, 0.1), patience=Patience(fruitless=5, attempts=9), **options,
    )  # fmt: skip


@given(jobs, ways, placers, st.integers(1, 2), st.booleans())
@hypothesis_settings(max_examples=80)
def test_whoever_is_evicted_made_room_for_a_higher_priority_and_comes_back(drawn, way, placer, gap, leaves):
    make, conflict, commit = way
    arrivals = drawn_jobs(drawn)
    events = (HostEvent(7.0, 0, False), HostEvent(15.0, 0, True)) if leaves else ()
    rows, metrics = replay_drawn(make(preempt=True, preempt_gap=gap), arrivals, conflict, commit, placer, events=events)
    priority = {job.id: job.groups[0].task.priority for job, *_ in arrivals}
    for row in of(rows, Event.PREEMPTED):
        above = [
            other for other in of(rows, Event.STARTED)
            if other.t_s == row.t_s and priority[other.job] >= priority[row.job] + gap
        ]  # fmt: skip
        assert set(row.where[0].tolist()) <= {host for other in above for host in other.where[0].tolist()}
    for job, (run_s,), *_ in arrivals:
        submitted, started, killed, preempted, finished, given_up = (
            sum(row.tasks for row in of(rows, event, job.id))
            for event in (
                Event.SUBMITTED, Event.STARTED, Event.KILLED, Event.PREEMPTED, Event.FINISHED, Event.ABANDONED,
            )
        )  # fmt: skip
        assert submitted == started + given_up == job.tasks + killed + preempted
        assert started == finished + killed + preempted
        assert all(row.seconds == pytest.approx(run_s) for row in of(rows, Event.FINISHED, job.id))
    assert metrics["tasks_running"] == 0


@given(jobs, ways, placers, st.integers(0, 2))
@hypothesis_settings(max_examples=40)
def test_among_equals_a_run_is_the_same_as_without(drawn, way, placer, priority):
    make, conflict, commit = way
    arrivals = drawn_jobs(drawn, priority=priority)

    with_it, _ = replay_drawn(make(preempt=True), arrivals, conflict, commit, placer)
    without, _ = replay_drawn(make(), arrivals, conflict, commit, placer)

    assert told(with_it) == told(without)


@given(jobs, ways, placers)
@hypothesis_settings(max_examples=40)
def test_where_there_is_room_for_all_a_run_is_the_same_as_without(drawn, way, placer):
    make, conflict, commit = way
    arrivals = drawn_jobs(drawn)

    with_it, _ = replay_drawn(make(preempt=True), arrivals, conflict, commit, placer, host_cores=14 * 6 * 3)
    without, _ = replay_drawn(make(), arrivals, conflict, commit, placer, host_cores=14 * 6 * 3)

    assert told(with_it) == told(without)
