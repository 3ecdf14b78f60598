"""How far does the model of a shared host come of what containers did to each other on a real one?

Real: Docker 20.10, Linux 6.18, hosts of one core each with a budget of 0.8 of it and a disk that serves one request
after the other in 1/500 s + bytes / (10 MB/s). A container that computes has 2.95 CPU-seconds to do, one that writes 24
MiB (alone or beside computing ones 16 MiB) in direct requests of 64 KiB. The model knows these budgets and amounts, and
no measured time. Claims under test: the plain fluid model says how slow what computes becomes beside its like, but not
that what writes is slowed by what computes, and packing by kind against mixing costs more in it than measured; with the
wait for the CPU at each request, fitted to the slowdowns of writing containers alone (`policies.sharing.WAKE_UP_S`), it
comes nearer where it was not fitted, the makespans, and not all the way: there a writing container took 5.1 to 5.2 s
(1.5 times as long as alone) beside one that computes, and 1.24 times as long where the wait was fitted.
Run: ``python -m experiments.docker_interference`` -> results/experiments/docker_interference.*
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from experiments.drawing.style import COLOURS, Figure, new
from experiments.measures.checks import Check, within
from experiments.results.result import Result
from experiments.results.study import RunKey, Study
from experiments.running.experiment import Plan, Point
from experiments.running.placed import Placed, run_placed
from experiments.running.simulate import Meter, Progress
from policies.requests import Demand
from policies.sharing import WAKE_UP_S, device_time, disk_named
from policies.sharing.isolation import Unmanaged
from sim.contention import Interplay
from traces.hosts import uniform

MEASURES = ()

#: Of one core; a thread runs for that part of the time, on any host.
BUDGET_CORES = 0.8
CPU_WORK_S = 2.95 / BUDGET_CORES
DISK = disk_named("10MB:415")  # 415 requests of 4 KiB a second: 1/500 s + 4096 bytes / (10 MB/s) each
REQUEST_BYTES = 64 * 1024
MIB = 2**20

COMPUTES = Demand(BUDGET_CORES, 0.0)
#: As fast as the disk lets one that waits for each request before the next; it hardly needs a CPU.
WRITES = Demand(
    0.0, 0.0, disk_write_bps=1.0 / float(device_time(0.0, 1.0, REQUEST_BYTES, 0.0, DISK)), io_size_bytes=REQUEST_BYTES
)


class Measured(NamedTuple):
    """What was measured, and by which containers on which hosts.

    Attributes
    ----------
    case : str
        What it is called.
    figure : float
        Times as long as alone, or as mixed.
    hosts : tuple of str
        What is on each host: ``C`` computes, ``I`` writes; the first on the first is the victim of a slowdown.
    mixed : tuple of str
        With what the makespan is compared; none for a slowdown.
    fitted : bool
        Whether the wait was fitted to it.
    """

    case: str
    figure: float
    hosts: tuple[str, ...]
    mixed: tuple[str, ...] = ()
    fitted: bool = False


CASES = (
    *(
        Measured(f"computes, beside {k} that compute", y, ("C" + k * "C",))
        for k, y in ((1, 2.10), (2, 3.20), (3, 4.11))
    ),
    *(
        Measured(f"writes, beside {k} that compute", y, ("I" + k * "C",), fitted=True)
        for k, y in ((1, 1.24), (2, 1.36), (3, 1.62))
    ),
    Measured("makespan 2 + 2, by kind / mixed", 1.42, ("CC", "II"), ("CI", "CI")),
    Measured("makespan 3 + 3, by kind / mixed", 1.43, ("CCC", "III"), ("CIC", "CII")),
)  # fmt: skip

#: Without the wait, and with it.
MODELS = {"fluid": 0.0, "wake-up": WAKE_UP_S}


def points(plan: Plan) -> Iterator[Point]:
    """Run all cases in both models: they are small, and nothing is drawn."""
    yield Point({}, Study(), RunKey("none", "none", 1), work=modelled)


def modelled(study: Study, key: RunKey, progress: Progress) -> Result:
    """Run every case in the tank, a row for each case and model."""
    meter = Meter()
    rows: list[dict[str, Any]] = [
        {"case": case.case, "fitted": case.fitted, "measured": case.figure, "model": model, "ours": ours(case, wait_s)}
        for case in CASES
        for model, wait_s in MODELS.items()
    ]
    return Result(key, {}, meter.cost(), folded=rows)


def ours(case: Measured, wake_up_s: float) -> float:
    """Say what the model makes of a case."""
    if case.mixed:
        return makespan_s(case.hosts, wake_up_s) / makespan_s(case.mixed, wake_up_s)
    (kinds,) = case.hosts
    victim = _containers([kinds[0]], 16)[0]
    neighbours = [one._replace(name=f"beside-{one.name}") for one in _endless(kinds[1:])]
    seen = run_placed(_hosts(1), _interplay(wake_up_s), [victim, *neighbours])
    return seen.ended[victim.name].slowdown


def makespan_s(hosts: Sequence[str], wake_up_s: float) -> float:
    """Say how long the model takes for the containers of some hosts, in seconds."""
    return run_placed(_hosts(len(hosts)), _interplay(wake_up_s), _containers(hosts, 24)).makespan_s


def _containers(hosts: Sequence[str], write_mib: int) -> list[Placed]:
    write_s = write_mib * MIB / WRITES.disk_write_bps
    return [
        Placed(f"{kind}-{host}-{number}", COMPUTES, host=host, work_s=CPU_WORK_S)
        if kind == "C"
        else Placed(f"{kind}-{host}-{number}", WRITES, host=host, work_s=write_s)
        for host, kinds in enumerate(hosts)
        for number, kind in enumerate(kinds)
    ]


def _endless(kinds: str) -> list[Placed]:
    return [one._replace(work_s=float("inf")) for one in _containers([kinds], 16)]


def _hosts(n: int) -> Any:
    return uniform(n, BUDGET_CORES, 0).with_rates(DISK, None)


def _interplay(wake_up_s: float) -> Interplay:
    return Interplay(Unmanaged("container"), wake_up_s=wake_up_s)


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Say of each case within 10 per cent of what was measured, and which model was nearer where none was fitted."""
    for row in table.to_dict("records"):
        note = WHY_NOT_FLUID if row["model"] == "fluid" else WHY_NOT_WAKE_UP
        fitted = " (fitted)" if row["fitted"] and row["model"] == "wake-up" else ""
        yield within(
            f"Docker, {row['model']}", f"{row['case']}{fitted}: {row['measured']:g}×, within a tenth", [row["ours"]],
            0.9 * row["measured"], 1.1 * row["measured"], unit="×", why_not=note,
        )  # fmt: skip
    makespans = table[table.case.str.startswith("makespan")]
    far = (makespans.ours - makespans.measured).abs().groupby(makespans.model).mean()
    yield within(
        "Docker, makespans", "the wait, fitted to slowdowns, brings makespans nearer, by",
        [far["fluid"] - far["wake-up"]], 0, unit="×",
    )  # fmt: skip


WHY_NOT_FLUID = "without a wait for the CPU, what writes is not slowed by what computes"
WHY_NOT_WAKE_UP = (
    "beside one that computes, a writing container took 1.5 times as long in the makespans and 1.24 times where the "
    "wait was fitted, on the same hosts: no single wait gives both"
)


def draw(table: pd.DataFrame) -> Figure:
    """Draw what was measured beside both models."""
    cases = list(dict.fromkeys(table.case))
    figure = new(7.5, 0.42 * len(cases) + 1.3)
    axes = figure.subplots()
    places = np.arange(len(cases))
    measured = table.drop_duplicates("case")
    axes.barh(places, measured.measured, height=0.7, color="none", edgecolor=COLOURS[6], label="measured")
    for number, (model, marker) in enumerate(zip(MODELS, "ov", strict=True)):
        part = table[table.model == model]
        axes.plot(part.ours, places, marker, color=COLOURS[number], label=f"{model} model")
    names = [f"{row['case']}{' (fitted)' if row['fitted'] else ''}" for row in measured.to_dict("records")]
    axes.set_yticks(places, names)
    axes.invert_yaxis()
    axes.set(xlabel="times as long as alone; for makespans, as mixed")
    axes.legend(fontsize=8, loc="lower right")
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "docker_interference")
