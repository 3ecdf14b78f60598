"""How busy are schedulers as decisions about services take longer? (Omega, figure 6)

Claim under test: busyness grows in proportion to the decision time until there is no time left; on a single path much
earlier than on several; with shared state the batch scheduler's does not depend on services.
Run: ``python -m experiments.omega_fig06`` -> results/experiments/omega_fig06.* (the runs are those of figure 5)
"""

from __future__ import annotations

from collections.abc import Iterator

import pandas as pd

from experiments import omega
from experiments.drawing.curves import curve, name_lines, panels
from experiments.drawing.style import Figure
from experiments.measures.checks import Check, times_within, within
from experiments.measures.tables import by_seed, groups
from experiments.omega import MULTI_PATH, SHARED, SINGLE_PATH
from experiments.omega_fig05 import MEASURES, SCHEMES, points

__all__ = ["MEASURES", "check", "draw", "points"]


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Hold growth and order against the paper."""
    for cluster, part in groups(table, "cluster"):
        source = f"{omega.PAPER} fig. 6, {cluster}"
        single, multi = (by_seed(part, "busyness.all", scheme=s, t_job_s=10.0) for s in (SINGLE_PATH, MULTI_PATH))
        yield within(source, "at 10 s one path for all has no time left", single, 0.95)
        yield times_within(source, "at 10 s two paths are less busy than one", single / multi, 1)
        one, ten = (by_seed(part, "busyness.service", scheme=SHARED, t_job_s=t_job_s) for t_job_s in (1.0, 10.0))
        yield times_within(
            source,
            "shared state: service busyness grows with the decision time, 1 to 10 s",
            ten / one,
            7,
            11,
            why_not="a decision also has t_task × containers, which is not swept",
        )
        quick, slow = (by_seed(part, "busyness.batch", scheme=SHARED, t_job_s=t_job_s) for t_job_s in (0.1, 100.0))
        yield times_within(source, "shared state: batch is as busy at 100 s as at 0.1 s", slow / quick, 0.9, 1.1)


def draw(table: pd.DataFrame) -> Figure:
    """Draw busyness against decision time, a panel for each scheme."""
    figure, axes = panels(len(SCHEMES))
    for panel, scheme in zip(axes, SCHEMES, strict=True):
        shown = {"batch": "batch", "service": "service"} if scheme == SHARED else {"all": "all jobs"}
        for colour, (cluster, part) in enumerate(groups(table[table.scheme == scheme], "cluster")):
            for dash, (group, name) in enumerate(shown.items()):
                curve(panel, part, "t_job_s", f"busyness.{group}", f"{cluster} {name}", colour=colour, dash=dash)
        panel.set(xscale="log", title=scheme, xlabel="decision time of a service job [s]", ylim=(0, 1.02))
    axes[0].set_ylabel("busyness")
    name_lines(figure, axes)
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "omega_fig06")
