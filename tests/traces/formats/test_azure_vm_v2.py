"""Azure's virtual machines of 2019: sizes in buckets, and whether all of the real piece are there."""

import csv
import gzip
import json
from collections import Counter, defaultdict

import pytest
from click.testing import CliRunner

from experiments.cli import towtank
from policies.errors import UserError
from policies.requests import Resources
from traces.formats import open_trace
from traces.formats.azure_vm_v2 import AzureVmV2
from traces.reading.options import ReadOptions
from traces.reading.rejects import Rejects
from traces.trace import OPEN_ENDED

GIB = 2**30
END = 2591400


def read(path, rejects=None, usage=False):
    trace = AzureVmV2(path, rejects or Rejects(), ReadOptions(usage=usage))
    return trace, list(trace.arrivals())


@pytest.mark.parametrize(
    ("cores", "memory", "cpu_milli", "gib", "opened"),
    [("2", "2", 2000, 2, 0), ("24", "64", 24000, 64, 0), (">24", "64", 32000, 64, 1), (">24", ">64", 32000, 128, 2)],
)
def test_a_size_is_the_upper_edge_of_its_bucket_or_what_is_assumed(tmp_path, cores, memory, cpu_milli, gib, opened):
    table = tmp_path / "vmtable.csv"
    table.write_text(f"vm,s,d,0,900,9,50,9,Unknown,{cores},{memory}\n")

    trace, [arrival] = read(table)

    assert arrival.job.groups[0].task.need == Resources(cpu_milli, gib * GIB)
    assert arrival.behaviours[0][0].demand.cpu_cores == cpu_milli / 2000
    assert sum("in the bucket" in note for note in trace.counted()) == opened
    assert any("upper edges" in note for note in trace.assumptions())


def test_a_bucket_that_there_is_not_is_refused(tmp_path):
    table = tmp_path / "vmtable.csv"
    table.write_text("vm,s,d,0,900,9,50,9,Unknown,>8,2\n")

    with pytest.raises(UserError, match=r"vmtable\.csv:1: cores must be more than 0"):
        read(table)


def test_its_end_is_that_of_its_own(tmp_path):
    table = tmp_path / "vmtable.csv"
    table.write_text(f"vm,s,d,0,{END},9,50,9,Unknown,2,2\n")

    trace, [arrival] = read(table)

    assert trace.end_s() == END
    assert arrival.run_s == (OPEN_ENDED,)


# --- the real piece, counted with nothing but csv and gzip


@pytest.fixture(scope="module")
def folder(traces_dir):
    return traces_dir / "azure_vm_v2"


@pytest.fixture(scope="module")
def rows(folder):
    with (folder / "vmtable.csv").open(newline="") as file:
        return list(csv.reader(file))


@pytest.fixture(scope="module")
def readings(folder):
    """Read all that was measured, by machine."""
    found = defaultdict(list)
    for path in folder.glob("vm_cpu_readings*.gz"):
        with gzip.open(path, "rt", newline="") as file:
            for at, vm, _, _, mean in csv.reader(file):
                found[vm].append((int(at), float(mean)))
    return found


def test_every_machine_of_the_real_table_is_there_with_all_it_asks_for(folder, rows):
    rejects = Rejects()

    trace, arrivals = read(folder, rejects)

    assert rejects.read == rejects.accepted == len(arrivals) == len(rows) == 520
    assert {arrival.job.id for arrival in arrivals} == {row[0] for row in rows}
    needs = Counter(tuple(arrival.job.groups[0].task.need[:2]) for arrival in arrivals)
    assert needs == Counter((int(row[9]) * 1000, int(row[10]) * GIB) for row in rows)
    assert sum(arrival.job.workload == "service" for arrival in arrivals) == sum(
        row[8] == "Interactive" for row in rows
    )
    # The trap: all of them lived for all of the trace.
    assert all(arrival.job.submit_s == 0 and arrival.run_s == (OPEN_ENDED,) for arrival in arrivals)
    assert any("before the trace began, submitted at time 0: 520" in note for note in trace.assumptions())
    mean = {row[0]: float(row[6]) * int(row[9]) / 100 for row in rows}
    assert all(arrival.behaviours[0][0].demand.cpu_cores == pytest.approx(mean[arrival.job.id]) for arrival in arrivals)


def test_what_was_measured_of_the_real_machines_is_all_there(folder, rows, readings):
    rejects = Rejects()
    cores = {row[0]: int(row[9]) for row in rows}

    trace, arrivals = read(folder, rejects, usage=True)

    count = sum(map(len, readings.values()))
    assert rejects.read == rejects.accepted == len(rows) + count
    for arrival in arrivals:
        own = sorted(readings.get(arrival.job.id, ()))
        [phases] = arrival.behaviours
        if not own:
            assert len(phases) == 1
            continue
        ends = [at for at, _ in own[1:]] + [own[-1][0] + 300]
        used = sum((end - at) * percent for (at, percent), end in zip(own, ends, strict=True)) / 100
        until = ends[-1] / END
        before = 0.0
        total = 0.0
        for share, demand in phases:
            total += demand.cpu_cores * max(min(before + share, until) - before, 0.0) * END
            before += share
        assert total == pytest.approx(used * cores[arrival.job.id], rel=1e-6)
    # The trap: some machines miss readings.
    gaps = sum(
        b - a > 450 for own in readings.values() for (a, _), (b, _) in zip(sorted(own), sorted(own)[1:], strict=False)
    )
    assert gaps > 0
    assert any(f"bridged: {gaps}" in note for note in trace.assumptions())


def test_the_real_piece_is_recognised(folder):
    assert isinstance(open_trace(str(folder), Rejects()), AzureVmV2)
    assert isinstance(open_trace(str(folder / "vmtable.csv"), Rejects()), AzureVmV2)


@pytest.mark.slow
def test_a_run_of_the_real_piece_submits_every_machine(folder, rows):
    ran = CliRunner().invoke(
        towtank,
        ["run", "--json", "--trace", f"azure_vm_v2:{folder}", "--hosts", "200", "--host-cpus", "32", "--policy",
         "first-fit", "--architecture", "monolithic", "--t-job", "0.001", "--until", "1d", "--processes", "1"],
    )  # fmt: skip

    assert ran.exit_code == 0, ran.output
    [run] = json.loads(ran.stdout)["runs"]
    assert run["metrics"]["jobs_submitted"] == run["metrics"]["tasks_submitted"] == len(rows)
    assert run["metrics"]["tasks_scheduled"] == len(rows)
