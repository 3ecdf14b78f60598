"""Jobs that come after others; the books are checked after every event."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from policies.log import Event
from traces.trace import OPEN_ENDED


@pytest.mark.parametrize("shared", [True, False])
def test_a_job_is_submitted_when_the_last_container_of_all_it_comes_after_ended(cell, shared):
    run = cell.run(
        [cell.job("a", tasks=3, run_s=5.0), cell.job("b", run_s=20.0), cell.job("c", 1.0, after=("a", "b"))],
        cell.hosts(cores=9), shared=shared,
    )  # fmt: skip
    last_s = max(end_s for job in ("a", "b") for end_s, _ in run.ends()[job])
    (submitted,) = run.of(Event.SUBMITTED, job="c")
    (started,) = run.of(Event.STARTED, job="c")

    assert submitted.t_s == last_s
    # Its age counts from then: it was nobody's job before.
    assert (started.age_s, started.t_s) == (1.0, last_s + 1.0)
    assert run.metrics["jobs_held"] == 0


@given(st.lists(st.sets(st.integers(0, 9), max_size=3), max_size=10), st.booleans())
@settings(max_examples=40, deadline=None)
def test_a_graph_of_jobs_runs_in_an_order_that_it_allows(cell, before, shared):
    jobs = [
        cell.job(f"j{n}", float(n % 3 and n), tasks=1 + n % 3, after=tuple(f"j{m}" for m in earlier if m < n))
        for n, earlier in enumerate(before)
    ]
    jobs.sort(key=lambda arrival: arrival.job.submit_s)
    known = set()
    jobs = [one._replace(after=tuple(name for name in one.after if name in known) + (known.add(one.job.id) or ()))
            for one in jobs]  # fmt: skip
    run = cell.run(jobs, shared=shared)

    assert len(run.ends()) == len(jobs)
    for arrival in jobs:
        (submitted,) = run.of(Event.SUBMITTED, job=arrival.job.id)
        ends_s = [end_s for name in arrival.after for end_s, _ in run.ends()[name]]
        assert submitted.t_s == max([arrival.job.submit_s, *ends_s])


@pytest.mark.parametrize(
    ("first", "event"),
    [({"request": 99.0}, Event.INFEASIBLE), ({"memory": 5000}, Event.OUT_OF_MEMORY), ({"run_s": OPEN_ENDED}, None)],
)
def test_what_comes_after_a_job_that_never_ends_stays_held_and_the_run_is_over(cell, first, event):
    run = cell.run([cell.job("a", **first), cell.job("b", 1.0, after=("a",)), cell.job("c", 2.0, after=("b",))])

    assert run.metrics["jobs_held"] == 2
    assert not run.of(Event.SUBMITTED, job="b")
    assert event is None or run.of(event, job="a")


def test_two_held_jobs_of_one_name_are_both_submitted(cell):
    run = cell.run(
        [
            cell.job("a"),
            cell.job("twice", 1.0, after=("a",)),
            cell.job("twice", 2.0, after=("a",)),
            cell.job("last", 3.0, after=("twice",)),
        ]
    )

    assert len(run.of(Event.SUBMITTED, job="twice")) == 2
    assert run.of(Event.SUBMITTED, job="last")[0].t_s == max(end_s for end_s, _ in run.ends()["twice"])


def test_a_job_is_not_over_while_containers_that_were_killed_come_again(cell):
    run = cell.run([cell.job("a", tasks=2, memory=600, run_s=3.0), cell.job("b", after=("a",))])

    assert run.of(Event.OUT_OF_MEMORY, job="a")
    assert run.of(Event.SUBMITTED, job="b")[0].t_s == max(end_s for end_s, _ in run.ends()["a"])
