"""What one run came to."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from experiments.measures.statistics import Metric
from experiments.results.study import RunKey

#: What a run takes, unlike its metrics never twice the same.
COST = ("wall_s", "cpu_s", "peak_rss_bytes")


@dataclass(frozen=True)
class Result:
    """What one run came to.

    Attributes
    ----------
    key : RunKey
        Which run.
    metrics : dict
        By name, as in the README's table.
    cost : dict
        What it took: ``wall_s``, ``cpu_s``, ``peak_rss_bytes``.
    notes : tuple of str
        What was assumed about the workload.
    folded : list of dict
        What else an experiment made of the log.
    explained : list of dict
        How each job that was asked about was placed; see `experiments.running.explained`.
    """

    key: RunKey
    metrics: dict[str, Metric]
    cost: dict[str, float | int]
    notes: tuple[str, ...] = ()
    folded: Sequence[dict[str, Any]] = ()
    explained: Sequence[dict[str, Any]] = ()
