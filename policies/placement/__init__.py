"""Where to put a container: placement policies, and how their scores become placements.

`catalogue.BUILT_IN` lists them by name. A policy is a score (`scores`), or a chooser where it needs chance or
memory (`choosers`); those that look at load are in `load_aware`. `placer.Placer` turns either into hosts and counts.
"""

from policies.placement.catalogue import BUILT_IN
from policies.placement.interface import Chooser, Policy, Score
from policies.placement.placer import Placer

__all__ = ["BUILT_IN", "Chooser", "Placer", "Policy", "Score"]
