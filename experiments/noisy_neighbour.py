"""What does a runaway container do to its neighbours, under each way to keep them apart?

A host of 8 cores: three services that ask for 2 cores and use 1.8, a batch job that asks for 1 and would use 4, and a
container that asks for half a core and has 1 to 64 threads that never sleep. Claims under test: without isolation its
neighbours slow down with the number of its threads (`none`), with a cgroup each as if it were one more of them
(`none:per=container`); by shares, caps and bands services never do; by caps cores stay idle that somebody wants, and by
nothing else; shares give the batch job at least what it asked for.
Run: ``python -m experiments.noisy_neighbour`` -> results/experiments/noisy_neighbour.*
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pandas as pd

from experiments.drawing.curves import curve, name_lines, panels
from experiments.drawing.style import Figure
from experiments.measures.checks import Check, within
from experiments.measures.tables import groups
from experiments.results.result import Result
from experiments.results.study import RunKey, Study
from experiments.running import choices
from experiments.running.experiment import Plan, Point
from experiments.running.placed import Placed, rates, run_placed
from experiments.running.simulate import Meter, Progress
from policies.requests import Demand
from sim.contention import Interplay
from traces.hosts import uniform

CORES = 8
THREADS = (1, 2, 4, 8, 16, 32, 64)
MODES = ("none", "none:per=container", "shares", "caps", "bands")
SERVICES = tuple(Placed(f"service-{n}", Demand(1.8, 0.0), 2000, workload="service") for n in range(3))
BATCH = Placed("batch", Demand(4.0, 0.0), 1000)
RUNAWAY_MILLI = 500
MEASURES = ()


def points(plan: Plan) -> Iterator[Point]:
    """Run each mode, with all numbers of threads: nothing is drawn."""
    for mode in MODES:
        yield Point({"isolation": mode}, Study(isolation=mode), RunKey("none", "none", 1), work=beside_a_runaway)


def beside_a_runaway(study: Study, key: RunKey, progress: Progress) -> Result:
    """Measure who gets what in the study's mode, a row for each number of threads."""
    meter, rows = Meter(), list[dict[str, Any]]()
    hosts, interplay = uniform(1, CORES, 0), Interplay(choices.isolation(study.isolation))
    for threads in THREADS:
        containers = [*SERVICES, BATCH, Placed("runaway", Demand(float(threads), 0.0), RUNAWAY_MILLI)]
        speed = rates(hosts, interplay, containers)
        used = {one.name: one.demand.cpu_cores * speed[one.name] for one in containers}
        # Cores that nobody uses while somebody has threads for them.
        wanted = min(sum(one.demand.cpu_cores for one in containers), CORES)
        # One that has an end, so that the run has.
        seen = run_placed(hosts, interplay, [*containers[:-1], containers[-1]._replace(work_s=1.0)])
        latency = seen.levels["service_latency"] / seen.levels["services"]
        rows.append({
            "threads": threads, "slowdown_services": 1.0 / speed["service-0"], "slowdown_batch": 1.0 / speed["batch"],
            "latency_services": latency, "cores_runaway": used["runaway"],
            "cores_wasted": max(wanted - sum(used.values()), 0.0),
        })  # fmt: skip
    return Result(key, {}, meter.cost(), folded=rows)


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Look at the largest number of threads, and at the worst of all."""
    most = table[table.threads == max(THREADS)].set_index("isolation")
    worst, source = table.groupby("isolation").max(), "noisy neighbour"
    yield within(source, "none: 64 threads slow services", [most.slowdown_services["none"]], 5, unit="×")
    grows = most.slowdown_services / table[table.threads == 8].set_index("isolation").slowdown_services
    yield within(source, "none: from 8 to 64 threads the slowdown grows", [grows["none"]], 2, unit="×")
    yield within(source, "none:per=container: …and there it does not", [grows["none:per=container"]], 1, 1.01, unit="×")
    yield within(
        source, "none:per=container: …a fifth of the host is less than services use",
        [worst.slowdown_services["none:per=container"]], 1.12, 1.13, unit="×",
    )  # fmt: skip
    for mode in MODES[2:]:
        slowdown = worst.slowdown_services[mode]
        yield within(source, f"{mode}: services are as fast as alone", [slowdown], 1, 1.01, unit="×")
    for mode in MODES:
        low, high = (0.1, CORES) if mode == "caps" else (0.0, 1e-6)
        claim = "leaves cores idle that somebody wants" if mode == "caps" else "leaves none idle that somebody wants"
        yield within(source, f"{mode}: {claim}", [worst.cores_wasted[mode]], low, high, unit=" cores")
    yield within(
        source, "caps: the runaway has what it asked for", [most.cores_runaway["caps"]], 0.499, 0.501, unit=" cores"
    )
    yield within(
        source,
        "shares: the batch job has what it asked for",
        [BATCH.demand.cpu_cores / most.slowdown_batch["shares"]],
        1,
        unit=" cores",
    )


def draw(table: pd.DataFrame) -> Figure:
    """Draw what everybody gets against the number of threads, a curve for each mode."""
    figure, axes = panels(3, 2, share_y=False)
    measures = (
        ("slowdown_services", "slowdown of services", "log"), ("latency_services", "latency of services / idle", "log"),
        ("slowdown_batch", "slowdown of the batch job", "log"), ("cores_runaway", "cores of the runaway", "linear"),
        ("cores_wasted", "cores idle though wanted", "linear"),
    )  # fmt: skip
    for panel, (measure, title, scale) in zip(axes, measures, strict=False):
        for number, (mode, part) in enumerate(groups(table, "isolation")):
            curve(panel, part, "threads", measure, mode, colour=number, dash=number)
        panel.set(title=title, yscale=scale)
        panel.set_xscale("log", base=2)
    axes[-1].set_axis_off()
    for panel in axes[2:5]:
        panel.set(xlabel="threads of the runaway")
    name_lines(figure, axes)
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "noisy_neighbour")
