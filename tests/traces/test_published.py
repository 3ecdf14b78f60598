"""Loads of published size, and picky jobs: what is drawn is what the names promise."""

from itertools import islice

import numpy as np
import pytest

from policies.errors import UserError
from policies.requests import Operator
from traces.formats import open_trace
from traces.generate import EMBEDDED
from traces.reading.rejects import Rejects


def opened(name, seed=1):
    return open_trace(f"generated:{name}", Rejects(), seed)


def rate(trace, jobs=20_000):
    """Containers a second, over so many jobs."""
    first = list(islice(trace.arrivals(), jobs))
    return sum(job.tasks for job, *_ in first) / first[-1].job.submit_s


@pytest.mark.parametrize(
    ("name", "containers_a_second"), [("godel", 2000), ("google-week", 2e9 / 604_800), ("parsync", 40_000)]
)
def test_containers_come_at_the_published_rate(name, containers_a_second):
    # Of 20,000 exponential gaps and sizes the mean is known to one per cent: four of these.
    assert rate(opened(name)) == pytest.approx(containers_a_second, rel=0.04)


def test_the_busy_cell_has_its_23_000_containers_for_ever():
    (there,) = opened("busy-cell").prefill_anywhere()

    assert there.job.tasks == 23_000
    assert there.run_s == (float("inf"),)


@pytest.mark.parametrize("name", ["omega-b", "omega-c"])
def test_as_many_jobs_as_wanted_are_picky_and_each_kind_of_machine_is_there(name):
    trace = opened(f"{name}:picky=0.2")
    hosts = trace.hosts()
    kinds = [attributes["kind"] for attributes in hosts.attributes]
    jobs = [job for job, *_ in islice(trace.arrivals(), 10_000)]
    picky = [job for job in jobs if job.groups[0].task.constraints]

    assert len(picky) / len(jobs) == pytest.approx(0.2, abs=3 * (0.2 * 0.8 / 10_000) ** 0.5)
    asked = {constraint for job in picky for constraint in job.groups[0].task.constraints}
    assert {constraint.value for constraint in asked} == set(kinds)
    assert {constraint.operator for constraint in asked} == {Operator.EQUAL}
    assert all(hosts.could_hold(job.groups[0].task) for job in picky[:200])


def test_kinds_of_machines_are_as_common_as_they_should_be():
    kinds = [attributes["kind"] for attributes in opened("omega-b:picky=0.1").hosts().attributes]

    counts = np.array([kinds.count(str(kind)) for kind in range(4)])
    assert counts / len(kinds) == pytest.approx(np.array([8, 4, 2, 1]) / 15, abs=0.02)


def test_picky_or_not_the_same_jobs_come():
    plain, picky = (
        [(job.id, job.submit_s, job.tasks, run_s) for job, run_s, *_ in islice(opened(name).arrivals(), 500)]
        for name in ("omega-b", "omega-b:picky=0.5")
    )

    assert plain == picky


def test_programs_are_batch_jobs_unless_they_are_to_have_a_scheduler_of_their_own():
    def classes(name):
        return {job.workload for job, *_ in islice(opened(name).arrivals(), 3000)}

    assert classes("omega-a") == {"batch", "service"}
    assert classes("omega-a:mapreduce-workload=mapreduce") == {"batch", "service", "mapreduce"}


@pytest.mark.parametrize(
    ("name", "complaint"),
    [("omega-b:picky=2", "share must be between 0 and 1"), ("omega-b:picky=x", "picky: 'x' is not a number")],
)
def test_what_cannot_be_picky_is_said(name, complaint):
    with pytest.raises(UserError, match=complaint):
        opened(name)


@pytest.mark.parametrize("name", EMBEDDED)
def test_every_workload_says_where_its_numbers_are_from(name):
    assert any("assumed" in line for line in opened(name).assumptions())
