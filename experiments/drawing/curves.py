"""Curves with their intervals, as most of our experiments draw them."""

from __future__ import annotations

from math import isfinite
from typing import Any

import pandas as pd

from experiments.drawing.labels import name_lines
from experiments.drawing.marks import banded
from experiments.drawing.style import AMOUNTS, COLOURS, DASHES, Axes, Figure, new
from experiments.measures.statistics import estimate

__all__ = ["curve", "name_lines", "panels", "surface"]


def panels(columns: int, rows: int = 1, *, share_x: bool = True, share_y: bool = True) -> tuple[Figure, list[Axes]]:
    """Begin a figure of equal panels, and give them row after row."""
    figure = new(3.3 * columns + 0.5, 2.7 * rows + 0.5)
    axes = figure.subplots(rows, columns, sharex=share_x, sharey=share_y, squeeze=False)
    return figure, list(axes.ravel())


def curve(
    axes: Axes, table: pd.DataFrame, x: str, y: str, label: str, *, colour: int = 0, dash: int = 0, joined: bool = True
) -> None:
    """Draw the mean over seeds of `y` against `x`, with its 95 % t-interval.

    Parameters
    ----------
    axes : Axes
        Where.
    table : DataFrame
        One row for each `x` and seed.
    x, y : str
        Columns.
    label : str
        What it is called.
    colour, dash : int
        Which of the house's colours and dashes.
    joined : bool
        Whether there is a line between the means: not where `x` is a name.
    """
    known = table.dropna(subset=[y]).groupby(x)[y]
    at: list[Any] = []
    intervals = []
    for place, values in known:
        at.append(place)
        intervals.append(estimate(values.tolist()))
    look: dict[str, Any] = {"color": COLOURS[colour % len(COLOURS)], "marker": "o", "markersize": 2.5, "label": label}
    if joined:
        banded(axes, at, intervals, linestyle=DASHES[dash % len(DASHES)], **look)
        return
    means, halves = [interval.mean for interval in intervals], [interval.half for interval in intervals]
    axes.errorbar(at, means, halves if all(map(isfinite, halves)) else None, linestyle="none", capsize=3, **look)


def surface(axes: Axes, table: pd.DataFrame, x: str, y: str, z: str, marked: str | None = None) -> Any:
    """Colour a grid by the mean over seeds of a share, and give what a colour bar needs.

    Parameters
    ----------
    axes : Axes
        Where.
    table : DataFrame
        One row for each point of the grid and seed.
    x, y : str
        Columns of the grid, on logarithmic axes.
    z : str
        The share, 0 to 1.
    marked : str, optional
        A column: where its mean is more than 0 there is a cross.
    """
    means = table.pivot_table(values=z, index=y, columns=x, aggfunc="mean")
    mesh = axes.pcolormesh(means.columns, means.index, means, cmap=AMOUNTS, vmin=0, vmax=1, shading="nearest")
    if marked is not None:
        crosses = table.groupby([x, y])[marked].mean()
        at = [place for place, value in crosses.items() if value > 0]
        if at:
            axes.plot(*zip(*at, strict=True), "x", color=COLOURS[3], markersize=5, label=marked.replace("_", " "))
    axes.set(xscale="log", yscale="log")
    axes.grid(visible=False)
    return mesh
