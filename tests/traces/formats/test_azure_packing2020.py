"""Azure's trace for packing: what becomes of a request, on which machine it is written, and what is wrong with a base.

The data base itself is nowhere to be had here: these write their own.
"""

import json
import sqlite3
from contextlib import closing

import pytest
from click.testing import CliRunner

from experiments.cli import towtank
from policies.errors import UserError
from policies.requests import Resources
from traces.formats import open_trace
from traces.formats.azure_packing2020 import AT_ONCE, AzurePacking2020, looks_like
from traces.reading.options import ReadOptions
from traces.reading.reference import reference_named
from traces.reading.rejects import OnBadRow, Rejects
from traces.trace import OPEN_ENDED

DAY_S = 86400
GIB = 2**30
#: Type 0 on machine 16, in halves.
HALF = [(0, 16, 0.5, 0.5)]
VM = "vmId, tenantId, vmTypeId, priority, starttime, endtime"
VM_TYPE = "id INTEGER PRIMARY KEY, vmTypeId, machineId, core, memory, hdd, ssd, nic"


@pytest.fixture
def base(tmp_path):
    """Write a data base of requests and types; columns have no types of their own, so values stay what they are."""

    def write(*requests, types=HALF, vm=VM, vm_type=VM_TYPE, name="packing_trace_zone_a_v1.sqlite"):
        path = tmp_path / name
        with closing(sqlite3.connect(path)) as made, made:
            made.execute(f"CREATE TABLE vm ({vm})")
            made.execute(f"CREATE TABLE vmType ({vm_type})")
            if vm_type == VM_TYPE:
                made.executemany("INSERT INTO vmType VALUES (NULL, ?, ?, ?, ?, 0, 0, NULL)", types)
            if requests:
                made.executemany(f"INSERT INTO vm VALUES ({', '.join('?' * len(requests[0]))})", requests)
        return path

    return write


def read(path, rejects=None, reference="64:256GiB"):
    trace = AzurePacking2020(path, rejects or Rejects(), ReadOptions(reference=reference_named(reference)))
    return trace, list(trace.arrivals())


def noted(trace, words):
    return sum(int(note.rpartition(": ")[2].replace(",", "")) for note in trace.counted() if words in note)


# --- what becomes of a request


def test_a_request_is_a_job_of_its_tenant_in_shares_of_the_reference_machine(base):
    trace, [arrival] = read(base((7, 3, 0, 0, 1.5, 2.0)))

    job = arrival.job
    assert (job.id, job.user, job.submit_s, job.workload, job.tasks) == ("7", "3", 1.5 * DAY_S, "service", 1)
    assert job.groups[0].task.need == Resources(32000, 128 * GIB)
    assert arrival.run_s == (0.5 * DAY_S,)
    assert any("1.0 of CPU is 64 cores" in note for note in trace.assumptions())


def test_without_a_reference_a_whole_machine_is_a_unit(base):
    trace = AzurePacking2020(base((7, 3, 0, 0, 1.5, 2.0)), Rejects())
    [arrival] = trace.arrivals()

    assert arrival.job.groups[0].task.need == Resources(500_000, 500_000_000_000)
    assert any("a unit, not a claim" in note for note in trace.assumptions())


@pytest.mark.parametrize(("recorded", "priority", "workload"), [(0, 1, "service"), (1, 0, "batch")])
def test_high_priority_is_0_in_the_data_and_more_important_here(base, recorded, priority, workload):
    _, [arrival] = read(base((1, 1, 0, recorded, 0, 1)))

    assert arrival.job.groups[0].task.priority == priority
    assert arrival.job.workload == workload


def test_who_was_there_before_comes_at_0_with_what_is_left(base):
    trace, [arrival] = read(base((1, 1, 0, 0, -138.5, 2.5)))

    assert (arrival.job.submit_s, arrival.run_s) == (0, (2.5 * DAY_S,))
    assert noted(trace, "from before the collection") == 1


def test_who_has_no_end_runs_on_and_the_recording_ends_after_90_days(base):
    trace, [arrival] = read(base((1, 1, 0, 0, 3, None)))

    assert arrival.run_s == (OPEN_ENDED,)
    assert trace.end_s() == 90 * DAY_S
    assert noted(trace, "still there after 90 days") == 1


def test_requests_come_in_order_of_time_also_where_numbers_are_texts(base):
    rows = [(name, 1, 0, 0, at, None) for name, at in [("c", "10"), ("b", "9.5"), ("a", -1), ("d", 9.75)]]

    _, arrivals = read(base(*rows))

    assert [arrival.job.id for arrival in arrivals] == ["a", "b", "d", "c"]
    assert [arrival.job.submit_s / DAY_S for arrival in arrivals] == [0, 9.5, 9.75, 10]


def test_a_number_that_only_python_reads_is_out_of_order_and_refused(base):
    path = base((1, 1, 0, 0, "\u0663", 9), (2, 1, 0, 0, 1, 2))

    with pytest.raises(UserError, match="SQLite reads another starttime"):
        read(path)


def test_more_requests_than_are_taken_at_a_time_are_all_there(base):
    n = AT_ONCE + 10
    rejects = Rejects()

    trace, arrivals = read(base(*((number, 1, 0, 0, -number / n, 1.0) for number in range(n))), rejects)

    assert [arrival.job.id for arrival in arrivals] == [str(number) for number in reversed(range(n))]
    assert rejects.read == rejects.accepted == n + len(HALF)
    assert trace.progress() == 1


# --- which machine amounts are shares of


def needs(trace, arrivals):
    return {arrival.job.id: tuple(arrival.job.groups[0].task.need[:2]) for arrival in arrivals}


def test_amounts_are_shares_of_the_machine_type_that_most_types_can_be_on(base):
    # Machine 9 has three types, machines 2 and 10 have one each.
    types = [(0, 2, 0.9, 0.9), (0, 9, 0.5, 0.25), (1, 9, 0.25, 0.25), (2, 9, 1.0, 1.0), (1, 10, 0.8, 0.8)]
    trace, arrivals = read(base(*((kind, 1, kind, 0, kind, None) for kind in range(3)), types=types), None, "8:8GiB")

    assert needs(trace, arrivals) == {"0": (4000, 2 * GIB), "1": (2000, 2 * GIB), "2": (8000, 8 * GIB)}
    assert any("a machine of type 9" in note for note in trace.assumptions())
    assert noted(trace, "cannot be on the reference machine") == 0


def test_of_machine_types_with_as_many_types_the_lowest_is_the_reference(base):
    trace, _ = read(base((0, 1, 0, 0, 0, None), types=[(0, 10, 0.9, 0.9), (0, 9, 0.5, 0.25)]))

    assert any("a machine of type 9" in note for note in trace.assumptions())


def test_a_type_that_cannot_be_on_it_is_converted_by_types_that_can_be_on_both(base):
    # Machine 2 is twice as large in cores and as large in memory: type 0 says so.
    types = [(0, 9, 0.5, 0.25), (1, 9, 0.25, 0.25), (2, 9, 1, 1), (0, 2, 0.25, 0.25), (3, 2, 0.5, 0.5)]
    trace, arrivals = read(base((3, 1, 3, 0, 0, None), types=types), None, "8:8GiB")

    assert needs(trace, arrivals) == {"3": (8000, 4 * GIB)}
    assert noted(trace, "converted") == 1


def test_a_type_that_nothing_connects_with_it_is_taken_for_shares_of_it_and_counted(base):
    types = [(0, 9, 0.5, 0.25), (1, 9, 0.25, 0.25), (4, 7, 0.25, 0.5)]
    trace, arrivals = read(base((4, 1, 4, 0, 0, None), types=types), None, "8:8GiB")

    assert needs(trace, arrivals) == {"4": (2000, 4 * GIB)}
    assert noted(trace, "taken for shares of it all the same") == 1


def test_a_type_that_is_there_twice_counts_once(base):
    trace, arrivals = read(base((0, 1, 0, 0, 0, None), types=[*HALF, (0, 16, 0.75, 0.75)]), None, "8:8GiB")

    assert needs(trace, arrivals) == {"0": (4000, 4 * GIB)}
    assert noted(trace, "twice for one type of machine") == 1


# --- what cannot be used


@pytest.mark.parametrize(
    ("row", "reason"),
    [
        ((1, 1, 0, 0, None, 2), "starttime must be a number of days"),
        ((1, 1, 0, 0, "soon", 2), "starttime is not a number"),
        ((1, 1, 0, 0, float("inf"), None), "starttime must be a number of days"),
        ((1, 1, 0, 0, 1e300, None), "starttime must be a number of days"),
        ((1, 1, 0, 0, b"\0\xff", 2), "starttime is not a number"),
        ((1, 1, 0, 0, 3, 2), "endtime must not be before starttime"),
        ((1, 1, 0, 0, -3, -2), "endtime must not be before starttime, nor before 0"),
        ((1, 1, 0, 0, 3, "late"), "endtime is not a number"),
        ((1, 1, 0, 0, 3, float("inf")), "endtime must be a number of days, or NULL"),
        ((1, 1, 0, 2, 1, 2), "priority must be 0 .high. or 1 .low."),
        ((1, 1, 0, None, 1, 2), "priority must be 0 .high. or 1 .low."),
        ((1, 1, 5, 0, 1, 2), "vmTypeId has no row in vmType"),
        ((1, 1, None, 0, 1, 2), "vmTypeId is empty"),
        ((None, 1, 0, 0, 1, 2), "vmId is empty"),
        (("a\0b", 1, 0, 0, 1, 2), "vmId has a NUL"),
    ],
)
def test_a_bad_request_is_named_by_its_rowid_or_put_aside(base, row, reason):
    path = base((10, 1, 0, 0, 0.5, 0.75), row, (11, 1, 0, 0, 9, 10))
    skipping = Rejects(OnBadRow.SKIP)

    with pytest.raises(UserError, match=rf"packing_trace_zone_a_v1\.sqlite:2: {reason}") as error:
        read(path)
    _, arrivals = read(path, skipping)

    assert "\n" not in str(error.value)
    assert [arrival.job.id for arrival in arrivals] == ["10", "11"]
    assert (skipping.read, skipping.accepted, skipping.rejected) == (4, 3, 1)


@pytest.mark.parametrize(
    "row", [(0, 16, -0.5, 0.5), (0, 16, None, 0.5), (0, 16, 0.5, "x"), (0, None, 1, 1), (0, 16, 1, float("inf"))]
)
def test_a_bad_type_is_named_or_put_aside_with_its_machines(base, row):
    path = base((1, 1, 0, 0, 1, 2), (2, 1, 1, 0, 1, 2), types=[row, (1, 16, 1, 1)])
    skipping = Rejects(OnBadRow.SKIP)

    with pytest.raises(UserError, match=r"sqlite:1: a row of vmType has"):
        read(path)
    _, arrivals = read(path, skipping)

    assert [arrival.job.id for arrival in arrivals] == ["2"]
    assert (skipping.read, skipping.accepted, skipping.rejected) == (4, 2, 2)


def test_a_request_for_more_than_any_machine_has_is_refused(base):
    with pytest.raises(UserError, match="more than any machine has"):
        read(base((1, 1, 0, 0, 1, 2), types=[(0, 16, 1e200, 1e200)]))


@pytest.mark.parametrize(
    ("tables", "reason"),
    [
        ({"vm": "vmId, tenantId, vmTypeId, priority, starttime"}, "table vm has no column endtime"),
        ({"vm_type": "id, vmTypeId, machineId, core"}, "table vmType has no column memory"),
    ],
)
def test_another_base_is_one_clear_error(base, tables, reason):
    path = base(**tables)

    with pytest.raises(UserError, match=reason):
        read(path)
    assert not looks_like(path)


def test_a_base_without_one_of_the_tables_is_one_clear_error(tmp_path):
    path = tmp_path / "other.sqlite"
    with closing(sqlite3.connect(path)) as made, made:
        made.execute(f"CREATE TABLE vm ({VM})")

    with pytest.raises(UserError, match=r"other\.sqlite: has no table vmType"):
        read(path)
    assert not looks_like(path)


@pytest.mark.parametrize("damage", ["cut", "text", "empty"])
def test_a_damaged_base_is_one_clear_error(base, damage):
    path = base(*((number, 1, 0, 0, 0, 1.0) for number in range(2000)))
    data = path.read_bytes()
    path.write_bytes({"cut": data[: len(data) // 2], "text": b"vm,vmType\n" * 100, "empty": b""}[damage])

    with pytest.raises(UserError, match=rf"^{path}: ") as error:
        read(path)

    assert "\n" not in str(error.value)


@pytest.mark.parametrize("begin", [b"PK\x03\x04", b"\x1f\x8b"])
def test_a_packed_base_is_to_be_unpacked(base, begin):
    path = base()
    path.write_bytes(begin + path.read_bytes())

    with pytest.raises(UserError, match="unpack it first"):
        read(path)
    assert not looks_like(path)


def test_a_folder_with_two_bases_is_not_guessed_about(base, tmp_path):
    base((1, 1, 0, 0, 1, 2))
    assert looks_like(tmp_path)

    base((1, 1, 0, 0, 1, 2), name="zone_b.sqlite")

    assert not looks_like(tmp_path)
    with pytest.raises(UserError, match="2 files"):
        read(tmp_path)


def test_the_base_is_only_read(base):
    path = base((1, 1, 0, 0, 1, 2))
    before = path.read_bytes()

    trace, _ = read(path)

    assert path.read_bytes() == before
    assert list(path.parent.iterdir()) == trace.files() == [path]


# --- from end to end


def test_a_run_submits_every_request(base):
    path = base(*((number, number % 5, 0, number % 2, number / 10 - 2, number + 1) for number in range(60)))

    ran = CliRunner().invoke(
        towtank,
        ["run", "--json", "--trace", str(path), "--reference-machine", "16:64GiB", "--hosts", "40", "--policy",
         "first-fit", "--architecture", "monolithic", "--t-job", "0.001", "--processes", "1"],
    )  # fmt: skip

    assert ran.exit_code == 0, ran.output
    [run] = json.loads(ran.stdout)["runs"]
    with closing(sqlite3.connect(path)) as opened:
        [(count,)] = opened.execute("SELECT count(*) FROM vm")
    assert run["metrics"]["jobs_submitted"] == run["metrics"]["tasks_submitted"] == count == 60
    assert isinstance(open_trace(str(path), Rejects()), AzurePacking2020)
