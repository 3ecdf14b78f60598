"""Placements a second for each policy at 12,500 hosts: decision and commit of one container, at 70 % load.

Run: ``make bench``, which gives operations a second; it is no test, and nothing is asserted about time.
"""

import numpy as np
import pytest

from policies.cell import Commit, Conflict, Ledger
from policies.placement import BUILT_IN, Placer
from policies.placement.catalogue import instantiate
from policies.requests import Resources, Task
from policies.streams import stream

HOSTS, CORES, MEMORY = 12_500, 16, 64 * 2**30
TASK = Task(Resources(1000, 2 * 2**30))
CASES = [
    (name, remember)
    for name in BUILT_IN
    for remember in ((False, True) if not hasattr(BUILT_IN[name], "choose") else (False,))
]


@pytest.mark.parametrize("k", [1, 20], ids=lambda k: f"k={k}")
@pytest.mark.parametrize(
    ("name", "remember"), CASES, ids=lambda value: {True: "cached", False: "fresh"}.get(value, value)
)
def test_placements(benchmark, name, remember, k):
    ledger = Ledger(np.array([[1000 * CORES] * HOSTS, [MEMORY] * HOSTS, [0] * HOSTS]))
    held = stream(1, "held").binomial(CORES, 0.7, HOSTS)
    ledger.place(TASK, held.nonzero()[0], held[held > 0])
    placer = Placer(instantiate(BUILT_IN[name], {}, stream(1, "bench")), remember)

    def place_and_end():
        hosts, counts = placer.place(ledger.snapshot(), TASK, k)
        ledger.commit((ledger.claims(TASK, hosts, counts),), Conflict.FINE, Commit.INCREMENTAL)
        running.append((hosts, counts))
        # As many end as begin, so that the load stays what it is.
        ledger.release(TASK, *running.pop(0))

    first = placer.place(ledger.snapshot(), TASK, k)
    ledger.place(TASK, *first)
    running = [first]
    benchmark.extra_info["containers"] = k
    benchmark.pedantic(place_and_end, rounds=15, iterations=100, warmup_rounds=1)
