"""How much sooner do MapReduce jobs end if a scheduler of their own uses idle room? (Omega, figure 15)

Claim under test: with as many extra workers as help (max-parallelism), 50 to 70 % of the jobs gain, and the speed-up is
3 to 4 times at the 80th percentile; limited to four times the request it is nearly the same, and less with a global cap
of 60 % of the cell. MapReduce jobs have a scheduler of their own here, beside those of batch and service jobs.

How many maps and reduces there are for each worker decides all of this, and is not in the paper: ours are the averages
of Dean and Ghemawat, OSDI 2004, table 1, with an assumed spread.
Run: ``python -m experiments.omega_fig15`` -> results/experiments/omega_fig15.*
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace

import numpy as np
import pandas as pd

from experiments import omega
from experiments.drawing.curves import name_lines, panels
from experiments.drawing.style import COLOURS, DASHES, NEUTRAL, Figure
from experiments.measures.checks import Check, times_within, within
from experiments.measures.folds import Speedup
from experiments.measures.tables import groups
from experiments.omega import SHARED
from experiments.running.experiment import Plan, Point

CLUSTERS = "ACD"
MAX_PARALLELISM, RELATIVE, CAPPED = "max-parallelism", "relative-job-size:times=4", "global-cap:share=0.6"
SIZINGS = (MAX_PARALLELISM, RELATIVE, CAPPED)
MEASURES = (
    "mapreduce_jobs",
    "mapreduce_gained",
    "mapreduce_speedup_p80",
    "cpu_allocated_mean",
    "memory_allocated_mean",
)


def mapreduce_point(cluster: str, sizing: str, seed: int, until_s: float) -> Point:
    """Make one run in which MapReduce jobs have a scheduler of their own, of that sizing."""
    trace = f"{omega.workload(cluster)}:mapreduce-workload=mapreduce"
    point = omega.point(SHARED, cluster, seed, until_s=until_s, trace=trace, mapreduce=sizing, where={"sizing": sizing})
    # All classes decide as quickly, this one too.
    return point._replace(study=replace(point.study, t_job_s=omega.T_JOB_S, t_task_s=omega.T_TASK_S))


def points(plan: Plan) -> Iterator[Point]:
    """Go through clusters and sizings."""
    seeds, until_s = omega.seeds_and_horizon(plan, paper_days=7.0, small_h=3.0)
    for cluster in CLUSTERS:
        for sizing in SIZINGS:
            for seed in seeds:
                yield mapreduce_point(cluster, sizing, seed, until_s)._replace(fold=Speedup)


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Hold gains and speed-ups against the paper."""
    for cluster, part in groups(table, "cluster"):
        source = f"{omega.PAPER} fig. 15, {cluster}"
        by_run = part.groupby(["sizing", "seed"]).first()
        most = by_run.loc[MAX_PARALLELISM]
        yield within(
            source, "jobs that gain, max-parallelism", 100 * most.mapreduce_gained, 50, 70, unit=" %", why_not=WHY_NOT
        )
        yield times_within(
            source, "speed-up at p80, max-parallelism", most.mapreduce_speedup_p80, 3, 4, why_not=WHY_NOT
        )
        relative, capped = by_run.loc[RELATIVE], by_run.loc[CAPPED]
        share = relative.mapreduce_speedup_p80 / most.mapreduce_speedup_p80
        yield times_within(
            source, "at most four times the request gains nearly as much", share, 0.7, 1.01, why_not=WHY_NOT
        )
        fewer = capped.mapreduce_gained / most.mapreduce_gained
        yield times_within(source, "fewer gain under a global cap of 60 %", fewer, high=1)


WHY_NOT = (
    "by the averages of 2004 nearly every program has more maps than workers; in the paper a third to a half of the "
    "programs had no use for more workers"
)


def draw(table: pd.DataFrame) -> Figure:
    """Draw the distribution of speed-ups, a panel for each cluster."""
    figure, axes = panels(len(CLUSTERS))
    for panel, (cluster, part) in zip(axes, groups(table, "cluster"), strict=True):
        for number, (sizing, jobs) in enumerate(groups(part, "sizing")):
            ordered = np.sort(jobs.speedup.to_numpy())
            shares = np.arange(1, ordered.size + 1) / ordered.size
            panel.step(ordered, shares, color=COLOURS[number], linestyle=DASHES[number], linewidth=1.2, label=sizing)
        panel.axhline(0.8, color=NEUTRAL, linewidth=0.6)
        panel.set(xscale="log", title=f"cluster {cluster}", xlabel="speed-up", ylim=(0, 1))
    axes[0].set_ylabel("share of MapReduce jobs")
    name_lines(figure, axes)
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "omega_fig15")
