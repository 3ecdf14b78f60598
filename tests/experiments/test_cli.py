"""The command line as scripts and people use it."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

HEADER = "job,submit_s,workload,tasks,duration_s,cpus,memory_bytes"
JOBS = ["a,0,batch,3,50,1,1000", "b,1,service,2,500,2,1000", "c,2.5,batch,1,20,1,1000"]

POLICY = """
import numpy as np


def my_score(view, task, weight=1.0):
    left = view.free_after(task)
    return np.where((left >= 0).all(axis=0), -weight * (left / view.capacity).sum(axis=0), -np.inf)


def needy(view, task, a):
    return a * view.free[0]


def relative(view, task):
    return view.free[0] / view.free[0].max() - view.containers.mean()


class Grumpy:
    def __init__(self):
        raise ValueError("not today")

    def choose(self, view, task, k):
        return np.zeros(len(view))


def broken(view, task):
    return view.no_such_column


class Mine:
    def __init__(self, rng, start=0):
        self.rng, self.start = rng, start

    def choose(self, view, task, k):
        counts = np.zeros(len(view), dtype=int)
        counts[self.start] = min(k, view.slots(task)[self.start])
        return counts
"""


def towtank(*arguments, cwd=None, check=True):
    command = [sys.executable, "-m", "experiments", *map(str, arguments)]
    root = Path(__file__).parents[2]
    ended = subprocess.run(command, cwd=cwd or root, capture_output=True, text=True, env=_environment(root))
    if check:
        assert ended.returncode == 0, ended.stderr
    return ended


def _environment(root):
    import os

    return {**os.environ, "PYTHONPATH": str(root)}


def complaint(*arguments, cwd=None):
    """What a command that cannot work says: one line, exit code 2."""
    ended = towtank(*arguments, cwd=cwd, check=False)
    assert ended.returncode == 2, (ended.returncode, ended.stderr)
    assert ended.stdout == ""
    (line,) = ended.stderr.splitlines()
    assert line.startswith("towtank: ")
    return line


@pytest.fixture
def jobs(tmp_path):
    path = tmp_path / "jobs.csv"
    path.write_text("\n".join([HEADER, *JOBS, ""]))
    return path


def run_json(*arguments, **more):
    return json.loads(towtank("run", "--json", "--processes", 1, *arguments, **more).stdout)["runs"]


def test_json_is_the_summary_and_nothing_else(jobs, tmp_path):
    before = sorted(tmp_path.iterdir())

    runs = run_json("--trace", jobs, "--hosts", 3, "--policy", "spread", "--seeds", "1,2")

    assert [(run["architecture"], run["policy"], run["seed"]) for run in runs] == [
        ("monolithic", "spread", 1), ("monolithic", "spread", 2),
        ("shared-state", "spread", 1), ("shared-state", "spread", 2),
    ]  # fmt: skip
    assert sorted(tmp_path.iterdir()) == before
    assert set(runs[0]["cost"]) == {"wall_s", "cpu_s", "peak_rss_bytes"}


def test_a_run_imports_nothing_that_it_does_not_use(jobs):
    watched = "import sys, experiments.cli as c\ntry: c.main()\nfinally: print(*sys.modules, file=sys.stderr)"
    asked = ["run", "--json", "--trace", str(jobs), "--hosts", "3", "--policy", "spread", "--processes", "1"]
    ended = subprocess.run([sys.executable, "-c", watched, *asked], capture_output=True, text=True, check=True,
                           cwd=Path(__file__).parents[2])  # fmt: skip

    heavy = {"pandas", "matplotlib", "scipy", "pyarrow.compute", "pyarrow.parquet", "numpy.ma", "rich"}
    assert not heavy & set(ended.stderr.split())


def test_the_metrics_that_scripts_rely_on_are_there(jobs):
    monolithic, shared = run_json("--trace", jobs, "--hosts", 3, "--policy", "spread")

    # fmt: off
    common = {
        "jobs_submitted", "jobs_scheduled", "jobs_pending", "jobs_abandoned", "jobs_infeasible", "tasks_scheduled",
        "tasks_finished", "tasks_running", "wait_mean_s", "wait_p90_s", "wait_mean_s.batch", "wait_p90_s.service",
        "cpu_allocated_mean", "memory_allocated_mean", "cpu_used_mean", "disk_used_mean", "cpu_imbalance",
        "memory_imbalance", "disk_imbalance", "slowdown_mean", "slowdown_p99", "makespan_s",
    }
    # fmt: on
    assert common <= set(monolithic["metrics"])
    assert {"busyness.all", "conflict_fraction.all", "conflicted_claims.all"} <= set(monolithic["metrics"])
    assert {"busyness.batch", "busyness.service", "conflict_fraction.batch"} <= set(shared["metrics"])
    assert monolithic["metrics"]["tasks_finished"] == 6


def test_an_important_job_takes_room_where_that_is_asked_for(tmp_path):
    jobs = tmp_path / "jobs.csv"
    jobs.write_text(f"{HEADER},priority\nlow,0,batch,12,100,4,1000,0\nhigh,50,service,3,10,4,1000,9\n")
    names = (
        "monolithic",
        "monolithic:preempt=true",
        "shared-state:preempt=true,preempt_gap=9",
        "shared-state:preempt=true,preempt_gap=10",
    )
    chosen = [word for name in names for word in ("--architecture", name)]

    runs = run_json("--trace", jobs, "--hosts", 3, "--host-cpus", 16, "--policy", "spread", *chosen)

    assert [run["metrics"]["tasks_preempted"] for run in runs] == [0, 3, 3, 0]
    assert [run["metrics"]["tasks_finished"] for run in runs] == [15] * 4


def test_a_results_directory_holds_what_was_asked_and_what_came_of_it(jobs, tmp_path):
    out = tmp_path / "out"
    towtank("run", "--trace", jobs, "--hosts", 3, "--policy", "spread", "--out", out, "--detail", "tasks")

    assert json.loads((out / "run.json").read_text())["study"]["policies"] == ["spread"]
    assert len((out / "summary.csv").read_text().splitlines()) == 3
    log = pq.read_table(out / "log" / "monolithic-spread_1.parquet").to_pandas()
    started = log[log["event"] == "started"]
    assert started["tasks"].sum() == 6
    assert (started["host"] >= 0).all()
    assert {path.suffix for path in (out / "figures").iterdir()} == {".png", ".svg"}


def test_a_run_that_was_interrupted_goes_on_and_another_configuration_is_refused(jobs, tmp_path):
    out = tmp_path / "out"
    asked = ["run", "--trace", jobs, "--hosts", 3, "--policy", "spread", "--no-figures", "--out", out]
    towtank(*asked)
    whole = (out / "summary.csv").read_text()
    rows = whole.splitlines(keepends=True)
    (out / "summary.csv").write_text("".join(rows[:2]))

    again = towtank(*asked)

    assert "monolithic" not in again.stderr
    assert [row.split(",")[:20] for row in (out / "summary.csv").read_text().splitlines()] == [
        row.split(",")[:20] for row in whole.splitlines()
    ]
    assert "holds the results of another configuration" in complaint(*asked, "--seeds", "2")


@pytest.mark.parametrize("changed", ["policy", "hosts", "prefill"])
def test_results_of_files_that_have_changed_since_are_refused(changed, jobs, tmp_path):
    files = {
        "policy": (tmp_path / "mine.py", POLICY),
        "hosts": (tmp_path / "hosts.csv", "host,cpus,memory_bytes\na,16,64000\nb,16,64000\n"),
        "prefill": (tmp_path / "old.csv", f"{HEADER}\nold,0,batch,1,inf,1,10\n"),
    }
    for path, text in files.values():
        path.write_text(text)
    asked = ["run", "--trace", jobs, "--hosts", "hosts.csv", "--prefill", "old.csv", "--policy", "mine.py:my_score",
             "--architecture", "monolithic", "--no-figures", "--out", "out"]  # fmt: skip
    towtank(*asked, cwd=tmp_path)
    towtank(*asked, cwd=tmp_path)
    path, text = files[changed]
    path.write_text(text.replace("16", "12").replace(",1,inf", ",2,inf").replace("-weight", "weight"))

    assert "holds the results of another configuration (inputs" in complaint(*asked, cwd=tmp_path)


def test_a_policy_file_may_be_the_parameter_of_another_policy(jobs, tmp_path):
    (tmp_path / "mine.py").write_text(POLICY)
    asked = ["run", "--trace", jobs, "--hosts", 3, "--policy", "power-of-d:score=mine.py:my_score", "--no-figures",
             "--architecture", "monolithic", "--out", "out"]  # fmt: skip
    towtank(*asked, cwd=tmp_path)
    (tmp_path / "mine.py").write_text(POLICY.replace("-weight", "weight"))

    assert "holds the results of another configuration (inputs" in complaint(*asked, cwd=tmp_path)


def test_what_was_begun_and_never_finished_does_not_stand_in_the_way(jobs, tmp_path):
    with jobs.open("a") as file:
        file.write("d,3,batch,-2,5,1,1\n")
    asked = ["run", "--trace", jobs, "--hosts", 3, "--policy", "spread", "--no-figures", "--out", tmp_path / "out"]
    complaint(*asked)

    towtank(*asked, "--on-bad-row", "skip")


def test_a_parameter_without_a_default_can_be_given(jobs, tmp_path):
    (tmp_path / "mine.py").write_text(POLICY)
    (run,) = run_json("--trace", jobs, "--hosts", 3, "--architecture", "monolithic", "--policy", "mine.py:needy:a=2",
                      cwd=tmp_path)  # fmt: skip

    assert run["metrics"]["tasks_finished"] == 6


def test_a_policy_of_ones_own_is_one_file(jobs, tmp_path):
    (tmp_path / "mine.py").write_text(POLICY)
    mine, weighted, binpack = run_json(
        "--trace", jobs, "--hosts", 3, "--architecture", "monolithic", "--policy", "mine.py:my_score",
        "--policy", "mine.py:my_score:weight=2", "--policy", "binpack", cwd=tmp_path,
    )  # fmt: skip

    assert mine["metrics"] == weighted["metrics"] == binpack["metrics"]


def test_a_chooser_of_ones_own_gets_its_random_stream_and_its_parameters(jobs, tmp_path):
    (tmp_path / "mine.py").write_text(POLICY)
    (run,) = run_json("--trace", jobs, "--hosts", 3, "--architecture", "monolithic",
                      "--policy", "mine.py:Mine:start=2", cwd=tmp_path)  # fmt: skip

    assert run["metrics"]["tasks_finished"] == 6


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        (["--trace", "nowhere.csv"], "nowhere.csv: no such file"),
        (["--trace", "natife:jobs.csv"], "did you mean 'native'?"),
        (["--policy", "bin-pack"], "did you mean 'binpack'?"),
        (["--architecture", "shared"], "did you mean 'shared-state'?"),
        (["--mapreduce", "max"], "no sizing of MapReduce jobs is called 'max'"),
        (["--mapreduce", "relative-job-size:times=0.5"], "times must be at least 1"),
        (["--policy", "power-of-d:e=3"], "no parameter 'e'"),
        (["--policy", "power-of-d:d=many"], "d is a whole number, not 'many'"),
        (["--policy", "mine.py:needy"], "a must be given"),
        (["--policy", "mine.py:relative"], "policy mine.py:relative is not row-wise"),
        (["--policy", "mine.py:Grumpy"], "policy mine.py:Grumpy cannot be made: ValueError: not today"),
        (["--policy", "power-of-d:d=0"], "d and tries must be at least 1"),
        (["--policy", "power-of-d:d=2,d=3"], "d is given twice"),
        (["--policy", "power-of-d:score=random-first-fit"], "score must be a score"),
        (["--host-cpus", "nan"], "must be more than 0"),
        (["--out", "/proc/nowhere"], "/proc/nowhere"),
        (["--policy", "mine.py:my_scor"], "did you mean 'my_score'?"),
        (["--policy", "mine.py:broken"], "policy mine.py:broken failed at"),
        (["--policy", "mine.py"], "say which policy of mine.py is meant"),
        (["--policy", "theirs.py:x"], "theirs.py: no such file"),
        (["--hosts", "many"], "many: no such file"),
        (["--hosts", "trace"], "says nothing about machines"),
        (["--host-memory", "lots"], "'lots' is not a size"),
        (["--until", "-5"], "is not a time"),
        (["--seeds", "one"], "is not a list of whole numbers"),
        (["--schedulers", "4"], "is not of the form class=value"),
        (["--t-job", "service=1"], "decision times are given for service, and a job is of class 'batch'"),
        (["--host-cpus", "0.5"], "none of its 3 jobs fits on any of the hosts"),
        (["--commit", "some"], "'some' is not one of"),
        (["--queue", "fair"], "no queue discipline is called 'fair'"),
        (["--queue", "backfill"], "it goes with --commit gang"),
        (["--queue", "backfill", "--commit", "gang"], "it goes with --architecture monolithic or partitioned"),
        (["--quota", "ann"], "'ann' is not of the form user=cores"),
        (["--quota", "ann=1,ann=2"], "ann is given twice"),
        (["--quota", "ann=some"], "'some' is not a number of cores"),
        (["--quota", "*=0.5"], "none of its 3 jobs fits on any of the hosts and into its user's quota"),
        (["--colour", "red"], "No such option"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, list) else "",
)
def test_what_a_user_got_wrong_is_told_in_one_line(arguments, says, jobs, tmp_path):
    (tmp_path / "mine.py").write_text(POLICY)
    asked = ["run", "--json", "--processes", 1, "--trace", "jobs.csv", "--hosts", "3", "--policy", "spread"]
    if arguments[0] in ("--policy", "--architecture"):
        asked.remove("--policy")
        asked.remove("spread")

    assert says in complaint(*asked, *arguments, cwd=tmp_path)


def test_a_queue_discipline_and_quotas_reach_the_schedulers_and_run_json(tmp_path):
    rows = ["a,0,batch,1,100,1,1000,ann", "b,1,batch,1,100,1,1000,ann", "c,2,batch,3,100,1,1000,ann"]
    (tmp_path / "jobs.csv").write_text("\n".join([f"{HEADER},user", *rows, ""]))
    asked = ["run", "--trace", "jobs.csv", "--hosts", 3, "--policy", "spread", "--architecture", "monolithic",
             "--queue", "fair-share", "--quota", "*=8,ann=2", "--no-figures", "--out", "out"]  # fmt: skip

    said = towtank(*asked, cwd=tmp_path).stdout

    assert "1 jobs alone ask for more cores than --quota gives their user" in said
    study = json.loads((tmp_path / "out" / "run.json").read_text())["study"]
    assert (study["queue"], study["quotas"]) == ("fair-share", {"*": 8.0, "ann": 2.0})
    log = pq.read_table(tmp_path / "out" / "log" / "monolithic-spread_1.parquet").to_pandas()
    assert log[log["event"] == "over_quota"]["job"].tolist() == ["c"]


def test_bad_rows_stop_the_run_or_are_put_aside_and_counted(jobs, tmp_path):
    with jobs.open("a") as file:
        file.write("d,3,batch,-2,5,1,1\n")
    asked = ["--trace", jobs, "--hosts", 3, "--policy", "spread"]

    assert f"{jobs}:5: tasks must be a whole number" in complaint("run", *asked)
    run, _ = run_json(*asked, "--on-bad-row", "skip", "--out", tmp_path / "out")

    assert (run["metrics"]["rows_read"], run["metrics"]["rows_rejected"]) == (4, 1)
    assert (
        "d,3,batch" in (tmp_path / "out" / "rejected.csv").read_text()
        or ",-2.0" in (tmp_path / "out" / "rejected.csv").read_text()
    )


def test_a_folder_that_holds_something_else_is_not_written_into(jobs, tmp_path):
    other = tmp_path / "precious"
    other.mkdir()
    (other / "thesis.tex").write_text("")

    assert "is not empty" in complaint("run", "--trace", jobs, "--hosts", 3, "--out", other)


def test_plot_draws_again_what_a_results_directory_holds(jobs, tmp_path):
    out = tmp_path / "out"
    towtank("run", "--trace", jobs, "--hosts", 3, "--policy", "spread", "--no-figures", "--out", out)

    drawn = towtank("plot", out).stdout.split()

    assert drawn
    assert all(Path(path).stat().st_size > 1000 for path in drawn)
    assert "is no results directory" in complaint("plot", tmp_path)


def test_trace_info_tells_span_counts_totals_and_rejects(jobs):
    with jobs.open("a") as file:
        file.write("d,3,batch,-2,5,1,1\n")

    said = towtank("trace", "info", jobs, "--hosts", 3).stdout

    assert "4 read, 3 accepted, 1 rejected" in said
    assert "batch: 2 jobs, 4 containers" in said
    # 3 x 50 s + 2 x 500 s x 2 cores + 20 s = 2,170 core-seconds
    assert "cpu: 0.602778 core-hours" in said


def test_a_generated_workload_written_out_runs_as_it_does_unwritten(tmp_path):
    spec = tmp_path / "small.toml"
    spec.write_text(
        'span_s = 60\n[hosts]\nn = 20\ncpus = 8\nmemory_bytes = "32GiB"\n'
        '[classes.batch]\ninterarrival_s = {law = "exponential", mean = 1}\ntasks = 3\n'
        'duration_s = {law = "exponential", mean = 20}\ncpus = 1\nmemory_bytes = "1GiB"\n'
    )
    towtank("trace", "generate", spec, "--seed", 3, "--out", tmp_path / "jobs.csv")
    machines = ["--hosts", 20, "--host-cpus", 8, "--host-memory", "32GiB"]

    asked = ["--policy", "spread", "--architecture", "monolithic", "--seeds", 3]
    (written,) = run_json("--trace", tmp_path / "jobs.csv", *machines, *asked)
    (unwritten,) = run_json("--trace", f"generated:{spec}", *asked)

    for name, value in unwritten["metrics"].items():
        if not name.startswith("rows_"):
            assert written["metrics"][name] == value, name


def test_a_cell_that_begins_in_the_middle_of_its_life_stays_as_full_under_every_policy():
    # Five minutes after the beginning hardly any service has come or gone.
    policies = ["--policy", "random-first-fit", "--policy", "spread"]
    first, other = run_json(
        "--trace", "generated:omega-c:scale=0.02", "--until", "5min", "--architecture", "shared-state", *policies
    )  # fmt: skip

    for one in (first, other):
        assert one["metrics"]["cpu_allocated_mean"] == pytest.approx(0.6, abs=0.06)
        assert one["metrics"]["wait_mean_s.batch"] >= 0
        # What was there before is not among what was submitted.
        assert one["metrics"]["tasks_finished"] <= one["metrics"]["tasks_submitted"]
    assert first["metrics"]["cpu_imbalance"] > other["metrics"]["cpu_imbalance"] > 0.2


def test_prefill_for_other_hosts_than_its_own_is_told_in_one_line():
    said = complaint("run", "--trace", "generated:omega-d", "--until", 1, "--hosts", 10)

    assert "generated:omega-d: job 'prefilled-" in said
    assert "finds no room" in said


def test_trace_info_tells_how_full_a_generated_cell_begins_and_what_is_assumed():
    said = towtank("trace", "info", "generated:omega-b:scale=0.1,span=2d").stdout

    assert "allocated at the beginning 60 %" in said
    assert "offered load " in said
    assert said.count("assumed") > 8
    assert "derived from Omega's figure 8" in said


def test_policies_are_listed_with_one_line_each():
    said = towtank("policies").stdout

    for name in (
        "monolithic",
        "shared-state",
        "fair-share",
        "backfill",
        "random-first-fit",
        "power-of-d",
        "dot-product",
        "max-parallelism",
    ):
        assert f"  {name} " in said


@pytest.mark.parametrize(
    "command", [[], ["run"], ["plot"], ["trace"], ["trace", "info"], ["trace", "generate"], ["policies"]]
)
def test_every_command_has_help_with_an_example(command):
    said = towtank(*command, "--help").stdout

    assert "Usage:" in said
    assert "Example" in said or command in ([], ["trace"])
