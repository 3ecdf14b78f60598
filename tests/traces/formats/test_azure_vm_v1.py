"""Azure's virtual machines of 2017: what becomes of one, with and without what was measured of it."""

import csv
import gzip
import json

import pytest
from click.testing import CliRunner

from experiments.cli import towtank
from policies.errors import UserError
from policies.requests import Demand, Resources
from traces.formats import azure_vm_v1, azure_vm_v2, open_trace
from traces.formats.azure_vm_v1 import AzureVmV1
from traces.reading import ordered
from traces.reading.options import ReadOptions
from traces.reading.rejects import OnBadRow, Rejects
from traces.trace import OPEN_ENDED, Phase, steady

GIB = 2**30
END = 2591700


@pytest.fixture
def vms(tmp_path):
    """Write a table of machines, and readings if there are any."""

    def write(*rows, readings=(), table="vmtable.csv"):
        (tmp_path / table).parent.mkdir(exist_ok=True)
        (tmp_path / table).write_text("".join(f"{row}\n" for row in rows))
        if readings:
            (tmp_path / "vm_cpu_readings-file-1-of-1.csv").write_text("".join(f"{row}\n" for row in readings))
        return tmp_path

    return write


def read(path, rejects=None, usage=False):
    trace = AzureVmV1(path, rejects or Rejects(), ReadOptions(usage=usage))
    return trace, list(trace.arrivals())


def only(path, usage=False):
    _, [arrival] = read(path, usage=usage)
    return arrival


def noted(trace, words):
    return sum(int(note.rpartition(": ")[2].replace(",", "")) for note in trace.counted() if words in note)


# --- what becomes of a virtual machine


def test_a_virtual_machine_is_a_job_of_its_subscription_that_uses_its_mean(vms):
    arrival = only(vms("vm,sub,dep,600,1800,99,25,50,Interactive,2,3.5"))

    job = arrival.job
    assert (job.id, job.submit_s, job.workload, job.user, job.tasks) == ("vm", 600, "service", "sub", 1)
    assert job.groups[0].task.need == Resources(2000, int(3.5 * GIB))
    assert arrival.run_s == (1200,)
    assert arrival.behaviours == (steady(Demand(0.5, 3.5 * GIB)),)


@pytest.mark.parametrize(
    ("category", "workload", "words"),
    [
        ("Interactive", "service", ""),
        ("Delay-insensitive", "batch", ""),
        ("Unknown", "batch", "category Unknown"),
        ("", "batch", "no or another category"),
        ("Other", "batch", "no or another category"),
    ],
)
def test_the_category_is_the_class_of_workload(vms, category, workload, words):
    trace, [arrival] = read(vms(f"vm,sub,dep,600,1800,99,25,50,{category},1,1"))

    assert arrival.job.workload == workload
    assert noted(trace, "categor") == bool(words)
    assert noted(trace, words or "categor") == bool(words)


def test_who_was_there_before_comes_at_0_and_who_was_there_at_the_end_has_no_end(vms):
    trace, [before, until] = read(
        vms(f"until,s,d,{END - 300},{END},9,9,9,Unknown,1,1", "before,s,d,0,900,9,9,9,Unknown,1,1")
    )

    assert (before.job.id, before.job.submit_s, before.run_s) == ("before", 0, (900,))
    assert (until.job.id, until.job.submit_s, until.run_s) == ("until", END - 300, (OPEN_ENDED,))
    assert trace.end_s() == END
    assert (noted(trace, "before the trace began"), noted(trace, "still there at the end")) == (1, 1)


def test_who_was_deleted_when_it_was_created_runs_for_one_step(vms):
    trace, [arrival] = read(vms("vm,s,d,600,600,9,9,9,Unknown,1,1"))

    assert arrival.run_s == (300,)
    assert noted(trace, "run for 300 s") == 1


@pytest.mark.parametrize(("percent", "cores"), [("0", 0.0), ("100", 4.0), ("250", 4.0)])
def test_a_machine_uses_no_more_than_all_of_its_cores(vms, percent, cores):
    trace, [arrival] = read(vms(f"vm,s,d,0,900,9,{percent},9,Unknown,4,1"))

    assert arrival.behaviours[0][0].demand.cpu_cores == cores
    assert noted(trace, "more than 100 percent") == (percent == "250")


def test_of_whom_nobody_knows_a_mean_it_uses_what_it_asks_for(vms):
    trace, [arrival] = read(vms("vm,s,d,0,900,,,,Unknown,4,1"))

    assert arrival.behaviours == ()
    assert noted(trace, "without a mean CPU use") == 1


def test_machines_come_in_order_of_creation_wherever_they_stand(vms, monkeypatch):
    rows = [f"{name},s,d,{at},{END},9,9,9,Unknown,1,1" for name, at in [("c", 900), ("b", 300), ("a", 900), ("d", 0)]]
    path = vms(*rows)

    for rows_in_memory in (2**19, 2):
        monkeypatch.setattr(ordered, "IN_MEMORY", rows_in_memory)
        assert [arrival.job.id for arrival in read(path)[1]] == ["d", "b", "a", "c"]


def test_the_table_may_be_a_folder_of_parts_as_it_is_published_or_gzipped(vms, tmp_path):
    vms("a,s,d,0,900,9,9,9,Unknown,1,1.75", table="vmtable/vmtable-1.csv")
    with gzip.open(tmp_path / "vmtable/vmtable-2.csv.gz", "wt") as file:
        file.write("b,s,d,300,900,9,9,9,Unknown,1,1.75\n")
    rejects = Rejects()

    trace, arrivals = read(tmp_path, rejects)

    assert [arrival.job.id for arrival in arrivals] == ["a", "b"]
    assert (rejects.read, rejects.accepted, trace.progress()) == (2, 2, 1)
    assert [file.name for file in trace.files()] == ["vmtable-1.csv", "vmtable-2.csv.gz"]


def test_a_table_that_is_there_packed_and_unpacked_does_not_count_twice(vms, tmp_path):
    vms("a,s,d,0,900,9,9,9,Unknown,1,1")
    (tmp_path / "vmtable.csv.gz").write_bytes(gzip.compress((tmp_path / "vmtable.csv").read_bytes()))

    with pytest.raises(UserError, match=r"vmtable\.csv is beside it"):
        read(tmp_path)


def test_a_folder_without_the_table_is_one_clear_error(tmp_path):
    with pytest.raises(UserError, match=r"has no vmtable\.csv"):
        read(tmp_path)


# --- what was measured

VM = "vm,sub,dep,300,2100,99,25,50,Interactive,2,1"


def test_without_usage_readings_are_not_read(vms):
    path = vms(VM, readings=["not,a,reading"])
    trace, [arrival] = read(path)

    assert len(arrival.behaviours[0]) == 1
    assert [file.name for file in trace.files()] == ["vmtable.csv"]
    assert any("vm_cpu_readings are not used" in note for note in trace.assumptions())


def test_with_usage_a_reading_holds_until_the_next_and_equal_ones_are_one_phase(vms, monkeypatch):
    at = {300: 10, 600: 10, 900: 50, 1200: 50, 1500: 50, 1800: 0}
    path = vms(VM, readings=[f"{time},vm,0,100,{percent}" for time, percent in reversed(at.items())])

    for rows_in_memory in (2**19, 2):
        monkeypatch.setattr(ordered, "IN_MEMORY", rows_in_memory)
        trace, [arrival] = read(path, usage=True)

        assert arrival.run_s == (1800,)
        assert arrival.behaviours == (
            (
                Phase(600 / 1800, Demand(0.2, GIB)),
                Phase(900 / 1800, Demand(1.0, GIB)),
                Phase(300 / 1800, Demand(0.0, GIB)),
            ),
        )
        assert not trace.counted()
        assert len(trace.files()) == 2


def test_gaps_between_readings_are_bridged_and_others_filled_with_the_mean(vms):
    trace, [arrival] = read(vms(VM, readings=["900,vm,0,0,50", "1500,vm,0,0,100"]), usage=True)

    assert [(round(share * 1800), demand.cpu_cores) for share, demand in arrival.behaviours[0]] == [
        (600, 0.5),
        (600, 1.0),
        (300, 2.0),
        (300, 0.5),
    ]
    assert noted(trace, "gaps between readings") == noted(trace, "at their beginning or end") == 1


def test_readings_that_belong_to_nobody_or_to_no_time_of_a_machine_are_counted(vms):
    readings = [
        "0,vm,0,0,99", "300,vm,0,0,10", "300,vm,0,0,77", "300,gone,0,0,5", "2100,vm,0,0,88", "600,vm,0,0,250",
        *(f"{at},vm,0,0,10" for at in range(900, 2100, 300)),
    ]  # fmt: skip
    rejects = Rejects()

    trace, [arrival] = read(vms(VM, readings=readings), rejects, usage=True)

    assert [demand.cpu_cores for _, demand in arrival.behaviours[0]] == [0.2, 2.0, 0.2]
    assert noted(trace, "not in the table") == 1
    assert noted(trace, "of a time that had one") == 1
    assert noted(trace, "before their virtual machine was created or when it was deleted") == 2
    assert noted(trace, "taken as 100") == 1
    assert rejects.read == rejects.accepted == 1 + len(readings)


def test_each_machine_has_its_own_readings(vms):
    rows = [f"vm{n},s,d,{300 * n},{300 * n + 300},9,{n},9,Unknown,1,1" for n in range(6)]
    readings = [f"{300 * n},vm{n},0,0,{10 * n}" for n in (5, 1, 3)]

    trace, arrivals = read(vms(*reversed(rows), readings=readings), usage=True)

    used = [arrival.behaviours[0][0].demand.cpu_cores for arrival in arrivals]
    assert used == [0.0, 0.1, 0.02, 0.3, 0.04, 0.5]
    assert noted(trace, "without readings, they use their mean") == 3


def test_with_usage_who_was_still_there_runs_to_the_end_of_the_trace(vms):
    path = vms(f"vm,s,d,{END - 900},{END},9,9,9,Unknown,1,1", readings=[f"{END - 900},vm,0,0,7"])
    trace, [arrival] = read(path, usage=True)

    assert arrival.run_s == (900,)
    assert any("run until then" in note for note in trace.assumptions())


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("x,vm,0,0,5", "at_s is not a number"),
        ("-1,vm,0,0,5", "the time must be 0 or more"),
        ("0,vm,0,0,-5", "avg_cpu must be 0 or more percent"),
        ("0,vm,0,0,", "avg_cpu must be 0 or more percent"),
        ("0,vm,a,0,5", "min_cpu is not a number"),
        ("0,,0,0,5", "vm is empty"),
        ("0,vm,0,5", "4 fields instead of 5"),
    ],
)
def test_a_bad_reading_is_named_or_put_aside(vms, row, reason):
    path = vms(VM, readings=["300,vm,0,0,10", row, "600,vm,0,0,10"])
    skipping = Rejects(OnBadRow.SKIP)

    with pytest.raises(UserError) as error:
        read(path, usage=True)
    read(path, skipping, usage=True)

    assert str(error.value).startswith(f"{path / 'vm_cpu_readings-file-1-of-1.csv'}:2: {reason}")
    assert (skipping.read, skipping.accepted, skipping.rejected) == (4, 3, 1)


# --- what cannot be used


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ("p,s,d,x,9,9,9,9,Unknown,1,1", "created is not a number"),
        ("p,s,d,-1,9,9,9,9,Unknown,1,1", "created must be within the 30 days"),
        ("p,s,d,1e9,2e9,9,9,9,Unknown,1,1", "created must be within the 30 days"),
        ("p,s,d,9,8,9,9,9,Unknown,1,1", "deleted must not be before created"),
        ("p,s,d,9,,9,9,9,Unknown,1,1", "deleted must not be before created"),
        ("p,s,d,9,inf,9,9,9,Unknown,1,1", "deleted must not be before created"),
        ("p,s,d,0,9,9,-9,9,Unknown,1,1", "avg_cpu must be 0 or more percent"),
        ("p,s,d,0,9,9,9,abc,Unknown,1,1", "p95_max_cpu is not a number"),
        ("p,s,d,0,9,9,9,9,Unknown,0,1", "cores must be more than 0"),
        ("p,s,d,0,9,9,9,9,Unknown,>24,1", "cores must be more than 0"),
        ("p,s,d,0,9,9,9,9,Unknown,1e300,1", "cores must be more than 0"),
        ("p,s,d,0,9,9,9,9,Unknown,1,-1", "memory_gb must be 0 or more"),
        ("p,s,d,0,9,9,9,9,Unknown,1,1e300", "memory_gb must be 0 or more"),
        (",s,d,0,9,9,9,9,Unknown,1,1", "vm is empty"),
        ("p,s,d,0,9,9,9,9,Unknown,1", "10 fields instead of 11"),
        ("vmid,subscriptionid,deploymentid,vmcreated,vmdeleted,max,avg,p95,category,cores,memory", "created is not a"),
    ],
)
def test_a_bad_machine_is_named_or_put_aside(vms, row, reason):
    path = vms("good,s,d,0,900,9,9,9,Unknown,1,1", row, "fine,s,d,300,900,9,9,9,Unknown,1,1")
    skipping = Rejects(OnBadRow.SKIP)

    with pytest.raises(UserError) as error:
        read(path)
    _, arrivals = read(path, skipping)

    assert str(error.value).startswith(f"{path / 'vmtable.csv'}:2: {reason}")
    assert [arrival.job.id for arrival in arrivals] == ["good", "fine"]
    assert (skipping.read, skipping.accepted, skipping.rejected) == (3, 2, 1)


# --- which edition it is


@pytest.mark.parametrize(
    ("sizes", "first", "second"),
    [
        (["1,1.75", "2,4"], True, False),
        (["2,3.5"], True, False),
        (["16,112"], True, False),
        (["2,4", "8,32", "24,64"], False, True),
        ([">24,>64", "2,2"], False, True),
        (["1,1.75", ">24,4"], False, False),
        (["x,y"], False, False),
        ([], False, False),
    ],
)
def test_the_editions_are_told_apart_by_their_sizes(vms, sizes, first, second):
    path = vms(*(f"vm,s,d,0,900,9,9,9,Unknown,{size}" for size in sizes))

    assert (azure_vm_v1.looks_like(path), azure_vm_v2.looks_like(path)) == (first, second)
    table = path / "vmtable.csv"
    assert (azure_vm_v1.looks_like(table), azure_vm_v2.looks_like(table)) == (first, second)


@pytest.mark.parametrize(
    "row", ["vm,s,d,0,900,9,9,9,Unknown,1", "vm,s,d,0,900,9,9,9,strange,1,1", "vm,s,d,zero,900,9,9,9,Unknown,1,1"]
)
def test_other_tables_are_not_taken_for_either(vms, row, tmp_path):
    path = vms(row)

    assert not azure_vm_v1.looks_like(path)
    assert not azure_vm_v2.looks_like(path)
    assert not azure_vm_v1.looks_like(tmp_path / "none.csv")


def test_a_table_with_a_few_bad_rows_is_still_recognised(vms):
    rows = [f"vm,s,d,0,900,{category},1,1.75" for category in ("9,9,9,Unknown", ",,,Interactive", "9,9,9,")]

    assert azure_vm_v1.looks_like(vms(*rows))
    assert not azure_vm_v1.looks_like(vms(*rows, "bad"))


# --- from end to end


def test_a_run_submits_every_machine_of_the_table(vms):
    rows = [f"vm{n},s{n % 3},d,{300 * n},{600 * n + 300},9,9,9,Interactive,{1 + n % 2},1.75" for n in range(50)]
    path = vms(*rows)

    ran = CliRunner().invoke(
        towtank,
        ["run", "--json", "--trace", str(path), "--hosts", "20", "--policy", "first-fit", "--architecture",
         "monolithic", "--t-job", "0.001", "--processes", "1"],
    )  # fmt: skip

    assert ran.exit_code == 0, ran.output
    [run] = json.loads(ran.stdout)["runs"]
    with (path / "vmtable.csv").open(newline="") as file:
        count = sum(1 for _ in csv.reader(file))
    assert run["metrics"]["jobs_submitted"] == run["metrics"]["tasks_submitted"] == count == 50
    assert isinstance(open_trace(str(path), Rejects()), AzureVmV1)


def test_a_run_with_contention_uses_what_was_measured(vms):
    path = vms(
        "vm,s,d,0,1200,99,25,50,Interactive,2,1.75", readings=[f"{at},vm,0,0,{at // 12}" for at in range(0, 1200, 300)]
    )

    ran = CliRunner().invoke(
        towtank,
        ["run", "--json", "--trace", str(path), "--hosts", "1", "--host-cpus", "2", "--policy", "first-fit",
         "--architecture", "monolithic", "--t-job", "0", "--t-task", "0", "--until", "1200s", "--contention", "on",
         "--processes", "1"],
    )  # fmt: skip

    assert ran.exit_code == 0, ran.output
    [run] = json.loads(ran.stdout)["runs"]
    assert run["metrics"]["rows_read"] == 5
    assert run["metrics"]["cpu_used_mean"] == pytest.approx((0 + 25 + 50 + 75) / 400, rel=1e-3)
