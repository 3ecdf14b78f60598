"""Shared hosts from the command line."""

import json
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

HEADER = "job,submit_s,workload,tasks,duration_s,cpus,memory_bytes,disk_read_bps,cpu_demand,after"
JOBS = [
    "a,0,batch,4,50,0.5,1000,1000000,2,",
    "b,1,service,2,50,1,1000,,1,",
    "c,2,batch,3,20,0.5,1000,20000000,0.2,a",
    "d,3,batch,1,20,99,1000,,,",
    "e,4,batch,1,20,1,1000,,,d",
]
ASKED = ["run", "--trace", "jobs.csv", "--hosts", "2", "--host-cpus", "4", "--policy", "spread",
         "--architecture", "monolithic", "--processes", "1"]  # fmt: skip


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "jobs.csv").write_text("\n".join([HEADER, *JOBS, ""]))
    return tmp_path


def towtank(*arguments, cwd):
    return subprocess.run(
        [sys.executable, "-m", "experiments", *map(str, arguments)], cwd=cwd, capture_output=True, text=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""}, timeout=120, check=False,
    )  # fmt: skip


def metrics_of(*more, cwd):
    done = towtank(*ASKED, "--json", *more, cwd=cwd)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["runs"][0]["metrics"]


def test_a_slower_disk_makes_readers_slower_and_the_same_seed_the_same_run(folder):
    fast, slow, again, off = (
        metrics_of(*more, cwd=folder)
        for more in (
            ["--contention", "on", "--host-disk", "SSD_FAST"],
            ["--contention", "on", "--host-disk", "HDD"],
            ["--contention", "on", "--host-disk", "HDD"],
            [],
        )
    )

    assert slow["slowdown_mean"] > fast["slowdown_mean"] > off["slowdown_mean"] == 1.0
    assert slow["disk_used_mean"] > fast["disk_used_mean"] > 0
    assert slow == again
    assert (slow["jobs_held"], slow["jobs_infeasible"]) == (1, 1)


def test_jobs_that_wait_for_what_never_ended_are_told(folder):
    done = towtank(*ASKED, "--contention", "on", cwd=folder)

    assert "1 jobs were never submitted: what they come after did not end" in done.stdout


def test_the_log_keeps_how_long_containers_take_alone_and_figures_are_drawn(folder):
    done = towtank(*ASKED, "--contention", "on", "--detail", "tasks", "--out", "out", cwd=folder)
    assert done.returncode == 0, done.stderr
    logs = [pq.read_table(log) for log in (folder / "out" / "log").glob("*.parquet")]
    (rows,) = (log.to_pandas() for log in logs if "alone_s" in log.column_names)
    finished = rows[rows["event"] == "finished"]

    assert set(finished["alone_s"].round(9)) == {50.0, 20.0}
    assert len(finished)
    assert list((folder / "out" / "figures").glob("*.png"))


@pytest.mark.parametrize(
    ("more", "says"),
    [
        (["--isolation", "caps"], "--isolation has no effect without --contention on"),
        (["--host-net", "1GB"], "--host-net has no effect without --contention on"),
        (["--interference", "1"], "--interference has no effect without --contention on"),
        (["--wake-up", "2ms"], "wake-up"),
        (["--measure-every", "5s"], "--measure-every has no effect without --contention on"),
        (["--estimate-error", "1"], "--estimate-error has no effect without --contention on"),
        (["--contention", "on", "--isolation", "walls"], "walls"),
        (["--contention", "on", "--host-disk", "FLOPPY"], "FLOPPY"),
        (["--contention", "on", "--measure-every", "0s"], "must be more than 0"),
    ],
)
def test_what_a_user_got_wrong_is_told_in_one_line(more, says, folder):
    done = towtank(*ASKED, *more, cwd=folder)

    assert done.returncode == 2
    assert says in done.stderr
    assert "Traceback" not in done.stderr
