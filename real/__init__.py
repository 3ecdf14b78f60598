"""The sea: a world with the wall clock and actual Docker hosts.

Read in this order: `sea` puts it together: what happens is `traces.replay`, the same as in the tank; `clock` is the
wall clock, which hears from threads; `running` lets containers run on hosts that may fail them, and `load` is the
program that they run. An `engine` is how one host is reached, `labels` by what ours are known. `watching` looks at
hosts and records what runs there anyway, `calibration` measures them for the tank, and `testbed` makes hosts where
there are none.
"""

from real.running.fleet import Rules
from real.running.looking import levels_of as levels_at_sea
from real.sea import Sea, SeaOptions

__all__ = ["Rules", "Sea", "SeaOptions", "levels_at_sea"]
