"""What ran becomes jobs: nothing is lost, and what is not known is said."""

from dataclasses import replace
from math import inf

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.requests import Resources
from real import labels as label
from real.watching.lives import Life, arrivals_of, asked_for, began_line, read_journal
from real.watching.use import Counters
from traces.formats.native import Native, write_native
from traces.reading.rejects import Rejects

BEGAN_S = 1000.0


def counters(taken_s, cpu_s=0.0, memory_bytes=2**20, **others):
    zero = Counters(0.0, 0, 0, 0, 0, 0, 0, 0.0, 0.0, 0.0)
    return zero._replace(taken_s=taken_s, cpu_s=cpu_s, memory_bytes=memory_bytes, **others)


def life(name="a", started_s=BEGAN_S + 5, ended_s=BEGAN_S + 15, measured=(), labels=None, **others):
    made = Life("h1", f"id-{name}-{started_s}", name, labels or {}, started_s, ended_s, **others)
    for each in measured:
        made.measured(each)
    return made


def ours(job="J", submitted_s=0.0, attempt=0, run="r", **others):
    return {
        label.OWNER: "me",
        label.RUN: run,
        label.JOB: job,
        label.SUBMITTED: str(submitted_s),
        label.ATTEMPT: str(attempt),
        **others,
    }


def only(lives):
    arrivals, _ = arrivals_of(lives, BEGAN_S)
    assert len(arrivals) == 1
    return arrivals[0]


def demand_of(arrival):
    return arrival.behaviours[0][0].demand


def test_use_is_the_mean_since_the_start_and_the_most_of_memory():
    taken = [
        counters(BEGAN_S + 6, 0.3, 9000),
        counters(BEGAN_S + 15, 3.0, 5000, read_bytes=100_000, written_bytes=300_000, reads=10, writes=40, net_bytes=50),
    ]

    arrival = only([life(measured=taken)])

    demand = demand_of(arrival)
    assert demand.cpu_cores == pytest.approx(0.3)
    assert demand.memory_bytes == 9000
    assert (demand.disk_read_bps, demand.disk_write_bps) == (10_000, 30_000)
    assert demand.io_size_bytes == 8000
    assert demand.net_bps == 5
    assert (arrival.job.submit_s, arrival.run_s) == (5.0, (10.0,))


def test_what_a_container_did_before_the_recording_does_not_count():
    taken = [counters(BEGAN_S, 500.0), counters(BEGAN_S + 10, 504.0)]

    arrival = only([life(started_s=BEGAN_S - 900, ended_s=BEGAN_S + 12, measured=taken)])

    assert demand_of(arrival).cpu_cores == pytest.approx(0.4)
    assert (arrival.job.submit_s, arrival.run_s) == (0.0, (12.0,))


def test_what_still_runs_has_no_end():
    arrivals, notes = arrivals_of([life(ended_s=None)], BEGAN_S)

    assert arrivals[0].run_s == (inf,)
    assert any("--until" in note for note in notes)


def test_what_was_not_asked_for_is_what_was_used_and_no_more_than_the_host_has():
    taken = [counters(BEGAN_S + 15, 8.02, 600)]

    free = only([life(measured=taken)]).job.groups[0].task.need
    capped = only([life(measured=taken, room=Resources(800, 500))]).job.groups[0].task.need
    asked = only([life(measured=taken, asked=Resources(2000, 9000), room=Resources(800, 500))]).job.groups[0].task.need

    assert free[:2] == (802, 600)
    assert capped[:2] == (800, 500)
    assert asked[:2] == (2000, 9000)


def test_of_what_was_not_measured_nothing_is_said():
    arrivals, notes = arrivals_of([life(ended_s=BEGAN_S + 5.2)], BEGAN_S)

    assert arrivals[0].behaviours == ()
    assert any("measured" in note for note in notes)


@pytest.mark.parametrize(
    ("config", "labels", "asked"),
    [
        ({"NanoCpus": 250_000_000, "CpuShares": 512, "Memory": 100}, {}, (250, 100)),
        ({"CpuShares": 512}, {}, (500, 0)),
        ({"CpuShares": 1024}, {}, (0, 0)),
        ({}, {}, (0, 0)),
        ({"CpuShares": 2, "Memory": 100}, {label.CPU_MILLI: "1500", label.MEMORY_BYTES: "70"}, (1500, 70)),
        ({}, {label.CPU_MILLI: "a lot"}, (0, 0)),
    ],
)
def test_our_labels_win_over_limits_and_limits_over_shares(config, labels, asked):
    assert asked_for({"HostConfig": config, "Config": {"Labels": labels}})[:2] == asked


def test_containers_that_came_together_are_one_submission_and_later_ones_another():
    compose = {"com.docker.compose.project": "p", "com.docker.compose.service": "web"}
    lives = [
        life(f"p-web-{number}", BEGAN_S + at_s, None, labels=compose, kept_up=True, asked=Resources(100, 100))
        for number, at_s in enumerate((1.0, 1.2, 1.9, 7.0))
    ]

    arrivals, _ = arrivals_of(lives, BEGAN_S)

    assert [(each.job.id, each.job.submit_s, each.job.tasks) for each in arrivals] == [
        ("p/web", 1.0, 3),
        ("p/web", 7.0, 1),
    ]
    assert arrivals[0].job.workload == "service"
    assert [group.count for group in arrivals[0].job.groups] == [3]


def test_our_jobs_are_submitted_when_they_were_and_not_when_they_started():
    lives = [
        life("x", BEGAN_S + 2.5, labels=ours("x", 2.0)),  # the least wait: the run began at 0.5 at the latest
        life("y", BEGAN_S + 9.0, labels=ours("y", 3.0)),
        life("y", BEGAN_S + 20.0, labels=ours("y", 3.0, attempt=1)),
        life("z", BEGAN_S + 9.0, labels=ours("z", 1.0, run="other")),
    ]

    arrivals, _ = arrivals_of(lives, BEGAN_S)

    at_s = {}
    for each in arrivals:
        at_s.setdefault(each.job.id, []).append(each.job.submit_s)
    assert at_s == {"x": [2.5], "y": [3.5, 20.0], "z": [9.0]}


names = st.sampled_from(["a", "b", "c"])
moments = st.floats(-50, 50).map(lambda each: round(each, 3))


@st.composite
def some_life(draw):
    started_s = BEGAN_S + draw(moments)
    ended_s = draw(st.one_of(st.none(), st.floats(0, 100).map(lambda each: max(BEGAN_S, started_s) + each)))
    labels = draw(st.sampled_from([{}, {"com.docker.swarm.service.name": "s"}]))
    if draw(st.booleans()):
        labels = ours(draw(names), draw(st.floats(0, 50)), draw(st.integers(0, 1)))
    measured = [
        counters(max(started_s, BEGAN_S) + at_s, at_s * 0.5)
        for at_s in draw(st.lists(st.floats(0, 9), max_size=3).map(sorted))
    ]
    made = life(draw(names), started_s, ended_s, measured, labels)
    return replace(made, asked=Resources(draw(st.integers(0, 2)), draw(st.integers(0, 2))))


@settings(deadline=None)  # the first of them pays for importing Arrow
@given(st.lists(some_life(), min_size=1, max_size=12))
def test_as_many_containers_are_replayed_as_were_recorded(tmp_path_factory, lives):
    path = tmp_path_factory.mktemp("trace") / "t.csv"
    arrivals, _ = arrivals_of(lives, BEGAN_S)

    write_native(arrivals, path)

    read = list(Native(path, Rejects()).arrivals())
    assert sum(each.job.tasks for each in read) == len(lives)
    ran_s = sorted(inf if each.ended_s is None else each.ended_s - max(BEGAN_S, each.started_s) for each in lives)
    replayed_s = sorted(
        run_s
        for each in read
        for group, run_s in zip(each.job.groups, each.run_s, strict=True)
        for _ in range(group.count)
    )
    assert replayed_s == pytest.approx(ran_s, abs=1e-3)


def test_a_journal_gives_the_last_that_is_known_of_each_life(tmp_path):
    first, running = life(ended_s=None), life("b", ended_s=None, measured=[counters(BEGAN_S + 8, 1.0)])
    ended = replace(first, ended_s=BEGAN_S + 9)
    earlier = life("before", BEGAN_S - 9, BEGAN_S - 1)
    path = tmp_path / "journal"
    lines = [first.as_line(), earlier.as_line(), began_line(BEGAN_S), running.as_line(), ended.as_line()]
    path.write_text("\n".join(lines) + '\n{"host": "h1", "cont')

    lives, began_s = read_journal(path)

    assert began_s == BEGAN_S
    assert lives == [ended, running]
