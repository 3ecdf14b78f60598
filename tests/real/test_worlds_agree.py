"""One scenario in the tank, on the wall clock and on Docker hosts: the same scheduler code decides the same."""

import numpy as np
import pytest

from policies.cell import Commit, Conflict
from policies.log import Event, Log
from policies.placement import Placer, choosers, scores
from policies.requests import Demand, Group, Job, Resources, Task
from policies.scheduling import ARCHITECTURES, Settings
from policies.scheduling.scheduler import DecisionTime, Patience
from policies.streams import stream
from real import Rules, Sea, SeaOptions
from real.clock import WallClock
from real.labels import Ours
from real.running.survey import clean_up, hosts_of, prepare, survey
from sim import Tank, TankOptions
from sim.undisturbed import Undisturbed
from traces.hosts import Hosts
from traces.inventory import read_inventory
from traces.replay import Replay, ReplayOptions
from traces.trace import Arrival, steady

MIB = 2**20
POLICIES = {
    "spread": lambda name: scores.spread,
    "binpack": lambda name: scores.binpack,
    "random-first-fit": lambda name: choosers.RandomFirstFit(stream(1, name)),
    "round-robin": lambda name: choosers.RoundRobin(),
}

#: An allocator that gathers for a second before it offers anything is slow for a test.
QUICKLY = {"two-level": {"offer_batch": 0.005}}


def arrivals(run_s, gap_s, n=12, behaviour=None):
    """Jobs of both classes that come together so closely that their schedulers meet."""
    drawn = np.random.default_rng(5)
    for number in range(n):
        workload = "batch" if number % 3 else "service"
        task = Task(Resources(int(drawn.integers(1, 4)) * 50, 16 * MIB), apart=number % 5 == 4)
        job = Job(f"j{number}", number * gap_s, workload, (Group(task, int(drawn.integers(1, 4))),))
        yield Arrival(job, (run_s * (1.0 + number / n),), (behaviour,) if behaviour else ())


def settings(think_s, **others):
    return Settings(
        schedulers={"batch": 2},
        decision_time=DecisionTime(think_s, think_s / 10),
        patience=Patience(retry_s=2 * think_s, attempts=20),
        **others,
    )


def decisions(rows):
    """What schedulers decided, in order: which attempt at which job got how many containers where, and conflicts."""
    decided = []
    for row in rows:
        if row.event in (Event.COMMITTED, Event.CONFLICTED):
            decided.append((row.scheduler, row.job, row.attempt, row.tasks, row.conflicted, []))
        elif row.event is Event.LAUNCHED or (row.event is Event.STARTED and row.attempt):
            hosts, counts = row.where
            decided[-1][-1].append((hosts.tolist(), counts.tolist()))
    return decided


@pytest.mark.parametrize("policy", POLICIES)
@pytest.mark.parametrize("architecture", ARCHITECTURES)
@pytest.mark.parametrize(
    "judged",
    [{}, {"conflict": Conflict.COARSE, "commit": Commit.GANG}],
    ids=["fine-incremental", "coarse-gang"],
)
def test_on_the_wall_clock_everything_happens_as_in_the_tank(architecture, policy, judged):
    capacity = np.array([[1000] * 3, [2**30] * 3, *[[0] * 3] * 3])
    hosts = Hosts(["a", "b", "c"], capacity, np.ones(3, dtype=bool))

    def rows_of(world):
        rows = []
        world(
            hosts, ARCHITECTURES[architecture](**QUICKLY.get(architecture, {})), settings(0.004, **judged),
            lambda name: Placer(POLICIES[policy](name)), Log([rows.extend]),
        ).run(arrivals(run_s=0.03, gap_s=0.003))  # fmt: skip
        return [row[:-2] for row in rows if row.event is not Event.SAMPLED], decisions(rows)

    def tank(*given):
        return Tank(*given, TankOptions(sample_s=0.05))

    def on_the_wall_clock(hosts, *given):
        clock = WallClock()
        return Replay(
            clock, hosts, *given, ReplayOptions(sample_s=0.05),
            lambda replay: Undisturbed(clock, len(hosts), replay.finished),
        )  # fmt: skip

    modelled, real = rows_of(tank), rows_of(on_the_wall_clock)

    assert modelled == real
    assert len(modelled[1]) > 8


@pytest.mark.docker
@pytest.mark.slow
@pytest.mark.parametrize("policy", ["spread", "binpack"])
@pytest.mark.parametrize("architecture", ["monolithic", "shared-state"])
def test_on_docker_hosts_the_same_is_decided_as_in_the_tank(inventory, architecture, policy):
    ours = Ours("tests", f"agree-{architecture}-{policy}")
    surveyed = survey(read_inventory(inventory), ours)
    work = steady(Demand(0.02, 4.0 * MIB))
    placer = POLICIES[policy]

    def made(world, *before):
        rows = []
        world(
            *before, ARCHITECTURES[architecture](), settings(0.3), lambda name: Placer(placer(name)), Log([rows.extend])
        ).run(arrivals(run_s=6.0, gap_s=0.11, n=9, behaviour=work))
        return rows

    def tank(*given):
        return Tank(*given, TankOptions())

    def sea(*given):
        return Sea(surveyed, ours, *given, SeaOptions(rules=Rules()))

    try:
        prepare(surveyed)
        at_sea = made(sea)
    finally:
        left = clean_up(surveyed, ours)
    in_the_tank = made(tank, hosts_of(surveyed))

    assert decisions(at_sea) == decisions(in_the_tank)
    assert sum(row.tasks for row in at_sea if row.event is Event.FINISHED) == sum(
        row.tasks for row in at_sea if row.event in (Event.COMMITTED, Event.CONFLICTED)
    )
    assert left == []
