"""Does it help to share batch work out to many optimistic schedulers? (Omega, figure 9)

Claim under test: with more schedulers each is less busy, while conflicts become more frequent, and more so with
the arrival rate; it still pays with 32.
Run: ``python -m experiments.omega_fig09`` -> results/experiments/omega_fig09.*
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from experiments import omega
from experiments.drawing.curves import curve, name_lines, panels
from experiments.drawing.style import Figure
from experiments.measures.checks import Check, times_within, within
from experiments.measures.tables import by_seed, groups
from experiments.omega import SHARED
from experiments.running.experiment import Plan, Point

CLUSTER = "B"
MANY = (1, 4, 32)
MEASURES = ("conflict_fraction.batch", "busyness.batch", "wait_mean_s.batch", "jobs_unattempted", "cpu_allocated_mean")


def points(plan: Plan) -> Iterator[Point]:
    """Sweep arrival rate and number of batch schedulers."""
    seeds, until_s = omega.seeds_and_horizon(plan, small_h=2.0)
    for schedulers in plan.pick(MANY, (1, 2, 4, 8, 16, 32)):
        for batch_rate in plan.pick([1.0, 4.0, 8.0], [1.0, 2.0, 4.0, 6.0, 8.0, 10.0]):
            for seed in seeds:
                yield omega.point(
                    SHARED,
                    CLUSTER,
                    seed,
                    until_s=until_s,
                    batch_rate=batch_rate,
                    schedulers={"batch": schedulers},
                    where={"schedulers": schedulers},
                )


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Hold conflicts and busyness against the paper."""
    source = f"{omega.PAPER} fig. 9, {CLUSTER}"
    one, few, many = (by_seed(table, "conflict_fraction.batch", schedulers=n, batch_rate=4.0) for n in MANY)
    yield within(source, "four schedulers conflict more than one, at 4 times the rate", few - one, 0)
    yield within(source, "32 conflict more than four, at 4 times the rate", many - few, 0)
    slow, quick = (by_seed(table, "conflict_fraction.batch", schedulers=32, batch_rate=r) for r in (1.0, 8.0))
    yield within(source, "32 schedulers conflict more at 8 times the rate than at the plain one", quick - slow, 0)
    one, _, many = (by_seed(table, "busyness.batch", schedulers=n, batch_rate=4.0) for n in MANY)
    yield times_within(source, "each of 32 is less busy than one alone, at 4 times the rate", many / one, high=0.25)
    wait = by_seed(table, "wait_mean_s.batch", schedulers=32, batch_rate=8.0)
    yield within(source, "with 32 nobody waits long at 8 times the rate", wait, high=omega.SLO_S, unit=" s")


def draw(table: pd.DataFrame) -> Figure:
    """Draw conflict fraction and busyness against the relative rate, a curve for each number of schedulers."""
    figure, axes = panels(2, share_y=False)
    for number, (schedulers, part) in enumerate(groups(table, "schedulers")):
        label = omega.batch_schedulers(schedulers)
        curve(axes[0], part, "batch_rate", "conflict_fraction.batch", label, colour=number, dash=number)
        curve(axes[1], part, "batch_rate", "busyness.batch", label, colour=number, dash=number)
    axes[0].set(title=f"conflicts, cluster {CLUSTER}", ylabel="conflict fraction")
    axes[1].set(title=f"busyness, cluster {CLUSTER}", ylabel="mean busyness of a batch scheduler", ylim=(0, 1.02))
    for panel in axes:
        panel.set(xlabel="arrival rate of batch jobs, relative")
    name_lines(figure, axes)
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "omega_fig09")
