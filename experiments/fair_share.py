"""Do hosts share CPU and disk as published examples of fair-share schedulers say?

Each example runs in the tank: its containers on one host, or one host per processor set, and what each gets is
measured. Claims under test, to the printed digits: Solaris' fair share scheduler (25/75 and 50/50 on two CPUs, all for
one where the other sleeps, 16.66/33.33/50 and, on processor sets, 4/28/67 per cent on eight), the groups of HP-UX's
process resource manager (half for one of them, and 12.5/12.5/25 for its members), and blk-iocost's hard disk, on which
a random read costs 113 times a sequential one at 4 KiB and 4.6 times at 128 KiB.
Run: ``python -m experiments.fair_share`` -> results/experiments/fair_share.*
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import pandas as pd

from experiments.drawing.style import COLOURS, Figure, new
from experiments.measures.checks import Check, within
from experiments.measures.tables import groups
from experiments.results.result import Result
from experiments.results.study import RunKey, Study
from experiments.running.experiment import Plan, Point
from experiments.running.placed import Placed, Ran, rates, run_placed
from experiments.running.simulate import Meter, Progress
from policies.arrays import FloatArray, IntArray
from policies.requests import Demand
from policies.sharing import DISKS, Disk, Division, Isolation
from policies.sharing.isolation import Band, Shares, cpu_shares
from sim.contention import Interplay
from traces.hosts import Hosts, sizes, uniform
from traces.units import MILLI

MEASURES = ()

#: What is asked for to have a share: 128 of ``--cpu-shares``, a whole number as those of each multiple are.
SHARE_MILLI = 125

SOLARIS = "Solaris, System administration guide: resource management, chapter on FSS"
PRM = "HP-UX, Process resource manager user's guide"
IOCOST = "Linux, block/blk-iocost.c, built-in coefficients of a hard disk"


@dataclass(frozen=True, slots=True)
class OneGroup:
    """All batch containers in one group that has so many shares; services stand beside it."""

    shares: int

    def __call__(self, requests_milli: IntArray, bands: IntArray, cores: FloatArray) -> Division:
        """Divide a host by shares, as `Isolation` says."""
        weights = cpu_shares(requests_milli).astype(np.float64)
        at = np.where(bands >= Band.PRIORITY, -1, 0)
        weight = float(cpu_shares(np.array([self.shares * SHARE_MILLI]))[0])
        return Division(weights, np.full(len(weights), np.inf), at, (weight,))


class Example(NamedTuple):
    """Containers whose shares of the CPU somebody published.

    Attributes
    ----------
    source, name : str
        Who, and which.
    cpus : tuple of float
        CPUs of each host, or processor set.
    containers : tuple of Placed
        One name for each host; what stands before a ``/`` is the group that the published figure is for.
    published : dict
        Per cent of all CPUs by group, as printed: figures of Solaris are cut off, not rounded.
    isolation : Isolation
        By what the host is divided.
    """

    source: str
    name: str
    cpus: tuple[float, ...]
    containers: tuple[Placed, ...]
    published: dict[str, str]
    isolation: Isolation = Shares("v1")


def _threads(name: str, shares: int, threads: float, host: int = 0, workload: str = "batch") -> Placed:
    """Make a container of so many shares whose threads never sleep."""
    return Placed(name, Demand(threads, 0.0), shares * SHARE_MILLI, host, workload=workload)


EXAMPLES = (
    Example(
        SOLARIS, "2 CPUs, 1 and 3 shares, two processes each", (2.0,),
        (_threads("A", 1, 2), _threads("B", 3, 2)), {"A": "25", "B": "75"},
    ),
    Example(
        SOLARIS, "2 CPUs, 1 and 100 shares, one process each", (2.0,),
        (_threads("A", 1, 1), _threads("B", 100, 1)), {"A": "50", "B": "50"},
    ),
    Example(
        SOLARIS, "2 CPUs, one project cannot run", (2.0,),
        (_threads("A", 1, 2), _threads("B", 3, 0)), {"A": "100", "B": "0"},
    ),
    Example(
        SOLARIS, "8 CPUs, 1, 2 and 3 shares", (8.0,),
        (_threads("A", 1, 8), _threads("B", 2, 8), _threads("C", 3, 8)), {"A": "16.66", "B": "33.33", "C": "50"},
    ),
    Example(
        SOLARIS, "8 CPUs in processor sets of 2, 4 and 2", (2.0, 4.0, 2.0),
        (
            _threads("A/1", 1, 8, 0), _threads("B/1", 2, 8, 0), _threads("C/1", 3, 8, 0),
            _threads("B/2", 2, 8, 1), _threads("C/2", 3, 8, 1),
            _threads("C/3", 3, 8, 2),
        ),
        {"A": "4", "B": "28", "C": "67"},
    ),
    Example(
        PRM, "a group of 5 in 10 shares, its members 1, 1 and 2", (1.0,),
        (
            _threads("first", 1, 1), _threads("second", 1, 1), _threads("third", 2, 1),
            _threads("others", 5, 1, workload="service"),
        ),
        {"first": "12.5", "second": "12.5", "third": "25", "others": "50"},
        OneGroup(5),
    ),
)  # fmt: skip

#: Bytes of a request, and how many times as dear it is at random, as printed.
RATIOS = ((4096, "113"), (128 * 1024, "4.6"))


def points(plan: Plan) -> Iterator[Point]:
    """Run all examples: they are small, and nothing is drawn."""
    yield Point({}, Study(), RunKey("none", "none", 1), work=measured)


def measured(study: Study, key: RunKey, progress: Progress) -> Result:
    """Measure every example in the tank, a row for each figure."""
    meter, rows = Meter(), list[dict[str, Any]]()
    for example in EXAMPLES:
        ours = cpu_percent(example)
        for name, published in example.published.items():
            rows.append(_row(example.source, example.name, name, "%", published, ours[name]))
    for size, published in RATIOS:
        ours_times = random_over_sequential(size, DISKS["HDD"])
        rows.append(_row(IOCOST, "hard disk, random / sequential", f"{size // 1024} KiB", "×", published, ours_times))
    return Result(key, {}, meter.cost(), folded=rows)


def _row(source: str, example: str, who: str, unit: str, published: str, ours: float) -> dict[str, Any]:
    places = len(published.partition(".")[2])
    return {
        "source": source, "example": example, "who": who, "unit": unit, "published": float(published), "ours": ours,
        "places": places,
    }  # fmt: skip


def cpu_percent(example: Example) -> dict[str, float]:
    """Measure what each group of an example uses of all CPUs together, in per cent."""
    n = len(example.cpus)
    hosts = Hosts(
        [f"set-{number}" for number in range(n)], sizes(np.array(example.cpus) * MILLI, np.zeros(n)), np.ones(n, bool)
    )
    speeds = rates(hosts, Interplay(example.isolation), example.containers)
    used = defaultdict[str, float](float)
    for one in example.containers:
        used[one.name.partition("/")[0]] += speeds[one.name] * one.demand.cpu_cores
    return {name: 100.0 * cores / sum(example.cpus) for name, cores in used.items()}


def random_over_sequential(size_bytes: int, disk: Disk) -> float:
    """Measure how many times longer the same reads take at random places than one behind the other.

    Both are done one request after another, with the disk to themselves.
    """
    hosts = uniform(1, 1.0, 0).with_rates(disk, None)
    # More than any disk can do, so that both take as long as the disk does.
    wants = Demand(0.0, 0.0, 1e3 * disk.read_bps, io_size_bytes=size_bytes)
    sequential, random = (
        _alone(hosts, Placed("reader", wants._replace(random_io=share), work_s=1.0)).ran_s for share in (0.0, 1.0)
    )
    return random / sequential


def _alone(hosts: Hosts, container: Placed) -> Ran:
    return run_placed(hosts, Interplay(), [container]).ended[container.name]


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Compare every figure with what was printed, which may have been rounded or cut off to those digits."""
    for row in table.to_dict("records"):
        unit, last = row["unit"] if row["unit"] == "×" else " %", 10.0 ** -row["places"]
        claim = f"{row['example']}: {row['who']} {row['published']:g}{unit}"
        low, high = row["published"] - last / 2, row["published"] + last
        yield within(row["source"].partition(",")[0], claim, [row["ours"]], low, high, unit=unit)


def draw(table: pd.DataFrame) -> Figure:
    """Draw published figures and ours, and write both beside them."""
    figure = new(8.0, 0.27 * len(table) + 1.2)
    axes = figure.subplots()
    names: Sequence[str] = [f"{row['example']}: {row['who']}" for row in table.to_dict("records")]
    places = np.arange(len(table))
    axes.barh(places, table.published, height=0.75, color="none", edgecolor=COLOURS[6], label="published")
    for number, (source, part) in enumerate(groups(table, "source")):
        axes.plot(part.ours, part.index, "o", color=COLOURS[number], label=f"ours, {source.partition(',')[0]}")
    for place, row in zip(places.tolist(), table.to_dict("records"), strict=True):
        axes.text(138, place, f"{row['published']:g} {row['unit']}", va="center", ha="right", fontsize=7)
        axes.text(153, place, f"{row['ours']:.4g} {row['unit']}", va="center", ha="right", fontsize=7)
    axes.text(138, -1, "published", ha="right", fontsize=7)
    axes.text(153, -1, "ours", ha="right", fontsize=7)
    axes.set_yticks(places, names, fontsize=7)
    axes.set(xlim=(0, 155), ylim=(len(table) - 0.5, -1.5), xlabel="per cent of all CPUs; for disks, times")
    axes.legend(fontsize=7, loc="lower right", bbox_to_anchor=(0.72, 0.2))
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "fair_share")
