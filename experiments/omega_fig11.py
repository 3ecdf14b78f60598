"""Over which decision times does shared state cope, with real machines and picky jobs? (Omega, figure 11)

Claim under test: on cluster C, with unlike machines and placement constraints, busyness is low over nearly the whole
range of decision times for services.
Run: ``python -m experiments.omega_fig11`` -> results/experiments/omega_fig11.* (``--trace`` for a recording as C)
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from experiments import omega
from experiments.drawing.curves import name_lines, panels, surface
from experiments.drawing.style import Figure
from experiments.measures.checks import Check, within
from experiments.omega_fig10 import MEASURES, with_busiest
from experiments.running.experiment import Plan, Point

__all__ = ["MEASURES", "check", "draw", "points"]

TAKES = ("trace",)


def points(plan: Plan) -> Iterator[Point]:
    """Sweep both parts of the decision time of services."""
    seeds, until_s = omega.seeds_and_horizon(plan, paper_days=29.0, small_h=2.0)
    for t_job_s in plan.pick([0.1, 3.0, 30.0, 100.0], omega.log_grid(0.01, 100, 9)):
        for t_task_s in plan.pick([0.005, 0.1, 1.0], omega.log_grid(0.001, 1, 7)):
            for seed in seeds:
                yield omega.high_fidelity(
                    "C", seed, until_s=until_s, t_job_s=t_job_s, t_task_s=t_task_s, trace=plan.trace
                )


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Say on how much of the surface schedulers have time."""
    source = f"{omega.PAPER} fig. 11, C"
    table = with_busiest(table)
    low = (table.busiest < 0.5).groupby(table.seed).mean()
    yield within(source, "no scheduler is half busy on most of the surface", 100 * low, 60, unit=" %")
    batch = table.groupby("seed")["busyness.batch"].max()
    yield within(source, "batch is never half busy", batch, high=0.5)


def draw(table: pd.DataFrame) -> Figure:
    """Draw the busyness of both schedulers over both parts of the decision time."""
    table = with_busiest(table)
    figure, axes = panels(2)
    for panel, name in zip(axes, ("batch", "service"), strict=True):
        mesh = surface(panel, table, "t_job_s", "t_task_s", f"busyness.{name}", "jobs_left_over")
        panel.set(title=f"shared state, C: {name} scheduler", xlabel="t_job of services [s]")
    axes[0].set_ylabel("t_task of services [s]")
    figure.colorbar(mesh, ax=axes, label="busyness")
    name_lines(figure, axes)
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "omega_fig11")
