"""Hosts whose CPU, disk, memory and network are really shared: how long a container runs is an outcome.

`patterns` says what a container of some demand is to a host of some kind, `fluid` shares one host among those that are
there, and `engine` does it for all hosts on SimPy's clock: only a host on which something happened is shared out anew,
and each has one pending event, that of whoever finishes first. `starting` does so where containers take time to start.
"""

from sim.contention.engine import Contention, Interplay, levels_of
from sim.contention.starting import Starting

__all__ = ["Contention", "Interplay", "Starting", "levels_of"]
