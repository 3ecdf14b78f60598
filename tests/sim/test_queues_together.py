"""How queue disciplines and quotas get on with pre-emption, picky jobs and extra workers; audited after every event."""

from collections import Counter
from math import inf

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from policies.cell import Commit
from policies.log import Event, Log
from policies.placement import Placer, scores
from policies.requests import Constraint, Group, Job, MapReduce, Operator, Resources, Task
from policies.scheduling import DISCIPLINES, Settings
from policies.scheduling.architecture import monolithic, partial_sync, shared_state, two_level
from policies.scheduling.scheduler import DecisionTime, Patience
from policies.scheduling.sizing import AsRequested, MaxParallelism
from sim import Tank, TankOptions
from traces.hosts import HostEvent, Hosts
from traces.trace import Arrival, Recorded

INSTANT = DecisionTime(0.0, 0.0)
SECOND = DecisionTime(1.0, 0.0)
SSD = (Constraint("disk", Operator.EQUAL, "ssd"),)
WIDE = MapReduce(maps=100, reduces=0, map_s=1.0, reduce_s=0.0)


def arrival(
    name, at=0.0, cores=1, tasks=1, run_s=10.0, priority=0, user="", expected=True, constraints=(), apart=False,
    program=None, workload="batch",
):  # fmt: skip
    """A job of which, if it is `expected` to, everybody knows how long it runs."""
    estimate_s = run_s if expected is True else expected or None
    task = Task(Resources(1000 * cores, 1), priority, constraints, apart)
    job = Job(name, at, workload, (Group(task, tasks),), user=user, estimate_s=estimate_s, mapreduce=program)
    return Arrival(job, (float(run_s),))


def replay(
    arrivals, queue="fifo", architecture=None, n=1, cores=4, labels=(), events=(), alive=None, prefill=(), **chosen
):
    rows = []
    chosen.setdefault("commit", Commit.GANG if queue == "backfill" else Commit.INCREMENTAL)
    chosen.setdefault("decision_time", INSTANT)
    capacity = np.array([[1000 * cores] * n, [1000] * n, *[[0] * n] * 3])
    up = np.ones(n, dtype=bool) if alive is None else np.array(alive)
    tank = Tank(
        Hosts([f"h{i}" for i in range(n)], capacity, up, events, labels),
        monolithic() if architecture is None else architecture,
        Settings(queue=DISCIPLINES[queue](), **chosen),
        lambda name: Placer(scores.first_fit),
        Log([rows.extend]),
        TankOptions(audit=True, sample_s=1000.0),
    )
    tank.prefill_recorded(prefill)
    tank.run(iter(arrivals))
    tank.check()
    return rows


def of(rows, event, job=None):
    return [row for row in rows if row.event is event and job in (None, row.job)]


def order(rows):
    return [row.job for row in of(rows, Event.ATTEMPTED)]


def starts(rows):
    return {row.job: round(row.t_s, 6) for row in reversed(of(rows, Event.STARTED))}


# -- pre-emption ------------------------------------------------------------------------------------------------------


def test_who_was_evicted_waits_by_its_own_priority():
    jobs = [
        arrival("low", 0.0, tasks=4, priority=1, run_s=100.0),
        arrival("high", 5.0, tasks=4, priority=5),
        arrival("zero", 5.5, cores=0),
        arrival("between", 5.6, cores=0, priority=2),
    ]

    def then(queue):
        return order(replay(jobs, queue, monolithic(preempt=True), decision_time=SECOND))[2:5]

    assert then("priority") == ["between", "low", "zero"]
    assert then("fifo") == ["zero", "between", "low"]


def test_what_was_evicted_is_in_nobodys_share():
    jobs = [
        arrival("ann0", 0.0, tasks=3, user="ann", run_s=100.0),
        arrival("bob0", 0.5, user="bob", priority=1, run_s=100.0),
        arrival("high", 5.0, tasks=3, priority=9, user="cid", run_s=100.0),
        arrival("bob1", 5.5, cores=0, user="bob"),
        arrival("ann1", 5.6, cores=0, user="ann"),
    ]

    def then(**choices):
        return order(replay(jobs, "fair-share", monolithic(**choices), decision_time=SECOND))[3]

    assert then(preempt=True) == "ann1"
    assert then() == "bob1"


def test_the_first_that_waits_evicts_at_once_and_who_went_waits_for_its_turn():
    low, high = arrival("low", 0.0, cores=4, run_s=100.0), arrival("high", 2.0, cores=4, priority=1)
    rows = replay([low, high], "backfill", monolithic(preempt=True))
    assert [(row.t_s, row.job) for row in of(rows, Event.STARTED)] == [(0.0, "low"), (2.0, "high"), (12.0, "low")]

    # Where another was promised room before, the more important job evicts nobody until that one has started.
    rows = replay([low, arrival("promised", 1.0, cores=4), high], "backfill", monolithic(preempt=True))
    assert [(row.t_s, row.job) for row in of(rows, Event.PREEMPTED)] == [(100.0, "promised")]


def test_who_could_not_evict_enough_waits_for_a_promise():
    jobs = [
        arrival("peer", 0.0, cores=2, priority=1, run_s=50.0),
        arrival("low", 0.0, cores=2, run_s=100.0),
        arrival("high", 1.0, cores=4, priority=1),
    ]
    rows = replay(jobs, "backfill", monolithic(preempt=True))

    # Not before its peer ends, since a gang starts whole; and it does not ask in vain meanwhile.
    assert starts(rows)["high"] == 50.0
    assert len(of(rows, Event.ATTEMPTED, "high")) == 1


def test_nobody_who_overtakes_evicts():
    # While "over" is thought about, "long" ends much earlier than expected: "head" will fit when "low" ends, at 22.
    jobs = [
        arrival("long", 0.0, cores=2, priority=9, run_s=3.0, expected=100.0),
        arrival("low", 0.5, priority=1, run_s=20.0),
        arrival("head", 1.0, cores=4),
        arrival("over", 3.5, priority=9, run_s=50.0),
    ]
    rows = replay(jobs, "backfill", monolithic(preempt=True), decision_time=SECOND)

    assert not of(rows, Event.PREEMPTED, "low")
    assert starts(rows)["head"] == 23.0


def test_what_is_submitted_again_is_still_expected_to_end():
    leaves = HostEvent(5.0, 0, False)
    jobs = [
        arrival("long", 0.0, cores=3),
        arrival("head", 6.0, cores=4),
        arrival("short", 7.0, run_s=5.0),
    ]
    begun = starts(replay(jobs, "backfill", n=2, events=[leaves]))

    assert (begun["short"], begun["head"]) == (7.0, 15.0)


# -- picky jobs -------------------------------------------------------------------------------------------------------

DISKS = [{"disk": "hdd"}, {"disk": "ssd"}]


def test_a_promise_is_of_hosts_that_are_as_demanded():
    jobs = [
        arrival("a", 0.0, cores=3, constraints=SSD),
        arrival("head", 1.0, cores=4, constraints=SSD),
        arrival("picky", 2.0, run_s=50.0, constraints=SSD),
        arrival("other", 3.0, cores=4, run_s=50.0),
    ]
    rows = replay(jobs, "backfill", n=2, labels=DISKS)

    assert starts(rows) == {"a": 0, "head": 10, "picky": 20, "other": 3}
    assert len(order(rows)) == 4


def test_who_waits_for_a_host_that_becomes_as_demanded_is_tried_at_once():
    becomes = HostEvent(20.0, 0, True, None, {"disk": "ssd"})

    rows = replay([arrival("a", 0.0, constraints=SSD)], "backfill", labels=[{}], events=[becomes])

    assert (starts(rows), len(order(rows))) == ({"a": 20.0}, 1)


def test_a_promise_keeps_containers_apart():
    # Until 10 there are two cores on one host and none on the other.
    jobs = [
        arrival("a", 0.0, cores=2, run_s=50.0),
        arrival("b", 0.0, cores=4),
        arrival("head", 1.0, tasks=2, apart=True),
        arrival("beside", 2.0, run_s=50.0),
        arrival("too much", 3.0, run_s=50.0),
    ]
    rows = replay(jobs, "backfill", n=2)

    assert starts(rows) == {"a": 0, "b": 0, "head": 10, "beside": 2, "too much": 10}
    assert len(of(rows, Event.ATTEMPTED, "head")) == 1


def test_a_promise_keeps_apart_from_what_still_runs_of_the_job_and_no_longer():
    jobs = [
        arrival("x", 0.0, apart=True),
        arrival("x", 1.0, tasks=2, apart=True, run_s=3.0),
        arrival("wide", 2.0, cores=4, run_s=50.0),
        arrival("narrow", 3.0, cores=3, run_s=50.0),
    ]
    rows = replay(jobs, "backfill", n=2)

    assert [row.t_s for row in of(rows, Event.STARTED, "x")] == [0.0, 10.0]
    assert starts(rows)["narrow"] == 3.0
    assert starts(rows)["wide"] >= 13.0
    assert len(of(rows, Event.ATTEMPTED, "x")) == 2


@pytest.mark.parametrize(("run_s", "overtakes"), [(8.0, True), (50.0, False)])
def test_submissions_of_a_job_that_keeps_apart_overtake_one_another_only_if_they_end_before(run_s, overtakes):
    jobs = [
        arrival("x", 0.0, apart=True),
        arrival("x", 1.0, tasks=2, apart=True, run_s=3.0),
        arrival("x", 2.0, apart=True, run_s=run_s),
    ]
    rows = replay(jobs, "backfill", n=2)

    begun = [(row.t_s, row.tasks) for row in of(rows, Event.STARTED)]
    assert (10.0, 2) in begun
    assert ((2.0, 1) in begun) is overtakes


def test_a_submission_that_was_to_end_before_the_first_lets_it_go_where_the_first_may_start_sooner():
    # From 11 on the third is thought about, as "wide" is expected to end at 32. It ends at 11.5.
    jobs = [
        arrival("x", 0.0, apart=True),
        arrival("wide", 0.1, cores=4, run_s=9.5, expected=30.0),
        arrival("x", 3.0, tasks=2, apart=True),
        arrival("x", 4.0, apart=True),
    ]
    rows = replay(jobs, "backfill", n=2, decision_time=SECOND)

    begun = [(row.t_s, row.tasks) for row in of(rows, Event.STARTED, "x")]
    assert begun == [(1.0, 1), (13.0, 2), (24.0, 1)]


@pytest.mark.parametrize("queue", [name for name, make in DISCIPLINES.items() if not make().promises])
def test_jobs_decided_on_one_offer_keep_apart_from_their_own_alone(queue):
    jobs = [arrival("first", 0.0), *(arrival(f"x{n}", 0.1, tasks=2, apart=True) for n in range(2))]
    rows = replay(jobs, queue, two_level(), n=2, decision_time=SECOND)

    for job in ("x0", "x1"):
        (row,) = of(rows, Event.STARTED, job)
        assert (sorted(row.where[0].tolist()), row.attempt) == ([0, 1], 1)


KINDS = st.sampled_from(["any", "ssd", "apart", "mapreduce"])
drawn_jobs = st.lists(
    st.tuples(st.integers(0, 12), st.integers(1, 4), st.integers(1, 3), st.integers(1, 9), st.integers(0, 4), KINDS),
    min_size=2,
    max_size=12,
)


def permitted(task, held, capacity, labels, name):
    """How many containers of a kind may be put somewhere; `held` has (host, cores, name, apart) of what is there."""
    room = 0
    for host in range(len(capacity)):
        there = [entry for entry in held if entry[0] == host]
        slots = (capacity[host] - sum(entry[1] for entry in there)) // (task.need.cpu_milli // 1000)
        if task.constraints and labels[host].get("disk") != "ssd":
            slots = 0
        if task.apart:
            slots = min(slots, 0 if any(entry[2] == name and entry[3] for entry in there) else 1)
        room += slots
    return room


# All that the second "x0" waits for ends at one instant; after half of it, the third is chosen to go before.
@example([
    (0, 1, 1, 1, 0, "any"), (0, 1, 1, 1, 0, "any"), (0, 1, 2, 4, 0, "any"), (3, 1, 1, 1, 0, "mapreduce"),
    (3, 1, 1, 2, 0, "apart"), (3, 2, 2, 2, 1, "any"), (3, 2, 3, 1, 0, "apart"), (4, 1, 1, 1, 0, "any"),
    (4, 1, 2, 1, 0, "apart"),
], False)  # fmt: skip
@given(drawn_jobs, st.booleans())
@settings(max_examples=150, deadline=None)
def test_nobody_starts_later_than_promised_whatever_else_is_asked_for(drawn, full):
    # Where the hosts are full at first, many start at one instant, and end at one.
    first = [(0, 4, 3, 4, 0, "any")] if full else []
    labels, capacity = [{"disk": "ssd"}, {}, {"disk": "ssd"}], [4, 4, 4]
    arrivals = []
    for number, (at, cores, tasks, run_s, more_s, kind) in enumerate([*first, *sorted(drawn)]):
        name = f"x{number % 2}" if kind == "apart" else f"job{number}"
        asked = arrival(
            name, at + number / 1024, cores, tasks, run_s, expected=float(run_s + more_s),
            constraints=SSD if kind == "ssd" else (), apart=kind == "apart",
            program=WIDE if kind == "mapreduce" else None,
        )  # fmt: skip
        if permitted(asked.job.groups[0].task, [], capacity, labels, name) >= tasks:
            arrivals.append(asked)
    rows = replay(arrivals, "backfill", n=3, labels=labels, sizing=MaxParallelism())

    # Submissions of one name are told apart by when they were submitted.
    job_of = {(job.id, round(job.submit_s, 6)): job for job, *_ in arrivals}
    about = {Event.SUBMITTED, Event.STARTED, Event.FINISHED}
    steps = [(row, job_of[row.job, round(row.t_s - row.age_s, 6)]) for row in rows if row.event in about]
    begun = {job: row.t_s for row, job in steps if row.event is Event.STARTED}
    assert len(begun) == len(arrivals)
    waiting, running = [], []
    for row, job in steps:
        if row.event is Event.SUBMITTED:
            waiting.append(job)
        elif row.event is Event.FINISHED:
            running = [entry for entry in running if entry[1] is not job]
        else:
            waiting.remove(job)
            running.append((row.t_s + job.estimate_s, job, [*zip(*(part.tolist() for part in row.where), strict=True)]))
        if waiting:
            ((task, count),) = waiting[0].groups
            for at_s in sorted({row.t_s, *(end_s for end_s, _, _ in running)}):
                held = [
                    (host, many * other.groups[0].task.need.cpu_milli // 1000, other.id, other.groups[0].task.apart)
                    for end_s, other, where in running
                    if end_s > at_s
                    for host, many in where
                ]
                if permitted(task, held, capacity, labels, waiting[0].id) >= count:
                    break
            assert begun[waiting[0]] <= at_s + 1e-9


def test_who_lost_the_room_it_was_thought_about_for_is_tried_again_when_more_comes():
    # At 10 "over" would end before "head" is due at 20. Then "b" ends as well, long before it is expected to, and what
    # "over" was to have is for "head" alone.
    jobs = [
        arrival("a", 0.0, cores=1),
        arrival("b", 0.0, cores=2, expected=20.0),
        arrival("c", 0.0, cores=1, run_s=10.25, expected=30.0),
        arrival("head", 1.0, cores=3),
        arrival("over", 2.0),
    ]
    rows = replay(jobs, "backfill")

    assert (starts(rows)["head"], starts(rows)["over"]) == (10.0, 10.25)


# -- extra workers ----------------------------------------------------------------------------------------------------


def test_only_who_overtakes_nobody_gets_extra_workers():
    first = arrival("first", 0.0, tasks=2, program=WIDE)
    jobs = [
        arrival("long", 0.0, cores=4),
        arrival("head", 1.0, tasks=8, run_s=5.0),
        arrival("over", 2.0, run_s=5.0, program=WIDE),
    ]

    def workers(arrivals, job):
        rows = replay(arrivals, "backfill", cores=8, sizing=MaxParallelism())
        return [(row.t_s, row.tasks) for row in of(rows, Event.STARTED, job)]

    assert workers([first], "first") == [(0.0, 8)]
    assert workers(jobs, "over") == [(2.0, 1)]


def test_extra_workers_are_within_the_quota_and_count_until_they_end():
    jobs = [
        arrival("a", 0.0, tasks=2, run_s=10.0, user="ann", program=WIDE),
        arrival("b", 1.0, tasks=1, user="ann"),
        arrival("c", 1.0, tasks=2, user="bob"),
    ]
    rows = replay(jobs, cores=8, sizing=MaxParallelism(), quotas={"ann": 5000})

    assert [(row.t_s, row.tasks) for row in of(rows, Event.STARTED)] == [(0.0, 5), (1.0, 2), (4.0, 1)]


def test_extra_workers_that_did_not_come_count_no_longer():
    jobs = [
        arrival("rival", 0.0, tasks=6, run_s=5.0, workload="service"),
        arrival("a", 0.0, tasks=2, run_s=100.0, user="ann", program=WIDE),
        arrival("b", 2.0, tasks=4, user="ann"),
    ]
    rows = replay(
        jobs, architecture=shared_state(), cores=8, sizing=MaxParallelism(), quotas={"ann": 6000}, decision_time=SECOND
    )

    assert [(row.tasks, row.conflicted) for row in of(rows, Event.CONFLICTED, "a")] == [(2, 4)]
    assert starts(rows)["b"] <= 9.0


def test_extra_workers_that_lost_their_host_are_not_too_many_for_the_quota():
    leaves = HostEvent(2.0, 0, False)
    jobs = [arrival("a", 0.0, tasks=2, run_s=10.0, user="ann", program=WIDE), arrival("b", 1.0, user="ann")]
    rows = replay(jobs, n=2, cores=8, events=[leaves], sizing=MaxParallelism(), quotas={"ann": 5000})

    assert not of(rows, Event.OVER_QUOTA)
    # Who waited for the room goes first, and then what is submitted again, all of it together.
    assert [(row.t_s, row.job, row.tasks) for row in of(rows, Event.STARTED)] == [
        (0, "a", 5),
        (2, "b", 1),
        (12, "a", 5),
    ]


# -- all together -----------------------------------------------------------------------------------------------------

ARCHITECTURES = [
    monolithic(preempt=True), shared_state(preempt=True), two_level(), partial_sync(prefer="latency"), monolithic()
]  # fmt: skip
COMBINATIONS = [
    (queue, made) for queue, make in DISCIPLINES.items() for made in ARCHITECTURES if made.single or not make().promises
]
many = st.lists(
    st.tuples(
        st.integers(0, 15), st.integers(1, 4), st.integers(1, 8), st.sampled_from("abc"), st.integers(0, 2),
        st.sampled_from(["plain", "mapreduce", "apart"]),
    ),
    max_size=12,
)  # fmt: skip


@given(
    many,
    st.sampled_from(COMBINATIONS),
    st.sampled_from(list(Commit)),
    st.sampled_from([{}, {"*": 5000}, {"a": 4000}]),
    st.booleans(),
)  # fmt: skip
@settings(max_examples=150, deadline=None)
def test_what_runs_never_exceeds_a_quota_and_all_that_was_asked_for_is_done(drawn, combination, commit, quotas, leaves):
    queue, architecture = combination
    arrivals = [
        arrival(
            f"job{n}", float(at), 1, 1 if kind == "apart" else tasks, float(run_s), priority, user, expected=n % 3 > 0,
            apart=kind == "apart", program=WIDE if kind == "mapreduce" else None, workload=("batch", "service")[n % 2],
        )
        for n, (at, tasks, run_s, user, priority, kind) in enumerate(sorted(drawn))
    ]  # fmt: skip
    rows = replay(
        arrivals, queue, architecture, n=3, quotas=quotas, commit=Commit.GANG if queue == "backfill" else commit,
        events=(HostEvent(6.0, 0, False), HostEvent(9.0, 0, True)) if leaves else (), sizing=MaxParallelism(),
        decision_time=DecisionTime(0.3, 0.1), patience=Patience(fruitless=60, attempts=90),
    )  # fmt: skip

    jobs, held, done = {job.id: job for job, *_ in arrivals}, Counter(), Counter()
    ends = (Event.FINISHED, Event.KILLED, Event.PREEMPTED)
    for row in rows:
        if row.event is Event.STARTED or row.event in ends:
            user = jobs[row.job].user
            held[user] += row.tasks if row.event is Event.STARTED else -row.tasks
            assert 1000 * held[user] <= quotas.get(user, quotas.get("*", inf))
        done[row.job] += row.tasks * (row.event is Event.FINISHED)
    assert not any(held.values())
    assert not [row for row in rows if row.event in (Event.OVER_QUOTA, Event.INFEASIBLE)]
    given_up = {row.job for row in rows if row.event in (Event.ABANDONED, Event.UNATTEMPTED)}
    for name, job in jobs.items():
        assert done[name] >= job.tasks or name in given_up


def test_what_ran_before_anybody_had_a_quota_counts_when_it_is_submitted_again():
    recorded = Recorded("old", "batch", Task(Resources(1000, 1)), np.array([0, 0]), 7.0, "ann")
    jobs = [arrival("a", 1.0, user="ann")]
    rows = replay(jobs, n=2, events=[HostEvent(3.0, 0, False)], prefill=[recorded], quotas={"ann": 2000})

    assert [(row.t_s, row.job, row.tasks) for row in of(rows, Event.STARTED)] == [(3, "a", 1), (13, "old", 2)]


def test_without_extra_workers_a_quota_leaves_a_mapreduce_job_as_it_is():
    jobs = [arrival("a", 0.0, tasks=2, user="ann", program=WIDE), arrival("b", 0.0, tasks=2, user="ann")]
    rows = replay(jobs, sizing=AsRequested(), quotas={"ann": 4000})

    assert [(row.t_s, row.tasks) for row in of(rows, Event.STARTED)] == [(0.0, 2), (0.0, 2)]
