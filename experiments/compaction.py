"""How few hosts still hold the workload, by placement policy? (Borg's cell compaction)

Hosts are taken away at random until what runs in the cell no longer fits, packed from scratch each time; the fewer are
needed, the better a policy packs. As in Verma et al., "Borg", EuroSys 2015, section 5.1: 11 seeds, of which the 90th
percentile counts, and 0.2 % of the containers may be left over. Claim under test: best fit needs fewer hosts than
spreading (Borg found a hybrid 3 to 5 % better than best fit, and worst fit worse).
Run: ``python -m experiments.compaction`` -> results/experiments/compaction.* (``--trace``, ``--policy`` for your own)
"""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import pandas as pd

from experiments.drawing.style import COLOURS, Figure, new
from experiments.measures.checks import Check, times_within
from experiments.measures.tables import by_seed, groups
from experiments.results.study import Detail, RunKey, Study
from experiments.running.compaction import compact
from experiments.running.experiment import Plan, Point

POLICIES = ("random-first-fit", "least-allocated", "first-fit", "binpack", "dot-product", "balanced")
TAKES = ("trace", "policies")
MEASURES = ("hosts_needed", "hosts", "tasks", "cpu_allocated")


def points(plan: Plan) -> Iterator[Point]:
    """Compact what runs at the beginning, by each policy with each seed."""
    trace = plan.trace or plan.pick("generated:omega-c:scale=0.05", "generated:omega-c")
    for policy in plan.policies or POLICIES:
        for seed in plan.seeds_or(11, 11):
            study = Study(trace=trace, detail=Detail.SUMMARY)
            yield Point({"policy": policy, "seed": seed}, study, RunKey("none", policy, seed), work=compact)


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Compare with spreading, seed by seed."""
    spread = by_seed(table, "hosts_needed", policy="least-allocated")
    for policy, _ in groups(table, "policy"):
        if policy in PACK and len(spread):
            fewer = by_seed(table, "hosts_needed", policy=policy) / spread
            yield times_within(
                "Borg, EuroSys'15", f"{policy} needs fewer hosts than spreading", fewer, high=1, why_not=WHY_NOT
            )


#: Those that are meant to pack.
PACK = ("first-fit", "binpack", "dot-product", "balanced")
WHY_NOT = (
    "hosts and containers differ in how much memory they have for each core: what fills one of the two strands the "
    "other, and whoever keeps the two in step (balanced) needs fewest"
)


def draw(table: pd.DataFrame) -> Figure:
    """Draw the compacted size as a share of the cell: every seed, and the 90th percentile."""
    figure = new(5.6, 0.35 * table.policy.nunique() + 1.1)
    axes = figure.subplots()
    names = []
    for place, (policy, part) in enumerate(groups(table, "policy")):
        share = 100 * part.hosts_needed / part.hosts
        labels = {} if place else {"seed": "a seed", "p90": "90th percentile"}
        axes.plot(share, np.full(len(share), place), "|", color=COLOURS[0], label=labels.get("seed"))
        axes.plot(np.percentile(share, 90), place, "o", color=COLOURS[3], label=labels.get("p90"))
        names.append(policy)
    axes.set_yticks(range(len(names)), names)
    axes.invert_yaxis()
    axes.set(xlabel="hosts needed, of those of the cell [%]")
    axes.legend(fontsize=8)
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "compaction")
