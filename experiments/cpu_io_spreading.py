"""Does it pay to spread containers by what they use of CPU and disk, rather than by their number?

A container that computes and one that reads, which ask for the same, go to hosts by number (``spread``), by what is
declared of CPU and disk (``demand-shape``, ``tetris``, ``predicted-contention``), or packed (``binpack``, by which the
containers of a job, all of one kind, come to lie together). The cell: 20 hosts of 1 core and one disk; at a load of 1
so many containers come that half of them, which compute, are as much as 20 cores can do. Claims under test: half of
each kind on hard disks, at the load where it matters most (0.6), the mean slowdown is at least 30 % lower; where all
are of one kind there is no difference; and it stops paying where little runs, and where so much runs that every host
has some of each. Hosts, reads and load were chosen, on other seeds than those of docs/contention.md, so that the effect
is large: the sweeps say where it is small.
Run: ``python -m experiments.cpu_io_spreading`` -> results/experiments/cpu_io_spreading.*
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from itertools import pairwise

import numpy as np
import pandas as pd

from experiments.drawing.curves import name_lines, panels
from experiments.drawing.style import COLOURS, DASHES, NEUTRAL, Figure
from experiments.measures.checks import Check, times_within, within
from experiments.measures.statistics import Estimate, estimate
from experiments.measures.tables import by_seed
from experiments.results.study import Detail, RunKey, Study
from experiments.running.experiment import Plan, Point

UNTIL_S = 2400.0
LONGER = 4  # times, where the claim of 30 % is looked at
DISKS = ("HDD", "SSD_DFL")
BY_NUMBER, PACKED, AWARE = "spread", "binpack", ("demand-shape", "tetris", "predicted-contention")
SHARES = (0.0, 0.1, 0.25, 0.5, 0.75, 0.9, 1.0)
LOADS = (0.1, 0.2, 0.4, 0.6, 0.8, 1.0, 1.25)
HALF, LOAD = 0.5, 0.6
MEASURES = ("slowdown_mean", "slowdown_p99", "tasks_finished", "wait_mean_s", "cpu_used_mean", "disk_used_mean")


def points(plan: Plan) -> Iterator[Point]:
    """Sweep the share of containers that read, and for half of each kind the load."""
    for seed in plan.seeds_or(5, 20):
        for disk in DISKS:
            for policy in (PACKED, BY_NUMBER, *AWARE):
                for share in SHARES if disk == DISKS[0] else plan.pick(SHARES[::3], SHARES):
                    yield _point("share", disk, share, LOAD, policy, seed)
            for policy in plan.pick((BY_NUMBER, AWARE[0]), (BY_NUMBER, *AWARE)):
                for load in LOADS:
                    yield _point("load", disk, HALF, load, policy, seed)


def _point(part: str, disk: str, share: float, load: float, policy: str, seed: int) -> Point:
    # Each class alone is half of the containers at its own rate of 1.
    rates = f"cpu-rate={2 * load * (1 - share):g},io-rate={2 * load * share:g}"
    until_s = UNTIL_S * (LONGER if (part, disk, share) == ("share", DISKS[0], HALF) else 1)
    study = Study(
        trace=f"generated:cpu-io:{rates}", until_s=until_s, contention=True, host_disk=disk, detail=Detail.SUMMARY
    )
    where = {"part": part, "disk": disk, "share": share, "load": load, "policy": policy, "seed": seed}
    return Point(where, study, RunKey("monolithic", policy, seed))


def gains(table: pd.DataFrame, policy: str, axis: str) -> pd.DataFrame:
    """Say how much lower the mean slowdown is than by number, by seed.

    Parameters
    ----------
    table : DataFrame
        Runs of one kind of disk, which differ in `axis`, policy and seed.
    policy, axis : str
        Which policy, and the column of the table that has the places.

    Returns
    -------
    DataFrame
        1 - slowdown / slowdown by number, a row for each seed, a column for each place on the axis.
    """
    one, other = (
        table[table.policy == name].pivot_table(values="slowdown_mean", index="seed", columns=axis)
        for name in (policy, BY_NUMBER)
    )
    return 1.0 - one / other


def crossovers(at: Sequence[float], intervals: Sequence[Estimate]) -> tuple[float, float]:
    """Say from where to where on an axis something pays: between these its interval lies above 0.

    Parameters
    ----------
    at : sequence of float
        Places, ascending.
    intervals : sequence of Estimate
        The gain at each.

    Returns
    -------
    float, float
        Where the lower end of the interval, a straight line between two places, crosses 0 before and behind the best
        place; the end of the axis where it does not, NaN where it pays nowhere.

    Examples
    --------
    >>> crossovers([0.0, 1.0, 2.0], [Estimate(0.0, 0.25), Estimate(0.5, 0.25), Estimate(0.75, 0.5)])
    (0.5, 2.0)
    """
    lows = [interval.low for interval in intervals]
    best = int(np.argmax(lows))
    if not lows[best] > 0:
        return float("nan"), float("nan")

    def first_crossing(places: Sequence[float], ends: Sequence[float]) -> float:
        for (near, pays), (far, does_not) in pairwise(zip(places, ends, strict=True)):
            if not does_not > 0:
                return near + (far - near) * pays / (pays - does_not)
        return places[-1]

    before = first_crossing(at[best::-1], lows[best::-1])
    return before, first_crossing(at[best:], lows[best:])


def check(table: pd.DataFrame) -> Iterator[Check]:
    """Look at the gain at half and half, at none where all are alike, and at where it ends."""
    source = "CPU and I/O"
    at_load = table[table.part == "share"]
    hdd = at_load[at_load.disk == DISKS[0]]
    for policy in AWARE:
        gain = gains(hdd, policy, "share")[HALF]
        yield within(
            source, f"HDD, half and half: {policy} lowers the mean slowdown by", 100 * gain, 30, unit=" %",
            why_not=WHY_NOT,
        )  # fmt: skip
    packed, spread = (by_seed(hdd, "slowdown_mean", policy=policy, share=HALF) for policy in (PACKED, BY_NUMBER))
    yield times_within(source, "HDD, half and half: packed by kind is slower than by number", packed / spread, 1)
    for share, kind in ((0.0, "all compute"), (1.0, "all read")):
        for policy in AWARE:
            gain = gains(hdd, policy, "share")[share]
            yield within(source, f"HDD, {kind}: {policy} makes no difference", 100 * gain, -2, 2, unit=" %")
    ssd = at_load[at_load.disk == DISKS[1]]
    less = gains(hdd, AWARE[0], "share")[HALF] - gains(ssd, AWARE[0], "share")[HALF]
    yield within(source, f"half and half: {AWARE[0]} gains less on SSD than on HDD, by", 100 * less, 0, unit=" %")
    loads = table[(table.part == "load") & (table.disk == DISKS[0])]
    for axis, part in (("share", hdd), ("load", loads)):
        by_place = gains(part, AWARE[0], axis)
        begin, end = crossovers(
            by_place.columns.astype(float).tolist(), [estimate(by_place[at].tolist()) for at in by_place.columns]
        )
        yield within(source, f"HDD: {AWARE[0]} pays from a {axis} of", [begin], 0, HALF)
        # It is known where it stops only if that is before the last place.
        yield within(source, f"HDD: {AWARE[0]} pays up to a {axis} of", [end], HALF, float(by_place.columns[-2]))


WHY_NOT = (
    "tetris looks for room shaped like the container before it looks for an idle host, and puts a second reader beside "
    "the first as long as the disk is not declared to be exceeded"
)


def draw(table: pd.DataFrame) -> Figure:
    """Draw the gain by share and by load, for each kind of disk, and from where to where the first policy pays."""
    figure, axes = panels(2, len(DISKS), share_x=False, share_y=False)
    for row, disk in enumerate(DISKS):
        for column, axis in enumerate(("share", "load")):
            panel = axes[2 * row + column]
            part = table[(table.disk == disk) & (table.part == axis)]
            panel.axhline(0.0, color=NEUTRAL, linewidth=0.8)
            for number, policy in enumerate(AWARE):
                gain = 100 * gains(part, policy, axis)
                if gain.empty:
                    continue
                intervals = [estimate(gain[place].tolist()) for place in gain.columns]
                at, colour = gain.columns.astype(float).tolist(), COLOURS[number]
                panel.plot(
                    at, [one.mean for one in intervals], marker="o", markersize=2.5, color=colour, label=policy,
                    linestyle=DASHES[number], linewidth=1.2,
                )  # fmt: skip
                if len(gain) > 1:
                    lows, highs = [one.low for one in intervals], [one.high for one in intervals]
                    panel.fill_between(at, lows, highs, color=colour, alpha=0.2, linewidth=0)
                    if number == 0:
                        for place in crossovers(at, intervals):
                            panel.axvline(place, color=NEUTRAL, linestyle=":", label=f"{policy} pays between these")
            panel.set(title=f"{disk}, load {LOAD:g}" if axis == "share" else f"{disk}, half and half")
            if row:
                panel.set_xlabel("share that reads" if axis == "share" else "load")
        axes[2 * row].set_ylabel("mean slowdown lower\nthan by number [%]")
    name_lines(figure, axes)
    return figure


if __name__ == "__main__":
    from experiments.cli import main

    main("experiment", "run", "cpu_io_spreading")
