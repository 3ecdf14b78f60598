"""``towtank run --explain``: it tells what happened, and changes nothing."""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.results.study import RunKey, Study
from experiments.running.explained import Explanation
from experiments.running.simulate import simulate
from policies.log import SAMPLED
from policies.placement import BUILT_IN

ROOT = Path(__file__).parents[2]
HEADER = "job,submit_s,workload,tasks,duration_s,cpus,memory_bytes"

ARCHITECTURES = (
    "monolithic",
    "monolithic:preempt=true",
    "partitioned",
    "two-level",
    "shared-state:preempt=true",
    "partial-sync:prefer=latency",
)


def towtank(*arguments):
    """What ``towtank run`` prints."""
    command = [sys.executable, "-m", "experiments", "run", "--processes", "1", *map(str, arguments)]
    environment = {**os.environ, "PYTHONPATH": str(ROOT)}
    return subprocess.run(command, capture_output=True, text=True, check=True, env=environment).stdout


@pytest.fixture
def crowd(tmp_path):
    """More than fits at a time, two classes, unlike containers of one job, and one job that comes again."""
    rows = [
        f"job{n % 17},{n / 4},{('batch', 'service')[n % 2]},{1 + n % 7},{5 + n % 11},{1 + n % 3},1000"
        for n in range(60)
    ]
    priorities = [f"{row},{n % 3}" for n, row in enumerate(rows)]
    path = tmp_path / "crowd.csv"
    path.write_text("\n".join([f"{HEADER},priority", *priorities, ""]))
    return path


def rows_of(study, key):
    """Everything that a run wrote into its log, arrays as lists."""
    rows = []
    result = simulate(study, key, lambda resources: [rows.extend])
    plain = [
        (
            *row._replace(where=None),
            None if row.where is None or row.event is SAMPLED else [part.tolist() for part in row.where],
        )
        for row in rows
    ]
    return result, plain


def study_of(path, **more):
    return Study(trace=str(path), hosts="4", t_job_s=0.4, **more)


@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize("policy", [*BUILT_IN])
def test_a_run_that_explains_is_the_same_run(policy, architecture, crowd):
    key = RunKey(architecture, policy, 1)
    asked = tuple(f"job{n}" for n in range(0, 17, 2))

    _, quiet = rows_of(study_of(crowd), key)
    result, explained = rows_of(study_of(crowd, explain=asked), key)

    assert [job["job"] for job in result.explained] == list(asked)
    assert repr(explained) == repr(quiet)


def of(rows, event, job):
    return [row for row in rows if row[1].name == event and row[2] == job]


@pytest.mark.parametrize("commit", ["incremental", "gang"])
@pytest.mark.parametrize("architecture", ARCHITECTURES)
def test_what_is_told_adds_up_to_what_the_log_says(architecture, commit, crowd):
    names = tuple(f"job{n}" for n in range(17))
    key = RunKey(architecture, "binpack", 1)
    result, rows = rows_of(study_of(crowd, explain=names, commit=commit), key)

    for job in result.explained:
        if job["attempts_left_out"]:
            continue
        hosts = [host for a in job["attempts"] if a["claimed"] for d in a["decisions"] for host in d["hosts"]]
        started, conflicted = (
            sum(row[number] for row in rows if row[1].name in events and row[2] == job["job"])
            for number, events in ((7, ("STARTED",)), (8, ("CONFLICTED",)))
        )
        assert sum(host["conflicted"] or 0 for host in hosts) == conflicted
        assert sum(host["placed"] for host in hosts) == started + conflicted
        assert [a["began_s"] for a in job["attempts"]] == [row[0] for row in of(rows, "ATTEMPTED", job["job"])]


def explained(path, job, *architecture, **more):
    """What is told of one job."""
    result = simulate(study_of(path, explain=(job,), **more), RunKey(*architecture, 1))
    (told,) = result.explained
    return told


def jobs_file(tmp_path, *rows, more=""):
    path = tmp_path / "jobs.csv"
    path.write_text("\n".join([HEADER + more, *rows, ""]))
    return path


def test_a_conflict_is_told_of_the_host_where_it_was(tmp_path):
    # Both classes decide at 0 on four empty hosts, and the first of them has room for one of the two.
    path = jobs_file(tmp_path, "a,0,batch,1,50,16,1000", "b,0,service,1,50,16,1000")

    told = explained(path, "b", "shared-state", "first-fit", t_task_s={"batch": 0.0, "service": 1.0})

    first, second = told["attempts"]
    tried = first["decisions"][0]["hosts"][0]
    assert (tried["host"], tried["placed"], tried["conflicted"]) == ("host-0", 1, 1)
    assert first["snapshot_age_s"] == pytest.approx(1.4)
    assert [(h["host"], h["conflicted"]) for h in second["decisions"][0]["hosts"] if h["placed"]] == [("host-1", 0)]


def test_what_another_scheduler_has_on_offer_is_told_apart_from_want_of_room(tmp_path):
    # While batch thinks about the offer of everything, a container ends, and service is offered what it held.
    path = jobs_file(tmp_path, "first,0,service,1,4,8,1000", "slow,3,batch,1,50,8,1000", "late,3.5,service,1,50,6,1000")
    times = {"batch": 50.0, "service": 0.1}

    told = explained(path, "late", "two-level", "first-fit", t_task_s=times)

    (decision,) = told["attempts"][0]["decisions"]
    assert decision["verdicts"] == {"fits": 1, "offered to another": 3}


def test_a_partition_counts_the_hosts_of_the_others(tmp_path):
    told = explained(jobs_file(tmp_path, "a,0,batch,1,5,1,1000"), "a", "partitioned", "spread")

    (decision,) = told["attempts"][0]["decisions"]
    assert decision["verdicts"] == {"fits": 2, "not in its part": 2}


def test_what_is_short_is_told_in_the_units_of_people(tmp_path):
    path = jobs_file(tmp_path, "a,0,batch,4,99,14.5,1000", "b,9,batch,1,5,3,1000")

    told = explained(path, "b", "monolithic", "spread", until_s=20.0)

    hosts = told["attempts"][0]["decisions"][0]["hosts"]
    assert {host["verdict"] for host in hosts} == {"no room: cpu short by 1.5 cores"}
    assert told["attempts"][0]["claimed"] is False


def test_of_many_attempts_the_first_and_the_last_are_told(tmp_path):
    path = jobs_file(tmp_path, "a,0,batch,4,60,16,1000", "b,1,batch,1,5,1,1000")

    told = explained(path, "b", "monolithic", "spread")

    numbers = [attempt["attempt"] for attempt in told["attempts"]]
    assert numbers[:-1] == [1, 2, 3, 4]
    assert numbers[-1] == told["attempts_left_out"] + 5 > 10
    assert told["attempts"][-1]["claimed"]


@pytest.mark.parametrize(
    ("name", "what"), [("big", "turned away: no host could ever hold it"), ("late", "not thought about")]
)
def test_a_job_that_nobody_thought_about_is_told_of(name, what, tmp_path):
    path = jobs_file(tmp_path, "a,0,batch,1,60,1,1000", "big,1,batch,1,5,17,1000", "late,1,batch,1,5,1,1000")

    told = explained(path, name, "monolithic", "spread", until_s=1.1, t_task_s=9.0)

    assert not told["attempts"]
    assert what in told["happened"][-1]["what"]


def test_json_has_it_and_the_directory_keeps_it_when_the_run_goes_on(tmp_path):
    path = jobs_file(tmp_path, "a,0,batch,3,50,1,1000", "b,1,service,2,500,2,1000")
    asked = ["--trace", path, "--hosts", 3, "--policy", "spread", "--no-figures", "--out", tmp_path / "out"]
    asked += ["--explain", "b", "--explain", "nosuch"]
    whole = json.loads(towtank(*asked, "--json"))["runs"]
    summary = tmp_path / "out" / "summary.csv"
    summary.write_text("".join(summary.read_text().splitlines(keepends=True)[:2]))

    again = json.loads(towtank(*asked, "--json"))["runs"]
    kept = json.loads((tmp_path / "out" / "explain.json").read_text())["runs"]

    assert [run["explain"] for run in again] == [run["explain"] for run in whole] == [run["explain"] for run in kept]
    b, nosuch = whole[0]["explain"]
    assert sum(host["placed"] for host in b["attempts"][0]["decisions"][0]["hosts"]) == 2
    assert nosuch == {"job": "nosuch", "happened": [], "attempts": [], "attempts_left_out": 0}


def test_a_person_reads_the_verdicts_and_that_a_job_never_came(tmp_path):
    path = jobs_file(tmp_path, "a,0,batch,3,50,1,1000,zone=b", more=",constraints")
    (tmp_path / "hosts.csv").write_text("host,cpus,memory_bytes,labels\nx,4,9000,zone=a\ny,4,9000,zone=b\n")

    said = towtank("--trace", path, "--hosts", tmp_path / "hosts.csv", "--policy", "spread", "--architecture",
                   "monolithic", "--explain", "a", "--explain", "nosuch")  # fmt: skip

    assert "1 fits, 1 constraint zone=b" in said
    assert "nosuch under monolithic, spread, seed 1: no job of this name came" in said


def test_nothing_of_it_is_made_where_nobody_asks(monkeypatch, tmp_path):
    def refuse(*arguments):
        raise AssertionError("nobody asked")

    monkeypatch.setattr(Explanation, "__init__", refuse)

    assert (
        simulate(study_of(jobs_file(tmp_path, "a,0,batch,1,5,1,1000")), RunKey("monolithic", "spread", 1)).explained
        == ()
    )


def test_shared_hosts_are_told_with_their_disks_and_networks(crowd):
    said = towtank("--trace", crowd, "--hosts", "4", "--contention", "on", "--host-net", "1MiB", "--explain", "job3",
                   "--architecture", "monolithic", "--policy", "spread")  # fmt: skip

    heading = next(line for line in said.splitlines() if line.lstrip().startswith("host "))
    assert "free disk" in heading
    assert "free net" in heading
    assert " 1 disks" in said
    assert " 1 MiB/s" in said
