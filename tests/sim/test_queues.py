"""In which order jobs are taken, and who is let in: told by the log, with the books audited after every event."""

from collections import Counter, defaultdict
from math import inf, nan

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.cell import Commit
from policies.errors import UserError
from policies.log import Event, Log
from policies.placement import Placer, scores
from policies.placement.choosers import RandomFirstFit
from policies.requests import Group, Job, Resources, Task
from policies.scheduling import ARCHITECTURES, DISCIPLINES, Settings
from policies.scheduling.scheduler import DecisionTime, Patience
from policies.streams import stream
from sim import Tank, TankOptions
from traces.hosts import HostEvent, Hosts
from traces.trace import OPEN_ENDED, Arrival, Recorded

INSTANT = DecisionTime(0.0, 0.0)
SECOND = DecisionTime(1.0, 0.0)


def arrival(name, at=0.0, cores=1, tasks=1, run_s=10.0, user="", priority=0, estimate_s=None, workload="batch"):
    """A job; with `estimate_s` NaN its user knows how long it will run."""
    groups = (Group(Task(Resources(1000 * cores, 1), priority), tasks),)
    estimate_s = run_s if estimate_s is not None and estimate_s != estimate_s else estimate_s
    return Arrival(Job(name, at, workload, groups, user=user, estimate_s=estimate_s), (float(run_s),))


def replay(
    arrivals, queue, n=1, cores=4, architecture="monolithic", events=(), until_s=None, prefill=(), alive=None,
    placer=lambda name: Placer(scores.first_fit), **given,
):  # fmt: skip
    rows = []
    if queue == "backfill":
        given.setdefault("commit", Commit.GANG)
    given.setdefault("decision_time", INSTANT)
    capacity = np.array([[1000 * cores] * n, [1000] * n, *[[0] * n] * 3])
    tank = Tank(
        Hosts([f"h{i}" for i in range(n)], capacity, np.ones(n, bool) if alive is None else np.array(alive), events),
        ARCHITECTURES[architecture](),
        Settings(queue=DISCIPLINES[queue](), **given),
        placer,
        Log([rows.extend]),
        TankOptions(audit=True, sample_s=1000.0, until_s=until_s),
    )
    tank.prefill_recorded(prefill)
    tank.run(iter(arrivals))
    tank.check()
    return rows


def order(rows, event=Event.ATTEMPTED):
    return [row.job for row in rows if row.event is event]


def starts(rows):
    return {row.job: round(row.t_s, 6) for row in rows if row.event is Event.STARTED}


def tasks(rows, event, job=None):
    return sum(row.tasks for row in rows if row.event is event and job in (None, row.job))


# -- priority -----------------------------------------------------------------------------------------------------


def test_the_most_important_job_is_next_and_equals_go_by_arrival():
    jobs = [arrival("first"), *(arrival(f"{p}{n}", 0.5, priority=p) for n in range(2) for p in (1, 9, 5))]
    rows = replay(jobs, "priority", n=9, decision_time=SECOND)

    # What is being thought about is not interrupted.
    assert order(rows) == ["first", "90", "91", "50", "51", "10", "11"]


def test_a_job_is_as_important_as_its_most_important_container():
    unlike = Job("unlike", 0.5, "batch", (Group(Task(Resources(1000), 1), 1), Group(Task(Resources(1000), 7), 1)))
    jobs = [arrival("first"), arrival("five", 0.5, priority=5), Arrival(unlike, (1.0, 1.0))]

    assert order(replay(jobs, "priority", n=9, decision_time=SECOND)) == ["first", "unlike", "five"]


# -- fair share ---------------------------------------------------------------------------------------------------


def test_the_user_who_holds_least_is_next():
    jobs = [
        arrival("greedy", 0.0, tasks=3, user="ann", run_s=100.0),
        arrival("busy", 0.5, user="bob", run_s=100.0),
        arrival("ann", 0.6, user="ann"),
        arrival("cid", 0.7, user="cid"),
        arrival("bob", 0.8, user="bob"),
    ]
    assert order(replay(jobs, "fair-share", n=9, decision_time=SECOND)) == ["greedy", "busy", "cid", "bob", "ann"]


def test_what_ended_counts_no_longer():
    def then(run_s):
        jobs = [
            arrival("ann0", 0.0, tasks=3, user="ann", run_s=run_s),
            arrival("bob0", 0.5, user="bob", run_s=100.0),
            arrival("holds the scheduler", 20.0, workload="slow"),
            arrival("bob1", 20.5, user="bob"),
            arrival("ann1", 20.6, user="ann"),
        ]
        return order(replay(jobs, "fair-share", n=9, decision_time=SECOND))[3:]

    assert then(5.0) == ["ann1", "bob1"]
    assert then(100.0) == ["bob1", "ann1"]


def test_a_share_is_that_of_the_resource_a_user_has_most_of():
    # Of 4 cores and 1000 bytes: one core is 25 %, 600 bytes are 60 %.
    memory = Job("memory", 0.0, "batch", (Group(Task(Resources(1, 600)), 1),), user="ann")
    jobs = [
        Arrival(memory, (100.0,)),
        arrival("cpu", 0.5, user="bob", run_s=100.0),
        arrival("ann", 0.6, user="ann"),
        arrival("bob", 0.7, user="bob"),
    ]
    assert order(replay(jobs, "fair-share", decision_time=SECOND))[2:] == ["bob", "ann"]


def test_shares_are_weighed_anew_when_a_host_joins():
    # Ann holds 3 of 4 cores, bob 800 of 1000 bytes; then there are 4 more of the one and 9000 more of the other.
    memory = Job("memory", 0.0, "batch", (Group(Task(Resources(1, 800)), 1),), user="bob")
    jobs = [
        arrival("cpu", 0.0, cores=3, user="ann", run_s=100.0),
        Arrival(memory, (100.0,)),
        arrival("holds the scheduler", 20.0, cores=0),
        arrival("bob", 20.5, cores=0, user="bob"),
        arrival("ann", 20.6, cores=0, user="ann"),
    ]
    joins = HostEvent(10.0, 1, True, Resources(4000, 9000))
    alone = replay(jobs, "fair-share", n=2, alive=[True, False], decision_time=SECOND)
    joined = replay(jobs, "fair-share", n=2, alive=[True, False], events=[joins], decision_time=SECOND)

    assert order(alone)[3:5] == ["ann", "bob"]
    assert order(joined)[3:5] == ["bob", "ann"]


def test_jobs_in_one_offer_are_dealt_out_as_if_those_before_got_what_they_ask_for():
    jobs = [
        arrival("first", 0.0, user="cid"),
        *(arrival(f"ann{n}", 0.1, user="ann", tasks=2) for n in range(3)),
        *(arrival(f"bob{n}", 0.2, user="bob") for n in range(3)),
    ]
    rows = replay(jobs, "fair-share", n=9, architecture="two-level", decision_time=SECOND)

    # Shares in cores before each: 0 0 0, 1 0 0, 1 2 0, 1 2 1, 1 2 2, …; of equal ones by arrival.
    assert order(rows) == ["first", "ann0", "bob0", "bob1", "ann1", "bob2", "ann2"]


# -- backfilling --------------------------------------------------------------------------------------------------

#: Four cores. `head` has to wait for `long`; `short` ends before that, `late` would not.
TEXTBOOK = [
    arrival("long", 0.0, cores=3, run_s=10.0, estimate_s=nan),
    arrival("head", 1.0, cores=4, run_s=10.0, estimate_s=nan),
    arrival("late", 2.0, cores=1, run_s=20.0, estimate_s=nan),
    arrival("short", 3.0, cores=1, run_s=5.0, estimate_s=nan),
]


def test_a_later_job_goes_first_only_if_it_delays_nobody():
    assert starts(replay(TEXTBOOK, "backfill")) == {"long": 0.0, "head": 10.0, "short": 3.0, "late": 20.0}
    # First come first served with retries lets whoever fits pass, and the head waits for the last of them.
    assert starts(replay(TEXTBOOK, "fifo", commit=Commit.GANG))["head"] >= 22.0


def test_a_later_job_may_run_beside_the_one_that_waits():
    # Eight cores in two hosts: at 10 the head has one host to itself, and one core of the other is left over.
    jobs = [
        arrival("a", 0.0, cores=4, run_s=10.0, estimate_s=nan),
        arrival("b", 0.0, cores=2, run_s=50.0, estimate_s=nan),
        arrival("head", 1.0, cores=4, run_s=10.0, estimate_s=nan),
        arrival("beside", 2.0, cores=1, run_s=1000.0, estimate_s=nan),
        arrival("unknown", 3.0, cores=1, run_s=1000.0),
    ]
    assert starts(replay(jobs, "backfill", n=2)) == {"a": 0, "b": 0, "head": 10, "beside": 2, "unknown": 3}


def test_room_is_promised_where_there_is_none_now():
    # At 10 the head fits on the second host alone, so what is free on the first is anybody's.
    jobs = [
        arrival("b", 0.0, cores=2, run_s=50.0, estimate_s=nan),
        arrival("a", 0.0, cores=4, run_s=10.0, estimate_s=nan),
        arrival("head", 1.0, cores=2, tasks=2, estimate_s=nan),
        arrival("beside", 2.0, cores=2, run_s=1000.0, estimate_s=nan),
    ]
    assert starts(replay(jobs, "backfill", n=2)) == {"b": 0, "a": 0, "head": 10, "beside": 2}


def test_unlike_containers_of_a_job_are_promised_one_time():
    # Two hosts of four cores: three of the one are taken until 10, four of the other until 20.
    head = Job("head", 1.0, "batch", (Group(Task(Resources(4000, 1)), 1), Group(Task(Resources(2000, 1)), 2)))
    jobs = [
        arrival("a", 0.0, cores=3, run_s=10.0, estimate_s=nan),
        arrival("b", 0.0, cores=4, run_s=20.0, estimate_s=nan),
        Arrival(head, (5.0, 5.0)),
        arrival("late", 2.0, run_s=19.0, estimate_s=nan),
        arrival("short", 3.0, run_s=17.0, estimate_s=nan),
    ]
    rows = replay(jobs, "backfill", n=2)

    assert [row.t_s for row in rows if row.event is Event.STARTED and row.job == "head"] == [20.0, 20.0]
    assert (starts(rows)["short"], starts(rows)["late"]) == (3.0, 25.0)


def test_a_job_without_an_estimate_overtakes_only_beside_the_one_that_waits():
    jobs = [*TEXTBOOK[:3], arrival("unknown", 3.0, cores=1, run_s=5.0)]

    assert starts(replay(jobs, "backfill"))["unknown"] == 20.0


def test_who_runs_longer_than_expected_is_expected_to_end_at_any_moment():
    jobs = [
        arrival("long", 0.0, cores=3, run_s=50.0, estimate_s=10.0),
        *TEXTBOOK[1:],
        arrival("after", 20.0, estimate_s=1),
    ]
    begun = starts(replay(jobs, "backfill"))

    # From 10 on the head could start at any moment, so nothing goes before it any more.
    assert (begun["short"], begun["head"]) == (3.0, 50.0)
    assert min(begun["late"], begun["after"]) >= 60.0


def test_who_waits_starts_as_soon_as_others_end_early():
    jobs = [arrival("long", 0.0, cores=3, run_s=4.25, estimate_s=10.0), *TEXTBOOK[1:3]]

    assert starts(replay(jobs, "backfill"))["head"] == 4.25


def test_room_is_kept_where_nobody_knows_when_it_will_be_free():
    jobs = [arrival("long", 0.0, cores=3, run_s=10.0), *TEXTBOOK[1:]]

    assert starts(replay(jobs, "backfill"))["head"] == 10.0


def test_what_runs_from_the_beginning_is_expected_to_end_too():
    recorded = Recorded("old", "batch", Task(Resources(3000, 1)), np.array([0]), 10.0)

    assert starts(replay(TEXTBOOK[1:], "backfill", prefill=[recorded]))["head"] == 10.0


def test_what_ended_of_a_job_is_not_expected_to_end_again():
    # Of `uneven` a core comes back at 2 and another at 10, so `head` has to wait for `other`, and `later` has time.
    uneven = Job("uneven", 0.0, "batch", (Group(Task(Resources(1000, 1)), 2),), estimate_s=10.0)
    jobs = [
        Arrival(uneven, (np.array([2.0, 10.0]),)),
        arrival("other", 0.0, cores=2, run_s=20.0, estimate_s=nan),
        arrival("head", 1.0, cores=3, estimate_s=nan),
        arrival("later", 3.0, run_s=10.0, estimate_s=nan),
    ]
    begun = starts(replay(jobs, "backfill"))

    assert (begun["head"], begun["later"]) == (20.0, 3.0)


def test_waiting_for_a_promised_time_costs_neither_thought_nor_patience():
    jobs = [arrival("long", 0.0, cores=3, run_s=5000.0, estimate_s=nan), arrival("head", 1.0, cores=4)]
    rows = replay(jobs, "backfill", decision_time=SECOND)

    assert order(rows) == ["long", "head"]
    assert starts(rows)["head"] == 5002.0


def test_a_host_that_joins_is_used_at_once():
    jobs = [arrival("a", 0.0, cores=4, run_s=100.0), arrival("b", 1.0, cores=4)]
    joins = HostEvent(20.0, 1, True, Resources(4000, 1000))

    assert starts(replay(jobs, "backfill", n=2, alive=[True, False], events=[joins]))["b"] == 20.0


def test_a_job_that_is_too_large_for_all_hosts_together_holds_nobody_up_and_the_run_ends():
    rows = replay([arrival("giant", 0.0, tasks=9), arrival("a", 1.0, run_s=2.0)], "backfill")

    assert starts(rows) == {"a": 1.0}
    assert [row.job for row in rows if row.event is Event.UNATTEMPTED] == ["giant"]


def test_a_run_ends_although_somebody_waits_for_what_never_ends():
    rows = replay([arrival("service", 0.0, cores=4, run_s=OPEN_ENDED), arrival("a", 1.0)], "backfill")

    assert [row.job for row in rows if row.event is Event.UNATTEMPTED] == ["a"]
    assert rows[-1].t_s < 10_000


def test_a_policy_that_does_not_place_what_fits_keeps_the_job_at_the_head_until_it_is_given_up():
    class Picky:
        def choose(self, view, task, k):
            return np.minimum(view.slots(task), k * (task.need.cpu_milli < 4000))

    jobs = [arrival("never", 0.0, cores=4), arrival("small", 1.0, run_s=1.0, estimate_s=nan)]
    rows = replay(jobs, "backfill", placer=lambda name: Placer(Picky()), patience=Patience(fruitless=5))

    assert tasks(rows, Event.ABANDONED) == 1
    assert starts(rows)["small"] >= 5.0


def test_each_partition_promises_its_own_hosts():
    long, head, late, short = TEXTBOOK
    others = [Arrival(Job(f"s-{job.id}", job.submit_s, "service", job.groups, estimate_s=job.estimate_s), run_s)
              for job, run_s, *_ in TEXTBOOK]  # fmt: skip
    both = sorted([long, head, late, short, *others], key=lambda arrival: arrival.job.submit_s)
    begun = starts(replay(both, "backfill", n=2, architecture="partitioned"))

    alone = starts(replay(TEXTBOOK, "backfill"))
    assert begun == alone | {f"s-{name}": at for name, at in alone.items()}


@pytest.mark.parametrize(
    ("architecture", "commit", "says"),
    [
        ("monolithic", Commit.INCREMENTAL, "--commit gang"),
        ("two-level", Commit.GANG, "--architecture monolithic or partitioned"),
        ("shared-state", Commit.GANG, "--architecture monolithic or partitioned"),
        ("partial-sync", Commit.GANG, "--architecture monolithic or partitioned"),
    ],
)
def test_promises_that_could_not_be_kept_are_refused(architecture, commit, says):
    with pytest.raises(UserError, match=says):
        replay([], "backfill", architecture=architecture, commit=commit)


def promised_s(running, groups, capacity, now_s):
    """When a job fits at the latest, found by waiting for one end after another with the room counted host by host.

    `running` has (end, host, cores) of every container; `groups` are of one kind, as (cores, count).
    """
    ((each, count),) = groups
    for at_s in sorted({now_s, *(end_s for end_s, _, _ in running)}):
        room = 0
        for host in range(len(capacity)):
            taken = sum(cores for end_s, where, cores in running if where == host and end_s > at_s)
            room += (capacity[host] - taken) // each
        if room >= count:
            return at_s
    return inf


drawn_jobs = st.lists(
    st.tuples(st.integers(0, 12), st.integers(1, 4), st.integers(1, 6), st.integers(1, 9)), min_size=2, max_size=14
)


@given(drawn_jobs, st.sampled_from([scores.first_fit, scores.spread, scores.binpack]), st.integers(0, 9))
@settings(max_examples=150, deadline=None)
def test_nobody_starts_later_than_promised_when_he_became_the_first_that_waits(drawn, policy, seed):
    n, cores = 3, 4
    arrivals = [
        arrival(str(number), float(at), each, count, float(run_s), estimate_s=nan)
        for number, (at, each, count, run_s) in enumerate(sorted(drawn))
        if count * each <= n * cores and count <= n * (cores // each)
    ]
    jobs = {job.id: job for job, *_ in arrivals}
    placer = Placer(policy) if seed else Placer(RandomFirstFit(stream(seed, "placement")))
    rows = replay(arrivals, "backfill", n=n, cores=cores, placer=lambda name: placer)

    begun = starts(rows)
    assert set(begun) == set(jobs)
    waiting, running = [], []
    for row in rows:
        if row.event is Event.SUBMITTED:
            waiting.append(row.job)
        elif row.event is Event.FINISHED:
            running = [held for held in running if held[0] > row.t_s or held[3] != row.job]
        elif row.event is Event.STARTED:
            waiting.remove(row.job)
            ((task, _),) = jobs[row.job].groups
            for host, count in zip(*(column.tolist() for column in row.where), strict=True):
                running.append((row.t_s + row.seconds, host, count * task.need.cpu_milli // 1000, row.job))
        if waiting:
            ((task, count),) = jobs[waiting[0]].groups
            ends = [held[:3] for held in running]
            latest_s = promised_s(ends, [(task.need.cpu_milli // 1000, count)], [cores] * n, row.t_s)
            assert begun[waiting[0]] <= latest_s


# -- quotas -------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("queue", DISCIPLINES)
def test_a_users_jobs_beyond_the_quota_wait_and_block_nobody(queue):
    jobs = [
        arrival("ann0", 0.0, tasks=2, user="ann", estimate_s=nan),
        arrival("ann1", 1.0, tasks=2, user="ann", estimate_s=nan),
        arrival("bob", 2.0, tasks=2, user="bob", estimate_s=nan),
    ]
    assert starts(replay(jobs, queue, n=2, quotas={"ann": 3000})) == {"ann0": 0.0, "ann1": 10.0, "bob": 2.0}


def test_a_users_own_jobs_do_not_overtake_one_another_at_admission():
    jobs = [
        arrival("a", 0.0, tasks=2, user="ann"),
        arrival("b", 1.0, tasks=2, user="ann"),
        arrival("c", 2.0, user="ann"),
    ]

    assert starts(replay(jobs, "fifo", quotas={"ann": 3000})) == {"a": 0.0, "b": 10.0, "c": 10.0}


def test_everybody_who_is_not_named_has_the_same_quota_each():
    jobs = [arrival(f"{user}{n}", 0.1 * n, user=user) for n in range(2) for user in ("ann", "bob", "")]
    begun = starts(replay(jobs, "fifo", n=2, quotas={"*": 1000, "bob": 2000}))

    assert begun == {"ann0": 0, "bob0": 0, "0": 0, "bob1": 0.1, "ann1": 10, "1": 10}


def test_a_job_that_alone_is_too_much_is_turned_away_and_counted_apart():
    rows = replay([arrival("a", 0.0, tasks=4, user="ann"), arrival("b", 0.0, user="ann")], "fifo", quotas={"ann": 3000})

    assert order(rows, Event.OVER_QUOTA) == ["a"]
    assert starts(rows) == {"b": 0.0}


def test_what_is_given_up_counts_no_longer():
    jobs = [
        arrival("service", 0.0, tasks=4, run_s=OPEN_ENDED),
        arrival("hopeless", 1.0, tasks=1, user="ann"),
        arrival("next", 2.0, tasks=1, user="ann"),
    ]
    rows = replay(jobs, "fifo", quotas={"ann": 1000}, patience=Patience(fruitless=3))

    assert order(rows, Event.ABANDONED) == ["hopeless", "next"]


def test_a_run_ends_although_a_quota_will_never_be_free():
    jobs = [arrival("service", 0.0, user="ann", run_s=OPEN_ENDED), arrival("next", 1.0, user="ann")]
    rows = replay(jobs, "fifo", quotas={"ann": 1000})

    assert order(rows, Event.UNATTEMPTED) == ["next"]


def test_what_runs_from_the_beginning_counts_until_it_ends():
    recorded = Recorded("old", "batch", Task(Resources(1000, 1)), np.array([0]), 7.0, "ann")

    assert starts(replay([arrival("a", 1.0, user="ann")], "fifo", prefill=[recorded], quotas={"ann": 1500})) == {
        "a": 7.0
    }


# -- laws of every discipline -------------------------------------------------------------------------------------

many = st.lists(
    st.tuples(
        st.integers(0, 20), st.integers(1, 5), st.floats(0, 9), st.sampled_from("abc"), st.integers(0, 2), st.booleans()
    ),
    max_size=12,
)


def of_many(drawn):
    return [
        arrival(f"job{n}", float(at), 1, k, run_s, user, priority, nan if knows else None, ("batch", "service")[k % 2])
        for n, (at, k, run_s, user, priority, knows) in enumerate(sorted(drawn))
    ]


def combinations():
    return [
        (queue, architecture, commit)
        for queue in DISCIPLINES
        for architecture in ARCHITECTURES
        for commit in Commit
        if queue != "backfill" or (commit is Commit.GANG and ARCHITECTURES[architecture]().single)
    ]


@given(many, st.sampled_from(combinations()), st.booleans(), st.sampled_from([{}, {"*": 6000}, {"a": 5000}]))
@settings(max_examples=120, deadline=None)
def test_each_container_is_done_once_and_a_quota_is_never_exceeded(drawn, combination, leaves, quotas):
    queue, architecture, commit = combination
    arrivals = of_many(drawn)
    events = (HostEvent(7.0, 0, False), HostEvent(15.0, 0, True)) if leaves else ()
    rows = replay(
        arrivals, queue, n=2, architecture=architecture, commit=commit, events=events, quotas=quotas,
        decision_time=DecisionTime(0.3, 0.1), patience=Patience(fruitless=20, attempts=30),
    )  # fmt: skip

    users, held = {job.id: job.user for job, *_ in arrivals}, Counter()
    for row in rows:
        if row.event in (Event.STARTED, Event.FINISHED, Event.KILLED):
            user = users[row.job]
            held[user] += row.tasks if row.event is Event.STARTED else -row.tasks
            assert 1000 * held[user] <= quotas.get(user, quotas.get("*", inf))
    for job, *_ in arrivals:
        submitted, started, ended, killed, given_up, never = (
            tasks(rows, event, job.id)
            for event in (
                Event.SUBMITTED, Event.STARTED, Event.FINISHED, Event.KILLED, Event.ABANDONED, Event.UNATTEMPTED
            )
        )  # fmt: skip
        assert submitted == job.tasks + killed == started + given_up + never
        assert started == ended + killed
        assert not never or queue == "backfill"  # what can never fit on all hosts together is not even tried


@given(many, st.sampled_from(list(DISCIPLINES)))
@settings(max_examples=60, deadline=None)
def test_with_room_for_all_nobody_overtakes_his_own_and_no_discipline_leaves_a_scheduler_idle(drawn, queue):
    arrivals = of_many(drawn)
    rows = replay(arrivals, queue, n=20, decision_time=SECOND)

    kinds = defaultdict(list)
    number = {job.id: n for n, (job, *_) in enumerate(arrivals)}
    of = {"fifo": lambda job: (), "backfill": lambda job: (), "fair-share": lambda job: job.user}
    kind = of.get(queue, lambda job: job.groups[0].task.priority)
    job_of = {job.id: job for job, *_ in arrivals}
    for name in order(rows):
        kinds[kind(job_of[name])].append(number[name])
    assert all(numbers == sorted(numbers) for numbers in kinds.values())
    # Lindley: an attempt begins when the job is there and the one before it is over, whoever is taken.
    free_s, times = 0.0, []
    for job, *_ in arrivals:
        times.append(max(free_s, job.submit_s))
        free_s = times[-1] + 1.0
    assert [row.t_s for row in rows if row.event is Event.ATTEMPTED] == times


@given(many, st.sampled_from(["priority", "fair-share"]), st.sampled_from(["monolithic", "two-level", "shared-state"]))
@settings(max_examples=40, deadline=None)
def test_among_equals_every_discipline_is_first_come_first_served(drawn, queue, architecture):
    alike = [(at, k, run_s, "a", 1, knows) for at, k, run_s, _, _, knows in drawn]
    settings = {
        "architecture": architecture,
        "decision_time": DecisionTime(0.3, 0.1),
        "patience": Patience(fruitless=9),
    }

    assert order(replay(of_many(alike), queue, **settings)) == order(replay(of_many(alike), "fifo", **settings))


@pytest.mark.parametrize("queue", DISCIPLINES)
def test_the_same_inputs_take_the_same_steps(queue):
    rng = np.random.default_rng(5)
    drawn = list(
        zip(
            rng.integers(0, 60, 40).tolist(), rng.integers(1, 6, 40).tolist(), rng.exponential(5, 40).tolist(),
            rng.choice(list("abc"), 40).tolist(), rng.integers(0, 3, 40).tolist(), (rng.random(40) < 0.7).tolist(),
            strict=True,
        )
    )  # fmt: skip

    def steps():
        rows = replay(of_many(drawn), queue, n=2, decision_time=DecisionTime(0.1, 0.01), quotas={"*": 5000})
        return [row[:13] for row in rows]

    assert steps() == steps()
