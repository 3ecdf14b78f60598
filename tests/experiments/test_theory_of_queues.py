"""The formulas beside the curves, held against a queue simulated in five lines."""

import numpy as np
import pytest

from experiments.measures.theory import Stream, mg1_wait_s, saturation_rate, streams_of
from policies.requests import Group, Job, Resources, Task
from traces.trace import Arrival


def lindley(interarrival_s, service_s):
    """Waits in the queue of one server, by Lindley's recursion."""
    waits = [0.0]
    for gap, service in zip(interarrival_s[1:], service_s, strict=False):
        waits.append(max(waits[-1] + service - gap, 0.0))
    return np.mean(waits)


def test_two_classes_in_one_queue_wait_as_pollaczek_and_khinchine_say():
    rng = np.random.default_rng(1)
    n = 400_000
    batch = Stream(rate=3.0, tasks=10.0, tasks_squared=10.0**2 + 90.0)  # geometric with mean 10
    service = Stream(rate=0.2, tasks=1.0, tasks_squared=1.0)
    is_batch = rng.random(n) < 3.0 / 3.2
    thought_s = np.where(is_batch, 0.05 + 0.01 * rng.geometric(0.1, n), 1.0 + 0.01)

    waits_s = lindley(rng.exponential(1 / 3.2, n), thought_s)

    theory_s = mg1_wait_s(
        {"batch": batch, "service": service},
        {"batch": 0.05, "service": 1.0},
        {"batch": 0.01, "service": 0.01},
    )
    assert waits_s == pytest.approx(theory_s, rel=0.05)


def test_a_queue_that_gets_more_than_it_can_do_waits_for_ever():
    assert mg1_wait_s({"batch": Stream(3.0, 1.0, 1.0)}, {"batch": 0.4}, {"batch": 0.0}) == float("inf")


def test_at_the_saturation_rate_a_scheduler_thinks_all_the_time():
    rate = saturation_rate(0.1, 0.005, tasks=70.0)

    assert Stream(rate, 70.0, 70.0**2).load(0.1, 0.005) == pytest.approx(1.0)
    assert Stream(2 * rate, 70.0, 70.0**2).busyness(0.1, 0.005) == 1.0


def test_streams_are_counted_up_to_the_horizon():
    task = Task(Resources(1, 1))
    jobs = [(0.0, "batch", 2), (1.0, "service", 5), (3.0, "batch", 4), (10.0, "batch", 99)]
    arrivals = [Arrival(Job(str(t), t, name, (Group(task, n),)), (1.0,)) for t, name, n in jobs]

    assert streams_of(arrivals, until_s=10.0) == {"batch": Stream(0.2, 3.0, 10.0), "service": Stream(0.1, 5.0, 25.0)}
