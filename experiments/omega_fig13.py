"""How far do three optimistic schedulers go where one is saturated? (Omega, figure 13)

Claim under test: on cluster C three batch schedulers bear about three times the decision time of one, with a conflict
fraction of about 0.1, and nobody waits too long until they are saturated.
Run: ``python -m experiments.omega_fig13`` -> results/experiments/omega_fig13.* (``--trace`` for a recording as C)
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from experiments import omega
from experiments.drawing.curves import name_lines
from experiments.drawing.style import Figure
from experiments.measures.checks import Check, times_within, within
from experiments.measures.tables import by_seed
from experiments.running.experiment import Plan, Point

MANY = (1, 3)
TAKES = ("trace",)
MEASURES = ("wait_mean_s.batch", "conflict_fraction.batch", "busyness.batch", "jobs_unattempted", "jobs_submitted")


def points(plan: Plan) -> Iterator[Point]:
    """Sweep the decision time of batch jobs for one and for three batch schedulers."""
    seeds, until_s = omega.seeds_and_horizon(plan, paper_days=1.0, small_h=2.0)
    for schedulers in MANY:
        for t_batch_s in plan.pick([1.0, 2.0, 4.0, 8.0, 15.0], omega.log_grid(0.5, 30, 12)):
            for seed in seeds:
                yield omega.high_fidelity(
                    "C",
                    seed,
                    until_s=until_s,
                    trace=plan.trace,
                    where={"schedulers": schedulers},
                    schedulers={"batch": schedulers},
                    t_batch_s=t_batch_s,
                )


def saturation_s(part: pd.DataFrame) -> float:
    """Give the decision time at which the line of busyness reaches 1, of what is below `omega.SATURATED`, or NaN."""
    times, busyness = part.t_batch_s.to_numpy(), part["busyness.batch"].to_numpy()
    below = busyness < omega.SATURATED
    if below.sum() < 2:
        return float("nan")
    slope, offset = np.polyfit(times[below], busyness[below], 1)
    return float((1 - offset) / slope)


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Hold the points of saturation against the paper."""
    source = f"{omega.PAPER} fig. 13, C"
    one, three = (
        table[table.schedulers == n].groupby("seed")[table.columns.tolist()].apply(saturation_s) for n in MANY
    )
    yield within(source, "one scheduler is saturated at", one, 3, 5, unit=" s")
    yield times_within(source, "three bear a decision time longer by", three / one, 2.5, 4)
    free = table[(table.schedulers == 3) & (table["busyness.batch"] < 0.8)]
    last = by_seed(free[free.t_batch_s == free.t_batch_s.max()], "conflict_fraction.batch")
    yield within(source, "their conflict fraction stays about 0.1", last, 0, 0.2)
    wait = by_seed(free[free.t_batch_s == free.t_batch_s.max()], "wait_mean_s.batch")
    yield within(source, "nobody waits too long until they are saturated", wait, high=omega.SLO_S, unit=" s")


def draw(table: pd.DataFrame) -> Figure:
    """Draw wait, conflict fraction and busyness of batch against its decision time."""
    figure, axes = omega.draw_wait_conflicts_busyness(table, "batch", "t_batch_s", "schedulers", omega.batch_schedulers)
    name_lines(figure, axes)
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "omega_fig13")
