"""What do coarse conflict detection and all-or-nothing commits cost? (Omega, figure 14)

Claim under test: on cluster C gangs have about twice as many conflicts as incremental commits under fine detection, and
coarse detection two to three times as many conflicts, and more busyness, than fine. Two placements are shown: hosts at
random, where a claim on a host seldom takes the room of another, and best fit over all, where it nearly always does.
Run: ``python -m experiments.omega_fig14`` -> results/experiments/omega_fig14.* (``--trace`` for a recording as C)
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from experiments import omega
from experiments.drawing.curves import curve, name_lines, panels
from experiments.drawing.style import Figure
from experiments.measures.checks import Check, times_within
from experiments.measures.tables import by_seed, groups
from experiments.running.experiment import Plan, Point

POLICIES = (omega.AT_RANDOM, omega.BEST_OF_ALL)
MODES = [(conflict, commit) for conflict in ("fine", "coarse") for commit in ("incremental", "gang")]
TAKES = ("trace",)
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
    """Sweep the decision time of services for each way to detect conflicts and to commit, and each placement."""
    seeds, until_s = omega.seeds_and_horizon(plan, paper_days=29.0)
    for policy in POLICIES:
        for conflict, commit in MODES:
            for t_job_s in plan.pick([10.0, 100.0], omega.log_grid(0.1, 100, 10)):
                for seed in seeds:
                    mode = {"conflict": conflict, "commit": commit}
                    yield omega.high_fidelity(
                        "C",
                        seed,
                        until_s=until_s,
                        t_job_s=t_job_s,
                        policy=policy,
                        trace=plan.trace,
                        where={"policy": policy} | mode,
                        **mode,
                    )


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Hold the ratios of conflict fractions against the paper, where there are most of them."""
    for policy, part in groups(table, "policy"):
        source, longest = f"{omega.PAPER} fig. 14, C, {policy}", part.t_job_s.max()

        def at(measure: str, mode: tuple[str, str], part: pd.DataFrame = part, t: float = longest) -> pd.Series[float]:
            return by_seed(part, f"{measure}.service", conflict=mode[0], commit=mode[1], t_job_s=t)

        plain, gang, coarse, both = (at("conflict_fraction", mode) for mode in MODES)
        yield times_within(
            source, "gangs conflict about twice as often, fine", gang / plain, 1.4, 2.8, why_not=WHY_NOT_GANG
        )
        yield times_within(
            source,
            "coarse finds 2 to 3 times the conflicts",
            coarse / plain,
            1.6,
            3.5,
            why_not=WHY_NOT_COARSE,
        )
        busier = at("busyness", MODES[2]) / at("busyness", MODES[0])
        yield times_within(source, "…and makes the service scheduler busier", busier, 1.02, why_not=WHY_NOT_COARSE)
        yield times_within(source, "coarse gangs conflict most", both / plain, 1.4, why_not=WHY_NOT_GANG)


WHY_NOT_GANG = (
    "conflicts are few, so that a short run tells little; and half of the services have one container, whose gang is it"
)
WHY_NOT_COARSE = (
    "at random a claim seldom takes the room that another wants, since much is free: nearly all that coarse detection "
    "finds is none by fine"
)


def draw(table: pd.DataFrame) -> Figure:
    """Draw conflict fraction and busyness of services against their decision time, a curve for each mode."""
    figure, axes = panels(2, len(POLICIES), share_y=False)
    for row, policy in enumerate(POLICIES):
        conflicts, busyness = axes[2 * row : 2 * row + 2]
        for number, (conflict, commit) in enumerate(MODES):
            part = table[(table.policy == policy) & (table.conflict == conflict) & (table.commit == commit)]
            label = f"{conflict}, {commit}"
            curve(conflicts, part, "t_job_s", "conflict_fraction.service", label, colour=number, dash=number)
            curve(busyness, part, "t_job_s", "busyness.service", label, colour=number, dash=number)
        conflicts.set(title=policy, ylabel="conflict fraction of services", xscale="log")
        conflicts.set_ylim(bottom=0)
        busyness.set(title=policy, ylabel="busyness of services", ylim=(0, 1.02), xscale="log")
    for panel in axes[-2:]:
        panel.set(xlabel="decision time of a service job [s]")
    name_lines(figure, axes)
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "omega_fig14")
