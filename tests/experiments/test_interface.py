"""Towtank from Python: the same runs as from the command line, and tables of them."""

import gc
import sys
from dataclasses import replace

import pandas as pd
import pytest
from click.testing import CliRunner
from matplotlib.figure import Figure

from experiments.cli import towtank
from experiments.drawing.catalogue import PICTURES
from experiments.interface import open_results, run
from experiments.results.result import COST
from policies.errors import UserError
from policies.placement.scores import binpack, spread

TRACE = "generated:cpu-io-small"
JOBS = pd.DataFrame(
    {
        "job": ["a", "b", "c"], "submit_s": [0, 2, 2.5], "workload": ["batch", "service", "batch"],
        "tasks": [3, 1, 2], "duration_s": [20.0, 10.0, 1 / 3], "cpus": [1.0, 0.5, 1.0], "memory_bytes": 2**30,
        "apart": [True, False, False],
    }
)  # fmt: skip
MINE = "def fewest(view, task, times=1.0):\n    return -times * view.containers\n\n\nclass Kept:\n    fewest = fewest\n"


@pytest.fixture
def here(tmp_path, monkeypatch):
    """An own folder to work in, from which modules are imported as in a notebook."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


@pytest.fixture
def mine(here):
    """A module of policies of one's own."""
    (here / "mine.py").write_text(MINE)
    import mine

    yield mine
    del sys.modules["mine"]


@pytest.fixture(scope="module")
def runs(tmp_path_factory):
    """Two policies, two seeds, on shared hosts."""
    out = tmp_path_factory.mktemp("kept") / "runs"
    return run(
        TRACE, policies=["spread", "binpack"], architectures="monolithic", seeds=[2, 1], out=out, until_s=20,
        contention=True,
    )  # fmt: skip


def test_a_summary_is_that_of_the_command_line(runs, tmp_path):
    asked = (
        f"run --trace {TRACE} --policy spread --policy binpack --architecture monolithic --seeds 2,1 --until 20s "
        f"--contention on --processes 1 --no-figures --out {tmp_path / 'out'}"
    )
    assert CliRunner().invoke(towtank, asked.split()).exit_code == 0

    theirs = open_results(tmp_path / "out")

    pd.testing.assert_frame_equal(runs.summary.drop(columns=list(COST)), theirs.summary.drop(columns=list(COST)))
    assert runs.study == theirs.study


def test_a_text_is_read_as_on_the_command_line(here):
    runs = run(
        TRACE, policies="spread", architectures="monolithic", seeds="3,4", until_s="10s", host_memory_bytes="1GiB"
    )

    assert (runs.study.seeds, runs.study.until_s, runs.study.host_memory_bytes) == ((3, 4), 10.0, 2**30)


def test_numbers_are_those_that_their_text_stands_for(here):
    numbers = run(JOBS, hosts=4, policies="spread", seeds=range(2), until_s=600, t_job_s={"batch": 1, "service": 10})
    texts = run(
        JOBS, hosts="4", policies=["spread"], seeds="0,1", until_s="10min", t_job_s="batch=1s,service=10s"
    )  # fmt: skip

    assert replace(numbers.study, trace="") == replace(texts.study, trace="")


def test_seeds_are_added_as_by_the_command_line(here):
    runs = run(
        TRACE, policies="spread", architectures="monolithic", until_s=10, precision=0.9, of="jobs_submitted"
    )  # fmt: skip

    assert runs.study.of == ("jobs_submitted",)
    assert len(runs.summary) >= 10


def test_tables_are_a_trace_and_hosts(here):
    hosts = pd.DataFrame({"host": ["x", "y", "z"], "cpus": [2.0, 2.0, 1.0], "memory_bytes": [2**33, 2**33, 2**32]})

    runs = run(JOBS, hosts=hosts, policies="spread", architectures="monolithic")

    assert runs.summary["tasks_finished"].tolist() == [6]
    log = runs.log(columns=["event", "job", "seconds"])
    ran = log[log["event"] == "finished"].groupby("job")["seconds"].mean()
    assert ran.to_dict() == pytest.approx({"a": 20.0, "b": 10.0, "c": 1 / 3})
    assert set(runs.loads()["host"]) == {0, 1, 2}


def test_a_table_beside_its_results_is_taken_up_again_and_never_changed(here):
    options = {"hosts": 4, "policies": "spread", "architectures": "monolithic", "out": "kept/runs"}
    first = run(JOBS, **options)
    again = run(JOBS, **options)

    pd.testing.assert_frame_equal(first.summary, again.summary)
    with pytest.raises(UserError, match="another trace"):
        run(JOBS.assign(tasks=1), **options)
    assert (here / "kept/runs.trace.csv").read_text().splitlines()[1].startswith("a,0.0,batch,3,")


def test_a_wrong_row_of_a_table_is_named(here):
    with pytest.raises(UserError, match=r"trace\.csv:3: .*duration_s"):
        run(JOBS.assign(duration_s=[1.0, -1.0, 1.0]), hosts=4)


def test_results_without_a_folder_are_gone_with_what_was_returned(here):
    runs = run(JOBS, hosts=4, policies="spread", architectures="monolithic")
    folder = runs.folder
    assert folder.exists()

    del runs
    gc.collect()

    assert not folder.parent.exists()


def test_nothing_is_left_of_a_run_that_was_refused(here, monkeypatch):
    monkeypatch.setattr("tempfile.tempdir", str(here))

    with pytest.raises(UserError):
        run(TRACE, policies="spred")

    assert not list(here.iterdir())


def test_a_function_of_a_file_is_a_policy(mine):
    runs = run(JOBS, hosts=4, policies=[mine.fewest, spread, "mine.py:fewest:times=2"], architectures="monolithic")

    assert runs.study.policies == ("mine.py:fewest", "spread", "mine.py:fewest:times=2")
    assert len(runs.log(policy=mine.fewest)) == len(runs.log(policy="mine.py:fewest"))


def test_a_policy_of_a_cell_is_told_where_to_go():
    cell = {}
    exec(compile(MINE, "<cell 1>", "exec"), cell)

    with pytest.raises(UserError, match=r"%%writefile mine\.py"):
        run(TRACE, policies=cell["fewest"])


@pytest.mark.parametrize("nested", [lambda view, task: view.free[0], property(len), 5])
def test_what_cannot_be_named_is_no_policy(nested):
    with pytest.raises(UserError):
        run(TRACE, policies=nested)


@pytest.mark.parametrize(
    ("options", "said"),
    [
        ({"until": 600}, "no option 'until'; did you mean 'until_s'"),
        ({"commit": "gangs"}, "commit: 'gangs' is not one of"),
        ({"interference": -1}, "interference: "),
        ({"precision": 5}, "precision: .*share"),
        ({"seeds": [1, 2.5]}, "seeds: .*whole numbers"),
        ({"isolation": "caps"}, "--isolation has no effect"),
        ({"t_job_s": {"batch": 1}, "on": "docker:hosts.toml"}, "command line"),
        ({"architectures": "monolitic"}, "did you mean 'monolithic'"),
    ],
)
def test_a_wrong_option_is_named(options, said):
    with pytest.raises(UserError, match=said):
        run(TRACE, **options)


def test_levels_hold_between_what_happens(runs):
    log = runs.log(policy=spread)
    levels = runs.levels("cpu_used", policy=spread, points=50)

    assert len(levels) == 50
    for t_s, used in levels.itertuples(index=False):
        assert used == log.loc[log["t_s"] <= t_s, "cpu_used"].iloc[-1]


def test_the_mean_of_all_loads_of_equal_hosts_is_the_load_of_the_cell(runs):
    loads = runs.loads("cpu_allocated", policy="spread").groupby("t_s")["load"].mean()
    log = runs.log(policy="spread", columns=["t_s", "cpu_allocated"])

    assert loads.max() > 0
    for t_s, load in loads.items():
        told = log.loc[log["t_s"] <= t_s, "cpu_allocated"]
        assert not len(told) or load == pytest.approx(told.iloc[-1], abs=1e-6)


def test_used_is_looked_at_where_hosts_are_shared(runs):
    pd.testing.assert_frame_equal(runs.loads("cpu", policy=binpack), runs.loads("cpu_used", policy=binpack))


@pytest.mark.parametrize(
    ("about", "said"),
    [
        ({}, "say which policy is meant"),
        ({"policy": "spred"}, "did you mean 'spread'"),
        ({"policy": "spread", "seed": 7}, "no run of seed 7"),
        ({"policy": "spread", "architecture": "two-level"}, "no run of architecture"),
        ({"policy": "spread", "columns": ["jobs"]}, "no column 'jobs'; did you mean 'job'"),
    ],
)
def test_a_run_that_is_not_there_is_told(runs, about, said):
    with pytest.raises(UserError, match=said):
        runs.log(**about)


def test_the_lowest_seed_is_the_one_if_none_is_named(runs):
    pd.testing.assert_frame_equal(runs.log(policy="spread"), runs.log(policy="spread", seed=1))


def test_figures_are_those_of_the_catalogue(runs):
    assert {"allocation", "slowdown"} < set(runs.figures) <= {picture.stem for picture in PICTURES}
    with pytest.raises(UserError, match="did you mean 'slowdown'"):
        runs.draw("slow-down")


def test_a_figure_is_shown_by_a_notebook(runs):
    figure = runs.draw("slowdown")

    assert isinstance(figure, Figure)
    assert figure._repr_png_().startswith(b"\x89PNG")


def test_a_notebook_shows_the_table_with_intervals(runs):
    shown = runs._repr_html_()

    assert shown.count("<tr") == 3
    assert "±" in shown
    assert "Means of 2 seeds" in shown


def test_a_folder_that_holds_no_results_is_told(tmp_path):
    with pytest.raises(UserError, match="no results directory"):
        open_results(tmp_path)


def test_runs_are_compared_as_on_the_command_line(runs):
    from experiments.measures.comparing import headlines

    table = runs.compare("slowdown_mean", baseline="binpack")

    assert table["sentence"].tolist() == [one.sentence for one in headlines(runs.summary, ["slowdown_mean"], "binpack")]
    assert table["group"].tolist() == ["spread (monolithic)"]
