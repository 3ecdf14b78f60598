"""Does it pay, on a recording of what containers really used, to look at use when placing?

For recordings that say what containers use: ``bitbrains`` (virtual machines, sample by sample), ``wfinstances``
(workflows, whose tasks come after one another), ``google2011`` (on its own machines). Where a recording has none,
there are so many of 16 cores and 64 GiB, or of what the largest container asks for, that half or nine tenths of their
CPU or memory, whichever is scarcer, are asked for at a time at most, were nobody slowed. They have hard disks (at the
larger scale also SSDs). Without ``--trace`` the containers of `estimate_error` stand in, on eight hosts.
Claim under test: containers are slowed less, and workflows end no later, where policies go by profiles than where
they count containers; of the CPU that is allocated much is not used.
Run: ``python -m experiments.recorded_use``, with ``--trace bitbrains:PATH`` -> results/experiments/recorded_use.*
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from experiments.drawing.style import COLOURS, Figure, new
from experiments.measures.checks import Check, times_within
from experiments.measures.tables import by_seed, groups
from experiments.results.study import Detail, RunKey, Study
from experiments.running import fitting, mixes
from experiments.running.experiment import Plan, Point
from experiments.running.fitting import Fitted
from experiments.running.mixes import Mixed, unlike
from experiments.running.one_run import Work

BLIND = "spread"
POLICIES = (BLIND, "least-allocated", "demand-shape", "predicted-contention")
TAKES = ("trace", "policies")
#: Hosts of the workload that is made up.
HOSTS = 8
MEASURES = (
    "hosts",
    "jobs_submitted",
    "jobs_scheduled",
    "tasks_out_of_memory",
    "slowdown_mean",
    "slowdown_p95",
    "slowdown_p99",
    "wait_mean_s",
    "makespan_s",
    "cpu_allocated_mean",
    "cpu_used_mean",
    "memory_allocated_mean",
    "memory_used_mean",
    "disk_used_mean",
)


def points(plan: Plan) -> Iterator[Point]:
    """Replay under each policy, on few hosts and on many."""
    for seed in plan.seeds_or(1, 3):
        for disk in plan.pick(["HDD"], ["HDD", "SSD_DFL"]):
            for asked in (0.5, 0.9):
                for policy in plan.policies or POLICIES:
                    where = {"disk": disk, "asked": asked, "policy": policy, "seed": seed}
                    study, work = _study(plan.trace, disk, asked)
                    yield Point(where, study, RunKey("monolithic", policy, seed), work=work)


def _study(trace: str | None, disk: str, asked: float) -> tuple[Study, Work]:
    """Give what is run, and how; the workload that is made up has its own hosts."""
    if trace is not None:
        recorded = Fitted(trace=trace, host_disk=disk, contention=True, detail=Detail.SUMMARY, asked=asked)
        return recorded, fitting.replay
    made_up = Mixed(
        kinds=unlike(HOSTS, cpu=asked, disk=asked),
        span_s=600.0,
        hosts=str(HOSTS),
        host_disk=disk,
        contention=True,
        detail=Detail.SUMMARY,
    )
    return made_up, mixes.replay


def _cells(table: pd.DataFrame) -> Iterator[tuple[str, pd.DataFrame]]:
    """Go through disks and shares asked for, each with a name and its runs."""
    for disk, some in groups(table, "disk"):
        for asked, part in groups(some, "asked"):
            yield f"{disk}, {100 * asked:g} % asked for", part


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Compare with spreading by count, and what is used with what is allocated."""
    for source, part in _cells(table):
        blind = part[part.policy == BLIND]
        for policy, _ in groups(part, "policy"):
            if policy != BLIND and len(blind):
                for measure, claim in (("slowdown_mean", "slows no more"), ("makespan_s", "ends no later")):
                    ratio = by_seed(part, measure, policy=policy) / by_seed(blind, measure)
                    yield times_within(
                        source, f"{policy} {claim} than {BLIND}", ratio.round(DECIMALS), high=1, why_not=WHY_NOT
                    )
        used = part.groupby("seed").cpu_used_mean.mean() / part.groupby("seed").cpu_allocated_mean.mean()
        yield times_within(source, "CPU used over allocated", used, high=1)


#: Beyond these two runs are as good as each other.
DECIMALS = 3
WHY_NOT = "nothing is short for long, so that chance decides who meets whom; and it is the last container that counts"


def draw(table: pd.DataFrame) -> Figure:
    """Draw the mean slowdown of each policy, and how late the last container ends, by share asked for."""
    cells = list(_cells(table))
    figure = new(7.5, 0.3 * table.policy.nunique() * len(cells) + 1.2)
    left, right = figure.subplots(1, 2, sharey=True)
    names: list[str] = []
    for number, (cell, part) in enumerate(cells):
        for policy, runs in groups(part, "policy"):
            names.append(f"{policy}, {cell}")
            for axes, measure in ((left, "slowdown_mean"), (right, "makespan_s")):
                axes.plot(runs[measure], [len(names) - 1] * len(runs), "o", color=COLOURS[number % len(COLOURS)])
    left.set_yticks(range(len(names)), names, fontsize=7)
    left.invert_yaxis()
    left.set(xlabel="mean slowdown")
    right.set(xlabel="makespan [s]")
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "recorded_use")
