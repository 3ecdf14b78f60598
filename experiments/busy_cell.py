"""In a busy cell, what do conflict modes, many schedulers and slow neighbours cost?

The cell: 10,000 hosts of 4 cores and 16 GiB, 23,000 containers of 1 core and 2 GiB in place all day, and batch and
service jobs of such containers on top: about three quarters full. Claims under test: coarse detection and gangs each
make 1.2 to 3 times as many conflicts; conflicts grow with the number of batch schedulers, and then no more; batch waits
for slow services in a monolithic cell, and does not under shared state.
Run: ``python -m experiments.busy_cell`` -> results/experiments/busy_cell.*
"""

from __future__ import annotations

from collections.abc import Iterator
from itertools import product
from typing import Any

import pandas as pd

from experiments.drawing.curves import curve, name_lines, panels
from experiments.drawing.style import Figure
from experiments.measures.checks import Check, times_within
from experiments.measures.tables import by_seed, groups
from experiments.results.study import Detail, RunKey, Study
from experiments.running.experiment import Plan, Point

DAY_S = 86400.0
MODES = tuple(product(("fine", "coarse"), ("incremental", "gang")))
MANY = (1, 2, 4, 8, 16, 32)
SERVICE_S = (0.1, 1.0, 10.0, 30.0)
MEASURES = (
    "conflict_fraction.service",
    "conflict_fraction.batch",
    "conflicted_transactions.batch",
    "wait_mean_s.batch",
    "busyness.batch",
    "busyness.service",
    "jobs_submitted",
    "jobs_scheduled",
    "cpu_allocated_mean",
)


def points(plan: Plan) -> Iterator[Point]:
    """Go through the modes, the numbers of schedulers and the decision times of services, one after the other."""
    seeds = plan.seeds_or(3, 10)
    for seed in seeds:
        for conflict, commit in MODES:
            yield _point("modes", seed, 10.0, conflict=conflict, commit=commit)
        for schedulers in plan.pick(MANY[::2], MANY):
            yield _point("schedulers", seed, 10.0, schedulers={"batch": schedulers}, conflict="coarse")
        for service_s in SERVICE_S:
            for architecture in ("shared-state", "monolithic"):
                yield _point("wait", seed, service_s, architecture)


def _point(part: str, seed: int, service_s: float, architecture: str = "shared-state", **options: Any) -> Point:
    study = Study(
        trace="generated:busy-cell",
        until_s=DAY_S,
        t_job_s={"batch": 0.1, "service": service_s},
        detail=Detail.SUMMARY,
        **options,
    )
    place = {"part": part, "architecture": architecture, "service_s": service_s, "schedulers": 1}
    place |= {"conflict": "fine", "commit": "incremental"} | options
    if "schedulers" in options:
        place["schedulers"] = options["schedulers"]["batch"]
    return Point(place | {"seed": seed}, study, RunKey(architecture, "random-first-fit", seed))


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Look at the order and size of the effects."""
    modes, many, waits = (table[table.part == part] for part in ("modes", "schedulers", "wait"))
    fraction = {mode: by_seed(modes, "conflict_fraction.service", conflict=mode[0], commit=mode[1]) for mode in MODES}
    for commit in ("incremental", "gang"):
        ratio = fraction["coarse", commit] / fraction["fine", commit]
        yield times_within("busy cell", f"coarse detection conflicts more than fine, {commit}", ratio, 1.2, 3)
    for conflict in ("fine", "coarse"):
        ratio = fraction[conflict, "gang"] / fraction[conflict, "incremental"]
        yield times_within("busy cell", f"gangs conflict more than incremental commits, {conflict}", ratio, 1.2, 3)
    counts = sorted(many.schedulers.unique())
    conflicts = [by_seed(many, "conflicted_transactions.batch", schedulers=n) for n in counts]
    yield times_within(
        "busy cell", f"{counts[1]} batch schedulers conflict more than one", conflicts[1] / conflicts[0], 1
    )
    first, last = conflicts[1] - conflicts[0], conflicts[-1] - conflicts[-2]
    slowing = (last / (counts[-1] - counts[-2])) / (first / (counts[1] - counts[0]))
    yield times_within("busy cell", "each further scheduler adds fewer conflicts", slowing, high=0.5)
    for architecture, low, high in (("shared-state", 0.9, 1.1), ("monolithic", 10, float("inf"))):
        slow, quick = (by_seed(waits, "wait_mean_s.batch", architecture=architecture, service_s=s) for s in (30.0, 0.1))
        yield times_within(
            "busy cell", f"{architecture}: batch wait at 30 s over that at 0.1 s", slow / quick, low, high
        )


def draw(table: pd.DataFrame) -> Figure:
    """Draw the three parts."""
    modes, many, waits = (table[table.part == part] for part in ("modes", "schedulers", "wait"))
    figure, axes = panels(3, share_x=False, share_y=False)
    names = [f"{conflict}\n{commit}" for conflict, commit in MODES]
    order = {mode: number for number, mode in enumerate(MODES)}
    at = modes.assign(mode=[order[mode] for mode in zip(modes.conflict, modes.commit, strict=True)])
    curve(axes[0], at, "mode", "conflict_fraction.service", "services, 10 s a decision", joined=False)
    axes[0].set_xticks(range(len(names)), names, fontsize=7)
    axes[0].set(title="by mode", ylabel="conflict fraction", ylim=(0, None))
    curve(axes[1], many, "schedulers", "conflicted_transactions.batch", "batch, coarse", colour=1)
    axes[1].set(title="by number", xlabel="batch schedulers", ylabel="transactions with a conflict", ylim=(0, None))
    for number, (architecture, part) in enumerate(groups(waits, "architecture")):
        curve(axes[2], part, "service_s", "wait_mean_s.batch", f"batch, {architecture}", colour=2 + number, dash=number)
    axes[2].set(title="behind slow services", xlabel="decision time of a service job [s]", ylabel="mean wait [s]")
    axes[2].set(xscale="log", yscale="log")
    name_lines(figure, axes)
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "busy_cell")
