"""Traces made of others: nothing is split, nothing is lost but what was to go, and what ran goes on."""

from collections import Counter
from dataclasses import replace
from math import inf
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from policies.errors import UserError
from policies.requests import Demand, Group, Job, MapReduce, Resources, Task
from traces.changed.changed import Origin, changes, sources, traced
from traces.changed.denser import Denser
from traces.changed.faster import Faster
from traces.changed.merged import Merged
from traces.changed.thinned import Thinned
from traces.changed.window import Window
from traces.hosts import HostEvent, Profile, uniform
from traces.reading.rejects import Rejects
from traces.trace import OPEN_ENDED, Arrival, Phase, Recorded, Trace

TASK = Task(Resources(1000, 10))


class Told(Trace):
    """A trace of what it is told."""

    format = "told"
    dataset = "what a test tells"
    licence = "as you like"
    credit = "nobody"

    def __init__(self, arrivals=(), recorded=(), anywhere=(), hosts=None, end_s=None):
        super().__init__(Path("told"), Rejects())
        self._arrivals, self._recorded, self._anywhere = arrivals, recorded, anywhere
        self._hosts, self._end_s = hosts, end_s

    def arrivals(self):
        self.rejects.begin()
        for arrival in self._arrivals:
            self.rejects.read += 1
            self.rejects.accepted += 1
            yield arrival

    def prefill(self):
        return iter(self._recorded)

    def prefill_anywhere(self):
        return iter(self._anywhere)

    def hosts(self):
        return self._hosts

    def end_s(self):
        return self._end_s


def job(name, submit_s=0.0, run_s=1.0, count=1, **more):
    rest = {key: more.pop(key) for key in ("behaviours", "after", "workflow") if key in more}
    return Arrival(Job(name, submit_s, "batch", (Group(TASK, count),), **more), (run_s,), **rest)


def recorded(name, hosts, run_s, **more):
    return Recorded(name, "service", TASK, np.array(hosts), run_s, **more)


def names(arrivals):
    return [arrival.job.id for arrival in arrivals]


TIMES = st.integers(0, 40).map(lambda quarters: quarters / 4)
RUNS = st.integers(0, 80).map(lambda quarters: quarters / 4) | st.just(inf)


@st.composite
def workloads(draw):
    times = sorted(draw(st.lists(TIMES, max_size=12)))
    told = []
    for submit_s in times:
        count = draw(st.integers(1, 3))
        run_s = draw(RUNS | st.lists(RUNS, min_size=count, max_size=count).map(np.array))
        # Few names, so that jobs are submitted again and workflows have several.
        name, workflow = draw(st.sampled_from("abcdef")), draw(st.sampled_from(["", "v", "w"]))
        told.append(
            job(f"{workflow}{name}", submit_s, run_s, count, workflow=workflow, user=draw(st.sampled_from("xy")))
        )
    return told


# --- what all have in common


def test_what_is_not_changed_is_handed_on():
    told = Told([job("a", 2.0)], [recorded("p", [0], 5.0)], [job("q")], uniform(1, 4.0, 100), 9.0)

    for changed in (Faster(told, 1.0), Denser(told, 1.0), Thinned(told, 1.0), Window(told)):
        assert names(changed.arrivals()) == ["a"]
        assert [entry.job for entry in changed.prefill()] == ["p"]
        assert names(changed.prefill_anywhere()) == ["q"]
        assert (len(changed.hosts()), changed.end_s(), changed.progress()) == (1, 9.0, None)
        assert (changed.dataset, changed.licence, changed.credit) == ("what a test tells", "as you like", "nobody")
        assert changed.files() == told.files()
        assert sources(changed) == [told]
        assert changed.assumptions()


def test_a_job_is_traced_through_all_changes_to_its_source():
    one, other = Told([job("a", 10.0), job("b", 30.0)]), Told([job("a", 20.0)])

    stack = Faster(Denser(Merged(Window(one, 5.0), other), 2.0), 4.0)

    # The second begins 5 s later than the first one's window.
    assert [(arrival.job.id, arrival.job.submit_s, *origin) for arrival, origin in traced(stack)] == [
        ("1/a", 5 / 8, 1, "a", 10.0),
        ("2/a", 20 / 8, 2, "a", 20.0),
        ("1/b", 25 / 8, 1, "b", 30.0),
    ]
    assert sources(stack) == [one, other]
    assert [change["change"] for change in changes(stack)] == ["merged", "denser", "faster"]
    assert changes(stack)[0]["before"] == [[{"change": "window", "from_s": 5.0, "to_s": None}], []]
    assert changes(one) == []


@pytest.mark.parametrize(
    "wrong",
    [
        lambda told: Thinned(told, 0.0), lambda told: Thinned(told, 1.1), lambda told: Thinned(told, float("nan")),
        lambda told: Denser(told, 0.0), lambda told: Denser(told, inf), lambda told: Faster(told, -1.0),
        lambda told: Window(told, 5.0, 5.0), lambda told: Window(told, -1.0), lambda told: Window(told, inf),
        Merged,
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(wrong):
    with pytest.raises(ValueError, match=r"is not|is no span|nothing to merge"):
        wrong(Told())


# --- time


@given(workload=workloads(), first=st.floats(0.1, 10), second=st.floats(0.1, 10))
def test_a_speed_after_another_is_their_product(workload, first, second):
    twice, at_once = (
        list(trace.arrivals())
        for trace in (Faster(Faster(Told(workload), first), second), Faster(Told(workload), first * second))
    )

    assert names(twice) == names(at_once)
    for one, other in zip(twice, at_once, strict=True):
        assert one.job.submit_s == pytest.approx(other.job.submit_s)
        np.testing.assert_allclose(one.run_s[0], other.run_s[0])


@given(workload=workloads(), rate=st.floats(0.1, 10))
def test_a_rate_and_its_inverse_change_nothing_and_run_times_are_never_changed(workload, rate):
    told = Told(workload, end_s=100.0)
    once = Denser(told, rate)
    back = Denser(once, 1 / rate)

    for changed, divided in ((once, rate), (back, 1.0)):
        assert changed.end_s() == pytest.approx(100.0 / divided)
        for one, other in zip(changed.arrivals(), workload, strict=True):
            assert one.job.submit_s == pytest.approx(other.job.submit_s / divided)
            assert one._replace(job=other.job) == other


# --- thinned


@given(workload=workloads(), share=st.floats(0.01, 1), seed=st.integers(0, 5))
def test_thinning_never_splits_a_job_or_a_workflow(workload, share, seed):
    kept = list(Thinned(Told(workload), share, seed).arrivals())

    def wholes(arrivals):
        return Counter(arrival.workflow or arrival.job.id for arrival in arrivals)

    whole, left = wholes(workload), wholes(kept)
    assert all(left[name] == whole[name] for name in left)
    assert [id(arrival) for arrival in workload if (arrival.workflow or arrival.job.id) in left] == list(map(id, kept))


def test_so_many_are_kept_and_a_smaller_share_is_a_part_of_a_larger_and_another_seed_keeps_others():
    told = Told([job(f"j{number}") for number in range(20_000)])
    tenth, third, other = (
        set(names(Thinned(told, share, seed).arrivals())) for share, seed in ((0.1, 1), (0.3, 1), (0.1, 2))
    )

    # Binomial: five standard deviations.
    assert len(tenth) == pytest.approx(2000, abs=5 * (20_000 * 0.1 * 0.9) ** 0.5)
    assert len(third) == pytest.approx(6000, abs=5 * (20_000 * 0.3 * 0.7) ** 0.5)
    assert tenth < third
    assert len(tenth & other) == pytest.approx(200, abs=5 * 200**0.5)


def test_a_job_that_came_after_one_that_is_gone_is_counted():
    told = Told([job(f"j{number}", after=(f"j{number - 1}",)) for number in range(1, 200)])
    thinned = Thinned(told, 0.5)

    for _ in range(2):  # counted anew each time
        kept = set(names(thinned.arrivals()))
        lost = sum(not thinned.keeps(f"j{int(name[1:]) - 1}") for name in kept)
        assert lost
        assert [note for note in thinned.assumptions() if note.endswith(f"taken to have ended: {lost}")]


def test_hosts_are_thinned_on_request_and_keep_what_ran_on_them():
    hosts = replace(
        uniform(200, 4.0, 100),
        events=[HostEvent(float(number + 1), number, False) for number in range(200)],
        attributes=[{"number": str(number)} for number in range(200)],
        profiles=[Profile(number) for number in range(200)],
    )
    entries = [recorded("p", range(200), np.arange(200.0)), recorded("q", [7, 8], 3.0)]
    told = Told([], entries, [], hosts)
    plain, fewer = Thinned(told, 0.4), Thinned(told, 0.4, hosts=True)

    assert len(plain.hosts()) == 200
    assert {entry.job for entry in plain.prefill()} == {name for name in "pq" if plain.keeps(name)}
    few = fewer.hosts()
    assert 40 < len(few) < 120
    for row, name in enumerate(few.names):
        number = int(name.removeprefix("host-"))
        assert few.attributes[row] == {"number": str(number)}
        assert few.profiles[row] == Profile(number)
        assert [event.t_s for event in few.events if event.host == row] == [number + 1]
    ran = {few.names[host]: run_s for entry in fewer.prefill() if entry.job == "p" for host, run_s in
           zip(entry.hosts.tolist(), entry.run_s.tolist(), strict=True)}  # fmt: skip
    assert ran == {name: float(name.removeprefix("host-")) for name in few.names}


def test_a_share_that_keeps_no_host_is_an_error():
    with pytest.raises(UserError, match="keeps none of the 2 hosts"):
        Thinned(Told(hosts=uniform(2, 4.0, 100)), 1e-9, hosts=True).hosts()


# --- windows


def running(arrivals, times_s):
    """How many containers run, if each does so as soon as it is submitted."""
    lives = [
        (arrival.job.submit_s, arrival.job.submit_s + left_s)
        for arrival in arrivals
        for group, run_s in zip(arrival.job.groups, arrival.run_s, strict=True)
        for left_s in np.broadcast_to(run_s, group.count).tolist()
    ]
    return [sum(begin_s <= t_s < end_s for begin_s, end_s in lives) for t_s in times_s]


@given(workload=workloads(), begins=TIMES, lasts=st.integers(1, 40).map(lambda quarters: quarters / 4))
def test_in_a_window_runs_what_runs_in_the_whole(workload, begins, lasts):
    window = Window(Told(workload), begins, begins + lasts)

    inside = [*window.prefill_anywhere(), *window.arrivals()]

    times_s = np.arange(0, lasts, 0.125)
    assert running(inside, times_s) == running(workload, begins + times_s)
    assert window.end_s() == lasts


def test_jobs_are_shifted_and_what_began_before_has_its_rest():
    phases = (Phase(0.25, Demand(1.0, 0.0)), Phase(0.75, Demand(2.0, 0.0)))
    before = job("a", 10.0, 40.0, estimate_s=50.0, behaviours=(phases,), after=("z",), workflow="w", user="u")
    ended, inside, at_the_end = job("b", 12.0, 8.0), job("c", 20.0, after=("a",)), job("d", 60.0)
    program = job("m", 11.0, 30.0, mapreduce=MapReduce(4, 2, 8.0, 6.0))
    window = Window(Told([before, program, ended, inside, at_the_end], end_s=100.0), 20.0, 60.0)

    rest, rest_of_program = window.prefill_anywhere()
    (come,) = window.arrivals()

    assert (rest.job.submit_s, rest.run_s, rest.job.estimate_s) == (0.0, (30.0,), 40.0)
    assert (rest.workflow, rest.job.user, rest.after) == ("w", "u", ())
    assert rest.behaviours == (phases[1:2],) or rest.behaviours == ((Phase(1.0, phases[1].demand),),)
    assert (rest_of_program.job.mapreduce, rest_of_program.run_s) == (None, (21.0,))
    assert (come.job.submit_s, come.after) == (0.0, ("a",))
    assert window.end_s() == 40.0
    assert [note for note in window.assumptions() if "submitted: 1" in note]


def test_containers_of_several_run_times_are_each_in_their_own_phase():
    phases = (Phase(0.5, Demand(1.0, 0.0)), Phase(0.5, Demand(2.0, 0.0)))
    window = Window(Told([job("a", 0.0, np.array([12.0, 100.0, 5.0]), 3, behaviours=(phases,))]), 8.0)

    (rest,) = window.prefill_anywhere()

    assert [np.asarray(run_s).tolist() for run_s in rest.run_s] == [4.0, 92.0]
    assert [group.count for group in rest.job.groups] == [1, 1]
    near_its_end, in_the_first_half = rest.behaviours
    assert [phase.demand for phase in near_its_end] == [phases[1].demand]
    assert [phase.share for phase in in_the_first_half] == pytest.approx([42 / 92, 50 / 92])


def test_what_ran_from_the_beginning_stays_where_it_was_unless_its_host_left():
    hosts = replace(
        uniform(3, 4.0, 100),
        attributes=[{"a": "1"}, {"a": "2"}, {}],
        events=[
            HostEvent(5.0, 0, True, Resources(1, 2), {"a": None, "b": "3"}),
            HostEvent(6.0, 1, False),
            HostEvent(10.0, 2, True, None, {"c": "4"}),
            HostEvent(12.0, 2, False),
            HostEvent(20.0, 0, False),
        ],
    )
    entries = [
        recorded("p", [0, 1, 2], np.array([30.0, 40.0, 10.0])),
        recorded("q", [2], 50.0),
        recorded("r", [0], 9.0),
    ]
    window = Window(Told([], entries, [job("s", 0.0, 11.0)], hosts), 10.0, 20.0)

    placed, moved = list(window.prefill()), list(window.prefill_anywhere())

    assert [(entry.job, entry.hosts.tolist(), np.asarray(entry.run_s).tolist()) for entry in placed] == [
        ("p", [0], [20.0]),
        ("q", [2], 40.0),
    ]
    assert [(one.job.id, np.asarray(one.run_s[0]).tolist()) for one in moved] == [("p", [30.0]), ("s", 1.0)]
    assert [note for note in window.assumptions() if "no recorded place: 1" in note]
    now = window.hosts()
    assert now.alive.tolist() == [True, False, True]
    assert now.capacity[:2, 0].tolist() == [1, 2]
    assert now.attributes == [{"b": "3"}, {"a": "2"}, {"c": "4"}]
    assert now.events == [HostEvent(2.0, 2, False)]


# --- merged


@given(one=workloads(), other=workloads())
def test_merged_traces_add_up_and_stand_in_order(one, other):
    merged = Merged(Told(one), Told(other))

    every = list(traced(merged))

    times_s = [arrival.job.submit_s for arrival, _ in every]
    assert times_s == sorted(times_s)
    for number, told in ((1, one), (2, other)):
        mine = [(arrival, origin) for arrival, origin in every if origin.source == number]
        assert [origin for _, origin in mine] == [Origin(number, was.job.id, was.job.submit_s) for was in told]
        assert [arrival.job.id for arrival, _ in mine] == [f"{number}/{was.job.id}" for was in told]
        assert [arrival.job.user for arrival, _ in mine] == [f"{number}/{was.job.user}" for was in told]
        assert [arrival.workflow for arrival, _ in mine] == [
            was.workflow and f"{number}/{was.workflow}" for was in told
        ]
    rejects = merged.rejects
    assert rejects.read == rejects.accepted == len(one) + len(other) == len(every)


def test_hosts_are_those_of_all_and_what_runs_on_them_stays_there():
    first = replace(uniform(2, 4.0, 100), events=[HostEvent(5.0, 1, False)], attributes=[{"a": "1"}, {}])
    second = replace(uniform(3, 8.0, 100), events=[HostEvent(3.0, 2, False)], profiles=[Profile(1.0)] * 3)
    one = Told([job("a", after=("z",))], [recorded("p", [1], 5.0)], [job("q")], first, 10.0)
    other = Told([], [recorded("p", [0, 2], 5.0, user="u")], [job("q")], second, 20.0)
    merged = Merged(one, other)

    hosts = merged.hosts()
    assert hosts.names == ["1/host-0", "1/host-1", "2/host-0", "2/host-1", "2/host-2"]
    assert hosts.capacity[0].tolist() == [4000, 4000, 8000, 8000, 8000]
    assert hosts.events == [HostEvent(3.0, 4, False), HostEvent(5.0, 1, False)]
    assert hosts.attributes == [{"a": "1"}, {}, {}, {}, {}]
    assert hosts.profiles == [Profile()] * 2 + [Profile(1.0)] * 3
    assert [(entry.job, entry.hosts.tolist()) for entry in merged.prefill()] == [("1/p", [1]), ("2/p", [2, 4])]
    assert names(merged.prefill_anywhere()) == ["1/q", "2/q"]
    assert merged.end_s() == 20.0
    assert next(merged.arrivals()).after == ("1/z",)


def test_on_the_hosts_of_the_first_others_have_no_place():
    one = Told([], [recorded("p", [1], 5.0)], [], uniform(2, 4.0, 100), 10.0)
    other = Told([], [recorded("p", [0, 2], 5.0, user="u")], [job("q")], uniform(3, 8.0, 100))
    merged = Merged(one, other, hosts="first")

    assert len(merged.hosts()) == 2
    assert [entry.job for entry in merged.prefill()] == ["1/p"]
    assert names(merged.prefill_anywhere()) == ["2/p", "2/q"]
    assert merged.end_s() is None
    assert [note for note in merged.assumptions() if "no hosts of trace 2" in note]
    assert Merged(Told(), Told()).hosts() is None


def test_a_run_without_end_is_so_in_every_trace_made_of_it():
    told = Told([job("a", 1.0, OPEN_ENDED)])

    for changed in (Faster(told, 3.0), Denser(told, 3.0), Window(told, 0.5)):
        assert [arrival.run_s for arrival in changed.arrivals()] == [(OPEN_ENDED,)]
    assert [arrival.run_s for arrival in Window(told, 7.0).prefill_anywhere()] == [(OPEN_ENDED,)]
