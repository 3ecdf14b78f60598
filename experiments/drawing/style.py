"""How our figures look, in one place: sizes, fonts, colours, panels, files."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import matplotlib as mpl
from cycler import cycler
from matplotlib.axes import Axes
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.figure import Figure

from policies.errors import UserError

__all__ = [
    "AMOUNTS", "COLOURS", "DASHES", "DOUBLE", "FORMATS", "LETTER", "MARKERS", "NEUTRAL", "RESOURCES", "SINGLE",
    "SMALL", "USUAL", "Axes", "Figure", "grid", "look", "name_axes", "new", "row_height", "save", "time_unit", "write",
]  # fmt: skip

#: Okabe and Ito's colours, told apart by colour-blind eyes too ("Color Universal Design", 2008).
COLOURS = ("#0072B2", "#E69F00", "#009E73", "#D55E00", "#CC79A7", "#56B4E9", "#000000")
NEUTRAL = "#888888"
#: Lines and points that are told apart without colour.
DASHES = ("-", (0, (4, 1.5)), (0, (1, 1)), (0, (4, 1, 1, 1)), (0, (6, 2)))
MARKERS = ("o", "s", "^", "D", "v", "P", "X")
#: One hue from light to dark for amounts; it prints in grey.
AMOUNTS = "cividis"

#: Widths of a column and of a page of two in most proceedings, in inches: figures are drawn as large as they are
#: printed.
SINGLE, DOUBLE = 3.4, 7.0
#: Points of what is said in passing: legends, labels of lines.
SMALL = 7
#: A letter is about so wide as a part of its font's size.
LETTER = 0.6

#: Kinds of file, and which are written unless somebody says otherwise.
FORMATS = ("png", "svg", "pdf")
USUAL = FORMATS[:2]

#: What resources are called.
RESOURCES = {"cpu": "CPU", "memory": "Memory", "gpu": "GPU", "disk": "Disk time", "net": "Network"}

mpl.rcParams.update(
    {
        "figure.dpi": 100,
        "savefig.dpi": 220,
        "font.family": "DejaVu Sans",  # it comes with matplotlib: figures are the same wherever they are drawn
        "font.size": 8,
        "axes.spines.top": False,
        "axes.spines.right": False,
        "axes.linewidth": 0.6,
        "axes.titlesize": 8.5,
        "axes.titlelocation": "left",
        "axes.prop_cycle": cycler(color=COLOURS),
        "axes.grid": True,
        "axes.axisbelow": True,
        "grid.color": "#dddddd",
        "grid.linewidth": 0.5,
        "xtick.major.width": 0.6,
        "ytick.major.width": 0.6,
        "lines.linewidth": 1.2,
        "legend.frameon": False,
        "legend.fontsize": SMALL,
        "figure.titlesize": 8.5,
        # TrueType in a PDF: text can be selected and searched, and publishers refuse Type 3. An SVG has no fonts of its
        # own, so there letters are outlines: labels are placed by how wide they are, and look the same everywhere.
        "pdf.fonttype": 42,
        "svg.fonttype": "path",
        "svg.hashsalt": "towtank",  # the same figure is the same file
    }
)


def new(width: float, height: float) -> Figure:
    """Begin a figure, sizes in inches, that no window system knows of."""
    figure = Figure(figsize=(width, height), layout="constrained")
    FigureCanvasAgg(figure)
    return figure


def grid(
    groups: Sequence[int],
    width: float,
    *,
    height: float = 1.7,
    narrowest: float = 2.1,
    share_x: bool = True,
    share_y: bool = True,
) -> tuple[Figure, list[list[Axes]]]:
    """Begin a figure of small panels in as many columns as there is room for.

    Parameters
    ----------
    groups : sequence of int
        How many panels each group has; a group begins a row of its own.
    width, height : float
        Of the figure, and of one panel, in inches.
    narrowest : float
        No panel is narrower, in inches, unless the figure is.
    share_x : bool
        Whether all panels have the same horizontal axis.
    share_y : bool
        Whether those of a group have the same vertical one.

    Returns
    -------
    Figure
        The figure.
    list of list of Axes
        Its panels, group by group.
    """
    most = max(groups)
    columns = max(1, min(most, int(width / narrowest)))
    columns = -(-most // -(-most // columns))  # as even as can be
    rows = [-(-panels // columns) for panels in groups]
    figure = new(width, 0.5 + height * sum(rows))
    every = figure.subplots(sum(rows), columns, squeeze=False, sharex=share_x)
    by_group = []
    for first, deep, panels in zip([sum(rows[:number]) for number in range(len(rows))], rows, groups, strict=True):
        own = list(every[first : first + deep].flat)
        for axes in own[panels:]:
            axes.remove()
        for axes in own[1:panels] if share_y else ():
            axes.sharey(own[0])
            if not axes.get_subplotspec().is_first_col():
                axes.tick_params(labelleft=False)
        by_group.append(own[:panels])
    for axes in _lowest(figure.axes):
        axes.tick_params(labelbottom=True)
    return figure, by_group


def name_axes(groups: Iterable[Sequence[Axes]], x: str, y: Sequence[str]) -> None:
    """Name the axes of a grid of panels on its outer ones: `x` for all, of `y` one for each group."""
    panels = [list(group) for group in groups]
    for group, name in zip(panels, y, strict=True):
        for axes in group:
            if axes.get_subplotspec().is_first_col():  # type: ignore[union-attr]
                axes.set_ylabel(name)
    for axes in _lowest([axes for group in panels for axes in group]):
        axes.set_xlabel(x)


def _lowest(panels: Sequence[Axes]) -> list[Axes]:
    """Give of every column of panels the lowest."""
    lowest: dict[int, Axes] = {}
    for axes in panels:
        lowest[axes.get_subplotspec().colspan.start] = axes  # type: ignore[union-attr]
    return list(lowest.values())


def row_height(rows: int, each: float = 0.3, about: float = 0.9) -> float:
    """Give the height of a figure of so many rows of bars, in inches."""
    return max(1.6, about + each * rows)


def look(number: int) -> dict[str, Any]:
    """Give how the line of this number looks: told apart by colour, and by dashes where there is none."""
    return {"color": COLOURS[number % len(COLOURS)], "ls": DASHES[number % len(DASHES)]}


def save(figure: Figure, stem: Path, formats: Iterable[str] = USUAL) -> list[Path]:
    """Write a figure as bitmap and as vectors; the same figure is the same bytes.

    Parameters
    ----------
    figure : Figure
        What is drawn.
    stem : Path
        The files without their suffix; their folder is made.
    formats : iterable of str
        Of `FORMATS`.

    Raises
    ------
    UserError
        If a file cannot be written.
    """
    # Where everything is does not depend on the kind of file, and takes as long to find as a file takes to write.
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    # A full stop in the name is no suffix.
    paths = [stem.with_name(f"{stem.name}.{kind}") for kind in formats]
    for path in paths:
        write(figure, path)
    return paths


def write(figure: Figure, path: Path) -> None:
    """Write a figure into one file, of the kind that its suffix says."""
    without = {".svg": "Date", ".pdf": "CreationDate"}.get(path.suffix, "Software")
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        figure.savefig(path, metadata={without: None})
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}") from None


def time_unit(span_s: float) -> tuple[float, str]:
    """Give the unit that a time axis of this length reads best in: its seconds and its name."""
    for unit_s, name in ((86400.0, "days"), (3600.0, "hours"), (60.0, "minutes")):
        if span_s >= 2 * unit_s:
            return unit_s, name
    return 1.0, "seconds"
