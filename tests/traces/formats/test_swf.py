"""Logs of parallel machines: what becomes of their jobs, and the traps of the format."""

import gzip
import json

import pytest
from click.testing import CliRunner

from experiments.cli import towtank
from policies.errors import UserError
from policies.requests import Demand, Resources
from traces.formats import open_trace
from traces.formats.swf import Swf
from traces.reading.rejects import OnBadRow, Rejects
from traces.trace import OPEN_ENDED, steady

FIELDS = {
    "number": 1, "submit": 0, "wait": -1, "run": 100, "allocated": 2, "cpu": -1, "used": -1, "requested": 2,
    "time": -1, "memory": -1, "status": 1, "user": 7, "group": 1, "executable": -1, "queue": 1, "partition": 1,
    "preceding": -1, "think": -1,
}  # fmt: skip
KIB = 1024


def line(**fields):
    return "  ".join(str(value) for value in (FIELDS | fields).values())


@pytest.fixture
def log(tmp_path):
    """Write a log and open it."""

    def write(*lines, header=(), rejects=None, end="\n"):
        path = tmp_path / "log.swf"
        path.write_bytes((end.join([*header, *lines]) + end).encode())
        return Swf(path, rejects or Rejects())

    return write


def only(trace):
    [arrival] = trace.arrivals()
    return arrival


def noted(trace, words):
    """How often something was odd that is said in these words, 0 if it is not."""
    return sum(int(note.rpartition(": ")[2].replace(",", "")) for note in trace.assumptions() if words in note)


def test_a_job_of_n_processors_is_n_containers_of_one_core(log):
    arrival = only(log(line(number=12, submit=5, allocated=3, requested=4, time=60, memory=1000, used=500, cpu=25)))
    job = arrival.job

    assert (job.id, job.submit_s, job.workload, job.user, job.estimate_s, job.tasks) == ("12", 5, "batch", "7", 60, 3)
    assert job.groups[0].task.need == Resources(1000, 1000 * KIB)
    assert arrival.run_s == (100.0,)
    assert arrival.behaviours == (steady(Demand(0.25, 500 * KIB)),)


@pytest.mark.parametrize(
    ("allocated", "requested", "tasks", "words"),
    [
        (4, -1, 4, None),
        (-1, 8, 8, "had no processors"),
        (0, 8, 8, "had no processors"),
        (9, 72, 9, "another number of processors"),
        (-1, -1, 1, "how many processors"),
    ],
)
def test_the_processors_are_those_it_had_or_else_those_it_asked_for(log, allocated, requested, tasks, words):
    trace = log(line(allocated=allocated, requested=requested))

    assert only(trace).job.tasks == tasks
    assert words is None or noted(trace, words) == 1


@pytest.mark.parametrize(
    ("fields", "run_s", "words"),
    [
        ({"run": 0, "status": 5}, 0.0, "ran for no time"),
        ({"run": 0.4}, 0.4, None),
        ({"run": -1, "cpu": 240379, "status": -1}, 240379.0, "their CPU time"),
        ({"run": -1, "status": 5}, 0.0, "before they began"),
        ({"run": -1, "status": 0}, 0.0, "before they began"),
        ({"run": -1, "status": 1}, OPEN_ENDED, "without end"),
        ({"run": 80, "status": 5}, 80.0, None),
        ({"run": 80, "time": 60}, 80.0, "longer than they asked for"),
    ],
)
def test_a_job_runs_as_long_as_is_known(log, fields, run_s, words):
    trace = log(line(**fields))

    assert only(trace).run_s == (run_s,)
    assert words is None or noted(trace, words) == 1


@pytest.mark.parametrize(
    ("fields", "asks", "uses"),
    [
        ({"memory": 10}, 10 * KIB, None),
        ({"used": 10}, 10 * KIB, (1.0, 10 * KIB)),
        ({"used": 20.5, "memory": 10}, 10 * KIB, (1.0, 20.5 * KIB)),
        ({}, 2**30, None),
        ({"cpu": 50}, 2**30, (0.5, 2**30)),
        # More than a processor can give: seconds are rounded, and some count what was left behind.
        ({"cpu": 101, "memory": 10}, 10 * KIB, (1.0, 10 * KIB)),
    ],
)
def test_memory_and_cpu_are_those_of_a_processor(log, fields, asks, uses):
    arrival = only(log(line(**fields)))

    assert arrival.job.groups[0].task.need.memory_bytes == asks
    assert arrival.behaviours == (() if uses is None else (steady(Demand(*uses)),))


@pytest.mark.parametrize("end", ["\n", "\r\n"])
def test_blanks_tabs_comments_and_empty_lines_are_where_they_like(log, end):
    trace = log(
        f"   \t{line(number=1)}   ", "", "; Note: in between", f"\t{line(number=2)}", "   ", " ; not at the beginning",
        line(number=3), header=["; Version: 2.2", ";"], end=end, rejects=Rejects(OnBadRow.SKIP),
    )  # fmt: skip

    assert [job.id for job, *_ in trace.arrivals()] == ["1", "2", "3"]
    assert (trace.rejects.read, trace.rejects.accepted, trace.rejects.rejected) == (3, 3, 0)


def test_a_log_may_be_gzipped_and_is_recognised_by_what_is_in_it(tmp_path):
    path = tmp_path / "anything"
    path.write_bytes(gzip.compress(f"; MaxNodes: 5\n {line()}\n".encode()))
    trace = open_trace(str(path), Rejects())

    assert isinstance(trace, Swf)
    assert only(trace).job.id == "1"


@pytest.mark.parametrize(
    ("wrong", "reason"),
    [
        (line(submit=-1), "submit time must be 0 or more"),
        (line(submit="noon"), "submit time is not a number: 'noon'"),
        (line(run=-2), "run time must be 0 or more, or -1 for unknown"),
        (line(run="nan"), "run time must be 0 or more"),
        (line(run="inf"), "run time must be 0 or more"),
        (line(number=1.5), "job number must be a whole number"),
        (line(allocated=1.5), "allocated processors must be a whole number"),
        (line(allocated=2**31), "allocated processors must be a whole number, and no more than any machine has"),
        (line(memory=2**50), "requested memory is more than any machine has"),
        (line() + " 5", "19 fields instead of 18"),
        (line().rpartition(" ")[0], "17 fields instead of 18"),
    ],
)
def test_what_is_wrong_with_a_line_is_said_with_its_number(log, wrong, reason):
    lines = ["; Version: 2.2", line(), "", wrong, line(number=9)]

    with pytest.raises(UserError, match=rf"log\.swf:4: {reason}"):
        list(log(*lines).arrivals())
    trace = log(*lines, rejects=Rejects(OnBadRow.SKIP))
    assert [job.id for job, *_ in trace.arrivals()] == ["1", "9"]
    assert (trace.rejects.read, trace.rejects.accepted, trace.rejects.rejected) == (3, 2, 1)


def test_lines_of_parts_of_a_job_are_left_out(log):
    parts = [line(status=status, submit=-1 if status == 3 else 0) for status in (2, 3, 4)]
    trace = log(line(), *parts, line(number=2))

    assert [job.id for job, *_ in trace.arrivals()] == ["1", "2"]
    assert trace.rejects.accepted == 5
    assert noted(trace, "parts of jobs") == 3


def test_lines_that_come_late_are_put_in_order(log):
    trace = log(line(number=1, submit=5), line(number=2, submit=9), line(number=3, submit=7))

    assert [job.id for job, *_ in trace.arrivals()] == ["1", "3", "2"]
    assert noted(trace, "came late") == 1


def test_a_job_comes_after_its_preceding_job_where_that_stands_above(log):
    trace = log(
        line(number=1),
        line(number=2, preceding=1, think=30),
        line(number=3, preceding=3),  # itself
        line(number=4, preceding=5),  # which comes later
        line(number=5, submit=50),
        line(number=6, submit=60, preceding=2),
        line(number=7, submit=40, preceding=5),  # which was submitted later
        line(number=8, submit=60, preceding=0),
    )

    assert {job.id: after for job, _, _, after, _ in trace.arrivals()} == {
        "1": (), "2": ("1",), "3": (), "4": (), "5": (), "6": ("2",), "7": (), "8": (),
    }  # fmt: skip
    assert noted(trace, "come after nobody") == 3


def test_preceding_jobs_are_found_in_parts_of_the_file_that_were_read_before(log, monkeypatch):
    monkeypatch.setattr("traces.reading.tables.BLOCK_BYTES", 300)
    lines = [line(number=n, submit=n, preceding=n // 2 if n > 20 else -1) for n in range(1, 41)]

    after = {job.id: after for job, _, _, after, _ in log(*lines).arrivals()}

    assert after == {str(n): (str(n // 2),) if n > 20 else () for n in range(1, 41)}


@pytest.mark.parametrize(
    ("header", "cores"),
    [
        (["; MaxNodes: 3", "; MaxProcs: 8"], [3, 3, 2]),
        (["; MaxNodes: 3 (2 1)"], [1, 1, 1]),
        (["; MaxProcs: 2"], [1, 1]),
        ([], None),
    ],
)
def test_processors_of_the_header_stand_in_its_nodes_with_memory_for_any_job(log, header, cores):
    hosts = log(line(memory=100), line(memory=300), header=header).hosts()

    if cores is None:
        assert hosts is None
    else:
        assert hosts.capacity[0].tolist() == [1000 * n for n in cores]
        assert hosts.capacity[1].tolist() == [300 * KIB * n for n in cores]


@pytest.mark.parametrize("header", ["; MaxNodes: many", "; MaxNodes: 99999999999999999999", "; MaxProcs: 4294967296"])
def test_a_header_without_sense_is_an_error(log, header):
    with pytest.raises(UserError, match=r"log\.swf: .*header"):
        log(line(), header=[header]).hosts()


def test_a_head_of_a_log_is_told_by_its_header(log):
    trace = log(line(), header=["; MaxJobs: 28490"])
    list(trace.arrivals())

    assert any("speaks of 28,490 jobs, and there are 1 lines" in note for note in trace.assumptions())
    assert trace.end_s() is None


def test_a_folder_may_have_one_of_them_beside_other_files(tmp_path):
    (tmp_path / "README").write_text("about it\n")
    (tmp_path / "b").write_text(line() + "\n")
    trace = open_trace(str(tmp_path), Rejects())

    assert isinstance(trace, Swf)
    assert trace.files() == [tmp_path / "b"]
    (tmp_path / "a").write_text(line() + "\n")
    with pytest.raises(UserError, match=r"has several \(a, b\): name one"):
        open_trace(str(tmp_path), Rejects())
    for name in "ab":
        (tmp_path / name).unlink()
    with pytest.raises(UserError, match="has no "):
        open_trace(f"swf:{tmp_path}", Rejects())


# --- the real pieces

LOGS = [
    "KTH-SP2-1996.swf.gz",
    "NASA-iPSC-1993-3.1-cln.swf.gz",
    "HPC2N-2002-2.2-cln.head.swf",
    "RICC-2010-2.head.swf.gz",
]


def raw(path):
    """The fields of each job, with nothing but gzip."""
    data = path.read_bytes()
    text = (gzip.decompress(data) if path.suffix == ".gz" else data).decode()
    return [row.split() for row in text.splitlines() if row.strip() and not row.startswith(";")]


@pytest.mark.parametrize("name", LOGS)
def test_the_real_logs_are_all_there(traces_dir, name):
    path = traces_dir / "swf" / name
    rows = raw(path)
    trace = open_trace(str(path), Rejects())
    arrivals = list(trace.arrivals())

    assert isinstance(trace, Swf)
    assert len(arrivals) == trace.rejects.read == trace.rejects.accepted == len(rows)
    assert sum(job.tasks for job, *_ in arrivals) == sum(int(row[4]) for row in rows)
    assert sum(job.estimate_s is not None for job, *_ in arrivals) == sum(float(row[8]) > 0 for row in rows)
    assert sum(bool(a.behaviours) for a in arrivals) == sum(float(row[5]) > 0 or float(row[6]) > 0 for row in rows)
    known = [(float(row[3]), float(row[5])) for row in rows]
    assert sum(a.run_s[0] for a in arrivals) == pytest.approx(sum(cpu if run < 0 else run for run, cpu in known))
    assert noted(trace, "longer than they asked for") == sum(float(row[3]) > float(row[8]) > 0 for row in rows)


@pytest.mark.slow
@pytest.mark.parametrize(("name", "until_s"), [("NASA-iPSC-1993-3.1-cln.swf.gz", 1e6), ("KTH-SP2-1996.swf.gz", 1.5e6)])
def test_a_real_log_replays_on_its_own_machine_with_the_counts_of_its_file(traces_dir, name, until_s):
    path = traces_dir / "swf" / name
    rows = [row for row in raw(path) if float(row[1]) <= until_s]
    arguments = ["--hosts", "trace", "--policy", "first-fit", "--t-job", "0.001", "--t-task", "0", "--commit", "gang"]
    ended = CliRunner().invoke(
        towtank, ["run", "--json", "--trace", f"swf:{path}", "--until", str(until_s), *arguments]
    )  # fmt: skip
    assert ended.exit_code == 0, ended.output
    metrics = json.loads(ended.stdout)["runs"][0]["metrics"]

    assert metrics["jobs_submitted"] == len(rows)
    assert metrics["tasks_submitted"] == sum(int(row[4]) for row in rows)
