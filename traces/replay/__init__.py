"""Replaying a workload on the hosts of a cell: what happens is the same in every world.

Read in this order: `replay` (what happens, and who is told), `containers` (those that wait, those that run),
`dependencies` (jobs that wait for others to end), `hosting` (what a world must know: how containers run on hosts).
`audit` holds the books against what runs.
"""

from traces.replay.replay import SAMPLES, Replay, ReplayOptions

__all__ = ["SAMPLES", "Replay", "ReplayOptions"]
