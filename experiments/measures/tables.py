"""Picking what one wants to compare from the table of an experiment."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import pandas as pd


def by_seed(table: pd.DataFrame, measure: str, **where: Any) -> pd.Series[float]:
    """Pick one point of the grid: the measure by seed, so that two of them are paired."""
    for column, value in where.items():
        table = table[table[column] == value]
    return table.set_index("seed")[measure].sort_index()


def groups(table: pd.DataFrame, column: str) -> Iterator[tuple[Any, pd.DataFrame]]:
    """Go through the values of a column, in the order in which they come, with the rows of each."""
    yield from table.groupby(column, sort=False)
