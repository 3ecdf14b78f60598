"""`towtank trace convert`, `sample` and `merge`: what is written runs as what was read, and says where it came from."""

import csv
import gzip
import hashlib
import json
from collections import Counter

import pyarrow.parquet as pq
import pytest
from click.testing import CliRunner
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from experiments.cli import towtank
from experiments.results.study import RunKey, Study
from experiments.running.simulate import simulate
from policies.errors import UserError
from policies.log import Event
from traces.formats.native import Native
from traces.hostfile import read_hosts
from traces.reading.rejects import Rejects

HEADER = "job,submit_s,workload,tasks,duration_s,cpus,memory_bytes,again,user,after,workflow\n"
ROWS = [
    "a,0,batch,3,50,1,1000,0,ann,,",
    "b,1,service,2,inf,2,1000,0,bob,,w",
    "c,2.5,batch,1,20,1,1000,0,,a b,w",
    "c,30,batch,1,20.1,1,1000,1,,,w",
    "d,70,batch,2,0,0.001,0,0,,,",
]


def ask(*words):
    ended = CliRunner().invoke(towtank, list(map(str, words)))
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def refusal(*words):
    """What is said, in one line, about what cannot be done."""
    ended = CliRunner().invoke(towtank, list(map(str, words)))
    if isinstance(ended.exception, UserError):
        assert "\n" not in str(ended.exception)
        return str(ended.exception)
    assert ended.exit_code == 2, ended.output
    return ended.stderr


def origin_of(path):
    return json.loads(path.with_name(f"{path.name}.origin.json").read_text(encoding="utf-8"))


@pytest.fixture
def jobs(tmp_path):
    path = tmp_path / "jobs.csv"
    path.write_text(HEADER + "\n".join(ROWS) + "\n")
    return path


def read(path):
    return [
        (*(getattr(arrival.job, name) for name in arrival.job.__slots__), *arrival[1:])
        for arrival in Native(path, Rejects()).arrivals()
    ]


# --- convert


@pytest.mark.parametrize("suffix", [".csv", ".csv.gz", ".parquet"])
def test_there_and_back_is_the_same(jobs, tmp_path, suffix):
    there, back = tmp_path / f"there{suffix}", tmp_path / "back.csv"

    said = ask("trace", "convert", jobs, "--out", there)
    ask("trace", "convert", there, "--out", back)

    assert said.splitlines()[0] == f"{there}: 5 rows, 5 jobs, 9 containers; 5 rows read, 5 accepted, 0 rejected"
    assert read(there) == read(back) == read(jobs)
    again = tmp_path / "again.csv"
    ask("trace", "convert", back, "--out", again)
    assert again.read_bytes() == back.read_bytes()


def test_the_origin_names_files_counts_and_what_was_assumed(jobs, tmp_path):
    out, aside = tmp_path / "out.parquet", tmp_path / "aside.csv"
    with jobs.open("a") as file:
        file.write("e,71,batch,-1,1,1,1,,,,\n")

    ask("trace", "convert", f"native:{jobs}", "--out", out, "--on-bad-row", "skip", "--rejects", aside)

    told = origin_of(out)
    (source,) = told["sources"]
    assert (told["rows"], told["jobs"], told["containers"], told["changes"]) == (5, 5, 9, [])
    assert source["files"] == [
        {
            "path": str(jobs),
            "bytes": jobs.stat().st_size,
            "sha256": hashlib.sha256(jobs.read_bytes()).hexdigest(),
        }
    ]
    assert (source["rows_read"], source["rows_accepted"], source["rows_rejected"]) == (6, 5, 1)
    assert source["reasons"] == {"tasks must be a whole number from 1": 1}
    assert [row["row"] for row in csv.DictReader(aside.read_text().splitlines())] == ["7"]
    assert told["origin_of_rows"]["ranges"] == [[1, 5, 1]]
    assert told["options"]["on_bad_row"] == "skip"
    assert told["versions"]["towtank"]
    assert [note for note in told["not_said"] if note.startswith("1 jobs are marked as submitted again")]


def test_a_sample_of_workflows_has_whole_ones_that_can_be_read(tmp_path):
    whole, out = tmp_path / "whole.csv", tmp_path / "part.csv"
    rows = []
    for step in range(4):
        for flow in range(60):
            before = f"f{flow}-{step - 1}" if step else ""
            rows.append(f"f{flow}-{step},{step},batch,1,1,1,1,,,{before},flow{flow}\n")
    whole.write_text(HEADER + "".join(rows))

    ask("trace", "sample", whole, "--share", 0.5, "--out", out)

    part = workflows(out)
    assert 15 < len(part) < 45
    assert part.items() <= workflows(whole).items()


def workflows(path):
    """How many jobs each workflow has, and how many are named to come before others."""
    found = {}
    for arrival in Native(path, Rejects()).arrivals():
        n, links = found.get(arrival.workflow, (0, 0))
        found[arrival.workflow] = n + 1, links + len(arrival.after)
    return found


def test_names_that_are_not_above_are_left_out_and_counted(jobs, tmp_path):
    out = tmp_path / "out.csv"

    said = ask("trace", "sample", jobs, "--from", 2, "--out", out)

    assert [arrival.after for arrival in Native(out, Rejects()).arrivals()] == [(), (), ()]
    assert "note: 2 names of jobs to come after that are not above" in said


def test_machines_and_what_runs_at_the_beginning_have_files_of_their_own(tmp_path):
    spec = tmp_path / "small.toml"
    spec.write_text(
        'span_s = 60\n[hosts]\nn = 20\ncpus = 8\nmemory_bytes = "32GiB"\n[prefill]\ncpu_allocated = 0.5\n'
        '[classes.batch]\ninterarrival_s = {law = "exponential", mean = 1}\ntasks = 3\n'
        'duration_s = {law = "exponential", mean = 20}\ncpus = 1\nmemory_bytes = "1GiB"\n'
    )
    out = tmp_path / "out.parquet"

    ask("trace", "convert", f"generated:{spec}", "--out", out)

    hosts, _ = read_hosts(tmp_path / "out.parquet.hosts.csv")
    assert len(hosts) == 20
    assert (
        sum(arrival.job.tasks for arrival in Native(tmp_path / "out.parquet.prefill.csv", Rejects()).arrivals()) == 80
    )
    told = origin_of(out)
    assert (told["hosts"], told["at_the_beginning"]) == (20, 80)
    assert set(told["files"]) == {path.name for path in tmp_path.iterdir()} - {"small.toml"}


def test_what_is_left_of_another_trace_goes(jobs, tmp_path):
    out = tmp_path / "out.csv"
    stale = [tmp_path / f"out.csv{suffix}" for suffix in (".hosts.csv", ".prefill.csv", ".rows.parquet")]
    for path in stale:
        path.write_text("old")

    ask("trace", "convert", jobs, "--out", out)

    assert not any(path.exists() for path in stale)


@pytest.mark.parametrize(
    ("words", "reason"),
    [
        (["convert", "jobs.csv", "--out", "jobs.csv"], "is a file of the trace itself"),
        (["convert", "jobs.csv", "--out", "out.xlsx"], "cannot tell the format from the name"),
        (["convert", "jobs.csv", "--out", "none/out.csv"], "No such file"),
        (["convert", "none.csv", "--out", "out.csv"], "no such file or folder"),
        (["sample", "jobs.csv", "--out", "out.csv"], "nothing to do"),
        (["sample", "jobs.csv", "--share", "0", "--out", "out.csv"], "--share"),
        (["sample", "jobs.csv", "--speed", "inf", "--out", "out.csv"], "not a number above 0"),
        (["sample", "jobs.csv", "--from", "5", "--to", "5", "--out", "out.csv"], "is no span of time"),
        (["sample", "jobs.csv", "--rate", "2", "--scale-hosts", "--out", "out.csv"], "--scale-hosts is for --share"),
        (["merge", "jobs.csv", "--out", "out.csv"], "nothing to merge"),
    ],
)
def test_what_cannot_be_done_is_said_and_leaves_nothing(jobs, tmp_path, monkeypatch, words, reason):
    monkeypatch.chdir(tmp_path)

    assert reason in refusal("trace", *words)

    assert [path.name for path in tmp_path.iterdir()] == ["jobs.csv"]
    assert len(read(jobs)) == 5


def test_a_bad_row_stops_it_and_leaves_no_file_with_half_of_the_jobs(jobs, tmp_path):
    with jobs.open("a") as file:
        file.write("e,71,batch,-1,1,1,1,,,,\n")

    assert "jobs.csv:7: tasks must be" in refusal("trace", "convert", jobs, "--out", tmp_path / "out.parquet")

    assert [path.name for path in tmp_path.iterdir()] == ["jobs.csv"]


def test_machines_do_not_stay_without_the_jobs(tmp_path):
    pods = tmp_path / "openb_pod_list_default.csv"
    pods.write_text(
        "name,cpu_milli,memory_mib,num_gpu,gpu_milli,qos,creation_time,deletion_time,scheduled_time\n"
        "a,1000,1,0,0,BE,0,10,0\na\nb,1000,1,0,0,BE,5,3,5\n"
    )
    (tmp_path / "openb_node_list_all_node.csv").write_text("sn,cpu_milli,memory_mib,gpu\nn,4000,100,0\n")

    assert "openb_pod_list_default.csv:3" in refusal("trace", "convert", pods, "--out", tmp_path / "out.csv")

    assert not list(tmp_path.glob("out*"))


@pytest.mark.parametrize("command", ["convert", "sample", "merge"])
def test_each_has_help_with_an_example(command):
    assert f"Example: towtank trace {command}" in " ".join(ask("trace", command, "--help").split())


# --- sample


def test_every_row_of_a_sample_has_its_origin(tmp_path):
    whole, out = tmp_path / "whole.csv", tmp_path / "part.parquet"
    rows = [f"j{number},{number},batch,1,{number % 7},1,1000,,,,\n" for number in range(3000)]
    whole.write_text(HEADER + "".join(rows))

    ask("trace", "sample", whole, "--from", 100, "--to", 2900, "--share", 0.3, "--rate", 2, "--speed", 5, "--out", out)

    part, table = pq.read_table(out).to_pylist(), pq.read_table(f"{out}.rows.parquet").to_pylist()
    assert [row["row"] for row in table] == list(range(1, len(part) + 1))
    for row, whence in zip(part, table, strict=True):
        assert (whence["source"], whence["job"]) == (1, row["job"])
        assert whence["job"] == f"j{whence['submit_s']:.0f}"
        assert row["submit_s"] == pytest.approx((whence["submit_s"] - 100) / 10)
        assert row["duration_s"] == pytest.approx(whence["submit_s"] % 7 / 5)
    told = origin_of(out)
    assert [change["change"] for change in told["changes"]] == ["window", "thinned", "denser", "faster"]
    assert 700 < told["rows"] == len(part) == told["sources"][0]["rows_written"] < 980


QUARTERS = st.integers(0, 60).map(lambda quarters: quarters / 4)


@settings(max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    rows=st.lists(st.tuples(QUARTERS, st.integers(1, 4), QUARTERS | st.just(float("inf"))), min_size=1, max_size=15),
    begins=QUARTERS,
    lasts=QUARTERS.filter(bool),
)
def test_in_the_tank_a_window_runs_what_the_whole_runs_at_that_time(tmp_path, rows, begins, lasts):
    whole, part = tmp_path / "whole.csv", tmp_path / "part.csv"
    lines = [
        f"j{number},{at},batch,{tasks},{run_s},1,1,,,,\n" for number, (at, tasks, run_s) in enumerate(sorted(rows))
    ]
    # What is submitted on the last moment but for the end keeps the tank from having nothing to do.
    whole.write_text(HEADER + "".join(lines) + f"last,{begins + lasts - 1 / 16},batch,1,inf,1,1,,,,\n")

    ask("trace", "sample", whole, "--from", begins, "--to", begins + lasts, "--out", part)

    prefill = tmp_path / "part.csv.prefill.csv"
    before = changes_in_the_tank(whole, None, begins + lasts)
    after = changes_in_the_tank(part, str(prefill) if prefill.exists() else None, lasts)
    for moment in range(int(lasts * 4)):
        t_s = moment / 4 + 0.125
        assert sum(n for at, n in after if at <= t_s) == sum(n for at, n in before if at <= begins + t_s)


def changes_in_the_tank(trace, prefill, until_s):
    """When containers came to run or ended on a host without limits, and how many."""
    seen = []

    def note(rows):
        come = {Event.STARTED: 1, Event.PREFILLED: 1, Event.FINISHED: -1}
        seen.extend((row.t_s, come[row.event] * row.tasks) for row in rows if row.event in come)

    study = Study(
        trace=str(trace), prefill=prefill, hosts="1", host_cpus=1e6, host_memory_bytes=2**40, t_job_s=0.0, t_task_s=0.0,
        until_s=until_s,
    )  # fmt: skip
    simulate(study, RunKey("monolithic", "first-fit", 1), lambda levels: (note,))
    return seen


# --- merge


def test_merged_counts_add_up_and_prefixes_say_whose_a_row_is(jobs, tmp_path):
    other, out = tmp_path / "other.csv.gz", tmp_path / "both.csv"
    other.write_bytes(gzip.compress((HEADER + "a,2,batch,1,1,1,1,,ann,,\nbad,3,batch,0,1,1,1,,,,\n").encode()))

    ask("trace", "merge", jobs, other, "--on-bad-row", "skip", "--rejects", tmp_path / "aside.csv", "--out", out)

    with out.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert [row["job"] for row in rows] == ["1/a", "1/b", "2/a", "1/c", "1/c", "1/d"]
    assert [row["user"] for row in rows] == ["1/ann", "1/bob", "2/ann", "", "", ""]
    assert rows[3]["after"] == "1/a 1/b"
    assert rows[3]["workflow"] == "1/w"
    told = origin_of(out)
    assert [source["rows_written"] for source in told["sources"]] == [5, 1]
    assert [source["rows_rejected"] for source in told["sources"]] == [0, 1]
    assert told["origin_of_rows"]["ranges"] == [[1, 2, 1], [3, 3, 2], [4, 6, 1]]
    table = pq.read_table(f"{out}.rows.parquet").to_pydict()
    assert Counter(table["source"]) == {1: 5, 2: 1}
    assert table["job"] == ["a", "b", "a", "c", "c", "d"]
    assert (tmp_path / "2-aside.csv").exists()
    assert not (tmp_path / "1-aside.csv").exists()


def test_rows_that_change_their_source_too_often_are_in_the_table_alone(tmp_path):
    for name, first in (("x.csv", 0), ("y.csv", 1)):
        rows = [f"j{number},{number},batch,1,1,1,1,,,,\n" for number in range(first, 5000, 2)]
        (tmp_path / name).write_text(HEADER + "".join(rows))

    ask("trace", "merge", tmp_path / "x.csv", tmp_path / "y.csv", "--out", tmp_path / "both.csv")

    assert origin_of(tmp_path / "both.csv")["origin_of_rows"]["ranges"] is None
    assert pq.read_table(tmp_path / "both.csv.rows.parquet")["source"].to_pylist() == [1, 2] * 2500


# --- the real pieces


def test_the_openb_pods_run_converted_as_they_do_unconverted(tmp_path, traces_dir):
    folder, out = traces_dir / "alibaba_gpu2023", tmp_path / "openb.csv.gz"
    with (folder / "openb_pod_list_default.csv").open(newline="") as file:
        pods = sum(1 for _ in csv.DictReader(file))

    ask("trace", "convert", f"alibaba_gpu2023:{folder}", "--out", out)

    with gzip.open(out, "rt", newline="") as file:
        assert sum(1 for _ in csv.DictReader(file)) == pods
    asked = ["run", "--json", "--processes", 1, "--architecture", "monolithic", "--policy", "first-fit",
             "--t-job", 0.001, "--detail", "summary"]  # fmt: skip
    until = str(origin_of(out)["end_s"])
    (unconverted,) = json.loads(ask(*asked, "--trace", f"alibaba_gpu2023:{folder}", "--until", until))["runs"]
    (converted,) = json.loads(ask(*asked, "--trace", out, "--hosts", f"{out}.hosts.csv", "--until", until))["runs"]
    assert converted["metrics"]["jobs_submitted"] == pods
    for name, value in unconverted["metrics"].items():
        if not name.startswith("rows_"):
            assert converted["metrics"][name] == value, name
