"""Does a batch job wait for the slow decisions about services? (Omega, figure 5)

Claim under test: on a single path every job pays for the longest decision, and waits grow for all; with a path of their
own batch jobs decide quickly and still queue behind services; with shared state their wait does not depend on services
at all. A queue's theory (Pollaczek and Khinchine) is drawn dotted beside the curves.
Run: ``python -m experiments.omega_fig05`` -> results/experiments/omega_fig05.*
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from experiments import omega
from experiments.drawing.curves import curve, name_lines, panels
from experiments.drawing.style import NEUTRAL, Figure
from experiments.measures.checks import Check, times_within
from experiments.measures.tables import by_seed, groups
from experiments.measures.theory import mg1_wait_s
from experiments.omega import MULTI_PATH, SHARED, SINGLE_PATH
from experiments.running.experiment import Plan, Point

SCHEMES = (SINGLE_PATH, MULTI_PATH, SHARED)
MEASURES = (
    "wait_mean_s.batch",
    "wait_mean_s.service",
    "busyness.all",
    "busyness.batch",
    "busyness.service",
    "jobs_submitted",
    "jobs_unattempted",
)


def points(plan: Plan) -> Iterator[Point]:
    """Sweep the decision time of services under three schemes, on three clusters."""
    seeds, until_s = omega.seeds_and_horizon(plan, small_h=4.0)
    for cluster in "ABC":
        for scheme in SCHEMES:
            for t_job_s in plan.pick([0.1, 1.0, 10.0, 100.0], omega.log_grid(0.01, 100, 13)):
                for seed in seeds:
                    theory_s = predicted_wait_s(cluster, scheme, t_job_s, seed, until_s)
                    where = {"predicted_wait_s": theory_s}
                    yield omega.point(scheme, cluster, seed, until_s=until_s, t_job_s=t_job_s, where=where)


def predicted_wait_s(cluster: str, scheme: str, t_job_s: float, seed: int, until_s: float) -> float:
    """Give the wait of batch jobs that a queue's theory predicts."""
    classes = omega.streams(omega.workload(cluster), seed, until_s)
    if scheme == SHARED:
        classes = {"batch": classes["batch"]}
    t_job = {"batch": t_job_s if scheme == SINGLE_PATH else omega.T_JOB_S, "service": t_job_s}
    return mg1_wait_s(classes, t_job, dict.fromkeys(t_job, omega.T_TASK_S))


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Hold the order of the schemes against the paper."""
    wait = "wait_mean_s.batch"
    for cluster, part in groups(table, "cluster"):
        source = f"{omega.PAPER} fig. 5, {cluster}"
        for t_job_s in (10.0, 100.0):
            single, multi, shared = (by_seed(part, wait, scheme=scheme, t_job_s=t_job_s) for scheme in SCHEMES)
            at = f"at a service decision time of {t_job_s:g} s"
            yield times_within(source, f"batch waits longer on one path than on two, {at}", single / multi, 1)
            yield times_within(
                source, f"batch waits longer on two paths than with shared state, {at}", multi / shared, 1
            )
        slow, quick = (by_seed(part, wait, scheme=SHARED, t_job_s=t_job_s) for t_job_s in (100.0, 0.1))
        yield times_within(
            source, "with shared state batch waits as long at 100 s as at 0.1 s", slow / quick, 0.8, 1.25
        )
        ours, theory = (by_seed(part, name, scheme=MULTI_PATH, t_job_s=1.0) for name in (wait, "predicted_wait_s"))
        yield times_within(
            f"M/G/1, {cluster}",
            "batch waits on two paths at 1 s as in a queue",
            ours / theory,
            0.75,
            1.25,
            why_not="a few very large jobs make most of a queue's wait, and a short run has too few of them",
        )


def draw(table: pd.DataFrame) -> Figure:
    """Draw wait against decision time, a panel for each scheme."""
    figure, axes = panels(len(SCHEMES))
    for panel, scheme in zip(axes, SCHEMES, strict=True):
        for colour, (cluster, part) in enumerate(groups(table[table.scheme == scheme], "cluster")):
            for dash, name in enumerate(("batch", "service")):
                curve(panel, part, "t_job_s", f"wait_mean_s.{name}", f"{cluster} {name}", colour=colour, dash=dash)
            theory = part.groupby("t_job_s").predicted_wait_s.mean()
            panel.plot(theory.index, theory, ":", color=NEUTRAL, linewidth=1, label="M/G/1, batch")
        panel.axhline(omega.SLO_S, color=NEUTRAL, linewidth=0.6)
        panel.set(xscale="log", yscale="log", title=scheme, xlabel="decision time of a service job [s]")
        panel.set_ylim(bottom=1e-3)
    axes[0].set_ylabel("mean wait [s]")
    name_lines(figure, axes)
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "omega_fig05")
