"""Does opportunistic MapReduce make a cell's load vary more? (Omega, figure 16)

Claim under test: on cluster C, CPU and memory are allocated more variably over time with max-parallelism than with the
workers that jobs ask for.
Run: ``python -m experiments.omega_fig16`` -> results/experiments/omega_fig16.*
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from experiments import omega
from experiments.drawing.curves import name_lines, panels
from experiments.drawing.style import COLOURS, DASHES, Figure, time_unit
from experiments.measures.checks import Check, times_within
from experiments.measures.folds import Utilisation
from experiments.measures.tables import groups
from experiments.omega_fig15 import MAX_PARALLELISM, mapreduce_point
from experiments.running.experiment import Plan, Point

AS_REQUESTED = "as-requested"
RESOURCES = {"cpu": "CPU", "memory": "memory"}
MEASURES = ("mapreduce_extra_tasks",)
#: What a cell does in its first minutes depends on where it was begun.
WARM_UP_S = 1800.0


def points(plan: Plan) -> Iterator[Point]:
    """Run with and without extra workers."""
    seeds, until_s = omega.seeds_and_horizon(plan, paper_days=7.0, small_h=3.0)
    for sizing in (AS_REQUESTED, MAX_PARALLELISM):
        for seed in seeds:
            yield mapreduce_point("C", sizing, seed, until_s)._replace(fold=Utilisation)


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Compare the standard deviations over time."""
    table = table[table.t_s > WARM_UP_S]
    for resource, name in RESOURCES.items():
        spread = table.groupby(["seed", "sizing"])[f"{resource}_allocated"].std().unstack()
        ratio = spread[MAX_PARALLELISM] / spread[AS_REQUESTED]
        yield times_within(f"{omega.PAPER} fig. 16, C", f"{name} varies more with max-parallelism", ratio, 1)


def draw(table: pd.DataFrame) -> Figure:
    """Draw what is allocated over time, of the first seed, a panel for each resource."""
    table = table[table.seed == table.seed.min()]
    unit_s, unit = time_unit(float(table.t_s.max()))
    figure, axes = panels(len(RESOURCES))
    for panel, (resource, name) in zip(axes, RESOURCES.items(), strict=True):
        for number, (sizing, part) in enumerate(groups(table, "sizing")):
            look = {"color": COLOURS[number], "linestyle": DASHES[number], "linewidth": 1.0, "label": sizing}
            panel.plot(part.t_s / unit_s, 100 * part[f"{resource}_allocated"], **look)
        panel.set(title=f"{name}, cluster C", xlabel=f"time [{unit}]")
    axes[0].set_ylabel("allocated [%]")
    name_lines(figure, axes)
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "omega_fig16")
