"""What do conflicts cost when services decide slowly, with picky jobs? (Omega, figure 12)

Claim under test: on cluster B the conflict fraction passes 1 at a service decision time of about 10 s; busyness is then
well above what it would be without conflicts (drawn dotted), and the wait exceeds its objective of 30 s although the
scheduler is not saturated yet. A t_task of 1 s does far less harm.

How often schedulers want the same hosts depends on where they look, and the paper's placement is not public. Three are
shown: hosts at random, the fullest of some hosts drawn at random for each container (Borg's relaxed randomisation), and
the fullest of all.
Run: ``python -m experiments.omega_fig12`` -> results/experiments/omega_fig12.*
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from experiments import omega
from experiments.drawing.curves import name_lines
from experiments.drawing.style import NEUTRAL, Figure
from experiments.measures.checks import Check, times_within, within
from experiments.measures.tables import by_seed
from experiments.running.experiment import Plan, Point

CLUSTER = "B"
POLICIES = (omega.AT_RANDOM, omega.BEST_OF_SOME, omega.BEST_OF_ALL)
MEASURES = (
    "wait_mean_s.service",
    "conflict_fraction.batch",
    "conflict_fraction.service",
    "busyness.batch",
    "busyness.service",
    "jobs_submitted",
    "jobs_pending",
    "cpu_allocated_mean",
)


def points(plan: Plan) -> Iterator[Point]:
    """Sweep the decision time of services for each way to look for hosts, and take t_task of 1 s once."""
    seeds, until_s = omega.seeds_and_horizon(plan)
    times = plan.pick([0.1, 1.0, 10.0, 30.0], omega.log_grid(0.1, 100, 10))
    grid = [(t_job_s, omega.T_TASK_S) for t_job_s in times] + [(omega.T_JOB_S, 1.0)]
    for policy in POLICIES:
        for t_job_s, t_task_s in grid:
            for seed in seeds:
                service = omega.streams(omega.workload(CLUSTER), seed, until_s)["service"]
                where = {"policy": policy, "no_conflict_busyness": service.busyness(t_job_s, t_task_s)}
                yield omega.high_fidelity(
                    CLUSTER, seed, until_s=until_s, t_job_s=t_job_s, t_task_s=t_task_s, policy=policy, where=where
                )


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Hold conflicts, busyness and wait against the paper."""
    source = f"{omega.PAPER} fig. 12, {CLUSTER}"
    fraction, usual = "conflict_fraction.service", omega.T_TASK_S
    for policy in POLICIES:
        part = table[table.policy == policy]
        quick, slow = (by_seed(part, fraction, t_job_s=t, t_task_s=usual) for t in (1.0, 10.0))
        yield within(f"{source}, {policy}", "conflicts grow with the decision time, 1 to 10 s", slow - quick, 0)
        yield within(f"{source}, {policy}", "the conflict fraction is about 1 at 10 s", slow, 0.5, 2.0, why_not=WHY_NOT)
        long_tasks = by_seed(part, fraction, t_job_s=omega.T_JOB_S, t_task_s=1.0)
        yield within(
            f"{source}, {policy}", "with t_task = 1 s it is at most 0.2", long_tasks, high=0.2, why_not=WHY_NOT
        )
        at = part[(part.t_task_s == usual) & part[fraction].between(0.5, 2.0) & (part.no_conflict_busyness < 0.7)]
        if len(at):
            more = (at["busyness.service"] / at.no_conflict_busyness).groupby(at.seed).mean()
            yield times_within(
                f"{source}, {policy}",
                "where it is about 1, busyness is well above that without conflicts",
                more,
                1.3,
            )


WHY_NOT = "how often schedulers want the same host depends on the placement, which the paper does not tell"


def draw(table: pd.DataFrame) -> Figure:
    """Draw wait, conflict fraction and busyness of services against their decision time."""
    table = table[table.t_task_s == omega.T_TASK_S]
    figure, axes = omega.draw_wait_conflicts_busyness(table, "service", "t_job_s", "policy")
    theory = table.groupby("t_job_s").no_conflict_busyness.mean()
    axes[2].plot(theory.index, theory, ":", color=NEUTRAL, label="without conflicts")
    name_lines(figure, axes)
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "omega_fig12")
