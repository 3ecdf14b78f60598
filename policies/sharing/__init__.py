"""Who gets how much of a host on which several containers run: pure functions of demands, weights and caps.

`waterfill` shares out one resource, `tree` the same among groups of groups, `progress` says how fast containers advance
that need several resources at once, and `kernel` the same for one host at a time. `isolation` turns requests into
weights, caps and groups as Docker's flags would, `disk` turns bytes per second into device time, and `slowdown` says
what sharing costs.
Nothing here knows time: what is given holds until the next container comes, goes or changes its mind.
"""

from policies.sharing.disk import DISKS, Disk, device_micro, device_time, disk_named, interleaved
from policies.sharing.isolation import ISOLATIONS, Band, Division, Isolation
from policies.sharing.kernel import Kind, solve
from policies.sharing.progress import Progress, progress
from policies.sharing.slowdown import WAKE_UP_S, interference, slowdown, wake_up_limit
from policies.sharing.tree import Branch, Leaf, waterfill_tree
from policies.sharing.waterfill import waterfill

__all__ = [
    "DISKS",
    "ISOLATIONS",
    "WAKE_UP_S",
    "Band",
    "Branch",
    "Disk",
    "Division",
    "Isolation",
    "Kind",
    "Leaf",
    "Progress",
    "device_micro",
    "device_time",
    "disk_named",
    "interference",
    "interleaved",
    "progress",
    "slowdown",
    "solve",
    "wake_up_limit",
    "waterfill",
    "waterfill_tree",
]
