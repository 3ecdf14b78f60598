"""A shell completes what can be named on the command line."""

import json
import os
import pty
import shlex
import shutil
import subprocess
import sys
import threading
from pathlib import Path

import pytest
from click.shell_completion import BashComplete

from experiments.cli import towtank
from experiments.running.experiment import names
from policies.placement import BUILT_IN
from policies.scheduling import ARCHITECTURES, DISCIPLINES, SIZINGS
from policies.sharing import DISKS, ISOLATIONS
from traces.fetching import CATALOGUE
from traces.formats import RECORDED
from traces.generate.named import EMBEDDED

ROOT = Path(__file__).parents[2]
HEAVY = ("pandas", "matplotlib", "scipy", "pyarrow", "duckdb", "simpy", "requests", "docker", "rich")


def completed(line):
    """What stands to choose from behind a line."""
    *words, last = shlex.split(f"{line}|")
    shell = BashComplete(towtank, {}, "towtank", "_TOWTANK_COMPLETE")
    return [item.value for item in shell.get_completions(words, last.removesuffix("|"))]


@pytest.fixture
def folder(tmp_path, monkeypatch):
    """A folder with some of everything."""
    for name in ("jobs.csv", "load.toml", "mine.py", ".hidden.csv", "data/more.csv", "results/first/run.json"):
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_text("")
    (tmp_path / "results" / "other").mkdir()
    (tmp_path / "mine.py").write_text(
        "class Mine:\n    pass\n\n\ndef roomy(view, task):\n    pass\n\n\ndef _no():\n    pass\n"
    )
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("line", "known"),
    [
        ("run --architecture ", ARCHITECTURES),
        ("run --queue ", DISCIPLINES),
        ("run --mapreduce ", SIZINGS),
        ("run --isolation ", ISOLATIONS),
        ("run --host-disk ", DISKS),
        ("run --conflict ", ["fine", "coarse"]),
        ("trace fetch ", CATALOGUE),
        ("run --trace generated:", [f"generated:{name}" for name in EMBEDDED]),
        ("completion ", ["bash", "zsh", "fish"]),
        ("testbed fault h1 fr", ["freeze"]),
        ("run --policy sp", ["spread"]),
        ("run --policy=sp", ["spread"]),
        ("run --archi", ["--architecture"]),
    ],
)
def test_names_are_completed(line, known, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)

    assert completed(line) == [*known]


def test_policies_are_names_and_what_a_file_defines(folder):
    assert completed("run --policy ") == [*BUILT_IN, "data/", "mine.py:", "results/"]
    assert completed("run --policy mine.py:") == ["mine.py:Mine", "mine.py:roomy"]
    assert completed("experiment run noisy_neighbour --policy mine.py:r") == ["mine.py:roomy"]


def test_traces_are_formats_and_files(folder):
    everything = completed("trace info ")

    assert everything[: len(RECORDED) + 1] == ["generated:", *(f"{name}:" for name in RECORDED)]
    assert everything[len(RECORDED) + 1 :] == ["data/", "jobs.csv", "load.toml", "mine.py", "results/"]
    assert completed("run --trace native:da") == ["native:data/"]
    assert completed("run --trace native:data/") == ["native:data/more.csv"]
    assert completed("run --trace generated:lo") == ["generated:load.toml"]
    assert completed("trace generate cpu-io-s") == ["cpu-io-small"]


def test_hosts_are_a_word_or_files(folder):
    assert completed("run --hosts tr") == ["trace"]
    assert completed("run --on docker:lo") == ["docker:load.toml"]
    assert completed("run --hosts .h") == [".hidden.csv"]


def test_results_directories_are_preferred_to_folders(folder):
    assert completed("plot ") == ["data/", "results/"]
    assert completed("plot results/") == ["results/first/"]
    assert completed("rerun results/first/r") == ["results/first/run.json"]
    assert completed("report results/") == completed("export results/") == ["results/first/"]
    assert completed("compare ") == ["data/", "jobs.csv", "results/"]


def test_the_runs_of_a_record_are_completed(folder):
    study = {"study": {"detail": "jobs"}, "results": {"monolithic spread 1": {}, "shared-state spread 1": {}}}
    (folder / "results" / "first" / "run.json").write_text(json.dumps(study))

    assert completed("rerun results/first --run ") == ["monolithic,spread,1", "shared-state,spread,1"]
    assert completed("rerun results/first --run s") == ["shared-state,spread,1"]
    assert completed("export results/first --run s") == ["shared-state,spread,1"]
    assert completed("rerun results/other --run ") == []


def test_the_experiments_are_those_that_can_be_run(tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    everything = completed("experiment run ")

    assert set(names()) <= set(everything)
    assert set(everything) - set(names()) == {"omega"}


def test_an_experiment_may_be_a_file(folder):
    assert completed("experiment run mi") == ["mine.py"]


def test_metrics_that_may_be_asked_for_have_names():
    assert completed("run --precision 2% --of slowdown_m") == ["slowdown_mean"]


def test_what_cannot_be_read_completes_to_nothing(folder):
    (folder / "mine.py").write_text("def broken(:")

    assert completed("run --policy mine.py:") == []
    assert completed("run --trace nowhere/") == []


# -- as shells ask --------------------------------------------------------------------------------------------------


def asked(words, index, **more):
    """What the command answers a shell."""
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "_TOWTANK_COMPLETE": "bash_complete", **more}
    environment |= {"COMP_WORDS": words, "COMP_CWORD": str(index)}
    ended = subprocess.run(
        [sys.executable, "-m", "experiments"], capture_output=True, text=True, check=True, env=environment
    )
    assert ended.stderr == ""
    return ended.stdout.splitlines()


def test_the_command_answers_in_the_protocol_of_shells():
    assert asked("towtank run --queue f", 3) == ["plain,fifo", "plain,fair-share"]


def test_only_the_piece_that_bash_replaces_is_given_back():
    line = "towtank run --trace generated:cpu-io-s"
    words = "\n".join(["towtank", "run", "--trace", "generated", ":", "cpu-io-s"])

    assert asked(words, 5, COMP_LINE=line, COMP_POINT=str(len(line))) == ["plain,cpu-io-small"]


@pytest.mark.parametrize(
    "line", ["run --policy ", "run --trace ", "experiment run ", "trace fetch ", "plot ", "run --"]
)
def test_who_presses_tab_does_not_wait_for_libraries(line):
    code = (
        "import sys, experiments.cli as cli\n"
        "try:\n"
        "    cli.main()\n"
        "finally:\n"
        f"    print('heavy', *[name for name in {HEAVY!r} if name in sys.modules])"
    )
    environment = {**os.environ, "PYTHONPATH": str(ROOT), "_TOWTANK_COMPLETE": "bash_complete"}
    environment |= {"COMP_WORDS": f"towtank {line}", "COMP_CWORD": str(len(line.split()) + line.endswith(" "))}
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, env=environment)

    assert ended.stdout.splitlines()[-1] == "heavy", ended.stdout


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_scripts_are_of_their_shell(shell):
    ended = subprocess.run(
        [sys.executable, "-m", "experiments", "completion", shell],
        capture_output=True, text=True, check=True, env={**os.environ, "PYTHONPATH": str(ROOT)},
    )  # fmt: skip

    assert f"_TOWTANK_COMPLETE={shell}_complete" in ended.stdout
    if shutil.which(shell):
        subprocess.run([shell, "-n"], input=ended.stdout, text=True, check=True)


@pytest.fixture
def typed(folder):
    """Type lines into a real Bash that has read our script; gives the words that each command was called with."""
    if not shutil.which("bash"):
        pytest.skip("there is no Bash")
    there = folder / "bin"
    there.mkdir()
    command, called = there / "towtank", folder / "called"
    # What is completed is asked of Towtank; what is called is written down, and not done.
    command.write_text(
        f'#!/bin/sh\nif [ -n "$_TOWTANK_COMPLETE" ] || [ "$1" = completion ]; then exec {shlex.quote(sys.executable)} '
        f'-m experiments "$@"; fi\nprintf "%s\\n" "$@" "" >> {shlex.quote(str(called))}\n'
    )
    command.chmod(0o755)

    def type_(*lines):
        main, side = pty.openpty()
        environment = {
            **os.environ,
            "PATH": f"{there}:{os.environ['PATH']}",
            "PYTHONPATH": str(ROOT),
            "INPUTRC": "/dev/null",
        }
        with subprocess.Popen(
            ["bash", "--noprofile", "--norc", "-i"],
            stdin=side, stdout=side, stderr=side, env=environment, cwd=folder, start_new_session=True,
        ) as bash:  # fmt: skip
            os.close(side)
            watchdog = threading.Timer(60, bash.kill)
            watchdog.start()
            os.write(main, "\n".join(["source <(towtank completion bash)", *lines, "exit", ""]).encode())
            try:
                while os.read(main, 4096):
                    pass
            except OSError:  # it has ended
                pass
            watchdog.cancel()
        os.close(main)
        return [each.splitlines() for each in called.read_text().split("\n\n") if each]

    return type_


def test_a_real_bash_completes_names_and_goes_on_behind_a_colon(typed):
    calls = typed(
        "towtank run --policy sprea\t--queue bac\t", "towtank run --trace generated:cpu-io-sm\t", "towtank ru\t"
    )

    assert calls == [
        ["run", "--policy", "spread", "--queue", "backfill"],
        ["run", "--trace", "generated:cpu-io-small"],
        ["run"],
    ]


def test_a_real_bash_completes_an_own_policy_and_files_with_blanks(typed, folder):
    (folder / "a b.csv").write_text("")

    calls = typed(
        "towtank run --policy min\troo\t", "towtank run --trace native:a\t", 'towtank run --trace "native:a\t'
    )

    assert calls == [
        ["run", "--policy", "mine.py:roomy"],
        ["run", "--trace", "native:a b.csv"],
        ["run", "--trace", "native:a b.csv"],
    ]
