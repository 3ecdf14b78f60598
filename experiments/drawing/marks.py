"""What figures are made of: bars and lines of means over seeds, each with its interval."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from math import isfinite
from typing import Any

import numpy as np

from experiments.drawing.style import Axes
from experiments.measures.statistics import Estimate, estimate
from policies.arrays import FloatArray


def bar(axes: Axes, place: float, values: Iterable[float], thick: float, **looks: Any) -> Estimate:
    """Draw a bar of a mean over seeds, with a whisker for its 95 % t-interval where there are several.

    Parameters
    ----------
    axes : Axes
        Where.
    place, thick : float
        Where on the vertical axis, and how much of it.
    values : iterable of float
        One for each seed.
    **looks
        As `matplotlib.axes.Axes.barh` takes them.

    Returns
    -------
    Estimate
        What is drawn.
    """
    seen = estimate(list(values))
    whisker = seen.half if isfinite(seen.half) else None
    axes.barh(place, seen.mean, thick, xerr=whisker, error_kw={"lw": 0.8, "capsize": 1.5}, **looks)
    return seen


def over_seeds(samples: FloatArray) -> list[Estimate]:
    """Estimate the mean at each place, of an array of shape (n_seeds, n_places); NaN is not counted."""
    return [estimate(column[np.isfinite(column)].tolist()) for column in samples.T]


def banded(axes: Axes, at: Sequence[Any] | FloatArray, estimates: Sequence[Estimate], **looks: Any) -> None:
    """Draw a line of means, and a band of their intervals where these are known."""
    (line,) = axes.plot(at, [one.mean for one in estimates], **looks)
    known = [isfinite(one.half) for one in estimates]
    if any(known):
        axes.fill_between(
            at, [one.low for one in estimates], [one.high for one in estimates], where=known, color=line.get_color(),
            alpha=0.2, lw=0,
        )  # fmt: skip
