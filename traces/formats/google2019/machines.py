"""Machines, from the events that happen to them."""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np

from traces.formats.google2011.machines import make_hosts, with_attributes
from traces.formats.google2011.rows import ATTRIBUTE, MACHINE_EVENT, Rows
from traces.formats.google2019.constraints import Demands
from traces.formats.google2019.rows import attribute_rows, machine_rows
from traces.formats.google2019.tables import NEVER, batches
from traces.hosts import Hosts
from traces.reading.reference import Reference
from traces.reading.rejects import Rejects


def read_machines(
    events: Sequence[Path],
    attributes: Sequence[Path],
    demands: Demands,
    reference: Reference,
    rejects: Rejects,
    odd: Counter[str],
) -> Hosts | None:
    """Read the machines, and of their attributes those that somebody demands; None where there are no files.

    Notes
    -----
    They become hosts as those of the 2011 trace do, which tells the same events.
    """
    if not events:
        return None

    def rows_of(table: str, parts: Sequence[Path], make: Callable[..., Rows], dtype: np.dtype[Any]) -> Rows:
        pieces: list[Rows] = [np.empty(0, dtype=dtype)]
        for part in parts:
            pieces += [make(batch, rejects) for batch, _ in batches(part, table, rejects)]
        rows: Rows = np.concatenate(pieces)
        never = rows["time"] == NEVER
        odd[f"lines of {table} after the end of the trace, taken as never"] += int(never.sum())
        return rows[~never]

    hosts = make_hosts(
        rows_of("machine_events", events, partial(machine_rows, reference=reference, odd=odd), MACHINE_EVENT), odd
    )
    if attributes:
        words: dict[str, int] = {}
        wanted = {constraint.attribute for some in demands.sets for constraint in some}
        make = partial(attribute_rows, words=words, wanted=wanted, odd=odd)
        hosts = with_attributes(hosts, rows_of("machine_attributes", attributes, make, ATTRIBUTE), list(words), odd)
    return hosts
