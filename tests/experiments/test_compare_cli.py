"""``towtank compare``, as a person types it."""

import json

import pandas as pd
import pytest
from click.testing import CliRunner

from experiments.cli import towtank
from policies.errors import UserError


@pytest.fixture(scope="module")
def results(tmp_path_factory):
    out = tmp_path_factory.mktemp("compared") / "out"
    words = ["--until", "2min", "--architecture", "shared-state", "--policy", "spread", "--policy", "binpack"]
    run("run", *words, "--seeds", "1,2,3", "--processes", "1", "--no-figures", "--out", str(out))
    return out


def run(*words):
    outcome = CliRunner().invoke(towtank, words)
    if outcome.exception is not None and not isinstance(outcome.exception, SystemExit):
        raise outcome.exception
    assert outcome.exit_code == 0, outcome.output
    return outcome.stdout


def test_a_results_directory_is_compared_in_words_and_in_a_table(results):
    said = run("compare", str(results))

    assert "binpack (shared-state) is " in said
    assert "above spread (shared-state) in cpu_imbalance (3 paired seeds)" in said
    assert "baseline" in said
    assert "comparisons were made" in said


def test_json_is_all_there_is_on_standard_output(results):
    found = json.loads(run("compare", str(results), "--metric", "cpu_imbalance", "--json"))

    (one,) = found["comparisons"]
    assert one["finding"] == "above"
    assert one["relative_low"] > 0
    assert found["note"] == ""


def test_a_table_of_an_experiment_is_compared_by_its_columns(results, tmp_path):
    table = pd.read_csv(results / "summary.csv")
    table = pd.concat([table.assign(load=load) for load in (0.5, 0.9)])
    table.to_csv(tmp_path / "table.csv", index=False)

    said = run(
        "compare", str(tmp_path / "table.csv"), "--by", "policy", "--where", "load=0.9", "--metric", "cpu_imbalance"
    )

    assert "above spread in cpu_imbalance (3 paired seeds)" in said


def test_comparisons_are_written_as_a_table(results, tmp_path):
    run("compare", str(results), "--baseline", "binpack", "--csv", str(tmp_path / "out.csv"))

    table = pd.read_csv(tmp_path / "out.csv").set_index("metric")
    assert table.loc["cpu_imbalance", "finding"] == "below"
    assert table.loc["cpu_imbalance", "baseline"] == "binpack (shared-state)"


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["--where", "policy=tetris"], "no row has that; there are spread, binpack"),
        (["--where", "policy"], "not of the form column=value"),
        (["--where", "load=1"], "no column 'load'"),
        (["--metric", "waits"], "no run has a metric 'waits'"),
        (["--baseline", "tetris"], "no runs are called so"),
        (["--by", "seed"], "--by seed"),
    ],
)
def test_what_cannot_be_compared_is_said_in_one_line(results, words, message):
    with pytest.raises(UserError, match=message):
        run("compare", str(results), *words)


@pytest.mark.parametrize(
    ("content", "message"),
    [(None, "is not there"), (b"\xff\xfe\x00\x81", "not a table"), (b"", "not a table"), (b"a,b\n1,2\n", "no column")],
)
def test_a_file_that_is_no_table_of_runs_is_named(tmp_path, content, message):
    if content is not None:
        (tmp_path / "t.csv").write_bytes(content)

    with pytest.raises(UserError, match=f"t.csv.*{message}"):
        run("compare", str(tmp_path / "t.csv"))


def test_one_group_of_runs_has_nothing_to_be_compared_with(results):
    assert "nothing to compare it with" in run("compare", str(results), "--where", "policy=spread")


def test_where_runs_settle_is_said_of_those_that_have_a_log(tmp_path):
    # The cell begins empty.
    trace = "generated:default:prefill=0,batch-duration=0.02,service-duration=0.02"
    policies = ["--policy", "spread", "--policy", "binpack", "--architecture", "monolithic"]
    run(
        "run", "--until", "15min", "--trace", trace, *policies, "--seeds", "1,2", "--processes", "1", "--no-figures",
        "--out", str(tmp_path / "out"),
    )  # fmt: skip

    assert "(MSER-5)" in run("compare", str(tmp_path / "out"), "--metric", "cpu_imbalance")


def test_a_warm_up_after_the_end_is_refused():
    with pytest.raises(UserError, match="--warm-up must end before --until"):
        run("run", "--until", "1min", "--warm-up", "2min")
