"""The trace of disaggregated recommendation services: what becomes of an instance, and whether all are there."""

import csv
import gzip
import importlib.util
import json
from collections import Counter
from math import inf
from pathlib import Path

import pytest
from click.testing import CliRunner

from experiments.cli import towtank
from policies.errors import UserError
from policies.requests import Resources
from traces.formats import open_trace
from traces.formats.alibaba_dlrm2025 import COLUMNS, AlibabaDlrm2025, looks_like
from traces.reading.rejects import OnBadRow, Rejects

GIB = 2**30
ROW = dict(
    zip(COLUMNS, ("p", "HN", "app", 8, 8, 1, 1, 25, 25, 32.0, 32.0, 170.0, 200.0, -1, 5.0, 7.0, 30.0), strict=True)
)


@pytest.fixture
def instances(tmp_path):
    """Write instances: what of each differs from the one above."""

    def write(*differences, name="disaggregated_DLRM_trace.csv"):
        path = tmp_path / name
        with path.open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(ROW | difference for difference in differences)
        return path

    return write


def read(path, rejects=None):
    return list(AlibabaDlrm2025(path, rejects or Rejects()).arrivals())


def only(path):
    [arrival] = read(path)
    return arrival


def noted(path, words):
    trace = AlibabaDlrm2025(path, Rejects())
    list(trace.arrivals())
    return sum(int(note.rpartition(": ")[2].replace(",", "")) for note in trace.counted() if words in note)


# --- what becomes of an instance


def test_an_instance_is_a_job_of_one_container_of_its_service(instances):
    job, run_s, *_ = only(instances({}))

    assert (job.id, job.user, job.workload, job.submit_s, job.tasks) == ("p", "app", "service", 5, 1)
    assert job.groups[0].task.need == Resources(8000, 32 * GIB, 1000)
    assert run_s == (23,)


@pytest.mark.parametrize(
    ("created", "scheduled", "deleted", "submitted", "run_s"),
    [
        ("", "", "", 0, inf),  # there all the time
        ("", "", 30, 0, 30),
        ("", 10, 30, 0, 20),  # created before the trace and scheduled in it
        (5, 7, "", 5, inf),
        (5, 7, "NaN", 5, inf),
        (5, "", 30, 5, 25),  # never scheduled
        (5, 5, 5, 5, 0),
        (5.25, 2057225.0000000002, 2057226, 5.25, 1),
    ],
)
def test_a_time_that_is_empty_is_before_the_trace_or_after_it(instances, created, scheduled, deleted, submitted, run_s):
    path = instances({"creation_time": created, "scheduled_time": scheduled, "deletion_time": deleted})
    arrival = only(path)

    assert arrival.job.submit_s == submitted
    assert arrival.run_s == pytest.approx((run_s,))
    assert noted(path, "of before the trace") == (created == "")
    assert noted(path, "run without end") == (run_s == inf)
    assert noted(path, "never scheduled") == (created != "" and scheduled == "")


def test_instances_come_in_order_of_creation(instances):
    path = instances(
        {"instance_sn": "b", "creation_time": 6}, {"instance_sn": "a", "creation_time": 6},
        {"instance_sn": "z", "creation_time": ""}, {"instance_sn": "c", "creation_time": 1},
    )  # fmt: skip

    assert [arrival.job.id for arrival in read(path)] == ["z", "c", "a", "b"]


def test_a_service_of_which_a_node_takes_one_instance_is_apart_under_its_name(instances):
    one = {"max_instance_per_node": 1}
    path = instances(
        one, one | {"instance_sn": "q"}, one | {"instance_sn": "r", "creation_time": 6}, {"instance_sn": "s"}
    )

    assert [(job.id, job.tasks, job.groups[0].task.apart) for job, *_ in read(path)] == [
        ("app", 2, True),
        ("s", 1, False),
        ("app", 1, True),
    ]
    assert noted(path, "takes one only") == 3


def test_what_is_not_modelled_is_counted(instances):
    nothing = {"disk_request": 0, "rdma_request": 0}
    path = instances({}, {"max_instance_per_node": 2} | nothing, {"max_instance_per_node": 10, "rdma_request": 0})

    assert noted(path, "takes some") == 2
    assert noted(path, "disk space") == 2
    assert noted(path, "RDMA") == 1


def test_the_recording_ends_at_the_latest_time(instances):
    path = instances({}, {"creation_time": 99, "scheduled_time": 99, "deletion_time": ""})

    assert AlibabaDlrm2025(path, Rejects()).end_s() == 99
    assert AlibabaDlrm2025(path, Rejects()).hosts() is None


# --- what cannot be used


@pytest.mark.parametrize(
    ("difference", "reason"),
    [
        ({"cpu_request": "x"}, "cpu_request is not a number"),
        ({"cpu_request": ""}, "cpu_request must be 0 or more"),
        ({"gpu_request": -1}, "gpu_request must be 0 or more"),
        ({"memory_request": "1e300"}, "memory_request is more than any machine has"),
        ({"disk_request": "nan"}, "disk_request must be 0 or more"),
        ({"rdma_request": "inf"}, "rdma_request is more than any machine has"),
        ({"max_instance_per_node": 0}, "max_instance_per_node must be -1 or a whole number from 1"),
        ({"max_instance_per_node": 1.5}, "max_instance_per_node must be"),
        ({"creation_time": -5}, "creation_time must be 0 or more, or empty"),
        ({"deletion_time": "inf"}, "deletion_time must be 0 or more, or empty"),
        ({"scheduled_time": "soon"}, "scheduled_time is not a number"),
        ({"scheduled_time": 4}, "scheduled_time is before creation_time"),
        ({"scheduled_time": "", "deletion_time": 4}, "deletion_time is before creation_time"),
        ({"deletion_time": 6}, "deletion_time is before scheduled_time"),
        ({"instance_sn": ""}, "instance_sn is empty"),
        ({"app_name": ""}, "app_name is empty"),
    ],
)
def test_a_bad_row_is_named_or_put_aside(instances, difference, reason):
    path = instances({"instance_sn": "a"}, difference, {"instance_sn": "b"})
    skipping = Rejects(OnBadRow.SKIP)

    with pytest.raises(UserError) as error:
        read(path)
    arrivals = read(path, skipping)

    assert str(error.value).startswith(f"{path}:3: {reason}")
    assert [arrival.job.id for arrival in arrivals] == ["a", "b"]
    assert (skipping.read, skipping.accepted, skipping.rejected) == (3, 2, 1)


def test_what_looks_like_the_trace_is_the_file_or_its_folder(instances, tmp_path):
    other = tmp_path / "other.csv"
    other.write_text("job,submit_s\n")
    path = instances({})
    zipped = tmp_path / "any.name"
    zipped.write_bytes(gzip.compress(path.read_bytes()))

    assert all(map(looks_like, (path, tmp_path, zipped)))
    assert not any(looks_like(one) for one in (other, tmp_path / "none.csv"))
    assert [arrival.job.id for arrival in read(zipped)] == ["p"]
    assert isinstance(open_trace(str(path), Rejects()), AlibabaDlrm2025)


def test_a_folder_without_the_file_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"has no disaggregated_DLRM_trace\.csv"):
        read(tmp_path)


def test_the_specimen_is_whole(tmp_path):
    spec = importlib.util.spec_from_file_location("s", Path(__file__).parent / "specimens" / "alibaba_dlrm2025.py")
    specimen = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(specimen)
    rejects = Rejects()

    assert sum(arrival.job.tasks for arrival in read(specimen.write(tmp_path), rejects)) == 7
    assert rejects.read == rejects.accepted == 7


# --- the real piece, counted with nothing but csv


@pytest.fixture(scope="module")
def piece(traces_dir):
    path = traces_dir / "alibaba_dlrm2025"
    with (path / "disaggregated_DLRM_trace.csv").open(newline="") as file:
        return path, list(csv.DictReader(file))


def test_every_real_instance_is_there_with_all_it_asks_for(piece):
    path, rows = piece
    rejects = Rejects()
    trace = open_trace(str(path), rejects)
    arrivals = list(trace.arrivals())
    tasks = [arrival.job.groups[0].task.need for arrival in arrivals]

    assert isinstance(trace, AlibabaDlrm2025)
    assert rejects.read == rejects.accepted == len(arrivals) == len(rows) == 13379
    assert Counter(arrival.job.id for arrival in arrivals) == Counter(row["instance_sn"] for row in rows)
    assert Counter(arrival.job.user for arrival in arrivals) == Counter(row["app_name"] for row in rows)
    assert sum(need.cpu_milli for need in tasks) == sum(int(row["cpu_request"]) for row in rows) * 1000
    assert sum(need.gpu_milli for need in tasks) == sum(int(row["gpu_request"]) for row in rows) * 1000
    assert sum(need.memory_bytes for need in tasks) == sum(float(row["memory_request"]) for row in rows) * GIB
    lives = {row["instance_sn"]: [float(row[name] or "nan") for name in COLUMNS[-3:]] for row in rows}
    for job, (run_s,), *_ in arrivals:
        created, scheduled, deleted = lives[job.id]
        assert job.submit_s == (created if created == created else 0)
        assert run_s == (deleted - (scheduled if scheduled == scheduled else 0) if deleted == deleted else inf)


def test_the_real_instances_replay_with_the_counts_of_the_file(piece, tmp_path):
    path, rows = piece
    hosts = tmp_path / "hosts.csv"
    gib = 1024 * GIB
    hosts.write_text("host,cpus,memory_bytes,gpus\n" + "".join(f"h{n},192,{gib},8\n" for n in range(2000)))
    expected = sum(float(row["creation_time"] or 0) < 86400 for row in rows)
    asked = ["run", "--json", "--trace", str(path), "--hosts", str(hosts), "--until", "1d", "--t-job", "0.001"]

    ran = CliRunner().invoke(
        towtank, [*asked, "--architecture", "monolithic", "--policy", "first-fit", "--processes", "1"]
    )

    [run] = json.loads(ran.stdout)["runs"]
    assert run["metrics"]["jobs_submitted"] == run["metrics"]["tasks_submitted"] == expected
