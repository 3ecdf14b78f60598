"""What hosts are measured to use, interval after interval."""

import numpy as np
import pytest

from policies.log import Log
from policies.placement import Placer
from policies.placement.choosers import RandomFirstFit
from policies.requests import Demand, Group, Job, Resources, Task
from policies.scheduling import ARCHITECTURES, Settings
from policies.scheduling.scheduler import DecisionTime
from policies.sharing import DISKS
from policies.streams import stream
from sim import Tank, TankOptions
from sim.contention import Interplay
from traces.hosts import uniform
from traces.trace import Arrival, steady


def test_what_is_measured_adds_up_to_the_work_that_was_done_however_slowly():
    rng, task = np.random.default_rng(5), Task(Resources(100, 10))
    demands = [Demand(1.5, 10.0), Demand(0.2, 20.0, disk_read_bps=40e6)]
    work = [(float(t), float(rng.exponential(50)), demands[n % 2]) for n, t in enumerate(np.linspace(0, 300, 80))]
    arrivals = (
        Arrival(Job(str(n), t, "batch", (Group(task, 1),)), (run_s,), (steady(demand),))
        for n, (t, run_s, demand) in enumerate(work)
    )
    slowed = []
    tank = Tank(
        uniform(3, 4, 10_000).with_rates(DISKS["HDD"], None),
        ARCHITECTURES["monolithic"](),
        Settings(decision_time=DecisionTime(0, 0)),
        lambda name: Placer(RandomFirstFit(stream(1, "p", name))),
        Log([lambda rows: slowed.extend(row.seconds / row.alone_s for row in rows if row.alone_s > 0)]),
        TankOptions(until_s=60_000.0, interplay=Interplay(measure_s=7.0)),
    )
    seen = []
    tank.ledger.measured = lambda now_s, usage: seen.append(usage)

    tank.run(arrivals)

    assert len(slowed) == len(work)
    assert max(slowed) > 2  # else it would be no wonder
    cores = 7.0 * sum(seen)[0].sum() / 1000
    assert cores == pytest.approx(sum(demand.cpu_cores * run_s for _, run_s, demand in work), rel=1e-9)
    assert not seen[-1].any()
