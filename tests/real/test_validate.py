"""The command on real Engines: where nothing depends on how long things take, tank and sea decide alike."""

import json

import pytest
from click.testing import CliRunner

from experiments.cli import towtank

pytestmark = [pytest.mark.docker, pytest.mark.slow]

#: Each job has ended before the next one comes.
JOBS = """job,submit_s,workload,tasks,duration_s,cpus,memory_bytes,cpu_demand
a,0,batch,1,0.5,0.1,16777216,0.2
b,6,batch,2,0.5,0.1,16777216,0.2
c,12,batch,3,0.5,0.1,16777216,0.2
"""


def test_on_idle_hosts_tank_and_sea_decide_alike(testbed, tmp_path):
    inventory, trace, out = tmp_path / "hosts.toml", tmp_path / "jobs.csv", tmp_path / "out"
    inventory.write_text(testbed.inventory_text())
    trace.write_text(JOBS)
    command = [
        "validate",
        "--on",
        f"docker:{inventory}",
        "--trace",
        str(trace),
        "--policy",
        "spread",
        "--json",
        "--yes",
    ]

    ended = CliRunner().invoke(towtank, [*command, "--out", str(out)], catch_exceptions=False)

    told = json.loads(ended.stdout)
    (run,) = told["decisions"]
    assert (run["jobs"], run["jobs_share"], run["first_difference"]) == (3, 1.0, None)
    starts = next(row for row in told["rows"] if row["measure"] == "start_mean_s")
    assert starts["tank"] == 0 < starts["sea"]
    assert all((out / world / "summary.csv").exists() for world in ("tank", "sea"))
