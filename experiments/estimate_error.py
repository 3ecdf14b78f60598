"""How wrong may the profiles of containers be before going by them is worse than counting containers?

Policies that know what containers will use are told so with an error: the standard deviation of the natural logarithm,
0.5 being a factor of 1.65 either way. Spreading by count needs no profile. The cell: hosts of 16 cores with a hard
disk. In the unlike mix containers compute on one core or on four, or read at random; 80 % of CPU and disks are wanted.
In the uniform one all are alike, so there is nothing to know: the null case.
Claim under test: exact profiles slow containers less than spreading, beyond some error more; in the uniform mix exact
ones make no difference.
Run: ``python -m experiments.estimate_error`` -> results/experiments/estimate_error.*
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from experiments.drawing.curves import curve, name_lines, panels
from experiments.drawing.style import COLOURS, NEUTRAL, Figure
from experiments.measures.checks import Check, times_within, within
from experiments.measures.crossover import crossings
from experiments.measures.tables import by_seed
from experiments.results.study import Detail, RunKey
from experiments.running.experiment import Plan, Point
from experiments.running.mixes import Mixed, alike, replay, unlike

BLIND = "spread"
KNOWING = ("demand-shape", "tetris", "predicted-contention")
MIXES = {"unlike": unlike, "uniform": alike}
MEASURES = ("slowdown_mean", "slowdown_p99", "cpu_imbalance", "disk_imbalance", "wait_mean_s", "jobs_abandoned")
SOURCE = "Towtank"


def points(plan: Plan) -> Iterator[Point]:
    """Sweep the error of profiles for each policy and mix."""
    hosts = plan.pick(8, 50)
    errors = plan.pick([0.0, 0.25, 0.5, 1.0, 2.0], [0.0, 0.1, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0])
    for seed in plan.seeds_or(4, 10):
        for mix, kinds in MIXES.items():
            for policy in (BLIND, *KNOWING):
                for error in errors[:1] if policy == BLIND else errors:
                    study = Mixed(
                        kinds=kinds(hosts, cpu=0.8, disk=0.8),
                        span_s=plan.pick(900.0, 7200.0),
                        hosts=str(hosts),
                        host_disk="HDD",
                        contention=True,
                        estimate_error=error,
                        detail=Detail.SUMMARY,
                    )
                    where = {"mix": mix, "policy": policy, "error": error, "seed": seed}
                    yield Point(where, study, RunKey("monolithic", policy, seed), work=replay)


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Look at what exact profiles gain, where that is gone, and at the null case."""
    worst = table.error.max()
    blind = {mix: by_seed(table, "slowdown_mean", mix=mix, policy=BLIND) for mix in MIXES}
    for policy in KNOWING:
        part = table[table.policy == policy]

        def over_blind(mix: str, error: float, part: pd.DataFrame = part) -> pd.Series[float]:
            return by_seed(part, "slowdown_mean", mix=mix, error=error) / blind[mix]

        yield times_within(
            SOURCE, f"{policy}: exact profiles slow less than spreading", over_blind("unlike", 0.0), high=1
        )
        at = crossings(part[part.mix == "unlike"], "error", "slowdown_mean", blind["unlike"])
        yield within(SOURCE, "…and pay up to an error of", at, 0.25, worst)
        yield times_within(
            SOURCE, f"null case, {policy}: no difference in a uniform mix", over_blind("uniform", 0.0), 0.99, 1.01
        )
        yield times_within(SOURCE, f"…where an error of {worst:g} does harm", over_blind("uniform", worst), 1)


def draw(table: pd.DataFrame) -> Figure:
    """Draw the mean slowdown against the error, a panel for each mix, and where knowing stops paying."""
    figure, axes = panels(len(MIXES), share_y=False)
    for panel, mix in zip(axes, MIXES, strict=True):
        part = table[table.mix == mix]
        blind = by_seed(part, "slowdown_mean", policy=BLIND)
        panel.axhline(blind.mean(), color=NEUTRAL, label=f"{BLIND}, without profiles")
        for number, policy in enumerate(KNOWING):
            shown = part[part.policy == policy]
            curve(panel, shown, "error", "slowdown_mean", policy, colour=number, dash=number)
            if mix == "unlike":
                at = crossings(shown, "error", "slowdown_mean", blind).mean()
                panel.axvline(at, color=COLOURS[number], linestyle=":", label=f"{policy} stops paying")
        panel.set(title=f"{mix} containers", xlabel="error of profiles (σ of the logarithm)", ylabel="mean slowdown")
    name_lines(figure, axes)
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "estimate_error")
