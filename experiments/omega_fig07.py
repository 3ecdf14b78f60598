"""What does a pessimistic lock cost when a framework is slow? (Omega, figure 7)

Claim under test: under two-level scheduling a service framework that thinks long holds nearly all that is free; the
batch framework is busy with offers in which little fits, and jobs are left over. With shared state nobody is.
Run: ``python -m experiments.omega_fig07`` -> results/experiments/omega_fig07.*
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from experiments import omega
from experiments.drawing.curves import curve, name_lines, panels
from experiments.drawing.style import Figure
from experiments.measures.checks import Check, times_within, within
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
    seeds, until_s = omega.seeds_and_horizon(plan, paper_days=1.0, small_h=4.0)
    for cluster in "ABC":
        for scheme in SCHEMES:
            for t_job_s in plan.pick([0.1, 1.0, 10.0, 100.0], omega.log_grid(0.01, 100, 13)):
                for seed in seeds:
                    yield omega.point(scheme, cluster, seed, until_s=until_s, t_job_s=t_job_s)


def left_over(table: pd.DataFrame) -> pd.Series[float]:
    """Give how many jobs in a hundred were given up or had containers without a host in the end."""
    return 100 * (table.jobs_pending + table.jobs_abandoned) / table.jobs_submitted


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Hold waits, busyness and what is left over against the paper."""
    table = table.assign(left_over=left_over(table))
    for cluster, part in groups(table, "cluster"):
        source = f"{omega.PAPER} fig. 7, {cluster}"

        def at_100_s(measure: str, part: pd.DataFrame = part) -> list[pd.Series[float]]:
            return [by_seed(part, measure, scheme=scheme, t_job_s=100.0) for scheme in SCHEMES]

        offers, shared = at_100_s("left_over")
        yield within(source, "at 100 s two-level leaves jobs over", offers, 1, unit=" %", why_not=WHY_NOT)
        yield within(source, "at 100 s shared state leaves hardly any over", shared, high=1, unit=" %")
        offers, shared = at_100_s("wait_mean_s.batch")
        yield times_within(source, "at 100 s batch waits longer for offers", offers / shared, 2, why_not=WHY_NOT)
        offers, shared = at_100_s("busyness.batch")
        yield times_within(source, "at 100 s batch is far busier with offers", offers / shared, 2, why_not=WHY_NOT)


WHY_NOT = (
    "services come every few minutes here: their framework holds the cell for a part of the time only, and what ends "
    "meanwhile is room enough for most of the others"
)


def draw(table: pd.DataFrame) -> Figure:
    """Draw waits, busyness and what is left over."""
    table = table.assign(left_over=left_over(table))
    figure, axes = panels(3, share_y=False)
    offers = table[table.scheme == TWO_LEVEL]
    for colour, (cluster, part) in enumerate(groups(offers, "cluster")):
        for dash, name in enumerate(("batch", "service")):
            curve(axes[0], part, "t_job_s", f"wait_mean_s.{name}", f"{cluster} {name}", colour=colour, dash=dash)
            curve(axes[1], part, "t_job_s", f"busyness.{name}", f"{cluster} {name}", colour=colour, dash=dash)
        curve(axes[2], part, "t_job_s", "left_over", f"{cluster} all jobs", colour=colour, dash=2)
    axes[0].set(yscale="log", title="two-level: wait", ylabel="mean wait [s]")
    axes[1].set(title="two-level: busyness", ylabel="busyness", ylim=(0, 1.02))
    axes[2].set(title="two-level: jobs left over", ylabel="share of all jobs [%]", ylim=(0, 100))
    for panel in axes:
        panel.set(xscale="log", xlabel="decision time of a service job [s]")
    name_lines(figure, axes)
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "omega_fig07")
