"""One seed fixes a run: the same rows in every process, the same bytes with the same libraries."""

import os
import subprocess
import sys
from pathlib import Path

import pyarrow.parquet as pq
import pytest

ROOT = Path(__file__).parents[2]
POLICIES = ["random-first-fit", "power-of-d", "round-robin", "balanced"]


def files_of_a_run(out, hash_seed, *options):
    chosen = [word for name in POLICIES for word in ("--policy", name)]
    command = [
        sys.executable, "-m", "experiments", "run", "--until", "5min", "--seeds", "3", "--schedulers", "batch=3",
        *chosen, "--out", str(out), "--detail", "tasks", "--no-figures", *options,
    ]  # fmt: skip
    environment = {**os.environ, "PYTHONHASHSEED": hash_seed, "PYTHONPATH": str(ROOT)}
    subprocess.run(command, check=True, cwd=ROOT, capture_output=True, env=environment)
    return {path.name: path.read_bytes() for path in sorted((out / "log").iterdir())}


@pytest.fixture(scope="module")
def twice(tmp_path_factory):
    first = files_of_a_run(tmp_path_factory.mktemp("one") / "out", "0", "--processes", "1")
    second = files_of_a_run(tmp_path_factory.mktemp("two") / "out", "4711", "--processes", "2")
    return first, second


def test_the_same_seed_gives_the_same_bytes_whatever_the_process_and_its_hash_seed(twice):
    first, second = twice

    assert first
    assert first == second


def test_another_seed_gives_another_run(tmp_path, twice):
    other = files_of_a_run(tmp_path / "out", "0", "--seeds", "4")

    assert not set(other.values()) & set(twice[0].values())


def test_policies_and_architectures_are_compared_on_the_same_arrivals(tmp_path):
    out = tmp_path / "out"
    files_of_a_run(out, "0")
    arrivals = []
    for path in sorted((out / "log").glob("*_3.parquet")):
        log = pq.read_table(path).to_pandas()
        submitted = log.loc[log["event"] == "submitted", ["t_s", "job", "tasks"]]
        arrivals.append(submitted.reset_index(drop=True))

    assert len(arrivals) == 8
    assert all(arrivals[0].equals(other) for other in arrivals[1:])
