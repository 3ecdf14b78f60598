"""Figures of what goes on over time: lines of means over seeds, with bands of their intervals."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np

from experiments.drawing import style
from experiments.drawing.labels import name_lines
from experiments.drawing.marks import banded, over_seeds
from experiments.drawing.naming import facets, left_out, tell
from experiments.drawing.reading import seeds_read, seeds_told
from experiments.drawing.runs import named
from experiments.measures.windows import counts_in, overlap_s, window_means
from experiments.results.frames import ALLOCATED, Frames
from experiments.results.study import RunKey
from policies.arrays import FloatArray

#: Windows of time, of which means are drawn; fewer where things are counted in them.
WINDOWS, COUNTED = 150, 40

#: Given a run and the edges of the windows, gives by name what is drawn, each of shape (n_windows,).
Read = Callable[[RunKey, FloatArray], Mapping[str, FloatArray]]


def of_cell(frames: Frames, width: float = style.DOUBLE, *, of: str = ALLOCATED) -> style.Figure:
    """Draw the share of each resource that is allocated or used."""

    def read(key: RunKey, edges: FloatArray) -> Mapping[str, FloatArray]:
        loads = [name for name in frames.columns(key) if name.endswith(f"_{of}")]
        frame = frames.log(key, ["t_s", *loads])
        t_s = frame["t_s"].to_numpy()
        return {name: window_means(t_s, frame[name].to_numpy(), edges) for name in loads}

    def title(name: str) -> str:
        resource = name.removesuffix(f"_{of}")
        return f"{style.RESOURCES.get(resource, resource)} {of}"

    return _draw(frames, width, read, WINDOWS, title, "share of capacity")


def busyness(frames: Frames, width: float = style.DOUBLE) -> style.Figure:
    """Draw which share of the time the schedulers of each group think."""

    def read(key: RunKey, edges: FloatArray) -> Mapping[str, FloatArray]:
        frame = frames.log(key, ["event", "scheduler", "t_s", "seconds"])
        members = _members(frame.loc[frame["event"] == "scheduler", "scheduler"].unique())
        thought = frame[frame["event"] == "attempted"]
        shares = {}
        for group, names in members.items():
            own = thought[thought["scheduler"].isin(names)]
            taken_s = overlap_s(own["t_s"].to_numpy(), own["seconds"].to_numpy(), edges)
            shares[group] = taken_s / np.diff(edges) / len(names)
        return shares

    return _draw(frames, width, read, COUNTED, lambda group: _of_group("Busyness", group), "share spent thinking")


def conflicts(frames: Frames, width: float = style.DOUBLE) -> style.Figure:
    """Draw how often transactions of each group of schedulers conflict that has any conflict at all."""
    counted = named(frames.summary, "conflicted_transactions")
    some = {group for column, group in counted.items() if (frames.summary[column] > 0).any()}

    def read(key: RunKey, edges: FloatArray) -> Mapping[str, FloatArray]:
        frame = frames.log(key, ["event", "scheduler", "t_s"])
        members = _members(frame.loc[frame["event"] == "scheduler", "scheduler"].unique())
        members = {group: names for group, names in members.items() if group in some}
        lost = frame[frame["event"] == "conflicted"]
        minutes = np.diff(edges) / 60
        return {
            group: counts_in(lost.loc[lost["scheduler"].isin(names), "t_s"].to_numpy(), edges) / minutes
            for group, names in members.items()
        }

    return _draw(frames, width, read, COUNTED, lambda group: _of_group("Conflicts", group), "transactions per minute")


def imbalance(frames: Frames, width: float = style.DOUBLE) -> style.Figure:
    """Draw how unevenly the CPU of hosts is loaded: the coefficient of variation over hosts."""
    of = frames.looked_at(frames.firsts[0]) if frames.firsts else ALLOCATED

    def read(key: RunKey, edges: FloatArray) -> Mapping[str, FloatArray]:
        names = [f"cpu_{of}_mean", f"cpu_{of}_std"]
        frame = frames.log(key, ["t_s", *names])
        mean, std = (frame[name].to_numpy() for name in names)
        variation = np.divide(std, mean, out=np.zeros_like(std), where=mean > 0)
        return {"cpu": window_means(frame["t_s"].to_numpy(), variation, edges)}

    # A cell that is nearly empty is very uneven, and would press the rest of the curve flat.
    return _draw(frames, width, read, WINDOWS, lambda _: f"Imbalance of CPU {of}", "coeff. of variation", 0.95)


def _members(schedulers: np.ndarray) -> dict[str, list[str]]:
    members: dict[str, list[str]] = {}
    for name in sorted(map(str, schedulers)):
        members.setdefault(name.rpartition("/")[0], []).append(name)
    return members


def _of_group(what: str, group: str) -> str:
    return f"{what}, {group} schedulers" if group != "all" else f"{what}, schedulers of all jobs"


def _draw(
    frames: Frames,
    width: float,
    read: Read,
    windows: int,
    title: Callable[[str], str],
    unit: str,
    top: float = 1.0,
) -> style.Figure:
    """Draw a row of panels for each name that is read, a line in them for each architecture and policy.

    Parameters
    ----------
    frames : Frames
        The runs.
    width : float
        Of the figure, in inches.
    read : callable
        What is drawn.
    windows : int
        How many windows of time there are.
    title : callable
        What a name is called.
    unit : str
        What the vertical axis says.
    top : float
        The quantile of the means up to which the vertical axis goes.
    """
    dealt = facets(frames.combinations)
    ended_s = max(frames.ended_s(), 1e-9)
    edges = np.linspace(0.0, ended_s, windows + 1)
    drawn = {}
    for _, lines in dealt.panels:
        for line in lines:
            seeds = [read(key, edges) for key in seeds_read(frames, line.keys)]
            drawn[line.keys[0]] = {
                name: over_seeds(np.array([one[name] for one in seeds if name in one]))
                for name in dict.fromkeys(name for one in seeds for name in one)
            }
    rows = {}
    for name in dict.fromkeys(name for names in drawn.values() for name in names):
        there = [(panel, [line for line in lines if name in drawn[line.keys[0]]]) for panel, lines in dealt.panels]
        rows[name] = [(panel, lines) for panel, lines in there if lines]
    figure, groups = style.grid([len(panels) for panels in rows.values()], width)
    unit_s, time = style.time_unit(ended_s)
    at = (edges[1:] + edges[:-1]) / 2 / unit_s
    for axes_of, (name, panels) in zip(groups, rows.items(), strict=True):
        highest = 0.0
        for axes, (panel, lines) in zip(axes_of, panels, strict=True):
            for line in lines:
                estimates = drawn[line.keys[0]][name]
                banded(axes, at, estimates, label=line.label, **style.look(line.number))
                highest = max(highest, float(np.nanquantile([one.mean for one in estimates], top)))
            axes.set_title(f"{title(name)}\n{panel}" if panel else title(name))
        for axes in axes_of:
            axes.set_xlim(0, ended_s / unit_s)
            axes.set_ylim(0, 1.1 * highest if top < 1 and highest else None)
        if axes_of[0].get_ylim()[1] <= 0.06:
            axes_of[0].set_ylim(0, 0.1)
        if unit.startswith("share") and highest <= 1 + 1e-6 < axes_of[0].get_ylim()[1]:
            axes_of[0].set_ylim(0, 1.02)  # an interval may go further, a share does not
    style.name_axes(groups, f"time [{time}]", [unit] * len(groups))
    tell(figure, left_out(dealt.left_out), seeds_told(frames))
    name_lines(figure, [axes for group in groups for axes in group])
    return figure
