"""What whole runs cost, in units of a bare SimPy loop measured between them.

A unit is the processor time, user and system, of the whole process ``bare.py``. Machines are shared and noisy, so unit
and run take turns, and the median of the ratios is what to look at.

Run: ``make bench`` or ``python -m tests.benchmarks.ratios [--turns N] [NAME …]``
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import tempfile
from pathlib import Path

import numpy as np

BARE = [sys.executable, str(Path(__file__).with_name("bare.py"))]
TOWTANK = [sys.executable, "-m", "experiments", "run", "--json"]
JOBS = 20_000


def measured(command):
    """Run a command; give its processor seconds, its peak memory in MB, and what it printed."""
    with tempfile.TemporaryFile() as out:
        process = subprocess.Popen(command, stdout=out)
        _, status, usage = os.wait4(process.pid, 0)
        out.seek(0)
        if status:
            raise SystemExit(f"{' '.join(command)} failed")
        return usage.ru_utime + usage.ru_stime, usage.ru_maxrss / 1024, out.read()


def omega_day(*options):
    """The day of the Omega example cell."""
    path = Path(os.environ.get("TOWTANK_TRACES", "../shared/traces")) / "omega" / "omega_ex_1d.csv"
    return [*TOWTANK, "--trace", f"native:{path}", "--hosts", "10000", "--host-cpus", "4", "--host-memory", "16GiB",
            "--until", "86400", "--policy", "random-first-fit", *options]  # fmt: skip


def busy_day(architecture, days=1):
    """So many days of the busy cell."""
    return [*TOWTANK, "--trace", "generated:busy-cell", "--until", f"{days}d", "--policy", "random-first-fit",
            "--architecture", architecture]  # fmt: skip


def common_workload(folder, hosts):
    """20,000 one-core tasks, exponential with mean 600 s, Poisson at 70 % of so many hosts of 16 cores."""
    path = folder / f"common-{hosts}.csv"
    rng = np.random.default_rng(1)
    at = np.cumsum(rng.exponential(600 / (0.7 * hosts * 16), JOBS))
    rows = zip(range(JOBS), at.tolist(), rng.exponential(600, JOBS).tolist(), strict=True)
    lines = [f"{job},{t!r},batch,1,{run_s!r},1,0" for job, t, run_s in rows]
    path.write_text("\n".join(["job,submit_s,workload,tasks,duration_s,cpus,memory_bytes", *lines, ""]))
    return [*TOWTANK, "--trace", f"native:{path}", "--hosts", str(hosts), "--host-cpus", "16", "--t-job", "0",
            "--t-task", "0", "--architecture", "monolithic", "--policy", "least-allocated"]  # fmt: skip


def shared_hosts(folder, hosts, per_job, disk, lives_per_host=20):
    """Ten containers a host on hosts of 16 cores, in jobs of so many; every second kind of twenty reads from the disk.

    On an SSD hardly anything is short; an HDD is, on about a quarter of the hosts.
    """
    path = folder / f"shared-{hosts}-{per_job}-{disk}.csv"
    rng = np.random.default_rng(1)
    jobs = lives_per_host * hosts // per_job
    at = np.cumsum(rng.exponential(600 / (10 * hosts) * per_job, jobs))
    kinds = [(1 + k / 20, 0) if k % 2 == 0 else (0.1 + k / 200, 20e6 * (1 + k / 10)) for k in range(20)]
    lines = ["job,submit_s,workload,tasks,duration_s,cpus,memory_bytes,cpu_demand,disk_read_bps"]
    for job, (t, run_s) in enumerate(zip(at.tolist(), rng.exponential(600, jobs).tolist(), strict=True)):
        cpu, read = kinds[rng.integers(20)]
        lines.append(f"{job},{t!r},batch,{per_job},{run_s!r},1,{2**30},{cpu!r},{read!r}")
    path.write_text("\n".join([*lines, ""]))
    return [*TOWTANK, "--trace", f"native:{path}", "--hosts", str(hosts), "--host-cpus", "16", "--host-memory", "64GiB",
            "--host-disk", disk, "--contention", "on", "--isolation", "shares", "--t-job", "0", "--t-task", "0",
            "--architecture", "monolithic", "--policy", "random-first-fit"]  # fmt: skip


def main():
    parser = argparse.ArgumentParser(description=__doc__.partition("\n")[0])
    parser.add_argument("--turns", type=int, default=5)
    parser.add_argument("names", nargs="*", metavar="NAME")
    arguments = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        runs = {
            "omega-day monolithic": omega_day("--architecture", "monolithic"),
            "omega-day shared-state": omega_day("--architecture", "shared-state"),
            "omega-day shared-state coarse gang": omega_day(
                "--architecture", "shared-state", "--conflict", "coarse", "--commit", "gang"
            ),
            **{f"busy-day {name}": busy_day(name) for name in ("monolithic", "shared-state", "two-level")},
            "busy-week shared-state": busy_day("shared-state", 7),
            "common 1,000 hosts": common_workload(Path(folder), 1000),
            "common 10,000 hosts": common_workload(Path(folder), 10_000),
            "contention 10,000 hosts, jobs of ten": shared_hosts(Path(folder), 10_000, 10, "SSD_QD1"),
            "contention 10,000 hosts, disks short": shared_hosts(Path(folder), 10_000, 10, "HDD"),
            "contention 10,000 hosts, jobs of one": shared_hosts(Path(folder), 10_000, 1, "SSD_QD1", 10),
            "contention 1,000 hosts, jobs of ten": shared_hosts(Path(folder), 1000, 10, "SSD_QD1", 200),
        }
        chosen = {name: run for name, run in runs.items() if all(word in name for word in arguments.names)}
        print(
            f"{'':38}{'units':>7}{'min':>7}{'max':>7}{'CPU s':>8}{'unit s':>8}{'MB':>6}"
            f"{'jobs/CPU-s':>12}{'lives/CPU-s':>12}"
        )
        for name, run in chosen.items():
            measured(run)
            turns = [(measured(BARE)[0], *measured(run)) for _ in range(arguments.turns)]
            units, costs = [turn[0] for turn in turns], [turn[1] for turn in turns]
            ratios = [cost / unit for unit, cost in zip(units, costs, strict=True)]
            metrics = json.loads(turns[0][3])["runs"][0]["metrics"]
            print(
                f"{name:38}{statistics.median(ratios):7.2f}{min(ratios):7.2f}{max(ratios):7.2f}"
                f"{statistics.median(costs):8.2f}{statistics.median(units):8.2f}{max(turn[2] for turn in turns):6.0f}"
                f"{metrics['jobs_scheduled'] / statistics.median(costs):12,.0f}"
                f"{metrics['tasks_finished'] / statistics.median(costs):12,.0f}",
                flush=True,
            )


if __name__ == "__main__":
    main()
