"""Which scheme bears slow decisions about services best? (Omega, figure 10)

Claim under test: a single path is busy soonest, as t_job or t_task of services grow; two paths and shared state bear
much more; two-level scheduling leaves jobs over where the others do not.
Run: ``python -m experiments.omega_fig10`` -> results/experiments/omega_fig10.*
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from experiments import omega, omega_fig07
from experiments.drawing.curves import name_lines, panels, surface
from experiments.drawing.style import Figure
from experiments.measures.checks import Check, within
from experiments.omega import MULTI_PATH, SHARED, SINGLE_PATH, TWO_LEVEL
from experiments.running.experiment import Plan, Point

CLUSTER = "B"
SCHEMES = (SINGLE_PATH, MULTI_PATH, TWO_LEVEL, SHARED)
MEASURES = (
    "busyness.all",
    "busyness.batch",
    "busyness.service",
    "jobs_submitted",
    "jobs_pending",
    "jobs_abandoned",
    "wait_mean_s.batch",
)


def points(plan: Plan) -> Iterator[Point]:
    """Sweep both parts of the decision time of services under four schemes."""
    seeds, until_s = omega.seeds_and_horizon(plan, paper_days=1.0, small_h=2.0)
    for scheme in SCHEMES:
        for t_job_s in plan.pick([0.1, 3.0, 100.0], omega.log_grid(0.01, 100, 9)):
            for t_task_s in plan.pick([0.005, 0.1, 1.0], omega.log_grid(0.001, 1, 7)):
                for seed in seeds:
                    yield omega.point(scheme, CLUSTER, seed, until_s=until_s, t_job_s=t_job_s, t_task_s=t_task_s)


def with_busiest(table: pd.DataFrame) -> pd.DataFrame:
    """Add the busyness of the busiest scheduler, and how many in a hundred jobs were left over if it is more than 1."""
    busiest = table[["busyness.all", "busyness.batch", "busyness.service"]].max(axis=1)
    over = omega_fig07.left_over(table)
    return table.assign(busiest=busiest, jobs_left_over=over.where(over > 1, 0.0))


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Compare the schemes over the whole surface."""
    source = f"{omega.PAPER} fig. 10, {CLUSTER}"
    table = with_busiest(table)
    table = table.assign(saturated=table.busiest > omega.SATURATED)
    over, saturated = (table.groupby(["scheme", "seed"])[measure].mean() for measure in ("jobs_left_over", "saturated"))
    single, multi, offers, shared = (saturated[scheme] for scheme in SCHEMES)
    yield within(source, "one path is saturated on more of the surface than two", 100 * (single - multi), 1, unit=" %")
    yield within(
        source,
        "shared state bears as much as two paths, or more",
        100 * (multi - shared),
        0,
        unit=" %",
        why_not="a service scheduler of its own is saturated where two paths that share one are",
    )
    single, multi, offers, shared = (over[scheme] for scheme in SCHEMES)
    yield within(
        source,
        "two-level leaves more jobs over than shared state",
        offers - shared,
        0.5,
        unit=" %",
        why_not=omega_fig07.WHY_NOT,
    )
    yield within(source, "shared state leaves fewer over than one path", single - shared, 0.5, unit=" %")


def draw(table: pd.DataFrame) -> Figure:
    """Draw the busyness of the busiest scheduler over both parts of the decision time."""
    table = with_busiest(table)
    figure, axes = panels(2, 2)
    for panel, scheme in zip(axes, SCHEMES, strict=True):
        mesh = surface(panel, table[table.scheme == scheme], "t_job_s", "t_task_s", "busiest", "jobs_left_over")
        panel.set_title(scheme)
    for panel in axes[2:]:
        panel.set_xlabel("t_job of services [s]")
    for panel in axes[::2]:
        panel.set_ylabel("t_task of services [s]")
    figure.colorbar(mesh, ax=axes, label="busyness of the busiest scheduler")
    name_lines(figure, axes)
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "omega_fig10")
