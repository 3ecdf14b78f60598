"""What extra workers do to a MapReduce job and to its neighbours, told by the log; the books are audited throughout."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from experiments.measures.metrics import Metrics
from policies.cell import Commit, Conflict
from policies.log import Event, Levels, Log
from policies.placement import Placer
from policies.placement.choosers import RandomFirstFit
from policies.requests import Group, Job, MapReduce, Resources, Task
from policies.scheduling import ARCHITECTURES, Settings
from policies.scheduling.architecture import partial_sync, partitioned, shared_state
from policies.scheduling.scheduler import DecisionTime, Patience
from policies.scheduling.sizing import AsRequested, GlobalCap, MaxParallelism, RelativeJobSize
from policies.streams import stream
from sim import Tank, TankOptions
from traces.hosts import HostEvent, Hosts
from traces.trace import Arrival

CORE = Task(Resources(1000, 1))
WIDE = MapReduce(maps=100, reduces=0, map_s=1.0, reduce_s=0.0)
EXTRA = [MaxParallelism(), RelativeJobSize(2.0), GlobalCap(0.6)]


def arrival(name, at, tasks=1, run_s=12.0, program=None, workload="batch"):
    return Arrival(Job(name, at, workload, (Group(CORE, tasks),), mapreduce=program), (run_s,))


def replay(arrivals, sizing, architecture="monolithic", n=1, cores=8, events=(), until_s=None, **chosen):
    rows = []
    metrics = Metrics(Levels(("cpu_allocated", "memory_allocated")))
    chosen.setdefault("decision_time", DecisionTime(1.0, 0.0))
    made = ARCHITECTURES[architecture]() if isinstance(architecture, str) else architecture
    tank = Tank(
        Hosts(
            [f"h{i}" for i in range(n)],
            np.array([[1000 * cores] * n, [1000] * n, *[[0] * n] * 3]),
            np.ones(n, bool),
            events,
        ),
        made,
        Settings(sizing=sizing, **chosen),
        lambda name: Placer(RandomFirstFit(stream(1, "placement", name))),
        Log([rows.extend, metrics]),
        TankOptions(audit=True, sample_s=1000.0, until_s=until_s),
    )
    horizon_s = tank.run(iter(arrivals))
    tank.check()
    return rows, metrics.result(horizon_s)


def of(rows, event, job=None):
    return [row for row in rows if row.event is event and job in (None, row.job)]


def plain(rows):
    """The rows as values that can be compared."""
    return [row._replace(where=None if row.where is None else [np.asarray(part).tolist() for part in row.where])
            for row in rows]  # fmt: skip


# -- one job ----------------------------------------------------------------------------------------------------


def test_idle_room_is_used_and_twice_the_workers_take_half_the_time():
    rows, metrics = replay([arrival("a", 0.0, 2, program=WIDE)], MaxParallelism())

    assert [(row.tasks, row.remaining) for row in of(rows, Event.COMMITTED)] == [(8, 0)]
    assert [(row.t_s, row.tasks) for row in of(rows, Event.FINISHED)] == [(4.0, 8)]
    assert of(rows, Event.SUBMITTED)[0].seconds == 12.0
    assert metrics["mapreduce_speedup_p50"] == pytest.approx(4.0)
    assert (metrics["mapreduce_jobs"], metrics["mapreduce_extra_tasks"], metrics["mapreduce_gained"]) == (1, 6, 1.0)
    assert (metrics["tasks_submitted"], metrics["tasks_scheduled"], metrics["tasks_finished"]) == (2, 8, 8)


def test_a_scheduler_thinks_about_extra_workers_too():
    rows, _ = replay([arrival("a", 0.0, 2, program=WIDE)], MaxParallelism(), decision_time=DecisionTime(1.0, 0.5))

    (attempt,) = of(rows, Event.ATTEMPTED)
    assert attempt.seconds == 1.0 + 0.5 * 8


def test_in_an_offer_a_scheduler_aims_at_what_earlier_jobs_left_of_it():
    both = [arrival(name, 0.0, 2, program=WIDE) for name in ("a", "b")]
    rows, _ = replay(both, RelativeJobSize(3.0), "two-level", decision_time=DecisionTime(1.0, 0.5))

    # Six of the eight cores and then the other two.
    assert [(row.job, row.seconds) for row in of(rows, Event.ATTEMPTED)] == [("a", 4.0), ("b", 2.0)]


def test_jobs_as_requested_gain_nothing_and_others_are_no_mapreduce_jobs():
    one_by_one = [arrival(f"job{n}", 7.1 * n, 2, run_s=0.7, program=WIDE) for n in range(9)]
    _, as_requested = replay(one_by_one, AsRequested())
    _, none_there = replay([arrival("a", 0.1, 2)], MaxParallelism())

    assert as_requested["mapreduce_speedup_mean"] == pytest.approx(1.0)
    assert (as_requested["mapreduce_gained"], as_requested["mapreduce_extra_tasks"]) == (0.0, 0)
    assert not [name for name in none_there if name.startswith("mapreduce")]


def test_a_job_that_did_not_end_has_no_speed_up():
    _, metrics = replay([arrival("a", 0.0, 2, program=WIDE)], MaxParallelism(), until_s=2.0)

    assert (metrics["mapreduce_jobs"], metrics["mapreduce_extra_tasks"]) == (0, 6)
    assert metrics["mapreduce_speedup_p80"] is None


def test_workers_of_unlike_run_times_are_refused():
    with pytest.raises(ValueError, match="job 'a': MapReduce workers have one run time"):
        replay([arrival("a", 0.0, 2, run_s=np.array([1.0, 2.0]), program=WIDE)], MaxParallelism())


# -- conflicts and partial room -----------------------------------------------------------------------------------


def beside(rival_tasks, rival_s=5.0, **chosen):
    """Job a, two workers, decides at the same time as a rival that is first to claim; eight cores."""
    rival = arrival("rival", 0.0, rival_tasks, rival_s, workload="service")
    return replay([rival, arrival("a", 0.0, 2, program=WIDE)], MaxParallelism(), "shared-state", **chosen)


@pytest.mark.parametrize("commit", list(Commit))
def test_extra_workers_that_conflict_are_not_tried_again(commit):
    rows, metrics = beside(4, commit=commit)

    (lost,) = of(rows, Event.CONFLICTED)
    assert (lost.job, lost.tasks, lost.conflicted, lost.remaining) == ("a", 4, 4, 0)
    assert len(of(rows, Event.ATTEMPTED, "a")) == 1
    # Four workers instead of two.
    assert [(row.t_s, row.tasks) for row in of(rows, Event.FINISHED, "a")] == [(7.0, 4)]
    assert (metrics["mapreduce_extra_tasks"], metrics["jobs_scheduled"]) == (2, 2)


def test_a_gang_is_the_requested_workers():
    rows, _ = beside(7, commit=Commit.GANG)

    (lost,) = of(rows, Event.CONFLICTED)
    assert (lost.job, lost.tasks, lost.conflicted, lost.remaining) == ("a", 0, 8, 2)
    # No worker has a host yet, so that it is sized again: the rival ends at 6, and then there are eight places.
    assert [row.tasks for row in of(rows, Event.STARTED, "a")] == [8]


@pytest.mark.parametrize("rival_s", [5.0, 50.0])
def test_once_a_part_is_placed_the_rest_comes_as_requested(rival_s):
    # The second worker starts while the first runs, or after it ended.
    rows, metrics = beside(7, rival_s)

    started = of(rows, Event.STARTED, "a")
    assert [(row.tasks, row.seconds) for row in started] == [(1, 12.0), (1, 12.0)]
    assert metrics["mapreduce_extra_tasks"] == 0
    assert metrics["mapreduce_speedup_p50"] == pytest.approx(12.0 / (started[1].t_s + 12.0 - started[0].t_s))


@pytest.mark.parametrize(("rival_tasks", "workers", "evicted"), [(4, 4, 0), (7, 2, 1)])
def test_nobody_makes_room_for_extra_workers(rival_tasks, workers, evicted):
    important = Task(CORE.need, priority=1)
    mine = Arrival(Job("a", 0.0, "batch", (Group(important, 2),), mapreduce=WIDE), (12.0,))
    rows, _ = replay(
        [arrival("rival", 0.0, rival_tasks, workload="service"), mine], MaxParallelism(), shared_state(preempt=True)
    )

    (lost,) = of(rows, Event.CONFLICTED)
    assert (lost.job, lost.tasks, lost.conflicted) == ("a", workers, 8 - workers)
    assert sum(row.tasks for row in of(rows, Event.PREEMPTED)) == evicted


def test_extra_workers_that_lose_their_host_do_their_work_elsewhere():
    events = (HostEvent(2.0, 0, False),)
    rows, metrics = replay([arrival("a", 0.0, 2, program=WIDE)], MaxParallelism(), n=2, cores=4, events=events)

    assert sum(row.tasks for row in of(rows, Event.KILLED)) == 4
    assert [row.seconds for row in of(rows, Event.STARTED)] == [3.0, 3.0]
    assert sum(row.tasks for row in of(rows, Event.FINISHED)) == 8
    assert metrics["mapreduce_jobs"] == 0


# -- laws -------------------------------------------------------------------------------------------------------

programs = st.builds(
    MapReduce, st.integers(1, 30), st.integers(0, 8), st.sampled_from([0.5, 2.0]), st.sampled_from([0.0, 1.0])
)
drawn_jobs = st.lists(
    st.tuples(
        st.floats(0, 30), st.integers(1, 6), st.one_of(st.none(), programs), st.sampled_from(["batch", "service"])
    ),
    max_size=10,
)


def arrivals_of(drawn):
    """Jobs whose run times, where they are MapReduce jobs, are those of the model."""
    return [
        arrival(f"job{n}", at, tasks, program.run_s(tasks) if program else 7.0, program, workload)
        for n, (at, tasks, program, workload) in enumerate(sorted(drawn, key=lambda job: job[0]))
    ]


@given(
    drawn_jobs,
    st.sampled_from(EXTRA),
    st.sampled_from([*ARCHITECTURES, partial_sync(prefer="latency")]),
    st.sampled_from(list(Conflict)),
    st.sampled_from(list(Commit)),
    st.booleans(),
)
@settings(max_examples=60)
def test_extra_workers_come_once_end_together_and_do_all_the_work(drawn, sizing, made, conflict, commit, leaves):
    events = (HostEvent(7.0, 0, False), HostEvent(15.0, 0, True)) if leaves else ()
    arrivals = arrivals_of(drawn)
    rows, metrics = replay(
        arrivals, sizing, made, n=2, cores=6, events=events, conflict=conflict, commit=commit,
        schedulers={"batch": 2}, decision_time=DecisionTime(0.3, 0.1), patience=Patience(fruitless=5, attempts=9),
    )  # fmt: skip
    extra = 0
    for job, (as_requested_s,), *_ in arrivals:
        first, killed, finished, given_up = (
            [row for row in of(rows, event, job.id) if not row.again]
            for event in (Event.STARTED, Event.KILLED, Event.FINISHED, Event.ABANDONED)
        )
        workers = sum(row.tasks for row in first)
        assert workers == sum(row.tasks for row in killed) + sum(row.tasks for row in finished)
        assert given_up or workers >= job.tasks
        most = max(job.mapreduce.maps, job.mapreduce.reduces) if job.mapreduce else 0
        assert workers <= max(job.tasks, most)
        if workers <= job.tasks:
            assert {row.seconds for row in first} <= {as_requested_s}
            continue
        extra += workers - job.tasks
        assert len({(row.t_s, row.seconds) for row in first}) == 1
        work_s = job.mapreduce.maps * job.mapreduce.map_s + job.mapreduce.reduces * job.mapreduce.reduce_s
        assert first[0].seconds < as_requested_s
        assert workers * first[0].seconds >= work_s * (1 - 1e-9)
    assert metrics.get("mapreduce_extra_tasks", 0) == extra


@given(drawn_jobs)
@settings(max_examples=40)
def test_a_commit_that_brings_extra_workers_leaves_the_cell_below_the_cap(drawn):
    rows, _ = replay(arrivals_of(drawn), GlobalCap(0.6), n=2, cores=6)

    requested = {row.job: row.tasks for row in of(rows, Event.SUBMITTED)}
    for row in of(rows, Event.STARTED):
        if row.tasks > requested[row.job]:
            assert max(row.levels[0], row.levels[3]) <= 0.6 + 1e-12


@pytest.mark.parametrize("sizing", EXTRA)
@pytest.mark.parametrize("architecture", [*ARCHITECTURES, "latency"])
def test_in_a_full_cell_nothing_changes(architecture, sizing):
    made = {
        "latency": partial_sync(prefer="latency"),
        "partitioned": partitioned(batch=1, service=1),
    }.get(architecture, architecture)  # fmt: skip
    rng = np.random.default_rng(5)
    # Every job asks for all that its scheduler could ever have.
    tasks = 4 if architecture == "partitioned" else 8
    arrivals = [
        arrival(f"job{n}", float(at), tasks, float(run_s), WIDE, ("batch", "service")[n % 2])
        for n, (at, run_s) in enumerate(zip(np.cumsum(rng.exponential(3, 12)), rng.exponential(5, 12), strict=True))
    ]

    as_requested, _ = replay(arrivals, AsRequested(), made, n=2, cores=4)
    rows, _ = replay(arrivals, sizing, made, n=2, cores=4)

    assert plain(rows) == plain(as_requested)
