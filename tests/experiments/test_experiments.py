"""Experiments: found by name, each run once, tables and checks made of what was written."""

from types import ModuleType

import numpy as np
import pandas as pd
import pytest

from experiments.drawing import style
from experiments.measures.checks import within
from experiments.results.study import RunKey, Study
from experiments.running import experiment
from experiments.running.experiment import Plan, Point, Scale
from experiments.running.runner import Listener
from policies.errors import UserError


def point(seed, until_s=60.0):
    return Point({"seed": seed}, Study(until_s=until_s), RunKey("monolithic", "first-fit", seed))


class Heard(Listener):
    def __init__(self):
        self.runs, self.made = 0, []

    def more(self, runs):
        self.runs += runs

    def finished(self, run, result):
        self.made.append(result.key)


@pytest.fixture
def small():
    """A function that makes an experiment of some points."""

    def make(name, points):
        module = ModuleType(f"experiments.{name}", "What comes of it?\n\nClaim under test: something.")
        module.MEASURES = ("jobs_submitted",)
        module.points = lambda plan: points
        module.check = lambda table: [within("us", "jobs come", table.jobs_submitted, 1)]
        module.draw = lambda table: style.new(1, 1)
        return module

    return make


def test_runs_that_two_experiments_ask_for_are_made_once(small, tmp_path):
    heard = Heard()
    both = [small("one", [point(1), point(2)]), small("two", [point(2), point(3)])]
    experiment.run(both, Plan(), tmp_path, listener=heard)

    assert heard.runs == 3
    assert heard.made == [RunKey("monolithic", "first-fit", seed) for seed in (1, 2, 3)]
    assert pd.read_csv(tmp_path / "one.csv").seed.tolist() == [1, 2]
    assert pd.read_csv(tmp_path / "two.csv").seed.tolist() == [2, 3]


def test_runs_that_differ_in_anything_are_different(small, tmp_path):
    heard = Heard()
    experiment.run([small("one", [point(1), point(1, until_s=61.0)])], Plan(), tmp_path, listener=heard)

    assert heard.runs == 2


def test_an_experiment_leaves_table_checks_and_figure(small, tmp_path):
    (outcome,) = experiment.run([small("one", [point(1)])], Plan(), tmp_path)

    assert sorted(path.name for path in outcome.files) == [
        "one.checks.csv",
        "one.csv",
        "one.json",
        "one.png",
        "one.svg",
    ]
    assert all(path.stat().st_size for path in outcome.files)
    assert pd.read_csv(tmp_path / "one.checks.csv").verdict.tolist() == ["holds"]


@pytest.mark.parametrize(
    ("plan", "option"), [(Plan(trace="jobs.csv"), "--trace"), (Plan(policies=("spread",)), "--policy")]
)
def test_a_choice_that_no_experiment_can_use_is_an_error(small, tmp_path, plan, option):
    with pytest.raises(UserError, match=f"{option} is of no use to one"):
        experiment.run([small("one", [point(1)])], plan, tmp_path)


def test_every_experiment_asks_a_question_and_names_its_command():
    for one in experiment.find(experiment.names()):
        name = one.__name__.rpartition(".")[2]
        assert "?" in experiment.question(one), name
        assert f"``python -m experiments.{name}``" in one.__doc__, name
        assert "laim" in one.__doc__, name


def test_the_name_of_a_series_stands_for_all_of_it():
    found = {one.__name__ for one in experiment.find(["omega"])}

    assert {f"experiments.omega_fig{number:02d}" for number in range(5, 17)} <= found


def test_an_unknown_experiment_is_named_with_its_nearest():
    with pytest.raises(UserError, match="did you mean 'busy_cell'"):
        experiment.find(["busy_sell"])


@pytest.mark.parametrize("scale", Scale)
def test_every_experiment_has_points_at_every_scale_that_a_study_can_be_made_of(scale):
    for one in experiment.find(experiment.names()):
        identities = [made.identity for made, _ in zip(one.points(Plan(scale, seeds=(1,))), range(5), strict=False)]
        assert identities, one.__name__


#: What a line of a fold's table has, beside the point and its measures.
FOLDED = {"Speedup": ("speedup",), "Utilisation": ("t_s", "cpu_allocated", "memory_allocated")}


@pytest.mark.slow
@pytest.mark.parametrize("scale", Scale)
def test_checks_and_figures_find_what_they_look_for_in_the_grid_of_every_scale(scale):
    rng = np.random.default_rng(1)
    for one in experiment.find(experiment.names()):
        rows = []
        for made in one.points(Plan(scale, seeds=(1, 2))):
            if made.work is not None and not one.MEASURES:
                # It makes its part of the table by itself, and nothing is drawn.
                rows += [made.where | row for row in made.work(made.study, made.key, lambda share: None).folded]
                continue
            folded = FOLDED[made.fold.__qualname__] if made.fold else ()
            numbers = rng.uniform(0.1, 0.9, len(one.MEASURES) + len(folded)).tolist()
            for line in range(2 if folded else 1):
                row = made.where | dict(zip((*one.MEASURES, *folded), numbers, strict=True))
                rows.append(row | ({"t_s": 4000.0 + line, "cpu_allocated": 0.1 * line} if "t_s" in folded else {}))
        table = pd.DataFrame(rows)

        assert all(check.ours != "no value" for check in one.check(table)), one.__name__
        one.draw(table)
