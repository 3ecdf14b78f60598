"""What does a pessimistic lock cost when a framework is slow? (Omega, figure 7)

Claim under test: under two-level scheduling a service framework that thinks long holds nearly all that is free; the
batch framework is busy with offers in which little fits, and jobs are left over. With shared state nobody is.
Run: ``python -m experiments.omega_fig07`` -> results/experiments/omega_fig07.*
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from experiments import omega
from experiments.drawing.curves import curve, legend, panels
from experiments.drawing.style import Figure
from experiments.measures.checks import Check, within
from experiments.measures.tables import by_seed, groups
from experiments.omega import SHARED, TWO_LEVEL
from experiments.running.experiment import Plan, Point

SCHEMES = (TWO_LEVEL, SHARED)
MEASURES = (
    "wait_mean_s.batch",
    "wait_mean_s.service",
    "busyness.batch",
    "busyness.service",
    "jobs_submitted",
    "jobs_pending",
    "jobs_abandoned",
    "cpu_allocated_mean",
)


def points(plan: Plan) -> Iterator[Point]:
    """Sweep the decision time of services, with offers and with shared state, on three clusters."""
    seeds, until_s = omega.seeds_and_horizon(plan, paper_days=1.0)
    for cluster in "ABC":
        for scheme in SCHEMES:
            for t_job_s in plan.pick([0.1, 1.0, 10.0, 100.0], omega.log_grid(0.01, 100, 13)):
                for seed in seeds:
                    yield omega.point(scheme, cluster, seed, until_s=until_s, t_job_s=t_job_s)


def left_over(table: pd.DataFrame) -> pd.Series:
    """Give the share of jobs that were given up or had containers without a host in the end."""
    return (table.jobs_pending + table.jobs_abandoned) / table.jobs_submitted


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Hold waits, busyness and what is left over against the paper."""
    for cluster, part in groups(table, "cluster"):
        source = f"{omega.PAPER} fig. 7, {cluster}"
        offers, shared = (by_seed(part, "jobs_abandoned", scheme=scheme, t_job_s=100.0) for scheme in SCHEMES)
        yield within(
            source, "two-level gives jobs up at a service decision time of 100 s", offers, 1, why_not=WHY_NOT_STARVED
        )
        yield within(source, "shared state gives none up at 100 s", shared, high=0)
        offers, shared = (by_seed(part, "wait_mean_s.batch", scheme=scheme, t_job_s=100.0) for scheme in SCHEMES)
        yield within(
            source, "batch waits longer for offers than with shared state, at 100 s", offers / shared, 2, unit="×"
        )
        offers, shared = (by_seed(part, "busyness.batch", scheme=scheme, t_job_s=100.0) for scheme in SCHEMES)
        yield within(
            source, "batch is far busier with offers than with shared state, at 100 s", offers / shared, 2, unit="×",
            why_not=WHY_NOT_STARVED,
        )  # fmt: skip


#: Seen in the logs of clusters with few services.
WHY_NOT_STARVED = (
    "services come every few minutes here, so that their framework holds the cell for a part of the time only, and what "
    "ends meanwhile is room enough for the others; offers are gathered for a second, so that 100 s are few attempts"
)


def draw(table: pd.DataFrame) -> Figure:
    """Draw waits, busyness and what is left over."""
    table = table.assign(left_over=100 * left_over(table))
    figure, axes = panels(3, share_y=False)
    offers = table[table.scheme == TWO_LEVEL]
    for colour, (cluster, part) in enumerate(groups(offers, "cluster")):
        for dash, name in enumerate(("batch", "service")):
            curve(axes[0], part, "t_job_s", f"wait_mean_s.{name}", f"{cluster} {name}", colour=colour, dash=dash)
            curve(axes[1], part, "t_job_s", f"busyness.{name}", f"{cluster} {name}", colour=colour, dash=dash)
        curve(axes[2], part, "t_job_s", "left_over", f"{cluster} all jobs", colour=colour, dash=2)
    axes[0].set(yscale="log", title="two-level: wait", ylabel="mean wait [s]")
    axes[1].set(title="two-level: busyness", ylabel="busyness", ylim=(0, 1.02))
    axes[2].set(title="two-level: jobs left over", ylabel="share of all jobs [%]")
    for panel in axes:
        panel.set(xscale="log", xlabel="decision time of a service job [s]")
    legend(figure, axes)
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "omega_fig07")
