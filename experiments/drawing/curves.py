"""Curves with their intervals, as most of our experiments draw them."""

from __future__ import annotations

from collections.abc import Sequence
from math import isfinite

import pandas as pd

from experiments.drawing.style import COLOURS, DASHES, Axes, Figure, new
from experiments.measures.statistics import estimate


def panels(columns: int, rows: int = 1, *, share_y: bool = True) -> tuple[Figure, list[Axes]]:
    """Begin a figure of equal panels, and give them row after row."""
    figure = new(3.3 * columns + 0.5, 2.7 * rows + 0.5)
    axes = figure.subplots(rows, columns, sharex=True, sharey=share_y, squeeze=False)
    return figure, list(axes.ravel())


def curve(axes: Axes, table: pd.DataFrame, x: str, y: str, label: str, *, colour: int = 0, dash: int = 0) -> None:
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
        What the legend says.
    colour, dash : int
        Which of the house's colours and dashes.
    """
    known = table.dropna(subset=[y]).groupby(x)[y]
    means = known.mean()
    intervals = [estimate(values.tolist()) for _, values in known]
    line = COLOURS[colour % len(COLOURS)]
    axes.plot(
        means.index, means, color=line,
        linestyle=DASHES[dash % len(DASHES)], marker="o", markersize=2.5, linewidth=1.2, label=label,
    )  # fmt: skip
    if all(isfinite(interval.half) for interval in intervals):
        lows, highs = [interval.low for interval in intervals], [interval.high for interval in intervals]
        axes.fill_between(means.index, lows, highs, color=line, alpha=0.2, linewidth=0)


def legend(figure: Figure, axes: Sequence[Axes]) -> None:
    """Name every curve once, beneath all panels."""
    handles = {label: handle for one in axes for handle, label in zip(*one.get_legend_handles_labels(), strict=True)}
    figure.legend(handles.values(), handles.keys(), loc="outside lower center", ncols=min(len(handles), 4), fontsize=8)
