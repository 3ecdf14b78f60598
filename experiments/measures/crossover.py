"""Where something stops paying."""

from __future__ import annotations

from collections.abc import Sequence
from math import nan

import numpy as np
import pandas as pd


def crossing(at: Sequence[float], ratio: Sequence[float]) -> float:
    """Give where a ratio first rises above 1.

    Parameters
    ----------
    at : sequence of float
        Ascending, not negative.
    ratio : sequence of float
        What it is there, positive.

    Returns
    -------
    float
        Between two places where one is at most 1 and the next above, by the logarithm of the ratio; along the logarithm
        of the places unless they begin at 0. The first place if it is above 1 there, NaN if it never is.

    Examples
    --------
    >>> crossing([1.0, 100.0], [0.5, 2.0])
    10.0
    """
    above = [n for n, value in enumerate(ratio) if value > 1]
    if not above:
        return nan
    last = above[0]
    if not last:
        return float(at[0])
    logs, places = np.log(ratio[last - 1 : last + 1]), np.array(at[last - 1 : last + 1], dtype=float)
    share = -logs[0] / (logs[1] - logs[0])
    if at[0] > 0:
        return float(places[0] * (places[1] / places[0]) ** share)
    return float(places[0] + share * (places[1] - places[0]))


def crossings(table: pd.DataFrame, x: str, measure: str, blind: pd.Series[float]) -> pd.Series[float]:
    """Give, for each seed, where a measure first rises above that of those who do not look.

    Parameters
    ----------
    table : DataFrame
        One row for each `x` and seed.
    x, measure : str
        Columns.
    blind : Series
        What it is without looking, by seed.
    """
    found = {}
    for seed, part in table.groupby("seed"):
        ordered = part.sort_values(x)
        found[seed] = crossing(ordered[x].tolist(), (ordered[measure] / blind[seed]).tolist())
    return pd.Series(found, dtype=float)
