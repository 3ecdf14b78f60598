"""What do coarse conflict detection and all-or-nothing commits cost? (Omega, figure 14)

Claim under test: on cluster C gangs have about twice as many conflicts as incremental commits under fine detection, and
coarse detection two to three times as many conflicts, and more busyness, than fine.
Run: ``python -m experiments.omega_fig14`` -> results/experiments/omega_fig14.* (``--trace`` for a recording as C)
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from experiments import omega
from experiments.drawing.curves import curve, legend, panels
from experiments.drawing.style import Figure
from experiments.measures.checks import Check, within
from experiments.measures.tables import by_seed
from experiments.running.experiment import Plan, Point

MODES = [(conflict, commit) for conflict in ("fine", "coarse") for commit in ("incremental", "gang")]
MEASURES = (
    "conflict_fraction.service",
    "conflict_fraction.batch",
    "busyness.service",
    "busyness.batch",
    "wait_mean_s.service",
    "jobs_pending",
    "jobs_abandoned",
)


def points(plan: Plan) -> Iterator[Point]:
    """Sweep the decision time of services for each way to detect conflicts and to commit."""
    seeds, until_s = omega.seeds_and_horizon(plan, paper_days=29.0)
    for conflict, commit in MODES:
        for t_job_s in plan.pick([1.0, 10.0, 30.0], omega.log_grid(0.1, 100, 10)):
            for seed in seeds:
                where = {"conflict": conflict, "commit": commit}
                yield omega.high_fidelity(
                    "C", seed, until_s=until_s, t_job_s=t_job_s, trace=plan.trace, where=where, **where
                )


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Hold the ratios of conflict fractions against the paper."""
    source, fraction, busyness = f"{omega.PAPER} fig. 14, C", "conflict_fraction.service", "busyness.service"

    def at(measure: str, conflict: str, commit: str) -> pd.Series:
        return by_seed(table, measure, conflict=conflict, commit=commit, t_job_s=10.0)

    gang = at(fraction, "fine", "gang") / at(fraction, "fine", "incremental")
    yield within(
        source, "gangs conflict about twice as often, fine, at 10 s", gang, 1.4, 2.8, unit="×", why_not=WHY_GANG
    )
    coarse = at(fraction, "coarse", "incremental") / at(fraction, "fine", "incremental")
    yield within(
        source,
        "coarse detection finds 2 to 3 times the conflicts, at 10 s",
        coarse,
        1.6,
        3.5,
        unit="×",
        why_not=WHY_COARSE,
    )
    busier = at(busyness, "coarse", "incremental") / at(busyness, "fine", "incremental")
    yield within(source, "…and makes the service scheduler busier", busier, 1.05, unit="×")
    worst = at(fraction, "coarse", "gang") / at(fraction, "fine", "incremental")
    yield within(
        source,
        "coarse gangs are worse than either alone",
        worst / pd.concat([gang, coarse], axis=1).max(axis=1),
        1,
        unit="×",
    )


WHY_GANG = WHY_COARSE = ""


def draw(table: pd.DataFrame) -> Figure:
    """Draw conflict fraction and busyness of services against their decision time, a curve for each mode."""
    figure, axes = panels(2, share_y=False)
    for number, (conflict, commit) in enumerate(MODES):
        part = table[(table.conflict == conflict) & (table.commit == commit)]
        for panel, measure in zip(axes, ("conflict_fraction", "busyness"), strict=True):
            curve(panel, part, "t_job_s", f"{measure}.service", f"{conflict}, {commit}", colour=number, dash=number)
    axes[0].set(title="conflicts of services", ylabel="conflict fraction")
    axes[1].set(title="busyness of services", ylabel="busyness", ylim=(0, 1.02))
    for panel in axes:
        panel.set(xscale="log", xlabel="decision time of a service job [s]")
    legend(figure, axes)
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "omega_fig14")
