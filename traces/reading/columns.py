"""Columns of tables that are the same kind of thing in many data sets, checked."""

from __future__ import annotations

import numpy as np

from policies.arrays import BoolArray, FloatArray
from traces.reading.arrays import filled
from traces.reading.tables import Batch
from traces.units import EXACT

#: Later, in seconds, is no time of a trace.
LAST_S = 2.0**31
#: As many instances as a task may have.
MOST_INSTANCES = 2.0**31


def time(batch: Batch, name: str, missing: float = np.nan) -> FloatArray:
    """Give a column of seconds, of which wrong ones are marked."""
    values = batch.number(name, missing)
    batch.mark(~((values >= 0) & (values < LAST_S)), f"{name} must be 0 or more, and a time", values)
    return values


def amount(batch: Batch, name: str, per_unit: float, missing: float = np.nan, too_much: float = EXACT) -> FloatArray:
    """Give amounts of which one is `per_unit` in the books, which takes less than `too_much`; wrong ones are marked."""
    values = batch.number(name, missing)
    batch.mark(~(values >= 0), f"{name} must be 0 or more", values)
    batch.mark(values >= too_much / per_unit, f"{name} is more than any machine has", values)
    return values


def measured(batch: Batch, name: str, per_unit: float) -> FloatArray:
    """Give a column of what was measured, NaN where it is empty; wrong ones are marked."""
    values = amount(batch, name, per_unit, missing=0.0)
    if name in batch.columns and batch.columns[name].null_count:
        values = np.where(batch.columns[name].is_null().to_numpy(zero_copy_only=False), np.nan, values)
    return values


def text_is(batch: Batch, name: str, wanted: str) -> BoolArray:
    """Say where a column has a certain text."""
    import pyarrow.compute as pc  # only where there are rows: it costs a start-up

    same: BoolArray = pc.equal(filled(batch.column(name)), wanted).to_numpy(zero_copy_only=False)
    return same


def empty(batch: Batch, name: str) -> BoolArray:
    """Say where a column has nothing."""
    return text_is(batch, name, "")


def instance_number(batch: Batch, name: str, unknown: BoolArray) -> FloatArray:
    """Give a column of numbers of instances; wrong ones are marked, but for empty ones (0) that may be `unknown`."""
    values = batch.number(name, missing=0.0)
    right = (np.rint(values) == values) & (values >= 1) & (values < MOST_INSTANCES)
    batch.mark(~(right | (unknown & (values == 0))), f"{name} must be a whole number from 1", values)
    return values
