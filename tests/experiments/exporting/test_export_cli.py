"""`towtank export`: what it says, and what it refuses, in one line."""

import json

import pytest
from click.testing import CliRunner

from experiments.cli import towtank
from experiments.results.study import Detail, Study
from experiments.running.runner import run_study
from policies.errors import UserError


def export(*words):
    ended = CliRunner().invoke(towtank, ["export", *map(str, words)])
    if ended.exception is not None and not isinstance(ended.exception, SystemExit):
        raise ended.exception
    assert ended.exit_code == 0, ended.output
    return ended.stdout


def refusal(*words):
    ended = CliRunner().invoke(towtank, ["export", *map(str, words)])
    if isinstance(ended.exception, UserError):
        assert "\n" not in str(ended.exception)
        return str(ended.exception)
    assert ended.exit_code == 2, ended.output
    return ended.stderr


@pytest.fixture(scope="module")
def results(made):
    return made("contention").results.folder


def test_the_first_run_goes_into_a_file(results, tmp_path):
    said = export(results, "--perfetto", tmp_path / "run.json")

    assert said.startswith(f"{tmp_path / 'run.json'}: ")
    assert said.splitlines()[0].endswith("decisions (shared-state, spread, seed 1)")
    assert json.loads((tmp_path / "run.json").read_text())["otherData"]["seed"] == 1


def test_a_run_that_is_named_goes_into_a_file(results, tmp_path):
    export(results, "--perfetto", tmp_path / "run.json", "--run", "shared-state,spread,2")

    assert json.loads((tmp_path / "run.json").read_text())["otherData"]["seed"] == 2


def test_all_runs_go_into_a_folder(results, tmp_path):
    export(results, "--perfetto", tmp_path / "traces")

    assert sorted(path.name for path in (tmp_path / "traces").iterdir()) == [
        f"shared-state-spread_{seed}.json.gz" for seed in (1, 2)
    ]


def test_tables_are_listed_with_their_rows(results, tmp_path):
    said = export(results, "--tables", tmp_path, "--run", "shared-state,spread,2")

    names = [line.split(": ")[0] for line in said.splitlines()]
    assert names == [str(tmp_path / f"{name}.csv") for name in
                     ("runs", "jobs", "containers", "decisions", "hosts", "levels")]  # fmt: skip
    assert said.splitlines()[0].endswith(": 1 rows")
    assert set(tmp_path.iterdir()) == set(map(type(tmp_path), names))


def test_an_unknown_run_is_refused_with_the_nearest(results, tmp_path):
    said = refusal(results, "--tables", tmp_path, "--run", "shared-state,sprad,2")

    assert said == f"{results} has no finished run 'shared-state,sprad,2'; did you mean 'shared-state,spread,2'?"


def test_what_is_there_is_replaced_only_by_force(results, tmp_path):
    there = tmp_path / "jobs.csv"
    there.write_text("mine")

    said = refusal(results, "--tables", tmp_path, "--perfetto", tmp_path / "run.json")

    assert said == f"{there} is there already: give another name, or --force to replace it"
    assert [path.name for path in tmp_path.iterdir()] == ["jobs.csv"]
    export(results, "--tables", tmp_path, "--force")
    assert there.read_text() != "mine"


def test_without_a_log_nothing_is_written(made, tmp_path):
    results = made("plain", Detail.SUMMARY).results.folder

    for asked in (("--perfetto", tmp_path / "run.json"), ("--tables", tmp_path / "tables")):
        assert "needs a log (--detail jobs or tasks)" in refusal(results, *asked)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ([], "nothing to do: give --perfetto or --tables"),
        (["--perfetto", "run.txt"], "must end in .json or .json.gz, or be a folder"),
        (["--perfetto", "r.json", "--run", "shared-state,spread,1", "--run", "shared-state,spread,2"], "has one run"),
    ],
)  # fmt: skip
def test_what_makes_no_sense_is_refused(results, words, said):
    assert said in refusal(results, *words)


def test_a_folder_without_results_is_refused(tmp_path):
    assert "is no results directory" in refusal(tmp_path, "--tables", tmp_path / "tables")


def test_a_validation_is_refused_with_what_to_export(tmp_path):
    (tmp_path / "validation.csv").touch()

    said = refusal(tmp_path, "--tables", tmp_path / "tables")

    assert said == f"{tmp_path} is a validation: export {tmp_path / 'tank'} or {tmp_path / 'sea'}"


def test_names_with_commas_name_a_run(tmp_path):
    study = Study(
        trace="generated:default", until_s=20.0, hosts="20", detail=Detail.TASKS, policies=("spread",),
        architectures=("partitioned:batch=2,service=1",),
    )  # fmt: skip
    run_study(study, tmp_path / "out")

    said = export(
        tmp_path / "out", "--perfetto", tmp_path / "r.json", "--run", "partitioned:batch=2,service=1,spread,1"
    )

    assert "(partitioned:batch=2,service=1, spread, seed 1)" in said


def test_hosts_of_which_the_file_is_gone_have_numbers(tmp_path):
    machines = tmp_path / "hosts.csv"
    machines.write_text("host,cpus,memory_bytes\n" + "".join(f"big-{n},16,{2**36}\n" for n in range(4)))
    study = Study(until_s=20.0, hosts=str(machines), detail=Detail.TASKS, policies=("spread",))
    run_study(study, tmp_path / "out")
    machines.unlink()

    said = export(tmp_path / "out", "--perfetto", tmp_path / "r.json", "--tables", tmp_path / "tables")

    assert said.count(f"  note: hosts have numbers only: {machines}") == 2
    assert '"name":"host 3"' in (tmp_path / "r.json").read_text()


def test_hosts_that_are_counted_have_names_whether_or_not_the_trace_is_there(tmp_path):
    trace = tmp_path / "jobs.csv"
    trace.write_text("job,submit_s,workload,tasks,duration_s,cpus,memory_bytes\na,0,batch,4,9,1,1000\n")
    study = Study(trace=str(trace), hosts="2", detail=Detail.TASKS, policies=("spread",))
    run_study(study, tmp_path / "out")
    trace.unlink()

    said = export(tmp_path / "out", "--perfetto", tmp_path / "r.json")

    assert "note" not in said
    assert '"name":"host-1"' in (tmp_path / "r.json").read_text()
