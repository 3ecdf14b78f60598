"""Runs are made again, byte for byte, or it is said what is another."""

import json
import os
import shutil
import signal
import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from experiments.cli import towtank
from experiments.drawing.catalogue import pictures
from experiments.results.digests import digest_of_metrics, key_of, spelled
from experiments.results.directory import Results
from experiments.results.frames import Frames
from experiments.results.provenance import code_digest
from experiments.results.study import RunKey
from policies.errors import UserError

ROOT = Path(__file__).parents[2]

JOBS = """job,submit_s,workload,tasks,duration_s,cpus,memory_bytes,disk_write_bps
a,0,batch,3,50,1,1000,1000000
b,1,service,2,100,2,1000,0
c,2.5,batch,4,20,1,1000,2000000
"""
PREFILL = "job,submit_s,workload,tasks,duration_s,cpus,memory_bytes\np,0,batch,2,30,1,1000\n"
HOSTS = "host,cpus,memory_bytes\nh1,8,1000000\nh2,8,1000000\nh3,4,1000000\n"
POLICY = """
import numpy as np


def roomy(view, task):
    left = view.free_after(task)
    return np.where((left >= 0).all(axis=0), left.sum(axis=0).astype(float), -np.inf)
"""
ASKED = [
    "--trace", "jobs.csv", "--prefill", "before.csv", "--hosts", "hosts.csv", "--contention", "on",
    "--architecture", "monolithic", "--architecture", "two-level:offer_batch=1s",
    "--policy", "mine.py:roomy", "--policy", "random-first-fit", "--seeds", "1,2", "--explain", "a", "--no-figures",
]  # fmt: skip


def command(*words, cwd, hash_seed="0", **more):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "PYTHONHASHSEED": hash_seed, **more}
    return subprocess.run(
        [sys.executable, "-m", "experiments", *map(str, words)],
        cwd=cwd,
        capture_output=True,
        text=True,
        env=environment,
    )


@pytest.fixture(scope="module")
def made(tmp_path_factory):
    """A folder with files of every kind, and the results that were made of them."""
    folder = tmp_path_factory.mktemp("made")
    texts = {"jobs.csv": JOBS, "before.csv": PREFILL, "hosts.csv": HOSTS, "mine.py": POLICY}
    for name, text in texts.items():
        (folder / name).write_text(text)
    ended = command("run", *ASKED, "--processes", 1, "--out", "out", cwd=folder)
    assert ended.returncode == 0, ended.stderr
    return folder


@pytest.fixture
def there(made, tmp_path, monkeypatch):
    """The same, to be spoilt: results that were made where we are."""
    folder = tmp_path / "there"
    shutil.copytree(made, folder)
    monkeypatch.chdir(folder)
    edit(folder, lambda manifest: manifest.update(cwd=str(folder)))
    return folder


def edit(folder, change):
    path = folder / "out" / "run.json"
    manifest = json.loads(path.read_text())
    change(manifest)
    path.write_text(json.dumps(manifest))


@pytest.fixture
def rerun(capsys):
    """Make runs again in this process; gives the exit code and what was said."""

    def rerun(*words):
        try:
            towtank(["rerun", *map(str, words), "--processes", "1"], standalone_mode=False)
        except SystemExit as ended:
            return ended.code, capsys.readouterr().out
        return 0, capsys.readouterr().out

    return rerun


ONE = ("out", "--run", "monolithic,mine.py:roomy,1")
NAME = "monolithic mine.py:roomy 1"


def test_another_process_elsewhere_comes_to_the_same_bytes(made, tmp_path):
    ended = command("rerun", made / "out" / "run.json", "--processes", 2, cwd=tmp_path, hash_seed="4711")

    assert ended.returncode == 0, (ended.stdout, ended.stderr)
    assert ended.stdout.splitlines()[-1] == "reproduced: 8 runs, 16 files, byte for byte"


def test_what_was_made_again_is_a_results_directory_of_the_same_study(there, rerun):
    code, _ = rerun("out", "--out", "again")

    assert code == 0
    old, new = (json.loads((there / name / "run.json").read_text()) for name in ("out", "again"))
    assert {name: old[name] for name in ("study", "inputs", "results")} == {
        name: new[name] for name in ("study", "inputs", "results")
    }
    logs = [{path.name: path.read_bytes() for path in (there / name / "log").iterdir()} for name in ("out", "again")]
    assert logs[0] == logs[1]


def test_one_run_can_be_made_again_alone(there, rerun):
    code, said = rerun("out", "--run", "two-level:offer_batch=1s,random-first-fit,2", "--out", "alone")

    assert code == 0
    assert "reproduced: 1 run, 2 files, byte for byte" in said
    assert list(Results(Path("alone")).finished()) == [RunKey("two-level:offer_batch=1s", "random-first-fit", 2)]


def test_runs_are_those_that_were_finished_whatever_the_study_says(there, rerun):
    def fewer(manifest):
        del manifest["results"][NAME]
        manifest["study"]["seeds"] = [1]

    edit(there, fewer)

    code, said = rerun("out")

    assert (code, said.splitlines()[-1]) == (0, "reproduced: 7 runs, 14 files, byte for byte")


def test_a_run_that_is_not_there_is_named_with_those_that_are(there, rerun):
    with pytest.raises(UserError, match=r"--run monolithic,spread,1: .* \(there are: monolithic,mine\.py:roomy,1; "):
        rerun("out", "--run", "monolithic,spread,1")


def test_a_generated_workload_comes_again_without_its_directory(tmp_path, monkeypatch, rerun):
    monkeypatch.chdir(tmp_path)
    asked = ["--until", "1min", "--policy", "power-of-d:d=3,score=binpack", "--detail", "summary", "--processes", "1"]
    towtank(["run", *asked, "--out", "out", "--architecture", "shared-state"], standalone_mode=False)
    shutil.move("out/run.json", "sent.json")

    code, said = rerun("sent.json", "--run", "shared-state,power-of-d:d=3,score=binpack,1")

    assert (code, said.splitlines()[-1]) == (0, "reproduced: 1 run, 0 files, byte for byte")


def test_seeds_that_were_added_come_again_without_being_asked_for(tmp_path, monkeypatch, rerun):
    monkeypatch.chdir(tmp_path)
    asked = ["--until", "1min", "--policy", "spread", "--architecture", "monolithic", "--detail", "summary"]
    towtank(["run", *asked, "--precision", "99%", "--processes", "1", "--out", "out"], standalone_mode=False)
    runs = len(Results(Path("out")).finished())

    code, said = rerun("out")

    assert runs > 1
    assert (code, said.splitlines()[-1]) == (0, f"reproduced: {runs} runs, 0 files, byte for byte")


# -- what is another ----------------------------------------------------------------------------------------------


def test_another_version_and_another_machine_are_told_and_do_not_hinder(there, rerun):
    def older(manifest):
        manifest["versions"]["numpy"] = "1.0.0"
        manifest["platform"]["machine"] = "pdp11"
        manifest["versions"]["matplotlib"] = "0.1"

    edit(there, older)

    code, said = rerun(*ONE)

    notes = [line for line in said.splitlines() if line.startswith("note: ")]
    assert code == 0
    assert notes[0].startswith("note: numpy was 1.0.0, is ")
    assert notes[1].startswith("note: machine was pdp11, is ")
    assert len(notes) == 2
    assert "byte for byte, although not all is as it was" in said


def test_another_version_of_an_installed_policy_is_told(there, rerun, tmp_path, monkeypatch):
    installed = tmp_path / "sharp-2.0.dist-info"
    installed.mkdir()
    (installed / "METADATA").write_text("Metadata-Version: 2.1\nName: sharp\nVersion: 2.0\n")
    (installed / "entry_points.txt").write_text("[towtank.policies]\nsharp = sharp:score\n")
    monkeypatch.syspath_prepend(tmp_path)
    edit(there, lambda manifest: manifest["versions"].update(sharp="1.0", blunt="3.0"))

    _, said = rerun(*ONE)

    assert said.splitlines()[:2] == ["note: sharp was 1.0, is 2.0", "note: blunt was 3.0, is not there"]


def test_other_sources_are_told_with_their_revision(there, rerun):
    edit(there, lambda manifest: manifest.update(code_digest="0" * 64, git_revision="f" * 40))

    _, said = rerun(*ONE)

    was = "000000000000 (git revision ffffffffffff)"
    assert f"note: Towtank's sources were {was}, are {code_digest()[:12]}" in said


def test_other_metrics_are_told_by_the_first_that_differs(there, rerun):
    table = pd.read_csv("out/summary.csv")
    table.loc[0, "wait_mean_s"] = 77.0
    table.to_csv("out/summary.csv", index=False)
    wrong = Results(Path("out")).finished()[RunKey("monolithic", "mine.py:roomy", 1)].metrics
    edit(there, lambda manifest: manifest["results"][NAME].update(metrics=digest_of_metrics(wrong)))

    code, said = rerun(*ONE)

    assert code == 1
    assert "monolithic mine.py:roomy seed 1: wait_mean_s was 77.0, is " in said
    assert said.splitlines()[-1] == (
        "not reproduced: 1 of 1 run differ; sources, versions, machine and files are as they were"
    )


def test_a_digest_of_metrics_without_their_summary_is_told_too(there, rerun):
    edit(there, lambda manifest: manifest["results"][NAME].update(metrics="0" * 64))

    code, said = rerun(*ONE)

    assert code == 1
    assert f"{NAME.replace(' 1', ' seed 1')}: its metrics are others; no summary.csv of then says which" in said


def test_a_summary_that_was_changed_is_told(there, rerun):
    table = pd.read_csv("out/summary.csv")
    table.loc[0, "wait_mean_s"] = 77.0
    table.to_csv("out/summary.csv", index=False)

    code, said = rerun(*ONE)

    assert code == 1
    assert "summary.csv beside run.json has other metrics than those that were written" in said


def test_what_a_run_cost_is_not_compared(there, rerun):
    table = pd.read_csv("out/summary.csv")
    table["wall_s"] = 1e6
    table.to_csv("out/summary.csv", index=False)

    assert rerun(*ONE)[0] == 0


def test_another_log_is_told_by_its_first_row_that_differs(there, rerun):
    import pyarrow as pa
    import pyarrow.parquet as pq

    from experiments.results.digests import digest_of_file, log_files

    path = log_files(there / "out" / "log", key_of(NAME))["log"]
    table = pq.read_table(path)
    times = table["t_s"].to_pylist()
    times[2] += 1.0
    pq.write_table(table.set_column(0, "t_s", pa.array(times)), path)
    edit(there, lambda manifest: manifest["results"][NAME].update(log=digest_of_file(path)))

    code, said = rerun(*ONE)

    assert code == 1
    assert f"log/{path.name}: row 3: t_s was {times[2]}, is {times[2] - 1.0}" in said


def test_the_same_rows_in_other_bytes_are_told_as_such(there, rerun):
    import pyarrow.parquet as pq

    from experiments.results.digests import digest_of_file, log_files

    files = log_files(there / "out" / "log", key_of(NAME))
    for path in files.values():
        pq.write_table(pq.read_table(path), path, compression="none")
    written = {name: digest_of_file(path) for name, path in files.items()}
    edit(there, lambda manifest: manifest["results"][NAME].update(written))

    code, said = rerun(*ONE)

    assert code == 1
    assert f"log/{files['log'].name}: the same rows, written in other bytes" in said
    assert f"log/{files['hosts'].name}: the same loads, written in other bytes" in said


# -- files --------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["jobs.csv", "before.csv", "hosts.csv", "mine.py"])
def test_a_file_that_was_changed_is_named_before_anything_runs(there, rerun, name):
    with (there / name).open("a") as file:
        file.write("\n")

    with pytest.raises(
        UserError, match=rf"{name}: is not the file that the runs were made of .* was .{{12}}, is .{{12}}"
    ):
        rerun("out")


@pytest.mark.parametrize("name", ["jobs.csv", "before.csv", "hosts.csv", "mine.py"])
def test_a_file_that_is_missing_is_named_with_where_it_was_looked_for(there, rerun, name):
    (there / name).unlink()

    with pytest.raises(UserError, match=rf"{name}: is missing \(.*\) in {there}"):
        rerun("out")


def test_a_trace_that_was_moved_and_renamed_can_be_given(there, rerun):
    (there / "elsewhere").mkdir()
    (there / "jobs.csv").rename(there / "elsewhere" / "other.csv")

    code, said = rerun(*ONE, "--trace", "elsewhere/other.csv")

    assert (code, said.splitlines()[-1]) == (0, "reproduced: 1 run, 2 files, byte for byte")


def test_another_trace_cannot_be_given_for_one_that_was_moved(there, rerun):
    (there / "other.csv").write_text(JOBS.replace("2.5", "3.5"))

    with pytest.raises(UserError, match=r"other\.csv: is not the file that the runs were made of \(trace\)"):
        rerun("out", "--trace", "other.csv")


def test_a_trace_can_be_given_from_another_folder_than_the_other_files(there, rerun, tmp_path, monkeypatch):
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (there / "jobs.csv").rename(elsewhere / "moved.csv")
    monkeypatch.chdir(elsewhere)

    code, _ = rerun(there / "out", *ONE[1:], "--trace", "native:moved.csv", "--out", "again")

    assert code == 0
    assert (elsewhere / "again" / "run.json").is_file()


def test_a_file_that_is_neither_here_nor_where_it_was_is_told_with_both_folders(there, rerun, tmp_path, monkeypatch):
    (there / "mine.py").unlink()
    monkeypatch.chdir(tmp_path)

    with pytest.raises(UserError, match=rf"jobs\.csv: is missing \(trace\) in {tmp_path}, and {there}, where the runs"):
        rerun(there / "out")


def test_no_trace_is_given_for_a_generated_workload(tmp_path, rerun):
    study = {"study": {"detail": "jobs"}, "inputs": {"trace": {}}, "results": {"monolithic spread 1": {}}}
    (tmp_path / "run.json").write_text(json.dumps(study))

    with pytest.raises(UserError, match="were made of generated:default, which is no file"):
        rerun(tmp_path, "--trace", "generated:omega-a")


def test_a_folder_with_results_is_not_made_into(there, rerun):
    with pytest.raises(UserError, match="out is not empty, and all is to be made again"):
        rerun("out", "--out", "out")


# -- what is no record --------------------------------------------------------------------------------------------


def test_a_damaged_record_is_told_with_its_line(there, rerun):
    (there / "out" / "run.json").write_text('{\n "study": {},\n "inputs" }\n')

    with pytest.raises(UserError, match=r"run\.json:3: "):
        rerun("out")


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("[]", "is no run.json"),
        ("{}", "does not say what was run"),
        ('{"study": {"detail": "jobs", "gravity": 1}}', "'gravity', of which this version of Towtank knows nothing"),
        ('{"study": {"detail": "much"}}', "its study cannot be read: 'much' is not a valid Detail"),
        ('{"study": {"detail": "jobs", "trace": 5}}', "its study says that trace is 5, which it cannot be"),
        ('{"study": {"detail": "jobs"}, "inputs": {"trace": "0"}}', "does not name each file"),
        ('{"study": {"detail": "jobs"}}', "names no finished run"),
        ('{"study": {"detail": "jobs"}, "results": {"x": {}}}', "its results are not as we write them"),
        ('{"study": {"detail": "jobs", "on": "docker:hosts.toml"}}', "were made at sea .* never the same twice"),
        ('{"validation": {}}', "is of a validation"),
        (
            '{"experiment": "omega_fig05", "scale": "small", "seeds": [1, 2], "trace": null, "policies": ["spread"]}',
            "`towtank experiment run omega_fig05 --scale small --seeds 1,2 --policy spread` makes it again",
        ),
    ],
)
def test_what_cannot_be_made_again_is_told_in_one_line(tmp_path, rerun, text, said):
    path = tmp_path / "some.json"
    path.write_text(text)

    with pytest.raises(UserError, match=said) as told:
        rerun(path)
    assert "\n" not in str(told.value)
    assert str(path) in str(told.value)


def test_a_record_without_digests_is_read_as_ever(there):
    def old(manifest):
        for name in ("results", "platform", "code_digest", "cwd"):
            del manifest[name]
        manifest["inputs"] = dict.fromkeys(manifest["inputs"], "0" * 64)

    edit(there, old)

    frames = Frames(Path("out"))

    assert len(frames.summary) == 8
    assert len(frames.log(frames.runs[0]))
    assert pictures(frames)
    with pytest.raises(UserError, match="out was begun by an older version of Towtank"):
        towtank(["run", *ASKED, "--out", "out"], standalone_mode=False)


# -- how the record is kept -----------------------------------------------------------------------------------------


def test_a_directory_that_other_sources_went_on_with_says_which_runs_are_theirs(there, rerun):
    lines = (there / "out" / "summary.csv").read_text().splitlines(keepends=True)
    (there / "out" / "summary.csv").write_text("".join(lines[:-1]))
    edit(there, lambda manifest: manifest.update(code_digest="0" * 64))

    towtank(["run", *ASKED, "--processes", "1", "--out", "out"], standalone_mode=False)

    recorded = json.loads((there / "out" / "run.json").read_text())["results"]
    theirs = [name for name, parts in recorded.items() if "made_by" in parts]
    assert theirs == ["two-level:offer_batch=1s random-first-fit 2"]
    assert recorded[theirs[0]]["made_by"]["code_digest"] == code_digest()
    assert "sources" not in rerun("out", "--run", ",".join(theirs[0].split()))[1].partition("compared")[0]


def test_a_run_is_spelled_and_read_back():
    for key in (RunKey("monolithic", "a b/mine.py:score:k=2", 0), RunKey("two-level:offer_batch=1s", "spread", 12)):
        assert key_of(spelled(key)) == key


def test_metrics_have_one_digest_whatever_their_order():
    metrics = {"a": 1.0, "b": None, "c": 3}

    assert digest_of_metrics(metrics) == digest_of_metrics(dict(reversed(metrics.items())))
    assert digest_of_metrics(metrics) != digest_of_metrics(metrics | {"a": 1})


@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_a_rerun_that_is_ended_leaves_nothing(made, tmp_path, number):
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "TMPDIR": str(tmp_path)}
    words = [sys.executable, "-m", "experiments", "rerun", made / "out", "--processes", "1"]
    before = sorted(path for path in made.rglob("*"))
    with subprocess.Popen(
        words, stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, env=environment, start_new_session=True
    ) as process:
        assert process.stderr.readline().startswith("[1/8]")

        process.send_signal(number)

        _, said = process.communicate(timeout=60)
    assert process.returncode == 128 + number
    assert said.splitlines()[-1] == "towtank: interrupted"
    assert list(tmp_path.iterdir()) == []
    assert sorted(path for path in made.rglob("*")) == before
