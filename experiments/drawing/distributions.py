"""Figures of how waits, turnarounds and slowdowns are distributed."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import NamedTuple

import numpy as np
from matplotlib.ticker import FuncFormatter, LogLocator, MaxNLocator

from experiments.drawing import style
from experiments.drawing.labels import name_lines
from experiments.drawing.marks import banded, over_seeds
from experiments.drawing.naming import facets, left_out, tell
from experiments.drawing.reading import seeds_read, seeds_told
from experiments.results.frames import Frames
from experiments.results.study import RunKey
from policies.arrays import FloatArray

#: Where distribution functions are looked at, evenly on a logarithmic axis: a run of any size has as many points.
PLACES = 300

#: On a logarithmic axis a time of nothing has no place: it stands here, in seconds.
NOTHING_S = 1e-3


class Sample(NamedTuple):
    """What was measured, each value of so many; infinite where it is more than anybody saw."""

    values: FloatArray
    counts: FloatArray

    def share(self, at: FloatArray) -> FloatArray:
        """Give which share is no more than each of these values; NaN where there is nothing."""
        order = np.argsort(self.values, kind="stable")
        upto = np.append(0.0, np.cumsum(self.counts[order]))
        found: FloatArray = upto[np.searchsorted(self.values[order], at, side="right")]
        return found / upto[-1] if upto[-1] else np.full(at.shape, np.nan)


#: Gives of a run what is drawn, by name.
Read = Callable[[RunKey], Mapping[str, Sample]]


def waits(frames: Frames, width: float = style.DOUBLE) -> style.Figure:
    """Draw how waits to the first attempt are distributed, workload class by workload class."""

    def read(key: RunKey) -> Mapping[str, Sample]:
        frame = frames.log(key, ["event", "attempt", "workload", "age_s"])
        counted = frame[((frame["event"] == "attempted") & (frame["attempt"] == 1)) | (frame["event"] == "unattempted")]
        return {
            str(workload): _each(np.maximum(own.to_numpy(), NOTHING_S))
            for workload, own in counted.groupby("workload", observed=True)["age_s"]
        }

    label = f"wait [s] (none: {NOTHING_S:g})"
    return _draw(
        frames, width, read, lambda name: f"Wait of {name} jobs", label, "share of jobs that\nwaited no longer"
    )


def turnarounds(frames: Frames, width: float = style.DOUBLE) -> style.Figure:
    """Draw how long jobs take from their submission to the end of their last container."""

    def read(key: RunKey) -> Mapping[str, Sample]:
        frame = frames.jobs(key)
        took_s = (frame["ended_s"] - frame["submitted_s"]).fillna(np.inf).clip(lower=NOTHING_S)
        return {
            str(workload): _each(own.to_numpy()) for workload, own in took_s.groupby(frame["workload"], observed=True)
        }

    return _draw(
        frames, width, read, lambda name: f"Turnaround of {name} jobs", "submission to last end [s]",
        "share of jobs that\nended by then",
    )  # fmt: skip


def slowdowns(frames: Frames, width: float = style.DOUBLE) -> style.Figure:
    """Draw how the slowdowns of containers are distributed: run time with neighbours / run time alone."""

    def read(key: RunKey) -> Mapping[str, Sample]:
        frame = frames.log(key, ["event", "scheduler", "tasks", "seconds", "alone_s"])
        ended = frame[(frame["event"] == "finished") & (frame["scheduler"] != "") & (frame["alone_s"] > 0)]
        return {"": Sample((ended["seconds"] / ended["alone_s"]).to_numpy(), ended["tasks"].to_numpy(dtype=float))}

    return _draw(
        frames,
        width,
        read,
        lambda _: "Slowdown",
        "run time with neighbours / alone",
        "share of containers\nslowed no more",
    )


def _each(values: FloatArray) -> Sample:
    return Sample(values, np.ones(values.shape))


def _draw(
    frames: Frames, width: float, read: Read, title: Callable[[str], str], label: str, shares: str
) -> style.Figure:
    """Draw a row of panels for each name that is read, a distribution function for each architecture and policy."""
    dealt = facets(frames.combinations)
    samples = {
        line.keys[0]: [read(key) for key in seeds_read(frames, line.keys)]
        for _, lines in dealt.panels
        for line in lines
    }
    names = sorted({name for seeds in samples.values() for one in seeds for name in one})
    rows = {}
    for name in names:
        there = [(panel, [one for one in lines if any(name in seed for seed in samples[one.keys[0]])])
                 for panel, lines in dealt.panels]  # fmt: skip
        rows[name] = [(panel, lines) for panel, lines in there if lines]
    low, high = _range([sample.values for seeds in samples.values() for one in seeds for sample in one.values()])
    at = np.geomspace(low, high, PLACES)
    figure, groups = style.grid([len(panels) for panels in rows.values()], width, height=1.9)
    for axes_of, (name, panels) in zip(groups, rows.items(), strict=True):
        for axes, (panel, lines) in zip(axes_of, panels, strict=True):
            for line in lines:
                seeds = [one[name].share(at) for one in samples[line.keys[0]] if name in one]
                banded(axes, at, over_seeds(np.array(seeds)), label=line.label, **style.look(line.number))
            axes.set_title(f"{title(name)}\n{panel}" if panel else title(name))
            axes.set_ylim(0, 1.02)
            _logarithmic(axes, low, high)
    style.name_axes(groups, label, [shares] * len(groups))
    tell(figure, left_out(dealt.left_out), seeds_told(frames))
    name_lines(figure, [axes for group in groups for axes in group], along=True)
    return figure


def _range(values: list[FloatArray]) -> tuple[float, float]:
    """Give between which positive numbers all values lie, with a little room."""
    known = [own[np.isfinite(own) & (own > 0)] for own in values]
    low = min((float(own.min()) for own in known if own.size), default=NOTHING_S)
    high = max((float(own.max()) for own in known if own.size), default=NOTHING_S)
    return low / 1.02, max(high * 1.02, low * 1.5)


def _logarithmic(axes: style.Axes, low: float, high: float) -> None:
    """Have a logarithmic axis whose ticks are plain numbers, also where it is short of a decade."""
    axes.set_xscale("log")
    axes.set_xlim(low, high)
    if high / low < 4:
        axes.xaxis.set_major_locator(MaxNLocator(4))
        axes.xaxis.set_minor_locator(MaxNLocator(1))
    elif high / low < 50:
        axes.xaxis.set_major_locator(LogLocator(subs=(1, 2, 5)))
    if high / low < 1e4:
        axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.xaxis.set_minor_formatter(FuncFormatter(lambda value, _: ""))
