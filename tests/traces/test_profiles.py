"""What is declared of containers is the truth, with the error that was asked for."""

import numpy as np
import pytest

from policies.errors import UserError
from policies.requests import Demand, Group, Job, Resources, Task
from policies.sharing import DISKS, device_time
from policies.streams import stream
from traces.profiles import Profiler, mean_demand, profiled
from traces.trace import Arrival, Phase, Recorded, steady

TASK = Task(Resources(2000, 100))
READS = Demand(0.5, 50.0, disk_read_bps=8e6, io_size_bytes=65536.0, random_io=0.25)
COMPUTES = Demand(2.0, 10.0, net_bps=100.0)


def arrival(name="j", behaviours=(), groups=1):
    return Arrival(Job(name, 0.0, "batch", (Group(TASK, 3),) * groups), (1.0,) * groups, behaviours)


def tasks(arrivals):
    return [group.task for arrival in arrivals for group in arrival.job.groups]


def test_a_profile_without_error_is_what_is_used_on_the_mean_and_costs_no_random_number():
    rng = stream(1, "profiles")
    behaviour = (Phase(0.25, READS), Phase(0.75, COMPUTES))

    (task,) = tasks(profiled([arrival(behaviours=(behaviour,))], rng, 0.0))

    assert task.profile == Demand(1.625, 20.0, 2e6, 0.0, 65536.0, 0.25, 75.0)
    assert task._replace(profile=None) == TASK
    assert rng.random() == stream(1, "profiles").random()


def test_where_nobody_knows_the_profile_is_the_request():
    (task,) = tasks(profiled([arrival()], stream(1, "profiles"), 0.0))

    assert task.profile == Demand(2.0, 100.0)


def test_equal_behaviour_is_equal_tasks_so_that_scores_of_them_are_remembered():
    jobs = [arrival(f"j{number}", (steady(Demand(*READS)),)) for number in range(3)]

    assert len(set(tasks(profiled(jobs, stream(1, "profiles"), 0.0)))) == 1


def test_device_time_of_the_mean_is_the_mean_of_device_times():
    phases = (
        Phase(0.2, READS),
        Phase(0.5, READS._replace(disk_read_bps=1e6, io_size_bytes=2.0**20, random_io=1.0)),
        Phase(0.3, COMPUTES),
    )

    def busy(demand):
        return float(device_time(*demand[2:6], DISKS["HDD"]))

    mean = sum(phase.share * busy(phase.demand) for phase in phases)
    assert busy(mean_demand(TASK, phases)) == pytest.approx(mean)


def test_errors_are_lognormal_with_median_one_and_independent_of_each_other():
    jobs = [arrival(f"j{number}", (steady(READS._replace(net_bps=1.0)),)) for number in range(4000)]
    profiles = np.array([task.profile for task in tasks(profiled(jobs, stream(2, "profiles"), 0.5))])
    logs = np.log(profiles[:, [0, 1, 2, 6]] / [0.5, 50.0, 8e6, 1.0])

    # Five standard errors each.
    assert np.abs(logs.mean(axis=0)).max() < 5 * 0.5 / 4000**0.5
    assert np.abs(logs.std(axis=0) - 0.5).max() < 5 * 0.5 / 8000**0.5
    assert np.abs(np.corrcoef(logs.T) - np.eye(4)).max() < 5 / 4000**0.5


def test_containers_of_a_job_err_alike_and_jobs_differ():
    first, second = (tasks([each]) for each in profiled([arrival("a", groups=2), arrival("b")], stream(1, "p"), 0.3))

    assert first[0] == first[1] != second[0]


def test_what_was_recorded_on_hosts_is_profiled_too():
    entries = [Recorded(job, "batch", TASK, np.array([0]), 5.0) for job in ("a", "b", "a")]

    a, b, again = (entry.task for entry in Profiler(stream(1, "p"), 0.3).recorded(entries))

    assert a == again != b
    assert a.profile is not None


@pytest.mark.parametrize("error", [-0.1, float("nan"), float("inf")])
def test_an_error_that_is_no_spread_is_the_users_error(error):
    with pytest.raises(UserError, match="error of profiles"):
        next(profiled([arrival()], stream(1, "p"), error))
