"""How many workers a MapReduce job gets: the best of the candidates, within its policy's bounds and idle room."""

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.cell import Commit, Conflict, Ledger
from policies.errors import UserError
from policies.requests import Group, Job, MapReduce, Resources, Task
from policies.scheduling.sizing import AsRequested, GlobalCap, MaxParallelism, RelativeJobSize, extra_workers

WORKER = Task(Resources(1000, 2))
EVERY_SIZING = [AsRequested(), MaxParallelism(), RelativeJobSize(1.5), RelativeJobSize(), GlobalCap(0.3), GlobalCap()]

programs = st.builds(
    MapReduce,
    st.integers(1, 60),
    st.integers(0, 40),
    st.sampled_from([0.0, 0.5, 3.0]),
    st.sampled_from([0.0, 1.0, 7.0]),
)
requests = st.integers(1, 30)


def job(program, workers=1, task=WORKER):
    return Job("a", 0.0, "batch", (Group(task, workers),), mapreduce=program)


def cell(*taken, cores=8, memory=20):
    """A view of hosts on which so many workers run."""
    ledger = Ledger(np.array([[1000 * cores] * len(taken), [memory] * len(taken), [0] * len(taken)]))
    busy = np.flatnonzero(taken)
    if busy.size:
        transaction = (ledger.claims(WORKER, busy, np.array(taken)[busy]),)
        ledger.commit(transaction, Conflict.FINE, Commit.INCREMENTAL)
    return ledger.snapshot()


def allocated(view, more):
    """The shares of CPU and memory that are allocated once there are so many workers more."""
    return (view.allocated.sum(axis=1) + more * np.array(WORKER.need[:2])) / view.capacity.sum(axis=1)


@given(programs, st.integers(1, 100))
def test_workers_together_spend_at_least_the_time_that_the_activities_take(program, workers):
    work_s = program.maps * program.map_s + program.reduces * program.reduce_s

    assert workers * program.run_s(workers) >= work_s * (1 - 1e-12)


@given(programs)
def test_every_worker_up_to_the_last_useful_one_shortens_the_job_and_none_after_it(program):
    lengths = [program.run_s(workers) for workers in range(1, 80)]
    shortens = [later < earlier for earlier, later in itertools.pairwise(lengths)]

    useful = program.most_workers - 1
    assert all(shortens[:useful])
    assert not any(shortens[useful:])


@given(programs, requests, st.lists(st.integers(0, 8), min_size=1, max_size=6))
def test_of_all_candidates_the_one_that_ends_first_is_taken_and_of_equal_ones_the_smallest(program, requested, taken):
    view = cell(*taken)
    room = sum(8 - workers for workers in taken)
    candidates = range(requested, max(requested, room) + 1)

    chosen = requested + extra_workers(MaxParallelism(), job(program, requested), view)

    assert chosen == min(candidates, key=lambda workers: (program.run_s(workers), workers))


@pytest.mark.parametrize("sizing", EVERY_SIZING)
@given(programs, requests, st.lists(st.integers(0, 8), min_size=1, max_size=6))
def test_nobody_gets_fewer_than_asked_for_more_than_there_is_work_for_or_more_than_fit(
    sizing, program, requested, taken
):
    extra = extra_workers(sizing, job(program, requested), cell(*taken))

    assert extra >= 0
    if extra:
        assert requested + extra <= max(program.maps, program.reduces)
        assert requested + extra <= sum(8 - workers for workers in taken)


@given(programs, requests, st.sampled_from([1.0, 1.5, 4.0]))
def test_a_relative_size_is_a_multiple_of_the_request(program, requested, times):
    extra = extra_workers(RelativeJobSize(times), job(program, requested), cell(*[0] * 30))

    assert requested + extra <= max(times * requested, requested)
    # One more would be too many, or of no use.
    assert requested + extra + 1 > min(int(times * requested), program.most_workers)


@given(programs, requests, st.lists(st.integers(0, 8), min_size=1, max_size=6), st.sampled_from([0.3, 0.6, 1.0]))
def test_extra_workers_stay_below_the_cap_and_stop_at_nothing_else(program, requested, taken, share):
    view = cell(*taken, memory=17)
    wanted = extra_workers(MaxParallelism(), job(program, requested), view)

    extra = extra_workers(GlobalCap(share), job(program, requested), view)

    if extra:
        assert (allocated(view, requested + extra) <= share + 1e-12).all()
    if extra < wanted:
        assert (allocated(view, requested + extra + 1) > share - 1e-12).any()


def test_a_cap_that_memory_has_passed_stops_workers_that_need_none():
    no_memory = Task(Resources(1000, 0))
    program = MapReduce(100, 0, 1.0, 0.0)
    view = cell(6, 0, memory=8)  # 12 of 16 units of memory, 6 of 16 cores

    assert extra_workers(GlobalCap(0.7), job(program, 1, no_memory), view) == 0
    assert extra_workers(GlobalCap(0.8), job(program, 1, no_memory), view) == 5


def test_other_jobs_are_of_no_concern():
    assert extra_workers(MaxParallelism(), job(None), cell(0)) == 0


@pytest.mark.parametrize("wrong", [0.5, 0.0, float("nan")])
def test_a_job_cannot_be_held_below_its_request(wrong):
    with pytest.raises(UserError, match="times must be at least 1"):
        RelativeJobSize(wrong)


@pytest.mark.parametrize("wrong", [0.0, 1.1, float("nan")])
def test_a_cap_is_a_share(wrong):
    with pytest.raises(UserError, match="share must be more than 0"):
        GlobalCap(wrong)
