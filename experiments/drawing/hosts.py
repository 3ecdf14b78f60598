"""Figures of how hosts are loaded, one by one and all together."""

from __future__ import annotations

import numpy as np

from experiments.drawing import style
from experiments.drawing.labels import name_lines
from experiments.drawing.naming import MOST_PANELS, left_out, run_name, tell
from experiments.results.frames import Frames, coarse
from experiments.results.study import RunKey
from policies.arrays import FloatArray

#: A bitmap has so many rows: more hosts are averaged with their neighbours.
MOST_LINES = 400

#: The band of hosts that is drawn.
BAND = (0.05, 0.95)


def heat_map(frames: Frames, width: float = style.DOUBLE) -> style.Figure:
    """Draw the CPU allocated, or used, on every host over time: hosts from the most to the least loaded."""
    shown, figure, panels = _panels(frames, width, 1.9)
    of = frames.looked_at(shown[0])
    images = []
    top = 1.0  # more where a trace recorded hosts that hold more than they have
    for axes, key in zip(panels, shown, strict=True):
        t_s, load = _cpu(frames, key)
        load = load[:, np.argsort(-np.nan_to_num(load).mean(axis=0), kind="stable")]
        top = max(top, float(np.nanmax(load)) if np.isfinite(load).any() else 1.0)
        unit_s, _ = style.time_unit(frames.ended_s())
        image = axes.imshow(
            coarse(load, MOST_LINES).T,
            aspect="auto",
            cmap=style.AMOUNTS,
            extent=(0, t_s[-1] / unit_s if t_s.size else 1, load.shape[1], 0),
            interpolation="nearest",
        )
        images.append(image)
        axes.set_xlim(0, frames.ended_s() / unit_s)
        axes.grid(visible=False)
    for image in images:
        image.set_clim(0, top)
    figure.colorbar(images[0], ax=panels, label=f"share of CPU {of}", shrink=0.8)
    style.name_axes([panels], _time(frames), ["hosts, most loaded first"])
    return figure


def bands(frames: Frames, width: float = style.DOUBLE) -> style.Figure:
    """Draw between which shares most hosts' CPU is allocated, or used, over time, with their median and mean."""
    shown, figure, panels = _panels(frames, width, 1.6)
    of = frames.looked_at(shown[0])
    unit_s, _ = style.time_unit(frames.ended_s())
    for axes, key in zip(panels, shown, strict=True):
        t_s, load = _cpu(frames, key)
        at = t_s / unit_s
        low, median, high = _quantiles(load, np.array([BAND[0], 0.5, BAND[1]]))
        axes.fill_between(at, low, high, color=style.COLOURS[0], alpha=0.2, lw=0)
        axes.plot(at, median, label="median host", **style.look(0))
        there = np.isfinite(load)
        total, hosts = np.nan_to_num(load).sum(axis=1), there.sum(axis=1)
        mean = np.divide(total, hosts, out=np.full(total.shape, np.nan), where=hosts > 0)
        axes.plot(at, mean, label="mean of hosts", color=style.COLOURS[3], ls=style.DASHES[1])
        axes.set_xlim(0, frames.ended_s() / unit_s)
    panels[0].set_ylim(0, max(1.02, panels[0].get_ylim()[1]))
    style.name_axes([panels], _time(frames), [f"share of CPU {of}"])
    name_lines(figure, panels)
    return figure


def _panels(frames: Frames, width: float, height: float) -> tuple[list[RunKey], style.Figure, list[style.Axes]]:
    """Begin a panel for one run of each architecture and policy."""
    runs = frames.firsts
    shown = runs[:MOST_PANELS]
    figure, (panels,) = style.grid([len(shown)], width, height=height, narrowest=2.1 if width > style.SINGLE else 1.4)
    for axes, key in zip(panels, shown, strict=True):
        name = run_name(key)
        axes.set_title(name if len(shown) == 1 else name.replace(", ", "\n", 1), fontsize=style.SMALL)
    tell(figure, left_out(len(runs) - len(shown)))
    return shown, figure, panels


def _cpu(frames: Frames, key: RunKey) -> tuple[FloatArray, FloatArray]:
    name = f"cpu_{frames.looked_at(key)}"
    t_s, loads = frames.hosts(key, [name])
    return t_s, loads[name]


def _time(frames: Frames) -> str:
    return f"time [{style.time_unit(frames.ended_s())[1]}]"


def _quantiles(load: FloatArray, shares: FloatArray) -> FloatArray:
    """Give quantiles over the hosts that are there, shape (n_shares, n_looks); NaN where there is none."""
    ordered = np.sort(load, axis=1)  # what is not a number comes last
    there = np.isfinite(ordered).sum(axis=1)
    if not ordered.shape[1]:
        return np.full((shares.size, ordered.shape[0]), np.nan)
    at = shares[:, None] * np.maximum(there - 1, 0)
    below = at.astype(int)
    above = np.minimum(below + 1, np.maximum(there - 1, 0))
    looks = np.arange(ordered.shape[0])
    found: FloatArray = ordered[looks, below] + (at - below) * (ordered[looks, above] - ordered[looks, below])
    return found
