"""The tank: a world with a virtual clock and modelled hosts, on SimPy.

Read in this order: `tank` (what happens, and who is told), `containers` (those that wait, those that run), then how
they run: `undisturbed`, for as long as the trace says, or `contention`, as fast as their neighbours let them.
`dependencies` keeps jobs that wait for others to end.
"""

from sim.tank import Tank, TankOptions

__all__ = ["Tank", "TankOptions"]
