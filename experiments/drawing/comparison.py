"""Figures of a validation: tank and sea side by side, drawn from the files of its results directory."""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Callable, Collection
from pathlib import Path
from typing import NamedTuple

import numpy as np
import pandas as pd

from experiments.drawing import style
from experiments.drawing.labels import legend
from experiments.drawing.marks import bar
from experiments.drawing.naming import short
from experiments.drawing.shapes import COLOURS as SHAPES
from experiments.measures.lives import Life, Lives
from experiments.measures.shapes import Shape, shapes_of
from experiments.results.directory import Results
from experiments.results.logs import LOG, log_files, read_log
from experiments.results.study import RunKey
from experiments.running.machines import hosts_of
from experiments.running.simulate import trace_of
from experiments.running.validation import SEA, TANK, target_of

COLOURS = {TANK: style.COLOURS[0], SEA: style.COLOURS[1]}

#: Measures that are drawn, and what they are called.
DRAWN = {"makespan_s": "makespan [s]", "slowdown_mean": "mean slowdown"}

#: The timeline has a line for each container that a host may have at a time, up to so many hosts.
MOST_HOSTS = 12


class Drawing(NamedTuple):
    """A figure of a validation: the name of its files, a heading, what is to be seen, and how it is drawn."""

    stem: str
    title: str
    caption: str
    draw: Callable[[], style.Figure]


def drawings(folder: Path, width: float = style.DOUBLE) -> list[Drawing]:
    """Give the figures of a validation's results directory, so many inches wide."""
    summary, target = summaries(folder), target_of(folder)
    key = RunKey(*summary.index[0])
    return [
        Drawing(
            "tank_and_sea",
            "Tank and sea",
            "Each measure under each architecture and policy in both worlds: means over seeds, 95 % t-intervals.",
            lambda: bars(summary, width),
        ),
        Drawing(
            "tank_against_sea",
            "Tank against sea",
            f"A point for each run; on the diagonal tank and sea are equal, in the band within {target:.0%}.",
            lambda: scatter(summary, target, width),
        ),
        Drawing(
            "timeline",
            "Containers over time",
            "Which containers were on which host when, in one run, the tank above the sea; colours are demand shapes.",
            lambda: timeline(folder, key, width),
        ),
    ]


def draw_comparison(folder: Path, formats: Collection[str] = style.USUAL, width: float = style.DOUBLE) -> list[Path]:
    """Draw the figures of a validation into its ``figures`` folder.

    Parameters
    ----------
    folder : Path
        The results directory.
    formats : collection of str
        Kinds of file, of `style.FORMATS`.
    width : float
        In inches.

    Returns
    -------
    list of Path
        One file of each figure; there is one of every format beside it.
    """
    return [
        style.save(drawing.draw(), folder / "figures" / drawing.stem, formats)[0] for drawing in drawings(folder, width)
    ]


def summaries(folder: Path) -> pd.DataFrame:
    """Read the metrics of all runs that both worlds made: indexed by run, columns by world and metric."""
    worlds = {}
    for world in (TANK, SEA):
        rows = [{**result.key._asdict(), **result.metrics} for result in Results(folder / world).finished().values()]
        worlds[world] = pd.DataFrame(rows).set_index(list(RunKey._fields))
    return pd.concat(worlds, axis=1, join="inner")


def bars(summary: pd.DataFrame, width: float = style.DOUBLE) -> style.Figure:
    """Draw each measure under each architecture and policy in both worlds, with 95 % t-intervals over seeds."""
    groups = summary.groupby(level=["architecture", "policy"], sort=False)
    figure = style.new(width, style.row_height(len(groups), each=0.4))
    panels = figure.subplots(1, len(DRAWN), sharey=True, squeeze=False)[0]
    for axes, (measure, title) in zip(panels, DRAWN.items(), strict=True):
        for offset, world in ((-0.2, TANK), (0.2, SEA)):
            for place, (_, runs) in enumerate(groups):
                values = runs[world, measure].dropna().astype(float)
                bar(axes, place + offset, values, 0.38, color=COLOURS[world], label=None if place else world)
        axes.set(xlabel=title)
        axes.grid(axis="y", visible=False)
    panels[0].set_yticks(
        range(len(groups)), [f"{architecture}\n{short(policy)}" for (architecture, policy), _ in groups]
    )
    panels[0].set_ylim(len(groups) - 0.5, -0.5)
    legend(figure, panels)
    return figure


def scatter(summary: pd.DataFrame, target: float, width: float = style.DOUBLE) -> style.Figure:
    """Draw the tank against the sea, a point for each run, with the diagonal and the band of the target."""
    figure = style.new(width, 0.5 * width + 0.6)
    panels = figure.subplots(1, len(DRAWN), squeeze=False)[0]
    for axes, (measure, title) in zip(panels, DRAWN.items(), strict=True):
        both = summary[[(TANK, measure), (SEA, measure)]].astype(float).dropna()
        for number, ((architecture, policy), runs) in enumerate(
            both.groupby(level=["architecture", "policy"], sort=False)
        ):
            axes.plot(
                runs[SEA, measure], runs[TANK, measure], ls="none", marker=style.MARKERS[number % len(style.MARKERS)],
                ms=4, color=style.COLOURS[number % len(style.COLOURS)], label=f"{architecture}, {short(policy)}",
            )  # fmt: skip
        low, high = both.min().min(), both.max().max()
        ends = np.array([low - 0.1 * low, high + 0.1 * high])
        axes.plot(ends, ends, "-", color=style.NEUTRAL, lw=0.8)
        axes.fill_between(ends, (1 - target) * ends, (1 + target) * ends, color=style.NEUTRAL, alpha=0.15, lw=0)
        axes.set(xlabel=f"{title} at sea (band: ± {100 * target:.3g} %)", ylabel=f"{title} in the tank", aspect="equal")
    legend(figure, panels)
    return figure


def timeline(folder: Path, key: RunKey, width: float = style.DOUBLE) -> style.Figure:
    """Draw which containers were on which host when in one run, the tank above the sea; colours are demand shapes."""
    study = Results(folder / TANK).study()
    trace = trace_of(study, key.seed)
    hosts, _ = hosts_of(study, trace)
    shapes = shapes_of(trace.arrivals(), hosts)
    shown = hosts.names[:MOST_HOSTS]
    lives = {world: _lives(Results(folder / world), key) for world in (TANK, SEA)}
    lines = {world: [1 + max((life[2] for life in on[host]), default=0) for host in range(len(shown))]
             for world, on in lives.items()}  # fmt: skip
    figure = style.new(width, 1.6 + 0.11 * sum(map(sum, lines.values())) + 0.3 * len(shown))
    panels = figure.subplots(2, 1, sharex=True)
    for axes, (world, on) in zip(panels, lives.items(), strict=True):
        bottom, ticks = 0.0, []
        for host, depth in enumerate(lines[world]):
            ticks.append(bottom + depth / 2)
            for begin_s, end_s, line, job in on[host]:
                axes.broken_barh(
                    [(begin_s, end_s - begin_s)], (bottom + line, 0.85), lw=0,
                    facecolor=SHAPES[shapes.get(job, Shape.IDLE)],
                )  # fmt: skip
            bottom += depth
            axes.axhline(bottom, color=style.NEUTRAL, lw=0.5)
        axes.set_yticks(ticks, shown)
        axes.set(title="In the tank" if world == TANK else "At sea", ylim=(bottom, 0), ylabel="host")
        axes.grid(axis="y", visible=False)
    panels[1].set_xlabel("time [seconds]")
    for shape in dict.fromkeys(shapes.values()):
        panels[0].plot([], [], "s", color=SHAPES[shape], label=str(shape))
    legend(figure, panels)
    figure.suptitle(f"{key.architecture}, {short(key.policy)}, seed {key.seed}")
    return figure


def _lives(results: Results, key: RunKey) -> dict[int, list[tuple[float, float, int, str]]]:
    """Give, by host, when each container began and ended, on which free line, and of which job it was."""
    lives: dict[int, list[tuple[float, float, int, str]]] = defaultdict(list)
    follow, last_s = Lives(), 0.0

    def take(life: Life, end_s: float) -> None:
        if life.scheduler and life.began_s is not None:
            lives[life.host].append((life.began_s, end_s, life.lane, life.job))

    for rows in read_log(log_files(results.log, key)[LOG]):
        for row in rows:
            for life in follow.take(row):
                last_s = life.ended_s
                take(life, life.ended_s)
    for life in follow.left():
        take(life, max(last_s, life.since_s))
    return lives
