"""Hosts of an inventory, and what starting containers on them takes, from the command line."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

JOBS = "job,submit_s,workload,tasks,duration_s,cpus,memory_bytes\na,0,batch,2,50,1,1000\nb,1,batch,1,50,1,1000\n"
INVENTORY = """
[[host]]
name = "h1"
address = "tcp://10.0.0.11:2375"
cpus = 2
memory = "1MiB"
disk = "10MB:415"
profile = {{ start_s = {start_s}, start_cpu_s = {start_cpu_s}, wake_up_s = {wake_up_s} }}

[[host]]
name = "h2"
context = "far"
cpus = 2
memory = "1MiB"
"""
ASKED = ["run", "--trace", "jobs.csv", "--policy", "first-fit", "--architecture", "monolithic", "--processes", "1"]


@pytest.fixture
def folder(tmp_path):
    (tmp_path / "jobs.csv").write_text(JOBS)
    return tmp_path


def written(folder, start_s=0.0, start_cpu_s=0.0, wake_up_s=0.0):
    path = folder / "hosts.toml"
    path.write_text(INVENTORY.format(start_s=start_s, start_cpu_s=start_cpu_s, wake_up_s=wake_up_s))
    return path.name


def towtank(folder, *more):
    return subprocess.run(
        [sys.executable, "-m", "experiments", *ASKED, *map(str, more)], cwd=folder, capture_output=True, text=True,
        env={"PYTHONPATH": str(Path(__file__).parents[2]), "PATH": ""}, timeout=120, check=False,
    )  # fmt: skip


def metrics_of(folder, *more):
    done = towtank(folder, "--json", *more)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)["runs"][0]["metrics"]


@pytest.mark.parametrize("contention", ["on", "off"])
def test_hosts_of_an_inventory_start_as_their_profiles_say_and_the_others_as_the_options_do(folder, contention):
    measured, plain = written(folder, 3.0, 1.0), ["--contention", contention, "--hosts", "hosts.toml"]

    told = metrics_of(folder, *plain)
    both = metrics_of(folder, *plain, "--start-time", "5s", "--start-work", "2s")

    assert measured == "hosts.toml"
    # a fills h1, and b is on h2: it comes a second later, and starts at once or as the options say.
    decided_s = 0.1 + 2 * 0.005
    assert told["makespan_s"] == pytest.approx(decided_s + 4.0 + 50.0)
    assert both["makespan_s"] == pytest.approx(1.0 + 0.105 + 7.0 + 50.0)


def test_a_start_at_once_is_what_there_is_without_profiles_and_options(folder):
    written(folder)
    (folder / "hosts.csv").write_text("host,cpus,memory_bytes\nh1,2,1048576\nh2,2,1048576\n")

    assert metrics_of(folder, "--hosts", "hosts.toml") == metrics_of(folder, "--hosts", "hosts.csv")


def test_requests_wait_for_the_cpu_as_profiles_say_unless_the_option_says_otherwise(folder):
    (folder / "jobs.csv").write_text(
        "job,submit_s,workload,tasks,duration_s,cpus,memory_bytes,cpu_demand,disk_read_bps,io_size_bytes\n"
        "burns,0,batch,1,90,1,1000,2,0,\nreads,0,batch,1,50,1,1000,0.1,1000000,65536\n"
    )
    plain = ["--contention", "on", "--hosts", written(folder, wake_up_s=0.01)]

    by_profile, by_option, not_at_all = (
        metrics_of(folder, *plain, *more)["slowdown_mean"] for more in ([], ["--wake-up", "10ms"], ["--wake-up", "0"])
    )

    # The second host says nothing of it, and does not count in the mean.
    assert by_profile == by_option > not_at_all


def test_an_inventory_that_has_changed_is_another_study(folder):
    asked = ["--hosts", written(folder), "--no-figures", "--out", "out"]
    assert towtank(folder, *asked).returncode == 0
    written(folder, start_s=1.0)

    again = towtank(folder, *asked)

    assert again.returncode == 2
    assert "hosts" in again.stderr


def test_an_inventory_that_leaves_sizes_to_the_engine_is_refused_in_one_line(folder):
    (folder / "hosts.toml").write_text('[[host]]\nname = "h1"\ncontext = "far"\n')

    done = towtank(folder, "--hosts", "hosts.toml")

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "hosts.toml: host 'h1' says no cpus or no memory" in done.stderr


def test_a_trace_at_twice_the_speed_takes_half_the_time(folder):
    at_once = ["--hosts", written(folder), "--t-job", "0", "--t-task", "0"]

    plain, faster = (metrics_of(folder, *at_once, "--speed", speed) for speed in (1, 2))

    assert (plain["makespan_s"], faster["makespan_s"]) == (51.0, 25.5)


@pytest.mark.parametrize("speed", ["0", "-3", "nan"])
def test_a_speed_that_is_none_is_told_in_one_line(folder, speed):
    done = towtank(folder, "--hosts", "2", "--speed", speed)

    assert (done.returncode, done.stderr.count("\n")) == (2, 1)
    assert "--speed must be more than 0" in done.stderr


def test_the_table_tells_what_starts_took_where_they_took_any(folder):
    heading = "start"

    plain, slow = (towtank(folder, "--hosts", "2", *more).stdout for more in ([], ["--start-time", "1.5s"]))

    assert f"  {heading}  " not in plain
    assert f"  {heading}" in slow
    assert "1.5 s" in slow
