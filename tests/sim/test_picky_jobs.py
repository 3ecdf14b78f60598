"""Picky jobs in the tank: where they go, when they wait, when they are turned away; audited after every event."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.cell import Commit, Conflict
from policies.cell.audit import check_constraints
from policies.errors import UserError
from policies.log import Event, Log
from policies.placement import Placer, scores
from policies.placement.choosers import RandomFirstFit
from policies.requests import Constraint, Group, Job, Operator, Resources, Task
from policies.scheduling import ARCHITECTURES, Settings
from policies.scheduling.scheduler import DecisionTime, Patience
from policies.streams import stream
from sim import Tank, TankOptions
from traces.hosts import HostEvent, Hosts
from traces.trace import OPEN_ENDED, Arrival, Recorded

SSD = Constraint("disk", Operator.EQUAL, "ssd")
PICKY = Task(Resources(1000, 1), 0, (SSD,))
APART = Task(Resources(1000, 1), apart=True)


def hosts(*labels, events=(), cores=4):
    n = len(labels)
    return Hosts(
        [f"h{i}" for i in range(n)],
        np.array([[1000 * cores] * n, [1000] * n, *[[0] * n] * 3]),
        np.ones(n, dtype=bool),
        events,
        labels,
    )


def arrival(name, at, task, tasks=1, run_s=10.0, workload="batch", again=False):
    return Arrival(Job(name, at, workload, (Group(task, tasks),), again), (run_s,))


class Told:
    """The log of a run, to ask questions of."""

    def __init__(self):
        self.rows = []

    def __call__(self, rows):
        self.rows += rows

    def of(self, event, job=None):
        return [row for row in self.rows if row.event == event and job in (None, row.job)]

    def started(self, job):
        return [(row.t_s, sorted(np.repeat(*row.where).tolist())) for row in self.of(Event.STARTED, job)]


def tank_of(machines, told, architecture="monolithic", policy=lambda name: scores.first_fit, **choices):
    options = {"until_s": choices.pop("until_s", None)}
    choices.setdefault("decision_time", DecisionTime(1.0, 0.0))
    return Tank(
        machines, ARCHITECTURES[architecture](), Settings(**choices), lambda name: Placer(policy(name)), Log([told]),
        TankOptions(sample_s=1000.0, audit=True, **options),
    )  # fmt: skip


def replay(arrivals, machines, architecture="monolithic", prefill=(), **choices):
    told = Told()
    tank = tank_of(machines, told, architecture, **choices)
    tank.prefill_recorded(prefill)
    tank.run(iter(arrivals))
    tank.check()
    return told


def test_a_picky_job_goes_to_the_host_that_is_as_it_demands():
    told = replay([arrival("a", 0.0, PICKY, tasks=3)], hosts({}, {"disk": "hdd"}, {"disk": "ssd"}))

    assert told.started("a") == [(1.0, [2, 2, 2])]


def test_a_job_that_no_host_ever_satisfies_is_turned_away_and_the_run_goes_on():
    machines = hosts({"disk": "hdd"}, {})
    told = replay([arrival("a", 0.0, PICKY), arrival("b", 0.0, Task(Resources(1000, 1)))], machines)

    assert [row.job for row in told.of(Event.INFEASIBLE)] == ["a"]
    assert told.started("b") == [(1.0, [0])]


def test_a_job_waits_for_a_host_that_becomes_as_it_demands():
    machines = hosts({"disk": "hdd"}, events=[HostEvent(20.0, 0, True, None, {"disk": "ssd"})])
    told = replay([arrival("a", 0.0, PICKY)], machines)

    assert told.of(Event.INFEASIBLE) == []
    assert [row.t_s for row in told.of(Event.HOST_RELABELLED)] == [20.0]
    assert told.of(Event.HOST_RESIZED) == []
    ((started_s, _),) = told.started("a")
    assert 20.0 <= started_s <= 22.0


def test_a_claim_conflicts_where_the_host_changed_while_the_scheduler_thought():
    machines = hosts({"disk": "ssd"}, {"disk": "ssd"}, events=[HostEvent(0.5, 0, True, None, {"disk": None})])
    told = replay([arrival("a", 0.0, PICKY)], machines, "shared-state")

    assert [(row.t_s, row.conflicted) for row in told.of(Event.CONFLICTED)] == [(1.0, 1)]
    assert told.started("a") == [(3.0, [1])]


def test_what_runs_stays_when_its_host_changes():
    machines = hosts({"disk": "ssd"}, events=[HostEvent(5.0, 0, True, None, {"disk": "hdd"})])
    told = replay([arrival("a", 0.0, PICKY)], machines)

    assert [row.t_s for row in told.of(Event.FINISHED, "a")] == [11.0]


@pytest.mark.parametrize("architecture", list(ARCHITECTURES))
def test_a_job_that_keeps_apart_has_one_container_a_host_and_the_others_wait(architecture):
    told = replay([arrival("a", 0.0, APART, tasks=3)], hosts({}, {}), architecture)

    first, *later = told.started("a") if architecture != "partitioned" else [(1.0, [0, 1]), *told.started("a")]
    assert first[1] == [0, 1]
    assert later
    assert all(len(set(where)) == len(where) for _, where in later)
    assert sum(row.tasks for row in told.of(Event.FINISHED, "a")) == 3


def test_jobs_that_keep_apart_each_may_share_hosts_though_they_are_decided_on_one_offer():
    both = [arrival(name, 0.0, APART, tasks=2) for name in "ab"]
    told = replay(both, hosts({}, {}), "two-level")

    assert told.of(Event.ATTEMPTED)[-1].attempt == 1
    assert [where for name in "ab" for _, where in told.started(name)] == [[0, 1], [0, 1]]


def test_what_is_submitted_again_keeps_apart_from_what_still_runs_of_its_job():
    recorded = Recorded("a", "batch", APART, np.array([0]), OPEN_ENDED)
    told = replay(
        [arrival("a", 0.0, APART, again=True), arrival("b", 0.0, APART)], hosts({}, {}), prefill=[recorded], until_s=9.0
    )

    assert told.started("a") == [(1.0, [1])]
    assert told.started("b") == [(2.0, [0])]


def test_what_lost_its_host_keeps_apart_from_the_others_when_it_starts_again():
    machines = hosts({}, {}, {}, events=[HostEvent(5.0, 0, False)])
    told = replay([arrival("a", 0.0, APART, tasks=2, run_s=100.0)], machines)

    assert [where for _, where in told.started("a")] == [[0, 1], [2]]


def test_unlike_containers_of_a_job_that_keeps_apart_are_apart_too():
    big = Task(Resources(2000, 1), apart=True)
    job = Job("a", 0.0, "batch", (Group(APART, 1), Group(big, 1)))
    told = replay([Arrival(job, (5.0, 5.0))], hosts({}, {}))

    assert sorted(host for _, where in told.started("a") for host in where) == [0, 1]


def test_prefill_goes_where_it_may():
    tank = tank_of(hosts({}, {"disk": "ssd"}, {}), Told())
    at_random = Placer(RandomFirstFit(stream(1, "prefill")))
    tank.prefill([arrival("a", 0.0, PICKY, tasks=2), arrival("b", 0.0, APART, tasks=3)], at_random, "old.csv")
    tank.check()

    assert tank.snapshot().containers.tolist() == [1, 3, 1]
    with pytest.raises(UserError, match="finds no room for 1 containers"):
        tank.prefill([arrival("b", 0.0, APART)], at_random, "old.csv")


def test_the_audit_knows_what_hosts_have_become():
    told = Told()
    tank = tank_of(hosts({"disk": "ssd"}, events=[HostEvent(2.0, 0, True, None, {"disk": "hdd"})]), told)
    tank.run(iter([arrival("a", 2.5, Task(Resources(1000, 1)))]))

    assert tank._audit._labels == [{"disk": "hdd"}]
    with pytest.raises(AssertionError, match="host 0 has disk"):
        check_constraints(tank._audit._labels, [(PICKY, [0])])


labels = st.dictionaries(st.sampled_from(["disk", "zone"]), st.sampled_from(["ssd", "b"]))
tasks = st.builds(
    lambda cores, constraints, apart: Task(Resources(1000 * cores, 1), 0, tuple(constraints), apart),
    st.integers(1, 3),
    st.lists(
        st.sampled_from([SSD, Constraint("zone", Operator.NOT_EQUAL, "b"), Constraint("disk", Operator.ABSENT)]),
        max_size=2,
        unique=True,
    ),
    st.booleans(),
)
jobs = st.lists(
    st.tuples(
        st.floats(0, 30), st.integers(1, 5), st.floats(0, 20), st.sampled_from(["batch", "service"]), tasks,
        st.sampled_from("abc"),
    ),
    max_size=10,
)  # fmt: skip
changes = st.lists(
    st.tuples(
        st.floats(0.1, 40), st.integers(0, 2), st.sampled_from(["disk", "zone"]), st.sampled_from([None, "ssd", "b"])
    ),
    max_size=6,
)


@pytest.mark.parametrize("architecture", list(ARCHITECTURES))
@given(
    drawn=jobs,
    given_labels=st.tuples(labels, labels, labels),
    changes=changes,
    conflict=st.sampled_from(list(Conflict)),
    commit=st.sampled_from(list(Commit)),
    random=st.booleans(),
)
@settings(max_examples=25, deadline=None)
def test_no_container_is_ever_where_it_may_not_be_and_all_are_accounted_for(
    architecture, drawn, given_labels, changes, conflict, commit, random
):
    # Jobs of one name keep apart from one another, too; the audit looks after every event.
    arrivals = [arrival(name, at, task, n, run_s, of) for at, n, run_s, of, task, name in sorted(drawn)]
    events = [HostEvent(t, host, True, None, {name: value}) for t, host, name, value in sorted(changes, key=str)]
    events.sort(key=lambda event: event.t_s)
    told = replay(
        arrivals, hosts(*given_labels, events=events), architecture, conflict=conflict, commit=commit,
        schedulers={"batch": 2}, decision_time=DecisionTime(0.3, 0.1), patience=Patience(fruitless=5, attempts=9),
        policy=lambda name: RandomFirstFit(stream(1, name)) if random else scores.spread,
    )  # fmt: skip

    def count(event):
        return sum(row.tasks for row in told.of(event))

    assert sum(job.tasks for job, *_ in arrivals) == count(Event.SUBMITTED) + count(Event.INFEASIBLE)
    assert count(Event.SUBMITTED) == count(Event.STARTED) + count(Event.ABANDONED)
    assert count(Event.STARTED) == count(Event.FINISHED)
