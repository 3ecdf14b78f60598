"""What happens in the tank, told by its log; the books are audited after every event."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.cell import Commit, Conflict
from policies.errors import UserError
from policies.log import Event, Log
from policies.placement import Placer, scores
from policies.placement.choosers import RandomFirstFit
from policies.requests import Group, Job, Resources, Task
from policies.scheduling import ARCHITECTURES, Settings
from policies.scheduling.scheduler import DecisionTime, Patience
from policies.streams import stream
from sim import Tank, TankOptions
from traces.hosts import HostEvent, Hosts
from traces.trace import OPEN_ENDED, Arrival, Recorded

CORE = Task(Resources(1000, 1))


def hosts(n=2, cores=4, events=(), alive=None):
    capacity = np.array([[1000 * cores] * n, [1000] * n, *[[0] * n] * 3])
    return Hosts([f"h{i}" for i in range(n)], capacity, np.ones(n, bool) if alive is None else np.array(alive), events)


def arrival(name, at, tasks=1, run_s=10.0, workload="batch", task=CORE):
    return Arrival(Job(name, at, workload, (Group(task, tasks),)), (run_s,))


class Told:
    """The log of a run, to ask questions of."""

    def __init__(self):
        self.rows = []

    def __call__(self, rows):
        self.rows += rows

    def of(self, *events, job=None):
        return [row for row in self.rows if row.event in events and job in (None, row.job)]

    def times(self, event, job=None):
        return [round(row.t_s, 9) for row in self.of(event, job=job)]


def replay(arrivals, machines=None, architecture="monolithic", until_s=None, prefill=(), restart=True, **settings):
    told = Told()
    settings.setdefault("decision_time", DecisionTime(1.0, 0.0))
    tank = Tank(
        machines or hosts(),
        ARCHITECTURES[architecture](),
        Settings(**settings),
        lambda name: Placer(scores.first_fit),
        Log([told]),
        TankOptions(until_s=until_s, sample_s=1000.0, audit=True, restart_lost=restart),
    )
    tank.prefill_recorded(prefill)
    told.horizon_s = tank.run(iter(arrivals))
    tank.check()
    return told


def test_a_container_runs_its_time_after_its_scheduler_thought():
    told = replay([arrival("a", 5.0)])

    assert told.times(Event.STARTED) == [6.0]
    assert told.times(Event.FINISHED) == [16.0]
    assert told.horizon_s == 16.0


def test_a_monolithic_scheduler_takes_one_job_after_another():
    told = replay([arrival("a", 0.0), arrival("b", 0.0, workload="service")])

    assert told.times(Event.ATTEMPTED) == [0.0, 1.0]
    assert {row.scheduler for row in told.of(Event.ATTEMPTED)} == {"all/0"}


def test_schedulers_of_shared_state_think_at_the_same_time():
    told = replay([arrival("a", 0.0), arrival("b", 0.0, workload="service")], architecture="shared-state")

    assert told.times(Event.ATTEMPTED) == [0.0, 0.0]


def test_decision_times_per_class_make_a_monolithic_scheduler_multi_path():
    times = DecisionTime({"batch": 1.0, "service": 5.0}, 0.5)
    told = replay([arrival("a", 0.0, tasks=2), arrival("b", 0.0, workload="service")], decision_time=times)

    assert [row.seconds for row in told.of(Event.ATTEMPTED)] == [2.0, 5.5]


def test_schedulers_that_see_the_same_room_conflict_and_the_loser_tries_again():
    both = [arrival("a", 0.0, tasks=4), arrival("b", 0.0, tasks=4, workload="service")]
    told = replay(both, hosts(n=1), architecture="shared-state")

    (conflict,) = told.of(Event.CONFLICTED)
    assert (conflict.job, conflict.tasks, conflict.conflicted) == ("b", 0, 4)
    # Lost at 1, tries again a second later, and finds no room until a has run from 1 to 11.
    assert told.times(Event.ATTEMPTED, job="b")[:2] == [0.0, 2.0]
    assert told.times(Event.STARTED, job="b") == [13.0]


def test_nothing_conflicts_in_a_monolithic_cell():
    told = replay([arrival(str(n), 0.0, tasks=3, workload=f"w{n % 3}") for n in range(6)])

    assert not told.of(Event.CONFLICTED)


def test_incremental_places_what_there_is_room_for_and_gang_waits_for_all():
    jobs = [arrival("first", 0.0, tasks=2), arrival("second", 0.0, tasks=4)]
    some = replay(jobs, hosts(n=1))
    all_at_once = replay(jobs, hosts(n=1), commit=Commit.GANG)

    assert [row.tasks for row in some.of(Event.STARTED, job="second")] == [2, 2]
    assert [row.tasks for row in all_at_once.of(Event.STARTED, job="second")] == [4]


def test_a_job_that_never_fits_into_the_room_left_is_given_up():
    # An attempt takes a second and a retry another: the eleventh attempt is over at 21.
    told = replay(
        [arrival("stays", 0.0, tasks=4, run_s=OPEN_ENDED), arrival("b", 0.0)],
        hosts(n=1),
        patience=Patience(fruitless=10),
    )

    (given_up,) = told.of(Event.ABANDONED)
    assert (given_up.job, given_up.attempt, given_up.tasks) == ("b", 11, 1)


def test_a_job_that_fits_on_no_host_is_named_and_the_run_goes_on():
    told = replay([arrival("giant", 0.0, task=Task(Resources(9000))), arrival("a", 0.0)])

    assert [row.job for row in told.of(Event.INFEASIBLE)] == ["giant"]
    assert told.times(Event.STARTED, job="a") == [1.0]


def test_a_job_that_fits_on_a_host_that_joins_later_is_feasible():
    machines = hosts(n=2, events=(HostEvent(20.0, 1, True, Resources(9000, 1000)),), alive=[True, False])
    told = replay([arrival("giant", 0.0, task=Task(Resources(9000)))], machines)

    assert told.times(Event.STARTED)[0] >= 20.0


def test_containers_of_unlike_run_times_end_one_by_one():
    told = replay([arrival("a", 0.0, tasks=3, run_s=np.array([5.0, 3.0, 5.0]))])

    assert [(row.t_s, row.tasks) for row in told.of(Event.FINISHED)] == [(4.0, 1), (6.0, 2)]


def test_groups_of_a_job_are_placed_together():
    big = Task(Resources(3000, 1))
    job = Job("a", 0.0, "batch", (Group(big, 1), Group(CORE, 2)))
    told = replay([Arrival(job, (5.0, 7.0))], hosts(n=1, cores=5))

    assert [row.tasks for row in told.of(Event.COMMITTED)] == [3]
    assert told.times(Event.FINISHED) == [6.0, 8.0]


def test_a_host_that_leaves_takes_its_containers_along_and_they_start_again_elsewhere():
    machines = hosts(n=2, events=(HostEvent(3.0, 0, False),))
    told = replay([arrival("a", 0.0, tasks=5)], machines)

    (killed,) = told.of(Event.KILLED)
    assert (killed.t_s, killed.tasks, killed.host) == (3.0, 4, 0)
    assert [(row.again, row.tasks) for row in told.of(Event.SUBMITTED)] == [(False, 5), (True, 4)]
    assert sum(row.tasks for row in told.of(Event.FINISHED)) == 5


def test_where_the_trace_tells_what_was_submitted_again_the_lost_stay_lost():
    machines = hosts(n=2, events=(HostEvent(3.0, 0, False),))
    told = replay([arrival("a", 0.0, tasks=5)], machines, restart=False)

    assert len(told.of(Event.SUBMITTED)) == 1
    assert sum(row.tasks for row in told.of(Event.FINISHED)) == 1


def test_prefill_takes_room_where_it_was_recorded_and_gives_it_back():
    recorded = Recorded("old", "service", CORE, np.array([0, 0, 0, 0]), np.array([2.0, 8.0, 8.0, OPEN_ENDED]))
    told = replay([arrival("a", 0.0, tasks=2)], hosts(n=1), prefill=[recorded])

    # One place is free from 2 on, two more from 8 on; an attempt takes a second and a retry waits another.
    assert [(row.t_s, row.tasks) for row in told.of(Event.STARTED)] == [(3.0, 1), (9.0, 1)]


def test_a_recorded_host_may_be_overfull():
    recorded = Recorded("old", "service", CORE, np.array([0] * 6), 3.5)
    told = replay([arrival("a", 0.0)], hosts(n=1), prefill=[recorded])

    assert told.times(Event.STARTED) == [5.0]


def prefilled(arrivals, machines):
    told = Told()
    tank = Tank(
        machines,
        ARCHITECTURES["monolithic"](),
        Settings(),
        lambda name: Placer(scores.spread),
        Log([told]),
        TankOptions(),
    )
    tank.prefill(arrivals, Placer(RandomFirstFit(stream(1, "prefill"))), source="old.csv")
    tank.check()


def test_prefill_that_does_not_fit_is_an_error():
    with pytest.raises(UserError, match=r"old\.csv: job 'a' finds no room for 1 containers"):
        prefilled([arrival("a", 0.0, tasks=9)], hosts())


def test_prefill_must_be_there_from_the_beginning():
    with pytest.raises(UserError, match="prefill is there at 0"):
        prefilled([arrival("a", 1.0)], hosts())


def test_a_run_that_is_cut_off_tells_who_was_never_looked_at():
    told = replay([arrival("a", 0.0), arrival("b", 0.0), arrival("c", 1.5)], until_s=2.0)

    assert told.horizon_s == 2.0
    assert [(row.job, row.age_s) for row in told.of(Event.UNATTEMPTED)] == [("c", 0.5)]


def test_looks_at_the_hosts_become_rarer_but_stay_on_a_grid():
    told = Told()
    tank = Tank(
        hosts(), ARCHITECTURES["monolithic"](), Settings(), lambda name: Placer(scores.spread), Log([told]),
        TankOptions(sample_s=1.0),
    )  # fmt: skip
    tank.run(iter([arrival("a", 0.0, run_s=5000.0)]))
    looks = [row.t_s for row in told.of(Event.SAMPLED)]
    last = told.of(Event.SAMPLED)[-1].seconds

    assert len(looks) < 1500
    assert 240 <= len([t for t in looks if t % last == 0]) <= 480
    np.testing.assert_allclose(told.of(Event.SAMPLED)[1].where, [[0.25, 0.0], [0.001, 0.0]])


jobs = st.lists(
    st.tuples(st.floats(0, 30), st.integers(1, 6), st.floats(0, 20), st.sampled_from(["batch", "service"])), max_size=12
)


@given(
    jobs,
    st.sampled_from(list(ARCHITECTURES)),
    st.sampled_from(list(Conflict)),
    st.sampled_from(list(Commit)),
    st.booleans(),
)
@settings(max_examples=60)
def test_every_container_that_is_placed_runs_once_and_its_whole_time(drawn, architecture, conflict, commit, leaves):
    arrivals = [
        arrival(f"job{n}", at, tasks, run_s, workload) for n, (at, tasks, run_s, workload) in enumerate(sorted(drawn))
    ]
    events = (HostEvent(7.0, 0, False), HostEvent(15.0, 0, True)) if leaves else ()
    told = replay(
        arrivals, hosts(n=2, events=events), architecture, conflict=conflict, commit=commit,
        schedulers={"batch": 2}, decision_time=DecisionTime(0.3, 0.1), patience=Patience(fruitless=5, attempts=9),
    )  # fmt: skip
    for job, (run_s,), *_ in arrivals:
        submitted = sum(row.tasks for row in told.of(Event.SUBMITTED, job=job.id))
        started, killed, finished = (
            sum(row.tasks for row in told.of(event, job=job.id))
            for event in (Event.STARTED, Event.KILLED, Event.FINISHED)
        )
        given_up = sum(row.tasks for row in told.of(Event.ABANDONED, job=job.id))
        assert submitted == started + given_up == job.tasks + killed
        assert started == finished + killed
        assert all(row.seconds == pytest.approx(run_s) for row in told.of(Event.FINISHED, job=job.id))
