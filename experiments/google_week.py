"""How much faster than real is Google's load, two billion container starts a week?

Joe Beda, "Containers at scale", GlueCon 2014: Google starts over two billion containers a week, 3,307 a second. Here
one cell of 12,500 hosts takes all of them, in jobs of 37 containers on average (Google cluster trace of 2011: 25
million containers, 672,000 jobs), for a simulated hour on one core. Eight optimistic schedulers share them out.
Claim under test: it is at least 20 times faster than real.
Run: ``python -m experiments.google_week`` -> results/experiments/google_week.*
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from experiments.drawing.style import COLOURS, NEUTRAL, Figure, new
from experiments.measures.checks import Check, times_within, within
from experiments.results.result import COST
from experiments.results.study import Detail, RunKey, Study
from experiments.running.experiment import Plan, Point

STARTS = 2e9 / (7 * 86400)
GOAL = 20.0
MEASURES = (
    "tasks_scheduled",
    "jobs_submitted",
    "jobs_scheduled",
    "horizon_s",
    "wait_mean_s",
    "conflict_fraction.batch",
    "cpu_allocated_mean",
    *COST,
)


def points(plan: Plan) -> Iterator[Point]:
    """Run an hour (ten minutes of it at the small scale)."""
    for seed in plan.seeds_or(1, 3):
        study = Study(
            trace="generated:google-week",
            until_s=plan.pick(600.0, 3600.0),
            t_job_s=0.01,
            t_task_s=0.001,
            schedulers={"batch": 8},
            detail=Detail.SUMMARY,
        )
        yield Point({"seed": seed}, study, RunKey("shared-state", "random-first-fit", seed))


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Report rate and ratio."""
    started = table.tasks_scheduled / table.horizon_s
    yield within(
        "GlueCon 2014", "containers are started at the published rate", started, 0.9 * STARTS, 1.1 * STARTS, unit="/s"
    )
    yield times_within("Towtank", "simulated faster than real by", table.horizon_s / table.cpu_s, GOAL)
    yield within("Towtank", "in memory of", table.peak_rss_bytes / 1e6, high=500, unit=" MB")


def draw(table: pd.DataFrame) -> Figure:
    """Draw the ratio beside the goal."""
    figure = new(4.5, 2.0)
    axes = figure.subplots()
    axes.barh([str(seed) for seed in table.seed], table.horizon_s / table.cpu_s, color=COLOURS[0])
    axes.axvline(GOAL, color=NEUTRAL)
    axes.set(xlabel="simulated seconds for each second of one core", ylabel="seed")
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "google_week")
