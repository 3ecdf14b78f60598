"""The figures of a set of runs, drawn from tables and from nothing else."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from experiments.drawing import style
from experiments.results.frames import Frames, coarse
from experiments.results.study import RunKey

#: Small multiples beyond this number are left out and said to be.
MOST_PANELS = 9
#: Rows of a bitmap of hosts; beyond, neighbours are averaged.
MOST_ROWS = 400

TITLES = {"cpu": "CPU", "memory": "Memory", "gpu": "GPU", "disk": "Disk time", "net": "Network"}


def _short(policy: str) -> str:
    return Path(policy).name if ".py" in policy else policy


def _bars(axes: style.Axes, title: str, summary: pd.DataFrame, columns: dict[str, str]) -> None:
    """Draw bars for each architecture and policy, one for each metric it has: mean over seeds, and their range.

    Parameters
    ----------
    axes, title : Axes, str
        Where, and what it is.
    summary : DataFrame
        One row a run.
    columns : dict
        The metrics, and what each is called.
    """
    runs = summary.groupby(["architecture", "policy"], sort=False)
    several = summary["seed"].nunique() > 1
    colours = _colours(summary, columns)
    named: set[str] = set()
    for place, (_, group) in enumerate(runs):
        there = [column for column in columns if group[column].notna().any()]
        width = 0.8 / max(len(there), 1)
        for number, column in enumerate(there):
            values = group[column].astype(float)
            # Of equal values the mean may be off by rounding, and an error bar must not be negative.
            mean = min(max(values.mean(), values.min()), values.max())
            axes.barh(
                place + (number - (len(there) - 1) / 2) * width,
                mean,
                width * 0.95,
                color=colours[columns[column]],
                label=columns[column] if column not in named else None,
                xerr=[[mean - values.min()], [values.max() - mean]] if several else None,
                error_kw={"lw": 0.8},
            )
            named.add(column)
    names = [f"{row.architecture}\n{_short(str(row.policy))}" for row in runs.head(1).itertuples()]
    axes.set_yticks(range(len(names)), names)
    axes.set_ylim(len(runs) - 0.5, -0.5)
    axes.grid(axis="y", visible=False)
    if len(named) > 1:
        axes.legend(
            fontsize=8, ncols=len(named), loc="lower left", bbox_to_anchor=(0, 1), borderpad=0, borderaxespad=0.3,
            columnspacing=1.0, handlelength=1.2,
        )  # fmt: skip
    axes.set_title(title, pad=20 if len(named) > 1 else None)


def _colours(summary: pd.DataFrame, columns: dict[str, str]) -> dict[str, str]:
    """Give each class of jobs one colour in all figures, and what is no class the others."""
    prefixes = ("wait_mean_s.", "busyness.")
    classes = sorted({name.partition(".")[2] for name in summary.columns if name.startswith(prefixes)} - {"all"})
    others = [label for label in columns.values() if label not in classes and label != "all"]
    colours = [style.COLOURS[number % len(style.COLOURS)] for number in range(len(classes) + len(others))]
    return {"all": style.NEUTRAL, **dict(zip([*classes, *others], colours, strict=True))}


def _named(summary: pd.DataFrame, prefix: str) -> dict[str, str]:
    return {name: name[len(prefix) + 1 :] for name in summary.columns if name.startswith(prefix + ".")}


def _label(key: RunKey) -> str:
    return f"{key.architecture}, {_short(key.policy)}"


def _lines(frames: Frames) -> Iterator[tuple[RunKey, dict[str, Any]]]:
    """Give one run for each architecture and policy, and its line's look: colour by policy, dashes by architecture."""
    architectures = list(dict.fromkeys(key.architecture for key in frames.firsts))
    policies = list(dict.fromkeys(key.policy for key in frames.firsts))
    for key in frames.firsts:
        yield (
            key,
            {
                "label": _label(key),
                "color": style.COLOURS[policies.index(key.policy) % len(style.COLOURS)],
                "ls": style.DASHES[architectures.index(key.architecture) % len(style.DASHES)],
                "lw": 1.2,
            },
        )


def _legend_below(figure: style.Figure, axes: style.Axes) -> None:
    handles, labels = axes.get_legend_handles_labels()
    figure.legend(handles, labels, loc="outside lower center", ncols=min(3, len(labels)), fontsize=8)


def wait_and_busyness(frames: Frames) -> style.Figure:
    """Draw how long jobs wait and how busy schedulers are."""
    summary = frames.summary
    figure = style.new(9, max(2.4, 1.4 + 0.5 * len(summary.groupby(["architecture", "policy"]))))
    left, right = figure.subplots(1, 2)
    _bars(left, "Mean wait to the first attempt", summary, _named(summary, "wait_mean_s"))
    left.set(xlabel="seconds")
    if summary[list(_named(summary, "wait_mean_s"))].max().max() > 1:
        left.set_xscale("symlog", linthresh=0.01)
    _bars(right, "Busyness of the schedulers", summary, _named(summary, "busyness"))
    right.set(xlabel="share of time spent thinking", xlim=(0, 1))
    right.set_yticklabels([])
    return figure


def conflicts(frames: Frames) -> style.Figure:
    """Draw how many transactions conflict."""
    summary = frames.summary
    figure = style.new(7, max(2.4, 1.3 + 0.5 * len(summary.groupby(["architecture", "policy"]))))
    axes = figure.subplots()
    _bars(axes, "Conflict fraction", summary, _named(summary, "conflict_fraction"))
    axes.set(xlabel="transactions with a conflict per transaction without")
    axes.set_xlim(left=0)
    return figure


def over_time(frames: Frames, of: str) -> style.Figure:
    """Draw the share of each resource that is allocated or used, over time."""
    loads = [name for name in frames.columns(frames.firsts[0]) if name.endswith(f"_{of}")]
    series = [(frames.levels(key, loads), look) for key, look in _lines(frames)]
    figure = style.new(8, 1.4 + 1.8 * len(loads))
    panels = figure.subplots(len(loads), 1, sharex=True, squeeze=False)[:, 0]
    unit_s, unit = style.time_unit(max(frame["t_s"].iloc[-1] for frame, _ in series))
    for axes, load in zip(panels, loads, strict=True):
        for frame, look in series:
            axes.plot(frame["t_s"] / unit_s, frame[load], drawstyle="steps-post", **look)
        resource = load.removesuffix(f"_{of}")
        axes.set(title=f"{TITLES.get(resource, resource)} {of}", ylabel="share of capacity")
        axes.set_ylim(bottom=0)
    panels[-1].set_xlabel(unit)
    _legend_below(figure, panels[0])
    return figure


def slowdown(frames: Frames) -> style.Figure:
    """Draw how the slowdowns of containers are distributed: run time with neighbours / run time alone."""
    figure = style.new(7, 3.8)
    axes = figure.subplots()
    for key, look in _lines(frames):
        frame = frames.log(key, ["event", "scheduler", "tasks", "seconds", "alone_s"])
        ended = frame[(frame["event"] == "finished") & (frame["scheduler"] != "") & (frame["alone_s"] > 0)]
        slowed = (ended["seconds"] / ended["alone_s"]).to_numpy()
        order = np.argsort(slowed, kind="stable")
        shares = np.cumsum(ended["tasks"].to_numpy()[order]) / max(ended["tasks"].sum(), 1)
        axes.step(slowed[order], shares, where="post", **look)
    axes.set(title="Slowdown", xlabel="run time with neighbours / alone", xscale="log", ylim=(0, 1.02))
    axes.set_ylabel("share of containers slowed no more")
    _legend_below(figure, axes)
    return figure


def wait_distribution(frames: Frames) -> style.Figure:
    """Draw how the waits are distributed, workload class by workload class."""
    columns = ["event", "attempt", "workload", "age_s"]
    waited = []
    for key, look in _lines(frames):
        frame = frames.log(key, columns)
        counted = ((frame["event"] == "attempted") & (frame["attempt"] == 1)) | (frame["event"] == "unattempted")
        waited.append((frame[counted], look))
    workloads = sorted({name for frame, _ in waited for name in frame["workload"].unique()})
    figure = style.new(1 + 3.6 * len(workloads), 3.6)
    panels = figure.subplots(1, len(workloads), sharey=True, squeeze=False)[0]
    for axes, workload in zip(panels, workloads, strict=True):
        for frame, look in waited:
            waits = np.sort(frame.loc[frame["workload"] == workload, "age_s"].to_numpy())
            # On a logarithmic axis a wait of nothing has no place: it stands at a millisecond.
            shares = np.arange(1, waits.size + 1) / max(waits.size, 1)
            axes.step(np.maximum(waits, 1e-3), shares, where="post", **look)
        axes.set(title=f"Wait of {workload} jobs", xlabel="seconds (none: 0.001)", xscale="log", ylim=(0, 1.02))
    panels[0].set_ylabel("share of jobs that waited no longer")
    _legend_below(figure, panels[0])
    return figure


def imbalance(frames: Frames) -> style.Figure:
    """Draw how unevenly the hosts are loaded: over time, and as the mean of three measures."""
    series = []
    for key, look in _lines(frames):
        names = [f"cpu_{frames.looked_at(key)}_{of}" for of in ("mean", "std")]
        frame = frames.levels(key, names)
        mean, std = (frame[name] for name in names)
        series.append((frame["t_s"], std / mean.where(mean > 0), look))
    figure = style.new(10, max(3.6, 1.8 + 0.4 * len(series)))
    over_time, bars = figure.subplots(1, 2, width_ratios=(1.4, 1))
    unit_s, unit = style.time_unit(max(t_s.iloc[-1] for t_s, _, _ in series))
    for t_s, variation, look in series:
        over_time.plot(t_s / unit_s, variation, **look)
    # A cell that is nearly empty is very uneven, and would press the rest of the curve flat.
    top = max(variation.quantile(0.95) for _, variation, _ in series)
    over_time.set(title="CPU imbalance over time", xlabel=unit, ylabel="coefficient of variation over hosts")
    over_time.set_ylim(0, 1.1 * top if top > 0 else 1)
    _legend_below(figure, over_time)
    measures = {
        "cpu_imbalance": "coeff. of variation",
        "cpu_imbalance_std": "standard deviation",
        "cpu_imbalance_range": "max − min",
    }
    _bars(bars, "CPU imbalance, mean over time", frames.summary, measures)
    of = frames.looked_at(frames.firsts[0])
    bars.set(xlabel=f"of {of} / capacity, over hosts")
    return figure


def load_heatmap(frames: Frames) -> style.Figure:
    """Draw the CPU allocated, or used, on every host over time: hosts from the most to the least loaded."""
    runs = frames.firsts
    of = frames.looked_at(runs[0])
    shown = runs[:MOST_PANELS]
    columns = min(3, len(shown))
    rows = -(-len(shown) // columns)
    figure = style.new(3.6 * columns + 0.8, 2.8 * rows + 0.5)
    panels = figure.subplots(rows, columns, squeeze=False, sharex=True, sharey=True)
    images = []
    top = 1.0  # more where a trace recorded hosts that hold more than they have
    for axes in panels.flat[len(shown) :]:
        axes.set_visible(False)
    for axes, key in zip(panels.flat, shown, strict=False):
        t_s, loads = frames.hosts(key)
        load = loads[f"cpu_{of}"]
        load = load[:, np.argsort(-np.nan_to_num(load).mean(axis=0), kind="stable")]
        top = max(top, float(np.nanmax(load)) if np.isfinite(load).any() else 1.0)
        unit_s, unit = style.time_unit(t_s[-1] if t_s.size else 0.0)
        image = axes.imshow(
            coarse(load, MOST_ROWS).T,
            aspect="auto",
            cmap=style.AMOUNTS,
            vmin=0,
            extent=(0, t_s[-1] / unit_s if t_s.size else 1, load.shape[1], 0),
            interpolation="nearest",
        )
        images.append(image)
        axes.set_title(_label(key), fontsize=8)
        axes.grid(visible=False)
        axes.set(xlabel=unit)
    for axes in panels[:, 0]:
        axes.set_ylabel("hosts, most loaded first")
    for image in images:
        image.set_clim(0, top)
    if images:
        figure.colorbar(images[0], ax=panels, label=f"share of CPU {of}", shrink=0.8)
    left_out = len(runs) - len(shown)
    figure.suptitle(
        f"CPU {of}, host by host (white: not there)" + f" ({left_out} runs not shown)" * bool(left_out), fontsize=10
    )
    return figure
