"""Names of lines, at the lines themselves where there is room, else in a legend."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from itertools import combinations
from math import hypot
from typing import Any

import numpy as np
from matplotlib.colors import to_rgb
from matplotlib.lines import Line2D
from matplotlib.patheffects import withStroke
from matplotlib.text import Text
from matplotlib.transforms import Bbox

from experiments.drawing.style import LETTER, SMALL, Axes, Figure
from policies.arrays import FloatArray

#: More lines than these are not named one by one.
MOST_NAMED = 7
#: Labels that leave panels less than this, in inches, take too much from what they name.
NARROWEST = 1.2
#: From a line's end to its label, in points.
LEADER = 12
#: Lines that are nowhere further apart than this, in pixels, cannot be told apart by what stands beside them.
NEAR = 4.0
#: Of a line of text, what its neighbours keep away.
SPACING = 1.1
#: Black on white has 21; text is to have so much (Web Content Accessibility Guidelines 2.2, 1.4.3).
CONTRAST = 4.5


def name_lines(figure: Figure, panels: Sequence[Axes], *, along: bool = False) -> None:
    """Name every line, once its panels are finished: at the line if there is room, else beneath all panels.

    Parameters
    ----------
    figure : Figure
        Whose layout is then made.
    panels : sequence of Axes
        What has one name looks the same in all of them.
    along : bool
        Whether names stand beside the lines, in the first panel with room for all of them; else they stand where lines
        end, in the rightmost panel of every row.
    """
    named = _named(panels)
    if not named:
        return
    figure.draw_without_rendering()
    if len(named) <= MOST_NAMED and all(map(_is_curve, named.values())):
        if along:
            apart = {axes: _apart(axes, named) for axes in panels}
            best = sorted((axes for axes in panels if apart[axes] > NEAR), key=lambda axes: -apart[axes])
            if any(_name_along(axes, named) for axes in best):
                return
        else:
            right = _rightmost(panels)
            placed = [_name_ends(axes, named) for axes in right]
            if all(placed):
                return
            for texts in placed:
                for text in texts:
                    text.remove()
    legend(figure, panels)


def legend(figure: Figure, panels: Sequence[Axes]) -> None:
    """Name everything once, beneath all panels."""
    named = _named(panels)
    if not named:
        return
    columns = fitting(named, figure.get_figwidth())
    figure.legend(named.values(), named.keys(), loc="outside lower center", ncols=columns)


def fitting(names: Collection[str], room: float, handle: float = 4.5) -> int:
    """Say in how many columns a legend of these names fits into so many inches.

    Parameters
    ----------
    names : collection of str
        What it says.
    room : float
        How wide it may be, in inches.
    handle : float
        What stands before a name, as a part of the font's size.
    """
    each = SMALL / 72 * (LETTER * max(map(len, names)) + handle)
    return max(1, min(len(names), int(room / each)))


def _named(panels: Sequence[Axes]) -> dict[str, Any]:
    return {label: handle for one in panels for handle, label in zip(*one.get_legend_handles_labels(), strict=True)}


def _is_curve(handle: object) -> bool:
    return isinstance(handle, Line2D) and handle.get_linestyle() != "None" and len(np.asarray(handle.get_xdata())) > 0


def _rightmost(panels: Sequence[Axes]) -> list[Axes]:
    """Give the panels with nothing to the right of them, in their row or beside its end."""
    right = max(axes.get_position().x1 for axes in panels)
    return [axes for axes in panels if axes.get_position().x1 > right - 0.01]


def _columns(axes: Axes) -> int:
    """Say how many columns of panels there are."""
    spec = axes.get_subplotspec()
    return 1 if spec is None else spec.get_gridspec().ncols


def _lines(axes: Axes) -> dict[str, Line2D]:
    return {
        label: handle
        for handle, label in zip(*axes.get_legend_handles_labels(), strict=True)
        if isinstance(handle, Line2D)
    }


def _name_ends(axes: Axes, named: dict[str, Any]) -> list[Text]:
    """Write the names where the lines end, none over another; give nothing if they do not fit."""
    lines = _lines(axes)
    if set(lines) != set(named):
        return []
    figure, box = axes.get_figure(root=True), axes.get_window_extent()
    assert figure is not None
    ends = []
    for line in lines.values():
        path = _path(axes, line)
        if not path.size:
            return []
        ends.append(float(np.clip(path[-1, 1], box.y0, box.y1)))
    tried = [figure.text(0, 0, label, fontsize=SMALL) for label in lines]
    sizes = [text.get_window_extent() for text in tried]
    for text in tried:
        text.remove()
    gap = SPACING * max(size.height for size in sizes)
    if box.width - max(size.width for size in sizes) / _columns(axes) < NARROWEST * figure.dpi:
        return []
    places = spread(np.array(ends), gap, box.y0, box.y1)
    if places is None:
        return []
    point = figure.dpi / 72
    return [
        axes.annotate(
            label,
            (1, (end - box.y0) / box.height),
            (LEADER, (place - end) / point),
            xycoords="axes fraction",
            textcoords="offset points",
            va="center",
            fontsize=SMALL,
            annotation_clip=False,
            # What leads from the line to its name looks like the line.
            arrowprops={
                "arrowstyle": "-", "color": line.get_color(), "lw": line.get_linewidth(),
                "ls": _dashes(line), "shrinkA": 1, "shrinkB": 0, "relpos": (0, 0.5),
            },
        )
        for (label, line), end, place in zip(lines.items(), ends, places.tolist(), strict=True)
    ]  # fmt: skip


def _dashes(line: Line2D) -> Any:
    """Give a line's dashes as they were asked for; the line itself tells of them only that there are some."""
    return line._unscaled_dash_pattern if line.is_dashed() else "-"  # type: ignore[attr-defined]


def spread(wanted: FloatArray, gap: float, low: float, high: float) -> FloatArray | None:
    r"""Move places apart, as little as can be.

    Parameters
    ----------
    wanted : ndarray of shape (n,)
        Where each would be.
    gap : float
        How far apart they are to be.
    low, high : float
        Between which they are to stay.

    Returns
    -------
    ndarray of shape (n,) or None
        Where they are, in the order of `wanted`; None if there is not so much room.

    Notes
    -----
    With :math:`x_i` in ascending order, the :math:`y_i` that minimise :math:`\sum_i (x_i - y_i)^2` where
    :math:`y_{i+1} - y_i \ge g` are :math:`z_i + i g`, :math:`z` being the isotonic regression of :math:`x_i - i g`.

    Examples
    --------
    >>> spread(np.array([5.0, 5.0, 0.0]), 2.0, 0.0, 10.0)
    array([4., 6., 0.])
    """
    from scipy.optimize import isotonic_regression

    if gap * (len(wanted) - 1) > high - low:
        return None
    order, steps = np.argsort(wanted, kind="stable"), gap * np.arange(len(wanted))
    apart = isotonic_regression(wanted[order] - steps).x
    places = np.empty(len(wanted))
    places[order] = np.clip(apart, low, high - steps[-1]) + steps
    return places


def _apart(axes: Axes, named: dict[str, Any]) -> float:
    """Say how far apart the two lines of a panel that are most alike are, where they are furthest apart, in pixels.

    Lines are functions of what is across; infinite where there is one, 0 where not all are there.
    """
    lines = _lines(axes)
    if set(lines) != set(named):
        return 0.0
    paths = [_path(axes, line) for line in lines.values()]
    if not all(map(len, paths)):
        return 0.0
    box = axes.get_window_extent()
    at = np.arange(box.x0, box.x1)
    heights = [np.interp(at, path[:, 0], path[:, 1]) for path in paths]
    return min((float(np.abs(one - other).max()) for one, other in combinations(heights, 2)), default=np.inf)


def _name_along(axes: Axes, named: dict[str, Any]) -> list[Text]:
    """Write the names beside the lines, over no line and no other name; give nothing if there is no room for one."""
    lines = _lines(axes)
    if set(lines) != set(named):
        return []
    figure, box = axes.get_figure(root=True), axes.get_window_extent()
    assert figure is not None
    paths = {label: _dense(_path(axes, line), box) for label, line in lines.items()}
    everywhere = np.concatenate([*paths.values(), np.empty((0, 2))])
    away = 4 * figure.dpi / 72
    texts: list[Text] = []
    taken: list[Bbox] = []
    for label, line in lines.items():
        # Drawn lines differ from each other most where they are steep, in the middle.
        ink = _ink(line.get_color())
        text = axes.text(0, 0, label, fontsize=SMALL, color=ink, va="center", transform=None)
        text.set_path_effects([withStroke(linewidth=1.5, foreground="white")])
        texts.append(text)
        size = text.get_window_extent()
        place = _free_place(paths[label], (size.width, size.height), away, box, everywhere, taken)
        if place is None:
            for one in texts:
                one.remove()
            return []
        taken.append(place)
        text.set_transform(axes.transAxes)
        text.set_position(((place.x0 - box.x0) / box.width, ((place.y0 + place.y1) / 2 - box.y0) / box.height))
    return texts


def _free_place(
    path: FloatArray, size: tuple[float, float], away: float, box: Bbox, everywhere: FloatArray, taken: list[Bbox]
) -> Bbox | None:
    """Find room for a text of this size beside a path, nearest to its middle."""
    if not path.size:
        return None
    width, height = size
    for share in sorted(np.linspace(0.08, 0.92, 29), key=lambda share: abs(share - 0.5)):
        x, y = path[int(share * (len(path) - 1))]
        if x <= box.x0 + away:
            continue  # that would name the axis
        for left, bottom in (
            (x + away, y - height / 2),
            (x - away - width, y - height / 2),
            (x - width / 2, y + away),
            (x - width / 2, y - away - height),
        ):
            place = Bbox.from_bounds(left, bottom, width, height)
            inside = box.x0 <= place.x0 and place.x1 <= box.x1 and box.y0 <= place.y0 and place.y1 <= box.y1
            near = place.padded(away / 3)
            crossed = (near.x0 < everywhere[:, 0]) & (everywhere[:, 0] < near.x1)
            crossed &= (near.y0 < everywhere[:, 1]) & (everywhere[:, 1] < near.y1)
            if inside and not crossed.any() and not any(near.overlaps(other) for other in taken):
                return place
    return None


def _path(axes: Axes, line: Line2D) -> FloatArray:
    """Give where a line goes, in pixels, shape (n, 2)."""
    xy: FloatArray = np.asarray(line.get_xydata(), dtype=float)
    at: FloatArray = line.get_transform().transform(xy[np.isfinite(xy).all(axis=1)])
    return at[np.isfinite(at).all(axis=1)]


def _dense(path: FloatArray, box: Bbox, every: float = 2.0) -> FloatArray:
    """Give points of a path every few pixels, as far as it lies in a box."""
    path = path[np.append(True, np.abs(np.diff(path, axis=0)).sum(axis=1) > 0)] if len(path) else path
    if len(path) < 2:
        return path
    along = np.append(0.0, np.cumsum([hypot(*step) for step in np.diff(path, axis=0)]))
    at = np.linspace(0, along[-1], max(2, min(int(along[-1] / every), 20_000)))
    points = np.column_stack([np.interp(at, along, path[:, axis]) for axis in (0, 1)])
    return points[(points[:, 0] >= box.x0) & (points[:, 0] <= box.x1)]


def _ink(colour: Any) -> tuple[float, float, float]:
    """Darken a colour until it can be read as text on white."""
    for part in np.linspace(1, 0, 41):
        red, green, blue = (part * channel for channel in to_rgb(colour))
        linear = [one / 12.92 if one <= 0.04045 else ((one + 0.055) / 1.055) ** 2.4 for one in (red, green, blue)]
        luminance = 0.2126 * linear[0] + 0.7152 * linear[1] + 0.0722 * linear[2]
        if 1.05 / (luminance + 0.05) >= CONTRAST:
            break
    return red, green, blue
