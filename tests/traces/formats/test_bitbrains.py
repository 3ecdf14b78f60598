"""Virtual machines of a data centre: what becomes of their samples, and the traps of the files."""

import gzip
import json

import numpy as np
import pytest
from click.testing import CliRunner

from experiments.cli import towtank
from policies.errors import UserError
from policies.requests import Resources
from traces.formats import open_trace
from traces.formats.bitbrains import COLUMNS, Bitbrains, looks_like
from traces.profiles import mean_demand
from traces.reading.rejects import OnBadRow, Rejects

START = 1_376_314_846
KIB = 1024
OFF = (0, 0, 0, 0, 0, 0, 0, 0, 0)


def sample(at_s, *, cores=2, mhz=5000.0, used=0.0, memory=1000, memory_used=10, read=0, write=0, received=0, sent=0):
    return (at_s, cores, mhz, used, memory, memory_used, read, write, received, sent)


def off(at_s):
    return (at_s, *OFF)


def text(*samples):
    lines = [";\t".join(COLUMNS)]
    for at_s, cores, mhz, used, *others in samples:
        lines.append(";\t".join(map(str, (START + at_s, cores, mhz, used, 0.0, *others))))
    return "\n".join(lines) + "\n"


@pytest.fixture
def machines(tmp_path):
    """Write a folder of machines and open it."""

    def write(rejects=None, **samples):
        for name, those in samples.items():
            (tmp_path / f"{name.removeprefix('vm')}.csv").write_text(text(*those))
        return Bitbrains(tmp_path, rejects or Rejects())

    return write


def only(trace):
    [arrival] = trace.arrivals()
    return arrival


def uses(arrival):
    return [phase.demand for phase in arrival.behaviours[0]]


def noted(trace, words):
    """How often something was odd that is said in these words, 0 if it is not."""
    return sum(int(note.rpartition(": ")[2].replace(",", "")) for note in trace.assumptions() if words in note)


def test_a_machine_is_a_service_of_one_container_that_asks_for_what_was_provisioned(machines):
    job, run_s, *_ = only(machines(vm7=[sample(0), sample(300)]))

    assert (job.id, job.submit_s, job.workload, job.tasks) == ("7", 0.0, "service", 1)
    assert job.groups[0].task.need == Resources(2000, 1000 * KIB)
    assert run_s == (600.0,)


def test_mhz_are_cores_of_that_machine_and_what_is_measured_is_in_bytes(machines):
    [demand] = uses(only(machines(vm1=[sample(0, used=1250.0, memory_used=3, read=5, write=7, received=11, sent=13)])))

    assert demand.cpu_cores == 0.5
    assert demand[1:4] == (3 * KIB, 5 * KIB, 7 * KIB)
    assert demand.net_bps == 24 * KIB


def test_machines_come_in_order_of_their_first_samples_from_the_first_of_all_on(machines):
    trace = machines(vm1=[sample(900)], vm10=[sample(300)], vm2=[sample(300)])

    assert [(job.id, job.submit_s) for job, *_ in trace.arrivals()] == [("2", 0.0), ("10", 0.0), ("1", 600.0)]


def test_equal_samples_in_a_row_are_one_phase_and_a_gap_is_bridged_by_the_sample_before_it(machines):
    trace = machines(vm1=[sample(0, read=1), sample(300, read=1), sample(1200, read=2)])
    arrival = only(trace)

    assert arrival.run_s == (1500.0,)
    assert [(phase.share * 1500, phase.demand.disk_read_bps) for phase in arrival.behaviours[0]] == [
        (pytest.approx(1200), KIB),
        (pytest.approx(300), 2 * KIB),
    ]
    assert noted(trace, "gaps") == 1


def test_a_machine_is_there_from_when_it_is_first_on_to_when_it_is_last(machines):
    trace = machines(vm1=[sample(0)], vm2=[off(0), sample(300, used=1), off(600), sample(900, used=1), off(1200)])
    _, arrival = trace.arrivals()

    assert (arrival.job.submit_s, arrival.run_s) == (300.0, (900.0,))
    assert [demand.cpu_cores > 0 for demand in uses(arrival)] == [True, False, True]
    assert noted(trace, "left out") == 2
    assert noted(trace, "off in between") == 1


def test_a_machine_that_is_off_uses_nothing_whatever_the_row_says(machines):
    trace = machines(vm1=[sample(0), sample(300, cores=0, mhz=0, read=9, memory_used=9), sample(600)])

    assert uses(only(trace))[1][:4] == (0, 0, 0, 0)
    assert noted(trace, "yet used something") == 1


def test_a_machine_that_was_never_on_is_left_out_and_counted(machines):
    trace = machines(vm1=[off(0)], vm2=[sample(300)])

    assert [(job.id, job.submit_s) for job, *_ in trace.arrivals()] == [("2", 0.0)]
    assert noted(trace, "never on") == 1
    assert trace.rejects.read == 2


def test_of_several_samples_of_one_time_that_counts_in_which_the_machine_is_on(machines):
    trace = machines(vm1=[off(0), sample(0, read=1), sample(300, read=2), sample(300, read=2), off(300)])

    assert [demand.disk_read_bps for demand in uses(only(trace))] == [KIB, 2 * KIB]
    assert noted(trace, "had one already") == 3


def test_a_machine_that_was_resized_asks_for_the_most_it_had(machines):
    trace = machines(vm1=[sample(0, cores=1, mhz=2000, memory=9), sample(300, cores=4, mhz=8000, memory=5)])

    assert only(trace).job.groups[0].task.need == Resources(4000, 9 * KIB)
    assert noted(trace, "resized") == 1


def test_more_in_use_than_asked_for_is_kept_and_counted(machines):
    trace = machines(vm1=[sample(0, used=7500, memory_used=1001)])

    assert uses(only(trace))[0][:2] == (3.0, 1001 * KIB)
    assert (noted(trace, "more CPU in use"), noted(trace, "more memory in use")) == (1, 1)


@pytest.mark.parametrize(
    ("bad", "reason"),
    [
        (sample(300, read=-1), r"Disk read throughput \[KB/s\] must be 0 or more"),
        (sample(300, used="x"), r"CPU usage \[MHZ\] is not a number"),
        (sample(-300), "sampled before the row above it"),
    ],
)
def test_a_row_that_cannot_be_is_an_error_with_its_line(machines, bad, reason):
    with pytest.raises(UserError, match=rf"1\.csv:3: {reason}"):
        only(machines(vm1=[sample(0), bad]))


def test_rows_that_are_put_aside_are_counted_once_each_time(machines):
    trace = machines(
        Rejects(OnBadRow.SKIP), vm1=[sample(0), sample(300, read=-1)], vm2=[sample(-300), sample(0, used="x")]
    )

    for _ in range(2):
        assert len(list(trace.arrivals())) == 2
        assert (trace.rejects.read, trace.rejects.rejected) == (4, 2)


def test_a_trace_can_be_read_twice(machines):
    trace = machines(vm1=[sample(0), off(300), sample(600)], vm2=[off(0), sample(300)])

    first, again = ([(job.id, job.submit_s, job.groups, *rest) for job, *rest in trace.arrivals()] for _ in range(2))

    assert first == again
    assert noted(trace, "left out") == 1


def test_a_machine_that_is_there_twice_is_an_error(machines, tmp_path):
    trace = machines(vm1=[sample(0)])
    (tmp_path / "1.csv.gz").write_bytes(gzip.compress(text(sample(0)).encode()))

    with pytest.raises(UserError, match=r"its machine is in 1\.csv, too|its machine is in 1\.csv\.gz, too"):
        list(trace.arrivals())


def test_a_folder_without_machines_is_an_error(tmp_path):
    with pytest.raises(UserError, match=r"has no 1\.csv"):
        list(Bitbrains(tmp_path, Rejects()).arrivals())


@pytest.fixture
def months(tmp_path):
    """Write folders of machines and open the one above them."""

    def write(folders, at=""):
        for folder, those in folders.items():
            for name, samples in those.items():
                path = tmp_path / folder / name
                path.parent.mkdir(parents=True, exist_ok=True)
                data = text(*samples).encode()
                path.write_bytes(gzip.compress(data) if name.endswith(".gz") else data)
        trace = open_trace(str(tmp_path / at), Rejects())
        assert isinstance(trace, Bitbrains)
        return trace

    return write


def test_files_of_one_number_in_several_months_are_of_one_machine(months):
    trace = months(
        {
            "2013-10": {"1.csv.gz": [sample(1200, read=3)]},
            "2013-9": {"1.csv": [sample(0, read=1)], "10.csv": [sample(0)]},
            "2013-11": {"2.csv": [sample(1800)]},
        }
    )

    arrivals = {arrival.job.id: arrival for arrival in trace.arrivals()}
    assert {name: (a.job.submit_s, *a.run_s) for name, a in arrivals.items()} == {
        "1": (0.0, 1500.0), "10": (0.0, 300.0), "2": (1800.0, 300.0),
    }  # fmt: skip
    assert [demand.disk_read_bps for demand in uses(arrivals["1"])] == [KIB, 3 * KIB]
    assert [path.name for path in trace.files()] == ["1.csv", "1.csv.gz", "2.csv", "10.csv"]
    assert any("files of one number" in note for note in trace.assumptions())


def test_a_folder_that_is_no_month_is_left_out_and_named(months):
    trace = months({"2013-8": {"1.csv": [sample(0)]}, "2013-8-first-day": {"1.csv": [sample(0)]}})

    assert len(list(trace.arrivals())) == 1
    assert any("2013-8-first-day: is no month" in note for note in trace.assumptions())


def test_machines_of_several_traces_are_told_apart(months):
    trace = months({"rnd/2013-7": {"1.csv": [sample(0)]}, "fastStorage/2013-8": {"1.csv": [sample(600)]}})

    assert [(job.id, job.submit_s) for job, *_ in trace.arrivals()] == [("rnd/1", 0.0), ("fastStorage/1", 600.0)]


def test_one_machine_may_be_opened_alone(months):
    trace = months({"2013-7": {"12.csv.gz": [sample(0)], "13.csv": [sample(0)]}}, "2013-7/12.csv.gz")

    assert only(trace).job.id == "12"


def test_a_month_that_begins_before_the_one_before_it_ends_is_an_error(months):
    trace = months({"2013-7": {"1.csv": [sample(600)]}, "2013-8": {"1.csv": [sample(300)]}})

    with pytest.raises(UserError, match=r"2013-8/1\.csv:2: sampled before the row above it"):
        only(trace)


def test_other_folders_are_not_taken_for_machines(tmp_path):
    (tmp_path / "1.csv").write_text("a;b\n1;2\n")

    assert not looks_like(tmp_path)
    assert not looks_like(tmp_path / "1.csv")


@pytest.mark.parametrize(("mhz", "cores"), [(1e-300, 2**47 / 1000), (6.7108864e7, 2 * 1000 / 6.7108864e7)])
def test_numbers_of_any_size_are_amounts_that_books_can_hold(machines, mhz, cores):
    assert uses(only(machines(vm1=[sample(0, mhz=mhz, used=1000)])))[0].cpu_cores == pytest.approx(cores)


# --- the real pieces


@pytest.fixture(scope="module")
def folder(traces_dir):
    return traces_dir / "bitbrains" / "fastStorage"


@pytest.mark.parametrize(("piece", "machines", "on"), [("2013-8", 19, 19), ("2013-8-first-day", 150, 135)])
def test_the_real_machines_are_all_there(folder, piece, machines, on):
    trace = open_trace(str(folder / piece), Rejects())
    arrivals = list(trace.arrivals())

    assert isinstance(trace, Bitbrains)
    assert (len(trace.files()), len(arrivals), noted(trace, "never on")) == (machines, on, machines - on)
    assert min(job.submit_s for job, *_ in arrivals) == 0
    assert all(sum(phase.share for phase in a.behaviours[0]) == pytest.approx(1) for a in arrivals)


def test_the_heavy_machines_are_heavy_and_the_ordinary_are_not(folder):
    means = {
        arrival.job.id: mean_demand(arrival.job.groups[0].task, arrival.behaviours[0])
        for arrival in open_trace(str(folder / "2013-8"), Rejects()).arrivals()
    }

    disk = {name: use.disk_read_bps + use.disk_write_bps for name, use in means.items()}
    assert min(disk[name] for name in ("997", "892", "949", "943", "388", "871")) > 1e6
    assert max(disk[name] for name in ("1", "2", "3", "10", "100")) < 1e6


def test_what_a_real_machine_used_in_all_is_what_its_samples_add_up_to(folder):
    [arrival] = [a for a in open_trace(str(folder / "2013-8"), Rejects()).arrivals() if a.job.id == "997"]
    with gzip.open(folder / "2013-8" / "997.csv.gz", "rt") as file:
        rows = np.array([[float(value) for value in line.split(";")] for line in list(file)[1:]])

    lasts_s = np.append(np.diff(rows[:, 0]), 300)
    core_s = (rows[:, 3] / rows[:, 2] * rows[:, 1]) @ lasts_s
    read_bytes = 1024 * rows[:, 7] @ lasts_s
    phases, (run_s,) = arrival.behaviours[0], arrival.run_s
    assert sum(share * use.cpu_cores for share, use in phases) * run_s == pytest.approx(core_s)
    assert sum(share * use.disk_read_bps for share, use in phases) * run_s == pytest.approx(read_bytes)


@pytest.mark.slow
def test_the_real_machines_replay_with_the_counts_of_their_files(folder):
    on = 0
    for path in (folder / "2013-8-first-day").glob("*.csv"):
        rows = [line.split(";") for line in path.read_text().splitlines()[1:]]
        on += any(float(row[1]) > 0 and float(row[2]) > 0 for row in rows)
    arguments = ["--hosts", "100", "--host-cpus", "64", "--host-memory", "512GiB", "--policy", "first-fit"]
    ended = CliRunner().invoke(towtank, ["run", "--json", "--trace", str(folder / "2013-8-first-day"), *arguments])
    assert ended.exit_code == 0, ended.output
    metrics = json.loads(ended.stdout)["runs"][0]["metrics"]

    assert metrics["jobs_submitted"] == metrics["tasks_submitted"] == metrics["tasks_finished"] == on
