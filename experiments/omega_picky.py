"""Do picky jobs make schedulers conflict, at the same load? (Omega, section 5: why the high-fidelity simulator)

Machines are of four kinds, the rarest one in fifteen, and a growing share of the jobs must have a certain one, each
kind as often as the others. The cell is the busy one, three quarters full whatever the share. Claim under test:
conflicts grow with the share of picky jobs, since these meet on few hosts.
Run: ``python -m experiments.omega_picky`` -> results/experiments/omega_picky.*
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from experiments import omega
from experiments.drawing.curves import curve, name_lines, panels
from experiments.drawing.style import Figure
from experiments.measures.checks import Check, times_within, within
from experiments.measures.tables import by_seed
from experiments.omega import SHARED
from experiments.running.experiment import Plan, Point

SHARES = (0.0, 0.1, 0.3, 0.6)
MEASURES = (
    "conflict_fraction.batch",
    "conflict_fraction.service",
    "wait_mean_s.batch",
    "jobs_submitted",
    "jobs_pending",
    "jobs_abandoned",
    "cpu_allocated_mean",
)


def points(plan: Plan) -> Iterator[Point]:
    """Sweep the share of picky jobs."""
    seeds, until_s = omega.seeds_and_horizon(plan, paper_days=1.0, small_h=12.0)
    for share in SHARES:
        for seed in seeds:
            trace = f"generated:busy-cell:picky={share:g}"
            yield omega.point(SHARED, "busy", seed, until_s=until_s, t_job_s=10.0, trace=trace, where={"picky": share})


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Compare with a cell where nobody is picky."""
    source = f"{omega.PAPER} section 5"
    for group in ("service", "batch"):
        nobody, most = (by_seed(table, f"conflict_fraction.{group}", picky=share) for share in (0.0, 0.6))
        yield times_within(source, f"{group} conflicts more if six jobs in ten are picky", most / nobody, 1)
    full = by_seed(table, "cpu_allocated_mean", picky=0.6) - by_seed(table, "cpu_allocated_mean", picky=0.0)
    yield within(source, "…in a cell that is no fuller", 100 * full, high=2, unit=" %")


def draw(table: pd.DataFrame) -> Figure:
    """Draw conflict fraction and wait against the share of picky jobs."""
    table = table.assign(percent=100 * table.picky)
    figure, axes = panels(2, share_y=False)
    for number, group in enumerate(("batch", "service")):
        curve(axes[0], table, "percent", f"conflict_fraction.{group}", group, colour=number, dash=number)
    curve(axes[1], table, "percent", "wait_mean_s.batch", "batch")
    axes[0].set(title="conflicts", ylabel="conflict fraction")
    axes[1].set(title="wait", ylabel="mean wait [s]")
    for panel in axes:
        panel.set_xlabel("picky jobs [%]")
        panel.set_ylim(bottom=0)
    name_lines(figure, axes)
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "omega_picky")
