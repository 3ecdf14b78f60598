"""How our figures look, in one place."""

from __future__ import annotations

from pathlib import Path

import matplotlib as mpl
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

__all__ = ["AMOUNTS", "COLOURS", "DASHES", "NEUTRAL", "Axes", "Figure", "new", "save", "time_unit"]

#: Okabe and Ito's colours, told apart by colour-blind eyes too ("Color Universal Design", 2008).
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000")
NEUTRAL = "#888888"
#: Lines that are told apart without colour.
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)), (0, (6, 2)))
#: One hue from light to dark for amounts; it prints in grey.
AMOUNTS = "cividis"

mpl.rcParams.update(
    {
        "figure.dpi": 100,
        "savefig.dpi": 160,
        "font.size": 9,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.titlesize": 10,
        "axes.titlelocation": "left",
        "axes.prop_cycle": cycler(color=COLOURS),
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#dddddd",
        "grid.linewidth": 0.6,
        "legend.frameon": False,
        "svg.hashsalt": "towtank",  # the same figure is the same file
    }
)


def new(width: float, height: float) -> Figure:
    """Begin a figure, sizes in inches, that no window system knows of."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def save(figure: Figure, stem: Path) -> list[Path]:
    """Write a figure as bitmap and as vectors."""
    stem.parent.mkdir(parents=True, exist_ok=True)
    paths = [stem.with_suffix(suffix) for suffix in (".png", ".svg")]
    for path in paths:
        figure.savefig(path, metadata={"Date": None} if path.suffix == ".svg" else {"Software": None})
    return paths


def time_unit(span_s: float) -> tuple[float, str]:
    """Give the unit that a time axis of this length reads best in: its seconds and its name."""
    for unit_s, name in ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if span_s >= 2 * unit_s:
            return unit_s, name
    return 1.0, "seconds"
