"""The trace of 2018: what becomes of tasks, their graph and their instances, of containers and of machines."""

import csv
import gzip
import json
import re
from collections import defaultdict

import numpy as np
import pytest
from click.testing import CliRunner

from experiments.cli import towtank
from policies.errors import UserError
from policies.requests import Resources
from traces.formats import open_trace
from traces.formats.alibaba2018 import Alibaba2018, looks_like
from traces.formats.alibaba2018.dag import meaning
from traces.profiles import mean_demand
from traces.reading import ordered
from traces.reading.options import ReadOptions
from traces.reading.reference import reference_named
from traces.reading.rejects import OnBadRow, Rejects
from traces.trace import OPEN_ENDED

USAGE = ReadOptions(usage=True)
MACHINES = "m_1,0,219,17,96,100,USING\nm_2,0,6,6,96,50,USING\n"
WHOLE = 2**39


@pytest.fixture
def folder(tmp_path):
    """Write tables into a folder and open it."""

    def write(rejects=None, options=None, **tables):
        for name, text in tables.items():
            (tmp_path / f"{name}.csv").write_text(text)
        return Alibaba2018(tmp_path, rejects or Rejects(), options or ReadOptions())

    return write


def tasks(*rows):
    return "".join(f"{row}\n" for row in rows)


def row(name, job="j_1", start=100, end=None, n=1, status="Terminated", cpu="100", memory="0.5"):
    if end is None:
        end = max(start, 100) + 10
    return f"{name},{n},{job},1,{status},{start},{end},{cpu},{memory}"


def only(trace):
    [arrival] = trace.arrivals()
    return arrival


def by_name(trace):
    return {arrival.job.id: arrival for arrival in trace.arrivals()}


def noted(trace, words):
    """How often something was odd that is said in these words, 0 if it is not."""
    return sum(int(note.rpartition(": ")[2].replace(",", "")) for note in trace.counted() if words in note)


# --- tasks


def test_a_task_is_a_job_of_as_many_containers_as_it_has_instances(folder):
    arrival = only(folder(batch_task=tasks(row("M1", n=3, cpu="50", memory="1.5625"))))

    job = arrival.job
    assert (job.id, job.submit_s, job.workload, job.tasks) == ("j_1/M1", 100.0, "batch", 3)
    assert job.groups[0].task.need == Resources(500, WHOLE // 64)
    assert arrival.run_s == (10.0,)
    assert (arrival.after, arrival.workflow) == ((), "j_1")


def test_memory_and_nothing_else_is_a_share_of_the_reference_machine(folder):
    trace = folder(options=ReadOptions(reference=reference_named("1:100GiB")), batch_task=tasks(row("M1", memory="25")))

    assert only(trace).job.groups[0].task.need == Resources(1000, 25 * 2**30)
    assert "1:100GiB" in trace.assumptions()[0]


def test_tasks_of_a_graph_are_submitted_when_the_first_of_them_began_and_wait_for_those_before(folder):
    trace = folder(
        batch_task=tasks(
            row("J5_3_4", start=300),
            row("M4_1", start=210),
            row("M3", start=100),
            row("R1_3", start=200),
            row("task_abc==", start=50),
        )
    )

    assert [(a.job.id, a.job.submit_s, a.after) for a in trace.arrivals() if a.job.id != "j_1/task_abc=="] == [
        ("j_1/M3", 100.0, ()),
        ("j_1/R1_3", 100.0, ("j_1/M3",)),
        ("j_1/M4_1", 100.0, ("j_1/R1_3",)),
        ("j_1/J5_3_4", 100.0, ("j_1/M3", "j_1/M4_1")),
    ]


def test_an_independent_task_is_submitted_when_it_began(folder):
    trace = folder(
        batch_task=tasks(row("M1", start=70), row("task_Nzg3==", start=100), row("MergeTask", start=90), row("M2_1"))
    )

    arrivals = by_name(trace)

    assert {name: a.job.submit_s for name, a in arrivals.items()} == {
        "j_1/M1": 70,
        "j_1/M2_1": 70,
        "j_1/task_Nzg3==": 100,
        "j_1/MergeTask": 90,
    }
    assert not arrivals["j_1/MergeTask"].after


@pytest.mark.parametrize(
    ("name", "number", "after"),
    [("M1", 1, ()), ("R2_1", 2, (1,)), ("J10_7_9_Stg4", 10, (7, 9)), ("M5_3_4_3", 5, (3, 4)), ("M2_1_", 2, (1,))],
)
def test_the_name_of_a_task_says_what_it_comes_after(name, number, after):
    assert meaning(name)[:2] == (number, after)


@pytest.mark.parametrize("name", ["task_MTM0ODUxMTY0NjQzMTI1NTc1MQ==", "MergeTask", "", "M", "1_2", "M1-2", "M9" * 99])
def test_other_names_are_of_independent_tasks(name):
    assert meaning(name) is None


def test_a_predecessor_that_the_job_does_not_have_is_ignored_and_counted(folder):
    trace = folder(batch_task=tasks(row("M2_1"), row("M1", job="j_2")))

    assert not any(a.after for a in trace.arrivals())
    assert noted(trace, "predecessors that their job does not have") == 1


def test_tasks_in_a_circle_or_after_themselves_run_and_are_counted(folder):
    trace = folder(batch_task=tasks(row("M1_2"), row("M2_1"), row("M3_1"), row("M4_4"), row("M5_4")))

    arrivals = by_name(trace)

    assert {name: a.after for name, a in arrivals.items() if a.after} == {"j_1/M5_4": ("j_1/M4_4",)}
    assert noted(trace, "circle") == 3
    assert noted(trace, "after themselves") == 1


def test_tasks_of_one_number_are_all_waited_for(folder):
    trace = folder(batch_task=tasks(row("M1"), row("R1"), row("J2_1")))

    assert by_name(trace)["j_1/J2_1"].after == ("j_1/M1", "j_1/R1")


def test_jobs_come_in_order_of_time_in_whatever_order_they_stand(folder):
    trace = folder(
        batch_task=tasks(row("M1", job="j_9", start=7, end=9), row("M1", job="j_1", start=5, end=9), row("M2", "j_9"))
    )

    assert [(a.job.id, a.job.submit_s) for a in trace.arrivals()] == [("j_1/M1", 5), ("j_9/M1", 7), ("j_9/M2", 7)]


def test_a_task_that_never_began_is_left_out_and_counted(folder):
    trace = folder(batch_task=tasks("task_x,,j_1,6,Waiting,0,0,,", row("M1")))

    assert only(trace).job.id == "j_1/M1"
    assert noted(trace, "Waiting") == 1
    assert (trace.rejects.read, trace.rejects.accepted) == (2, 2)


def test_a_task_that_was_still_running_runs_without_end_and_nobody_waits_for_it(folder):
    trace = folder(batch_task=tasks(row("M1", end=0, status="Running"), row("M2_1", start=150, end=160)))

    arrivals = by_name(trace)

    assert arrivals["j_1/M1"].run_s == (OPEN_ENDED,)
    assert not arrivals["j_1/M2_1"].after
    assert (noted(trace, "run without end"), noted(trace, "not waited for")) == (1, 1)


def test_an_end_that_is_there_counts_though_the_status_is_running(folder):
    trace = folder(batch_task=tasks(row("M1", status="Running")))

    assert only(trace).run_s == (10.0,)
    assert noted(trace, "status is Running") == 1


def test_a_task_that_began_before_the_trace_is_submitted_at_its_beginning(folder):
    trace = folder(batch_task=tasks(row("M1", start=0), row("M2", "j_2", start=0, end=0)))

    arrival = only(trace)

    assert (arrival.job.submit_s, arrival.run_s) == (0.0, (110.0,))
    assert (noted(trace, "submitted at 0"), noted(trace, "neither the beginning nor the end")) == (1, 1)


def test_what_nobody_said_that_a_task_asks_for_is_what_most_ask_for(folder):
    trace = folder(batch_task=tasks(row("M1", cpu="", memory="")))

    assert only(trace).job.groups[0].task.need == Resources(1000, round(0.002 * WHOLE))
    assert (noted(trace, "without plan_cpu"), noted(trace, "without plan_mem")) == (1, 1)


def test_a_task_that_stands_there_twice_runs_once(folder):
    trace = folder(batch_task=tasks(row("M1", end=120), row("M1"), row("M2")))

    assert {name: a.run_s for name, a in by_name(trace).items()} == {"j_1/M1": (20.0,), "j_1/M2": (10.0,)}
    assert noted(trace, "twice") == 1


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (row("M1", start=100, end=90), "end_time is before start_time: '90.0'"),
        (row("M1", n="0.5"), "instance_num must be a whole number from 1"),
        (row("M1", n=""), "instance_num must be a whole number from 1"),
        (row("M1", n=2**40), "instance_num must be a whole number from 1"),
        (row("M1", cpu="x"), "plan_cpu is not a number"),
        (row("M1", memory="-1"), "plan_mem must be 0 or more"),
        (row("M1", cpu="1e300"), "plan_cpu is more than any machine has"),
        (row("M1", start="1e300", end="1e301"), "start_time must be 0 or more, and a time"),
        (row(""), "task_name is empty"),
        (row("M1", job=""), "job_name is empty"),
        ("M1,1,j_1", "3 fields instead of 9"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_or_put_aside(folder, bad, reason):
    with pytest.raises(UserError, match=rf"batch_task\.csv:2: {re.escape(reason)}"):
        list(folder(batch_task=tasks(row("M3"), bad)).arrivals())

    trace = folder(Rejects(OnBadRow.SKIP))
    assert only(trace).job.id == "j_1/M3"
    assert (trace.rejects.read, trace.rejects.accepted, trace.rejects.rejected) == (2, 1, 1)


def test_more_tasks_than_fit_in_memory_are_sorted_on_disk(folder, monkeypatch):
    rows = [row(name, f"j_{job}", 1000 - job, 2000) for job in range(50) for name in ("J3_1_2", "R2_1", "M1")]
    expected = [(a.job.id, a.job.submit_s, a.run_s, a.after) for a in folder(batch_task=tasks(*rows)).arrivals()]
    monkeypatch.setattr(ordered, "IN_MEMORY", 20)

    on_disk = folder(batch_task=tasks(*rows[::-1])).arrivals()

    assert [(a.job.id, a.job.submit_s, a.run_s, a.after) for a in on_disk] == expected


# --- instances


def instance(name, task="M1", start=100, end=110, status="Terminated", seq=1, cpu="50", memory="0.25", job="j_1"):
    return f"{name},{task},{job},1,{status},{start},{end},m_1,{seq},1,{cpu},99,{memory},1"


def test_each_instance_runs_as_long_as_it_was_recorded_to_and_uses_the_mean_of_its_task(folder):
    trace = folder(
        batch_task=tasks(row("M1", n=2)),
        batch_instance=tasks(instance("b", end=130, cpu="150"), instance("a", end=105)),
    )

    arrival = only(trace)

    assert [run.tolist() for run in arrival.run_s] == [[5.0, 30.0]]
    [demand] = [phase.demand for phase in arrival.behaviours[0]]
    assert (demand.cpu_cores, demand.memory_bytes) == (1.0, WHOLE / 400)


def test_of_several_attempts_at_an_instance_the_last_one_counts(folder):
    trace = folder(
        batch_task=tasks(row("M1")),
        batch_instance=tasks(instance("a", seq=10, end=150), instance("a", seq=9, end=120)),
    )

    assert only(trace).run_s[0].tolist() == [50.0]
    assert noted(trace, "tried again") == 1


def test_instances_that_were_not_recorded_run_as_long_as_the_others_on_the_mean(folder):
    trace = folder(
        batch_task=tasks(row("M1", n=2**30)),  # and no array of that size is made
        batch_instance=tasks(
            instance("a", end=120), instance("b"), instance("c", end=0, status="Running"), instance("d", start=0)
        ),
    )

    arrival = only(trace)

    assert [count for _, count in arrival.job.groups] == [2, 2**30 - 2]
    assert (arrival.run_s[0].tolist(), arrival.run_s[1]) == ([20.0, 10.0], 15.0)
    assert noted(trace, "as Terminated, left out") == 2
    assert noted(trace, "on the mean") == 2**30 - 2


def test_instances_beyond_the_number_of_their_task_or_without_a_task_are_counted(folder):
    trace = folder(
        batch_task=tasks(row("M2"), row("M4")),
        batch_instance=tasks(
            instance("a", "M1"), instance("a", "M2"), instance("b", "M2"), instance("a", "M9"), instance("a", "")
        ),
    )

    arrivals = by_name(trace)

    assert arrivals["j_1/M4"].run_s == (10.0,)
    assert noted(trace, "none of whose instances") == 1
    assert noted(trace, "beyond the number") == 1
    assert noted(trace, "not in the table of tasks") == 2
    assert noted(trace, "without a job or a task") == 1
    assert trace.rejects.read == trace.rejects.accepted == 7


def test_instances_of_which_nothing_was_measured_use_nobody_knows_what(folder):
    trace = folder(batch_task=tasks(row("M1")), batch_instance=tasks(instance("a", cpu="", memory="")))

    assert only(trace).behaviours == ()


def test_many_instances_of_many_tasks_come_to_their_own(folder, monkeypatch):
    monkeypatch.setattr(ordered, "IN_MEMORY", 50)
    monkeypatch.setattr(ordered, "AT_ONCE", 7)
    rng = np.random.default_rng(1)
    ends = {(f"j_{job}", f"M{task}"): rng.integers(101, 999, 4).tolist() for job in range(9) for task in (1, 2, 3)}
    rows = [
        instance(f"i{k}", task, end=end, job=job) for (job, task), those in ends.items() for k, end in enumerate(those)
    ]
    rng.shuffle(rows)
    trace = folder(batch_task=tasks(*(row(task, job, n=4) for job, task in ends)), batch_instance=tasks(*rows))

    found = {tuple(a.job.id.split("/")): (a.run_s[0] + 100).tolist() for a in trace.arrivals()}

    assert found == ends


# --- containers


def test_a_container_that_comes_is_a_service_of_one_container(folder):
    arrival = only(
        folder(container_meta="c_1,m_1,60,app_7,started,400,800,1.5625\nc_1,m_1,90,app_7,started,400,800,1.5625\n")
    )

    job = arrival.job
    assert (job.id, job.submit_s, job.workload, job.tasks, job.user) == ("c_1", 60.0, "service", 1, "app_7")
    assert job.groups[0].task.need == Resources(4000, WHOLE // 64)
    assert arrival.run_s == (OPEN_ENDED,)


def test_a_container_ends_when_it_is_stopped_for_good(folder):
    trace = folder(
        container_meta="c_1,m_1,90,a,stopped,1,1,1\nc_1,m_1,60,a,started,1,1,1\nc_1,m_1,95,a,stopped,1,1,1\n"
        "c_2,m_1,70,a,allocated,1,1,1\nc_2,m_1,80,a,stopped,1,1,1\nc_2,m_1,85,a,started,1,1,1\n"
        "c_3,m_1,70,a,stopped,1,1,1\n"
    )

    assert [(a.job.id, a.job.submit_s, a.run_s) for a in trace.arrivals()] == [
        ("c_1", 60, (30.0,)),
        ("c_2", 70, (OPEN_ENDED,)),
    ]
    assert (noted(trace, "came again"), noted(trace, "all the time")) == (1, 1)


def test_containers_of_time_0_are_on_their_machines_if_these_are_up(folder):
    trace = folder(
        container_meta="c_2,m_2,0,a,started,100,100,1\nc_1,m_9,0,a,started,100,100,1\nc_3,m_1,0,a,started,100,100,1\n"
        "c_3,m_1,40,a,stopped,100,100,1\n",
        machine_meta=MACHINES + "m_9,10,1,1,96,100,USING\n",
    )

    assert [(entry.job, entry.hosts.tolist(), entry.run_s) for entry in trace.prefill()] == [
        ("c_2", [1], OPEN_ENDED),
        ("c_3", [0], 40.0),
    ]
    assert [(a.job.id, a.job.submit_s) for a in trace.arrivals()] == [("c_1", 0.0)]
    assert noted(trace, "submitted at 0") == 1
    assert trace.rejects.read == trace.rejects.accepted == 4


def test_containers_and_tasks_come_together_in_order_of_time(folder):
    trace = folder(
        batch_task=tasks(row("M1", start=5, end=9), row("M1", "j_2", start=30, end=31)),
        container_meta="c_2,m_1,20,a,started,1,1,1\nc_1,m_1,5,a,started,1,1,1\n",
    )

    assert [a.job.id for a in trace.arrivals()] == ["c_1", "j_1/M1", "c_2", "j_2/M1"]


def test_a_row_without_a_container_is_told_once_though_it_is_met_twice(folder, tmp_path):
    rejects = Rejects(OnBadRow.SKIP, tmp_path / "aside" / "rejects.csv")
    trace = folder(rejects, container_meta="c_1,m_1,0,a,started,1,1,1\n,m_1,0,a,started,1,1,1\n", machine_meta=MACHINES)

    for _ in range(2):
        assert len(list(trace.prefill())) == 1
        assert list(trace.arrivals()) == []
        assert (rejects.read, rejects.accepted, dict(rejects.reasons)) == (2, 1, {"container_id is empty": 1})


META = "c_1,m_1,1800,a,started,400,400,1.5625\n"


def test_usage_is_the_mean_of_hours_in_shares_of_what_is_asked_for(folder):
    usage = tasks(
        "c_1,m_1,1800,10,50,,,,1,1,50", "c_1,m_1,3000,30,50,,,,1,1,101", "c_1,m_1,7200,50,25,,,,1,1,-1",
        "c_1,m_1,9000,50,25,,,,1,1,",
    )  # fmt: skip
    arrival = only(folder(options=USAGE, container_meta=META, container_usage=usage))

    assert arrival.run_s == (7200.0,)
    phases = [
        (phase.share * 7200, phase.demand.cpu_cores, phase.demand.memory_bytes) for phase in arrival.behaviours[0]
    ]
    assert phases == [
        (pytest.approx(5400), pytest.approx(0.8), WHOLE / 128),
        (pytest.approx(1800), pytest.approx(2.0), WHOLE / 256),
    ]
    for phase in arrival.behaviours[0]:  # half of the time of a disk that reads 370 pages a second
        assert phase.demand.disk_read_bps == pytest.approx(0.5 * 370 * 4096, rel=0.01)


def test_usage_is_read_only_if_asked_for_and_rows_without_a_container_are_bad(folder):
    usage = ",m_1,1800,10,50,,,,1,1,5\nc_1,m_1,1800,10,50,,,,1,1,5\nc_2,m_1,1800,10,50,,,,1,1,5\n"
    rejects = Rejects(OnBadRow.SKIP)
    trace = folder(rejects, container_meta=META, container_usage=usage)
    assert only(trace).behaviours == ()
    assert rejects.read == 1

    trace = folder(rejects, USAGE, container_meta=META, container_usage=usage)
    list(trace.arrivals())
    assert (rejects.read, rejects.accepted, rejects.reasons["container_id is empty"]) == (4, 3, 1)
    assert noted(trace, "not in container_meta") == 1


@pytest.mark.parametrize("value", ["-2", "102", "x"])
def test_a_percentage_that_is_none_is_a_bad_row(folder, value):
    trace = folder(options=USAGE, container_meta=META, container_usage=f"c_1,m_1,1800,{value},50,,,,1,1,5\n")

    with pytest.raises(UserError, match=r"container_usage\.csv:1: cpu_util_percent"):
        list(trace.arrivals())


# --- machines


def test_machines_have_cores_memory_and_failure_domains_and_join_at_their_first_line(folder):
    hosts = folder(
        batch_task=tasks(row("M1")),
        machine_meta=MACHINES + "m_1,500,219,,96,100,USING\nm_1,600,219,18,64,100,USING\nm_3,70,5,5,96,100,USING\n"
        "m_4,0,5,5,96,100,IMPORT_INSTALLING\n",
    ).hosts()

    assert list(hosts.names) == ["m_1", "m_2", "m_3", "m_4"]
    assert hosts.capacity[:2].T.tolist() == [[96000, WHOLE], [96000, WHOLE // 2], [96000, WHOLE], [96000, WHOLE]]
    assert hosts.alive.tolist() == [True, True, False, False]
    assert hosts.attributes[0] == {"failure_domain_1": "219", "failure_domain_2": "17"}
    join, change = hosts.events
    assert join[:3] == (70.0, 2, True)
    assert change[:4] == (600.0, 0, True, Resources(64000, WHOLE))
    assert change.attributes == {"failure_domain_2": "18"}


@pytest.mark.parametrize(
    ("line", "reason"),
    [("m_1,0,1,1,x,100,USING", "cpu_num is not a number"), (",0,1,1,96,100,USING", "machine_id is empty"),
     ("m_1,0,1,1,1e300,100,USING", "cpu_num is no size of a machine")],
)  # fmt: skip
def test_a_machine_that_cannot_be_is_an_error(folder, line, reason):
    with pytest.raises(UserError, match=rf"machine_meta\.csv:1: {reason}"):
        folder(batch_task=tasks(row("M1")), machine_meta=line + "\n").hosts()


# --- files


def test_tables_may_be_gzipped_in_parts_or_one_file(folder, tmp_path):
    (tmp_path / "batch_task").mkdir()
    (tmp_path / "batch_task" / "part-0.csv.gz").write_bytes(gzip.compress(tasks(row("M1")).encode()))
    (tmp_path / "batch_task" / "part-1.csv").write_text(tasks(row("M1", "j_2")))
    trace = folder(machine_meta=MACHINES)

    assert [a.job.id for a in trace.arrivals()] == ["j_1/M1", "j_2/M1"]
    one = open_trace(str(tmp_path / "batch_task" / "part-1.csv"), Rejects())
    assert (one.format, [a.job.id for a in one.arrivals()]) == ("alibaba2018", ["j_2/M1"])


def test_a_folder_with_nothing_that_runs_is_an_error(folder):
    with pytest.raises(UserError, match="neither batch_task nor container_meta"):
        list(folder(machine_meta=MACHINES).arrivals())


def test_a_table_of_2017_or_a_native_one_is_not_taken_for_one_of_these(tmp_path):
    for text in ("6459,6524,3,4,1,Terminated,50,0.1\n", "job,submit_s,workload,tasks,duration_s,cpus,memory_bytes\n"):
        (tmp_path / "batch_task.csv").write_text(text)
        assert not looks_like(tmp_path)


# --- the real pieces


@pytest.fixture(scope="module")
def real(traces_dir):
    return traces_dir / "alibaba2018"


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.reader(file))


def test_the_real_tasks_are_all_there(real):
    rows = rows_of(real / "batch_task.csv")
    run = [one for one in rows if one[4] != "Waiting"]
    trace = open_trace(str(real / "batch_task.csv"), Rejects())
    arrivals = by_name(trace)

    assert set(arrivals) == {f"{one[2]}/{one[0]}" for one in run}
    assert sum(a.job.tasks for a in arrivals.values()) == sum(int(one[1]) for one in run)
    assert sum(a.run_s == (OPEN_ENDED,) for a in arrivals.values()) == 98
    assert noted(trace, "Waiting") == 53
    assert trace.rejects.read == trace.rejects.accepted == len(rows)
    core_s = sum(float(one[7] or 100) / 100 * int(one[1]) * (int(one[6]) - int(one[5])) for one in run if int(one[6]))
    assert sum(
        a.job.groups[0].task.need.cpu_milli / 1000 * a.job.tasks * a.run_s[0]
        for a in arrivals.values()
        if a.run_s != (OPEN_ENDED,)
    ) == pytest.approx(core_s)


def test_the_real_graphs_are_those_of_the_names(real):
    jobs = defaultdict(dict)
    for name, _, job, _, status, _, end, *_ in rows_of(real / "batch_task.csv"):
        first, *others = name.split("_")
        if first not in ("task", "MergeTask") and status != "Waiting":
            jobs[job][first[1:]] = (name, [other for other in others if other.isdigit()], end)
    expected = {
        f"{job}/{name}": {f"{job}/{those[other][0]}" for other in before if other in those and those[other][2] != "0"}
        for job, those in jobs.items()
        for name, before, _ in those.values()
    }
    arrivals = by_name(open_trace(str(real / "batch_task.csv"), Rejects()))

    assert {name: set(arrivals[name].after) for name in expected} == expected
    assert sum(map(len, expected.values())) > 19_000


def test_the_real_containers_are_all_there(real):
    lines = defaultdict(list)
    for name, _, at, _, status, *_ in rows_of(real / "container_meta.csv"):
        lines[name].append((int(at), status))
    there = {name: those for name, those in lines.items() if any(status != "stopped" for _, status in those)}
    trace = open_trace(str(real / "container_meta.csv"), Rejects())
    prefill, arrivals = list(trace.prefill()), list(trace.arrivals())

    names = [entry.job for entry in prefill] + [a.job.id for a in arrivals]
    assert sorted(names) == sorted(there)
    begins = [min(at for at, status in those if status != "stopped") for those in there.values()]
    assert sum(at > 0 for at in begins) == sum(a.job.submit_s > 0 for a in arrivals)
    assert all(entry.hosts.size == 1 for entry in prefill)
    machines = {one[0] for one in rows_of(real / "machine_meta.csv")}
    assert set(trace.hosts().names) == machines
    assert noted(trace, "all the time") == len(lines) - len(there) == 17


def test_the_real_usage_is_what_its_samples_say(real):
    rejects = Rejects(OnBadRow.SKIP)
    trace = open_trace(f"alibaba2018:{real}", rejects, options=USAGE)
    [entry] = [entry for entry in trace.prefill() if entry.job == "c_10"]
    rows = [one for one in rows_of(real / "container_usage.csv") if one[0] == "c_10"]
    hours = defaultdict(list)
    for one in rows:
        hours[int(one[2]) // 3600].append(int(one[3]))
    starts = sorted(hours)
    edges = [0, *(hour * 3600 for hour in starts[1:]), entry.run_s]
    core_s = sum(np.mean(hours[hour]) / 100 * 8 * (edges[k + 1] - edges[k]) for k, hour in enumerate(starts))

    assert mean_demand(entry.task, entry.behaviour).cpu_cores == pytest.approx(core_s / entry.run_s)

    sum(1 for _ in trace.arrivals())
    assert rejects.reasons == {"container_id is empty": 3503}
    assert rejects.read == rejects.accepted + 3503 == 30_002 + 12_005 + 6_831


@pytest.mark.slow
def test_the_real_batch_jobs_run(real):
    command = ["run", "--json", "--trace", f"alibaba2018:{real / 'batch_task.csv'}", "--policy", "first-fit"]
    command += ["--architecture", "monolithic", "--t-job", "0.001", "--t-task", "0", "--processes", "1"]
    run = [one for one in rows_of(real / "batch_task.csv") if one[4] != "Waiting"]

    ended = CliRunner().invoke(towtank, command, catch_exceptions=False)

    [metrics] = [one["metrics"] for one in json.loads(ended.stdout)["runs"]]
    assert metrics["jobs_submitted"] == len(run)
    assert metrics["tasks_submitted"] == sum(int(one[1]) for one in run)
    assert metrics["tasks_running"] == sum(int(one[1]) for one in run if one[6] == "0")
    assert (metrics["rows_read"], metrics["rows_rejected"]) == (30_002, 0)
