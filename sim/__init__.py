"""The tank: a world with a virtual clock and modelled hosts, on SimPy."""

from sim.tank import Tank, TankOptions

__all__ = ["Tank", "TankOptions"]
