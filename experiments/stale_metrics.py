"""How old may measurements be before going by them is worse than not looking?

Between two measurements a policy that goes by them alone sends everybody to the host that was idle then: the herd
(Mitzenmacher, "How useful is old information?", IEEE TPDS 2000; chance helps). The cell: hosts of 16 cores with a hard
disk; containers that compute on one core or on four, and others that read at random; all ask for half a core, so that
nothing but their use tells them apart; 70 % of the CPU and 60 % of the disks are wanted. Spreading by count, to which
least allocated comes down here, measures nothing. Several schedulers decide as often as one, each as many times slower.
`load-aware` is without its threshold of CPU, beyond which containers would wait.
Claim under test: the slowdown of `least-used` grows with the age of measurements, beyond some age it is worse than
blind spreading; counting who came since mends most of it; several schedulers make it no worse.
Run: ``python -m experiments.stale_metrics`` -> results/experiments/stale_metrics.*
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from experiments.drawing.curves import curve, name_lines, panels
from experiments.drawing.style import NEUTRAL, Figure
from experiments.measures.checks import Check, times_within, within
from experiments.measures.crossover import crossings
from experiments.measures.tables import by_seed
from experiments.results.study import Detail, RunKey
from experiments.running.experiment import Plan, Point
from experiments.running.mixes import Mixed, replay, unlike

BLIND, HERD, COUNTING = "spread", "least-used", "least-used:fresh=true"
CHANCE, ESTIMATES = "power-of-d:d=2,score=least-used", "load-aware:cpu_threshold=0"
MEASURED = (HERD, COUNTING, ESTIMATES, "target-load-packing", "load-variation-risk", CHANCE)
#: Those that are also looked at with several schedulers.
SHARED = (HERD, COUNTING, CHANCE)
MEASURES = (
    "slowdown_mean",
    "slowdown_p99",
    "cpu_imbalance",
    "disk_imbalance",
    "wait_mean_s",
    "conflict_fraction.batch",
    "jobs_abandoned",
)
SOURCE, OLD = "Mitzenmacher, TPDS 2000", 60.0
T_JOB_S = 0.2


def points(plan: Plan) -> Iterator[Point]:
    """Sweep how often is measured for each policy, and the number of schedulers for some."""
    hosts = plan.pick(12, 50)
    intervals = plan.pick([1.0, 5.0, 15.0, OLD, 300.0], [1.0, 2.0, 5.0, 10.0, 20.0, 30.0, OLD, 120.0, 300.0, 600.0])
    for seed in plan.seeds_or(4, 10):
        for schedulers in plan.pick([1, 4], [1, 4, 16]):
            for policy in (BLIND, *(MEASURED if schedulers == 1 else SHARED)):
                for measure_s in intervals[:1] if policy == BLIND else intervals:
                    study = Mixed(
                        kinds=unlike(hosts, cpu=0.7, disk=0.6),
                        span_s=plan.pick(1200.0, 7200.0),
                        hosts=str(hosts),
                        host_disk="HDD",
                        contention=True,
                        measure_s=measure_s,
                        schedulers={"batch": schedulers},
                        t_job_s=T_JOB_S * schedulers,
                        t_task_s=0.0,
                        detail=Detail.SUMMARY,
                    )
                    where = {"policy": policy, "schedulers": schedulers, "measure_s": measure_s, "seed": seed}
                    yield Point(where, study, RunKey("shared-state", policy, seed), work=replay)


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Look at where old measurements do harm, and at what helps."""
    alone, several = table[table.schedulers == 1], table.schedulers.max()

    def slowdown(policy: str, measure_s: float | None = None, schedulers: int = 1) -> pd.Series[float]:
        age = {} if measure_s is None else {"measure_s": measure_s}
        return by_seed(table, "slowdown_mean", policy=policy, schedulers=schedulers, **age)

    fresh_s, stale_s, blind = alone.measure_s.min(), alone.measure_s.max(), slowdown(BLIND)
    herd, old = slowdown(HERD, OLD), f"every {OLD:g} s"
    yield times_within(
        SOURCE, f"least-used: slowdown every {stale_s:g} s over every {fresh_s:g} s", slowdown(HERD, stale_s) /
        slowdown(HERD, fresh_s), 1.2,
    )  # fmt: skip
    yield times_within(
        "Towtank", f"measured every {fresh_s:g} s, least-used slows less than blind spreading",
        slowdown(HERD, fresh_s) / blind, high=1,
    )  # fmt: skip
    at_s = crossings(alone[alone.policy == HERD], "measure_s", "slowdown_mean", blind)
    yield within("Towtank", "…and no longer if measured less often than every", at_s, fresh_s, OLD, unit=" s")
    yield times_within(
        "Towtank", f"counting who came since, however old: {stale_s:g} s, over blind",
        slowdown(COUNTING, stale_s) / blind, high=1,
    )  # fmt: skip
    for source, claim, policy in (
        (SOURCE, "chance (power of d)", CHANCE),
        ("Koordinator", "estimates (load-aware)", ESTIMATES),
    ):
        loss = (slowdown(policy, OLD) - 1) / (herd - 1)
        yield times_within(
            source, f"{claim} mends most of the herd, {old}: loss over least-used's", loss, high=0.5, why_not=WHY_NOT
        )
    for policy in (BLIND, HERD):
        age = None if policy == BLIND else OLD
        times = slowdown(policy, age, several) / slowdown(policy, age)
        yield times_within("Towtank", f"{policy} slows as much with {several} schedulers as with one", times, 0.9, 1.1)


WHY_NOT = (
    "its estimates are of CPU and memory; a host whose disk is overrun uses little CPU, and is sent still more readers"
)


def draw(table: pd.DataFrame) -> Figure:
    """Draw slowdowns and imbalance against the interval, one scheduler; and the mean with several."""
    figure, axes = panels(2, 2, share_y=False)
    most, alone = table.schedulers.max(), table[table.schedulers == 1]
    sides = (
        (axes[0], alone, "slowdown_mean", "mean slowdown"),
        (axes[1], alone, "slowdown_p99", "slowdown, 99th percentile"),
        (axes[2], alone, "disk_imbalance", "variation of disk use over hosts"),
        (axes[3], table[table.schedulers == most], "slowdown_mean", f"mean slowdown, {most} schedulers"),
    )
    for panel, part, measure, title in sides:
        for number, policy in enumerate(MEASURED):
            if policy in set(part.policy):
                shown = part[part.policy == policy]
                curve(panel, shown, "measure_s", measure, policy, colour=number, dash=number)
        blind = part[part.policy == BLIND]
        panel.axhline(blind[measure].mean(), color=NEUTRAL, label=f"{BLIND}, never measured")
        panel.set(title=title, xscale="log")
        if measure == "slowdown_mean":
            herd = part[part.policy == HERD]
            at_s = crossings(herd, "measure_s", measure, blind.set_index("seed")[measure]).mean()
            panel.axvline(at_s, color=NEUTRAL, linestyle=":", label=f"{HERD} is worse from here")
    for panel in axes[2:]:
        panel.set(xlabel="measured every [s]")
    name_lines(figure, axes)
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "stale_metrics")
