"""Does the model foretell what three optimistic shards placed, from what one pessimistic scheduler did? (Gödel)

The published pair: 2,000 pods a second offered to 30,000 nodes; kube-scheduler placed about 300 a second, Gödel with
three optimistic shards about 1,000, peaks of 1,300 and more (Gödel's docs/performance/best-practice.md). Of this only
the 300 goes into the model, as a decision time of 1/300 s a pod for each scheduler. Claim under test: the 1,000 come
out.
Run: ``python -m experiments.godel`` -> results/experiments/godel.*
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from experiments.drawing.style import COLOURS, NEUTRAL, Figure, new
from experiments.measures.checks import Check, times_within, within
from experiments.measures.statistics import estimate
from experiments.measures.tables import by_seed, groups
from experiments.results.study import Detail, RunKey, Study
from experiments.running.experiment import Plan, Point

#: Pods a second that kube-scheduler placed, and Gödel.
KUBE, GODEL = 300.0, 1000.0
SHARDS = (1, 2, 3, 5)
#: Where a shard looks: the nodes with the most room, as kube-scheduler by default.
POLICY = "least-allocated"
MEASURES = (
    "tasks_scheduled",
    "tasks_submitted",
    "horizon_s",
    "conflict_fraction.batch",
    "busyness.batch",
    "busyness.all",
)


def points(plan: Plan) -> Iterator[Point]:
    """Run the pessimistic scheduler and different numbers of optimistic shards."""
    for seed in plan.seeds_or(3, 10):
        for conflict in ("fine", "coarse"):
            for shards in (0, *SHARDS):
                if shards or conflict == "fine":
                    study = Study(
                        trace="generated:godel",
                        until_s=plan.pick(20.0, 400.0),
                        t_job_s=0.0,
                        t_task_s=1 / KUBE,
                        schedulers={"batch": max(shards, 1)},
                        conflict=conflict,
                        detail=Detail.SUMMARY,
                    )
                    architecture = "shared-state" if shards else "monolithic"
                    where = {"architecture": architecture, "shards": shards, "conflict": conflict, "seed": seed}
                    yield Point(where, study, RunKey(architecture, POLICY, seed))


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Hold the rate of three shards against the published one."""
    table = table.assign(rate=table.tasks_scheduled / table.horizon_s)
    kube = by_seed(table, "rate", shards=0)
    yield within(
        "Gödel", "one pessimistic scheduler places (goes into the model)", kube, 0.97 * KUBE, 1.03 * KUBE, unit="/s"
    )
    three = by_seed(table, "rate", shards=3, conflict="fine")
    yield within("Gödel", "three optimistic shards place", three, 0.9 * GODEL, 1.1 * GODEL, unit="/s", why_not=WHY_NOT)
    coarse = by_seed(table, "rate", shards=3, conflict="coarse")
    yield times_within("Gödel", "…under coarse detection they place less", coarse / three, high=0.99)


WHY_NOT = "three schedulers of 300/s cannot place more than 900/s: a shard of Gödel must be quicker than kube-scheduler"


def draw(table: pd.DataFrame) -> Figure:
    """Draw pods placed a second against the number of shards, beside the published rates."""
    table = table.assign(rate=table.tasks_scheduled / table.horizon_s)
    figure = new(5.2, 3.4)
    axes = figure.subplots()
    for number, (conflict, part) in enumerate(groups(table[table.shards > 0], "conflict")):
        rates = [estimate(of.rate.tolist()) for _, of in part.groupby("shards")]
        axes.errorbar(
            sorted(part.shards.unique()), [rate.mean for rate in rates], [rate.half for rate in rates],
            color=COLOURS[number], marker="o", markersize=3, label=f"model, optimistic, {conflict}",
        )  # fmt: skip
    for rate, name in ((KUBE, "kube-scheduler, published"), (GODEL, "Gödel with 3 shards, published")):
        axes.axhline(rate, color=NEUTRAL, linewidth=0.8)
        axes.annotate(name, (5, rate), ha="right", va="bottom", fontsize=8)
    axes.set(xlabel="shards", ylabel="pods placed a second", ylim=(0, None), title="2,000 pods a second offered")
    axes.legend(loc="lower right", fontsize=8)
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "godel")
