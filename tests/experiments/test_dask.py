"""Runs made by the workers of a Dask cluster are those that this machine makes, also when one of them is killed."""

import contextlib
import csv
import json
import os
import re
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from experiments.results.result import COST
from experiments.running import executors
from tests.experiments.sweeps import CHECK, MINE, ROOT, command, environment, towtank

ASKED = ["run", "--until", "15min", "--policy", "spread", "--policy", "random-first-fit", "--seeds", "1,2,3",
         "--no-figures"]  # fmt: skip
RUNS = 12


def started(*words, cwd, **variables):
    """Start a part of Dask, and give it once it has said that it is there."""
    process = subprocess.Popen(
        [sys.executable, "-m", *words], cwd=cwd, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
        env=environment() | variables,
    )  # fmt: skip
    for line in process.stderr:
        if "Scheduler at:" in line or "Registered to:" in line:
            break
    else:
        raise AssertionError(f"{words} did not come up")
    # Whoever writes into a pipe that nobody reads stands still one day.
    return process, line.split()[-1]


@pytest.fixture
def cluster(tmp_path):
    """Functions that start a scheduler and workers, all of which end with the test."""
    begun = []

    def scheduler():
        process, address = started(
            "distributed.cli.dask_scheduler", "--host", "127.0.0.1", "--port", "0", "--no-dashboard", cwd=tmp_path
        )
        begun.append(process)
        return address

    def worker(address, cwd=tmp_path, **variables):
        process, _ = started(
            "distributed.cli.dask_worker", address, "--no-dashboard", "--nthreads", "1", "--no-nanny",
            "--local-directory", str(tmp_path / "scratch"), cwd=cwd, **variables,
        )  # fmt: skip
        begun.append(process)
        return process

    yield scheduler, worker
    for process in reversed(begun):
        with contextlib.suppress(ProcessLookupError):
            os.kill(process.pid, signal.SIGKILL)
        process.wait()
        process.stderr.close()


def summary(out):
    with (out / "summary.csv").open() as file:
        return [{name: text for name, text in row.items() if name not in COST} for row in csv.DictReader(file)]


def logs(out):
    return {path.name: path.read_bytes() for path in (out / "log").iterdir()}


@pytest.mark.slow
def test_a_worker_that_is_killed_in_the_middle_of_a_sweep_loses_nothing(cluster, tmp_path):
    scheduler, worker = cluster
    address = scheduler()
    unlucky, _ = worker(address), worker(address)
    asked = command(*ASKED, "--dask", address, "--out", "there")
    with subprocess.Popen(asked, cwd=tmp_path, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True,
                          env=environment()) as sweep:  # fmt: skip
        told = [sweep.stderr.readline() for _ in range(3)]
        unlucky.kill()
        told += sweep.stderr.readlines()
    here = towtank(*ASKED, "--processes", 2, "--out", "here", cwd=tmp_path)

    assert sweep.returncode == 0, told
    assert here.returncode == 0, here.stderr
    made = [re.match(r"\[\d+/12\] (.*):", line).group(1) for line in told]
    assert len(made) == len(set(made)) == RUNS
    assert summary(tmp_path / "there") == summary(tmp_path / "here")
    assert logs(tmp_path / "there") == logs(tmp_path / "here")


@pytest.mark.slow
def test_a_run_that_kills_every_worker_is_told_and_the_others_are_kept(cluster, tmp_path):
    scheduler, worker = cluster
    address = scheduler()
    for _ in range(5):
        worker(address)
    (tmp_path / "mine.py").write_text(MINE + CHECK)
    (tmp_path / "kill-2").touch()
    asked = ["experiment", "run", "mine.py", "--dask", address, "--out", "out"]
    ended = towtank(*asked, cwd=tmp_path)

    assert ended.returncode == 2
    (told,) = [line for line in ended.stderr.splitlines() if "; again: " in line]
    assert "part=work seed=2 failed: the workers that were to make it were lost" in told
    (tmp_path / "kill-2").unlink()
    again = towtank(*asked, cwd=tmp_path)
    assert again.returncode == 0, again.stderr
    assert "7 of 8 runs were there already" in again.stderr
    assert json.loads((tmp_path / "out" / "mine.json").read_text())["experiment"] == "mine"


@pytest.mark.slow
def test_a_worker_that_is_not_as_it_must_be_is_told_in_one_line(cluster, tmp_path):
    scheduler, worker = cluster
    address = scheduler()
    nobody = towtank(*ASKED, "--dask", address, cwd=tmp_path)
    other = tmp_path / "other"
    for room in ("policies", "sim", "real", "traces", "experiments"):
        for path in (ROOT / room).rglob("*.py"):
            copy = other / path.relative_to(ROOT)
            copy.parent.mkdir(parents=True, exist_ok=True)
            copy.write_bytes(path.read_bytes())
    (other / "sim" / "newer.py").touch()
    worker(address, cwd=other, PYTHONPATH=str(other))
    differs = towtank(*ASKED, "--dask", address, cwd=tmp_path)

    for ended, says in ((nobody, "the scheduler has no worker"), (differs, "runs other code: towtank's sources")):
        assert ended.returncode == 2
        assert says in ended.stderr
        assert len(ended.stderr.splitlines()) == 1


def test_an_address_at_which_nobody_answers_is_told_in_one_line(tmp_path):
    ended = towtank(*ASKED, "--dask", "tcp://127.0.0.1:9", cwd=tmp_path)

    assert ended.returncode == 2
    assert ended.stderr == "towtank: --dask tcp://127.0.0.1:9: nobody answers there (is there a `dask scheduler`?)\n"


def test_runs_are_made_here_or_there(tmp_path):
    ended = towtank(*ASKED, "--dask", "tcp://127.0.0.1:9", "--processes", "2", cwd=tmp_path)

    assert ended.returncode == 2
    assert "give one of them" in ended.stderr


def test_a_worker_says_what_it_does_not_see_and_in_what_its_libraries_differ(tmp_path):
    (tmp_path / "seen").mkdir()
    (tmp_path / "seen" / "run.json").touch()
    here = str(tmp_path)

    assert executors._unlike(here, Path("seen"), executors.code()) is None
    assert executors._unlike(here, None, executors.code()) is None
    assert executors._unlike(here, Path("unseen"), executors.code()).endswith("does not see unseen")
    assert executors._unlike(f"{here}/no", None, executors.code()).endswith(f"does not see the folder {here}/no")
    older = executors._unlike(here, None, executors.code() | {"numpy": "1.0"})
    assert "runs other code: numpy" in older
    assert older.endswith("there, 1.0 here")
