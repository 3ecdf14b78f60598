"""Who must go when a host has less memory than is used; the books are checked after every event."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.log import Event
from policies.placement import scores
from policies.requests import Resources
from policies.scheduling.architecture import monolithic
from traces.hosts import HostEvent
from traces.replay.replay import BACK_OFF_S, LONGEST_BACK_OFF_S
from traces.trace import OPEN_ENDED


def killed(run):
    return [(row.job, row.tasks) for row in run.of(Event.OUT_OF_MEMORY)]


def test_the_least_important_goes_first(cell):
    run = cell.run(
        [
            cell.job("important", memory=600, priority=2),
            cell.job("other", memory=600, priority=1),
            cell.job("last", 2.0, memory=1, priority=3),
        ]
    )

    assert killed(run)[0] == ("other", 1)
    assert len(run.of(Event.FINISHED)) == 3


def test_among_equals_goes_who_exceeds_its_request_most_and_then_who_came_last(cell):
    modest = cell.run(
        [cell.job("exceeds", memory=500, asks_memory=10), cell.job("asked", 1.0, memory=600, asks_memory=600)]
    )
    equal = cell.run([cell.job("first", memory=600), cell.job("last", 1.0, memory=600)])

    assert killed(modest)[0] == ("exceeds", 1)
    assert killed(equal)[0] == ("last", 1)


def test_no_more_go_than_must(cell):
    # Five of 300 are 1500 on a host of 1000: two must go.
    run = cell.run([cell.job("a", tasks=5, memory=300)])

    assert killed(run)[0] == ("a", 2)


def test_who_holds_none_stays(cell):
    run = cell.run(
        [
            cell.job("nothing", memory=0, priority=0),
            cell.job("big", memory=600, priority=1),
            cell.job("bigger", 1.0, memory=700, priority=1),
        ]
    )

    assert {job for job, _ in killed(run)} == {"bigger"}


def test_who_is_too_big_for_the_host_goes_before_those_who_could_not_help_it_and_does_not_come_again(cell):
    run = cell.run([cell.job("small", memory=100), cell.job("giant", 1.0, memory=1001, priority=9)])

    assert killed(run) == [("giant", 1)]
    assert [row.job for row in run.of(Event.SUBMITTED)] == ["small", "giant"]
    assert run.metrics["tasks_finished"] == 1
    assert run.metrics["tasks_out_of_memory"] == 1


def test_back_off_doubles_up_to_its_most(cell):
    # Two decisions of 1 s, then the second is killed at once, again and again while the first runs.
    run = cell.run([cell.job("stays", memory=600, run_s=1500.0), cell.job("fails", memory=600)])
    killed_s = [row.t_s for row in run.of(Event.OUT_OF_MEMORY, job="fails")]
    again_s = [row.t_s for row in run.of(Event.SUBMITTED, job="fails") if row.again]
    waits = (np.array(again_s) - killed_s[: len(again_s)]).tolist()

    doubled = [min(BACK_OFF_S * 2**n, LONGEST_BACK_OFF_S) for n in range(len(waits))]
    assert waits == pytest.approx(doubled)
    assert len(waits) > 6
    assert run.of(Event.FINISHED, job="fails")


def test_containers_of_one_job_that_are_killed_together_wait_equally_long(cell):
    run = cell.run(
        [
            cell.job("stays", tasks=3, memory=600, run_s=5.0, request=1.1, priority=1),
            cell.job("fails", tasks=3, memory=500, request=0.5),
        ],
        cell.hosts(n=3),
        score=scores.spread,
    )
    killed_s = [row.t_s for row in run.of(Event.OUT_OF_MEMORY, job="fails")]
    again_s = [row.t_s for row in run.of(Event.SUBMITTED, job="fails") if row.again]

    assert len(killed_s) == 3
    assert [again - gone for again, gone in zip(again_s, killed_s, strict=True)] == [BACK_OFF_S] * 3


def test_a_phase_that_needs_more_memory_may_be_too_much(cell):
    run = cell.run(
        [
            cell.job("grows", run_s=10.0, phases=[(0.5, 0.5, 100), (0.5, 0.5, 700)]),
            cell.job("there", memory=500, priority=1, run_s=20.0),
        ]
    )

    # It began at 1, and had done half of its work at 6.
    (first, *_) = run.of(Event.OUT_OF_MEMORY)
    assert (first.job, first.t_s, first.seconds) == ("grows", 6.0, 5.0)


def test_a_host_that_shrinks_may_have_too_little(cell):
    smaller = HostEvent(5.0, 0, True, Resources(2000, 500))
    run = cell.run([cell.job("a", tasks=3, memory=200)], cell.hosts(events=[smaller]))

    assert killed(run)[0] == ("a", 1)
    assert run.of(Event.OUT_OF_MEMORY)[0].t_s == 5.0


def test_what_was_done_of_those_who_were_killed_is_lost(cell):
    run = cell.run(
        [
            cell.job("grows", tasks=1, run_s=10.0, phases=[(0.5, 0.5, 100), (0.5, 0.5, 700)]),
            cell.job("there", memory=500, priority=1, run_s=5.0),
        ]
    )

    assert killed(run) == [("grows", 1)]
    assert run.metrics["lost_container_s"] == 5.0
    assert run.metrics["tasks_killed"] == run.metrics["tasks_out_of_memory"] == 1
    assert run.metrics["tasks_finished"] == 2


def test_who_fails_for_ever_does_not_keep_a_run_from_ending(cell):
    run = cell.run([cell.job("stays", memory=600, run_s=OPEN_ENDED), cell.job("fails", memory=600, run_s=OPEN_ENDED)])

    # It is given every chance until its back-off is the longest: 10 + 20 + 40 + 80 + 160 s.
    assert len(killed(run)) == 6
    assert run.metrics["tasks_running"] == 1


def test_who_waits_after_it_was_killed_keeps_a_run_from_ending(cell):
    run = cell.run([cell.job("big", memory=600, run_s=5.0), cell.job("again", memory=600, run_s=5.0)])

    assert run.metrics["tasks_finished"] == 2


@given(
    st.lists(st.tuples(st.floats(0, 50), st.integers(1, 4), st.integers(0, 1200), st.integers(0, 2)), max_size=8),
    st.booleans(),
)
@settings(max_examples=40, deadline=None)
def test_nothing_is_lost_but_who_is_too_big(cell, drawn, preempts):
    jobs = [
        cell.job(str(n), at, tasks=tasks, memory=float(memory), request=0.5, priority=priority)
        for n, (at, tasks, memory, priority) in enumerate(sorted(drawn))
    ]
    run = cell.run(jobs, cell.hosts(n=2), architecture=monolithic(preempt=preempts))

    for job, _, (use,), *_ in jobs:
        asked = sum(row.tasks for row in run.of(Event.SUBMITTED, job=job.id))
        started = sum(row.tasks for row in run.of(Event.STARTED, job=job.id))
        out = sum(row.tasks for row in run.of(Event.OUT_OF_MEMORY, job=job.id))
        evicted = sum(row.tasks for row in run.of(Event.PREEMPTED, job=job.id))
        finished = sum(row.tasks for row in run.of(Event.FINISHED, job=job.id))
        given_up = sum(row.tasks for row in run.of(Event.ABANDONED, job=job.id))
        for_good = out if use[0].demand.memory_bytes > 1000 else 0
        assert asked == started + given_up == job.tasks + evicted + out - for_good
        assert started == finished + out + evicted
        if not given_up:
            assert finished + for_good == job.tasks
