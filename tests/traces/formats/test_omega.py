"""Input files of the Omega simulator: what ran at the beginning, and the jobs that are drawn."""

import gzip
import json

import numpy as np
import pytest
from click.testing import CliRunner

from experiments.cli import towtank
from policies.errors import UserError
from policies.requests import Resources
from traces.formats import open_trace
from traces.formats.omega import looks_like
from traces.generate.omega_files import OmegaFiles
from traces.reading.rejects import OnBadRow, Rejects
from traces.trace import OPEN_ENDED

CELL = ["11 0 a 1 2 2 3 4001", "11 0.0 b 1 1 1 0.5 100", "11 0.0 c 0 3 1000 0.1 0", "12 6.5 b 1 1 77"]
GAPS, TASKS, RUNS = "x_interarrival_cmb.log", "x_csizes_cmb.log", "x_runtimes_cmb.log"


def rows(*values):
    return [f"x cmb-new {scheduler} {value}" for scheduler, value in values]


@pytest.fixture
def files(tmp_path):
    """Write the files and open them."""

    def write(cell=CELL, gaps=((0, 100), (1, 5000)), tasks=((0, 3), (1, 1)), runs=((0, 2.5), (1, 90)), rejects=None):
        (tmp_path / "x-init-cluster-state.log").write_text("\n".join(cell) + "\n")
        for name, values in ((GAPS, gaps), (TASKS, tasks), (RUNS, runs)):
            lines = values if values and isinstance(values[0], str) else rows(*values)
            (tmp_path / name).write_text("\n".join(lines) + "\n")
        return OmegaFiles(tmp_path, rejects or Rejects())

    return write


def test_what_ran_at_the_beginning_is_there_with_what_each_container_asks_for(files):
    there = list(files().prefill_anywhere())

    assert [(job.id, job.submit_s, job.workload, job.tasks) for job, *_ in there] == [
        ("a", 0.0, "service", 2), ("b", 0.0, "batch", 1), ("c", 0.0, "batch", 1000),
    ]  # fmt: skip
    assert [arrival.job.groups[0].task.need for arrival in there] == [
        Resources(1500, 2001), Resources(500, 100), Resources(1, 0),
    ]  # fmt: skip
    assert [arrival.run_s for arrival in there] == [(OPEN_ENDED,), (6.5,), (OPEN_ENDED,)]


def test_jobs_are_drawn_from_the_numbers_of_their_class(files):
    trace = files(
        gaps=((0, 100), (0, 300), (1, 2000)), tasks=((0, 3), (0, 5), (1, 7)), runs=((0, 2.5), (0, 9), (1, 90))
    )
    arrivals = list(trace.arrivals())

    batch = [arrival for arrival in arrivals if arrival.job.workload == "batch"]
    services = [arrival for arrival in arrivals if arrival.job.workload == "service"]
    assert {a.job.tasks for a in batch} == {3, 5}
    assert {a.run_s for a in batch} == {(2.5,), (9.0,)}
    assert {a.job.groups[0].task.need.cpu_milli for a in batch} == {500, 1}
    assert {float(gap) for gap in np.diff([0.0] + [a.job.submit_s for a in batch])} == {100.0, 300.0}
    # As many as fit in a day.
    assert [a.job.submit_s for a in services] == [2000.0 * n for n in range(1, 44)]
    assert {(a.job.tasks, a.run_s, a.job.groups[0].task.need) for a in services} == {
        (7, (90.0,), Resources(1500, 2000))
    }


def test_jobs_are_the_same_each_time_and_others_with_another_seed(files, tmp_path):
    trace = files(gaps=((0, 100), (0, 300), (1, 2000)))

    def times(opened):
        return [(job.id, job.submit_s) for job, *_ in opened.arrivals()]

    assert times(trace) == times(trace)
    assert times(open_trace(str(tmp_path), Rejects(), seed=2)) == times(trace)
    spec = f"generated:omega-files:{tmp_path}"
    assert times(open_trace(spec, Rejects(), seed=1)) == times(trace)
    assert times(open_trace(spec, Rejects(), seed=2)) != times(trace)


def test_parameters_stand_behind_the_name(files, tmp_path):
    files()
    arrivals = list(open_trace(f"generated:omega-files:{tmp_path}:span=1h,batch-rate=2", Rejects()).arrivals())

    assert [arrival.job.submit_s for arrival in arrivals] == [50.0 * n for n in range(1, 72)]


@pytest.mark.parametrize(
    ("change", "where", "reason"),
    [
        ({"cell": [*CELL, "13 0 z 1 2 2 3 4000"]}, "init-cluster-state.log:5", "event must be 11 or 12: '13.0'"),
        ({"cell": [*CELL, "11 0 z 2 2 2 3 4000"]}, "init-cluster-state.log:5", "production must be 0 or 1"),
        ({"cell": [*CELL, "11 0 z 1 4 2 3 4000"]}, "init-cluster-state.log:5", "scheduling class must be"),
        ({"cell": [*CELL, "11 0 z 1 2 0 3 4000"]}, "init-cluster-state.log:5", "containers must be a whole number"),
        ({"cell": [*CELL, "11 0 z 1 2 1 -3 4000"]}, "init-cluster-state.log:5", "cores must be 0 or more"),
        ({"cell": [*CELL, "11 0 a 1 2 1 3 4000"]}, "init-cluster-state.log:5", "the job is there twice: 'a'"),
        ({"cell": [*CELL, "12 -1 a 1 2 1"]}, "init-cluster-state.log:5", "time must be 0 or more"),
        ({"cell": [*CELL, "12 1 a 1 2"]}, "init-cluster-state.log:5", "5 fields instead of 8"),
        ({"gaps": ["x p 0 1000", "x p 2 5", "x p 1 1000"]}, "interarrival_cmb.log:2", "scheduler must be 0"),
        ({"runs": ["x p 0 1", "x p 1 -5", "x p 1 5"]}, "runtimes_cmb.log:2", "the number must be 0 or more"),
        ({"tasks": ["x p 0 1", "x p 1 1e10", "x p 1 5"]}, "csizes_cmb.log:2", "the number must be 0 or more, and not"),
        ({"tasks": ["x p 0 1", "y p 1 1", "x p 1 5"]}, "csizes_cmb.log:2", "another cluster or assignment policy"),
    ],
)
def test_a_row_that_cannot_be_is_told_by_its_file_and_line(files, change, where, reason):
    with pytest.raises(UserError, match=f"x.{where}: {reason}"):
        list(files(**change).arrivals())
    trace = files(**change, rejects=Rejects(OnBadRow.SKIP))
    assert list(trace.arrivals())
    assert trace.rejects.read == trace.rejects.accepted + 1
    assert trace.rejects.rejected == 1


@pytest.mark.parametrize(
    ("change", "reason"),
    [
        ({"gaps": ((0, 0), (1, 5))}, "batch: interarrival_s is always 0"),
        ({"gaps": ((0, 5),)}, "interarrival_cmb.log: has no rows of service jobs, and others have"),
        ({"cell": CELL[3:]}, "no job is there at the beginning, which says what containers ask for"),
        ({"gaps": ((),), "tasks": ((),), "runs": ((),)}, "no rows in its distributions"),
    ],
)
def test_files_that_do_not_make_a_workload_are_an_error(files, change, reason):
    change = {name: [""] if values == ((),) else values for name, values in change.items()}

    with pytest.raises(UserError, match=reason):
        list(files(**change).arrivals())


def test_a_file_that_is_missing_or_there_twice_is_an_error(files, tmp_path):
    trace = files()
    (tmp_path / "y_csizes.log").write_text("x p 0 1\n")
    with pytest.raises(UserError, match=r"has several \*csizes\*\.log: x_csizes_cmb"):
        list(trace.arrivals())
    for file in tmp_path.glob("*csizes*"):
        file.unlink()
    with pytest.raises(UserError, match=r"has no \*csizes\*\.log, the file of tasks"):
        list(trace.arrivals())


def test_ends_of_others_are_counted(files):
    trace = files(cell=[*CELL, "12 5 stranger 0 0 1"])
    list(trace.arrivals())

    assert any(note == "ends of jobs that were not there at the beginning, ignored: 1" for note in trace.assumptions())


def test_files_may_be_gzipped_and_in_a_folder_of_their_own_and_are_recognised(files, tmp_path):
    plain = [job.submit_s for job, *_ in files().arrivals()]
    (tmp_path / "inner").mkdir()
    for name in (GAPS, TASKS, RUNS):
        (tmp_path / "inner" / f"{name}.gz").write_bytes(gzip.compress((tmp_path / name).read_bytes()))
        (tmp_path / name).unlink()
    trace = open_trace(str(tmp_path), Rejects())

    assert isinstance(trace, OmegaFiles)
    assert [job.submit_s for job, *_ in trace.arrivals()] == plain
    (tmp_path / "inner" / f"{GAPS}.gz").write_bytes(b"a,b\n")
    assert not looks_like(tmp_path)


def test_the_files_replay_from_end_to_end(files, tmp_path):
    files()
    arguments = [
        "--hosts",
        "50",
        "--host-cpus",
        "4",
        "--host-memory",
        "16GiB",
        "--policy",
        "first-fit",
        "--until",
        "1d",
    ]
    ended = CliRunner().invoke(towtank, ["run", "--json", "--trace", f"omega:{tmp_path}", *arguments])
    assert ended.exit_code == 0, ended.output
    metrics = json.loads(ended.stdout)["runs"][0]["metrics"]

    # A batch job every 100 s and a service every 5,000 s before the end of the day.
    assert (metrics["jobs_submitted"], metrics["tasks_submitted"]) == (863 + 17, 3 * 863 + 17)
    assert metrics["rows_read"] == 4 + 6
    # Prefilled containers without an end are there all day: two of 1.5 cores and a thousand of a millicore.
    assert metrics["cpu_allocated_mean"] > (3 + 1) / 200
