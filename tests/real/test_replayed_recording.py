"""What was recorded of a run at sea, replayed in the tank, goes where it went."""

import subprocess
import sys
from pathlib import Path

import pandas as pd
import pytest

from experiments.measures.decisions import Decisions, compare
from experiments.results.logs import read_log

ROOT = Path(__file__).parents[2]
RUN = ["run", "--policy", "spread", "--architecture", "monolithic", "--detail", "tasks", "--no-figures"]


def towtank(*words, cwd):
    return subprocess.Popen(
        [sys.executable, "-m", "experiments", *map(str, words)],
        cwd=cwd, env={"PYTHONPATH": str(ROOT), "PATH": "/usr/sbin:/usr/bin:/sbin:/bin"},
        stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True,
    )  # fmt: skip


def ended(process):
    said, _ = process.communicate(timeout=300)
    assert process.returncode == 0, said
    return said


def seen(folder):
    (log,) = [path for path in (folder / "log").glob("*.parquet") if not path.name.endswith(".hosts.parquet")]
    decisions = Decisions()
    for rows in read_log(log):
        decisions(rows)
    (summary,) = pd.read_csv(folder / "summary.csv").to_dict("records")
    return decisions, summary


@pytest.mark.docker
@pytest.mark.slow
def test_a_recording_of_a_run_is_replayed_to_the_same_places_and_in_the_same_time(inventory, tmp_path):
    recording = towtank(
        "record", inventory, "--for", "60s", "--out", "recorded.csv", "--hosts-out", "recorded.toml", cwd=tmp_path
    )
    trace = "generated:cpu-io-waves:span=40s"
    ended(towtank(*RUN, "--on", f"docker:{inventory}", "--yes", "--trace", trace, "--out", "sea", cwd=tmp_path))
    ended(recording)
    ended(
        towtank(
            *RUN, "--trace", "recorded.csv", "--hosts", "recorded.toml", "--out", "tank", "--until", "200", cwd=tmp_path
        )
    )

    (at_sea, sea), (replayed, tank) = seen(tmp_path / "sea"), seen(tmp_path / "tank")

    assert sea["tasks_finished"] == tank["tasks_finished"] == 12
    assert compare(replayed, at_sea, ["h1", "h2", "h3"]).jobs_share == 1.0
    assert tank["makespan_s"] == pytest.approx(sea["makespan_s"], rel=0.1)
