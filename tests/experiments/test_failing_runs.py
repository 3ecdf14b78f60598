"""A run that fails is told, with what makes it again, and does not lose the others."""

import csv
import shlex
from pathlib import Path

import pytest

from experiments.results.study import RunKey, Study
from experiments.running.one_run import Failed, Run
from experiments.running.runner import ALIKE, Failures, Listener, run_study
from policies.errors import UserError
from tests.experiments.sweeps import CHECK, MINE, towtank

DEADLY = """
import os


class Deadly:
    def __init__(self, rng):
        self.rng = rng

    def choose(self, view, task, k):
        os.kill(os.getpid(), 9)


def grumpy(view, task):
    raise ValueError("not today")


class Leaving:
    def __init__(self, rng):
        self.rng = rng

    def choose(self, view, task, k):
        raise SystemExit("gone")
"""


class Heard(Listener):
    def __init__(self):
        self.runs = []

    def failed(self, failure):
        self.runs.append((failure.run.key.seed, failure.why))


def run(seed):
    return Run(Study(), RunKey("monolithic", "spread", seed))


def user_error(text):
    return Failed(text, UserError(text))


@pytest.fixture
def heard():
    return Heard()


@pytest.fixture
def failures(heard):
    return Failures(heard, None, keep_going=True, succeeded=False)


def made(out):
    with (out / "summary.csv").open() as file:
        return [(row["architecture"], row["policy"], row["seed"]) for row in csv.DictReader(file)]


def test_runs_that_all_fail_alike_are_one_error(failures, heard):
    for seed in range(ALIKE - 1):
        failures.failed(run(seed), user_error("no such trace"), "x")

    with pytest.raises(UserError, match="no such trace"):
        failures.failed(run(9), user_error("no such trace"), "x")
    assert heard.runs == []


def test_few_runs_that_all_fail_alike_are_one_error_at_the_end(failures, heard):
    failures.failed(run(1), user_error("no such trace"), "x")

    with pytest.raises(UserError, match="no such trace"):
        failures.end()
    assert heard.runs == []


def test_a_reason_that_one_run_did_not_meet_is_that_of_the_others(failures, heard):
    for seed in range(ALIKE - 1):
        failures.failed(run(seed), user_error("too big"), "x")
    failures.succeeded("x")
    for seed in range(ALIKE, 2 * ALIKE):
        failures.failed(run(seed), user_error("too big"), "x")
    failures.end()

    assert [seed for seed, _ in heard.runs] == [*range(ALIKE - 1), *range(ALIKE, 2 * ALIKE)]


def test_unlike_reasons_are_told_each(failures, heard):
    for seed in range(2 * ALIKE):
        failures.failed(run(seed), user_error(f"reason {seed}"), "x")
    failures.end()

    assert heard.runs == [(seed, f"reason {seed}") for seed in range(2 * ALIKE)]


def test_where_nobody_asks_to_go_on_the_first_failure_ends_all(tmp_path):
    (tmp_path / "mine.py").write_text(DEADLY)
    study = Study(until_s=60.0, policies=(f"{tmp_path}/mine.py:grumpy", "spread"))

    with pytest.raises(UserError, match="not today"):
        run_study(study)


def test_a_policy_that_fails_loses_its_own_runs_alone(tmp_path):
    (tmp_path / "mine.py").write_text(DEADLY)
    ended = towtank("run", "--until", "1min", "--policy", "mine.py:grumpy", "--policy", "spread", "--seeds", "1,2",
                    "--processes", 1, "--no-figures", "--out", "out", cwd=tmp_path)  # fmt: skip

    assert ended.returncode == 2
    assert [key[1:] for key in made(tmp_path / "out")] == [("spread", "1"), ("spread", "2")] * 2
    assert "spread" in ended.stdout
    told = [line for line in ended.stderr.splitlines() if "; again: " in line]
    assert len(told) == 4
    assert all("policy mine.py:grumpy failed at" in line for line in told)
    assert "Traceback" not in ended.stderr


def test_where_nobody_expected_it_is_told_also_where_nothing_is_kept(tmp_path):
    (tmp_path / "mine.py").write_text(DEADLY)
    asked = ["run", "--until", "1min", "--policy", "mine.py:Leaving", "--architecture", "monolithic", "--json"]
    ended = towtank(*asked, cwd=tmp_path)

    assert ended.returncode == 2
    assert ended.stdout == ""
    told, goes_on = ended.stderr.splitlines()
    line = 1 + DEADLY.splitlines().index('        raise SystemExit("gone")')
    assert f"SystemExit: gone (mine.py:{line}); again: towtank run" in told
    assert goes_on == "towtank: a run failed; with --out DIR the others would be kept"


@pytest.mark.slow
def test_a_process_that_is_killed_loses_its_own_run_alone_and_only_that_is_made_again(tmp_path):
    (tmp_path / "mine.py").write_text(DEADLY)
    asked = ["run", "--until", "5min", "--policy", "spread", "--policy", "mine.py:Deadly", "--policy", "binpack",
             "--architecture", "monolithic", "--seeds", "1,2,3", "--no-figures", "--processes", 2,
             "--out", "out"]  # fmt: skip

    ended = towtank(*asked, cwd=tmp_path)

    assert ended.returncode == 2, ended.stderr
    innocent = [("monolithic", policy, seed) for policy in ("spread", "binpack") for seed in "123"]
    assert made(tmp_path / "out") == innocent
    told = [line for line in ended.stderr.splitlines() if "; again: " in line]
    assert len(told) == 3
    assert all("was ended by SIGKILL" in line for line in told)
    again = shlex.split(told[0].partition("; again: ")[2])
    assert towtank(*again[1:], cwd=tmp_path).returncode == -9  # it is alone, in our own process
    (tmp_path / "mine.py").write_text(DEADLY.replace("os.kill(os.getpid(), 9)", "return view.slots(task).clip(max=0)"))
    assert "another configuration (inputs" in towtank(*asked, cwd=tmp_path).stderr


@pytest.fixture
def study(tmp_path):
    (tmp_path / "mine.py").write_text(MINE + CHECK)
    return ["experiment", "run", "mine.py", "--processes", 2, "--out", "out"]


@pytest.mark.slow
@pytest.mark.parametrize(("how", "why"), [("fail", "ValueError: a seed"), ("kill", "was ended by SIGKILL")])
def test_an_experiment_concludes_once_what_failed_was_made_again(study, tmp_path, how, why):
    (tmp_path / f"{how}-2").touch()
    ended = towtank(*study, cwd=tmp_path)
    told = [line for line in ended.stderr.splitlines() if "; again: " in line]

    assert ended.returncode == 2, ended.stderr
    assert len(told) == 1
    assert "part=work seed=2 failed" in told[0]
    assert why in told[0]
    assert "towtank experiment run mine.py" in told[0]
    assert "mine: nothing is concluded, 1 of its 8 runs failed" in ended.stderr
    assert not (tmp_path / "out" / "mine.csv").exists()
    traces = list((tmp_path / "out").glob("failed/*.txt"))
    assert len(traces) == (how == "fail")
    assert all("in noted" in path.read_text() for path in traces)

    (tmp_path / f"{how}-2").unlink()
    (tmp_path / "made.txt").unlink()
    again = towtank(*study, cwd=tmp_path)

    assert again.returncode == 0, again.stderr
    assert "7 of 8 runs were there already" in again.stderr
    assert (tmp_path / "made.txt").read_text().split() == ["2"]
    assert not (tmp_path / "out" / "failed").exists()
    assert (tmp_path / "out" / "mine.csv").exists()


@pytest.mark.slow
def test_what_is_wrong_with_an_experiment_of_ones_own_is_told_in_one_line(tmp_path):
    for text, says in {
        "": "no function `points` in it",
        "def points(plan):\n    yield plan.no_such": "AttributeError",
        "def points(plan:": "mine.py:1: ",
        "import no_such_module": "mine.py:1: ModuleNotFoundError",
        MINE.replace("partial(Counted, least=3)", "lambda levels: None"): "at the top of a file",
    }.items():
        Path(tmp_path / "mine.py").write_text(text)
        ended = towtank("experiment", "run", "mine.py", cwd=tmp_path)

        assert ended.returncode == 2
        assert says in ended.stderr
        assert len(ended.stderr.splitlines()) == 1
