"""The tank: a world with a virtual clock and modelled hosts, on SimPy.

`tank` puts it together: what happens is `traces.replay`, the same as at sea; how containers run is `undisturbed`, for
as long as the trace says, or `contention`, as fast as their neighbours let them.
"""

from sim.tank import Tank, TankOptions

__all__ = ["Tank", "TankOptions"]
