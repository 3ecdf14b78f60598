"""The GPU cluster trace of 2020: what becomes of tasks and instances, and what is odd about them.

There is no real piece of it here; the tests write the official layout themselves.
"""

import csv
import gzip
import importlib.util
import json
import random
from collections import Counter
from math import inf
from pathlib import Path

import pytest
from click.testing import CliRunner

from experiments.cli import towtank
from policies.errors import UserError
from policies.requests import Constraint, Demand, Operator, Resources
from traces.formats import open_trace
from traces.formats.alibaba_gpu2020 import AlibabaGpu2020, looks_like
from traces.reading.options import ReadOptions
from traces.reading.rejects import OnBadRow, Rejects
from traces.trace import steady

GIB = 2**30
TASK = "j,worker,2.0,Terminated,110.0,150.0,600.0,29.296875,50.0,T4"


@pytest.fixture
def folder(tmp_path):
    """Write tables, by the short of their names."""
    names = {
        "job": "pai_job_table", "task": "pai_task_table", "instance": "pai_instance_table",
        "sensor": "pai_sensor_table", "tag": "pai_group_tag_table", "machine": "pai_machine_spec",
    }  # fmt: skip

    def write(**tables):
        for name, rows in tables.items():
            (tmp_path / f"{names[name]}.csv").write_text("".join(f"{row}\n" for row in rows))
        return tmp_path

    return write


def read(path, rejects=None, **options):
    return list(AlibabaGpu2020(path, rejects or Rejects(), ReadOptions(**options)).arrivals())


def only(path, **options):
    [arrival] = read(path, **options)
    return arrival


def noted(path, words, **options):
    trace = AlibabaGpu2020(path, Rejects(), ReadOptions(**options))
    list(trace.arrivals())
    return sum(int(note.rpartition(": ")[2].replace(",", "")) for note in trace.assumptions() if words in note)


# --- what becomes of a task


def test_tasks_of_a_job_are_unlike_groups_of_it(folder):
    tasks = [TASK, "j,ps,1.0,Terminated,105.0,150.0,400.0,8.0,,"]
    job, run_s, *_ = only(folder(job=["j,i,ann,Terminated,100.0,150.0"], task=tasks))

    assert (job.id, job.submit_s, job.workload, job.user) == ("j", 0, "batch", "ann")
    assert [(group.task.need, group.count) for group in job.groups] == [
        (Resources(6000, 30000 * 2**20, 500), 2),
        (Resources(4000, 8 * GIB, 0), 1),
    ]
    assert run_s == (40, 45)


def test_jobs_come_when_they_were_submitted_counted_from_the_first(folder):
    path = folder(
        job=["b,i,u,Terminated,300,400", "a,i,u,Terminated,100,400"],
        task=[TASK.replace("j,", "b,"), TASK.replace("j,", "a,")],
    )

    assert [(arrival.job.id, arrival.job.submit_s) for arrival in read(path)] == [("a", 0), ("b", 200)]
    assert AlibabaGpu2020(path, Rejects()).end_s() == 300


def test_without_a_job_table_a_job_comes_when_its_first_task_was_launched(folder):
    tasks = ["a,x,1,Terminated,10,20,1,1,,", "j,x,1,Terminated,60,90,1,1,,", "j,y,1,Terminated,50,90,1,1,,"]
    path = folder(task=tasks)

    assert [(arrival.job.id, arrival.job.submit_s, arrival.job.tasks) for arrival in read(path)] == [
        ("a", 0, 1),
        ("j", 40, 2),
    ]
    trace = AlibabaGpu2020(path, Rejects())
    list(trace.arrivals())
    assert any("there is no pai_job_table" in note for note in trace.assumptions())
    assert noted(path, "whose job is not in") == 0


def test_an_empty_plan_asks_for_nothing_and_is_counted(folder):
    path = folder(task=["j,worker,1.0,Failed,110.0,150.0,,,,"])

    assert only(path).job.groups[0].task.need == Resources(0, 0, 0)
    assert [noted(path, f"empty {name}") for name in ("plan_cpu", "plan_mem", "plan_gpu")] == [1, 1, 1]


def test_a_task_that_had_not_ended_runs_without_end(folder):
    path = folder(task=["j,worker,3.0,Running,110.0,,600.0,1.0,,", "k,worker,1.0,Running,110.0,0,600.0,1.0,,"])

    assert [arrival.run_s for arrival in read(path)] == [(inf,), (inf,)]
    assert noted(path, "whose end nobody recorded") == 4


def test_a_task_that_never_began_runs_as_long_as_its_job_was_there(folder):
    path = folder(
        job=["j,i,u,Failed,100,160", "k,i,u,Waiting,100,"],
        task=["j,worker,1,Failed,,,600,1,,", "k,worker,1,Waiting,0,0,600,1,,"],
    )

    assert [arrival.run_s for arrival in read(path)] == [(60,), (inf,)]
    assert noted(path, "tasks that never began: they") == 1
    assert noted(path, "tasks that never began, and nobody knows") == 1


def test_a_job_of_which_nobody_knows_when_it_came_comes_at_time_0(folder):
    path = folder(job=["j,i,u,Waiting,,"], task=["j,worker,1,Waiting,,,600,1,,", TASK.replace("j,", "k,")])

    assert [(arrival.job.id, arrival.job.submit_s) for arrival in read(path)] == [("j", 0), ("k", 0)]
    assert noted(path, "submitted at time 0") == 1


def test_only_a_type_of_gpu_that_was_asked_for_is_demanded(folder):
    jobs = ["j,i,u,Terminated,100,160", "k,h,u,Terminated,101,160"]
    tasks = [TASK, "j,ps,1,Terminated,110,150,1,1,,", TASK.replace("j,", "k,")]
    with_type, without = read(folder(job=jobs, task=tasks, tag=["i,u,V100M32,g,nmt", "h,u,,g,"]))

    gpu, no_gpu = with_type.job.groups
    assert gpu.task.constraints == (Constraint("gpu-model", Operator.EQUAL, "V100M32"),)
    assert no_gpu.task.constraints == without.job.groups[0].task.constraints == ()


# --- instances


def instance(worker, start, end, task="worker", status="Terminated"):
    return f"j,{task},x,{worker},i,{status},{start},{end},m"


def test_instances_run_as_long_as_they_were_recorded(folder):
    path = folder(task=[TASK], instance=[instance("a", 110, 150), instance("b", 120, 123)])
    job, run_s, *_ = only(path)

    assert sorted(run_s) == [3, 40]
    assert [group.count for group in job.groups] == [1, 1]


def test_instances_of_a_task_that_ran_equally_long_are_one_group(folder):
    job, run_s, *_ = only(folder(task=[TASK], instance=[instance("a", 110, 150), instance("b", 100, 140)]))

    assert (run_s, [group.count for group in job.groups]) == ((40,), [2])


def test_of_attempts_and_of_too_many_instances_the_last_to_begin_count(folder):
    rows = [instance("a", 110, 111), instance("a", 115, 150), instance("b", 112, 114), instance("c", 120, 150)]
    path = folder(task=[TASK], instance=rows)

    assert sorted(only(path).run_s) == [30, 35]
    assert noted(path, "for a worker that has a later one") == 1
    assert noted(path, "no place for") == 1


def test_containers_without_an_instance_run_as_long_as_their_task(folder):
    path = folder(task=[TASK.replace("2.0", "5.0", 1)], instance=[instance("a", 110, 113), instance("", 0, 0)])

    assert sorted(zip(only(path).run_s, [g.count for g in only(path).job.groups], strict=True)) == [
        (3, 1),
        (40, 1),
        (40, 3),
    ]
    assert noted(path, "beside others that have one") == 3


def test_an_instance_that_had_not_ended_runs_without_end(folder):
    path = folder(task=[TASK], instance=[instance("a", 110, "", status="Running"), instance("b", 110, 112)])

    assert sorted(only(path).run_s) == [2, inf]


def test_instances_and_jobs_that_belong_to_no_task_are_counted(folder):
    path = folder(
        job=["j,i,u,Terminated,100,150", "z,i,u,Failed,100,101", "j,i,u,Terminated,100,150"],
        task=[TASK, TASK],
        instance=[instance("a", 110, 150, task="evaluator")],
    )

    assert only(path).job.tasks == 4
    assert noted(path, "whose task is not in") == 1
    assert noted(path, "that have no task") == 1
    assert noted(path, "a job that has one already") == 1
    assert noted(path, "a job's task that has one already") == 1


# --- usage


SENSORS = [
    "j,worker,a,i,m,/dev/nvidia0,140.0,1,1.5,2,1,1,1000,500,1,1",
    "j,worker,a,i,m,/dev/nvidia1,160.0,1,1.5,2,1,1,1000,500,1,1",
]


def test_what_a_worker_used_is_read_if_asked_for(folder):
    path = folder(task=[TASK], instance=[instance("a", 110, 150), instance("b", 110, 140)], sensor=SENSORS)
    used = steady(Demand(1.5, 1.5 * GIB, net_bps=1500.0))

    assert only(path).behaviours == ()
    assert only(path, usage=True).behaviours == (used, used)  # b was not measured: the mean of its task


def test_what_nobody_measured_is_counted(folder):
    path = folder(task=[TASK], sensor=["j,ps,a,i,m,,140.0,,1.5,2,,,,,,"])

    assert only(path, usage=True).behaviours == ()
    assert noted(path, "whose use nobody measured", usage=True) == 2


# --- machines


def test_machines_have_their_type_of_gpu(folder):
    path = folder(task=[TASK], machine=["m0,CPU,96,512,0", "m1,T4,64,256.5,2", "m2,,32,1,1"])
    hosts = AlibabaGpu2020(path, Rejects()).hosts()

    assert hosts.names == ["m0", "m1", "m2"]
    assert hosts.capacity[:3].T.tolist() == [
        [96000, 512 * GIB, 0],
        [64000, 513 * GIB // 2, 2000],
        [32000, GIB, 1000],
    ]
    assert hosts.attributes == [{}, {"gpu-model": "T4"}, {}]


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("m,T4,x,1,1", "cap_cpu is not a number"),
        ("m,T4,1,,1", "cap_mem must be 0 or more"),
        ("m,T4,1,1,1e99", "cap_gpu is more than any machine has"),
        (",T4,1,1,1", "machine is empty"),
        ("m0,T4,1,1,1", "the machine is there twice"),
        ("m,T4", "2 fields instead of 5"),
    ],
)
def test_a_bad_machine_is_an_error_with_its_line(folder, row, reason):
    path = folder(task=[TASK], machine=["m0,T4,1,1,1", row])

    with pytest.raises(UserError, match=rf"pai_machine_spec\.csv:2: {reason}"):
        AlibabaGpu2020(path, Rejects(OnBadRow.SKIP)).hosts()


def test_without_a_table_of_machines_there_are_none(folder):
    assert AlibabaGpu2020(folder(task=[TASK]), Rejects()).hosts() is None


# --- what cannot be used


@pytest.mark.parametrize(
    ("table", "row", "reason"),
    [
        ("task", "j,w,0,Terminated,1,2,1,1,1,T4", "inst_num must be a whole number from 1"),
        ("task", "j,w,1.5,Terminated,1,2,1,1,1,T4", "inst_num must be a whole number from 1"),
        ("task", "j,w,,Terminated,1,2,1,1,1,T4", "inst_num must be a whole number from 1"),
        ("task", "j,w,1e30,Terminated,1,2,1,1,1,T4", "inst_num must be a whole number from 1"),
        ("task", "j,w,1,Terminated,1,2,-1,1,1,T4", "plan_cpu must be 0 or more"),
        ("task", "j,w,1,Terminated,1,2,nan,1,1,T4", "plan_cpu must be 0 or more"),
        ("task", "j,w,1,Terminated,1,2,1,inf,1,T4", "plan_mem is more than any machine has"),
        ("task", "j,w,1,Terminated,1,2,1,1,x,T4", "plan_gpu is not a number"),
        ("task", "j,w,1,Terminated,9,2,1,1,1,T4", "end_time is before start_time"),
        ("task", "j,w,1,Terminated,-9,2,1,1,1,T4", "start_time must be 0 or more"),
        ("task", "j,w,1,Terminated,1,1e300,1,1,1,T4", "end_time must be 0 or more"),
        ("task", ",w,1,Terminated,1,2,1,1,1,T4", "job_name is empty"),
        ("task", "j,,1,Terminated,1,2,1,1,1,T4", "task_name is empty"),
        ("task", "j,w,1,Terminated,1,2,1,1,1", "9 fields instead of 10"),
        ("task", "job_name,task_name,inst_num,status,start_time,end_time,plan_cpu,plan_mem,plan_gpu,gpu_type", ""),
        ("job", "j,i,u,Terminated,9,2", "end_time is before start_time"),
        ("job", ",i,u,Terminated,1,2", "job_name is empty"),
        ("instance", "j,w,x,y,i,Terminated,soon,2,m", "start_time is not a number"),
        ("instance", "j,,x,y,i,Terminated,1,2,m", "task_name is empty"),
        ("tag", ",u,T4,g,w", "inst_id is empty"),
        ("sensor", "j,worker,a,i,m,g,-1.5,1,1.5,2,1,1,1,5,1,1", "cpu_usage must be 0 or more"),
        ("sensor", "j,worker,a,i,m,g,1,1,inf,2,1,1,1,5,1,1", "avg_mem must be 0 or more"),
    ],
)
def test_a_bad_row_is_named_or_put_aside(folder, tmp_path, table, row, reason):
    path = folder(**{"task": [TASK], table: [TASK, row] if table == "task" else [row]})
    skipping = Rejects(OnBadRow.SKIP, tmp_path / "rejects.csv")
    line = 2 if table == "task" else 1

    with pytest.raises(UserError, match=rf"pai_\w+\.csv:{line}: {reason}"):
        read(path, usage=True)
    [arrival] = read(path, skipping, usage=True)

    assert arrival.job.id == "j"
    assert (skipping.read, skipping.accepted, skipping.rejected) == (2, 1, 1)
    with skipping.file.open(newline="") as file:
        assert [aside["row"] for aside in csv.DictReader(file)] == [str(line)]


def test_who_did_not_unpack_the_archives_is_told_so(tmp_path):
    (tmp_path / "pai_task_table.tar.gz").write_bytes(gzip.compress(b"a tar"))

    with pytest.raises(UserError, match=r"pai_task_table\.tar\.gz: is an archive: unpack it"):
        read(tmp_path)


def test_a_folder_without_tasks_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"has no pai_task_table\.csv"):
        read(tmp_path)


# --- recognition, parts and gzip


def test_tables_may_be_gzipped_and_in_parts(folder):
    path = folder(task=[TASK])
    (path / "pai_task_table.csv").unlink()
    for part, job in ((0, "a"), (1, "b")):
        text = TASK.replace("j,", f"{job},") + "\n"
        (path / f"pai_task_table-{part}.csv.gz").write_bytes(gzip.compress(text.encode()))

    assert looks_like(path)
    assert [arrival.job.id for arrival in read(path)] == ["a", "b"]


def test_what_looks_like_the_trace_is_its_folder_or_its_task_table(folder, tmp_path):
    path = folder(job=["j,i,u,Terminated,1,2"], task=[TASK])
    others = tmp_path / "others"
    others.mkdir()
    other = others / "other.csv"
    other.write_text("job,submit_s\n")
    batch_task = others / "batch_task.csv"  # of the cluster traces of 2018
    batch_task.write_text("M1,1.0,j_1,1,Terminated,10,20,100.0,0.2\n")

    assert looks_like(path)
    assert looks_like(path / "pai_task_table.csv")
    assert not any(looks_like(one) for one in (other, batch_task, path / "pai_job_table.csv", tmp_path / "none"))
    assert isinstance(open_trace(str(path), Rejects()), AlibabaGpu2020)


# --- all of it, against a count that shares no code with the reader


@pytest.fixture
def made(folder):
    """A trace of 300 jobs in the official layout; rows in no order."""
    draw = random.Random(1)
    jobs, tasks, instances = [], [], []
    for number in range(300):
        begin = draw.randrange(1000, 90000)
        jobs.append(f"job{number},inst{number},user{number % 7},Terminated,{begin}.0,{begin + 5000}.0")
        for name in draw.sample(["ps", "worker", "evaluator"], draw.randint(1, 3)):
            count, start = draw.randint(1, 6), begin + draw.randrange(100)
            plan = f"{draw.choice((50, 600))}.0,{draw.choice((1.0, 29.296875))},{draw.choice(('', 25.0, 100.0))}"
            tasks.append(f"job{number},{name},{count}.0,Terminated,{start}.0,{start + 400}.0,{plan},T4")
            for one in range(draw.randint(0, count)):
                ended = start + draw.randrange(1, 400)
                key = f"job{number},{name},i{one},w{number}{name}{one},inst{number}"
                instances.append(f"{key},Terminated,{start}.0,{ended}.0,m{one}")
    for rows in (jobs, tasks, instances):
        draw.shuffle(rows)
    return folder(job=jobs, task=tasks, instance=instances, machine=[f"m{n},T4,96,512,8" for n in range(60)])


def test_the_work_of_all_containers_is_that_of_the_raw_rows(made):
    with (made / "pai_task_table.csv").open(newline="") as file:
        tasks = {(row[0], row[1]): row for row in csv.reader(file)}
    with (made / "pai_instance_table.csv").open(newline="") as file:
        ran = Counter()
        recorded = Counter()
        for job, task, *_, start, end, _ in csv.reader(file):
            ran[job, task] += float(end) - float(start)
            recorded[job, task] += 1
    work = sum(
        float(row[6]) * (ran[key] + (float(row[2]) - recorded[key]) * (float(row[5]) - float(row[4])))
        for key, row in tasks.items()
    )
    arrivals = read(made)

    assert sum(arrival.job.tasks for arrival in arrivals) == sum(int(float(row[2])) for row in tasks.values())
    submitted = [arrival.job.submit_s for arrival in arrivals]
    assert submitted == sorted(submitted)
    assert work * 10 == pytest.approx(
        sum(
            group.count * group.task.need.cpu_milli * run_s
            for arrival in arrivals
            for group, run_s in zip(arrival.job.groups, arrival.run_s, strict=True)
        )
    )


def test_the_trace_replays_with_the_counts_of_its_files(made):
    with (made / "pai_task_table.csv").open(newline="") as file:
        rows = list(csv.reader(file))
    asked = ["run", "--json", "--trace", f"alibaba_gpu2020:{made}", "--hosts", "trace", "--architecture", "monolithic"]

    ran = CliRunner().invoke(towtank, [*asked, "--policy", "first-fit", "--t-job", "0.001", "--processes", "1"])

    [run] = json.loads(ran.stdout)["runs"]
    assert run["metrics"]["jobs_submitted"] == len({row[0] for row in rows})
    assert run["metrics"]["tasks_submitted"] == sum(int(float(row[2])) for row in rows)


def test_the_specimen_is_whole(tmp_path):
    spec = importlib.util.spec_from_file_location("s", Path(__file__).parent / "specimens" / "alibaba_gpu2020.py")
    specimen = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(specimen)
    rejects = Rejects()

    assert len(read(specimen.write(tmp_path), rejects, usage=True)) == 5
    assert rejects.read == rejects.accepted == 20
