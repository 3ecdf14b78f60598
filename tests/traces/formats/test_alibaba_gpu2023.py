"""The GPU cluster trace of 2023: what becomes of a pod, and whether all of them are there."""

import csv
import gzip
import json
from collections import Counter
from pathlib import Path

import pytest
from click.testing import CliRunner

from experiments.cli import towtank
from policies.errors import UserError
from policies.requests import Constraint, Group, Operator, Resources, Task
from traces.formats import open_trace
from traces.formats.alibaba_gpu2023 import AlibabaGpu2023, looks_like
from traces.reading.rejects import OnBadRow, Rejects
from traces.trace import OPEN_ENDED

REQUESTS = "name,cpu_milli,memory_mib,num_gpu,gpu_milli"
HEADER = f"{REQUESTS},gpu_spec,qos,pod_phase,creation_time,deletion_time,scheduled_time\n"
NODES = "sn,cpu_milli,memory_mib,gpu,model\nn0,32000,262144,0,\nn1,96000,1024,8,G2\n"
MIB = 2**20


@pytest.fixture
def pods(tmp_path):
    """Write a pod list; a list of one's own rows, between two good ones if asked for."""

    def write(*rows, header=HEADER, name="openb_pod_list_default.csv"):
        path = tmp_path / name
        path.write_text(header + "".join(f"{row}\n" for row in rows))
        return path

    return write


def read(path, rejects=None):
    return list(AlibabaGpu2023(path, rejects or Rejects()).arrivals())


def only(path):
    [arrival] = read(path)
    return arrival


# --- what becomes of a pod


def test_a_pod_is_a_job_of_one_container_of_its_qos(pods):
    job, *_ = only(pods("p,12000,16384,0,0,,LS,Running,5,30,10"))

    assert (job.id, job.submit_s, job.workload) == ("p", 5, "LS")
    assert job.groups == (Group(Task(Resources(12000, 16384 * MIB, 0), 0), 1),)


@pytest.mark.parametrize(
    ("num_gpu", "gpu_milli", "milli_gpus"), [(0, 0, 0), (0, 1000, 0), (1, 460, 460), (1, 1000, 1000), (8, 1000, 8000)]
)
def test_one_gpu_may_be_a_share_and_several_are_whole(pods, num_gpu, gpu_milli, milli_gpus):
    job, *_ = only(pods(f"p,1,1,{num_gpu},{gpu_milli},,LS,Running,0,9,0"))

    assert job.groups[0].task.need.gpu_milli == milli_gpus


def test_a_pod_runs_from_its_scheduling_to_its_deletion(pods):
    assert only(pods("p,1,1,0,0,,LS,Failed,5,30,10")).run_s == (20,)


def test_a_pod_that_was_never_scheduled_runs_as_long_as_it_was_wanted(pods):
    path = pods("p,1,1,0,0,,LS,Pending,5,30,", "q,1,1,0,0,,LS,Running,6,31,6")
    trace = AlibabaGpu2023(path, Rejects())

    assert [arrival.run_s for arrival in trace.arrivals()] == [(25,), (25,)]
    assert any("1 of 2 pods were never scheduled" in note for note in trace.assumptions())


def test_a_pod_without_memory_or_time_is_a_pod(pods):
    arrival = only(pods("p,1,0,0,0,,LS,Running,5,5,5"))

    assert arrival.job.groups[0].task.need == Resources(1, 0, 0)
    assert arrival.run_s == (0,)


def test_pods_come_in_order_of_creation_and_then_of_name(pods):
    rows = [f"{name},1,1,0,0,,LS,Running,{at},99,99" for name, at in [("c", 7), ("b", 3), ("a", 7), ("d", 0)]]

    assert [arrival.job.id for arrival in read(pods(*rows))] == ["d", "b", "a", "c"]


def test_pods_that_share_the_latest_deletion_were_still_there(pods):
    rows = [f"p{n},1,1,0,0,,LS,Running,{n},{end},{n}" for n, end in enumerate([50, 100, 50, 100, 99, 100])]
    trace = AlibabaGpu2023(pods(*rows), Rejects())

    assert trace.end_s() == 100  # before the pods were read
    assert [arrival.run_s[0] == OPEN_ENDED for arrival in trace.arrivals()] == [False, True, False, True, False, True]
    assert any("3 of 6 pods were still there" in note for note in trace.assumptions())


@pytest.mark.parametrize("ends", [[100], [50, 50, 100, 100], [50, 60, 100]])
def test_a_latest_deletion_that_is_like_others_ends_no_recording(pods, ends):
    trace = AlibabaGpu2023(pods(*(f"p{n},1,1,0,0,,LS,Running,0,{end},0" for n, end in enumerate(ends))), Rejects())

    assert trace.end_s() is None
    assert OPEN_ENDED not in [arrival.run_s[0] for arrival in trace.arrivals()]


@pytest.mark.parametrize(
    ("gpus", "spec", "constraints"),
    [
        (1, "V100M16|V100M32", (Constraint("gpu-model", Operator.IN, ("V100M16", "V100M32")),)),
        (1, "T4", (Constraint("gpu-model", Operator.IN, ("T4",)),)),
        (1, "a b|c,d", (Constraint("gpu-model", Operator.IN, ("a b", "c,d")),)),
        (1, "", ()),
        (0, "T4", ()),  # what has no GPU is of no type
    ],
)
def test_a_pod_that_names_types_of_gpu_runs_on_machines_that_have_one_of_them(pods, gpus, spec, constraints):
    text = f'"{spec}"' if "," in spec else spec

    assert only(pods(f"p,1,1,{gpus},1000,{text},LS,Running,0,1,0")).job.groups[0].task.constraints == constraints


def test_types_and_shares_of_gpus_are_counted(pods):
    trace = AlibabaGpu2023(
        pods("p,1,1,1,500,V100|G2,LS,Running,0,1,0", "q,1,1,1,1000,T4,LS,Running,0,2,0", "r,1,1,0,0,,BE,Running,0,3,0"),
        Rejects(),
    )
    list(trace.arrivals())

    notes = trace.assumptions()

    assert any("2 of 3 pods ask for types of GPU" in note for note in notes)
    assert any("1 of 3 pods ask for a part of a GPU" in note for note in notes)


def test_a_list_may_be_gzipped(pods):
    path = pods("p,1,1,0,0,,LS,Running,5,30,10")
    zipped = path.with_name(f"{path.name}.gz")
    zipped.write_bytes(gzip.compress(path.read_bytes()))
    path.unlink()

    assert looks_like(path.parent)
    assert [arrival.job.id for arrival in read(path.parent)] == ["p"]


def test_a_list_that_is_sorted_on_disk_comes_in_the_same_order(pods, monkeypatch):
    rows = [f"p{n % 7}{n},1,1,0,0,,LS,Running,{n * 37 % 11},99,{n * 37 % 11}" for n in range(60)]
    in_memory = [arrival.job.id for arrival in read(pods(*rows))]

    monkeypatch.setattr("traces.reading.ordered.IN_MEMORY", 10)

    assert [arrival.job.id for arrival in read(pods(*rows))] == in_memory


# --- machines


def test_the_machines_are_beside_the_pods(pods):
    path = pods("p,1,1,0,0,,LS,Running,0,1,0", name="some_list.csv")
    (path.parent / "openb_node_list_all_node.csv").write_text(NODES)

    trace = AlibabaGpu2023(path, Rejects())
    hosts = trace.hosts()

    assert hosts.names == ["n0", "n1"]
    assert hosts.capacity[:3].T.tolist() == [[32000, 262144 * MIB, 0], [96000, 1024 * MIB, 8000]]
    assert hosts.alive.all()
    assert list(hosts.attributes) == [{}, {"gpu-model": "G2"}]
    assert [file.name for file in trace.files()] == ["some_list.csv", "openb_node_list_all_node.csv"]


def test_without_a_node_list_there_are_no_machines(pods):
    trace = AlibabaGpu2023(pods("p,1,1,0,0,,LS,Running,0,1,0"), Rejects())

    assert trace.hosts() is None
    assert len(trace.files()) == 1


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("n,-1,1,0,", "cpu_milli must be a whole number"),
        ("n,1,x,0,", "memory_mib is not a number"),
        ("n,1,1,0.5,", "gpu must be"),
        ("n,1,1e12,0,", "memory_mib is more than any machine has"),
        (",1,1,0,", "sn is empty"),
        ("n,1", "2 fields"),
    ],
)
def test_a_bad_machine_is_an_error_with_its_line(pods, row, reason):
    folder = pods("p,1,1,0,0,,LS,Running,0,1,0").parent
    (folder / "openb_node_list_all_node.csv").write_text(NODES + row + "\n")

    with pytest.raises(UserError, match=rf"openb_node_list_all_node\.csv:4: {reason}"):
        AlibabaGpu2023(folder, Rejects(OnBadRow.SKIP)).hosts()


# --- what cannot be used


def test_a_list_without_times_is_one_clear_error(pods):
    path = pods("p,1,1,0,0", header=f"{REQUESTS}\n", name="openb_pod_list_multigpu20.csv")

    assert looks_like(path)
    for attempt in (read, lambda path: AlibabaGpu2023(path, Rejects()).end_s()):
        with pytest.raises(UserError, match=r"openb_pod_list_multigpu20\.csv: .*no times") as error:
            attempt(path)
        assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("p,x,1,0,0,,LS,Running,0,9,0", "cpu_milli is not a number"),
        ("p,-1,1,0,0,,LS,Running,0,9,0", "cpu_milli must be a whole number from 0"),
        ("p,1.5,1,0,0,,LS,Running,0,9,0", "cpu_milli must be a whole number from 0"),
        ("p,1,,0,0,,LS,Running,0,9,0", "memory_mib must be a whole number from 0"),
        ("p,1,1e300,0,0,,LS,Running,0,9,0", "memory_mib is more than any machine has"),
        ("p,1,1,-1,0,,LS,Running,0,9,0", "num_gpu must be a whole number from 0"),
        ("p,1,1,1,0,,LS,Running,0,9,0", "gpu_milli must be 1 to 1000"),
        ("p,1,1,1,1001,,LS,Running,0,9,0", "gpu_milli must be 1 to 1000"),
        ("p,1,1,0,0,,LS,Running,-1,9,0", "creation_time must be 0 or more"),
        ("p,1,1,0,0,,LS,Running,0,inf,0", "deletion_time must be 0 or more"),
        ("p,1,1,0,0,,LS,Running,0,,0", "deletion_time must be 0 or more"),
        ("p,1,1,0,0,,LS,Running,0,9,x", "scheduled_time is not a number"),
        ("p,1,1,0,0,,LS,Running,5,9,4", "scheduled_time is before creation_time"),
        ("p,1,1,0,0,,LS,Running,0,9,10", "deletion_time is before scheduled_time"),
        ("p,1,1,0,0,,LS,Pending,10,9,", "deletion_time is before scheduled_time or creation_time"),
        (",1,1,0,0,,LS,Running,0,9,0", "name is empty"),
        ("p,1,1,0,0,,,Running,0,9,0", "qos is empty"),
        ("p,1,1,0,0,,LS,Running,0,9", "10 fields instead of 11"),
    ],
)
def test_a_bad_pod_is_named_or_put_aside(pods, tmp_path, row, reason):
    path = pods("good,1,1,0,0,,LS,Running,0,9,0", row, "fine,1,1,0,0,,LS,Running,1,8,1")
    skipping = Rejects(OnBadRow.SKIP, tmp_path / "rejects.csv")

    with pytest.raises(UserError) as error:
        read(path)
    arrivals = read(path, skipping)

    assert str(error.value).startswith(f"{path}:3: {reason}")
    assert [arrival.job.id for arrival in arrivals] == ["good", "fine"]
    assert (skipping.read, skipping.accepted, skipping.rejected) == (3, 2, 1)
    with skipping.file.open(newline="") as file:
        assert [aside["row"] for aside in csv.DictReader(file)] == ["3"]


def test_what_looks_like_the_trace_is_its_folder_or_a_pod_list(pods, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("job,submit_s\n")
    empty = tmp_path / "empty"
    empty.mkdir()

    assert looks_like(pods())
    assert looks_like(tmp_path)
    assert not any(looks_like(path) for path in (other, empty, tmp_path / "none.csv"))


# --- the real files, counted with nothing but csv


LISTS = ["default", "cpu050", "gpushare40", "gpuspec10"]


@pytest.fixture(scope="module")
def folder(traces_dir) -> Path:
    return traces_dir / "alibaba_gpu2023"


def rows_of(path):
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


@pytest.mark.parametrize("name", LISTS)
def test_every_pod_of_the_real_lists_is_there_with_all_it_asks_for(folder, name):
    path = folder / f"openb_pod_list_{name}.csv"
    rows = rows_of(path)
    rejects = Rejects()

    arrivals = read(path, rejects)

    tasks = [arrival.job.groups[0].task.need for arrival in arrivals]
    assert rejects.read == rejects.accepted == len(arrivals) == len(rows)
    assert sum(need.cpu_milli for need in tasks) == sum(int(row["cpu_milli"]) for row in rows)
    assert sum(need.memory_bytes for need in tasks) == sum(int(row["memory_mib"]) for row in rows) * MIB
    # In the data a share stands in gpu_milli of every pod of one GPU, 0 in that of none, 1000 in that of several.
    assert sum(need.gpu_milli for need in tasks) == sum(int(row["num_gpu"]) * int(row["gpu_milli"]) for row in rows)
    assert Counter(arrival.job.workload for arrival in arrivals) == Counter(row["qos"] for row in rows)
    assert {arrival.job.id for arrival in arrivals} == {row["name"] for row in rows}


@pytest.mark.parametrize("name", LISTS)
def test_the_lives_of_the_real_pods_are_the_recorded_ones(folder, name):
    rows = {row["name"]: row for row in rows_of(folder / f"openb_pod_list_{name}.csv")}
    last = max(int(row["deletion_time"]) for row in rows.values())
    trace = AlibabaGpu2023(folder / f"openb_pod_list_{name}.csv", Rejects())

    arrivals = list(trace.arrivals())

    assert trace.end_s() == last == 12902960
    assert 30 < sum(int(row["deletion_time"]) == last for row in rows.values()) < 40
    created = [(arrival.job.submit_s, arrival.job.id) for arrival in arrivals]
    assert created == sorted((int(row["creation_time"]), name) for name, row in rows.items())
    for job, (run_s,), *_ in arrivals:
        row = rows[job.id]
        ran = int(row["deletion_time"]) - int(row["scheduled_time"] or row["creation_time"])
        assert run_s == (OPEN_ENDED if int(row["deletion_time"]) == last else ran)


def test_the_real_machines_are_all_there(folder):
    rows = rows_of(folder / "openb_node_list_all_node.csv")

    hosts = AlibabaGpu2023(folder, Rejects()).hosts()

    assert list(hosts.names) == [row["sn"] for row in rows]
    assert hosts.capacity[:3].sum(axis=1).tolist() == [
        sum(int(row["cpu_milli"]) for row in rows),
        sum(int(row["memory_mib"]) for row in rows) * MIB,
        sum(int(row["gpu"]) for row in rows) * 1000,
    ]


def test_the_types_of_gpu_that_real_pods_name_are_those_of_real_machines(folder):
    path = folder / "openb_pod_list_gpuspec10.csv"
    rows = [row for row in rows_of(path) if int(row["num_gpu"])]
    named = Counter(row["gpu_spec"] for row in rows if row["gpu_spec"])
    trace = AlibabaGpu2023(path, Rejects())

    demanded = Counter(
        "|".join(constraint.value)
        for arrival in trace.arrivals()
        for constraint in arrival.job.groups[0].task.constraints
    )

    assert demanded == named
    assert Counter(labels.get("gpu-model", "") for labels in trace.hosts().attributes) == Counter(
        row["model"] for row in rows_of(folder / "openb_node_list_all_node.csv")
    )


def test_the_real_trace_is_recognised(folder):
    assert isinstance(open_trace(str(folder), Rejects()), AlibabaGpu2023)
    assert all(looks_like(path) for path in folder.glob("openb_pod_list_*.csv"))
    assert not any(looks_like(path) for path in folder.glob("openb_node_list_*.csv"))


def test_the_real_list_without_times_is_refused(folder):
    with pytest.raises(UserError, match="no times"):
        read(folder / "openb_pod_list_multigpu20.csv")


def test_pods_with_types_of_gpu_replay_with_the_counts_of_the_file(folder):
    rows = rows_of(folder / "openb_pod_list_gpuspec10.csv")
    trace = f"alibaba_gpu2023:{folder / 'openb_pod_list_gpuspec10.csv'}"
    asked = ["run", "--json", "--trace", trace, "--hosts", "trace", "--architecture", "monolithic"]

    ran = CliRunner().invoke(towtank, [*asked, "--policy", "first-fit", "--t-job", "0.001", "--processes", "1"])

    [run] = json.loads(ran.stdout)["runs"]
    assert run["metrics"]["jobs_submitted"] == run["metrics"]["tasks_submitted"] == len(rows)
