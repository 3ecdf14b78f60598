"""A scheduler is a queue: where theory has an answer, the tank gives it."""

import numpy as np
import pytest
from scipy import stats

from policies.log import Event, Log
from policies.placement import Placer, scores
from policies.requests import Group, Job, Resources, Task
from policies.scheduling import ARCHITECTURES, DISCIPLINES, Settings
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


def mean_waits_s(law, load, seed, queue="fifo", urgent=0.0):
    """The mean waits of the jobs after the warm-up, in one run of a single scheduler in a cell that is never full.

    Those of the jobs that are not urgent and, if any are, of those that are; these are a share `urgent` of all.
    """
    rng = stream(seed, "theory", law)
    mean_s = DECIDES.t_job_s + DECIDES.t_task_s * 10
    at = np.cumsum(rng.exponential(mean_s / load, JOBS)).tolist()
    drawn = zip(at, sizes(law, rng).tolist(), (rng.random(JOBS) < urgent).tolist(), strict=True)
    arrivals = [
        Arrival(Job(str(n), t, "urgent" if first else "batch", (Group(TINY._replace(priority=first), k),)), (0.0,))
        for n, (t, k, first) in enumerate(drawn)
    ]
    waits = {"batch": [], "urgent": []}

    def sink(rows):
        for row in rows:
            if row.event is Event.ATTEMPTED and row.attempt == 1 and int(row.job) >= WARM_UP:
                waits[row.workload].append(row.age_s)

    tank = Tank(
        uniform(5, 1000, 10**12), ARCHITECTURES["monolithic"](),
        Settings(decision_time=DECIDES, queue=DISCIPLINES[queue]()),
        lambda name: Placer(scores.first_fit), Log([sink]), TankOptions(),
    )  # fmt: skip
    tank.run(iter(arrivals))
    return [np.mean(each) for each in waits.values() if each]


def assert_in_interval(waits, theory_s):
    low, high = stats.t.interval(0.99, len(waits) - 1, np.mean(waits), stats.sem(waits))

    assert low <= theory_s <= high
    assert high - low < 0.25 * theory_s  # a wide interval would contain anything


@pytest.mark.parametrize(("law", "load"), [("constant", 0.6), ("geometric", 0.5)])
def test_the_wait_is_that_of_an_m_g_1_queue(law, load):
    waits = [mean_waits_s(law, load, seed)[0] for seed in SEEDS]
    # Pollaczek and Khinchine: lambda E[S^2] / (2 (1 - rho)), with S = t_job + t_task n.
    mean_s = DECIDES.t_job_s + DECIDES.t_task_s * 10
    variance = DECIDES.t_task_s**2 * {"constant": 0.0, "geometric": 90.0}[law]
    theory_s = load / mean_s * (variance + mean_s**2) / (2 * (1 - load))

    assert_in_interval(waits, theory_s)


@pytest.mark.slow
@pytest.mark.parametrize("law", ["constant", "geometric"])
def test_two_classes_wait_as_in_an_m_g_1_queue_with_priorities(law):
    load, share = 0.7, 0.4
    waits = [mean_waits_s(law, load, seed, "priority", share) for seed in SEEDS]
    # Cobham 1954, nobody interrupted: W_k = W_0 / ((1 - s_{k-1}) (1 - s_k)), W_0 = lambda E[S^2] / 2, s_k the load of
    # the first k classes.
    mean_s = DECIDES.t_job_s + DECIDES.t_task_s * 10
    variance = DECIDES.t_task_s**2 * {"constant": 0.0, "geometric": 90.0}[law]
    residual_s = load / mean_s * (variance + mean_s**2) / 2
    urgent_s, others_s = residual_s / (1 - share * load), residual_s / ((1 - share * load) * (1 - load))

    assert_in_interval([urgent for _, urgent in waits], urgent_s)
    assert_in_interval([others for others, _ in waits], others_s)
