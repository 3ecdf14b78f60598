"""Which runs a figure reads the logs of."""

from __future__ import annotations

from experiments.results.frames import Frames
from experiments.results.study import RunKey

#: With more rows than these in all logs, only those of the lowest seed are read.
MOST_ROWS = 5_000_000


def seeds_read(frames: Frames, keys: list[RunKey]) -> list[RunKey]:
    """Give of runs that differ in their seeds those that are read: all, or the first where the logs are very large."""
    return keys if _few(frames) else keys[:1]


def seeds_told(frames: Frames) -> str:
    """Say which seed a figure shows if it is not all; else nothing."""
    if _few(frames) or len(frames.runs) == len(frames.firsts):
        return ""
    return f"seed {frames.firsts[0].seed} alone: the logs of all have more than {MOST_ROWS:,} rows"


def _few(frames: Frames) -> bool:
    return sum(map(frames.rows, frames.runs)) <= MOST_ROWS
