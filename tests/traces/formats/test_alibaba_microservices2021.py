"""The microservices trace of 2021: what becomes of samples of containers."""

import csv
import json
from collections import defaultdict

import pytest
from click.testing import CliRunner

from experiments.cli import towtank
from policies.errors import UserError
from policies.requests import Resources
from traces.formats import open_trace
from traces.formats.alibaba_microservices2021 import AlibabaMicroservices2021, looks_like
from traces.reading.options import ReadOptions
from traces.reading.reference import reference_named
from traces.reading.rejects import OnBadRow, Rejects

HEADER = "timestamp,msname,msinstanceid,nodeid,instance_cpu_usage,instance_memory_usage\n"
WHOLE = 2**33


@pytest.fixture
def samples(tmp_path):
    """Write a file of MSResource and open it."""

    def write(*rows, header=HEADER, rejects=None, options=None, name="MSResource_0.csv"):
        (tmp_path / name).write_text(header + "".join(f"{row}\n" for row in rows))
        return AlibabaMicroservices2021(tmp_path, rejects or Rejects(), options or ReadOptions())

    return write


def only(trace):
    [arrival] = trace.arrivals()
    return arrival


def test_a_container_is_a_service_from_its_first_sample_to_the_end_of_its_last(samples):
    trace = samples("120000,ms,a,n,0.5,0.25", "60000,ms,a,n,0.25,0.5", "180000,ms,a,n,0.125,0.25")

    arrival = only(trace)

    job = arrival.job
    assert (job.id, job.submit_s, job.workload, job.tasks, job.user) == ("a", 60.0, "service", 1, "ms")
    assert job.groups[0].task.need == Resources(2000, WHOLE // 2)  # the most that it ever used
    assert arrival.run_s == (180.0,)


def test_what_it_used_are_means_of_ten_minutes(samples):
    trace = samples(
        "0,ms,a,n,0.5,0.25", "60000,ms,a,n,0.25,0.75", "600000,ms,a,n,0.125,0.25", "1140000,ms,a,n,0.125,0.25"
    )

    arrival = only(trace)

    assert [(p.share, p.demand.cpu_cores, p.demand.memory_bytes) for p in arrival.behaviours[0]] == [
        (0.5, 1.5, WHOLE / 2),
        (0.5, 0.5, WHOLE / 4),
    ]


def test_shares_are_of_the_reference_machine(samples):
    trace = samples("0,ms,a,n,0.5,0.25", options=ReadOptions(reference=reference_named("10:1GiB")))

    assert only(trace).job.groups[0].task.need == Resources(5000, 2**28)
    assert "10:1GiB" in trace.assumptions()[0]


def test_containers_come_in_order_of_time_and_those_of_time_0_then(samples):
    trace = samples("60000,ms,b,n,0.5,0.25", "0,ms,c,n,0.5,0.25", "0,ms,a,n,0.5,0.25")

    assert [(a.job.id, a.job.submit_s) for a in trace.arrivals()] == [("a", 0), ("c", 0), ("b", 60)]
    assert any("submitted at 0: 2" in note for note in trace.assumptions())


def test_lines_may_be_numbered_and_columns_named_as_documented(samples):
    samples("7,60000,ms,a,n,0.5,0.25", header=f",{HEADER}")
    trace = samples(
        "0,ms,a,n,0.25,0.5",
        header="timestamp,msname,msinstanceid,nodeid,cpu_utilization,memory_utilization\n",
        name="MSResource_1.csv",
    )

    assert len(trace.files()) == 2
    assert (only(trace).run_s, only(trace).job.groups[0].task.need) == ((120.0,), Resources(2000, WHOLE // 2))


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        ("-1,ms,a,n,0.5,0.25", "timestamp must be 0 or more"),
        ("0,ms,,n,0.5,0.25", "msinstanceid is empty"),
        ("0,ms,a,n,,0.25", "instance_cpu_usage must be a share from 0"),
        ("0,ms,a,n,0.5,1e300", "instance_memory_usage must be a share from 0"),
    ],
)
def test_a_row_that_cannot_be_used_is_named_or_put_aside(samples, bad, reason):
    with pytest.raises(UserError, match=rf"MSResource_0\.csv:3: {reason}"):
        list(samples("0,ms,b,n,0.5,0.5", bad).arrivals())

    trace = samples("0,ms,b,n,0.5,0.5", bad, rejects=Rejects(OnBadRow.SKIP))
    for _ in range(2):
        assert only(trace).job.id == "b"
        assert (trace.rejects.read, trace.rejects.accepted, trace.rejects.rejected) == (2, 1, 1)


def test_a_folder_without_the_table_is_an_error_and_its_nodes_are_not_taken_for_it(tmp_path):
    (tmp_path / "Node.csv").write_text("timestamp,nodeid,node_cpu_usage,node_memory_usage\n0,n,0.5,0.5\n")

    assert not looks_like(tmp_path)
    assert not looks_like(tmp_path / "Node.csv")
    with pytest.raises(UserError, match="has no MSResource"):
        list(AlibabaMicroservices2021(tmp_path, Rejects()).arrivals())


# --- the real piece


def test_the_real_containers_are_all_there_and_run(traces_dir):
    real = traces_dir / "alibaba_microservices2021"
    at_ms = defaultdict(list)
    with (real / "Resource.csv").open(newline="") as file:
        for row in csv.DictReader(file):
            at_ms[row["msinstanceid"]].append(int(row["timestamp"]))
    trace = open_trace(str(real), Rejects())
    arrivals = {a.job.id: a for a in trace.arrivals()}

    assert trace.format == "alibaba_microservices2021"
    assert {name: (a.job.submit_s, a.run_s) for name, a in arrivals.items()} == {
        name: (min(those) / 1000, ((max(those) - min(those)) / 1000 + 60,)) for name, those in at_ms.items()
    }
    assert trace.rejects.read == trace.rejects.accepted == sum(map(len, at_ms.values())) == 999

    command = ["run", "--json", "--trace", f"alibaba_microservices2021:{real}", "--hosts", "100", "--host-cpus", "32"]
    command += ["--host-memory", "256GiB", "--policy", "first-fit", "--architecture", "monolithic", "--processes", "1"]
    ended = CliRunner().invoke(towtank, command, catch_exceptions=False)
    [metrics] = [one["metrics"] for one in json.loads(ended.stdout)["runs"]]
    assert metrics["jobs_submitted"] == metrics["tasks_finished"] == len(at_ms)
