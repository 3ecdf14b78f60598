"""The trace of 2017: what becomes of tasks and their instances, of services and of machines."""

import csv
import json

import numpy as np
import pytest
from click.testing import CliRunner

from experiments.cli import towtank
from policies.errors import UserError
from policies.requests import Resources
from traces.formats import open_trace
from traces.formats.alibaba2017 import Alibaba2017, looks_like
from traces.reading.options import ReadOptions
from traces.reading.reference import reference_named
from traces.reading.rejects import OnBadRow, Rejects
from traces.trace import OPEN_ENDED

USAGE = ReadOptions(usage=True)
WHOLE = 2**38
MACHINES = "0,12,add,,64,0.5,0.9\n0,13,add,,64,1,0.9\n"


@pytest.fixture
def folder(tmp_path):
    """Write tables into a folder and open it."""

    def write(rejects=None, options=None, **tables):
        for name, rows in tables.items():
            (tmp_path / f"{name}.csv").write_text(
                rows if isinstance(rows, str) else "".join(f"{row}\n" for row in rows)
            )
        return Alibaba2017(tmp_path, rejects or Rejects(), options or ReadOptions())

    return write


def only(trace):
    [arrival] = trace.arrivals()
    return arrival


def noted(trace, words):
    """How often something was odd that is said in these words, 0 if it is not."""
    return sum(int(note.rpartition(": ")[2].replace(",", "")) for note in trace.counted() if words in note)


# --- tasks


def test_a_task_is_a_job_of_as_many_containers_as_it_has_instances(folder):
    arrival = only(folder(batch_task=["6459,6524,3,4,7,Terminated,50,0.0078125"]))

    job = arrival.job
    assert (job.id, job.submit_s, job.workload, job.tasks) == ("3/4", 6459.0, "batch", 7)
    assert job.groups[0].task.need == Resources(500, WHOLE // 128)
    assert (arrival.run_s, arrival.after, arrival.workflow) == ((65.0,), (), "")


def test_memory_and_nothing_else_is_a_share_of_the_reference_machine(folder):
    options = ReadOptions(reference=reference_named("1:100GiB"))
    trace = folder(options=options, batch_task=["0,1,3,4,7,Terminated,50,0.25"])

    assert only(trace).job.groups[0].task.need == Resources(500, 25 * 2**30)
    assert "1:100GiB" in trace.assumptions()[0]


def test_tasks_come_in_order_of_time_in_whatever_order_they_stand(folder):
    trace = folder(batch_task=["9,10,2,1,1,Failed,50,0.1", "5,6,10,1,1,Terminated,50,0.1", "9,10,1,7,1,Failed,50,0.1"])

    assert [(a.job.id, a.job.submit_s) for a in trace.arrivals()] == [("10/1", 5), ("1/7", 9), ("2/1", 9)]


def test_what_never_began_or_ended_before_the_trace_is_left_out_and_counted(folder):
    trace = folder(
        batch_task=["6036,6046,4,7,393,Waiting,,", "-60,-55,5,8,1,Terminated,50,0.1", "1,2,3,4,1,Terminated,50,0.1"]
    )

    assert only(trace).job.id == "3/4"
    assert (noted(trace, "Waiting"), noted(trace, "ended before the trace began")) == (1, 1)
    assert (trace.rejects.read, trace.rejects.accepted) == (3, 3)


def test_a_task_that_was_created_before_the_trace_runs_for_what_was_left_of_it(folder):
    trace = folder(batch_task=["-60,110,3,4,1,Terminated,50,0.1"])

    arrival = only(trace)

    assert (arrival.job.submit_s, arrival.run_s) == (0.0, (110.0,))
    assert noted(trace, "submitted at 0") == 1


def test_a_task_without_an_end_runs_without_end_and_one_with_an_end_until_then(folder):
    trace = folder(batch_task=["5,0,3,4,1,Running,50,0.1", "6,16,3,5,1,Running,,"])

    first, second = trace.arrivals()

    assert (first.run_s, second.run_s) == ((OPEN_ENDED,), (10.0,))
    assert second.job.groups[0].task.need == Resources(500, round(0.0054 * WHOLE))
    assert (noted(trace, "without an end"), noted(trace, "status is Running"), noted(trace, "without plan_")) == (
        1,
        1,
        2,
    )


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("9,5,3,5,1,Failed,50,0.1", "modify_timestamp is before create_timestamp"),
        ("5,9,3,5,0,Failed,50,0.1", "instance_num must be a whole number from 1"),
        ("5,9,3,5,1,Failed,-50,0.1", "plan_cpu must be 0 or more"),
        ("5,9,3,5,1,Failed,50,1e300", "plan_mem is more than any machine has"),
        ("inf,9,3,5,1,Failed,50,0.1", "create_timestamp must be a time"),
        ("5,9,,5,1,Failed,50,0.1", "job_id is empty"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_or_put_aside(folder, bad, reason):
    with pytest.raises(UserError, match=rf"batch_task\.csv:2: {reason}"):
        list(folder(batch_task=["5,9,3,4,1,Failed,50,0.1", bad]).arrivals())

    trace = folder(Rejects(OnBadRow.SKIP))
    assert only(trace).job.id == "3/4"
    assert (trace.rejects.read, trace.rejects.accepted, trace.rejects.rejected) == (2, 1, 1)


def test_instances_run_as_long_as_they_were_recorded_to_and_those_without_a_task_are_counted(folder):
    trace = folder(
        batch_task=["100,200,3,4,3,Terminated,50,0.1"],
        batch_instance=[
            "110,130,3,4,12,Terminated,1,1,0.9,0.5,0.1,0.125", "110,120,3,4,12,Terminated,1,1,0.9,1.5,0.1,0.375",
            "110,0,3,4,12,Failed,1,2,,,,", "61000,61010,,,12,Terminated,1,1,0.9,0.5,0.1,0.1",
        ],
    )  # fmt: skip

    arrival = only(trace)

    assert sorted(arrival.run_s[0].tolist()) == [10.0, 20.0]
    assert arrival.run_s[1] == 15.0
    [demand] = [phase.demand for phase in arrival.behaviours[0]]
    assert (demand.cpu_cores, demand.memory_bytes) == (1.0, WHOLE / 4)
    assert (noted(trace, "without a job"), noted(trace, "as Terminated, left out")) == (1, 1)


# --- services and machines

EVENTS = (
    "0,Create,101,12,4,0.25,0.05,0|1|2|3", "0,Create,102,99,8,0.25,0.05,4|5", "300,Create,103,13,4,0.25,0.05,1|2",
    "900,Remove,103,13,4,0.25,0.05,1|2", "950,Remove,104,13,4,0.25,0.05,1|2",
)  # fmt: skip


def test_services_are_there_from_create_to_remove_those_of_time_0_on_their_machines(folder):
    trace = folder(container_event=EVENTS, server_event=MACHINES)

    [there] = trace.prefill()
    assert (there.job, there.hosts.tolist(), there.run_s) == ("101", [0], OPEN_ENDED)
    assert there.task.need == Resources(4000, WHOLE // 4)
    assert [(a.job.id, a.job.submit_s, a.job.workload, a.run_s) for a in trace.arrivals()] == [
        ("102", 0.0, "service", (OPEN_ENDED,)),
        ("103", 300.0, "service", (600.0,)),
    ]
    assert (noted(trace, "submitted at 0"), noted(trace, "all the time")) == (1, 1)


def test_usage_is_in_shares_of_what_is_asked_for_and_that_of_unknown_services_is_counted(folder):
    usage = ["0,101,50,100,10,1,1,1,,,,", "600,101,25,50,10,1,1,1,,,,", "1200,101,25,50,10,1,1,1,,,,",
             "300,9088,25,50,10,1,1,1,,,,"]  # fmt: skip
    trace = folder(options=USAGE, container_event=EVENTS[:1], container_usage=usage)

    arrival = only(trace)

    assert arrival.run_s == (1200.0,)
    assert [(p.share, p.demand.cpu_cores, p.demand.memory_bytes) for p in arrival.behaviours[0]] == [
        (0.5, 2.0, WHOLE / 4),
        (0.5, 1.0, WHOLE / 8),
    ]
    assert noted(trace, "not in container_event") == 1


def test_machines_join_when_they_are_added_and_errors_are_counted(folder):
    trace = folder(
        batch_task=["1,2,3,4,1,Terminated,50,0.1"],
        server_event=MACHINES + "50,14,add,,64,0.5,1\n60,12,softerror,disk_full,,,\n",
    )
    hosts = trace.hosts()

    assert list(hosts.names) == ["12", "13", "14"]
    assert hosts.capacity[:2].T.tolist() == [[64000, WHOLE // 2], [64000, WHOLE], [64000, WHOLE // 2]]
    assert hosts.alive.tolist() == [True, True, False]
    assert [event[:3] for event in hosts.events] == [(50.0, 2, True)]
    assert noted(trace, "errors") == 1


@pytest.mark.parametrize(
    ("line", "reason"),
    [("0,12,add,,,0.5,1", "capacity:CPU must be more than 0"), ("0,,add,,1,1,1", "machineID is empty")],
)
def test_a_machine_that_cannot_be_is_an_error(folder, line, reason):
    with pytest.raises(UserError, match=rf"server_event\.csv:1: {reason}"):
        folder(batch_task=["1,2,3,4,1,Terminated,50,0.1"], server_event=[line]).hosts()


def test_an_event_that_is_none_is_a_bad_row(folder):
    with pytest.raises(UserError, match=r"container_event\.csv:1: event must be Create or Remove"):
        list(folder(container_event=["0,Start,101,12,4,0.25,0.05,0"]).arrivals())


def test_a_folder_with_nothing_that_runs_is_an_error_and_2018_is_not_taken_for_2017(folder, tmp_path):
    with pytest.raises(UserError, match="neither batch_task nor container_event"):
        list(folder(server_event=MACHINES).arrivals())

    (tmp_path / "batch_task.csv").write_text("M1,1,j_1,1,Terminated,419912,419912,100,0.2\n")
    assert not looks_like(tmp_path)


# --- the real piece


@pytest.fixture(scope="module")
def real(traces_dir):
    return traces_dir / "alibaba2017"


def expected_rows(real):
    with (real / "batch_task.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    return rows, [one for one in rows if one[5] != "Waiting" and int(one[1]) >= 0]


def test_the_real_tasks_are_all_there(real):
    rows, run = expected_rows(real)
    trace = open_trace(str(real), Rejects())
    arrivals = {a.job.id: a for a in trace.arrivals()}

    assert trace.format == "alibaba2017"
    assert set(arrivals) == {f"{one[2]}/{one[3]}" for one in run}
    assert sum(a.job.tasks for a in arrivals.values()) == sum(int(one[4]) for one in run)
    assert trace.rejects.read == trace.rejects.accepted == len(rows) == 40_000
    assert noted(trace, "Waiting") == 4_151
    ended = [one for one in run if int(one[1])]
    run_s = sum((int(one[1]) - max(int(one[0]), 0)) * int(one[4]) for one in ended)
    assert sum(a.run_s[0] * a.job.tasks for a in arrivals.values() if np.isfinite(a.run_s[0])) == run_s
    assert sum(a.run_s == (OPEN_ENDED,) for a in arrivals.values()) == len(run) - len(ended) == 131
    milli = sum(round(float(one[6] or 50) * 10) * int(one[4]) for one in run)
    assert sum(a.job.groups[0].task.need.cpu_milli * a.job.tasks for a in arrivals.values()) == milli


@pytest.mark.slow
def test_the_real_batch_jobs_run(real):
    command = ["run", "--json", "--trace", f"alibaba2017:{real}", "--policy", "first-fit", "--hosts", "1300"]
    command += ["--host-cpus", "64", "--host-memory", "256GiB", "--architecture", "monolithic", "--until", "6000"]
    command += ["--t-job", "0.0001", "--t-task", "0", "--processes", "1"]
    until = [one for one in expected_rows(real)[1] if int(one[0]) < 6_000]

    ended = CliRunner().invoke(towtank, command, catch_exceptions=False)

    [metrics] = [one["metrics"] for one in json.loads(ended.stdout)["runs"]]
    assert metrics["jobs_submitted"] == len(until)
    assert metrics["tasks_submitted"] == sum(int(one[4]) for one in until)
    assert metrics["rows_rejected"] == 0
