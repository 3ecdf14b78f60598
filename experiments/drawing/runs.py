"""Figures of what runs come to: bars of their metrics, means over seeds with intervals."""

from __future__ import annotations

from collections.abc import Mapping

import pandas as pd

from experiments.drawing import style
from experiments.drawing.labels import fitting
from experiments.drawing.marks import bar
from experiments.drawing.naming import left_out, short, tell
from experiments.results.frames import ALLOCATED, USED, Frames

#: Rows of bars beyond this number are left out and said to be.
MOST_ROWS = 40

#: What the names of architectures and policies take of a figure's width, in inches, if they are not very long.
ROW_NAMES = 1.0

IMBALANCE = {
    "cpu_imbalance": "coeff. of variation",
    "cpu_imbalance_std": "standard deviation",
    "cpu_imbalance_range": "max − min",
}


def wait_and_busyness(frames: Frames, width: float = style.DOUBLE) -> style.Figure:
    """Draw how long jobs wait and how busy schedulers are."""
    table = frames.summary
    waits, busy = named(table, "wait_mean_s"), named(table, "busyness")
    figure, (left, right) = _begin(table, width, 2)
    bars(left, "Mean wait to the first attempt", table, waits, colours(table, waits))
    left.set(xlabel="wait [s]")
    if table[list(waits)].max().max() > 1:
        left.set_xscale("symlog", linthresh=0.01)
        # Every decade has a name only where there is room for it.
        left.xaxis.get_major_locator().set_params(numticks=4)  # type: ignore[call-arg]
    left.set_xlim(left=0)
    bars(right, "Busyness of the schedulers", table, busy, colours(table, busy))
    right.set(xlabel="share of time spent thinking", xlim=(0, 1))
    return figure


def conflicts(frames: Frames, width: float = style.DOUBLE) -> style.Figure:
    """Draw how many transactions conflict."""
    table = frames.summary
    fractions = named(table, "conflict_fraction")
    figure, (axes,) = _begin(table, width, 1)
    bars(axes, "Conflict fraction", table, fractions, colours(table, fractions))
    axes.set(xlabel="transactions with / without a conflict")
    _from_nothing(axes)
    return figure


def imbalance(frames: Frames, width: float = style.DOUBLE) -> style.Figure:
    """Draw how unevenly the CPU of hosts is loaded in the mean over time, by three measures."""
    table = frames.summary
    figure, (axes,) = _begin(table, width, 1, len(IMBALANCE))
    bars(axes, "CPU imbalance, mean over time", table, IMBALANCE, colours(table, IMBALANCE))
    of = frames.looked_at(frames.firsts[0]) if frames.has_log() else f"{ALLOCATED} or {USED}"
    axes.set(xlabel=f"of CPU {of} / capacity, over hosts")
    _from_nothing(axes)
    return figure


def _begin(table: pd.DataFrame, width: float, panels: int, bars_each: int = 2) -> tuple[style.Figure, list[style.Axes]]:
    combinations = len(table.groupby(["architecture", "policy"]))
    height = style.row_height(min(combinations, MOST_ROWS), each=0.14 * max(2, bars_each))
    figure, (axes,) = style.grid([panels], width, height=height, narrowest=3.0, share_x=False)
    tell(figure, left_out(max(combinations - MOST_ROWS, 0)))
    return figure, axes


def bars(
    axes: style.Axes, title: str, table: pd.DataFrame, columns: Mapping[str, str], colour: Mapping[str, str]
) -> None:
    """Draw bars for each architecture and policy, one for each metric it has: means over seeds with 95 % t-intervals.

    Parameters
    ----------
    axes, title : Axes, str
        Where, and what it is.
    table : DataFrame
        One row a run.
    columns : mapping
        The metrics, and what each is called.
    colour : mapping
        Of each of these names.
    """
    runs = list(table.groupby(["architecture", "policy"], sort=False))[:MOST_ROWS]
    named: set[str] = set()
    for place, (_, group) in enumerate(runs):
        there = [column for column in columns if group[column].notna().any()]
        thick = 0.8 / max(len(there), 1)
        for number, column in enumerate(there):
            name = columns[column]
            bar(
                axes, place + (number - (len(there) - 1) / 2) * thick, group[column].dropna().astype(float),
                thick * 0.92, color=colour[name], label=None if name in named else name,
            )  # fmt: skip
            named.add(name)
    axes.set_yticks(range(len(runs)), [f"{architecture}\n{short(policy)}" for (architecture, policy), _ in runs])
    axes.tick_params(axis="y", labelsize=style.SMALL)
    axes.set_ylim(len(runs) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    if len(named) < 2:
        axes.set_title(title)
        return
    # Between title and bars, in as many columns as there is room for beside the names of the rows.
    figure, spec = axes.get_figure(root=True), axes.get_subplotspec()
    assert figure is not None
    assert spec is not None
    room = figure.get_figwidth() / spec.get_gridspec().ncols - ROW_NAMES
    side_by_side = fitting(named, room, handle=3.0)
    axes.legend(
        loc="lower left", bbox_to_anchor=(0, 1), ncols=side_by_side, borderpad=0, borderaxespad=0.3, columnspacing=1.0,
        handlelength=1.2, labelspacing=0.2,
    )  # fmt: skip
    axes.set_title(title, pad=6 + 1.4 * style.SMALL * -(-len(named) // side_by_side))


def _from_nothing(axes: style.Axes) -> None:
    """Let bars begin at 0, and have an axis where all are 0."""
    axes.set_xlim(left=0, right=None if axes.get_xlim()[1] > 0.06 else 0.1)


def named(table: pd.DataFrame, metric: str) -> dict[str, str]:
    """Give the columns of a metric that there is of several groups or classes, and what they are of."""
    return {name: name[len(metric) + 1 :] for name in table.columns if name.startswith(metric + ".")}


def colours(table: pd.DataFrame, columns: Mapping[str, str]) -> dict[str, str]:
    """Give each class of jobs one colour in all figures, and what is no class the others."""
    prefixes = ("wait_mean_s.", "busyness.")
    classes = sorted({name.partition(".")[2] for name in table.columns if name.startswith(prefixes)} - {"all"})
    others = [label for label in columns.values() if label not in classes and label != "all"]
    found = [style.COLOURS[number % len(style.COLOURS)] for number in range(len(classes) + len(others))]
    return {"all": style.NEUTRAL, **dict(zip([*classes, *others], found, strict=True))}
