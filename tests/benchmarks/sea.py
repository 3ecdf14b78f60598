"""What the sea itself costs: deciding, starting, listening and looking, beside what the containers do.

Makes a testbed of three hosts, and needs root and Docker for it. Processor time is that of our own process, and of the
Engines where it says so; the machine may be busy with other things.

Run: ``python -m tests.benchmarks.sea`` (about two minutes)
"""

import json
import tempfile
import time
from pathlib import Path

import numpy as np
import pandas as pd

from policies.log import Log
from policies.placement import Placer, scores
from policies.requests import Group, Job, Resources, Task
from policies.scheduling import Settings
from policies.scheduling.architecture import monolithic
from policies.scheduling.scheduler import DecisionTime
from real.clock import WallClock
from real.engine import connect
from real.load import command, image
from real.testbed import Testbed, TestbedOptions
from real.watching.use import UseStreams
from sim.undisturbed import Undisturbed
from tests.benchmarks.ratios import TOWTANK, measured
from traces.hosts import Hosts
from traces.inventory import read_inventory
from traces.replay import Replay, ReplayOptions
from traces.trace import Arrival

OPTIONS = TestbedOptions(name="tt-bench", subnet=97, cpus=0.6)
CONTAINERS, WATCHED, WATCH_S, DECISIONS = 100, 30, 10.0, 20_000


def processor_s(pid):
    """Processor time of a process up to now."""
    fields = Path(f"/proc/{pid}/stat").read_text().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / 100


def engines():
    """Processor time of all Engines of this machine."""
    names = {"dockerd", "containerd"}
    there = [p for p in Path("/proc").glob("[0-9]*/comm") if p.read_text().strip() in names]
    return sum(processor_s(path.parent.name) for path in there)


def whole_run(inventory, folder):
    """A hundred containers that come at once and hardly do anything, on three hosts."""
    trace = folder / "many.csv"
    rows = [f"j{n},0,batch,1,2,0.01,8388608" for n in range(CONTAINERS)]
    trace.write_text("\n".join(["job,submit_s,workload,tasks,duration_s,cpus,memory_bytes", *rows, ""]))
    out, before = folder / "out", engines()
    cpu_s, rss_mb, _ = measured(
        [*TOWTANK, "--on", f"docker:{inventory}", "--yes", "--trace", str(trace), "--policy", "spread",
         "--architecture", "monolithic", "--t-job", "0", "--t-task", "0", "--out", str(out), "--no-figures"]
    )  # fmt: skip
    (summary,) = pd.read_csv(out / "summary.csv").to_dict("records")
    (log,) = [path for path in (out / "log").glob("*.parquet") if ".hosts" not in path.name]
    rows = pd.read_parquet(log)
    started = rows[rows.event == "started"].t_s
    print(
        json.dumps(
            {
                "containers": CONTAINERS, "makespan_s": round(summary["makespan_s"], 2),
                                "starts_per_s": round(CONTAINERS / started.max(), 1),
                "our_cpu_s": round(cpu_s, 2), "our_cpu_ms_per_container": round(1000 * cpu_s / CONTAINERS, 1),
                "engines_cpu_s_per_container": round((engines() - before) / CONTAINERS, 3), "our_rss_mb": round(rss_mb),
            }
        )
    )  # fmt: skip


def deciding():
    """Schedulers on the wall clock, as fast as they can, with containers that end by themselves."""
    capacity = np.array([[10**7] * 3, [2**40] * 3, *[[0] * 3] * 3])
    hosts, clock = Hosts(["a", "b", "c"], capacity, np.ones(3, dtype=bool)), WallClock()
    rows = []
    world = Replay(
        clock, hosts, monolithic(), Settings(decision_time=DecisionTime(0.0, 0.0)), lambda name: Placer(scores.spread),
        Log([rows.extend]), ReplayOptions(), lambda replay: Undisturbed(clock, 3, replay.finished),
    )  # fmt: skip
    task = Task(Resources(100, 2**20))
    jobs = [Arrival(Job(f"j{n}", 0.0, "batch", (Group(task, 1),)), (0.5,)) for n in range(DECISIONS)]
    began_s = time.process_time()
    world.run(iter(jobs))
    cpu_s = time.process_time() - began_s
    print(json.dumps({"decisions": DECISIONS, "decisions_per_cpu_s": round(DECISIONS / cpu_s)}))


def looking(inventory):
    """Streams of use of containers that sleep, and nothing else."""
    client = connect(read_inventory(inventory)[0])
    image.ensure(client)
    config = client.create_container_config(
        image.tag(), command.run(None, Resources(), float("inf"), 1e6),
        host_config=client.create_host_config(network_mode="none"), labels={"towtank.owner": "bench"},
    )  # fmt: skip
    names = [f"towtank-bench-{number}" for number in range(WATCHED)]
    for name in names:
        client.create_container_from_config(config, name)
        client.start(name)
    streams = UseStreams(client)
    for followed in (False, True):
        if followed:
            for name in names:
                streams.follow(name)
            time.sleep(2.0)
        before_s, before_engines_s, began_s = time.process_time(), engines(), time.monotonic()
        time.sleep(WATCH_S)
        passed_s = time.monotonic() - began_s
        ours, theirs = time.process_time() - before_s, engines() - before_engines_s
        print(
            json.dumps(
                {
                    "watched": WATCHED if followed else 0,
                    "our_percent_of_a_core": round(100 * ours / passed_s, 2),
                    "engines_percent_of_a_core": round(100 * theirs / passed_s, 2),
                }
            )
        )
    streams.close()


def main():
    """Make the hosts, measure, and take them away."""
    bed = Testbed(OPTIONS)
    bed.down()
    try:
        bed.up(3)
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            inventory = folder / "hosts.toml"
            inventory.write_text(bed.inventory_text())
            deciding()
            whole_run(inventory, folder)
            looking(inventory)
    finally:
        bed.down()


if __name__ == "__main__":
    main()
