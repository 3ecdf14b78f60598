"""How long workflows take in the tank, against the longest chain that they must take; hosts are not shared."""

from functools import cache

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from traces.trace import OPEN_ENDED

LENGTHS = st.floats(0.001, 50.0)


def chain(cell, lengths, before, at=0.0, workflow="w", tasks=1):
    """Make a workflow: the run time of each job, and for each the numbers of jobs before it."""
    return [
        cell.job(f"{workflow}-{n}", at, run_s, tasks, after=tuple(f"{workflow}-{m}" for m in sorted(earlier) if m < n))
        ._replace(workflow=workflow)
        for n, (run_s, earlier) in enumerate(zip(lengths, before, strict=False))
    ]  # fmt: skip


def longest_path(lengths, before):
    """Follow every job back to a beginning."""

    @cache
    def ends(n):
        return lengths[n] + max((ends(m) for m in before[n] if m < n), default=0)

    return max(ends(n) for n in range(len(lengths)))


def workflows(run):
    return {name: value for name, value in run.metrics.items() if name.startswith("workflow")}


GRAPHS = st.integers(1, 9).flatmap(
    lambda n: st.tuples(
        st.lists(LENGTHS, min_size=n, max_size=n),
        st.lists(st.sets(st.integers(0, n - 1), max_size=3), min_size=n, max_size=n),
    )
)


@given(GRAPHS, st.floats(0.0, 1e7))
@settings(max_examples=60, deadline=None)
def test_where_nobody_waits_a_workflow_takes_its_critical_path_to_the_last_bit(cell, graph, at):
    run = cell.run(chain(cell, *graph, at), cell.hosts(cores=99), shared=False, thinks_s=0.0, audit=False)

    metrics = workflows(run)
    assert metrics["workflows"] == 1
    assert metrics["workflow_makespan_mean_s"] == metrics["workflow_critical_path_mean_s"]
    assert metrics["workflow_stretch_mean"] == metrics["workflow_stretch_p90"] == 1


@given(st.lists(st.integers(1, 10**6), min_size=1, max_size=9), st.data())
@settings(max_examples=60, deadline=None)
def test_the_critical_path_is_the_longest_chain(cell, lengths, data):
    # Whole numbers add up without rounding, in whatever order.
    numbers = st.sets(st.integers(0, len(lengths) - 1), max_size=3)
    before = data.draw(st.lists(numbers, min_size=len(lengths), max_size=len(lengths)))
    run = cell.run(chain(cell, map(float, lengths), before), shared=False, audit=False)

    assert workflows(run)["workflow_critical_path_mean_s"] == longest_path(lengths, before)


@given(st.lists(st.tuples(GRAPHS, st.floats(0.0, 100.0)), min_size=1, max_size=3), st.integers(1, 3))
@settings(max_examples=40, deadline=None)
def test_no_workflow_is_faster_than_its_critical_path(cell, graphs, tasks):
    jobs = [
        job
        for number, (graph, at) in enumerate(graphs)
        for job in chain(cell, *graph, at, workflow=f"w{number}", tasks=tasks)
    ]
    jobs.sort(key=lambda arrival: arrival.job.submit_s)
    run = cell.run(jobs, cell.hosts(memory=60), shared=False, thinks_s=0.5, audit=False)

    metrics = workflows(run)
    assert metrics["workflows"] == len(graphs)
    assert metrics["workflow_stretch_mean"] >= 1
    assert metrics["workflow_makespan_mean_s"] >= metrics["workflow_critical_path_mean_s"]


def test_a_job_of_which_containers_come_again_is_at_its_end_with_the_last_of_them(cell):
    job = cell.job("a", tasks=2, memory=600, run_s=3.0)._replace(workflow="w")
    run = cell.run([job])

    metrics = workflows(run)
    assert metrics["workflow_makespan_mean_s"] == max(end_s for end_s, _ in run.ends()["a"])
    assert metrics["workflow_stretch_mean"] > 2


@pytest.mark.parametrize("lengths", [(1.0, OPEN_ENDED), (OPEN_ENDED, 1.0)])
def test_a_workflow_with_a_job_that_does_not_end_is_unfinished(cell, lengths):
    run = cell.run(chain(cell, lengths, [(), (0,)]), shared=False)

    assert workflows(run) == dict.fromkeys(workflows(run)) | {"workflows": 0, "workflows_unfinished": 1}


def test_without_workflows_there_are_no_such_metrics_whoever_comes_after_whom(cell):
    run = cell.run([cell.job("a"), cell.job("b", after=("a",))], shared=False)

    assert not workflows(run)


def test_a_workflow_that_takes_no_time_has_no_stretch(cell):
    run = cell.run(chain(cell, [0.0], [()]), shared=False)

    assert workflows(run)["workflow_makespan_mean_s"] == 1.0
    assert workflows(run)["workflow_stretch_mean"] is None


def test_nothing_is_kept_of_workflows_that_have_ended(cell):
    jobs = [cell.job(f"j{n}", 20.0 * n)._replace(workflow=f"w{n}") for n in range(50)]
    run = cell.run(jobs, shared=False)

    assert run.metrics["workflows"] == 50
    assert not run.tank._workflows
    assert not run.tank._workflows._open


def test_a_name_that_comes_again_after_the_end_is_another_workflow(cell):
    run = cell.run([cell.job("a")._replace(workflow="w"), cell.job("b", 100.0)._replace(workflow="w")], shared=False)

    assert workflows(run)["workflows"] == 2
