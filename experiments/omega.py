"""What the experiments of the Omega study have in common: its cells, schemes and scales.

The study is that of Schwarzkopf, Konwinski, Abd-El-Malek and Wilkes, "Omega: flexible, scalable schedulers for large
compute clusters", EuroSys 2013. Its clusters A, B, C and D are not public: ours have their published properties
(``generated:omega-a`` and so on; ``towtank trace info`` says which of their numbers are published and which assumed).
So it is shapes and ratios that can be held against the paper, not absolute numbers.

The paper's *lightweight* simulator is our cell of equal hosts with random first fit; its *high-fidelity* one our cell
of unlike machines and picky jobs, with a placement that looks for the best host.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import Any

import pandas as pd

from experiments.drawing.curves import curve, panels
from experiments.drawing.style import NEUTRAL, Axes, Figure
from experiments.measures.tables import groups
from experiments.measures.theory import Stream, streams_of
from experiments.results.study import Detail, RunKey, Study
from experiments.running.experiment import Plan, Point
from traces.formats import open_trace
from traces.reading.rejects import Rejects

PAPER = "EuroSys'13"

#: The paper's decision time where it is not swept, in seconds.
T_JOB_S, T_TASK_S = 0.1, 0.005
#: Nobody should wait longer, in seconds (the paper's service-level objective).
SLO_S = 30.0

#: A scheduler that thinks for more than this share of the time has none left.
SATURATED = 0.97

HOUR_S, DAY_S = 3600.0, 86400.0

#: The ways to organise schedulers: architecture, and whether all jobs have the decision time that is swept.
SINGLE_PATH, MULTI_PATH, TWO_LEVEL, SHARED = "single-path", "multi-path", "two-level", "shared-state"
ARCHITECTURES = {SINGLE_PATH: "monolithic", MULTI_PATH: "monolithic", TWO_LEVEL: "two-level", SHARED: "shared-state"}


def workload(cluster: str, batch_rate: float = 1.0) -> str:
    """Name the workload of a cluster, its batch jobs so many times as frequent and as short.

    It is schedulers that are to have more to do, not the cell that is to overflow: so the load stays as it is.
    """
    name = f"generated:omega-{cluster.lower()}"
    if batch_rate == 1.0:
        return name
    times = (f"{kind}-rate={batch_rate:g},{kind}-duration={1 / batch_rate:.6g}" for kind in ("batch", "mapreduce"))
    return f"{name}:{','.join(times)}"


def decision_times(scheme: str, t_job_s: float, t_task_s: float, t_batch_s: float) -> dict[str, Any]:
    """Give a scheme's decision times: only a single path makes batch jobs pay for what services need."""
    if scheme == SINGLE_PATH:
        return {"t_job_s": t_job_s, "t_task_s": t_task_s}
    return {
        "t_job_s": {"batch": t_batch_s, "service": t_job_s},
        "t_task_s": {"batch": T_TASK_S, "service": t_task_s},
    }


def point(
    scheme: str,
    cluster: str,
    seed: int,
    *,
    until_s: float,
    t_job_s: float = T_JOB_S,
    t_task_s: float = T_TASK_S,
    t_batch_s: float = T_JOB_S,
    batch_rate: float = 1.0,
    trace: str | None = None,
    policy: str = "random-first-fit",
    where: Mapping[str, Any] | None = None,
    **options: Any,
) -> Point:
    """Make one run of the study.

    Parameters
    ----------
    scheme : str
        One of `ARCHITECTURES`.
    cluster : str
        ``A``, ``B``, ``C`` or ``D``.
    seed : int
        Of workload and placement: all schemes meet the same jobs.
    until_s : float
        How long it goes on.
    t_job_s, t_task_s : float
        Decision time of services, in seconds; on a single path of all jobs.
    t_batch_s : float
        That of a batch job, in seconds, where it has a path of its own.
    batch_rate : float
        How many times as many batch jobs come.
    trace : str, optional
        A recording in place of the generated workload.
    policy : str
        Where containers go.
    where : mapping, optional
        Further columns of the table.
    **options
        Further entries of the `Study`.
    """
    study = Study(
        trace=trace or workload(cluster, batch_rate),
        until_s=until_s,
        detail=Detail.SUMMARY,
        **decision_times(scheme, t_job_s, t_task_s, t_batch_s),
        **options,
    )
    place = {"cluster": cluster, "scheme": scheme, "t_job_s": t_job_s, "t_task_s": t_task_s, "t_batch_s": t_batch_s}
    place["batch_rate"] = batch_rate
    return Point(place | dict(where or {}) | {"seed": seed}, study, RunKey(ARCHITECTURES[scheme], policy, seed))


#: Share of the jobs that must have a certain kind of machine in the high-fidelity cells; assumed.
PICKY = 0.1
#: Ways to look for a host in the high-fidelity cells: anywhere; the fullest of twenty hosts drawn for each container
#: (Borg looks at hosts in random order until enough of them fit: Verma et al., EuroSys 2015, section 3.4; how many is
#: assumed); the fullest of all.
AT_RANDOM, BEST_OF_SOME, BEST_OF_ALL = "random-first-fit", "power-of-d:d=20,score=binpack", "binpack"


def high_fidelity(cluster: str, seed: int, *, policy: str = BEST_OF_ALL, **options: Any) -> Point:
    """Make one run under shared state with unlike machines, picky jobs and a placement that looks for the best host.

    The parameters are those of `point`. The paper's placement is not public: of ours, best fit over all hosts comes
    nearest to the conflicts of its figure 12.
    """
    trace = options.pop("trace", None) or f"{workload(cluster)}:picky={PICKY:g}"
    return point(SHARED, cluster, seed, trace=trace, policy=policy, **options)


@lru_cache(maxsize=64)
def streams(trace: str, seed: int, until_s: float) -> dict[str, Stream]:
    """Measure the streams of a workload, for theory to start from."""
    return streams_of(open_trace(trace, Rejects(), seed).arrivals(), until_s)


def log_grid(low: float, high: float, n: int) -> list[float]:
    """Give `n` numbers in equal ratios from `low` to `high`, to three digits."""
    return [float(f"{low * (high / low) ** (i / (n - 1)):.3g}") for i in range(n)]


def seeds_and_horizon(plan: Plan, *, paper_days: float = 7.0, small_h: float = 6.0) -> tuple[tuple[int, ...], float]:
    """Give the seeds of a plan and how long a run goes on, in seconds."""
    return plan.seeds_or(3, 10), plan.pick(small_h * HOUR_S, paper_days * DAY_S)


def batch_schedulers(n: int) -> str:
    """Name a curve by how many schedulers batch jobs have."""
    return f"{n} batch schedulers" if n > 1 else "1 batch scheduler"


def draw_wait_conflicts_busyness(
    table: pd.DataFrame, group: str, x: str, by: str, label: Callable[[Any], str] = str
) -> tuple[Figure, list[Axes]]:
    """Draw, as figures 12 and 13 do, wait, conflict fraction and busyness of a group of schedulers side by side.

    Parameters
    ----------
    table : DataFrame
        One row a run.
    group : str
        ``batch`` or ``service``.
    x : str
        The column of the decision time.
    by : str
        A column: a curve for each of its values.
    label : callable
        What a value is called.
    """
    figure, axes = panels(3, share_y=False)
    for number, (value, part) in enumerate(groups(table, by)):
        for panel, measure in zip(axes, ("wait_mean_s", "conflict_fraction", "busyness"), strict=True):
            curve(panel, part, x, f"{measure}.{group}", label(value), colour=number, dash=number)
    axes[0].axhline(SLO_S, color=NEUTRAL, linewidth=0.6)
    axes[0].set(yscale="log", title=f"wait, {group}", ylabel="mean wait [s]")
    axes[1].set(title=f"conflicts, {group}", ylabel="conflict fraction")
    axes[1].set_ylim(bottom=0)
    axes[2].set(title=f"busyness, {group}", ylabel="busyness", ylim=(0, 1.02))
    for panel in axes:
        panel.set(xscale="log", xlabel=f"decision time of a {group} job [s]")
    return figure, axes
