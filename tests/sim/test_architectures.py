"""What sets the architectures apart, told by the log of a run; the books are audited after every event."""

import numpy as np
import pytest

from policies.cell import Commit
from policies.errors import UserError
from policies.log import Event, Log
from policies.placement import Placer, scores
from policies.requests import Group, Job, Resources, Task
from policies.scheduling import Settings
from policies.scheduling.architecture import Architecture, partial_sync, partitioned, two_level
from policies.scheduling.scheduler import DecisionTime, Patience
from sim import Tank, TankOptions
from traces.hosts import HostEvent, Hosts
from traces.trace import Arrival

CORE = Task(Resources(1000, 1))


def arrival(name, at, tasks=1, run_s=10.0, workload="batch", task=CORE):
    return Arrival(Job(name, at, workload, (Group(task, tasks),)), (run_s,))


def replay(architecture: Architecture, arrivals, n=2, cores=4, events=(), until_s=None, **settings):
    rows = []
    settings.setdefault("decision_time", DecisionTime(1.0, 0.0))
    capacity = np.array([[1000 * cores] * n, [1000] * n, *[[0] * n] * 3])
    tank = Tank(
        Hosts([f"h{i}" for i in range(n)], capacity, np.ones(n, dtype=bool), events),
        architecture,
        Settings(**settings),
        lambda name: Placer(scores.first_fit),
        Log([rows.extend]),
        TankOptions(audit=True, sample_s=1000.0, until_s=until_s),
    )
    tank.run(iter(arrivals))
    tank.check()
    return rows


def of(rows, event, job=None):
    return [row for row in rows if row.event is event and job in (None, row.job)]


def times(rows, event, job=None):
    return [round(row.t_s, 6) for row in of(rows, event, job)]


# -- partitioned ------------------------------------------------------------------------------------------------


def test_a_partition_is_full_while_the_other_is_empty():
    rows = replay(partitioned(batch=1, service=1), [arrival("a", 0.0, tasks=4), arrival("b", 0.0, tasks=1)])

    # Batch has one host of four cores; the second job waits for it although the other host is idle.
    assert times(rows, Event.STARTED, "a") == [1.0]
    assert times(rows, Event.STARTED, "b") == [12.0]


def test_classes_have_hosts_in_proportion_to_their_shares():
    jobs = [arrival("a", 0.0, tasks=99), arrival("b", 0.0, tasks=99, workload="service")]
    rows = replay(partitioned(batch=3, service=1), jobs, n=8, cores=1, until_s=5.0)

    started = {row.job: set(row.where[0].tolist()) for row in of(rows, Event.STARTED)}
    assert {name: len(hosts) for name, hosts in started.items()} == {"a": 6, "b": 2}
    assert not started["a"] & started["b"]


def test_nothing_conflicts_between_partitions():
    jobs = [arrival(f"{w}{n}", 0.0, tasks=3, workload=w) for n in range(4) for w in ("batch", "service")]

    assert not of(replay(partitioned(batch=1, service=1), jobs), Event.CONFLICTED)


def test_a_share_must_be_something():
    with pytest.raises(UserError, match="must be more than 0"):
        partitioned(batch=0.0)


def test_a_class_without_a_share_is_named():
    with pytest.raises(UserError, match="no share is given for workload class 'service'"):
        replay(partitioned(batch=1), [arrival("a", 0.0, workload="service")])


# -- two-level --------------------------------------------------------------------------------------------------


def test_an_offer_comes_after_the_batching_time_and_its_latency():
    rows = replay(two_level(offer_batch=1.0, offer_latency=0.25), [arrival("a", 0.0)])

    assert times(rows, Event.ATTEMPTED) == [1.25]
    assert times(rows, Event.STARTED) == [2.25]


def test_a_slow_framework_that_holds_the_offer_starves_the_others():
    slow = DecisionTime({"batch": 1.0, "service": 50.0}, 0.0)
    jobs = [arrival("s", 0.0, workload="service"), arrival("b", 0.1)]
    rows = replay(two_level(offer_batch=1.0, offer_latency=0.0), jobs, decision_time=slow)

    # The service framework has everything from 1 to 51, and all but one core comes back then.
    assert times(rows, Event.ATTEMPTED, "s") == [1.0]
    assert times(rows, Event.ATTEMPTED, "b") == [52.0]


def test_what_ends_while_an_offer_is_out_can_be_offered_to_another():
    slow = DecisionTime({"batch": 1.0, "service": 50.0}, 0.0)
    jobs = [arrival("first", 0.0, run_s=3.0), arrival("s", 0.5, workload="service"), arrival("b", 3.5)]
    rows = replay(two_level(offer_batch=1.0, offer_latency=0.0), jobs, n=1, cores=1, decision_time=slow)

    # `first` has the only core from 2 to 5; service asked at 0.5 and is offered it at 6, batch after its answer.
    assert times(rows, Event.ATTEMPTED, "s") == [6.0]
    assert times(rows, Event.ATTEMPTED, "b")[0] > 56.0


def test_the_scheduler_with_the_smallest_dominant_share_is_offered_next():
    # Both ask while a third holds everything; batch runs three containers already, service none.
    jobs = [
        arrival("b0", 0.0, tasks=3, run_s=1000.0),
        arrival("x", 4.0, workload="other"),
        arrival("b1", 5.0),
        arrival("s1", 5.1, workload="service"),
    ]
    slow = DecisionTime({"batch": 1.0, "service": 1.0, "other": 20.0}, 0.0)
    rows = replay(two_level(offer_batch=1.0, offer_latency=0.0), jobs, decision_time=slow)

    assert times(rows, Event.ATTEMPTED, "s1")[0] < times(rows, Event.ATTEMPTED, "b1")[0]


def test_all_jobs_that_wait_are_thought_about_in_one_offer_and_start_with_the_answer():
    jobs = [arrival("a", 0.0), arrival("b", 0.5)]
    rows = replay(two_level(offer_batch=1.0, offer_latency=0.0), jobs)

    assert times(rows, Event.ATTEMPTED) == [1.0, 2.0]
    assert times(rows, Event.STARTED) == [3.0, 3.0]


def test_a_framework_that_could_place_nothing_is_not_asked_again_for_a_while():
    big = Task(Resources(4000, 1))
    jobs = [arrival("here", 0.0, run_s=30.0), arrival("big", 5.0, task=big)]
    eager = replay(two_level(offer_batch=1.0, offer_latency=0.0), jobs, n=1)
    filtered = replay(two_level(offer_batch=1.0, offer_latency=0.0, filter_time=10.0), jobs, n=1)

    assert len(of(filtered, Event.ATTEMPTED, "big")) < len(of(eager, Event.ATTEMPTED, "big"))
    assert of(filtered, Event.STARTED, "big")


def test_too_little_is_not_offered():
    jobs = [arrival("most", 0.0, tasks=7, run_s=30.0), arrival("b", 5.0)]
    rows = replay(two_level(offer_batch=1.0, offer_latency=0.0, min_cpus=2.0), jobs)

    # One core is free until 32, when seven more come back.
    assert times(rows, Event.ATTEMPTED, "b") == [33.0]


# -- partial-sync -----------------------------------------------------------------------------------------------


def test_a_scheduler_does_not_see_what_others_did_until_it_is_the_parts_turn():
    # Service takes both hosts at 2; batch decides at 3 on what it saw at 0, and conflicts.
    jobs = [arrival("s", 1.0, tasks=8, workload="service"), arrival("b", 3.0)]
    both = {"batch": 1, "service": 1}  # there from the beginning, not from their first job on
    stale = replay(partial_sync(parts=2, sync=100.0), jobs, schedulers=both)
    fresh = replay(partial_sync(parts=2, sync=0.1), jobs, schedulers=both)

    assert {row.job for row in of(stale, Event.CONFLICTED)} == {"b"}
    assert not of(fresh, Event.CONFLICTED)


def test_a_scheduler_knows_at_once_of_its_own_claims():
    jobs = [arrival("a", 0.0, tasks=8), arrival("b", 0.5, tasks=8)]

    assert not of(replay(partial_sync(parts=2, sync=1000.0), jobs, until_s=8.0), Event.CONFLICTED)


def test_fresh_hosts_come_first_where_latency_is_preferred():
    # Two parts, a host each; first fit would always take host 0 while it has room.
    jobs = [arrival(f"job{n}", 0.5 + 4 * n, run_s=1.0) for n in range(4)]
    settings = {"decision_time": DecisionTime(0.1, 0.0)}
    quality = replay(partial_sync(parts=2, sync=4.0, prefer="quality"), jobs, **settings)
    latency = replay(partial_sync(parts=2, sync=4.0, prefer="latency"), jobs, **settings)

    def hosts(rows):
        return [row.where[0].tolist() for row in of(rows, Event.STARTED)]

    assert hosts(quality) == [[0]] * 4
    assert hosts(latency) in ([[0], [1], [0], [1]], [[1], [0], [1], [0]])


def test_what_fresh_hosts_have_no_room_for_goes_elsewhere():
    rows = replay(partial_sync(parts=2, sync=4.0, prefer="latency"), [arrival("a", 0.5, tasks=7)])

    assert [row.tasks for row in of(rows, Event.COMMITTED)] == [7]


def test_a_run_ends_although_pictures_are_refreshed_for_ever():
    rows = replay(partial_sync(), [arrival("a", 0.0)])

    assert rows[-1].t_s < 20


@pytest.mark.parametrize(
    "architecture",
    [partitioned(batch=1, service=1), two_level(offer_batch=0.5), partial_sync(), partial_sync(prefer="latency")],
)
@pytest.mark.parametrize("commit", list(Commit))
def test_what_is_placed_runs_once_and_nothing_is_lost(architecture, commit):
    rng = np.random.default_rng(4)
    jobs = [
        arrival(f"job{n}", float(at), int(k), float(run_s), ("batch", "service")[n % 2])
        for n, (at, k, run_s) in enumerate(
            zip(np.cumsum(rng.exponential(2, 60)), rng.integers(1, 5, 60), rng.exponential(5, 60), strict=True)
        )
    ]
    events = (HostEvent(20.0, 0, False), HostEvent(40.0, 0, True))
    rows = replay(
        architecture, jobs, events=events, commit=commit, decision_time=DecisionTime(0.2, 0.1),
        patience=Patience(fruitless=20, attempts=50),
    )  # fmt: skip

    for job, *_ in jobs:
        submitted, started, killed, finished, given_up = (
            sum(row.tasks for row in of(rows, event, job.id))
            for event in (Event.SUBMITTED, Event.STARTED, Event.KILLED, Event.FINISHED, Event.ABANDONED)
        )
        assert submitted == job.tasks + killed == started + given_up
        assert started == finished + killed
    if architecture.single:
        assert not of(rows, Event.CONFLICTED)
