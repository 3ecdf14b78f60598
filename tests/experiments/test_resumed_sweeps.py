"""A sweep that is killed at any moment and begun again comes to what it would have come to undisturbed."""

import csv
import json
import random
import subprocess

import pytest

from experiments.results.result import COST
from tests.experiments.sweeps import CHECK, MINE, command, environment, killed_after, towtank

ASKED = ["run", "--until", "10min", "--policy", "spread", "--policy", "random-first-fit", "--seeds", "1,2",
         "--schedulers", "batch=2", "--no-figures", "--processes", 2, "--out", "out"]  # fmt: skip
RUNS = 8
#: After how many runs it is killed.
MOMENTS = sorted(random.Random(11).sample(range(1, RUNS), 3))


def summary(folder):
    with (folder / "out" / "summary.csv").open() as file:
        return [{name: text for name, text in row.items() if name not in COST} for row in csv.DictReader(file)]


def logs(folder):
    return {path.name: path.read_bytes() for path in (folder / "out" / "log").iterdir()}


@pytest.fixture(scope="module")
def undisturbed(tmp_path_factory):
    folder = tmp_path_factory.mktemp("undisturbed")
    assert towtank(*ASKED, cwd=folder).returncode == 0
    return folder


@pytest.mark.slow
@pytest.mark.parametrize("runs", MOMENTS)
def test_a_study_that_was_killed_comes_to_the_same_summary_and_the_same_logs(undisturbed, tmp_path, runs):
    killed_after(runs, *ASKED, cwd=tmp_path)
    again = towtank(*ASKED, cwd=tmp_path)

    assert again.returncode == 0, again.stderr
    there = int(again.stderr.split(" of ")[0])
    assert runs <= there < RUNS
    assert len([line for line in again.stderr.splitlines() if line.startswith("[")]) == RUNS - there
    assert summary(tmp_path) == summary(undisturbed)
    assert list(summary(tmp_path)[0]) == list(summary(undisturbed)[0])
    assert logs(tmp_path) == logs(undisturbed)


@pytest.mark.slow
def test_a_study_that_was_killed_as_its_directory_appeared_is_begun_again(undisturbed, tmp_path):
    with subprocess.Popen(command(*ASKED), cwd=tmp_path, stderr=subprocess.DEVNULL, stdout=subprocess.DEVNULL,
                          env=environment()) as begun:  # fmt: skip
        while not (tmp_path / "out").exists():
            assert begun.poll() is None
        begun.kill()
    again = towtank(*ASKED, cwd=tmp_path)

    assert again.returncode == 0, again.stderr
    assert summary(tmp_path) == summary(undisturbed)


def test_what_killed_processes_left_half_written_is_removed(tmp_path):
    asked = ["run", "--until", "1min", "--architecture", "monolithic", "--policy", "spread", "--no-figures",
             "--processes", 1, "--out", "out"]  # fmt: skip
    assert towtank(*asked, cwd=tmp_path).returncode == 0
    (tmp_path / "out" / "log" / "monolithic_spread_2.elsewhere-1.part").touch()

    assert towtank(*asked, cwd=tmp_path).returncode == 0
    assert not list((tmp_path / "out").rglob("*.part"))


EXPERIMENT = ["experiment", "run", "mine.py", "--processes", 2, "--out", "out"]


@pytest.fixture
def mine(tmp_path):
    (tmp_path / "mine.py").write_text(MINE + CHECK)
    return tmp_path


@pytest.mark.slow
def test_an_experiment_that_was_killed_comes_to_the_same_table_and_a_repeated_one_is_free(mine, tmp_path_factory):
    other = tmp_path_factory.mktemp("other")
    (other / "mine.py").write_text(MINE + CHECK)
    assert towtank(*EXPERIMENT, cwd=other).returncode == 0
    for runs in (2, 1):  # and once more, before it is done
        killed_after_there(runs, mine)
    again = towtank(*EXPERIMENT, cwd=mine)

    assert again.returncode == 0, again.stderr
    assert (mine / "out" / "mine.csv").read_bytes() == (other / "out" / "mine.csv").read_bytes()
    made = (mine / "made.txt").read_text()
    repeated = towtank(*EXPERIMENT, cwd=mine)
    assert "8 of 8 runs were there already" in repeated.stderr
    assert (mine / "made.txt").read_text() == made
    assert (mine / "out" / "mine.csv").read_bytes() == (other / "out" / "mine.csv").read_bytes()
    fresh = towtank(*EXPERIMENT, "--fresh", cwd=mine)
    assert "there already" not in fresh.stderr
    assert (mine / "out" / "mine.csv").read_bytes() == (other / "out" / "mine.csv").read_bytes()


def killed_after_there(runs, folder):
    """Kill the experiment as soon as so many runs were made, beside those that were there."""
    with subprocess.Popen(command(*EXPERIMENT), cwd=folder, stderr=subprocess.PIPE, stdout=subprocess.DEVNULL,
                          text=True, env=environment()) as begun:  # fmt: skip
        while runs:
            line = begun.stderr.readline()
            assert line
            runs -= line.startswith("[")
        begun.kill()


@pytest.mark.slow
def test_runs_of_other_code_or_another_file_are_made_again_and_left_alone(mine):
    assert towtank(*EXPERIMENT, "--seeds", "1", cwd=mine).returncode == 0
    kept = sorted((mine / "out" / "runs").iterdir())
    (mine / "mine.py").write_text((MINE + CHECK).replace("least=3", "least=4"))
    ended = towtank(*EXPERIMENT, "--seeds", "1", cwd=mine)

    assert "there already" not in ended.stderr
    assert "[2/2]" in ended.stderr
    assert set(kept) < set((mine / "out" / "runs").iterdir())
    asked = json.loads(kept[0].read_text())["configuration"]
    assert {"asked", "inputs", "code_digest", "versions"} <= set(asked)


def test_a_name_may_be_a_file_only_once(mine):
    (mine / "other").mkdir()
    (mine / "other" / "mine.py").write_text(MINE)
    ended = towtank("experiment", "run", "mine.py", "other/mine.py", cwd=mine)

    assert ended.returncode == 2
    assert "two experiments are called mine" in ended.stderr
