"""Does a cell of 100,000 hosts with 40,000 containers a second stand, and what does a stale view cost there? (ParSync)

The scale is Alibaba's in Feng et al., "Scaling large production clusters with partitioned synchronization", USENIX ATC
2021: 100,000 machines, 40,000 tasks a second, most of them shorter than ten seconds. Twenty schedulers share it, each
with a quarter of a millisecond for a container. Claims under test: everything offered is placed, memory stays bounded,
and a scheduler that looks where its picture is fresh conflicts less than one that looks everywhere on an old one.
Run: ``python -m experiments.parsync`` -> results/experiments/parsync.*
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from experiments.drawing.style import COLOURS, Figure, new
from experiments.measures.checks import Check, times_within, within
from experiments.measures.tables import by_seed
from experiments.results.result import COST
from experiments.results.study import Detail, RunKey, Study
from experiments.running.experiment import Plan, Point

OFFERED = 40_000.0
QUALITY, LATENCY, ADAPTIVE = (f"partial-sync:prefer={prefer}" for prefer in ("quality", "latency", "adaptive"))
ARCHITECTURES = ("shared-state", QUALITY, LATENCY, ADAPTIVE)
MEASURES = (
    "tasks_submitted",
    "tasks_scheduled",
    "jobs_submitted",
    "jobs_scheduled",
    "horizon_s",
    "wait_mean_s",
    "conflict_fraction.batch",
    "conflicted_claims.batch",
    "busyness.batch",
    "cpu_allocated_mean",
    *COST,
)


def points(plan: Plan) -> Iterator[Point]:
    """Run shared state and the three ways of partial synchronisation."""
    for seed in plan.seeds_or(1, 3):
        for architecture in ARCHITECTURES:
            study = Study(
                trace="generated:parsync",
                until_s=plan.pick(20.0, 120.0),
                t_job_s=0.002,
                t_task_s=0.00025,
                schedulers={"batch": 20},
                detail=Detail.SUMMARY,
            )
            yield Point(
                {"architecture": architecture, "seed": seed}, study, RunKey(architecture, "random-first-fit", seed)
            )


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Look at what was placed and in how much memory, and compare conflicts."""
    placed = table.tasks_scheduled / table.tasks_submitted
    yield within(
        "ATC'21", "containers offered", table.tasks_submitted / table.horizon_s, 0.9 * OFFERED, 1.1 * OFFERED, unit="/s"
    )
    for architecture in ARCHITECTURES:
        yield within(
            "Towtank",
            f"{architecture}: placed of what was offered",
            100 * placed[table.architecture == architecture],
            95,
            unit=" %",
        )
    yield within("Towtank", "peak memory", table.peak_rss_bytes / 1e6, high=1000, unit=" MB")
    old, fresh = (by_seed(table, "conflict_fraction.batch", architecture=name) for name in (QUALITY, LATENCY))
    yield times_within("ATC'21", "fresh hosts first conflicts less than everywhere", fresh / old, high=0.9)


def draw(table: pd.DataFrame) -> Figure:
    """Draw conflicts and cost by architecture."""
    figure = new(7.5, 2.6)
    conflicts, cost = figure.subplots(1, 2)
    means = table.groupby("architecture", sort=False).mean(numeric_only=True)
    names = [name.replace("partial-sync:prefer=", "partial-sync\n") for name in means.index]
    conflicts.barh(names, means["conflict_fraction.batch"], color=COLOURS[0])
    conflicts.set(xlabel="conflict fraction")
    cost.barh(names, means.tasks_scheduled / means.cpu_s, color=COLOURS[1])
    cost.set(xlabel="containers placed for each second of one core")
    cost.set_yticklabels([])
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "parsync")
