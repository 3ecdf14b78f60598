"""A figure of a trace against a workload that was generated like it."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import numpy as np

from experiments.drawing import style
from experiments.drawing.labels import legend
from experiments.measures.likeness import UNITS, Likeness
from policies.arrays import FloatArray
from policies.errors import UserError
from traces.fit import Measured, Part

#: Both are told apart without colour, too.
LOOKS = {"original": {"color": style.COLOURS[0], "ls": style.DASHES[0]},
         "generated": {"color": style.COLOURS[3], "ls": style.DASHES[1]}}  # fmt: skip

#: A line over time has at most so many bins, a distribution function so many points.
BINS, POINTS = 200, 1000

#: So many classes are drawn, those of the most jobs.
CLASSES = 6


def draw(likenesses: Sequence[Likeness], original: Measured, generated: Measured, path: Path) -> Path:
    """Draw for each class how many jobs came over time, and the distribution functions of all that was compared.

    Raises
    ------
    UserError
        If the file cannot be written, or there is nothing to draw.
    """
    mine, theirs = ({part.name: part for part in one.parts} for one in (original, generated))
    shown = sorted(likenesses, key=lambda one: -mine[one.name].jobs)[:CLASSES]
    if not shown:
        raise UserError(f"{path}: no class has enough jobs to be drawn")
    columns = 1 + max(len(one.samples) for one in shown)
    figure = style.new(2.6 * columns + 0.4, 2.3 * len(shown) + 0.6)
    rows = figure.subplots(len(shown), columns, squeeze=False)
    for panels, likeness in zip(rows, shown, strict=True):
        _over_time(panels[0], likeness.name, [(mine[likeness.name], original), (theirs[likeness.name], generated)])
        for axes, (quantity, samples) in zip(panels[1:], likeness.samples.items(), strict=False):
            _distribution(axes, quantity, samples)
        for axes in panels[1 + len(likeness.samples) :]:
            axes.set_visible(False)
    legend(figure, rows[0][:1])
    style.write(figure, path)
    return path


def _over_time(axes: style.Axes, name: str, both: list[tuple[Part, Measured]]) -> None:
    span_s = both[0][1].span_s
    unit_s, unit = style.time_unit(span_s)
    edges = np.linspace(0.0, span_s, BINS + 1)
    for (part, measured), (label, look) in zip(both, LOOKS.items(), strict=True):
        bins, came = part.counts.at(part.counts.width_s)
        counted, _ = np.histogram(bins * part.counts.width_s - measured.begin_s, edges, weights=came)
        axes.plot(edges[:-1] / unit_s, counted / (edges[1] / 3600), lw=0.8, label=label, **look)  # type: ignore[arg-type]
    axes.set(title=name, xlabel=f"time [{unit}]", ylabel="jobs per hour")
    axes.set_ylim(bottom=0)


def _distribution(axes: style.Axes, quantity: str, samples: tuple[FloatArray, FloatArray]) -> None:
    positive = all(sample.min(initial=np.inf) > 0 for sample in samples)
    wide = max(sample.max(initial=0) for sample in samples) > 50 * min(
        (sample[sample > 0].min(initial=np.inf) for sample in samples), default=1.0
    )
    for sample, look in zip(samples, LOOKS.values(), strict=True):
        shares = np.linspace(0, 1, min(sample.size, POINTS))
        values = np.quantile(sample, shares, method="inverted_cdf") if sample.size else sample
        axes.step(values, shares, where="post", lw=1.1, **look)  # type: ignore[arg-type]
    if wide:
        axes.set_xscale("log" if positive else "symlog")
    name = "gap between jobs" if quantity == "gap_s" else quantity
    unit = UNITS.get(quantity)
    axes.set(xlabel=f"{name} [{unit}]" if unit else name, ylabel="share of jobs up to it", ylim=(0, 1.02))
    if quantity not in UNITS:
        axes.set_ylabel("share of the time up to it")
