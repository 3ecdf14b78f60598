"""The sea: a world with the wall clock and actual Docker hosts.

Read in this order: `sea` puts it together: what happens is `traces.replay`, the same as in the tank; `clock` is the
wall clock, which hears from threads; `fleet` lets containers run on hosts that may fail them, with one `host` each,
which is an `engine` that is spoken to by `workers`. `survey` looks at hosts before a run and makes them ready, `flags`
is what an Engine is told of a container, `labels` by what ours are known, `load` the program that they run, `use` what
they are seen to use. `calibrate` measures what the tank must know of hosts, on a `bench` for each. `hosts` lists and
cleans, `record` writes down what runs there anyway, and `testbed` makes hosts where there are none.
"""

from real.fleet import Rules
from real.fleet import levels_of as levels_at_sea
from real.sea import Sea, SeaOptions

__all__ = ["Rules", "Sea", "SeaOptions", "levels_at_sea"]
