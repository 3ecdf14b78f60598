"""What experiments make of a log beside its metrics: each is a sink of rows, and has ``rows`` of a table in the end."""

from __future__ import annotations

from experiments.measures.looks import Looks
from experiments.measures.metrics import Metrics
from policies.log import Event, Levels, Row


class Speedup:
    """One line for each MapReduce job that came to its end: how many times sooner than with what it asked for."""

    def __init__(self, levels: Levels) -> None:
        self._metrics = Metrics(levels)

    def __call__(self, rows: list[Row]) -> None:
        """Take a batch of rows."""
        self._metrics(rows)

    @property
    def rows(self) -> list[dict[str, float]]:
        return [{"speedup": speedup} for speedup in self._metrics.speedups.seen]


class Utilisation:
    """One line for each look at the cell: the share of each resource that is allocated, or used."""

    def __init__(self, levels: Levels) -> None:
        self._loads = levels.loads
        self._looks: Looks[tuple[float, ...]] = Looks()

    def __call__(self, rows: list[Row]) -> None:
        """Take a batch of rows."""
        for row in rows:
            if row.event is Event.SAMPLED:
                self._looks.take(row.t_s, row.seconds, row.levels[: 3 * len(self._loads) : 3])

    @property
    def rows(self) -> list[dict[str, float]]:
        return [{"t_s": t_s, **dict(zip(self._loads, shares, strict=True))} for t_s, shares in self._looks.seen.items()]
