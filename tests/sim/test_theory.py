"""A scheduler is a queue: where theory has an answer, the tank gives it."""

import numpy as np
import pytest
from scipy import stats

from policies.log import Event, Log
from policies.placement import Placer, scores
from policies.requests import Group, Job, Resources, Task
from policies.scheduling import ARCHITECTURES, Settings
from policies.scheduling.scheduler import DecisionTime
from policies.streams import stream
from sim import Tank, TankOptions
from traces.hosts import uniform
from traces.trace import Arrival

SEEDS, JOBS, WARM_UP = range(16), 3000, 300
TINY = Task(Resources(1, 1))
DECIDES = DecisionTime(0.05, 0.01)


def sizes(law, rng):
    """Containers per job, mean 10."""
    return {"constant": np.full(JOBS, 10), "geometric": rng.geometric(0.1, JOBS)}[law]


def mean_wait_s(law, load, seed):
    """The mean wait of the jobs after the warm-up, in one run of a single scheduler in a cell that is never full."""
    rng = stream(seed, "theory", law)
    mean_s = DECIDES.t_job_s + DECIDES.t_task_s * 10
    at = np.cumsum(rng.exponential(mean_s / load, JOBS)).tolist()
    arrivals = [
        Arrival(Job(str(n), t, "batch", (Group(TINY, int(k)),)), (0.0,))
        for n, (t, k) in enumerate(zip(at, sizes(law, rng), strict=True))
    ]
    waits = []

    def sink(rows):
        waits.extend(row.age_s for row in rows if row.event is Event.ATTEMPTED and row.attempt == 1)

    tank = Tank(
        uniform(5, 1000, 10**12), ARCHITECTURES["monolithic"](), Settings(decision_time=DECIDES),
        lambda name: Placer(scores.first_fit), Log([sink]), TankOptions(),
    )  # fmt: skip
    tank.run(iter(arrivals))
    return np.mean(waits[WARM_UP:])


@pytest.mark.parametrize(("law", "load"), [("constant", 0.6), ("geometric", 0.5)])
def test_the_wait_is_that_of_an_m_g_1_queue(law, load):
    waits = [mean_wait_s(law, load, seed) for seed in SEEDS]
    # Pollaczek and Khinchine: lambda E[S^2] / (2 (1 - rho)), with S = t_job + t_task n.
    mean_s = DECIDES.t_job_s + DECIDES.t_task_s * 10
    variance = DECIDES.t_task_s**2 * {"constant": 0.0, "geometric": 90.0}[law]
    theory_s = load / mean_s * (variance + mean_s**2) / (2 * (1 - load))

    low, high = stats.t.interval(0.99, len(waits) - 1, np.mean(waits), stats.sem(waits))

    assert low <= theory_s <= high
    assert high - low < 0.25 * theory_s  # a wide interval would contain anything
